/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the daemon's command line and --help. Entry point: options_read. */
#include "daemon/options.h"

#include <getopt.h>
#include <stdio.h>

#include "cli/cli.h"
#include "daemon/control.h"

enum { OPTION_INSECURE = 256, OPTION_RUN, OPTION_VERSION };

static void print_help(void)
{
    puts("minicpe: IPsec tunnels to Oracle Cloud and others, from an ipsec.conf\n"
         "\n"
         "  minicpe -c FILE [-s FILE] [-d]   run in the foreground until SIGTERM or ctrl-C (as root)\n"
         "  minicpe -t -c FILE [-s FILE]     check the files and exit: 0 fine, 1 errors\n"
         "  minicpe VERB ...                 ask or tell the running daemon; without a VERB: status\n"
         "\n"
         "Verbs (each has --help):");
    cli_verbs_print(stdout);
    puts("\n"
         "Options:\n"
         "  -c FILE              the tunnels, in the format of ipsec.conf\n"
         "  -s FILE              their secrets, in the format of ipsec.secrets (X.conf has X.secrets beside it)\n"
         "  -t                   check only\n"
         "  -d                   log every step of the negotiations\n"
         "  --insecure-secrets   accept a secrets file that others can read\n"
         "  --run FOLDER         for the control socket (" CONTROL_RUN_FOLDER ")\n"
         "  --version            print the version\n"
         "  --help               print this\n"
         "\n"
         "Manual: man minicpe, man minicpe.conf");
}

static enum options_next take(struct options *options, int option)
{
    switch (option) {
    case 'c':
        options->conf = optarg;
        break;
    case 's':
        options->secrets = optarg;
        break;
    case 't':
        options->test = true;
        break;
    case 'd':
        options->debug = true;
        break;
    case OPTION_INSECURE:
        options->insecure_secrets = true;
        break;
    case OPTION_RUN:
        options->run = optarg;
        break;
    case 'h':
        print_help();
        return OPTIONS_DONE;
    case OPTION_VERSION:
        puts("minicpe " MINICPE_VERSION);
        return OPTIONS_DONE;
    default:
        fputs("minicpe: `minicpe --help` shows the options\n", stderr);
        return OPTIONS_BAD;
    }
    return OPTIONS_DAEMON;
}

static enum options_next refuse(const char *word, const char *sentence)
{
    fprintf(stderr, "minicpe: %s%s%s\n", word, *word ? ": " : "", sentence);
    return OPTIONS_BAD;
}

static enum options_next judge(const struct options *options, const char *extra)
{
    if (extra && !options->conf)
        return refuse(extra, "does not belong here: a verb comes first, a file after -c (`minicpe --help`)");
    if (extra)
        return refuse(extra, "does not belong here: there is one -c FILE, and -s FILE for its secrets (`minicpe --help`)");
    if (options->conf)
        return OPTIONS_DAEMON;
    if (options->test)
        return refuse("-t", "which file is to be checked? Say it with -c FILE");
    if (options->secrets || options->debug || options->insecure_secrets)
        return refuse("", "say which tunnels to run with -c FILE, for example -c /etc/minicpe/tunnels.conf");
    return OPTIONS_STATUS;
}

enum options_next options_read(struct options *options, int argc, char **argv)
{
    static const struct option table[] = {
        { "insecure-secrets", no_argument, NULL, OPTION_INSECURE }, { "run", required_argument, NULL, OPTION_RUN },
        { "version", no_argument, NULL, OPTION_VERSION },           { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    *options = (struct options){ .run = CONTROL_RUN_FOLDER };
    optind = 0; /* glibc: begin anew */
    for (int option; (option = getopt_long(argc, argv, "c:s:tdh", table, NULL)) != -1;) {
        enum options_next next = take(options, option);
        if (next != OPTIONS_DAEMON)
            return next;
    }
    return judge(options, argv[optind]);
}

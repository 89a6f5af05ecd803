/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the choice between a verb, a check of the files, and the daemon. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "daemon/files.h"
#include "daemon/options.h"
#include "daemon/privileged.h"

static int run_verb(int argc, char **argv)
{
    const struct cli_verb *verb = cli_verb_find(argv[0]);
    if (verb)
        return cli_verb_run(verb, argc, argv);
    const char *nearest = cli_verb_nearest(argv[0]);
    if (nearest)
        fprintf(stderr, "minicpe: there is no verb %s: did you mean %s?\n", argv[0], nearest);
    else
        fprintf(stderr, "minicpe: there is no verb %s: `minicpe --help` lists them\n", argv[0]);
    return CLI_DENIED;
}

static int run_status(const struct options *options)
{
    char verb[] = "status", run[] = "--run";
    union { const char *read; char *any; } folder = { .read = options->run }; /* getopt's type is older than const */
    char *argv[] = { verb, run, folder.any, NULL };
    return run_verb(3, argv);
}

int main(int argc, char **argv)
{
    struct options options;
    if (argc > 1 && argv[1][0] != '-')
        return run_verb(argc - 1, argv + 1);
    switch (options_read(&options, argc, argv)) {
    case OPTIONS_DONE:
        return EXIT_SUCCESS;
    case OPTIONS_BAD:
        return CLI_DENIED;
    case OPTIONS_STATUS:
        return run_status(&options);
    case OPTIONS_DAEMON:
        break;
    }
    return options.test ? files_check(&options) : privileged_run(&options);
}

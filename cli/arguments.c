/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the options of the verbs. Entry point: arguments_read. */
#include "cli/arguments.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "daemon/control.h"

enum { WAIT_SECONDS = 30, WAIT_MOST = 86400 };

static int refuse(const char *verb)
{
    fprintf(stderr, "minicpe: `minicpe %s --help` shows what it takes\n", verb);
    return CLI_DENIED;
}

static const struct option options[] = {
    { "json", no_argument, NULL, 'j' },        { "brief", no_argument, NULL, 'b' },  { "past", no_argument, NULL, 'p' },
    { "openmetrics", no_argument, NULL, 'o' },
    { "watch", no_argument, NULL, 'w' },       { "run", required_argument, NULL, 'r' }, { "help", no_argument, NULL, 'h' },
    { "wait", optional_argument, NULL, 'W' }, { NULL, 0, NULL, 0 },
};

static const char *name_of(int option)
{
    const struct option *row = options;
    while (row->name && row->val != option)
        row++;
    return row->name ? row->name : "?";
}

static int take_wait(struct arguments *out, const char *verb)
{
    char *end;
    out->wait = WAIT_SECONDS;
    if (!optarg)
        return 0;
    unsigned long seconds = strtoul(optarg, &end, 10);
    if (*optarg < '0' || *optarg > '9' || *end || seconds == 0 || seconds > WAIT_MOST) {
        fprintf(stderr, "minicpe: --wait=%s: write seconds, from 1 to %d\n", optarg, WAIT_MOST);
        return refuse(verb);
    }
    out->wait = (unsigned)seconds;
    return 0;
}

static int take_option(struct arguments *out, int option, const char *verb, const char *allowed)
{
    if (strchr("jbpwoW", option) && !strchr(allowed, option)) {
        fprintf(stderr, "minicpe: %s does not take --%s\n", verb, name_of(option));
        return refuse(verb);
    }
    switch (option) {
    case 'j':
        out->json = true;
        return 0;
    case 'b':
        out->brief = true;
        return 0;
    case 'p':
        out->past = true;
        return 0;
    case 'o':
        out->openmetrics = true;
        return 0;
    case 'w':
        out->watch = true;
        return 0;
    case 'W':
        return take_wait(out, verb);
    case 'r':
        out->folder = optarg;
        return 0;
    case 'h':
        out->help = true;
        return 0;
    default:
        return refuse(verb);
    }
}

int arguments_read(struct arguments *out, int argc, char **argv, const char *allowed)
{
    *out = (struct arguments){ .verb = argv[0], .folder = CONTROL_RUN_FOLDER };
    optind = 0; /* glibc: begin anew */
    for (int option; (option = getopt_long(argc, argv, "hw", options, NULL)) != -1;) {
        int result = take_option(out, option, argv[0], allowed);
        if (result)
            return result;
    }
    if (argc - optind > 1) {
        fprintf(stderr, "minicpe: %s takes one tunnel's name, not also `%s`\n", argv[0], argv[optind + 1]);
        return refuse(argv[0]);
    }
    out->name = argv[optind];
    return 0;
}

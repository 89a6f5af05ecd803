/* SPDX-License-Identifier: Apache-2.0 */
/* What verbs that talk to the daemon have in common on the command line. */
#ifndef CLI_ARGUMENTS_H
#define CLI_ARGUMENTS_H

#include <stdbool.h>

struct arguments {
    const char *verb;
    const char *folder;        /* --run */
    const char *name;          /* of a tunnel, or NULL */
    bool json, brief, help, past, watch, openmetrics;
    unsigned wait;             /* seconds; 0: do not wait */
};

/*
 * Reads argv behind the verb. `allowed`: letters of the options that the verb takes, of "jbpwoW" (--json,
 * --brief, --past, -w or --watch, --openmetrics, --wait[=SECONDS]).
 * 0, or an enum cli_exit after a sentence on standard error.
 */
int arguments_read(struct arguments *out, int argc, char **argv, const char *allowed);

#endif

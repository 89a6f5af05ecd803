/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of the command: `minicpe VERB ...`. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

/* Exit status of `status`, and of every verb that talks to the daemon. */
enum cli_exit {
    CLI_ALL_UP = 0,
    CLI_SOME_UP = 1,
    CLI_NONE_UP = 2,
    CLI_NO_DAEMON = 3,
    CLI_DENIED = 4,            /* or anything else that went wrong, bad arguments included */
    CLI_TIMEOUT = 5,           /* with --wait: told, but not reached in time */
};

struct arguments;

struct cli_verb {
    const char *name;
    int (*run)(const struct arguments *arguments);
    void (*help)(const char *verb);
    const char *options;                 /* of arguments_read */
    bool needs_name;                     /* of a tunnel */
    int (*reads_itself)(int argc, char **argv); /* instead of all these: options of its own */
    const char *arguments;               /* for --help */
    const char *summary;
};

/* NULL: no such verb. */
const struct cli_verb *cli_verb_find(const char *name);
/* argv[0] is the verb. Returns the exit status. */
int cli_verb_run(const struct cli_verb *verb, int argc, char **argv);
/* One line for each verb. */
void cli_verbs_print(FILE *out);
/* The verb that a misspelt word is nearest to, or NULL. */
const char *cli_verb_nearest(const char *word);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of the daemon. */
#ifndef DAEMON_OPTIONS_H
#define DAEMON_OPTIONS_H

#include <stdbool.h>

struct options {
    const char *conf;          /* -c; NULL: not given */
    const char *secrets;       /* -s; NULL: beside it */
    const char *run;           /* --run */
    bool test;                 /* -t */
    bool debug;                /* -d */
    bool insecure_secrets;     /* --insecure-secrets */
};

enum options_next {
    OPTIONS_DAEMON,            /* start, or check with -t */
    OPTIONS_STATUS,            /* no -c: the default verb */
    OPTIONS_DONE,              /* --help or --version was printed */
    OPTIONS_BAD,               /* a sentence was printed on standard error */
};

enum options_next options_read(struct options *options, int argc, char **argv);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Where log lines go: standard error, in the form that suits who reads it. */
#ifndef DAEMON_LOGSINK_H
#define DAEMON_LOGSINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/log.h"

enum logsink_form {
    LOGSINK_TERMINAL,          /* 14:03:22 line */
    LOGSINK_FILE,              /* 2026-03-01T14:03:22+0900 line tunnel=a state=up */
    LOGSINK_JOURNAL,           /* <5>line tunnel=a state=up; when the journal does not take datagrams with fields */
};

#define LOGSINK_JOURNAL_SOCKET "/run/systemd/journal/socket"

/*
 * Decides the form by what standard error is, reads the time zone, connects to the journal if it is there, and opens
 * base/log. To be called before any chroot and fork: the processes share the connection.
 */
void logsink_open(enum log_level most);
/*
 * From here on a line that standard error (a pipe, terminal or socket) does not take at once is lost, and counted for the next
 * one that it takes: who does not read the log must not stop the tunnels. Before any fork.
 */
void logsink_never_block(void);
/* To the journal's socket for lines with fields. 0, or -1 with errno; then lines go to standard error as before. */
int logsink_connect(const char *path);

/* Folding and rate limit, pure: what to do with a line at a time. */
enum { LOGSINK_LINES = 8, LOGSINK_BEFORE_MAX = 320 };

struct logsink_line {
    char text[256];            /* what repeats are compared with; empty: none */
    unsigned repeats;          /* of it that were left out */
    int64_t since;             /* monotonic seconds of its last printing */
};

struct logsink_gate {
    struct logsink_line line[LOGSINK_LINES];  /* the last ones: two tunnels that take turns are folded, too */
    double tokens;             /* lines that may be printed now */
    int64_t filled;            /* when tokens were counted */
    unsigned dropped;          /* lines left out by the limit */
};

enum logsink_verdict { LOGSINK_PRINT, LOGSINK_FOLD, LOGSINK_DROP };

enum {
    LOGSINK_FOLD_SECONDS = 60, /* a line that repeats is printed again after this */
    LOGSINK_BURST = 200,       /* lines at once */
    LOGSINK_RATE = 20,         /* lines a second in the long run */
};

/* `before` receives what must be printed in front ("... repeated 3 times: LINE"), or an empty string. */
enum logsink_verdict logsink_decide(struct logsink_gate *gate, int64_t now, const char *line, char before[LOGSINK_BEFORE_MAX]);

/* One line as bytes, newline included. `about` may be NULL. Returns its length. */
size_t logsink_format(enum logsink_form form, enum log_level level, const struct log_about *about, time_t wall, const char *line, char *out,
                      size_t size);
/* The same as the journal's native protocol has it: FIELD=value, a line each. */
size_t logsink_fields(enum log_level level, const struct log_about *about, const char *line, char *out, size_t size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines for people: one line a change of state. The sink is chosen once by main (standard error,
 * or the journal). Only daemon/ and the privileged side log; ike/ gives notices.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>

enum log_level { /* syslog's numbers (RFC 5424, 6.2.1) */
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_NOTICE = 5,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7,
};

/* What a line is about, for who searches: words without spaces, but for the tunnel's name. NULL: not said. */
struct log_about {
    const char *tunnel, *state, *cause;
};

/* `about` NULL: nothing in particular. */
typedef void log_sink(enum log_level level, const struct log_about *about, const char *line);

void log_open(log_sink *sink, enum log_level most);  /* lines above `most` are dropped */
void log_level_set(enum log_level most);
enum log_level log_level_get(void);
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_line_about(enum log_level level, const struct log_about *about, const char *format, ...) __attribute__((format(printf, 3, 4)));
#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif

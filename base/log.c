/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the one sink and the one threshold. A line is at most LINE_MAX_BYTES and never holds control
 * characters, whatever the text came from: a hostile identity cannot forge a second line.
 */
#include "base/log.h"

#include <stdio.h>

enum { LINE_MAX_BYTES = 1024 };

static log_sink *the_sink;
static enum log_level the_most = LOG_LEVEL_INFO;

void log_open(log_sink *sink, enum log_level most)
{
    the_sink = sink;
    the_most = most;
}

void log_level_set(enum log_level most) { the_most = most; }
enum log_level log_level_get(void) { return the_most; }

static void put(enum log_level level, const struct log_about *about, const char *format, va_list arguments)
{
    char line[LINE_MAX_BYTES];
    vsnprintf(line, sizeof line, format, arguments);
    for (char *p = line; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    the_sink(level, about, line);
}

void log_line(enum log_level level, const char *format, ...)
{
    if (!the_sink || level > the_most)
        return;
    va_list arguments;
    va_start(arguments, format);
    put(level, NULL, format, arguments);
    va_end(arguments);
}

void log_line_about(enum log_level level, const struct log_about *about, const char *format, ...)
{
    if (!the_sink || level > the_most)
        return;
    va_list arguments;
    va_start(arguments, format);
    put(level, about, format, arguments);
    va_end(arguments);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Findings with their place. Everything shown of a file passes report_show, so that no file can play with a terminal. */
#ifndef CONF_REPORT_H
#define CONF_REPORT_H

#include "conf/conf.h"

enum {
    REPORT_FINDINGS_MAX = 500,  /* then one last line says that there are more */
    REPORT_SHOW_MAX = 72,
};

/* Where something stands; `file` is not owned. Line and column from 1, 0: the file as a whole. */
struct place {
    const char *file;
    uint32_t line, column;
};

static inline struct place place_of(const char *file, uint32_t line, uint32_t column)
{
    return (struct place){ .file = file, .line = line, .column = column };
}

void report_add(struct conf_report *report, enum conf_severity severity, struct place at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#define report_error(report, at, ...) report_add(report, CONF_ERROR, at, __VA_ARGS__)
#define report_warning(report, at, ...) report_add(report, CONF_WARNING, at, __VA_ARGS__)
#define report_note(report, at, ...) report_add(report, CONF_NOTE, at, __VA_ARGS__)

/* By file (`first`, then in the order of their first finding), line and column; findings of one place stay in order. */
void report_sort(struct conf_report *report, const char *first);

/* Keeps the folder of a file, as named and as it really lies, or that of a pattern: up to its first wildcard. */
void report_folder(struct conf_report *report, const char *path);

/* A value as a message shows it: shortened, control characters and broken UTF-8 as '?'. */
const char *report_show(char out[REPORT_SHOW_MAX], const char *text);
#define SHOW(text) report_show((char[REPORT_SHOW_MAX]){ 0 }, text)

/* "FILE, line N" or, in the same file, "line N". */
const char *report_place(char out[CONF_TEXT_MAX + 32], struct place there, const char *here_file);
#define SHOW_PLACE(there, here) report_place((char[CONF_TEXT_MAX + 32]){ 0 }, there, here)

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* ipsec.conf as a sequence of lines that matter; mistakes of form are reported here, with their place. */
#ifndef CONF_LEX_H
#define CONF_LEX_H

#include "conf/report.h"

enum { LEX_LINE_MAX = 4096 };

enum lex_kind {
    LEX_CONFIG,    /* `config NAME` */
    LEX_CONN,      /* `conn NAME` */
    LEX_INCLUDE,   /* `include PATH` */
    LEX_UNKNOWN,   /* a header that is no header, already reported: what follows belongs to nothing */
    LEX_KEY,       /* `key=value` */
};

/* Strings point into the text that lex_open was given. */
struct lex_line {
    enum lex_kind kind;
    char *key;              /* KEY: as written */
    char *value;            /* KEY: without quotes, NULL: was reported, and with value_column 0 all of it; CONFIG, CONN: the name; INCLUDE: the path */
    uint32_t line, key_column, value_column;
};

struct lex {
    char *at;
    const char *file;
    uint32_t line;
    struct conf_report *report;
    bool indent_reported;   /* ... and keys in column 1 one a section */
    bool section_seen;      /* so this is no file of secrets */
    bool blank_reported;    /* a no-break or ideographic space is worth one finding per file */
};

/* `text` ends with a zero and is written to. */
void lex_open(struct lex *lex, const char *file, char *text, struct conf_report *report);
bool lex_next(struct lex *lex, struct lex_line *out);
/* Octets of a space at `p` that only looks like one, or 0. */
size_t lex_odd_space(const char *p);

/*
 * What any text file needs first: byte-order marks, CR LF, NUL bytes and UTF-16 are reported, the text made plain.
 * Returns the beginning of the plain text, or NULL when nothing of it can be used.
 */
char *lex_plain_text(const char *file, char *text, size_t length, struct conf_report *report);

#endif

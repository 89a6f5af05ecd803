/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of keywords: every one that Libreswan 4 and 5 know and minicpe's own, with what minicpe does with it.
 */
#ifndef CONF_KEYWORDS_H
#define CONF_KEYWORDS_H

#include "conf/conf.h"

enum keyword_scope {
    KEYWORD_SETUP,   /* `config setup` */
    KEYWORD_CONN,
    KEYWORD_END,     /* of a conn, with left or right in front */
};

enum keyword_support {
    KEYWORD_USED,
    KEYWORD_IGNORED, /* accepted; a value other than the neutral ones earns one note, with `why` */
    KEYWORD_REFUSED, /* a value other than the neutral ones is an error, with `why` */
};

enum keyword_type {
    KEYWORD_TEXT,       /* nothing to parse: ignored and refused ones */
    KEYWORD_BOOL,       /* bool */
    KEYWORD_TIME,       /* uint32_t, seconds */
    KEYWORD_LIFETIME,   /* the same; more than `most` is cut down with a warning */
    KEYWORD_INTERVAL,   /* uint32_t, milliseconds */
    KEYWORD_PERCENT,    /* uint16_t */
    KEYWORD_NUMBER,     /* uint32_t */
    KEYWORD_AMOUNT,     /* uint64_t, with Ki, Mi, ... */
    KEYWORD_NAMES,      /* an enum: `names` */
    KEYWORD_SWITCH,     /* bool: `names` */
    KEYWORD_HOST,
    KEYWORD_ID,
    KEYWORD_SUBNET,     /* struct prefix, host bits masked off */
    KEYWORD_ROUTES,     /* subnets, separated by commas: routes, route_count */
    KEYWORD_VTI,        /* struct prefix, host part kept */
    KEYWORD_ADDRESS,    /* struct addr */
    KEYWORD_MARK,       /* mark, mark-in, mark-out */
    KEYWORD_INTERFACE,  /* the name of a link */
    KEYWORD_IKE,
    KEYWORD_ESP,
    KEYWORD_START,      /* auto= */
    KEYWORD_ALSO,
};

struct keyword_name {
    const char *name;
    int value;
};

struct keyword {
    const char *name;            /* of an end: without left or right */
    const char *alias_of;        /* the canonical name, or NULL */
    enum keyword_scope scope;
    enum keyword_support support;
    enum keyword_type type;
    uint16_t offset;             /* in struct conf_conn, or in struct conf_end */
    uint32_t least, most;        /* of numbers and times; 0 and 0: whatever fits */
    const struct keyword_name *names; /* of NAMES, ended by a NULL name; the first of a value is the canonical one */
    bool tunes;                  /* USED: another value needs no new SA */
    const char *neutral;         /* IGNORED, REFUSED: values that pass in silence, separated by commas */
    const char *fixed;           /* what the canonical form has for it, so that Libreswan does the same */
    const char *why;             /* IGNORED, REFUSED */
};

extern const struct keyword keyword_table[];
extern const size_t keyword_count;
enum { KEYWORD_TABLE_MAX = 256, KEYWORD_VALUE_MAX = 1024 };

/* A key as written in a file: its row, and which end (0 left, 1 right) it speaks of. NULL: no such key. */
const struct keyword *keyword_find(const char *written, enum keyword_scope scope, int *end);
const struct keyword *keyword_canonical(const struct keyword *keyword);
static inline size_t keyword_index(const struct keyword *keyword) { return (size_t)(keyword - keyword_table); }
/* The nearest key to a misspelt one, for `config setup` or for conns; NULL when none is near. Static memory of the caller. */
const char *keyword_nearest(const char *written, enum keyword_scope scope, char out[CONF_NAME_MAX]);
/* print.c: the value that the conn has for this row, in canonical form; false: none. `end` counts for rows of ends. */
bool keyword_value(const struct conf_conn *conn, const struct keyword *keyword, int end, char out[KEYWORD_VALUE_MAX]);
bool keyword_is_neutral(const struct keyword *keyword, const char *value);

#endif

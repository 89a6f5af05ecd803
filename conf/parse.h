/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of loading, pass by pass: files to sections (parse.c), sections to one set of settings a conn (merge.c),
 * settings to values (apply.c), values to sense (check.c, check_pairs.c), secrets (secrets.c, match.c).
 */
#ifndef CONF_PARSE_H
#define CONF_PARSE_H

#include "conf/keywords.h"
#include "conf/report.h"

enum {
    PARSE_DEPTH_MAX = 10,        /* of include, as in Libreswan */
    PARSE_SECTIONS_MAX = 1024,
    PARSE_FILE_MAX = 1 << 20,    /* octets */
    PARSE_FILES_MAX = 1000,      /* read in all, includes of includes among them */
};

/* The text of one file; kept until loading ends, since everything points into it. */
struct source {
    struct source *next;
    char *name;
    char *text;
    size_t length;
};

/* `key=value` as it stands in a file. */
struct setting {
    const struct keyword *keyword;   /* as written: maybe an alias */
    int end;
    char *key, *value;
    struct place at, value_at;
    bool reported;                   /* its findings have been told: one setting may serve many conns */
    bool repeated;                   /* it was said that it stands in %default twice; its value may be wrong all the same */
    bool bad;                        /* its value could not be used */
};

struct section {
    char *name;
    struct place at;
    struct setting *settings;
    size_t count;
    bool included;                   /* some also= names it */
    bool circular;                   /* a circle of also= through it was reported */
};

struct load {
    struct conf_report *report;
    struct source *sources;
    size_t source_count;
    struct section *sections;        /* conns */
    size_t count;
    struct section setup, defaults;
    struct secrets *secrets;         /* while files of secrets are read */
    const char *open[PARSE_DEPTH_MAX + 1]; /* the files that include one another, outermost first */
    bool files;                      /* include may open files */
    bool insecure_secrets;
    bool noted[KEYWORD_TABLE_MAX];   /* an ignored keyword earns its note once */
};

/* The settings that hold for one conn, by canonical keyword and end. */
struct merged {
    struct setting *at[KEYWORD_TABLE_MAX][2];
};

/* One conn on its way. */
struct draft {
    struct conf_conn conn;
    const struct section *section;
    struct merged merged;
    struct place at;
    bool broken;                     /* some value could not be used: spare the conn findings that follow from it */
};

/* source.c */
char *source_read(struct load *load, const char *path, struct place from, bool secret);
char *source_take(struct load *load, const char *name, const char *text, size_t length);
typedef void source_each(struct load *load, const char *path, struct place from, unsigned depth);
void source_include(struct load *load, const char *pattern, struct place from, unsigned depth, source_each *each);
void source_free(struct load *load);

/* parse.c */
void parse_text(struct load *load, const char *name, char *text, unsigned depth);
void parse_file(struct load *load, const char *path);
void parse_free(struct load *load);

/* merge.c */
bool merge_section(struct load *load, struct section *section, struct merged *out);

/* apply.c */
void apply_defaults(struct conf_conn *conn);
void apply_merged(struct load *load, struct draft *draft);
void apply_setup(struct load *load, struct conf *conf, uint32_t *keepalive);
/* The setting that holds for a canonical key ("leftid", "mark"), or NULL. */
struct setting *draft_setting(const struct draft *draft, const char *key);
/* It stands there, and its value could not be used: what the default in its place leads to is nobody's concern. */
bool draft_is_bad(const struct draft *draft, const char *key);
/* Where to point to when speaking of `key`: its value, or the conn. */
struct place draft_place(const struct draft *draft, const char *key);

/* hints.c: what a value looks like, before it is parsed; NULL: nothing special. */
const char *hint_placeholder(const char *value, char out[256]);
const char *hint_strongswan(const struct keyword *keyword, const char *value);

/* check.c, check_pairs.c */
void check_conn(struct load *load, struct draft *draft);
void check_pairs(struct load *load, struct draft *drafts, size_t count);
int check_near_guess(const struct conf_conn *conn);
/* leftid=, else the address; type 0 where that is not known yet. */
struct conf_id check_identity(const struct conf_end *end);

/*
 * The whole of conf_load over texts in memory, for tests and fuzzers: no file is opened, `include` is an error.
 * A NULL secrets text is an empty one.
 */
int conf_load_memory(struct conf *conf, const char *name, const void *text, size_t length, const char *secrets_name,
                     const void *secrets, size_t secrets_length, struct conf_report *report);

#endif

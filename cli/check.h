/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `minicpe check`: the files, then the machine, a table of looks (check.c) that each say what they find. Nothing is changed.
 * How the machine is looked at stands in struct check_machine, so that tests put another machine in its place.
 */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

#include <net/if.h>
#include <stdio.h>

#include "conf/conf.h"

enum check_verdict { CHECK_OK, CHECK_WARNING, CHECK_FAILURE, CHECK_UNKNOWN, CHECK_VERDICTS }; /* UNKNOWN: could not be looked at */

enum { CHECK_TEXT_MAX = 640 };

struct check_finding {
    const char *row;                     /* which look found it: a word that stays */
    enum check_verdict verdict;
    char text[CHECK_TEXT_MAX];
    char mend[CHECK_TEXT_MAX];           /* commands; empty: none */
};

struct check_clock {
    int year;
    bool known, synchronised;
    int64_t now;                         /* seconds since 1970 */
};

struct check_machine {
    const char *root;                    /* before every path that is read; "" but for tests */
    unsigned user;
    /* Standard output of a command, to be freed; NULL: it is not there or failed. */
    char *(*run)(const struct check_machine *machine, const char *const argv[]);
    void (*way)(const struct addr *headend, char name[IF_NAMESIZE], struct addr *source);
    int (*own)(struct addr **own, size_t *count);
    void (*clock)(struct check_clock *clock);
};

struct check {
    struct check_machine machine;
    const char *path, *secrets;          /* secrets NULL: as conf_secrets_path */
    struct conf conf;                    /* empty when the file has errors */
    struct conf_report report;
    bool loaded;
    char outer[IF_NAMESIZE];             /* the way out; empty: none */
    struct addr source;
    const char *row;
    struct check_finding *findings;
    size_t count;
    size_t of[CHECK_VERDICTS];
};

int check_main(int argc, char **argv);
/* The whole walk; the findings are in `check` then. */
void check_walk(struct check *check);
void check_free(struct check *check);
/* 0 nothing wrong, 1 warnings or what could not be looked at, 2 failures. */
int check_status(const struct check *check);
void check_print_text(const struct check *check, FILE *out);
int check_print_json(const struct check *check, FILE *out);
/* What every line of the file does. */
int check_explain(const char *path, FILE *out);

/* ---- for the looks ---- */

void check_say(struct check *check, enum check_verdict verdict, const char *mend, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* A small file's text, at most size - 1 octets; false: not there, or may not be read. */
bool check_read(const struct check_machine *machine, const char *path, char *out, size_t size);
bool check_there(const struct check_machine *machine, const char *path);
/* Each line of a file until `each` returns true; false: none did, or no such file. */
typedef bool check_line(void *context, char *line);
bool check_lines(const struct check_machine *machine, const char *path, check_line *each, void *context);
/* Whether some process's name, as the kernel has it, is this one. */
bool check_runs(const struct check_machine *machine, const char *name);

enum check_module { CHECK_MODULE_ABSENT, CHECK_MODULE_LOADABLE, CHECK_MODULE_THERE, CHECK_MODULE_UNKNOWN };
enum check_module check_module(const struct check_machine *machine, const char *name);

void check_files(struct check *check);      /* check_files.c */
void check_secrets(struct check *check);
void check_kernel(struct check *check);     /* check_kernel.c */
void check_settings(struct check *check);
void check_ports(struct check *check);      /* check_programs.c */
void check_daemons(struct check *check);
void check_network_manager(struct check *check);
void check_user(struct check *check);
void check_firewall(struct check *check);   /* check_firewall.c */
void check_clock(struct check *check);      /* check_ways.c */
void check_mtu(struct check *check);
void check_routes(struct check *check);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* `minicpe diagnose NAME`: what is most likely wrong with a tunnel, concluded from what was seen. */
#ifndef CLI_DIAGNOSE_H
#define CLI_DIAGNOSE_H

#include <stdbool.h>
#include <stdio.h>

#include "cli/terminal.h"
#include "daemon/control.h"
#include "host/link.h"

enum { DIAGNOSE_TEXT_MAX = 1000 };

struct arguments;

void diagnose_help(const char *verb);
int diagnose_verb(const struct arguments *arguments);

struct diagnose_case {
    const struct control_tunnel *tunnel;
    const struct link *link;   /* NULL: not looked at */
    int64_t now;
};

enum diagnose_sure { DIAGNOSE_CERTAIN, DIAGNOSE_LIKELY, DIAGNOSE_POSSIBLE };

/* Texts may have {name} and other words of diagnose_fill in them. */
struct diagnose_row {
    const char *code;
    const char *cause;                                 /* of the last failure, while the tunnel is not up; NULL: `fits` alone decides */
    bool (*fits)(const struct diagnose_case *);        /* NULL: always */
    enum diagnose_sure sure;
    bool fine;                                         /* nothing is wrong */
    const char *means, *here, *oci;                    /* NULL: nothing to say */
    const char *oracle_log;                            /* what Oracle's log has of it */
};

/* The first row that fits; the last one always does. */
extern const struct diagnose_row diagnose_rows[];
extern const size_t diagnose_row_count;
const struct diagnose_row *diagnose_find(const struct diagnose_case *c);
/* Worth knowing beside it: the index-th note that fits, NULL: no more. */
const char *diagnose_note(const struct diagnose_case *c, size_t index);

/* What was seen, in words. */
void diagnose_seen(const struct diagnose_case *c, char out[DIAGNOSE_TEXT_MAX]);
void diagnose_fill(const struct diagnose_case *c, const char *text, char out[DIAGNOSE_TEXT_MAX]);
void diagnose_print(const struct diagnose_case *c, const struct terminal *terminal, FILE *out);
int diagnose_print_json(const struct diagnose_case *c, FILE *out);

#endif

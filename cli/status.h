/* SPDX-License-Identifier: Apache-2.0 */
/* `minicpe status`: the table, one tunnel's block, the brief lines, JSON. */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H

#include <stdio.h>

#include "cli/client.h"
#include "cli/terminal.h"
#include "host/link.h"

struct arguments;

void status_help(const char *verb);
int status_verb(const struct arguments *arguments);

/* What there is to show. */
struct status_view {
    const struct client_answer *answer;
    const struct link *links;  /* of the tunnel with the same index; NULL: not looked at */
    struct terminal terminal;
};

/* Health of what was asked for: an enum cli_exit. */
int status_health(const struct client_answer *answer);
/* Lines as long as they need where there is no terminal. 0, or -1. */
int status_print_table(const struct status_view *view, FILE *out);
void status_print_block(const struct status_view *view, size_t index, FILE *out);
/* Tab-separated: name, state, since (seconds since 1970), remote, interface, octets in and out, cause or "-". */
void status_print_brief(const struct client_answer *answer, FILE *out);
/* docs/status.schema.json describes it. */
int status_print_json(const struct status_view *view, FILE *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* `minicpe top` and `minicpe status -w`: the picture again and again in place, with rates and a graph. */
#ifndef CLI_TOP_H
#define CLI_TOP_H

#include "cli/arguments.h"
#include "cli/status.h"

enum { TOP_SAMPLES = 300, TOP_STEP = 5 };  /* seconds that are kept; seconds a column of the graph */

/* Octets a second of one tunnel, the youngest last; a ring of `count` samples ever taken. */
struct top_tunnel {
    char name[CONF_NAME_MAX];
    uint64_t bytes_in, bytes_out;
    int64_t at;                            /* when the counters were that; 0: never */
    uint64_t in[TOP_SAMPLES], out[TOP_SAMPLES];
    size_t count;
};

struct top {
    struct top_tunnel *tunnels;
    size_t count;
};

void top_help(const char *verb);
/* The same for `status -w`; with a name that tunnel's block. */
int top_watch(const struct arguments *arguments);

/* Rates since the last answer; counters that fell began anew and count from zero. 0, or -1: no memory. Pure, as the next two. */
int top_take(struct top *top, const struct client_answer *answer);
void top_free(struct top *top);
/* No line is wider, nor are there more, than the terminal has. */
void top_render(const struct top *top, const struct status_view *view, FILE *out);
/* `columns` characters for the last columns * TOP_STEP seconds, scaled to the highest of them. Octets may be more, in UTF-8. */
void top_graph(const struct top_tunnel *tunnel, unsigned columns, bool utf8, char *out, size_t size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket's server side: how a request becomes replies, whatever clients do. */
#ifndef DAEMON_CLIENTS_H
#define DAEMON_CLIENTS_H

#include <ev.h>

#include "daemon/control.h"

enum { CLIENTS_MAX = 16 };

/* What the engine offers. Each answers at once. */
struct clients_source {
    void *context;
    size_t (*count)(void *context);
    void (*tunnel)(void *context, size_t index, struct control_tunnel *out);
    void (*end)(void *context, struct control_end *out);         /* all but `result` */
    bool (*refresh)(void *context);                              /* asks for counters; false: nothing to wait for */
    void (*command)(void *context, enum control_type type, size_t index);
    bool (*past_event)(void *context, size_t tunnel, size_t index, struct control_event *out); /* false: no more of that tunnel */
    uint64_t (*next_event)(void *context);                       /* number of the next that will happen */
    bool (*event)(void *context, uint64_t sequence, struct control_event *out);  /* false: gone already */
    bool (*log_level)(void *context, uint32_t level);            /* false: no such level */
    bool (*reload)(void *context);                               /* false: one is under way; its end: clients_reloaded */
    size_t (*line)(void *context, size_t at, struct control_line *out); /* of the last reload; where the next is; 0: none here */
};

struct clients;

struct clients *clients_new(struct ev_loop *loop, int listener, const struct clients_source *source);
void clients_free(struct clients *clients);
/* Counters are there: whoever waited for them is answered. Also happens by itself after 200 ms. */
void clients_refreshed(struct clients *clients);
/* The files were read anew: whoever asked for that is told what came of it. */
void clients_reloaded(struct clients *clients, bool done);
/* An event was added: who follows is told as far as its socket takes it. */
void clients_event(struct clients *clients);

#endif

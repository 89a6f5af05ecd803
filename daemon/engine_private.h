/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine's process is made of, shared by engine.c (the loop) and engine_control.c (what clients ask and are told). */
#ifndef DAEMON_ENGINE_PRIVATE_H
#define DAEMON_ENGINE_PRIVATE_H

#include <ev.h>

#include "daemon/clients.h"
#include "daemon/engine.h"
#include "daemon/events.h"
#include "ike/ike.h"

enum { RELOAD_LINES_MAX = 96 * 1024 };

struct flip {                  /* of one tunnel: is it up, and since when is it so */
    bool up;
    struct mono at;
};

struct engine {
    struct ev_loop *loop;
    const struct engine_hold *hold;
    struct ike *ike;
    struct clients *clients;
    struct clients_source source;
    ev_io udp[UDP_SOCKETS_MAX], icmp, dataplane, life, timer;
    struct mono armed;         /* what the timer is set to */
    ev_timer sign;
    bool blocked;              /* the data-plane channel is full; `waiting` goes first */
    struct dp_request waiting;
    uint32_t queries;          /* counters asked for and not yet told */
    struct flip flips[CONF_CONNS_MAX];
    uint32_t path_mtu[CONF_CONNS_MAX];   /* of the way to the headend, as last heard; 0: not known */
    struct events *events;
    bool noticed_up[CONF_CONNS_MAX];     /* by the last notice of its state */
    struct {                   /* the last reload that a client asked for */
        bool under_way;
        size_t used;           /* of `lines`: texts, a zero after each */
        char lines[RELOAD_LINES_MAX];
    } reload;
    uint32_t told_up, told_all; /* tunnels up, and all, as last told to the privileged process */
    bool told;
    int64_t started;
    int result;
    struct ike_output output;
    uint8_t datagram[IKE_MESSAGE_MAX];
};

/* Outputs of the engine go where they belong. */
void engine_drain(struct engine *engine);

/* ---- engine_control.c ---- */
uint32_t engine_count(const struct engine *engine);    /* tunnels */
uint32_t engine_count_up(const struct engine *engine);
/* Where clients get their answers from. */
void engine_control_source(struct engine *engine);
/* A change of state, a failure or a warning is remembered, and told to those who follow. */
void engine_control_event(struct engine *engine, const struct ike_notice *notice, const struct conf_conn *conn);

/* A line of the reload under way, and its end. */
void engine_control_say(struct engine *engine, const char *line);
void engine_control_reloaded(struct engine *engine, bool done);

#endif

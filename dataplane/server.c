/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The privileged side as a whole: start, stop, a new engine, a request. Its parts are server_*.c. Nothing is
 * done for an engine that permit.c did not let pass; nothing is removed that was not made here, or by a run of
 * this program that died before it could.
 */
#include "dataplane/server_private.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STOP_TRIES = 5, STOP_PAUSE_US = 50000 };

static int socket_failed(int error, const char *what, const char *module, char *why)
{
    if (error == -EPROTONOSUPPORT)
        snprintf(why, DP_WHY_MAX, "the kernel has no %s: modprobe %s (on Oracle Linux's UEK the package kernel-uek-modules has it)", what, module);
    else if (error == -EPERM)
        snprintf(why, DP_WHY_MAX, "the kernel refuses %s to us: CAP_NET_ADMIN is missing; start as root", what);
    else
        snprintf(why, DP_WHY_MAX, "opening %s failed: %s", what, strerror(-error));
    return error;
}

static int open_sockets(struct dp_server *s, char *why)
{
    static const uint32_t groups[] = { RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_NETCONF };
    int error = xfrm_open(&s->xfrm);
    if (!error)
        error = xfrm_open_events(&s->xfrm_events);
    if (error)
        return socket_failed(error, "XFRM (IPsec) over netlink", "xfrm_user", why);
    error = netlink_open(&s->route, NETLINK_ROUTE);
    if (!error)
        error = netlink_open_groups(&s->route_events, NETLINK_ROUTE, groups, sizeof groups / sizeof *groups);
    if (!error)
        (void)clamp_open_events(&s->clamp_events); /* a kernel without nftables: clamp_set tells of it when it is asked for */
    return error ? socket_failed(error, "routes over netlink", "rtnetlink", why) : 0;
}

static void server_free(struct dp_server *s)
{
    netlink_close(&s->xfrm);
    netlink_close(&s->xfrm_events);
    netlink_close(&s->route);
    netlink_close(&s->route_events);
    netlink_close(&s->clamp_events);
    dp_held_close(&s->held);
    server_tables_free(s);
    free(s->clamps);
    free(s);
}

bool server_tables_open(struct dp_server *s)
{
    size_t room = s->conf->count + 1;
    s->conns = calloc(room, sizeof *s->conns);
    s->locals = calloc(room, sizeof *s->locals);
    s->generations = calloc(room, sizeof *s->generations);
    s->links = calloc(room, sizeof *s->links);
    for (size_t i = 0; s->conns && i < s->conf->count; i++)
        s->conns[i] = (struct conn_state){ .reqid = XFRM_REQID_BASE + (uint32_t)i, .link = -1 };
    return s->conns && s->locals && s->generations && s->links;
}

void server_tables_free(struct dp_server *s)
{
    free(s->conns);
    free(s->locals);
    free(s->generations);
    free(s->links);
    server_routes_free(s);
}

static struct dp_server *server_alloc(const struct conf *conf, const struct dp_server_env *env)
{
    struct dp_server *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->conf = conf;
    s->inherit_until = MONO_NEVER;
    s->env = *env;
    s->xfrm.fd = s->xfrm_events.fd = s->route.fd = s->route_events.fd = s->clamp_events.fd = -1;
    if (dp_held_open(&s->held, conf->count) && server_tables_open(s))
        return s;
    server_free(s);
    return NULL;
}

/* Policies of the conns whose path is known now; for the others when it is. */
static int carry_all(struct dp_server *s, char *why)
{
    int error = 0;
    for (size_t i = 0; !error && i < s->conf->count; i++) {
        s->conns[i].path_told = true; /* to be told by dp_server_greet */
        if (s->conns[i].path.local.family)
            error = server_carry(s, i, why);
    }
    return error;
}

static int start(struct dp_server *s, char *why)
{
    bool crashed = false;
    int error = open_sockets(s, why);
    if (!error)
        error = server_links_plan(s, why);
    if (!error && !server_routes_plan(s)) {
        snprintf(why, DP_WHY_MAX, "out of memory");
        error = -ENOMEM;
    }
    if (error)
        return error;
    server_sas_sweep(s);
    error = server_sas_try(s, why);
    if (!error) {
        (void)vti_sweep(&s->route, s->links, s->link_count, &crashed); /* first: what is left may be in the way */
        server_paths_find(s);
        error = server_links_open(s, why);
    }
    if (!error)
        error = carry_all(s, why);
    if (error)
        return error;
    s->later |= server_policies_sweep(s, false) ? 0 : DOUBT_POLICIES;
    server_routes_follow(s, (struct mono){ 0 });
    server_clamp_follow(s);
    if (crashed)
        server_clamp_sweep(s);
    server_forget_notifications(s); /* dp_server_greet looks at the paths anew */
    return 0;
}

int dp_server_new(struct dp_server **out, const struct conf *conf, const struct dp_server_env *env, char why[DP_WHY_MAX])
{
    why[0] = 0;
    struct dp_server *s = server_alloc(conf, env);
    *out = NULL;
    if (!s) {
        snprintf(why, DP_WHY_MAX, "out of memory");
        return -ENOMEM;
    }
    int error = start(s, why);
    if (error) {
        dp_server_stop(s);
        return error;
    }
    *out = s;
    return 0;
}

/* Everything that was made, as far as the kernel lets it go now. */
static bool take_down(struct dp_server *s)
{
    bool whole = s->xfrm.fd < 0 || (server_sas_sweep(s) & server_policies_sweep(s, true));
    if (s->route.fd >= 0 && s->routes)
        whole &= server_routes_close(s) & server_links_close(s);
    return whole;
}

/* What is left would be a black hole, or a key in memory, and nobody there who knows of it: so not for one refusal. */
void dp_server_stop(struct dp_server *s)
{
    bool whole = false;
    for (size_t i = 0; i < s->held.count; i++)
        (void)dp_held_drop(&s->held, &s->held.sas[i]);
    if (s->route.fd >= 0 && s->routes)
        server_clamp_close(s);
    for (unsigned i = 0; i < STOP_TRIES && !whole; i++) {
        if (i)
            usleep(STOP_PAUSE_US);
        whole = take_down(s);
    }
    if (!whole)
        log_warning("not all could be removed: look at `ip xfrm state`, `ip xfrm policy`, `ip link` and `ip route`; the next start takes it away");
    server_free(s);
}

void dp_server_leave(struct dp_server *s) { server_free(s); }

void server_send_conn(struct dp_server *s, size_t slot)
{
    struct dp_message message;
    dp_message_begin(&message, DP_MESSAGE_CONN);
    message.conn.index = (uint32_t)slot;
    message.conn.generation = s->generations[slot];
    message.conn.conn = s->conf->conns[slot];
    s->env.send(s->env.context, &message, dp_message_length(message.type));
    bytes_wipe(&message, sizeof message); /* the PSK */
}

static void send_conf(struct dp_server *s)
{
    struct dp_message message;
    dp_message_begin(&message, DP_MESSAGE_HELLO);
    message.hello.conns = (uint32_t)s->conf->count;
    message.hello.listen = s->conf->listen;
    s->env.send(s->env.context, &message, dp_message_length(message.type));
    for (size_t i = 0; i < s->conf->count; i++) {
        s->generations[i] = 0; /* a new engine, a new channel */
        server_send_conn(s, i);
    }
}

/* What a new engine cannot know, so that counters go on where they were. */
static void send_counters(struct dp_server *s)
{
    for (size_t i = 0; i < s->conf->count; i++)
        for (unsigned d = DP_IN; d <= DP_OUT; d++) {
            const struct dp_count *gone = &s->conns[i].gone[d];
            struct dp_event event = { .type = DP_EVENT_COUNTED, .conn = (uint16_t)i, .direction = (uint8_t)d, .packets = gone->packets, .bytes = gone->bytes };
            if (gone->packets)
                server_send_event(s, &event);
        }
}

static void send_held(struct dp_server *s, const struct dp_sa *sa)
{
    server_sa_count(s, sa);
    server_sa_event(s, DP_EVENT_HELD, sa);
}

void dp_server_greet(struct dp_server *s)
{
    send_conf(s);
    server_paths_find(s);
    for (size_t i = 0; i < s->conf->count; i++)
        s->conns[i].path_told = false;
    server_inherit(s);
    server_paths_follow(s);
    send_counters(s);
    for (size_t i = 0; i < s->held.count; i++)
        if (s->held.sas[i].spi)
            send_held(s, &s->held.sas[i]);
}

static const char *const request_names[] = {
    [DP_SA_INSTALL] = "install an SA", [DP_SA_REMOVE] = "remove an SA", [DP_SA_MOVE] = "move an SA",
    [DP_SA_QUERY] = "query an SA", [DP_TUNNEL_ALIVE] = "mark a tunnel",
};

static void reply_begin(struct dp_message *out, const struct dp_request *r)
{
    bool install = r->type == DP_SA_INSTALL;
    dp_message_begin(out, DP_MESSAGE_REPLY);
    out->reply.id = r->id;
    out->reply.generation = r->generation;
    out->reply.type = r->type;
    out->reply.conn = install ? r->sa.conn : r->type == DP_TUNNEL_ALIVE ? r->conn : r->name.conn;
    out->reply.spi = install ? r->sa.spi : r->name.spi;
    out->reply.idle_seconds = -1;
}

enum dp_verdict dp_server_handle(struct dp_server *s, const struct dp_message *message, size_t length)
{
    struct dp_message out;
    if (!dp_message_check(message, length) || message->type != DP_MESSAGE_REQUEST) {
        log_error("the engine sent a malformed request");
        return DP_FORGED;
    }
    const struct dp_scene scene = { .conns = s->conf->conns, .count = s->conf->count, .local = s->locals, .held = &s->held, .generation = s->generations };
    reply_begin(&out, &message->request);
    enum dp_verdict verdict = dp_permit(&scene, message, out.reply.text);
    if (verdict == DP_PERMITTED)
        verdict = server_act(s, &message->request, &out.reply);
    else
        out.reply.error = verdict == DP_STALE ? ESTALE : EPERM;
    if (verdict == DP_REFUSED || verdict == DP_FORGED)
        log_warning("the engine asked to %s of conn %u, SPI %08x: %s", request_names[message->request.type], out.reply.conn, out.reply.spi, out.reply.text);
    if (message->request.type != DP_SA_QUERY && server_lives_changed(s))
        s->doubts |= DOUBT_LIVES;
    s->env.send(s->env.context, &out, dp_message_length(out.type));
    return verdict;
}

size_t dp_server_watch(const struct dp_server *s, int fds[DP_SERVER_FDS])
{
    fds[0] = s->xfrm_events.fd;
    fds[1] = s->route_events.fd;
    fds[2] = s->clamp_events.fd;
    return s->clamp_events.fd >= 0 ? 3 : 2;
}

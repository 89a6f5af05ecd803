/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another configuration while the server runs. The next state is made beside the present one, on the same sockets and
 * with whatever stays taken over; the links and policies that it has more are made first, since that may be refused,
 * and until then nothing of the present is touched. Then the two change places, and what only the old one had goes.
 */
#include "dataplane/server_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Everything by slots, from the present (`s`) to the next (`n`); renewed slots begin anew. */
static void take_over_conns(struct dp_server *n, const struct dp_server *s, const bool *renewed)
{
    for (size_t i = 0; i < s->conf->count; i++) {
        struct conn_state *next = &n->conns[i];
        n->generations[i] = s->generations[i] + renewed[i];
        if (renewed[i])
            continue;
        *next = s->conns[i];
        next->unroutable = false; /* to be found out again, as its link */
        next->link = -1;
        n->locals[i] = s->locals[i];
    }
}

static int find_link(const struct dp_server *s, const char *name)
{
    for (size_t k = 0; k < s->link_count; k++)
        if (strcmp(s->links[k].shape.name, name) == 0)
            return (int)k;
    return -1;
}

static bool same_ends(const struct dp_server *n, size_t next, const struct dp_server *s, int now)
{
    return now >= 0 && link_message_same_ends(&n->links[next].shape, &s->links[now].shape);
}

/* A link of the same name and ends is the same link: index, marks, size, and what it was when it was found. */
static int take_over_links(struct dp_server *n, const struct dp_server *s, char *why)
{
    for (size_t k = 0; k < n->link_count; k++) {
        int old = find_link(s, n->links[k].shape.name);
        if (same_ends(n, k, s, old)) {
            n->links[k] = s->links[old];
            n->link_lived[k] = s->link_lived[old];
        } else if (old >= 0 && s->links[old].adopted) {
            snprintf(why, DP_WHY_MAX, "vti-interface=%s: somebody else made that interface, so its ends and keys are not changed; "
                     "choose another name", n->links[k].shape.name);
            return -EEXIST;
        }
    }
    return 0;
}

/* The kernel has no room for it before a present link to the same headend has gone or changed. */
static bool must_wait(const struct dp_server *n, size_t k, const struct dp_server *s)
{
    for (size_t old = 0; old < s->link_count; old++) {
        int next = find_link(n, s->links[old].shape.name);
        bool stays = next >= 0 && same_ends(n, (size_t)next, s, (int)old);
        if (!stays && addr_equal(&s->links[old].shape.remote, &n->links[k].shape.remote))
            return true;
    }
    return false;
}

static int open_early(struct dp_server *n, const struct dp_server *s, char *why)
{
    int error = 0;
    for (size_t k = 0; !error && k < n->link_count; k++)
        if (!n->links[k].index && find_link(s, n->links[k].shape.name) < 0 && !must_wait(n, k, s))
            error = server_link_open(n, k, why);
    return error;
}

static int carry_new(struct dp_server *n, char *why)
{
    int error = 0;
    for (size_t i = 0; !error && i < n->conf->count; i++)
        if (!n->conns[i].carried && n->conns[i].path.local.family)
            error = server_carry(n, i, why);
    return error;
}

/*
 * A conn that has no way to its headend now and had policies before: they stay, as it is called now, for the address of
 * before. It is not theirs to be right, but to keep its traffic from leaving in clear until there is a way.
 */
static int carry_without_path(struct dp_server *n, const struct dp_server *s, char *why)
{
    int error = 0;
    for (size_t i = 0; !error && i < s->conf->count; i++) {
        struct conn_state *next = &n->conns[i];
        const struct conn_state *now = &s->conns[i];
        if (next->carried || next->path.local.family || !now->carried || conf_is_hole(server_conf(n, i)))
            continue;
        next->carried_local = now->carried_local;
        error = server_policies_set(n, i, &next->carried_local, why);
        next->carried = !error;
    }
    return error;
}

/* What was refused past the point of no return. */
static void try_later(struct dp_server *s)
{
    for (size_t i = 0; i < s->conf->count; i++)
        if (!conf_is_hole(server_conf(s, i)))
            server_path_later(s, i);
    s->later |= DOUBT_LINKS;
}

static int no_memory(char *why)
{
    snprintf(why, DP_WHY_MAX, "out of memory");
    return -ENOMEM;
}

/* The sockets are the same ones; their numbering of requests goes on. */
static void share_sockets(struct dp_server *to, const struct dp_server *from)
{
    to->xfrm = from->xfrm;
    to->route = from->route;
}

/* All that can be refused. */
static int prepare(struct dp_server *n, const struct dp_server *s, const bool *renewed, char *why)
{
    if (!server_tables_open(n))
        return no_memory(why);
    take_over_conns(n, s, renewed);
    int error = server_links_plan(n, why);
    if (error)
        return error;
    if (!server_routes_plan(n))
        return no_memory(why);
    error = take_over_links(n, s, why);
    if (!error)
        error = server_sas_try(n, why);
    if (error)
        return error;
    server_paths_find(n);
    error = open_early(n, s, why);
    error = error ? error : carry_new(n, why);
    return error ? error : carry_without_path(n, s, why);
}

/* The present's links and policies as they were. */
static void undo(struct dp_server *n, struct dp_server *s, const bool *renewed)
{
    char why[DP_WHY_MAX];
    for (size_t k = 0; n->links && k < n->link_count; k++) {
        int old = find_link(s, n->links[k].shape.name);
        if (old < 0)
            (void)vti_close(&n->route, &n->links[k]);
        else if (n->links[k].index && vti_move(&n->route, &n->links[k], &s->links[old].shape.local, why, sizeof why))
            log_warning("%s", why);
    }
    share_sockets(s, n);
    for (size_t i = 0; i < s->conf->count; i++) /* first, so that no moment is without */
        if (renewed[i] && s->conns[i].carried && server_policies_set(s, i, &s->conns[i].carried_local, why)) {
            s->later |= DOUBT_POLICIES;
            log_error("%s", why);
        }
    s->later |= server_policies_sweep(s, false) ? 0 : DOUBT_POLICIES;
    server_tables_free(n);
}

/* Past this there is no way back: what is refused now is told, and tried again. */
static void complain(struct dp_server *s, const struct dp_teller *teller, const char *why)
{
    log_error("%s", why);
    teller->say(teller->context, why);
    try_later(s);
}

static void tell_routes(struct dp_server *s, const struct dp_server *old, const struct dp_teller *teller)
{
    for (size_t k = 0; k < old->link_count; k++)
        if (find_link(s, old->links[k].shape.name) < 0)
            server_tell_routes(s, &old->links[k], teller);
}

static void close_links(struct dp_server *s, const struct dp_server *old)
{
    for (size_t k = 0; k < old->link_count; k++)
        if (find_link(s, old->links[k].shape.name) < 0 && vti_close(&s->route, &old->links[k]))
            s->later |= DOUBT_LINKS; /* it is looked for again */
}

/* Links that waited, and those with other ends now. Two that swap their headends are in each other's way: both are made anew. */
static void open_late(struct dp_server *s, const struct dp_server *old, const struct dp_teller *teller)
{
    char why[DP_WHY_MAX];
    for (int last = 0; last <= 1; last++)
        for (size_t k = 0; k < s->link_count; k++) {
            if (s->links[k].index || !server_link_open(s, k, why))
                continue;
            int before = find_link(old, s->links[k].shape.name);
            if (!last && before >= 0)
                (void)vti_close(&s->route, &old->links[before]);
            else if (last)
                complain(s, teller, why);
        }
}

/* Name and address as they are called now, and the size, which mtu= and esp= decide. */
static void adapt_links(struct dp_server *s, const struct dp_teller *teller)
{
    char why[DP_WHY_MAX];
    for (size_t k = 0; k < s->link_count; k++) {
        struct vti wanted = server_link_wanted(s, (int)k);
        if (s->links[k].index && (vti_adapt(&s->route, &s->links[k], wanted.alias, &wanted.address, why, sizeof why) ||
                                  server_links_resize(s, (int)k, why)))
            complain(s, teller, why);
    }
}

static void keep_counters(struct dp_server *n, const struct dp_server *s, const bool *renewed)
{
    for (size_t i = 0; i < s->conf->count; i++)
        if (!renewed[i] || strcmp(server_conf(s, i)->name, server_conf(n, i)->name) == 0)
            memcpy(n->conns[i].gone, s->conns[i].gone, sizeof n->conns[i].gone);
}

static void tell_engine(struct dp_server *s, const struct conf *before)
{
    for (size_t i = 0; i < s->conf->count; i++)
        /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-exp42-c,cert-flp37-c): padding that differs sends it once more */
        if (i >= before->count || memcmp(&before->conns[i], &s->conf->conns[i], sizeof *s->conf->conns) != 0)
            server_send_conn(s, i);
    server_paths_follow(s);
}

static void commit(struct dp_server *n, struct dp_server *s, const bool *renewed, struct mono now, const struct dp_teller *teller)
{
    char why[DP_WHY_MAX];
    share_sockets(s, n);
    server_sas_retire(s, renewed);
    keep_counters(n, s, renewed);
    share_sockets(n, s);
    struct dp_server old = *s;
    *s = *n;
    s->later |= old.later; /* what could not be taken away */
    tell_routes(s, &old, teller);
    server_routes_follow(s, now); /* first: with a link the kernel removes every route that leads into it, also those that have another way */
    close_links(s, &old);
    open_late(s, &old, teller);
    if (carry_new(s, why))
        complain(s, teller, why);
    s->later |= server_policies_sweep(s, false) ? 0 : DOUBT_POLICIES;
    adapt_links(s, teller);
    server_clamp_follow(s);
    server_routes_follow(s, now);
    tell_engine(s, old.conf);
    server_tables_free(&old);
}

int dp_server_reload(struct dp_server *s, const struct conf *next, const bool *renewed, struct mono now,
                     const struct dp_teller *teller, char why[DP_WHY_MAX])
{
    why[0] = 0;
    if (!dp_held_grow(&s->held, next->count))
        return no_memory(why);
    struct dp_server n = *s;
    n.conf = next;
    n.conns = NULL;
    n.locals = NULL;
    n.generations = NULL;
    n.links = NULL;
    n.link_lived = NULL;
    n.routes = NULL;
    n.link_count = n.routes_count = 0;
    int error = prepare(&n, s, renewed, why);
    if (error)
        undo(&n, s, renewed);
    else
        commit(&n, s, renewed, now, teller);
    return error;
}

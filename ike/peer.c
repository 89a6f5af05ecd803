/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the life of a headend's tunnels: what to begin next, and what to do when something ended. Entry points:
 * peer_drive, which compares what is wanted with what is there and may be called at any time; peer_sa_* for the
 * ends of ISAKMP SAs; peer_tick. RFC 2408 2.5.3 (several SAs), RFC 2407 4.6.3.3 (INITIAL-CONTACT).
 * Invariants: at most one Main Mode of ours is under way; IPsec SAs do not depend on the ISAKMP SA that made them;
 * nothing that has not authenticated removes anything.
 */
#include "ike/exchange_v1.h"

#include "ike/iana.h"
#include "ike/id.h"
#include "ike/proposal.h"

#include <stdio.h>

enum {
    HALF_OPEN_SECONDS = 30,       /* a Main Mode that the peer began and does not finish */
    QUICK_WAIT_MS = 1000,         /* who began Main Mode begins Quick Mode: how long we leave that to the peer */
    SA_OVERLAP_SECONDS = 30,      /* a replaced ISAKMP SA stays for what is still under way on it */
    COLLISION_MS = 2000,          /* two Main Modes overlap, give or take a round trip */
    QUICKS_AT_ONCE = 4,           /* Quick Modes of ours under way with one headend */
    SUSPECT_TRIES = 4,            /* sends of one message without an answer after which the likely cause is told: 3.5 s */
};

/* ---- slots of ISAKMP SAs ---- */

void peer_sa_free(struct isakmp_sa *sa)
{
    bytes_wipe(sa, sizeof *sa);
}

struct isakmp_sa *peer_sa_new(struct ike *ike, struct peer *peer, enum role role)
{
    struct isakmp_sa *free = NULL;
    for (size_t i = 0; i < PEER_SAS_MAX; i++) {
        struct isakmp_sa *sa = &peer->sa[i];
        bool half_open = sa->used && !sa->up && sa->x.role == ROLE_RESPONDER;
        bool replaced = sa->used && sa->up && !mono_is_never(sa->discard_at);
        if (!sa->used)
            free = sa;
        else if ((half_open || replaced) && (!free || (free->used && sa->began.us < free->began.us)))
            free = sa;
    }
    if (!free)
        return NULL;
    peer_sa_free(free);
    *free = (struct isakmp_sa){ .used = true, .serial = ++ike->serial, .began = ike->now, .since = ike->now, .rekey_at = MONO_NEVER,
                                .expires_at = MONO_NEVER, .discard_at = MONO_NEVER, .quick_wait = ike->now,
                                .life_seconds = peer->conf->ike_lifetime };
    free->x.role = role;
    free->x.resend_at = MONO_NEVER;
    return free;
}

struct isakmp_sa *peer_sa_find(struct peer *peer, const struct wire_header *header)
{
    for (size_t i = 0; i < PEER_SAS_MAX; i++) {
        struct isakmp_sa *sa = &peer->sa[i];
        bool first_answer = sa->x.role == ROLE_INITIATOR && sa->x.step == 0;
        if (sa->used && memcmp(sa->cookie_i, header->cookie_i, WIRE_COOKIE) == 0 &&
            (first_answer || memcmp(sa->cookie_r, header->cookie_r, WIRE_COOKIE) == 0))
            return sa;
    }
    return NULL;
}

struct isakmp_sa *peer_sa_serial(struct peer *peer, uint32_t serial)
{
    for (size_t i = 0; i < PEER_SAS_MAX; i++)
        if (peer->sa[i].used && peer->sa[i].serial == serial)
            return &peer->sa[i];
    return NULL;
}

/* The established one to use: not a replaced one while there is another, else the youngest. */
const struct isakmp_sa *peer_sa_best_const(const struct peer *peer)
{
    const struct isakmp_sa *best = NULL;
    for (size_t i = 0; i < PEER_SAS_MAX; i++) {
        const struct isakmp_sa *sa = &peer->sa[i];
        if (!sa->used || !sa->up)
            continue;
        bool better = !best || (mono_is_never(sa->discard_at) && !mono_is_never(best->discard_at)) ||
                      (mono_is_never(sa->discard_at) == mono_is_never(best->discard_at) && sa->serial > best->serial);
        if (better)
            best = sa;
    }
    return best;
}

struct isakmp_sa *peer_sa_best(struct peer *peer)
{
    const struct isakmp_sa *sa = peer_sa_best_const(peer);
    return sa ? &peer->sa[sa - peer->sa] : NULL;
}

bool peer_main_under_way(const struct peer *peer)
{
    for (size_t i = 0; i < PEER_SAS_MAX; i++)
        if (peer->sa[i].used && !peer->sa[i].up)
            return true;
    return false;
}

/* ---- what to begin next ---- */

static bool needs_quick(const struct ike *ike, const struct tunnel *tunnel)
{
    const struct child *c = tunnel_child(tunnel);
    if (tunnel_quick_under_way(tunnel))
        return false;
    return !c ? tunnel->wanted : c->renew || (tunnel->conf->rekey && (c->soft_expired || mono_reached(ike->now, c->rekey_at)));
}

/* All the Quick Modes that the headend takes at once are under way: ours whose message 3 is not sent. */
bool peer_quicks_full(const struct ike *ike, const struct peer *peer)
{
    unsigned mine = 0;
    for (size_t t = 0; t < ike->conn_count; t++)
        for (size_t i = 0; ike->tunnels[t].peer == peer->index && i < TUNNEL_QUICKS_MAX; i++) {
            const struct quick *q = &ike->tunnels[t].quick[i];
            bool open = q->phase == QUICK_INSTALLING ? q->x.step < 2 : q->phase == QUICK_WAIT_MESSAGE && q->x.step == 0;
            mine += q->x.role == ROLE_INITIATOR && open;
        }
    return mine >= (peer->few_exchanges ? 1 : QUICKS_AT_ONCE);
}

static void drive_tunnel(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, struct tunnel *tunnel)
{
    if (!needs_quick(ike, tunnel) || !mono_reached(ike->now, tunnel->retry_at) || !mono_reached(ike->now, sa->quick_wait) ||
        !mono_reached(ike->now, life_quick_after(ike, peer, tunnel)) || peer_quicks_full(ike, peer))
        return;
    if (tunnel->state != IKE_STATE_UP)
        tunnel_enter(ike, tunnel, IKE_STATE_AUTHENTICATED, "negotiating IPsec SAs");
    quick_start(ike, peer, sa, tunnel);
}

static void enter_all(struct ike *ike, const struct peer *peer, enum ike_state state, const char *why)
{
    for (size_t t = 0; t < ike->conn_count; t++) {
        struct tunnel *tunnel = &ike->tunnels[t];
        if (tunnel->peer == peer->index && tunnel->wanted && tunnel->state != IKE_STATE_UP && tunnel->state != state)
            tunnel_enter(ike, tunnel, state, why);
    }
}

/* Some tunnel is to be up; with `or_up`, or is up because the peer brought it up. */
static bool wanted(const struct ike *ike, const struct peer *peer, bool or_up)
{
    for (size_t t = 0; t < ike->conn_count; t++)
        if (ike->tunnels[t].peer == peer->index && (ike->tunnels[t].wanted || (or_up && tunnel_child(&ike->tunnels[t]))))
            return true;
    return false;
}

static bool needs_main(const struct ike *ike, const struct peer *peer)
{
    const struct isakmp_sa *sa = peer_sa_best_const(peer);
    bool needs = wanted(ike, peer, sa) && (!sa || peer->rekey_asked || mono_reached(ike->now, sa->rekey_at));
    for (size_t t = 0; !sa && t < ike->conn_count; t++)
        needs |= ike->tunnels[t].peer == peer->index && needs_quick(ike, &ike->tunnels[t]);
    return needs;
}

static void drive_main(struct ike *ike, struct peer *peer)
{
    if (!needs_main(ike, peer) || peer_main_under_way(peer) || !mono_reached(ike->now, peer->retry_at))
        return;
    peer->rekey_asked = false;
    char why[96], text[ADDR_TEXT_MAX];
    snprintf(why, sizeof why, "Main Mode with %s", addr_print(&peer->remote, text));
    enter_all(ike, peer, IKE_STATE_CONNECTING, why);
    main_start(ike, peer);
}

/* Main Mode first: see life_quick_after. */
void peer_drive(struct ike *ike, struct peer *peer)
{
    if (ike->stopping)
        return;
    if (peer->local.family == ADDR_NONE) {
        enter_all(ike, peer, IKE_STATE_NO_ROUTE, "no route to the headend");
        return;
    }
    drive_main(ike, peer);
    struct isakmp_sa *sa = peer_sa_best(peer);
    for (size_t t = 0; sa && t < ike->conn_count; t++)
        if (ike->tunnels[t].peer == peer->index)
            drive_tunnel(ike, peer, sa, &ike->tunnels[t]);
}

/* ---- what ended ---- */

void peer_sa_failed(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, enum ike_cause cause)
{
    bool mine = sa->x.role == ROLE_INITIATOR;
    unsigned tries = sa->x.tries;
    struct ike_evidence evidence = evidence_of_main(sa);
    char detail[64];
    snprintf(detail, sizeof detail, "%u messages sent without an answer", tries);
    peer_sa_free(sa);
    if (!mine && cause != IKE_CAUSE_IKE_ID)
        return;
    peer->failures++;
    /* An attempt that ran out has waited long enough already; one that was refused must not be repeated at once. */
    bool refused = tries < SUSPECT_TRIES;
    peer->retry_at = refused ? mono_after(ike->now, life_retry_after(ike, peer->failures)) : ike->now;
    for (size_t t = 0; t < ike->conn_count; t++)
        if (ike->tunnels[t].peer == peer->index && ike->tunnels[t].wanted && ike->tunnels[t].state != IKE_STATE_UP) {
            tunnel_failed(ike, &ike->tunnels[t], cause, refused ? "" : detail);
            ike->tunnels[t].evidence = evidence;
            ike->tunnels[t].retry_at = peer->retry_at;
        }
}

static void remove_children(struct ike *ike, const struct peer *peer)
{
    for (size_t t = 0; t < ike->conn_count; t++) {
        struct tunnel *tunnel = &ike->tunnels[t];
        if (tunnel->peer != peer->index)
            continue;
        for (size_t i = 0; i < TUNNEL_CHILDREN_MAX; i++)
            if (tunnel->child[i].state != CHILD_FREE)
                child_remove(ike, tunnel, &tunnel->child[i]);
        for (size_t i = 0; i < TUNNEL_QUICKS_MAX; i++)
            if (tunnel->quick[i].phase != QUICK_FREE)
                quick_free(&tunnel->quick[i]);
    }
}

void peer_fall(struct ike *ike, struct peer *peer, enum ike_state state, enum ike_cause cause, const char *why)
{
    for (size_t t = 0; t < ike->conn_count; t++) {
        struct tunnel *tunnel = &ike->tunnels[t];
        if (tunnel->peer != peer->index || tunnel->state != IKE_STATE_UP || child_current(tunnel))
            continue;
        tunnel_cause(ike, tunnel, cause, why);
        tunnel_enter(ike, tunnel, tunnel->wanted ? state : IKE_STATE_DOWN, why);
        tunnel->retry_at = ike->now;
    }
}

void peer_dead(struct ike *ike, struct peer *peer, enum ike_cause cause, const char *why)
{
    for (size_t i = 0; i < PEER_SAS_MAX; i++)
        peer_sa_free(&peer->sa[i]);
    remove_children(ike, peer);
    peer_fall(ike, peer, IKE_STATE_CONNECTING, cause, why);
    peer->retry_at = ike->now;
    peer_drive(ike, peer);
}

bool peer_sa_deleted(struct ike *ike, struct peer *peer, const struct isakmp_sa *carrier, struct bytes cookies)
{
    for (size_t i = 0; i < PEER_SAS_MAX; i++) {
        struct isakmp_sa *sa = &peer->sa[i];
        if (!sa->up || memcmp(sa->cookie_i, cookies.data, WIRE_COOKIE) != 0 ||
            memcmp(sa->cookie_r, cookies.data + WIRE_COOKIE, WIRE_COOKIE) != 0)
            continue;
        bool this_one = sa == carrier;
        int64_t again = life_again_after(ike, sa->since, &peer->undone);
        quick_sa_deleted(ike, peer, sa);
        peer_sa_free(sa);
        peer_fall(ike, peer, IKE_STATE_CONNECTING, IKE_CAUSE_PEER_DELETED, "the headend deleted the ISAKMP SA");
        peer->retry_at = mono_after(ike->now, again + MONO_MS(200)); /* it may be stopping: its other Deletes come first */
        return this_one;
    }
    return false;
}

/* ---- what was established ---- */

/* Both were under way at the same time. A Main Mode that began after the other SA was up replaces it: it may be dead. */
bool peer_sas_collided(const struct isakmp_sa *a, const struct isakmp_sa *b)
{
    return a->x.role != b->x.role && mono_since(a->began, b->since) < MONO_MS(COLLISION_MS) &&
           mono_since(b->began, a->since) < MONO_MS(COLLISION_MS);
}

/* One ISAKMP SA is kept: of two made at once by both ends the one with the larger cookies, else the new one. */
static void replace_others(struct ike *ike, struct peer *peer, struct isakmp_sa *sa)
{
    for (size_t i = 0; i < PEER_SAS_MAX; i++) {
        struct isakmp_sa *other = &peer->sa[i];
        if (other == sa || !other->used || !other->up || !mono_is_never(other->discard_at))
            continue;
        bool other_wins = peer_sas_collided(sa, other) && memcmp(other->cookie_i, sa->cookie_i, WIRE_COOKIE) > 0;
        struct isakmp_sa *loser = other_wins ? sa : other;
        loser->discard_at = mono_after(ike->now, MONO_S(SA_OVERLAP_SECONDS));
    }
}

static void tell_established(struct ike *ike, struct peer *peer, const struct isakmp_sa *sa)
{
    char proposal[96], why[IKE_TEXT_MAX];
    proposal_print_ike(&sa->chosen, proposal, sizeof proposal);
    snprintf(why, sizeof why, "ISAKMP SA established as %s, %s%s%s", sa->x.role == ROLE_INITIATOR ? "initiator" : "responder", proposal,
             sa->nat_near ? ", NAT here" : "", sa->encapsulate ? ", ESP in UDP" : "");
    for (size_t t = 0; t < ike->conn_count; t++) {
        struct tunnel *tunnel = &ike->tunnels[t];
        if (tunnel->peer != peer->index)
            continue;
        if (tunnel->state == IKE_STATE_UP)
            output_notice(ike, IKE_NOTICE_STATE, tunnel, IKE_CAUSE_NONE, "%s", why);
        else if (tunnel->wanted)
            tunnel_enter(ike, tunnel, IKE_STATE_AUTHENTICATED, why);
    }
}

static void wipe_handshake(struct isakmp_sa *sa)
{
    bytes_wipe(sa->exponent, sizeof sa->exponent);
    bytes_wipe(sa->keys.skeyid, sizeof sa->keys.skeyid);
    bytes_wipe(sa->keys.skeyid_e, sizeof sa->keys.skeyid_e);
}

static void follow_children(struct ike *ike, const struct peer *peer, const struct ike_path *path)
{
    for (size_t t = 0; t < ike->conn_count; t++)
        for (size_t i = 0; ike->tunnels[t].peer == peer->index && i < TUNNEL_CHILDREN_MAX; i++)
            child_follow(ike, &ike->tunnels[t], &ike->tunnels[t].child[i], path);
}

void peer_sa_established(struct ike *ike, struct peer *peer, struct isakmp_sa *sa)
{
    bool responder = sa->x.role == ROLE_RESPONDER;
    sa->since = ike->now;
    sa->x.resend_at = MONO_NEVER;
    sa->rekey_at = peer->conf->rekey ? life_rekey_at(ike, peer->conf, sa->life_seconds, sa->x.role) : MONO_NEVER;
    sa->expires_at = mono_after(ike->now, MONO_S(sa->life_seconds));
    sa->quick_wait = responder ? mono_after(ike->now, MONO_MS(QUICK_WAIT_MS)) : ike->now;
    wipe_handshake(sa);
    if (responder)
        first_prove(ike, peer, sa);
    if (sa->initial_contact)
        peer_initial_contact(ike, peer, sa);
    replace_others(ike, peer, sa);
    for (size_t i = 0; i < PEER_SAS_MAX; i++) /* an attempt of ours that nobody has answered is not needed any more */
        if (peer->sa[i].used && !peer->sa[i].up && peer->sa[i].x.role == ROLE_INITIATOR && peer->sa[i].x.step == 0)
            peer_sa_free(&peer->sa[i]);
    peer->heard_at = ike->now;
    peer->keepalive_at = ike->now;
    tell_established(ike, peer, sa);
    if (sa->encapsulate && sa->path.local.port == IKE_PORT_NATT)
        follow_children(ike, peer, &sa->path); /* ESP that tells the same port later brings nothing new */
    liveness_established(ike, peer);
    peer_drive(ike, peer);
}

void peer_heard(struct ike *ike, struct peer *peer)
{
    peer->heard_at = ike->now;
}

/* An authenticated message came another way than before: a NAT has forgotten its mapping, or the peer has moved. */
void peer_adopt_path(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, const struct ike_path *path)
{
    char text[ENDPOINT_TEXT_MAX];
    if (endpoint_equal(&sa->path.remote, &path->remote) && endpoint_equal(&sa->path.local, &path->local))
        return;
    output_notice(ike, IKE_NOTICE_STATE, &ike->tunnels[peer->conf - ike->conns], IKE_CAUSE_NONE, "the headend is now at %s",
                  endpoint_print(&path->remote, text));
    sa->path = *path;
    if (sa->encapsulate && path->local.port == IKE_PORT_NATT)
        follow_children(ike, peer, path);
}

void peer_tell_alive(struct ike *ike, const struct peer *peer)
{
    for (size_t t = 0; t < ike->conn_count; t++)
        if (ike->tunnels[t].peer == peer->index)
            tunnel_tell_alive(ike, &ike->tunnels[t]);
}

void peer_path_changed(struct ike *ike, struct peer *peer, const struct addr *local)
{
    bool same = addr_equal(&peer->local, local);
    if (local->family == ADDR_NONE) {
        /* The SAs stay: the route may come back with the same address. */
        peer->local_was = peer->local.family ? peer->local : peer->local_was;
        peer->local = *local;
        for (size_t i = 0; i < PEER_SAS_MAX; i++)
            if (peer->sa[i].used && !peer->sa[i].up)
                peer_sa_free(&peer->sa[i]);
        peer_tell_alive(ike, peer);
        peer_drive(ike, peer);
        return;
    }
    bool back = peer->local.family == ADDR_NONE && addr_equal(&peer->local_was, local);
    bool first = peer->local.family == ADDR_NONE && peer->local_was.family == ADDR_NONE;
    peer->local = *local;
    peer->near_id = id_of_end(conf_near(peer->conf), local);
    peer->retry_at = ike->now;
    peer_tell_alive(ike, peer);
    if (same || back || first)
        peer_drive(ike, peer);
    else
        peer_dead(ike, peer, IKE_CAUSE_NO_ROUTE, "this host's address towards the headend has changed");
}

/* ---- time ---- */

static void tick_half_open(struct ike *ike, struct peer *peer, struct isakmp_sa *sa)
{
    if (sa->x.role == ROLE_RESPONDER) {
        if (mono_since(ike->now, sa->began) >= MONO_S(HALF_OPEN_SECONDS))
            peer_sa_free(sa);
        return;
    }
    if (!mono_reached(ike->now, sa->x.resend_at))
        return;
    if (life_exchange_over(&sa->x)) {
        peer_sa_failed(ike, peer, sa, main_cause(sa));
        return;
    }
    if (sa->x.tries == SUSPECT_TRIES)
        peer_suspect(ike, peer, sa, main_cause(sa), "no answer yet");
    exchange_send(ike, peer->conf, &sa->x, &sa->path, true);
}

static void tick_up(struct ike *ike, struct peer *peer, struct isakmp_sa *sa)
{
    if (sa == peer_sa_best(peer))
        sa->discard_at = MONO_NEVER; /* what had replaced it is gone */
    if (mono_reached(ike->now, sa->discard_at) || mono_reached(ike->now, sa->expires_at)) {
        info_send_delete_sa(ike, sa);
        peer_sa_free(sa);
        return;
    }
    life_keepalive_tick(ike, peer, sa);
}

void peer_tick(struct ike *ike, struct peer *peer)
{
    for (size_t i = 0; i < PEER_SAS_MAX; i++) {
        struct isakmp_sa *sa = &peer->sa[i];
        if (sa->used && !sa->up)
            tick_half_open(ike, peer, sa);
        else if (sa->used)
            tick_up(ike, peer, sa);
    }
    for (size_t t = 0; t < ike->conn_count; t++)
        if (ike->tunnels[t].peer == peer->index) {
            quick_tick(ike, peer, &ike->tunnels[t]);
            child_tick(ike, &ike->tunnels[t]);
        }
    liveness_tick(ike, peer);
    peer_drive(ike, peer);
}

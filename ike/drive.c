/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what a headend's tunnels begin next, and when: Main Mode, where there is no ISAKMP SA or it is to be replaced, and
 * Quick Mode under it. Entry points: peer_drive, which compares what is wanted with what is there and may be called at any
 * time; peer_drive_at, when it will have something to do; peer_main_hold_until.
 * Invariants: both go by the same functions, so that a deadline that has come always leads to something; at most one Main
 * Mode of ours is under way, and at most QUICKS_AT_ONCE Quick Modes; what nobody has authenticated holds off neither for long.
 */
#include "ike/quick_v1.h"

#include <stdio.h>

enum {
    QUICKS_AT_ONCE = 4,           /* Quick Modes of ours under way with one headend */
    HOLD_SECONDS = 3,             /* longer than a Main Mode takes unless messages are lost */
    HOLD_AGAIN_SECONDS = 30,
};

/* ---- Quick Mode ---- */

/* The headend's own are left the first moment; not so when an earlier one came to nothing, which may be so for ever. */
static bool hinders(const struct tunnel *tunnel, const struct quick *q)
{
    if (q->phase != QUICK_WAIT_MESSAGE && q->phase != QUICK_INSTALLING)
        return false;
    bool answered = q->x.role == ROLE_INITIATOR || q->x.step == 2;
    return answered || (!tunnel->unfinished && q->x.tries <= LIVELY_TRIES);
}

/* When the tunnel will want a Quick Mode; NEVER while one is under way. */
static struct mono tunnel_wants_at(const struct ike *ike, const struct tunnel *tunnel)
{
    const struct child *c = tunnel_child(tunnel);
    for (size_t i = 0; i < TUNNEL_QUICKS_MAX; i++)
        if (hinders(tunnel, &tunnel->quick[i]))
            return MONO_NEVER;
    if (!c)
        return tunnel->wanted ? ike->now : MONO_NEVER;
    if (c->renew)
        return ike->now;
    if (!tunnel->conf->rekey)
        return MONO_NEVER;
    return c->soft_expired ? ike->now : c->rekey_at;
}

/* All the Quick Modes that the headend takes at once are under way: ours whose message 3 is not sent. One that it does not
 * answer is none of them: it must not keep the others waiting. */
static bool quicks_full(const struct ike *ike, const struct peer *peer)
{
    unsigned mine = 0;
    for (size_t t = 0; t < ike->conn_count; t++)
        for (size_t i = 0; ike->tunnels[t].peer == peer->index && i < TUNNEL_QUICKS_MAX; i++) {
            const struct quick *q = &ike->tunnels[t].quick[i];
            bool waits = q->phase == QUICK_WAIT_MESSAGE && q->x.step == 0 && q->x.tries <= LIVELY_TRIES;
            bool open = waits || (q->phase == QUICK_INSTALLING && q->x.step < 2);
            mine += q->x.role == ROLE_INITIATOR && open;
        }
    return mine >= (peer->few_exchanges ? 1 : QUICKS_AT_ONCE);
}

static struct mono quick_at(const struct ike *ike, const struct peer *peer, const struct isakmp_sa *sa, const struct tunnel *tunnel)
{
    struct mono wants = tunnel_wants_at(ike, tunnel);
    bool unheard = peer->silent && peer->answered_at.us < peer->silent_since.us; /* it would be asked in vain: Main Mode comes first */
    if (mono_is_never(wants) || unheard)
        return MONO_NEVER;
    wants = mono_max(mono_max(wants, tunnel->retry_at), sa->quick_wait);
    return mono_max(wants, life_quick_after(ike, peer, tunnel));
}

/* ---- Main Mode ---- */

/* Some tunnel is to be up; with `or_up`, or is up because the peer brought it up. */
static bool wanted(const struct ike *ike, const struct peer *peer, bool or_up)
{
    for (size_t t = 0; t < ike->conn_count; t++)
        if (ike->tunnels[t].peer == peer->index && (ike->tunnels[t].wanted || (or_up && tunnel_child(&ike->tunnels[t]))))
            return true;
    return false;
}

static struct mono main_wants_at(const struct ike *ike, const struct peer *peer, const struct isakmp_sa *sa)
{
    struct mono first = MONO_NEVER;
    if (wanted(ike, peer, sa))
        return !sa || peer->rekey_asked || quick_sa_wears_out(sa) ? ike->now : sa->rekey_at;
    for (size_t t = 0; !sa && t < ike->conn_count; t++)
        if (ike->tunnels[t].peer == peer->index)
            first = mono_min(first, tunnel_wants_at(ike, &ike->tunnels[t]));
    return first;
}

/*
 * Somebody who sees what goes to the headend can forge the beginning of a Main Mode under its address, again and again. So
 * one that it seems to have begun holds off what we would begin for a moment only, and another soon after it not at all.
 */
void peer_main_hold(const struct ike *ike, struct peer *peer)
{
    if (mono_since(ike->now, peer->hold_at) >= MONO_S(HOLD_AGAIN_SECONDS))
        peer->hold_at = ike->now;
}

void peer_main_hold_again(const struct ike *ike, struct peer *peer)
{
    peer->hold_at = mono_after(ike->now, -MONO_S(HOLD_AGAIN_SECONDS));
}

struct mono peer_main_hold_until(const struct peer *peer)
{
    for (size_t i = 0; i < PEER_SAS_MAX; i++)
        if (peer->sa[i].used && !peer->sa[i].up && peer->sa[i].x.role == ROLE_RESPONDER)
            return mono_after(peer->hold_at, MONO_S(HOLD_SECONDS));
    return peer->hold_at;
}

bool peer_main_under_way(const struct peer *peer)
{
    for (size_t i = 0; i < PEER_SAS_MAX; i++)
        if (peer->sa[i].used && !peer->sa[i].up && peer->sa[i].x.role == ROLE_INITIATOR)
            return true;
    return false;
}

static struct mono main_at(const struct ike *ike, const struct peer *peer, const struct isakmp_sa *sa)
{
    struct mono wants = peer_main_under_way(peer) ? MONO_NEVER : main_wants_at(ike, peer, sa);
    return mono_is_never(wants) ? wants : mono_max(mono_max(wants, peer->retry_at), peer_main_hold_until(peer));
}

/* ---- both ---- */

struct mono peer_drive_at(const struct ike *ike, const struct peer *peer)
{
    const struct isakmp_sa *sa = peer_sa_best_const(peer);
    if (ike->stopping || peer->local.family == ADDR_NONE)
        return MONO_NEVER;
    struct mono due = main_at(ike, peer, sa);
    bool full = quicks_full(ike, peer); /* the end of one of them, or its next repetition, drives the next */
    for (size_t t = 0; sa && !full && t < ike->conn_count; t++)
        if (ike->tunnels[t].peer == peer->index)
            due = mono_min(due, quick_at(ike, peer, sa, &ike->tunnels[t]));
    return due;
}

static void drive_tunnel(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, struct tunnel *tunnel)
{
    if (!mono_reached(ike->now, quick_at(ike, peer, sa, tunnel)) || quicks_full(ike, peer))
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

static void drive_main(struct ike *ike, struct peer *peer)
{
    char why[96], text[ADDR_TEXT_MAX];
    if (!mono_reached(ike->now, main_at(ike, peer, peer_sa_best_const(peer))))
        return;
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

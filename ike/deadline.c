/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the answer to "when next": the least of all due times of a headend. It mirrors what peer_drive and the ticks
 * would do, so that a deadline that has come always leads to something and the loop never spins.
 */
#include "ike/state.h"

/* When the tunnel will want a Quick Mode; NEVER while one is under way. */
static struct mono tunnel_wants_at(const struct ike *ike, const struct tunnel *tunnel)
{
    const struct child *c = tunnel_child(tunnel);
    if (tunnel_quick_under_way(tunnel))
        return MONO_NEVER;
    if (!c)
        return tunnel->wanted ? ike->now : MONO_NEVER;
    if (c->renew)
        return ike->now;
    if (!tunnel->conf->rekey)
        return MONO_NEVER;
    return c->soft_expired ? ike->now : c->rekey_at;
}

static struct mono drive_at(const struct ike *ike, const struct peer *peer)
{
    const struct isakmp_sa *sa = peer_sa_best_const(peer);
    struct mono due = MONO_NEVER, main = MONO_NEVER;
    bool full = peer_quicks_full(ike, peer); /* the end of one of them drives the next */
    if (ike->stopping || peer->local.family == ADDR_NONE)
        return MONO_NEVER;
    for (size_t t = 0; t < ike->conn_count; t++) {
        const struct tunnel *tunnel = &ike->tunnels[t];
        if (tunnel->peer != peer->index)
            continue;
        struct mono wants = tunnel_wants_at(ike, tunnel);
        if (!sa)
            main = mono_min(main, tunnel->wanted ? ike->now : wants);
        else if (!mono_is_never(wants) && !full)
            due = mono_min(due, mono_max(mono_max(wants, life_quick_after(ike, peer, tunnel)), mono_max(tunnel->retry_at, sa->quick_wait)));
        if (sa && (tunnel->wanted || tunnel_child(tunnel)))
            main = mono_min(main, peer->rekey_asked ? ike->now : sa->rekey_at);
    }
    if (!mono_is_never(main) && !peer_main_under_way(peer))
        due = mono_min(due, mono_max(main, peer->retry_at));
    return due;
}

static struct mono sa_at(const struct peer *peer, const struct isakmp_sa *sa)
{
    if (!sa->up)
        return sa->x.role == ROLE_INITIATOR ? sa->x.resend_at : mono_after(sa->began, MONO_S(30));
    struct mono due = mono_min(sa->discard_at, sa->expires_at);
    if (life_keepalive_needed(peer, sa))
        due = mono_min(due, mono_after(peer->keepalive_at, MONO_S(peer->conf->keepalive_interval)));
    return due;
}

struct mono peer_deadline(const struct ike *ike, const struct peer *peer)
{
    if (!peer->conf)
        return MONO_NEVER;
    struct mono due = ike->stopping ? MONO_NEVER : mono_min(drive_at(ike, peer), liveness_deadline(ike, peer, peer_sa_best_const(peer)));
    for (size_t i = 0; i < PEER_SAS_MAX; i++)
        if (peer->sa[i].used)
            due = mono_min(due, sa_at(peer, &peer->sa[i]));
    for (size_t t = 0; t < ike->conn_count; t++)
        if (ike->tunnels[t].peer == peer->index)
            due = mono_min(due, mono_min(quick_deadline(&ike->tunnels[t]), child_deadline(&ike->tunnels[t])));
    return due;
}

struct mono ike_deadline(const struct ike *ike)
{
    struct mono due = MONO_NEVER;
    for (size_t p = 0; p < ike->peer_count; p++)
        due = mono_min(due, peer_deadline(ike, &ike->peers[p]));
    return due;
}

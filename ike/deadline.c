/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the answer to "when next": the least of all due times of a headend. It mirrors what the ticks would do, so that a
 * deadline that has come always leads to something and the loop never spins. Entry points: peer_deadline, ike_deadline.
 */
#include "ike/quick_v1.h"

static struct mono sa_at(const struct peer *peer, const struct isakmp_sa *sa)
{
    if (!sa->up)
        return sa->x.role == ROLE_INITIATOR ? sa->x.resend_at : mono_after(sa->began, MONO_S(30));
    struct mono due = quick_sa_worn_out(sa) ? sa->since : mono_min(sa->discard_at, sa->expires_at);
    if (life_keepalive_needed(peer, sa))
        due = mono_min(due, mono_after(peer->keepalive_at, MONO_S(peer->conf->keepalive_interval)));
    return due;
}

struct mono peer_deadline(const struct ike *ike, const struct peer *peer)
{
    if (!peer->conf)
        return MONO_NEVER;
    struct mono due = ike->stopping ? MONO_NEVER : mono_min(peer_drive_at(ike, peer), liveness_deadline(ike, peer, peer_sa_best_const(peer)));
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

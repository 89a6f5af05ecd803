/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the places of a headend's ISAKMP SAs: which one a message belongs to, which one is used, which one gives way.
 * Entry points: peer_sa_*, peer_sas_collided. RFC 2408 2.5.3 (several SAs). Invariants: nothing that has not
 * authenticated takes the place of what has; one SA is in use, and one that it replaced stays for what is under way on it.
 */
#include "ike/state.h"

enum {
    SA_OVERLAP_SECONDS = 30,      /* a replaced ISAKMP SA stays for what is still under way on it */
    COLLISION_MS = 2000,          /* two Main Modes overlap, give or take a round trip */
};

void peer_sa_free(struct isakmp_sa *sa)
{
    bytes_wipe(sa, sizeof *sa);
}

/* Gives way to another: what nobody has authenticated to a Main Mode of either end, what was replaced to our own alone. */
static bool gives_way(const struct isakmp_sa *sa, enum role role)
{
    bool half_open = !sa->up && sa->x.role == ROLE_RESPONDER;
    bool replaced = sa->up && !mono_is_never(sa->discard_at);
    return half_open || (replaced && role == ROLE_INITIATOR);
}

/* The better place for another: a free one, then one that is not up, then the oldest. */
static bool goes_before(const struct isakmp_sa *a, const struct isakmp_sa *b)
{
    if (!b || a->used != b->used)
        return !b || !a->used;
    return a->up == b->up ? a->began.us < b->began.us : !a->up;
}

struct isakmp_sa *peer_sa_new(struct ike *ike, struct peer *peer, enum role role)
{
    struct isakmp_sa *free = NULL;
    for (size_t i = 0; i < PEER_SAS_MAX; i++) {
        struct isakmp_sa *sa = &peer->sa[i];
        if ((!sa->used || gives_way(sa, role)) && goes_before(sa, free))
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

/* Both were under way at the same time. A Main Mode that began after the other SA was up replaces it: it may be dead. */
bool peer_sas_collided(const struct isakmp_sa *a, const struct isakmp_sa *b)
{
    return a->x.role != b->x.role && mono_since(a->began, b->since) < MONO_MS(COLLISION_MS) &&
           mono_since(b->began, a->since) < MONO_MS(COLLISION_MS);
}

/* What was replaced before the last one goes at once, lest there be no place for a Main Mode of the peer's. */
static void keep_one_replaced(struct ike *ike, struct peer *peer)
{
    struct isakmp_sa *last = NULL;
    for (size_t i = 0; i < PEER_SAS_MAX; i++) {
        struct isakmp_sa *sa = &peer->sa[i];
        if (!sa->used || !sa->up || mono_is_never(sa->discard_at))
            continue;
        struct isakmp_sa *older = last && sa->serial < last->serial ? sa : last;
        last = older == sa ? last : sa;
        if (older)
            older->discard_at = ike->now;
    }
}

/* One ISAKMP SA is kept: of two made at once by both ends the one with the larger cookies, else the new one. */
void peer_sa_replace_others(struct ike *ike, struct peer *peer, struct isakmp_sa *sa)
{
    for (size_t i = 0; i < PEER_SAS_MAX; i++) {
        struct isakmp_sa *other = &peer->sa[i];
        if (other == sa || !other->used || !other->up || !mono_is_never(other->discard_at))
            continue;
        bool other_wins = peer_sas_collided(sa, other) && memcmp(other->cookie_i, sa->cookie_i, WIRE_COOKIE) > 0;
        struct isakmp_sa *loser = other_wins ? sa : other;
        loser->discard_at = mono_after(ike->now, MONO_S(SA_OVERLAP_SECONDS));
    }
    keep_one_replaced(ike, peer);
}

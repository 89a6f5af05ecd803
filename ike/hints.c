/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what traffic tells about a headend. The data plane says about ten times a second that packets went out or came
 * in while there are any, and the first one after a pause at once. Entry points: hints_traffic, hints_tick,
 * hints_deadline. A hint is worth a probe and no more (liveness.c), and, once in a while, a new pair of SAs (hints_renew).
 *
 * A break: packets came in all the time, and with packets still going out they have stopped for longer than the data
 * plane's own period. One way: packets go out and none came back for a round trip; at OCI, which answers over either
 * tunnel, that is normal, so an answered probe keeps this hint quiet for a second. A break is not kept quiet by it.
 * And where packets do come in, the way out is worth a probe now and then all the same.
 */
#include "ike/state.h"

enum {
    STREAM_MS = 150,       /* two reports of inbound traffic at most so far apart: packets come in all the time */
    BREAK_MS = 130,        /* the period of reports, and what the machine takes to hand them on */
    ANSWER_MS = 50,        /* what a host behind the headend takes to answer, beyond the round trip */
    WAY_OUT_SECONDS = 10,
    QUICK_MS = 1200,       /* from an answer in Quick Mode, to the next hint that packets go one way */
    ONE_WAY_SECONDS = 10,  /* of packets that only go out on a pair: a new pair */
    ONE_WAY_DOUBLINGS = 8, /* of that, to 43 minutes, while new pairs change nothing */
    STILL_SECONDS = 2,     /* the last packet out was no longer ago */
    CURED_SECONDS = 3,     /* packets come in so soon on a new pair: it was the cure */
};

void hints_traffic(struct ike *ike, struct peer *peer, enum dp_direction direction)
{
    struct traffic *t = &peer->traffic;
    if (direction == DP_IN) {
        t->stream = mono_since(ike->now, t->in_at) <= MONO_MS(STREAM_MS);
        t->in_at = ike->now;
        t->unanswered_at = MONO_NEVER;
        return;
    }
    if (mono_is_never(t->unanswered_at))
        t->unanswered_at = ike->now;
    if (mono_since(ike->now, peer->answered_at) > MONO_S(WAY_OUT_SECONDS))
        liveness_hint(ike, peer, HINT_OTHER, "only its traffic was heard for a while");
}

void hints_pair(struct ike *ike, struct tunnel *tunnel, const struct child *child, enum dp_direction direction)
{
    struct one_way *o = &tunnel->one_way;
    if (direction == DP_IN) {
        if (child == child_current(tunnel) && mono_since(ike->now, child->since) < MONO_S(CURED_SECONDS))
            o->pairs = 0;
        o->since = MONO_NEVER;
    } else {
        o->since = mono_min(o->since, ike->now);
        o->last = ike->now;
    }
}

/*
 * A probe was answered, so the headend lives, but it may have the pair no more, or never had it: a Delete is sent once and
 * may be lost, and ESP under an SPI that it does not know is answered by nothing. A rekey costs no packet and mends it.
 * Where one way is the normal way, a new pair changes nothing, and the next one is not made before twice the time.
 */
void hints_renew(struct ike *ike, struct peer *peer)
{
    for (size_t t = 0; t < ike->conn_count; t++) {
        struct tunnel *tunnel = &ike->tunnels[t];
        struct one_way *o = &tunnel->one_way;
        struct child *c = tunnel->peer == peer->index ? child_current(tunnel) : NULL;
        if (!c || mono_since(ike->now, o->last) > MONO_S(STILL_SECONDS) ||
            !mono_reached(ike->now, mono_after(o->since, MONO_S(ONE_WAY_SECONDS) << o->pairs)))
            continue;
        o->since = ike->now;
        if (o->pairs < ONE_WAY_DOUBLINGS)
            o->pairs++;
        output_notice(ike, IKE_NOTICE_DEBUG, tunnel, IKE_CAUSE_NONE, "a new pair of SAs: the headend answers, but traffic only goes out");
        child_renew(c);
        peer_drive(ike, peer);
    }
}

/*
 * A message of Quick Mode answers one of ours as well as the answer to a probe would. And beside a Quick Mode, which with
 * packets one way only takes a second, probes are so few that two lost ones would make a headend silent.
 */
void hints_quick_answered(struct ike *ike, struct peer *peer)
{
    peer->hint_at[HINT_ONE_WAY] = mono_max(peer->hint_at[HINT_ONE_WAY], mono_after(ike->now, MONO_MS(QUICK_MS)));
}

void hints_answered(struct peer *peer)
{
    peer->traffic.stream = false;
    peer->traffic.unanswered_at = MONO_NEVER;
}

struct mono hints_deadline(const struct peer *peer)
{
    const struct traffic *t = &peer->traffic;
    if (mono_is_never(t->unanswered_at))
        return MONO_NEVER;
    if (t->stream)
        return mono_max(mono_max(mono_after(t->in_at, MONO_MS(BREAK_MS)), t->unanswered_at), peer->hint_at[HINT_BREAK]);
    return mono_max(mono_after(t->unanswered_at, liveness_round_trip(peer) + MONO_MS(ANSWER_MS)), peer->hint_at[HINT_ONE_WAY]);
}

void hints_tick(struct ike *ike, struct peer *peer)
{
    if (!mono_reached(ike->now, hints_deadline(peer)))
        return;
    bool stream = peer->traffic.stream;
    hints_answered(peer); /* to be seen anew */
    liveness_hint(ike, peer, stream ? HINT_BREAK : HINT_ONE_WAY, stream ? "its traffic stopped" : "traffic goes out and none comes back");
}

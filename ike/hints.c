/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what traffic tells about a headend. The data plane says about ten times a second that packets went out or came
 * in while there are any, and the first one after a pause at once. Entry points: hints_traffic, hints_tick,
 * hints_deadline. A hint is worth a probe and no more (liveness.c).
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

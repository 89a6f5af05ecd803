/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns every figure of time, fed with facts. The timers of the engine:
 *  - retransmission: retransmit-interval (0.5 s) doubling to 4 s, each with 10 % jitter; an exchange gives up
 *    after EXCHANGE_TRIES sends of one message (30 s), or ANSWERED_TRIES where the peer had answered before (12 s),
 *    the tunnel never does;
 *  - retry after an attempt was refused: 1, 2, 4, 4, .. s, each with 25 % jitter;
 *  - what the headend took down is made anew at once, or like a refused attempt where it was there for 10 s at most twice
 *    in a row;
 *  - rekey: lifetime less rekeymargin, which rekeyfuzz stretches at random (ipsec.conf); the responder of the SA
 *    waits for half of that margin longer, so that the two ends seldom begin at once; Quick Mode waits for a Main Mode
 *    that is under way;
 *  - dead peer detection has a file of its own: liveness.c;
 *  - NAT keepalive (RFC 3948 4): behind a NAT, when nothing went out for its interval.
 */
#include "ike/exchange_v1.h"

enum {
    RESEND_CAP_MS = 4000,
    EXCHANGE_TRIES = 10,
    ANSWERED_TRIES = 5,
    RETRY_CAP_MS = 4000,
    BRIEF_SECONDS = 10,
    MAIN_WAIT_SECONDS = 3, /* longer than a Main Mode takes unless messages are lost */
};

/* `us` give or take per cent. */
static int64_t jitter(struct ike *ike, int64_t us, uint32_t per_cent)
{
    int64_t span = us / 100 * per_cent;
    return us - span + (int64_t)ike_random_below(ike, (uint32_t)(2 * span + 1));
}

int64_t life_resend_after(struct ike *ike, const struct conf_conn *conf, unsigned tries)
{
    int64_t ms = conf->retransmit_interval ? conf->retransmit_interval : 500;
    while (tries-- > 0 && ms < RESEND_CAP_MS)
        ms *= 2;
    return jitter(ike, MONO_MS(ms > RESEND_CAP_MS ? RESEND_CAP_MS : ms), 10);
}

/* What was answered before and is no more: the headend has most likely begun anew, and a new exchange finds that out. */
bool life_exchange_over(const struct exchange *x)
{
    bool answered = x->role == ROLE_INITIATOR && (x->step > 0 || x->message_id != 0);
    return x->tries >= (answered ? ANSWERED_TRIES : EXCHANGE_TRIES);
}

int64_t life_retry_after(struct ike *ike, unsigned failures)
{
    int64_t ms = 1000;
    while (failures-- > 1 && ms < RETRY_CAP_MS)
        ms *= 2;
    return jitter(ike, MONO_MS(ms), 25) * 4 / 5; /* never above the cap */
}

/*
 * What the headend took down is made anew at once, but not what it takes down again and again as soon as it is there: a
 * link or a script that fails there would have us begin at the speed of the way to it.
 */
int64_t life_again_after(struct ike *ike, struct mono since, unsigned *undone)
{
    bool brief = mono_since(ike->now, since) < MONO_S(BRIEF_SECONDS);
    *undone = brief ? *undone + 1 : 0;
    return *undone > 1 ? life_retry_after(ike, *undone) : 0;
}

struct mono life_rekey_at(struct ike *ike, const struct conf_conn *conf, uint32_t life_seconds, enum role role)
{
    int64_t life = MONO_S(life_seconds), margin = MONO_S(conf->rekey_margin);
    int64_t most = margin + margin / 100 * conf->rekey_fuzz;
    if (most > life / 2) { /* short lives: keep the proportion, begin no earlier than half way */
        margin = margin * (life / 2) / (most ? most : 1);
        most = life / 2;
    }
    int64_t spread = most - margin;
    int64_t before = margin + (spread ? (int64_t)(ike_random_below(ike, 1000000) * (double)spread / 1000000) : 0);
    if (role == ROLE_RESPONDER)
        before /= 2;
    return mono_after(ike->now, life - before);
}

void life_shorten(struct ike *ike, const struct conf_conn *conf, uint32_t seconds, enum role role, struct mono *expires_at,
                  struct mono *rekey_at)
{
    struct mono end = mono_after(ike->now, MONO_S(seconds));
    if (seconds == 0 || end.us >= expires_at->us)
        return;
    *expires_at = end;
    if (conf->rekey)
        *rekey_at = life_rekey_at(ike, conf, seconds, role);
}

/*
 * Beside a Main Mode: strongSwan takes over the pairs that are there when that ends, and what is made on the ISAKMP SA of
 * before goes with it ten seconds later, unsaid. So a pair that replaces a living one waits for the successor, unless that
 * takes its time or the living one ends.
 */
struct mono life_quick_after(const struct ike *ike, const struct peer *peer, const struct tunnel *tunnel)
{
    struct mono after = ike->now;
    if (!child_carries(ike, tunnel))
        return after;
    for (size_t i = 0; i < PEER_SAS_MAX; i++) {
        const struct isakmp_sa *sa = &peer->sa[i];
        struct mono mine = mono_after(sa->began, MONO_S(MAIN_WAIT_SECONDS));
        if (sa->used && !sa->up)
            after = mono_max(after, sa->x.role == ROLE_INITIATOR ? mine : peer_main_hold_until(peer));
    }
    return mono_min(after, mono_after(child_current_const(tunnel)->expires_at, -MONO_S(MAIN_WAIT_SECONDS)));
}

/* ---- NAT keepalive ---- */

bool life_keepalive_needed(const struct peer *peer, const struct isakmp_sa *sa)
{
    bool asked = peer->conf->nat_keepalive && peer->conf->keepalive_interval > 0;
    return asked && sa->up && sa->encapsulate && sa->nat_near && peer->local.family != ADDR_NONE && mono_is_never(sa->discard_at);
}

void life_keepalive_tick(struct ike *ike, struct peer *peer, struct isakmp_sa *sa)
{
    if (!life_keepalive_needed(peer, sa) ||
        !mono_reached(ike->now, mono_after(peer->keepalive_at, MONO_S(peer->conf->keepalive_interval))))
        return;
    peer->keepalive_at = ike->now;
    output_keepalive(ike, &sa->path);
}

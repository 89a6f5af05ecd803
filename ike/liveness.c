/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the question whether a headend lives: dead peer detection (RFC 3706 5) and, before its timeout, the fast
 * one. Entry points: liveness_hint (something looks wrong; hints.c reads the traffic for that), liveness_answered,
 * liveness_tick, liveness_deadline, liveness_avoids.
 *
 * A hint only leads to a sequence of R-U-THEREs; what counts is an answer. The second one waits until the first could
 * have been answered, so that in good times there is one; those after it are PROBE_GAP apart, or PROVE_GAP while a Quick
 * Mode is under way, which more of them would push out of strongSwan's memory. No answer within
 * PROBE_WINDOW and the round trip makes the headend `silent`: its SAs stay, the data plane takes it out of the
 * routes, and a new Main Mode is tried beside them. An answer brings it back, after a hold-down that doubles with each
 * flap. What stays silent for dpdtimeout is dead. Inbound ESP proves nothing about the way out, so it ends no sequence.
 * The last tunnel that leads anywhere stays in the routes for LAST_MS more: there is nothing better to take, and when
 * all headends fall silent at once it is more likely our own line that is full.
 *
 * A new pair of SAs is no proof that the headend uses them: the last message of Quick Mode is not acknowledged, and a
 * headend may take seconds to make its links. So a tunnel that comes up beside living ones counts as alive once a
 * probe sent behind that message was answered, and dpdtimeout is its time for that, with a new Main Mode beside it when
 * the first seconds bring none. And a new Main Mode with a headend
 * that was silent proves nothing about IPsec SAs of before: it may have begun anew. Where the ISAKMP SA itself is gone,
 * nobody can be probed: then a Main Mode that is not answered tells the same, if more slowly.
 */
#include "ike/state.h"

#include "ike/iana.h"

#include <stdio.h>

enum {
    PROBE_GAP_MS = 30,
    PROBE_FIRST_LEAST_MS = 50,
    PROBE_FIRST_MOST_MS = 1000,
    PROBE_WINDOW_MS = 400,
    PROBE_BURST_MS = 8 * PROBE_GAP_MS, /* so long do probes follow the second one, however long the round trip */
    STALL_MS = 200,
    HINT_GAP_MS = 1000,          /* a hint of one kind leads to one sequence a second at most */
    PROVE_GAP_MS = 1000,         /* strongSwan keeps the state of three exchanges: more would push Quick Mode's out */
    PROVE_MAIN_MS = 4000,        /* unproven for so long: the headend may have begun anew behind our back */
    SILENT_GAP_MS = 500,         /* probes while silent */
    SILENT_MAIN_MS = 1500,       /* silent for so long: the headend may have lost its SAs */
    VAIN_MOST = 5,               /* doublings of these two while Main Modes that come through bring no answer to a probe */
    LAST_MS = 2000,
    HOLD_FIRST_MS = 400,
    HOLD_MOST_MS = 30000,
    HOLD_TOLD_MS = 2000,         /* a hold-down that a person may notice */
    FLAP_FORGET_SECONDS = 300,
    MAIN_TRIES = 4,              /* sends of a first message without an answer: 3.5 s */
};

static bool can_probe(const struct peer *peer, const struct isakmp_sa *sa)
{
    return sa && sa->up && sa->peer_dpd && peer->conf->dpd_delay > 0 && peer->local.family != ADDR_NONE;
}

static void probe(struct ike *ike, struct peer *peer, struct isakmp_sa *sa)
{
    struct dpd *d = &sa->dpd;
    if (!d->sent_any) {
        ike_random(ike, &d->sent_sequence, sizeof d->sent_sequence);
        d->sent_sequence &= 0x7fffffff; /* RFC 3706 7: room to count */
        d->sent_first = d->sent_sequence + 1;
        d->sent_any = true;
    }
    d->sent_sequence++;
    d->unanswered++;
    d->sent_at[d->sent_sequence % DPD_WINDOW] = ike->now;
    peer->probed_at = ike->now;
    uint32_t n = d->sent_sequence;
    const uint8_t data[] = { (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n };
    info_send_notify(ike, peer, sa, IANA_PROTOCOL_ISAKMP, IANA_NOTIFY_R_U_THERE, bytes_of(data, sizeof data));
}

int64_t liveness_round_trip(const struct peer *peer)
{
    int64_t trip = peer->round_trip_us > 0 ? peer->round_trip_us : MONO_MS(100);
    return trip < MONO_S(2) ? trip : MONO_S(2);
}

/*
 * The longer of the last two: one short answer must not make the window too short, nor a late one make it long for good.
 * The answer to a probe behind new SAs waits for the headend to make its links, which is no part of the way there.
 */
void liveness_measured(struct peer *peer, int64_t trip_us)
{
    if (peer->proving && peer->round_trip_us > 0 && trip_us > peer->round_trip_us)
        return;
    peer->round_trip_us = trip_us > peer->last_trip_us ? trip_us : peer->last_trip_us;
    peer->last_trip_us = trip_us;
}

/* After the first probe: until an answer should be here. */
static int64_t first_gap(const struct peer *peer)
{
    int64_t us = liveness_round_trip(peer) * 5 / 4 + MONO_MS(10);
    us = us > MONO_MS(PROBE_FIRST_LEAST_MS) ? us : MONO_MS(PROBE_FIRST_LEAST_MS);
    return us < MONO_MS(PROBE_FIRST_MOST_MS) ? us : MONO_MS(PROBE_FIRST_MOST_MS);
}

static int64_t window(const struct peer *peer)
{
    int64_t least = first_gap(peer) + MONO_MS(PROBE_BURST_MS);
    return (least > MONO_MS(PROBE_WINDOW_MS) ? least : MONO_MS(PROBE_WINDOW_MS)) + liveness_round_trip(peer);
}

bool liveness_asks(const struct peer *peer) { return peer->probing || peer->proving || peer->silent; }

void liveness_hint(struct ike *ike, struct peer *peer, enum hint kind, const char *why)
{
    struct isakmp_sa *sa = peer_sa_best(peer);
    if (!can_probe(peer, sa) || liveness_asks(peer) || !mono_reached(ike->now, peer->hint_at[kind]))
        return;
    output_notice(ike, IKE_NOTICE_DEBUG, &ike->tunnels[peer->conf - ike->conns], IKE_CAUSE_NONE, "probing the headend: %s", why);
    peer->probing = true;
    peer->probe_began = ike->now;
    peer->hint_at[kind] = mono_after(ike->now, MONO_MS(HINT_GAP_MS));
    sa->dpd.unanswered = 0;
    probe(ike, peer, sa);
    peer->probe_next = mono_after(ike->now, first_gap(peer));
}

static void say(struct ike *ike, const struct peer *peer, const char *text)
{
    for (size_t t = 0; t < ike->conn_count; t++)
        if (ike->tunnels[t].peer == peer->index && ike->tunnels[t].state == IKE_STATE_UP)
            output_notice(ike, IKE_NOTICE_STATE, &ike->tunnels[t], IKE_CAUSE_NONE, "%s", text);
}

static bool told_alive(const struct ike *ike, const struct peer *peer)
{
    for (size_t t = 0; t < ike->conn_count; t++)
        if (ike->tunnels[t].peer == peer->index && ike->tunnels[t].told_alive)
            return true;
    return false;
}

/* Another headend that answers carries traffic to the same subnet. */
static bool another_way(const struct ike *ike, const struct tunnel *tunnel)
{
    for (size_t t = 0; t < ike->conn_count; t++) {
        const struct tunnel *other = &ike->tunnels[t];
        if (other->peer != tunnel->peer && other->told_alive && !ike->peers[other->peer].silent &&
            prefix_equal(&conf_far(other->conf)->subnet, &conf_far(tunnel->conf)->subnet))
            return true;
    }
    return false;
}

bool liveness_avoids(const struct ike *ike, const struct tunnel *tunnel)
{
    const struct peer *peer = &ike->peers[tunnel->peer];
    if (!peer->silent)
        return false;
    bool may_stay = tunnel->told_alive && !another_way(ike, tunnel);
    return !may_stay || mono_reached(ike->now, mono_after(peer->silent_since, MONO_MS(LAST_MS)));
}

static int64_t hold_down(struct peer *peer, struct mono now)
{
    if (mono_since(now, peer->flap_at) > MONO_S(FLAP_FORGET_SECONDS))
        peer->flaps = 0;
    peer->flap_at = now;
    int64_t ms = HOLD_FIRST_MS;
    for (unsigned i = 0; i < peer->flaps && ms < HOLD_MOST_MS; i++)
        ms *= 2;
    peer->flaps++;
    return MONO_MS(ms > HOLD_MOST_MS ? HOLD_MOST_MS : ms);
}

static void fall_silent(struct ike *ike, struct peer *peer)
{
    peer->probing = peer->proving = false;
    peer->silent = true;
    peer->silent_since = ike->now;
    peer->silent_main = peer->hold_told = false;
    peer->trust_at = mono_after(ike->now, hold_down(peer, ike->now));
    peer_tell_alive(ike, peer);
    say(ike, peer, told_alive(ike, peer) ? "the headend answers no probe, but nothing else leads there"
                                         : "the headend answers no probe, so routes avoid it");
}

static void proven(struct ike *ike, struct peer *peer)
{
    peer->proving = false;
    for (size_t t = 0; t < ike->conn_count; t++) {
        struct tunnel *tunnel = &ike->tunnels[t];
        if (tunnel->peer != peer->index || !tunnel->unproven)
            continue;
        tunnel->unproven = false;
        tunnel_tell_alive(ike, tunnel);
    }
}

/* The first answer of a headend that falls silent again and again changes nothing yet, which somebody may wonder about. */
static void tell_held_down(struct ike *ike, struct peer *peer)
{
    char text[IKE_TEXT_MAX];
    int64_t left = peer->trust_at.us - ike->now.us;
    if (peer->hold_told || left < MONO_MS(HOLD_TOLD_MS))
        return;
    peer->hold_told = true;
    snprintf(text, sizeof text, "the headend answers, and routes take it again in %lld s if it goes on: it fell silent %u times of late",
             (long long)(left / MONO_S(1)), peer->flaps);
    say(ike, peer, text);
}

/* An answer while silent counts once the hold-down is over. */
void liveness_answered(struct ike *ike, struct peer *peer, struct mono sent)
{
    peer->probing = false;
    peer->answered_at = ike->now;
    peer->vain = 0;
    hints_answered(peer);
    if (peer->silent && !mono_reached(ike->now, peer->trust_at)) {
        tell_held_down(ike, peer);
    } else if (peer->silent) {
        peer->silent = false;
        say(ike, peer, "the headend answers again");
        peer_tell_alive(ike, peer);
    }
    if (mono_reached(sent, peer->prove_began))
        proven(ike, peer);
    if (!peer->silent)
        hints_renew(ike, peer);
}

/* What it had before may be gone at the other end, so new IPsec SAs follow. */
void liveness_established(struct ike *ike, struct peer *peer)
{
    peer->probing = false;
    peer->answered_at = ike->now;
    bool doubt = peer->silent || (peer->proving && peer->silent_main);
    peer->vain += doubt;
    for (size_t t = 0; doubt && t < ike->conn_count; t++) {
        struct child *c = ike->tunnels[t].peer == peer->index ? child_current(&ike->tunnels[t]) : NULL;
        if (!c)
            continue;
        child_renew(c);
        ike->tunnels[t].doubted = true;
    }
}

static bool quick_under_way(const struct ike *ike, const struct peer *peer)
{
    for (size_t t = 0; t < ike->conn_count; t++)
        if (ike->tunnels[t].peer == peer->index && tunnel_quick_under_way(&ike->tunnels[t]))
            return true;
    return false;
}

/* Others of this headend's tunnels are coming up, too: their exchanges go first. */
static bool others_under_way(const struct ike *ike, const struct peer *peer)
{
    for (size_t t = 0; t < ike->conn_count; t++)
        if (ike->tunnels[t].peer == peer->index && ike->tunnels[t].wanted && !tunnel_child(&ike->tunnels[t]))
            return true;
    return quick_under_way(ike, peer);
}

void liveness_child_up(struct ike *ike, struct tunnel *tunnel)
{
    struct peer *peer = &ike->peers[tunnel->peer];
    struct isakmp_sa *sa = peer_sa_best(peer);
    /* Both ends may have begun at once: the second pair proves no more than the first, and nobody else tells of the tunnel. */
    bool fresh = tunnel->state != IKE_STATE_UP || tunnel->doubted || tunnel->unproven;
    tunnel->doubted = false;
    tunnel->unproven = fresh && can_probe(peer, sa);
    if (!tunnel->unproven) {
        tunnel_tell_alive(ike, tunnel);
        return;
    }
    peer->proving = true;
    peer->silent_main = peer->silent; /* then the new Main Mode has just been */
    peer->probing = false;
    peer->prove_began = peer->probed_at = ike->now;
    sa->dpd.unanswered = 0;
    if (!others_under_way(ike, peer))
        probe(ike, peer, sa);
}

/* A headend that agrees to everything and answers no probe, or none that comes through, is left alone for longer each time. */
static int64_t main_wait(const struct peer *peer, int64_t ms)
{
    return MONO_MS(ms << (peer->vain < VAIN_MOST ? peer->vain : VAIN_MOST));
}

static struct mono probing_due(const struct peer *peer)
{
    return mono_min(mono_after(peer->probe_began, window(peer)), peer->probe_next);
}

/* A machine that stood still (a busy host under a virtual one) must not take its own silence for the headend's. */
static void forgive_own_stall(struct peer *peer, struct mono now)
{
    int64_t late = mono_since(now, probing_due(peer));
    if (late > MONO_MS(STALL_MS))
        peer->probe_began = mono_after(peer->probe_began, late);
}

static void tick_probing(struct ike *ike, struct peer *peer, struct isakmp_sa *sa)
{
    forgive_own_stall(peer, ike->now);
    if (mono_reached(ike->now, mono_after(peer->probe_began, window(peer)))) {
        fall_silent(ike, peer);
    } else if (mono_reached(ike->now, peer->probe_next)) {
        probe(ike, peer, sa);
        peer->probe_next = mono_after(ike->now, MONO_MS(quick_under_way(ike, peer) ? PROVE_GAP_MS : PROBE_GAP_MS));
    }
}

static void tick_proving(struct ike *ike, struct peer *peer, struct isakmp_sa *sa)
{
    if (mono_reached(ike->now, mono_after(peer->prove_began, MONO_S(peer->conf->dpd_timeout))))
        fall_silent(ike, peer);
    else if (mono_reached(ike->now, mono_after(peer->probed_at, MONO_MS(PROVE_GAP_MS))))
        probe(ike, peer, sa);
    if (!peer->silent_main && mono_reached(ike->now, mono_after(peer->prove_began, main_wait(peer, PROVE_MAIN_MS))))
        peer->silent_main = peer->rekey_asked = true;
}

static bool timed_out(struct ike *ike, struct peer *peer)
{
    char why[96];
    if (mono_since(ike->now, peer->heard_at) < MONO_S(peer->conf->dpd_timeout))
        return false;
    snprintf(why, sizeof why, "nothing heard for %u s", peer->conf->dpd_timeout);
    peer_dead(ike, peer, IKE_CAUSE_PEER_DEAD, why);
    return true;
}

/*
 * When a silent headend may have lost its SAs, so that a new Main Mode is worth while; at once in a flood where its own may
 * drown. Not while it answers and only the hold-down keeps it out: that took two a second for as much as half a minute.
 */
static struct mono silent_main_at(const struct peer *peer)
{
    bool flooded = mono_since(peer->silent_since, peer->limits.flood_at) < MONO_S(1);
    return mono_after(mono_max(peer->silent_since, peer->answered_at), main_wait(peer, flooded && !peer->vain ? 0 : SILENT_MAIN_MS));
}

static void tick_silent(struct ike *ike, struct peer *peer, struct isakmp_sa *sa)
{
    if (timed_out(ike, peer))
        return;
    if (mono_reached(ike->now, silent_main_at(peer)) && !(peer->silent_main && peer_main_under_way(peer)))
        peer->silent_main = peer->rekey_asked = true; /* and again when that came to nothing: its traffic may keep the timeout away */
    if (mono_reached(ike->now, mono_after(peer->silent_since, MONO_MS(LAST_MS))))
        peer_tell_alive(ike, peer);
    if (mono_reached(ike->now, mono_after(peer->probed_at, MONO_MS(SILENT_GAP_MS))))
        probe(ike, peer, sa);
}

static bool any_up(const struct ike *ike, const struct peer *peer)
{
    for (size_t t = 0; t < ike->conn_count; t++)
        if (ike->tunnels[t].peer == peer->index && ike->tunnels[t].state == IKE_STATE_UP)
            return true;
    return false;
}

static bool main_unanswered(const struct peer *peer)
{
    for (size_t i = 0; i < PEER_SAS_MAX; i++) {
        const struct isakmp_sa *sa = &peer->sa[i];
        if (sa->used && !sa->up && sa->x.role == ROLE_INITIATOR && sa->x.step == 0 && sa->x.tries >= MAIN_TRIES)
            return true;
    }
    return false;
}

/*
 * No answer can end it any more: its SAs are gone, of which the tunnels' own state tells; or it is there and not to be asked
 * (dpddelay=0 since, or it does not know how any more), while its traffic would keep the timeout away for ever.
 */
static bool silence_over(const struct ike *ike, const struct peer *peer, const struct isakmp_sa *sa)
{
    return !any_up(ike, peer) || (sa && peer->local.family != ADDR_NONE);
}

/* No ISAKMP SA to ask under, or a headend that does not answer such questions. */
static void tick_unasked(struct ike *ike, struct peer *peer, const struct isakmp_sa *sa)
{
    peer->probing = false;
    if (peer->silent && silence_over(ike, peer, sa)) {
        peer->silent = false;
        peer_tell_alive(ike, peer);
    }
    if (!peer->silent && !sa && main_unanswered(peer) && any_up(ike, peer) && peer->conf->dpd_delay > 0)
        fall_silent(ike, peer);
    if (!peer->silent)
        proven(ike, peer); /* nobody can be asked */
    else if (!timed_out(ike, peer) && mono_reached(ike->now, mono_after(peer->silent_since, MONO_MS(LAST_MS))))
        peer_tell_alive(ike, peer);
}

void liveness_tick(struct ike *ike, struct peer *peer)
{
    struct isakmp_sa *sa = peer_sa_best(peer);
    if (!can_probe(peer, sa))
        tick_unasked(ike, peer, sa);
    else if (peer->silent)
        tick_silent(ike, peer, sa);
    else if (peer->proving)
        tick_proving(ike, peer, sa);
    else if (peer->probing)
        tick_probing(ike, peer, sa);
    else if (mono_reached(ike->now, mono_after(peer->heard_at, MONO_S(peer->conf->dpd_delay))))
        liveness_hint(ike, peer, HINT_OTHER, "nothing was heard for dpddelay");
    else
        hints_tick(ike, peer);
}

/* When a silent headend's tunnels are looked at again: told dead though they are the last, or given up. */
static struct mono silent_due(const struct ike *ike, const struct peer *peer)
{
    struct mono dead = mono_after(peer->heard_at, MONO_S(peer->conf->dpd_timeout));
    return told_alive(ike, peer) ? mono_min(dead, mono_after(peer->silent_since, MONO_MS(LAST_MS))) : dead;
}

static struct mono silent_probing_due(const struct ike *ike, const struct peer *peer)
{
    struct mono due = mono_min(silent_due(ike, peer), mono_after(peer->probed_at, MONO_MS(SILENT_GAP_MS)));
    return peer->silent_main ? due : mono_min(due, silent_main_at(peer));
}

static struct mono proving_due(const struct peer *peer)
{
    struct mono due = mono_min(mono_after(peer->prove_began, MONO_S(peer->conf->dpd_timeout)), mono_after(peer->probed_at, MONO_MS(PROVE_GAP_MS)));
    return peer->silent_main ? due : mono_min(due, mono_after(peer->prove_began, main_wait(peer, PROVE_MAIN_MS)));
}

static struct mono idle_due(const struct peer *peer)
{
    struct mono due = mono_after(peer->heard_at, MONO_S(peer->conf->dpd_delay));
    struct mono gate = peer->hint_at[HINT_OTHER];
    return mono_min(due.us > gate.us ? due : gate, hints_deadline(peer));
}

struct mono liveness_deadline(const struct ike *ike, const struct peer *peer, const struct isakmp_sa *sa)
{
    if (!can_probe(peer, sa)) {
        if (peer->silent)
            return silence_over(ike, peer, sa) ? ike->now : silent_due(ike, peer);
        return peer->probing || peer->proving ? peer->probe_began : MONO_NEVER;
    }
    if (peer->silent)
        return silent_probing_due(ike, peer);
    if (peer->proving)
        return proving_due(peer);
    return peer->probing ? probing_due(peer) : idle_due(peer);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the end of Quick Modes that do not complete: retransmission, giving up, an authenticated refusal, a message 3
 * that the peer cannot read, and forgetting what is kept for duplicates. Entry points: quick_tick, quick_refused,
 * quick_fail.
 */
#include "ike/exchange_v1.h"

#include "ike/iana.h"

#include <stdio.h>

enum {
    THIRD_SECONDS = 10, /* for the peer to say that it cannot read message 3 */
    LATE_SECONDS = 2,   /* for message 3 to be still on its way */
    RENEW_SECONDS = 10, /* a pair is no older: it is not replaced because the headend says that it has none */
    UNANSWERED_MOST = 4, /* Quick Modes in a row without an answer, after which another ISAKMP SA is tried */
};

void quick_fail(struct ike *ike, struct tunnel *tunnel, struct quick *quick, enum ike_cause cause, const char *detail)
{
    struct child *child = &tunnel->child[quick->child];
    bool mine = quick->x.role == ROLE_INITIATOR;
    struct ike_evidence evidence = { .quick_mode = true, .heard = mine ? 0 : 1, .sent = quick->x.tries };
    quick_free(quick);
    if (child->state == CHILD_INSTALLING)
        child_remove(ike, tunnel, child);
    child_none_left(ike, tunnel, detail);
    if (!mine)
        return;
    tunnel_failed(ike, tunnel, cause, detail);
    tunnel->evidence = evidence;
}

/* What we offer is well formed: Libreswan calls it bad syntax where there is a group in it that it does not have. */
static enum ike_cause refusal_cause(uint16_t notify, crypto_group group)
{
    switch (notify) {
    case IANA_NOTIFY_BAD_PROPOSAL_SYNTAX:
        return group ? IKE_CAUSE_PFS : IKE_CAUSE_ESP_PROPOSAL;
    case IANA_NOTIFY_ATTRIBUTES_NOT_SUPPORTED:
    case IANA_NOTIFY_NO_PROPOSAL_CHOSEN:
        return IKE_CAUSE_ESP_PROPOSAL;
    case IANA_NOTIFY_INVALID_ID_INFORMATION:
        return IKE_CAUSE_SUBNETS;
    case IANA_NOTIFY_INVALID_KEY_INFORMATION:
        return IKE_CAUSE_PFS;
    default:
        return IKE_CAUSE_PROTOCOL;
    }
}

/* Message 3 is sent, and may not have arrived yet. */
static bool third_sent(const struct quick *q)
{
    return q->x.role == ROLE_INITIATOR && (q->phase == QUICK_DONE || (q->phase == QUICK_WAIT_MESSAGE && q->x.step == 1));
}

static void presume(const struct quick *q, struct child *c)
{
    if (!third_sent(q) || c->traffic_in_at.us)
        return;
    child_renew(c);
    c->presumed = true;
}

/* The peer deletes that ISAKMP SA: message 3 may have come too late to be taken, and another pair follows to be sure. */
void quick_sa_deleted(struct ike *ike, const struct peer *peer, const struct isakmp_sa *sa)
{
    for (size_t t = 0; t < ike->conn_count; t++)
        for (size_t i = 0; ike->tunnels[t].peer == peer->index && i < TUNNEL_QUICKS_MAX; i++) {
            const struct quick *q = &ike->tunnels[t].quick[i];
            if (q->sa_serial == sa->serial && mono_since(ike->now, q->x.sent_at) < MONO_S(LATE_SECONDS))
                presume(q, &ike->tunnels[t].child[q->child]);
        }
}

static bool awaits_answer(const struct quick *q, const struct isakmp_sa *sa, enum role role)
{
    return q->phase == QUICK_WAIT_MESSAGE && q->x.role == role && q->x.step == (role == ROLE_INITIATOR ? 0 : 1) && q->sa_serial == sa->serial;
}

struct waiting {
    struct quick *quick;   /* the one with the SPI, else the last one */
    struct tunnel *tunnel;
    unsigned count;
    bool named;
};

static struct waiting find_waiting(struct ike *ike, const struct peer *peer, const struct isakmp_sa *sa, enum role role, uint32_t spi)
{
    struct waiting w = { .count = 0 };
    for (size_t t = 0; t < ike->conn_count; t++)
        for (size_t i = 0; ike->tunnels[t].peer == peer->index && i < TUNNEL_QUICKS_MAX && !w.named; i++) {
            struct quick *q = &ike->tunnels[t].quick[i];
            if (!awaits_answer(q, sa, role))
                continue;
            w = (struct waiting){ q, &ike->tunnels[t], w.count + 1, spi && (q->spi_in == spi || q->spi_out == spi) };
        }
    return w;
}

/* By the SPI, else the only one of ours that waits for message 2, else the only one of the headend's that waits for message 3. */
static struct waiting find_refused(struct ike *ike, const struct peer *peer, const struct isakmp_sa *sa, uint32_t spi)
{
    struct waiting mine = find_waiting(ike, peer, sa, ROLE_INITIATOR, spi), theirs = find_waiting(ike, peer, sa, ROLE_RESPONDER, spi);
    struct waiting found = mine.named || (mine.count && !theirs.named) ? mine : theirs;
    if (!found.named && found.count != 1)
        found.quick = NULL;
    return found;
}

/*
 * The peer says that it cannot read our message 3: strongSwan remembers three exchanges of phase 2, and whichever came
 * between has taken this one's IV. No repetition helps, a new Quick Mode does, with one at a time from now on. Which one
 * it is about is not said: each whose pair nothing has come on yet. False: it cannot be about a message 3.
 */
static bool third_refused(struct ike *ike, struct peer *peer, const struct isakmp_sa *sa)
{
    bool found = false;
    for (size_t t = 0; t < ike->conn_count; t++)
        for (size_t i = 0; ike->tunnels[t].peer == peer->index && i < TUNNEL_QUICKS_MAX; i++) {
            struct tunnel *tunnel = &ike->tunnels[t];
            struct quick *q = &tunnel->quick[i];
            struct child *c = &tunnel->child[q->child];
            if (!third_sent(q) || q->sa_serial != sa->serial || c->traffic_in_at.us)
                continue;
            bool done = q->phase == QUICK_DONE, late = done && mono_since(ike->now, c->since) >= MONO_S(THIRD_SECONDS);
            found |= !late;
            peer->few_exchanges = true;
            if (!late)
                child_renew(c);
            if (done)
                quick_free(q); /* so that message 3 is not repeated, to the same answer */
            else
                quick_fail(ike, tunnel, q, IKE_CAUSE_PROTOCOL, "the headend cannot read message 3");
        }
    return found;
}

static struct child *find_pair(struct ike *ike, const struct peer *peer, uint32_t spi)
{
    struct child *found = NULL;
    for (size_t t = 0; spi && !found && t < ike->conn_count; t++)
        if (ike->tunnels[t].peer == peer->index) {
            found = child_find(&ike->tunnels[t], DP_OUT, spi);
            found = found ? found : child_find(&ike->tunnels[t], DP_IN, spi);
        }
    return found && found->state != CHILD_INSTALLING ? found : NULL;
}

/*
 * It is about a pair that is there, or was: no Quick Mode ends. The headend does not have, as INVALID-SPI says, what we send
 * on: another pair follows, but not again and again for one that it only just agreed to.
 */
static bool about_pair(struct ike *ike, const struct peer *peer, uint32_t spi, uint16_t notify)
{
    struct child *c = find_pair(ike, peer, spi);
    if (c && notify == IANA_NOTIFY_INVALID_SPI && c->spi_out == spi && c->state == CHILD_UP &&
        mono_since(ike->now, c->since) >= MONO_S(RENEW_SECONDS))
        child_renew(c);
    return c || (spi && notify == IANA_NOTIFY_INVALID_SPI);
}

/*
 * An authenticated error: the Quick Mode that it names, or the only one that is under way, ends at once. A
 * PAYLOAD-MALFORMED without a name is about a message 3, if one may still be on its way.
 */
void quick_refused(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, uint32_t spi, uint16_t notify)
{
    if (notify == IANA_NOTIFY_PAYLOAD_MALFORMED && !spi && third_refused(ike, peer, sa))
        return;
    struct waiting w = find_refused(ike, peer, sa, spi);
    if ((!w.named && about_pair(ike, peer, spi, notify)) || !w.quick)
        return;
    char detail[96];
    bool mine = w.quick->x.role == ROLE_INITIATOR;
    snprintf(detail, sizeof detail, "the headend answered %s", iana_notify_name(notify));
    w.tunnel->unfinished |= !mine;
    quick_fail(ike, w.tunnel, w.quick, refusal_cause(notify, w.quick->group), detail);
    if (!mine)
        return;
    w.tunnel->evidence.notify = notify;
    w.tunnel->evidence.authenticated = true;
}

/*
 * An answer to a probe since then says that the peer has the ISAKMP SA: it stays, for its other tunnels, too, and another
 * is tried beside it now and then, seldomer each time. Where nobody can be asked it may have lost it, and there is another at once.
 */
static void doubt_sa(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, const struct tunnel *tunnel, struct mono began)
{
    liveness_hint(ike, peer, HINT_OTHER, "Quick Mode was not answered");
    bool asked = liveness_asks(peer), answered = peer->answered_at.us >= began.us && peer->answered_at.us > sa->since.us;
    if (!asked && !answered) {
        info_send_delete_sa(ike, sa);
        peer_sa_free(sa);
        return;
    }
    bool power_of_two = (tunnel->failures & (tunnel->failures - 1)) == 0;
    peer->rekey_asked |= tunnel->failures >= UNANSWERED_MOST && power_of_two;
}

/*
 * No answer to our message 1: the peer may have lost the ISAKMP SA. No message 3: the peer may have the pair all the same,
 * and is told that it is gone.
 */
static void give_up(struct ike *ike, struct peer *peer, struct tunnel *tunnel, struct quick *q)
{
    struct isakmp_sa *sa = peer_sa_serial(peer, q->sa_serial);
    bool initiator = q->x.role == ROLE_INITIATOR, up = sa && sa->up;
    struct mono began = q->began;
    if (!initiator && up)
        info_send_delete_child(ike, sa, q->spi_in);
    quick_fail(ike, tunnel, q, IKE_CAUSE_LOST_ANSWER, "no answer to Quick Mode");
    if (initiator && up)
        doubt_sa(ike, peer, sa, tunnel, began);
}

/* Not answered under an ISAKMP SA that has a successor: the peer may not have that any more. It is begun anew under the other. */
static bool outlived(const struct peer *peer, const struct quick *q)
{
    const struct isakmp_sa *best = peer_sa_best_const(peer);
    return q->x.role == ROLE_INITIATOR && q->x.step == 0 && q->x.tries >= LIVELY_TRIES && best && best->serial > q->sa_serial;
}

void quick_tick(struct ike *ike, struct peer *peer, struct tunnel *tunnel)
{
    for (size_t i = 0; i < TUNNEL_QUICKS_MAX; i++) {
        struct quick *q = &tunnel->quick[i];
        if (q->phase == QUICK_DONE && mono_reached(ike->now, q->forget_at))
            quick_free(q);
        if (q->phase != QUICK_WAIT_MESSAGE || !mono_reached(ike->now, q->x.resend_at))
            continue;
        struct isakmp_sa *sa = peer_sa_serial(peer, q->sa_serial);
        if (q->x.role == ROLE_INITIATOR && q->x.step == 1) { /* see the order of installation in quick_v1.c */
            if (!sa)
                presume(q, &tunnel->child[q->child]);
            quick_install_out(ike, tunnel, q);
            continue;
        }
        if (outlived(peer, q)) {
            child_remove(ike, tunnel, &tunnel->child[q->child]);
            tunnel->retry_at = ike->now;
            continue;
        }
        tunnel->unfinished |= q->x.role == ROLE_RESPONDER && q->x.tries >= LIVELY_TRIES;
        if (!sa || life_exchange_over(&q->x))
            give_up(ike, peer, tunnel, q);
        else
            exchange_send(ike, tunnel->conf, &q->x, &sa->path, true);
    }
}

struct mono quick_deadline(const struct tunnel *tunnel)
{
    struct mono due = MONO_NEVER;
    for (size_t i = 0; i < TUNNEL_QUICKS_MAX; i++) {
        const struct quick *q = &tunnel->quick[i];
        if (q->phase == QUICK_DONE)
            due = mono_min(due, q->forget_at);
        else if (q->phase == QUICK_WAIT_MESSAGE)
            due = mono_min(due, q->x.resend_at);
    }
    return due;
}

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

/* The Quick Mode of ours with that SPI, else the only one that waits for message 2; NULL when it cannot be told. */
static struct quick *find_refused(struct ike *ike, const struct peer *peer, const struct isakmp_sa *sa, uint32_t spi, struct tunnel **tunnel)
{
    struct quick *only = NULL;
    unsigned waiting = 0;
    for (size_t t = 0; t < ike->conn_count; t++)
        for (size_t i = 0; ike->tunnels[t].peer == peer->index && i < TUNNEL_QUICKS_MAX; i++) {
            struct quick *q = &ike->tunnels[t].quick[i];
            if (q->phase != QUICK_WAIT_MESSAGE || q->x.role != ROLE_INITIATOR || q->x.step != 0 || q->sa_serial != sa->serial)
                continue;
            *tunnel = &ike->tunnels[t];
            if (spi && q->spi_in == spi)
                return q;
            only = q;
            waiting++;
        }
    return waiting == 1 ? only : NULL;
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

/*
 * An authenticated error: the Quick Mode that it names, or the only one that is under way, ends at once. A
 * PAYLOAD-MALFORMED without a name is about a message 3, if one may still be on its way.
 */
void quick_refused(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, uint32_t spi, uint16_t notify)
{
    struct tunnel *tunnel = NULL;
    if (notify == IANA_NOTIFY_PAYLOAD_MALFORMED && !spi && third_refused(ike, peer, sa))
        return;
    struct quick *quick = find_refused(ike, peer, sa, spi, &tunnel);
    if (!quick)
        return;
    char detail[96];
    snprintf(detail, sizeof detail, "the headend answered %s", iana_notify_name(notify));
    quick_fail(ike, tunnel, quick, refusal_cause(notify, quick->group), detail);
    tunnel->evidence.notify = notify;
    tunnel->evidence.authenticated = true;
}

/*
 * No answer to our message 1: the peer may have lost the ISAKMP SA, so the next attempt begins with Main Mode. No
 * message 3: the peer may have the pair all the same, and is told that it is gone.
 */
static void give_up(struct ike *ike, struct peer *peer, struct tunnel *tunnel, struct quick *q)
{
    struct isakmp_sa *sa = peer_sa_serial(peer, q->sa_serial);
    bool initiator = q->x.role == ROLE_INITIATOR, up = sa && sa->up;
    if (!initiator && up)
        info_send_delete_child(ike, sa, q->spi_in);
    quick_fail(ike, tunnel, q, IKE_CAUSE_LOST_ANSWER, "no answer to Quick Mode");
    if (initiator)
        liveness_hint(ike, peer, HINT_OTHER, "Quick Mode was not answered");
    if (initiator && up && !peer->probing)
        peer_sa_free(sa);
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

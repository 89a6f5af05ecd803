/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what becomes of a headend's tunnels when an ISAKMP SA is established, fails or is deleted, when the way to the
 * headend changes, and with time. Entry points: peer_sa_established, peer_sa_failed, peer_sa_deleted, peer_dead,
 * peer_adopt_path, peer_path_changed, peer_tick. What is begun next is drive.c's. RFC 2408 2.5.3, RFC 3947 4.
 * Invariants: IPsec SAs do not depend on the ISAKMP SA that made them; nothing that has not authenticated removes
 * anything; an SA with ESP in UDP has its path on port 4500 from the change to it on.
 */
#include "ike/quick_v1.h"

#include "ike/iana.h"
#include "ike/id.h"
#include "ike/proposal.h"

#include <stdio.h>

enum {
    HALF_OPEN_SECONDS = 30,       /* a Main Mode that the peer began and does not finish */
    QUICK_WAIT_MS = 1000,         /* who began Main Mode begins Quick Mode: how long we leave that to the peer */
    SPARE_RETRY_SECONDS = 30,     /* between attempts to replace an ISAKMP SA that has SPARE_SECONDS left */
    SPARE_SECONDS = 600,
    SUSPECT_TRIES = 4,            /* sends of one message without an answer after which the likely cause is told: 3.5 s */
};

/* ---- what ended ---- */

void peer_sa_failed(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, enum ike_cause cause)
{
    bool mine = sa->x.role == ROLE_INITIATOR;
    unsigned tries = sa->x.tries;
    struct ike_evidence evidence = evidence_of_main(sa);
    char detail[64];
    snprintf(detail, sizeof detail, "%u messages sent without an answer", tries);
    peer_sa_free(sa);
    if (!mine && cause != IKE_CAUSE_IKE_ID)
        return;
    peer->failures++;
    /* An attempt that ran out has waited long enough already; one that was refused must not be repeated at once. */
    bool refused = tries < SUSPECT_TRIES;
    peer->retry_at = refused ? mono_after(ike->now, life_retry_after(ike, peer->failures)) : ike->now;
    const struct isakmp_sa *spare = peer_sa_best_const(peer);
    if (spare && spare->expires_at.us - ike->now.us > MONO_S(SPARE_SECONDS)) /* nothing is lost without a successor */
        peer->retry_at = mono_max(peer->retry_at, mono_after(ike->now, MONO_S(SPARE_RETRY_SECONDS)));
    for (size_t t = 0; !spare && t < ike->conn_count; t++)
        if (ike->tunnels[t].peer == peer->index && ike->tunnels[t].wanted && ike->tunnels[t].state != IKE_STATE_UP) {
            tunnel_failed(ike, &ike->tunnels[t], cause, refused ? "" : detail);
            ike->tunnels[t].evidence = evidence;
            ike->tunnels[t].retry_at = peer->retry_at;
        }
}

static void remove_children(struct ike *ike, const struct peer *peer)
{
    for (size_t t = 0; t < ike->conn_count; t++) {
        struct tunnel *tunnel = &ike->tunnels[t];
        if (tunnel->peer != peer->index)
            continue;
        for (size_t i = 0; i < TUNNEL_CHILDREN_MAX; i++)
            if (tunnel->child[i].state != CHILD_FREE)
                child_remove(ike, tunnel, &tunnel->child[i]);
        for (size_t i = 0; i < TUNNEL_QUICKS_MAX; i++)
            if (tunnel->quick[i].phase != QUICK_FREE)
                quick_free(&tunnel->quick[i]);
    }
}

void peer_fall(struct ike *ike, struct peer *peer, enum ike_state state, enum ike_cause cause, const char *why)
{
    for (size_t t = 0; t < ike->conn_count; t++) {
        struct tunnel *tunnel = &ike->tunnels[t];
        if (tunnel->peer != peer->index || tunnel->state != IKE_STATE_UP || child_current(tunnel))
            continue;
        tunnel_cause(ike, tunnel, cause, why);
        tunnel_enter(ike, tunnel, tunnel->wanted ? state : IKE_STATE_DOWN, why);
        tunnel->retry_at = ike->now;
    }
}

void peer_dead(struct ike *ike, struct peer *peer, enum ike_cause cause, const char *why)
{
    for (size_t i = 0; i < PEER_SAS_MAX; i++)
        peer_sa_free(&peer->sa[i]);
    remove_children(ike, peer);
    peer_fall(ike, peer, IKE_STATE_CONNECTING, cause, why);
    peer->retry_at = ike->now;
    peer_drive(ike, peer);
}

bool peer_sa_deleted(struct ike *ike, struct peer *peer, const struct isakmp_sa *carrier, struct bytes cookies)
{
    for (size_t i = 0; i < PEER_SAS_MAX; i++) {
        struct isakmp_sa *sa = &peer->sa[i];
        if (!sa->up || memcmp(sa->cookie_i, cookies.data, WIRE_COOKIE) != 0 ||
            memcmp(sa->cookie_r, cookies.data + WIRE_COOKIE, WIRE_COOKIE) != 0)
            continue;
        bool this_one = sa == carrier;
        int64_t again = life_again_after(ike, sa->since, &peer->undone);
        quick_sa_deleted(ike, peer, sa);
        peer_sa_free(sa);
        peer_fall(ike, peer, IKE_STATE_CONNECTING, IKE_CAUSE_PEER_DELETED, "the headend deleted the ISAKMP SA");
        peer->retry_at = mono_after(ike->now, again + MONO_MS(200)); /* it may be stopping: its other Deletes come first */
        return this_one;
    }
    return false;
}

/* ---- what was established ---- */

static void tell_established(struct ike *ike, struct peer *peer, const struct isakmp_sa *sa)
{
    char proposal[96], why[IKE_TEXT_MAX];
    proposal_print_ike(&sa->chosen, proposal, sizeof proposal);
    snprintf(why, sizeof why, "ISAKMP SA established as %s, %s%s%s", sa->x.role == ROLE_INITIATOR ? "initiator" : "responder", proposal,
             sa->nat_near ? ", NAT here" : "", sa->encapsulate ? ", ESP in UDP" : "");
    for (size_t t = 0; t < ike->conn_count; t++) {
        struct tunnel *tunnel = &ike->tunnels[t];
        if (tunnel->peer != peer->index)
            continue;
        if (tunnel->state == IKE_STATE_UP)
            output_notice(ike, IKE_NOTICE_STATE, tunnel, IKE_CAUSE_NONE, "%s", why);
        else if (tunnel->wanted)
            tunnel_enter(ike, tunnel, IKE_STATE_AUTHENTICATED, why);
    }
}

static void wipe_handshake(struct isakmp_sa *sa)
{
    bytes_wipe(sa->exponent, sizeof sa->exponent);
    bytes_wipe(sa->keys.skeyid, sizeof sa->keys.skeyid);
    bytes_wipe(sa->keys.skeyid_e, sizeof sa->keys.skeyid_e);
}

static void follow_children(struct ike *ike, const struct peer *peer, const struct ike_path *path)
{
    for (size_t t = 0; t < ike->conn_count; t++)
        for (size_t i = 0; ike->tunnels[t].peer == peer->index && i < TUNNEL_CHILDREN_MAX; i++)
            child_follow(ike, &ike->tunnels[t], &ike->tunnels[t].child[i], path);
}

void peer_sa_established(struct ike *ike, struct peer *peer, struct isakmp_sa *sa)
{
    bool responder = sa->x.role == ROLE_RESPONDER;
    sa->since = ike->now;
    sa->x.resend_at = MONO_NEVER;
    sa->rekey_at = peer->conf->rekey ? life_rekey_at(ike, peer->conf, sa->life_seconds, sa->x.role) : MONO_NEVER;
    sa->expires_at = mono_after(ike->now, MONO_S(sa->life_seconds));
    sa->quick_wait = responder ? mono_after(ike->now, MONO_MS(QUICK_WAIT_MS)) : ike->now;
    wipe_handshake(sa);
    peer->rekey_asked = false;
    peer_main_hold_again(ike, peer);
    if (responder)
        first_prove(ike, peer, sa);
    if (sa->initial_contact)
        peer_initial_contact(ike, peer, sa);
    peer_sa_replace_others(ike, peer, sa);
    for (size_t i = 0; i < PEER_SAS_MAX; i++) /* an attempt of ours that nobody has answered is not needed any more */
        if (peer->sa[i].used && !peer->sa[i].up && peer->sa[i].x.role == ROLE_INITIATOR && peer->sa[i].x.step == 0)
            peer_sa_free(&peer->sa[i]);
    peer->heard_at = ike->now;
    peer->keepalive_at = ike->now;
    tell_established(ike, peer, sa);
    if (sa->encapsulate)
        follow_children(ike, peer, &sa->path); /* ESP that tells the same port later brings nothing new */
    liveness_established(ike, peer);
    peer_drive(ike, peer);
}

void peer_heard(struct ike *ike, struct peer *peer)
{
    peer->heard_at = ike->now;
}

/* An authenticated message came another way than before: a NAT has forgotten its mapping, or the peer has moved. */
void peer_adopt_path(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, const struct ike_path *path)
{
    char text[ENDPOINT_TEXT_MAX];
    if (sa->encapsulate && path->local.port != IKE_PORT_NATT)
        return; /* RFC 3947 4: whoever passes on there what came for 4500 must not move the SA, and ESP with it */
    if (endpoint_equal(&sa->path.remote, &path->remote) && endpoint_equal(&sa->path.local, &path->local))
        return;
    output_notice(ike, IKE_NOTICE_STATE, &ike->tunnels[peer->conf - ike->conns], IKE_CAUSE_NONE, "the headend is now at %s",
                  endpoint_print(&path->remote, text));
    sa->path = *path;
    if (sa->encapsulate)
        follow_children(ike, peer, path);
}

void peer_tell_alive(struct ike *ike, const struct peer *peer)
{
    for (size_t t = 0; t < ike->conn_count; t++)
        if (ike->tunnels[t].peer == peer->index)
            tunnel_tell_alive(ike, &ike->tunnels[t]);
}

void peer_path_changed(struct ike *ike, struct peer *peer, const struct addr *local)
{
    bool same = addr_equal(&peer->local, local);
    if (local->family == ADDR_NONE) {
        /* The SAs stay: the route may come back with the same address. */
        peer->local_was = peer->local.family ? peer->local : peer->local_was;
        peer->local = *local;
        for (size_t i = 0; i < PEER_SAS_MAX; i++)
            if (peer->sa[i].used && !peer->sa[i].up)
                peer_sa_free(&peer->sa[i]);
        peer_tell_alive(ike, peer);
        peer_drive(ike, peer);
        return;
    }
    bool back = peer->local.family == ADDR_NONE && addr_equal(&peer->local_was, local);
    bool first = peer->local.family == ADDR_NONE && peer->local_was.family == ADDR_NONE;
    peer->local = *local;
    peer->near_id = id_of_end(conf_near(peer->conf), local);
    peer->retry_at = ike->now;
    peer_tell_alive(ike, peer);
    if (same || back || first)
        peer_drive(ike, peer);
    else
        peer_dead(ike, peer, IKE_CAUSE_NO_ROUTE, "this host's address towards the headend has changed");
}

/* ---- time ---- */

static void tick_half_open(struct ike *ike, struct peer *peer, struct isakmp_sa *sa)
{
    if (sa->x.role == ROLE_RESPONDER) {
        if (mono_since(ike->now, sa->began) >= MONO_S(HALF_OPEN_SECONDS))
            peer_sa_free(sa);
        return;
    }
    if (!mono_reached(ike->now, sa->x.resend_at))
        return;
    if (life_exchange_over(&sa->x)) {
        peer_sa_failed(ike, peer, sa, main_cause(sa));
        return;
    }
    if (sa->x.tries == SUSPECT_TRIES && !peer_sa_best(peer)) /* else it is no more than a successor that is missing */
        peer_suspect(ike, peer, sa, main_cause(sa), "no answer yet");
    exchange_send(ike, peer->conf, &sa->x, &sa->path, true);
}

static void tick_up(struct ike *ike, struct peer *peer, struct isakmp_sa *sa)
{
    if (sa == peer_sa_best(peer))
        sa->discard_at = MONO_NEVER; /* what had replaced it is gone */
    if (mono_reached(ike->now, sa->discard_at) || mono_reached(ike->now, sa->expires_at) || quick_sa_worn_out(sa)) {
        info_send_delete_sa(ike, sa);
        peer_sa_free(sa);
        return;
    }
    life_keepalive_tick(ike, peer, sa);
}

void peer_tick(struct ike *ike, struct peer *peer)
{
    for (size_t i = 0; i < PEER_SAS_MAX; i++) {
        struct isakmp_sa *sa = &peer->sa[i];
        if (sa->used && !sa->up)
            tick_half_open(ike, peer, sa);
        else if (sa->used)
            tick_up(ike, peer, sa);
    }
    for (size_t t = 0; t < ike->conn_count; t++)
        if (ike->tunnels[t].peer == peer->index) {
            quick_tick(ike, peer, &ike->tunnels[t]);
            child_tick(ike, &ike->tunnels[t]);
        }
    liveness_tick(ike, peer);
    peer_drive(ike, peer);
}

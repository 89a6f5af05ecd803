/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what becomes of the SAs of a headend that says INITIAL-CONTACT (RFC 2407 4.6.3.3). Entry point:
 * peer_initial_contact. Invariants: only an authenticated message gets here; ISAKMP SAs of before go at once; IPsec SAs
 * carry on until the new pair is there, which is begun at once, and for DOUBT_SECONDS at most.
 */
#include "ike/state.h"

enum { DOUBT_SECONDS = 30 };

/*
 * It may have lost its SAs, or only believe that this is its first SA with us: strongSwan says so in a rekey when the
 * old ISAKMP SA has just run out. So a new pair is made at once, and the old one carries on until then, not for long.
 */
static void doubt_child(struct ike *ike, struct tunnel *tunnel, struct child *c)
{
    if (c->state == CHILD_OLD)
        return; /* on its way out */
    if (c->state != CHILD_UP || !tunnel->wanted || !tunnel->conf->rekey) {
        child_remove(ike, tunnel, c);
        return;
    }
    child_renew(c);
    c->expires_at = mono_min(c->expires_at, mono_after(ike->now, MONO_S(DOUBT_SECONDS)));
    tunnel->doubted = true;
    tunnel_tell_alive(ike, tunnel);
}

static void doubt_children(struct ike *ike, const struct peer *peer, struct mono until)
{
    for (size_t t = 0; t < ike->conn_count; t++) {
        struct tunnel *tunnel = &ike->tunnels[t];
        if (tunnel->peer != peer->index)
            continue;
        for (size_t i = 0; i < TUNNEL_QUICKS_MAX; i++)
            if (tunnel->quick[i].phase != QUICK_FREE && tunnel->quick[i].began.us < until.us)
                quick_free(&tunnel->quick[i]);
        for (size_t i = 0; i < TUNNEL_CHILDREN_MAX; i++)
            if (tunnel->child[i].state != CHILD_FREE && tunnel->child[i].since.us < until.us)
                doubt_child(ike, tunnel, &tunnel->child[i]);
        if (tunnel->state == IKE_STATE_UP && tunnel->doubted)
            output_notice(ike, IKE_NOTICE_STATE, tunnel, IKE_CAUSE_NONE, "the headend began anew (INITIAL-CONTACT): new IPsec SAs follow");
    }
}

/*
 * What came up after this exchange began is of the peer's new life too: when both ends begin at once, the second Main
 * Mode still says INITIAL-CONTACT while the first one's SAs carry traffic.
 */
void peer_initial_contact(struct ike *ike, struct peer *peer, const struct isakmp_sa *sa)
{
    struct mono began = sa->began;
    for (size_t i = 0; i < PEER_SAS_MAX; i++)
        if (&peer->sa[i] != sa && peer->sa[i].up && peer->sa[i].since.us < began.us)
            peer_sa_free(&peer->sa[i]);
    doubt_children(ike, peer, began);
    peer_fall(ike, peer, IKE_STATE_AUTHENTICATED, IKE_CAUSE_PEER_DELETED, "the headend began anew (INITIAL-CONTACT)");
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the course of Quick Mode (RFC 2409 5.5), both roles. Entry points: quick_start, quick_take, quick_send_held.
 *
 *      initiator                                        responder
 *   1  HDR*, HASH(1), SA, Ni [, KE], IDci, IDcr  -->
 *   2                                            <--    HDR*, HASH(2), SA, Nr [, KE], IDci, IDcr
 *   3  HDR*, HASH(3)                             -->
 *
 * Order of installation: the responder installs inbound before it sends message 2, and outbound on message 3 or on
 * the first ESP that comes on the new SA; the initiator installs inbound before it sends message 3, and outbound too
 * when there is no pair to go on with. Else that one carries our traffic until the first ESP on the new SA, a Delete
 * for the old one, or THIRD_WAIT: some peers (strongSwan) have no SA before they have handled message 3. So no packet
 * meets an end that cannot take it. A message that waits for the data plane is `held`.
 */
#include "ike/quick_v1.h"

#include "ike/err.h"
#include "ike/iana.h"

#define P(name) BIT(IANA_PAYLOAD_##name)

static const struct exchange_row second_message = {
    .name = "Quick Mode message 2", .must = P(HASH) | P(SA) | P(NONCE), .may = P(KE) | P(ID), .encrypted = true,
    .reply_encrypted = true, .hash = HASH_2, .reply_hash = HASH_3, .take = quick_take_second, .put = quick_put_third, .hold = true,
};

static const struct exchange_row responder_rows[] = {
    { .name = "Quick Mode message 1", .must = P(HASH) | P(SA) | P(NONCE), .may = P(KE) | P(ID), .encrypted = true,
      .reply_encrypted = true, .hash = HASH_1, .reply_hash = HASH_2, .take = quick_take_first, .put = quick_put_second,
      .hold = true, .resend = true },
    { .name = "Quick Mode message 3", .must = P(HASH), .encrypted = true, .hash = HASH_3, .take = quick_take_third },
};

static const struct exchange_row *row_of(const struct exchange *x)
{
    if (x->role == ROLE_INITIATOR)
        return x->step == 0 ? &second_message : NULL;
    return x->step < 2 ? &responder_rows[x->step] : NULL;
}

void quick_free(struct quick *quick)
{
    bytes_wipe(quick, sizeof *quick);
    quick->phase = QUICK_FREE;
}

/* A free slot, or the oldest that is kept for duplicates only. */
static struct quick *quick_slot(struct tunnel *tunnel)
{
    struct quick *oldest = NULL;
    for (size_t i = 0; i < TUNNEL_QUICKS_MAX; i++) {
        struct quick *q = &tunnel->quick[i];
        if (q->phase == QUICK_FREE)
            return q;
        if (q->phase == QUICK_DONE && (!oldest || q->began.us < oldest->began.us))
            oldest = q;
    }
    if (oldest)
        quick_free(oldest);
    return oldest;
}

static bool among(const uint32_t *ids, size_t count, uint32_t id)
{
    for (size_t i = 0; i < count; i++)
        if (ids[i] == id)
            return true;
    return false;
}

/* None is ever forgotten, lest an old message be taken for a new one: an SA with little room left is replaced in time. */
bool quick_sa_wears_out(const struct isakmp_sa *sa) { return sa->message_id_count >= MESSAGE_IDS_MAX / 4 * 3; }
bool quick_sa_worn_out(const struct isakmp_sa *sa) { return sa->message_id_count >= MESSAGE_IDS_MAX; }

void quick_message_id_remember(struct isakmp_sa *sa, uint32_t message_id)
{
    if (!quick_sa_worn_out(sa))
        sa->message_ids[sa->message_id_count++] = message_id;
}

void quick_message_id_remember_probe(struct isakmp_sa *sa, uint32_t message_id)
{
    sa->probe_ids[sa->probe_id_next++ % PROBE_IDS_MAX] = message_id;
}

bool quick_message_id_fresh(const struct isakmp_sa *sa, uint32_t message_id)
{
    return message_id != 0 && !among(sa->message_ids, sa->message_id_count, message_id) && !among(sa->probe_ids, PROBE_IDS_MAX, message_id);
}

uint32_t quick_message_id_new(struct ike *ike, const struct isakmp_sa *sa)
{
    uint32_t id;
    do
        ike_random(ike, &id, sizeof id);
    while (!quick_message_id_fresh(sa, id));
    return id;
}

static struct quick blank(struct ike *ike, const struct isakmp_sa *sa, enum role role, uint32_t message_id)
{
    struct quick q = { .phase = QUICK_WAIT_MESSAGE, .sa_serial = sa->serial, .encapsulate = sa->encapsulate, .began = ike->now,
                       .forget_at = MONO_NEVER };
    q.x.role = role;
    q.x.message_id = message_id;
    q.x.resend_at = MONO_NEVER;
    q.spi_in = child_new_spi(ike);
    return q;
}

void quick_start(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, struct tunnel *tunnel)
{
    struct quick *slot = quick_sa_worn_out(sa) ? NULL : quick_slot(tunnel);
    struct child *child = slot ? child_new(ike, tunnel) : NULL;
    tunnel->retry_at = mono_after(ike->now, MONO_S(1)); /* should there be no room: not before that */
    if (!child)
        return;
    struct quick q = blank(ike, sa, ROLE_INITIATOR, quick_message_id_new(ike, sa));
    quick_message_id_remember(sa, q.x.message_id);
    q.child = (uint8_t)(child - tunnel->child);
    q.group = quick_group(tunnel, sa);
    q.life_seconds = tunnel->conf->sa_lifetime;
    struct step s = { .ike = ike, .peer = peer, .tunnel = tunnel, .sa = sa, .quick = &q, .path = &sa->path };
    int err = keys_v1_phase2_iv(&sa->keys, q.x.message_id, q.x.iv);
    err = err ? err : quick_make_values(ike, &q);
    err = err ? err : exchange_build(&s, &q.x, IANA_EXCHANGE_QUICK, true, HASH_1, quick_put_first);
    child->spi_in = q.spi_in;
    child->role = ROLE_INITIATOR;
    if (err) {
        child->state = CHILD_FREE;
        exchange_debug(ike, peer, "our Quick Mode message 1", err);
        return;
    }
    *slot = q;
    bytes_wipe(&q, sizeof q);
    exchange_send(ike, tunnel->conf, &slot->x, &sa->path, true);
}

/* The exchange with that message ID under that SA. */
static struct quick *find(struct ike *ike, const struct peer *peer, const struct isakmp_sa *sa, uint32_t message_id, struct tunnel **tunnel)
{
    for (size_t t = 0; t < ike->conn_count; t++) {
        *tunnel = &ike->tunnels[t];
        for (size_t i = 0; (*tunnel)->peer == peer->index && i < TUNNEL_QUICKS_MAX; i++) {
            struct quick *q = &(*tunnel)->quick[i];
            if (q->phase != QUICK_FREE && q->x.message_id == message_id && q->sa_serial == sa->serial)
                return q;
        }
    }
    return NULL;
}

/* After a good message 1 or 2 the inbound SA is asked for, the outbound one later, but for an initiator without a pair. */
static void install_next(struct ike *ike, struct tunnel *tunnel, struct quick *q)
{
    bool first = q->x.step == 1, both = first && q->x.role == ROLE_INITIATOR && !child_carries(ike, tunnel);
    q->phase = QUICK_INSTALLING;
    if (first)
        child_install(ike, tunnel, q, DP_IN);
    if (both || !first)
        child_install(ike, tunnel, q, DP_OUT);
    q->waiting = both ? 2 : 1;
}

/* What the peer did wrong under an authenticated SA is told to it, and to the administrator. */
static void refuse(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, const char *name, int err)
{
    uint16_t notify = ike_err_find(err)->notify;
    exchange_debug(ike, peer, name, err);
    if (notify && bucket_take(&peer->limits.refusals, ike->now, 1, 5)) {
        info_send_notify(ike, peer, sa, IANA_PROTOCOL_ESP, notify, bytes_of(NULL, 0));
        output_notice(ike, IKE_NOTICE_WARNING, &ike->tunnels[peer->conf - ike->conns], IKE_CAUSE_NONE,
                      "refused the headend's %s: %s", name, ike_err_find(err)->text);
    }
}

/* Message 1 was refused. An authenticated one has used up its message ID, and the peer has had its turn. */
static void refuse_first(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, const struct step *s, int err)
{
    if (!s->authentic) {
        exchange_debug(ike, peer, responder_rows[0].name, err);
        return;
    }
    quick_message_id_remember(sa, s->quick->x.message_id);
    refuse(ike, peer, sa, responder_rows[0].name, err);
    if (err == IKE_ERR_PFS && s->tunnel->wanted && s->tunnel->state != IKE_STATE_UP)
        tunnel_cause(ike, s->tunnel, IKE_CAUSE_PFS, "the headend's own Quick Mode has another group, or none");
    peer_heard(ike, peer);
    sa->quick_wait = ike->now;
}

/* Looked at before anything is made for it: it may be one of a flood. */
static int is_authentic(const struct isakmp_sa *sa, const struct wire_header *header, struct bytes body)
{
    uint8_t clear[IKE_MESSAGE_MAX];
    struct wire_message message;
    if (!quick_message_id_fresh(sa, header->message_id))
        return IKE_ERR_MESSAGE_ID;
    if (quick_sa_worn_out(sa))
        return IKE_ERR_WORN;
    return exchange_open_phase2(sa, header->message_id, body, clear, header->next, &message);
}

static void take_new(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, const struct ike_path *path, struct bytes datagram,
                     const struct wire_header *header, struct bytes body)
{
    const struct exchange_row *row = &responder_rows[0];
    int err = is_authentic(sa, header, body);
    if (err) {
        exchange_debug(ike, peer, row->name, err);
        return;
    }
    struct quick q = blank(ike, sa, ROLE_RESPONDER, header->message_id);
    struct step s = { .ike = ike, .peer = peer, .sa = sa, .quick = &q, .path = path };
    err = keys_v1_phase2_iv(&sa->keys, q.x.message_id, q.x.iv);
    err = err ? err : exchange_run(&s, row, header, body);
    struct quick *slot = err ? NULL : quick_slot(s.tunnel);
    struct child *child = slot ? child_new(ike, s.tunnel) : NULL;
    if (!child) {
        refuse_first(ike, peer, sa, &s, err ? err : IKE_ERR_BUSY);
        bytes_wipe(&q, sizeof q);
        return;
    }
    quick_message_id_remember(sa, header->message_id);
    exchange_remember(&q.x, datagram);
    child->role = ROLE_RESPONDER;
    child->spi_in = q.spi_in;
    child->spi_out = q.spi_out;
    q.child = (uint8_t)(child - s.tunnel->child);
    *slot = q;
    bytes_wipe(&q, sizeof q);
    peer_heard(ike, peer);
    install_next(ike, s.tunnel, slot);
}

static void take_next(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, struct tunnel *tunnel, struct quick *slot,
                      const struct ike_path *path, struct bytes datagram, const struct wire_header *header, struct bytes body)
{
    const struct exchange_row *row = row_of(&slot->x);
    if (!row || slot->phase != QUICK_WAIT_MESSAGE) {
        exchange_debug(ike, peer, "a Quick Mode message", IKE_ERR_STATE);
        return;
    }
    struct quick q = *slot;
    struct step s = { .ike = ike, .peer = peer, .tunnel = tunnel, .sa = sa, .quick = &q, .path = path };
    int err = exchange_run(&s, row, header, body);
    if (err) {
        bytes_wipe(&q, sizeof q);
        exchange_debug(ike, peer, row->name, err);
        return;
    }
    exchange_remember(&q.x, datagram);
    *slot = q;
    bytes_wipe(&q, sizeof q);
    tunnel->child[slot->child].spi_out = slot->spi_out;
    peer_heard(ike, peer);
    hints_quick_answered(ike, peer);
    peer_adopt_path(ike, peer, sa, path);
    install_next(ike, tunnel, slot);
}

void quick_take(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, const struct ike_path *path, struct bytes datagram,
                const struct wire_header *header, struct bytes body)
{
    struct tunnel *tunnel;
    struct quick *q = find(ike, peer, sa, header->message_id, &tunnel);
    if (!q)
        take_new(ike, peer, sa, path, datagram, header, body);
    else if (!exchange_is_duplicate(ike, peer, &q->x, q->phase == QUICK_DONE, &sa->path, datagram))
        take_next(ike, peer, sa, tunnel, q, path, datagram, header, body);
}

/*
 * The data plane has confirmed what the held message waited for. False: the ISAKMP SA has gone meanwhile, and the Quick
 * Mode ends: the headend will not have the pair, and nothing would come that this one waits for.
 */
bool quick_send_held(struct ike *ike, struct tunnel *tunnel, struct quick *quick)
{
    struct isakmp_sa *sa = peer_sa_serial(&ike->peers[tunnel->peer], quick->sa_serial);
    if (!sa) {
        quick_fail(ike, tunnel, quick, IKE_CAUSE_LOST_ANSWER, "the ISAKMP SA ended during Quick Mode");
        peer_drive(ike, &ike->peers[tunnel->peer]);
        return false;
    }
    exchange_send(ike, tunnel->conf, &quick->x, &sa->path, quick->x.role == ROLE_RESPONDER);
    quick->x.held = false;
    return true;
}

void quick_install_out(struct ike *ike, struct tunnel *tunnel, struct quick *quick)
{
    quick->x.step = 2;
    quick->x.resend_at = MONO_NEVER;
    install_next(ike, tunnel, quick);
}

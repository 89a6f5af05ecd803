/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns Main Mode with a pre-shared key (RFC 2409 5.4), both roles. Entry points: main_start, main_take, main_cause.
 *
 *      initiator                              responder
 *   1  HDR, SA, VID                    -->
 *   2                                  <--    HDR, SA, VID
 *   3  HDR, KE, Ni, NAT-D, NAT-D       -->
 *   4                                  <--    HDR, KE, Nr, NAT-D, NAT-D
 *   5  HDR*, IDii, HASH_I [, N]        -->
 *   6                                  <--    HDR*, IDir, HASH_R
 *
 * The tables below are that picture. Messages 1 and 2 of the responder keep no state: see first_v1.c.
 * Invariant: only a verified HASH_I or HASH_R together with the configured identity makes an SA `up`.
 */
#include "ike/exchange_v1.h"

#include "ike/err.h"
#include "ike/iana.h"
#include "ike/id.h"
#include "ike/main_v1.h"
#include "ike/natt.h"
#include "ike/proposal.h"
#include "ike/vid.h"

enum { OUR_NONCE = 32 };

static struct bytes span(const uint8_t *data, size_t length) { return bytes_of(data, length); }

/* ---- message 1 ---- */

static int put_offer(struct step *s, struct wire_writer *out)
{
    struct isakmp_sa *sa = s->sa;
    struct writer body = writer_of(sa->sai_b, sizeof sa->sai_b);
    sa_v1_write_ike_offer(&body, s->peer->conf);
    if (body.bad)
        return IKE_ERR_TOO_LONG;
    sa->sai_length = (uint16_t)body.used;
    wire_payload(out, IANA_PAYLOAD_SA, writer_span(&body));
    vid_write(out, (s->peer->conf->encapsulation == CONF_NO ? 0U : VID_NATT) | VID_DPD);
    return IKE_OK;
}

/* ---- message 2, received ---- */

static int take_choice(struct step *s)
{
    struct sa_offers offers;
    struct isakmp_sa *sa = s->sa;
    int err = sa_v1_read(wire_find(&s->message, IANA_PAYLOAD_SA), 1, &offers);
    if (err)
        return err;
    if (offers.count != 1 || offers.proposals != 1 || !proposal_select_ike(&offers, s->peer->conf, &sa->chosen))
        return IKE_ERR_CHOICE;
    uint64_t life = offers.offer[0].attributes.life_seconds;
    if (life && life < sa->life_seconds)
        sa->life_seconds = (uint32_t)life; /* a peer may shorten, never lengthen */
    memcpy(sa->cookie_r, s->message.header.cookie_r, WIRE_COOKIE);
    unsigned vids = vid_read(&s->message);
    sa->peer_natt = vids & VID_NATT;
    sa->peer_dpd = vids & VID_DPD;
    return IKE_OK;
}

/* ---- messages 3 and 4 ---- */

static int make_public(struct step *s, uint8_t *public_value)
{
    const struct crypto_group_row *group = crypto_group_find(s->sa->chosen.group);
    if (!group)
        return IKE_ERR_CRYPTO;
    ike_random(s->ike, s->sa->exponent, group->exponent_length);
    s->sa->public_length = group->public_length;
    int r = crypto_dh_public(group->id, span(s->sa->exponent, group->exponent_length), public_value);
    return r == CRYPTO_OK ? IKE_OK : IKE_ERR_CRYPTO;
}

static int put_key(struct step *s, struct wire_writer *out)
{
    struct isakmp_sa *sa = s->sa;
    bool initiator = sa->x.role == ROLE_INITIATOR;
    uint8_t *nonce = initiator ? sa->nonce_i : sa->nonce_r;
    *(initiator ? &sa->nonce_i_length : &sa->nonce_r_length) = OUR_NONCE;
    ike_random(s->ike, nonce, OUR_NONCE);
    if (initiator) {
        int err = make_public(s, sa->public_i);
        if (err)
            return err;
    }
    wire_payload(out, IANA_PAYLOAD_KE, span(initiator ? sa->public_i : sa->public_r, sa->public_length));
    wire_payload(out, IANA_PAYLOAD_NONCE, span(nonce, OUR_NONCE));
    if (!sa->peer_natt || s->peer->conf->encapsulation == CONF_NO)
        return IKE_OK;
    return natt_write(s->ike, sa, s->peer->conf->encapsulation == CONF_YES, out);
}

static int derive_keys(struct step *s, struct bytes peer_public)
{
    struct isakmp_sa *sa = s->sa;
    const struct crypto_group_row *group = crypto_group_find(sa->chosen.group);
    uint8_t shared[CRYPTO_SHARED_MAX];
    int r = crypto_dh_shared(group->id, span(sa->exponent, group->exponent_length), peer_public, shared);
    if (r != CRYPTO_OK)
        return r == CRYPTO_ERROR_LIBRARY ? IKE_ERR_CRYPTO : IKE_ERR_KE;
    struct keys_input in = {
        .hash = sa->chosen.hash,
        .key_bits = sa->chosen.key_bits,
        .psk = span(s->peer->conf->psk, s->peer->conf->psk_length),
        .nonce_i = span(sa->nonce_i, sa->nonce_i_length),
        .nonce_r = span(sa->nonce_r, sa->nonce_r_length),
        .public_i = span(sa->public_i, sa->public_length),
        .public_r = span(sa->public_r, sa->public_length),
        .shared = span(shared, group->shared_length),
        .cookie_i = span(sa->cookie_i, WIRE_COOKIE),
        .cookie_r = span(sa->cookie_r, WIRE_COOKIE),
    };
    int err = keys_v1_derive(&sa->keys, &in);
    sa->keys_ready = !err;
    bytes_wipe(shared, sizeof shared);
    bytes_wipe(sa->exponent, sizeof sa->exponent);
    return err;
}

/* KE and nonce of the peer into the SA; lengths are those of the group and of RFC 2409 5. */
static int take_values(struct step *s, uint8_t *public_value, uint8_t *nonce, uint16_t *nonce_length)
{
    struct bytes ke = wire_find(&s->message, IANA_PAYLOAD_KE);
    struct bytes n = wire_find(&s->message, IANA_PAYLOAD_NONCE);
    const struct crypto_group_row *group = crypto_group_find(s->sa->chosen.group);
    if (!group || ke.length != group->public_length)
        return IKE_ERR_KE;
    if (n.length < 8 || n.length > NONCE_MAX)
        return IKE_ERR_NONCE;
    memcpy(public_value, ke.data, ke.length);
    memcpy(nonce, n.data, n.length);
    *nonce_length = (uint16_t)n.length;
    return natt_read(s->sa, s->peer->conf, &s->message, s->path);
}

/* Message 3: our own public value and nonce are made here, so that the keys exist when message 4 is built. */
static int take_key_initiator(struct step *s)
{
    struct isakmp_sa *sa = s->sa;
    int err = take_values(s, sa->public_i, sa->nonce_i, &sa->nonce_i_length);
    err = err ? err : make_public(s, sa->public_r);
    return err;
}

static int put_key_responder(struct step *s, struct wire_writer *out)
{
    int err = put_key(s, out);
    return err ? err : derive_keys(s, span(s->sa->public_i, s->sa->public_length));
}

static int take_key_responder(struct step *s)
{
    struct isakmp_sa *sa = s->sa;
    int err = take_values(s, sa->public_r, sa->nonce_r, &sa->nonce_r_length);
    err = err ? err : derive_keys(s, span(sa->public_r, sa->public_length));
    if (!err && sa->encapsulate && sa->path.local.port != IKE_PORT_NATT) {
        sa->path.local.port = IKE_PORT_NATT; /* RFC 3947 4: message 5 and all that follow */
        sa->path.remote.port = IKE_PORT_NATT;
    }
    return err;
}

/* ---- messages 5 and 6 ---- */

/* HASH_I or HASH_R of the end with that role. */
static int auth_hash(const struct step *s, enum role whose, struct bytes id_b, uint8_t out[CRYPTO_HASH_MAX])
{
    const struct isakmp_sa *sa = s->sa;
    bool i = whose == ROLE_INITIATOR;
    struct bytes public_i = span(sa->public_i, sa->public_length), public_r = span(sa->public_r, sa->public_length);
    struct bytes cookie_i = span(sa->cookie_i, WIRE_COOKIE), cookie_r = span(sa->cookie_r, WIRE_COOKIE);
    return keys_v1_hash_main(&sa->keys, i ? public_i : public_r, i ? public_r : public_i, i ? cookie_i : cookie_r,
                             i ? cookie_r : cookie_i, span(sa->sai_b, sa->sai_length), id_b, out);
}

/* RFC 2407 4.6.3.3: only when nothing of an earlier time is alive between the two. */
static bool first_contact(const struct step *s)
{
    if (!s->peer->conf->initial_contact)
        return false;
    for (size_t i = 0; i < PEER_SAS_MAX; i++)
        if (s->peer->sa[i].up)
            return false;
    for (size_t t = 0; t < s->ike->conn_count; t++)
        for (size_t c = 0; c < TUNNEL_CHILDREN_MAX; c++)
            if (s->ike->tunnels[t].peer == s->peer->index && s->ike->tunnels[t].child[c].state != CHILD_FREE)
                return false;
    return true;
}

static void put_initial_contact(const struct isakmp_sa *sa, struct wire_writer *out)
{
    size_t at = wire_open(out, IANA_PAYLOAD_NOTIFY);
    writer_u32(&out->w, IANA_DOI_IPSEC);
    writer_u8(&out->w, IANA_PROTOCOL_ISAKMP);
    writer_u8(&out->w, WIRE_COOKIES);
    writer_u16(&out->w, IANA_NOTIFY_INITIAL_CONTACT);
    writer_bytes(&out->w, span(sa->cookie_i, WIRE_COOKIE));
    writer_bytes(&out->w, span(sa->cookie_r, WIRE_COOKIE));
    wire_close(out, at);
}

static int put_auth(struct step *s, struct wire_writer *out)
{
    uint8_t id_b[ID_BODY_MAX + CONF_ID_MAX], hash[CRYPTO_HASH_MAX];
    struct writer id = writer_of(id_b, sizeof id_b);
    id_write(&id, &s->peer->near_id);
    int err = auth_hash(s, s->sa->x.role, writer_span(&id), hash);
    if (err)
        return err;
    wire_payload(out, IANA_PAYLOAD_ID, writer_span(&id));
    wire_payload(out, IANA_PAYLOAD_HASH, span(hash, s->sa->keys.hash_length));
    if (s->sa->x.role == ROLE_INITIATOR && first_contact(s))
        put_initial_contact(s->sa, out);
    return IKE_OK;
}

static bool says_initial_contact(const struct wire_message *message)
{
    for (size_t i = 0; i < message->count; i++) {
        struct reader r = reader_of(message->payloads[i].body);
        if (message->payloads[i].type != IANA_PAYLOAD_NOTIFY)
            continue;
        reader_u32(&r);
        reader_u16(&r);
        if (reader_u16(&r) == IANA_NOTIFY_INITIAL_CONTACT && !r.bad)
            return true;
    }
    return false;
}

static int take_auth(struct step *s)
{
    struct isakmp_sa *sa = s->sa;
    uint8_t expected[CRYPTO_HASH_MAX];
    struct bytes id = wire_find(&s->message, IANA_PAYLOAD_ID);
    enum role whose = sa->x.role == ROLE_INITIATOR ? ROLE_RESPONDER : ROLE_INITIATOR;
    if (wire_count(&s->message, IANA_PAYLOAD_ID) != 1)
        return IKE_ERR_PAYLOAD_UNEXPECTED;
    if (sa->encapsulate && s->path->local.port != IKE_PORT_NATT)
        return IKE_ERR_PORT; /* RFC 3947 4; somebody may pass on there what came for 4500 */
    int err = auth_hash(s, whose, id, expected);
    if (err)
        return err;
    bool proven = bytes_equal_secret(wire_find(&s->message, IANA_PAYLOAD_HASH), span(expected, sa->keys.hash_length));
    bytes_wipe(expected, sizeof expected);
    if (!proven)
        return IKE_ERR_HASH;
    if (!id_matches(id, &s->peer->far_id))
        return IKE_ERR_ID;
    sa->initial_contact = says_initial_contact(&s->message);
    sa->up = true;
    sa->path = *s->path; /* authenticated: the NAT may have given it another port */
    return IKE_OK;
}

/* ---- the tables ---- */

#define P(name) BIT(IANA_PAYLOAD_##name)

/* What the initiator awaits: messages 2, 4, 6. */
static const struct exchange_row initiator_rows[] = {
    { .name = "Main Mode message 2", .must = P(SA), .take = take_choice, .put = put_key, .resend = true },
    { .name = "Main Mode message 4", .must = P(KE) | P(NONCE), .may = P(NAT_D), .take = take_key_responder, .put = put_auth,
      .reply_encrypted = true, .resend = true },
    { .name = "Main Mode message 6", .must = P(ID) | P(HASH), .encrypted = true, .take = take_auth },
};

/* What the responder awaits: messages 3, 5. */
static const struct exchange_row responder_rows[] = {
    { .name = "Main Mode message 3", .must = P(KE) | P(NONCE), .may = P(NAT_D), .take = take_key_initiator, .put = put_key_responder },
    { .name = "Main Mode message 5", .must = P(ID) | P(HASH), .encrypted = true, .take = take_auth, .put = put_auth,
      .reply_encrypted = true },
};

const struct exchange_row *main_row(enum role role, unsigned step)
{
    if (role == ROLE_INITIATOR)
        return step < sizeof initiator_rows / sizeof *initiator_rows ? &initiator_rows[step] : NULL;
    return step < sizeof responder_rows / sizeof *responder_rows ? &responder_rows[step] : NULL;
}

/* What an attempt that got no further died of, by how far it came and what was seen. */
enum ike_cause main_cause(const struct isakmp_sa *sa)
{
    static const enum ike_cause by_step[] = { IKE_CAUSE_NO_ANSWER, IKE_CAUSE_LOST_ANSWER, IKE_CAUSE_PSK_MISMATCH };
    if (sa->evidence != IKE_CAUSE_NONE)
        return sa->evidence;
    if (sa->x.role == ROLE_RESPONDER)
        return sa->x.step == 1 ? IKE_CAUSE_LOST_ANSWER : IKE_CAUSE_NONE;
    return sa->x.step < sizeof by_step / sizeof *by_step ? by_step[sa->x.step] : IKE_CAUSE_NONE;
}

void main_start(struct ike *ike, struct peer *peer)
{
    struct isakmp_sa *sa = peer_sa_new(ike, peer, ROLE_INITIATOR);
    if (!sa) {
        peer->retry_at = mono_after(ike->now, MONO_S(1));
        return;
    }
    sa->path.local = (struct endpoint){ peer->local, IKE_PORT };
    sa->path.remote = (struct endpoint){ peer->remote, IKE_PORT };
    do
        ike_random(ike, sa->cookie_i, WIRE_COOKIE);
    while (memcmp(sa->cookie_i, (uint8_t[WIRE_COOKIE]){ 0 }, WIRE_COOKIE) == 0);
    struct step s = { .ike = ike, .peer = peer, .sa = sa, .path = &sa->path };
    if (exchange_build(&s, &sa->x, IANA_EXCHANGE_MAIN, false, HASH_NONE, put_offer)) {
        peer_sa_free(sa);
        return;
    }
    exchange_send(ike, peer->conf, &sa->x, &sa->path, true);
}

/*
 * A refused message leaves no trace in the SA but what it tells about the failure. Where the hash was right, this peer
 * has the secret and another name: it is told so under the scratch's IV, which stands at that message as its own does.
 */
static void refused(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, struct isakmp_sa *scratch, const struct exchange_row *row,
                    int err)
{
    exchange_debug(ike, peer, row->name, err);
    if (row->encrypted)
        evidence_of_reading(ike, peer, sa, err);
    if (err == IKE_ERR_ID) {
        info_send_notify(ike, peer, scratch, IANA_PROTOCOL_ISAKMP, IANA_NOTIFY_INVALID_ID_INFORMATION, bytes_of(NULL, 0));
        peer_sa_failed(ike, peer, sa, IKE_CAUSE_IKE_ID);
    }
}

void main_take(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, const struct ike_path *path, struct bytes datagram,
               const struct wire_header *header, struct bytes body)
{
    if (exchange_is_duplicate(ike, peer, &sa->x, sa->up, &sa->path, datagram))
        return;
    const struct exchange_row *row = main_row(sa->x.role, sa->x.step);
    if (!row || sa->up || header->message_id != 0) {
        exchange_debug(ike, peer, "a Main Mode message", IKE_ERR_STATE);
        return;
    }
    struct isakmp_sa scratch = *sa;
    struct step s = { .ike = ike, .peer = peer, .sa = &scratch, .path = path };
    int err = exchange_run(&s, row, header, body);
    if (err) {
        refused(ike, peer, sa, &scratch, row, err);
        bytes_wipe(&scratch, sizeof scratch);
        return;
    }
    exchange_remember(&scratch.x, datagram);
    if (sa->x.tries == 1 && peer->last_trip_us < 0) /* until a probe tells better: the answer to a message that was sent once */
        peer->round_trip_us = mono_since(ike->now, sa->x.sent_at);
    *sa = scratch;
    bytes_wipe(&scratch, sizeof scratch);
    if (sa->x.sent_length)
        exchange_send(ike, peer->conf, &sa->x, &sa->path, row->resend);
    if (sa->up)
        peer_sa_established(ike, peer, sa);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what goes into Quick Mode's messages and what is taken out of them (RFC 2409 5.5, RFC 2407 4.5, 4.6).
 * Entry points: quick_put_*, quick_take_*, which the table in quick_v1.c names.
 * Invariant: they write to the scratch of the step and to nothing else.
 */
#include "ike/exchange_v1.h"

#include "ike/err.h"
#include "ike/iana.h"
#include "ike/id.h"
#include "ike/proposal.h"
#include "ike/quick_v1.h"

/* ---- values ---- */

void quick_selectors(const struct tunnel *tunnel, const struct peer *peer, struct prefix *near, struct prefix *far)
{
    const struct conf_end *n = conf_near(tunnel->conf), *f = conf_far(tunnel->conf);
    *near = n->subnet.addr.family ? n->subnet : prefix_of(peer->local);
    *far = f->subnet.addr.family ? f->subnet : prefix_of(peer->remote);
}

/* Cipher key | salt | integrity key: 36 octets for AES-256-GCM (RFC 4106 8.1). */
size_t quick_key_length(const struct conf_esp_proposal *esp)
{
    const struct crypto_cipher_row *cipher = crypto_cipher_find(esp->cipher);
    const struct crypto_hash_row *integrity = crypto_hash_find(esp->integrity);
    return esp->key_bits / 8U + (cipher ? cipher->salt : 0U) + (integrity ? integrity->length : 0U);
}

/* Our nonce, and our private value where PFS is agreed. */
int quick_make_values(struct ike *ike, struct quick *q)
{
    const struct crypto_group_row *group = crypto_group_find(q->group);
    bool initiator = q->x.role == ROLE_INITIATOR;
    *(initiator ? &q->nonce_i_length : &q->nonce_r_length) = QUICK_NONCE;
    ike_random(ike, initiator ? q->nonce_i : q->nonce_r, QUICK_NONCE);
    if (q->group && !group)
        return IKE_ERR_CRYPTO;
    if (group)
        ike_random(ike, q->exponent, group->exponent_length);
    return IKE_OK;
}

/* ---- what goes into a message ---- */

crypto_group quick_group(const struct tunnel *tunnel, const struct isakmp_sa *sa)
{
    if (!tunnel->conf->pfs)
        return 0;
    return tunnel->conf->pfs_group ? tunnel->conf->pfs_group : sa->chosen.group;
}

static int put_key(struct step *s, struct wire_writer *out)
{
    struct quick *q = s->quick;
    const struct crypto_group_row *group = crypto_group_find(q->group);
    uint8_t public_value[CRYPTO_PUBLIC_MAX];
    if (q->group == 0)
        return IKE_OK;
    if (!group || crypto_dh_public(group->id, bytes_of(q->exponent, group->exponent_length), public_value) != CRYPTO_OK)
        return IKE_ERR_CRYPTO;
    wire_payload(out, IANA_PAYLOAD_KE, bytes_of(public_value, group->public_length));
    return IKE_OK;
}

static void put_selectors(const struct step *s, struct wire_writer *out)
{
    struct prefix near, far;
    quick_selectors(s->tunnel, s->peer, &near, &far);
    bool initiator = s->quick->x.role == ROLE_INITIATOR;
    size_t at = wire_open(out, IANA_PAYLOAD_ID);
    id_write_selector(&out->w, initiator ? &near : &far);
    wire_close(out, at);
    at = wire_open(out, IANA_PAYLOAD_ID);
    id_write_selector(&out->w, initiator ? &far : &near);
    wire_close(out, at);
}

int quick_put_first(struct step *s, struct wire_writer *out)
{
    struct quick *q = s->quick;
    size_t at = wire_open(out, IANA_PAYLOAD_SA);
    sa_v1_write_esp_offer(&out->w, s->tunnel->conf, q->spi_in, q->group, q->encapsulate);
    wire_close(out, at);
    wire_payload(out, IANA_PAYLOAD_NONCE, bytes_of(q->nonce_i, q->nonce_i_length));
    int err = put_key(s, out);
    put_selectors(s, out);
    return err;
}

int quick_put_third(struct step *s, struct wire_writer *out)
{
    (void)s;
    (void)out;
    return IKE_OK;
}

/* ---- what comes out of one ---- */

static int take_nonce(struct step *s, uint8_t *nonce, uint16_t *length)
{
    struct bytes n = wire_find(&s->message, IANA_PAYLOAD_NONCE);
    if (n.length < 8 || n.length > NONCE_MAX)
        return IKE_ERR_NONCE;
    memcpy(nonce, n.data, n.length);
    *length = (uint16_t)n.length;
    return IKE_OK;
}

/* IDci and IDcr: both or none, none standing for the two addresses (RFC 2409 5.5). */
static int take_selectors(const struct step *s, struct prefix *initiator, struct prefix *responder, bool *given)
{
    size_t count = wire_count(&s->message, IANA_PAYLOAD_ID), seen = 0;
    *given = count != 0;
    if (count == 0)
        return IKE_OK;
    if (count != 2)
        return IKE_ERR_PAYLOAD_UNEXPECTED;
    for (size_t i = 0; i < s->message.count; i++) {
        if (s->message.payloads[i].type != IANA_PAYLOAD_ID)
            continue;
        int err = id_read_selector(s->message.payloads[i].body, seen++ == 0 ? initiator : responder);
        if (err)
            return err;
    }
    return IKE_OK;
}

/* KEYMAT for both directions (RFC 2409 5.5); the SPI is that of the receiver of the traffic. */
static int derive_keymat(struct step *s, struct bytes peer_public)
{
    struct quick *q = s->quick;
    const struct crypto_group_row *group = crypto_group_find(q->group);
    uint8_t shared[CRYPTO_SHARED_MAX];
    struct bytes secret = bytes_of(NULL, 0);
    if (group) {
        int r = crypto_dh_shared(group->id, bytes_of(q->exponent, group->exponent_length), peer_public, shared);
        if (r != CRYPTO_OK)
            return r == CRYPTO_ERROR_LIBRARY ? IKE_ERR_CRYPTO : IKE_ERR_KE;
        secret = bytes_of(shared, group->shared_length);
    }
    struct bytes ni = bytes_of(q->nonce_i, q->nonce_i_length), nr = bytes_of(q->nonce_r, q->nonce_r_length);
    size_t length = quick_key_length(&q->chosen);
    const struct isakmp_keys *keys = &s->sa->keys;
    int err = keys_v1_keymat(keys, secret, IANA_PROTOCOL_ESP, q->spi_in, ni, nr, q->key_in, length);
    err = err ? err : keys_v1_keymat(keys, secret, IANA_PROTOCOL_ESP, q->spi_out, ni, nr, q->key_out, length);
    bytes_wipe(shared, sizeof shared);
    bytes_wipe(q->exponent, sizeof q->exponent);
    return err;
}

/* KE is there exactly when a group was agreed, and as long as the group says. */
static int check_key(const struct step *s, struct bytes *ke)
{
    const struct crypto_group_row *group = crypto_group_find(s->quick->group);
    *ke = wire_find(&s->message, IANA_PAYLOAD_KE);
    if (s->quick->group == 0)
        return ke->length == 0 ? IKE_OK : IKE_ERR_PFS;
    if (ke->length == 0)
        return IKE_ERR_PFS;
    return group && ke->length == group->public_length ? IKE_OK : IKE_ERR_KE;
}

/*
 * The peer may not name two of its SAs alike. One of this conn that is through may have that SPI: then the peer has lost
 * it (see child_install).
 */
static bool spi_is_free(const struct step *s, uint32_t spi)
{
    for (size_t t = 0; t < s->ike->conn_count; t++) {
        const struct tunnel *tunnel = &s->ike->tunnels[t];
        for (size_t i = 0; tunnel->peer == s->peer->index && i < TUNNEL_CHILDREN_MAX; i++) {
            const struct child *c = &tunnel->child[i];
            if (c->state != CHILD_FREE && c->spi_out == spi && (c->state == CHILD_INSTALLING || tunnel != s->tunnel))
                return false;
        }
    }
    return true;
}

static int take_spi(struct step *s, uint32_t spi)
{
    if (spi < DP_SPI_LEAST || spi == s->quick->spi_in || !spi_is_free(s, spi))
        return IKE_ERR_SPI;
    s->quick->spi_out = spi;
    return IKE_OK;
}

static uint64_t offered_life(const struct sa_offer *offer)
{
    return offer->attributes.life_seconds ? offer->attributes.life_seconds : SA_LIFE_DEFAULT;
}

static void take_life(struct quick *q, const struct sa_offer *offer)
{
    if (offered_life(offer) < q->life_seconds)
        q->life_seconds = (uint32_t)offered_life(offer);
}

/* The seconds of a RESPONDER-LIFETIME (RFC 2407 4.6.3.1), or 0. */
static uint32_t responder_lifetime(struct bytes body)
{
    struct reader r = reader_of(body);
    reader_u32(&r);
    reader_u8(&r);
    uint8_t spi = reader_u8(&r);
    uint16_t type = reader_u16(&r);
    reader_bytes(&r, spi);
    return !r.bad && type == IANA_NOTIFY_RESPONDER_LIFETIME ? sa_v1_read_lifetime(reader_rest(&r), 2) : 0;
}

/* Seconds that are fewer than agreed shorten the SA; more change nothing. */
static void take_responder_lifetime(struct quick *q, const struct wire_message *message)
{
    for (size_t i = 0; i < message->count; i++) {
        if (message->payloads[i].type != IANA_PAYLOAD_NOTIFY)
            continue;
        uint32_t seconds = responder_lifetime(message->payloads[i].body);
        if (seconds && seconds < q->life_seconds)
            q->life_seconds = seconds;
    }
}

int quick_take_second(struct step *s)
{
    struct quick *q = s->quick;
    struct sa_offers offers;
    bool pfs_only, given;
    struct prefix near, far, initiator, responder;
    struct bytes ke;
    int err = sa_v1_read(wire_find(&s->message, IANA_PAYLOAD_SA), 2, &offers);
    if (err)
        return err;
    if (offers.count != 1 || offers.proposals != 1 ||
        !proposal_select_esp(&offers, s->tunnel->conf, q->group, q->encapsulate, &q->chosen, &pfs_only))
        return IKE_ERR_CHOICE;
    take_life(q, &offers.offer[0]);
    take_responder_lifetime(q, &s->message);
    quick_selectors(s->tunnel, s->peer, &near, &far);
    err = take_selectors(s, &initiator, &responder, &given);
    if (!err && given && (!prefix_equal(&initiator, &near) || !prefix_equal(&responder, &far)))
        err = IKE_ERR_SELECTORS;
    err = err ? err : take_nonce(s, q->nonce_r, &q->nonce_r_length);
    err = err ? err : take_spi(s, offers.offer[0].spi);
    err = err ? err : check_key(s, &ke);
    return err ? err : derive_keymat(s, ke);
}

/* The conn whose selectors these are, seen from here. */
static struct tunnel *find_tunnel(const struct step *s, const struct prefix *theirs, const struct prefix *ours, bool given)
{
    for (size_t t = 0; t < s->ike->conn_count; t++) {
        struct tunnel *tunnel = &s->ike->tunnels[t];
        struct prefix near, far, a = prefix_of(s->peer->remote), b = prefix_of(s->peer->local);
        if (tunnel->peer != s->peer->index)
            continue;
        quick_selectors(tunnel, s->peer, &near, &far);
        if (prefix_equal(&far, given ? theirs : &a) && prefix_equal(&near, given ? ours : &b))
            return tunnel;
    }
    return NULL;
}

/* With pfs=no a peer that wants PFS may have it; with pfs=yes the group must be ours. */
static const struct sa_offer *choose(struct step *s, const struct sa_offers *offers, bool *pfs_only)
{
    struct quick *q = s->quick;
    const struct conf_conn *conf = s->tunnel->conf;
    q->group = quick_group(s->tunnel, s->sa);
    const struct sa_offer *o = proposal_select_esp(offers, conf, q->group, q->encapsulate, &q->chosen, pfs_only);
    for (size_t i = 0; !o && !conf->pfs && i < offers->count; i++) {
        q->group = (crypto_group)offers->offer[i].attributes.group;
        if (crypto_group_find(q->group))
            o = proposal_select_esp(offers, conf, q->group, q->encapsulate, &q->chosen, pfs_only);
    }
    return o;
}

int quick_take_first(struct step *s)
{
    struct quick *q = s->quick;
    struct sa_offers offers;
    bool pfs_only = false, given;
    struct prefix theirs = { .length = 0 }, ours = { .length = 0 };
    struct bytes ke;
    int err = take_selectors(s, &theirs, &ours, &given);
    if (err)
        return err;
    s->tunnel = find_tunnel(s, &theirs, &ours, given);
    if (!s->tunnel)
        return IKE_ERR_SELECTORS;
    err = sa_v1_read(wire_find(&s->message, IANA_PAYLOAD_SA), 2, &offers);
    if (err)
        return err;
    const struct sa_offer *offer = choose(s, &offers, &pfs_only);
    if (!offer)
        return pfs_only ? IKE_ERR_PFS : IKE_ERR_NO_PROPOSAL;
    q->life_seconds = s->tunnel->conf->sa_lifetime;
    take_life(q, offer);
    err = take_nonce(s, q->nonce_i, &q->nonce_i_length);
    err = err ? err : take_spi(s, offer->spi);
    err = err ? err : check_key(s, &ke);
    return err ? err : quick_make_values(s->ike, q);
}

/* Where our limit is the shorter one the peer is told so, and need not find out by our Delete. */
static void put_lifetime(const struct quick *q, const struct sa_offer *offer, struct wire_writer *out)
{
    if (q->life_seconds >= offered_life(offer))
        return;
    size_t at = wire_open(out, IANA_PAYLOAD_NOTIFY);
    sa_v1_write_lifetime(&out->w, q->spi_in, q->life_seconds);
    wire_close(out, at);
}

int quick_put_second(struct step *s, struct wire_writer *out)
{
    struct quick *q = s->quick;
    struct sa_offers offers;
    bool pfs_only;
    int err = sa_v1_read(wire_find(&s->message, IANA_PAYLOAD_SA), 2, &offers);
    const struct sa_offer *offer =
        err ? NULL : proposal_select_esp(&offers, s->tunnel->conf, q->group, q->encapsulate, &q->chosen, &pfs_only);
    if (!offer)
        return IKE_ERR_NO_PROPOSAL;
    size_t at = wire_open(out, IANA_PAYLOAD_SA);
    sa_v1_write_esp_choice(&out->w, offer, q->spi_in);
    wire_close(out, at);
    wire_payload(out, IANA_PAYLOAD_NONCE, bytes_of(q->nonce_r, q->nonce_r_length));
    err = put_key(s, out);
    if (wire_count(&s->message, IANA_PAYLOAD_ID))
        put_selectors(s, out);
    put_lifetime(q, offer, out);
    return err ? err : derive_keymat(s, wire_find(&s->message, IANA_PAYLOAD_KE));
}

int quick_take_third(struct step *s)
{
    (void)s; /* HASH(3) is all there is, and the runner has verified it */
    return IKE_OK;
}

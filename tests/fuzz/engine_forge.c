/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The peer that knows the secret and has gone mad: it reads the receiver's memory for keys, IVs and hashes, so that
 * whatever it changes arrives as authentic as the first.
 */
#include "tests/fuzz/engine_world.h"

#include "ike/iana.h"
#include "ike/id.h"

enum { MESSAGE_ROOM = IKE_MESSAGE_MAX + 4096 };

/* ---- finding what belongs to a message ---- */

static struct isakmp_sa *find_sa(struct ike *ike, const struct wire_header *h, struct peer **peer)
{
    for (size_t p = 0; p < ike->peer_count; p++) {
        struct isakmp_sa *sa = peer_sa_find(&ike->peers[p], h);
        *peer = &ike->peers[p];
        if (sa)
            return sa;
    }
    return NULL;
}

static struct quick *find_quick(struct ike *ike, const struct isakmp_sa *sa, uint32_t message_id)
{
    for (size_t t = 0; t < ike->conn_count; t++)
        for (size_t i = 0; i < TUNNEL_QUICKS_MAX; i++) {
            struct quick *q = &ike->tunnels[t].quick[i];
            if (q->phase != QUICK_FREE && q->x.message_id == message_id && q->sa_serial == sa->serial)
                return q;
        }
    return NULL;
}

static bool iv_of(struct ike *ike, const struct isakmp_sa *sa, const struct wire_header *h, uint8_t iv[CRYPTO_BLOCK])
{
    const struct quick *q = h->message_id ? find_quick(ike, sa, h->message_id) : NULL;
    if (!sa->keys_ready)
        return false;
    if (h->message_id == 0)
        memcpy(iv, sa->keys.iv, CRYPTO_BLOCK);
    else if (q)
        memcpy(iv, q->x.iv, CRYPTO_BLOCK);
    else
        return keys_v1_phase2_iv(&sa->keys, h->message_id, iv) == 0;
    return true;
}

bool forge_open(struct ike *receiver, struct bytes message, struct opened *out)
{
    static uint8_t plain[IKE_SEND_MAX];
    uint8_t iv[CRYPTO_BLOCK];
    struct bytes body;
    if (wire_read_header(message, &out->header, &body) != 0)
        return false;
    out->sa = find_sa(receiver, &out->header, &out->peer);
    if (out->header.flags & IANA_FLAG_ENCRYPTION) {
        if (!out->sa || body.length == 0 || body.length % CRYPTO_BLOCK || body.length > sizeof plain || !iv_of(receiver, out->sa, &out->header, iv))
            return false;
        const struct isakmp_keys *keys = &out->sa->keys;
        must(crypto_cbc_decrypt(bytes_of(keys->cipher_key, keys->key_length), iv, body, plain) == CRYPTO_OK);
        body = bytes_of(plain, body.length);
    }
    chain_read(&out->chain, out->header.next, body);
    return true;
}

/* ---- sealing ---- */

static int phase1_hash(const struct isakmp_sa *sa, struct chain *chain, uint8_t hash[CRYPTO_HASH_MAX])
{
    const struct chain_payload *id = chain_find(chain, IANA_PAYLOAD_ID);
    bool i = sa->x.role == ROLE_RESPONDER; /* the sender's role */
    struct bytes public_i = bytes_of(sa->public_i, sa->public_length), public_r = bytes_of(sa->public_r, sa->public_length);
    struct bytes cookie_i = bytes_of(sa->cookie_i, WIRE_COOKIE), cookie_r = bytes_of(sa->cookie_r, WIRE_COOKIE);
    return keys_v1_hash_main(&sa->keys, i ? public_i : public_r, i ? public_r : public_i, i ? cookie_i : cookie_r, i ? cookie_r : cookie_i,
                             bytes_of(sa->sai_b, sa->sai_length), id ? bytes_of(id->body, id->length) : bytes_of(NULL, 0), hash);
}

static int phase2_hash(struct ike *ike, const struct opened *o, struct bytes rest, uint8_t hash[CRYPTO_HASH_MAX])
{
    const struct quick *q = o->header.exchange == IANA_EXCHANGE_QUICK ? find_quick(ike, o->sa, o->header.message_id) : NULL;
    if (!q)
        return keys_v1_hash_1(&o->sa->keys, o->header.message_id, rest, hash);
    struct bytes ni = bytes_of(q->nonce_i, q->nonce_i_length), nr = bytes_of(q->nonce_r, q->nonce_r_length);
    return q->x.role == ROLE_INITIATOR ? keys_v1_hash_2(&o->sa->keys, o->header.message_id, ni, rest, hash)
                                       : keys_v1_hash_3(&o->sa->keys, o->header.message_id, ni, nr, hash);
}

static void put_hash(struct ike *ike, struct opened *o, uint8_t *body, size_t length, bool good)
{
    uint8_t hash[CRYPTO_HASH_MAX] = { 0 };
    size_t hash_length = o->sa->keys.hash_length;
    struct chain_payload *first = o->chain.count ? &o->chain.payload[0] : NULL;
    if (o->header.message_id == 0 || !first || first->type != IANA_PAYLOAD_HASH || first->length != hash_length)
        return;
    size_t rest = WIRE_GENERIC + hash_length;
    must(phase2_hash(ike, o, bytes_of(body + rest, length - rest), hash) == 0);
    hash[0] ^= !good;
    memcpy(body + WIRE_GENERIC, hash, hash_length);
}

struct bytes forge_seal(struct ike *receiver, const struct opened *opened, bool good)
{
    static uint8_t memory[MESSAGE_ROOM];
    static struct opened o;
    uint8_t iv[CRYPTO_BLOCK], hash[CRYPTO_HASH_MAX], *body = memory + WIRE_HEADER;
    struct wire_writer out;
    memcpy(&o, opened, sizeof o);
    bool encrypted = o.header.flags & IANA_FLAG_ENCRYPTION && o.sa && iv_of(receiver, o.sa, &o.header, iv);
    struct chain_payload *p = encrypted && o.header.message_id == 0 ? chain_find(&o.chain, IANA_PAYLOAD_HASH) : NULL;
    if (p && p->length == o.sa->keys.hash_length && phase1_hash(o.sa, &o.chain, hash) == 0) {
        hash[0] ^= !good;
        memcpy(p->body, hash, p->length); /* in opened's own room */
    }
    wire_write_header(&out, memory, sizeof memory, 0, &o.header);
    size_t length = chain_write(&o.chain, body, sizeof memory - WIRE_HEADER - CRYPTO_BLOCK, &memory[16]);
    if (encrypted) {
        put_hash(receiver, &o, body, length, good);
        while (length % CRYPTO_BLOCK)
            body[length++] = 0;
        const struct isakmp_keys *keys = &o.sa->keys;
        must(crypto_cbc_encrypt(bytes_of(keys->cipher_key, keys->key_length), iv, bytes_of(body, length), body) == CRYPTO_OK);
    }
    memcpy(memory + 24, (uint8_t[]){ 0, 0, (uint8_t)((length + WIRE_HEADER) >> 8), (uint8_t)(length + WIRE_HEADER) }, 4);
    return bytes_of(memory, WIRE_HEADER + length);
}

/* ---- templates ---- */

static uint8_t scratch[8192];

static struct writer pen(void) { return writer_of(scratch, sizeof scratch); }

static void add_hash(struct opened *o)
{
    static const uint8_t place[CRYPTO_HASH_MAX];
    chain_add(&o->chain, IANA_PAYLOAD_HASH, bytes_of(place, o->sa->keys.hash_length));
}

static void add_nonce(struct opened *o, struct choices *c)
{
    uint8_t nonce[NONCE_MAX];
    memset(nonce, choose_octet(c), sizeof nonce);
    chain_add(&o->chain, IANA_PAYLOAD_NONCE, bytes_of(nonce, choose(c, 8) ? 32 : 8 + choose(c, NONCE_MAX - 7)));
}

static void add_key(struct opened *o, crypto_group id)
{
    static struct { crypto_group id; uint8_t value[CRYPTO_PUBLIC_MAX]; } known[4];
    static const uint8_t exponent[CRYPTO_EXPONENT_MAX] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
    const struct crypto_group_row *group = crypto_group_find(id);
    size_t i = 0;
    if (!group)
        return;
    while (i < 3 && known[i].id && known[i].id != id)
        i++;
    if (known[i].id != id)
        must(crypto_dh_public(id, bytes_of(exponent, group->exponent_length), known[i].value) == CRYPTO_OK);
    known[i].id = id;
    chain_add(&o->chain, IANA_PAYLOAD_KE, bytes_of(known[i].value, group->public_length));
}

static void add_notify(struct opened *o, uint8_t protocol, struct bytes spi, uint16_t type, struct bytes data)
{
    struct writer w = pen();
    writer_u32(&w, IANA_DOI_IPSEC);
    writer_u8(&w, protocol);
    writer_u8(&w, spi.length);
    writer_u16(&w, type);
    writer_bytes(&w, spi);
    writer_bytes(&w, data);
    chain_add(&o->chain, IANA_PAYLOAD_NOTIFY, writer_span(&w));
}

static struct bytes cookies_of(const struct isakmp_sa *sa)
{
    static uint8_t both[WIRE_COOKIES];
    memcpy(both, sa->cookie_i, WIRE_COOKIE);
    memcpy(both + WIRE_COOKIE, sa->cookie_r, WIRE_COOKIE);
    return bytes_of(both, sizeof both);
}

static void add_status(struct opened *o, uint16_t type, struct bytes data) { add_notify(o, IANA_PROTOCOL_ISAKMP, cookies_of(o->sa), type, data); }

static void probe(struct end *e, struct opened *o, struct choices *c)
{
    bool answer = choose(c, 2);
    uint32_t n = answer ? o->sa->dpd.sent_sequence - choose(c, 4) : o->sa->dpd.heard_sequence + choose(c, 3);
    const uint8_t data[] = { (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n };
    (void)e;
    add_status(o, answer ? IANA_NOTIFY_R_U_THERE_ACK : IANA_NOTIFY_R_U_THERE, bytes_of(data, sizeof data));
}

static uint32_t some_spi(const struct end *e, struct choices *c)
{
    const struct tunnel *t = &e->ike->tunnels[choose(c, (uint32_t)e->ike->conn_count)];
    const struct child *child = &t->child[choose(c, TUNNEL_CHILDREN_MAX)];
    return choose(c, 2) ? child->spi_out : child->spi_in;
}

static void delete(struct end *e, struct opened *o, struct choices *c)
{
    bool isakmp = choose(c, 4) == 0;
    uint32_t count = 1 + choose(c, isakmp ? 3 : 6);
    struct writer w = pen();
    writer_u32(&w, IANA_DOI_IPSEC);
    writer_u8(&w, isakmp ? IANA_PROTOCOL_ISAKMP : IANA_PROTOCOL_ESP);
    writer_u8(&w, isakmp ? WIRE_COOKIES : 4);
    writer_u16(&w, count);
    for (uint32_t i = 0; i < count; i++)
        if (isakmp)
            writer_bytes(&w, cookies_of(&o->peer->sa[choose(c, PEER_SAS_MAX)]));
        else
            writer_u32(&w, some_spi(e, c));
    chain_add(&o->chain, IANA_PAYLOAD_DELETE, writer_span(&w));
}

static void error(struct end *e, struct opened *o, struct choices *c)
{
    static const uint16_t types[] = { IANA_NOTIFY_NO_PROPOSAL_CHOSEN, IANA_NOTIFY_INVALID_ID_INFORMATION, IANA_NOTIFY_INVALID_KEY_INFORMATION,
                                      IANA_NOTIFY_AUTHENTICATION_FAILED, IANA_NOTIFY_PAYLOAD_MALFORMED, IANA_NOTIFY_INITIAL_CONTACT, 24 };
    static const uint8_t lives[2][8] = { { 0x80, 11, 0, 1, 0x80, 12, 0, 90 }, { 0x80, 1, 0, 1, 0x80, 2, 0, 60 } }; /* of phase 1 and 2 */
    uint32_t spi = some_spi(e, c);
    const uint8_t octets[] = { (uint8_t)(spi >> 24), (uint8_t)(spi >> 16), (uint8_t)(spi >> 8), (uint8_t)spi };
    uint32_t life = choose(c, 6);
    if (life < 2) {
        add_notify(o, life ? IANA_PROTOCOL_ESP : IANA_PROTOCOL_ISAKMP, bytes_of(octets, life ? 4 : 0), IANA_NOTIFY_RESPONDER_LIFETIME,
                   bytes_of(lives[life], sizeof lives[life]));
        return;
    }
    add_notify(o, IANA_PROTOCOL_ESP, bytes_of(octets, choose(c, 2) ? 4 : 0), types[choose(c, 7)], bytes_of(NULL, 0));
}

static void add_selectors(struct opened *o, const struct conf_conn *conn, bool receiver_first, struct choices *c)
{
    const struct prefix *near = &conf_near(conn)->subnet, *far = &conf_far(conn)->subnet;
    for (int i = 0; i < 2 && near->addr.family && choose(c, 16); i++) {
        struct writer w = pen();
        id_write_selector(&w, (i == 0) == receiver_first ? near : far);
        chain_add(&o->chain, IANA_PAYLOAD_ID, writer_span(&w));
    }
}

static void quick_first(struct end *e, struct opened *o, struct choices *c)
{
    const struct conf_conn *conn = &e->ike->conns[choose(c, (uint32_t)e->ike->conn_count)];
    conn = conf_is_hole(conn) ? o->peer->conf : conn;
    crypto_group group = !conn->pfs ? (choose(c, 8) == 0 ? 19 : 0) : conn->pfs_group ? conn->pfs_group : o->sa->chosen.group;
    struct writer w = pen();
    o->header.exchange = IANA_EXCHANGE_QUICK;
    add_hash(o);
    sa_v1_write_esp_offer(&w, conn, choose(c, 8) ? 0x10000U + choose_number(c, 2) : choose_number(c, 4), group, o->sa->encapsulate);
    chain_add(&o->chain, IANA_PAYLOAD_SA, writer_span(&w));
    add_nonce(o, c);
    add_key(o, group);
    add_selectors(o, conn, false, c);
}

/* Message 2 or 3 of a Quick Mode that the receiver is in. */
static void quick_next(struct end *e, struct opened *o, struct choices *c)
{
    static const uint8_t life[] = { 0x80, 1, 0, 1, 0x80, 2, 0, 100 };
    struct tunnel *t = &e->ike->tunnels[choose(c, (uint32_t)e->ike->conn_count)];
    struct quick *q = NULL;
    for (size_t i = 0; i < TUNNEL_QUICKS_MAX; i++)
        if (t->quick[i].phase != QUICK_FREE && t->quick[i].sa_serial == o->sa->serial && (!q || t->quick[i].phase == QUICK_WAIT_MESSAGE))
            q = &t->quick[i];
    o->header.exchange = IANA_EXCHANGE_QUICK;
    add_hash(o);
    if (!q || !t->conf)
        return;
    o->header.message_id = q->x.message_id;
    if (q->x.role == ROLE_RESPONDER)
        return;
    struct conf_conn one = *t->conf;
    struct writer w = pen();
    one.esp_count = 1;
    one.sa_lifetime -= choose(c, 30);
    sa_v1_write_esp_offer(&w, &one, 0x20000 + choose_number(c, 2), q->group, q->encapsulate);
    chain_add(&o->chain, IANA_PAYLOAD_SA, writer_span(&w));
    add_nonce(o, c);
    add_key(o, q->group);
    add_selectors(o, t->conf, true, c);
    if (choose(c, 4) == 0)
        add_status(o, IANA_NOTIFY_RESPONDER_LIFETIME, bytes_of(life, sizeof life));
}

static void main_auth(struct end *e, struct opened *o, struct choices *c)
{
    struct writer w = pen();
    (void)e;
    o->header.exchange = IANA_EXCHANGE_MAIN;
    o->header.message_id = 0;
    id_write(&w, &o->peer->far_id);
    chain_add(&o->chain, IANA_PAYLOAD_ID, writer_span(&w));
    add_hash(o);
    if (choose(c, 2))
        add_status(o, IANA_NOTIFY_INITIAL_CONTACT, bytes_of(NULL, 0));
}

/* Messages 1 to 4, in clear, and errors. */
static void clear(struct end *e, struct opened *o, struct choices *c)
{
    static const uint8_t natt[16] = { 0x4a, 0x13, 0x1c, 0x81, 0x07, 0x03, 0x58, 0x45, 0x5c, 0x57, 0x28, 0xf2, 0x0e, 0x95, 0x45, 0x2f };
    static const uint8_t dpd[16] = { 0xaf, 0xca, 0xd7, 0x13, 0x68, 0xa1, 0xf1, 0xc9, 0x6b, 0x86, 0x96, 0xfc, 0x77, 0x57, 0x01, 0x00 };
    struct conf_conn conn = *o->peer->conf;
    uint32_t what = choose(c, 4);
    struct writer w = pen();
    o->header.flags = 0;
    o->header.message_id = 0;
    o->header.exchange = IANA_EXCHANGE_MAIN;
    if (what == 3) {
        o->header.exchange = IANA_EXCHANGE_INFORMATIONAL;
        error(e, o, c);
    } else if (what < 2) { /* 1: a choice among what was offered */
        if (what == 0) {
            memset(o->header.cookie_i, 1 + (int)choose(c, 200), WIRE_COOKIE);
            memset(o->header.cookie_r, 0, WIRE_COOKIE);
        }
        conn.ike_count = what ? 1 : conn.ike_count;
        sa_v1_write_ike_offer(&w, &conn);
        chain_add(&o->chain, IANA_PAYLOAD_SA, writer_span(&w));
        if (choose(c, 4))
            chain_add(&o->chain, IANA_PAYLOAD_VENDOR, bytes_of(natt, sizeof natt));
        if (choose(c, 4))
            chain_add(&o->chain, IANA_PAYLOAD_VENDOR, bytes_of(dpd, sizeof dpd));
    } else {
        if (choose(c, 2)) {
            const uint8_t *cookies = e->cookies[choose(c, ENGINE_COOKIES)];
            memcpy(o->header.cookie_i, cookies, WIRE_COOKIE);
            memcpy(o->header.cookie_r, cookies + WIRE_COOKIE, WIRE_COOKIE);
        }
        add_key(o, o->peer->conf->ike[choose(c, o->peer->conf->ike_count)].group);
        add_nonce(o, c);
        for (uint32_t n = choose(c, 4); n > 0; n--)
            chain_add(&o->chain, IANA_PAYLOAD_NAT_D, bytes_of(natt, 16));
    }
}

bool forge_template(struct end *e, struct choices *c, struct opened *o)
{
    static void (*const templates[])(struct end *e, struct opened *o, struct choices *c) = { probe, delete, error, quick_first, quick_next,
                                                                                           main_auth, clear, quick_first };
    uint32_t what = choose(c, 8), at = choose(c, PEER_SAS_MAX);
    chain_clear(&o->chain);
    o->peer = &e->ike->peers[0];
    o->sa = NULL;
    if (!o->peer->conf)
        return false;
    for (size_t i = 0; i < PEER_SAS_MAX && !o->sa; i++)
        if (o->peer->sa[(i + at) % PEER_SAS_MAX].used)
            o->sa = &o->peer->sa[(i + at) % PEER_SAS_MAX];
    o->header = (struct wire_header){ .exchange = IANA_EXCHANGE_INFORMATIONAL, .flags = IANA_FLAG_ENCRYPTION, .message_id = choose_number(c, 2) };
    if (o->sa) {
        memcpy(o->header.cookie_i, o->sa->cookie_i, WIRE_COOKIE);
        memcpy(o->header.cookie_r, o->sa->cookie_r, WIRE_COOKIE);
    }
    if (!o->sa || (!o->sa->keys_ready && what != 6)) {
        clear(e, o, c);
        return true;
    }
    if (what < 3)
        add_hash(o);
    templates[what](e, o, c);
    return true;
}

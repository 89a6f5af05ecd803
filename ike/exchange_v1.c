/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what is common to every step of every exchange. Entry points: exchange_run (a message came),
 * exchange_build (one goes out), exchange_is_duplicate, exchange_send. RFC 2408 4.1, 5.1; RFC 2409 5, 5.5,
 * appendix B. Invariants: nothing but the scratch is written before success; the IV chain moves only with a
 * message that was taken or sent; a duplicate is answered with the very same octets.
 */
#include "ike/exchange_v1.h"

#include "ike/err.h"
#include "ike/iana.h"

/* Payloads that may come more than once in a message. */
static const uint32_t repeatable = BIT(IANA_PAYLOAD_VENDOR) | BIT(IANA_PAYLOAD_NOTIFY) | BIT(IANA_PAYLOAD_DELETE) |
                                   BIT(IANA_PAYLOAD_NAT_D) | BIT(IANA_PAYLOAD_CERT_REQUEST) | BIT(IANA_PAYLOAD_ID) |
                                   BIT(15) | BIT(16) | BIT(IANA_PAYLOAD_NAT_OA);
/* What old peers add and nobody needs: drafts of NAT-D as 15, 16, 130, and NAT-OA as 131. */
static const uint32_t harmless_in_clear = BIT(IANA_PAYLOAD_VENDOR) | BIT(IANA_PAYLOAD_CERT_REQUEST) | BIT(15) | BIT(16);
static const uint32_t harmless_encrypted = BIT(IANA_PAYLOAD_VENDOR) | BIT(IANA_PAYLOAD_NOTIFY) | BIT(IANA_PAYLOAD_NAT_OA);

static bool draft_payload(uint8_t type)
{
    return type == 130 || type == 131;
}

int exchange_check_payloads(const struct exchange_row *row, const struct wire_message *message)
{
    uint32_t may = row->must | row->may | (row->encrypted ? harmless_encrypted : harmless_in_clear);
    if ((message->seen & row->must) != row->must)
        return IKE_ERR_PAYLOAD_MISSING;
    if (message->seen & ~may)
        return IKE_ERR_PAYLOAD_UNEXPECTED;
    uint32_t once = 0;
    for (size_t i = 0; i < message->count; i++) {
        uint8_t type = message->payloads[i].type;
        if (type >= 32) {
            if (!draft_payload(type))
                return IKE_ERR_PAYLOAD_UNEXPECTED;
            continue;
        }
        if (once & BIT(type) & ~repeatable)
            return IKE_ERR_PAYLOAD_UNEXPECTED;
        once |= BIT(type);
    }
    if (row->hash != HASH_NONE && message->payloads[0].type != IANA_PAYLOAD_HASH)
        return IKE_ERR_PAYLOAD_UNEXPECTED; /* RFC 2409 5.5: the hash comes first */
    return IKE_OK;
}

static void last_block(uint8_t iv[CRYPTO_BLOCK], const uint8_t *ciphertext, size_t length)
{
    memcpy(iv, ciphertext + length - CRYPTO_BLOCK, CRYPTO_BLOCK);
}

/* Ciphertext to `clear`; the IV moves to the last ciphertext block. */
static int decrypt(const struct isakmp_sa *sa, uint8_t iv[CRYPTO_BLOCK], struct bytes body, uint8_t *clear)
{
    if (body.length == 0 || body.length % CRYPTO_BLOCK || body.length > IKE_MESSAGE_MAX)
        return IKE_ERR_CIPHERTEXT;
    if (crypto_cbc_decrypt(bytes_of(sa->keys.cipher_key, sa->keys.key_length), iv, body, clear) != CRYPTO_OK)
        return IKE_ERR_CRYPTO;
    last_block(iv, body.data, body.length);
    return IKE_OK;
}

/* The IV of this exchange: phase 1 has one chain for the SA, each phase 2 exchange its own. */
static uint8_t *chain(struct step *s)
{
    return s->quick ? s->quick->x.iv : s->sa->keys.iv;
}

static int compute_hash(const struct step *s, enum exchange_hash kind, struct bytes rest, uint8_t out[CRYPTO_HASH_MAX])
{
    const struct isakmp_keys *keys = &s->sa->keys;
    const struct quick *q = s->quick;
    if (kind == HASH_1 || !q)
        return keys_v1_hash_1(keys, q ? q->x.message_id : 0, rest, out);
    struct bytes ni = bytes_of(q->nonce_i, q->nonce_i_length), nr = bytes_of(q->nonce_r, q->nonce_r_length);
    if (kind == HASH_2)
        return keys_v1_hash_2(keys, q->x.message_id, ni, rest, out);
    return keys_v1_hash_3(keys, q->x.message_id, ni, nr, out);
}

static int verify_hash(const struct step *s, enum exchange_hash kind)
{
    uint8_t expected[CRYPTO_HASH_MAX];
    int err = compute_hash(s, kind, wire_after_first(&s->message), expected);
    if (err)
        return err;
    bool equal = bytes_equal_secret(s->message.payloads[0].body, bytes_of(expected, s->sa->keys.hash_length));
    bytes_wipe(expected, sizeof expected);
    return equal ? IKE_OK : IKE_ERR_HASH;
}

/* Clear or encrypted body to the payload list in s->message. */
static int open_body(struct step *s, const struct exchange_row *row, const struct wire_header *header, struct bytes body, uint8_t *clear)
{
    bool encrypted = header->flags & IANA_FLAG_ENCRYPTION;
    if (row->encrypted != encrypted)
        return encrypted ? IKE_ERR_FLAGS : IKE_ERR_NOT_ENCRYPTED;
    if (encrypted) {
        int err = decrypt(s->sa, chain(s), body, clear);
        if (err)
            return err;
        body = bytes_of(clear, body.length);
    }
    s->message.header = *header;
    return wire_read_payloads(header->next, body, &s->message);
}

int exchange_run(struct step *s, const struct exchange_row *row, const struct wire_header *header, struct bytes body)
{
    uint8_t clear[IKE_MESSAGE_MAX];
    struct exchange *x = s->quick ? &s->quick->x : &s->sa->x;
    int err = open_body(s, row, header, body, clear);
    err = err ? err : exchange_check_payloads(row, &s->message);
    if (!err && row->hash != HASH_NONE) {
        err = verify_hash(s, row->hash);
        s->authentic = !err;
    }
    err = err ? err : row->take(s);
    if (!err && row->put)
        err = exchange_build(s, x, header->exchange, row->reply_encrypted, row->reply_hash, row->put);
    if (row->encrypted)
        bytes_wipe(clear, body.length < sizeof clear ? body.length : sizeof clear);
    if (err)
        return err;
    if (!row->put)
        x->sent_length = 0;
    x->held = row->put && row->hold;
    x->step++;
    x->tries = 0;
    x->resend_at = MONO_NEVER;
    return IKE_OK;
}

/* HASH(n) over what follows the HASH payload, filled into the place kept for it. */
static int fill_hash(const struct step *s, enum exchange_hash kind, struct wire_writer *out, size_t hash_at)
{
    size_t length = s->sa->keys.hash_length;
    uint8_t hash[CRYPTO_HASH_MAX];
    struct bytes rest = bytes_of(out->w.start + hash_at + length, out->w.used - hash_at - length);
    int err = compute_hash(s, kind, rest, hash);
    if (!err)
        memcpy(out->w.start + hash_at, hash, length);
    return err;
}

static int encrypt(struct step *s, struct exchange *x)
{
    uint8_t *iv = chain(s);
    uint8_t *body = x->sent + WIRE_HEADER;
    size_t length = (size_t)x->sent_length - WIRE_HEADER;
    struct bytes key = bytes_of(s->sa->keys.cipher_key, s->sa->keys.key_length);
    if (crypto_cbc_encrypt(key, iv, bytes_of(body, length), body) != CRYPTO_OK)
        return IKE_ERR_CRYPTO;
    last_block(iv, body, length);
    return IKE_OK;
}

int exchange_build(struct step *s, struct exchange *x, uint8_t type, bool encrypted, enum exchange_hash hash,
                   int (*put)(struct step *s, struct wire_writer *out))
{
    struct wire_writer out;
    struct wire_header header = { .exchange = type, .flags = encrypted ? IANA_FLAG_ENCRYPTION : 0, .message_id = x->message_id };
    memcpy(header.cookie_i, s->sa->cookie_i, WIRE_COOKIE);
    memcpy(header.cookie_r, s->sa->cookie_r, WIRE_COOKIE);
    /* Four octets are left for the non-ESP marker. */
    wire_write_header(&out, x->sent, sizeof x->sent - 4, 0, &header);
    size_t hash_at = 0;
    if (hash != HASH_NONE) {
        size_t at = wire_open(&out, IANA_PAYLOAD_HASH);
        hash_at = out.w.used;
        writer_zero(&out.w, s->sa->keys.hash_length);
        wire_close(&out, at);
    }
    int err = put ? put(s, &out) : IKE_OK;
    if (!err && hash != HASH_NONE && !out.w.bad)
        err = fill_hash(s, hash, &out, hash_at);
    struct bytes message = wire_finish(&out, encrypted ? CRYPTO_BLOCK : 0);
    x->sent_length = (uint16_t)message.length;
    if (err)
        return err;
    if (message.length == 0)
        return IKE_ERR_TOO_LONG;
    return encrypted ? encrypt(s, x) : IKE_OK;
}

static void digest(struct bytes datagram, uint8_t out[DIGEST])
{
    uint8_t hash[CRYPTO_HASH_MAX];
    if (crypto_hash(CRYPTO_SHA2_256, &datagram, 1, hash) != CRYPTO_OK)
        memset(hash, 0, sizeof hash);
    memcpy(out, hash, DIGEST);
}

enum { DUPLICATES_A_SECOND = 100 }; /* per headend */

/* A recorded message, sent again and again, must not make us a flood for its sender. */
static bool may_repeat(const struct ike *ike, struct peer *peer)
{
    return bucket_take(&peer->limits.duplicates, ike->now, DUPLICATES_A_SECOND, DUPLICATES_A_SECOND);
}

bool exchange_is_duplicate(struct ike *ike, struct peer *peer, struct exchange *x, bool complete, const struct ike_path *path,
                           struct bytes datagram)
{
    uint8_t now[DIGEST];
    if (!x->received_any)
        return false;
    if (complete && !may_repeat(ike, peer))
        return true;
    digest(datagram, now);
    if (memcmp(now, x->received, DIGEST) != 0)
        return false;
    if (x->sent_length && !x->held && (complete || may_repeat(ike, peer)))
        output_send(ike, path, bytes_of(x->sent, x->sent_length));
    return true;
}

void exchange_remember(struct exchange *x, struct bytes datagram)
{
    digest(datagram, x->received);
    x->received_any = true;
}

void exchange_send(struct ike *ike, const struct conf_conn *conf, struct exchange *x, const struct ike_path *path, bool resend)
{
    x->held = false;
    x->sent_at = ike->now;
    output_send(ike, path, bytes_of(x->sent, x->sent_length));
    x->resend_at = resend ? mono_after(ike->now, life_resend_after(ike, conf, x->tries)) : MONO_NEVER;
    x->tries++;
}

int exchange_open_phase2(const struct isakmp_sa *sa, uint32_t message_id, struct bytes body, uint8_t *clear, uint8_t first,
                         struct wire_message *message)
{
    uint8_t iv[CRYPTO_BLOCK], expected[CRYPTO_HASH_MAX];
    int err = keys_v1_phase2_iv(&sa->keys, message_id, iv);
    err = err ? err : decrypt(sa, iv, body, clear);
    err = err ? err : wire_read_payloads(first, bytes_of(clear, body.length), message);
    if (!err && (message->count == 0 || message->payloads[0].type != IANA_PAYLOAD_HASH))
        err = IKE_ERR_PAYLOAD_MISSING;
    err = err ? err : keys_v1_hash_1(&sa->keys, message_id, wire_after_first(message), expected);
    if (!err && !bytes_equal_secret(message->payloads[0].body, bytes_of(expected, sa->keys.hash_length)))
        err = IKE_ERR_HASH;
    return err;
}

void exchange_debug(struct ike *ike, const struct peer *peer, const char *name, int err)
{
    char text[ADDR_TEXT_MAX];
    if (!ike->quiet)
        output_notice(ike, IKE_NOTICE_DEBUG, &ike->tunnels[peer->conf - ike->conns], IKE_CAUSE_NONE, "%s from %s not taken: %s", name,
                      addr_print(&peer->remote, text), ike_err_find(err)->text);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Messages and SA payloads by hand; see forge.h. */
#include "tests/support/forge.h"

#include "ike/iana.h"
#include "tests/support/guard.h"
#include "tests/support/test.h"

void forge_add(struct forge *f, uint8_t type, struct bytes body)
{
    assert_true(f->count < FORGE_PAYLOADS);
    f->payload[f->count++] = (struct wire_payload){ type, body };
}

static int hash_of(const struct forge *f, struct bytes rest, uint8_t out[CRYPTO_HASH_MAX])
{
    const struct isakmp_keys *keys = &f->sa->keys;
    if (f->hash == HASH_1)
        return keys_v1_hash_1(keys, f->message_id, rest, out);
    struct bytes ni = bytes_of(f->quick->nonce_i, f->quick->nonce_i_length), nr = bytes_of(f->quick->nonce_r, f->quick->nonce_r_length);
    return f->hash == HASH_2 ? keys_v1_hash_2(keys, f->message_id, ni, rest, out) : keys_v1_hash_3(keys, f->message_id, ni, nr, out);
}

static void encrypt(const struct forge *f, uint8_t *body, size_t length)
{
    uint8_t iv[CRYPTO_BLOCK];
    if (f->phase1)
        memcpy(iv, f->sa->keys.iv, sizeof iv);
    else if (f->quick)
        memcpy(iv, f->quick->x.iv, sizeof iv);
    else
        assert_int_equal(keys_v1_phase2_iv(&f->sa->keys, f->message_id, iv), 0);
    assert_int_equal(crypto_cbc_encrypt(bytes_of(f->sa->keys.cipher_key, f->sa->keys.key_length), iv, bytes_of(body, length), body), CRYPTO_OK);
}

struct bytes forge_make(const struct forge *f)
{
    static uint8_t memory[IKE_MESSAGE_MAX + 4096];
    struct wire_writer out;
    struct wire_header header = { .exchange = f->exchange, .flags = f->clear ? 0 : IANA_FLAG_ENCRYPTION, .message_id = f->message_id };
    uint8_t hash[CRYPTO_HASH_MAX] = { 0 };
    memcpy(header.cookie_i, f->sa->cookie_i, WIRE_COOKIE);
    memcpy(header.cookie_r, f->sa->cookie_r, WIRE_COOKIE);
    wire_write_header(&out, memory, sizeof memory, 0, &header);
    if (f->hash != HASH_NONE)
        wire_payload(&out, IANA_PAYLOAD_HASH, bytes_of(hash, f->sa->keys.hash_length));
    size_t rest = out.w.used;
    for (size_t i = 0; i < f->count; i++)
        wire_payload(&out, f->payload[i].type, f->payload[i].body);
    if (f->other_length)
        writer_set_u16(&out.w, out.next_at + 2, f->last_length);
    if (f->hash != HASH_NONE) {
        assert_int_equal(hash_of(f, bytes_of(memory + rest, out.w.used - rest), hash), 0);
        hash[0] ^= f->bad_hash;
        memcpy(memory + WIRE_HEADER + WIRE_GENERIC, hash, f->sa->keys.hash_length);
    }
    struct bytes message = wire_finish(&out, f->clear ? 0 : CRYPTO_BLOCK);
    assert_true(message.length > 0);
    if (!f->clear)
        encrypt(f, memory + WIRE_HEADER, message.length - WIRE_HEADER);
    return message;
}

struct bytes forge_replace(const struct sent *message, uint8_t type, struct bytes body)
{
    static uint8_t memory[IKE_MESSAGE_MAX + 4096];
    struct wire_header header;
    struct wire_message m;
    struct wire_writer out;
    struct bytes rest;
    bool done = false;
    assert_int_equal(wire_read_header(bytes_of(message->datagram, message->length), &header, &rest), 0);
    assert_int_equal(wire_read_payloads(header.next, rest, &m), 0);
    wire_write_header(&out, memory, sizeof memory, 0, &header);
    for (size_t i = 0; i < m.count; i++) {
        bool this_one = !done && m.payloads[i].type == type;
        if (!this_one)
            wire_payload(&out, m.payloads[i].type, m.payloads[i].body);
        else if (body.data)
            wire_payload(&out, type, body);
        done |= this_one;
    }
    assert_true(done);
    rest = wire_finish(&out, 0);
    assert_true(rest.length > 0);
    return rest;
}

void forge_refused(const struct image *before, struct engine *e, int end, uint16_t port, struct bytes datagram)
{
    struct ike_path path = engine_path_of(end, port);
    const char *why;
    image_load(before, e);
    engine_take_octets(e, &path, bytes_of(guard_copy(datagram), datagram.length));
    if (e->sent_count > 0)
        fail_msg("%zu octets were answered: %s", datagram.length, e->text);
    if (!image_same(before, e, &why))
        fail_msg("%zu octets left a trace: %s", datagram.length, why);
}

uint16_t forge_notify_sent(const struct engine *e, const struct isakmp_sa *other)
{
    uint8_t clear[IKE_MESSAGE_MAX];
    struct wire_header header;
    struct wire_message m;
    struct bytes body;
    if (e->sent_count == 0 || wire_read_header(bytes_of(e->sent[0].datagram, e->sent[0].length), &header, &body) ||
        header.exchange != IANA_EXCHANGE_INFORMATIONAL || exchange_open_phase2(other, header.message_id, body, clear, header.next, &m))
        return 0;
    struct reader r = reader_of(wire_find(&m, IANA_PAYLOAD_NOTIFY));
    reader_bytes(&r, 6);
    return reader_u16(&r);
}

struct isakmp_sa *forge_sa(struct engine *e)
{
    struct isakmp_sa *found = NULL;
    for (size_t i = 0; i < PEER_SAS_MAX; i++) {
        struct isakmp_sa *sa = &e->ike->peers[0].sa[i];
        if (sa->used && (!found || (sa->up && !found->up)))
            found = sa;
    }
    return found;
}

struct quick *forge_quick(struct engine *e)
{
    for (size_t i = 0; i < TUNNEL_QUICKS_MAX; i++)
        if (e->ike->tunnels[0].quick[i].phase == QUICK_WAIT_MESSAGE)
            return &e->ike->tunnels[0].quick[i];
    return NULL;
}

/* ---- SA payloads ---- */

static void close_nested(struct sa_body *b, size_t *at)
{
    if (*at)
        writer_set_u16(&b->w, *at + 2, b->w.used - *at);
    *at = 0;
}

static size_t open_nested(struct sa_body *b, unsigned next)
{
    size_t at = b->w.used;
    writer_u8(&b->w, next);
    writer_u8(&b->w, 0);
    writer_u16(&b->w, 0);
    return at;
}

void sa_begin(struct sa_body *b)
{
    b->proposal = b->transform = 0;
    b->w = writer_of(b->memory, sizeof b->memory);
    writer_u32(&b->w, IANA_DOI_IPSEC);
    writer_u32(&b->w, IANA_SITUATION_IDENTITY_ONLY);
}

void sa_proposal(struct sa_body *b, bool more, unsigned number, unsigned protocol, const char *spi_hex, unsigned transforms)
{
    struct bytes spi = hex_bytes(spi_hex);
    close_nested(b, &b->transform);
    close_nested(b, &b->proposal);
    b->proposal = open_nested(b, more ? IANA_PAYLOAD_PROPOSAL : IANA_PAYLOAD_NONE);
    writer_u8(&b->w, number);
    writer_u8(&b->w, protocol);
    writer_u8(&b->w, spi.length);
    writer_u8(&b->w, transforms);
    writer_bytes(&b->w, spi);
}

void sa_transform(struct sa_body *b, bool more, unsigned number, unsigned id, const char *attributes_hex)
{
    close_nested(b, &b->transform);
    b->transform = open_nested(b, more ? IANA_PAYLOAD_TRANSFORM : IANA_PAYLOAD_NONE);
    writer_u8(&b->w, number);
    writer_u8(&b->w, id);
    writer_u16(&b->w, 0);
    writer_bytes(&b->w, hex_bytes(attributes_hex));
}

struct bytes sa_end(struct sa_body *b)
{
    close_nested(b, &b->transform);
    close_nested(b, &b->proposal);
    assert_false(b->w.bad);
    return writer_span(&b->w);
}

struct bytes sa_single(struct sa_body *b, unsigned protocol, const char *spi_hex, unsigned id, const char *attributes_hex)
{
    sa_begin(b);
    sa_proposal(b, false, 1, protocol, spi_hex, 1);
    sa_transform(b, false, 1, id, attributes_hex);
    return sa_end(b);
}

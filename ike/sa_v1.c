/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the codec of the version 1 SA payload. Entry points: sa_v1_read and the four writers.
 * RFC 2408 3.3-3.6 (framing), RFC 2409 appendix A and RFC 2407 4.5 (attributes).
 * Invariants: sub-cursors mirror the nesting SA > proposal > transform > attribute, so no inner length can
 * reach outside its container; a transform is never half decoded.
 */
#include "ike/sa_v1.h"

#include "ike/err.h"
#include "ike/iana.h"

#include <stddef.h>

/* Where an attribute's value goes. */
struct attribute_rule {
    uint16_t type;
    uint16_t offset;
};

#define AT(member) offsetof(struct sa_attributes, member)

static const struct attribute_rule phase1_rules[] = {
    { IANA_PHASE1_ENCRYPTION, AT(encryption) },
    { IANA_PHASE1_HASH, AT(hash) },
    { IANA_PHASE1_AUTHENTICATION, AT(authentication) },
    { IANA_PHASE1_GROUP, AT(group) },
    { IANA_PHASE1_KEY_LENGTH, AT(key_length) },
    { 0, 0 },
};

static const struct attribute_rule phase2_rules[] = {
    { IANA_PHASE2_GROUP, AT(group) },
    { IANA_PHASE2_ENCAPSULATION, AT(encapsulation) },
    { IANA_PHASE2_AUTHENTICATION, AT(integrity) },
    { IANA_PHASE2_KEY_LENGTH, AT(key_length) },
    { 0, 0 },
};

struct raw_attribute {
    uint16_t type;
    bool basic;              /* TV form */
    bool large;              /* more than eight octets of value: no number of ours */
    uint64_t value;
};

static struct raw_attribute read_attribute(struct reader *r)
{
    uint16_t head = reader_u16(r);
    struct raw_attribute a = { .type = head & 0x7fff, .basic = head & 0x8000 };
    uint16_t field = reader_u16(r);
    if (a.basic) {
        a.value = field;
        return a;
    }
    struct bytes value = reader_bytes(r, field);
    size_t skip = 0;
    while (skip < value.length && value.data[skip] == 0)
        skip++;
    a.large = value.length - skip > 8 || value.length == 0;
    for (size_t i = skip; !a.large && i < value.length; i++)
        a.value = a.value << 8 | value.data[i];
    return a;
}

static const struct attribute_rule *rule_find(const struct attribute_rule *rules, uint16_t type)
{
    for (; rules->type; rules++)
        if (rules->type == type)
            return rules;
    return NULL;
}

/* Sets a field once; a second time, a zero, or a TLV where TV is demanded spoils the transform. */
static void set_once(struct sa_attributes *out, const struct attribute_rule *rule, const struct raw_attribute *a)
{
    uint32_t *field = (uint32_t *)(void *)((char *)out + rule->offset);
    if (!a->basic || *field != 0 || a->value == 0)
        out->bad = true;
    else
        *field = (uint32_t)a->value;
}

/*
 * Life type and duration come in pairs; a type without duration or the other way round spoils the transform. A
 * duration of zero is as if none were given: strongSwan sends it where it is told not to rekey.
 */
static void take_life(struct sa_attributes *out, uint64_t *type, const struct raw_attribute *a, bool is_type)
{
    if (is_type) {
        out->bad |= *type != 0 || !a->basic || (a->value != IANA_LIFE_SECONDS && a->value != IANA_LIFE_KILOBYTES);
        *type = a->value;
        return;
    }
    uint64_t *field = *type == IANA_LIFE_SECONDS ? &out->life_seconds : &out->life_kilobytes;
    out->bad |= *type == 0 || *field != 0;
    *field = a->value;
    *type = 0;
}

static struct sa_attributes read_attributes(struct reader *r, int phase)
{
    struct sa_attributes out = { .bad = false };
    const struct attribute_rule *rules = phase == 1 ? phase1_rules : phase2_rules;
    uint16_t life_type = phase == 1 ? IANA_PHASE1_LIFE_TYPE : IANA_PHASE2_LIFE_TYPE;
    uint16_t life_duration = phase == 1 ? IANA_PHASE1_LIFE_DURATION : IANA_PHASE2_LIFE_DURATION;
    uint64_t life = 0;
    while (reader_left(r) > 0) {
        struct raw_attribute a = read_attribute(r);
        const struct attribute_rule *rule = rule_find(rules, a.type);
        if (a.large)
            out.bad = true;
        else if (a.type == life_type || a.type == life_duration)
            take_life(&out, &life, &a, a.type == life_type);
        else if (rule)
            set_once(&out, rule, &a);
        else
            out.bad = true; /* an attribute we cannot honour: refuse the transform, not the message */
    }
    out.bad |= r->bad || life != 0;
    return out;
}

/* A sub-cursor over one nested payload, generic header taken off; `*more` tells whether another follows. */
static struct reader read_nested(struct reader *r, uint8_t kind, bool *more)
{
    uint8_t next = reader_u8(r);
    reader_u8(r);
    uint16_t length = reader_u16(r);
    if (length < WIRE_GENERIC || (next != IANA_PAYLOAD_NONE && next != kind))
        r->bad = true;
    *more = next == kind;
    return reader_sub(r, length >= WIRE_GENERIC ? (size_t)length - WIRE_GENERIC : 0);
}

static int read_transforms(struct reader *r, uint8_t count, int phase, const struct sa_offer *common, struct sa_offers *out)
{
    bool more = true;
    for (unsigned i = 0; i < count; i++) {
        if (!more)
            return IKE_ERR_SA_MALFORMED;
        struct reader t = read_nested(r, IANA_PAYLOAD_TRANSFORM, &more);
        struct sa_offer offer = *common;
        offer.raw = bytes_of(t.at, reader_left(&t));
        offer.transform = reader_u8(&t);
        offer.id = reader_u8(&t);
        reader_u16(&t);
        if (r->bad || t.bad)
            return IKE_ERR_SA_MALFORMED;
        offer.attributes = read_attributes(&t, phase);
        if (out->count < SA_OFFERS_MAX)
            out->offer[out->count++] = offer;
    }
    return more || !reader_done(r) ? IKE_ERR_SA_MALFORMED : IKE_OK;
}

static bool spi_size_valid(int phase, uint8_t protocol, uint8_t size)
{
    if (phase == 1)
        return size <= 16;   /* RFC 2408 3.5: the receiver ignores it */
    return protocol == IANA_PROTOCOL_IPCOMP ? size == 2 || size == 4 : size == 4;
}

static int read_proposal(struct reader *p, int phase, struct sa_offers *out)
{
    struct sa_offer common = { .proposal = reader_u8(p), .protocol = 0 };
    common.protocol = reader_u8(p);
    uint8_t spi_size = reader_u8(p);
    uint8_t count = reader_u8(p);
    if (p->bad || count == 0 || !spi_size_valid(phase, common.protocol, spi_size))
        return IKE_ERR_SA_MALFORMED;
    struct bytes spi = reader_bytes(p, spi_size);
    if (phase == 2)
        for (size_t i = 0; i < spi.length; i++)
            common.spi = common.spi << 8 | spi.data[i];
    return read_transforms(p, count, phase, &common, out);
}

static void mark_bundles(struct sa_offers *out, const uint8_t *numbers)
{
    for (size_t i = 0; i < out->count; i++) {
        unsigned same = 0;
        for (unsigned n = 0; n < out->proposals; n++)
            same += numbers[n] == out->offer[i].proposal;
        out->offer[i].bundled = same > 1;
    }
}

int sa_v1_read(struct bytes body, int phase, struct sa_offers *out)
{
    uint8_t numbers[SA_OFFERS_MAX - 1] = { 0 };
    struct reader r = reader_of(body);
    out->count = 0;
    out->proposals = 0;
    if (reader_u32(&r) != IANA_DOI_IPSEC || reader_u32(&r) != IANA_SITUATION_IDENTITY_ONLY)
        return IKE_ERR_SA_MALFORMED;
    for (bool more = true; more;) {
        struct reader p = read_nested(&r, IANA_PAYLOAD_PROPOSAL, &more);
        if (r.bad || p.bad || reader_left(&p) == 0 || out->proposals == sizeof numbers)
            return IKE_ERR_SA_MALFORMED;
        numbers[out->proposals++] = p.at[0];
        int err = read_proposal(&p, phase, out);
        if (err)
            return err;
    }
    mark_bundles(out, numbers);
    return reader_done(&r) ? IKE_OK : IKE_ERR_SA_MALFORMED;
}

/* ---- writing ---- */

static void put_attribute(struct writer *w, uint16_t type, uint32_t value)
{
    if (value <= 0xffff) {
        writer_u16(w, 0x8000U | type);
        writer_u16(w, value);
        return;
    }
    writer_u16(w, type);
    writer_u16(w, 4);
    writer_u32(w, value);
}

static size_t open_nested(struct writer *w, uint8_t next)
{
    size_t at = w->used;
    writer_u8(w, next);
    writer_u8(w, 0);
    writer_u16(w, 0);
    return at;
}

static void close_nested(struct writer *w, size_t at)
{
    writer_set_u16(w, at + 2, w->used - at);
}

static void put_situation(struct writer *w)
{
    writer_u32(w, IANA_DOI_IPSEC);
    writer_u32(w, IANA_SITUATION_IDENTITY_ONLY);
}

static size_t open_proposal(struct writer *w, uint8_t number, uint8_t protocol, uint32_t spi, size_t transforms)
{
    size_t at = open_nested(w, IANA_PAYLOAD_NONE);
    writer_u8(w, number);
    writer_u8(w, protocol);
    writer_u8(w, spi ? 4 : 0);
    writer_u8(w, transforms);
    if (spi)
        writer_u32(w, spi);
    return at;
}

static size_t open_transform(struct writer *w, size_t index, size_t count, uint8_t id)
{
    size_t at = open_nested(w, index + 1 < count ? IANA_PAYLOAD_TRANSFORM : IANA_PAYLOAD_NONE);
    writer_u8(w, index);
    writer_u8(w, id);
    writer_u16(w, 0);
    return at;
}

void sa_v1_write_ike_offer(struct writer *w, const struct conf_conn *conn)
{
    put_situation(w);
    size_t proposal = open_proposal(w, 0, IANA_PROTOCOL_ISAKMP, 0, conn->ike_count);
    for (size_t i = 0; i < conn->ike_count; i++) {
        const struct conf_ike_proposal *p = &conn->ike[i];
        const struct crypto_cipher_row *cipher = crypto_cipher_find(p->cipher);
        const struct crypto_hash_row *hash = crypto_hash_find(p->hash);
        size_t at = open_transform(w, i, conn->ike_count, IANA_TRANSFORM_KEY_IKE);
        put_attribute(w, IANA_PHASE1_LIFE_TYPE, IANA_LIFE_SECONDS);
        put_attribute(w, IANA_PHASE1_LIFE_DURATION, conn->ike_lifetime);
        put_attribute(w, IANA_PHASE1_ENCRYPTION, cipher ? cipher->ike : 0);
        put_attribute(w, IANA_PHASE1_HASH, hash ? hash->ike : 0);
        put_attribute(w, IANA_PHASE1_AUTHENTICATION, IANA_AUTHENTICATION_PSK);
        put_attribute(w, IANA_PHASE1_GROUP, p->group);
        put_attribute(w, IANA_PHASE1_KEY_LENGTH, p->key_bits);
        close_nested(w, at);
    }
    close_nested(w, proposal);
}

void sa_v1_write_esp_offer(struct writer *w, const struct conf_conn *conn, uint32_t spi, crypto_group group, bool encapsulated)
{
    put_situation(w);
    size_t proposal = open_proposal(w, 0, IANA_PROTOCOL_ESP, spi, conn->esp_count);
    for (size_t i = 0; i < conn->esp_count; i++) {
        const struct conf_esp_proposal *p = &conn->esp[i];
        const struct crypto_cipher_row *cipher = crypto_cipher_find(p->cipher);
        const struct crypto_hash_row *integrity = crypto_hash_find(p->integrity);
        size_t at = open_transform(w, i, conn->esp_count, cipher ? cipher->esp : 0);
        if (group)
            put_attribute(w, IANA_PHASE2_GROUP, group);
        put_attribute(w, IANA_PHASE2_ENCAPSULATION, encapsulated ? IANA_ENCAPSULATION_UDP_TUNNEL : IANA_ENCAPSULATION_TUNNEL);
        put_attribute(w, IANA_PHASE2_LIFE_TYPE, IANA_LIFE_SECONDS);
        put_attribute(w, IANA_PHASE2_LIFE_DURATION, conn->sa_lifetime);
        if (integrity)
            put_attribute(w, IANA_PHASE2_AUTHENTICATION, integrity->esp);
        put_attribute(w, IANA_PHASE2_KEY_LENGTH, p->key_bits);
        close_nested(w, at);
    }
    close_nested(w, proposal);
}

static void put_choice(struct writer *w, const struct sa_offer *chosen, uint8_t protocol, uint32_t spi)
{
    put_situation(w);
    size_t proposal = open_proposal(w, chosen->proposal, protocol, spi, 1);
    size_t transform = open_nested(w, IANA_PAYLOAD_NONE);
    writer_bytes(w, chosen->raw);
    close_nested(w, transform);
    close_nested(w, proposal);
}

void sa_v1_write_ike_choice(struct writer *w, const struct sa_offer *chosen)
{
    put_choice(w, chosen, IANA_PROTOCOL_ISAKMP, 0);
}

void sa_v1_write_esp_choice(struct writer *w, const struct sa_offer *chosen, uint32_t spi)
{
    put_choice(w, chosen, IANA_PROTOCOL_ESP, spi);
}

void sa_v1_write_lifetime(struct writer *w, uint32_t spi, uint32_t seconds)
{
    writer_u32(w, IANA_DOI_IPSEC);
    writer_u8(w, IANA_PROTOCOL_ESP);
    writer_u8(w, sizeof spi);
    writer_u16(w, IANA_NOTIFY_RESPONDER_LIFETIME);
    writer_u32(w, spi);
    put_attribute(w, IANA_PHASE2_LIFE_TYPE, IANA_LIFE_SECONDS);
    put_attribute(w, IANA_PHASE2_LIFE_DURATION, seconds);
}

uint32_t sa_v1_read_lifetime(struct bytes data, int phase)
{
    struct reader r = reader_of(data);
    struct sa_attributes a = read_attributes(&r, phase);
    if (a.bad || a.life_seconds == 0)
        return 0;
    return a.life_seconds < SA_LIFE_LEAST ? SA_LIFE_LEAST : a.life_seconds > UINT32_MAX ? UINT32_MAX : (uint32_t)a.life_seconds;
}

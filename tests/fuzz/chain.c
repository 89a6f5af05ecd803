/* SPDX-License-Identifier: Apache-2.0 */
/* See chain.h. Bodies lie in one room; a changed one gets a new place in it, so that nothing has to move. */
#include "tests/fuzz/chain.h"

#include "ike/iana.h"

enum { GENERIC = 4, BODY_MAX = 4096 };

void chain_clear(struct chain *chain) { chain->count = chain->used = 0; }

static uint8_t *take_room(struct chain *chain, size_t length)
{
    if (length > CHAIN_ROOM - chain->used)
        return NULL;
    uint8_t *at = chain->room + chain->used;
    chain->used += length;
    return at;
}

static bool put_body(struct chain *chain, struct chain_payload *p, struct bytes body)
{
    uint8_t *at = take_room(chain, body.length);
    if (!at)
        return false;
    if (body.length)
        memmove(at, body.data, body.length);
    p->body = at;
    p->length = body.length;
    return true;
}

bool chain_insert(struct chain *chain, size_t at, uint8_t type, struct bytes body)
{
    struct chain_payload p = { .type = type, .length_lie = CHAIN_TELLS_TRUTH, .next_lie = CHAIN_TELLS_TRUTH };
    if (chain->count == CHAIN_MAX || !put_body(chain, &p, body))
        return false;
    at = at < chain->count ? at : chain->count;
    memmove(&chain->payload[at + 1], &chain->payload[at], (chain->count - at) * sizeof p);
    chain->payload[at] = p;
    chain->count++;
    return true;
}

bool chain_add(struct chain *chain, uint8_t type, struct bytes body) { return chain_insert(chain, chain->count, type, body); }

bool chain_replace(struct chain *chain, size_t at, struct bytes body) { return at < chain->count && put_body(chain, &chain->payload[at], body); }

struct chain_payload *chain_find(struct chain *chain, uint8_t type)
{
    for (size_t i = 0; i < chain->count; i++)
        if (chain->payload[i].type == type)
            return &chain->payload[i];
    return NULL;
}

void chain_read(struct chain *chain, uint8_t first, struct bytes body)
{
    chain_clear(chain);
    uint8_t type = first;
    while (type && body.length >= GENERIC) {
        size_t length = (size_t)body.data[2] << 8 | body.data[3];
        if (length < GENERIC || length > body.length || !chain_add(chain, type, bytes_of(body.data + GENERIC, length - GENERIC)))
            return;
        type = body.data[0];
        body = bytes_of(body.data + length, body.length - length);
    }
}

size_t chain_write(const struct chain *chain, uint8_t *out, size_t capacity, uint8_t *first)
{
    size_t used = 0;
    *first = chain->count ? chain->payload[0].type : 0;
    for (size_t i = 0; i < chain->count; i++) {
        const struct chain_payload *p = &chain->payload[i];
        uint32_t length = p->length_lie == CHAIN_TELLS_TRUTH ? (uint32_t)(p->length + GENERIC) : (uint32_t)p->length_lie;
        uint8_t next = i + 1 < chain->count ? chain->payload[i + 1].type : 0;
        if (p->length + GENERIC > capacity - used)
            return 0;
        out[used++] = p->next_lie == CHAIN_TELLS_TRUTH ? next : (uint8_t)p->next_lie;
        out[used++] = 0;
        out[used++] = (uint8_t)(length >> 8);
        out[used++] = (uint8_t)length;
        if (p->length)
            memcpy(out + used, p->body, p->length);
        used += p->length;
    }
    return used;
}

/* ---- changes ---- */

static const uint8_t types[] = {
    IANA_PAYLOAD_SA, IANA_PAYLOAD_KE, IANA_PAYLOAD_ID, IANA_PAYLOAD_HASH, IANA_PAYLOAD_NONCE, IANA_PAYLOAD_NOTIFY, IANA_PAYLOAD_DELETE,
    IANA_PAYLOAD_VENDOR, IANA_PAYLOAD_NAT_D, IANA_PAYLOAD_NAT_OA, IANA_PAYLOAD_CERT, IANA_PAYLOAD_CERT_REQUEST, IANA_PAYLOAD_SIGNATURE,
    IANA_PAYLOAD_NONE, IANA_PAYLOAD_PROPOSAL, IANA_PAYLOAD_TRANSFORM, 15, 16, 31, 32, 33, 48, 130, 131, 255,
};

static uint8_t any_type(struct choices *c) { return types[choose(c, sizeof types)]; }

static void drop(struct chain *chain, size_t at)
{
    memmove(&chain->payload[at], &chain->payload[at + 1], (chain->count - at - 1) * sizeof *chain->payload);
    chain->count--;
}

static void resize(struct chain *chain, size_t at, struct choices *c)
{
    static uint8_t body[BODY_MAX];
    struct chain_payload *p = &chain->payload[at];
    size_t length = choose(c, 4) == 0 ? choose(c, BODY_MAX) : choose(c, 64) + (choose(c, 2) ? p->length : 0) - (choose(c, 2) ? 32 : 0);
    length = length > BODY_MAX ? 0 : length;
    memset(body, choose(c, 2) ? 0xff : 0, sizeof body);
    if (p->length)
        memcpy(body, p->body, p->length < length ? p->length : length);
    chain_replace(chain, at, bytes_of(body, length));
}

/* A field of one, two or four octets at some place. */
static void change_field(struct chain_payload *p, struct choices *c)
{
    size_t width = (size_t)1 << choose(c, 3);
    if (p->length < width)
        return;
    size_t at = choose(c, 2) ? choose(c, 16) : choose(c, (uint32_t)p->length);
    at = at > p->length - width ? p->length - width : at;
    uint32_t value = choose_odd(c);
    for (size_t i = 0; i < width; i++)
        p->body[at + i] = (uint8_t)(value >> 8 * (width - 1 - i));
}

static void lie(struct chain_payload *p, struct choices *c)
{
    if (choose(c, 2))
        p->next_lie = any_type(c);
    else
        p->length_lie = choose(c, 2) ? (int32_t)(choose_odd(c) & 0xffff) : (int32_t)((p->length + GENERIC + choose(c, 5) - 2) & 0xffff);
}

static struct bytes notify_body(uint8_t out[64], struct choices *c)
{
    static const uint16_t notifies[] = {
        IANA_NOTIFY_R_U_THERE, IANA_NOTIFY_R_U_THERE_ACK, IANA_NOTIFY_INITIAL_CONTACT, IANA_NOTIFY_RESPONDER_LIFETIME, IANA_NOTIFY_CONNECTED,
        IANA_NOTIFY_REPLAY_STATUS, IANA_NOTIFY_NO_PROPOSAL_CHOSEN, IANA_NOTIFY_INVALID_ID_INFORMATION, IANA_NOTIFY_INVALID_KEY_INFORMATION,
        IANA_NOTIFY_AUTHENTICATION_FAILED, IANA_NOTIFY_PAYLOAD_MALFORMED, IANA_NOTIFY_INVALID_SPI, 8191, 8192, 0, 0xffff,
    };
    static const uint8_t lifetime[] = { 0x80, 0x01, 0x00, 0x01, 0x00, 0x02, 0x00, 0x04, 0x00, 0x00, 0x00, 0x40 };
    uint16_t type = notifies[choose(c, sizeof notifies / sizeof *notifies)];
    uint8_t spi_size = (uint8_t[]){ 0, 4, 16, 8, 255 }[choose(c, 5)];
    size_t used = 8;
    memset(out, 0, 64);
    out[3] = (uint8_t)!choose(c, 2);
    out[4] = choose(c, 2) ? IANA_PROTOCOL_ESP : IANA_PROTOCOL_ISAKMP;
    out[5] = spi_size;
    out[6] = (uint8_t)(type >> 8);
    out[7] = (uint8_t)type;
    used += spi_size <= 16 ? spi_size : 0;
    if (type == IANA_NOTIFY_RESPONDER_LIFETIME) {
        memcpy(out + used, lifetime, sizeof lifetime);
        out[used + 1] = (uint8_t)choose(c, 3);
        out[used + 10] = choose_octet(c);
        return bytes_of(out, used + sizeof lifetime);
    }
    for (unsigned n = choose(c, 9); n > 0; n--)
        out[used++] = choose_octet(c);
    return bytes_of(out, used);
}

static struct bytes other_body(uint8_t type, uint8_t out[64], struct choices *c)
{
    static const uint8_t vids[2][16] = {
        { 0x4a, 0x13, 0x1c, 0x81, 0x07, 0x03, 0x58, 0x45, 0x5c, 0x57, 0x28, 0xf2, 0x0e, 0x95, 0x45, 0x2f },
        { 0xaf, 0xca, 0xd7, 0x13, 0x68, 0xa1, 0xf1, 0xc9, 0x6b, 0x86, 0x96, 0xfc, 0x77, 0x57, 0x01, 0x00 },
    };
    size_t length = choose(c, 65);
    for (size_t i = 0; i < 64; i++)
        out[i] = i < 12 ? choose_octet(c) : (uint8_t)i;
    if (type == IANA_PAYLOAD_VENDOR && choose(c, 2)) {
        memcpy(out, vids[choose(c, 2)], 16);
        length = choose(c, 4) ? 16 : length;
    } else if (type == IANA_PAYLOAD_DELETE) {
        memcpy(out, "\0\0\0\1\3\4\0\1", 8);
        length = choose(c, 2) ? 12 : length;
    } else if (type == IANA_PAYLOAD_ID) {
        out[0] = (uint8_t)(1 + choose(c, 12));
        out[1] = out[2] = out[3] = 0;
        length = (size_t[]){ 8, 12, 20, 36, 4, 5 }[choose(c, 6)];
    }
    return bytes_of(out, length);
}

static void insert(struct chain *chain, struct choices *c)
{
    uint8_t body[64], type = any_type(c);
    size_t at = choose(c, (uint32_t)chain->count + 1);
    chain_insert(chain, at, type, type == IANA_PAYLOAD_NOTIFY ? notify_body(body, c) : other_body(type, body, c));
}

static void change_sa(struct chain *chain, struct choices *c)
{
    static uint8_t body[BODY_MAX];
    struct chain_payload *p = chain_find(chain, IANA_PAYLOAD_SA);
    if (!p)
        return;
    size_t length = sa_tree_mutate(bytes_of(p->body, p->length), body, sizeof body, c);
    if (length)
        chain_replace(chain, (size_t)(p - chain->payload), bytes_of(body, length));
}

void chain_mutate(struct chain *chain, struct choices *c)
{
    uint32_t what = choose(c, 12);
    if (chain->count == 0 || what == 0) {
        insert(chain, c);
        return;
    }
    size_t at = choose(c, (uint32_t)chain->count), other = choose(c, (uint32_t)chain->count);
    struct chain_payload *p = &chain->payload[at], kept = *p;
    switch (what) {
    case 1: drop(chain, at); break;
    case 2: chain_insert(chain, other, p->type, bytes_of(p->body, p->length)); break;
    case 3:
        *p = chain->payload[other];
        chain->payload[other] = kept;
        break;
    case 4: resize(chain, at, c); break;
    case 5:
    case 6: change_field(p, c); break;
    case 7: p->type = any_type(c); break;
    case 8: lie(p, c); break;
    case 9:
    case 10: change_sa(chain, c); break;
    default: memset(p->body, choose(c, 2) ? 0xff : 0, p->length); break;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the codec of Identification payloads and their comparison. RFC 2407 4.6.2, 4.6.2.1.
 * Invariant: identities are compared as octets and never interpreted; text made from them is printable.
 */
#include "ike/id.h"

#include "ike/err.h"
#include "ike/iana.h"

#include <stdio.h>

struct conf_id id_of_end(const struct conf_end *end, const struct addr *addr)
{
    if (end->id.type)
        return end->id;
    struct conf_id id = { .type = addr->family == ADDR_V6 ? IANA_ID_IPV6_ADDR : IANA_ID_IPV4_ADDR };
    id.length = (uint8_t)addr_length(addr);
    memcpy(id.data, addr->octets, id.length);
    return id;
}

void id_write(struct writer *w, const struct conf_id *id)
{
    writer_u8(w, id->type);
    writer_u8(w, 0);
    writer_u16(w, 0);
    writer_bytes(w, bytes_of(id->data, id->length));
}

bool id_matches(struct bytes body, const struct conf_id *expected)
{
    struct reader r = reader_of(body);
    uint8_t type = reader_u8(&r);
    reader_u8(&r);
    reader_u16(&r); /* 0/0, 17/500, 17/4500 and stranger are all in use: peers differ and nothing depends on it */
    struct bytes data = reader_rest(&r);
    return !r.bad && type == expected->type && bytes_equal(data, bytes_of(expected->data, expected->length));
}

static void print_text(char *out, size_t size, const char *lead, struct bytes data)
{
    size_t used = (size_t)snprintf(out, size, "%s", lead);
    for (size_t i = 0; i < data.length && used + 2 < size; i++) {
        uint8_t c = data.data[i];
        out[used++] = c > 0x20 && c < 0x7f ? (char)c : '?';
    }
    out[used] = '\0';
}

static const char *print_typed(uint8_t type, struct bytes data, char text[ID_TEXT_MAX])
{
    struct addr a = addr_from_bytes(data);
    if ((type == IANA_ID_IPV4_ADDR && a.family == ADDR_V4) || (type == IANA_ID_IPV6_ADDR && a.family == ADDR_V6))
        return addr_print(&a, text);
    if (type == IANA_ID_FQDN)
        print_text(text, ID_TEXT_MAX, "@", data);
    else if (type == IANA_ID_USER_FQDN)
        print_text(text, ID_TEXT_MAX, "", data);
    else if (type == IANA_ID_KEY_ID)
        print_text(text, ID_TEXT_MAX, "key-id:", data);
    else
        snprintf(text, ID_TEXT_MAX, "identity of type %u, %zu octets", type, data.length);
    return text;
}

const char *id_print(struct bytes body, char text[ID_TEXT_MAX])
{
    struct reader r = reader_of(body);
    uint8_t type = reader_u8(&r);
    reader_bytes(&r, 3);
    return print_typed(type, reader_rest(&r), text);
}

const char *id_print_conf(const struct conf_id *id, char text[ID_TEXT_MAX])
{
    return print_typed(id->type, bytes_of(id->data, id->length), text);
}

void id_write_selector(struct writer *w, const struct prefix *prefix)
{
    bool v6 = prefix->addr.family == ADDR_V6;
    size_t size = addr_length(&prefix->addr);
    bool host = prefix->length == 8 * size;
    writer_u8(w, host ? (v6 ? IANA_ID_IPV6_ADDR : IANA_ID_IPV4_ADDR) : (v6 ? IANA_ID_IPV6_ADDR_SUBNET : IANA_ID_IPV4_ADDR_SUBNET));
    writer_u8(w, 0);
    writer_u16(w, 0);
    writer_bytes(w, addr_bytes(&prefix->addr));
    for (size_t i = 0; !host && i < size; i++) {
        unsigned bits = prefix->length > 8 * i ? (unsigned)(prefix->length - 8 * i) : 0;
        writer_u8(w, bits >= 8 ? 0xff : 0xff & ~(0xffU >> bits));
    }
}

/* The length of a contiguous mask, or -1. */
static int mask_length(struct bytes mask)
{
    int length = 0;
    bool ended = false;
    for (size_t i = 0; i < 8 * mask.length; i++) {
        bool one = mask.data[i / 8] >> (7 - i % 8) & 1;
        if (one && ended)
            return -1;
        ended |= !one;
        length += one;
    }
    return length;
}

/* first-last as a prefix; -1 when it is none. */
static int range_length(struct bytes first, struct bytes last)
{
    int length = 0;
    bool differed = false;
    for (size_t i = 0; i < 8 * first.length; i++) {
        bool f = first.data[i / 8] >> (7 - i % 8) & 1, l = last.data[i / 8] >> (7 - i % 8) & 1;
        differed |= f != l;
        if (differed && (f || !l))
            return -1;
        length += !differed;
    }
    return length;
}

static int length_of_host(struct bytes a, struct bytes b)
{
    (void)b;
    return (int)(8 * a.length);
}

static int length_of_subnet(struct bytes a, struct bytes b)
{
    (void)a;
    return mask_length(b);
}

static const struct {
    uint8_t type, octets, parts;
    int (*length)(struct bytes a, struct bytes b);
} selector_rules[] = {
    { IANA_ID_IPV4_ADDR, 4, 1, length_of_host },
    { IANA_ID_IPV6_ADDR, 16, 1, length_of_host },
    { IANA_ID_IPV4_ADDR_SUBNET, 4, 2, length_of_subnet },
    { IANA_ID_IPV6_ADDR_SUBNET, 16, 2, length_of_subnet },
    { IANA_ID_IPV4_ADDR_RANGE, 4, 2, range_length },
    { IANA_ID_IPV6_ADDR_RANGE, 16, 2, range_length },
};

int id_read_selector(struct bytes body, struct prefix *out)
{
    struct reader r = reader_of(body);
    uint8_t type = reader_u8(&r);
    uint8_t protocol = reader_u8(&r);
    uint16_t port = reader_u16(&r);
    for (size_t i = 0; i < sizeof selector_rules / sizeof *selector_rules; i++) {
        if (selector_rules[i].type != type)
            continue;
        struct bytes a = reader_bytes(&r, selector_rules[i].octets);
        struct bytes b = selector_rules[i].parts == 2 ? reader_bytes(&r, selector_rules[i].octets) : bytes_of(NULL, 0);
        if (!reader_done(&r) || protocol != 0 || port != 0)
            return IKE_ERR_SELECTORS;
        int length = selector_rules[i].length(a, b);
        if (length < 0)
            return IKE_ERR_SELECTORS;
        *out = prefix_masked((struct prefix){ .addr = addr_from_bytes(a), .length = (uint8_t)length });
        return IKE_OK;
    }
    return IKE_ERR_SELECTORS;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the text forms of addresses and prefixes. The lax spellings (`10/8`, dotted masks) are those that
 * ipsec.conf has always taken. Invariant: octets past the family's length are zero.
 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

struct addr addr_v4(uint32_t host_order)
{
    struct addr a = { .family = ADDR_V4 };
    for (int i = 0; i < 4; i++)
        a.octets[i] = (uint8_t)(host_order >> (24 - 8 * i));
    return a;
}

struct addr addr_from_bytes(struct bytes octets)
{
    struct addr a = { .family = octets.length == 4 ? ADDR_V4 : octets.length == 16 ? ADDR_V6 : ADDR_NONE };
    if (a.family != ADDR_NONE)
        memcpy(a.octets, octets.data, octets.length);
    return a;
}

bool addr_parse(struct addr *out, const char *text)
{
    struct addr a = { .family = strchr(text, ':') ? ADDR_V6 : ADDR_V4 };
    if (inet_pton(a.family == ADDR_V6 ? AF_INET6 : AF_INET, text, a.octets) != 1)
        return false;
    *out = a;
    return true;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
    return a->family == b->family && memcmp(a->octets, b->octets, addr_length(a)) == 0;
}

bool addr_is_unspecified(const struct addr *a)
{
    static const uint8_t zero[16];
    return memcmp(a->octets, zero, addr_length(a)) == 0;
}

const char *addr_print(const struct addr *a, char text[ADDR_TEXT_MAX])
{
    if (a->family == ADDR_NONE)
        return memcpy(text, "none", sizeof "none");
    if (!inet_ntop(a->family == ADDR_V6 ? AF_INET6 : AF_INET, a->octets, text, ADDR_TEXT_MAX))
        text[0] = '\0';
    return text;
}

static bool number_parse(const char *text, unsigned long most, unsigned long *out)
{
    if (*text < '0' || *text > '9' || strlen(text) > 3)
        return false;
    char *end;
    *out = strtoul(text, &end, 10);
    return *end == '\0' && *out <= most;
}

/* 255.255.255.0 -> 24; a mask with holes is refused. */
static bool mask_parse(const char *text, uint8_t *length)
{
    struct addr mask;
    if (!addr_parse(&mask, text) || mask.family != ADDR_V4)
        return false;
    uint32_t m = (uint32_t)mask.octets[0] << 24 | (uint32_t)mask.octets[1] << 16 | (uint32_t)mask.octets[2] << 8 |
                 mask.octets[3];
    uint32_t holes = ~m;
    if (holes & (holes + 1))
        return false;
    *length = (uint8_t)__builtin_popcount(m);
    return true;
}

/* `10`, `10.1`, `10.1.2` before a slash stand for 10.0.0.0, 10.1.0.0, 10.1.2.0. */
static bool short_v4_parse(struct addr *out, const char *text)
{
    char full[ADDR_TEXT_MAX + 6];
    int dots = 0;
    for (const char *p = text; *p; p++)
        dots += *p == '.';
    if (dots > 2 || strlen(text) > 15 || strchr(text, ':'))
        return false;
    static const char *const rest[] = { ".0.0.0", ".0.0", ".0" };
    snprintf(full, sizeof full, "%s%s", text, rest[dots]);
    return addr_parse(out, full);
}

bool prefix_parse_host(struct prefix *out, const char *text)
{
    char head[ADDR_TEXT_MAX];
    const char *slash = strchr(text, '/');
    if (!slash || (size_t)(slash - text) >= sizeof head)
        return false;
    memcpy(head, text, (size_t)(slash - text));
    head[slash - text] = '\0';
    struct prefix p = { .length = 0 };
    if (!addr_parse(&p.addr, head) && !short_v4_parse(&p.addr, head))
        return false;
    unsigned long length;
    if (number_parse(slash + 1, p.addr.family == ADDR_V4 ? 32 : 128, &length))
        p.length = (uint8_t)length;
    else if (p.addr.family != ADDR_V4 || !mask_parse(slash + 1, &p.length))
        return false;
    *out = p;
    return true;
}

struct prefix prefix_masked(struct prefix p)
{
    for (size_t i = 0; i < addr_length(&p.addr); i++) {
        size_t bits = p.length > 8 * i ? p.length - 8 * i : 0;
        if (bits < 8)
            p.addr.octets[i] = (uint8_t)(p.addr.octets[i] & ~(0xff >> bits));
    }
    return p;
}

bool prefix_parse(struct prefix *out, const char *text)
{
    struct prefix p;
    if (!prefix_parse_host(&p, text))
        return false;
    *out = prefix_masked(p);
    return true;
}

struct prefix prefix_of(struct addr addr)
{
    return (struct prefix){ .addr = addr, .length = (uint8_t)(8 * addr_length(&addr)) };
}

bool prefix_equal(const struct prefix *a, const struct prefix *b)
{
    return a->length == b->length && addr_equal(&a->addr, &b->addr);
}

bool prefix_contains(const struct prefix *p, const struct addr *a)
{
    if (p->addr.family != a->family)
        return false;
    struct prefix of_p = prefix_masked(*p), of_a = prefix_masked((struct prefix){ .addr = *a, .length = p->length });
    return prefix_equal(&of_p, &of_a);
}

const char *prefix_print(const struct prefix *p, char text[PREFIX_TEXT_MAX])
{
    char addr[ADDR_TEXT_MAX];
    snprintf(text, PREFIX_TEXT_MAX, "%s/%u", addr_print(&p->addr, addr), (unsigned)p->length);
    return text;
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port && addr_equal(&a->addr, &b->addr);
}

const char *endpoint_print(const struct endpoint *e, char text[ENDPOINT_TEXT_MAX])
{
    char addr[ADDR_TEXT_MAX];
    bool v6 = e->addr.family == ADDR_V6;
    snprintf(text, ENDPOINT_TEXT_MAX, "%s%s%s:%u", v6 ? "[" : "", addr_print(&e->addr, addr), v6 ? "]" : "", (unsigned)e->port);
    return text;
}

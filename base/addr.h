/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, prefixes and endpoints as plain values; text forms of RFC 4632 and RFC 5952. */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include "base/bytes.h"

enum addr_family {
    ADDR_NONE = 0,
    ADDR_V4 = 4,
    ADDR_V6 = 6,
};

/* Bytes past the family's length are zero, so that values compare with memcmp. */
struct addr {
    uint8_t family; /* enum addr_family */
    uint8_t octets[16];
};

struct prefix {
    struct addr addr;
    uint8_t length; /* 0..32 or 0..128 */
};

struct endpoint {
    struct addr addr;
    uint16_t port; /* host order */
};

#define ADDR_TEXT_MAX 46     /* with the terminating zero */
#define PREFIX_TEXT_MAX 50
#define ENDPOINT_TEXT_MAX 54

static inline size_t addr_length(const struct addr *a) { return a->family == ADDR_V4 ? 4 : a->family == ADDR_V6 ? 16 : 0; }
static inline struct bytes addr_bytes(const struct addr *a) { return bytes_of(a->octets, addr_length(a)); }
struct addr addr_v4(uint32_t host_order);
struct addr addr_from_bytes(struct bytes octets);          /* 4 or 16 octets, else ADDR_NONE */
bool addr_parse(struct addr *out, const char *text);
bool addr_equal(const struct addr *a, const struct addr *b);
bool addr_is_unspecified(const struct addr *a);            /* none, 0.0.0.0 or :: */
const char *addr_print(const struct addr *a, char text[ADDR_TEXT_MAX]);

/* Masks host bits off. `a.b.c.d/len`, `a.b.c.d/m.m.m.m`, `10/8`, IPv6; a bare address is refused. */
bool prefix_parse(struct prefix *out, const char *text);
/* The same without masking: `192.168.254.1/30` keeps its host part. */
bool prefix_parse_host(struct prefix *out, const char *text);
struct prefix prefix_of(struct addr addr);                 /* /32 or /128 */
struct prefix prefix_masked(struct prefix p);
bool prefix_equal(const struct prefix *a, const struct prefix *b);
bool prefix_contains(const struct prefix *p, const struct addr *a);
const char *prefix_print(const struct prefix *p, char text[PREFIX_TEXT_MAX]);

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);
const char *endpoint_print(const struct endpoint *e, char text[ENDPOINT_TEXT_MAX]);   /* address:port */

#endif

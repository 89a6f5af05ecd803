/* SPDX-License-Identifier: Apache-2.0 */
/* ISAKMP header and payload chain (RFC 2408 3.1, 3.2), read and written. Nothing here depends on the exchange. */
#ifndef IKE_WIRE_H
#define IKE_WIRE_H

#include "base/buf.h"

enum {
    WIRE_HEADER = 28,
    WIRE_COOKIE = 8,
    WIRE_COOKIES = 2 * WIRE_COOKIE,   /* both, which name an ISAKMP SA */
    WIRE_PAYLOADS_MAX = 64,
    WIRE_GENERIC = 4,
};

struct wire_header {
    uint8_t cookie_i[WIRE_COOKIE], cookie_r[WIRE_COOKIE];
    uint8_t next, version, exchange, flags;
    uint32_t message_id, length;
};

struct wire_payload {
    uint8_t type;
    struct bytes body;          /* without the generic header */
};

struct wire_message {
    struct wire_header header;
    struct wire_payload payloads[WIRE_PAYLOADS_MAX];
    size_t count;
    uint32_t seen;              /* bit t: a payload of type t < 32 is there */
    const uint8_t *end;         /* past the last payload: padding begins here */
};

/* Checks lengths and version; `body` is what follows the header, cut to the header's length. */
int wire_read_header(struct bytes datagram, struct wire_header *header, struct bytes *body);
/* Walks the chain that begins with payload type `first`. Padding after the last payload is allowed (RFC 2409 B). */
int wire_read_payloads(uint8_t first, struct bytes body, struct wire_message *message);
/* The only, or first, payload of a type; an empty span when there is none. */
struct bytes wire_find(const struct wire_message *message, uint8_t type);
size_t wire_count(const struct wire_message *message, uint8_t type);
/* From the end of the first payload to the end of the last: what HASH(1) and HASH(2) cover (RFC 2409 5.5). */
struct bytes wire_after_first(const struct wire_message *message);

struct wire_writer {
    struct writer w;
    size_t start;               /* where the header is */
    size_t next_at;             /* the next-payload field to be filled by the payload that comes */
};

/* The memory's first `skip` octets are left free (for the non-ESP marker). */
void wire_write_header(struct wire_writer *out, void *memory, size_t capacity, size_t skip, const struct wire_header *header);
size_t wire_open(struct wire_writer *out, uint8_t type);      /* returns what wire_close wants */
void wire_close(struct wire_writer *out, size_t at);
void wire_payload(struct wire_writer *out, uint8_t type, struct bytes body);
/* Fills the length field; zero-pads to `block` first when that is not 0. Returns header and body, empty when it did not fit. */
struct bytes wire_finish(struct wire_writer *out, size_t block);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages made by hand: clear ones, and such that only a peer with the secret can make, so that what the engine
 * does with an authenticated peer's nonsense can be seen. And SA payloads octet by octet.
 */
#ifndef TESTS_SUPPORT_FORGE_H
#define TESTS_SUPPORT_FORGE_H

#include "ike/exchange_v1.h"
#include "tests/support/engine.h"

enum { FORGE_PAYLOADS = 80 };

struct forge {
    const struct isakmp_sa *sa;        /* cookies, and keys unless `clear` */
    uint8_t exchange;
    uint32_t message_id;
    bool clear;
    enum exchange_hash hash;           /* the HASH payload to begin with */
    const struct quick *quick;         /* nonces and IV of HASH_2 and HASH_3; NULL: the first IV of a new exchange */
    bool phase1;                       /* the IV is the SA's own chain */
    bool bad_hash;
    bool other_length;                 /* the last payload says `last_length` instead of its length */
    uint16_t last_length;
    size_t count;
    struct wire_payload payload[FORGE_PAYLOADS];
};

void forge_add(struct forge *f, uint8_t type, struct bytes body);
/* Room for many and long payloads: up to IKE_MESSAGE_MAX octets, in static memory good until the next call. */
struct bytes forge_make(const struct forge *f);
/* A clear message with the body of its first payload of that type replaced; data NULL: the payload left out. */
struct bytes forge_replace(const struct sent *message, uint8_t type, struct bytes body);

/* The engine, taken back to that moment, neither changes for the datagram nor answers it. Port 500 or 4500, as it came. */
void forge_refused(const struct image *before, struct engine *e, int end, uint16_t port, struct bytes datagram);
/* The type of the Notify in the first datagram that `e` sent, opened by the other end as it was then; 0: none, or in clear. */
uint16_t forge_notify_sent(const struct engine *e, const struct isakmp_sa *other);

/* The ISAKMP SA of an end that is up, or under way, or NULL. */
struct isakmp_sa *forge_sa(struct engine *e);
struct quick *forge_quick(struct engine *e);

struct sa_body {
    struct writer w;
    size_t proposal, transform;
    uint8_t memory[20000];
};

void sa_begin(struct sa_body *b);
void sa_proposal(struct sa_body *b, bool more, unsigned number, unsigned protocol, const char *spi_hex, unsigned transforms);
void sa_transform(struct sa_body *b, bool more, unsigned number, unsigned id, const char *attributes_hex);
struct bytes sa_end(struct sa_body *b);
/* One proposal of one transform: `protocol` 1 or 3. */
struct bytes sa_single(struct sa_body *b, unsigned protocol, const char *spi_hex, unsigned id, const char *attributes_hex);

#endif

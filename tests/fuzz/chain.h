/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chain of ISAKMP payloads taken apart, changed by somebody who knows payloads, and put together again: whole
 * payloads doubled, dropped, exchanged and resized, their fields changed, proposals, transforms and attributes inside
 * an SA payload too; lengths and next-payload fields that lie.
 */
#ifndef TESTS_FUZZ_CHAIN_H
#define TESTS_FUZZ_CHAIN_H

#include "tests/fuzz/choices.h"

enum { CHAIN_MAX = 80, CHAIN_ROOM = 16384, CHAIN_TELLS_TRUTH = -1 };

struct chain {
    size_t count;
    struct chain_payload {
        uint8_t type;
        int32_t length_lie, next_lie;      /* CHAIN_TELLS_TRUTH, or what the field says instead */
        size_t length;
        uint8_t *body;
    } payload[CHAIN_MAX];
    uint8_t room[CHAIN_ROOM];
    size_t used;
};

void chain_clear(struct chain *chain);
/* As far as it can be walked; the rest is left out. */
void chain_read(struct chain *chain, uint8_t first, struct bytes body);
/* Octets of the body; 0 when there is no room, or nothing. `*first` becomes the type of the first payload. */
size_t chain_write(const struct chain *chain, uint8_t *out, size_t capacity, uint8_t *first);
bool chain_add(struct chain *chain, uint8_t type, struct bytes body);
bool chain_insert(struct chain *chain, size_t at, uint8_t type, struct bytes body);
bool chain_replace(struct chain *chain, size_t at, struct bytes body);
struct chain_payload *chain_find(struct chain *chain, uint8_t type);
void chain_mutate(struct chain *chain, struct choices *c);   /* one change */

/* sa_tree.c: one change inside the body of an SA payload; octets of the new body. */
size_t sa_tree_mutate(struct bytes body, uint8_t *out, size_t capacity, struct choices *c);

#endif

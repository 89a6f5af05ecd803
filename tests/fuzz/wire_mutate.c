/* SPDX-License-Identifier: Apache-2.0 */
/* The mutator of target `wire`: mostly changes that know payloads, sometimes any octet. */
#include "tests/fuzz/chain.h"
#include "tests/fuzz/fuzz.h"

enum { HEADER = 28 };

static size_t mutate_datagram(uint8_t *data, size_t size, size_t room, struct choices *c)
{
    static struct chain chain;
    uint8_t first;
    chain_read(&chain, data[16], bytes_of(data + HEADER, size - HEADER));
    for (uint32_t n = 1 + choose(c, 3); n > 0; n--)
        chain_mutate(&chain, c);
    size_t body = chain_write(&chain, data + HEADER, room - HEADER, &first), length = HEADER + body + choose(c, 8) % 4;
    length = length > room ? room : length;
    data[16] = first;
    if (choose(c, 8))
        memcpy(data + 24, (uint8_t[]){ 0, 0, (uint8_t)(length >> 8), (uint8_t)length }, 4);
    return length;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static uint8_t body[4096];
    struct choices c = choices_from(seed);
    uint32_t what = choose(&c, 8);
    if (size > HEADER && max_size > HEADER + 1 && what > 1 && data[0] % 8 <= 1)
        return 1 + mutate_datagram(data + 1, size - 1, max_size - 1, &c);
    if (size > 1 && what > 1 && (data[0] % 8 == 2 || data[0] % 8 == 3)) {
        size_t length = sa_tree_mutate(bytes_of(data + 1, size - 1), body, sizeof body < max_size - 1 ? sizeof body : max_size - 1, &c);
        if (length) {
            memcpy(data + 1, body, length);
            return 1 + length;
        }
    }
    return LLVMFuzzerMutate(data, size, max_size);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arithmetic of ESP in tunnel mode (RFC 4303 2): outer header, UDP, SPI and sequence number, IV, the inner
 * packet with pad length and next header filled up to the cipher's block and to 4 octets, ICV.
 */
#include "vti/mtu.h"

enum {
    HEADER_V4 = 20, HEADER_V6 = 40, HEADER_UDP = 8, HEADER_ESP = 8,
    TRAILER = 2, /* pad length and next header */
    ALIGNMENT = 4, LEAST = 576,
};

uint32_t mtu_inner(const struct mtu_shape *s)
{
    uint32_t around = (s->outer_v6 ? HEADER_V6 : HEADER_V4) + (s->udp ? HEADER_UDP : 0u) + HEADER_ESP + s->iv + s->icv;
    uint32_t block = s->block > ALIGNMENT ? s->block : ALIGNMENT;
    if (s->path < around + block)
        return LEAST;
    uint32_t inner = (s->path - around) / block * block - TRAILER;
    return inner > LEAST ? inner : LEAST;
}

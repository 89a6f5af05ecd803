/* SPDX-License-Identifier: Apache-2.0 */
/* How large a packet may be to fit, as ESP, the path to the headend. */
#ifndef VTI_MTU_H
#define VTI_MTU_H

#include <stdbool.h>
#include <stdint.h>

struct mtu_shape {
    uint32_t path;       /* MTU of the outer path */
    bool outer_v6, udp;  /* ESP in UDP (RFC 3948) */
    uint8_t block, iv, icv; /* octets; block 1 for a counter mode */
};

/* At least 576, whatever the path says: less would stop IPv4 itself. */
uint32_t mtu_inner(const struct mtu_shape *shape);

#endif

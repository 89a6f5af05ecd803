/* SPDX-License-Identifier: Apache-2.0 */
/* Between our values and the kernel's structures; for xfrm/ alone. */
#ifndef XFRM_KERNEL_H
#define XFRM_KERNEL_H

#include <linux/xfrm.h>
#include <netinet/in.h>

#include "base/addr.h"

static inline uint16_t kernel_family(const struct addr *a) { return a->family == ADDR_V6 ? AF_INET6 : AF_INET; }

static inline xfrm_address_t kernel_addr(const struct addr *a)
{
    xfrm_address_t out = { 0 };
    memcpy(&out, a->octets, addr_length(a));
    return out;
}

static inline struct addr kernel_addr_read(const xfrm_address_t *a, uint16_t family)
{
    return addr_from_bytes(bytes_of(a, family == AF_INET6 ? 16 : 4));
}

/* A limit of 0 is no limit. */
static inline uint64_t kernel_limit(uint64_t limit) { return limit ? limit : XFRM_INF; }

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel tells about SAs and policies, as values. */
#ifndef XFRM_EVENT_H
#define XFRM_EVENT_H

#include "xfrm/policy_message.h"

enum xfrm_event_type {
    XFRM_EVENT_NONE,            /* nothing that anybody here has to know */
    XFRM_EVENT_EXPIRE,          /* to, spi, hard */
    XFRM_EVENT_TRAFFIC,         /* to, spi, bytes, packets */
    XFRM_EVENT_MAPPING,         /* to, spi, from, port: authenticated ESP came from there */
    XFRM_EVENT_SA_REMOVED,      /* to, spi, cause */
    XFRM_EVENT_SAS_FLUSHED,     /* cause */
    XFRM_EVENT_POLICIES_CHANGED, /* cause: some were removed or replaced */
};

struct xfrm_event {
    enum xfrm_event_type type;
    struct addr to, from;
    uint32_t spi;
    uint32_t reqid;
    bool hard;
    uint64_t bytes, packets;
    uint16_t port;
    uint32_t cause;             /* netlink port of the program that asked for it; 0: the kernel by itself */
};

/* An SA as the kernel shows it. */
struct xfrm_seen {
    struct addr from, to;
    uint32_t spi, reqid;
    uint64_t bytes, packets;
    uint64_t first_used, last_used; /* seconds since 1970; 0: never, or this kernel does not say */
};

/* Any message; one that is too short or of no interest gives XFRM_EVENT_NONE. */
struct xfrm_event event_read(const struct nlmsghdr *message);
/* A message about an ESP SA: of a dump, or the answer to XFRM_MSG_GETSA. */
bool event_read_sa(const struct nlmsghdr *message, struct xfrm_seen *seen);
/* The answer to sa_message_get_timer, in tenths of a second. */
bool event_read_timer(const struct nlmsghdr *message, uint32_t *tenths);

#endif

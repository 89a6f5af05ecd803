/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel is told about routes into the tunnels, and how its own words about routes are read. */
#ifndef VTI_ROUTE_MESSAGE_H
#define VTI_ROUTE_MESSAGE_H

#include "base/addr.h"
#include "xfrm/netlink.h"

enum {
    ROUTE_PROTOCOL = 77,         /* "M", free in iproute2's and FRR's lists: what carries it was made by us */
    ROUTE_HOPS_MAX = 16,
};

#define ROUTE_METRIC_WORST UINT32_MAX
#define ROUTE_METRIC_V6_DEFAULT 1024u /* what the kernel makes of 0, for IPv6 only */

struct route {
    struct prefix to;
    uint32_t metric;
    struct addr source;          /* preferred; none: the kernel's choice */
    bool unreachable;            /* then there are no hops */
    int links[ROUTE_HOPS_MAX];   /* one hop each, all of the same weight */
    size_t count;
};

struct route_seen {
    struct route route;
    uint8_t protocol;
    bool main;                   /* in the table that is looked at without further rules */
    bool simple;                 /* nothing in it that struct route has no room for */
};

enum route_mode { ROUTE_NEW, ROUTE_REPLACE }; /* NEW refuses where there is one of that prefix and metric already */

void route_message_set(union netlink_request *request, const struct route *route, enum route_mode mode);
void route_message_remove(union netlink_request *request, const struct route *route);
/* Ours alone, where the socket was told to take the header as a filter; else all. */
void route_message_dump(union netlink_request *request, uint8_t family);
/* RTM_NEWROUTE or RTM_DELROUTE. */
bool route_message_read(const struct nlmsghdr *message, struct route_seen *seen);
bool route_same_place(const struct route *a, const struct route *b); /* prefix and metric */
bool route_same(const struct route *a, const struct route *b);       /* the order of the hops is free */

#endif

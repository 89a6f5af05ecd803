/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For sites that filter ICMP: TCP connections through the links are told, in their SYNs both ways, to use no larger
 * segments than fit. One nftables table of our own, "minicpe", and nothing else of the firewall.
 */
#ifndef VTI_CLAMP_H
#define VTI_CLAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vti/link_message.h"
#include "xfrm/netlink.h"

struct clamp {
    char name[VTI_NAME_MAX];
    uint32_t mtu;
};

/*
 * Exchanges the whole table in one step; count 0 removes it. 0 or -errno, and then `why` is a sentence. *port: the
 * sender that the kernel names in its notifications about it.
 */
int clamp_set(const struct clamp *links, size_t count, uint32_t *port, char *why, size_t size);

/* Notifications of nftables, from when they are asked for, and whether one says that something of the table was taken away. */
int clamp_open_events(struct netlink *n);
void clamp_follow_events(struct netlink *n, bool on);
bool clamp_message_takes(const struct nlmsghdr *message);

#endif

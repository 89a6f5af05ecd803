/* SPDX-License-Identifier: Apache-2.0 */
/* The way to a headend as the host's routes have it. */
#ifndef VTI_PATH_H
#define VTI_PATH_H

#include "base/addr.h"
#include "xfrm/netlink.h"

struct path {
    struct addr local;    /* none: there is no way */
    uint32_t mtu;
    int link;             /* index of the interface it leaves by */
};

/*
 * The way to `remote`: with the kernel's choice of source, or, when `local` has a family, only from that address.
 * No way is 0 with path->local none; < 0 is a failure of the question itself.
 */
int path_find(struct netlink *route, const struct addr *remote, const struct addr *local, struct path *path);
/* Is this address on an interface other than those listed? */
int path_address_present(struct netlink *route, const struct addr *address, const int *except, size_t except_count, bool *present);
/* The first address of this family on the named interface; none if there is none. */
int path_interface_address(struct netlink *route, const char *name, uint8_t family, struct addr *out);
/* net.ipv4.conf.all.rp_filter */
int path_all_rp_filter(struct netlink *route, uint32_t *value);

struct path_route { struct prefix to; int link; };
/* RTM_NEWROUTE or RTM_DELROUTE: where it leads; link 0: several or none. */
bool path_read_route(const struct nlmsghdr *message, struct path_route *route);
/* RTM_NEWNETCONF: a sysctl of IPv4 changed, of this link or (negative) of all. */
bool path_read_setting(const struct nlmsghdr *message, int *link);

#endif

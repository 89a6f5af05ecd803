/* SPDX-License-Identifier: Apache-2.0 */
/* An interface as the kernel has it, and the routes that point at it: only looked at, in this process's network namespace. */
#ifndef HOST_LINK_H
#define HOST_LINK_H

#include "base/addr.h"

enum { LINK_ROUTES_MAX = 64 };

struct link_route {
    struct prefix to;
    struct addr via;           /* family none: straight into the interface */
    uint32_t table, metric;
    bool shared;               /* other interfaces carry it, too */
    bool dead;                 /* the kernel does not use it: the interface is down */
};

struct link {
    bool there;                /* the interface exists here */
    bool up;                   /* and may be used */
    uint32_t mtu;
    struct link_route route[LINK_ROUTES_MAX];
    size_t routes;
    bool more;                 /* than there is room for */
};

void link_look(const char *interface, struct link *out);
/* One RTM_NEWROUTE message: adds it when it points at the interface with that index. Pure. */
void link_take_route(struct link *link, uint32_t index, struct bytes message);

#endif

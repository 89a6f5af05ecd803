/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of ours in the kernel, made to be exactly those that are wanted. */
#ifndef VTI_ROUTES_H
#define VTI_ROUTES_H

#include "vti/route_message.h"

/* Told of each change: `why` is empty, or a sentence about what was refused. */
typedef void routes_told(void *context, const struct route *route, const char *why);

/*
 * Puts what is missing or different, each by one message that leaves no gap, then removes those of ours that are not
 * among `wanted`. A route of somebody else's at the same place is never replaced. 0, or -errno of the first refusal;
 * then the rest has been done all the same, but for -ENOMEM of the look at them: nothing is done then.
 */
int routes_make(struct netlink *route, const struct route *wanted, size_t count, routes_told *told, void *context);

/* Every route of the main table, whoever made it, that leads into this link, alone or among others. 0 or -errno. */
int routes_each_into(struct netlink *route, int link, void (*each)(void *context, const struct route *route), void *context);

#endif

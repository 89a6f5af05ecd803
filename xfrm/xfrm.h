/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SAs and policies in the kernel. Each returns 0 or -errno; the netlink socket then holds the kernel's words.
 * reqids of ours are XFRM_REQID_BASE and up, so that what a crash left behind is recognised.
 */
#ifndef XFRM_XFRM_H
#define XFRM_XFRM_H

#include "xfrm/event.h"
#include "xfrm/sa_message.h"

enum {
    XFRM_REQID_BASE = 0x6d630000,
    XFRM_REQID_LAST = 0x6d63ffff,
};

static inline bool xfrm_reqid_ours(uint32_t reqid) { return reqid >= XFRM_REQID_BASE && reqid <= XFRM_REQID_LAST; }

/* One socket for requests; and one for the notifications that event_read reads. */
int xfrm_open(struct netlink *netlink);
int xfrm_open_events(struct netlink *netlink);

/*
 * Makes one SA as it would be made for a tunnel, and removes it: is everything there that this algorithm needs?
 * Loads modules as a side effect. `timer` becomes the value for xfrm_install that gives a traffic event each
 * 100 ms. 0 or -errno, and then `why` has the sentence.
 */
int xfrm_try(struct netlink *netlink, const struct dp_sa *shape, uint32_t *timer, char *why, size_t size);

int xfrm_install(struct netlink *netlink, const struct dp_sa *sa, uint32_t reqid, uint32_t timer);
int xfrm_remove(struct netlink *netlink, const struct dp_sa_name *name); /* absent: 0 */
int xfrm_move(struct netlink *netlink, const struct dp_sa *sa, uint32_t reqid);
int xfrm_query(struct netlink *netlink, const struct dp_sa_name *name, struct xfrm_seen *seen); /* absent: -ESRCH */

typedef void xfrm_each_sa(void *context, const struct xfrm_seen *seen);
int xfrm_each(struct netlink *netlink, xfrm_each_sa *each, void *context);

/* Puts it, or brings one of ours up to date; -EEXIST when somebody else's is in its place. */
int xfrm_policy_set(struct netlink *netlink, const struct xfrm_policy *policy);
int xfrm_policy_remove(struct netlink *netlink, const struct xfrm_policy *policy); /* absent: 0 */
typedef void xfrm_each_policy(void *context, const struct xfrm_policy *policy);
int xfrm_policy_each(struct netlink *netlink, xfrm_each_policy *each, void *context);

#endif

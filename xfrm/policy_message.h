/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel is told about a policy, and how its own words about policies are read. */
#ifndef XFRM_POLICY_MESSAGE_H
#define XFRM_POLICY_MESSAGE_H

#include "base/addr.h"
#include "xfrm/netlink.h"

enum xfrm_way { XFRM_WAY_IN, XFRM_WAY_OUT, XFRM_WAY_FORWARD }; /* the kernel's numbers */

struct xfrm_policy {
    uint8_t way;                   /* enum xfrm_way */
    struct prefix source, destination; /* the packets that it is about, as they travel */
    uint32_t mark, mask;           /* both 0: whatever the mark */
    uint32_t priority;             /* the lower wins; 0: computed */
    uint32_t reqid;
    struct addr from, to;          /* outer addresses, as the packets travel */
};

/* The narrower the selector, the lower. */
uint32_t policy_message_priority(const struct xfrm_policy *policy);
/* `update`: in place of one with the same selector, mark and way; otherwise that one is an error (EEXIST). */
void policy_message_put(union netlink_request *request, const struct xfrm_policy *policy, bool update);
void policy_message_remove(union netlink_request *request, const struct xfrm_policy *policy);
void policy_message_dump(union netlink_request *request);
/* False: not an ESP tunnel policy of the main kind, so none of ours. */
bool policy_message_read(const struct nlmsghdr *message, struct xfrm_policy *policy);
/* Same selector, mark and way: the kernel keeps only one of such. */
bool policy_message_same(const struct xfrm_policy *a, const struct xfrm_policy *b);

#endif

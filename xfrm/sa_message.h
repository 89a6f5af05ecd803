/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel is told about an SA: values in, netlink bytes out. */
#ifndef XFRM_SA_MESSAGE_H
#define XFRM_SA_MESSAGE_H

#include "dataplane/dataplane.h"
#include "xfrm/netlink.h"

/* False: the kernel has no name for the transform, or the key's length is not the transform's. */
bool sa_message_install(union netlink_request *request, const struct dp_sa *sa, uint32_t reqid, uint32_t traffic_timer);
/* `sa` as it is to be from now on; its key is not looked at (see sa_message.c). */
bool sa_message_move(union netlink_request *request, const struct dp_sa *sa, uint32_t reqid);
void sa_message_remove(union netlink_request *request, const struct dp_sa_name *name);
void sa_message_get(union netlink_request *request, const struct dp_sa_name *name);
void sa_message_dump(union netlink_request *request);
/* Asks for the traffic timer of an SA, as the kernel gives it. */
void sa_message_get_timer(union netlink_request *request, const struct dp_sa_name *name);

#endif

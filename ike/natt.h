/* SPDX-License-Identifier: Apache-2.0 */
/* NAT detection (RFC 3947 3.2): the NAT-D payloads of Main Mode messages 3 and 4. */
#ifndef IKE_NATT_H
#define IKE_NATT_H

#include "ike/state.h"

/* Two NAT-D payloads: the peer's end as we see it, then ours; `lie` makes ours wrong so that the peer sees a NAT. */
int natt_write(struct ike *ike, const struct isakmp_sa *sa, bool lie, struct wire_writer *out);
/* Compares the peer's NAT-D with the message's path; sets nat_near, nat_far, encapsulate. None at all: no NAT-T. */
int natt_read(struct isakmp_sa *sa, const struct conf_conn *conf, const struct wire_message *message, const struct ike_path *path);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* ICMP errors about the tunnels' packets: hints, which anybody can forge, and no more. */
#ifndef DAEMON_ICMP_H
#define DAEMON_ICMP_H

#include "base/addr.h"
#include "base/bytes.h"

enum { ICMP_DATAGRAM_MAX = 576 }; /* RFC 1812 4.3.2.3 */

/* A raw socket that takes destination unreachable alone. Needs CAP_NET_RAW; -1 with errno where that is missing. */
int icmp_open(void);
/*
 * An IPv4 datagram as the raw socket gives it: does it say that IKE or ESP of ours to *headend cannot get there?
 * "Fragmentation needed" is no such error: packets of another size get through.
 */
bool icmp_about_headend(struct bytes datagram, struct addr *headend);

#endif

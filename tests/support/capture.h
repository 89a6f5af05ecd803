/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads recorded UDP datagrams: pcap and pcapng files of Ethernet with IPv4, as the shared vectors have them.
 * What is not UDP on ports 500 or 4500, or not the first fragment of one, is passed over. A frame that was cut
 * gives the octets that are there.
 */
#ifndef TESTS_SUPPORT_CAPTURE_H
#define TESTS_SUPPORT_CAPTURE_H

#include "base/addr.h"

struct datagram {
    struct endpoint from, to;
    struct bytes payload;         /* of UDP, non-ESP marker included */
};

struct capture {
    uint8_t *file;
    struct datagram datagram[64];
    size_t count, frames;         /* frames: of any kind */
};

void capture_open(struct capture *c, const char *name);       /* skips the test like vectors_need */
void capture_close(struct capture *c);
/* The ISAKMP message of a datagram, marker taken off; empty for ESP in UDP and keepalives. */
struct bytes capture_message(const struct datagram *d);

#endif

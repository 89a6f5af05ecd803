/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's UDP sockets: opened with privilege, used without. */
#ifndef DAEMON_UDP_H
#define DAEMON_UDP_H

#include "base/addr.h"
#include "base/bytes.h"
#include "ike/ike.h"

enum {
    UDP_SOCKETS_MAX = 4,       /* 500 and 4500, IPv4 and IPv6 */
    UDP_ERROR_MAX = 256,
};

struct udp_socket {
    int fd;
    uint8_t family;            /* enum addr_family */
    uint16_t port;
};

struct udp_set {
    struct udp_socket socket[UDP_SOCKETS_MAX];
    size_t count;
};

/*
 * Opens ports 500 and 4500 of `family` on `listen` (family none: all addresses) and adds them to the set.
 * Needs CAP_NET_ADMIN. On failure nothing is added, and `error` says what is wrong and what to do.
 */
int udp_open(struct udp_set *set, enum addr_family family, const struct addr *listen, char error[UDP_ERROR_MAX]);
void udp_close(struct udp_set *set);

/* 1: a datagram is in `memory`; 0: none is waiting; -1: one came that must be ignored (cut off, or a socket error). */
int udp_receive(const struct udp_socket *socket, void *memory, size_t capacity, struct ike_path *path, size_t *length);
/* Picks the socket by the path's local port and family. 0, or -1 with errno; the datagram is then lost, as UDP's may be. */
int udp_send(const struct udp_set *set, const struct ike_path *path, struct bytes datagram);

#endif

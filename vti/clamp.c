/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the one transaction with nftables. The socket lives as long as that: it happens at start, stop, changes of MTU and when others took the table away. */
#include "vti/clamp.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "vti/clamp_message.h"

enum { ANSWER_MAX = 8192 };

/* The kernel answers each refused message of the batch, and the one that asked; the first refusal counts. */
static int read_answers(int fd, uint32_t last)
{
    uint8_t buffer[ANSWER_MAX] __attribute__((aligned(8)));
    for (;;) {
        ssize_t got = recv(fd, buffer, sizeof buffer, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno == EAGAIN ? -ETIMEDOUT : -errno;
        int left = (int)got;
        for (const struct nlmsghdr *m = (const struct nlmsghdr *)buffer; netlink_whole(m, left); m = mnl_nlmsg_next(m, &left)) {
            const int32_t *error = m->nlmsg_type == NLMSG_ERROR ? netlink_payload(m, sizeof *error) : NULL;
            if (error && (*error || m->nlmsg_seq == last))
                return *error > 0 ? -EBADMSG : *error;
        }
    }
}

static int transact(const uint8_t *batch, size_t length, uint32_t last, uint32_t *port)
{
    struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
    struct netlink n;
    int error = netlink_open(&n, NETLINK_NETFILTER);
    if (error)
        return error;
    *port = n.port;
    int room = (int)length * 2;
    (void)setsockopt(n.fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room); /* many links make a large batch */
    if (sendto(n.fd, batch, length, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0)
        error = -errno;
    else
        error = read_answers(n.fd, last);
    netlink_close(&n);
    return error;
}

int clamp_set(const struct clamp *links, size_t count, uint32_t *port, char *why, size_t size)
{
    uint32_t last;
    uint8_t *batch = calloc(1, clamp_message_room(count));
    if (!batch) {
        snprintf(why, size, "x-minicpe-clamp-mss=yes: out of memory");
        return -ENOMEM;
    }
    size_t length = clamp_message_put(batch, links, count, &last);
    int error = transact(batch, length, last, port);
    free(batch);
    if (error == -EPROTONOSUPPORT || error == -EOPNOTSUPP || error == -EINVAL)
        snprintf(why, size, "x-minicpe-clamp-mss=yes needs nftables in the kernel, with nft_exthdr, and there is none (%s): modprobe nf_tables", strerror(-error));
    else if (error)
        snprintf(why, size, "x-minicpe-clamp-mss=yes: the kernel refuses the nftables table minicpe: %s", strerror(-error));
    return error;
}

int clamp_open_events(struct netlink *n)
{
    return netlink_open_groups(n, NETLINK_NETFILTER, NULL, 0);
}

void clamp_follow_events(struct netlink *n, bool on)
{
    int group = NFNLGRP_NFTABLES;
    (void)setsockopt(n->fd, SOL_NETLINK, on ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP, &group, sizeof group);
}

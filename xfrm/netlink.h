/* SPDX-License-Identifier: Apache-2.0 */
/* Netlink: sockets, one transaction, and the walk over what the kernel sends. Used by xfrm/ and vti/. */
#ifndef XFRM_NETLINK_H
#define XFRM_NETLINK_H

#include <linux/netlink.h>

#include "base/bytes.h"

enum {
    NETLINK_REQUEST_MAX = 2048, /* no request of ours comes near it */
    NETLINK_TEXT_MAX = 120,
};

struct netlink {
    int fd;                      /* -1: closed */
    uint32_t port;               /* notifications that we caused ourselves carry it */
    uint32_t sequence;
    bool unknown;                /* the last transaction failed by losing the answer: it may have been done */
    char text[NETLINK_TEXT_MAX]; /* the kernel's own words about the last refusal; may be empty */
};

/* A request under construction; zeroed by netlink_begin, so that no padding carries old memory. */
union netlink_request {
    struct nlmsghdr header;
    uint8_t octets[NETLINK_REQUEST_MAX];
    uint64_t alignment; /* of the structures behind the header */
};

/* Called for each message; must not keep pointers into it. */
typedef void netlink_each(void *context, const struct nlmsghdr *message);

/* For transactions. 0 or -errno. */
int netlink_open(struct netlink *netlink, int protocol);
/* For notifications of these groups, non-blocking. 0 or -errno. */
int netlink_open_groups(struct netlink *netlink, int protocol, const uint32_t *groups, size_t count);
void netlink_close(struct netlink *netlink);

/* Starts a message with a zeroed fixed part of `size` octets, which it returns. */
void *netlink_begin(union netlink_request *request, uint16_t type, uint16_t flags, size_t size);

/*
 * Sends, and waits for the acknowledgement or the end of a dump; `each` (may be NULL) sees every reply. A dump
 * that changed under way is asked for again, so `each` may see an object twice. Returns 0 or -errno, and then
 * netlink->text may say more. The request is wiped: it may hold keys.
 */
int netlink_transact(struct netlink *netlink, union netlink_request *request, netlink_each *each, void *context);
enum { NETLINK_MORE = 1 };
/* Takes the notifications that are waiting; of very many not all, and then returns NETLINK_MORE. 0, or -ENOBUFS when the kernel had to drop some; else -errno. */
int netlink_drain(struct netlink *netlink, netlink_each *each, void *context);
/* "TEXT (strerror)" of a failed transaction. */
void netlink_explain(const struct netlink *netlink, int error, char *out, size_t size);

/* Is a whole message there, of `left` octets? libmnl's own test takes a length above 2^31 for a negative one. */
bool netlink_whole(const struct nlmsghdr *message, int left);
/* The fixed part of a message, or NULL when the message is too short for it. */
const void *netlink_payload(const struct nlmsghdr *message, size_t size);
/* The same as a copy: messages are aligned to 4 octets, structures with 64-bit numbers to 8. */
bool netlink_copy(const struct nlmsghdr *message, void *out, size_t size);
/* Fills table[0..most] with the attributes behind a fixed part of `size` octets; absent ones are NULL. */
void netlink_attributes(const struct nlmsghdr *message, size_t size, const struct nlattr **table, uint16_t most);
void netlink_nested(const struct nlattr *nest, const struct nlattr **table, uint16_t most);
/* An attribute's content, or NULL when it is absent or shorter than `size`. */
const void *netlink_content(const struct nlattr *attribute, size_t size);
bool netlink_u32(const struct nlattr *attribute, uint32_t *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's side of netlink, played: calls of socket, sendto, recvmsg and the like on NETLINK sockets end here (the
 * linker's --wrap). It keeps SAs, policies, links, addresses and routes as the messages that made them, and shows them
 * as such. What the fuzzer chooses goes wrong: a refusal, an answer that is cut, changed, late, of somebody else.
 */
#ifndef TESTS_FUZZ_KERNEL_H
#define TESTS_FUZZ_KERNEL_H

#include <linux/ip.h>
#include <linux/netlink.h>

#include "base/addr.h"
#include "tests/fuzz/fuzz.h"

enum { KERNEL_OBJECTS = 256, KERNEL_OBJECT_MAX = 1536, KERNEL_SOCKETS = 8, KERNEL_WAITING = 48, KERNEL_DATAGRAM = 8192 };

enum object_kind { OBJECT_FREE, OBJECT_SA, OBJECT_POLICY, OBJECT_LINK, OBJECT_ADDRESS, OBJECT_ROUTE, OBJECT_KINDS };

struct object {
    enum object_kind kind;
    int index;                           /* of a link; and its sysctls of IPv4, the first has number 1 */
    uint32_t settings[IPV4_DEVCONF_MAX];
    union { struct nlmsghdr header; uint8_t octets[KERNEL_OBJECT_MAX]; uint64_t alignment; } message;
};

enum kernel_fault {
    FAULT_NONE, FAULT_REFUSE, FAULT_CHANGE, FAULT_CUT, FAULT_SILENCE, FAULT_TOO_LONG, FAULT_RECEIVE, FAULT_STRANGER, FAULT_INTERRUPTED,
    FAULT_SEQUENCE, FAULT_TEXT, FAULT_SEND, FAULT_KINDS
};

struct kernel {
    struct object object[KERNEL_OBJECTS];
    struct kernel_socket {
        bool open;
        int protocol;
        size_t first, count;
        struct waiting { size_t length; int error; bool stranger, cut; uint8_t octets[KERNEL_DATAGRAM] __attribute__((aligned(8))); } waiting[KERNEL_WAITING];
    } socket[KERNEL_SOCKETS];
    int next_index;
    struct addr local, headend;          /* of the way out; family none: there is none */
    uint32_t mtu;
    struct choices faults;               /* an octet a request, while there are any: what goes wrong with its answer */
    uint64_t requests, changes;          /* seen; and those that make or remove something */
    int (*look)(int protocol, const struct nlmsghdr *request); /* of a test: sees each request, and may refuse it with an errno */
};

extern struct kernel kernel;

void kernel_reset(void);
/* A datagram that waits at the last socket of that protocol that was opened: the one for notifications. */
void kernel_notify(int protocol, const void *octets, size_t length);
void kernel_overflow(int protocol);                      /* ENOBUFS there */
int kernel_add_link(const char *name);                   /* "eth0": no VTI */
void kernel_add_address(int link, const struct addr *address);
size_t kernel_count(enum object_kind kind);
struct object *kernel_pick(enum object_kind kind, uint32_t at);   /* NULL: none of that kind */

/* kernel_answer.c */
void kernel_take(struct kernel_socket *socket, const struct nlmsghdr *request, size_t length);

#endif

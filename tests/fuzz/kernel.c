/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets of the played kernel, and what waits in them; see kernel.h. */
#include "tests/fuzz/kernel.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIRST_DESCRIPTOR = 5000, FIRST_PORT = 100 };

struct kernel kernel;

int __real_socket(int domain, int type, int protocol);
int __real_bind(int fd, const struct sockaddr *address, socklen_t length);
int __real_getsockname(int fd, struct sockaddr *address, socklen_t *length);
int __real_setsockopt(int fd, int level, int name, const void *value, socklen_t length);
ssize_t __real_sendto(int fd, const void *data, size_t length, int flags, const struct sockaddr *to, socklen_t to_length);
ssize_t __real_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t __real_recv(int fd, void *data, size_t length, int flags);
int __real_close(int fd);

int __wrap_socket(int domain, int type, int protocol);
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t length);
int __wrap_getsockname(int fd, struct sockaddr *address, socklen_t *length);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t length);
ssize_t __wrap_sendto(int fd, const void *data, size_t length, int flags, const struct sockaddr *to, socklen_t to_length);
ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t length, int flags);
/* Who waits for a kernel that is played would wait for nothing. */
int __wrap_usleep(useconds_t us);
int __wrap_usleep(useconds_t us)
{
    (void)us;
    return 0;
}

int __wrap_close(int fd);

void kernel_reset(void)
{
    for (size_t i = 0; i < KERNEL_OBJECTS; i++)
        kernel.object[i].kind = OBJECT_FREE;
    for (size_t i = 0; i < KERNEL_SOCKETS; i++)
        kernel.socket[i].open = false;
    kernel.next_index = 1;
    kernel.local = kernel.headend = (struct addr){ .family = ADDR_NONE };
    kernel.mtu = 1500;
    kernel.faults = choices_of(NULL, 0);
    kernel.requests = kernel.changes = 0;
    kernel.look = NULL;
}

/* ---- what waits ---- */

static struct waiting *wait_at(struct kernel_socket *s)
{
    if (s->count == KERNEL_WAITING)
        return NULL;
    struct waiting *w = &s->waiting[(s->first + s->count++) % KERNEL_WAITING];
    w->length = 0;
    w->error = 0;
    w->stranger = w->cut = false;
    return w;
}

static struct kernel_socket *last_of(int protocol)
{
    for (size_t i = KERNEL_SOCKETS; i > 0; i--)
        if (kernel.socket[i - 1].open && kernel.socket[i - 1].protocol == protocol)
            return &kernel.socket[i - 1];
    return NULL;
}

void kernel_notify(int protocol, const void *octets, size_t length)
{
    struct kernel_socket *s = last_of(protocol);
    struct waiting *w = s && length <= KERNEL_DATAGRAM ? wait_at(s) : NULL;
    if (!w)
        return;
    w->length = length;
    if (length)
        memcpy(w->octets, octets, length);
}

void kernel_overflow(int protocol)
{
    struct kernel_socket *s = last_of(protocol);
    struct waiting *w = s ? wait_at(s) : NULL;
    if (w)
        w->error = ENOBUFS;
}

static struct kernel_socket *socket_of(int fd)
{
    if (fd < FIRST_DESCRIPTOR || fd >= FIRST_DESCRIPTOR + KERNEL_SOCKETS)
        return NULL;
    return kernel.socket[fd - FIRST_DESCRIPTOR].open ? &kernel.socket[fd - FIRST_DESCRIPTOR] : NULL;
}

/* ---- the calls ---- */

int __wrap_socket(int domain, int type, int protocol)
{
    if (domain != AF_NETLINK)
        return __real_socket(domain, type, protocol);
    for (int i = 0; i < KERNEL_SOCKETS; i++) {
        struct kernel_socket *s = &kernel.socket[i];
        if (s->open)
            continue;
        s->open = true;
        s->protocol = protocol;
        s->first = s->count = 0;
        return FIRST_DESCRIPTOR + i;
    }
    errno = EMFILE;
    return -1;
}

int __wrap_bind(int fd, const struct sockaddr *address, socklen_t length) { return socket_of(fd) ? 0 : __real_bind(fd, address, length); }

int __wrap_getsockname(int fd, struct sockaddr *address, socklen_t *length)
{
    struct sockaddr_nl own = { .nl_family = AF_NETLINK, .nl_pid = (uint32_t)(FIRST_PORT + fd - FIRST_DESCRIPTOR) };
    if (!socket_of(fd))
        return __real_getsockname(fd, address, length);
    must(*length >= sizeof own);
    memcpy(address, &own, sizeof own);
    return 0;
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
    return socket_of(fd) ? 0 : __real_setsockopt(fd, level, name, value, length);
}

ssize_t __wrap_sendto(int fd, const void *data, size_t length, int flags, const struct sockaddr *to, socklen_t to_length)
{
    struct kernel_socket *s = socket_of(fd);
    if (!s)
        return __real_sendto(fd, data, length, flags, to, to_length);
    uint8_t fault = choices_any(&kernel.faults) && *kernel.faults.at % 16 == FAULT_SEND ? choose_octet(&kernel.faults) : 0;
    if (fault) {
        errno = ENOBUFS;
        return -1;
    }
    int left = (int)length;
    must(left >= (int)sizeof(struct nlmsghdr));
    for (const struct nlmsghdr *m = data; left > 0; m = mnl_nlmsg_next(m, &left)) {
        must(mnl_nlmsg_ok(m, left)); /* what is sent is whole */
        kernel_take(s, m, m->nlmsg_len);
    }
    return (ssize_t)length;
}

static ssize_t take(struct kernel_socket *s, void *data, size_t room, bool *stranger, bool *cut)
{
    if (s->count == 0) {
        errno = EAGAIN;
        return -1;
    }
    struct waiting *w = &s->waiting[s->first];
    s->first = (s->first + 1) % KERNEL_WAITING;
    s->count--;
    *stranger = w->stranger;
    *cut = w->cut || w->length > room;
    errno = w->error;
    if (w->error)
        return -1;
    size_t length = w->length < room ? w->length : room;
    memcpy(data, w->octets, length);
    return (ssize_t)length;
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags)
{
    struct kernel_socket *s = socket_of(fd);
    bool stranger, cut;
    if (!s)
        return __real_recvmsg(fd, message, flags);
    ssize_t got = take(s, message->msg_iov[0].iov_base, message->msg_iov[0].iov_len, &stranger, &cut);
    if (got < 0)
        return got;
    struct sockaddr_nl from = { .nl_family = AF_NETLINK, .nl_pid = stranger ? 4711 : 0 };
    memcpy(message->msg_name, &from, sizeof from);
    message->msg_namelen = sizeof from;
    message->msg_flags = cut ? MSG_TRUNC : 0;
    return got;
}

ssize_t __wrap_recv(int fd, void *data, size_t length, int flags)
{
    struct kernel_socket *s = socket_of(fd);
    bool stranger, cut;
    return s ? take(s, data, length, &stranger, &cut) : __real_recv(fd, data, length, flags);
}

int __wrap_close(int fd)
{
    struct kernel_socket *s = socket_of(fd);
    if (!s)
        return __real_close(fd);
    s->open = false;
    return 0;
}

/* ---- objects ---- */

size_t kernel_count(enum object_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < KERNEL_OBJECTS; i++)
        n += kernel.object[i].kind == kind;
    return n;
}

struct object *kernel_pick(enum object_kind kind, uint32_t at)
{
    for (size_t i = 0; i < KERNEL_OBJECTS; i++) {
        struct object *o = &kernel.object[(i + at) % KERNEL_OBJECTS];
        if (o->kind == kind)
            return o;
    }
    return NULL;
}

static struct object *blank(enum object_kind kind, uint16_t type, size_t size)
{
    struct object *o = kernel_pick(OBJECT_FREE, 0);
    must(o != NULL);
    memset(&o->message, 0, sizeof o->message);
    memset(o->settings, 0, sizeof o->settings);
    o->kind = kind;
    mnl_nlmsg_put_header(&o->message);
    o->message.header.nlmsg_type = type;
    mnl_nlmsg_put_extra_header(&o->message.header, size);
    return o;
}

int kernel_add_link(const char *name)
{
    struct object *o = blank(OBJECT_LINK, RTM_NEWLINK, sizeof(struct ifinfomsg));
    struct ifinfomsg *fixed = mnl_nlmsg_get_payload(&o->message.header);
    o->index = fixed->ifi_index = kernel.next_index++;
    mnl_attr_put_strz(&o->message.header, IFLA_IFNAME, name);
    mnl_attr_put_u32(&o->message.header, IFLA_MTU, kernel.mtu);
    return o->index;
}

void kernel_add_address(int link, const struct addr *address)
{
    struct object *o = blank(OBJECT_ADDRESS, RTM_NEWADDR, sizeof(struct ifaddrmsg));
    struct ifaddrmsg *fixed = mnl_nlmsg_get_payload(&o->message.header);
    fixed->ifa_family = address->family == ADDR_V6 ? AF_INET6 : AF_INET;
    fixed->ifa_prefixlen = 24;
    fixed->ifa_index = (unsigned)link;
    mnl_attr_put(&o->message.header, IFA_LOCAL, addr_length(address), address->octets);
}

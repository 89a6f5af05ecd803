/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what a socket of IKE needs: the address a datagram came to (so that the answer leaves from it), a
 * policy of its own that keeps IKE out of the tunnels, fragments allowed for long messages, and on 4500 the
 * kernel's decapsulation of ESP (RFC 3948). Entry points: udp_open, udp_receive, udp_send.
 */
#include "daemon/udp.h"

#include <errno.h>
#include <netinet/in.h>   /* before the kernel's headers, which then leave out what it defines */

#include <linux/udp.h>
#include <linux/xfrm.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "host/ports.h"

enum { RECEIVE_BUFFER = 1 << 20 };   /* octets: what a flood may queue up before the kernel drops */

union socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static socklen_t put_endpoint(union socket_address *out, const struct addr *addr, uint16_t port, enum addr_family family)
{
    *out = (union socket_address){ .v6 = { 0 } };
    if (family == ADDR_V4) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(port);
        memcpy(&out->v4.sin_addr, addr->octets, 4);
        return sizeof out->v4;
    }
    out->v6.sin6_family = AF_INET6;
    out->v6.sin6_port = htons(port);
    memcpy(&out->v6.sin6_addr, addr->octets, 16);
    return sizeof out->v6;
}

static struct endpoint take_endpoint(const union socket_address *in)
{
    if (in->any.sa_family == AF_INET)
        return (struct endpoint){ addr_from_bytes(bytes_of(&in->v4.sin_addr, 4)), ntohs(in->v4.sin_port) };
    return (struct endpoint){ addr_from_bytes(bytes_of(&in->v6.sin6_addr, 16)), ntohs(in->v6.sin6_port) };
}

static int set_number(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value);
}

/* IKE itself never goes through a policy, be it a tunnel's or somebody else's. */
static int set_bypass(int fd, enum addr_family family)
{
    bool v4 = family == ADDR_V4;
    struct xfrm_userpolicy_info policy = { .action = XFRM_POLICY_ALLOW, .sel.family = v4 ? AF_INET : AF_INET6 };
    for (int direction = XFRM_POLICY_IN; direction <= XFRM_POLICY_OUT; direction++) {
        policy.dir = (uint8_t)direction;
        if (setsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_XFRM_POLICY : IPV6_XFRM_POLICY, &policy, sizeof policy) < 0)
            return -1;
    }
    return 0;
}

/* Options without which it still works; each is as good as the kernel allows. */
static void set_comfort(int fd, enum addr_family family)
{
    if (set_number(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER) < 0)
        set_number(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
    if (family == ADDR_V4)
        set_number(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
    else
        set_number(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
    if (set_bypass(fd, family) < 0)
        log_debug("this kernel takes no IPsec policy for a socket: %s", strerror(errno));
}

static int set_needed(int fd, enum addr_family family, uint16_t port, char error[UDP_ERROR_MAX])
{
    bool v4 = family == ADDR_V4;
    if (set_number(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_PKTINFO : IPV6_RECVPKTINFO, 1) < 0) {
        snprintf(error, UDP_ERROR_MAX, "UDP port %u: the kernel does not tell where datagrams came to: %s", port, strerror(errno));
        return -1;
    }
    if (port == IKE_PORT_NATT && set_number(fd, IPPROTO_UDP, UDP_ENCAP, UDP_ENCAP_ESPINUDP) < 0) {
        snprintf(error, UDP_ERROR_MAX,
                 "this kernel cannot carry ESP in UDP (%s): it was built without IPsec (CONFIG_XFRM); start a kernel that has it, "
                 "such as the distribution's own",
                 strerror(errno));
        return -1;
    }
    return 0;
}

static void explain_bind(uint16_t port, const struct addr *listen, char error[UDP_ERROR_MAX])
{
    int kept = errno;
    struct ports_holder holder;
    char text[ADDR_TEXT_MAX];
    if (kept == EADDRINUSE && ports_find_holder(port, &holder))
        snprintf(error, UDP_ERROR_MAX, "UDP port %u is held by %s, pid %d: stop it first; only one IKE daemon can run on a machine",
                 port, holder.name, (int)holder.pid);
    else if (kept == EADDRINUSE)
        snprintf(error, UDP_ERROR_MAX, "UDP port %u is held by another program: find it with `ss -lunp sport = :%u` and stop it", port,
                 port);
    else if (kept == EADDRNOTAVAIL)
        snprintf(error, UDP_ERROR_MAX, "listen=%s: this machine does not have that address; correct it or leave listen= out",
                 addr_print(listen, text));
    else
        snprintf(error, UDP_ERROR_MAX, "cannot open UDP port %u: %s", port, strerror(kept));
}

static int open_one(struct udp_set *set, enum addr_family family, const struct addr *listen, uint16_t port, char error[UDP_ERROR_MAX])
{
    int fd = socket(family == ADDR_V4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        snprintf(error, UDP_ERROR_MAX, "cannot make a UDP socket: %s", strerror(errno));
        return -1;
    }
    if (family == ADDR_V6)
        set_number(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    union socket_address address;
    socklen_t length = put_endpoint(&address, listen, port, family);
    if (bind(fd, &address.any, length) < 0) {
        explain_bind(port, listen, error);
        close(fd);
        return -1;
    }
    if (set_needed(fd, family, port, error) < 0) {
        close(fd);
        return -1;
    }
    set_comfort(fd, family);
    set->socket[set->count++] = (struct udp_socket){ .fd = fd, .family = (uint8_t)family, .port = port };
    return 0;
}

int udp_open(struct udp_set *set, enum addr_family family, const struct addr *listen, char error[UDP_ERROR_MAX])
{
    static const uint16_t ports[] = { IKE_PORT, IKE_PORT_NATT };
    static const struct addr everywhere;
    const struct addr *here = listen->family == family ? listen : &everywhere;
    size_t before = set->count;
    for (size_t i = 0; i < 2; i++) {
        if (set->count < UDP_SOCKETS_MAX && open_one(set, family, here, ports[i], error) == 0)
            continue;
        while (set->count > before)
            close(set->socket[--set->count].fd);
        return -1;
    }
    return 0;
}

void udp_close(struct udp_set *set)
{
    while (set->count)
        close(set->socket[--set->count].fd);
}

union control_space {
    char space[CMSG_SPACE(sizeof(struct in6_pktinfo))];
    struct cmsghdr align;
};

static struct addr take_destination(struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            return addr_from_bytes(bytes_of(&info.ipi_addr, 4));
        }
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            return addr_from_bytes(bytes_of(&info.ipi6_addr, 16));
        }
    }
    return (struct addr){ .family = ADDR_NONE };
}

int udp_receive(const struct udp_socket *from, void *memory, size_t capacity, struct ike_path *path, size_t *length)
{
    union socket_address peer;
    union control_space control;
    struct iovec part = { .iov_base = memory, .iov_len = capacity };
    struct msghdr message = {
        .msg_name = &peer, .msg_namelen = sizeof peer, .msg_iov = &part, .msg_iovlen = 1,
        .msg_control = &control, .msg_controllen = sizeof control,
    };
    ssize_t got = recvmsg(from->fd, &message, MSG_DONTWAIT);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    path->remote = take_endpoint(&peer);
    path->local = (struct endpoint){ take_destination(&message), from->port };
    *length = (size_t)got;
    return message.msg_flags & MSG_TRUNC || path->local.addr.family == ADDR_NONE ? -1 : 1;
}

/* The source address of the answer; without one the kernel chooses. */
static size_t put_source(struct msghdr *message, union control_space *control, const struct addr *source)
{
    struct in_pktinfo v4 = { .ipi_ifindex = 0 };
    struct in6_pktinfo v6 = { .ipi6_ifindex = 0 };
    bool is_v4 = source->family == ADDR_V4;
    if (addr_is_unspecified(source))
        return 0;
    size_t size = is_v4 ? sizeof v4 : sizeof v6;
    memcpy(&v4.ipi_spec_dst, source->octets, 4);
    memcpy(&v6.ipi6_addr, source->octets, 16);
    *control = (union control_space){ .space = { 0 } };
    message->msg_control = control;
    message->msg_controllen = CMSG_SPACE(size);
    struct cmsghdr *c = CMSG_FIRSTHDR(message);
    c->cmsg_level = is_v4 ? IPPROTO_IP : IPPROTO_IPV6;
    c->cmsg_type = is_v4 ? IP_PKTINFO : IPV6_PKTINFO;
    c->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(c), is_v4 ? (const void *)&v4 : (const void *)&v6, size);
    return CMSG_SPACE(size);
}

static const struct udp_socket *pick(const struct udp_set *set, const struct ike_path *path)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->socket[i].port == path->local.port && set->socket[i].family == path->remote.addr.family)
            return &set->socket[i];
    return NULL;
}

int udp_send(const struct udp_set *set, const struct ike_path *path, struct bytes datagram)
{
    const struct udp_socket *through = pick(set, path);
    if (!through) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    union socket_address peer;
    socklen_t peer_length = put_endpoint(&peer, &path->remote.addr, path->remote.port, path->remote.addr.family);
    /* sendmsg does not write to its parts; the type is older than const. */
    union { const uint8_t *read; void *any; } data = { .read = datagram.data };
    struct iovec part = { .iov_base = data.any, .iov_len = datagram.length };
    struct msghdr message = { .msg_name = &peer, .msg_namelen = peer_length, .msg_iov = &part, .msg_iovlen = 1 };
    union control_space control;
    message.msg_controllen = put_source(&message, &control, &path->local.addr);
    ssize_t sent = sendmsg(through->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent == (ssize_t)datagram.length ? 0 : -1;
}

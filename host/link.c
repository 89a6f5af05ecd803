/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns a dump of routes by rtnetlink(7), of both families and all tables but the kernel's own "local". Whatever fails,
 * something is not known, and then not shown. Entry point: link_look.
 */
#include "host/link.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REPLY_BYTES = 32768 };

struct attributes {
    const struct rtattr *row[RTA_MAX + 1];
};

static void read_attributes(const struct rtattr *first, size_t length, struct attributes *out)
{
    *out = (struct attributes){ .row = { NULL } };
    int left = (int)length;
    for (const struct rtattr *a = first; RTA_OK(a, left); a = RTA_NEXT(a, left))
        if (a->rta_type <= RTA_MAX)
            out->row[a->rta_type] = a;
}

static uint32_t number_of(const struct rtattr *a, uint32_t otherwise)
{
    uint32_t value = otherwise;
    if (a && RTA_PAYLOAD(a) == sizeof value)
        memcpy(&value, RTA_DATA(a), sizeof value);
    return value;
}

static struct addr addr_of(const struct rtattr *a)
{
    return a ? addr_from_bytes(bytes_of(RTA_DATA(a), RTA_PAYLOAD(a))) : (struct addr){ .family = ADDR_NONE };
}

/* Of several next hops the one by that interface; NULL: none. */
static const struct rtnexthop *find_hop(const struct rtattr *multipath, uint32_t index, unsigned *count)
{
    const struct rtnexthop *found = NULL;
    *count = 0;
    int left = (int)RTA_PAYLOAD(multipath);
    for (const struct rtnexthop *hop = RTA_DATA(multipath); left >= (int)sizeof *hop && RTNH_OK(hop, left); hop = RTNH_NEXT(hop)) {
        (*count)++;
        if ((uint32_t)hop->rtnh_ifindex == index)
            found = hop;
        left -= (int)RTNH_ALIGN(hop->rtnh_len);
    }
    return found;
}

/* Does the route point at the interface? Then `out` has by what hop. */
static bool take_hop(const struct rtmsg *head, const struct attributes *route, uint32_t index, struct link_route *out)
{
    if (!route->row[RTA_MULTIPATH]) {
        out->via = addr_of(route->row[RTA_GATEWAY]);
        out->dead = head->rtm_flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN);
        return number_of(route->row[RTA_OIF], 0) == index;
    }
    unsigned count;
    const struct rtnexthop *hop = find_hop(route->row[RTA_MULTIPATH], index, &count);
    struct attributes inside;
    if (!hop)
        return false;
    read_attributes(RTNH_DATA(hop), hop->rtnh_len - sizeof *hop, &inside);
    out->via = addr_of(inside.row[RTA_GATEWAY]);
    out->dead = hop->rtnh_flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN);
    out->shared = count > 1;
    return true;
}

void link_take_route(struct link *link, uint32_t index, struct bytes message)
{
    struct rtmsg head;
    struct attributes route;
    if (message.length < NLMSG_ALIGN(sizeof head))
        return;
    memcpy(&head, message.data, sizeof head);
    read_attributes((const struct rtattr *)(const void *)(message.data + NLMSG_ALIGN(sizeof head)), message.length - NLMSG_ALIGN(sizeof head),
                    &route);
    struct link_route found = { .table = number_of(route.row[RTA_TABLE], head.rtm_table), .metric = number_of(route.row[RTA_PRIORITY], 0) };
    if (head.rtm_type != RTN_UNICAST || found.table == RT_TABLE_LOCAL || !take_hop(&head, &route, index, &found))
        return;
    found.to.addr = route.row[RTA_DST] ? addr_of(route.row[RTA_DST]) : (struct addr){ .family = head.rtm_family == AF_INET ? ADDR_V4 : ADDR_V6 };
    found.to.length = head.rtm_dst_len;
    const struct addr *to = &found.to.addr;
    if (to->family == ADDR_V6 && to->octets[0] == 0xfe && (to->octets[1] & 0xc0) == 0x80)
        return; /* every interface has it by itself: nothing is sent there for it */
    link->more |= link->routes == LINK_ROUTES_MAX;
    if (link->routes < LINK_ROUTES_MAX)
        link->route[link->routes++] = found;
}

/* True: the dump is over. */
static bool take_reply(struct link *link, uint32_t index, const char *reply, size_t length)
{
    int left = (int)length;
    for (const struct nlmsghdr *m = (const void *)reply; NLMSG_OK(m, (unsigned)left); m = NLMSG_NEXT(m, left)) {
        if (m->nlmsg_type == NLMSG_DONE || m->nlmsg_type == NLMSG_ERROR)
            return true;
        if (m->nlmsg_type == RTM_NEWROUTE)
            link_take_route(link, index, bytes_of(NLMSG_DATA(m), m->nlmsg_len - NLMSG_HDRLEN));
    }
    return false;
}

static void look_at_routes(struct link *link, uint32_t index, unsigned char family)
{
    static char reply[REPLY_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
    struct { struct nlmsghdr head; struct rtmsg body; } request = {
        .head = { .nlmsg_len = sizeof request, .nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
        .body = { .rtm_family = family },
    };
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    bool over = fd < 0 || send(fd, &request, sizeof request, 0) != (ssize_t)sizeof request;
    while (!over) {
        ssize_t got = recv(fd, reply, sizeof reply, 0);
        over = got <= 0 || take_reply(link, index, reply, (size_t)got);
    }
    if (fd >= 0)
        close(fd);
}

static void look_at_interface(struct link *link, const char *interface)
{
    struct ifreq request = { .ifr_ifindex = 0 };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    strncpy(request.ifr_name, interface, sizeof request.ifr_name - 1);
    if (fd >= 0 && ioctl(fd, SIOCGIFMTU, &request) == 0)
        link->mtu = (uint32_t)request.ifr_mtu;
    if (fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0)
        link->up = (request.ifr_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
    if (fd >= 0)
        close(fd);
}

void link_look(const char *interface, struct link *out)
{
    *out = (struct link){ .there = false };
    uint32_t index = interface[0] ? if_nametoindex(interface) : 0;
    if (!index)
        return;
    out->there = true;
    look_at_interface(out, interface);
    look_at_routes(out, index, AF_INET);
    look_at_routes(out, index, AF_INET6);
}

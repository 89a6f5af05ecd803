/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds and reads the messages about routes (linux/rtnetlink.h). Pure. A route of ours leads into one tunnel or,
 * as one multipath route, into several; so one message exchanges all next hops at once.
 *
 * IPv6 has no multipath route of bare interfaces, so its hops name a gateway. A VTI resolves no neighbours: any
 * link-local address will do.
 */
#include "vti/route_message.h"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

static const struct addr v6_gateway = { ADDR_V6, { 0xfe, 0x80, [15] = 1 } };

struct hop { struct rtnexthop fixed; struct nlattr attribute; uint8_t gateway[16]; };

static uint8_t kernel_family(const struct prefix *to) { return to->addr.family == ADDR_V6 ? AF_INET6 : AF_INET; }
static void put_addr(struct nlmsghdr *m, uint16_t type, const struct addr *a) { mnl_attr_put(m, type, addr_length(a), a->octets); }

static struct rtmsg *begin(union netlink_request *request, uint16_t type, uint16_t flags, const struct route *route)
{
    struct rtmsg *fixed = netlink_begin(request, type, flags, sizeof *fixed);
    fixed->rtm_family = kernel_family(&route->to);
    fixed->rtm_dst_len = route->to.length;
    fixed->rtm_table = RT_TABLE_MAIN;
    fixed->rtm_protocol = ROUTE_PROTOCOL;
    fixed->rtm_type = route->unreachable ? RTN_UNREACHABLE : RTN_UNICAST;
    fixed->rtm_scope = route->count == 1 && route->to.addr.family == ADDR_V4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
    if (route->to.length)
        put_addr(&request->header, RTA_DST, &route->to.addr);
    if (route->metric)
        mnl_attr_put_u32(&request->header, RTA_PRIORITY, route->metric);
    return fixed;
}

static void put_hops(struct nlmsghdr *m, const struct route *route)
{
    bool v6 = route->to.addr.family == ADDR_V6;
    size_t each = v6 ? sizeof(struct hop) : sizeof(struct rtnexthop);
    uint8_t hops[ROUTE_HOPS_MAX * sizeof(struct hop)];
    struct hop hop = { .fixed.rtnh_len = (unsigned short)each, .attribute = { NLA_HDRLEN + 16, RTA_GATEWAY } };
    memcpy(hop.gateway, v6_gateway.octets, sizeof hop.gateway);
    for (size_t i = 0; i < route->count; i++) {
        hop.fixed.rtnh_ifindex = route->links[i];
        memcpy(hops + i * each, &hop, each);
    }
    mnl_attr_put(m, RTA_MULTIPATH, route->count * each, hops);
}

static void put_hop(struct nlmsghdr *m, const struct route *route)
{
    mnl_attr_put_u32(m, RTA_OIF, (uint32_t)route->links[0]);
    if (route->to.addr.family == ADDR_V6)
        put_addr(m, RTA_GATEWAY, &v6_gateway);
}

void route_message_set(union netlink_request *request, const struct route *route, enum route_mode mode)
{
    begin(request, RTM_NEWROUTE, (uint16_t)(NLM_F_CREATE | (mode == ROUTE_NEW ? NLM_F_EXCL : NLM_F_REPLACE)), route);
    if (route->source.family)
        put_addr(&request->header, RTA_PREFSRC, &route->source);
    if (route->count == 1)
        put_hop(&request->header, route);
    else if (route->count > 1)
        put_hops(&request->header, route);
}

void route_message_remove(union netlink_request *request, const struct route *route)
{
    struct rtmsg *fixed = begin(request, RTM_DELROUTE, 0, route);
    fixed->rtm_scope = RT_SCOPE_NOWHERE; /* any */
}

void route_message_dump(union netlink_request *request, uint8_t family)
{
    struct rtmsg *fixed = netlink_begin(request, RTM_GETROUTE, NLM_F_DUMP, sizeof *fixed);
    fixed->rtm_family = family == ADDR_V6 ? AF_INET6 : AF_INET;
    fixed->rtm_table = RT_TABLE_MAIN;
    fixed->rtm_protocol = ROUTE_PROTOCOL;
}

static void take_hop(struct route_seen *seen, int link, bool plain)
{
    seen->simple &= plain && seen->route.count < ROUTE_HOPS_MAX;
    if (seen->route.count < ROUTE_HOPS_MAX)
        seen->route.links[seen->route.count++] = link;
}

/* A dead or withdrawn hop shows in its flags, which are no reason to put the route anew. */
static void take_hops(const struct nlattr *attribute, struct route_seen *seen)
{
    const uint8_t *at = mnl_attr_get_payload(attribute);
    size_t left = mnl_attr_get_payload_len(attribute);
    struct rtnexthop hop;
    while (left >= sizeof hop) {
        memcpy(&hop, at, sizeof hop);
        if (hop.rtnh_len < sizeof hop || hop.rtnh_len > left)
            return;
        take_hop(seen, hop.rtnh_ifindex, hop.rtnh_hops == 0);
        size_t step = MNL_ALIGN(hop.rtnh_len);
        step = step < left ? step : left;
        at += step;
        left -= step;
    }
}

static struct addr take_addr(const struct nlattr *attribute, size_t length)
{
    const void *content = netlink_content(attribute, length);
    return content ? addr_from_bytes(bytes_of(content, length)) : (struct addr){ 0 };
}

static void take_attributes(const struct nlattr *const *table, size_t length, struct route_seen *seen)
{
    uint32_t link;
    if (table[RTA_DST])
        seen->route.to.addr = take_addr(table[RTA_DST], length);
    netlink_u32(table[RTA_PRIORITY], &seen->route.metric);
    seen->route.source = take_addr(table[RTA_PREFSRC], length);
    seen->simple = !table[RTA_SRC];
    if (seen->route.unreachable)
        return; /* IPv6 shows the loopback interface in it */
    if (table[RTA_MULTIPATH])
        take_hops(table[RTA_MULTIPATH], seen);
    else if (netlink_u32(table[RTA_OIF], &link))
        take_hop(seen, (int)link, true);
}

bool route_message_read(const struct nlmsghdr *message, struct route_seen *seen)
{
    const struct nlattr *table[RTA_TABLE + 1];
    const struct rtmsg *fixed = netlink_payload(message, sizeof *fixed);
    if ((message->nlmsg_type != RTM_NEWROUTE && message->nlmsg_type != RTM_DELROUTE) || !fixed ||
        (fixed->rtm_family != AF_INET && fixed->rtm_family != AF_INET6) || (fixed->rtm_flags & RTM_F_CLONED))
        return false;
    bool v6 = fixed->rtm_family == AF_INET6;
    uint32_t number = fixed->rtm_table;
    *seen = (struct route_seen){ .protocol = fixed->rtm_protocol };
    seen->route.to = (struct prefix){ .addr.family = v6 ? ADDR_V6 : ADDR_V4, .length = fixed->rtm_dst_len };
    seen->route.unreachable = fixed->rtm_type == RTN_UNREACHABLE;
    netlink_attributes(message, sizeof *fixed, table, RTA_TABLE);
    netlink_u32(table[RTA_TABLE], &number);
    seen->main = number == RT_TABLE_MAIN;
    take_attributes(table, v6 ? 16 : 4, seen);
    seen->simple &= seen->route.unreachable || fixed->rtm_type == RTN_UNICAST;
    return seen->route.to.length <= (v6 ? 128 : 32);
}

static uint32_t effective_metric(const struct route *route)
{
    return !route->metric && route->to.addr.family == ADDR_V6 ? ROUTE_METRIC_V6_DEFAULT : route->metric;
}

bool route_same_place(const struct route *a, const struct route *b)
{
    return prefix_equal(&a->to, &b->to) && effective_metric(a) == effective_metric(b);
}

static bool has_hop(const struct route *route, int link)
{
    for (size_t i = 0; i < route->count; i++)
        if (route->links[i] == link)
            return true;
    return false;
}

bool route_same(const struct route *a, const struct route *b)
{
    if (!route_same_place(a, b) || a->unreachable != b->unreachable || a->count != b->count || !addr_equal(&a->source, &b->source))
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!has_hop(b, a->links[i]))
            return false;
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks the kernel for the way to a headend: source address, interface, and MTU (the route's own, which is also
 * where a learned path MTU shows, else the interface's).
 */
#include "vti/path.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>

#include "vti/link_message.h"

static void take_metrics(const struct nlattr *metrics, struct path *path)
{
    const struct nlattr *table[RTAX_MTU + 1];
    netlink_nested(metrics, table, RTAX_MTU);
    netlink_u32(table[RTAX_MTU], &path->mtu);
}

static void take_route(void *context, const struct nlmsghdr *message)
{
    struct path *path = context;
    const struct nlattr *table[RTA_METRICS + 1];
    const struct rtmsg *fixed = netlink_payload(message, sizeof *fixed);
    uint32_t link;
    if (message->nlmsg_type != RTM_NEWROUTE || !fixed || (fixed->rtm_type != RTN_UNICAST && fixed->rtm_type != RTN_LOCAL))
        return;
    netlink_attributes(message, sizeof *fixed, table, RTA_METRICS);
    const struct nlattr *source = table[RTA_PREFSRC];
    if (source)
        path->local = addr_from_bytes(bytes_of(mnl_attr_get_payload(source), mnl_attr_get_payload_len(source)));
    if (netlink_u32(table[RTA_OIF], &link))
        path->link = (int)link;
    take_metrics(table[RTA_METRICS], path);
}

static void put_addr(struct nlmsghdr *m, uint16_t type, const struct addr *a) { mnl_attr_put(m, type, addr_length(a), a->octets); }

static void route_request(union netlink_request *request, const struct addr *remote, const struct addr *local)
{
    struct rtmsg *fixed = netlink_begin(request, RTM_GETROUTE, 0, sizeof *fixed);
    fixed->rtm_family = remote->family == ADDR_V6 ? AF_INET6 : AF_INET;
    fixed->rtm_dst_len = (uint8_t)(addr_length(remote) * 8);
    put_addr(&request->header, RTA_DST, remote);
    if (local->family) {
        fixed->rtm_src_len = (uint8_t)(addr_length(local) * 8);
        put_addr(&request->header, RTA_SRC, local);
    }
}

static void take_link(void *context, const struct nlmsghdr *message) { link_message_read(message, context); }

static int link_mtu(struct netlink *n, int index, uint32_t *mtu)
{
    union netlink_request request;
    struct vti_seen seen = { 0 };
    link_message_get_index(&request, index);
    int error = netlink_transact(n, &request, take_link, &seen);
    *mtu = seen.shape.mtu;
    return error;
}

static bool means_no_way(int error)
{
    return error == -ENETUNREACH || error == -EHOSTUNREACH || error == -EINVAL || error == -EACCES || error == -ENODEV || error == -EAGAIN;
}

int path_find(struct netlink *n, const struct addr *remote, const struct addr *local, struct path *path)
{
    union netlink_request request;
    *path = (struct path){ 0 };
    route_request(&request, remote, local);
    int error = netlink_transact(n, &request, take_route, path);
    if (error) {
        *path = (struct path){ 0 };
        return means_no_way(error) ? 0 : error; /* EINVAL: the source is no address of ours; EACCES: a prohibit route */
    }
    if (local->family && path->link)
        path->local = *local;
    if (path->mtu || !path->link)
        return 0;
    error = link_mtu(n, path->link, &path->mtu);
    return error == -ENODEV ? 0 : error;
}

struct presence { struct addr wanted; const int *except; size_t except_count; bool found; };

static void look_for_address(void *context, const struct nlmsghdr *message)
{
    struct presence *p = context;
    struct vti_address address;
    if (!address_message_read(message, &address) || !addr_equal(&address.prefix.addr, &p->wanted))
        return;
    for (size_t i = 0; i < p->except_count; i++)
        if (p->except[i] == address.index)
            return;
    p->found = true;
}

int path_address_present(struct netlink *n, const struct addr *address, const int *except, size_t except_count, bool *present)
{
    union netlink_request request;
    struct presence p = { .wanted = *address, .except = except, .except_count = except_count };
    address_message_dump(&request);
    int error = netlink_transact(n, &request, look_for_address, &p);
    *present = p.found;
    return error;
}

struct first { int index; uint8_t family; struct addr found; };

static void look_for_first(void *context, const struct nlmsghdr *message)
{
    struct first *f = context;
    struct vti_address address;
    if (address_message_read(message, &address) && address.index == f->index && address.prefix.addr.family == f->family &&
        !address.secondary && !f->found.family)
        f->found = address.prefix.addr;
}

int path_interface_address(struct netlink *n, const char *name, uint8_t family, struct addr *out)
{
    union netlink_request request;
    struct vti_seen seen = { 0 };
    *out = (struct addr){ 0 };
    link_message_get(&request, name);
    int error = netlink_transact(n, &request, take_link, &seen);
    if (error == -ENODEV || (!error && !seen.index))
        return 0;
    struct first f = { .index = seen.index, .family = family };
    address_message_dump(&request);
    error = error ? error : netlink_transact(n, &request, look_for_first, &f);
    *out = f.found;
    return error;
}

static void take_rp_filter(void *context, const struct nlmsghdr *message)
{
    const struct nlattr *table[NETCONFA_RP_FILTER + 1];
    if (message->nlmsg_type != RTM_NEWNETCONF || !netlink_payload(message, sizeof(struct netconfmsg)))
        return;
    netlink_attributes(message, sizeof(struct netconfmsg), table, NETCONFA_RP_FILTER);
    netlink_u32(table[NETCONFA_RP_FILTER], context);
}

int path_all_rp_filter(struct netlink *n, uint32_t *value)
{
    union netlink_request request;
    struct netconfmsg *fixed = netlink_begin(&request, RTM_GETNETCONF, 0, sizeof *fixed);
    fixed->ncm_family = AF_INET;
    mnl_attr_put_u32(&request.header, NETCONFA_IFINDEX, (uint32_t)NETCONFA_IFINDEX_ALL);
    *value = 0;
    return netlink_transact(n, &request, take_rp_filter, value);
}

bool path_read_setting(const struct nlmsghdr *message, int *link)
{
    const struct nlattr *table[NETCONFA_IFINDEX + 1];
    uint32_t index;
    if (message->nlmsg_type != RTM_NEWNETCONF || !netlink_payload(message, sizeof(struct netconfmsg)))
        return false;
    netlink_attributes(message, sizeof(struct netconfmsg), table, NETCONFA_IFINDEX);
    if (!netlink_u32(table[NETCONFA_IFINDEX], &index))
        return false;
    *link = (int)index;
    return true;
}

bool path_read_route(const struct nlmsghdr *message, struct path_route *route)
{
    const struct nlattr *table[RTA_OIF + 1];
    const struct rtmsg *fixed = netlink_payload(message, sizeof *fixed);
    if ((message->nlmsg_type != RTM_NEWROUTE && message->nlmsg_type != RTM_DELROUTE) || !fixed)
        return false;
    uint8_t family = fixed->rtm_family == AF_INET6 ? ADDR_V6 : ADDR_V4;
    netlink_attributes(message, sizeof *fixed, table, RTA_OIF);
    *route = (struct path_route){ .to = { .addr = { .family = family }, .length = fixed->rtm_dst_len } };
    const void *to = netlink_content(table[RTA_DST], family == ADDR_V6 ? 16 : 4);
    uint32_t link;
    if (to)
        route->to.addr = addr_from_bytes(bytes_of(to, family == ADDR_V6 ? 16 : 4));
    if (netlink_u32(table[RTA_OIF], &link))
        route->link = (int)link;
    return route->to.length <= (family == ADDR_V6 ? 128 : 32);
}

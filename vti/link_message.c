/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds and reads the messages about VTI links and addresses (linux/if_link.h, if_tunnel.h, if_addr.h). Pure.
 * Sysctls of a link travel in IFLA_INET_CONF, so that nothing here ever writes to /proc/sys.
 */
#include "vti/link_message.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_tunnel.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>

static const uint16_t settings_known[] = {
    IPV4_DEVCONF_FORWARDING, IPV4_DEVCONF_RP_FILTER, IPV4_DEVCONF_NOPOLICY, IPV4_DEVCONF_SEND_REDIRECTS, IPV4_DEVCONF_ACCEPT_REDIRECTS,
};

static void put_addr(struct nlmsghdr *m, uint16_t type, const struct addr *a)
{
    uint32_t any = 0;
    if (a->family == ADDR_NONE)
        mnl_attr_put(m, type, sizeof any, &any);
    else
        mnl_attr_put(m, type, addr_length(a), a->octets);
}

static void put_shape(struct nlmsghdr *m, const struct vti_shape *shape)
{
    if (shape->mtu)
        mnl_attr_put_u32(m, IFLA_MTU, shape->mtu); /* without it a change would bring the kernel's own choice back */
    struct nlattr *info = mnl_attr_nest_start(m, IFLA_LINKINFO);
    mnl_attr_put_strz(m, IFLA_INFO_KIND, "vti");
    struct nlattr *data = mnl_attr_nest_start(m, IFLA_INFO_DATA);
    mnl_attr_put_u32(m, IFLA_VTI_IKEY, htonl(shape->ikey));
    mnl_attr_put_u32(m, IFLA_VTI_OKEY, htonl(shape->okey));
    put_addr(m, IFLA_VTI_LOCAL, &shape->local);
    put_addr(m, IFLA_VTI_REMOTE, &shape->remote);
    mnl_attr_nest_end(m, data);
    mnl_attr_nest_end(m, info);
}

static struct ifinfomsg *begin_link(union netlink_request *request, uint16_t type, uint16_t flags, int index)
{
    struct ifinfomsg *fixed = netlink_begin(request, type, flags, sizeof *fixed);
    fixed->ifi_index = index;
    return fixed;
}

void link_message_create(union netlink_request *request, const struct vti_shape *shape)
{
    begin_link(request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
    mnl_attr_put_strz(&request->header, IFLA_IFNAME, shape->name);
    put_shape(&request->header, shape);
}

void link_message_change(union netlink_request *request, int index, const struct vti_shape *shape)
{
    begin_link(request, RTM_NEWLINK, 0, index);
    put_shape(&request->header, shape);
}

static void put_settings(struct nlmsghdr *m, const struct link_state *state)
{
    struct nlattr *families = mnl_attr_nest_start(m, IFLA_AF_SPEC);
    struct nlattr *inet = mnl_attr_nest_start(m, AF_INET);
    struct nlattr *conf = mnl_attr_nest_start(m, IFLA_INET_CONF);
    for (size_t i = 0; i < state->setting_count; i++)
        mnl_attr_put_u32(m, state->settings[i].what, state->settings[i].value);
    mnl_attr_nest_end(m, conf);
    mnl_attr_nest_end(m, inet);
    mnl_attr_nest_end(m, families);
}

void link_message_set(union netlink_request *request, int index, const struct link_state *state)
{
    struct ifinfomsg *fixed = begin_link(request, RTM_SETLINK, 0, index);
    fixed->ifi_change = state->up || state->down ? IFF_UP : 0;
    fixed->ifi_flags = state->up ? IFF_UP : 0;
    if (state->alias)
        mnl_attr_put_str(&request->header, IFLA_IFALIAS, state->alias);
    if (state->mtu)
        mnl_attr_put_u32(&request->header, IFLA_MTU, state->mtu);
    if (state->setting_count)
        put_settings(&request->header, state);
}

void link_message_mark(union netlink_request *request, int index, bool dormant)
{
    begin_link(request, RTM_SETLINK, 0, index);
    mnl_attr_put_u8(&request->header, IFLA_LINKMODE, dormant ? IF_LINK_MODE_DORMANT : IF_LINK_MODE_DEFAULT);
    mnl_attr_put_u8(&request->header, IFLA_OPERSTATE, dormant ? IF_OPER_DORMANT : IF_OPER_UP);
}

void link_message_remove(union netlink_request *request, int index) { begin_link(request, RTM_DELLINK, 0, index); }

void link_message_remove_named(union netlink_request *request, const char *name)
{
    begin_link(request, RTM_DELLINK, 0, 0);
    mnl_attr_put_strz(&request->header, IFLA_IFNAME, name);
}

void link_message_get_index(union netlink_request *request, int index) { begin_link(request, RTM_GETLINK, 0, index); }

void link_message_get(union netlink_request *request, const char *name)
{
    begin_link(request, RTM_GETLINK, 0, 0);
    mnl_attr_put_strz(&request->header, IFLA_IFNAME, name);
}

void link_message_dump(union netlink_request *request) { begin_link(request, RTM_GETLINK, NLM_F_DUMP, 0); }

static void take_text(const struct nlattr *attribute, char *out, size_t size)
{
    size_t length = attribute ? strnlen(mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute)) : 0;
    length = length < size ? length : size - 1;
    if (length)
        memcpy(out, mnl_attr_get_payload(attribute), length);
    out[length] = 0;
}

static uint8_t take_octet(const struct nlattr *attribute)
{
    const uint8_t *content = netlink_content(attribute, 1);
    return content ? *content : 0;
}

static struct addr take_addr(const struct nlattr *attribute)
{
    const void *content = netlink_content(attribute, 4);
    static const struct addr none = { 0 };
    struct addr out = content ? addr_from_bytes(bytes_of(content, 4)) : none;
    return addr_is_unspecified(&out) ? none : out;
}

static void take_vti(const struct nlattr *data, struct vti_shape *shape)
{
    const struct nlattr *table[IFLA_VTI_REMOTE + 1];
    uint32_t key;
    netlink_nested(data, table, IFLA_VTI_REMOTE);
    shape->ikey = netlink_u32(table[IFLA_VTI_IKEY], &key) ? ntohl(key) : 0;
    shape->okey = netlink_u32(table[IFLA_VTI_OKEY], &key) ? ntohl(key) : 0;
    shape->local = take_addr(table[IFLA_VTI_LOCAL]);
    shape->remote = take_addr(table[IFLA_VTI_REMOTE]);
}

/* The kernel shows all of them as one array, the first at number 1. */
static void take_settings(const struct nlattr *families, struct vti_seen *seen)
{
    const struct nlattr *family[AF_INET + 1], *inet[IFLA_INET_CONF + 1];
    netlink_nested(families, family, AF_INET);
    netlink_nested(family[AF_INET], inet, IFLA_INET_CONF);
    for (size_t i = 0; i < sizeof settings_known / sizeof *settings_known; i++) {
        const uint8_t *array = netlink_content(inet[IFLA_INET_CONF], settings_known[i] * sizeof(uint32_t));
        if (!array)
            continue;
        struct vti_setting *setting = &seen->settings[seen->setting_count++];
        setting->what = settings_known[i];
        memcpy(&setting->value, array + (settings_known[i] - 1) * sizeof(uint32_t), sizeof setting->value);
    }
}

bool link_message_read(const struct nlmsghdr *message, struct vti_seen *seen)
{
    const struct nlattr *table[IFLA_AF_SPEC + 1], *info[IFLA_INFO_DATA + 1];
    const struct ifinfomsg *fixed = netlink_payload(message, sizeof *fixed);
    if ((message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK) || !fixed)
        return false;
    *seen = (struct vti_seen){ .index = fixed->ifi_index, .up = (fixed->ifi_flags & IFF_UP) != 0 };
    netlink_attributes(message, sizeof *fixed, table, IFLA_AF_SPEC);
    take_text(table[IFLA_IFNAME], seen->shape.name, sizeof seen->shape.name);
    take_text(table[IFLA_IFALIAS], seen->alias, sizeof seen->alias);
    netlink_u32(table[IFLA_MTU], &seen->shape.mtu);
    seen->mode = take_octet(table[IFLA_LINKMODE]);
    seen->operational = take_octet(table[IFLA_OPERSTATE]);
    netlink_nested(table[IFLA_LINKINFO], info, IFLA_INFO_DATA);
    take_text(info[IFLA_INFO_KIND], seen->kind, sizeof seen->kind);
    seen->vti = strcmp(seen->kind, "vti") == 0;
    if (seen->vti)
        take_vti(info[IFLA_INFO_DATA], &seen->shape);
    take_settings(table[IFLA_AF_SPEC], seen);
    return true;
}

bool link_message_same_ends(const struct vti_shape *a, const struct vti_shape *b)
{
    return a->ikey == b->ikey && a->okey == b->okey && addr_equal(&a->remote, &b->remote);
}

static void begin_address(union netlink_request *request, uint16_t type, uint16_t flags, int index, const struct prefix *prefix)
{
    struct ifaddrmsg *fixed = netlink_begin(request, type, flags, sizeof *fixed);
    fixed->ifa_family = prefix->addr.family == ADDR_V6 ? AF_INET6 : AF_INET;
    fixed->ifa_prefixlen = prefix->length;
    fixed->ifa_index = (uint32_t)index;
    mnl_attr_put(&request->header, IFA_LOCAL, addr_length(&prefix->addr), prefix->addr.octets);
    mnl_attr_put(&request->header, IFA_ADDRESS, addr_length(&prefix->addr), prefix->addr.octets);
}

void address_message_add(union netlink_request *request, int index, const struct prefix *prefix)
{
    begin_address(request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, index, prefix);
}

void address_message_remove(union netlink_request *request, int index, const struct prefix *prefix)
{
    begin_address(request, RTM_DELADDR, 0, index, prefix);
}

void address_message_dump(union netlink_request *request) { netlink_begin(request, RTM_GETADDR, NLM_F_DUMP, sizeof(struct ifaddrmsg)); }

bool address_message_read(const struct nlmsghdr *message, struct vti_address *address)
{
    const struct nlattr *table[IFA_LOCAL + 1];
    const struct ifaddrmsg *fixed = netlink_payload(message, sizeof *fixed);
    if (message->nlmsg_type != RTM_NEWADDR || !fixed || (fixed->ifa_family != AF_INET && fixed->ifa_family != AF_INET6))
        return false;
    netlink_attributes(message, sizeof *fixed, table, IFA_LOCAL);
    size_t length = fixed->ifa_family == AF_INET ? 4 : 16;
    const void *content = netlink_content(table[IFA_LOCAL] ? table[IFA_LOCAL] : table[IFA_ADDRESS], length);
    if (!content)
        return false;
    *address = (struct vti_address){
        .index = (int)fixed->ifa_index,
        .prefix = { .addr = addr_from_bytes(bytes_of(content, length)), .length = fixed->ifa_prefixlen },
        .secondary = (fixed->ifa_flags & IFA_F_SECONDARY) != 0,
    };
    return true;
}

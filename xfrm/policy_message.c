/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds and reads the messages about policies. Pure. A policy demands its transform (never "use if there is
 * one"), so traffic that it covers is dropped while there is no SA; the mark is on the policy alone.
 */
#include "xfrm/policy_message.h"

#include <libmnl/libmnl.h>

#include "xfrm/kernel.h"

enum { PRIORITY_BASE = 1000 };

static uint32_t open_bits(const struct prefix *p) { return (p->addr.family == ADDR_V6 ? 128u : 32u) - p->length; }

uint32_t policy_message_priority(const struct xfrm_policy *policy)
{
    return policy->priority ? policy->priority : PRIORITY_BASE + open_bits(&policy->source) + open_bits(&policy->destination);
}

static struct xfrm_selector selector(const struct xfrm_policy *policy)
{
    struct xfrm_selector s;
    memset(&s, 0, sizeof s);
    s.daddr = kernel_addr(&policy->destination.addr);
    s.saddr = kernel_addr(&policy->source.addr);
    s.prefixlen_d = policy->destination.length;
    s.prefixlen_s = policy->source.length;
    s.family = kernel_family(&policy->destination.addr);
    return s;
}

static void put_mark(struct nlmsghdr *m, const struct xfrm_policy *policy)
{
    struct xfrm_mark value = { .v = policy->mark, .m = policy->mask };
    if (policy->mask)
        mnl_attr_put(m, XFRMA_MARK, sizeof value, &value);
}

static void put_template(struct nlmsghdr *m, const struct xfrm_policy *policy)
{
    struct xfrm_user_tmpl value;
    memset(&value, 0, sizeof value);
    value.id.daddr = kernel_addr(&policy->to);
    value.id.proto = IPPROTO_ESP;
    value.saddr = kernel_addr(&policy->from);
    value.family = kernel_family(&policy->to);
    value.reqid = policy->reqid;
    value.mode = XFRM_MODE_TUNNEL;
    value.aalgos = value.ealgos = value.calgos = UINT32_MAX;
    mnl_attr_put(m, XFRMA_TMPL, sizeof value, &value);
}

void policy_message_put(union netlink_request *request, const struct xfrm_policy *policy, bool update)
{
    struct xfrm_userpolicy_info *info = netlink_begin(request, update ? XFRM_MSG_UPDPOLICY : XFRM_MSG_NEWPOLICY, 0, sizeof *info);
    info->sel = selector(policy);
    info->lft.soft_byte_limit = info->lft.hard_byte_limit = XFRM_INF;
    info->lft.soft_packet_limit = info->lft.hard_packet_limit = XFRM_INF;
    info->priority = policy_message_priority(policy);
    info->dir = policy->way;
    info->action = XFRM_POLICY_ALLOW;
    put_template(&request->header, policy);
    put_mark(&request->header, policy);
}

void policy_message_remove(union netlink_request *request, const struct xfrm_policy *policy)
{
    struct xfrm_userpolicy_id *id = netlink_begin(request, XFRM_MSG_DELPOLICY, 0, sizeof *id);
    id->sel = selector(policy);
    id->dir = policy->way;
    put_mark(&request->header, policy);
}

void policy_message_dump(union netlink_request *request)
{
    netlink_begin(request, XFRM_MSG_GETPOLICY, NLM_F_DUMP, sizeof(struct xfrm_userpolicy_id));
}

static bool read_prefix(const xfrm_address_t *addr, uint16_t family, uint8_t length, struct prefix *out)
{
    *out = (struct prefix){ .addr = kernel_addr_read(addr, family), .length = length };
    return length <= (family == AF_INET6 ? 128 : 32);
}

bool policy_message_read(const struct nlmsghdr *message, struct xfrm_policy *policy)
{
    const struct nlattr *table[XFRMA_MARK + 1];
    struct xfrm_userpolicy_info info;
    if (!netlink_copy(message, &info, sizeof info) || info.dir >= XFRM_POLICY_MAX || (info.sel.family != AF_INET && info.sel.family != AF_INET6))
        return false;
    netlink_attributes(message, sizeof info, table, XFRMA_MARK);
    const struct xfrm_user_tmpl *template = netlink_content(table[XFRMA_TMPL], sizeof *template);
    const struct xfrm_mark *mark = netlink_content(table[XFRMA_MARK], sizeof *mark);
    if (!template || template->id.proto != IPPROTO_ESP || (template->family != AF_INET && template->family != AF_INET6))
        return false;
    *policy = (struct xfrm_policy){
        .way = info.dir,
        .mark = mark ? mark->v : 0,
        .mask = mark ? mark->m : 0,
        .priority = info.priority,
        .reqid = template->reqid,
        .from = kernel_addr_read(&template->saddr, template->family),
        .to = kernel_addr_read(&template->id.daddr, template->family),
    };
    return read_prefix(&info.sel.saddr, info.sel.family, info.sel.prefixlen_s, &policy->source) &&
           read_prefix(&info.sel.daddr, info.sel.family, info.sel.prefixlen_d, &policy->destination);
}

bool policy_message_same(const struct xfrm_policy *a, const struct xfrm_policy *b)
{
    return a->way == b->way && a->mark == b->mark && a->mask == b->mask && prefix_equal(&a->source, &b->source) &&
           prefix_equal(&a->destination, &b->destination);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the played kernel does for a request, how it answers, and what goes wrong with that. */
#include "tests/fuzz/kernel.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netconf.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "vti/link_message.h"

enum { ATTRIBUTES = 64 };

typedef bool same_object(const struct object *object, const struct nlmsghdr *request);

static const struct nlattr *first_attribute(const struct nlmsghdr *m, size_t fixed, int *left)
{
    *left = (int)(m->nlmsg_len - NLMSG_HDRLEN) - (int)MNL_ALIGN(fixed);
    return mnl_nlmsg_get_payload_offset(m, fixed);
}

static const struct nlattr *next_attribute(const struct nlattr *a, int *left)
{
    *left -= (int)MNL_ALIGN(a->nla_len);
    return mnl_attr_next(a);
}

static void attributes(const struct nlmsghdr *m, size_t fixed, const struct nlattr *table[ATTRIBUTES])
{
    int left;
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): a table of pointers */
    memset(table, 0, ATTRIBUTES * sizeof *table);
    for (const struct nlattr *a = first_attribute(m, fixed, &left); mnl_attr_ok(a, left); a = next_attribute(a, &left))
        if (mnl_attr_get_type(a) < ATTRIBUTES)
            table[mnl_attr_get_type(a)] = a;
}

static bool same_attribute(const struct nlattr *a, const struct nlattr *b)
{
    if (!a || !b)
        return a == b;
    return a->nla_len == b->nla_len && memcmp(a, b, a->nla_len) == 0;
}

static struct object *find(enum object_kind kind, same_object *same, const struct nlmsghdr *request)
{
    for (size_t i = 0; i < KERNEL_OBJECTS; i++)
        if (kernel.object[i].kind == kind && same(&kernel.object[i], request))
            return &kernel.object[i];
    return NULL;
}

/* ---- which object a request is about ---- */

static bool same_sa(const struct object *o, const struct nlmsghdr *m)
{
    const struct xfrm_usersa_info *info = mnl_nlmsg_get_payload(&o->message.header);
    const struct xfrm_usersa_info *other = mnl_nlmsg_get_payload(m);
    const struct xfrm_usersa_id *id = mnl_nlmsg_get_payload(m);
    bool whole = m->nlmsg_type == XFRM_MSG_NEWSA || m->nlmsg_type == XFRM_MSG_UPDSA;
    return memcmp(&info->id.daddr, whole ? &other->id.daddr : &id->daddr, 4) == 0 && info->id.spi == (whole ? other->id.spi : id->spi);
}

static bool same_policy(const struct object *o, const struct nlmsghdr *m)
{
    const struct nlattr *mine[ATTRIBUTES], *theirs[ATTRIBUTES];
    const struct xfrm_userpolicy_info *info = mnl_nlmsg_get_payload(&o->message.header);
    const struct xfrm_userpolicy_info *other = mnl_nlmsg_get_payload(m);
    const struct xfrm_userpolicy_id *id = mnl_nlmsg_get_payload(m);
    bool whole = m->nlmsg_type != XFRM_MSG_DELPOLICY;
    attributes(&o->message.header, sizeof *info, mine);
    attributes(m, whole ? sizeof *other : sizeof *id, theirs);
    return memcmp(&info->sel, whole ? &other->sel : &id->sel, sizeof info->sel) == 0 && info->dir == (whole ? other->dir : id->dir) &&
           same_attribute(mine[XFRMA_MARK], theirs[XFRMA_MARK]);
}

static bool same_link(const struct object *o, const struct nlmsghdr *m)
{
    const struct nlattr *mine[ATTRIBUTES], *theirs[ATTRIBUTES];
    const struct ifinfomsg *fixed = mnl_nlmsg_get_payload(m);
    attributes(&o->message.header, sizeof *fixed, mine);
    attributes(m, sizeof *fixed, theirs);
    return fixed->ifi_index ? fixed->ifi_index == o->index : theirs[IFLA_IFNAME] && same_attribute(mine[IFLA_IFNAME], theirs[IFLA_IFNAME]);
}

static bool same_address(const struct object *o, const struct nlmsghdr *m)
{
    const struct nlattr *mine[ATTRIBUTES], *theirs[ATTRIBUTES];
    const struct ifaddrmsg *a = mnl_nlmsg_get_payload(&o->message.header), *b = mnl_nlmsg_get_payload(m);
    attributes(&o->message.header, sizeof *a, mine);
    attributes(m, sizeof *b, theirs);
    return a->ifa_index == b->ifa_index && a->ifa_prefixlen == b->ifa_prefixlen && same_attribute(mine[IFA_LOCAL], theirs[IFA_LOCAL]);
}

static bool same_route(const struct object *o, const struct nlmsghdr *m)
{
    const struct nlattr *mine[ATTRIBUTES], *theirs[ATTRIBUTES];
    const struct rtmsg *a = mnl_nlmsg_get_payload(&o->message.header), *b = mnl_nlmsg_get_payload(m);
    attributes(&o->message.header, sizeof *a, mine);
    attributes(m, sizeof *b, theirs);
    return a->rtm_family == b->rtm_family && a->rtm_dst_len == b->rtm_dst_len && same_attribute(mine[RTA_DST], theirs[RTA_DST]) &&
           same_attribute(mine[RTA_PRIORITY], theirs[RTA_PRIORITY]);
}

/* ---- what is done ---- */

static void keep(struct object *o, const struct nlmsghdr *m, uint16_t type)
{
    must(m->nlmsg_len <= KERNEL_OBJECT_MAX);
    memset(&o->message, 0, sizeof o->message);
    memset(o->settings, 0, sizeof o->settings);
    memcpy(&o->message, m, m->nlmsg_len);
    o->message.header.nlmsg_type = type;
    o->message.header.nlmsg_flags = 0;
}

static int make(enum object_kind kind, const struct nlmsghdr *m, same_object *same, uint16_t type, bool only_new, bool only_old)
{
    struct object *o = find(kind, same, m);
    if (o && only_new)
        return EEXIST;
    if (!o && only_old)
        return ESRCH;
    if (!o)
        o = kernel_pick(OBJECT_FREE, 0);
    if (!o)
        return ENOMEM;
    o->kind = kind;
    keep(o, m, type);
    return 0;
}

static int drop(enum object_kind kind, const struct nlmsghdr *m, same_object *same, int otherwise)
{
    struct object *o = find(kind, same, m);
    if (!o)
        return otherwise;
    o->kind = OBJECT_FREE;
    return 0;
}

static const struct nlattr *within(const struct nlattr *nest, uint16_t type)
{
    int left = (int)mnl_attr_get_payload_len(nest);
    for (const struct nlattr *a = mnl_attr_get_payload(nest); mnl_attr_ok(a, left); a = next_attribute(a, &left))
        if (mnl_attr_get_type(a) == type)
            return a;
    return NULL;
}

static void keep_settings(struct object *o, const struct nlattr *families)
{
    const struct nlattr *inet = within(families, AF_INET), *list = inet ? within(inet, IFLA_INET_CONF) : NULL;
    must(list != NULL);
    int left = (int)mnl_attr_get_payload_len(list);
    for (const struct nlattr *a = mnl_attr_get_payload(list); mnl_attr_ok(a, left); a = next_attribute(a, &left))
        if (mnl_attr_get_type(a) >= 1 && mnl_attr_get_type(a) <= IPV4_DEVCONF_MAX)
            o->settings[mnl_attr_get_type(a) - 1] = mnl_attr_get_u32(a);
}

static void show_settings(struct nlmsghdr *out, const struct object *o)
{
    struct nlattr *families = mnl_attr_nest_start(out, IFLA_AF_SPEC), *inet = mnl_attr_nest_start(out, AF_INET);
    mnl_attr_put(out, IFLA_INET_CONF, sizeof o->settings, o->settings);
    mnl_attr_nest_end(out, inet);
    mnl_attr_nest_end(out, families);
}

/* A change of a link: its attributes come last, where they count. */
static int change_link(struct object *o, const struct nlmsghdr *m)
{
    const struct ifinfomsg *fixed = mnl_nlmsg_get_payload(m);
    struct ifinfomsg *mine = mnl_nlmsg_get_payload(&o->message.header);
    int left;
    mine->ifi_flags = (mine->ifi_flags & ~fixed->ifi_change) | (fixed->ifi_flags & fixed->ifi_change);
    for (const struct nlattr *a = first_attribute(m, sizeof *fixed, &left); mnl_attr_ok(a, left); a = next_attribute(a, &left))
        if (mnl_attr_get_type(a) == IFLA_AF_SPEC)
            keep_settings(o, a);
        else if (!mnl_attr_put_check(&o->message.header, KERNEL_OBJECT_MAX, mnl_attr_get_type(a), mnl_attr_get_payload_len(a), mnl_attr_get_payload(a)))
            return ENOBUFS;
    return 0;
}

/* The kernel has one VTI between two addresses. */
static bool has_rival(const struct nlmsghdr *m)
{
    struct vti_seen wanted, there;
    const struct ifinfomsg *fixed = mnl_nlmsg_get_payload(m);
    if (!link_message_read(m, &wanted) || !wanted.vti)
        return false;
    for (size_t i = 0; i < KERNEL_OBJECTS; i++) {
        const struct object *o = &kernel.object[i];
        if (o->kind == OBJECT_LINK && (!fixed->ifi_index || o->index != fixed->ifi_index) && link_message_read(&o->message.header, &there) && there.vti &&
            addr_equal(&there.shape.local, &wanted.shape.local) && addr_equal(&there.shape.remote, &wanted.shape.remote))
            return true;
    }
    return false;
}

static int new_link(const struct nlmsghdr *m)
{
    struct object *o = find(OBJECT_LINK, same_link, m);
    if (has_rival(m))
        return EEXIST;
    if (o)
        return (m->nlmsg_flags & NLM_F_EXCL) ? EEXIST : change_link(o, m);
    if (!(m->nlmsg_flags & NLM_F_CREATE))
        return ENODEV;
    int error = make(OBJECT_LINK, m, same_link, RTM_NEWLINK, true, false);
    o = error ? NULL : find(OBJECT_LINK, same_link, m);
    if (o) {
        struct ifinfomsg *fixed = mnl_nlmsg_get_payload(&o->message.header);
        o->index = fixed->ifi_index = kernel.next_index++;
    }
    return error;
}

static int set_link(const struct nlmsghdr *m)
{
    struct object *o = find(OBJECT_LINK, same_link, m);
    return o ? change_link(o, m) : ENODEV;
}

static int act_xfrm(const struct nlmsghdr *m)
{
    switch (m->nlmsg_type) {
    case XFRM_MSG_NEWSA: return make(OBJECT_SA, m, same_sa, XFRM_MSG_NEWSA, true, false);
    case XFRM_MSG_UPDSA: return make(OBJECT_SA, m, same_sa, XFRM_MSG_NEWSA, false, true);
    case XFRM_MSG_DELSA: return drop(OBJECT_SA, m, same_sa, ESRCH);
    case XFRM_MSG_NEWPOLICY: return make(OBJECT_POLICY, m, same_policy, XFRM_MSG_NEWPOLICY, true, false);
    case XFRM_MSG_UPDPOLICY: return make(OBJECT_POLICY, m, same_policy, XFRM_MSG_NEWPOLICY, false, false);
    case XFRM_MSG_DELPOLICY: return drop(OBJECT_POLICY, m, same_policy, ENOENT);
    default: return -1;
    }
}

static int act_route(const struct nlmsghdr *m)
{
    switch (m->nlmsg_type) {
    case RTM_NEWLINK: return new_link(m);
    case RTM_SETLINK: return set_link(m);
    case RTM_DELLINK: return drop(OBJECT_LINK, m, same_link, ENODEV);
    case RTM_NEWADDR: return make(OBJECT_ADDRESS, m, same_address, RTM_NEWADDR, true, false);
    case RTM_DELADDR: return drop(OBJECT_ADDRESS, m, same_address, EADDRNOTAVAIL);
    case RTM_NEWROUTE: return make(OBJECT_ROUTE, m, same_route, RTM_NEWROUTE, m->nlmsg_flags & NLM_F_EXCL, false);
    case RTM_DELROUTE: return drop(OBJECT_ROUTE, m, same_route, ESRCH);
    default: return -1;
    }
}

/* ---- answers ---- */

static struct waiting *answer_at(struct kernel_socket *s)
{
    if (s->count == KERNEL_WAITING)
        return NULL;
    struct waiting *w = &s->waiting[(s->first + s->count++) % KERNEL_WAITING];
    w->length = 0;
    w->error = 0;
    w->stranger = w->cut = false;
    return w;
}

static struct nlmsghdr *begin(struct waiting *w, const struct nlmsghdr *m, uint16_t type, size_t fixed)
{
    memset(w->octets + w->length, 0, KERNEL_DATAGRAM - w->length);
    struct nlmsghdr *out = mnl_nlmsg_put_header(w->octets + w->length);
    out->nlmsg_type = type;
    out->nlmsg_seq = m->nlmsg_seq;
    out->nlmsg_pid = m->nlmsg_pid;
    mnl_nlmsg_put_extra_header(out, fixed);
    return out;
}

static void end(struct waiting *w, const struct nlmsghdr *out) { w->length += MNL_ALIGN(out->nlmsg_len); }

static void show(struct kernel_socket *s, const struct nlmsghdr *m, const struct object *o, uint16_t flags)
{
    struct waiting *w = answer_at(s);
    if (!w)
        return;
    memcpy(w->octets, &o->message, o->message.header.nlmsg_len);
    struct nlmsghdr *out = (struct nlmsghdr *)(void *)w->octets;
    out->nlmsg_seq = m->nlmsg_seq;
    out->nlmsg_pid = m->nlmsg_pid;
    out->nlmsg_flags = flags;
    if (o->kind == OBJECT_LINK)
        show_settings(out, o);
    end(w, out);
}

static void acknowledge(struct kernel_socket *s, const struct nlmsghdr *m, int error, const char *text)
{
    struct waiting *w = answer_at(s);
    if (!w)
        return;
    struct nlmsghdr *out = begin(w, m, NLMSG_ERROR, sizeof(struct nlmsgerr));
    struct nlmsgerr *e = mnl_nlmsg_get_payload(out);
    e->error = -error;
    e->msg = *m;
    out->nlmsg_flags = NLM_F_CAPPED | (text ? NLM_F_ACK_TLVS : 0);
    if (text)
        mnl_attr_put_strz(out, NLMSGERR_ATTR_MSG, text);
    end(w, out);
}

static void done(struct kernel_socket *s, const struct nlmsghdr *m, uint16_t flags)
{
    struct waiting *w = answer_at(s);
    if (!w)
        return;
    struct nlmsghdr *out = begin(w, m, NLMSG_DONE, sizeof(int32_t));
    out->nlmsg_flags = NLM_F_MULTI | flags;
    end(w, out);
}

static void show_way(struct kernel_socket *s, const struct nlmsghdr *m)
{
    struct waiting *w = answer_at(s);
    if (!w)
        return;
    struct nlmsghdr *out = begin(w, m, RTM_NEWROUTE, sizeof(struct rtmsg));
    struct rtmsg *fixed = mnl_nlmsg_get_payload(out);
    fixed->rtm_family = AF_INET;
    fixed->rtm_type = RTN_UNICAST;
    mnl_attr_put(out, RTA_PREFSRC, addr_length(&kernel.local), kernel.local.octets);
    mnl_attr_put_u32(out, RTA_OIF, 1);
    if (kernel.mtu < 1500) {
        struct nlattr *metrics = mnl_attr_nest_start(out, RTA_METRICS);
        mnl_attr_put_u32(out, RTAX_MTU, kernel.mtu);
        mnl_attr_nest_end(out, metrics);
    }
    end(w, out);
}

static void show_number(struct kernel_socket *s, const struct nlmsghdr *m, uint16_t type, size_t fixed, uint16_t attribute, uint32_t value)
{
    struct waiting *w = answer_at(s);
    if (!w)
        return;
    struct nlmsghdr *out = begin(w, m, type, fixed);
    mnl_attr_put_u32(out, attribute, value);
    end(w, out);
}

/* A question: what is shown, and the errno. */
static int tell(struct kernel_socket *s, const struct nlmsghdr *m)
{
    bool xfrm = s->protocol == NETLINK_XFRM;
    struct object *o = NULL;
    if (xfrm && m->nlmsg_type == XFRM_MSG_GETSA)
        o = find(OBJECT_SA, same_sa, m);
    else if (!xfrm && m->nlmsg_type == RTM_GETLINK)
        o = find(OBJECT_LINK, same_link, m);
    if (o)
        show(s, m, o, 0);
    else if (xfrm && m->nlmsg_type == XFRM_MSG_GETAE)
        show_number(s, m, XFRM_MSG_NEWAE, sizeof(struct xfrm_aevent_id), XFRMA_ETIMER_THRESH, 40);
    else if (!xfrm && m->nlmsg_type == RTM_GETROUTE && kernel.local.family)
        show_way(s, m);
    else if (!xfrm && m->nlmsg_type == RTM_GETNETCONF)
        show_number(s, m, RTM_NEWNETCONF, sizeof(struct netconfmsg), NETCONFA_RP_FILTER, 1);
    else
        return xfrm ? ESRCH : m->nlmsg_type == RTM_GETROUTE ? ENETUNREACH : ENODEV;
    return 0;
}

static void tell_all(struct kernel_socket *s, const struct nlmsghdr *m, uint16_t flags)
{
    static const struct { int protocol; uint16_t type; enum object_kind kind; } dumps[] = {
        { NETLINK_XFRM, XFRM_MSG_GETSA, OBJECT_SA },     { NETLINK_XFRM, XFRM_MSG_GETPOLICY, OBJECT_POLICY },
        { NETLINK_ROUTE, RTM_GETLINK, OBJECT_LINK },     { NETLINK_ROUTE, RTM_GETADDR, OBJECT_ADDRESS },
        { NETLINK_ROUTE, RTM_GETROUTE, OBJECT_ROUTE },
    };
    const struct rtmsg *route = mnl_nlmsg_get_payload(m);
    for (size_t i = 0; i < sizeof dumps / sizeof *dumps; i++)
        for (size_t k = 0; dumps[i].protocol == s->protocol && dumps[i].type == m->nlmsg_type && k < KERNEL_OBJECTS; k++) {
            const struct object *o = &kernel.object[k];
            const struct rtmsg *mine = mnl_nlmsg_get_payload(&o->message.header);
            if (o->kind == dumps[i].kind && (o->kind != OBJECT_ROUTE || mine->rtm_family == route->rtm_family) && s->count + 1 < KERNEL_WAITING)
                show(s, m, o, NLM_F_MULTI | flags);
        }
    done(s, m, flags);
}

/* ---- what goes wrong ---- */

static const int errors[] = { EPERM, ENOENT, ESRCH, EEXIST, EINVAL, ENODEV, ENOBUFS, ENOMEM, EOPNOTSUPP, EPROTONOSUPPORT, ENOSYS, ENETUNREACH, 0, 1000000 };

static void spoil(struct kernel_socket *s, size_t before, enum kernel_fault fault)
{
    for (size_t i = before; i < s->count; i++) {
        struct waiting *w = &s->waiting[(s->first + i) % KERNEL_WAITING];
        w->stranger = fault == FAULT_STRANGER;
        w->cut = fault == FAULT_TOO_LONG;
        w->error = fault == FAULT_RECEIVE ? ENOBUFS : 0;
        if (fault == FAULT_CUT)
            w->length = choose(&kernel.faults, (uint32_t)w->length + 1);
        if (fault == FAULT_SEQUENCE)
            w->octets[8] ^= 1;
        for (unsigned n = fault == FAULT_CHANGE ? 1 + choose(&kernel.faults, 3) : 0; n > 0 && w->length; n--)
            w->octets[choose(&kernel.faults, (uint32_t)w->length)] = choose_octet(&kernel.faults);
    }
    if (fault == FAULT_SILENCE)
        s->count = before;
}

static bool is_dump(const struct nlmsghdr *m) { return (m->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP && !(m->nlmsg_flags & NLM_F_ACK); }

void kernel_take(struct kernel_socket *s, const struct nlmsghdr *m, size_t length)
{
    size_t before = s->count;
    uint8_t chosen = choose_octet(&kernel.faults);
    enum kernel_fault fault = (enum kernel_fault)(chosen % 16 < FAULT_KINDS ? chosen % 16 : FAULT_NONE);
    int refusal = kernel.look ? kernel.look(s->protocol, m) : 0;
    kernel.requests++;
    must(length <= KERNEL_OBJECT_MAX);
    if (refusal) {
        acknowledge(s, m, refusal, NULL);
        return;
    }
    if (fault == FAULT_REFUSE || fault == FAULT_TEXT) {
        acknowledge(s, m, errors[choose(&kernel.faults, sizeof errors / sizeof *errors)], fault == FAULT_TEXT ? "the kernel's own words" : NULL);
        return;
    }
    if (s->protocol == NETLINK_NETFILTER) {
        if (m->nlmsg_flags & NLM_F_ACK)
            acknowledge(s, m, 0, NULL);
    } else if (is_dump(m)) {
        tell_all(s, m, fault == FAULT_INTERRUPTED ? NLM_F_DUMP_INTR : 0);
    } else {
        int error = s->protocol == NETLINK_XFRM ? act_xfrm(m) : act_route(m);
        kernel.changes += error == 0;
        acknowledge(s, m, error < 0 ? tell(s, m) : error, NULL);
    }
    spoil(s, before, fault);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Target `netlink`: what the kernel says. The first octet of an input tells what follows: one message, its type and
 * then its octets, for every reader of messages (0, 1); a datagram of notifications (2); or (3) operations on SAs, links,
 * routes and paths against a kernel whose answers go wrong: an octet an operation, then those that spoil the answers.
 */
#include "tests/fuzz/kernel.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "vti/vti.h"
#include "xfrm/xfrm.h"

const char fuzz_name[] = "netlink";

enum { OPERATIONS_MAX = 40, TEXT = 400 };

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

/* ---- readers ---- */

static void check_addr(const struct addr *a) { must(a->family == ADDR_NONE || a->family == ADDR_V4 || a->family == ADDR_V6); }
static void check_prefix(const struct prefix *p) { check_addr(&p->addr); must(p->length <= 128); }

static void read_message(void *context, const struct nlmsghdr *m)
{
    struct xfrm_seen state;
    struct xfrm_policy policy;
    struct vti_seen link;
    struct vti_address address;
    struct route_seen seen;
    struct path_route way;
    uint32_t tenths;
    (void)context;
    struct xfrm_event event = event_read(m);
    check_addr(&event.to);
    check_addr(&event.from);
    must(event.type <= XFRM_EVENT_POLICIES_CHANGED);
    if (event_read_sa(m, &state))
        check_addr(&state.to);
    (void)event_read_timer(m, &tenths);
    if (policy_message_read(m, &policy)) {
        check_prefix(&policy.source);
        check_prefix(&policy.destination);
        must(policy_message_same(&policy, &policy) && policy_message_priority(&policy) + 1 > 0);
    }
    if (link_message_read(m, &link)) {
        must(strnlen(link.shape.name, VTI_NAME_MAX) < VTI_NAME_MAX && strnlen(link.alias, VTI_ALIAS_MAX) < VTI_ALIAS_MAX);
        must(strnlen(link.kind, VTI_NAME_MAX) < VTI_NAME_MAX && link.setting_count <= VTI_SETTINGS_MAX);
        must(link_message_same_ends(&link.shape, &link.shape));
    }
    if (address_message_read(m, &address))
        check_addr(&address.prefix.addr);
    if (route_message_read(m, &seen)) {
        check_prefix(&seen.route.to);
        must(seen.route.count <= ROUTE_HOPS_MAX && route_same(&seen.route, &seen.route) && route_same_place(&seen.route, &seen.route));
    }
    (void)clamp_message_takes(m);
    if (path_read_route(m, &way))
        check_prefix(&way.to);
}

static void one_message(struct choices *c)
{
    uint16_t type = (uint16_t)choose_number(c, 1);
    size_t length = choices_left(c);
    uint8_t *memory = malloc(NLMSG_HDRLEN + length); /* its end is that of the message */
    must(memory != NULL);
    *(struct nlmsghdr *)(void *)memory = (struct nlmsghdr){ .nlmsg_len = (uint32_t)(NLMSG_HDRLEN + length), .nlmsg_type = type };
    if (length)
        memcpy(memory + NLMSG_HDRLEN, c->at, length);
    read_message(NULL, (const struct nlmsghdr *)(const void *)memory);
    free(memory);
}

static void notifications(struct choices *c)
{
    static const uint32_t group[] = { 1 };
    struct netlink n;
    must(netlink_open_groups(&n, NETLINK_ROUTE, group, 1) == 0);
    kernel_notify(NETLINK_ROUTE, c->at, choices_left(c) < KERNEL_DATAGRAM ? choices_left(c) : KERNEL_DATAGRAM);
    kernel_overflow(NETLINK_ROUTE);
    must(netlink_drain(&n, read_message, NULL) != 0);
    netlink_close(&n);
}

/* ---- operations ---- */

static struct netlink xfrm, route;
static struct dp_sa sa;
static struct vti vti;
static char why[TEXT];

static void check_why(int error)
{
    must(error <= 0 && strnlen(why, sizeof why) < sizeof why);
    must(!error || error == -ENOMEM || why[0]);
}

static void each_sa(void *context, const struct xfrm_seen *seen) { (void)context; check_addr(&seen->to); }
static void each_policy(void *context, const struct xfrm_policy *policy) { (void)context; check_prefix(&policy->source); }
static void each_route(void *context, const struct route *r, const char *text) { (void)context; must(r->count <= ROUTE_HOPS_MAX && strlen(text) < TEXT); }

static const struct prefix over_v6 = { .addr = { ADDR_V6, { 0x20, 0x01, 0x0d, 0xb8 } }, .length = 64 };

static void on_sas(uint8_t code, bool v6)
{
    const struct dp_sa_name name = { .direction = sa.direction, .spi = sa.spi, .local = sa.local, .remote = sa.remote };
    struct xfrm_policy policy = { .way = XFRM_WAY_IN, .mark = 5, .mask = UINT32_MAX, .reqid = XFRM_REQID_BASE, .from = kernel.headend, .to = kernel.local };
    struct xfrm_seen seen;
    uint32_t timer = 0;
    policy.source = v6 ? over_v6 : prefix_of(kernel.headend);
    policy.destination = v6 ? over_v6 : prefix_of(kernel.local);
    policy.mask = sa.direction == DP_OUT ? 0 : policy.mask;
    switch (code) {
    case 0: must(xfrm_install(&xfrm, &sa, XFRM_REQID_BASE, 10) <= 0); break;
    case 1: must(xfrm_remove(&xfrm, &name) <= 0); break;
    case 2: must(xfrm_move(&xfrm, &sa, XFRM_REQID_BASE) <= 0); break;
    case 3:
        if (xfrm_query(&xfrm, &name, &seen) == 0)
            must(seen.spi == sa.spi);
        break;
    case 4: must(xfrm_each(&xfrm, each_sa, NULL) <= 0); break;
    case 5:
        why[0] = 0;
        check_why(xfrm_try(&xfrm, &sa, &timer, why, sizeof why) ? -1 : 0);
        break;
    case 6: must(xfrm_policy_set(&xfrm, &policy) <= 0); break;
    case 7: must(xfrm_policy_remove(&xfrm, &policy) <= 0); break;
    default: must(xfrm_policy_each(&xfrm, each_policy, NULL) <= 0); break;
    }
}

static void on_links(uint8_t code, bool v6)
{
    static char mended[TEXT];
    struct path path;
    struct addr found = { .family = ADDR_NONE };
    bool present;
    uint32_t number;
    struct clamp clamp = { .name = "vti01", .mtu = 1400 };
    struct addr other = addr_v4(0xc0000209);
    struct route wanted[2] = { { .to = prefix_of(addr_v4(0x0a000200)), .links = { 1, 2 }, .count = 2, .source = kernel.local },
                               { .to = prefix_of(addr_v4(0x0a000300)), .unreachable = true, .metric = 7 } };
    why[0] = 0;
    if (v6) {
        wanted[0].to = over_v6;
        wanted[0].source = (struct addr){ .family = ADDR_NONE };
    }
    wanted[0].count -= sa.direction == DP_OUT;
    vti.address = v6 ? over_v6 : (struct prefix){ .length = 0 };
    switch (code) {
    case 0: if (!vti.index) check_why(vti_open(&route, &vti, why, sizeof why)); break;
    case 1: (void)vti_close(&route, &vti); break;
    case 2: if (vti.index) check_why(vti_move(&route, &vti, addr_equal(&vti.shape.local, &other) ? &kernel.local : &other, why, sizeof why)); break;
    case 3: if (vti.index) check_why(vti_resize(&route, &vti, vti.shape.mtu ^ 1, why, sizeof why)); break;
    case 4: check_why(vti_signal(&route, &vti, (enum vti_signal)((vti.signal + 1) % 3), why, sizeof why)); break;
    case 5: check_why(vti_mend(&route, &vti, mended, why, sizeof why)); break;
    case 6: must(vti_sweep(&route, &vti, 1, &present) <= 0); break;
    case 7:
        if (path_find(&route, &kernel.headend, &found, &path) == 0)
            check_addr(&path.local);
        break;
    case 8: must(path_address_present(&route, &kernel.local, &vti.index, 1, &present) <= 0); break;
    case 9:
        if (path_interface_address(&route, "eth0", ADDR_V4, &found) == 0)
            check_addr(&found);
        break;
    case 10: must(path_all_rp_filter(&route, &number) <= 0); break;
    case 11: must(routes_make(&route, wanted, 2, each_route, NULL) <= 0); break;
    case 12: must(routes_make(&route, NULL, 0, each_route, NULL) <= 0); break;
    default: check_why(clamp_set(&clamp, 1, &number, why, sizeof why)); break;
    }
}

/* What the kernel has now, as it is and with an octet changed, is read like a notification. */
static void read_objects(struct choices *c)
{
    static struct object changed;
    for (size_t i = 0; i < KERNEL_OBJECTS; i++) {
        const struct object *o = &kernel.object[i];
        if (o->kind == OBJECT_FREE)
            continue;
        read_message(NULL, &o->message.header);
        changed = *o;
        changed.message.octets[NLMSG_HDRLEN + choose(c, (uint32_t)(o->message.header.nlmsg_len - NLMSG_HDRLEN))] = choose_octet(c);
        read_message(NULL, &changed.message.header);
    }
}

static void operations(struct choices *c)
{
    kernel.local = addr_v4(0xc0000202);
    kernel.headend = addr_v4(0xcb007101);
    kernel_add_address(kernel_add_link("eth0"), &kernel.local);
    must(xfrm_open(&xfrm) == 0 && netlink_open(&route, NETLINK_ROUTE) == 0);
    sa = (struct dp_sa){ .direction = DP_IN, .spi = 0x1000, .local = { kernel.local, 4500 }, .remote = { kernel.headend, 4500 }, .esp_transform = 20,
                         .key_bits = 256, .key_length = 36, .replay_window = 128 };
    vti = (struct vti){ .shape = { .name = "vti01", .ikey = 5, .okey = 5, .local = kernel.local, .remote = kernel.headend, .mtu = 1400 },
                        .alias = VTI_ALIAS_MARK "one", .loose = true };
    for (unsigned n = 0; n < OPERATIONS_MAX && choices_any(c); n++) {
        uint8_t code = choose_octet(c), faults = choose_octet(c) % 24;
        struct bytes own = choose_span(c, faults);
        kernel.faults = choices_of(own.data, own.length);
        sa.direction = code & 0x40 ? DP_OUT : DP_IN;
        if (code & 0x80)
            on_sas(code % 9, code & 0x10);
        else
            on_links(code % 14, code & 0x10);
        if (code & 0x20)
            read_objects(c);
    }
    netlink_close(&xfrm);
    netlink_close(&route);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct choices c = choices_of(data, size);
    kernel_reset();
    switch (choose_octet(&c) % 4) {
    case 2: notifications(&c); break;
    case 3: operations(&c); break;
    default: one_message(&c); break;
    }
    for (size_t i = 0; i < KERNEL_SOCKETS; i++)
        must(!kernel.socket[i].open);
    return 0;
}

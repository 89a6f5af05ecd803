/* SPDX-License-Identifier: Apache-2.0 */
/* What the data plane's server makes of what others, crashes and refusals do to its links, routes and policies. The kernel is played. */
#include "tests/support/test.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netconf.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>
#include <stdio.h>

#include "dataplane/server_private.h"
#include "tests/fuzz/kernel.h"

const char fuzz_name[] = "server_mend";

enum { CONNS = 2, TICKS_AT_ONCE = 4 };

static struct conf_conn conns[2][CONNS];
static struct conf confs[2];
static struct dp_server *server;
static struct mono now;

/* ---- the world ---- */

static void drop_line(enum log_level level, const struct log_about *about, const char *line) { (void)level, (void)about, (void)line; }
static void drop_message(void *context, const struct dp_message *message, size_t length) { (void)context, (void)message, (void)length; }
static void drop_word(void *context, const char *line) { (void)context, (void)line; }

static struct conf_conn conn_of(size_t i)
{
    struct conf_conn c = {
        .local = 0, .autostart = CONF_AUTO_START, .esp = { { CRYPTO_AES_GCM_16, 256, CRYPTO_HASH_NONE } }, .esp_count = 1, .replay_window = 128,
        .mark_set = true, .mark_in = 5 + (uint32_t)i, .mark_in_mask = UINT32_MAX, .mark_out = 5 + (uint32_t)i, .mark_out_mask = UINT32_MAX,
        .vti_routing = true, .unreachable_route = true, .encapsulation = CONF_AUTOMATIC, .link_signal = CONF_LINK_DORMANT,
    };
    snprintf(c.name, sizeof c.name, "t%zu", i);
    snprintf(c.vti_interface, sizeof c.vti_interface, "vti0%zu", i);
    c.end[0].host = CONF_HOST_DEFAULTROUTE;
    c.end[1].addr = addr_v4(0xcb007101 + (uint32_t)i);
    assert_true(prefix_parse(&c.end[0].subnet, "0.0.0.0/0") && prefix_parse(&c.end[1].subnet, "10.0.2.0/24"));
    return c;
}

static int make_world(void **state)
{
    (void)state;
    log_open(drop_line, LOG_LEVEL_DEBUG);
    kernel_reset();
    kernel.local = addr_v4(0xc0000202);
    kernel_add_address(kernel_add_link("eth0"), &kernel.local);
    now = (struct mono){ MONO_S(100) };
    for (size_t i = 0; i < CONNS; i++)
        conns[0][i] = conn_of(i);
    confs[0] = (struct conf){ .conns = conns[0], .count = CONNS };
    confs[1] = (struct conf){ .conns = conns[1], .count = CONNS };
    return 0;
}

static void start(void)
{
    const struct dp_server_env env = { .send = drop_message };
    char why[DP_WHY_MAX];
    int error = dp_server_new(&server, &confs[0], &env, why);
    if (error)
        fail_msg("%s", why);
}

static void stop(void)
{
    kernel.look = NULL;
    dp_server_stop(server);
    assert_int_equal(kernel_count(OBJECT_LINK), 1); /* eth0 */
    assert_int_equal(kernel_count(OBJECT_ROUTE), 0);
    assert_int_equal(kernel_count(OBJECT_POLICY), 0);
}

/* Whatever is put off is done: three seconds, without spinning. */
static void settle(void)
{
    for (int i = 0; i < 3; i++) {
        now = mono_after(now, MONO_S(1));
        dp_server_readable(server, now);
        for (int n = 0; mono_reached(now, dp_server_deadline(server)); n++) {
            assert_true(n < TICKS_AT_ONCE);
            dp_server_tick(server, now);
        }
    }
}

static void ask(struct dp_message *m) { assert_int_equal(dp_server_handle(server, m, dp_message_length(m->type)), DP_PERMITTED); }

static void live(uint16_t conn)
{
    struct dp_message m;
    dp_message_begin(&m, DP_MESSAGE_REQUEST);
    m.request.type = DP_SA_INSTALL;
    m.request.sa = (struct dp_sa){
        .conn = conn, .direction = DP_OUT, .spi = 0x1000U + conn, .local = { kernel.local, 4500 }, .remote = { conns[0][conn].end[1].addr, 4500 },
        .esp_transform = 20, .key_bits = 256, .key_length = 36, .replay_window = 128, .hard_seconds = 3600,
    };
    ask(&m);
    dp_message_begin(&m, DP_MESSAGE_REQUEST);
    m.request.type = DP_TUNNEL_ALIVE;
    m.request.conn = conn;
    m.request.alive = true;
    ask(&m);
    settle();
}

static void start_living(void)
{
    start();
    live(0);
    live(1);
}

static int index_of(const char *name)
{
    struct vti_seen seen;
    for (size_t i = 0; i < KERNEL_OBJECTS; i++)
        if (kernel.object[i].kind == OBJECT_LINK && link_message_read(&kernel.object[i].message.header, &seen) && strcmp(seen.shape.name, name) == 0)
            return seen.index;
    return 0;
}

static struct object *link_object(const char *name)
{
    for (size_t i = 0; i < KERNEL_OBJECTS; i++)
        if (kernel.object[i].kind == OBJECT_LINK && kernel.object[i].index == index_of(name))
            return &kernel.object[i];
    fail_msg("no link %s", name);
    return NULL;
}

/* The route that leads into links; NULL: there is none. */
static struct object *way(struct route_seen *seen)
{
    for (size_t i = 0; i < KERNEL_OBJECTS; i++)
        if (kernel.object[i].kind == OBJECT_ROUTE && route_message_read(&kernel.object[i].message.header, seen) && !seen->route.unreachable)
            return &kernel.object[i];
    return NULL;
}

static bool leads_into(const char *name)
{
    struct route_seen seen;
    bool into = false;
    if (way(&seen))
        for (size_t i = 0; i < seen.route.count; i++)
            into |= seen.route.links[i] == index_of(name);
    return into;
}

static void tell(const struct object *o, uint16_t type)
{
    struct nlmsghdr m[KERNEL_OBJECT_MAX / sizeof(struct nlmsghdr)];
    memcpy(m, &o->message, o->message.header.nlmsg_len);
    m->nlmsg_type = type;
    m->nlmsg_pid = 999;
    kernel_notify(NETLINK_ROUTE, m, m->nlmsg_len);
}

static struct object *address_object(const struct addr *wanted)
{
    struct vti_address a;
    for (size_t i = 0; i < KERNEL_OBJECTS; i++)
        if (kernel.object[i].kind == OBJECT_ADDRESS && address_message_read(&kernel.object[i].message.header, &a) && addr_equal(&a.prefix.addr, wanted))
            return &kernel.object[i];
    return NULL;
}

/* ---- addresses ---- */

/* The kernel takes the routes along that prefer an address as their source; here it does not tell. */
static void test_preferred_source_gone_and_back(void **state)
{
    (void)state;
    struct route_seen seen;
    const struct addr source = addr_v4(0xc0a80301);
    kernel_add_address(1, &source);
    conns[0][0].end[0].sourceip = source;
    start_living();
    struct object *route = way(&seen), *address = address_object(&source);
    assert_true(route && addr_equal(&seen.route.source, &source));
    for (int back = 0; back <= 1; back++) {
        way(&seen)->kind = OBJECT_FREE;
        tell(address, back ? RTM_NEWADDR : RTM_DELADDR);
        address->kind = back ? OBJECT_ADDRESS : OBJECT_FREE;
        settle();
        assert_true(leads_into("vti00") && leads_into("vti01"));
    }
    stop();
}

static void test_address_of_the_link(void **state)
{
    (void)state;
    const struct addr inside = addr_v4(0xa9fe0102);
    assert_true(prefix_parse(&conns[0][0].end[0].vti, "169.254.1.2/30"));
    conns[0][0].end[0].vti.addr = inside;
    start_living();
    struct object *address = address_object(&inside);
    assert_non_null(address);
    tell(address, RTM_DELADDR);
    address->kind = OBJECT_FREE;
    settle();
    assert_non_null(address_object(&inside));
    stop();
}

/* ---- links ---- */

static void rename_link(const char *from, const char *to)
{
    struct object *o = link_object(from);
    mnl_attr_put_strz(&o->message.header, IFLA_IFNAME, to);
    tell(o, RTM_NEWLINK);
}

static void test_renamed(void **state)
{
    (void)state;
    start_living();
    rename_link("vti00", "other");
    settle();
    assert_int_equal(index_of("other"), 0);
    assert_int_not_equal(index_of("vti00"), 0);
    assert_true(leads_into("vti00") && leads_into("vti01"));
    stop();
}

/* The kernel refuses a second VTI to the same headend, so those of the run before go first. */
static void test_other_names_after_a_crash(void **state)
{
    (void)state;
    start_living();
    dp_server_leave(server);
    snprintf(conns[0][0].vti_interface, sizeof conns[0][0].vti_interface, "new0");
    start();
    assert_int_equal(index_of("vti00"), 0);
    assert_int_not_equal(index_of("new0"), 0);
    stop();
}

static void test_swapped_after_a_crash(void **state)
{
    (void)state;
    start_living();
    dp_server_leave(server);
    snprintf(conns[0][0].vti_interface, sizeof conns[0][0].vti_interface, "vti01");
    snprintf(conns[0][1].vti_interface, sizeof conns[0][1].vti_interface, "vti00");
    start();
    assert_int_equal(kernel_count(OBJECT_LINK), 3);
    stop();
}

static void test_mtu_changed(void **state)
{
    (void)state;
    struct vti_seen before, after;
    start_living();
    struct object *o = link_object("vti00");
    assert_true(link_message_read(&o->message.header, &before));
    mnl_attr_put_u32(&o->message.header, IFLA_MTU, 9000);
    tell(o, RTM_NEWLINK);
    settle();
    assert_true(link_message_read(&link_object("vti00")->message.header, &after));
    assert_int_equal(after.shape.mtu, before.shape.mtu);
    stop();
}

/* udev has systemd-sysctl set what /usr/lib/sysctl.d says of all links, some time after a link was made. */
static void test_strict_filter(void **state)
{
    (void)state;
    union netlink_request request;
    start_living();
    struct object *o = link_object("vti00");
    uint32_t *filter = &o->settings[IPV4_DEVCONF_RP_FILTER - 1];
    assert_int_equal(*filter, 2);
    *filter = 1;
    ((struct netconfmsg *)netlink_begin(&request, RTM_NEWNETCONF, 0, sizeof(struct netconfmsg)))->ncm_family = AF_INET;
    mnl_attr_put_u32(&request.header, NETCONFA_IFINDEX, (uint32_t)o->index);
    mnl_attr_put_u32(&request.header, NETCONFA_RP_FILTER, 1);
    kernel_notify(NETLINK_ROUTE, &request, request.header.nlmsg_len);
    settle();
    assert_int_equal(*filter, 2);
    stop();
}

static unsigned seen_hopless;

static int look_for_hopless(int protocol, const struct nlmsghdr *m)
{
    struct route_seen seen;
    if (protocol == NETLINK_ROUTE && m->nlmsg_type == RTM_NEWROUTE && route_message_read(m, &seen) && !seen.route.unreachable && !seen.route.count)
        seen_hopless++;
    return 0;
}

/* Nobody is asked for a route into nowhere. */
static void test_name_taken_by_another(void **state)
{
    (void)state;
    start();
    live(0);
    kernel.look = look_for_hopless;
    seen_hopless = 0;
    struct object *o = link_object("vti00");
    tell(o, RTM_DELLINK);
    o->kind = OBJECT_FREE;
    kernel_add_link("vti00");
    settle();
    assert_int_equal(seen_hopless, 0);
    live(1);
    assert_true(leads_into("vti01"));
    dp_server_stop(server);
    assert_int_not_equal(index_of("vti00"), 0); /* it is not ours */
}

/* ---- reload ---- */

static void reload_without_second(void)
{
    const struct dp_teller teller = { .say = drop_word };
    char why[DP_WHY_MAX];
    memcpy(conns[1], conns[0], sizeof conns[1]);
    memset(&conns[1][1], 0, sizeof conns[1][1]);
    assert_int_equal(dp_server_reload(server, &confs[1], (bool[CONNS]){ false, true }, now, &teller, why), 0);
}

static unsigned seen_in_use;

/* With a link the kernel removes every multipath route that leads into it, also where another hop lives. */
static int look_for_use(int protocol, const struct nlmsghdr *m)
{
    if (protocol == NETLINK_ROUTE && m->nlmsg_type == RTM_DELLINK)
        seen_in_use += leads_into("vti01") || !leads_into("vti00");
    return 0;
}

static void test_reload_leaves_no_moment_without(void **state)
{
    (void)state;
    start_living();
    kernel.look = look_for_use;
    seen_in_use = 0;
    reload_without_second();
    assert_int_equal(index_of("vti01"), 0);
    assert_true(leads_into("vti00"));
    assert_int_equal(seen_in_use, 0);
    stop();
}

static uint16_t refused_type;
static int refused_protocol;

static int refuse(int protocol, const struct nlmsghdr *m) { return protocol == refused_protocol && m->nlmsg_type == refused_type ? ENOMEM : 0; }

/* What cannot be taken away at the moment goes later. */
static void test_reload_while_refused(void **state)
{
    (void)state;
    static const struct { int protocol; uint16_t type; } rows[] = {
        { NETLINK_XFRM, XFRM_MSG_GETPOLICY }, { NETLINK_XFRM, XFRM_MSG_DELPOLICY }, { NETLINK_ROUTE, RTM_DELLINK },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        make_world(NULL);
        start_living();
        refused_protocol = rows[i].protocol;
        refused_type = rows[i].type;
        kernel.look = refuse;
        reload_without_second();
        kernel.look = NULL;
        settle();
        assert_int_equal(index_of("vti01"), 0);
        assert_int_equal(kernel_count(OBJECT_POLICY), DP_POLICIES);
        stop();
    }
}

/* ---- MSS ---- */

static unsigned tables_removed;

static int count_tables(int protocol, const struct nlmsghdr *m)
{
    tables_removed += protocol == NETLINK_NETFILTER && m->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE);
    return 0;
}

/* Of a run that died, whose configuration had x-minicpe-clamp-mss=yes; a host that never had it is not asked for nftables. */
static void test_table_of_a_crash(void **state)
{
    (void)state;
    kernel.look = count_tables;
    tables_removed = 0;
    start();
    dp_server_stop(server);
    assert_int_equal(tables_removed, 0);
    conns[0][0].clamp_mss = true;
    start();
    dp_server_leave(server);
    conns[0][0].clamp_mss = false;
    tables_removed = 0;
    start();
    assert_int_equal(tables_removed, 1);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_preferred_source_gone_and_back, make_world),
        cmocka_unit_test_setup(test_address_of_the_link, make_world),
        cmocka_unit_test_setup(test_renamed, make_world),
        cmocka_unit_test_setup(test_other_names_after_a_crash, make_world),
        cmocka_unit_test_setup(test_swapped_after_a_crash, make_world),
        cmocka_unit_test_setup(test_mtu_changed, make_world),
        cmocka_unit_test_setup(test_strict_filter, make_world),
        cmocka_unit_test_setup(test_name_taken_by_another, make_world),
        cmocka_unit_test_setup(test_reload_leaves_no_moment_without, make_world),
        cmocka_unit_test_setup(test_reload_while_refused, make_world),
        cmocka_unit_test_setup(test_table_of_a_crash, make_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

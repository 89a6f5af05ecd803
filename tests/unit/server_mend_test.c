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

#include "tests/support/played.h"

const char fuzz_name[] = "server_mend";

enum { CONNS = 2 };

/* ---- addresses ---- */

/* The kernel takes the routes along that prefer an address as their source; here it does not tell. */
static void test_preferred_source_gone_and_back(void **state)
{
    (void)state;
    struct route_seen seen;
    const struct addr source = addr_v4(0xc0a80301);
    kernel_add_address(1, &source);
    played_conns[0][0].end[0].sourceip = source;
    played_start_living();
    struct object *route = played_way(&seen), *address = played_address_object(&source);
    assert_true(route && addr_equal(&seen.route.source, &source));
    for (int back = 0; back <= 1; back++) {
        played_way(&seen)->kind = OBJECT_FREE;
        played_tell(address, back ? RTM_NEWADDR : RTM_DELADDR);
        address->kind = back ? OBJECT_ADDRESS : OBJECT_FREE;
        played_settle();
        assert_true(played_leads_into("vti00") && played_leads_into("vti01"));
    }
    played_stop();
}

static void test_address_of_the_link(void **state)
{
    (void)state;
    const struct addr inside = addr_v4(0xa9fe0102);
    assert_true(prefix_parse(&played_conns[0][0].end[0].vti, "169.254.1.2/30"));
    played_conns[0][0].end[0].vti.addr = inside;
    played_start_living();
    struct object *address = played_address_object(&inside);
    assert_non_null(address);
    played_tell(address, RTM_DELADDR);
    address->kind = OBJECT_FREE;
    played_settle();
    assert_non_null(played_address_object(&inside));
    played_stop();
}

/* ---- links ---- */

static void rename_link(const char *from, const char *to)
{
    struct object *o = played_link_object(from);
    mnl_attr_put_strz(&o->message.header, IFLA_IFNAME, to);
    played_tell(o, RTM_NEWLINK);
}

static void test_renamed(void **state)
{
    (void)state;
    played_start_living();
    rename_link("vti00", "other");
    played_settle();
    assert_int_equal(played_index_of("other"), 0);
    assert_int_not_equal(played_index_of("vti00"), 0);
    assert_true(played_leads_into("vti00") && played_leads_into("vti01"));
    played_stop();
}

/* The kernel refuses a second VTI to the same headend, so those of the run before go first. */
static void test_other_names_after_a_crash(void **state)
{
    (void)state;
    played_start_living();
    dp_server_leave(played_server);
    snprintf(played_conns[0][0].vti_interface, sizeof played_conns[0][0].vti_interface, "new0");
    played_start();
    assert_int_equal(played_index_of("vti00"), 0);
    assert_int_not_equal(played_index_of("new0"), 0);
    played_stop();
}

static void test_swapped_after_a_crash(void **state)
{
    (void)state;
    played_start_living();
    dp_server_leave(played_server);
    snprintf(played_conns[0][0].vti_interface, sizeof played_conns[0][0].vti_interface, "vti01");
    snprintf(played_conns[0][1].vti_interface, sizeof played_conns[0][1].vti_interface, "vti00");
    played_start();
    assert_int_equal(kernel_count(OBJECT_LINK), 3);
    played_stop();
}

static void test_mtu_changed(void **state)
{
    (void)state;
    struct vti_seen before, after;
    played_start_living();
    struct object *o = played_link_object("vti00");
    assert_true(link_message_read(&o->message.header, &before));
    mnl_attr_put_u32(&o->message.header, IFLA_MTU, 9000);
    played_tell(o, RTM_NEWLINK);
    played_settle();
    assert_true(link_message_read(&played_link_object("vti00")->message.header, &after));
    assert_int_equal(after.shape.mtu, before.shape.mtu);
    played_stop();
}

/* udev has systemd-sysctl set what /usr/lib/sysctl.d says of all links, some time after a link was made. */
static void test_strict_filter(void **state)
{
    (void)state;
    union netlink_request request;
    played_start_living();
    struct object *o = played_link_object("vti00");
    uint32_t *filter = &o->settings[IPV4_DEVCONF_RP_FILTER - 1];
    assert_int_equal(*filter, 2);
    *filter = 1;
    ((struct netconfmsg *)netlink_begin(&request, RTM_NEWNETCONF, 0, sizeof(struct netconfmsg)))->ncm_family = AF_INET;
    mnl_attr_put_u32(&request.header, NETCONFA_IFINDEX, (uint32_t)o->index);
    mnl_attr_put_u32(&request.header, NETCONFA_RP_FILTER, 1);
    kernel_notify(NETLINK_ROUTE, &request, request.header.nlmsg_len);
    played_settle();
    assert_int_equal(*filter, 2);
    played_stop();
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
    played_start();
    played_live(0);
    kernel.look = look_for_hopless;
    seen_hopless = 0;
    struct object *o = played_link_object("vti00");
    played_tell(o, RTM_DELLINK);
    o->kind = OBJECT_FREE;
    kernel_add_link("vti00");
    played_settle();
    assert_int_equal(seen_hopless, 0);
    played_live(1);
    assert_true(played_leads_into("vti01"));
    dp_server_stop(played_server);
    assert_int_not_equal(played_index_of("vti00"), 0); /* it is not ours */
}

/* ---- reload ---- */

static void reload_without_second(void)
{
    const struct dp_teller teller = { .say = played_drop_word };
    char why[DP_WHY_MAX];
    memcpy(played_conns[1], played_conns[0], sizeof played_conns[1]);
    memset(&played_conns[1][1], 0, sizeof played_conns[1][1]);
    assert_int_equal(dp_server_reload(played_server, &played_confs[1], (bool[CONNS]){ false, true }, played_now, &teller, why), 0);
}

static unsigned seen_in_use;

/* With a link the kernel removes every multipath route that leads into it, also where another hop lives. */
static int look_for_use(int protocol, const struct nlmsghdr *m)
{
    if (protocol == NETLINK_ROUTE && m->nlmsg_type == RTM_DELLINK)
        seen_in_use += played_leads_into("vti01") || !played_leads_into("vti00");
    return 0;
}

static void test_reload_leaves_no_moment_without(void **state)
{
    (void)state;
    played_start_living();
    kernel.look = look_for_use;
    seen_in_use = 0;
    reload_without_second();
    assert_int_equal(played_index_of("vti01"), 0);
    assert_true(played_leads_into("vti00"));
    assert_int_equal(seen_in_use, 0);
    played_stop();
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
        played_make_world(NULL);
        played_start_living();
        refused_protocol = rows[i].protocol;
        refused_type = rows[i].type;
        kernel.look = refuse;
        reload_without_second();
        kernel.look = NULL;
        played_settle();
        assert_int_equal(played_index_of("vti01"), 0);
        assert_int_equal(kernel_count(OBJECT_POLICY), DP_POLICIES);
        played_stop();
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
    played_start();
    dp_server_stop(played_server);
    assert_int_equal(tables_removed, 0);
    played_conns[0][0].clamp_mss = true;
    played_start();
    dp_server_leave(played_server);
    played_conns[0][0].clamp_mss = false;
    tables_removed = 0;
    played_start();
    assert_int_equal(tables_removed, 1);
    played_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_preferred_source_gone_and_back, played_make_world),
        cmocka_unit_test_setup(test_address_of_the_link, played_make_world),
        cmocka_unit_test_setup(test_renamed, played_make_world),
        cmocka_unit_test_setup(test_other_names_after_a_crash, played_make_world),
        cmocka_unit_test_setup(test_swapped_after_a_crash, played_make_world),
        cmocka_unit_test_setup(test_mtu_changed, played_make_world),
        cmocka_unit_test_setup(test_strict_filter, played_make_world),
        cmocka_unit_test_setup(test_name_taken_by_another, played_make_world),
        cmocka_unit_test_setup(test_reload_leaves_no_moment_without, played_make_world),
        cmocka_unit_test_setup(test_reload_while_refused, played_make_world),
        cmocka_unit_test_setup(test_table_of_a_crash, played_make_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

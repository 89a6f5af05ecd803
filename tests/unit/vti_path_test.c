/* SPDX-License-Identifier: Apache-2.0 */
/* Paths, addresses and links asked from the machine's own kernel, in a network namespace; needs root, not VTI. */
#include "tests/support/test.h"

#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "vti/path.h"
#include "vti/vti.h"

static struct netlink route, events;
static bool usable;

static bool run(const char *command) { return system(command) == 0; }

static int open_world(void **state)
{
    (void)state;
    static const uint32_t groups[] = { RTNLGRP_IPV4_ROUTE };
    route.fd = events.fd = -1;
    usable = unshare(CLONE_NEWNET) == 0 && netlink_open(&route, NETLINK_ROUTE) == 0 &&
             netlink_open_groups(&events, NETLINK_ROUTE, groups, 1) == 0 && run("ip link set lo up mtu 4000 && ip addr add 192.0.2.10/24 dev lo");
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    netlink_close(&route);
    netlink_close(&events);
    return 0;
}

static struct addr v4(const char *text)
{
    struct addr a;
    assert_true(addr_parse(&a, text));
    return a;
}

static void way_and_none(void **state)
{
    (void)state;
    struct addr headend = v4("198.51.100.11"), any = { 0 }, own = v4("192.0.2.10"), strange = v4("10.9.9.9"), local = v4("127.0.0.1");
    struct path path;
    if (!usable)
        skip();
    assert_int_equal(path_find(&route, &headend, &any, &path), 0);
    assert_int_equal(path.local.family, ADDR_NONE);
    assert_true(run("ip route add 198.51.100.0/24 dev lo src 192.0.2.10"));
    assert_int_equal(path_find(&route, &headend, &any, &path), 0);
    assert_true(addr_equal(&path.local, &own));
    assert_int_equal(path.mtu, 4000);
    assert_int_equal(path.link, 1);
    assert_int_equal(path_find(&route, &headend, &local, &path), 0);
    assert_true(addr_equal(&path.local, &local)); /* as asked for */
    assert_int_equal(path_find(&route, &headend, &strange, &path), 0);
    assert_int_equal(path.local.family, ADDR_NONE); /* not an address of this host */
    assert_true(run("ip route replace 198.51.100.0/24 dev lo src 192.0.2.10 mtu 1400"));
    assert_int_equal(path_find(&route, &headend, &any, &path), 0);
    assert_int_equal(path.mtu, 1400);
    assert_true(run("ip route replace unreachable 198.51.100.0/24"));
    assert_int_equal(path_find(&route, &headend, &any, &path), 0);
    assert_int_equal(path.local.family, ADDR_NONE);
}

static void addresses(void **state)
{
    (void)state;
    struct addr own = v4("192.0.2.10"), strange = v4("192.0.2.99"), found;
    static const int lo[] = { 1 };
    bool present;
    if (!usable)
        skip();
    assert_int_equal(path_address_present(&route, &own, NULL, 0, &present), 0);
    assert_true(present);
    assert_int_equal(path_address_present(&route, &own, lo, 1, &present), 0);
    assert_false(present);
    assert_int_equal(path_address_present(&route, &strange, NULL, 0, &present), 0);
    assert_false(present);
    assert_int_equal(path_interface_address(&route, "lo", ADDR_V4, &found), 0);
    assert_true(addr_equal(&found, &(struct addr){ .family = ADDR_V4, .octets = { 127, 0, 0, 1 } }));
    assert_int_equal(path_interface_address(&route, "nosuch0", ADDR_V4, &found), 0);
    assert_int_equal(found.family, ADDR_NONE);
}

static void rp_filter(void **state)
{
    (void)state;
    uint32_t value;
    if (!usable)
        skip();
    for (uint32_t wanted = 0; wanted < 3; wanted++) {
        char command[80];
        snprintf(command, sizeof command, "echo %u > /proc/sys/net/ipv4/conf/all/rp_filter", wanted);
        assert_true(run(command));
        assert_int_equal(path_all_rp_filter(&route, &value), 0);
        assert_int_equal(value, wanted);
    }
}

struct heard { struct path_route last; size_t count; };

static void hear(void *context, const struct nlmsghdr *message)
{
    struct heard *heard = context;
    heard->count += path_read_route(message, &heard->last);
}

static void route_events(void **state)
{
    (void)state;
    struct heard heard = { 0 };
    if (!usable)
        skip();
    assert_int_equal(netlink_drain(&events, hear, &heard), 0);
    heard = (struct heard){ 0 };
    assert_true(run("ip route add 203.0.113.0/24 dev lo"));
    assert_int_equal(netlink_drain(&events, hear, &heard), 0);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.last.link, 1);
    assert_int_equal(heard.last.to.length, 24);
    assert_true(prefix_contains(&heard.last.to, &(struct addr){ .family = ADDR_V4, .octets = { 203, 0, 113, 9 } }));
}

static void take_link(void *context, const struct nlmsghdr *message) { link_message_read(message, context); }

static void loopback_seen(void **state)
{
    (void)state;
    union netlink_request request;
    struct vti_seen seen = { 0 };
    if (!usable)
        skip();
    assert_true(run("echo 1 > /proc/sys/net/ipv4/conf/lo/disable_policy && echo 2 > /proc/sys/net/ipv4/conf/lo/rp_filter"));
    link_message_get(&request, "lo");
    assert_int_equal(netlink_transact(&route, &request, take_link, &seen), 0);
    assert_int_equal(seen.index, 1);
    assert_true(seen.up);
    assert_false(seen.vti);
    assert_int_equal(seen.shape.mtu, 4000);
    assert_int_equal(seen.setting_count, 5);
    assert_int_equal(seen.settings[1].value, 2); /* rp_filter */
    assert_int_equal(seen.settings[2].value, 1); /* disable_policy */
}

/* Settings go to the kernel as they come back from it. */
static void settings_set(void **state)
{
    (void)state;
    union netlink_request request;
    struct vti_seen seen = { 0 };
    if (!usable)
        skip();
    link_message_get(&request, "lo");
    assert_int_equal(netlink_transact(&route, &request, take_link, &seen), 0);
    for (size_t i = 0; i < seen.setting_count; i++)
        seen.settings[i].value = !seen.settings[i].value;
    struct link_state wanted = { .alias = "minicpe test", .settings = seen.settings, .setting_count = seen.setting_count };
    struct vti_seen after = { 0 };
    link_message_set(&request, seen.index, &wanted);
    assert_int_equal(netlink_transact(&route, &request, NULL, NULL), 0);
    link_message_get(&request, "lo");
    assert_int_equal(netlink_transact(&route, &request, take_link, &after), 0);
    assert_memory_equal(after.settings, seen.settings, sizeof *seen.settings * seen.setting_count);
    assert_string_equal(after.alias, "minicpe test");
    assert_true(after.up);
}

/* The name is taken by something that is no VTI: refused with a sentence, and it stays. */
static void foreign_interface(void **state)
{
    (void)state;
    char why[400];
    struct vti v = { .shape = { .name = "lo", .ikey = 5, .okey = 5 } };
    if (!usable)
        skip();
    v.shape.remote = v4("198.51.100.11");
    assert_true(vti_open(&route, &v, why, sizeof why) < 0);
    assert_non_null(strstr(why, "vti-interface=lo"));
    assert_non_null(strstr(why, "not a VTI"));
    assert_true(run("ip link show lo >/dev/null"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(way_and_none), cmocka_unit_test(addresses), cmocka_unit_test(rp_filter), cmocka_unit_test(route_events),
        cmocka_unit_test(loopback_seen), cmocka_unit_test(settings_set), cmocka_unit_test(foreign_interface),
    };
    return cmocka_run_group_tests_name("vti paths", tests, open_world, close_world);
}

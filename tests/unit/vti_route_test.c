/* SPDX-License-Identifier: Apache-2.0 */
/* The messages about routes against what iproute2 6.1 sends; its command is above each. And what the kernel makes of them. */
#include "tests/support/test.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/golden.h"
#include "vti/link_message.h"
#include "vti/routes.h"

static union netlink_request request;

static struct route to(const char *prefix, uint32_t metric, size_t count, const int *links)
{
    struct route r = { .metric = metric, .count = count };
    assert_true(prefix_parse(&r.to, prefix));
    for (size_t i = 0; i < count; i++)
        r.links[i] = links[i];
    return r;
}

static void one_hop(void **state)
{
    (void)state;
    /* ip route add 10.0.2.0/24 dev d1 metric 5 proto 77 */
    static const char golden[] = "3400000018000506070f046b0000000002180000fe4dfd0100000000080001000a00020008000600050000000800040003000000";
    struct route r = to("10.0.2.0/24", 5, 1, (int[]){ 3 });
    route_message_set(&request, &r, ROUTE_NEW);
    golden_same(&request, golden, sizeof(struct rtmsg), NULL);
    assert_int_equal(request.header.nlmsg_flags, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL);
    route_message_set(&request, &r, ROUTE_REPLACE);
    assert_int_equal(request.header.nlmsg_flags, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE);
}

static void two_hops(void **state)
{
    (void)state;
    /* ip route replace 10.0.2.0/24 proto 77 metric 5 src 127.0.0.1 nexthop dev d1 nexthop dev d2 */
    static const char golden[] =
        "4800000018000505070f046b0000000002180000fe4d000100000000080001000a0002000800060005000000080007007f00000114000900"
        "08000000030000000800000005000000";
    struct route r = to("10.0.2.0/24", 5, 2, (int[]){ 3, 5 });
    assert_true(addr_parse(&r.source, "127.0.0.1"));
    route_message_set(&request, &r, ROUTE_REPLACE);
    golden_same(&request, golden, sizeof(struct rtmsg), NULL);
    struct route_seen seen;
    assert_true(route_message_read(&request.header, &seen));
    assert_true(seen.simple && seen.main);
    assert_int_equal(seen.protocol, ROUTE_PROTOCOL);
    assert_true(route_same(&seen.route, &r));
}

static void two_hops_v6(void **state)
{
    (void)state;
    /* ip -6 route replace 2001:db8::/32 proto 77 nexthop via fe80::1 dev d1 nexthop via fe80::1 dev d2 */
    static const char golden[] =
        "6c00000018000505070f046b000000000a200000fe4d0001000000001400010020010db80000000000000000000000003c0009001c000000030000"
        "0014000500fe8000000000000000000000000000011c0000000500000014000500fe800000000000000000000000000001";
    struct route r = to("2001:db8::/32", 0, 2, (int[]){ 3, 5 });
    route_message_set(&request, &r, ROUTE_REPLACE);
    golden_same(&request, golden, sizeof(struct rtmsg), NULL);
    struct route_seen seen;
    assert_true(route_message_read(&request.header, &seen));
    assert_true(route_same(&seen.route, &r));
}

static void unreachable(void **state)
{
    (void)state;
    /* ip route add unreachable 10.0.2.0/24 proto 77 metric 4294967295 */
    static const char golden[] = "2c00000018000506070f046b0000000002180000fe4d000700000000080001000a00020008000600ffffffff";
    struct route r = to("10.0.2.0/24", ROUTE_METRIC_WORST, 0, NULL);
    r.unreachable = true;
    route_message_set(&request, &r, ROUTE_NEW);
    golden_same(&request, golden, sizeof(struct rtmsg), NULL);
    struct route_seen seen;
    assert_true(route_message_read(&request.header, &seen));
    assert_true(seen.route.unreachable);
    assert_true(route_same(&seen.route, &r));
}

static void removal(void **state)
{
    (void)state;
    size_t length;
    struct route r = to("10.0.2.0/24", 5, 1, (int[]){ 3 });
    route_message_remove(&request, &r);
    assert_int_equal(request.header.nlmsg_type, RTM_DELROUTE);
    /* family, prefix, no source, tos 0, main table, our protocol alone, any scope, unicast */
    assert_memory_equal(request.octets + NLMSG_HDRLEN, "\x02\x18\0\0\xfe\x4d\xff\x01", 8);
    assert_null(golden_attribute(&request, sizeof(struct rtmsg), RTA_OIF, &length)); /* whatever its hops are by now */
    assert_memory_equal(golden_attribute(&request, sizeof(struct rtmsg), RTA_PRIORITY, &length), "\x05\0\0\0", 4);
}

static void comparison(void **state)
{
    (void)state;
    struct route a = to("10.0.2.0/24", 5, 2, (int[]){ 3, 5 }), b = to("10.0.2.0/24", 5, 2, (int[]){ 5, 3 });
    assert_true(route_same(&a, &b));
    b.links[0] = 4;
    assert_false(route_same(&a, &b));
    b = to("10.0.2.0/24", 6, 2, (int[]){ 3, 5 });
    assert_false(route_same_place(&a, &b));
    b = to("10.0.2.0/24", 5, 1, (int[]){ 3 });
    assert_true(route_same_place(&a, &b));
    assert_false(route_same(&a, &b));
    a = to("2001:db8::/32", 0, 1, (int[]){ 3 });
    b = to("2001:db8::/32", 1024, 1, (int[]){ 3 });
    assert_true(route_same(&a, &b)); /* the kernel shows what it made of 0 */
}

static void cut_short(void **state)
{
    (void)state;
    struct route r = to("10.0.2.0/24", 5, 2, (int[]){ 3, 5 });
    struct route_seen seen;
    route_message_set(&request, &r, ROUTE_NEW);
    size_t whole = request.header.nlmsg_len;
    for (uint32_t length = NLMSG_HDRLEN; length < whole; length++) {
        union netlink_request *cut = malloc(length); /* so that reading past the end is found */
        assert_non_null(cut);
        memcpy(cut, &request, length);
        cut->header.nlmsg_len = length;
        if (route_message_read(&cut->header, &seen))
            assert_false(route_same(&seen.route, &r));
        free(cut);
    }
}

static void marks(void **state)
{
    (void)state;
    size_t length;
    link_message_mark(&request, 7, true);
    assert_int_equal(request.header.nlmsg_type, RTM_SETLINK);
    assert_memory_equal(golden_attribute(&request, sizeof(struct ifinfomsg), IFLA_LINKMODE, &length), "\x01", 1);
    assert_int_equal(length, 1);
    assert_memory_equal(golden_attribute(&request, sizeof(struct ifinfomsg), IFLA_OPERSTATE, &length), "\x05", 1);
    link_message_mark(&request, 7, false);
    assert_memory_equal(golden_attribute(&request, sizeof(struct ifinfomsg), IFLA_LINKMODE, &length), "\x00", 1);
    assert_memory_equal(golden_attribute(&request, sizeof(struct ifinfomsg), IFLA_OPERSTATE, &length), "\x06", 1);
}

/* ---- the kernel ---- */

static char said[400];
static size_t changes;

static void told(void *context, const struct route *route, const char *why)
{
    (void)context;
    (void)route;
    changes++;
    if (why[0])
        snprintf(said, sizeof said, "%s", why);
}

static char *output_of(const char *command)
{
    static char text[4096];
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    text[fread(text, 1, sizeof text - 1, pipe)] = 0;
    pclose(pipe);
    return text;
}

static int make(struct netlink *n, const struct route *wanted, size_t count)
{
    changes = 0;
    said[0] = 0;
    return routes_make(n, wanted, count, told, NULL);
}

static void in_the_kernel(void **state)
{
    (void)state;
    struct netlink n;
    if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
        skip();
    if (system("ip link set lo up; ip link add d1 type veth peer name d2 && ip link set d1 up && ip link set d2 up && "
               "ip addr add 10.1.0.1/32 dev lo && ip route add default dev d1") != 0)
        skip();
    assert_int_equal(netlink_open(&n, NETLINK_ROUTE), 0);
    int links[2];
    links[0] = atoi(output_of("ip -o link show d1"));
    links[1] = atoi(output_of("ip -o link show d2"));
    struct route wanted[4] = {
        to("10.0.2.0/24", ROUTE_METRIC_WORST, 0, NULL), to("10.0.2.0/24", 0, 2, links), to("10.0.2.0/24", 7, 1, links), to("2001:db8::/32", 0, 2, links),
    };
    wanted[0].unreachable = true;
    assert_int_equal(make(&n, wanted, 4), 0);
    assert_int_equal(changes, 4);
    assert_int_equal(make(&n, wanted, 4), 0);
    assert_int_equal(changes, 0); /* there is nothing to do */
    assert_non_null(strstr(output_of("ip route show proto 77"), "unreachable 10.0.2.0/24 metric 4294967295"));
    assert_non_null(strstr(output_of("ip route show proto 77"), "nexthop dev d2 weight 1"));
    assert_non_null(strstr(output_of("ip -6 route show proto 77"), "nexthop via fe80::1 dev d2 weight 1"));
    /* One hop less, with a source; the standby goes. */
    wanted[1].count = wanted[3].count = 1;
    wanted[2] = wanted[3];
    assert_true(addr_parse(&wanted[1].source, "10.1.0.1"));
    assert_int_equal(make(&n, wanted, 3), 0);
    assert_int_equal(changes, 2);
    assert_string_equal(output_of("ip route show proto 77 metric 0"), "10.0.2.0/24 dev d1 scope link src 10.1.0.1 \n");
    assert_null(strstr(output_of("ip route show proto 77"), "metric 7"));
    assert_null(strstr(output_of("ip -6 route show proto 77"), "d2"));
    /* A source that is not there: a route all the same, and a sentence. */
    assert_true(addr_parse(&wanted[1].source, "10.1.0.99"));
    assert_int_equal(make(&n, wanted, 3), 0);
    assert_non_null(strstr(said, "leftsourceip=10.1.0.99 is no address of this machine"));
    assert_string_equal(output_of("ip route show proto 77 metric 0"), "10.0.2.0/24 dev d1 scope link \n");
    wanted[1].source = (struct addr){ 0 };
    /* Somebody else's route at the place stays. */
    assert_int_equal(system("ip route del 10.0.2.0/24 metric 0 proto 77 && ip route add 10.0.2.0/24 dev d2 && ip route add 10.0.9.0/24 dev d2"), 0);
    assert_int_equal(make(&n, wanted, 3), -EEXIST);
    assert_non_null(strstr(said, "somebody else has a route to 10.0.2.0/24 with metric 0"));
    assert_non_null(strstr(output_of("ip route show 10.0.2.0/24"), "10.0.2.0/24 dev d2 scope link"));
    /* The end: ours go, others stay. */
    assert_int_equal(make(&n, NULL, 0), 0);
    assert_string_equal(output_of("ip route show proto 77; ip -6 route show proto 77"), "");
    assert_non_null(strstr(output_of("ip route"), "10.0.9.0/24"));
    netlink_close(&n);
}

/* More than 512: all are found again, and all go. */
static void many_in_the_kernel(void **state)
{
    (void)state;
    enum { MANY = 1500 };
    static struct route wanted[MANY];
    struct netlink n;
    char text[32];
    if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0 || system("ip link set lo up") != 0)
        skip();
    assert_int_equal(netlink_open(&n, NETLINK_ROUTE), 0);
    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "10.%d.%d.0/24", 100 + i / 200, i % 200);
        wanted[i] = to(text, ROUTE_METRIC_WORST, 0, NULL);
        wanted[i].unreachable = true;
    }
    assert_int_equal(make(&n, wanted, MANY), 0);
    assert_int_equal(changes, MANY);
    assert_int_equal(make(&n, wanted, MANY), 0);
    assert_int_equal(changes, 0);
    assert_int_equal(make(&n, NULL, 0), 0);
    assert_string_equal(output_of("ip route show proto 77"), "");
    netlink_close(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_hop), cmocka_unit_test(two_hops), cmocka_unit_test(two_hops_v6), cmocka_unit_test(unreachable),
        cmocka_unit_test(removal), cmocka_unit_test(comparison), cmocka_unit_test(cut_short), cmocka_unit_test(marks),
        cmocka_unit_test(in_the_kernel), cmocka_unit_test(many_in_the_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

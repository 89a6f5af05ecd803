/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data plane's server against a real kernel with ESP and VTI. Needs root, ip(8) and ping(8); where the kernel
 * has no VTI it says so and exits with 77. An argument is a pattern of tests to run.
 */
#include "tests/kernel/world.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_start_and_stop(void **state)
{
    (void)state;
    enter(NEAR);
    char *before = snapshot();
    server_start(NEAR);
    enter(NEAR);
    assert_true(prints("ip -d link show vti01", "mtu 1422")); /* the least of the two proposals, in UDP */
    assert_true(prints("ip -d link show vti01", "local 192.168.2.42 ikey 0.0.0.5 okey 0.0.0.5"));
    assert_true(prints("ip -d link show vti01", "alias minicpe oracle-tunnel-1"));
    assert_true(prints("ip link show vti01", ",UP"));
    assert_true(prints("cat /proc/sys/net/ipv4/conf/vti01/disable_policy", "1"));
    assert_true(prints("cat /proc/sys/net/ipv4/conf/vti01/rp_filter", "0"));
    assert_true(prints("ip xfrm policy", "dir fwd"));
    assert_true(prints("ip xfrm policy", "mark 0x5/0xffffffff"));
    assert_true(prints("ip xfrm policy", "proto esp reqid 1835204608 mode tunnel"));
    struct dp_event path;
    assert_int_equal(events(NEAR, DP_EVENT_PATH, -1, &path), 1);
    assert_true(addr_equal(&path.local.addr, &(struct addr){ .family = ADDR_V4, .octets = { 192, 168, 2, 42 } }));
    assert_int_equal(path.mtu, 1500);
    assert_int_equal(sides[NEAR].seen[0].type, DP_MESSAGE_HELLO);
    assert_int_equal(sides[NEAR].seen[1].type, DP_MESSAGE_CONN);
    server_stop(NEAR);
    enter(NEAR);
    assert_true(unchanged(before, snapshot()));
}

static void traffic(uint16_t port, bool gcm, const char *mtu)
{
    server_start(NEAR);
    server_start(FAR);
    enter(NEAR);
    shell("ip route add 10.2.0.0/16 dev vti01 src 10.1.0.1");
    enter(FAR);
    shell("ip route add 10.1.0.0/16 dev vti01 src 10.2.0.1");
    tunnel(0x1000, port, gcm);
    forget();
    enter(NEAR);
    assert_true(prints("ip link show vti01", mtu));
    assert_int_equal(shell("ping -q -i 0.02 -c 100 10.2.0.1 >/dev/null"), 0);
    listen_for(300);
    struct dp_event in, out;
    size_t heard = events(NEAR, DP_EVENT_TRAFFIC, DP_IN, &in), sent = events(NEAR, DP_EVENT_TRAFFIC, DP_OUT, &out);
    printf("    traffic events in 2 s: %zu in, %zu out\n", heard, sent);
    assert_in_range(heard, 10, 45);
    assert_in_range(sent, 10, 45);
    assert_int_equal(in.packets, 100);
    assert_int_equal(out.packets, 100);
    assert_int_equal(in.spi, 0x1000);
    forget();
    listen_for(400);
    assert_int_equal(events(NEAR, DP_EVENT_TRAFFIC, -1, NULL), 0);
    struct dp_sa sa = sa_make(DP_IN, 0x1000, "192.168.2.42", "192.168.2.11", port, gcm);
    struct dp_request query = { .id = 3, .type = DP_SA_QUERY, .name = dp_sa_name_of(&sa) };
    struct dp_reply reply = ask(NEAR, &query, DP_PERMITTED);
    assert_int_equal(reply.packets, 100);
    assert_in_range(reply.idle_seconds, 0, 5);
}

static void test_traffic_gcm(void **state) { (void)state; traffic(0, true, "mtu 1446"); }
static void test_traffic_cbc(void **state) { (void)state; traffic(0, false, "mtu 1438"); }

static void test_flushed_by_another(void **state)
{
    (void)state;
    server_start(NEAR);
    server_start(FAR);
    tunnel(0x2000, 4500, true);
    listen_for(50);
    forget();
    enter(NEAR);
    shell("ip xfrm state flush; ip xfrm policy flush");
    listen_for(200);
    assert_int_equal(events(NEAR, DP_EVENT_GONE, DP_IN, NULL), 1);
    assert_int_equal(events(NEAR, DP_EVENT_GONE, DP_OUT, NULL), 1);
    assert_int_equal(events(FAR, DP_EVENT_GONE, -1, NULL), 0);
    assert_true(prints("ip xfrm policy", "dir fwd"));
    assert_true(prints("ip xfrm policy", "dir out"));
    listen_for(1100);
    shell("ip link set vti01 down");
    listen_for(1200);
    assert_true(prints("ip link show vti01", ",UP"));
    shell("ip link delete vti01");
    listen_for(1200);
    assert_true(prints("ip link show vti01", ",UP"));
    forget();
    tunnel(0x2100, 4500, true);
    shell("ip xfrm state deleteall reqid 1835204608; ip xfrm state delete src 192.168.2.11 dst 192.168.2.42 proto esp spi 0x2100 2>/dev/null");
    listen_for(200);
    assert_int_equal(events(NEAR, DP_EVENT_GONE, DP_IN, NULL), 1);
}

static void test_crash_leaves_nothing(void **state)
{
    (void)state;
    enter(NEAR);
    char *before = snapshot();
    pid_t child = fork();
    if (child == 0) { /* the run that crashes */
        server_start(NEAR);
        server_start(FAR);
        tunnel(0x3000, 4500, true);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    enter(NEAR);
    assert_true(prints("ip xfrm state", "reqid 1835204608"));
    shell("ip link add gone1 type vti local 192.168.2.42 remote 192.168.2.77 ikey 9 okey 9; ip link set gone1 alias 'minicpe gone'");
    shell("ip route add 10.9.0.0/16 dev vti01");
    server_start(NEAR);
    assert_true(lacks("ip xfrm state", "reqid 1835204608"));
    assert_true(prints("ip route", "10.9.0.0/16 dev vti01"));
    assert_true(lacks("ip link", "gone1"));
    server_stop(NEAR);
    assert_true(unchanged(before, snapshot()));
}

static void test_foreign_links(void **state)
{
    (void)state;
    char why[DP_WHY_MAX];
    enter(NEAR);
    shell("ip link add vti01 type vti local 192.168.2.42 remote 192.168.2.12 ikey 5 okey 5");
    assert_int_not_equal(server_try(NEAR, why), 0);
    printf("    %s\n", why);
    assert_non_null(strstr(why, "made by somebody else"));
    assert_true(prints("ip -d link show vti01", "remote 192.168.2.12"));
    shell("ip link delete vti01; ip link add vti01 type dummy");
    assert_int_not_equal(server_try(NEAR, why), 0);
    printf("    %s\n", why);
    assert_non_null(strstr(why, "of kind dummy"));
    shell("ip link delete vti01; ip link add other type vti local 192.168.2.42 remote 192.168.2.11 ikey 6 okey 6");
    assert_int_not_equal(server_try(NEAR, why), 0);
    printf("    %s\n", why);
    assert_non_null(strstr(why, "other already joins 192.168.2.42 and 192.168.2.11"));
    assert_true(lacks("ip xfrm policy", "esp"));
    shell("ip link delete other; ip link add vti01 type vti local 192.168.2.42 remote 192.168.2.11 ikey 5 okey 5; ip link set vti01 up; ip link set vti01 down");
    char *before = snapshot();
    server_start(NEAR);
    assert_true(prints("ip link show vti01", ",UP"));
    server_stop(NEAR);
    assert_true(unchanged(before, snapshot()));
}

static void test_paths_come_and_go(void **state)
{
    (void)state;
    enter(NEAR);
    prefix_set(&sides[NEAR].conn.end[0].vti, "169.254.10.1/30");
    shell("ip route del default; ip addr flush dev eth0");
    server_start(NEAR);
    struct dp_event path;
    assert_int_equal(events(NEAR, DP_EVENT_PATH, -1, &path), 1);
    assert_int_equal(path.local.addr.family, ADDR_NONE);
    assert_true(prints("ip -d link show vti01", "local any"));
    assert_int_equal(shell("ip route add 10.2.0.0/16 dev vti01"), 0);
    forget();
    shell("ip addr add 192.168.2.43/24 dev eth0");
    listen_for(100);
    assert_true(events(NEAR, DP_EVENT_PATH, -1, &path) >= 1);
    assert_true(addr_equal(&path.local.addr, &(struct addr){ .family = ADDR_V4, .octets = { 192, 168, 2, 43 } }));
    assert_true(prints("ip -d link show vti01", "local 192.168.2.43"));
    assert_true(prints("ip addr show vti01", "169.254.10.1/30"));
    assert_true(prints("ip route", "10.2.0.0/16 dev vti01"));
    assert_true(prints("ip xfrm policy", "tmpl src 192.168.2.43 dst 192.168.2.11"));
    forget();
    shell("ip addr add 192.168.2.44/24 dev eth0; ip addr del 192.168.2.43/24 dev eth0; ip addr add 192.168.2.44/24 dev eth0 2>/dev/null");
    listen_for(100);
    assert_true(prints("ip -d link show vti01", "local 192.168.2.44"));
    assert_true(prints("ip route", "10.2.0.0/16 dev vti01"));
    assert_true(lacks("ip xfrm policy", "192.168.2.43"));
    shell("ip link set eth0 down");
    listen_for(100);
    assert_true(events(NEAR, DP_EVENT_PATH, -1, &path) >= 1);
    assert_int_equal(path.local.addr.family, ADDR_NONE);
    shell("ip link set eth0 up; ip link set eth0 mtu 1400");
    listen_for(100);
    assert_true(prints("ip link show vti01", "mtu 1326")); /* AES-CBC in UDP, the least */
}

static void test_loose_filter(void **state)
{
    (void)state;
    enter(NEAR);
    shell("echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter");
    char *before = snapshot();
    server_start(NEAR);
    assert_true(prints("ip addr show vti01", "192.168.2.42/32"));
    assert_true(prints("cat /proc/sys/net/ipv4/conf/vti01/rp_filter", "2"));
    shell("ip addr del 192.168.2.42/24 dev eth0; ip addr add 192.168.2.50/24 dev eth0; ip route replace default via 192.168.2.1");
    listen_for(100);
    assert_true(prints("ip addr show vti01", "192.168.2.50/32"));
    assert_true(lacks("ip addr show vti01", "192.168.2.42/32"));
    shell("ip addr del 192.168.2.50/24 dev eth0; ip addr add 192.168.2.42/24 dev eth0; ip route replace default via 192.168.2.1");
    listen_for(100);
    server_stop(NEAR);
    assert_true(unchanged(before, snapshot()));
}

static void test_limits_and_moves(void **state)
{
    (void)state;
    server_start(NEAR);
    server_start(FAR);
    enter(NEAR);
    shell("ip route add 10.2.0.0/16 dev vti01 src 10.1.0.1");
    struct dp_sa sa = sa_make(DP_OUT, 0x4001, "192.168.2.42", "192.168.2.11", 4500, true);
    sa.soft_packets = 3;
    sa.hard_packets = 5;
    install(NEAR, &sa);
    struct dp_request move = { .id = 9, .type = DP_SA_MOVE, .name = dp_sa_name_of(&sa), .to_local = sa.local, .to_remote = sa.remote };
    move.to_remote.port = 41234;
    assert_int_equal(ask(NEAR, &move, DP_PERMITTED).error, 0);
    assert_true(prints("ip xfrm state", "encap type espinudp sport 4500 dport 41234"));
    assert_true(lacks("ip xfrm state", "0x000000000000000000000000"));
    forget();
    shell("ping -q -i 0.05 -c 8 -W 1 10.2.0.1 >/dev/null");
    listen_for(100);
    struct dp_event expire;
    assert_int_equal(events(NEAR, DP_EVENT_EXPIRE, DP_OUT, &expire), 2);
    assert_true(expire.hard);
    assert_int_equal(expire.spi, 0x4001);
    struct dp_request remove = { .id = 10, .type = DP_SA_REMOVE, .name = dp_sa_name_of(&sa) };
    assert_int_equal(ask(NEAR, &remove, DP_PERMITTED).error, 0); /* gone already: fine */
    struct dp_request query = { .id = 11, .type = DP_SA_QUERY, .name = dp_sa_name_of(&sa) };
    assert_int_equal(ask(NEAR, &query, DP_PERMITTED).error, ESRCH);
    /* Somebody else's SA between the same ends is not ours to remove. */
    enter(NEAR);
    shell("ip xfrm state add src 192.168.2.42 dst 192.168.2.11 proto esp spi 0x5005 mode tunnel aead 'rfc4106(gcm(aes))' 0x%072d 128", 0);
    remove.name.spi = 0x5005;
    assert_int_equal(ask(NEAR, &remove, DP_REFUSED).error, EPERM);
    assert_true(prints("ip xfrm state", "0x00005005"));
    shell("ip xfrm state flush");
}

static void test_new_engine_learns(void **state)
{
    (void)state;
    server_start(NEAR);
    server_start(FAR);
    tunnel(0x6000, 4500, true);
    forget();
    dp_server_greet(sides[NEAR].server);
    assert_int_equal(events(NEAR, DP_EVENT_HELD, DP_IN, NULL), 1);
    assert_int_equal(events(NEAR, DP_EVENT_HELD, DP_OUT, NULL), 1);
    assert_int_equal(events(NEAR, DP_EVENT_PATH, -1, NULL), 1);
}

int main(int argc, char **argv)
{
    if (!world_possible()) {
        printf("skipped: this kernel has no VTI, or this is not root\n");
        return 77;
    }
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
#define EACH(test) cmocka_unit_test_setup_teardown(test, world_make, world_end)
        EACH(test_start_and_stop), EACH(test_traffic_gcm), EACH(test_traffic_cbc), EACH(test_flushed_by_another),
        EACH(test_crash_leaves_nothing), EACH(test_foreign_links), EACH(test_paths_come_and_go), EACH(test_loose_filter),
        EACH(test_limits_and_moves), EACH(test_new_engine_learns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

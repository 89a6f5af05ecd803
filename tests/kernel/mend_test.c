/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What others do to the server's links and routes, against a real kernel with VTI: whatever they take away or change is
 * there again at once, and in the end nothing is left. The other half, with the kernel played, is tests/unit/server_mend_test.c.
 * Needs root.
 */
#include "tests/kernel/world.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define THE_ROUTE "ip route show 10.2.0.0/16"

/* The tunnel with an address of its own, and a route into it that prefers the site's address; up and alive. */
static void conn_with_route(void)
{
    struct conf_conn *c = &sides[NEAR].conn;
    c->vti_routing = c->unreachable_route = true;
    c->end[0].sourceip = v4("10.1.0.1");
    prefix_set(&c->end[1].subnet, "10.2.0.0/16");
    assert_true(prefix_parse(&c->end[0].vti, "169.254.1.2/30"));
    c->end[0].vti.addr = v4("169.254.1.2");
}

static void live(void)
{
    struct dp_sa sas[] = { sa_make(DP_IN, 0x8000, "192.168.2.42", "192.168.2.11", 0, true), sa_make(DP_OUT, 0x8001, "192.168.2.42", "192.168.2.11", 0, true) };
    const struct dp_request alive = { .id = 8, .type = DP_TUNNEL_ALIVE, .alive = true };
    install(NEAR, &sas[0]);
    install(NEAR, &sas[1]);
    assert_int_equal(ask(NEAR, &alive, DP_PERMITTED).error, 0);
    listen_for(100);
}

static char *begin(void)
{
    enter(NEAR);
    char *before = snapshot();
    conn_with_route();
    server_start(NEAR);
    live();
    assert_true(prints(THE_ROUTE, "dev vti01"));
    assert_true(prints(THE_ROUTE, "src 10.1.0.1"));
    return before;
}

/* Mending is put off where it has just been done. */
static void after(const char *what)
{
    assert_int_equal(shell("%s", what), 0);
    listen_for(1500);
}

static void end(char *before)
{
    server_stop(NEAR);
    assert_true(unchanged(before, snapshot()));
}

/* The kernel takes the routes along that prefer the address as their source. */
static void test_preferred_source(void **state)
{
    (void)state;
    char *before = begin();
    shell("ip -o monitor route >/tmp/mend_test.heard 2>/dev/null & sleep 0.2; ip addr del 10.1.0.1/32 dev lo; sleep 0.2; kill $!");
    bool told = prints("grep -s '^Deleted 10.2.0.0/16' /tmp/mend_test.heard; true", "dev vti01");
    printf("    the kernel %s of the route that it took\n", told ? "told" : "did not tell");
    listen_for(1500);
    assert_true(prints(THE_ROUTE, "dev vti01"));
    assert_true(lacks(THE_ROUTE, "src 10.1.0.1"));
    after("ip addr add 10.1.0.1/32 dev lo");
    assert_true(prints(THE_ROUTE, "dev vti01"));
    assert_true(prints(THE_ROUTE, "src 10.1.0.1"));
    end(before);
}

static void test_address_and_mtu(void **state)
{
    (void)state;
    char *before = begin();
    assert_true(prints("ip addr show vti01", "169.254.1.2/30"));
    after("ip addr del 169.254.1.2/30 dev vti01");
    assert_true(prints("ip addr show vti01", "169.254.1.2/30"));
    assert_true(prints("ip link show vti01", "mtu 1446"));
    after("ip link set vti01 mtu 1300");
    assert_true(prints("ip link show vti01", "mtu 1446"));
    after("ip link set vti01 mtu 9000");
    assert_true(prints("ip link show vti01", "mtu 1446"));
    assert_true(prints(THE_ROUTE, "dev vti01"));
    end(before);
}

static void test_filter_and_policy(void **state)
{
    (void)state;
    char *before = begin();
    after("echo 1 >/proc/sys/net/ipv4/conf/vti01/rp_filter; echo 0 >/proc/sys/net/ipv4/conf/vti01/disable_policy");
    assert_true(lacks("cat /proc/sys/net/ipv4/conf/vti01/rp_filter", "1"));
    assert_true(prints("cat /proc/sys/net/ipv4/conf/vti01/disable_policy", "1"));
    end(before);
}

static void test_renamed(void **state)
{
    (void)state;
    char *before = begin();
    after("ip link set vti01 down && ip link set vti01 name other && ip link set other up");
    assert_true(prints("ip -d link show vti01", "remote 192.168.2.11 local 192.168.2.42 ikey 0.0.0.5"));
    assert_true(lacks("ip link", "other"));
    assert_true(prints(THE_ROUTE, "dev vti01"));
    end(before);
}

/* The kernel refuses a second VTI with the same ends and keys, so what a crash left under another name goes first. */
static void test_other_name_after_a_crash(void **state)
{
    (void)state;
    enter(NEAR);
    char *before = snapshot();
    pid_t child = fork();
    if (child == 0) {
        conn_with_route();
        server_start(NEAR);
        live();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(prints("ip link", "vti01"));
    conn_with_route();
    snprintf(sides[NEAR].conn.vti_interface, sizeof sides[NEAR].conn.vti_interface, "cloud1");
    server_start(NEAR);
    live();
    assert_true(lacks("ip link", "vti01"));
    assert_true(prints(THE_ROUTE, "dev cloud1"));
    end(before);
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
        EACH(test_preferred_source), EACH(test_address_and_mtu), EACH(test_filter_and_policy), EACH(test_renamed),
        EACH(test_other_name_after_a_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel refuses for a moment, or cannot do at all: it is asked again, nothing leaves in clear meanwhile, and the
 * privileged process neither spins nor forgets. The loop is as in the daemon: it looks when the deadline says so.
 */
#include "tests/support/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>
#include <stdio.h>

#include "tests/support/played.h"

const char fuzz_name[] = "server_refusals";

/* ---- refusals ---- */

static struct { int protocol, type, flags, left, error; } refusal;

static int refuse(int protocol, const struct nlmsghdr *m)
{
    bool meant = protocol == refusal.protocol && m->nlmsg_type == refusal.type && (m->nlmsg_flags & refusal.flags) == refusal.flags;
    if (!meant || refusal.left == 0)
        return 0;
    refusal.left--;
    return refusal.error;
}

static void refuse_next(int protocol, int type, int flags, int times, int error)
{
    refusal.protocol = protocol;
    refusal.type = type;
    refusal.flags = flags;
    refusal.left = times;
    refusal.error = error;
    kernel.look = refuse;
}

/* The default route came or went, as another program makes it. */
static void tell_of_route(uint16_t type)
{
    struct { struct nlmsghdr h; struct rtmsg r; } m = { { sizeof m, type, 0, 0, 999 }, { AF_INET, 0, 0, 0, 254, 4, 0, 1, 0 } };
    kernel_notify(NETLINK_ROUTE, &m, sizeof m);
    dp_server_readable(played_server, played_now);
}

static uint32_t mtu_of(const char *name)
{
    struct vti_seen seen = { 0 };
    link_message_read(&played_link_object(name)->message.header, &seen);
    return seen.shape.mtu;
}

/* ---- once more ---- */

enum { PASSING = 8 }; /* refusals: two requests, each repeated by netlink.c itself */

static void test_policies_when_a_way_appears(void **state)
{
    for (int times = 0; times <= PASSING; times += PASSING) {
        played_make_world(state);
        struct addr was = kernel.local;
        kernel.local = (struct addr){ .family = ADDR_NONE };
        played_start();
        assert_int_equal(kernel_count(OBJECT_POLICY), 0);
        kernel.local = was;
        refuse_next(NETLINK_XFRM, XFRM_MSG_NEWPOLICY, 0, times, ENOBUFS);
        tell_of_route(RTM_NEWROUTE);
        played_run(20);
        assert_int_equal(refusal.left, 0);
        assert_int_equal(kernel_count(OBJECT_POLICY), 6);
        played_stop();
    }
}

static void test_mtu_that_shrinks(void **state)
{
    for (int times = 0; times <= PASSING; times += PASSING) {
        played_make_world(state);
        played_start_living();
        uint32_t before = mtu_of("vti00");
        kernel.mtu = 1400;
        refuse_next(NETLINK_ROUTE, RTM_SETLINK, 0, times, ENOBUFS);
        tell_of_route(RTM_NEWROUTE);
        played_run(20);
        assert_int_equal(refusal.left, 0);
        assert_int_equal(mtu_of("vti00"), before - 100);
        assert_int_equal(mtu_of("vti01"), before - 100);
        played_stop();
    }
}

static int reload(const bool *renewed, char *why)
{
    const struct dp_teller teller = { played_drop_word, NULL };
    return dp_server_reload(played_server, &played_confs[1], renewed, played_now, &teller, why);
}

/* Past the point of no return: it is made a second later. */
static void test_link_of_a_reload(void **state)
{
    for (int times = 0; times <= PASSING; times += PASSING) {
        char why[DP_WHY_MAX];
        bool renewed[CONF_CONNS_MAX] = { true };
        played_make_world(state);
        played_start_living();
        memcpy(played_conns[1], played_conns[0], sizeof *played_conns);
        snprintf(played_conns[1][0].vti_interface, sizeof played_conns[1][0].vti_interface, "new0");
        refuse_next(NETLINK_ROUTE, RTM_NEWLINK, NLM_F_CREATE, times, ENOBUFS);
        assert_int_equal(reload(renewed, why), 0);
        played_run(20);
        assert_int_equal(refusal.left, 0);
        assert_int_not_equal(played_index_of("new0"), 0);
        assert_int_equal(played_index_of("vti00"), 0);
        played_stop();
    }
}

/* ---- all of somebody's SAs, or none of ours ---- */

static void test_flushed_sas_take_their_routes_along(void **state)
{
    (void)state;
    played_start_living();
    assert_true(played_leads_into("vti00") && played_leads_into("vti01"));
    for (size_t i = 0; i < KERNEL_OBJECTS; i++)
        if (kernel.object[i].kind == OBJECT_SA)
            kernel.object[i].kind = OBJECT_FREE;
    struct { struct nlmsghdr h; struct xfrm_usersa_flush f; } m = { { sizeof m, XFRM_MSG_FLUSHSA, 0, 0, 999 }, { 50 } };
    kernel_notify(NETLINK_XFRM, &m, sizeof m);
    dp_server_readable(played_server, played_now);
    played_run(3);
    assert_int_equal(dp_held_count(&played_server->held, 0, DP_OUT) + dp_held_count(&played_server->held, 1, DP_OUT), 0);
    assert_false(played_leads_into("vti00") || played_leads_into("vti01"));
    played_stop();
}

/* It has our mark and what ours never have, so that the kernel does not find it by the name that we can give it. */
static void test_leftover_that_cannot_be_named(void **state)
{
    (void)state;
    static const int types[] = { XFRM_MSG_DELPOLICY, XFRM_MSG_DELSA };
    static const int errors[] = { ENOENT, ESRCH };
    for (int i = 0; i < 2; i++) {
        played_make_world(NULL);
        played_start_living();
        dp_server_leave(played_server);
        played_conns[0][0].mark_in = played_conns[0][0].mark_out = 77; /* so its policies are leftovers, and all SAs */
        uint64_t before = kernel.requests;
        refuse_next(NETLINK_XFRM, types[i], 0, INT32_MAX, errors[i]);
        played_start();
        assert_true(kernel.requests - before < 2000);
        before = kernel.requests;
        played_run(60);
        assert_true(kernel.requests - before < 60 * 40); /* looked at once a second, no more */
        kernel.look = NULL;
        dp_server_stop(played_server);
        assert_int_equal(kernel_count(OBJECT_POLICY) + kernel_count(OBJECT_SA), 0);
    }
}

static void test_stop_asks_again(void **state)
{
    (void)state;
    static const struct { int protocol, type; } requests[] = {
        { NETLINK_XFRM, XFRM_MSG_GETSA }, { NETLINK_XFRM, XFRM_MSG_DELSA }, { NETLINK_XFRM, XFRM_MSG_GETPOLICY }, { NETLINK_XFRM, XFRM_MSG_DELPOLICY },
        { NETLINK_ROUTE, RTM_DELLINK }, { NETLINK_ROUTE, RTM_GETROUTE }, { NETLINK_ROUTE, RTM_DELROUTE },
    };
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        played_make_world(NULL);
        played_start_living();
        refuse_next(requests[i].protocol, requests[i].type, 0, 6, ENOBUFS);
        dp_server_stop(played_server);
        kernel.look = NULL;
        assert_int_equal(refusal.left, 0);
        assert_int_equal(kernel_count(OBJECT_SA) + kernel_count(OBJECT_POLICY) + kernel_count(OBJECT_ROUTE), 0);
        assert_int_equal(kernel_count(OBJECT_LINK), 1); /* eth0 */
    }
}

/* ---- nothing in clear ---- */

static void make_plain(size_t conns)
{
    for (size_t i = 0; i < conns; i++) {
        struct conf_conn *c = &played_conns[0][i];
        char subnet[32];
        c->vti_interface[0] = '\0';
        c->mark_set = c->vti_routing = false;
        snprintf(subnet, sizeof subnet, "10.0.%zu.0/24", i + 2);
        assert_true(prefix_parse(&c->end[1].subnet, subnet) && prefix_parse(&c->end[0].subnet, "192.168.3.0/24"));
    }
}

/* Policies that stayed when the way went are all that keeps the subnet's traffic off the default route. */
static void test_reload_without_a_way(void **state)
{
    (void)state;
    char why[DP_WHY_MAX];
    bool renewed[CONF_CONNS_MAX] = { true };
    struct addr was = kernel.local;
    make_plain(2);
    played_start();
    assert_int_equal(kernel_count(OBJECT_POLICY), 6);
    kernel.local = (struct addr){ .family = ADDR_NONE };
    tell_of_route(RTM_DELROUTE);
    played_run(5);
    assert_int_equal(kernel_count(OBJECT_POLICY), 6);
    memcpy(played_conns[1], played_conns[0], sizeof *played_conns);
    played_conns[1][0].replay_window = 256;
    assert_int_equal(reload(renewed, why), 0);
    played_run(5);
    assert_int_equal(kernel_count(OBJECT_POLICY), 6);
    kernel.local = was;
    tell_of_route(RTM_NEWROUTE);
    played_run(5);
    assert_int_equal(kernel_count(OBJECT_POLICY), 6);
    assert_true(played_server->conns[0].carried && addr_equal(&played_server->conns[0].carried_local, &was));
    played_stop();
}

static size_t fewest;

/* The fourth conn's policy is refused; no policy of what runs is away for a moment. */
static int watch(int protocol, const struct nlmsghdr *m)
{
    size_t count = kernel_count(OBJECT_POLICY);
    fewest = count < fewest ? count : fewest;
    if (protocol != NETLINK_XFRM || m->nlmsg_type != XFRM_MSG_NEWPOLICY)
        return 0;
    const struct xfrm_userpolicy_info *p = mnl_nlmsg_get_payload(m);
    return p->sel.daddr.a4 == htonl(0x0a000900) || p->sel.saddr.a4 == htonl(0x0a000900) ? EINVAL : 0;
}

static void test_refused_reload_takes_nothing_away(void **state)
{
    (void)state;
    char why[DP_WHY_MAX];
    bool renewed[CONF_CONNS_MAX] = { true, false, true, true };
    make_plain(4);
    played_start();
    memset(&played_conns[1][0], 0, sizeof played_conns[1][0]); /* renamed: a hole, and another slot */
    played_conns[1][1] = played_conns[0][1];
    played_conns[1][2] = played_conns[0][0];
    snprintf(played_conns[1][2].name, sizeof played_conns[1][2].name, "renamed");
    played_conns[1][3] = played_conns[0][3];
    assert_true(prefix_parse(&played_conns[1][3].end[1].subnet, "10.0.9.0/24"));
    played_confs[1].count = 4;
    fewest = SIZE_MAX;
    kernel.look = watch;
    assert_int_not_equal(reload(renewed, why), 0);
    kernel.look = NULL;
    assert_int_equal(fewest, 6);
    played_run(5);
    assert_int_equal(kernel_count(OBJECT_POLICY), 6);
    played_stop();
}

/* ---- many ---- */

static void test_many_links_of_before(void **state)
{
    (void)state;
    enum { MANY = 90 };
    kernel.local = (struct addr){ .family = ADDR_NONE }; /* no policies: the played kernel has no room for so many */
    played_confs[0].count = MANY;
    played_start();
    dp_server_leave(played_server);
    for (int i = 0; i < MANY; i++)
        snprintf(played_conns[0][i].vti_interface, sizeof played_conns[0][i].vti_interface, "new%d", i);
    played_start();
    assert_int_equal(kernel_count(OBJECT_LINK), MANY + 1);
    assert_int_equal(played_index_of("vti00"), 0);
    assert_int_equal(played_index_of("vti089"), 0);
    played_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policies_when_a_way_appears),
        cmocka_unit_test(test_mtu_that_shrinks),
        cmocka_unit_test(test_link_of_a_reload),
        cmocka_unit_test_setup(test_flushed_sas_take_their_routes_along, played_make_world),
        cmocka_unit_test(test_leftover_that_cannot_be_named),
        cmocka_unit_test(test_stop_asks_again),
        cmocka_unit_test_setup(test_reload_without_a_way, played_make_world),
        cmocka_unit_test_setup(test_refused_reload_takes_nothing_away, played_make_world),
        cmocka_unit_test_setup(test_many_links_of_before, played_make_world),
    };
    return cmocka_run_group_tests_name("server: what the kernel refuses", tests, NULL, NULL);
}

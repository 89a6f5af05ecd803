/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another configuration while the data plane's server runs, against a real kernel with ESP and VTI: what is not named
 * stays as it is, what the kernel refuses changes nothing, and in the end nothing is left. Needs root.
 */
#include "tests/kernel/world.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { SLOTS = 3 };

static struct conf_conn rows[2][SLOTS];  /* what runs, and what is to run */
static struct conf confs[2];              /* of these rows: the server holds on to the one that runs */
static unsigned turn;
static char told[2048];

static void tell(void *context, const char *line)
{
    (void)context;
    size_t used = strlen(told);
    snprintf(told + used, sizeof told - used, "%s\n", line);
}

/* What runs, to be changed and given to `reload`. */
static struct conf_conn *edit(void)
{
    const struct conf *now = &sides[NEAR].conf;
    struct conf *next = &confs[turn % 2];
    memset(rows[turn % 2], 0, sizeof rows[0]);
    memcpy(rows[turn % 2], now->conns, now->count * sizeof *now->conns);
    *next = (struct conf){ .conns = rows[turn % 2], .count = SLOTS };
    return next->conns;
}

static int reload(bool a, bool b, bool c, char why[DP_WHY_MAX])
{
    const bool renewed[CONF_CONNS_MAX] = { a, b, c };
    const struct dp_teller teller = { tell, NULL };
    enter(NEAR);
    told[0] = '\0';
    forget();
    int error = dp_server_reload(sides[NEAR].server, &confs[turn % 2], renewed, (struct mono){ 1 }, &teller, why);
    if (!error) {
        sides[NEAR].conf = confs[turn++ % 2];
    }
    return error;
}

static void reload_fine(bool a, bool b, bool c)
{
    char why[DP_WHY_MAX];
    if (reload(a, b, c, why))
        fail_msg("%s", why);
}

/* A conn beside the first: its own headend, mark and interface. */
static void put_second(struct conf_conn *c, const struct conf_conn *first)
{
    *c = *first;
    snprintf(c->name, sizeof c->name, "second");
    snprintf(c->vti_interface, sizeof c->vti_interface, "vti02");
    c->end[1].addr = v4("192.168.2.12");
    c->mark_in = c->mark_out = 6;
}

static size_t conns_told(uint32_t slot, uint32_t *generation)
{
    size_t count = 0;
    for (size_t i = 0; i < sides[NEAR].count; i++)
        if (sides[NEAR].seen[i].type == DP_MESSAGE_CONN && sides[NEAR].seen[i].conn.index == slot) {
            count++;
            *generation = sides[NEAR].seen[i].conn.generation;
        }
    return count;
}

/* Another one, to be refused. */
static void put_third(struct conf_conn *c, const struct conf_conn *first, const char *interface, uint32_t mark)
{
    put_second(c, first);
    snprintf(c->name, sizeof c->name, "third");
    snprintf(c->vti_interface, sizeof c->vti_interface, "%s", interface);
    c->end[1].addr = v4("192.168.2.13");
    c->mark_in = c->mark_out = mark;
}

/* A tunnel is up; what the near side had before. */
static char *begin(void)
{
    enter(NEAR);
    char *before = snapshot();
    server_start(NEAR);
    server_start(FAR);
    tunnel(0x7000, 0, true);
    listen_for(50);
    enter(NEAR);
    return before;
}

static void end(char *before)
{
    server_stop(NEAR);
    enter(NEAR);
    assert_true(unchanged(before, snapshot()));
}

static void test_added_and_removed(void **state)
{
    (void)state;
    uint32_t generation = 77;
    char *before = begin();
    struct conf_conn *c = edit();
    put_second(&c[1], &c[0]);
    reload_fine(false, true, false);
    assert_true(prints("ip -d link show vti02", "remote 192.168.2.12 local 192.168.2.42 ikey 0.0.0.6"));
    assert_true(prints("ip xfrm policy", "mark 0x6/0xffffffff"));
    assert_true(prints("ip xfrm policy", "reqid 1835204609"));
    assert_true(prints("ip xfrm state", "0x00007000"));
    assert_int_equal(conns_told(1, &generation), 1);
    assert_int_equal(generation, 0); /* the first in that slot */
    assert_int_equal(conns_told(0, &generation), 0);
    assert_int_equal(events(NEAR, DP_EVENT_PATH, -1, NULL), 1);
    assert_int_equal(events(NEAR, DP_EVENT_GONE, -1, NULL), 0);

    shell("ip route add 10.77.0.0/16 dev vti02; ip route add 10.78.0.0/16 nexthop dev vti01 nexthop dev vti02");
    c = edit();
    memset(&c[1], 0, sizeof c[1]);
    reload_fine(false, true, false);
    assert_non_null(strstr(told, "  the route to 10.77.0.0/16 goes with vti02\n"));
    assert_non_null(strstr(told, "  the route to 10.78.0.0/16 leads no longer into vti02\n"));
    assert_true(lacks("ip link", "vti02"));
    assert_true(lacks("ip xfrm policy", "mark 0x6/0xffffffff"));
    assert_true(prints("ip xfrm policy", "mark 0x5/0xffffffff"));
    assert_int_equal(conns_told(1, &generation), 1);
    assert_int_equal(generation, 1);
    shell("ip route del 10.78.0.0/16 2>/dev/null");
    end(before);
}

/* Each time the kernel says no to the second of two changes, and the first is taken back. */
static void test_all_or_nothing(void **state)
{
    (void)state;
    char why[DP_WHY_MAX];
    enter(NEAR);
    shell("ip link add taken type dummy; ip xfrm policy add src 10.1.0.0/16 dst 10.99.0.0/16 dir out tmpl src 192.168.2.42 dst 192.168.2.13 proto esp mode tunnel mark 9 mask 0xffffffff 2>/dev/null ||"
          " ip xfrm policy add src 10.1.0.0/16 dst 10.99.0.0/16 dir out mark 9 mask 0xffffffff tmpl src 192.168.2.42 dst 192.168.2.13 proto esp mode tunnel");
    char *clean = begin();
    char *before = snapshot();
    struct conf_conn *c = edit();
    put_second(&c[1], &c[0]);
    put_third(&c[2], &c[0], "taken", 7);
    assert_int_equal(reload(false, true, true, why), -EEXIST);
    assert_non_null(strstr(why, "vti-interface=taken"));
    assert_int_equal(sides[NEAR].count, 0);
    assert_true(unchanged(before, snapshot()));

    before = snapshot();
    c = edit();
    put_second(&c[1], &c[0]);
    put_third(&c[2], &c[0], "vti03", 9);
    prefix_set(&c[2].end[0].subnet, "10.1.0.0/16");
    prefix_set(&c[2].end[1].subnet, "10.99.0.0/16");
    assert_int_equal(reload(false, true, true, why), -EEXIST);
    assert_non_null(strstr(why, "somebody else has an IPsec policy"));
    assert_true(unchanged(before, snapshot()));

    /* A conn that changes keeps its policies and SAs until all is sure. */
    before = snapshot();
    c = edit();
    prefix_set(&c[0].end[1].subnet, "10.2.0.0/16");
    put_second(&c[1], &c[0]);
    snprintf(c[1].vti_interface, sizeof c[1].vti_interface, "taken");
    assert_int_equal(reload(true, true, false, why), -EEXIST);
    assert_true(unchanged(before, snapshot()));
    assert_true(prints("ip xfrm state", "0x00007000"));

    c = edit();
    put_second(&c[1], &c[0]);
    reload_fine(false, true, false); /* and after all that a good one works */
    assert_true(prints("ip link show vti02", ",UP"));
    end(clean);
}

static void test_renewed(void **state)
{
    (void)state;
    uint32_t generation = 77;
    struct dp_event in, out;
    char *before = begin();
    shell("ip route add 10.2.0.0/16 dev vti01 src 10.1.0.1");
    enter(FAR);
    shell("ip route add 10.1.0.0/16 dev vti01 src 10.2.0.1");
    enter(NEAR);
    assert_int_equal(shell("ping -q -i 0.02 -c 20 10.2.0.1 >/dev/null"), 0);
    struct conf_conn *c = edit();
    c[0].esp_count = 1;
    c[0].replay_window = 256;
    reload_fine(true, false, false);
    assert_true(lacks("ip xfrm state", "0x00007000"));
    assert_true(prints("ip xfrm policy", "dir out"));
    assert_true(prints("ip route", "10.2.0.0/16 dev vti01")); /* the interface is the same one */
    assert_int_equal(conns_told(0, &generation), 1);
    assert_int_equal(generation, 1);
    struct dp_sa sa = sa_make(DP_IN, 0x7100, "192.168.2.42", "192.168.2.11", 0, true);
    struct dp_request old = { .id = 3, .generation = 0, .type = DP_SA_INSTALL, .sa = sa };
    assert_int_equal(ask(NEAR, &old, DP_STALE).error, ESTALE); /* it crossed the reload: no reason to end the engine */
    old.generation = 1;
    old.sa.replay_window = 256;
    assert_int_equal(ask(NEAR, &old, DP_PERMITTED).error, 0);
    forget();
    dp_server_greet(sides[NEAR].server); /* what the SAs carried that are gone is told to a new engine */
    assert_int_equal(events(NEAR, DP_EVENT_COUNTED, DP_IN, &in), 1);
    assert_int_equal(events(NEAR, DP_EVENT_COUNTED, DP_OUT, &out), 1);
    assert_int_equal(in.packets, 20);
    assert_int_equal(out.packets, 20);
    assert_int_equal(conns_told(0, &generation), 1);
    assert_int_equal(generation, 0);
    shell("ip route del 10.2.0.0/16");
    end(before);
}

/* Values that need no SA anew: address of the link, its size, and the alias that tells whose it is. */
static void test_tuned(void **state)
{
    (void)state;
    uint32_t generation = 77;
    char *before = begin();
    struct conf_conn *c = edit();
    prefix_set(&c[0].end[0].vti, "10.9.0.1/30");
    c[0].mtu = 1300;
    reload_fine(false, false, false);
    assert_true(prints("ip addr show vti01", "10.9.0.1/30"));
    assert_true(prints("ip link show vti01", "mtu 1300"));
    assert_true(prints("ip xfrm state", "0x00007000"));
    assert_int_equal(conns_told(0, &generation), 1);
    assert_int_equal(generation, 0);
    c = edit();
    prefix_set(&c[0].end[0].vti, "10.9.0.5/30");
    c[0].mtu = 0;
    reload_fine(false, false, false);
    assert_true(prints("ip addr show vti01", "10.9.0.5/30"));
    assert_true(lacks("ip addr show vti01", "10.9.0.1/30"));
    assert_true(lacks("ip link show vti01", "mtu 1300"));
    end(before);
}

/* The kernel has one VTI between two addresses: a new name waits until the old one has gone, and headends can be swapped. */
static void test_links_in_the_way(void **state)
{
    (void)state;
    char *before = begin();
    struct conf_conn *c = edit();
    snprintf(c[0].vti_interface, sizeof c[0].vti_interface, "vti09");
    reload_fine(true, false, false);
    assert_true(prints("ip -d link show vti09", "remote 192.168.2.11"));
    assert_true(prints("ip link show vti09", ",UP"));
    assert_true(lacks("ip link", "vti01"));
    c = edit();
    put_second(&c[1], &c[0]);
    reload_fine(false, true, false);
    c = edit();
    c[0].end[1].addr = v4("192.168.2.12");
    c[1].end[1].addr = v4("192.168.2.11");
    reload_fine(true, true, false);
    assert_true(prints("ip -d link show vti09", "remote 192.168.2.12"));
    assert_true(prints("ip -d link show vti02", "remote 192.168.2.11"));
    assert_true(prints("ip link show vti02", ",UP"));
    assert_string_equal(told, "");
    listen_for(1200); /* nothing of it looks to the server like somebody else's doing */
    assert_true(prints("ip -d link show vti09", "remote 192.168.2.12"));
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
        EACH(test_added_and_removed), EACH(test_all_or_nothing), EACH(test_renewed), EACH(test_tuned), EACH(test_links_in_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

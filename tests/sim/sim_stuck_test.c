/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must not last: a tunnel that waits for what will not come, one that is said to be up and is not, a headend that
 * undoes each time what it has just agreed to.
 */
#include "tests/sim/two_ways.h"

#include <stdio.h>

#define ECP "\tike=aes256-sha2_256;dh19\n\tphase2alg=aes_gcm256;dh19\n\tikelifetime=28800s\n\tsalifetime=3600s\n"

static bool lose[ENDS][MESSAGE_COUNT];

static void look(struct world *w, const struct datagram *d, struct fate *fate)
{
    (void)w;
    fate->lost |= lose[d->from][d->kind];
}

static struct world *up(const char *name)
{
    struct options o = { .common = ECP, .nat = NAT_STATIC };
    struct world *w = world_new(&o);
    snprintf(w->what, sizeof w->what, "%s", name);
    memset(lose, 0, sizeof lose);
    world_start_both(w);
    world_check(w, world_run_until(w, world_up, MONO_S(10)));
    world_run(w, MONO_S(60));
    w->network.hook = look;
    return w;
}

static struct tunnel *tunnel(struct world *w, int end) { return &w->ends[end].ike->tunnels[0]; }
static struct peer *peer(struct world *w, int end) { return &w->ends[end].ike->peers[0]; }

static void renew(struct world *w, int end)
{
    w->ends[end].ike->now = w->now;
    child_renew(child_current(tunnel(w, end)));
    peer_drive(w->ends[end].ike, peer(w, end));
    world_drain(w, end);
}

/* ---- all SAs go at once, those of a rekey among them ---- */

static void test_up_without_a_pair(void **state)
{
    (void)state;
    struct world *w = up("another program removes all SAs during a rekey");
    renew(w, NEAR);
    world_run(w, MONO_MS(43));
    world_check(w, plane_count(w, NEAR, DP_IN, 0) == 2 && plane_count(w, NEAR, DP_OUT, 0) == 1);
    lose[NEAR][MESSAGE_QM1] = true;
    plane_gone(w, NEAR, DP_OUT, 0);
    plane_gone(w, NEAR, DP_IN, 0);
    plane_gone(w, NEAR, DP_IN, 0);
    world_run(w, MONO_S(5));
    world_check(w, !child_current(tunnel(w, NEAR)));
    world_check(w, tunnel(w, NEAR)->state != IKE_STATE_UP && !w->ends[NEAR].plane.alive[0]);
    lose[NEAR][MESSAGE_QM1] = false;
    world_check(w, world_run_until(w, world_up, MONO_S(20)));
    world_free(w);
}

/* ---- nobody here wants it up ---- */

static void test_not_wanted(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        struct world *w = up(which ? "the kernel drops the pair of a tunnel that nobody here wants up" : "the headend deletes the pair of such a tunnel");
        tunnel(w, NEAR)->wanted = tunnel(w, FAR)->wanted = false;
        if (which) {
            plane_gone(w, NEAR, DP_IN, 0); /* and the engine removes the other */
        } else {
            w->ends[FAR].ike->now = w->now;
            tunnel_stop(w->ends[FAR].ike, tunnel(w, FAR));
            world_drain(w, FAR);
        }
        world_run(w, MONO_S(60));
        world_check(w, tunnel(w, NEAR)->state == IKE_STATE_DOWN);
        world_free(w);
    }
}

/* ---- the ISAKMP SA goes while the data plane is at work ---- */

static void delete_isakmp(struct world *w)
{
    w->ends[FAR].ike->now = w->now;
    peer_stop(w->ends[FAR].ike, peer(w, FAR));
    world_drain(w, FAR);
}

static void test_no_sa_to_answer_under(void **state)
{
    (void)state;
    for (int initiator = 0; initiator < ENDS; initiator++) {
        struct world *w = up(initiator == NEAR ? "message 3 cannot be sent" : "message 2 cannot be sent");
        w->ends[NEAR].plane.delay_us = MONO_MS(50);
        tunnel(w, FAR)->wanted = initiator == FAR;
        renew(w, initiator);
        world_run(w, MONO_MS(25));
        delete_isakmp(w);
        world_run(w, MONO_S(60));
        world_check(w, !tunnel_quick_under_way(tunnel(w, NEAR)));
        world_check(w, world_up(w) && plane_count(w, NEAR, DP_IN, 0) == 1 && plane_count(w, NEAR, DP_OUT, 0) == 1);
        world_free(w);
    }
}

/* ---- agreed to, and undone ---- */

static void undo_pairs(struct world *w)
{
    struct ike *ike = w->ends[FAR].ike;
    ike->now = w->now;
    if (child_current(tunnel(w, FAR))) {
        tunnel_stop(ike, tunnel(w, FAR));
        tunnel_enter(ike, tunnel(w, FAR), IKE_STATE_DOWN, "undone");
        world_drain(w, FAR);
    }
    world_at(w, MONO_MS(5), undo_pairs);
}

static void undo_isakmp(struct world *w)
{
    if (peer_sa_best(peer(w, FAR)))
        delete_isakmp(w);
    world_at(w, MONO_MS(5), undo_isakmp);
}

static void test_undone(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        struct world *w = up(which ? "each ISAKMP SA is deleted at once" : "each pair is deleted at once");
        tunnel(w, FAR)->wanted = false;
        unsigned mains = w->network.kinds[NEAR][MESSAGE_MM1], quicks = w->network.kinds[NEAR][MESSAGE_QM1];
        (which ? undo_isakmp : undo_pairs)(w);
        world_run(w, MONO_S(60));
        mains = w->network.kinds[NEAR][MESSAGE_MM1] - mains;
        quicks = w->network.kinds[NEAR][MESSAGE_QM1] - quicks;
        print_message("%s: %u Main Modes, %u Quick Modes in a minute\n", w->what, mains, quicks);
        world_check(w, mains <= 30 && quicks <= 30 && mains + quicks >= 10);
        world_free(w);
    }
}

/* ---- probes that are never answered ---- */

static void test_no_probe_is_answered(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        struct world *w = two_ways_up(world_seed(470), MONO_MS(20), true, true);
        memset(lose, 0, sizeof lose);
        w->network.hook = look;
        lose[FAR][MESSAGE_INFO] = true;
        if (which) {
            world_command(w, NEAR, IKE_COMMAND_DOWN, 0);
            world_run(w, MONO_S(1));
            world_command(w, NEAR, IKE_COMMAND_UP, 0);
        }
        world_run(w, MONO_S(60));
        unsigned mains = w->network.kinds[NEAR][MESSAGE_MM1], quicks = w->network.kinds[NEAR][MESSAGE_QM1];
        world_run(w, MONO_S(600));
        mains = w->network.kinds[NEAR][MESSAGE_MM1] - mains;
        quicks = w->network.kinds[NEAR][MESSAGE_QM1] - quicks;
        print_message("%s: %u Main Modes, %u Quick Modes in ten minutes\n", which ? "from the start" : "after a while", mains, quicks);
        world_check(w, mains >= 5 && mains <= 20 && quicks <= 20);
        lose[FAR][MESSAGE_INFO] = false;
        world_run(w, MONO_S(60));
        world_check(w, !two_ways_silent(w) && !two_ways_told_dead(w));
        world_free(w);
    }
}

/* ---- silent, and nobody asks any more ---- */

static void test_silent_and_not_asked(void **state)
{
    (void)state;
    struct world *w = two_ways_up(world_seed(480), MONO_MS(20), true, true);
    two_ways_cut(w, false);
    world_check(w, world_run_until(w, two_ways_told_dead, MONO_S(5)));
    struct conf_conn conf = w->ends[NEAR].conf.conns[0];
    conf.dpd_delay = 0;
    world_configure(w, NEAR, 0, &conf, false);
    world_run(w, MONO_S(2));
    w->network.cut = false;
    two_ways_traffic.last_in = MONO_NEVER;
    world_run(w, MONO_S(300));
    world_check(w, !two_ways_silent(w) && !two_ways_told_dead(w));
    world_free(w);
}

/* ---- the cause of another time ---- */

static void test_cause_of_before(void **state)
{
    (void)state;
    struct world *w = up("the headend deleted the tunnel, which came up again, and is silent later");
    tunnel(w, FAR)->wanted = false;
    w->ends[FAR].ike->now = w->now;
    tunnel_stop(w->ends[FAR].ike, tunnel(w, FAR));
    world_drain(w, FAR);
    world_run(w, MONO_S(1));
    world_check(w, tunnel(w, NEAR)->cause == IKE_CAUSE_PEER_DELETED);
    world_run(w, MONO_S(60));
    world_check(w, world_up(w));
    lose[NEAR][MESSAGE_QM1] = lose[NEAR][MESSAGE_MM1] = lose[FAR][MESSAGE_QM1] = true;
    plane_gone(w, NEAR, DP_IN, 0);
    plane_gone(w, NEAR, DP_OUT, 0);
    world_run(w, MONO_S(60));
    world_check(w, tunnel(w, NEAR)->state != IKE_STATE_UP && tunnel(w, NEAR)->cause == IKE_CAUSE_LOST_ANSWER);
    world_free(w);
}

/* ---- another tunnel to that headend goes down ---- */

static void test_other_is_left_alone(void **state)
{
    (void)state;
    struct options o = { .common = ECP, .nat = NAT_STATIC,
                         .subnets = { { "192.168.3.0/24", "10.0.2.0/24" }, { "192.168.4.0/24", "10.0.3.0/24" } } };
    struct world *w = world_new(&o);
    snprintf(w->what, sizeof w->what, "of two tunnels the one that is wanted goes down");
    memset(lose, 0, sizeof lose);
    world_start_both(w);
    world_check(w, world_run_until(w, world_up, MONO_S(10)));
    w->ends[NEAR].ike->tunnels[1].wanted = false; /* as if the headend had brought it up */
    world_command(w, NEAR, IKE_COMMAND_DOWN, 0);
    world_run(w, MONO_S(1));
    world_check(w, peer_sa_best(peer(w, NEAR)) && peer_sa_best(peer(w, FAR)));
    world_command(w, FAR, IKE_COMMAND_DOWN, 1);
    world_run(w, MONO_S(1));
    world_check(w, world_status(w, NEAR, 1).state == IKE_STATE_DOWN);
    world_free(w);
}

/* ---- a Quick Mode that the headend has given up still waits here when the pair of before goes ---- */

static void give_up_quicks(struct world *w, int end)
{
    struct tunnel *t = tunnel(w, end);
    w->ends[end].ike->now = w->now;
    for (size_t i = 0; i < TUNNEL_QUICKS_MAX; i++)
        if (t->quick[i].phase == QUICK_WAIT_MESSAGE)
            quick_fail(w->ends[end].ike, t, &t->quick[i], IKE_CAUSE_LOST_ANSWER, "given up");
    world_drain(w, end);
}

static void test_given_up_there(void **state)
{
    (void)state;
    struct world *w = up("the next Quick Mode replaces the pair");
    w->ends[NEAR].plane.delay_us = MONO_MS(5);
    tunnel(w, FAR)->wanted = true;
    lose[NEAR][MESSAGE_QM2] = true;
    plane_gone(w, FAR, DP_IN, 0);
    plane_gone(w, FAR, DP_OUT, 0);
    world_run(w, MONO_S(3));
    give_up_quicks(w, FAR);
    lose[NEAR][MESSAGE_QM2] = false;
    world_run(w, MONO_S(5));
    world_check(w, world_up(w));
    world_run(w, MONO_S(60));
    world_check(w, world_up(w) && !tunnel_quick_under_way(tunnel(w, NEAR)) && plane_count(w, NEAR, DP_OUT, 0) == 1);
    world_free(w);
}

/* ---- message 3 meets the Delete for the ISAKMP SA that it was sent under ---- */

static void test_third_meets_delete(void **state)
{
    (void)state;
    for (int living = 0; living < 2; living++) {
        struct world *w = up(living ? "message 3 is not taken, with a pair to go on with" : "message 3 is not taken");
        tunnel(w, FAR)->wanted = false;
        for (int d = DP_IN; !living && d <= DP_OUT; d++)
            plane_gone(w, NEAR, (enum dp_direction)d, 0);
        if (living)
            renew(w, NEAR);
        world_run(w, MONO_MS(45));
        world_check(w, plane_count(w, FAR, DP_IN, 0) == 2 && plane_count(w, FAR, DP_OUT, 0) == 1);
        delete_isakmp(w);
        world_run(w, MONO_S(5));
        world_check(w, world_up(w));
        world_run(w, MONO_S(60));
        world_check(w, world_up(w) && plane_count(w, NEAR, DP_IN, 0) == 1 && plane_count(w, NEAR, DP_OUT, 0) == 1);
        world_free(w);
    }
}

/* ---- the headend has the pair no more, and nobody heard of it ---- */

static struct world *with_traffic(const char *name)
{
    struct world *w = up(name);
    w->traffic_us = MONO_MS(100); /* as the kernel tells */
    tunnel(w, FAR)->wanted = false;
    world_run(w, MONO_S(30));
    return w;
}

static void test_delete_is_lost(void **state)
{
    (void)state;
    struct world *w = with_traffic("the headend took the pair down and its Delete was lost");
    lose[FAR][MESSAGE_INFO] = true;
    w->ends[FAR].ike->now = w->now;
    tunnel_stop(w->ends[FAR].ike, tunnel(w, FAR));
    world_drain(w, FAR);
    lose[FAR][MESSAGE_INFO] = false;
    world_check(w, peer_sa_best(peer(w, FAR)) && !world_up(w));
    world_check(w, world_run_until(w, world_up, MONO_S(12)));
    unsigned quicks = w->network.kinds[NEAR][MESSAGE_QM1];
    world_run(w, MONO_S(600));
    world_check(w, world_up(w) && w->network.kinds[NEAR][MESSAGE_QM1] == quicks && tunnel(w, NEAR)->one_way.pairs == 0);
    world_free(w);
}

/* OCI answers over either tunnel: for hours packets may go one way only, and a few come in now and then. */
static void only_out(struct world *w)
{
    struct child *c = child_current(tunnel(w, NEAR));
    static uint64_t packets;
    bool in = world_random(w) % 300 == 0;
    packets++;
    if (c)
        world_dp_event(w, NEAR, &(struct dp_event){ .type = DP_EVENT_TRAFFIC, .direction = in ? DP_IN : DP_OUT, .conn = 0,
                                                    .spi = in ? c->spi_in : c->spi_out, .packets = packets, .bytes = packets * 100 });
    world_at(w, MONO_MS(100), only_out);
}

static void test_one_way_is_normal(void **state)
{
    (void)state;
    struct world *w = up("packets go one way only for eight hours");
    w->traffic_us = 0;
    unsigned quicks = w->network.kinds[NEAR][MESSAGE_QM1] + w->network.kinds[FAR][MESSAGE_QM1];
    flow_count_from_now(w);
    only_out(w);
    world_run(w, MONO_S(8 * 3600));
    quicks = w->network.kinds[NEAR][MESSAGE_QM1] + w->network.kinds[FAR][MESSAGE_QM1] - quicks;
    print_message("%s: %u Quick Modes\n", w->what, quicks);
    world_check(w, world_up(w) && flow_lost(w) == 0 && quicks > 10 && quicks <= 30);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_up_without_a_pair),
        cmocka_unit_test(test_not_wanted),
        cmocka_unit_test(test_no_sa_to_answer_under),
        cmocka_unit_test(test_undone),
        cmocka_unit_test(test_no_probe_is_answered),
        cmocka_unit_test(test_silent_and_not_asked),
        cmocka_unit_test(test_cause_of_before),
        cmocka_unit_test(test_other_is_left_alone),
        cmocka_unit_test(test_given_up_there),
        cmocka_unit_test(test_third_meets_delete),
        cmocka_unit_test(test_delete_is_lost),
        cmocka_unit_test(test_one_way_is_normal),
    };
    world_filter();
    return cmocka_run_group_tests_name("simulation: what must not last", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast a dead headend's next hop is taken out, over many seeds, and what must not be taken for a death: traffic one
 * way only, lost probes, delays that jump, the machine's own pauses. Traffic is what the kernel would report of it: ten
 * times a second and direction while there is any, at phases drawn from the seed.
 */
#include "tests/sim/two_ways.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- how fast ---- */

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static int64_t time_out(uint64_t seed, int64_t delay_us, bool both_ways, bool icmp)
{
    struct world *w = two_ways_up(seed, delay_us, both_ways, true);
    world_check(w, !two_ways_silent(w) && !two_ways_told_dead(w));
    two_ways_cut(w, icmp);
    world_check(w, world_run_until(w, two_ways_told_dead, MONO_S(10)));
    world_check(w, two_ways_silent(w));
    int64_t took = mono_since(w->now, two_ways_cut_at);
    world_free(w);
    return took;
}

struct speed {
    const char *name;
    int64_t delay_ms;
    bool both_ways, icmp;
    int64_t most_ms;
};

/* From the cut, in the middle between both, to the request that takes the tunnel out. */
static const struct speed speeds[] = {
    { "0 ms of round trip, silent", 0, true, false, 700 },
    { "0 ms of round trip, ICMP", 0, true, true, 480 },
    { "0 ms of round trip, one way before", 0, false, false, 1700 },
    { "160 ms of round trip, silent", 80, true, false, 950 },
    { "160 ms of round trip, ICMP", 80, true, true, 950 },
    { "160 ms of round trip, one way before", 80, false, false, 2100 },
};

static void test_speed(void **state)
{
    (void)state;
    enum { RUNS = 300 };
    static int64_t took[RUNS];
    for (size_t i = 0; i < sizeof speeds / sizeof *speeds; i++) {
        const struct speed *s = &speeds[i];
        int64_t delay_us = s->delay_ms ? MONO_MS(s->delay_ms) : 500;
        for (size_t run = 0; run < RUNS; run++)
            took[run] = time_out(world_seed(5000 + run), delay_us, s->both_ways, s->icmp);
        qsort(took, RUNS, sizeof *took, compare);
        print_message("%-38s next hop out after: least %lld, median %lld, 99 %% %lld, worst %lld ms\n", s->name, (long long)took[0] / 1000,
                      (long long)took[RUNS / 2] / 1000, (long long)took[RUNS * 99 / 100] / 1000, (long long)took[RUNS - 1] / 1000);
        assert_true(took[RUNS - 1] <= MONO_MS(s->most_ms));
    }
}

/* ---- what is no death ---- */

static unsigned alarms;

static void watch(struct world *w)
{
    if (two_ways_silent(w) || two_ways_told_dead(w))
        alarms++;
    world_at(w, MONO_MS(20), watch);
}

static unsigned probes_in(struct world *w, int64_t us)
{
    unsigned before = w->network.kinds[NEAR][MESSAGE_INFO];
    world_run(w, us);
    return w->network.kinds[NEAR][MESSAGE_INFO] - before;
}

static void test_one_way_costs_a_probe_a_second(void **state)
{
    (void)state;
    static const int64_t delays_us[] = { 500, MONO_MS(80), MONO_MS(150) };
    for (size_t i = 0; i < 3; i++)
        for (int both = 0; both < 2; both++) {
            struct world *w = two_ways_up(77, delays_us[i], both, true);
            alarms = 0;
            watch(w);
            unsigned probes = probes_in(w, MONO_S(300)); /* and answers to the headend's own */
            print_message("%s: %u probes in 300 s\n", w->what, probes);
            world_check(w, alarms == 0);
            world_check(w, probes <= (both ? 65U : 302U) && probes >= (both ? 25U : 200U));
            world_free(w);
        }
}

/* Nothing to do: dead peer detection's own delay, and no more. */
static void test_idle(void **state)
{
    (void)state;
    struct world *w = two_ways_up(78, MONO_MS(20), true, true);
    two_ways_traffic.stopped = true;
    unsigned delay = w->ends[NEAR].conf.conns[0].dpd_delay, probes = probes_in(w, MONO_S(300));
    world_check(w, probes <= 300 / delay + 1);
    world_free(w);
}

static void jitter(struct world *w, const struct datagram *d, struct fate *fate)
{
    (void)d;
    fate->delay_us += (int64_t)(world_chance(w) * (double)MONO_MS(30));
}

static void no_alarm(uint64_t seed, int64_t delay_us, bool both_ways)
{
    struct world *w = two_ways_up(seed, delay_us, both_ways, true);
    snprintf(w->what + strlen(w->what), 60, ", 10 %% lost, all late by 0 to 30 ms");
    w->network.loss = 0.10;
    w->network.hook = jitter;
    alarms = 0;
    watch(w);
    world_run(w, MONO_S(180));
    world_check(w, alarms == 0);
    world_free(w);
}

static void test_loss(void **state)
{
    (void)state;
    static const int64_t delays_us[] = { 500, MONO_MS(80) };
    unsigned runs = 0;
    for (size_t i = 0; i < 2; i++)
        for (int both = 0; both < 2; both++)
            for (uint64_t seed = 1; seed <= 20; seed++, runs++)
                no_alarm(world_seed(900 + seed), delays_us[i], both);
    print_message("%u runs of 180 s with 10 %% of loss and up to 60 ms of jitter: no false alarm\n", runs);
}

static unsigned turns;

static void jump(struct world *w)
{
    static const int64_t ways_us[] = { 500, MONO_MS(80), MONO_MS(10), MONO_MS(150), 500 };
    w->network.delay_us = ways_us[turns++ % 5];
    world_at(w, MONO_S(7), jump);
}

/* The round trip rises from one moment to the next, as with another path or a queue that fills. */
static void test_delay_jumps(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++)
        for (int both = 0; both < 2; both++) {
            struct world *w = two_ways_up(world_seed(300 + seed), 500, both, true);
            alarms = turns = 0;
            jump(w);
            watch(w);
            world_run(w, MONO_S(120));
            world_check(w, alarms == 0);
            world_free(w);
        }
}

/* A headend that took seconds to answer when it began is as fast as others later, and so is what is made of its silence. */
static void slow_at_first(struct world *w, const struct datagram *d, struct fate *fate)
{
    if (d->from == FAR && d->kind == MESSAGE_INFO && mono_since(w->now, w->began) < MONO_S(4))
        fate->delay_us += MONO_MS(1500);
}

static void test_slow_start(void **state)
{
    (void)state;
    struct world *w = two_ways_new(83, MONO_MS(1), true);
    w->network.hook = slow_at_first;
    world_start_both(w);
    world_run(w, MONO_S(8));
    two_ways_give_other(w);
    two_ways_report_out(w);
    two_ways_report_in(w);
    world_run(w, MONO_S(25));
    world_check(w, !two_ways_silent(w) && !two_ways_told_dead(w));
    two_ways_cut(w, false);
    world_check(w, world_run_until(w, two_ways_told_dead, MONO_MS(700)));
    world_free(w);
}

/* A round trip of a second, and two probes of three lost: still heard. */
static void test_satellite(void **state)
{
    (void)state;
    struct world *w = two_ways_up(79, MONO_MS(500), false, true);
    alarms = 0;
    watch(w);
    world_run(w, MONO_S(60));
    w->network.loss = 0.10;
    world_run(w, MONO_S(60));
    world_check(w, alarms == 0);
    world_free(w);
}

/* ---- the last one ---- */

/* Out of the routes later than where there is another way, and not at all when it answers before that. */
static void test_last_one_stays_longer(void **state)
{
    (void)state;
    for (int64_t gone_ms = 800; gone_ms <= 6000; gone_ms += 400) {
        struct world *w = two_ways_up(80, MONO_MS(20), true, false);
        snprintf(w->what, sizeof w->what, "the last one is gone for %lld ms", (long long)gone_ms);
        two_ways_cut(w, false);
        world_run(w, MONO_MS(gone_ms));
        world_check(w, two_ways_silent(w));
        bool dead = two_ways_told_dead(w);
        world_check(w, dead == (gone_ms > 2600) || (gone_ms >= 2400 && gone_ms <= 2800));
        w->network.cut = false;
        two_ways_traffic.last_in = MONO_NEVER;
        world_run(w, MONO_S(3));
        world_check(w, !two_ways_silent(w) && !two_ways_told_dead(w));
        world_free(w);
    }
}

/* Two fall silent at once: one goes, the other stays for a while; and it goes at once when the first is back. */
static void test_better_way_comes_back(void **state)
{
    (void)state;
    struct world *w = two_ways_up(81, MONO_MS(20), true, true);
    struct ike *ike = w->ends[NEAR].ike;
    ike->tunnels[1].state = IKE_STATE_CONNECTING;
    tunnel_tell_alive(ike, &ike->tunnels[1]);
    world_drain(w, NEAR);
    two_ways_cut(w, false);
    world_check(w, world_run_until(w, two_ways_silent, MONO_S(2)));
    world_check(w, !two_ways_told_dead(w));
    ike->tunnels[1].state = IKE_STATE_UP;
    tunnel_tell_alive(ike, &ike->tunnels[1]);
    world_drain(w, NEAR);
    world_check(w, two_ways_told_dead(w) && w->ends[NEAR].plane.alive[1]);
    world_free(w);
}

/* ---- without an ISAKMP SA ---- */

/* The headend took the ISAKMP SA down and died: nobody can be probed, and the IPsec SAs look as if they lived. */
static void test_no_sa_to_ask_under(void **state)
{
    (void)state;
    struct world *w = two_ways_up(82, MONO_MS(20), false, true);
    struct ike *ike = w->ends[NEAR].ike;
    for (size_t i = 0; i < PEER_SAS_MAX; i++)
        peer_sa_free(&ike->peers[0].sa[i]);
    two_ways_cut(w, false);
    peer_drive(ike, &ike->peers[0]);
    world_drain(w, NEAR);
    world_check(w, world_run_until(w, two_ways_told_dead, MONO_S(5)));
    world_check(w, two_ways_silent(w));
    w->network.cut = false;
    world_check(w, world_run_until(w, world_up, MONO_S(10)));
    world_run(w, MONO_S(5));
    world_check(w, !two_ways_silent(w) && !two_ways_told_dead(w));
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_speed),
        cmocka_unit_test(test_one_way_costs_a_probe_a_second),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_loss),
        cmocka_unit_test(test_delay_jumps),
        cmocka_unit_test(test_satellite),
        cmocka_unit_test(test_slow_start),
        cmocka_unit_test(test_last_one_stays_longer),
        cmocka_unit_test(test_better_way_comes_back),
        cmocka_unit_test(test_no_sa_to_ask_under),
    };
    world_filter();
    return cmocka_run_group_tests_name("simulation: does the headend live", tests, NULL, NULL);
}

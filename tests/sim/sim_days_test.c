/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thirty days of rekeying, both ends at it, with collisions forced now and then: at no instant is the tunnel without
 * a usable pair both ways, no more than two pairs stay for longer than a minute, the packets are few and memory does
 * not grow. The long runs, with traffic told ten times a second, are made when MINICPE_LONG=1.
 */
#include "tests/sim/world.h"

#include <malloc.h>
#include <stdio.h>

static const char lifetimes[] = "\tike=aes256-sha2_256;dh19\n\tphase2alg=aes_gcm256;dh19\n\tikelifetime=28800s\n\tsalifetime=3600s\n";

enum { DAY = 86400 };

/* Both ends are told to rekey at the same time, or half a round trip apart: both phases at once. */
static void force_far(struct world *w)
{
    world_command(w, FAR, IKE_COMMAND_REKEY, 0);
}

static void force(struct world *w)
{
    static const int64_t apart_ms[] = { 0, 5, 20, 21, 40, 60, 100, 300 };
    world_command(w, NEAR, IKE_COMMAND_REKEY, 0);
    world_at(w, MONO_MS(apart_ms[world_random(w) % (sizeof apart_ms / sizeof *apart_ms)]), force_far);
    world_at(w, MONO_S(5 * 3600) + (int64_t)(world_random(w) % 3600) * 1000000, force);
}

static void watch_crowd(struct world *w)
{
    for (int end = 0; end < ENDS; end++)
        world_check(w, w->ends[end].plane.crowded_us <= MONO_S(60));
    world_at(w, MONO_S(60), watch_crowd);
}

static size_t memory(void)
{
    return mallinfo2().uordblks;
}

struct run {
    const char *name;
    double loss;
    int64_t traffic_us;
    const char *near, *far;
    bool forced;
    unsigned days;
};

static void run_days(const struct run *run)
{
    struct options o = { .common = lifetimes, .nat = NAT_STATIC, .extra = { run->near, run->far } };
    struct world *w = world_new(&o);
    snprintf(w->what, sizeof w->what, "%s", run->name);
    w->traffic_us = run->traffic_us;
    world_start_both(w);
    world_check(w, world_run_until(w, world_up, MONO_S(30)));
    w->network.loss = run->loss;
    flow_count_from_now(w);
    world_at(w, MONO_S(60), watch_crowd);
    if (run->forced)
        world_at(w, MONO_S(3600), force);
    world_run(w, MONO_S(2 * 3600));
    size_t before = memory(), after = 0;
    for (unsigned day = 0; day < run->days; day++) {
        world_run(w, MONO_S(DAY));
        world_check(w, flow_lost(w) == 0);
        world_check(w, world_up(w));
    }
    after = memory();
    const struct network *n = &w->network;
    unsigned mains = 0, quick = 0;
    for (int end = 0; end < ENDS; end++) {
        mains += n->kinds[end][MESSAGE_MM1];
        quick += n->kinds[end][MESSAGE_QM1];
    }
    print_message("%-36s %u days: %llu lost, %u Main Modes, %u Quick Modes, %u + %u datagrams, most pairs %u and %u, more than two for %.1f s at most\n",
                  run->name, run->days, (unsigned long long)flow_lost(w), mains, quick, n->sent[NEAR], n->sent[FAR],
                  w->ends[NEAR].plane.most_pairs, w->ends[FAR].plane.most_pairs,
                  (double)(w->ends[NEAR].plane.crowded_us > w->ends[FAR].plane.crowded_us ? w->ends[NEAR].plane.crowded_us
                                                                                       : w->ends[FAR].plane.crowded_us) / 1e6);
    world_check(w, after <= before + 4096);
    world_check(w, quick <= run->days * 24 * 4 && mains <= run->days * 3 * 4 + run->days * 10);
    world_free(w);
}

static void test_days(void **state)
{
    (void)state;
    static const struct run runs[] = {
        { "good link, both rekey", 0, 0, NULL, "\tauto=start\n", false, 30 },
        { "good link, forced collisions", 0, 0, NULL, "\tauto=start\n", true, 30 },
        { "10% loss, both rekey", 0.10, 0, NULL, "\tauto=start\n", false, 30 },
        { "10% loss, forced collisions", 0.10, 0, NULL, "\tauto=start\n", true, 30 },
        { "10% loss, the CPE alone rekeys", 0.10, 0, NULL, NULL, false, 30 },
    };
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
        run_days(&runs[i]);
}

static void test_days_with_traffic(void **state)
{
    (void)state;
    static const struct run runs[] = {
        { "traffic, good link, collisions", 0, MONO_MS(100), NULL, "\tauto=start\n", true, 30 },
        { "traffic, 10% loss, collisions", 0.10, MONO_MS(100), NULL, "\tauto=start\n", true, 30 },
    };
    if (!getenv("MINICPE_LONG"))
        skip();
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
        run_days(&runs[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days),
        cmocka_unit_test(test_days_with_traffic),
    };
    world_filter();
    return cmocka_run_group_tests_name("simulation: thirty days", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a tunnel again and again, and each time another request to the data plane is refused, at either end, with
 * either end rekeying: start, rekey of both phases, down and up, stop. The tunnel is up again within a short time, a rekey
 * loses no packet, or what one to two seconds carry where the responder's outbound SA is refused after the initiator has
 * left the old pair, and no SA stays but the one whose removal was refused.
 */
#include "tests/sim/world.h"

#include <stdio.h>

#define ECP "\tike=aes256-sha2_256;dh19\n\tphase2alg=aes_gcm256;dh19\n\tikelifetime=28800s\n\tsalifetime=3600s\n"

static struct world *begin(int end, int starter, unsigned n)
{
    struct options o = { .common = ECP, .nat = NAT_STATIC };
    struct world *w = world_new(&o);
    snprintf(w->what, sizeof w->what, "request %u of %s is refused, %s rekeys", n, end == NEAR ? "the CPE" : "the headend",
             starter == NEAR ? "the CPE" : "the headend");
    w->ends[end].plane.fail_at = n;
    world_start_both(w);
    return w;
}

static size_t count(const struct world *w, int end)
{
    return plane_count(w, end, DP_IN, 0) + plane_count(w, end, DP_OUT, 0);
}

/* What refused removals leave goes by its lifetime, as in a kernel. */
static void live(struct world *w, int end, int starter)
{
    world_check(w, world_run_until(w, world_up, MONO_S(60)));
    world_run(w, MONO_S(60));
    flow_count_from_now(w);
    for (int i = 0; i < 3; i++) {
        world_command(w, starter, IKE_COMMAND_REKEY, 0);
        world_run(w, MONO_S(90));
    }
    world_check(w, flow_lost(w) <= (end == starter ? 0 : MONO_S(2) / PACKET_EVERY_US));
    world_check(w, world_up(w));
    world_check(w, count(w, NEAR) <= 4 && count(w, FAR) <= 4 && count(w, !end) <= 3);
    world_command(w, starter, IKE_COMMAND_DOWN, 0);
    world_run(w, MONO_S(20));
    world_command(w, starter, IKE_COMMAND_UP, 0);
    world_check(w, world_run_until(w, world_up, MONO_S(60)));
    world_run(w, MONO_S(60));
    world_stop(w, starter);
    world_run(w, MONO_S(5));
    world_check(w, count(w, starter) <= 1);
}

static void every_request(void **state)
{
    (void)state;
    unsigned cases = 0;
    for (int end = 0; end < ENDS; end++)
        for (int starter = 0; starter < ENDS; starter++)
            for (unsigned n = 1, most = 1; n <= most; n++, cases++) {
                struct world *w = begin(end, starter, n);
                live(w, end, starter);
                most = w->ends[end].plane.requests > n ? w->ends[end].plane.requests : n;
                world_free(w);
            }
    print_message("%u lives with a refused request\n", cases);
    assert_true(cases > 60);
}

/* A moment, longer than patience with silence, longer than what is left of the IPsec SA, longer than everything lives. */
static void a_machine_that_sleeps(void **state)
{
    (void)state;
    static const int64_t naps[] = { 3, 20, 120, 1800, 3500, 2 * 3600, 9 * 3600, 3 * 86400 };
    for (int end = 0; end < ENDS; end++)
        for (size_t i = 0; i < sizeof naps / sizeof *naps; i++) {
            struct options o = { .common = ECP, .nat = NAT_STATIC };
            struct world *w = world_new(&o);
            snprintf(w->what, sizeof w->what, "%s sleeps for %lld s", end == NEAR ? "the CPE" : "the headend", (long long)naps[i]);
            world_start_both(w);
            world_check(w, world_run_until(w, world_up, MONO_S(5)));
            world_run(w, MONO_S(300));
            w->ends[end].asleep = true;
            world_run(w, MONO_S(naps[i]));
            w->ends[end].asleep = false;
            struct mono woke = w->now;
            world_check(w, world_run_until(w, world_up, MONO_S(75)));
            print_message("%s: up again after %.1f s\n", w->what, (double)mono_since(w->now, woke) / 1e6);
            world_run(w, MONO_S(120));
            world_check(w, world_up(w) && count(w, NEAR) == 2 && count(w, FAR) == 2);
            world_free(w);
        }
}

int main(void)
{
    world_filter();
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_request), cmocka_unit_test(a_machine_that_sleeps) };
    return cmocka_run_group_tests_name("sim: each request to the data plane refused", tests, NULL, NULL);
}

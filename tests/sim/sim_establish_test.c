/* SPDX-License-Identifier: Apache-2.0 */
/* Two engines bring the tutorial's tunnel up: NAT or none, encapsulation forced or found out, one starting or both. */
#include "tests/sim/world.h"

#include <stdio.h>

static const char *const encapsulation[] = { "\tencapsulation=yes\n", "\tencapsulation=auto\n", "\tencapsulation=no\n" };
static const char *const nat_names[] = { "no NAT", "an address NAT", "a NAT with ports" };

static struct world *establish(const char *common, enum nat nat, const char *far)
{
    struct options o = { .common = common, .nat = nat, .extra = { NULL, far } };
    struct world *w = world_new(&o);
    snprintf(w->what, sizeof w->what, "%s, %s, far %s", common, nat_names[nat], far ? far : "waits");
    for (char *c = w->what; *c; c++)
        *c = *c < 0x20 ? ' ' : *c;
    world_start_both(w);
    world_check(w, world_run_until(w, world_up, MONO_S(5)));
    return w;
}

static void check_agreement(struct world *w)
{
    world_run(w, MONO_S(60)); /* beyond every overlap of a collision */
    struct ike_status near = world_status(w, NEAR, 0), far = world_status(w, FAR, 0);
    world_check(w, world_up(w));
    world_check(w, near.spi_in == far.spi_out && near.spi_out == far.spi_in);
    world_check(w, plane_count(w, NEAR, DP_IN, 0) == 1 && plane_count(w, NEAR, DP_OUT, 0) == 1);
    world_check(w, plane_count(w, FAR, DP_IN, 0) == 1 && plane_count(w, FAR, DP_OUT, 0) == 1);
    world_check(w, near.isakmp_up && far.isakmp_up && near.initiator != far.initiator);
    world_check(w, near.encapsulated == far.encapsulated);
}

static void test_tutorial(void **state)
{
    (void)state;
    for (size_t e = 0; e < 2; e++)
        for (int nat = NAT_NONE; nat <= NAT_PORTS; nat++) {
            struct world *w = establish(encapsulation[e], (enum nat)nat, NULL);
            print_message("%-24s %-18s up after %lld ms of simulated time\n", e ? "encapsulation=auto" : "encapsulation=yes", nat_names[nat],
                          (long long)(w->now.us - w->began.us) / 1000);
            world_check(w, world_status(w, NEAR, 0).encapsulated == (e == 0 || nat != NAT_NONE));
            check_agreement(w);
            world_free(w);
        }
}

static void test_both_start(void **state)
{
    (void)state;
    for (size_t e = 0; e < 2; e++)
        for (int nat = NAT_NONE; nat <= NAT_STATIC; nat++) {
            struct world *w = establish(encapsulation[e], (enum nat)nat, "\tauto=start\n");
            check_agreement(w);
            world_free(w);
        }
}

static void test_headend_starts(void **state)
{
    (void)state;
    for (size_t e = 0; e < 2; e++)
        for (int nat = NAT_NONE; nat <= NAT_STATIC; nat++) {
            struct options o = { .common = encapsulation[e], .nat = (enum nat)nat, .extra = { "\tauto=add\n", "\tauto=start\n" } };
            struct world *w = world_new(&o);
            world_start_both(w);
            world_check(w, world_run_until(w, world_up, MONO_S(5)));
            check_agreement(w);
            world_free(w);
        }
}

static void test_no_encapsulation(void **state)
{
    (void)state;
    struct world *w = establish(encapsulation[2], NAT_NONE, NULL);
    world_check(w, !world_status(w, NEAR, 0).encapsulated);
    check_agreement(w);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tutorial),
        cmocka_unit_test(test_both_start),
        cmocka_unit_test(test_headend_starts),
        cmocka_unit_test(test_no_encapsulation),
    };
    world_filter();
    return cmocka_run_group_tests_name("simulation: establishment", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A headend that comes back: when its tunnel counts again, how often it may go and come, and that it is left alone while
 * it is only held down.
 */
#include "tests/sim/two_ways.h"

/* ---- new pairs ---- */

static void lose_probes(struct world *w, const struct datagram *d, struct fate *fate)
{
    (void)w;
    fate->lost |= d->kind == MESSAGE_INFO;
}

static bool first_up(struct world *w) { return w->ends[NEAR].ike->tunnels[0].state == IKE_STATE_UP; }

/* Both ends begin at once, and the second pair is there before the first has been proven: the tunnel still comes to carry traffic. */
static void test_second_pair_unproven(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct world *w = two_ways_up(world_seed(450 + seed), MONO_MS(20), true, true);
        struct ike *ike = w->ends[NEAR].ike;
        world_command(w, NEAR, IKE_COMMAND_DOWN, 0);
        world_run(w, MONO_S(1));
        world_check(w, !w->ends[NEAR].plane.alive[0]);
        w->network.hook = lose_probes;
        world_command(w, NEAR, IKE_COMMAND_UP, 0);
        world_check(w, world_run_until(w, first_up, MONO_S(10)));
        world_check(w, ike->tunnels[0].unproven && !w->ends[NEAR].plane.alive[0]);
        unsigned installed = w->ends[NEAR].plane.installed;
        world_command(w, NEAR, IKE_COMMAND_REKEY, 0);
        world_run(w, MONO_MS(1500));
        world_check(w, w->ends[NEAR].plane.installed >= installed + 2);
        w->network.hook = NULL;
        world_run(w, MONO_S(3));
        world_check(w, first_up(w) && w->ends[NEAR].plane.alive[0] && w->ends[NEAR].plane.alive[1]);
        world_free(w);
    }
}

/* ---- flapping ---- */

static unsigned changes;
static bool was_dead;

static void count_changes(struct world *w)
{
    changes += two_ways_told_dead(w) != was_dead;
    was_dead = two_ways_told_dead(w);
    world_at(w, MONO_MS(5), count_changes);
}

static void toggle(struct world *w)
{
    w->network.cut = !w->network.cut;
    two_ways_traffic.last_in = w->network.cut ? mono_after(w->now, w->network.delay_us) : MONO_NEVER;
    world_at(w, MONO_S(2), toggle);
}

static void test_flapping(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world *w = two_ways_up(world_seed(400 + seed), MONO_MS(20), true, true);
        changes = 0;
        was_dead = false;
        count_changes(w);
        toggle(w);
        world_run(w, MONO_S(60));
        world_check(w, changes >= 2 && changes <= 14);
        world_free(w);
    }
}

/* After many flaps a headend that is back is held down for half a minute: it is asked, and otherwise left alone. */
static void test_held_down(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct world *w = two_ways_up(world_seed(430 + seed), MONO_MS(20), true, true);
        struct peer *peer = &w->ends[NEAR].ike->peers[0];
        peer->flaps = 8;
        peer->flap_at = w->now;
        two_ways_cut(w, false);
        world_check(w, world_run_until(w, two_ways_told_dead, MONO_S(5)));
        world_run(w, MONO_S(3));
        w->network.cut = false;
        world_run(w, MONO_S(3));
        world_check(w, two_ways_silent(w) && two_ways_told_dead(w));
        world_check(w, peer->hold_told);
        unsigned main_modes = w->network.kinds[NEAR][MESSAGE_MM1], pairs = w->ends[NEAR].plane.installed;
        world_run(w, MONO_S(20));
        world_check(w, two_ways_silent(w) && w->network.kinds[NEAR][MESSAGE_MM1] == main_modes && w->ends[NEAR].plane.installed == pairs);
        world_run(w, MONO_S(10));
        world_check(w, !two_ways_silent(w) && !two_ways_told_dead(w));
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_second_pair_unproven),
        cmocka_unit_test(test_flapping),
        cmocka_unit_test(test_held_down),
    };
    world_filter();
    return cmocka_run_group_tests_name("simulation: a headend comes back", tests, NULL, NULL);
}

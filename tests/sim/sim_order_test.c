/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is begun beside something else, and what is said only after it: Quick Mode beside Main Mode, probes beside Quick
 * Mode, the Delete for a pair that somebody took away.
 */
#include "tests/sim/world.h"

#include <stdio.h>

#define ECP "\tike=aes256-sha2_256;dh19\n\tphase2alg=aes_gcm256;dh19\n\tikelifetime=28800s\n\tsalifetime=3600s\n"

/* When the CPE sent the first of each kind; what gets lost, whoever sends it. */
static struct seen {
    struct mono at[MESSAGE_COUNT];
    bool lose[MESSAGE_COUNT];
} seen;

static void look(struct world *w, const struct datagram *d, struct fate *fate)
{
    if (d->from == NEAR && !seen.at[d->kind].us)
        seen.at[d->kind] = w->now;
    fate->lost |= seen.lose[d->kind];
}

static struct world *up(const char *name)
{
    struct options o = { .common = ECP, .nat = NAT_STATIC };
    struct world *w = world_new(&o);
    snprintf(w->what, sizeof w->what, "%s", name);
    world_settle(w, MONO_S(60));
    seen = (struct seen){ 0 };
    w->network.hook = look;
    return w;
}

static struct tunnel *tunnel(struct world *w) { return &w->ends[NEAR].ike->tunnels[0]; }

/* ---- Quick Mode beside Main Mode ---- */

/* Both phases at once: the new pair is made on the new ISAKMP SA, since some headends drop what is made on the old one. */
static void test_quick_after_main(void **state)
{
    (void)state;
    struct world *w = up("both phases are rekeyed");
    uint32_t before = child_current(tunnel(w))->serial;
    world_command(w, NEAR, IKE_COMMAND_REKEY, 0);
    world_run(w, MONO_S(1));
    const struct child *now = child_current(tunnel(w));
    world_check(w, now->serial != before && now->sa_serial == peer_sa_best(&w->ends[NEAR].ike->peers[0])->serial);
    world_check(w, seen.at[MESSAGE_QM1].us > seen.at[MESSAGE_MM5].us && seen.at[MESSAGE_MM5].us > 0);
    world_run(w, MONO_S(60));
    world_check(w, flow_lost(w) == 0);
    world_free(w);
}

/* Microseconds from the command to message 1 of Quick Mode. */
static int64_t quick_after(struct world *w)
{
    struct mono from = w->now;
    world_command(w, NEAR, IKE_COMMAND_REKEY, 0);
    world_run(w, MONO_S(5));
    world_check(w, seen.at[MESSAGE_MM1].us && seen.at[MESSAGE_QM1].us && flow_lost(w) == 0);
    return mono_since(seen.at[MESSAGE_QM1], from);
}

/* A Main Mode that does not get on keeps nobody waiting for long, and nobody at all whose keys end. */
static void test_quick_beside_lost_main(void **state)
{
    (void)state;
    struct world *w = up("Main Mode is not answered");
    seen.lose[MESSAGE_MM1] = true;
    int64_t us = quick_after(w);
    world_check(w, us >= MONO_MS(2900) && us <= MONO_MS(3100));
    world_free(w);
    w = up("Main Mode is not answered, and the pair ends");
    seen.lose[MESSAGE_MM1] = true;
    child_current(tunnel(w))->expires_at = mono_after(w->now, MONO_S(4));
    us = quick_after(w);
    world_check(w, us >= MONO_MS(900) && us <= MONO_MS(1100));
    world_free(w);
}

/* ---- SAs that are taken away ---- */

/* The headend is told about the old pair only when there is another: it may take down more than that. */
static void test_told_when_replaced(void **state)
{
    (void)state;
    for (int which = 1; which <= 3; which++) {
        struct world *w = up(which == 3 ? "both SAs are removed" : which == 1 ? "the inbound SA is removed" : "the outbound SA is removed");
        uint32_t spi = child_current(tunnel(w))->spi_in;
        if (which & 1)
            plane_gone(w, NEAR, DP_IN, 0);
        if (which & 2)
            plane_gone(w, NEAR, DP_OUT, 0);
        struct mono from = w->now;
        world_run(w, MONO_MS(1));
        world_check(w, child_find(tunnel(w), DP_IN, spi) && !child_current(tunnel(w)));
        world_check(w, world_run_until(w, world_up, MONO_MS(150)));
        print_message("%s: up again after %lld ms\n", w->what, (long long)mono_since(w->now, from) / 1000);
        world_run(w, MONO_S(1));
        world_check(w, seen.at[MESSAGE_QM3].us && seen.at[MESSAGE_INFO].us >= seen.at[MESSAGE_QM3].us);
        world_check(w, seen.at[MESSAGE_INFO].us && plane_count(w, FAR, DP_OUT, 0) == 1); /* the Delete has come */
        world_run(w, MONO_S(60));
        world_check(w, !child_find(tunnel(w), DP_IN, spi) && plane_count(w, FAR, DP_IN, 0) == 1);
        world_free(w);
    }
}

/* No new pair comes: then the headend is told all the same. */
static void test_told_in_the_end(void **state)
{
    (void)state;
    struct world *w = up("both SAs are removed, and Quick Mode is not answered");
    seen.lose[MESSAGE_QM1] = true;
    plane_gone(w, NEAR, DP_IN, 0);
    plane_gone(w, NEAR, DP_OUT, 0);
    world_run(w, MONO_S(9));
    world_check(w, plane_count(w, FAR, DP_IN, 0) == 1);
    world_run(w, MONO_S(15));
    world_check(w, plane_count(w, FAR, DP_IN, 0) == 0);
    seen.lose[MESSAGE_QM1] = false;
    world_check(w, world_run_until(w, world_up, MONO_S(20)));
    world_free(w);
}

/* ---- a replaced ISAKMP SA ---- */

/* The headend deletes the new one of two: the old one is not given up then, since some headends drop the pairs with it. */
static void test_replaced_stays(void **state)
{
    (void)state;
    struct world *w = up("the headend deletes the ISAKMP SA that replaced another");
    struct peer *near = &w->ends[NEAR].ike->peers[0], *far = &w->ends[FAR].ike->peers[0];
    uint32_t before = peer_sa_best(near)->serial;
    near->rekey_asked = true;
    ike_tick(w->ends[NEAR].ike, w->now);
    world_drain(w, NEAR);
    world_run(w, MONO_S(1));
    world_check(w, peer_sa_best(near)->serial != before);
    w->ends[FAR].ike->now = w->now;
    info_send_delete_sa(w->ends[FAR].ike, peer_sa_best(far));
    peer_sa_free(peer_sa_best(far));
    world_drain(w, FAR);
    unsigned mains = w->network.kinds[NEAR][MESSAGE_MM1];
    world_run(w, MONO_S(60));
    world_check(w, peer_sa_best(near) && peer_sa_best(near)->serial == before && w->network.kinds[NEAR][MESSAGE_MM1] == mains);
    world_check(w, flow_lost(w) == 0);
    world_free(w);
}

/* ---- probes beside Quick Mode ---- */

static bool silent(struct world *w) { return w->ends[NEAR].ike->peers[0].silent; }

/* A death is noticed in the same time, with two probes instead of many: each takes a place of the few that some remember. */
static void test_few_probes_beside_quick(void **state)
{
    (void)state;
    for (int open = 0; open < 2; open++) {
        struct world *w = up(open ? "a death while a Quick Mode is under way" : "a death");
        seen.lose[MESSAGE_QM2] = true;
        child_current(tunnel(w))->soft_expired = open;
        peer_drive(w->ends[NEAR].ike, &w->ends[NEAR].ike->peers[0]);
        world_drain(w, NEAR);
        world_run(w, MONO_MS(300));
        world_check(w, tunnel_quick_under_way(tunnel(w)) == open && !silent(w));
        w->network.cut = true;
        unsigned before = w->network.kinds[NEAR][MESSAGE_INFO];
        world_unreachable(w, NEAR);
        world_check(w, world_run_until(w, silent, MONO_MS(800)));
        unsigned probes = w->network.kinds[NEAR][MESSAGE_INFO] - before;
        world_check(w, open ? probes == 2 : probes >= 8);
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quick_after_main),   cmocka_unit_test(test_quick_beside_lost_main),
        cmocka_unit_test(test_told_when_replaced), cmocka_unit_test(test_told_in_the_end),
        cmocka_unit_test(test_few_probes_beside_quick), cmocka_unit_test(test_replaced_stays),
    };
    world_filter();
    return cmocka_run_group_tests_name("simulation: what waits for what", tests, NULL, NULL);
}

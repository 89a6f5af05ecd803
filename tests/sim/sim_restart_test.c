/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends that die and come back, paths that change: a restart at every message boundary, a takeover of what an engine
 * before left in the kernel, dead peers, routes lost, addresses and NAT mappings changed.
 */
#include "tests/sim/world.h"

#include <stdio.h>

#define ECP "\tike=aes256-sha2_256;dh19\n\tphase2alg=aes_gcm256;dh19\n\tikelifetime=28800s\n\tsalifetime=3600s\n"

static const char *const names[ENDS] = { "the CPE", "the headend" };

static struct world *prepared(const char *common, const char *far, enum nat nat, bool traffic)
{
    struct options o = { .common = common, .nat = nat, .extra = { NULL, far } };
    struct world *w = world_new(&o);
    w->traffic_us = traffic ? MONO_MS(100) : 0;
    return w;
}

static struct world *up(const char *name, const char *common, const char *far, enum nat nat, bool traffic)
{
    struct world *w = prepared(common, far, nat, traffic);
    snprintf(w->what, sizeof w->what, "%s, %s", name, traffic ? "with traffic" : "idle");
    world_start_both(w);
    world_check(w, world_run_until(w, world_up, MONO_S(10)));
    world_run(w, MONO_S(60));
    flow_count_from_now(w);
    return w;
}

static void check_one_pair(struct world *w)
{
    struct ike_status near = world_status(w, NEAR, 0), far = world_status(w, FAR, 0);
    world_check(w, world_up(w));
    world_check(w, near.spi_in == far.spi_out && near.spi_out == far.spi_in);
    for (int end = 0; end < ENDS; end++) {
        world_check(w, plane_count(w, end, DP_IN, 0) == 1 && plane_count(w, end, DP_OUT, 0) == 1);
        world_check(w, w->ends[end].plane.alive[0]);
    }
}

/* ---- restart at every message boundary ---- */

struct death {
    enum message kind;          /* with the first of them it dies */
    int end;
    bool lost, done;            /* the message with it */
    int64_t pause_us;
};

static struct death death;

static void revive(struct world *w)
{
    world_start(w, death.end);
}

static void die(struct world *w)
{
    world_kill(w, death.end, false);
    world_at(w, death.pause_us, revive);
}

static void await_death(struct world *w, const struct datagram *d, struct fate *fate)
{
    if (d->kind != death.kind || death.done)
        return;
    death.done = true;
    fate->lost = death.lost;
    world_at(w, 0, die);
}

static bool up_again(struct world *w)
{
    return death.done && w->ends[death.end].ike && world_up(w);
}

static int64_t restart(const char *common, const char *far, enum message kind, int end, bool lost, int64_t pause_us)
{
    death = (struct death){ .kind = kind, .end = end, .lost = lost, .pause_us = pause_us };
    struct world *w = prepared(common, far, NAT_STATIC, true);
    snprintf(w->what, sizeof w->what, "%s dies with %s%s for %lld ms, the headend %s", names[end], message_names[kind], lost ? " lost" : "",
             (long long)pause_us / 1000, far ? "starts too" : "waits");
    w->network.hook = await_death;
    world_start_both(w);
    world_check(w, world_run_until(w, up_again, MONO_S(60)));
    int64_t took = mono_since(w->now, w->began) - pause_us;
    world_check(w, took < MONO_S(15));
    world_run(w, MONO_S(120));
    check_one_pair(w);
    world_free(w);
    return took;
}

static void test_every_boundary(void **state)
{
    (void)state;
    static const int64_t pauses_ms[] = { 0, 300, 3000, 20000 };
    static const char *const commons[] = { ECP "\tinitial-contact=yes\n", ECP "\tinitial-contact=no\n" };
    static const char *const fars[] = { NULL, "\tauto=start\n" };
    for (size_t c = 0; c < 2; c++) {
        int64_t longest = 0;
        unsigned runs = 0;
        for (size_t far = 0; far < 2; far++)
            for (enum message kind = MESSAGE_MM1; kind <= MESSAGE_QM3; kind++)
                for (size_t i = 0; i < 4; i++)
                    for (int variant = 0; variant < 4; variant++, runs++) {
                        int64_t took = restart(commons[c], fars[far], kind, variant & 1, variant & 2, MONO_MS(pauses_ms[i]));
                        longest = took > longest ? took : longest;
                    }
        print_message("%s INITIAL-CONTACT: %u restarts, up again within %.2f s at most\n", c ? "without" : "with", runs, (double)longest / 1e6);
    }
}

static void test_restart_when_up(void **state)
{
    (void)state;
    for (int end = 0; end < ENDS; end++)
        for (int variant = 0; variant < 8; variant++) {
            bool traffic = variant & 1, contact = variant & 2;
            struct world *w = up("restart when up", contact ? ECP "\tinitial-contact=yes\n" : ECP "\tinitial-contact=no\n",
                                 variant & 4 ? "\tauto=start\n" : NULL, NAT_STATIC, traffic);
            snprintf(w->what + strlen(w->what), 60, ", %s, %s contact, variant %d", names[end], contact ? "initial" : "no", variant);
            world_kill(w, end, false);
            world_run(w, MONO_S(2));
            world_start(w, end);
            struct mono from = w->now;
            world_check(w, world_run_until(w, world_up, MONO_S(30)));
            print_message("%s restarts, %s, %s, headend %s: up after %.2f s\n", names[end], traffic ? "traffic" : "idle   ",
                          contact ? "INITIAL-CONTACT" : "none           ", variant & 4 ? "starts" : "waits ",
                          (double)mono_since(w->now, from) / 1e6);
            world_check(w, !traffic || mono_since(w->now, from) < MONO_S(5));
            world_run(w, MONO_S(120));
            check_one_pair(w);
            world_free(w);
        }
}

/* ---- an engine dies, the kernel's SAs live ---- */

/* INITIAL-CONTACT came with one of the ISAKMP SAs that this end has. */
static bool contact_said_to(const struct world *w, int end)
{
    for (size_t i = 0; i < PEER_SAS_MAX; i++)
        if (w->ends[end].ike->peers[0].sa[i].up && w->ends[end].ike->peers[0].sa[i].initial_contact)
            return true;
    return false;
}

static void test_takeover(void **state)
{
    (void)state;
    for (int end = 0; end < ENDS; end++)
        for (int traffic = 0; traffic < 2; traffic++) {
            struct world *w = up("takeover", ECP, end == FAR ? "\tauto=start\n" : NULL, NAT_STATIC, traffic);
            world_check(w, end == FAR || contact_said_to(w, FAR));
            world_kill(w, end, true);
            world_run(w, MONO_MS(300));
            world_start(w, end);
            world_run(w, MONO_S(120));
            check_one_pair(w);
            world_check(w, !contact_said_to(w, !end)); /* its SAs of before still carried traffic */
            world_check(w, flow_lost(w) == 0);
            world_free(w);
        }
}

/* A process that dies again and again before its stragglers have gone: each time a new pair finds a place. */
static void test_takeover_again_and_again(void **state)
{
    (void)state;
    for (int end = 0; end < ENDS; end++) {
        struct world *w = up("takeover again and again", ECP, end == FAR ? "\tauto=start\n" : NULL, NAT_STATIC, false);
        for (int i = 0; i < 12; i++) {
            uint32_t spi = plane_newest(w, end, DP_IN, 0)->sa.spi;
            world_kill(w, end, true);
            world_run(w, MONO_MS(300));
            world_start(w, end);
            world_run(w, MONO_S(5));
            world_check(w, world_up(w) && plane_newest(w, end, DP_IN, 0)->sa.spi != spi);
        }
        world_run(w, MONO_S(120));
        check_one_pair(w);
        world_free(w);
    }
}

/* The same while the peer is away: what was held still goes when it is known to be dead. */
static void test_takeover_of_nothing(void **state)
{
    (void)state;
    struct world *w = up("takeover, the headend gone", ECP, NULL, NAT_STATIC, true);
    world_kill(w, NEAR, true);
    world_kill(w, FAR, false);
    world_start(w, NEAR);
    world_run(w, MONO_S(40));
    world_start(w, FAR);
    world_check(w, world_run_until(w, world_up, MONO_S(15)));
    world_run(w, MONO_S(120));
    check_one_pair(w);
    world_free(w);
}

/* ---- dead peer detection ---- */

static bool near_not_alive(struct world *w) { return !w->ends[NEAR].plane.alive[0]; }
static bool near_silent(struct world *w) { return w->ends[NEAR].ike->peers[0].silent; }
static bool near_has_nothing(struct world *w) { return w->ends[NEAR].plane.count == 0; }

static void test_dead_and_back(void **state)
{
    (void)state;
    for (int variant = 0; variant < 4; variant++) {
        bool traffic = variant & 1;
        struct world *w = up("the network is cut for 5 minutes", ECP, variant & 2 ? "\tauto=start\n" : NULL, NAT_STATIC, traffic);
        struct mono from = w->now;
        unsigned sent = w->network.sent[NEAR];
        w->network.cut = true;
        flow_outbound(w, FAR, true);
        flow_outbound(w, NEAR, true);
        world_check(w, world_run_until(w, near_silent, MONO_S(40)));
        int64_t noticed = mono_since(w->now, from);
        world_check(w, !near_not_alive(w)); /* the only tunnel is held on to for a while */
        world_check(w, world_run_until(w, near_not_alive, MONO_S(3)));
        world_check(w, world_run_until(w, near_has_nothing, MONO_S(60)));
        int64_t dead = mono_since(w->now, from);
        world_run(w, MONO_S(300));
        world_check(w, w->ends[NEAR].notices[IKE_CAUSE_PEER_DEAD] + w->ends[NEAR].notices[IKE_CAUSE_NO_ANSWER] > 0);
        world_check(w, w->network.sent[NEAR] - sent < 300);
        w->network.cut = false;
        from = w->now;
        flow_outbound(w, NEAR, true);
        world_check(w, world_run_until(w, world_up, MONO_S(10)));
        print_message("cut, %s: noticed after %.2f s, dead after %.1f s, up %.2f s after the cut ended\n", traffic ? "traffic" : "idle",
                      (double)noticed / 1e6, (double)dead / 1e6, (double)mono_since(w->now, from) / 1e6);
        world_check(w, !traffic || noticed < MONO_S(1));
        world_check(w, dead <= MONO_S(31));
        world_run(w, MONO_S(120));
        check_one_pair(w);
        world_free(w);
    }
}

/* A cut that is shorter than dpdtimeout: the same pair goes on, nothing is torn down. */
static void test_short_cut(void **state)
{
    (void)state;
    for (int traffic = 0; traffic < 2; traffic++)
        for (int64_t ms = 100; ms <= 1400; ms += 100) {
            struct world *w = up("the network is cut for a moment", ECP, NULL, NAT_STATIC, traffic);
            uint32_t spi = world_status(w, NEAR, 0).spi_in;
            w->network.cut = true;
            flow_outbound(w, FAR, true);
            flow_outbound(w, NEAR, true);
            world_run(w, MONO_MS(ms));
            w->network.cut = false;
            flow_outbound(w, FAR, true);
            flow_outbound(w, NEAR, true);
            world_run(w, MONO_S(5));
            world_check(w, world_status(w, NEAR, 0).spi_in == spi && w->ends[NEAR].plane.alive[0]);
            world_run(w, MONO_S(60));
            check_one_pair(w);
            world_free(w);
        }
}

/* Only what the CPE sends is lost: traffic that comes in does not hide it. */
static void lose_outward(struct world *w, const struct datagram *d, struct fate *fate)
{
    (void)w;
    fate->lost = d->from == NEAR;
}

static void test_one_way_cut(void **state)
{
    (void)state;
    struct world *w = up("the way out is cut", ECP, NULL, NAT_STATIC, true);
    w->network.hook = lose_outward;
    world_check(w, world_run_until(w, near_not_alive, MONO_S(15)));
    w->network.hook = NULL;
    world_run(w, MONO_S(60));
    check_one_pair(w);
    world_free(w);
}

/* ---- the CPE's own path ---- */

static void test_address_changes(void **state)
{
    (void)state;
    for (int traffic = 0; traffic < 2; traffic++)
        for (int nat = NAT_STATIC; nat <= NAT_PORTS; nat++) {
            struct world *w = up("the CPE's address changes", ECP, NULL, (enum nat)nat, traffic);
            struct addr other = addr_v4(0x0a00004d);
            struct mono from = w->now;
            world_path(w, NEAR, &other);
            world_check(w, world_run_until(w, world_up, MONO_S(3)));
            world_check(w, mono_since(w->now, from) < MONO_S(1));
            world_check(w, addr_equal(&plane_newest(w, NEAR, DP_OUT, 0)->sa.local.addr, &other));
            world_run(w, MONO_S(120));
            check_one_pair(w);
            world_free(w);
        }
}

static void test_route_lost_and_back(void **state)
{
    (void)state;
    static const int64_t seconds[] = { 1, 5, 20, 100 };
    for (size_t i = 0; i < 8; i++) {
        bool traffic = i & 1;
        struct world *w = up("the route goes and comes back", ECP, NULL, NAT_STATIC, traffic);
        snprintf(w->what + strlen(w->what), 40, ", %lld s", (long long)seconds[i / 2]);
        struct addr own = w->ends[NEAR].address, none = { 0 };
        unsigned sent = w->network.sent[NEAR];
        uint32_t spi = world_status(w, NEAR, 0).spi_in;
        world_path(w, NEAR, &none);
        world_check(w, !w->ends[NEAR].plane.alive[0]);
        world_run(w, MONO_S(seconds[i / 2]));
        world_check(w, w->network.sent[NEAR] == sent); /* there is no way to send anything */
        struct mono from = w->now;
        world_path(w, NEAR, &own);
        flow_outbound(w, FAR, true);
        world_check(w, world_run_until(w, world_up, MONO_S(5)));
        world_check(w, mono_since(w->now, from) < MONO_S(4));
        world_check(w, seconds[i / 2] > 1 || world_status(w, NEAR, 0).spi_in == spi);
        world_run(w, MONO_S(120));
        check_one_pair(w);
        world_free(w);
    }
}

/* ---- NAT ---- */

static void test_mapping_forgotten(void **state)
{
    (void)state;
    for (int variant = 0; variant < 4; variant++) {
        bool traffic = variant & 1;
        struct world *w = up("the NAT forgets its mapping", ECP, variant & 2 ? "\tauto=start\n" : NULL, NAT_PORTS, traffic);
        uint32_t spi = world_status(w, NEAR, 0).spi_in;
        for (int i = 0; i < 3; i++) {
            struct mono from = w->now;
            network_nat_forget(w);
            world_run(w, MONO_MS(25));
            world_check(w, !flow_both_ways(w)); /* what the headend sends goes to the old port */
            world_check(w, world_run_until(w, world_up, MONO_S(30)));
            if (i == 0)
                print_message("mapping forgotten, %s: both ways again after %.2f s, %u SAs moved in place\n", traffic ? "traffic" : "idle",
                              (double)mono_since(w->now, from) / 1e6, w->ends[FAR].plane.moved);
            world_check(w, mono_since(w->now, from) < (traffic ? MONO_MS(500) : MONO_S(21)));
            world_run(w, MONO_S(60));
        }
        world_check(w, w->ends[FAR].plane.moved == 3 * 2);
        world_check(w, world_status(w, NEAR, 0).spi_in == spi); /* the keys have not changed */
        check_one_pair(w);
        world_free(w);
    }
}

static void test_mapping_forgotten_midway(void **state)
{
    (void)state;
    for (enum message kind = MESSAGE_MM1; kind <= MESSAGE_QM3; kind++) {
        struct world *w = prepared(ECP, NULL, NAT_PORTS, true);
        snprintf(w->what, sizeof w->what, "the NAT forgets its mapping at %s", message_names[kind]);
        world_start_both(w);
        while (w->network.kinds[kind % 2 ? NEAR : FAR][kind] == 0)
            world_run(w, MONO_MS(1));
        network_nat_forget(w);
        world_check(w, world_run_until(w, world_up, MONO_S(45)));
        world_run(w, MONO_S(90));
        check_one_pair(w);
        world_free(w);
    }
}

/* However many pairs were made in a row just before an engine died: those that carry traffic are not taken for lack of a place. */
static void test_dies_after_renewals(void **state)
{
    (void)state;
    for (unsigned renewals = 0; renewals < 8; renewals++) {
        struct options o = { .common = ECP };
        struct world *w = world_new(&o);
        snprintf(w->what, sizeof w->what, "an engine dies after %u new pairs in a row", renewals);
        world_settle(w, MONO_S(60));
        for (unsigned i = 0; i < renewals; i++) {
            struct ike *ike = w->ends[NEAR].ike;
            ike->now = w->now;
            child_renew(child_current(&ike->tunnels[0]));
            peer_drive(ike, &ike->peers[0]);
            world_drain(w, NEAR);
            world_run(w, MONO_MS(1700));
        }
        flow_count_from_now(w);
        world_kill(w, NEAR, true);
        world_start(w, NEAR);
        world_run(w, MONO_S(21));
        world_check(w, flow_lost(w) == 0 && world_up(w));
        world_free(w);
    }
}

/* An engine that was taken over leaves as many SAs as it may, with any SPI; the next one brings the tunnel up all the same. */
static void test_places_taken_by_one_before(void **state)
{
    (void)state;
    for (unsigned outs = 7; outs <= TUNNEL_CHILDREN_MAX; outs++) {
        struct options o = { .common = ECP, .nat = NAT_STATIC };
        struct world *w = world_new(&o);
        snprintf(w->what, sizeof w->what, "%u outgoing SAs are left by an engine before", outs);
        world_settle(w, MONO_S(60));
        struct plane *p = &w->ends[NEAR].plane;
        struct plane_sa out = *plane_newest(w, NEAR, DP_OUT, 0);
        world_kill(w, NEAR, false);
        for (unsigned i = 0; i < outs; i++) {
            out.sa.spi = 0xabc00000U + i;
            out.added = w->now;
            p->sas[p->count++] = out;
        }
        world_start(w, NEAR);
        world_check(w, world_run_until(w, world_up, MONO_S(20)));
        world_run(w, MONO_S(120));
        world_check(w, world_up(w) && plane_count(w, NEAR, DP_IN, 0) == 1 && plane_count(w, NEAR, DP_OUT, 0) == 1);
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places_taken_by_one_before), cmocka_unit_test(test_dies_after_renewals),
        cmocka_unit_test(test_every_boundary),
        cmocka_unit_test(test_restart_when_up),
        cmocka_unit_test(test_takeover),
        cmocka_unit_test(test_takeover_again_and_again),
        cmocka_unit_test(test_takeover_of_nothing),
        cmocka_unit_test(test_dead_and_back),
        cmocka_unit_test(test_short_cut),
        cmocka_unit_test(test_one_way_cut),
        cmocka_unit_test(test_address_changes),
        cmocka_unit_test(test_route_lost_and_back),
        cmocka_unit_test(test_mapping_forgotten),
        cmocka_unit_test(test_mapping_forgotten_midway),
    };
    world_filter();
    return cmocka_run_group_tests_name("simulation: restarts and paths", tests, NULL, NULL);
}

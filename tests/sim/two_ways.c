/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the traffic of two_ways.h and its moments, which are drawn from the seed. */
#include "tests/sim/two_ways.h"

#include <stdio.h>

#define CONF "\tike=aes256-sha2_256;dh19\n\tphase2alg=aes_gcm256;dh19\n\tikelifetime=28800s\n\tsalifetime=28800s\n"

enum { REPORT_MS = 100, REPORT_LATE_MS = 8 };

/* ---- traffic, as it is reported ---- */

struct traffic_model two_ways_traffic;

static void report(struct world *w, enum dp_direction direction)
{
    const struct plane_sa *sa = plane_newest(w, NEAR, direction, 0);
    if (!sa || !w->ends[NEAR].ike)
        return;
    struct dp_event event = { .type = DP_EVENT_TRAFFIC, .conn = 0, .direction = (uint8_t)direction, .spi = sa->sa.spi, .packets = ++two_ways_traffic.packets };
    event.bytes = 100 * event.packets;
    world_dp_event(w, NEAR, &event);
}

static int64_t next_report(struct world *w) { return MONO_MS(REPORT_MS) + (int64_t)(world_chance(w) * (double)MONO_MS(REPORT_LATE_MS)); }

void two_ways_report_out(struct world *w)
{
    if (!two_ways_traffic.stopped)
        report(w, DP_OUT);
    world_at(w, next_report(w), two_ways_report_out);
}

/* The report that follows the last packet still tells of it. */
void two_ways_report_in(struct world *w)
{
    bool some = two_ways_traffic.both_ways && (mono_is_never(two_ways_traffic.last_in) || mono_since(w->now, two_ways_traffic.last_in) < MONO_MS(REPORT_MS));
    if (some && !two_ways_traffic.stopped)
        report(w, DP_IN);
    world_at(w, next_report(w), two_ways_report_in);
}

/* ---- the world ---- */

struct mono two_ways_cut_at;

bool two_ways_silent(struct world *w)
{
    return w->ends[NEAR].ike->peers[0].silent;
}

bool two_ways_told_dead(struct world *w)
{
    return !w->ends[NEAR].plane.alive[0];
}

/* A second headend that lives, as far as the first one's tunnel can tell: conn 1 is moved to it. */
void two_ways_give_other(struct world *w)
{
    struct ike *ike = w->ends[NEAR].ike;
    ike->peers[1] = ike->peers[0];
    ike->peers[1].index = 1;
    ike->tunnels[1].peer = 1;
    for (size_t i = 0; i < PEER_SAS_MAX; i++)
        ike->peers[1].sa[i] = (struct isakmp_sa){ 0 };
}

struct world *two_ways_new(uint64_t seed, int64_t delay_us, bool both_ways)
{
    struct options o = { .common = CONF, .seed = seed, .delay_us = delay_us,
                         .subnets = { { "192.168.3.0/24", "10.0.2.0/24" }, { "192.168.4.0/24", "10.0.2.0/24" } } };
    struct world *w = world_new(&o);
    snprintf(w->what, sizeof w->what, "%lld ms one way, %s", (long long)delay_us / 1000, both_ways ? "both ways" : "one way");
    w->traffic_us = 0;
    two_ways_traffic = (struct traffic_model){ .both_ways = both_ways, .last_in = MONO_NEVER, .packets = 1 };
    return w;
}

struct world *two_ways_up(uint64_t seed, int64_t delay_us, bool both_ways, bool other_way)
{
    struct world *w = two_ways_new(seed, delay_us, both_ways);
    world_start_both(w);
    world_check(w, world_run_until(w, world_up, MONO_S(10)));
    world_run(w, MONO_S(2));
    world_check(w, w->ends[NEAR].plane.alive[0] && w->ends[NEAR].plane.alive[1]);
    if (other_way)
        two_ways_give_other(w);
    world_at(w, (int64_t)(world_random(w) % MONO_MS(REPORT_MS)), two_ways_report_out);
    world_at(w, (int64_t)(world_random(w) % MONO_MS(REPORT_MS)), two_ways_report_in);
    world_run(w, MONO_S(1) + (int64_t)(world_random(w) % MONO_S(12)));
    return w;
}

void two_ways_cut(struct world *w, bool icmp)
{
    two_ways_cut_at = w->now;
    w->network.cut = true;
    two_ways_traffic.last_in = mono_after(w->now, w->network.delay_us);
    if (icmp)
        world_unreachable(w, NEAR);
}

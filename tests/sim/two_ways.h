/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A headend and, if wanted, another way to the same subnet, with traffic as the kernel would report it: ten times a second
 * and direction while there is any, at phases drawn from the seed.
 */
#ifndef TESTS_SIM_TWO_WAYS_H
#define TESTS_SIM_TWO_WAYS_H

#include "tests/sim/world.h"

extern struct traffic_model {
    bool both_ways, stopped;
    struct mono last_in;             /* packets came in until then; NEVER: they still do */
    uint64_t packets;
} two_ways_traffic;
extern struct mono two_ways_cut_at;

struct world *two_ways_new(uint64_t seed, int64_t delay_us, bool both_ways);
/* The same with both tunnels up; `other_way`: conn 1 is another headend's, which lives. */
struct world *two_ways_up(uint64_t seed, int64_t delay_us, bool both_ways, bool other_way);
void two_ways_report_out(struct world *w);
void two_ways_report_in(struct world *w);
void two_ways_cut(struct world *w, bool icmp);       /* icmp: a router tells of it */
void two_ways_give_other(struct world *w);             /* from now on conn 1 is another headend's */
bool two_ways_silent(struct world *w);
bool two_ways_told_dead(struct world *w);

#endif

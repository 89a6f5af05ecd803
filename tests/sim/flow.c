/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the tunnels' traffic: each end sends a packet every 5 ms on the outbound SA that was added last, and the other
 * end takes it when the inbound SA with that SPI is there as it arrives. Nothing is sampled: what is sent changes
 * only with an outbound SA, what is taken only with an inbound one or when a change arrives, so that the time between
 * is known to be all lost or all delivered.
 */
#include "tests/sim/world.h"

static void evaluate(struct world *w, uint16_t conn, int from)
{
    struct flow *f = &w->flows[conn][from];
    const struct plane_sa *sa = f->arriving_spi ? plane_find(w, !from, DP_IN, conn, f->arriving_spi) : NULL;
    bool delivered = sa && !sa->shut && f->reachable;
    if (delivered == f->delivered)
        return;
    f->delivered = delivered;
    world_trace(w, "      traffic %s of conn %u %s", from == NEAR ? "-->" : "<--", conn, delivered ? "flows" : "is lost");
    if (!delivered) {
        f->lost_since = w->now;
        return;
    }
    int64_t lost = mono_since(w->now, f->lost_since);
    f->lost_us += lost;
    f->outages += lost > 0;
}

static void change(struct world *w, uint16_t conn, int from, const struct plane_sa *sa)
{
    struct flow *f = &w->flows[conn][from];
    struct endpoint source = sa ? sa->sa.local : (struct endpoint){ 0 }, target = sa ? sa->sa.remote : (struct endpoint){ 0 };
    f->sent_spi = sa ? sa->sa.spi : 0;
    f->sent_local = source;
    f->sent_remote = target;
    struct event *e = world_event(w, EVENT_ARRIVAL, w->network.delay_us, from);
    e->arrival.conn = conn;
    e->arrival.spi = f->sent_spi;
    e->arrival.reachable = sa && !w->network.cut && network_translate(w, from, &source, &target);
    e->arrival.source = source;
}

void flow_outbound(struct world *w, int end, bool again)
{
    for (uint16_t conn = 0; conn < w->conns; conn++) {
        const struct flow *f = &w->flows[conn][end];
        const struct plane_sa *sa = plane_sending(w, end, conn);
        bool same = sa ? f->sent_spi == sa->sa.spi && endpoint_equal(&f->sent_local, &sa->sa.local) &&
                             endpoint_equal(&f->sent_remote, &sa->sa.remote)
                       : f->sent_spi == 0;
        if (again || !same)
            change(w, conn, end, sa);
    }
}

void flow_inbound(struct world *w, int end)
{
    for (uint16_t conn = 0; conn < w->conns; conn++)
        evaluate(w, conn, !end);
}

static void first_packet(struct world *w, uint16_t conn, int from)
{
    const struct flow *f = &w->flows[conn][from];
    const struct plane_sa *sa = f->delivered ? plane_find(w, !from, DP_IN, conn, f->arriving_spi) : NULL;
    if (!sa || sa->packets)
        return;
    struct event *e = world_event(w, EVENT_DATAPLANE, 0, !from);
    e->dp = (struct dp_event){ .type = DP_EVENT_TRAFFIC, .conn = conn, .direction = DP_IN, .spi = sa->sa.spi, .packets = 1, .bytes = 100,
                               .generation = w->ends[!from].generation[conn] };
}

void flow_arrival(struct world *w, const struct event *event)
{
    uint16_t conn = event->arrival.conn;
    struct flow *f = &w->flows[conn][event->end];
    bool other = f->arriving_spi != event->arrival.spi;
    f->arriving_spi = event->arrival.spi;
    f->reachable = event->arrival.reachable;
    f->seen_from = event->arrival.source;
    evaluate(w, conn, event->end);
    if (w->traffic_first && other)
        first_packet(w, conn, event->end);
}

void flow_count_from_now(struct world *w)
{
    for (uint16_t conn = 0; conn < WORLD_CONNS_MAX; conn++)
        for (int from = 0; from < ENDS; from++) {
            struct flow *f = &w->flows[conn][from];
            f->lost_us = 0;
            f->outages = 0;
            f->lost_since = w->now;
        }
}

uint64_t flow_lost(const struct world *w)
{
    int64_t us = 0;
    unsigned outages = 0;
    for (size_t conn = 0; conn < w->conns; conn++)
        for (int from = 0; from < ENDS; from++) {
            const struct flow *f = &w->flows[conn][from];
            int64_t open = f->delivered ? 0 : mono_since(w->now, f->lost_since);
            us += f->lost_us + open;
            outages += f->outages + (open > 0);
        }
    return outages + (uint64_t)(us / PACKET_EVERY_US);
}

bool flow_both_ways(const struct world *w)
{
    for (size_t conn = 0; conn < w->conns; conn++)
        if (!w->flows[conn][NEAR].delivered || !w->flows[conn][FAR].delivered)
            return false;
    return true;
}

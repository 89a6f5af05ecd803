/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever happened: when network, kernel and peer do as they should again, the tunnels come up within ten minutes, and
 * both ends speak of the same SAs. Not where the peer has made up SAs or Deletes: it may believe itself. Packets go both
 * ways meanwhile: nothing else tells that the other end has a pair no more whose Delete was lost.
 */
#include "tests/fuzz/engine_world.h"

enum { STEPS_MAX = 600, SECONDS_MAX = 600 };   /* steps: in a second */

static bool has(int end, enum dp_direction direction, uint16_t conn, uint32_t spi)
{
    const struct dp_held *held = &world.ends[end].held;
    for (size_t i = 0; i < held->count; i++)
        if (held->sas[i].spi == spi && held->sas[i].conn == conn && held->sas[i].direction == direction)
            return true;
    return false;
}

static void tell_traffic(int index, enum dp_direction direction, uint16_t conn, uint32_t spi)
{
    struct end *end = &world.ends[index];
    for (size_t i = 0; i < end->held.count; i++) {
        const struct dp_sa *sa = &end->held.sas[i];
        if (sa->spi != spi || sa->conn != conn || sa->direction != direction)
            continue;
        struct dp_count *count = &end->held.counts[i];
        *count = (struct dp_count){ count->packets + 10, count->bytes + 1000 };
        struct dp_event event = { .type = DP_EVENT_TRAFFIC, .conn = conn, .direction = (uint8_t)direction, .spi = spi,
                                  .generation = end->generations[conn], .local = sa->local, .remote = sa->remote,
                                  .packets = count->packets, .bytes = count->bytes };
        ike_dataplane_event(end->ike, world.now, &event);
        world_drain(index);
        return;
    }
}

/* Ten packets from each end, which come where the other has the SA. */
static void traffic(uint16_t conn)
{
    for (int from = NEAR; from < ENDS; from++) {
        struct ike_status status;
        ike_status(world.ends[from].ike, conn, &status);
        if (!has(from, DP_OUT, conn, status.spi_out))
            continue;
        tell_traffic(from, DP_OUT, conn, status.spi_out);
        tell_traffic(!from, DP_IN, conn, status.spi_out);
    }
}

static void second(void)
{
    struct mono until = mono_after(world.now, MONO_S(1));
    for (unsigned i = 0; i < STEPS_MAX && world.now.us < until.us && world_step_until(until); i++)
        ;
    world.now = mono_max(world.now, until);
}

static bool is_up(uint16_t conn)
{
    struct ike_status near, far;
    ike_status(world.ends[NEAR].ike, conn, &near);
    ike_status(world.ends[FAR].ike, conn, &far);
    if (near.state != IKE_STATE_UP || far.state != IKE_STATE_UP)
        return false;
    return has(FAR, DP_IN, conn, near.spi_out) && has(NEAR, DP_IN, conn, far.spi_out);
}

static bool all_up(void)
{
    for (uint16_t i = 0; i < world.ends[NEAR].conn_count; i++)
        if (!is_up(i))
            return false;
    return true;
}

void recover(void)
{
    const struct variant *v = world.variant;
    if (!v->recovers || world.reloaded || world.tampered)
        return;
    world.queue_count = 0;
    for (int end = NEAR; end < ENDS; end++) {
        world.ends[end].failures = 0;
        world_path(end, end == NEAR ? &v->inner : &v->headend);
    }
    for (uint16_t i = 0; i < world.ends[NEAR].conn_count; i++) {
        const struct ike_command command = { .type = IKE_COMMAND_UP, .conn = i };
        ike_command(world.ends[NEAR].ike, world.now, &command);
        world_drain(NEAR);
    }
    for (unsigned i = 0; i < SECONDS_MAX && !all_up(); i++) {
        for (uint16_t conn = 0; conn < world.ends[NEAR].conn_count; conn++)
            traffic(conn);
        second();
    }
    must(all_up());
}

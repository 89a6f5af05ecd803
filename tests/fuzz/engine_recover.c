/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever happened: when network, kernel and peer do as they should again, the tunnels come up within ten minutes, and
 * both ends speak of the same SAs. Not where the peer has made up SAs or Deletes: it may believe itself.
 */
#include "tests/fuzz/engine_world.h"

enum { STEPS_MAX = 6000, SECONDS_MAX = 600 };

static bool has(int end, enum dp_direction direction, uint16_t conn, uint32_t spi)
{
    const struct dp_held *held = &world.ends[end].held;
    for (size_t i = 0; i < held->count; i++)
        if (held->sas[i].spi == spi && held->sas[i].conn == conn && held->sas[i].direction == direction)
            return true;
    return false;
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
    struct mono until = mono_after(world.now, MONO_S(SECONDS_MAX));
    for (unsigned i = 0; i < STEPS_MAX && !mono_reached(world.now, until) && !all_up(); i++)
        if (!world_step())
            break;
    must(all_up());
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What one record of an input does. Its octets decide everything about it. */
#include "tests/fuzz/engine_world.h"

#include <errno.h>

#include "ike/iana.h"

enum { MARKER = 4, PACKETS_MAX = 400 };

static uint8_t octets[IKE_MESSAGE_MAX + 4200];

/* A message, with a marker where the path wants one. */
static void give(int end, struct ike_path path, struct bytes message)
{
    size_t marker = path.local.port == IKE_PORT_NATT ? MARKER : 0;
    memset(octets, 0, marker);
    if (message.length)
        memmove(octets + marker, message.data, message.length);
    world_packet(end, &path, bytes_of(octets, message.length + marker));
}

static struct bytes message_of(const struct in_flight *d)
{
    size_t marker = d->path.local.port == IKE_PORT_NATT ? MARKER : 0;
    return d->length > marker ? bytes_of(d->octets + marker, d->length - marker) : bytes_of(NULL, 0);
}

/* Another source port, or the other of our two ports. */
static void bend_path(struct ike_path *path, uint32_t how)
{
    if (how == 1)
        path->remote.port = (uint16_t)(path->remote.port + 7);
    else if (how == 2)
        path->local.port = path->local.port == IKE_PORT_NATT ? IKE_PORT : IKE_PORT_NATT;
}

static void deliver(struct choices *c)
{
    if (world.queue_count == 0)
        return;
    struct in_flight d = world_pull(choose(c, (uint32_t)world.queue_count));
    world_deliver(&d);
}

static void deliver_changed(struct choices *c)
{
    static struct opened opened;
    if (world.queue_count == 0)
        return;
    struct in_flight d = world_pull(choose(c, (uint32_t)world.queue_count));
    struct ike *receiver = world.ends[d.to].ike;
    uint8_t how = choose_octet(c);
    struct bytes message = message_of(&d);
    bend_path(&d.path, how & 3);
    world.tampered = true;
    if (how & 0x80 || !forge_open(receiver, message, &opened)) {
        for (uint32_t n = 1 + (how >> 4 & 3); n > 0 && message.length > 0; n--)
            d.octets[choose(c, (uint32_t)d.length)] ^= (uint8_t)(1U << choose(c, 8));
        give(d.to, d.path, message);
        return;
    }
    for (uint32_t n = how >> 4 & 3; n > 0; n--)
        chain_mutate(&opened.chain, c);
    if (how & 0x40)
        opened.header.flags ^= (uint8_t)(1U << choose(c, 8));
    give(d.to, d.path, forge_seal(receiver, &opened, !(how & 8)));
    if (how & 4)
        world_deliver(&d); /* the true one after it */
}

static void drop(struct choices *c)
{
    if (world.queue_count > 0)
        (void)world_pull(choose(c, (uint32_t)world.queue_count));
}

static void repeat(struct choices *c)
{
    if (world.queue_count > 0) {
        struct in_flight d = world.queue[choose(c, (uint32_t)world.queue_count)];
        world_push(&d);
        world_deliver(&d);
    }
}

static void forge(struct choices *c)
{
    static struct opened opened;
    uint8_t how = choose_octet(c);
    int end = how & 1;
    struct ike_path way = world_path_to(end, how & 2 ? IKE_PORT_NATT : IKE_PORT);
    world.tampered = true;
    if (!forge_template(&world.ends[end], c, &opened))
        return;
    if (how & 4 && opened.sa)
        way = opened.sa->path;
    for (uint32_t n = how >> 6; n > 0; n--)
        chain_mutate(&opened.chain, c);
    struct bytes message = forge_seal(world.ends[end].ike, &opened, (how & 0x38) != 0x38);
    give(end, way, message);
    if ((how & 0x38) == 0x30)
        world_packet(end, &way, bytes_of(octets, message.length + (way.local.port == IKE_PORT_NATT ? MARKER : 0))); /* and once more */
}

/* Any octets, with the cookies of an SA where asked for. */
static void raw(struct choices *c)
{
    uint8_t how = choose_octet(c);
    int end = how & 1;
    struct ike_path way = world_path_to(end, how & 2 ? IKE_PORT_NATT : IKE_PORT);
    struct peer *peer = &world.ends[end].ike->peers[0];
    const struct isakmp_sa *sa = &peer->sa[how >> 2 & 3];
    struct bytes rest = choose_span(c, choices_left(c));
    if (rest.length)
        memcpy(octets, rest.data, rest.length);
    if (how & 0x10 && rest.length >= WIRE_HEADER) {
        memcpy(octets, sa->cookie_i, WIRE_COOKIE);
        memcpy(octets + WIRE_COOKIE, sa->cookie_r, WIRE_COOKIE);
        octets[17] = 0x10;
        memcpy(octets + 24, (uint8_t[]){ 0, 0, (uint8_t)(rest.length >> 8), (uint8_t)rest.length }, 4);
    }
    if (how & 0x20)
        give(end, way, bytes_of(octets, rest.length));
    else
        world_packet(end, &way, bytes_of(octets, rest.length));
}

/* The same first message many times a second. */
static void flood(struct choices *c)
{
    static struct opened opened;
    uint8_t end = choose_octet(c) & 1, cookie = choose_octet(c);
    struct ike_path way = world_path_to(end, IKE_PORT);
    struct choices first = choices_of((const uint8_t[]){ 6, 0, 0, 0, 0, 1, 1, 1 }, 8);
    if (!forge_template(&world.ends[end], &first, &opened))
        return;
    for (unsigned n = 0; n < 250 && world.packets < PACKETS_MAX; n++) {
        memset(opened.header.cookie_i, 0, WIRE_COOKIE);
        opened.header.cookie_i[0] = 1;
        opened.header.cookie_i[1] = (uint8_t)n;
        opened.header.cookie_i[2] = cookie;
        give(end, way, forge_seal(world.ends[end].ike, &opened, true));
        world.queue_count = world.queue_count > 8 ? 8 : world.queue_count;
    }
}

static void later(struct choices *c)
{
    static const int64_t units[] = { 1000, 10000, 100000, 1000000, 10000000, 60000000, 600000000, 3600000000 };
    int64_t unit = units[choose_octet(c) % 8];
    world_advance(unit * (1 + choose_octet(c) % 32));
}

static void honest(struct choices *c)
{
    for (uint32_t n = 1 + choose(c, 32); n > 0; n--)
        if (!world_step())
            return;
}

static void reply(struct choices *c)
{
    uint8_t how = choose_octet(c);
    for (uint32_t n = 1 + (how >> 1 & 7); n > 0; n--)
        world_reply(how & 1);
}

static void fail_installs(struct choices *c)
{
    static const int32_t errors[] = { ENOSYS, EPERM, EINVAL, ENOBUFS, EEXIST, ENOMEM, ENOENT, 1 };
    uint8_t how = choose_octet(c);
    world.ends[how & 1].failures = 1 + (how >> 1 & 3);
    world.ends[how & 1].failing = errors[how >> 3 & 7];
}

/* Of the SAs that are held, else one that nobody knows. */
static struct dp_sa *some_sa(struct end *end, struct choices *c)
{
    static struct dp_sa nobody;
    uint32_t at = choose_octet(c);
    for (size_t i = 0; i < end->held.count; i++) {
        struct dp_sa *sa = &end->held.sas[(i + at) % end->held.count];
        if (sa->spi)
            return sa;
    }
    nobody = (struct dp_sa){ .conn = (uint16_t)(at & 3), .spi = at, .direction = at & 1 };
    return &nobody;
}

static void forget(struct end *end, struct dp_sa *sa)
{
    if (sa >= end->held.sas && sa < end->held.sas + end->held.count)
        (void)dp_held_drop(&end->held, sa);
}

static void event(struct choices *c)
{
    enum { UNREACHABLE }; /* no event of the data plane, but it comes as one does */
    static const uint8_t types[] = { DP_EVENT_TRAFFIC, DP_EVENT_EXPIRE, DP_EVENT_MAPPING, DP_EVENT_GONE, UNREACHABLE, DP_EVENT_TRAFFIC,
                                     DP_EVENT_COUNTED, DP_EVENT_MAPPING };
    int index = choose_octet(c) & 1;
    struct end *end = &world.ends[index];
    uint8_t how = choose_octet(c);
    struct dp_sa *sa = some_sa(end, c);
    struct dp_event e = { .type = types[how & 7], .conn = sa->conn, .direction = sa->direction, .spi = sa->spi, .generation = sa->conn < ENGINE_CONNS ? end->generations[sa->conn] : 0,
                          .local = sa->local, .remote = sa->remote, .hard = how & 0x10, .packets = choose_number(c, 2), .bytes = choose_number(c, 3) };
    if (e.type == DP_EVENT_MAPPING) {
        e.remote.port = (uint16_t)(1024 + choose_octet(c));
        if (how & 0x20)
            e.remote.addr = addr_v4(0xc6336400U + choose_octet(c));
    }
    if (e.type == DP_EVENT_GONE || (e.type == DP_EVENT_EXPIRE && e.hard))
        forget(end, sa);
    if (e.type == UNREACHABLE)
        ike_unreachable(end->ike, world.now, &end->ike->peers[0].remote);
    else
        ike_dataplane_event(end->ike, world.now, &e);
    world_drain(index);
}

static void path(struct choices *c)
{
    uint8_t how = choose_octet(c);
    struct variant *v = world.variant;
    struct addr none = { .family = ADDR_NONE }, other = addr_v4(0xcb007100U + (how >> 4));
    const struct addr *own = how & 1 ? &v->headend : &v->inner;
    world_path(how & 1, how & 2 ? (how & 4 ? &none : &other) : own);
}

static void command(struct choices *c)
{
    uint8_t how = choose_octet(c);
    const struct ike_command command = { .type = (enum ike_command_type)((how >> 1) % 3), .conn = (uint16_t)(how >> 4 & 3) };
    ike_command(world.ends[how & 1].ike, world.now, &command);
    world_drain(how & 1);
}

static void restart(struct choices *c) { world_restart(choose_octet(c) & 1); }

static void counters(struct choices *c)
{
    int end = choose_octet(c) & 1;
    ike_query_counters(world.ends[end].ike, world.now);
    world_drain(end);
}

/* The goodbye of an engine, and another one in its place. */
static void stop(struct choices *c)
{
    int end = choose_octet(c) & 1;
    ike_stop(world.ends[end].ike, world.now);
    world_drain(end);
    check_stopped(&world.ends[end]);
    while (world.ends[end].reply_count > 0)
        world_reply(end);
    world_restart(end);
}

/* Values that change beside SAs that stay; or another conn, or none, in the slot. */
static void reload(struct choices *c)
{
    uint8_t how = choose_octet(c), values = choose_octet(c);
    int end = how & 1;
    uint16_t slot = (uint16_t)((how >> 1 & 3) % ENGINE_CONNS);
    struct conf_conn conn = slot < world.ends[end].conn_count ? world.ends[end].conns[slot] : world.variant->conns[end][0];
    bool renewed = how & 8 || conf_is_hole(&conn) || slot >= world.ends[end].conn_count;
    if (conf_is_hole(&conn) || how & 0x80)
        conn = world.variant->conns[end][0];
    conn.autostart = values & 1 ? CONF_AUTO_START : CONF_AUTO_ADD;
    conn.dpd_delay = values & 2 ? 1 : conn.dpd_delay;
    conn.dpd_timeout = values & 2 ? 5 : conn.dpd_timeout;
    conn.psk[0] ^= values >> 2 & 1;
    conn.rekey = values & 8;
    conn.sa_lifetime = 60 + 8U * (values >> 4);
    if (renewed && how & 0x10)
        conn = (struct conf_conn){ .line = 0 };
    else if (renewed && how & 0x20)
        conn.end[end].subnet.addr.octets[2] = values;
    else if (renewed && how & 0x40)
        conn.ike[0].key_bits = 128;
    world.reloaded = true;
    world_configure(end, slot, &conn, renewed);
}

void operation_run(uint8_t code, struct choices *c)
{
    static void (*const operations[])(struct choices *c) = {
        deliver, deliver_changed, drop, repeat, forge, raw, later, honest, reply, fail_installs, event, path, command, restart, counters, stop,
        flood, deliver_changed, forge, honest, reload,
    };
    if (world.packets < PACKETS_MAX)
        operations[code % (sizeof operations / sizeof *operations)](c);
}

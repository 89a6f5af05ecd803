/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the data planes: tables of SAs behind the contract of dataplane.h, with replies after a delay or an error.
 * Asserted here, whatever a test does: no SPI below 256; endpoints, algorithm and limits that make sense; a key is
 * installed once in its life; one SPI has the same key and algorithm at both ends; what is removed was there, or was
 * asked for and refused; inbound before outbound.
 */
#include "tests/sim/world.h"

#include <errno.h>
#include <stdio.h>

static struct plane *plane_of(struct world *w, int end) { return &w->ends[end].plane; }

static struct plane_sa *find(struct plane *p, uint8_t direction, uint32_t spi)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->sas[i].sa.direction == direction && p->sas[i].sa.spi == spi)
            return &p->sas[i];
    return NULL;
}

const struct plane_sa *plane_find(const struct world *w, int end, enum dp_direction direction, uint16_t conn, uint32_t spi)
{
    const struct plane *p = &w->ends[end].plane;
    for (size_t i = 0; i < p->count; i++)
        if (p->sas[i].sa.direction == direction && p->sas[i].sa.spi == spi && p->sas[i].sa.conn == conn)
            return &p->sas[i];
    return NULL;
}

/* The kernel sends on the SA that was added last; some other implementation on the first. */
const struct plane_sa *plane_sending(const struct world *w, int end, uint16_t conn)
{
    const struct plane *p = &w->ends[end].plane;
    const struct plane_sa *oldest = NULL;
    for (size_t i = 0; i < p->count; i++)
        if (p->sas[i].sa.direction == DP_OUT && p->sas[i].sa.conn == conn && (!oldest || p->sas[i].order < oldest->order))
            oldest = &p->sas[i];
    return p->oldest ? oldest : plane_newest(w, end, DP_OUT, conn);
}

const struct plane_sa *plane_newest(const struct world *w, int end, enum dp_direction direction, uint16_t conn)
{
    const struct plane *p = &w->ends[end].plane;
    const struct plane_sa *newest = NULL;
    for (size_t i = 0; i < p->count; i++)
        if (p->sas[i].sa.direction == direction && p->sas[i].sa.conn == conn && (!newest || p->sas[i].order > newest->order))
            newest = &p->sas[i];
    return newest;
}

size_t plane_count(const struct world *w, int end, enum dp_direction direction, uint16_t conn)
{
    const struct plane *p = &w->ends[end].plane;
    size_t n = 0;
    for (size_t i = 0; i < p->count; i++)
        n += p->sas[i].sa.direction == direction && p->sas[i].sa.conn == conn;
    return n;
}

/* ---- what must hold of an SA ---- */

static uint64_t key_digest(const struct dp_sa *sa)
{
    uint64_t h = 0xcbf29ce484222325U + sa->direction;
    for (size_t i = 0; i < sa->key_length; i++)
        h = (h ^ sa->key[i]) * 0x100000001b3U;
    return h ? h : 1;
}

/* A key that is installed again begins its sequence numbers and its IVs anew: that is the end of GCM. */
static void check_key_new(struct world *w, struct plane *p, const struct dp_sa *sa)
{
    uint64_t h = key_digest(sa);
    size_t at = h % PLANE_KEYS_MAX;
    while (p->keys[at] && p->keys[at] != h)
        at = (at + 1) % PLANE_KEYS_MAX;
    world_check(w, p->keys[at] != h);
    p->keys[at] = h;
    world_check(w, ++p->key_count < PLANE_KEYS_MAX / 2);
}

static void check_shape(struct world *w, int end, const struct dp_sa *sa)
{
    size_t least = sa->key_bits / 8U + (sa->esp_transform == 20 ? 4 : 20);
    bool zero = true;
    for (size_t i = 0; i < sa->key_length; i++)
        zero &= sa->key[i] == 0;
    world_check(w, sa->spi >= DP_SPI_LEAST && sa->conn < w->ends[end].conf.count);
    world_check(w, sa->esp_transform == 20 || (sa->esp_transform == 12 && sa->esp_auth));
    world_check(w, sa->key_length >= least && sa->key_length <= DP_KEY_MAX && !zero);
    world_check(w, (sa->local.port == 0) == (sa->remote.port == 0));
    world_check(w, addr_equal(&sa->local.addr, &w->ends[end].address) && sa->remote.addr.family == ADDR_V4);
    world_check(w, sa->hard_seconds > 0 && sa->hard_packets > sa->soft_packets && sa->hard_packets <= UINT32_MAX);
    world_check(w, sa->replay_window >= 128);
}

/* The other end's SA with this SPI, in the other direction, has the same key. */
static void check_pair(struct world *w, int end, const struct dp_sa *sa)
{
    struct plane_sa *other = find(plane_of(w, !end), !sa->direction, sa->spi);
    if (!other)
        return;
    world_check(w, other->sa.key_length == sa->key_length && memcmp(other->sa.key, sa->key, sa->key_length) == 0);
    world_check(w, other->sa.esp_transform == sa->esp_transform && other->sa.key_bits == sa->key_bits && other->sa.esp_auth == sa->esp_auth);
    world_check(w, (other->sa.local.port == 0) == (sa->local.port == 0));
}

static void check_crowd(struct world *w, int end, uint16_t conn)
{
    struct plane *p = plane_of(w, end);
    size_t pairs = plane_count(w, end, DP_IN, conn), out = plane_count(w, end, DP_OUT, conn);
    pairs = pairs > out ? pairs : out;
    if (pairs > p->most_pairs)
        p->most_pairs = (unsigned)pairs;
    struct mono *since = &p->crowded_since[conn];
    if (pairs > 2 && since->us == 0)
        *since = w->now;
    if (since->us && mono_since(w->now, *since) > p->crowded_us)
        p->crowded_us = mono_since(w->now, *since);
    if (pairs <= 2)
        since->us = 0;
}

static void changed(struct world *w, int end, uint8_t direction, uint16_t conn)
{
    check_crowd(w, end, conn);
    if (direction == DP_OUT)
        flow_outbound(w, end, false);
    else
        flow_inbound(w, end);
}

/* ---- requests ---- */

static struct dp_reply *reply(struct world *w, int end, const struct dp_request *request, uint32_t spi, int error)
{
    struct event *e = world_event(w, EVENT_REPLY, w->ends[end].plane.delay_us, end);
    e->reply = (struct dp_reply){ .id = request->id, .generation = request->generation, .type = request->type, .conn = request->conn, .spi = spi, .error = error };
    if (error)
        snprintf(e->reply.text, sizeof e->reply.text, "the simulated kernel refuses");
    return &e->reply;
}

/* The peer has its outbound SA now, and so the inbound one of the pair. */
static void open_shut(struct world *w, int end, uint16_t conn)
{
    struct plane *p = plane_of(w, end);
    for (size_t i = 0; i < p->count; i++)
        if (p->sas[i].sa.conn == conn)
            p->sas[i].shut = false;
    flow_inbound(w, end);
}

static void install(struct world *w, int end, const struct dp_request *r)
{
    struct plane *p = plane_of(w, end);
    check_shape(w, end, &r->sa);
    check_key_new(w, p, &r->sa);
    check_pair(w, end, &r->sa);
    world_check(w, r->sa.conn == r->conn && !find(p, r->sa.direction, r->sa.spi));
    world_trace(w, "%s installs %s %08x", end == NEAR ? "NEAR" : "FAR ", r->sa.direction == DP_IN ? "in " : "out", r->sa.spi);
    if (p->fail[r->sa.direction]) {
        p->fail[r->sa.direction]--;
        reply(w, end, r, r->sa.spi, EINVAL);
        return;
    }
    world_check(w, p->count < PLANE_SAS_MAX);
    p->sas[p->count++] = (struct plane_sa){ .sa = r->sa, .order = ++p->order, .added = w->now,
                                         .shut = p->late && r->sa.direction == DP_IN };
    p->installed++;
    if (r->sa.direction == DP_OUT)
        open_shut(w, end, r->conn);
    reply(w, end, r, r->sa.spi, 0);
    changed(w, end, r->sa.direction, r->conn);
}

static void drop(struct world *w, int end, struct plane_sa *sa)
{
    struct plane *p = plane_of(w, end);
    uint8_t direction = sa->sa.direction;
    uint16_t conn = sa->sa.conn;
    bytes_wipe(&sa->sa.key, sizeof sa->sa.key);
    *sa = p->sas[--p->count];
    changed(w, end, direction, conn);
}

static void drop_same(struct world *w, int end, const struct dp_sa *same)
{
    struct plane_sa *sa = find(plane_of(w, end), same->direction, same->spi);
    world_check(w, sa != NULL);
    drop(w, end, sa);
}

static void remove_sa(struct world *w, int end, const struct dp_request *r)
{
    struct plane *p = plane_of(w, end);
    struct plane_sa *sa = find(p, r->name.direction, r->name.spi);
    world_trace(w, "%s removes  %s %08x%s", end == NEAR ? "NEAR" : "FAR ", r->name.direction == DP_IN ? "in " : "out", r->name.spi,
                sa ? "" : ", which is not there");
    world_check(w, sa && sa->sa.conn == r->name.conn && r->conn == r->name.conn);
    world_check(w, endpoint_equal(&sa->sa.local, &r->name.local) && endpoint_equal(&sa->sa.remote, &r->name.remote));
    p->removed++;
    reply(w, end, r, r->name.spi, 0);
    if (p->oldest && r->name.direction == DP_OUT)
        sa->kept = true;
    else
        drop(w, end, sa);
}

/* What a peer with its own idea of replacement has kept goes a little before its life is over. */
static void drop_kept(struct world *w, int end)
{
    struct plane *p = plane_of(w, end);
    for (size_t i = 0; i < p->count; i++)
        if (p->sas[i].kept && mono_since(w->now, p->sas[i].added) > MONO_S(p->sas[i].sa.hard_seconds - 75U))
            drop(w, end, &p->sas[i]);
}

static void move(struct world *w, int end, const struct dp_request *r)
{
    struct plane_sa *sa = find(plane_of(w, end), r->name.direction, r->name.spi);
    world_trace(w, "%s moves    %s %08x to port %u", end == NEAR ? "NEAR" : "FAR ", r->name.direction == DP_IN ? "in " : "out",
                r->name.spi, r->to_remote.port);
    world_check(w, sa && endpoint_equal(&sa->sa.local, &r->name.local) && endpoint_equal(&sa->sa.remote, &r->name.remote));
    world_check(w, addr_equal(&r->to_remote.addr, &sa->sa.remote.addr) && addr_equal(&r->to_local.addr, &sa->sa.local.addr));
    world_check(w, r->to_remote.port && r->to_local.port && sa->sa.remote.port);
    sa->sa.local = r->to_local;
    sa->sa.remote = r->to_remote;
    plane_of(w, end)->moved++;
    reply(w, end, r, r->name.spi, 0);
    flow_outbound(w, end, true);
    flow_inbound(w, end);
}

static void query(struct world *w, int end, const struct dp_request *r)
{
    const struct plane_sa *sa = find(plane_of(w, end), r->name.direction, r->name.spi);
    struct dp_reply *answer = reply(w, end, r, r->name.spi, sa ? 0 : ESRCH);
    answer->packets = sa ? sa->packets : 0;
    answer->bytes = sa ? sa->bytes : 0;
}

/* Refused; also what it was that was refused must make sense. */
static bool refuse(struct world *w, int end, const struct dp_request *r)
{
    struct plane *p = plane_of(w, end);
    if (++p->requests != p->fail_at || r->type == DP_TUNNEL_ALIVE)
        return false;
    world_trace(w, "%s is refused request %u, type %u", end == NEAR ? "NEAR" : "FAR ", p->requests, r->type);
    if (r->type == DP_SA_INSTALL)
        check_shape(w, end, &r->sa);
    reply(w, end, r, r->type == DP_SA_INSTALL ? r->sa.spi : r->name.spi, ENOMEM);
    return true;
}

void plane_request(struct world *w, int end, const struct dp_request *r)
{
    world_check(w, r->conn < w->ends[end].conf.count && r->generation == w->ends[end].generation[r->conn]);
    if (refuse(w, end, r))
        return;
    switch ((enum dp_request_type)r->type) {
    case DP_SA_INSTALL:
        install(w, end, r);
        break;
    case DP_SA_REMOVE:
        remove_sa(w, end, r);
        break;
    case DP_SA_MOVE:
        move(w, end, r);
        break;
    case DP_SA_QUERY:
        query(w, end, r);
        break;
    case DP_TUNNEL_ALIVE:
        world_check(w, plane_of(w, end)->alive[r->conn] != r->alive);
        plane_of(w, end)->alive[r->conn] = r->alive;
        break;
    }
}

/* ---- what the kernel says ---- */

void plane_tell_held(struct world *w, int end)
{
    struct plane *p = plane_of(w, end);
    memset(p->alive, 0, sizeof p->alive);
    for (size_t i = 0; i < p->count; i++) {
        const struct dp_sa *sa = &p->sas[i].sa;
        const struct dp_event event = { .type = DP_EVENT_HELD, .conn = sa->conn, .direction = sa->direction, .spi = sa->spi, .local = sa->local,
                                        .remote = sa->remote, .generation = w->ends[end].generation[sa->conn] };
        ike_dataplane_event(w->ends[end].ike, w->now, &event);
    }
    world_drain(w, end); /* all are told before anything is asked */
}

void plane_renew(struct world *w, int end, uint16_t slot)
{
    struct plane *p = plane_of(w, end);
    w->ends[end].generation[slot]++;
    p->alive[slot] = false;
    for (size_t i = 0; i < p->count;)
        if (p->sas[i].sa.conn == slot)
            drop(w, end, &p->sas[i]);
        else
            i++;
}

void plane_flush(struct world *w, int end)
{
    while (plane_of(w, end)->count > 0)
        drop(w, end, &plane_of(w, end)->sas[0]);
}

static struct dp_event *tell(struct world *w, int end, const struct dp_sa *sa, enum dp_event_type type, bool hard)
{
    struct event *e = world_event(w, EVENT_DATAPLANE, 0, end);
    e->dp = (struct dp_event){ .type = (uint8_t)type, .conn = sa->conn, .direction = sa->direction, .spi = sa->spi, .hard = hard,
                               .local = sa->local, .remote = sa->remote, .generation = w->ends[end].generation[sa->conn] };
    return &e->dp;
}

void plane_expire(struct world *w, int end, enum dp_direction direction, uint16_t conn, bool hard)
{
    const struct plane_sa *newest = plane_newest(w, end, direction, conn);
    world_check(w, newest != NULL);
    tell(w, end, &newest->sa, DP_EVENT_EXPIRE, hard);
    if (hard)
        drop_same(w, end, &newest->sa);
}

void plane_gone(struct world *w, int end, enum dp_direction direction, uint16_t conn)
{
    const struct plane_sa *newest = plane_newest(w, end, direction, conn);
    world_check(w, newest != NULL);
    tell(w, end, &newest->sa, DP_EVENT_GONE, false);
    drop_same(w, end, &newest->sa);
}

static void count_traffic(struct world *w, int end, enum dp_direction direction, uint32_t spi, const struct endpoint *from)
{
    struct plane_sa *sa = find(plane_of(w, end), (uint8_t)direction, spi);
    if (!sa)
        return;
    uint64_t packets = (uint64_t)(w->traffic_us / PACKET_EVERY_US);
    sa->packets += packets;
    sa->bytes += 100 * packets;
    struct dp_event *event = tell(w, end, &sa->sa, DP_EVENT_TRAFFIC, false);
    event->packets = sa->packets;
    event->bytes = sa->bytes;
    if (direction == DP_IN && sa->sa.remote.port && !endpoint_equal(from, &sa->sa.remote)) {
        struct dp_sa moved = sa->sa;
        moved.remote = *from;
        tell(w, end, &moved, DP_EVENT_MAPPING, false);
    }
}

void plane_traffic(struct world *w)
{
    for (uint16_t conn = 0; conn < w->conns; conn++)
        for (int from = 0; from < ENDS; from++) {
            const struct flow *f = &w->flows[conn][from];
            if (f->sent_spi)
                count_traffic(w, from, DP_OUT, f->sent_spi, &f->seen_from);
            if (f->delivered)
                count_traffic(w, !from, DP_IN, f->arriving_spi, &f->seen_from);
        }
    for (int end = 0; end < ENDS; end++) {
        drop_kept(w, end);
        for (uint16_t conn = 0; conn < w->conns; conn++)
            check_crowd(w, end, conn);
    }
}

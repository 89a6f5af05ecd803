/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop between the two engines: the network's queue, time, the data planes, and moments of an undisturbed run
 * that an input may begin at. See engine_world.h.
 */
#include "tests/fuzz/engine_world.h"

#include <errno.h>

#include "ike/iana.h"

enum { MARKER = 4, STEPS_AT_ONCE = 400, SPINS_MAX = 64 };

struct world world;

static void counter(void *context, uint8_t *out, size_t length)
{
    struct end *end = context;
    struct choices c = choices_from(end->random);
    for (size_t i = 0; i < length; i++)
        out[i] = choose_octet(&c);
    end->random = c.state;
}

/* ---- moments ---- */

static void *memory_of(const void *from, size_t size)
{
    void *memory = malloc(size);
    must(memory != NULL);
    memcpy(memory, from, size);
    return memory;
}

void world_save(struct point *p)
{
    p->there = true;
    p->now = world.now;
    p->queue_count = world.queue_count;
    memcpy(p->queue, world.queue, sizeof p->queue);
    memcpy(p->ends, world.ends, sizeof p->ends);
    for (int end = NEAR; end < ENDS; end++) {
        const struct ike *ike = world.ends[end].ike;
        must(ike->output_count == 0);
        memcpy(&p->ikes[end], ike, sizeof *ike);
        p->peers[end] = memory_of(ike->peers, ike->conn_count * sizeof *ike->peers);
        p->tunnels[end] = memory_of(ike->tunnels, ike->conn_count * sizeof *ike->tunnels);
    }
}

static void load_ike(const struct point *p, int end)
{
    struct ike *ike = world.variant->ike[end];
    memcpy(ike, &p->ikes[end], sizeof *ike);
    memcpy(ike->conns, world.variant->conns[end], sizeof world.variant->conns[end]);
    memcpy(ike->peers, p->peers[end], ike->conn_count * sizeof *ike->peers);
    memcpy(ike->tunnels, p->tunnels[end], ike->conn_count * sizeof *ike->tunnels);
}

static void load(const struct point *p)
{
    world.now = p->now;
    world.queue_count = p->queue_count;
    world.packets = 0;
    world.tampered = world.reloaded = false;
    memcpy(world.queue, p->queue, sizeof world.queue);
    memcpy(world.ends, p->ends, sizeof world.ends);
    for (int end = NEAR; end < ENDS; end++) {
        load_ike(p, end);
        world.ends[end].held.sas = world.ends[end].sas;
        world.ends[end].held.counts = world.ends[end].counts;
        world.ends[end].held.lives = world.ends[end].lives;
    }
}

static void fresh(struct variant *v)
{
    world = (struct world){ .variant = v, .now = { MONO_S(1000) } };
    for (int i = NEAR; i < ENDS; i++) {
        struct end *end = &world.ends[i];
        struct ike_env env = { .random = counter, .context = end };
        end->index = (uint8_t)i;
        end->random = 7 + (uint64_t)i;
        end->conn_count = v->conf[i].count;
        memcpy(end->conns, v->conns[i], sizeof end->conns);
        end->held = (struct dp_held){ .sas = end->sas, .counts = end->counts, .lives = end->lives,
                                        .count = ENGINE_CONNS * 2 * DP_HELD_MAX };
        must(ike_new(&v->ike[i], &v->conf[i], &env, world.now) == 0);
        end->ike = v->ike[i];
    }
}

/* An undisturbed run, kept before each step; then a while later, when replacements are due. */
static void record(struct variant *v)
{
    fresh(v);
    world_save(&v->point[v->points++]);
    world_path(FAR, &v->headend);
    world_path(NEAR, &v->inner);
    while (v->points < ENGINE_POINTS - 3) {
        world_save(&v->point[v->points++]);
        world_step();
    }
    for (int i = 0; i < 40; i++)
        world_step();
    world_save(&v->point[v->points++]);
    world_advance(MONO_S(20));
    world_save(&v->point[v->points++]);
    world_advance(MONO_S(3000));
    world_save(&v->point[v->points++]);
}

void world_begin(unsigned variant, unsigned point)
{
    static struct variant *variants[ENGINE_VARIANTS];
    variant %= ENGINE_VARIANTS;
    if (!variants[variant]) {
        variants[variant] = calloc(1, sizeof *variants[variant]);
        must(variants[variant] != NULL);
        variant_fill(variant, variants[variant]);
        record(variants[variant]);
    }
    world.variant = variants[variant];
    load(&world.variant->point[point % world.variant->points]);
}

/* ---- the network ---- */

struct ike_path world_path_to(int end, uint16_t port)
{
    const struct variant *v = world.variant;
    if (end == FAR)
        return (struct ike_path){ .local = { v->headend, port }, .remote = { v->outer, port } };
    return (struct ike_path){ .local = { v->inner, port }, .remote = { v->headend, port } };
}

void world_push(const struct in_flight *datagram)
{
    if (world.queue_count < ENGINE_QUEUE)
        world.queue[world.queue_count++] = *datagram;
}

struct in_flight world_pull(size_t index)
{
    struct in_flight datagram = world.queue[index];
    memmove(&world.queue[index], &world.queue[index + 1], (world.queue_count - index - 1) * sizeof *world.queue);
    world.queue_count--;
    return datagram;
}

static void sent(struct end *end, const struct ike_output *o)
{
    static struct in_flight d;
    d.to = !end->index;
    d.length = o->length;
    memcpy(d.octets, o->datagram, o->length);
    d.path = world_path_to(d.to, o->path.remote.port);
    d.path.remote.port = o->path.local.port;
    if (world.variant->nat && d.to == FAR)
        d.path.remote.port = (uint16_t)(o->path.local.port + 1000);
    else if (world.variant->nat && o->path.remote.port > 1000)
        d.path.local.port = (uint16_t)(o->path.remote.port == 1500 ? IKE_PORT : IKE_PORT_NATT);
    world_push(&d);
    size_t marker = o->path.local.port == IKE_PORT_NATT ? MARKER : 0;
    if (o->length > marker + WIRE_HEADER && o->datagram[marker + 18] == IANA_EXCHANGE_MAIN && !(o->datagram[marker + 19] & 1))
        memcpy(end->cookies[end->cookie_next++ % ENGINE_COOKIES], o->datagram + marker, WIRE_COOKIES);
}

/* The packet ends where its memory ends, so that reading past it is found. */
void world_packet(int end, const struct ike_path *path, struct bytes datagram)
{
    struct end *e = &world.ends[end];
    bool natt = path->local.port == IKE_PORT_NATT && datagram.length > MARKER;
    struct bytes message = natt ? bytes_of(datagram.data + MARKER, datagram.length - MARKER) : datagram;
    uint8_t *exact = malloc(datagram.length + !datagram.length);
    must(exact != NULL);
    if (datagram.length)
        memcpy(exact, datagram.data, datagram.length);
    world.packets++;
    check_packet_begin(e, message);
    ike_packet(e->ike, world.now, path, bytes_of(exact, datagram.length));
    world_drain(end);
    check_packet_end(e, message);
    free(exact);
}

void world_deliver(const struct in_flight *d) { world_packet(d->to, &d->path, bytes_of(d->octets, d->length)); }

/* ---- the data planes ---- */

static struct dp_reply answer(struct end *end, const struct dp_request *r)
{
    bool install = r->type == DP_SA_INSTALL;
    struct dp_reply reply = { .id = r->id, .type = r->type, .conn = r->conn, .spi = install ? r->sa.spi : r->name.spi,
                              .generation = r->generation, .idle_seconds = -1 };
    struct dp_sa *sa = install ? dp_held_find_kernel(&end->held, r->sa.direction == DP_IN ? &r->sa.local.addr : &r->sa.remote.addr, r->sa.spi)
                               : dp_held_find(&end->held, &r->name);
    switch ((enum dp_request_type)r->type) {
    case DP_SA_INSTALL:
        if (end->failures > 0 || sa || !dp_held_add(&end->held, &r->sa)) {
            reply.error = end->failures > 0 ? end->failing : EEXIST;
            memcpy(reply.text, "the kernel said no", 19);
        }
        end->failures -= end->failures > 0;
        break;
    case DP_SA_REMOVE:
        if (sa)
            (void)dp_held_drop(&end->held, sa);
        break;
    case DP_SA_MOVE:
        reply.error = sa ? 0 : ESRCH;
        if (sa) {
            sa->local = r->to_local;
            sa->remote = r->to_remote;
        }
        break;
    case DP_SA_QUERY: reply.error = sa ? 0 : ESRCH; break;
    case DP_TUNNEL_ALIVE: end->alive[r->conn] = r->alive; break;
    }
    return reply;
}

static void requested(struct end *end, const struct dp_request *r)
{
    static struct dp_message message;
    const struct dp_scene scene = { .conns = end->conns, .count = end->conn_count, .local = end->locals, .held = &end->held,
                                    .generation = end->generations };
    char text[DP_TEXT_MAX];
    dp_message_begin(&message, DP_MESSAGE_REQUEST);
    message.request = *r;
    must(dp_message_check(&message, dp_message_length(DP_MESSAGE_REQUEST)));
    enum dp_verdict verdict = dp_permit(&scene, &message, text);
    must(verdict != DP_FORGED && (verdict != DP_STALE || r->generation < end->generations[r->conn])); /* forged: the engine's end */
    struct dp_reply reply = { .id = r->id, .type = r->type, .conn = r->conn, .error = EPERM, .idle_seconds = -1, .generation = r->generation,
                              .spi = r->type == DP_SA_INSTALL ? r->sa.spi : r->name.spi };
    if (verdict == DP_PERMITTED)
        reply = answer(end, r);
    else
        memcpy(reply.text, text, sizeof text);
    must(end->reply_count < ENGINE_REPLIES);
    end->replies[end->reply_count++] = reply;
}

void world_reply(int index)
{
    struct end *end = &world.ends[index];
    if (end->reply_count == 0)
        return;
    struct dp_reply reply = end->replies[0];
    memmove(end->replies, end->replies + 1, --end->reply_count * sizeof *end->replies);
    ike_dataplane_done(end->ike, world.now, &reply);
    world_drain(index);
}

void world_replies(void)
{
    for (unsigned i = 0; i < STEPS_AT_ONCE && (world.ends[NEAR].reply_count || world.ends[FAR].reply_count); i++) {
        world_reply(NEAR);
        world_reply(FAR);
    }
}

void world_drain(int index)
{
    static struct ike_output o;
    struct end *end = &world.ends[index];
    check_call(end);
    while (ike_next_output(end->ike, &o)) {
        check_output(end, &o);
        if (o.type == IKE_SEND)
            sent(end, &o);
        else if (o.type == IKE_DATAPLANE)
            requested(end, &o.request);
    }
    while (end->reply_count > ENGINE_REPLIES / 2)
        world_reply(index);
    check_rest(end);
}

void world_path(int index, const struct addr *local)
{
    struct end *end = &world.ends[index];
    for (uint16_t i = 0; i < end->ike->conn_count; i++) {
        struct dp_event event = { .type = DP_EVENT_PATH, .conn = i, .generation = end->generations[i], .local = { *local, 0 }, .mtu = 1500 };
        end->locals[i] = *local;
        ike_dataplane_event(end->ike, world.now, &event);
        world_drain(index);
    }
}

/* What the privileged side does first: the SAs of a conn that is renewed are gone before the engine hears of it. */
void world_configure(int index, uint16_t slot, const struct conf_conn *conn, bool renewed)
{
    struct end *end = &world.ends[index];
    bool known = slot < end->conn_count;
    for (size_t i = 0; i < end->held.count && renewed; i++)
        if (end->held.sas[i].spi && end->held.sas[i].conn == slot)
            (void)dp_held_drop(&end->held, &end->held.sas[i]);
    end->conns[slot] = *conn;
    if (renewed) {
        end->generations[slot] += known;
        end->alive[slot] = false;
        memset(end->counted[slot], 0, sizeof end->counted[slot]);
    }
    end->conn_count = known ? end->conn_count : slot + 1U;
    ike_configure(end->ike, world.now, slot, end->generations[slot], conn);
    world_drain(index);
    struct addr local = end->locals[0];
    world_path(index, &local);
}

/* As the first moment has it, but for the time and the secrets. */
void world_restart(int index)
{
    struct end *end = &world.ends[index];
    struct addr local = end->locals[0];
    load_ike(&world.variant->point[0], index);
    counter(end, end->ike->cookie_secret, DIGEST);
    end->ike->now = world.now;
    end->reply_count = 0;
    end->conn_count = end->ike->conn_count;
    memcpy(end->conns, world.variant->conns[index], sizeof end->conns);
    memset(end->generations, 0, sizeof end->generations);
    for (size_t i = 0; i < end->held.count; i++)
        if (end->held.sas[i].spi && end->held.sas[i].conn >= end->conn_count)
            (void)dp_held_drop(&end->held, &end->held.sas[i]);
    memset(end->alive, 0, sizeof end->alive);
    memset(end->counted, 0, sizeof end->counted);
    world_path(index, &local);
    for (size_t i = 0; i < end->held.count; i++) {
        const struct dp_sa *sa = &end->held.sas[i];
        struct dp_event event = { .type = DP_EVENT_HELD, .conn = sa->conn, .direction = sa->direction, .spi = sa->spi, .local = sa->local,
                                  .remote = sa->remote };
        if (!sa->spi)
            continue;
        ike_dataplane_event(end->ike, world.now, &event);
        world_drain(index);
    }
}

/* ---- time ---- */

static struct mono due_at(int *end)
{
    struct mono near = ike_deadline(world.ends[NEAR].ike), far = ike_deadline(world.ends[FAR].ike);
    *end = far.us < near.us ? FAR : NEAR;
    return mono_min(near, far);
}

static bool tick(struct mono until)
{
    static unsigned spins;
    int end;
    struct mono due = due_at(&end);
    if (due.us > until.us)
        return false;
    if (due.us > world.now.us) {
        world.now = due;
        spins = 0;
    }
    must(++spins < SPINS_MAX); /* a deadline that has come leads to something */
    ike_tick(world.ends[end].ike, world.now);
    world_drain(end);
    return true;
}

void world_advance(int64_t us)
{
    struct mono until = mono_after(world.now, us);
    for (unsigned i = 0; i < STEPS_AT_ONCE && tick(until); i++)
        ;
    world.now = until.us > world.now.us ? until : world.now;
}

bool world_step_until(struct mono until)
{
    world_replies();
    if (world.queue_count > 0) {
        struct in_flight d = world_pull(0);
        world.now.us += MONO_MS(5);
        world_deliver(&d);
        return true;
    }
    return tick(until);
}

bool world_step(void)
{
    int end;
    struct mono due = due_at(&end);
    return world_step_until(mono_is_never(due) ? world.now : mono_max(due, world.now));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the loop: the clock goes from one event or deadline to the next, the engines' outputs are drained after every
 * call. Entry points: world_new, world_start, world_run. Invariant asserted here: an engine whose deadline has come
 * does something about it; it is not asked again and again at the same instant.
 */
#include "tests/sim/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SPINS_MAX = 64 };

/* ---- chance ---- */

static uint64_t mix(uint64_t *state)     /* splitmix64 */
{
    uint64_t z = *state += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

uint64_t world_random(struct world *w) { return mix(&w->random); }
double world_chance(struct world *w) { return (double)(world_random(w) >> 11) / 9007199254740992.0; }

uint64_t world_seed(uint64_t otherwise)
{
    const char *given = getenv("MINICPE_SEED");
    return given && *given ? strtoull(given, NULL, 0) : otherwise;
}

void world_filter(void)
{
    const char *pattern = getenv("MINICPE_TEST");
    if (pattern && *pattern)
        cmocka_set_test_filter(pattern);
}

static void engine_random(void *context, uint8_t *out, size_t length)
{
    struct end *end = context;
    for (size_t i = 0; i < length; i++)
        out[i] = (uint8_t)mix(&end->random);
}

/* ---- telling ---- */

void world_trace(struct world *w, const char *format, ...)
{
    const char *wanted = getenv("MINICPE_TRACE");
    if (!wanted || !strstr(w->what, wanted))
        return;
    va_list arguments;
    printf("%12.6f ", (double)(w->now.us - w->began.us) / 1e6);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

static void print_end(const struct world *w, const struct end *end)
{
    struct ike_status s;
    for (uint16_t conn = 0; end->ike && conn < w->conns; conn++) {
        ike_status(end->ike, conn, &s);
        print_error("  %s conn %u: %s, cause %s, SPIs %08x %08x\n", end->index == NEAR ? "near" : "far ", conn, ike_state_name(s.state),
                    ike_cause_name(s.cause), s.spi_in, s.spi_out);
    }
}

void world_fail_at(struct world *w, const char *text, const char *file, int line)
{
    print_error("%s:%d: %s\n  %s; %.6f s; replay with MINICPE_SEED=%llu\n", file, line, text, w->what[0] ? w->what : "one case",
                (double)(w->now.us - w->began.us) / 1e6, (unsigned long long)w->seed);
    for (int end = 0; end < ENDS; end++)
        print_end(w, &w->ends[end]);
    _fail(file, line);
    /* cppcheck-suppress unreachableCode ; _fail is noreturn for it alone */
    abort(); /* _fail does not return, and does not say so to every compiler */
}

/* ---- events ---- */

struct event *world_event(struct world *w, enum event_type type, int64_t in_us, int end)
{
    size_t i = 0;
    while (i < WORLD_EVENTS_MAX && w->events[i].type != EVENT_FREE)
        i++;
    world_check(w, i < WORLD_EVENTS_MAX);
    if (i >= w->event_most)
        w->event_most = i + 1;
    struct event *e = &w->events[i];
    e->type = type;
    e->at = mono_after(w->now, in_us);
    e->order = ++w->event_order;
    e->end = (uint8_t)end;
    e->epoch = w->ends[end].epoch;
    return e;
}

void world_at(struct world *w, int64_t in_us, void (*call)(struct world *w))
{
    world_event(w, EVENT_CALL, in_us, NEAR)->call = call;
}

static struct event *next_event(struct world *w)
{
    struct event *next = NULL;
    while (w->event_most > 0 && w->events[w->event_most - 1].type == EVENT_FREE)
        w->event_most--;
    for (size_t i = 0; i < w->event_most; i++) {
        struct event *e = &w->events[i];
        if (e->type != EVENT_FREE && (!next || e->at.us < next->at.us || (e->at.us == next->at.us && e->order < next->order)))
            next = e;
    }
    return next;
}

static void happen(struct world *w, struct event *e)
{
    struct end *end = &w->ends[e->end];
    enum event_type type = e->type;
    bool current = end->ike && e->epoch == end->epoch;
    if (end->asleep && type != EVENT_CALL) {
        e->type = EVENT_FREE;
        return;
    }
    switch (type) {
    case EVENT_DATAGRAM:
        if (end->ike)
            network_deliver(w, e);
        break;
    case EVENT_REPLY:
        if (current)
            ike_dataplane_done(end->ike, w->now, &e->reply);
        break;
    case EVENT_DATAPLANE:
        if (current)
            ike_dataplane_event(end->ike, w->now, &e->dp);
        break;
    case EVENT_ARRIVAL:
        flow_arrival(w, e);
        break;
    case EVENT_CALL:
    case EVENT_FREE:
        break;
    }
    void (*call)(struct world *) = type == EVENT_CALL ? e->call : NULL;
    e->type = EVENT_FREE;
    if (call)
        call(w);
    else if (end->ike)
        world_drain(w, e->end);
}

/* ---- engines ---- */

static void take_notice(struct world *w, struct end *end, const struct ike_notice *n)
{
    static const char *const types[] = { "state", "cause", "warning", "debug" };
    world_trace(w, "%s  %s %d %s: %s", end->index == NEAR ? "NEAR" : "FAR ", types[n->type], n->conn, ike_state_name(n->state), n->text);
    world_check(w, strnlen(n->text, sizeof n->text) < sizeof n->text && n->text[0]);
    for (const char *c = n->text; *c; c++)
        world_check(w, *c >= 0x20 && *c < 0x7f);
    if (n->type == IKE_NOTICE_CAUSE)
        end->notices[n->cause]++;
    if (n->type == IKE_NOTICE_WARNING) {
        end->warnings++;
        memcpy(end->last_warning, n->text, sizeof end->last_warning);
    }
}

void world_drain(struct world *w, int index)
{
    struct ike_output output;
    struct end *end = &w->ends[index];
    while (ike_next_output(end->ike, &output))
        switch (output.type) {
        case IKE_SEND:
            network_send(w, index, &output);
            break;
        case IKE_DATAPLANE:
            plane_request(w, index, &output.request);
            break;
        case IKE_NOTICE:
            take_notice(w, end, &output.notice);
            break;
        }
}

static void tick(struct world *w, struct end *end)
{
    end->spins = end->spin_at.us == w->now.us ? end->spins + 1 : 0;
    end->spin_at = w->now;
    world_check(w, end->spins < SPINS_MAX);
    ike_tick(end->ike, w->now);
    world_drain(w, end->index);
}

void world_start(struct world *w, int index)
{
    struct end *end = &w->ends[index];
    struct ike_env env = { .random = engine_random, .context = end };
    world_check(w, !end->ike);
    end->epoch++;
    memset(end->generation, 0, sizeof end->generation);
    assert_int_equal(ike_new(&end->ike, &end->conf, &env, w->now), 0);
    plane_tell_held(w, index);
    if (end->ike && end->address.family)
        world_path(w, index, &end->address);
    world_drain(w, index);
}

void world_start_both(struct world *w)
{
    world_start(w, FAR);
    world_start(w, NEAR);
}

void world_settle(struct world *w, int64_t us)
{
    world_start_both(w);
    world_check(w, world_run_until(w, world_up, MONO_S(10)));
    world_run(w, us);
    flow_count_from_now(w);
}

void world_kill(struct world *w, int index, bool keep_sas)
{
    struct end *end = &w->ends[index];
    ike_free(end->ike);
    end->ike = NULL;
    end->epoch++;
    if (!keep_sas)
        plane_flush(w, index);
}

void world_command(struct world *w, int index, enum ike_command_type type, uint16_t conn)
{
    struct ike_command command = { .type = type, .conn = conn };
    ike_command(w->ends[index].ike, w->now, &command);
    world_drain(w, index);
}

void world_configure(struct world *w, int index, uint16_t slot, const struct conf_conn *conf, bool renewed)
{
    static const struct conf_conn none = { .local = 0 };
    struct end *end = &w->ends[index];
    end->conf.conns[slot] = conf ? *conf : none;
    if (renewed)
        plane_renew(w, index, slot);
    ike_configure(end->ike, w->now, slot, end->generation[slot], &end->conf.conns[slot]);
    world_drain(w, index);
    if (renewed && conf)
        world_path(w, index, &end->address);
}

void world_stop(struct world *w, int index)
{
    ike_stop(w->ends[index].ike, w->now);
    world_drain(w, index);
}

void world_inject(struct world *w, int index, const struct ike_path *path, struct bytes datagram)
{
    ike_packet(w->ends[index].ike, w->now, path, datagram);
    world_drain(w, index);
}

void world_dp_event(struct world *w, int index, const struct dp_event *event)
{
    struct dp_event now = *event;
    now.generation = w->ends[index].generation[event->conn];
    ike_dataplane_event(w->ends[index].ike, w->now, &now);
    world_drain(w, index);
}

void world_unreachable(struct world *w, int index)
{
    ike_unreachable(w->ends[index].ike, w->now, &w->ends[index].ike->peers[0].remote);
    world_drain(w, index);
}

void world_path(struct world *w, int index, const struct addr *local)
{
    struct end *end = &w->ends[index];
    end->address = *local;
    for (uint16_t conn = 0; conn < end->conf.count; conn++) {
        if (conf_is_hole(&end->conf.conns[conn]))
            continue;
        struct dp_event event = { .type = DP_EVENT_PATH, .conn = conn, .local.addr = *local, .mtu = 1500 };
        world_dp_event(w, index, &event);
    }
    flow_outbound(w, index, true);
}

struct ike_status world_status(struct world *w, int end, uint16_t conn)
{
    struct ike_status s = { .state = IKE_STATE_DOWN };
    if (w->ends[end].ike)
        ike_status(w->ends[end].ike, conn, &s);
    return s;
}

bool world_end_up(struct world *w, int end)
{
    for (uint16_t conn = 0; conn < w->conns; conn++)
        if (world_status(w, end, conn).state != IKE_STATE_UP)
            return false;
    return true;
}

bool world_up(struct world *w)
{
    return world_end_up(w, NEAR) && world_end_up(w, FAR) && flow_both_ways(w);
}

/* ---- the loop ---- */

/* The next thing that happens, no later than `limit`; false when nothing is left before it. */
static bool step(struct world *w, struct mono limit)
{
    struct event *e = next_event(w);
    struct mono at = e ? e->at : MONO_NEVER;
    struct end *due = NULL;
    for (int i = 0; i < ENDS; i++) {
        struct mono deadline = w->ends[i].ike && !w->ends[i].asleep ? ike_deadline(w->ends[i].ike) : MONO_NEVER;
        if (deadline.us < at.us) {
            at = deadline;
            due = &w->ends[i];
        }
    }
    if (mono_is_never(at) || at.us > limit.us)
        return false;
    w->now = at.us > w->now.us ? at : w->now;
    if (due)
        tick(w, due);
    else
        happen(w, e);
    return true;
}

void world_run(struct world *w, int64_t us)
{
    struct mono limit = mono_after(w->now, us);
    while (step(w, limit))
        ;
    w->now = limit;
}

bool world_run_until(struct world *w, bool (*reached)(struct world *w), int64_t at_most_us)
{
    struct mono limit = mono_after(w->now, at_most_us);
    while (!reached(w))
        if (!step(w, limit)) {
            w->now = limit;
            return reached(w);
        }
    return true;
}

static void tell_traffic(struct world *w)
{
    if (w->traffic_us)
        plane_traffic(w);
    world_at(w, w->traffic_us ? w->traffic_us : MONO_S(1), tell_traffic);
}

struct world *world_new(const struct options *options)
{
    static bool started;
    static uint64_t serial;
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    if (!started)
        assert_int_equal(crypto_start(), 0);
    started = true;
    w->events = calloc(WORLD_EVENTS_MAX, sizeof *w->events);
    assert_non_null(w->events);
    w->options = *options;
    w->serial = ++serial;
    w->seed = world_seed(options->seed ? options->seed : 20240229);
    w->random = w->seed;
    w->now = w->began = (struct mono){ MONO_S(100000) };
    w->traffic_us = MONO_MS(100); /* as the kernel's timer is set */
    w->network.delay_us = options->delay_us ? options->delay_us : MONO_MS(20);
    w->network.nat = options->nat;
    for (int i = 0; i < ENDS; i++) {
        w->ends[i].world = w;
        w->ends[i].index = (uint8_t)i;
        w->ends[i].random = mix(&w->random);
        w->ends[i].plane.delay_us = MONO_MS(1);
        setup_conf(w, i);
    }
    world_at(w, (int64_t)(world_random(w) % 100000), tell_traffic);
    flow_count_from_now(w);
    return w;
}

void world_free(struct world *w)
{
    for (int i = 0; i < ENDS; i++) {
        ike_free(w->ends[i].ike);
        conf_free(&w->ends[i].conf);
    }
    free(w->events);
    free(w);
}

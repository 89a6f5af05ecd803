/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what control clients ask of the engine and are told: answers are made from its values when a client's socket
 * can take them, so nothing is kept for a client. Entry points: engine_control_source, engine_control_event.
 */
#include "daemon/engine_private.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "daemon/clock.h"
#include "daemon/life.h"
#include "daemon/report.h"

uint32_t engine_count(const struct engine *engine)
{
    uint32_t count = 0;
    for (size_t i = 0; i < ike_conn_count(engine->ike); i++)
        count += ike_conn(engine->ike, (uint16_t)i) != NULL;
    return count;
}

uint32_t engine_count_up(const struct engine *engine)
{
    uint32_t up = 0;
    for (size_t i = 0; i < ike_conn_count(engine->ike); i++)
        up += engine->flips[i].up;
    return up;
}

static size_t source_count(void *context)
{
    const struct engine *engine = context;
    return ike_conn_count(engine->ike);
}

static void source_tunnel(void *context, size_t index, struct control_tunnel *out)
{
    const struct engine *engine = context;
    struct ike_status status;
    const struct conf_conn *conn = ike_conn(engine->ike, (uint16_t)index);
    if (!conn)
        return; /* an empty slot: no name */
    ike_status(engine->ike, (uint16_t)index, &status);
    struct report_clock clock = { clock_mono(), clock_wall() };
    report_tunnel(conn, &status, engine->flips[index].at, engine->path_mtu[index], &clock, out);
}

static void source_end(void *context, struct control_end *out)
{
    const struct engine *engine = context;
    out->tunnels = engine_count(engine);
    out->up = engine_count_up(engine);
    out->now = clock_wall();
    out->started = engine->started;
    memcpy(out->daemon_version, MINICPE_VERSION, sizeof MINICPE_VERSION);
}

static bool source_refresh(void *context)
{
    struct engine *engine = context;
    if (engine->queries == 0) {
        ike_query_counters(engine->ike, clock_mono());
        engine_drain(engine);
    }
    return engine->queries != 0;
}

static void source_command(void *context, enum control_type type, size_t index)
{
    struct engine *engine = context;
    struct ike_command command = { .type = IKE_COMMAND_REKEY, .conn = (uint16_t)index };
    if (type == CONTROL_UP)
        command.type = IKE_COMMAND_UP;
    else if (type == CONTROL_DOWN)
        command.type = IKE_COMMAND_DOWN;
    ike_command(engine->ike, clock_mono(), &command);
    engine_drain(engine);
}

/* ---- events ---- */

/* Kept on the engine's clock, told on the wall's: a clock that was set meanwhile moves what is past with it. */
static void tell_time(struct control_event *event)
{
    event->at += clock_wall() - clock_mono().us;
}

static bool source_past_event(void *context, size_t tunnel, size_t index, struct control_event *out)
{
    const struct engine *engine = context;
    const struct conf_conn *conn = ike_conn(engine->ike, (uint16_t)tunnel);
    if (!conn || !events_past(engine->events, conn->name, index, out))
        return false;
    tell_time(out);
    return true;
}

static uint64_t source_next_event(void *context)
{
    const struct engine *engine = context;
    return events_next(engine->events);
}

static bool source_event(void *context, uint64_t sequence, struct control_event *out)
{
    const struct engine *engine = context;
    if (!events_get(engine->events, sequence, out))
        return false;
    tell_time(out);
    return true;
}

void engine_control_event(struct engine *engine, const struct ike_notice *notice, const struct conf_conn *conn)
{
    struct control_event event;
    if (notice->type == IKE_NOTICE_DEBUG)
        return;
    report_event(notice, conn, clock_mono().us, &event);
    events_add(engine->events, &event);
    if (engine->clients)
        clients_event(engine->clients);
}

/* ---- the log's level: of this process, and by the privileged one of the others ---- */

static bool source_log_level(void *context, uint32_t level)
{
    const struct engine *engine = context;
    if (level < LOG_LEVEL_ERROR || level > LOG_LEVEL_DEBUG)
        return false;
    log_level_set((enum log_level)level);
    ike_set_debug(engine->ike, level >= LOG_LEVEL_DEBUG);
    life_tell(engine->hold->life, LIFE_LOG_LEVEL, level);
    return true;
}

/* ---- the files read anew: by the privileged process ---- */

static bool source_reload(void *context)
{
    struct engine *engine = context;
    if (engine->reload.under_way || life_tell(engine->hold->life, LIFE_RELOAD, 0) < 0)
        return false;
    engine->reload.under_way = true;
    engine->reload.used = 0;
    return true;
}

static size_t source_line(void *context, size_t at, struct control_line *out)
{
    const struct engine *engine = context;
    if (at >= engine->reload.used)
        return 0;
    snprintf(out->text, sizeof out->text, "%s", engine->reload.lines + at);
    return at + strlen(engine->reload.lines + at) + 1;
}

void engine_control_say(struct engine *engine, const char *line)
{
    size_t length = strlen(line) + 1;
    if (!engine->reload.under_way || engine->reload.used + length > sizeof engine->reload.lines)
        return; /* the log has it */
    memcpy(engine->reload.lines + engine->reload.used, line, length);
    engine->reload.used += length;
}

void engine_control_reloaded(struct engine *engine, bool done)
{
    engine->reload.under_way = false;
    clients_reloaded(engine->clients, done);
}

void engine_control_source(struct engine *engine)
{
    engine->source = (struct clients_source){
        .context = engine, .count = source_count, .tunnel = source_tunnel, .end = source_end, .refresh = source_refresh,
        .command = source_command, .past_event = source_past_event, .next_event = source_next_event, .event = source_event,
        .log_level = source_log_level, .reload = source_reload, .line = source_line,
    };
}

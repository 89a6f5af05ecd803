/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the loop around ike/ike.h: datagrams, replies of the data plane, control clients and one timer go in,
 * and after each the outputs are drained. The timer is a descriptor on the clock that counts suspended time,
 * so a machine that wakes up notices at once what is due. Invariants: nothing of the network or of clients is
 * read before the filter of system calls is in force; a wake-up handles a bounded number of messages; no send
 * ever blocks.
 */
#include "daemon/engine_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/log.h"
#include "crypto/crypto.h"
#include "daemon/clock.h"
#include "daemon/drop.h"
#include "daemon/icmp.h"
#include "daemon/life.h"
#include "daemon/loop.h"
#include "daemon/notice.h"
#include "daemon/sandbox.h"
#include "dataplane/client.h"

enum { ERRORS_PER_WAKE = 8, DATAGRAMS_PER_WAKE = 32, REPLIES_PER_WAKE = 64 };

static void finish(struct engine *engine, int result)
{
    engine->result = result;
    ev_break(engine->loop, EVBREAK_ALL);
}

static void end(struct engine *engine)
{
    clients_free(engine->clients);
    ike_free(engine->ike);
    events_free(engine->events);
    bytes_wipe(engine, sizeof *engine);
    free(engine);
}

/* Deaf to one of its descriptors, this process must not live on; see daemon/loop.h. */
static void end_if_deaf(struct engine *engine, int events)
{
    if (!(events & EV_ERROR))
        return;
    loop_tell_refusal("of the engine");
    end(engine);
    _exit(ENGINE_FAILED);
}

/* ---- what comes out of the engine ---- */

static void put_datagram(const struct engine *engine, const struct ike_output *output)
{
    char text[ENDPOINT_TEXT_MAX];
    notice_datagram("sent", "to", &output->path, bytes_of(output->datagram, output->length));
    if (udp_send(&engine->hold->udp, &output->path, bytes_of(output->datagram, output->length)) < 0)
        log_debug("a datagram to %s was not sent: %s", endpoint_print(&output->path.remote, text), strerror(errno));
}

static void put_request(struct engine *engine, const struct dp_request *request)
{
    int error = dp_client_send(engine->hold->dataplane, request);
    engine->blocked = error == -EAGAIN;
    if (engine->blocked)
        engine->waiting = *request;
    else if (error < 0)
        finish(engine, ENGINE_FAILED);
    else if (request->type == DP_SA_QUERY)
        engine->queries++;
}

/* While the channel is full the engine's outputs stay where they are: it was built to have room for them. */
static void watch_dataplane(struct engine *engine)
{
    int events = EV_READ | (engine->blocked ? EV_WRITE : 0);
    if ((engine->dataplane.events & (EV_READ | EV_WRITE)) == events)
        return;
    ev_io_stop(engine->loop, &engine->dataplane);
    ev_io_set(&engine->dataplane, engine->hold->dataplane, events);
    ev_io_start(engine->loop, &engine->dataplane);
}

static void arm_timer(struct engine *engine)
{
    struct mono due = ike_deadline(engine->ike);
    if (due.us == engine->armed.us)
        return;
    struct itimerspec when = { .it_value = { 0 } };
    if (!mono_is_never(due)) {
        int64_t us = due.us > 0 ? due.us : 1; /* 0 would switch the timer off */
        when.it_value = (struct timespec){ us / 1000000, us % 1000000 * 1000 };
    }
    if (timerfd_settime(engine->timer.fd, TFD_TIMER_ABSTIME, &when, NULL) == 0)
        engine->armed = due;
}

static void look_at_tunnels(struct engine *engine)
{
    struct ike_status status;
    for (size_t i = 0; i < ike_conn_count(engine->ike); i++) {
        struct flip *flip = &engine->flips[i];
        ike_status(engine->ike, (uint16_t)i, &status);
        bool up = status.state == IKE_STATE_UP;
        if (up != flip->up || flip->at.us == 0)
            *flip = (struct flip){ up, status.since };
    }
}

static void tell_summary(struct engine *engine)
{
    look_at_tunnels(engine);
    struct life_message message = { .type = LIFE_SUMMARY, .number = engine_count(engine), .up = engine_count_up(engine) };
    if (engine->told && message.up == engine->told_up && message.number == engine->told_all)
        return;
    engine->told = life_send(engine->hold->life, &message, NULL) == 0;
    engine->told_up = message.up;
    engine->told_all = message.number;
}

static void put_notice(struct engine *engine, const struct ike_notice *notice)
{
    bool has_conn = notice->conn >= 0 && (size_t)notice->conn < ike_conn_count(engine->ike);
    const struct conf_conn *conn = has_conn ? ike_conn(engine->ike, (uint16_t)notice->conn) : NULL;
    bool *up = &engine->noticed_up[has_conn ? notice->conn : 0];
    notice_log(notice, conn, has_conn && *up);
    if (has_conn && notice->type == IKE_NOTICE_STATE)
        *up = notice->state == IKE_STATE_UP;
    engine_control_event(engine, notice, conn);
}

static void put_outputs(struct engine *engine)
{
    struct ike_output *output = &engine->output;
    bool changed = false;
    if (engine->blocked)
        put_request(engine, &engine->waiting);
    while (!engine->blocked && ike_next_output(engine->ike, output)) {
        switch (output->type) {
        case IKE_SEND:
            put_datagram(engine, output);
            break;
        case IKE_DATAPLANE:
            put_request(engine, &output->request);
            break;
        case IKE_NOTICE:
            put_notice(engine, &output->notice);
            changed |= output->notice.type == IKE_NOTICE_STATE;
            break;
        }
        bytes_wipe(&output->request, sizeof output->request);
    }
    if (!engine->blocked)
        bytes_wipe(&engine->waiting, sizeof engine->waiting);
    if (changed)
        tell_summary(engine);
}

void engine_drain(struct engine *engine)
{
    put_outputs(engine);
    watch_dataplane(engine);
    arm_timer(engine);
}

/* ---- what goes in ---- */

static void on_datagram(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    struct engine *engine = watcher->data;
    end_if_deaf(engine, events);
    const struct udp_socket *from = &engine->hold->udp.socket[watcher - engine->udp];
    for (int i = 0; i < DATAGRAMS_PER_WAKE; i++) {
        struct ike_path path;
        size_t length;
        int got = udp_receive(from, engine->datagram, sizeof engine->datagram, &path, &length);
        if (got == 0)
            break;
        if (got < 0)
            continue;
        notice_datagram("received", "from", &path, bytes_of(engine->datagram, length));
        ike_packet(engine->ike, clock_mono(), &path, bytes_of(engine->datagram, length));
        put_outputs(engine);
    }
    engine_drain(engine);
}

static void on_icmp(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    struct engine *engine = watcher->data;
    uint8_t datagram[ICMP_DATAGRAM_MAX];
    struct addr headend;
    end_if_deaf(engine, events);
    for (int i = 0; i < ERRORS_PER_WAKE; i++) {
        ssize_t got = recv(watcher->fd, datagram, sizeof datagram, 0);
        if (got < 0)
            return;
        if (!icmp_about_headend(bytes_of(datagram, (size_t)got), &headend))
            continue;
        ike_unreachable(engine->ike, clock_mono(), &headend);
        engine_drain(engine);
    }
}

static void on_timer(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    struct engine *engine = watcher->data;
    uint64_t expirations;
    end_if_deaf(engine, events);
    if (read(watcher->fd, &expirations, sizeof expirations) < 0)
        return;
    engine->armed = MONO_NEVER;
    ike_tick(engine->ike, clock_mono());
    engine_drain(engine);
}

static void take_reply(struct engine *engine, const struct dp_reply *reply)
{
    ike_dataplane_done(engine->ike, clock_mono(), reply);
    if (reply->type == DP_SA_QUERY && engine->queries && --engine->queries == 0)
        clients_refreshed(engine->clients);
}

static void take_event(struct engine *engine, const struct dp_event *event)
{
    if (event->type == DP_EVENT_PATH && event->conn < CONF_CONNS_MAX)
        engine->path_mtu[event->conn] = event->local.addr.family ? event->mtu : 0;
    ike_dataplane_event(engine->ike, clock_mono(), event);
}

/* Who follows events has seen it come. */
static void tell_gone(struct engine *engine, uint16_t slot)
{
    struct ike_notice notice = { .type = IKE_NOTICE_STATE, .conn = slot, .state = IKE_STATE_DOWN, .text = "no longer configured" };
    put_notice(engine, &notice);
}

/* Another conn in a slot has nothing of the one before it. */
static void take_conn(struct engine *engine, const struct dp_conn *changed)
{
    const struct conf_conn *before = ike_conn(engine->ike, (uint16_t)changed->index);
    if (before && conf_is_hole(&changed->conn))
        tell_gone(engine, (uint16_t)changed->index);
    if (!before || strcmp(before->name, changed->conn.name) != 0) {
        engine->flips[changed->index] = (struct flip){ false };
        engine->noticed_up[changed->index] = false;
    }
    ike_configure(engine->ike, clock_mono(), (uint16_t)changed->index, changed->generation, &changed->conn);
}

/* A client that waits is told of its own reload, not of one that a signal asked for meanwhile. */
static void take_reloaded(struct engine *engine, const struct dp_reloaded *reloaded)
{
    tell_summary(engine);
    if (reloaded->asked)
        engine_control_reloaded(engine, reloaded->done);
}

static void take_message(struct engine *engine, const struct dp_message *message)
{
    if (message->type == DP_MESSAGE_REPLY)
        take_reply(engine, &message->reply);
    else if (message->type == DP_MESSAGE_EVENT)
        take_event(engine, &message->event);
    else if (message->type == DP_MESSAGE_CONN)
        take_conn(engine, &message->conn);
    else if (message->type == DP_MESSAGE_SAY)
        engine_control_say(engine, message->say.text);
    else if (message->type == DP_MESSAGE_RELOADED)
        take_reloaded(engine, &message->reloaded);
    else
        finish(engine, ENGINE_FAILED);
}

static void on_dataplane(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    struct engine *engine = watcher->data;
    struct dp_message message;
    end_if_deaf(engine, events);
    for (int i = 0; i < REPLIES_PER_WAKE; i++) {
        int got = dp_client_receive(engine->hold->dataplane, &message);
        if (got < 0) /* the privileged process is gone */
            finish(engine, got == -EPROTO ? ENGINE_FAILED : ENGINE_ORPHANED);
        if (got <= 0)
            return;
        take_message(engine, &message);
        bytes_wipe(&message, sizeof message); /* keys, secrets */
        engine_drain(engine);
    }
}

static void on_life(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    struct engine *engine = watcher->data;
    struct life_message message;
    end_if_deaf(engine, events);
    int got = life_receive(watcher->fd, &message, NULL);
    if (got == 0)
        return;
    if (got < 0 || message.type != LIFE_STOP) {
        finish(engine, ENGINE_ORPHANED);
        return;
    }
    ike_stop(engine->ike, clock_mono());
    engine_drain(engine);
    finish(engine, ENGINE_STOPPED);
}

/* ---- start and end ---- */

static void random_or_die(void *context, uint8_t *out, size_t length)
{
    (void)context;
    if (crypto_random(out, length) < 0) {
        log_error("the system gives no random numbers: the engine ends rather than use weak keys");
        abort();
    }
}

static void watch(struct engine *engine, ev_io *watcher, int fd, void (*callback)(struct ev_loop *, ev_io *, int))
{
    ev_io_init(watcher, callback, fd, EV_READ);
    if (watcher == &engine->timer)
        ev_set_priority(watcher, EV_MINPRI); /* what came while we were busy is heard before time is called */
    watcher->data = engine;
    ev_io_start(engine->loop, watcher);
}

/* One that is full tells as much. */
static void on_sign(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop, (void)events;
    const struct engine *engine = timer->data;
    (void)!write(engine->hold->sign, "", 1);
}

static int start_loop(struct engine *engine)
{
    engine_control_source(engine);
    int timer = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    engine->loop = loop_new();
    if (timer < 0 || !engine->loop)
        return -1;
    engine->armed = MONO_NEVER;
    watch(engine, &engine->timer, timer, on_timer);
    watch(engine, &engine->life, engine->hold->life, on_life);
    watch(engine, &engine->dataplane, engine->hold->dataplane, on_dataplane);
    for (size_t i = 0; i < engine->hold->udp.count; i++)
        watch(engine, &engine->udp[i], engine->hold->udp.socket[i].fd, on_datagram);
    if (engine->hold->icmp >= 0)
        watch(engine, &engine->icmp, engine->hold->icmp, on_icmp);
    ev_timer_init(&engine->sign, on_sign, 0, ENGINE_SIGN_SECONDS);
    engine->sign.data = engine;
    if (engine->hold->sign >= 0)
        ev_timer_start(engine->loop, &engine->sign);
    engine->clients = clients_new(engine->loop, engine->hold->control, &engine->source);
    return engine->clients ? 0 : -1;
}

static int start_ike(struct engine *engine)
{
    static const struct ike_env env = { .random = random_or_die };
    struct conf conf;
    int error = dp_client_receive_conf(engine->hold->dataplane, &conf);
    if (error < 0) {
        errno = -error;
        return -1;
    }
    fcntl(engine->hold->dataplane, F_SETFL, O_NONBLOCK);
    int result = ike_new(&engine->ike, &conf, &env, clock_mono());
    conf_free(&conf);
    engine->started = clock_wall();
    if (result == 0)
        ike_set_debug(engine->ike, log_level_get() >= LOG_LEVEL_DEBUG);
    if (result == 0 && !(engine->events = events_new(CONF_CONNS_MAX)))
        return -1;
    return result;
}

int engine_run(const struct engine_hold *hold)
{
    char error[SANDBOX_ERROR_MAX];
    drop_dumps();
    drop_lock_memory();
    struct engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return ENGINE_FAILED;
    int result = ENGINE_FAILED;
    engine->hold = hold;
    if (start_ike(engine) < 0 || start_loop(engine) < 0) {
        log_error("the engine cannot start: %s", strerror(errno));
    } else if (sandbox_enter(SANDBOX_ENGINE, error) < 0) {
        log_error("%s", error);
    } else {
        engine_drain(engine);
        tell_summary(engine);
        life_tell(hold->life, LIFE_READY, 0);
        ev_run(engine->loop, 0);
        result = engine->result;
    }
    struct ev_loop *loop = engine->loop;
    end(engine);
    if (loop)
        ev_loop_destroy(loop);
    return result;
}

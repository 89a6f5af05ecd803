/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the order of start and stop. Start: files, sockets, the supervisor (forked before there is any netlink
 * socket that it could inherit), capabilities down to CAP_NET_ADMIN, links and policies, and only then an
 * engine. Stop: the engine says goodbye and ends, the supervisor follows, then everything made is removed.
 * This process never reads a packet; what an engine asks for goes through the data plane's permit table.
 */
#include "daemon/privileged.h"

#include <errno.h>
#include <ev.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "daemon/channels.h"
#include "daemon/clock.h"
#include "daemon/confine.h"
#include "daemon/drop.h"
#include "daemon/files.h"
#include "daemon/folder.h"
#include "host/settings.h"
#include "daemon/icmp.h"
#include "daemon/life.h"
#include "daemon/logsink.h"
#include "daemon/loop.h"
#include "daemon/notify.h"
#include "daemon/reload.h"
#include "daemon/sandbox.h"
#include "daemon/signals.h"
#include "daemon/supervisor.h"

enum { SUPERVISOR_END_MS = 500 };

static const double GOODBYE_LIMIT = 1.0; /* seconds: the engine's Deletes must be out by then */

struct privileged {
    const struct options *options;
    struct conf *conf;         /* what runs */
    struct ev_loop *loop;
    struct dp_server *server;
    struct channels channels;
    pid_t supervisor;
    int supervisor_channel;
    int signals;               /* see signals.h */
    int folder;                /* see folder_take */
    ev_io watch_supervisor, watch_signals, watch_server[DP_SERVER_FDS];
    ev_timer server_timer, goodbye;
    ev_prepare before_wait;
    bool ready, stopping, accident;
    int result;
};

/* An end that nobody asked for. */
static void end_by_accident(struct privileged *p, const char *cause)
{
    p->accident = !p->stopping;
    if (p->accident)
        log_error("%s: everything ends, to be started again by the service manager", cause);
    p->result = p->stopping ? EXIT_SUCCESS : EXIT_FAILURE;
    ev_break(p->loop, EVBREAK_ALL);
}

static void end_supervisor(const struct privileged *p)
{
    close(p->supervisor_channel);
    for (int waited = 0; waitpid(p->supervisor, NULL, WNOHANG) == 0 && waited < SUPERVISOR_END_MS; waited += 5)
        usleep(5000);
}

static void end_others(struct privileged *p)
{
    if (p->channels.loop)
        channels_close(&p->channels);
    end_supervisor(p);
    /* What comes of an accident is over at once: links stay, with the routes on them, and policies let nothing out in clear. */
    if (p->server && p->accident)
        dp_server_leave(p->server);
    else if (p->server)
        dp_server_stop(p->server);
    folder_remove(p->options->run);
}

/* Deaf to one of its descriptors, this process must not live on; see daemon/loop.h. */
static void end_if_deaf(struct privileged *p, int events)
{
    if (!(events & EV_ERROR))
        return;
    loop_tell_refusal("");
    end_by_accident(p, "so the privileged process is deaf");
    end_others(p);
    _exit(p->result);
}

/* ---- the data plane's own life ---- */

static void arm_server_timer(struct privileged *p)
{
    struct mono due = dp_server_deadline(p->server);
    ev_timer_stop(p->loop, &p->server_timer);
    if (mono_is_never(due))
        return;
    int64_t wait = mono_since(due, clock_mono());
    ev_timer_set(&p->server_timer, wait > 0 ? (double)wait / 1e6 : 0, 0);
    ev_timer_start(p->loop, &p->server_timer);
}

static void on_server(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    struct privileged *p = watcher->data;
    end_if_deaf(p, events);
    dp_server_readable(p->server, clock_mono());
}

static void on_server_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop, (void)events;
    struct privileged *p = timer->data;
    dp_server_tick(p->server, clock_mono());
}

/* Whatever happened may have changed what is due: a notification, a request of the engine, a new engine. */
static void on_before_wait(struct ev_loop *loop, ev_prepare *watcher, int events)
{
    (void)loop, (void)events;
    arm_server_timer(watcher->data);
}

/* ---- engines ---- */

static void on_summary(void *context, uint32_t tunnels, uint32_t up)
{
    (void)context;
    char words[128];
    snprintf(words, sizeof words, "%u tunnel%s: %u up, %u not up", tunnels, tunnels == 1 ? "" : "s", up, tunnels - up);
    notify_status(words);
}

static void on_ready(void *context)
{
    struct privileged *p = context;
    if (p->ready)
        return;
    p->ready = true;
    notify_send("READY=1");
    log_notice("minicpe " MINICPE_VERSION " runs %zu tunnel%s of %s", p->conf->count, p->conf->count == 1 ? "" : "s", p->options->conf);
}

static void on_log_level(void *context, uint32_t level)
{
    const struct privileged *p = context;
    if (log_level_get() == (enum log_level)level)
        return;
    log_level_set((enum log_level)level);
    life_tell(p->supervisor_channel, LIFE_LOG_LEVEL, level); /* it hands the level down to engines that it starts */
}

static void on_forged(void *context)
{
    struct privileged *p = context;
    if (!p->stopping && life_tell(p->supervisor_channel, LIFE_END_ENGINE, 0) < 0)
        end_by_accident(p, "an engine that forges cannot be ended");
}

static void on_supervisor(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    struct privileged *p = watcher->data;
    struct life_message message;
    end_if_deaf(p, events);
    int got = life_receive(watcher->fd, &message, NULL);
    if (got == 0)
        return;
    bool wants_engine = got > 0 && message.type == LIFE_NEED_ENGINE && !p->stopping;
    if (wants_engine && channels_open(&p->channels, p->supervisor_channel) == 0)
        return;
    end_by_accident(p, "the process that holds the sockets is gone");
}

/* ---- signals and the end ---- */

static void on_goodbye_limit(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)timer, (void)events;
    ev_break(loop, EVBREAK_ALL);
}

static void begin_stop(struct privileged *p)
{
    bool again = p->stopping;
    p->stopping = true;
    p->result = EXIT_SUCCESS;
    notify_send("STOPPING=1\nSTATUS=taking the tunnels down");
    if (again || channels_stop(&p->channels) < 0) {
        ev_break(p->loop, EVBREAK_ALL);
        return;
    }
    log_notice("stopping: the headends are told, and everything that was made is removed");
    ev_timer_set(&p->goodbye, GOODBYE_LIMIT, 0);
    ev_timer_start(p->loop, &p->goodbye);
}

/* ---- another configuration ---- */

static void log_change(void *context, const char *line)
{
    (void)context;
    log_notice("reload: %s", line);
}

static void tell_change(void *context, const char *line)
{
    struct privileged *p = context;
    struct dp_message message;
    log_change(NULL, line);
    dp_message_begin(&message, DP_MESSAGE_SAY);
    snprintf(message.say.text, sizeof message.say.text, "%s", line);
    channels_send(&p->channels, &message, dp_message_length(message.type));
}

static void reload(struct privileged *p, bool asked, void (*tell)(void *context, const char *line))
{
    struct dp_message message;
    const struct dp_teller teller = { tell, p };
    dp_message_begin(&message, DP_MESSAGE_RELOADED);
    message.reloaded.asked = asked;
    message.reloaded.done = !p->stopping && reload_run(p->options, &p->conf, p->server, &teller);
    channels_send(&p->channels, &message, dp_message_length(message.type));
}

static void on_reload(void *context) { reload(context, true, tell_change); }

static void on_signal(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    struct privileged *p = watcher->data;
    end_if_deaf(p, events);
    for (int number = 0; (number = signals_next(watcher->fd)) != 0;) {
        if (number == SIGHUP)
            reload(p, false, log_change);
        else
            begin_stop(p);
    }
}

/* ---- start ---- */

static void warn_of_setting(void *context, const char *wrong, const char *mend)
{
    (void)context;
    log_warning("%s; mend it with: %s", wrong, mend);
}

static void look_at_host(const struct conf *conf)
{
    char outer[IF_NAMESIZE];
    settings_outer(conf, outer);
    settings_look("/proc/sys", conf, outer, warn_of_setting, NULL);
}

static int fail(const char *sentence)
{
    log_error("%s", sentence);
    return -1;
}

static bool wants_family(const struct conf *conf, enum addr_family family)
{
    for (size_t i = 0; i < conf->count; i++)
        if (conf_far(&conf->conns[i])->addr.family == family)
            return true;
    return false;
}

static int open_sockets(const struct privileged *p, struct supervisor_hold *hold)
{
    char error[UDP_ERROR_MAX];
    if (udp_open(&hold->udp, ADDR_V4, &p->conf->listen, error) < 0)
        return fail(error);
    if (wants_family(p->conf, ADDR_V6) && udp_open(&hold->udp, ADDR_V6, &p->conf->listen, error) < 0) {
        udp_close(&hold->udp);
        return fail(error);
    }
    return 0;
}

static _Noreturn void be_supervisor(struct privileged *p, struct supervisor_hold *hold, const struct drop_user *user)
{
    char error[DROP_ERROR_MAX], empty[FOLDER_PATH_MAX];
    conf_free(p->conf); /* the secrets are not for this process */
    notify_close();
    signals_ignore();
    signal(SIGPIPE, SIG_IGN);
    drop_lock_memory();
    folder_put_empty(p->options->run, empty, sizeof empty);
    if (crypto_start() < 0) {
        log_error("OpenSSL refuses an algorithm that is needed: its configuration (openssl.cnf) or a FIPS mode forbids it");
        _exit(EXIT_FAILURE);
    }
    if (drop_everything(user, empty, error) < 0) {
        log_error("%s", error);
        _exit(EXIT_FAILURE);
    }
    _exit(supervisor_run(hold));
}

static int fork_supervisor(struct privileged *p, struct supervisor_hold *hold, const struct drop_user *user)
{
    int pair[2];
    if (life_pair(pair) < 0)
        return fail(strerror(errno));
    p->signals = signals_hold();
    p->supervisor = p->signals < 0 ? -1 : fork();
    if (p->supervisor == 0) {
        close(p->signals);
        close(p->folder);
        close(pair[0]);
        hold->parent = pair[1];
        be_supervisor(p, hold, user);
    }
    close(pair[1]);
    p->supervisor_channel = pair[0];
    if (p->supervisor > 0)
        return 0;
    close(pair[0]);
    return fail(strerror(errno));
}

/* From here on this process holds no socket but its channels: the supervisor has them. */
static int start_supervisor(struct privileged *p)
{
    char error[FOLDER_ERROR_MAX];
    struct drop_user user;
    struct supervisor_hold hold = { .udp.count = 0, .icmp = icmp_open(), .patience_ms = SUPERVISOR_PATIENCE_MS };
    if (hold.icmp < 0)
        log_debug("no socket for ICMP errors (%s): a headend's death is noticed a little later", strerror(errno));
    if (open_sockets(p, &hold) < 0)
        return -1;
    drop_find_user(&user);
    p->folder = folder_take(p->options->run, error);
    if (p->folder < 0 || (hold.control = folder_listen(p->options->run, user.gid, error)) < 0) {
        udp_close(&hold.udp);
        return fail(error);
    }
    int result = fork_supervisor(p, &hold, &user);
    udp_close(&hold.udp);
    if (hold.icmp >= 0)
        close(hold.icmp);
    close(hold.control);
    if (result < 0)
        folder_remove(p->options->run);
    return result;
}

static void watch(struct privileged *p, ev_io *watcher, int fd, void (*callback)(struct ev_loop *, ev_io *, int))
{
    ev_io_init(watcher, callback, fd, EV_READ);
    watcher->data = p;
    ev_io_start(p->loop, watcher);
}

static void start_watchers(struct privileged *p)
{
    int fds[DP_SERVER_FDS];
    size_t count = dp_server_watch(p->server, fds);
    for (size_t i = 0; i < count; i++)
        watch(p, &p->watch_server[i], fds[i], on_server);
    watch(p, &p->watch_supervisor, p->supervisor_channel, on_supervisor);
    ev_timer_init(&p->server_timer, on_server_timer, 0, 0);
    ev_timer_init(&p->goodbye, on_goodbye_limit, 0, 0);
    ev_prepare_init(&p->before_wait, on_before_wait);
    p->server_timer.data = p->goodbye.data = p->before_wait.data = p;
    ev_prepare_start(p->loop, &p->before_wait);
    watch(p, &p->watch_signals, p->signals, on_signal);
}

static int start_dataplane(struct privileged *p)
{
    char why[DP_WHY_MAX], error[SANDBOX_ERROR_MAX];
    if (drop_to_net_admin(error) < 0)
        return fail(error);
    signal(SIGPIPE, SIG_IGN);
    p->loop = loop_new();
    if (!p->loop)
        return fail("cannot make an event loop");
    if (confine_privileged(p->options->run, error) < 0)
        return fail(error);
    channels_init(&p->channels, p->loop, &(struct channels_listener){ p, on_ready, on_summary, on_log_level, on_reload, on_forged });
    struct dp_server_env env = { .send = channels_send, .context = &p->channels };
    return dp_server_new(&p->server, p->conf, &env, why) < 0 ? fail(why) : 0;
}

static int run(struct privileged *p)
{
    int result = EXIT_FAILURE;
    if (start_dataplane(p) == 0) {
        p->channels.server = p->server;
        start_watchers(p);
        ev_run(p->loop, 0);
        result = p->result;
    }
    end_others(p);
    if (p->loop)
        ev_loop_destroy(p->loop);
    return result;
}

int privileged_run(const struct options *options)
{
    struct privileged p = { .options = options, .result = EXIT_FAILURE };
    char error[DROP_ERROR_MAX], no_sandbox[SANDBOX_ERROR_MAX];
    signals_begin();
    drop_descriptors();
    drop_dumps();
    drop_contents_of_dumps();
    drop_slack_memory();
    drop_lock_memory();
    drop_waiting();
    logsink_open(options->debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
    if (!drop_have_privilege(error)) {
        log_error("minicpe %s", error);
        return EXIT_FAILURE;
    }
    if (notify_open() < 0)
        log_warning("$NOTIFY_SOCKET cannot be used: %s", strerror(errno));
    if (sandbox_prepare(no_sandbox) < 0) {
        log_error("%s", no_sandbox);
        return EXIT_FAILURE;
    }
    p.conf = calloc(1, sizeof *p.conf);
    if (!p.conf)
        log_error("not enough memory to read the files");
    if (!p.conf || files_load(options, p.conf) < 0) {
        free(p.conf);
        return EXIT_FAILURE;
    }
    drop_standard_streams();
    logsink_never_block();
    look_at_host(p.conf);
    int result = start_supervisor(&p) < 0 ? EXIT_FAILURE : run(&p);
    conf_free(p.conf);
    free(p.conf);
    notify_close();
    return result;
}

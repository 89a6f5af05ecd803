/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the descriptors that an engine talks through. Sends never block: the buffer holds the largest
 * configuration, and an engine that leaves that much unread hangs and is ended. After a forged request nothing
 * more of that engine is read.
 */
#include "daemon/channels.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/clock.h"
#include "daemon/life.h"
#include "daemon/loop.h"

enum {
    MESSAGES_PER_WAKE = 64,
    MESSAGE_OVERHEAD = 2048,   /* what the kernel counts for a datagram besides its octets, generously */
    MESSAGES_WAITING = 4 * CONF_CONNS_MAX + 1024, /* a reload: each conn, its path, and a line for each difference */
};

static void close_one(struct channels *channels, ev_io *watcher)
{
    if (watcher->fd < 0)
        return;
    ev_io_stop(channels->loop, watcher);
    close(watcher->fd);
    ev_io_set(watcher, -1, EV_READ);
}

void channels_close(struct channels *channels)
{
    close_one(channels, &channels->life);
    close_one(channels, &channels->dataplane);
}

/* The engine is no longer listened to; its channels stay open until the next one needs new ones. */
static void condemn(struct channels *channels)
{
    ev_io_stop(channels->loop, &channels->life);
    ev_io_stop(channels->loop, &channels->dataplane);
    channels->listener.forged(channels->listener.context);
}

/* A channel that the kernel refuses to watch would never be read again. */
static bool is_deaf(struct channels *channels, int events)
{
    if (events & EV_ERROR) {
        loop_tell_refusal("for the engine's words: it is ended and a new one started");
        condemn(channels);
    }
    return events & EV_ERROR;
}

static void refuse_reload(struct channels *channels)
{
    struct dp_message message;
    dp_message_begin(&message, DP_MESSAGE_SAY);
    snprintf(message.say.text, sizeof message.say.text, "error: reloads were asked for faster than one a second, so the files were not read this "
             "time and nothing was changed; wait a second and ask again");
    channels_send(channels, &message, dp_message_length(message.type));
    dp_message_begin(&message, DP_MESSAGE_RELOADED);
    message.reloaded.asked = true;
    channels_send(channels, &message, dp_message_length(message.type));
}

/* Each is a turn of the loop, whoever sends them; what is limited is the reading of files, which anybody may have made large. */
static void take_reload(struct channels *channels)
{
    if (dp_quota_take_reload(&channels->quota, clock_mono()))
        channels->listener.reload(channels->listener.context);
    else
        refuse_reload(channels);
}

static void take_level(struct channels *channels, uint32_t level)
{
    if (dp_quota_take_level(&channels->quota, clock_mono()))
        channels->listener.log_level(channels->listener.context, level);
}

/*
 * The engine is gone, or has sent what none sends and is taken for it. It is ended in any case, once: one that lives on
 * would have no successor, and the tunnels would run out one by one.
 */
static void end_of(struct channels *channels, ev_io *watcher)
{
    close_one(channels, watcher);
    if (!channels->ended)
        channels->listener.forged(channels->listener.context);
    channels->ended = true;
}

static void on_life(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    struct channels *channels = watcher->data;
    struct life_message message;
    int got = is_deaf(channels, events) ? 0 : life_receive(watcher->fd, &message, NULL);
    if (got == 0)
        return;
    if (got > 0 && message.type == LIFE_READY)
        channels->listener.ready(channels->listener.context);
    else if (got > 0 && message.type == LIFE_SUMMARY && message.up <= message.number)
        channels->listener.summary(channels->listener.context, message.number, message.up);
    else if (got > 0 && message.type == LIFE_LOG_LEVEL && message.number >= LOG_LEVEL_ERROR && message.number <= LOG_LEVEL_DEBUG)
        take_level(channels, message.number);
    else if (got > 0 && message.type == LIFE_RELOAD)
        take_reload(channels);
    else
        end_of(channels, watcher);
}

/* False: whoever asks so is no engine of ours any more. */
static bool take_request(struct channels *channels, const struct dp_message *message, size_t length)
{
    enum dp_verdict verdict = length > sizeof *message ? DP_FORGED : dp_server_handle(channels->server, message, length);
    if (verdict == DP_FORGED)
        log_error("the engine asked for what no engine may ask: it is ended and a new one started");
    else if (dp_quota_take(&channels->quota, clock_mono(), &message->request, verdict))
        return true;
    else
        log_error("the engine asks for more than any engine does: it is ended and a new one started");
    return false;
}

static void on_dataplane(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    struct channels *channels = watcher->data;
    if (is_deaf(channels, events))
        return;
    for (int i = 0; i < MESSAGES_PER_WAKE && ev_is_active(watcher); i++) {
        struct dp_message message;
        ssize_t got = recv(watcher->fd, &message, sizeof message, MSG_DONTWAIT | MSG_TRUNC);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got <= 0) {
            end_of(channels, watcher);
            return;
        }
        if (!take_request(channels, &message, (size_t)got))
            condemn(channels);
        bytes_wipe(&message, sizeof message);
    }
}

void channels_init(struct channels *channels, struct ev_loop *loop, const struct channels_listener *listener)
{
    *channels = (struct channels){ .loop = loop, .listener = *listener };
    ev_io_init(&channels->life, on_life, -1, EV_READ);
    ev_io_init(&channels->dataplane, on_dataplane, -1, EV_READ);
    channels->life.data = channels->dataplane.data = channels;
}

/* Our end never blocks; the engine's does until it has its configuration. */
static int data_pair(int pair[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    int size = MESSAGES_WAITING * (int)(sizeof(struct dp_message) + MESSAGE_OVERHEAD);
    if (setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) < 0 &&
        setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size) < 0)
        log_debug("the engine's channel is smaller than it should be: %s", strerror(errno));
    return 0;
}

static void adopt(struct channels *channels, ev_io *watcher, int fd)
{
    ev_io_set(watcher, fd, EV_READ);
    ev_io_start(channels->loop, watcher);
}

int channels_open(struct channels *channels, int supervisor)
{
    int life[2], data[2];
    channels_close(channels);
    if (life_pair(life) < 0)
        return -1;
    if (data_pair(data) < 0) {
        close(life[0]);
        close(life[1]);
        return -1;
    }
    dp_quota_begin(&channels->quota, clock_mono());
    channels->ended = false;
    adopt(channels, &channels->life, life[0]);
    adopt(channels, &channels->dataplane, data[0]);
    dp_server_greet(channels->server);
    if (!ev_is_active(&channels->dataplane)) /* condemned already: it is to see at once that nobody listens */
        channels_close(channels);
    struct life_message message = { .type = LIFE_ENGINE_CHANNELS };
    int result = life_send(supervisor, &message, (int[LIFE_DESCRIPTORS]){ life[1], data[1] });
    close(life[1]);
    close(data[1]);
    return result;
}

int channels_stop(struct channels *channels)
{
    return channels->life.fd < 0 ? -1 : life_tell(channels->life.fd, LIFE_STOP, 0);
}

void channels_send(void *context, const struct dp_message *message, size_t length)
{
    struct channels *channels = context;
    if (channels->dataplane.fd < 0 || !ev_is_active(&channels->dataplane))
        return;
    if (send(channels->dataplane.fd, message, length, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)length)
        return;
    if (errno == EPIPE || errno == ECONNRESET)
        return; /* it ended; its descriptor will tell */
    log_error("the engine does not read what it is told: it is ended and a new one started");
    condemn(channels);
}

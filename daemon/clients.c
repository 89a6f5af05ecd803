/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the control connections. A client costs one slot and no buffer: a reply is made when the socket can
 * take it, so a slow reader delays nobody, and one that follows events keeps nothing but a number: when what it
 * has not read yet is gone from the ring, it is told so and dropped. When all slots are taken the oldest
 * connection makes room, but nobody else makes room for root's. Who a client is comes from the kernel
 * (SO_PEERCRED), at the time it connected.
 */
#include "daemon/clients.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum client_state {
    CLIENT_FREE,
    CLIENT_ASKING,             /* its request is awaited */
    CLIENT_WAITING,            /* for the counters */
    CLIENT_RELOADING,          /* for what comes of the reload that it asked for */
    CLIENT_READING,            /* the answer goes out as its socket takes it */
    CLIENT_FOLLOWING,          /* events are sent as they come */
    CLIENT_LEAVING,            /* it was too slow: when it takes the last word it is dropped */
};

static const double REFRESH_LIMIT = 0.2, PAUSE = 1.0; /* seconds */

struct client {
    ev_io watcher;
    struct clients *owner;
    enum client_state state;
    uint64_t age;              /* number of its connection */
    uid_t user;
    struct control_request request;
    enum control_result result;
    size_t next;               /* part of the answer to be sent */
    uint64_t event;            /* number of the event to be sent */
};

struct clients {
    struct ev_loop *loop;
    const struct clients_source *source;
    ev_io listener;
    ev_timer limit, pause;
    uint64_t connections;
    struct client slot[CLIENTS_MAX];
};

static void drop(struct client *client)
{
    if (client->state == CLIENT_FREE)
        return;
    ev_io_stop(client->owner->loop, &client->watcher);
    close(client->watcher.fd);
    client->state = CLIENT_FREE;
}

static void watch(struct client *client, int events)
{
    ev_io_stop(client->owner->loop, &client->watcher);
    ev_io_modify(&client->watcher, events);
    if (events)
        ev_io_start(client->owner->loop, &client->watcher);
}

static bool is_named(const struct client *client, const char *name)
{
    return !client->request.name[0] || strcmp(client->request.name, name) == 0;
}

static bool is_meant(const struct client *client, size_t index, struct control_tunnel *tunnel)
{
    const struct clients_source *source = client->owner->source;
    *tunnel = (struct control_tunnel){ .line = 0 };
    source->tunnel(source->context, index, tunnel);
    tunnel->header = control_header_of(CONTROL_TUNNEL);
    return tunnel->name[0] && is_named(client, tunnel->name); /* without a name: an empty slot */
}

/* 0: sent; 1: the socket is full; -1: the client is gone. */
static int put(const struct client *client, const void *reply, size_t length)
{
    ssize_t sent = send(client->watcher.fd, reply, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent == (ssize_t)length)
        return 0;
    return sent < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == EINTR) ? 1 : -1;
}

static int put_tunnel(const struct client *client, size_t part)
{
    struct control_tunnel tunnel;
    return is_meant(client, part, &tunnel) ? put(client, &tunnel, sizeof tunnel) : 0;
}

static int put_past_event(const struct client *client, size_t part)
{
    const struct clients_source *source = client->owner->source;
    struct control_event event;
    if (!source->past_event(source->context, part / CONTROL_PAST_EVENTS, part % CONTROL_PAST_EVENTS, &event) ||
        !is_named(client, event.name))
        return 0;
    event.header = control_header_of(CONTROL_EVENT);
    return put(client, &event, sizeof event);
}

static int put_lines(struct client *client)
{
    const struct clients_source *source = client->owner->source;
    struct control_line line = { .text = "" };
    for (size_t next; (next = source->line(source->context, client->next, &line)) != 0; client->next = next) {
        line.header = control_header_of(CONTROL_LINE);
        int result = put(client, &line, sizeof line);
        if (result)
            return result;
    }
    return 0;
}

static bool reloads(const struct client *client)
{
    return client->request.header.type == CONTROL_RELOAD && (client->result == CONTROL_FINE || client->result == CONTROL_NOTHING_CHANGED);
}

/* The answer's parts before its END: a tunnel each, or a remembered event, or a line of a reload. */
static int put_parts(struct client *client)
{
    const struct clients_source *source = client->owner->source;
    const struct control_request *request = &client->request;
    bool events = request->header.type == CONTROL_EVENTS && request->value & CONTROL_EVENTS_PAST;
    if (reloads(client))
        return put_lines(client);
    if (client->result != CONTROL_FINE || (request->header.type != CONTROL_STATUS && !events))
        return 0;
    size_t count = source->count(source->context) * (events ? CONTROL_PAST_EVENTS : 1);
    for (; client->next < count; client->next++) {
        int result = events ? put_past_event(client, client->next) : put_tunnel(client, client->next);
        if (result)
            return result;
    }
    return 0;
}

static int put_end(const struct client *client)
{
    const struct clients_source *source = client->owner->source;
    struct control_end end = { .result = CONTROL_FINE };
    source->end(source->context, &end);
    end.header = control_header_of(CONTROL_END);
    end.result = (uint16_t)client->result;
    return put(client, &end, sizeof end);
}

/* One event behind after the other, as long as the ring still has it and the socket takes it. */
static int put_events(struct client *client)
{
    const struct clients_source *source = client->owner->source;
    struct control_event event;
    for (; client->event < source->next_event(source->context); client->event++) {
        if (!source->event(source->context, client->event, &event)) {
            client->state = CLIENT_LEAVING;
            client->result = CONTROL_TOO_SLOW;
            return put_end(client);
        }
        int result = is_named(client, event.name) ? put(client, &event, sizeof event) : 0;
        if (result)
            return result;
    }
    return 0;
}

static void follow(struct client *client)
{
    int result = client->state == CLIENT_LEAVING ? put_end(client) : put_events(client);
    if (result < 0 || (result == 0 && client->state == CLIENT_LEAVING))
        drop(client);
    else
        watch(client, result > 0 ? EV_READ | EV_WRITE : EV_READ);
}

static bool wants_to_follow(const struct client *client)
{
    return client->result == CONTROL_FINE && client->request.header.type == CONTROL_EVENTS &&
           client->request.value & CONTROL_EVENTS_FOLLOW;
}

/* Sends what the socket takes; the rest when it can be written to again. After the END the client may ask anew. */
static void answer(struct client *client)
{
    int result = put_parts(client);
    if (result == 0)
        result = put_end(client);
    if (result < 0) {
        drop(client);
        return;
    }
    client->state = result > 0 ? CLIENT_READING : wants_to_follow(client) ? CLIENT_FOLLOWING : CLIENT_ASKING;
    watch(client, result > 0 ? EV_WRITE : EV_READ);
    if (client->state == CLIENT_FOLLOWING)
        follow(client);
}

/* The lines of the last reload make room for those of this one: who still reads them has had its time. */
static enum control_result begin_reload(struct client *client)
{
    struct clients *clients = client->owner;
    if (!clients->source->reload(clients->source->context))
        return CONTROL_BUSY;
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (clients->slot[i].state == CLIENT_READING && reloads(&clients->slot[i]))
            drop(&clients->slot[i]);
    client->state = CLIENT_RELOADING;
    return CONTROL_FINE;
}

/* Applies a command to the tunnels meant; how many there were. */
static size_t each_meant(const struct client *client, bool act)
{
    const struct clients_source *source = client->owner->source;
    struct control_tunnel tunnel;
    size_t found = 0, count = source->count(source->context);
    for (size_t i = 0; i < count; i++) {
        if (!is_meant(client, i, &tunnel))
            continue;
        found++;
        if (act)
            source->command(source->context, (enum control_type)client->request.header.type, i);
    }
    return found;
}

static bool well_formed(const struct control_request *request)
{
    const struct control_header *header = &request->header;
    return header->magic == CONTROL_MAGIC && header->version == CONTROL_VERSION && header->type >= CONTROL_STATUS &&
           header->type < CONTROL_REQUEST_TYPES;
}

static enum control_result carry_out(struct client *client)
{
    const struct control_request *request = &client->request;
    const struct clients_source *source = client->owner->source;
    bool reads = request->header.type == CONTROL_STATUS || request->header.type == CONTROL_EVENTS;
    if (!well_formed(request))
        return CONTROL_UNKNOWN_REQUEST;
    if (!reads && client->user != 0)
        return CONTROL_DENIED;
    if (request->header.type == CONTROL_LOG)
        return source->log_level(source->context, request->value) ? CONTROL_FINE : CONTROL_UNKNOWN_REQUEST;
    if (request->header.type == CONTROL_RELOAD)
        return begin_reload(client);
    return each_meant(client, !reads) || !request->name[0] ? CONTROL_FINE : CONTROL_NO_SUCH_TUNNEL;
}

static void begin(struct client *client)
{
    struct clients *clients = client->owner;
    client->request.name[CONF_NAME_MAX - 1] = '\0';
    client->result = carry_out(client);
    client->next = 0;
    client->event = clients->source->next_event(clients->source->context);
    if (client->state == CLIENT_RELOADING) {
        watch(client, 0);
        return;
    }
    if (client->result != CONTROL_FINE || client->request.header.type != CONTROL_STATUS ||
        !clients->source->refresh(clients->source->context)) {
        answer(client);
        return;
    }
    client->state = CLIENT_WAITING;
    watch(client, 0);
    if (!ev_is_active(&clients->limit)) {
        ev_timer_set(&clients->limit, REFRESH_LIMIT, 0);
        ev_timer_start(clients->loop, &clients->limit);
    }
}

/* One that follows has nothing more to say: whatever comes, its end included, is the end. */
static void on_follower(struct client *client, int events)
{
    if (events & EV_READ)
        drop(client);
    else
        follow(client);
}

static void on_client(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    struct client *client = watcher->data;
    if (events & EV_ERROR) { /* the kernel refuses to watch it */
        drop(client);
        return;
    }
    if (client->state == CLIENT_READING) {
        answer(client);
        return;
    }
    if (client->state == CLIENT_FOLLOWING || client->state == CLIENT_LEAVING) {
        on_follower(client, events);
        return;
    }
    ssize_t got = recv(watcher->fd, &client->request, sizeof client->request, MSG_DONTWAIT | MSG_TRUNC);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got == (ssize_t)sizeof client->request)
        begin(client);
    else
        drop(client);
}

static uid_t user_of(int fd)
{
    struct ucred who;
    socklen_t length = sizeof who;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &length) == 0 && length == sizeof who ? who.uid : (uid_t)-1;
}

/* Connections of that user, with the one that is to come. */
static unsigned connections_of(const struct clients *clients, uid_t user, uid_t newcomer)
{
    unsigned count = user == newcomer;
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        count += clients->slot[i].state != CLIENT_FREE && clients->slot[i].user == user;
    return count;
}

/* Which of two makes room: any before root's, then of who has most, then the oldest. */
static bool goes_before(const struct clients *clients, const struct client *a, const struct client *b, uid_t newcomer)
{
    unsigned of_a = a->user ? connections_of(clients, a->user, newcomer) : 0, of_b = b->user ? connections_of(clients, b->user, newcomer) : 0;
    return of_a != of_b ? of_a > of_b : a->age < b->age;
}

/* A free one, else one that makes room; root's only for root. NULL: there is none for this one. */
static struct client *find_slot(struct clients *clients, uid_t newcomer)
{
    struct client *first = NULL;
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        struct client *client = &clients->slot[i];
        if (client->state == CLIENT_FREE)
            return client;
        if ((newcomer == 0 || client->user != 0) && (!first || goes_before(clients, client, first, newcomer)))
            first = client;
    }
    if (first)
        drop(first);
    return first;
}

/* Connections that cannot be taken (no memory, no descriptor) must not keep the loop busy. */
static void rest(struct clients *clients)
{
    ev_io_stop(clients->loop, &clients->listener);
    ev_timer_set(&clients->pause, PAUSE, 0);
    ev_timer_start(clients->loop, &clients->pause);
}

static void on_pause_over(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)events;
    struct clients *clients = timer->data;
    ev_io_start(loop, &clients->listener);
}

static void on_connection(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct clients *clients = watcher->data;
    if (events & EV_ERROR) { /* the kernel refuses to watch it: perhaps not for long */
        rest(clients);
        return;
    }
    int fd = accept4(watcher->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            rest(clients);
        return;
    }
    uid_t user = user_of(fd);
    struct client *client = find_slot(clients, user);
    if (!client) {
        close(fd);
        return;
    }
    *client = (struct client){ .owner = clients, .state = CLIENT_ASKING, .age = ++clients->connections, .user = user };
    ev_io_init(&client->watcher, on_client, fd, EV_READ);
    client->watcher.data = client;
    ev_io_start(loop, &client->watcher);
}

void clients_refreshed(struct clients *clients)
{
    ev_timer_stop(clients->loop, &clients->limit);
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (clients->slot[i].state == CLIENT_WAITING)
            answer(&clients->slot[i]);
}

void clients_event(struct clients *clients)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (clients->slot[i].state == CLIENT_FOLLOWING)
            follow(&clients->slot[i]);
}

void clients_reloaded(struct clients *clients, bool done)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        struct client *client = &clients->slot[i];
        if (client->state != CLIENT_RELOADING)
            continue;
        client->result = done ? CONTROL_FINE : CONTROL_NOTHING_CHANGED;
        answer(client);
    }
}

static void on_limit(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop, (void)events;
    clients_refreshed(timer->data);
}

struct clients *clients_new(struct ev_loop *loop, int listener, const struct clients_source *source)
{
    struct clients *clients = calloc(1, sizeof *clients);
    if (!clients)
        return NULL;
    clients->loop = loop;
    clients->source = source;
    ev_io_init(&clients->listener, on_connection, listener, EV_READ);
    clients->listener.data = clients;
    ev_io_start(loop, &clients->listener);
    ev_timer_init(&clients->limit, on_limit, REFRESH_LIMIT, 0);
    ev_timer_init(&clients->pause, on_pause_over, PAUSE, 0);
    clients->limit.data = clients->pause.data = clients;
    return clients;
}

void clients_free(struct clients *clients)
{
    if (!clients)
        return;
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        drop(&clients->slot[i]);
    ev_io_stop(clients->loop, &clients->listener);
    ev_timer_stop(clients->loop, &clients->limit);
    ev_timer_stop(clients->loop, &clients->pause);
    free(clients);
}

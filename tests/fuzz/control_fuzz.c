/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Target `control`: what anybody on the machine may do to the control socket. The input is a row of octets: connect,
 * send (a request with fields changed, or any octets), read, close, let the loop turn, let the counters come; some
 * clients are root and some are not. What must hold: who is not root commands nothing, replies have their exact sizes, the
 * last of a request is an END with the result that fits, tunnels come in their order, and the
 * lines of a reload to root alone.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/clients.h"

const char fuzz_name[] = "control";

enum { TUNNELS = 3, PEERS = CLIENTS_MAX + 4, STEPS_MAX = 120 };

enum { RING = 6 };                       /* events that are remembered */

enum { LINES = 40 };                     /* that a reload gives */

union reply { struct control_header header; struct control_tunnel tunnel; struct control_event event; struct control_line line; struct control_end end; };

static struct ev_loop *loop;
static struct clients *clients;
static int listener;
static struct peer { int fd; bool root; unsigned asked; } peers[PEERS]; /* asked: requests whose END was not read yet */
static bool next_is_root, counters_late, reload_under_way;
static uint64_t happened;                /* events so far */

int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *length);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *length);

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *length)
{
    int result = __real_getsockopt(fd, level, name, value, length);
    if (level == SOL_SOCKET && name == SO_PEERCRED && result == 0)
        ((struct ucred *)value)->uid = next_is_root ? 0 : 1000;
    return result;
}

/* ---- the engine's side ---- */

static size_t count(void *context) { (void)context; return TUNNELS; }
static bool refresh(void *context) { (void)context; return counters_late; }

static void tunnel(void *context, size_t index, struct control_tunnel *out)
{
    (void)context;
    must(index < TUNNELS);
    snprintf(out->name, sizeof out->name, "t%zu", index);
}

static void end(void *context, struct control_end *out)
{
    (void)context;
    out->tunnels = TUNNELS;
}

static bool root_has_asked(void)
{
    for (size_t i = 0; i < PEERS; i++)
        if (peers[i].root && peers[i].asked)
            return true;
    return false;
}

static bool reload(void *context)
{
    (void)context;
    must(root_has_asked());
    if (reload_under_way)
        return false;
    return reload_under_way = true;
}

static size_t line(void *context, size_t at, struct control_line *out)
{
    (void)context;
    must(at <= LINES);
    snprintf(out->text, sizeof out->text, "line %zu", at);
    return at < LINES ? at + 1 : 0;
}

static void reloaded(bool done)
{
    if (reload_under_way)
        clients_reloaded(clients, done);
    reload_under_way = false;
}

static void command(void *context, enum control_type type, size_t index)
{
    (void)context;
    must(index < TUNNELS && type > CONTROL_STATUS && type < CONTROL_REQUEST_TYPES);
    must(root_has_asked());
}

static bool fill_event(uint64_t sequence, size_t tunnel_index, struct control_event *out)
{
    *out = (struct control_event){ .header = control_header_of(CONTROL_EVENT), .sequence = sequence };
    snprintf(out->name, sizeof out->name, "t%zu", tunnel_index);
    return true;
}

static bool past_event(void *context, size_t index, size_t which, struct control_event *out)
{
    (void)context;
    must(index < TUNNELS);
    return which < 2 && fill_event(which + 1, index, out);
}

static uint64_t next_event(void *context) { (void)context; return happened + 1; }

static bool event(void *context, uint64_t sequence, struct control_event *out)
{
    (void)context;
    must(sequence <= happened);
    return sequence + RING > happened && fill_event(sequence, sequence % TUNNELS, out);
}

static bool log_level(void *context, uint32_t level)
{
    (void)context;
    must(root_has_asked());
    return level < 8;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    socklen_t length = sizeof(sa_family_t); /* an address that the kernel finds */
    (void)argc;
    (void)argv;
    loop = ev_loop_new(EVBACKEND_POLL | EVFLAG_NOENV);
    listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    must(loop && listener >= 0 && bind(listener, (struct sockaddr *)&address, length) == 0 && listen(listener, PEERS) == 0);
    return 0;
}

/* ---- the clients' side ---- */

static void turn(void)
{
    for (int i = 0; i < 3; i++)
        ev_run(loop, EVRUN_NOWAIT);
}

static void hang_up(struct peer *p)
{
    if (p->fd < 0)
        return;
    close(p->fd);
    p->fd = -1;
    turn(); /* what it sent before is done while it still counts */
    p->asked = 0;
}

static void join(struct peer *p, bool root)
{
    struct sockaddr_un address;
    socklen_t length = sizeof address;
    hang_up(p);
    p->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    p->root = next_is_root = root;
    must(p->fd >= 0 && getsockname(listener, (struct sockaddr *)&address, &length) == 0);
    must(connect(p->fd, (struct sockaddr *)&address, length) == 0);
    turn();
}

static void ask(struct peer *p, struct choices *c)
{
    struct control_request r = { .header = control_header_of((enum control_type)choose(c, CONTROL_REQUEST_TYPES + 1)) };
    uint8_t how = choose_octet(c);
    r.value = choose(c, 9);
    if (how & 1)
        snprintf(r.name, sizeof r.name, "t%d", how >> 1 & 3);
    for (unsigned n = how >> 6; n > 0; n--)
        ((uint8_t *)&r)[choose(c, sizeof r)] = choose_octet(c);
    p->asked += 2;
    (void)send(p->fd, &r, how & 8 ? choose(c, sizeof r + 1) : sizeof r, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (how & 16)
        (void)send(p->fd, &r, sizeof r, MSG_NOSIGNAL | MSG_DONTWAIT);
    turn();
}

static void send_octets(struct peer *p, struct choices *c)
{
    struct bytes octets = choose_span(c, choose_octet(c));
    (void)send(p->fd, octets.data, octets.length, MSG_NOSIGNAL | MSG_DONTWAIT);
    p->asked++;
    turn();
}

static void listen_to(struct peer *p)
{
    union reply reply;
    const char *last = "";
    char kept[CONF_NAME_MAX];
    for (ssize_t got; (got = recv(p->fd, &reply, sizeof reply, MSG_DONTWAIT | MSG_TRUNC)) > 0;) {
        if (control_header_is(&reply.header, CONTROL_TUNNEL)) {
            must(got == (ssize_t)sizeof reply.tunnel && strcmp(reply.tunnel.name, last) > 0);
            memcpy(kept, reply.tunnel.name, sizeof kept);
            last = kept;
            continue;
        }
        if (control_header_is(&reply.header, CONTROL_EVENT)) {
            must(got == (ssize_t)sizeof reply.event && reply.event.sequence > 0);
            continue;
        }
        if (control_header_is(&reply.header, CONTROL_LINE)) {
            must(got == (ssize_t)sizeof reply.line && p->root && strncmp(reply.line.text, "line ", 5) == 0);
            continue;
        }
        must(control_header_is(&reply.header, CONTROL_END) && got == (ssize_t)sizeof reply.end && reply.end.result <= CONTROL_TOO_SLOW);
        last = "";
        p->asked -= p->asked > 0;
    }
}

static void step(uint8_t code, struct choices *c)
{
    struct peer *p = &peers[choose(c, PEERS)];
    switch (code % 8) {
    case 0: join(p, true); break;
    case 1: join(p, false); break;
    case 2:
    case 3: if (p->fd >= 0) ask(p, c); break;
    case 4: if (p->fd >= 0) send_octets(p, c); break;
    case 5: if (p->fd >= 0) listen_to(p); break;
    case 6: hang_up(p); if (code & 8) reloaded(code & 16); break;
    default:
        counters_late = code & 8;
        if (code & 16)
            clients_refreshed(clients);
        happened += code >> 5;
        clients_event(clients);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct clients_source source = {
        .count = count, .tunnel = tunnel, .end = end, .refresh = refresh, .command = command, .past_event = past_event, .next_event = next_event,
        .event = event, .log_level = log_level, .reload = reload, .line = line,
    };
    struct choices c = choices_of(data, size);
    counters_late = reload_under_way = false;
    happened = 0;
    for (size_t i = 0; i < PEERS; i++)
        peers[i] = (struct peer){ .fd = -1 };
    clients = clients_new(loop, listener, &source);
    must(clients != NULL);
    for (unsigned n = 0; n < STEPS_MAX && choices_any(&c); n++)
        step(choose_octet(&c), &c);
    turn();
    clients_refreshed(clients);
    for (size_t i = 0; i < PEERS; i++)
        if (peers[i].fd >= 0) {
            listen_to(&peers[i]);
            hang_up(&peers[i]);
        }
    clients_free(clients);
    return 0;
}

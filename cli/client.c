/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the connection to the daemon and what is said when there is none. Entry points: client_ask, client_open with client_converse. */
#include "cli/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/cli.h"

enum { ANSWER_SECONDS = 5, RELOAD_SECONDS = 60, LINES_MAX = 100000 };

static int explain_connect(const char *path)
{
    if (errno == EACCES || errno == EPERM) {
        fprintf(stderr, "minicpe: %s: you may not ask the daemon: use sudo, or have root add you to the group of that file\n", path);
        return CLI_DENIED;
    }
    if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR) {
        fprintf(stderr, "minicpe: the daemon is not running (nobody answers at %s): start it as root with `systemctl start minicpe` or "
                        "`minicpe -c /etc/minicpe/tunnels.conf`\n",
                path);
        return CLI_NO_DAEMON;
    }
    fprintf(stderr, "minicpe: %s: %s\n", path, strerror(errno));
    return CLI_DENIED;
}

int client_open(const char *folder, int *out)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if ((size_t)snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", folder, CONTROL_SOCKET_NAME) >= sizeof address.sun_path) {
        fprintf(stderr, "minicpe: --run %s: the path is too long\n", folder);
        return CLI_DENIED;
    }
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    struct timeval limit = { .tv_sec = ANSWER_SECONDS };
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
        int result = explain_connect(address.sun_path);
        if (fd >= 0)
            close(fd);
        return result;
    }
    *out = fd;
    return 0;
}

static int no_answer(ssize_t got)
{
    if (got < 0 && errno == EAGAIN) {
        fprintf(stderr, "minicpe: the daemon did not answer within %d seconds: look at its log\n", ANSWER_SECONDS);
        return CLI_DENIED;
    }
    if (got <= 0) {
        fprintf(stderr, "minicpe: the daemon ended the conversation: it is stopping or starting anew; try again\n");
        return CLI_NO_DAEMON;
    }
    fprintf(stderr, "minicpe: the daemon is another version than this command (%s): restart the daemon\n", MINICPE_VERSION);
    return CLI_DENIED;
}

/* The engine faces the network: what it says is printable before it reaches a terminal, and well-formed for JSON. */
static void clean_text(char *text, size_t size)
{
    text[size - 1] = '\0';
    text_clean(text);
}

static void clean_tunnel(struct control_tunnel *tunnel)
{
    clean_text(tunnel->name, sizeof tunnel->name);
    clean_text(tunnel->file, sizeof tunnel->file);
    clean_text(tunnel->state, sizeof tunnel->state);
    clean_text(tunnel->cause, sizeof tunnel->cause);
    clean_text(tunnel->cause_text, sizeof tunnel->cause_text);
    clean_text(tunnel->advice, sizeof tunnel->advice);
    clean_text(tunnel->far_text, sizeof tunnel->far_text);
    clean_text(tunnel->interface, sizeof tunnel->interface);
    clean_text(tunnel->ike, sizeof tunnel->ike);
    clean_text(tunnel->esp, sizeof tunnel->esp);
    clean_text(tunnel->near_id, sizeof tunnel->near_id);
    clean_text(tunnel->far_id, sizeof tunnel->far_id);
    clean_text(tunnel->ike_offer, sizeof tunnel->ike_offer);
    clean_text(tunnel->esp_offer, sizeof tunnel->esp_offer);
    clean_text(tunnel->secret_file, sizeof tunnel->secret_file);
}

static void clean_event(struct control_event *event)
{
    clean_text(event->name, sizeof event->name);
    clean_text(event->kind, sizeof event->kind);
    clean_text(event->state, sizeof event->state);
    clean_text(event->cause, sizeof event->cause);
    clean_text(event->text, sizeof event->text);
}

/* Room for one more of `size` octets. */
static int grow(void **list, size_t count, size_t size)
{
    void *more = realloc(*list, (count + 1) * size);
    if (!more) {
        fprintf(stderr, "minicpe: out of memory\n");
        return CLI_DENIED;
    }
    *list = more;
    return 0;
}

static int keep_tunnel(struct client_answer *answer, const struct control_tunnel *tunnel)
{
    void *list = answer->tunnels;
    if (answer->count >= CONF_CONNS_MAX || grow(&list, answer->count, sizeof *tunnel))
        return CLI_DENIED;
    answer->tunnels = list;
    answer->tunnels[answer->count] = *tunnel;
    clean_tunnel(&answer->tunnels[answer->count++]);
    return 0;
}

static int keep_event(struct client_answer *answer, const struct control_event *event)
{
    void *list = answer->events;
    if (answer->event_count >= (size_t)CONF_CONNS_MAX * CONTROL_PAST_EVENTS || grow(&list, answer->event_count, sizeof *event))
        return CLI_DENIED;
    answer->events = list;
    answer->events[answer->event_count] = *event;
    clean_event(&answer->events[answer->event_count++]);
    return 0;
}

static int keep_line(struct client_answer *answer, const struct control_line *line)
{
    void *list = answer->lines;
    if (answer->line_count >= LINES_MAX || grow(&list, answer->line_count, sizeof *line))
        return CLI_DENIED;
    answer->lines = list;
    answer->lines[answer->line_count] = *line;
    clean_text(answer->lines[answer->line_count].text, sizeof line->text);
    answer->line_count++;
    return 0;
}

union reply {
    struct control_header header;
    struct control_tunnel tunnel;
    struct control_event event;
    struct control_line line;
    struct control_end end;
};

static bool is_whole(const union reply *reply, ssize_t got, enum control_type type, size_t size)
{
    return got == (ssize_t)size && control_header_is(&reply->header, type);
}

static int receive_all(int fd, struct client_answer *answer)
{
    union reply reply;
    for (int result = 0; result == 0;) {
        ssize_t got = recv(fd, &reply, sizeof reply, MSG_TRUNC);
        if (is_whole(&reply, got, CONTROL_END, sizeof reply.end)) {
            answer->end = reply.end;
            clean_text(answer->end.daemon_version, sizeof answer->end.daemon_version);
            return 0;
        }
        if (is_whole(&reply, got, CONTROL_TUNNEL, sizeof reply.tunnel))
            result = keep_tunnel(answer, &reply.tunnel);
        else if (is_whole(&reply, got, CONTROL_EVENT, sizeof reply.event))
            result = keep_event(answer, &reply.event);
        else if (is_whole(&reply, got, CONTROL_LINE, sizeof reply.line))
            result = keep_line(answer, &reply.line);
        else
            return no_answer(got);
    }
    return CLI_DENIED;
}

static int explain_result(const struct control_end *end, const char *name)
{
    switch ((enum control_result)end->result) {
    case CONTROL_FINE:
        return 0;
    case CONTROL_DENIED:
        fprintf(stderr, "minicpe: only root may do that: use sudo\n");
        return CLI_DENIED;
    case CONTROL_NO_SUCH_TUNNEL:
        fprintf(stderr, "minicpe: there is no tunnel %s: `minicpe status` lists them\n", name);
        return CLI_DENIED;
    case CONTROL_TOO_SLOW:
        fprintf(stderr, "minicpe: events came faster than they were read here: some are lost; begin again\n");
        return CLI_DENIED;
    case CONTROL_NOTHING_CHANGED:
        return CLI_DENIED;
    case CONTROL_BUSY:
        fprintf(stderr, "minicpe: another reload is under way: try again\n");
        return CLI_DENIED;
    case CONTROL_UNKNOWN_REQUEST:
        break;
    }
    fprintf(stderr, "minicpe: the daemon (%s) does not know this request of this command (%s): restart the daemon\n", end->daemon_version,
            MINICPE_VERSION);
    return CLI_DENIED;
}

static int converse(int fd, enum control_type type, uint32_t value, const char *name, struct client_answer *answer)
{
    struct control_request request = { .header = control_header_of(type), .value = value };
    snprintf(request.name, sizeof request.name, "%s", name ? name : "");
    if (send(fd, &request, sizeof request, MSG_NOSIGNAL) != (ssize_t)sizeof request)
        return no_answer(0);
    int result = receive_all(fd, answer);
    return result ? result : explain_result(&answer->end, request.name);
}

int client_converse(int fd, enum control_type type, uint32_t value, const char *name, struct client_answer *answer)
{
    *answer = (struct client_answer){ .count = 0 };
    if (name && strlen(name) >= CONF_NAME_MAX) {
        fprintf(stderr, "minicpe: there is no tunnel with so long a name: `minicpe status` lists them\n");
        return CLI_DENIED;
    }
    int result = converse(fd, type, value, name, answer);
    if (result)
        client_answer_free(answer);
    return result;
}

int client_ask(const char *folder, enum control_type type, const char *name, struct client_answer *answer)
{
    int fd;
    *answer = (struct client_answer){ .count = 0 };
    int result = client_open(folder, &fd);
    if (result)
        return result;
    result = client_converse(fd, type, 0, name, answer);
    close(fd);
    return result;
}

int client_ask_status(const char *folder, const char *name, struct client_answer *answer)
{
    int fd;
    struct client_answer events;
    *answer = (struct client_answer){ .count = 0 };
    int result = client_open(folder, &fd);
    if (result)
        return result;
    result = client_converse(fd, CONTROL_STATUS, 0, name, answer);
    if (result == 0) {
        result = client_converse(fd, CONTROL_EVENTS, CONTROL_EVENTS_PAST, name, &events);
        answer->events = events.events;
        answer->event_count = events.event_count;
        if (result)
            client_answer_free(answer);
    }
    close(fd);
    return result;
}

static void print_lines(const struct client_answer *answer, FILE *out)
{
    for (size_t i = 0; i < answer->line_count; i++)
        fprintf(out, "%s\n", answer->lines[i].text);
}

int client_reload(const char *folder)
{
    int fd;
    struct client_answer answer = { .count = 0 };
    struct timeval limit = { .tv_sec = RELOAD_SECONDS };
    int result = client_open(folder, &fd);
    if (result)
        return result;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit); /* hundreds of interfaces take their time */
    result = converse(fd, CONTROL_RELOAD, 0, NULL, &answer);
    close(fd);
    print_lines(&answer, result ? stderr : stdout);
    client_answer_free(&answer);
    return result;
}

int client_next_event(int fd, struct control_event *event)
{
    union reply reply;
    ssize_t got;
    do
        got = recv(fd, &reply, sizeof reply, MSG_TRUNC);
    while (got < 0 && (errno == EAGAIN || errno == EINTR)); /* the limit for answers does not hold here */
    if (is_whole(&reply, got, CONTROL_END, sizeof reply.end))
        return explain_result(&reply.end, "") ? CLI_DENIED : no_answer(0);
    if (!is_whole(&reply, got, CONTROL_EVENT, sizeof reply.event))
        return no_answer(got);
    *event = reply.event;
    clean_event(event);
    return 0;
}

void client_answer_free(struct client_answer *answer)
{
    free(answer->tunnels);
    free(answer->events);
    free(answer->lines);
    *answer = (struct client_answer){ .count = 0 };
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the scene. Entry points: scene_setup, scene_answer. */
#include "tests/support/scene.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Milliseconds in which nothing comes: more than a server without descriptors pauses. */
enum { IDLE_MAX = 3000 };

static size_t count(void *context)
{
    (void)context;
    return SCENE_TUNNELS;
}

static void tunnel(void *context, size_t index, struct control_tunnel *out)
{
    (void)context;
    snprintf(out->name, sizeof out->name, "t%zu", index);
    out->bytes_in = index;
}

static void end(void *context, struct control_end *out)
{
    (void)context;
    out->tunnels = SCENE_TUNNELS;
}

static bool refresh(void *context)
{
    struct scene *scene = context;
    scene->refreshes++;
    return scene->slow;
}

static void command(void *context, enum control_type type, size_t index)
{
    struct scene *scene = context;
    assert_int_equal(type, CONTROL_REKEY);
    scene->commands++;
    scene->last_index = index;
}

static bool past_event(void *context, size_t index, size_t nth, struct control_event *out)
{
    const struct scene *scene = context;
    char name[16];
    snprintf(name, sizeof name, "t%zu", index);
    return events_past(scene->events, name, nth, out);
}

static uint64_t next_event(void *context)
{
    const struct scene *scene = context;
    return events_next(scene->events);
}

static bool event(void *context, uint64_t sequence, struct control_event *out)
{
    const struct scene *scene = context;
    return events_get(scene->events, sequence, out);
}

static bool log_level(void *context, uint32_t level)
{
    struct scene *scene = context;
    scene->level = level;
    return level <= 7;
}

static bool reload(void *context)
{
    struct scene *scene = context;
    scene->reloads += !scene->busy;
    return !scene->busy;
}

static size_t line(void *context, size_t at, struct control_line *out)
{
    const struct scene *scene = context;
    if (at >= scene->lines)
        return 0;
    snprintf(out->text, sizeof out->text, "line %zu", at);
    return at + 1;
}

int scene_setup(void **state)
{
    struct scene *scene = test_memory(sizeof *scene);
    char error[FOLDER_ERROR_MAX];
    snprintf(scene->folder, sizeof scene->folder, "/tmp/minicpe-clients-test.%d", (int)getpid());
    if (geteuid() != 0) {
        *state = NULL;
        free(scene);
        return 0;
    }
    scene->lock = folder_take(scene->folder, error);
    if (scene->lock < 0 || (scene->listener = folder_listen(scene->folder, getegid(), error)) < 0) {
        print_error("%s\n", error);
        free(scene);
        return -1;
    }
    scene->loop = ev_loop_new(EVFLAG_AUTO);
    scene->source = (struct clients_source){ scene, count, tunnel, end, refresh, command, past_event, next_event, event, log_level, reload, line };
    scene->events = events_new(SCENE_TUNNELS);
    assert_non_null(scene->events);
    scene->clients = clients_new(scene->loop, scene->listener, &scene->source);
    *state = scene;
    return 0;
}

int scene_teardown(void **state)
{
    struct scene *scene = *state;
    if (!scene)
        return 0;
    clients_free(scene->clients);
    ev_loop_destroy(scene->loop);
    close(scene->listener);
    events_free(scene->events);
    folder_remove(scene->folder);
    close(scene->lock);
    struct stat status;
    int left = stat(scene->folder, &status) == 0;
    free(scene);
    return left;
}

struct scene *scene_of(void **state)
{
    if (!*state) {
        print_message("needs root\n");
        skip();
    }
    return *state;
}

void scene_spin(struct scene *scene)
{
    for (int i = 0; i < 50; i++)
        ev_run(scene->loop, EVRUN_NOWAIT);
}

int scene_client(const struct scene *scene)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof address.sun_path, "%.80s/control", scene->folder);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

void scene_ask_value(int fd, enum control_type type, uint32_t value, const char *name)
{
    struct control_request request = { .header = control_header_of(type), .value = value };
    snprintf(request.name, sizeof request.name, "%s", name);
    assert_int_equal(send(fd, &request, sizeof request, MSG_NOSIGNAL), sizeof request);
}

void scene_ask(int fd, enum control_type type, const char *name)
{
    scene_ask_value(fd, type, 0, name);
}

void scene_happen(const struct scene *scene, const char *name, const char *text)
{
    struct control_event one = { .at = 5 };
    snprintf(one.name, sizeof one.name, "%s", name);
    snprintf(one.text, sizeof one.text, "%s", text);
    events_add(scene->events, &one);
    clients_event(scene->clients);
}

int scene_answer(struct scene *scene, int fd, uint16_t *result)
{
    union { struct control_header header; struct control_tunnel tunnel; struct control_event event; struct control_end end; } reply;
    int tunnels = 0;
    for (int idle = 0; idle < IDLE_MAX;) {
        ssize_t got = recv(fd, &reply, sizeof reply, MSG_DONTWAIT);
        if (got < 0) {
            ev_run(scene->loop, EVRUN_NOWAIT);
            usleep(1000);
            idle++;
            continue;
        }
        idle = 0;
        if (got == 0)
            return -1;
        if (control_header_is(&reply.header, CONTROL_END)) {
            assert_int_equal(got, sizeof reply.end);
            *result = reply.end.result;
            return tunnels;
        }
        assert_int_equal(got, control_header_is(&reply.header, CONTROL_EVENT) ? sizeof reply.event : sizeof reply.tunnel);
        tunnels++;
    }
    fail_msg("no answer");
    return -1;
}

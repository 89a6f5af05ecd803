/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/events, and clients that follow them: what is remembered, what is streamed, who sleeps, who floods; the log's level. */
#include "tests/support/scene.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void level_of_the_log(void **state)
{
    struct scene *scene = scene_of(state);
    uint16_t result;
    int fd = scene_client(scene);
    scene_ask_value(fd, CONTROL_LOG, 7, "");
    assert_int_equal(scene_answer(scene, fd, &result), 0);
    assert_int_equal(result, CONTROL_FINE);
    assert_int_equal(scene->level, 7);
    scene_ask_value(fd, CONTROL_LOG, 99, "");
    scene_answer(scene, fd, &result);
    assert_int_equal(result, CONTROL_UNKNOWN_REQUEST);
    close(fd);
}

/* The next event's number, with the loop turning; 0: the connection ended; -1: an END came. */
static int next_of(struct scene *scene, int fd, union follower_reply *reply)
{
    scene_spin(scene);
    ssize_t got = recv(fd, reply, sizeof *reply, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno == ECONNRESET)) /* what it had said was not read */
        return 0;
    assert_true(got > 0);
    return control_header_is(&reply->header, CONTROL_END) ? -1 : (int)reply->event.sequence;
}

static void events_past_and_to_come(void **state)
{
    struct scene *scene = scene_of(state);
    union follower_reply reply;
    uint16_t result;
    char text[16];
    for (int i = 1; i <= 15; i++) {
        snprintf(text, sizeof text, "%d", i);
        scene_happen(scene, "t1", text);
    }
    scene_happen(scene, "t2", "16");
    scene_happen(scene, "", "of the daemon");
    int fd = scene_client(scene), one = scene_client(scene);
    scene_ask_value(fd, CONTROL_EVENTS, CONTROL_EVENTS_PAST, "");
    assert_int_equal(scene_answer(scene, fd, &result), CONTROL_PAST_EVENTS + 1);
    scene_ask_value(fd, CONTROL_EVENTS, CONTROL_EVENTS_PAST, "t1");
    scene_spin(scene);
    assert_int_equal(next_of(scene, fd, &reply), 6); /* of fifteen the last ten */
    assert_string_equal(reply.event.text, "6");
    assert_int_equal(scene_answer(scene, fd, &result), CONTROL_PAST_EVENTS - 1);
    scene_ask_value(fd, CONTROL_EVENTS, CONTROL_EVENTS_FOLLOW, "");
    assert_int_equal(scene_answer(scene, fd, &result), 0);
    scene_ask_value(one, CONTROL_EVENTS, CONTROL_EVENTS_FOLLOW, "t2");
    assert_int_equal(scene_answer(scene, one, &result), 0);
    scene_happen(scene, "t1", "news");
    scene_happen(scene, "t2", "more");
    assert_int_equal(next_of(scene, fd, &reply), 18);
    assert_string_equal(reply.event.text, "news");
    assert_int_equal(next_of(scene, fd, &reply), 19);
    assert_int_equal(next_of(scene, one, &reply), 19);
    scene_ask(fd, CONTROL_STATUS, ""); /* who follows has nothing more to say */
    assert_int_equal(next_of(scene, fd, &reply), 0);
    close(fd);
    close(one);
}

/* One that does not read: it gets what its socket holds, a last word, and the end; the others get everything. */
static void a_follower_that_sleeps(void **state)
{
    struct scene *scene = scene_of(state);
    union follower_reply reply;
    uint16_t result;
    int sleeper = scene_client(scene), awake = scene_client(scene), got = 0, count = 0;
    scene_ask_value(sleeper, CONTROL_EVENTS, CONTROL_EVENTS_FOLLOW, "");
    scene_answer(scene, sleeper, &result);
    scene_ask_value(awake, CONTROL_EVENTS, CONTROL_EVENTS_FOLLOW, "");
    scene_answer(scene, awake, &result);
    for (int i = 1; i <= 2000; i++) {
        scene_happen(scene, "t1", "again");
        assert_int_equal(next_of(scene, awake, &reply), i);
    }
    for (got = next_of(scene, sleeper, &reply); got > 0; got = next_of(scene, sleeper, &reply))
        count++;
    assert_in_range(count, 1, 2000 - EVENTS_STREAM);
    assert_int_equal(got, -1);
    assert_int_equal(reply.end.result, CONTROL_TOO_SLOW);
    assert_int_equal(next_of(scene, sleeper, &reply), 0);
    close(sleeper);
    close(awake);
}

/* In a process of its own, which waits where the queue of connections is full, and in which no assertion may fail. */
static _Noreturn void connect_without_end(const struct scene *scene, int tell, int end)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    char byte;
    snprintf(address.sun_path, sizeof address.sun_path, "%.80s/control", scene->folder);
    if (setgid(65534) < 0 || setuid(65534) < 0)
        _exit(1);
    for (int i = 0; i < 3 * CLIENTS_MAX; i++) {
        int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
        if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 || write(tell, "", 1) < 0)
            _exit(2);
        usleep(1000);
    }
    (void)!read(end, &byte, 1);
    _exit(0);
}

/* Connections by somebody in the group, as many as it likes, do not cost root its own. */
static void root_is_not_pushed_out(void **state)
{
    struct scene *scene = scene_of(state);
    char path[120], byte;
    int ready[2], done[2];
    uint16_t result;
    int root = scene_client(scene);
    scene_spin(scene);
    snprintf(path, sizeof path, "%.80s/control", scene->folder);
    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(pipe(ready) | pipe(done), 0);
    pid_t child = fork();
    if (child == 0)
        connect_without_end(scene, ready[1], done[0]);
    close(ready[1]);
    for (int i = 0; i < 3 * CLIENTS_MAX; i++) {
        assert_int_equal(read(ready[0], &byte, 1), 1);
        scene_spin(scene);
    }
    scene_ask(root, CONTROL_STATUS, "t5");
    assert_int_equal(scene_answer(scene, root, &result), 1);
    int late = scene_client(scene);
    scene_ask(late, CONTROL_STATUS, "t6");
    assert_int_equal(scene_answer(scene, late, &result), 1);
    assert_int_equal(write(done[1], "", 1), 1);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ready[0]);
    close(done[0]);
    close(done[1]);
    close(root);
    close(late);
}

/* More names than there is room for: the one that was quiet for the longest time makes room. */
static void rings_of_names(void **state)
{
    (void)state;
    struct events *events = events_new(2);
    struct control_event one = { .name = "a" }, out;
    assert_non_null(events);
    events_add(events, &one);
    one.name[0] = 'b';
    events_add(events, &one);
    one.name[0] = 'a';
    events_add(events, &one);
    one.name[0] = 'c';
    events_add(events, &one);
    assert_false(events_past(events, "b", 0, &out));
    assert_true(events_past(events, "a", 1, &out));
    assert_int_equal(out.sequence, 3);
    assert_true(events_past(events, "c", 0, &out));
    assert_false(events_past(events, "c", 1, &out));
    assert_false(events_get(events, 0, &out));
    assert_false(events_get(events, 5, &out));
    assert_true(events_get(events, 4, &out));
    events_free(events);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        TEST(level_of_the_log),       TEST(events_past_and_to_come),    TEST(a_follower_that_sleeps),
        TEST(root_is_not_pushed_out), cmocka_unit_test(rings_of_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A reload as clients see it: lines and a result when it is done, one at a time, and slow or gone readers harm nobody. */
#include "tests/support/scene.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* Lines up to END, which are to come in their order; -1: the connection ended before; -2: nothing more came. */
static int lines_of(struct scene *scene, int fd, uint16_t *result)
{
    union { struct control_header header; struct control_line line; struct control_end end; } reply;
    char expected[32];
    int lines = 0;
    for (int idle = 0; idle < 50; idle++) {
        ssize_t got = recv(fd, &reply, sizeof reply, MSG_DONTWAIT);
        if (got == 0)
            return -1;
        if (got < 0) {
            scene_spin(scene);
            continue;
        }
        idle = 0;
        if (control_header_is(&reply.header, CONTROL_END)) {
            *result = reply.end.result;
            return lines;
        }
        assert_int_equal(got, sizeof reply.line);
        assert_true(control_header_is(&reply.header, CONTROL_LINE));
        snprintf(expected, sizeof expected, "line %d", lines++);
        assert_string_equal(reply.line.text, expected);
    }
    return -2;
}

static void done_and_refused(void **state)
{
    struct scene *scene = scene_of(state);
    uint16_t result;
    int fd = scene_client(scene);
    for (int done = 0; done <= 1; done++) {
        scene_ask(fd, CONTROL_RELOAD, "");
        assert_int_equal(lines_of(scene, fd, &result), -2); /* not before it is over */
        clients_refreshed(scene->clients); /* somebody else's counters are not what it waits for */
        assert_int_equal(lines_of(scene, fd, &result), -2);
        scene->lines = 3;
        clients_reloaded(scene->clients, done);
        assert_int_equal(lines_of(scene, fd, &result), 3);
        assert_int_equal(result, done ? CONTROL_FINE : CONTROL_NOTHING_CHANGED);
    }
    assert_int_equal(scene->reloads, 2);
    scene_ask(fd, CONTROL_STATUS, "t3"); /* the connection serves on */
    assert_int_equal(scene_answer(scene, fd, &result), 1);
    close(fd);
}

static void one_at_a_time(void **state)
{
    struct scene *scene = scene_of(state);
    uint16_t result;
    int first = scene_client(scene), second = scene_client(scene);
    scene_ask(first, CONTROL_RELOAD, "");
    scene_spin(scene);
    scene->busy = true;
    scene_ask(second, CONTROL_RELOAD, "");
    assert_int_equal(lines_of(scene, second, &result), 0);
    assert_int_equal(result, CONTROL_BUSY);
    scene->lines = 1;
    clients_reloaded(scene->clients, true);
    assert_int_equal(lines_of(scene, first, &result), 1);
    assert_int_equal(result, CONTROL_FINE);
    close(first);
    close(second);
}

/* More lines than a socket takes: the reader gets all of them, whenever it comes; the next reload ends its time. */
static void slow_reader(void **state)
{
    struct scene *scene = scene_of(state);
    uint16_t result;
    int slow = scene_client(scene), next = scene_client(scene);
    scene->lines = 2000;
    scene_ask(slow, CONTROL_RELOAD, "");
    scene_spin(scene);
    clients_reloaded(scene->clients, true);
    scene_spin(scene);
    assert_int_equal(lines_of(scene, slow, &result), 2000);
    scene_ask(slow, CONTROL_RELOAD, "");
    scene_spin(scene);
    clients_reloaded(scene->clients, true);
    scene_spin(scene);
    scene_ask(next, CONTROL_RELOAD, "");
    scene_spin(scene);
    scene->lines = 1;
    clients_reloaded(scene->clients, true);
    assert_int_equal(lines_of(scene, next, &result), 1);
    assert_int_equal(lines_of(scene, slow, &result), -1);
    close(slow);
    close(next);
}

/* Who asked is gone, or was pushed out, before there is an answer. */
static void gone_before(void **state)
{
    struct scene *scene = scene_of(state);
    uint16_t result;
    int gone = scene_client(scene);
    scene_ask(gone, CONTROL_RELOAD, "");
    scene_spin(scene);
    close(gone);
    scene_spin(scene);
    clients_reloaded(scene->clients, true);
    clients_reloaded(scene->clients, false); /* nobody asked: SIGHUP */
    int fd = scene_client(scene);
    scene_ask(fd, CONTROL_STATUS, "t1");
    assert_int_equal(scene_answer(scene, fd, &result), 1);
    close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = { TEST(done_and_refused), TEST(one_at_a_time), TEST(slow_reader), TEST(gone_before) };
    return cmocka_run_group_tests_name("reload, as clients see it", tests, NULL, NULL);
}

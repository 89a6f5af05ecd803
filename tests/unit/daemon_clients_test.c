/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/clients: a good client, and every bad one: short, long, garbage, silent, slow, too many, not root. */
#include "tests/support/scene.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/folder.h"

static void all_and_one(void **state)
{
    struct scene *scene = scene_of(state);
    uint16_t result;
    int fd = scene_client(scene);
    scene_ask(fd, CONTROL_STATUS, "");
    assert_int_equal(scene_answer(scene, fd, &result), SCENE_TUNNELS);
    assert_int_equal(result, CONTROL_FINE);
    scene_ask(fd, CONTROL_STATUS, "t7"); /* the same connection again */
    assert_int_equal(scene_answer(scene, fd, &result), 1);
    scene_ask(fd, CONTROL_STATUS, "nobody");
    assert_int_equal(scene_answer(scene, fd, &result), 0);
    assert_int_equal(result, CONTROL_NO_SUCH_TUNNEL);
    scene_ask(fd, CONTROL_REKEY, "t9");
    assert_int_equal(scene_answer(scene, fd, &result), 0);
    assert_int_equal(result, CONTROL_FINE);
    assert_int_equal(scene->commands, 1);
    assert_int_equal(scene->last_index, 9);
    close(fd);
}

static void wrong_lengths_end_it(void **state)
{
    struct scene *scene = scene_of(state);
    struct control_request request[2] = { { .header = control_header_of(CONTROL_STATUS) } };
    static const size_t lengths[] = { 1, sizeof(struct control_header), sizeof request[0] - 1, sizeof request[0] + 1, sizeof request };
    uint16_t result;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        int fd = scene_client(scene);
        assert_int_equal(send(fd, request, lengths[i], 0), lengths[i]);
        assert_int_equal(scene_answer(scene, fd, &result), -1);
        close(fd);
    }
    assert_int_equal(scene->refreshes, 0);
}

static void wrong_headers_are_told(void **state)
{
    struct scene *scene = scene_of(state);
    static const struct control_header headers[] = {
        { 0, CONTROL_VERSION, CONTROL_STATUS }, { CONTROL_MAGIC, CONTROL_VERSION + 1, CONTROL_STATUS },
        { CONTROL_MAGIC, CONTROL_VERSION, 0 }, { CONTROL_MAGIC, CONTROL_VERSION, CONTROL_REQUEST_TYPES },
        { CONTROL_MAGIC, CONTROL_VERSION, CONTROL_END }, { CONTROL_MAGIC, CONTROL_VERSION, 0xffff },
    };
    uint16_t result;
    int fd = scene_client(scene);
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        struct control_request request = { .header = headers[i] };
        memset(request.name, 'x', sizeof request.name); /* not terminated */
        assert_int_equal(send(fd, &request, sizeof request, 0), sizeof request);
        assert_int_equal(scene_answer(scene, fd, &result), 0);
        assert_int_equal(result, CONTROL_UNKNOWN_REQUEST);
    }
    close(fd);
    assert_int_equal(scene->commands, 0);
}

static void denied_to_nobody(struct scene *scene, enum control_type type, const char *name)
{
    char path[120];
    snprintf(path, sizeof path, "%.80s/control", scene->folder);
    assert_int_equal(chmod(path, 0666), 0);
    int pair[2];
    assert_int_equal(pipe(pair), 0);
    pid_t child = fork();
    if (child == 0) {
        if (setgid(65534) < 0 || setuid(65534) < 0)
            _exit(1);
        int fd = scene_client(scene);
        scene_ask(fd, type, name);
        (void)!write(pair[1], "", 1);
        struct control_end reply;
        for (int i = 0; i < 1000 && recv(fd, &reply, sizeof reply, MSG_DONTWAIT) != (ssize_t)sizeof reply; i++)
            usleep(1000);
        _exit(reply.result == CONTROL_DENIED ? 0 : 2);
    }
    char byte;
    assert_int_equal(read(pair[0], &byte, 1), 1);
    scene_spin(scene);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(scene->commands, 0);
    close(pair[0]);
    close(pair[1]);
}

static void only_root_changes(void **state)
{
    struct scene *scene = scene_of(state);
    denied_to_nobody(scene, CONTROL_DOWN, "t1");
    denied_to_nobody(scene, CONTROL_UP, "");
    denied_to_nobody(scene, CONTROL_LOG, "");
    denied_to_nobody(scene, CONTROL_RELOAD, "");
    assert_int_equal(scene->reloads, 0);
    assert_int_equal(scene->level, 0);
}

/* One that never reads keeps what it asked for and delays nobody; one that vanishes is forgotten. */
static void slow_and_gone(void **state)
{
    struct scene *scene = scene_of(state);
    uint16_t result;
    int slow = scene_client(scene), gone = scene_client(scene), good = scene_client(scene);
    scene_ask(slow, CONTROL_STATUS, "");
    scene_ask(gone, CONTROL_STATUS, "");
    close(gone);
    scene_spin(scene);
    scene_ask(good, CONTROL_STATUS, "");
    assert_int_equal(scene_answer(scene, good, &result), SCENE_TUNNELS);
    assert_int_equal(scene_answer(scene, slow, &result), SCENE_TUNNELS);
    close(slow);
    close(good);
}

static void too_many(void **state)
{
    struct scene *scene = scene_of(state);
    int fds[CLIENTS_MAX + 4];
    uint16_t result;
    for (size_t i = 0; i < CLIENTS_MAX + 4; i++) {
        fds[i] = scene_client(scene);
        scene_spin(scene);
    }
    scene_ask(fds[CLIENTS_MAX + 3], CONTROL_STATUS, "t1");
    assert_int_equal(scene_answer(scene, fds[CLIENTS_MAX + 3], &result), 1);
    for (size_t i = 0; i < 4; i++) /* the oldest made room */
        assert_int_equal(scene_answer(scene, fds[i], &result), -1);
    scene_ask(fds[4], CONTROL_STATUS, "t1");
    assert_int_equal(scene_answer(scene, fds[4], &result), 1);
    for (size_t i = 0; i < CLIENTS_MAX + 4; i++)
        close(fds[i]);
}

/* Who connects without end takes the places of his own, not those of others. */
static void one_user_beside_others(void **state)
{
    struct scene *scene = scene_of(state);
    char path[120];
    int fds[3 * CLIENTS_MAX];
    uint16_t result;
    snprintf(path, sizeof path, "%.80s/control", scene->folder);
    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(seteuid(1001), 0); /* as which it connects */
    int other = scene_client(scene);
    scene_spin(scene);
    assert_int_equal(seteuid(0) | seteuid(1002), 0);
    for (size_t i = 0; i < 3 * CLIENTS_MAX; i++) {
        fds[i] = scene_client(scene);
        scene_spin(scene);
    }
    assert_int_equal(seteuid(0), 0);
    scene_ask(other, CONTROL_STATUS, "t1");
    assert_int_equal(scene_answer(scene, other, &result), 1);
    scene_ask(fds[3 * CLIENTS_MAX - 1], CONTROL_STATUS, "t1");
    assert_int_equal(scene_answer(scene, fds[3 * CLIENTS_MAX - 1], &result), 1);
    for (size_t i = 0; i < 3 * CLIENTS_MAX; i++)
        close(fds[i]);
    close(other);
}

static void counters_that_never_come(void **state)
{
    struct scene *scene = scene_of(state);
    uint16_t result;
    scene->slow = true;
    int fd = scene_client(scene);
    scene_ask(fd, CONTROL_STATUS, "t3");
    scene_spin(scene);
    char byte;
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(scene_answer(scene, fd, &result), 1); /* after the limit */
    scene_ask(fd, CONTROL_STATUS, "t3");
    scene_spin(scene);
    clients_refreshed(scene->clients);
    assert_int_equal(scene_answer(scene, fd, &result), 1);
    close(fd);
}

static void a_living_daemon_is_not_replaced(void **state)
{
    struct scene *scene = scene_of(state);
    char error[FOLDER_ERROR_MAX];
    assert_int_equal(folder_listen(scene->folder, getegid(), error), -1);
    assert_non_null(strstr(error, "already running"));
    assert_int_equal(folder_take(scene->folder, error), -1);
    assert_non_null(strstr(error, "already running"));
    assert_int_equal(folder_take("relative", error), -1);
    assert_non_null(strstr(error, "starts with /"));
    assert_int_equal(folder_take("/tmp", error), -1); /* others can write to it */
}

static char successor_folder[64];

/* What it has is not taken from it by one before that ends meanwhile. 0, or what went wrong. */
static int take_as_successor(void)
{
    char error[FOLDER_ERROR_MAX], path[FOLDER_PATH_MAX];
    int fd = folder_take(successor_folder, error), listener = fd < 0 ? -1 : folder_listen(successor_folder, getegid(), error);
    if (listener < 0)
        return strstr(error, "starts or ends") ? 2 : 1;
    usleep(200000);
    snprintf(path, sizeof path, "%s/control", successor_folder);
    int result = access(path, F_OK) == 0 ? 0 : 3;
    folder_remove(successor_folder);
    return result;
}

/* Anybody may open the folder. Whoever locks it keeps nobody from starting. */
static void a_folder_is_not_anybodys(void **state)
{
    (void)scene_of(state);
    char error[FOLDER_ERROR_MAX], path[FOLDER_PATH_MAX];
    snprintf(successor_folder, sizeof successor_folder, "/tmp/minicpe-folder-test.%d", (int)getpid());
    int first = folder_take(successor_folder, error);
    assert_true(first >= 0);
    close(first);
    snprintf(path, sizeof path, "%s/lock", successor_folder);
    assert_int_equal(seteuid(65534), 0);
    int folder = open(successor_folder, O_RDONLY | O_DIRECTORY), file = open(path, O_RDONLY);
    assert_int_equal(seteuid(0), 0);
    assert_true(folder >= 0 && file < 0);
    assert_int_equal(flock(folder, LOCK_EX | LOCK_NB), 0);
    int second = folder_take(successor_folder, error);
    assert_true(second >= 0);
    close(second);
    close(folder);
    folder_remove(successor_folder);
    assert_int_equal(access(successor_folder, F_OK), -1);
}

/* One that ends, one that was killed with a child that lives on, and one that neither answers nor goes. */
static void a_folder_has_one_owner(void **state)
{
    (void)scene_of(state);
    char error[FOLDER_ERROR_MAX];
    snprintf(successor_folder, sizeof successor_folder, "/tmp/minicpe-folder-test.%d", (int)getpid());
    for (int kind = 0; kind < 3; kind++) {
        int before = folder_take(successor_folder, error), status = -1;
        assert_true(before >= 0);
        pid_t child = fork();
        if (child == 0) {
            close(before);
            _exit(take_as_successor());
        }
        usleep(100000);
        assert_int_equal(waitpid(child, &status, WNOHANG), 0); /* it waits */
        if (kind == 0)
            folder_remove(successor_folder);
        if (kind < 2)
            close(before);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, kind == 2 ? 2 << 8 : 0);
        if (kind == 2) {
            folder_remove(successor_folder);
            close(before);
        }
        assert_int_equal(access(successor_folder, F_OK), -1);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        TEST(all_and_one),   TEST(wrong_lengths_end_it), TEST(wrong_headers_are_told),   TEST(only_root_changes),
        TEST(slow_and_gone), TEST(too_many), TEST(one_user_beside_others),             TEST(counters_that_never_come), TEST(a_living_daemon_is_not_replaced),
        TEST(a_folder_has_one_owner), TEST(a_folder_is_not_anybodys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

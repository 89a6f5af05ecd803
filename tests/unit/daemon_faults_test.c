/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocations and system calls of the daemon's parts that fail, one after the other: the engine's tables, the control
 * socket's server. Nobody but the client concerned notices, no descriptor stays open, and
 * AddressSanitizer's build sees that nothing leaks.
 */
#include "tests/support/scene.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "ike/ike.h"

/* The linker's names for what it puts in between. */
#define REAL(name) __real_##name
#define WRAPPED(name) __wrap_##name

enum { SERVER_FDS_MAX = 64 };

static unsigned calls, fail_at;           /* fail_at 0: none fails */
static int served[SERVER_FDS_MAX];        /* descriptors of the server's side, which is in this process too */
static size_t served_count;

static bool fails(int error)
{
    if (!fail_at || ++calls != fail_at)
        return false;
    errno = error;
    return true;
}

static bool is_served(int fd)
{
    for (size_t i = 0; i < served_count; i++)
        if (served[i] == fd)
            return true;
    return false;
}

void *REAL(calloc)(size_t count, size_t size);
void *WRAPPED(calloc)(size_t count, size_t size);
void *WRAPPED(calloc)(size_t count, size_t size) { return fails(ENOMEM) ? NULL : REAL(calloc)(count, size); }

void *REAL(realloc)(void *old, size_t size);
void *WRAPPED(realloc)(void *old, size_t size);
void *WRAPPED(realloc)(void *old, size_t size) { return fails(ENOMEM) ? NULL : REAL(realloc)(old, size); }

int REAL(accept4)(int fd, struct sockaddr *from, socklen_t *size, int flags);
int WRAPPED(accept4)(int fd, struct sockaddr *from, socklen_t *size, int flags);
int WRAPPED(accept4)(int fd, struct sockaddr *from, socklen_t *size, int flags)
{
    int got = fails(EMFILE) ? -1 : REAL(accept4)(fd, from, size, flags);
    if (got >= 0 && served_count < SERVER_FDS_MAX)
        served[served_count++] = got;
    return got;
}

#define OF_THE_SERVER(type, name, error, parameters, ...)                                              \
    type __real_##name parameters;                                                                    \
    type __wrap_##name parameters;                                                                    \
    type __wrap_##name parameters { return is_served(fd) && fails(error) ? -1 : __real_##name(__VA_ARGS__); }

OF_THE_SERVER(ssize_t, send, ENOBUFS, (int fd, const void *data, size_t length, int flags), fd, data, length, flags)
OF_THE_SERVER(ssize_t, recv, ENOMEM, (int fd, void *data, size_t length, int flags), fd, data, length, flags)
OF_THE_SERVER(int, getsockopt, ENOMEM, (int fd, int level, int option, void *value, socklen_t *size), fd, level, option, value, size)

static size_t descriptors(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

/* ---- the engine's tables ---- */

static void ones(void *context, uint8_t *out, size_t length)
{
    (void)context;
    memset(out, 1, length);
}

static void no_memory_no_engine(void **state)
{
    (void)state;
    static const struct ike_env env = { .random = ones };
    struct conf conf = { .count = 0 };
    struct ike *ike = NULL;
    unsigned refused = 0;
    for (unsigned n = 1; !ike; n++, refused++) {
        calls = 0;
        fail_at = n;
        int result = ike_new(&ike, &conf, &env, (struct mono){ 1 });
        fail_at = 0;
        assert_int_equal(result, ike ? 0 : -1);
    }
    ike_free(ike);
    assert_true(refused > 4);
}

/* ---- the control socket: each call of the server fails while one client asks ---- */

static void one_bad_call(struct scene *scene, unsigned n, enum control_type type)
{
    uint16_t result;
    served_count = 0;
    calls = 0;
    int fd = scene_client(scene);
    fail_at = n;
    scene_ask(fd, type, type == CONTROL_STATUS ? "" : "t5");
    (void)scene_answer(scene, fd, &result);
    fail_at = 0;
    close(fd);
    scene_spin(scene);
}

static void a_server_that_is_refused(void **state)
{
    struct scene *scene = scene_of(state);
    static const enum control_type types[] = { CONTROL_STATUS, CONTROL_REKEY };
    scene_spin(scene);
    size_t before = descriptors();
    unsigned cases = 0;
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (unsigned n = 1, more = 1; more; n += n < 20 ? 1 : 13, cases++) {
            uint16_t result;
            one_bad_call(scene, n, types[t]);
            more = calls >= n;
            int fd = scene_client(scene);
            scene_ask(fd, CONTROL_STATUS, "");
            if (scene_answer(scene, fd, &result) != SCENE_TUNNELS)
                fail_msg("after call %u had failed, another client is not answered", n);
            close(fd);
            scene_spin(scene);
            assert_int_equal(descriptors(), before);
        }
    print_message("%u failing calls\n", cases);
    assert_true(cases > 20);
}

int main(void)
{
    if (crypto_start() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_memory_no_engine),
        cmocka_unit_test_setup_teardown(a_server_that_is_refused, scene_setup, scene_teardown),
    };
    int result = cmocka_run_group_tests_name("daemon: memory and calls that fail", tests, NULL, NULL);
    crypto_stop();
    return result;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Giving up privilege: what a process that did so can be, and what it was started with. Each in a child. */
#include "daemon/drop.h"

#include "tests/support/test.h"

#include <cap-ng.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int run_child(void (*body)(void))
{
    pid_t child = fork();
    if (child == 0) {
        body();
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* A child that became another user, has no process of its own and ends only when it is ended: root has no CAP_KILL, as under the unit file. */
static void end_another_users_child(void)
{
    struct drop_user user = { 65534, 65534, "nobody" };
    char error[DROP_ERROR_MAX];
    int ready[2], status = -1;
    if (pipe(ready) < 0)
        _exit(2);
    pid_t child = fork();
    if (child == 0) {
        drop_forking();
        int result = drop_everything(&user, "/", error) < 0 ? 3 : fork() >= 0 ? 4 : 0;
        (void)!write(ready[1], &result, sizeof result);
        for (;;)
            pause();
    }
    if (read(ready[0], &status, sizeof status) != (ssize_t)sizeof status || status != 0)
        _exit(status);
    capng_get_caps_process();
    capng_update(CAPNG_DROP, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_KILL);
    if (capng_apply(CAPNG_SELECT_CAPS) < 0 || kill(child, SIGKILL) == 0)
        _exit(5);
    drop_kill(&user, child);
    alarm(5);
    if (waitpid(child, &status, 0) != child || !WIFSIGNALED(status) || geteuid() != 0)
        _exit(6);
}

static void a_child_that_became_another_is_ended(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("needs root\n");
        skip();
    }
    assert_int_equal(run_child(end_another_users_child), 0);
}

/* Started with some of its standard streams closed, no socket of ours gets their numbers, to which lines of the log go. */
static void without_standard_streams(void)
{
    struct stat status, null;
    close(STDIN_FILENO);
    close(STDOUT_FILENO);
    close(STDERR_FILENO);
    int extra = fcntl(open("/dev/zero", O_RDWR), F_DUPFD, 700);
    close(STDIN_FILENO);
    drop_descriptors();
    if (stat("/dev/null", &null) < 0 || fcntl(extra, F_GETFD) >= 0)
        _exit(2);
    for (int fd = 0; fd < 3; fd++)
        if (fstat(fd, &status) < 0 || status.st_rdev != null.st_rdev)
            _exit(3);
    if (socket(AF_UNIX, SOCK_STREAM, 0) != 3)
        _exit(4);
}

static void standard_streams_are_there(void **state)
{
    (void)state;
    assert_int_equal(run_child(without_standard_streams), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(standard_streams_are_there), cmocka_unit_test(a_child_that_became_another_is_ended) };
    return cmocka_run_group_tests_name("giving up privilege", tests, NULL, NULL);
}

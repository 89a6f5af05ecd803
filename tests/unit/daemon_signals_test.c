/* SPDX-License-Identifier: Apache-2.0 */
/* The signals of the daemon, also where who started it ignores or blocks some. */
#include "daemon/signals.h"

#include "tests/support/test.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/sandbox.h"

static int run_child(void (*body)(void))
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        body();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void as_left_by_others(void)
{
    sigset_t all;
    signal(SIGCHLD, SIG_IGN);
    signal(SIGALRM, SIG_IGN);
    signal(SIGHUP, SIG_IGN); /* nohup */
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
}

static void have_children(void)
{
    char error[SANDBOX_ERROR_MAX];
    as_left_by_others();
    signals_begin();
    if (sandbox_prepare(error) < 0)
        _exit(2);
    pid_t child = fork();
    if (child == 0) {
        alarm(1);
        for (;;)
            pause();
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child || !WIFSIGNALED(status) || WTERMSIG(status) != SIGALRM)
        _exit(3);
}

/* It has its numbers anew, and is the first process there. */
static int in_new_numbers(void)
{
    int ready[2], go[2], status = -1;
    if (unshare(CLONE_NEWPID) < 0 || pipe(ready) < 0 || pipe(go) < 0)
        return 77;
    pid_t first = fork();
    if (first == 0) {
        char octet;
        if (getpid() != 1)
            _exit(2);
        signals_begin();
        if (write(ready[1], "", 1) != 1 || read(go[0], &octet, 1) != 1)
            _exit(3);
        int fd = signals_hold();
        _exit(fd >= 0 && signals_next(fd) == SIGTERM && signals_next(fd) == 0 ? 0 : 4);
    }
    char octet;
    if (first < 0 || read(ready[0], &octet, 1) != 1 || kill(first, SIGTERM) < 0 || write(go[1], "", 1) != 1)
        return 5;
    return waitpid(first, &status, 0) == first && WIFEXITED(status) ? WEXITSTATUS(status) : 6;
}

static void leave_with_numbers(void) { _exit(in_new_numbers()); }

static void nothing_is_lost_by_a_containers_first_process(void **state)
{
    (void)state;
    int status = run_child(leave_with_numbers);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("no PID namespace can be made here\n");
        skip();
    }
    assert_int_equal(status, 0);
}

static void take_signals(void)
{
    as_left_by_others();
    signals_begin();
    int fd = signals_hold();
    if (fd < 0 || signals_next(fd) != 0)
        _exit(2);
    kill(getpid(), SIGHUP);
    if (signals_next(fd) != SIGHUP || signals_next(fd) != 0)
        _exit(3);
    kill(getpid(), SIGTERM);
    kill(getpid(), SIGINT);
    int first = signals_next(fd), second = signals_next(fd);
    if (first + second != SIGTERM + SIGINT || signals_next(fd) != 0)
        _exit(4);
    signals_ignore();
}

static void begins_afresh(void **state)
{
    (void)state;
    assert_int_equal(run_child(have_children), 0);
}

static void are_read(void **state)
{
    (void)state;
    assert_int_equal(run_child(take_signals), 0);
}

/* A log at the limit of a file's size loses lines; it ended the daemon. */
static void file_size_limit(void **state)
{
    (void)state;
    struct sigaction now;
    signal(SIGXFSZ, SIG_DFL);
    signals_begin();
    assert_int_equal(sigaction(SIGXFSZ, NULL, &now), 0);
    assert_true(now.sa_handler == SIG_IGN);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(nothing_is_lost_by_a_containers_first_process), cmocka_unit_test(file_size_limit),
        cmocka_unit_test(begins_afresh), cmocka_unit_test(are_read) };
    return cmocka_run_group_tests_name("the daemon's signals", tests, NULL, NULL);
}

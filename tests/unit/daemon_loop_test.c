/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a loop whose calls the kernel refuses. libev finds this program's epoll_ctl() before the C library's. */
#include "daemon/loop.h"

#include "tests/support/test.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int refused = -1; /* the descriptor that is not to be watched */
static unsigned calls, errors;

int epoll_ctl(int epoll, int what, int fd, struct epoll_event *event)
{
    if (fd == refused) {
        errno = ENOMEM;
        return -1;
    }
    return (int)syscall(SYS_epoll_ctl, epoll, what, fd, event);
}

static void on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)watcher;
    calls++;
    if (!(events & EV_ERROR)) {
        ev_break(loop, EVBREAK_ALL);
        return;
    }
    errors++;
    _exit(7); /* as a process does that cannot go on */
}

/* A child, which a loop that waits for ever would be until the alarm. */
static int run_with(void (*body)(struct ev_loop *loop, int fds[2]))
{
    int fds[2], status = -1;
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0) {
        alarm(10);
        struct ev_loop *loop = loop_new();
        if (!loop)
            _exit(1);
        body(loop, fds);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    close(fds[0]);
    close(fds[1]);
    return status;
}

static void wait_for_one(struct ev_loop *loop, int fds[2])
{
    ev_io watcher;
    ev_io_init(&watcher, on_readable, fds[0], EV_READ);
    ev_io_start(loop, &watcher);
    if (write(fds[1], "x", 1) != 1)
        _exit(2);
    ev_run(loop, 0);
    if (calls != 1 || errors != 0)
        _exit(3);
}

static void wait_for_refused(struct ev_loop *loop, int fds[2])
{
    ev_io watcher, idle; /* with nothing left to watch the loop would not wait */
    int more[2];
    if (pipe(more) < 0)
        _exit(2);
    refused = fds[0];
    ev_io_init(&idle, on_readable, more[0], EV_READ);
    ev_io_start(loop, &idle);
    ev_io_init(&watcher, on_readable, fds[0], EV_READ);
    ev_io_start(loop, &watcher);
    ev_run(loop, 0); /* nothing else will ever happen here */
}

static void on_refused(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    errors += events & EV_ERROR && !ev_is_active(watcher);
}

/* One that the process can do without: the others are heard as before. */
static void wait_for_another(struct ev_loop *loop, int fds[2])
{
    ev_io watcher, other;
    int more[2];
    if (pipe(more) < 0)
        _exit(2);
    refused = more[0];
    ev_io_init(&watcher, on_readable, fds[0], EV_READ);
    ev_io_init(&other, on_refused, more[0], EV_READ);
    ev_io_start(loop, &watcher);
    ev_io_start(loop, &other);
    if (write(fds[1], "x", 1) != 1)
        _exit(2);
    ev_run(loop, 0);
    if (calls != 1 || errors != 1)
        _exit(3);
}

/* libev would abort, and say so where nobody reads it. */
static void lack_memory(struct ev_loop *loop, int fds[2])
{
    static ev_timer timers[1 << 16];
    struct rlimit little = { 0, 0 };
    (void)fds;
    setrlimit(RLIMIT_DATA, &little);
    setrlimit(RLIMIT_AS, &little);
    for (size_t i = 0; i < sizeof timers / sizeof *timers; i++) {
        ev_timer_init(&timers[i], NULL, 1000, 0);
        ev_timer_start(loop, &timers[i]);
    }
    _exit(5);
}

static void lose_epoll(struct ev_loop *loop, int fds[2])
{
    (void)fds;
    ev_io watcher;
    ev_io_init(&watcher, on_readable, fds[0], EV_READ);
    ev_io_start(loop, &watcher);
    ev_run(loop, EVRUN_NOWAIT);
    for (int fd = 3; fd < 64; fd++)
        if (fd != fds[0] && fd != fds[1])
            close(fd);
    ev_run(loop, 0);
    _exit(5);
}

static void refusals(void **state)
{
    (void)state;
    int status = run_with(wait_for_one);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    status = run_with(wait_for_refused);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    status = run_with(wait_for_another);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void ends(void **state)
{
    (void)state;
    int status = run_with(lose_epoll);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILURE);
#ifndef __SANITIZE_ADDRESS__ /* its allocator has an end of its own */
    status = run_with(lack_memory);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILURE);
#else
    (void)lack_memory;
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(refusals), cmocka_unit_test(ends) };
    return cmocka_run_group_tests_name("the event loop in need", tests, NULL, NULL);
}

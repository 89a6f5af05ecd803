/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor, whose parent is played and whose engines are in somebody else's hands: they end when they should, and nothing of them stays. */
#include "daemon/supervisor.h"

#include "tests/support/test.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/engine.h"
#include "daemon/life.h"
#include "daemon/sandbox.h"

enum { PATIENCE_MS = 20000, SIGN_MS = 100, STILL_MS = 2000, BIRTHS = 3, LIFE = 0, DATA = 1 };

static struct shared {
    pid_t engine;              /* the last one that was born */
    bool deaf;                 /* engines close what tells of their end, and live on */
    bool no_pipes;             /* pipe2() fails */
    bool still;                /* engines give no sign of life */
} *shared;

static int parent;             /* our end of the supervisor's channel */
static pid_t supervisor;
static int engines[2];         /* our ends of the last engine's channels */

int __wrap_engine_run(const struct engine_hold *hold);
int __wrap_engine_run(const struct engine_hold *hold)
{
    shared->engine = getpid();
    for (int fd = 3; shared->deaf && fd < 64; fd++)
        if (fd != hold->life && fd != hold->dataplane)
            close(fd);
    for (;; poll(NULL, 0, SIGN_MS))
        if (!shared->still)
            (void)!write(hold->sign, "", 1);
}

int __real_pipe2(int ends[2], int flags);
int __wrap_pipe2(int ends[2], int flags);
int __wrap_pipe2(int ends[2], int flags)
{
    if (!shared || !shared->no_pipes)
        return __real_pipe2(ends, flags);
    errno = EMFILE;
    return -1;
}

/* ---- the parent ---- */

static bool hear(struct life_message *message, int wait_ms)
{
    struct pollfd watched = { .fd = parent, .events = POLLIN };
    return poll(&watched, 1, wait_ms) == 1 && life_receive(parent, message, NULL) == 1;
}

/* It needs an engine: channels for one. */
static void give_channels(void)
{
    struct life_message message;
    int life[2], data[2];
    assert_true(hear(&message, PATIENCE_MS));
    assert_int_equal(message.type, LIFE_NEED_ENGINE);
    assert_true(life_pair(life) == 0 && life_pair(data) == 0);
    message = (struct life_message){ .type = LIFE_ENGINE_CHANNELS };
    assert_int_equal(life_send(parent, &message, (int[LIFE_DESCRIPTORS]){ life[1], data[1] }), 0);
    close(life[1]);
    close(data[1]);
    engines[LIFE] = life[0];
    engines[DATA] = data[0];
}

static void drop_channels(void)
{
    close(engines[LIFE]);
    close(engines[DATA]);
}

static pid_t await_engine(pid_t other_than)
{
    for (int i = 0; i < PATIENCE_MS && shared->engine == other_than; i++)
        usleep(1000);
    assert_int_not_equal(shared->engine, other_than);
    return shared->engine;
}

/* A child of the supervisor, so that it is waited for by nobody here. */
static bool is_gone(pid_t pid)
{
    for (int i = 0; i < PATIENCE_MS; i++, usleep(1000))
        if (kill(pid, 0) < 0)
            return true;
    return false;
}

static size_t descriptors_of(pid_t pid)
{
    char path[64];
    size_t count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

/* An engine may be heard of before its parent has closed the ends that are not its own. */
static size_t settled_descriptors(void)
{
    size_t last = descriptors_of(supervisor);
    for (int same = 0; same < 5;) {
        usleep(20000);
        size_t count = descriptors_of(supervisor);
        same = count == last ? same + 1 : 0;
        last = count;
    }
    return last;
}

static int begin(void **state)
{
    (void)state;
    int pair[2];
    char error[SANDBOX_ERROR_MAX];
    *shared = (struct shared){ .engine = 0 };
    if (life_pair(pair) < 0 || sandbox_prepare(error) < 0)
        return -1;
    supervisor = fork();
    if (supervisor == 0) {
        struct supervisor_hold hold = { .parent = pair[1], .control = -1, .udp.count = 0, .icmp = -1, .patience_ms = STILL_MS };
        close(pair[0]);
        _exit(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? 9 : supervisor_run(&hold));
    }
    close(pair[1]);
    parent = pair[0];
    return supervisor < 0 ? -1 : 0;
}

/* With its parent it ends, and its engine with it. */
static int end(void **state)
{
    (void)state;
    int status = -1;
    pid_t engine = shared->engine;
    close(parent);
    bool ended = waitpid(supervisor, &status, 0) == supervisor && status == 0;
    return ended && (engine == 0 || is_gone(engine)) ? 0 : -1;
}

/* ---- tests ---- */

static void an_engine_that_dies_has_a_successor(void **state)
{
    (void)state;
    give_channels();
    pid_t first = await_engine(0);
    kill(first, SIGKILL);
    drop_channels();
    give_channels();
    assert_true(kill(await_engine(first), 0) == 0 && is_gone(first));
    drop_channels();
}

/* It closes the pipe by whose end its death is known. It dies. */
static void an_engine_that_hides_its_death(void **state)
{
    (void)state;
    shared->deaf = true;
    give_channels();
    pid_t first = await_engine(0);
    assert_true(is_gone(first));
    drop_channels();
    shared->deaf = false;
    give_channels();
    assert_int_equal(kill(await_engine(first), 0), 0);
    drop_channels();
}

static void an_engine_that_is_to_end(void **state)
{
    (void)state;
    give_channels();
    pid_t first = await_engine(0);
    assert_int_equal(life_tell(parent, LIFE_LOG_LEVEL, 6), 0); /* another word before */
    assert_int_equal(life_tell(parent, LIFE_END_ENGINE, 0), 0);
    assert_true(is_gone(first));
    assert_int_equal(life_tell(parent, LIFE_END_ENGINE, 0), 0); /* too late: it is not for the next one */
    drop_channels();
    give_channels();
    pid_t second = await_engine(first);
    usleep(300000);
    assert_int_equal(kill(second, 0), 0);
    drop_channels();
}

static void births_that_fail_keep_nothing(void **state)
{
    (void)state;
    struct life_message message;
    give_channels();
    pid_t first = await_engine(0);
    size_t before = settled_descriptors();
    shared->no_pipes = true;
    kill(first, SIGKILL);
    for (int i = 0; i < BIRTHS; i++) {
        drop_channels();
        give_channels();
    }
    drop_channels();
    shared->no_pipes = false;
    give_channels();
    await_engine(first);
    assert_int_equal(settled_descriptors(), before);
    assert_false(hear(&message, 0));
    drop_channels();
}

/* As long as it gives signs of life it lives; then it has a successor, whatever it stands in. */
static void an_engine_that_stands_still(void **state)
{
    (void)state;
    for (int stopped = 0; stopped < 2; stopped++) {
        pid_t before = shared->engine;
        give_channels();
        pid_t engine = await_engine(before);
        usleep(3 * STILL_MS * 1000);
        assert_int_equal(kill(engine, 0), 0);
        if (stopped)
            kill(engine, SIGSTOP);
        shared->still = true;
        assert_true(is_gone(engine));
        shared->still = false;
        drop_channels();
    }
    give_channels();
    await_engine(0);
    drop_channels();
}

/* The whole machine, or a person with ctrl-Z: nobody's patience is over for that. */
static void all_that_are_stopped_go_on(void **state)
{
    (void)state;
    give_channels();
    pid_t engine = await_engine(0);
    kill(supervisor, SIGSTOP);
    kill(engine, SIGSTOP);
    usleep(2 * STILL_MS * 1000);
    kill(supervisor, SIGCONT);
    usleep(20000);
    kill(engine, SIGCONT);
    usleep(2 * STILL_MS * 1000);
    assert_int_equal(kill(engine, 0), 0);
    drop_channels();
}

static void waits_grow(void **state)
{
    (void)state;
    int64_t wait = 0;
    for (int i = 0; i < 20; i++)
        wait = supervisor_back_off(wait, 0);
    assert_int_equal(wait, 30000);
    assert_int_equal(supervisor_back_off(wait, 60000), 100);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(an_engine_that_dies_has_a_successor), TEST(an_engine_that_hides_its_death), TEST(an_engine_that_is_to_end),
        TEST(births_that_fail_keep_nothing), TEST(an_engine_that_stands_still), TEST(all_that_are_stopped_go_on), cmocka_unit_test(waits_grow),
    };
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return shared == MAP_FAILED ? EXIT_FAILURE : cmocka_run_group_tests_name("the supervisor", tests, NULL, NULL);
}

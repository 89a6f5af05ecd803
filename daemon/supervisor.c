/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the sockets' lives, so that the kernel goes on decapsulating ESP in UDP while there is no engine. It
 * never reads them: nothing from the network can reach it. An engine's end is seen by the pipe whose write
 * end only that engine holds; and that it stands still, by no octet coming through it. When the privileged process goes, everything goes.
 */
#include "daemon/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/engine.h"
#include "daemon/life.h"
#include "daemon/sandbox.h"

enum { BACK_OFF_FIRST_MS = 100, BACK_OFF_MOST_MS = 30000, GOOD_LIFE_MS = 60000, LOOKS = 4, SIGNS_AT_ONCE = 64 };

struct child {
    pid_t pid;
    int pipe;                  /* hangs up when the engine is gone */
    int64_t born;
};

int64_t supervisor_back_off(int64_t before, int64_t lived)
{
    if (before == 0 || lived >= GOOD_LIFE_MS)
        return BACK_OFF_FIRST_MS;
    return before * 2 < BACK_OFF_MOST_MS ? before * 2 : BACK_OFF_MOST_MS;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Engines inherit it. Anything else that comes is for the caller. */
static bool take_log_level(const struct life_message *message)
{
    if (message->type != LIFE_LOG_LEVEL)
        return false;
    log_level_set((enum log_level)message->number);
    return true;
}

/* Asks for channels and waits for them. A word that an engine must end comes too late for the one before: it is gone. */
static int get_channels(const struct supervisor_hold *hold, uint32_t number, int channels[LIFE_DESCRIPTORS])
{
    struct pollfd parent = { .fd = hold->parent, .events = POLLIN };
    struct life_message message;
    int got = 0;
    if (life_tell(hold->parent, LIFE_NEED_ENGINE, number) < 0)
        return -1;
    while (got == 0 && (poll(&parent, 1, -1) >= 0 || errno == EINTR)) {
        got = life_receive(hold->parent, &message, channels);
        if (got > 0 && (take_log_level(&message) || message.type == LIFE_END_ENGINE))
            got = 0;
    }
    return got > 0 && message.type == LIFE_ENGINE_CHANNELS && channels[0] >= 0 && channels[1] >= 0 ? 0 : -1;
}

static _Noreturn void be_engine(const struct supervisor_hold *hold, const int channels[LIFE_DESCRIPTORS], int sign)
{
    close(hold->parent);
    struct engine_hold engine = { .life = channels[0], .dataplane = channels[1], .control = hold->control, .udp = hold->udp, .icmp = hold->icmp,
                                  .sign = sign };
    _exit(engine_run(&engine));
}

static int give_birth(const struct supervisor_hold *hold, const int channels[LIFE_DESCRIPTORS], struct child *child)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
        int kept = errno;
        close(channels[0]);
        close(channels[1]);
        errno = kept;
        return -1;
    }
    child->born = now_ms();
    child->pipe = ends[0];
    child->pid = fork();
    if (child->pid == 0) {
        close(ends[0]);
        be_engine(hold, channels, ends[1]);
    }
    close(ends[1]);
    close(channels[0]);
    close(channels[1]);
    if (child->pid < 0)
        close(ends[0]);
    return child->pid < 0 ? -1 : 0;
}

enum news { NEWS_NONE, NEWS_DESCRIPTOR, NEWS_END_ENGINE, NEWS_PARENT_GONE, NEWS_STILL };

static enum news take_parents_word(const struct supervisor_hold *hold)
{
    struct life_message message;
    int got = life_receive(hold->parent, &message, NULL);
    if (got < 0)
        return NEWS_PARENT_GONE;
    return got == 0 || take_log_level(&message) ? NEWS_NONE : NEWS_END_ENGINE;
}

/* What comes first: something at `descriptor`, a word of the parent or its end, or `wait` milliseconds. */
static enum news wait_for_news(const struct supervisor_hold *hold, int descriptor, int64_t wait)
{
    struct pollfd watched[2] = { { .fd = hold->parent, .events = POLLIN }, { .fd = descriptor, .events = POLLIN } };
    int64_t until = now_ms() + wait;
    enum news news = NEWS_NONE;
    while (news == NEWS_NONE) {
        int64_t left = wait < 0 ? -1 : until > now_ms() ? until - now_ms() : 0;
        int ready = poll(watched, 2, (int)left);
        if (ready == 0)
            break;
        if (ready > 0)
            news = watched[0].revents ? take_parents_word(hold) : NEWS_DESCRIPTOR;
    }
    return news;
}

/* All of the wait, also when a word comes that was meant for the engine before. */
static bool parent_gone_within(const struct supervisor_hold *hold, int64_t wait)
{
    int64_t until = now_ms() + wait;
    enum news news;
    do {
        int64_t left = until - now_ms();
        news = wait_for_news(hold, -1, left > 0 ? left : 0);
    } while (news == NEWS_END_ENGINE);
    return news == NEWS_PARENT_GONE;
}

/* False: the pipe has no other end any more. */
static bool take_signs(int pipe)
{
    char signs[SIGNS_AT_ONCE];
    return read(pipe, signs, sizeof signs) != 0;
}

/*
 * Until the engine is to end or has ended. The patience is in several looks: a machine that was stopped finds the first of them
 * overdue when it goes on, and the engine, which was stopped as well, answers the next.
 */
static enum news watch_engine(const struct supervisor_hold *hold, const struct child *child)
{
    for (unsigned missed = 0; missed < LOOKS;) {
        enum news news = wait_for_news(hold, child->pipe, hold->patience_ms / LOOKS);
        if (news == NEWS_NONE)
            missed++;
        else if (news == NEWS_DESCRIPTOR && take_signs(child->pipe))
            missed = 0;
        else
            return news;
    }
    return NEWS_STILL;
}

static void tell_death(int status, int64_t wait)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == ENGINE_ORPHANED)
        return;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
        log_error("the engine used a system call that it has no right to and was ended; a new one starts in %.1f s", (double)wait / 1000);
    else if (WIFSIGNALED(status))
        log_error("the engine was ended by signal %d (%s); tunnels that were up go on, and a new one starts in %.1f s", WTERMSIG(status),
                  strsignal(WTERMSIG(status)), (double)wait / 1000);
    else
        log_error("the engine ended with status %d; a new one starts in %.1f s", WEXITSTATUS(status), (double)wait / 1000);
}

/* One engine from birth to death. True: everything is over. */
static bool one_engine(const struct supervisor_hold *hold, uint32_t number, int64_t *wait)
{
    int channels[LIFE_DESCRIPTORS] = { -1, -1 };
    struct child child;
    int status = 0;
    if (get_channels(hold, number, channels) < 0)
        return true;
    if (give_birth(hold, channels, &child) < 0) {
        *wait = supervisor_back_off(*wait, 0);
        log_error("cannot start an engine: %s; trying again in %.1f s", strerror(errno), (double)*wait / 1000);
        return parent_gone_within(hold, *wait);
    }
    enum news news = watch_engine(hold, &child);
    if (news == NEWS_STILL)
        log_error("the engine gave no sign of life for %d s: it is ended", hold->patience_ms / 1000);
    kill(child.pid, SIGKILL); /* also where the pipe ended: it may have been closed by an engine that lives on; a dying one keeps its status */
    while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR) { }
    close(child.pipe);
    if (news == NEWS_PARENT_GONE || (WIFEXITED(status) && WEXITSTATUS(status) == ENGINE_STOPPED))
        return true;
    *wait = supervisor_back_off(*wait, now_ms() - child.born);
    tell_death(status, *wait);
    return parent_gone_within(hold, *wait);
}

int supervisor_run(const struct supervisor_hold *hold)
{
    char error[SANDBOX_ERROR_MAX];
    if (sandbox_files(NULL, 0, error) < 0 || sandbox_enter(SANDBOX_SUPERVISOR, error) < 0) {
        log_error("%s", error);
        return EXIT_FAILURE;
    }
    int64_t wait = 0;
    for (uint32_t number = 0; !one_engine(hold, number, &wait);)
        number++;
    return EXIT_SUCCESS;
}

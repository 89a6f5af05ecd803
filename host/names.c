/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the processes that ask the name service. Entry point: names_ask. The C library's resolver waits up to 20 s for each
 * name that a server does not answer, and parses what anybody may send it: so each name is asked by a child that has
 * nothing to lose, at most AT_ONCE of them at a time, and all together have a limit.
 * Invariants: when names_ask returns no child is left; an answer is believed only in its shape.
 */
#include "host/names.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { AT_ONCE = 64, NAME_MAX_LENGTH = 255, PAUSE_US = 50000 };

struct answer {
    int error;
    struct addr addr;
};

struct asker {
    pid_t pid;
    int pipe;
    struct name_question *question;
};

/* ---- the child ---- */

static struct addr address_in(const struct sockaddr *from)
{
    union { struct sockaddr_in v4; struct sockaddr_in6 v6; } copy;
    memcpy(&copy, from, from->sa_family == AF_INET ? sizeof copy.v4 : sizeof copy.v6);
    return from->sa_family == AF_INET ? addr_from_bytes(bytes_of(&copy.v4.sin_addr, 4)) : addr_from_bytes(bytes_of(&copy.v6.sin6_addr, 16));
}

static bool has_none_of_that_family(int error) { return error == EAI_NONAME || error == EAI_NODATA || error == EAI_ADDRFAMILY; }

static struct answer look_up(const char *name)
{
    static const int families[] = { AF_INET, AF_INET6 };
    struct answer answer = { .error = EAI_NONAME };
    for (size_t i = 0; i < 2 && has_none_of_that_family(answer.error); i++) {
        struct addrinfo hints = { .ai_family = families[i], .ai_socktype = SOCK_DGRAM }, *found;
        answer.error = getaddrinfo(name, NULL, &hints, &found);
        if (answer.error)
            continue;
        answer.addr = address_in(found->ai_addr);
        freeaddrinfo(found);
    }
    return answer;
}

static _Noreturn void ask(const char *text, int out, unsigned seconds, const struct names_asker *asker)
{
    char name[NAME_MAX_LENGTH + 1];
    struct answer answer = { .error = EAI_SYSTEM };
    snprintf(name, sizeof name, "%s", text); /* where it is from goes with the configuration */
    alarm(seconds + 1);                      /* should nobody be there to end it */
    if (dup2(out, STDOUT_FILENO) < 0)
        _exit(1);
    if (asker->become(asker->context)) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* not before: a change of user resets it */
        answer = look_up(name);
    }
    _exit(write(STDOUT_FILENO, &answer, sizeof answer) != (ssize_t)sizeof answer);
}

/* ---- the parent ---- */

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool begin(struct asker *child, struct name_question *question, unsigned seconds, const struct names_asker *asker)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;
    pid_t pid = fork();
    if (pid == 0)
        ask(question->name, ends[1], seconds, asker);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return false;
    }
    *child = (struct asker){ pid, ends[0], question };
    return true;
}

static void end(struct asker *child, const struct names_asker *asker)
{
    asker->end(asker->context, child->pid);
    while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR) { }
    close(child->pipe);
}

/* Of the shape that it must have, be the child in whose hands it may. */
static bool is_answer(const struct answer *answer, ssize_t length)
{
    if (length != (ssize_t)sizeof *answer)
        return false;
    return answer->error ? answer->error < 0 : (answer->addr.family == ADDR_V4 || answer->addr.family == ADDR_V6) && !addr_is_unspecified(&answer->addr);
}

static void take(struct asker *child, const struct names_asker *asker)
{
    struct answer answer;
    struct name_question *q = child->question;
    ssize_t length = read(child->pipe, &answer, sizeof answer);
    q->silent = false;
    q->error = is_answer(&answer, length) ? answer.error : EAI_FAIL;
    if (q->error == 0)
        q->addr = answer.addr;
    end(child, asker);
}

/* Fills the free places; how many are in use then. */
static size_t begin_more(struct asker *children, size_t used, struct name_question **next, const struct name_question *last, unsigned seconds,
                         const struct names_asker *asker)
{
    while (used < AT_ONCE && *next < last) {
        struct name_question *q = (*next)++;
        if (!begin(&children[used], q, seconds, asker)) {
            --*next; /* there may be room for another process when one has ended */
            break;
        }
        used++;
    }
    return used;
}

static size_t take_answers(struct asker *children, size_t used, int64_t wait, const struct names_asker *asker)
{
    struct pollfd watched[AT_ONCE];
    for (size_t i = 0; i < used; i++)
        watched[i] = (struct pollfd){ .fd = children[i].pipe, .events = POLLIN };
    if (used == 0 || poll(watched, used, (int)wait) <= 0)
        return used;
    size_t left = 0;
    for (size_t i = 0; i < used; i++) {
        if (watched[i].revents)
            take(&children[i], asker);
        else
            children[left++] = children[i];
    }
    return left;
}

void names_ask(struct name_question *questions, size_t count, unsigned seconds, const struct names_asker *asker)
{
    struct asker children[AT_ONCE];
    struct name_question *next = questions;
    int64_t until = now_ms() + (int64_t)seconds * 1000;
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        questions[i].addr = (struct addr){ .family = ADDR_NONE };
        questions[i].error = EAI_AGAIN;
        questions[i].silent = true;
    }
    for (int64_t left = until - now_ms(); left > 0; left = until - now_ms()) {
        used = begin_more(children, used, &next, questions + count, seconds, asker);
        if (used == 0 && next == questions + count)
            break;
        if (used == 0)
            usleep(PAUSE_US);
        used = take_answers(children, used, left, asker);
    }
    while (used > 0)
        end(&children[--used], asker);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns which signals there are. They are held from before the first fork, so that none is lost before there is a loop
 * and none ends half a daemon; and read from a descriptor of ours, whose refusal by the kernel is noticed (loop.h).
 */
#include "daemon/signals.h"

#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };

enum { COUNT = sizeof numbers / sizeof *numbers };

static void hold(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < COUNT; i++)
        sigaddset(set, numbers[i]);
    sigprocmask(SIG_BLOCK, set, NULL);
}

/*
 * The first process of a container gets no signal that it neither handles nor holds: what comes during the start would be
 * lost. Where SIGCHLD is ignored no status of a child is ever heard; a blocked SIGALRM ends nothing (sandbox.c). A log that
 * reaches the limit of a file's size loses its lines, and must not end the daemon.
 */
void signals_begin(void)
{
    sigset_t set;
    signal(SIGCHLD, SIG_DFL);
    signal(SIGALRM, SIG_DFL);
    signal(SIGXFSZ, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    if (getpid() == 1)
        hold(&set);
}

int signals_hold(void)
{
    sigset_t set;
    hold(&set);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int signals_next(int fd)
{
    struct signalfd_siginfo info;
    return read(fd, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

void signals_ignore(void)
{
    for (size_t i = 0; i < COUNT; i++)
        signal(numbers[i], SIG_IGN);
}

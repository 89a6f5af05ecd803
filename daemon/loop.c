/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what libev does in need. By itself it tells of a descriptor that epoll_ctl() refuses (no memory,
 * fs.epoll.max_user_watches) by an event that waits, while the loop does, for another; and what it has to say of its
 * own end goes where no log is.
 */
#include "daemon/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* Nothing but a refusal can be pending here: the loop has called all else before it looked at what is to be watched. */
static void before_wait(struct ev_loop *loop)
{
    if (ev_pending_count(loop))
        ev_invoke_pending(loop);
}

static void *allocate(void *old, long size)
{
    if (size == 0) {
        free(old);
        return NULL;
    }
    void *memory = realloc(old, (size_t)size);
    if (!memory) {
        log_error("no memory for the event loop (%ld octets): the process ends, to be started again", size);
        _exit(EXIT_FAILURE);
    }
    return memory;
}

static void end_process(const char *call)
{
    log_error("%s: %s: the process ends, to be started again", call, strerror(errno));
    _exit(EXIT_FAILURE);
}

struct ev_loop *loop_new(void)
{
    ev_set_allocator(allocate);
    ev_set_syserr_cb(end_process);
    struct ev_loop *loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    if (loop)
        ev_set_loop_release_cb(loop, before_wait, NULL);
    return loop;
}

void loop_tell_refusal(const char *whose)
{
    log_error("the kernel refuses to watch a descriptor%s%s: no memory for it, or fs.epoll.max_user_watches is reached", *whose ? " " : "", whose);
}

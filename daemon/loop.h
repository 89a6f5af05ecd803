/* SPDX-License-Identifier: Apache-2.0 */
/* libev's loop, as a process that nobody looks at needs it. */
#ifndef DAEMON_LOOP_H
#define DAEMON_LOOP_H

#include <ev.h>

/*
 * NULL: not enough memory or descriptors. In it a watcher whose descriptor the kernel refuses to watch is stopped and
 * called with EV_ERROR before the loop waits. Then ev_break() does not reach the loop before the next event: a callback
 * that cannot go on without that descriptor must end the process. Without memory for itself, or without epoll_wait(),
 * the loop ends the process with a line in the log.
 */
struct ev_loop *loop_new(void);

/* What such a callback says first; `whose`: "of the engine", or "". */
void loop_tell_refusal(const char *whose);

#endif

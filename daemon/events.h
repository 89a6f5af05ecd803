/* SPDX-License-Identifier: Apache-2.0 */
/* What happened lately: the last few events of each tunnel, and a stream of all for those who follow. Pure. */
#ifndef DAEMON_EVENTS_H
#define DAEMON_EVENTS_H

#include "daemon/control.h"

enum { EVENTS_STREAM = 256 };  /* what a follower may be behind before it is dropped */

struct events;

/* Room for so many tunnels. NULL: no memory. */
struct events *events_new(size_t tunnels);
void events_free(struct events *events);
/* Gives it the next number. Times are the caller's: they come out as they went in. */
void events_add(struct events *events, const struct control_event *event);
/* The number that the next one will get. */
uint64_t events_next(const struct events *events);
/* False: not there yet, or not there any more. */
bool events_get(const struct events *events, uint64_t sequence, struct control_event *out);
/* The index-th of what is remembered of a tunnel, the oldest first. */
bool events_past(const struct events *events, const char *name, size_t index, struct control_event *out);

#endif

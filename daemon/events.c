/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns two kinds of rings: one a tunnel, so that a noisy tunnel does not push out what another last said, and one
 * of all events in their order for those who follow. Tunnels are known by name, so that indices may change when the
 * configuration does. All memory is there from the start: a flood of events costs nothing but the oldest ones.
 */
#include "daemon/events.h"

#include <stdlib.h>
#include <string.h>

struct ring {
    char name[CONF_NAME_MAX];
    uint64_t count;            /* events that ever came; the place of the next is count % CONTROL_PAST_EVENTS */
    uint64_t last;             /* number of the youngest */
    struct control_event event[CONTROL_PAST_EVENTS];
};

struct events {
    uint64_t next;
    struct control_event stream[EVENTS_STREAM];
    size_t tunnels, room;      /* rings in use so far; there is memory for */
    struct ring ring[];
};

struct events *events_new(size_t tunnels)
{
    struct events *events = calloc(1, sizeof *events + (tunnels ? tunnels : 1) * sizeof events->ring[0]);
    if (!events)
        return NULL;
    events->next = 1;
    events->room = tunnels ? tunnels : 1;
    return events;
}

void events_free(struct events *events)
{
    free(events);
}

static const struct ring *find(const struct events *events, const char *name)
{
    for (size_t i = 0; i < events->tunnels; i++)
        if (events->ring[i].count && strcmp(events->ring[i].name, name) == 0)
            return &events->ring[i];
    return NULL;
}

/* That of the tunnel; else one that nobody had; else that of which nothing was heard for the longest time. */
static struct ring *ring_for(struct events *events, const char *name)
{
    struct ring *quietest = &events->ring[0];
    for (size_t i = 0; i < events->tunnels; i++) {
        struct ring *ring = &events->ring[i];
        if (ring->count && strcmp(ring->name, name) == 0)
            return ring;
        if (ring->last < quietest->last)
            quietest = ring;
    }
    if (events->tunnels < events->room)
        quietest = &events->ring[events->tunnels++];
    memset(quietest, 0, sizeof *quietest);
    memcpy(quietest->name, name, strnlen(name, sizeof quietest->name - 1));
    return quietest;
}

void events_add(struct events *events, const struct control_event *event)
{
    struct control_event *place = &events->stream[events->next % EVENTS_STREAM];
    *place = *event;
    place->header = control_header_of(CONTROL_EVENT);
    place->sequence = events->next++;
    if (!place->name[0])
        return;
    struct ring *ring = ring_for(events, place->name);
    ring->event[ring->count++ % CONTROL_PAST_EVENTS] = *place;
    ring->last = place->sequence;
}

uint64_t events_next(const struct events *events)
{
    return events->next;
}

bool events_get(const struct events *events, uint64_t sequence, struct control_event *out)
{
    if (sequence == 0 || sequence >= events->next || events->next - sequence > EVENTS_STREAM)
        return false;
    *out = events->stream[sequence % EVENTS_STREAM];
    return true;
}

bool events_past(const struct events *events, const char *name, size_t index, struct control_event *out)
{
    const struct ring *ring = find(events, name);
    uint64_t held = !ring ? 0 : ring->count < CONTROL_PAST_EVENTS ? ring->count : CONTROL_PAST_EVENTS;
    if (index >= held)
        return false;
    *out = ring->event[(ring->count - held + index) % CONTROL_PAST_EVENTS];
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The SAs that this data plane installed and has not seen go: what a stop removes and a new engine learns. */
#ifndef DATAPLANE_HELD_H
#define DATAPLANE_HELD_H

#include "dataplane/dataplane.h"

enum { DP_HELD_MAX = 8 }; /* per conn and direction: the living pair, its successor, and leftovers of collisions */

struct dp_count { uint64_t packets, bytes; };

struct dp_held {
    struct dp_sa *sas;     /* keys wiped; spi 0: free */
    struct dp_count *counts; /* of each, as last seen */
    uint16_t *lives;       /* how many each conn has, by direction: asked for after every request, of every conn */
    size_t count;          /* room: conns * 2 * DP_HELD_MAX */
};

bool dp_held_open(struct dp_held *held, size_t conns);
bool dp_held_grow(struct dp_held *held, size_t conns);           /* false: no memory, and it is as before */
void dp_held_close(struct dp_held *held);
struct dp_sa *dp_held_find(const struct dp_held *held, const struct dp_sa_name *name); /* NULL: not ours */
/* As the kernel names it: by the address it leads to. */
struct dp_sa *dp_held_find_kernel(const struct dp_held *held, const struct addr *to, uint32_t spi);
size_t dp_held_count(const struct dp_held *held, uint16_t conn, uint8_t direction);
bool dp_held_add(struct dp_held *held, const struct dp_sa *sa);  /* false: no room */
void dp_held_counted(struct dp_held *held, const struct dp_sa *sa, uint64_t packets, uint64_t bytes); /* less than before: ignored */
/* Forgets it, and gives what was counted of it. */
struct dp_count dp_held_drop(struct dp_held *held, struct dp_sa *sa);

#endif

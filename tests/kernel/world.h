/* SPDX-License-Identifier: Apache-2.0 */
/* Two network namespaces joined by a cable, with a data plane's server in each: both ends of a tunnel. */
#ifndef TESTS_KERNEL_WORLD_H
#define TESTS_KERNEL_WORLD_H

#include "tests/support/test.h"

#include "dataplane/server.h"

enum { NEAR, FAR, EVENTS_MAX = 4096 };

struct side {
    int net;                 /* its namespace */
    struct conf conf;
    struct conf_conn conn;
    struct dp_server *server;
    struct dp_message *seen; /* what it sent to its engine */
    size_t count;
};

extern struct side sides[2];

/* Root, and a kernel that has VTI? */
bool world_possible(void);
int world_make(void **state);
int world_end(void **state);

void enter(int side);        /* this process, and what it starts, is in that side's namespace */
int shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool prints(const char *command, const char *part);
bool lacks(const char *command, const char *part);

/* All that a run of ours could leave behind, as text; `unchanged` compares, and frees both. */
char *snapshot(void);
bool unchanged(char *before, char *after);

int server_try(int side, char why[DP_WHY_MAX]);
void server_start(int side);
void server_stop(int side);
void listen_for(int milliseconds); /* lets both servers hear the kernel */

struct dp_sa sa_make(uint8_t direction, uint32_t spi, const char *local, const char *remote, uint16_t port, bool gcm);
/* One request; sees to it that the verdict is as expected. */
struct dp_reply ask(int side, const struct dp_request *request, enum dp_verdict verdict);
void install(int side, const struct dp_sa *sa);
/* A pair of SAs on both sides, as one Quick Mode gives: `spi` towards the near side, `spi` + 1 towards the far one. */
void tunnel(uint32_t spi, uint16_t port, bool gcm);

/* How many events of a kind a side's engine got, and the last of them; direction -1: either. */
size_t events(int side, enum dp_event_type type, int direction, struct dp_event *last);
void forget(void);
struct addr v4(const char *text);
void prefix_set(struct prefix *out, const char *text);

#endif

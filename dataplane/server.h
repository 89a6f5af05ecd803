/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The privileged side: VTI links, policies, SAs and the paths to the headends, from its own configuration and
 * on requests that permit.h lets pass. It speaks netlink and never sees a packet. Bind UDP 500 and 4500 before
 * dp_server_new: holding them is what tells that nobody else's leftovers are being swept.
 */
#ifndef DATAPLANE_SERVER_H
#define DATAPLANE_SERVER_H

#include "base/mono.h"
#include "dataplane/permit.h"

enum { DP_SERVER_FDS = 3, DP_WHY_MAX = 400 };

struct dp_server;

/* Where messages to the engine go; when there is none at the moment, they may be dropped. */
struct dp_server_env {
    void (*send)(void *context, const struct dp_message *message, size_t length);
    void *context;
};

/*
 * Takes over or removes what a crash left, makes the links, and the policies of those conns whose path is
 * known. When it returns 0 the links are there and up, and routes may be put on them. conf stays the caller's and has to outlive
 * the server; conf_orient ran over it. On failure nothing that was made is left, and `why` is a sentence.
 */
int dp_server_new(struct dp_server **out, const struct conf *conf, const struct dp_server_env *env, char why[DP_WHY_MAX]);
/* Removes SAs, policies, addresses and links that were made, and nothing else. */
void dp_server_stop(struct dp_server *server);
/* Removes nothing: what is there is for the next start to take over. */
void dp_server_leave(struct dp_server *server);

/* Where the lines go that a person reads who changed the configuration. */
struct dp_teller {
    void (*say)(void *context, const char *line);
    void *context;
};

/*
 * Another configuration, in the same slots: at least as many as before. `renewed` has the slots whose conn is new, gone
 * or so different that its SAs cannot stay; what any other slot has goes on untouched. What can fail comes first: on
 * failure nothing has changed, and `why` is a sentence. On success the old configuration is needed no more, and the
 * engine has been told.
 */
int dp_server_reload(struct dp_server *server, const struct conf *next, const bool *renewed, struct mono now,
                     const struct dp_teller *teller, char why[DP_WHY_MAX]);

/* A new engine is there: sends it the configuration, the paths, and the SAs that it finds. */
void dp_server_greet(struct dp_server *server);
/* What an engine sent. Sends one reply, unless it is malformed. DP_FORGED: end that engine. */
enum dp_verdict dp_server_handle(struct dp_server *server, const struct dp_message *message, size_t length);

/* The descriptors to wait for, and what to call when one is readable. */
size_t dp_server_watch(const struct dp_server *server, int fds[DP_SERVER_FDS]);
void dp_server_readable(struct dp_server *server, struct mono now);
/* When to call dp_server_tick at the latest; often never. */
struct mono dp_server_deadline(const struct dp_server *server);
void dp_server_tick(struct dp_server *server, struct mono now);

#endif

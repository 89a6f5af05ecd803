/* SPDX-License-Identifier: Apache-2.0 */
/* How much an engine may ask for in how much time: what is permitted one by one may still be meant to wear us out. */
#ifndef DATAPLANE_QUOTA_H
#define DATAPLANE_QUOTA_H

#include "base/mono.h"
#include "dataplane/permit.h"

enum {
    DP_CHANGES_BURST = 10000,  /* all tunnels of a full configuration going down at once are a tenth of it */
    DP_CHANGES_A_SECOND = 1000,
    DP_REFUSALS_BURST = 100,   /* bad timing explains a few */
    DP_REFUSALS_A_SECOND = 1,
    DP_RELOADS_BURST = 10,     /* of the files; more than somebody in a hurry has patience for */
    DP_RELOADS_A_SECOND = 1,
    DP_LEVELS_BURST = 10,      /* of the log: each is a word to the supervisor, too, whose channel is not to be filled */
    DP_LEVELS_A_SECOND = 5,
};

struct dp_quota {
    struct mono at;
    uint32_t changes, refusals, reloads, levels; /* left */
};

void dp_quota_begin(struct dp_quota *quota, struct mono now); /* a new engine */
/* What became of a request. False: no engine that is itself asks so often; end it. */
bool dp_quota_take(struct dp_quota *quota, struct mono now, const struct dp_request *request, enum dp_verdict verdict);
/* The files are to be read anew. False: not now; root's scripts can ask that often, so that the engine is not to blame. */
bool dp_quota_take_reload(struct dp_quota *quota, struct mono now);
/* The log is to have another level. False: not now; as with reloads. */
bool dp_quota_take_level(struct dp_quota *quota, struct mono now);

#endif

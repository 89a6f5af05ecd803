/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two engines that talk to each other message by message, their memory kept before each: a test goes back to any
 * moment, gives a changed message to the engine that waits for it, and sees what became of its memory. The data
 * plane grants everything at once. Randomness is a counter, so that an engine taken back does the same again.
 */
#ifndef TESTS_SUPPORT_ENGINE_H
#define TESTS_SUPPORT_ENGINE_H

#include "ike/state.h"

enum { CPE, HEADEND };                 /* the initiator, and the responder */

struct sent {
    struct ike_path path;              /* as the receiver sees it */
    size_t length;
    uint8_t datagram[IKE_SEND_MAX];
};

struct engine {
    struct ike *ike;
    struct conf_conn conns[2];
    struct conf conf;
    struct mono now;
    uint64_t random;
    struct sent sent[24];              /* since engine_clear */
    size_t sent_count, requests, notices, warnings;
    enum ike_cause cause;              /* of the last notice of a cause */
    char text[IKE_TEXT_MAX];           /* of the last notice */
};

/* The conn of either end: PSK, one proposal each, DH group as said, PFS with the same, the tutorial's addresses. */
struct conf_conn engine_conn(int end, crypto_group group);
void engine_begin(struct engine *e, int end, const struct conf_conn *conn);   /* the headend is told its path, the CPE is not */
void engine_begin_conns(struct engine *e, const struct conf_conn *conns, size_t count);
void engine_end(struct engine *e);
void engine_clear(struct engine *e);
void engine_drain(struct engine *e);
void engine_take(struct engine *e, const struct sent *message);
void engine_take_octets(struct engine *e, const struct ike_path *path, struct bytes datagram);
void engine_path(struct engine *e, const struct addr *local);                 /* begins, where the conn says so */
void engine_tick(struct engine *e, int64_t us);                               /* later by so much, every deadline on the way met */
struct ike_path engine_path_of(int receiver, uint16_t port);
bool engine_up(const struct engine *e);                                       /* an ISAKMP SA is up */
bool engine_children(const struct engine *e);                                 /* a pair of IPsec SAs is up */

/* ---- the memory ---- */

struct image {
    struct ike ike;
    struct peer *peers;
    struct tunnel *tunnels;
    uint64_t random;
    struct mono now;
};

void image_save(struct image *image, const struct engine *e);
void image_load(const struct image *image, struct engine *e);
void image_free(struct image *image);
/*
 * Whether peers and tunnels are as they were, bit for bit, but for what any datagram may do: the levels of rate
 * limits, and evidence kept for people (isakmp_sa.evidence, tunnel.cause*). `why` says what differs first.
 */
bool image_same(const struct image *image, const struct engine *e, const char **why);

/* ---- a run, recorded ---- */

enum { RUN_MESSAGES = 13 };

extern const char *const run_names[RUN_MESSAGES];   /* "Main Mode message 1", .. , "Delete of the ISAKMP SA" */

struct recorded {
    int to;                            /* the engine that awaits it */
    struct sent message;
    struct image before[2];            /* of both engines, when it is about to be taken */
};

struct run {
    struct engine end[2];
    struct recorded step[RUN_MESSAGES];
    struct image after[2];
};

/* Main Mode, Quick Mode, DPD both ways, Delete of the IPsec SA, Delete of the ISAKMP SA. */
void run_record(struct run *run, const struct conf_conn *cpe, const struct conf_conn *headend);
void run_free(struct run *run);
void run_back(struct run *run, size_t step);        /* both engines as they were before that message */

#endif

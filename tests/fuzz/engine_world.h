/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Target `engine`: two engines, NEAR (the CPE) and FAR (a headend), with real keys, each with a data plane that
 * holds SAs, judges requests by the real permit table and answers when it is told to. The harness is the network and,
 * knowing the keys of both, a peer that has gone mad: it opens messages, changes them and seals them again.
 * What must always hold is checked in engine_check.c after each step.
 */
#ifndef TESTS_FUZZ_ENGINE_WORLD_H
#define TESTS_FUZZ_ENGINE_WORLD_H

#include "dataplane/permit.h"
#include "ike/exchange_v1.h"
#include "tests/fuzz/chain.h"
#include "tests/fuzz/fuzz.h"

enum { NEAR, FAR, ENDS };

enum {
    ENGINE_CONNS = 3,
    ENGINE_VARIANTS = 14,
    ENGINE_POINTS = 20,
    ENGINE_QUEUE = 48,
    ENGINE_REPLIES = 64,
    ENGINE_COOKIES = 8,
    ENGINE_KEYS = 512,
};

struct in_flight {
    uint8_t to;
    struct ike_path path;                /* as the receiver sees it */
    size_t length;
    uint8_t octets[IKE_SEND_MAX];
};

struct end {
    uint8_t index;
    struct ike *ike;
    uint64_t random;
    struct dp_sa sas[ENGINE_CONNS * 2 * DP_HELD_MAX];    /* what `held` points to */
    struct dp_count counts[ENGINE_CONNS * 2 * DP_HELD_MAX];
    uint16_t lives[ENGINE_CONNS * 2];
    struct dp_held held;
    struct conf_conn conns[ENGINE_CONNS];                /* by slot, as the privileged side has them */
    uint32_t generations[ENGINE_CONNS];
    size_t conn_count;
    struct addr locals[ENGINE_CONNS];
    bool alive[ENGINE_CONNS];
    struct dp_reply replies[ENGINE_REPLIES];             /* not given yet, in their order */
    size_t reply_count;
    int32_t failing;                     /* the errno of the next installs */
    unsigned failures;                   /* how many */
    uint64_t keys[ENGINE_KEYS];          /* digests of all that were installed */
    size_t key_count;
    uint8_t cookies[ENGINE_COOKIES][WIRE_COOKIES];       /* of answers to first messages */
    uint8_t cookie_next;
    uint64_t counted[ENGINE_CONNS][4];   /* counters as `status` told them last */
    /* Of the outputs since the last call into the engine: */
    unsigned sends;
    size_t longest;
    bool refused, excused;               /* a message was not taken; and one that may leave a trace all the same */
    bool probes;                         /* its headend, because of a flood, which is no answer */
};

struct point {                           /* a moment to begin at */
    bool there;
    struct mono now;
    struct end ends[ENDS];
    struct ike ikes[ENDS];
    struct peer *peers[ENDS];
    struct tunnel *tunnels[ENDS];
    struct in_flight queue[ENGINE_QUEUE];
    size_t queue_count;
};

struct variant {
    bool nat;                            /* NEAR is behind one */
    bool recovers;                       /* the two agree, and probes find out when one of them has begun anew */
    struct conf conf[ENDS];
    struct conf_conn conns[ENDS][ENGINE_CONNS];
    struct addr inner, outer, headend;   /* NEAR's own address and what FAR sees of it; FAR's */
    struct ike *ike[ENDS];
    struct point point[ENGINE_POINTS];
    size_t points;
};

struct world {
    struct variant *variant;
    struct mono now;
    struct end ends[ENDS];
    struct in_flight queue[ENGINE_QUEUE];
    size_t queue_count;
    unsigned packets;
    bool tampered;                       /* the peer has said what it does not mean */
    bool reloaded;
};

extern struct world world;               /* there is one */

void world_begin(unsigned variant, unsigned point);
void world_drain(int end);
void world_packet(int end, const struct ike_path *path, struct bytes datagram);
void world_push(const struct in_flight *datagram);
struct in_flight world_pull(size_t index);
void world_deliver(const struct in_flight *datagram);
void world_reply(int end);               /* the oldest one is given */
void world_replies(void);
void world_advance(int64_t us);
bool world_step_until(struct mono until);   /* false: nothing is due before */
bool world_step(void);                   /* as honest network and data plane would do next */
void world_configure(int end, uint16_t slot, const struct conf_conn *conn, bool renewed);   /* a reload */
void world_path(int end, const struct addr *local);
void world_restart(int end);             /* a new engine; what is installed is told to it */
void world_save(struct point *point);
struct ike_path world_path_to(int end, uint16_t port);

/* engine_variants.c */
void variant_fill(unsigned index, struct variant *v);

/* engine_check.c */
void check_output(struct end *end, const struct ike_output *output);
void check_call(struct end *end);        /* after a call into the engine, before the outputs are taken */
void check_rest(struct end *end);        /* at any time between calls */
void check_kernel(struct end *end);      /* nobody owes anybody an answer */
void check_stopped(struct end *end);
void check_packet_begin(struct end *end, struct bytes message);
void check_packet_end(struct end *end, struct bytes message);

/* engine_forge.c */
struct opened {
    struct wire_header header;
    struct isakmp_sa *sa;                /* of the receiver; NULL: none has these cookies */
    struct peer *peer;
    struct chain chain;
};

bool forge_open(struct ike *receiver, struct bytes message, struct opened *out);
/* Encrypted and hashed as the receiver expects it at this moment; `good` false: with a wrong hash. */
struct bytes forge_seal(struct ike *receiver, const struct opened *opened, bool good);
/* A message that a peer with the secret could send now. */
bool forge_template(struct end *receiver, struct choices *c, struct opened *out);   /* false: it has no headend now */

/* engine_recover.c */
void recover(void);                      /* left in peace, both ends come up again */

/* engine_operations.c */
void operation_run(uint8_t code, struct choices *c);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two engines in one process: a CPE (NEAR) and a headend (FAR), each with a data plane of its own, on a simulated
 * network with a simulated clock. Everything is drawn from one seed, so that a run replays: MINICPE_SEED=n makes
 * every test use that seed, MINICPE_TRACE=text prints what goes over the wire and what the engines say in the cases
 * that have that text in their name (all: an empty one).
 *
 * What always holds is asserted while the world runs (plane.c, flow.c, world.c), a test asserts the rest.
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "ike/state.h"
#include "tests/support/test.h"

enum { NEAR, FAR, ENDS };

enum {
    WORLD_CONNS_MAX = 8,
    WORLD_EVENTS_MAX = 2048,
    PLANE_SAS_MAX = 256,
    PLANE_KEYS_MAX = 1 << 15,    /* a power of two */
    PACKET_EVERY_US = 5000,      /* the traffic that the figures of lost packets speak of */
};

/* ---- what goes over the wire ---- */

enum message {
    MESSAGE_OTHER,
    MESSAGE_MM1, MESSAGE_MM2, MESSAGE_MM3, MESSAGE_MM4, MESSAGE_MM5, MESSAGE_MM6,
    MESSAGE_QM1, MESSAGE_QM2, MESSAGE_QM3,
    MESSAGE_INFO, MESSAGE_KEEPALIVE,
    MESSAGE_COUNT,
};

extern const char *const message_names[MESSAGE_COUNT];

struct datagram {
    uint8_t from;                        /* NEAR or FAR */
    struct endpoint source, target;      /* as the sender's kernel sees them */
    enum message kind;
    bool first;                          /* not the repetition of one that was sent before */
    unsigned number;                     /* of all of this kind that are `first`, from 1 */
    size_t length;
    uint8_t octets[IKE_SEND_MAX];
};

/* What becomes of a datagram; a hook may change it. */
struct fate {
    bool lost;
    int64_t delay_us;
    unsigned copies;                     /* 1, or more */
    int64_t copy_delay_us;               /* of the copies, after the first */
};

enum nat { NAT_NONE, NAT_STATIC, NAT_PORTS };   /* none; the address alone, always open; address and port, by mappings */

struct mapping {
    struct endpoint inside;
    uint16_t port;
};

struct world;

struct network {
    int64_t delay_us;                    /* one way */
    double loss, reorder, duplicate;     /* probabilities */
    uint32_t mask;                       /* bit n: the first transmission of message n (MM1 = 1) is lost */
    bool cut;                            /* everything is lost */
    enum nat nat;
    struct addr public_addr;             /* of the NAT */
    struct mapping mappings[16];
    size_t mapping_count;
    uint16_t port_next;
    void (*hook)(struct world *w, const struct datagram *d, struct fate *fate);
    void *hook_context;
    unsigned sent[ENDS], kinds[ENDS][MESSAGE_COUNT], dropped;
};

/* ---- the data planes ---- */

struct plane_sa {
    struct dp_sa sa;
    uint64_t order;                      /* of being added */
    uint64_t packets, bytes;
    struct mono added;
    bool kept;                           /* the engine has removed it */
    bool shut;                           /* takes nothing yet: see `late` */
};

struct plane {
    struct plane_sa sas[PLANE_SAS_MAX];
    size_t count;
    uint64_t order;
    uint64_t keys[PLANE_KEYS_MAX];       /* digests of every key that was ever installed; 0: free */
    size_t key_count;
    int64_t delay_us;                    /* of replies */
    unsigned fail[2];                    /* so many installs of that direction fail from now on */
    unsigned requests, fail_at;          /* of all kinds, and the one that fails; 0: none */
    bool alive[WORLD_CONNS_MAX];
    bool oldest;                         /* a peer that sends on its oldest SA, and keeps it nearly as long as it lives */
    bool late;                           /* a peer that has the inbound SA with the outbound one only: after message 3 */
    unsigned installed, removed, moved, most_pairs;
    struct mono crowded_since[WORLD_CONNS_MAX];
    int64_t crowded_us;                  /* the longest time with more than two pairs */
};

/* One direction of one conn's traffic, a packet every 5 ms. */
struct flow {
    uint32_t sent_spi, arriving_spi;
    struct endpoint sent_local, sent_remote, seen_from;
    bool reachable, delivered;
    struct mono lost_since;
    int64_t lost_us;
    unsigned outages;
};

/* ---- the world ---- */

struct options {
    uint64_t seed;                       /* 0: one that is the same in every run */
    const char *common;                  /* lines of both confs, "\tike=...\n" */
    const char *extra[ENDS];             /* lines of one conf alone */
    const char *subnets[WORLD_CONNS_MAX][ENDS]; /* a conn each; none: one conn with the tutorial's */
    const char *far_subnets[WORLD_CONNS_MAX][ENDS]; /* what the headend has instead, or more than that */
    const char *conn_extra[WORLD_CONNS_MAX][ENDS];  /* lines of one conn at one end */
    enum nat nat;
    int64_t delay_us;                    /* 0: 20 ms */
};

struct end {
    struct world *world;
    uint8_t index;
    struct ike *ike;
    bool asleep;                         /* the machine is suspended: it gets nothing and does nothing */
    struct conf conf;
    struct addr address, address_of_conf;
    struct plane plane;
    unsigned epoch;                      /* counts engines: replies to one that is gone are dropped */
    uint32_t generation[WORLD_CONNS_MAX]; /* of each slot, as the data plane counts */
    uint64_t random;
    unsigned notices[IKE_CAUSE_COUNT], warnings;
    char last_warning[IKE_TEXT_MAX];
    struct mono spin_at;
    unsigned spins;
};

enum event_type { EVENT_FREE, EVENT_DATAGRAM, EVENT_REPLY, EVENT_ARRIVAL, EVENT_DATAPLANE, EVENT_CALL };

struct event {
    enum event_type type;
    struct mono at;
    uint64_t order;
    uint8_t end;
    unsigned epoch;
    struct datagram datagram;
    struct ike_path path;
    struct dp_reply reply;
    struct dp_event dp;
    struct { uint16_t conn; uint32_t spi; struct endpoint source; bool reachable; } arrival;
    void (*call)(struct world *w);
};

struct world {
    struct options options;
    uint64_t serial, seed, random;
    struct mono now, began;
    struct end ends[ENDS];
    struct network network;
    struct flow flows[WORLD_CONNS_MAX][ENDS];   /* [conn][from] */
    int64_t traffic_us;                  /* so often the data planes tell of traffic; 0: never */
    bool traffic_first;                  /* and of the first packet of an SA at once */
    size_t conns;
    struct event *events;
    size_t event_most;                   /* no event in use at or past this */
    uint64_t event_order;
    char what[160];                      /* for the failure line: which case of the test this is */
};

struct world *world_new(const struct options *options);
void world_free(struct world *w);
void world_start(struct world *w, int end);              /* a new engine; the data plane tells it the path and what is held */
void world_start_both(struct world *w);
void world_settle(struct world *w, int64_t us);        /* both started, up, and so for a while; lost packets count from now */
void world_kill(struct world *w, int end, bool keep_sas); /* no Deletes; keep_sas: the kernel lives on */
void world_run(struct world *w, int64_t us);
bool world_run_until(struct world *w, bool (*reached)(struct world *w), int64_t at_most_us);
void world_at(struct world *w, int64_t in_us, void (*call)(struct world *w));
void world_command(struct world *w, int end, enum ike_command_type type, uint16_t conn);
/* Another conn in the slot, or none (NULL); `renewed`: the data plane takes what the slot has out of the kernel. */
void world_configure(struct world *w, int end, uint16_t slot, const struct conf_conn *conf, bool renewed);
void world_stop(struct world *w, int end);
void world_drain(struct world *w, int end);
void world_inject(struct world *w, int end, const struct ike_path *path, struct bytes datagram);
void world_dp_event(struct world *w, int end, const struct dp_event *event);
void world_unreachable(struct world *w, int end);        /* an ICMP error about the other end */
void world_path(struct world *w, int end, const struct addr *local);   /* the address changed; none: no route */
uint64_t world_random(struct world *w);
double world_chance(struct world *w);                    /* 0 .. 1 */
uint64_t world_seed(uint64_t otherwise);
void world_filter(void);                                 /* MINICPE_TEST=pattern runs only the tests of that name */
struct event *world_event(struct world *w, enum event_type type, int64_t in_us, int end);
bool world_up(struct world *w);                          /* every conn up at both ends, packets go through both ways */
bool world_end_up(struct world *w, int end);
struct ike_status world_status(struct world *w, int end, uint16_t conn);
#define world_check(w, what) ((what) ? (void)0 : world_fail_at((w), #what, __FILE__, __LINE__))
void world_fail_at(struct world *w, const char *text, const char *file, int line) __attribute__((noreturn));
void world_trace(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* setup.c */
void setup_conf(struct world *w, int end);

/* network.c */
void network_send(struct world *w, int from, const struct ike_output *output);
void network_deliver(struct world *w, struct event *event);
bool network_translate(struct world *w, int from, struct endpoint *source, struct endpoint *target);
void network_nat_forget(struct world *w);                /* the NAT gives new ports from now on */

/* plane.c */
void plane_request(struct world *w, int end, const struct dp_request *request);
void plane_tell_held(struct world *w, int end);
void plane_flush(struct world *w, int end);
void plane_renew(struct world *w, int end, uint16_t slot);
const struct plane_sa *plane_find(const struct world *w, int end, enum dp_direction direction, uint16_t conn, uint32_t spi);
const struct plane_sa *plane_sending(const struct world *w, int end, uint16_t conn);
const struct plane_sa *plane_newest(const struct world *w, int end, enum dp_direction direction, uint16_t conn);
size_t plane_count(const struct world *w, int end, enum dp_direction direction, uint16_t conn);
void plane_traffic(struct world *w);                     /* the counters of traffic_us */
void plane_expire(struct world *w, int end, enum dp_direction direction, uint16_t conn, bool hard);
void plane_gone(struct world *w, int end, enum dp_direction direction, uint16_t conn);

/* flow.c */
void flow_outbound(struct world *w, int end, bool again); /* outbound SAs of that end changed */
void flow_inbound(struct world *w, int end);              /* inbound SAs of that end changed */
void flow_arrival(struct world *w, const struct event *event);
void flow_count_from_now(struct world *w);
uint64_t flow_lost(const struct world *w);                /* packets, all conns and directions, since then */
bool flow_both_ways(const struct world *w);

#endif

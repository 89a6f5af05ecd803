/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the server; nobody else includes this. */
#ifndef DATAPLANE_SERVER_PRIVATE_H
#define DATAPLANE_SERVER_PRIVATE_H

#include "base/log.h"
#include "dataplane/server.h"
#include "vti/vti.h"
#include "xfrm/xfrm.h"

enum { DP_POLICIES = 3 };

/* Things that may no longer be as they should; looked at when the notifications waiting have been read. */
enum dp_doubt { DOUBT_PATHS = 1, DOUBT_SAS = 2, DOUBT_LINKS = 4, DOUBT_POLICIES = 8, DOUBT_ROUTES = 16, DOUBT_LIVES = 32, DOUBT_CLAMP = 64, DOUBT_ALL = 63 };

struct conn_state {
    uint32_t reqid;
    struct dp_count gone[2];     /* by direction: what its SAs carried that are no more */
    int link;                    /* index into links; -1: plain policies, no VTI */
    struct path path;
    bool path_told;              /* the engine knows `path` */
    bool path_due;               /* link and policies could not follow it: to be tried again */
    bool carried;                /* link and policies are in place, for: */
    struct addr carried_local;
    struct mtu_shape shape;      /* of the newest outgoing SA; path 0: none yet */
    bool alive;                  /* an engine said so */
    bool inherited;              /* but one before this one */
    bool lived;                  /* what links and routes were made for */
    bool unroutable;             /* its rightsubnet= has a headend in it */
};

struct dp_server {
    const struct conf *conf;
    struct dp_server_env env;
    struct netlink xfrm, route, xfrm_events, route_events;
    struct conn_state *conns;
    struct addr *locals;         /* path.local of each conn, for the permit table; and its generation */
    uint32_t *generations;
    struct vti *links;
    size_t link_count;
    bool *link_lived;            /* of each link: it carried a living tunnel once */
    struct route *routes;        /* those wanted */
    size_t routes_count, routes_ways; /* all; those that lead into a link */
    bool sent;                   /* traffic went out since the paths were looked at for that reason */
    struct mono paths_at;        /* no such look before */
    struct clamp *clamps;        /* as set */
    size_t clamp_count;
    bool clamp_undone;           /* the kernel refused them: to be tried again with the next occasion */
    uint32_t clamp_port;         /* by which we set them */
    struct netlink clamp_events; /* fd -1: this kernel has no nftables */
    struct mono inherit_until;   /* NEVER: nothing is inherited */
    struct dp_held held;
    uint32_t traffic_timer;
    unsigned doubts;             /* enum dp_doubt */
    unsigned later;              /* of them those that could not be looked at or mended; in doubt again from: */
    struct mono later_at;
    struct mono links_at, policies_at, routes_at, clamp_at; /* no mending before: two programs must not fight at full speed */
    struct mono links_said, policies_said, routes_said, clamp_said, reading_said; /* no further line about mending before */
};

static inline const struct conf_conn *server_conf(const struct dp_server *s, size_t i) { return &s->conf->conns[i]; }
static inline const struct addr *server_headend(const struct dp_server *s, size_t i) { return &conf_far(server_conf(s, i))->addr; }

/* server.c */
bool server_tables_open(struct dp_server *s);     /* as many as its configuration has slots; false: no memory */
void server_tables_free(struct dp_server *s);
void server_send_conn(struct dp_server *s, size_t slot);

/* server_links.c */
int server_links_plan(struct dp_server *s, char *why);
int server_links_open(struct dp_server *s, char *why);
int server_link_open(struct dp_server *s, size_t link, char *why);
struct vti server_link_wanted(const struct dp_server *s, int link); /* as the configuration has it: ends, keys, alias, address */
bool server_links_close(struct dp_server *s);                /* false: not all are gone */
int server_links_resize(struct dp_server *s, int link, char *why);
struct vti *server_link(struct dp_server *s, size_t conn);
bool server_link_ours(const struct dp_server *s, int index, const char *name);
bool server_links_mend(struct dp_server *s, struct mono now); /* false: not all of it; also those below */

/* server_paths.c */
void server_paths_find(struct dp_server *s);      /* fills conns[].path; where the kernel does not say, they stay, to be asked for later */
void server_paths_follow(struct dp_server *s);    /* tells the engine, moves links and policies where nothing depends on them */
void server_path_tell(struct dp_server *s, size_t conn);
void server_path_later(struct dp_server *s, size_t conn); /* link and policies are to follow it once more */
/* Link and policies of the conn onto its present local address. */
int server_carry(struct dp_server *s, size_t conn, char *why);

/* server_policies.c */
int server_policies_set(struct dp_server *s, size_t conn, const struct addr *local, char *why);
void server_policies_drop_old(struct dp_server *s, size_t conn, const struct addr *old, const struct addr *new);
bool server_policies_sweep(struct dp_server *s, bool all); /* ours that no conn wants; or all of ours. false: not all are gone */
bool server_policies_mend(struct dp_server *s, struct mono now);

/* server_sas.c */
int server_sas_try(struct dp_server *s, char *why);
bool server_sas_sweep(struct dp_server *s);       /* ours that are not held */
bool server_sas_compare(struct dp_server *s);     /* tells of those that are gone; removes ours that are not held */
void server_sas_retire(struct dp_server *s, const bool *slots); /* out of the kernel with those of these slots */
void server_sa_count(struct dp_server *s, const struct dp_sa *sa); /* a look at what it carried so far */
void server_sa_end(struct dp_server *s, struct dp_sa *sa); /* it is in the kernel no more: what it carried is kept */
enum dp_verdict server_act(struct dp_server *s, const struct dp_request *request, struct dp_reply *reply);

/* server_routes.c */
bool server_routes_plan(struct dp_server *s);          /* false: no memory */
void server_tell_routes(struct dp_server *s, const struct vti *link, const struct dp_teller *teller); /* that go when it goes */
bool server_routes_close(struct dp_server *s);
void server_routes_free(struct dp_server *s);
bool server_lives_changed(struct dp_server *s);        /* since it was last asked */
void server_routes_follow(struct dp_server *s, struct mono now); /* links and routes onto who lives now */
bool server_routes_concern(const struct dp_server *s, const struct nlmsghdr *message); /* somebody else changed one of ours */
bool server_routes_prefer_source(const struct dp_server *s); /* leftsourceip= of any conn that has routes */
void server_inherit(struct dp_server *s);              /* a new engine knows nothing yet */
void server_inherit_tick(struct dp_server *s, struct mono now);

/* server_clamp.c */
void server_clamp_follow(struct dp_server *s);
void server_clamp_sweep(struct dp_server *s);          /* a table that a run before left, where none is wanted */
void server_clamp_mend(struct dp_server *s, struct mono now);
void server_clamp_close(struct dp_server *s);

/* server_events.c */
void server_send_event(struct dp_server *s, const struct dp_event *event);
void server_sa_event(struct dp_server *s, enum dp_event_type type, const struct dp_sa *sa);
void server_forget_notifications(struct dp_server *s); /* those of our own start */
void server_clamp_listen(struct dp_server *s);         /* reads what waits about the table */
bool server_say(struct mono *said, struct mono now); /* true: it is time for another line about mending */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine: IKEv1 for a set of conns (RFC 2407, 2408, 2409, 3706, 3947). It does no I/O: bytes and a time go
 * in; datagrams, data-plane requests, notices and the next deadline come out. Randomness is injected, so a
 * run replays from its seed. After every call drain ike_next_output until it returns false.
 */
#ifndef IKE_IKE_H
#define IKE_IKE_H

#include "base/addr.h"
#include "base/mono.h"
#include "conf/conf.h"
#include "dataplane/dataplane.h"

enum {
    IKE_MESSAGE_MAX = 10240,       /* octets of a datagram taken; longer ones are dropped */
    IKE_SEND_MAX = 2048,           /* octets of a datagram sent, non-ESP marker included */
    IKE_TEXT_MAX = 256,
    IKE_PORT = 500,
    IKE_PORT_NATT = 4500,
};

struct ike;

struct ike_env {
    void (*random)(void *context, uint8_t *out, size_t length); /* must not fail: abort rather */
    void *context;
};

/* Which socket and peer a datagram came from or goes to. On local port 4500 the datagram starts with the non-ESP marker. */
struct ike_path {
    struct endpoint local, remote;
};

enum ike_state {               /* of a tunnel (a conn), for people */
    IKE_STATE_DOWN,            /* not wanted up */
    IKE_STATE_NO_ROUTE,        /* no local address towards the headend */
    IKE_STATE_CONNECTING,      /* Main Mode under way */
    IKE_STATE_AUTHENTICATED,   /* ISAKMP SA up, Quick Mode under way */
    IKE_STATE_UP,              /* a usable pair of IPsec SAs */
    IKE_STATE_WAITING,         /* between two attempts */
    IKE_STATE_SILENT,          /* SAs are there, but the headend answers no probe: routes avoid it */
};

/* Why an attempt failed: the codes of the diagnosis catalogue. Texts: ike_cause_name, ike_cause_sentence. */
enum ike_cause {
    IKE_CAUSE_NONE,
    IKE_CAUSE_NO_ANSWER,
    IKE_CAUSE_IKE_VERSION,
    IKE_CAUSE_IKE_PROPOSAL,
    IKE_CAUSE_PSK_MISMATCH,
    IKE_CAUSE_IKE_ID,
    IKE_CAUSE_ESP_PROPOSAL,
    IKE_CAUSE_PFS,
    IKE_CAUSE_SUBNETS,
    IKE_CAUSE_NAT,
    IKE_CAUSE_KERNEL,
    IKE_CAUSE_NO_ROUTE,
    IKE_CAUSE_PEER_DEAD,       /* DPD: no answer any more */
    IKE_CAUSE_PEER_DELETED,
    IKE_CAUSE_LOST_ANSWER,     /* the headend answered before and stopped in the middle of an exchange */
    IKE_CAUSE_PROTOCOL,        /* the headend sent what RFC 2408/2409 forbid */
    IKE_CAUSE_COUNT,
};

const char *ike_cause_name(enum ike_cause cause);      /* "psk-mismatch" */
const char *ike_cause_sentence(enum ike_cause cause);  /* what it means and what to do */
const char *ike_state_name(enum ike_state state);      /* "up", "connecting", ... */

/* From what a failure was concluded. */
struct ike_evidence {
    bool main_mode, quick_mode;    /* the exchange that failed; neither: none was under way */
    uint8_t heard;                 /* the last of the headend's messages in it that was taken; 0: none */
    uint16_t notify;               /* the error that the headend sent; 0: none */
    bool authenticated;            /* it came under keys that only the headend has */
    bool unreadable;               /* the headend sent what our keys do not open */
    int32_t error;                 /* of the data plane; 0: none */
    uint32_t sent;                 /* messages sent without an answer */
};

enum ike_output_type { IKE_SEND, IKE_DATAPLANE, IKE_NOTICE };

enum ike_notice_type {
    IKE_NOTICE_STATE,          /* conn changed state: the one line a change of state gives */
    IKE_NOTICE_CAUSE,          /* conn's attempt failed for `cause` */
    IKE_NOTICE_WARNING,        /* something to look at, `text` says it; already rate-limited */
    IKE_NOTICE_DEBUG,          /* for the debug log */
};

struct ike_notice {
    enum ike_notice_type type;
    int conn;                  /* -1: none in particular */
    enum ike_state state;
    enum ike_cause cause;
    char text[IKE_TEXT_MAX];   /* printable, one line, never a secret */
};

struct ike_output {
    enum ike_output_type type;
    struct ike_path path;              /* SEND */
    size_t length;
    uint8_t datagram[IKE_SEND_MAX];    /* non-ESP marker already in front where needed; one 0xff octet: keepalive */
    struct dp_request request;         /* DATAPLANE; holds keys: wipe after use */
    struct ike_notice notice;          /* NOTICE */
};

enum ike_command_type { IKE_COMMAND_UP, IKE_COMMAND_DOWN, IKE_COMMAND_REKEY };

struct ike_command {
    enum ike_command_type type;
    uint16_t conn;
};

/* What `status` shows of one tunnel. Times are monotonic; 0 counters before the first SA. */
struct ike_status {
    enum ike_state state;
    struct mono since;
    enum ike_cause cause;              /* of the last failure, kept while up */
    struct mono cause_at;
    char cause_text[IKE_TEXT_MAX];
    struct ike_evidence evidence;      /* of that failure */
    struct mono retry_at;              /* WAITING: the next attempt */
    struct ike_path path;              /* of the ISAKMP SA; ports 0 before there is one */
    bool isakmp_up, nat_near, nat_far, encapsulated, dpd, initiator;
    struct conf_ike_proposal ike;      /* negotiated */
    struct conf_esp_proposal esp;
    crypto_group pfs_group;
    uint8_t cookie_i[8], cookie_r[8];  /* of the ISAKMP SA; zeros: none */
    uint32_t spi_in, spi_out;          /* 0: none */
    struct mono isakmp_since, isakmp_rekey_at, isakmp_expires_at;
    struct mono sa_since, sa_rekey_at, sa_expires_at;
    struct mono heard_at;              /* last authenticated message or ESP */
    int64_t round_trip_us;             /* -1: not measured */
    uint64_t bytes_in, bytes_out, packets_in, packets_out; /* over all SAs of this tunnel; never run backwards */
    uint32_t established;              /* how often it came up */
};

/* Memory for CONF_CONNS_MAX conns, whatever `conf` has; holes in it are empty slots. 0, or -1 without memory. */
int ike_new(struct ike **out, const struct conf *conf, const struct ike_env *env, struct mono now);
void ike_free(struct ike *ike);                       /* wipes */
/*
 * What a slot holds from now on; a conn without a name: nothing. The same `generation` as before (0 after ike_new): values
 * that need no new SA, as a secret, which the next Main Mode uses, or times. Another one: the data plane has removed the
 * SAs of what was there, the headend is told, and the conn begins anew; its counters go on if it has the same name.
 * ISAKMP SAs stay as long as some conn is left to their headend.
 */
void ike_configure(struct ike *ike, struct mono now, uint16_t slot, uint32_t generation, const struct conf_conn *conf);
/* Whether notices for the debug log are made, as they are at first: in a flood they cost more than all else. */
void ike_set_debug(struct ike *ike, bool wanted);
void ike_packet(struct ike *ike, struct mono now, const struct ike_path *path, struct bytes datagram);
void ike_command(struct ike *ike, struct mono now, const struct ike_command *command);
void ike_dataplane_done(struct ike *ike, struct mono now, const struct dp_reply *reply);
void ike_dataplane_event(struct ike *ike, struct mono now, const struct dp_event *event);
void ike_unreachable(struct ike *ike, struct mono now, const struct addr *headend);   /* an ICMP error about it: a hint and no more */
void ike_tick(struct ike *ike, struct mono now);      /* to be called at or after the deadline */
struct mono ike_deadline(const struct ike *ike);
bool ike_next_output(struct ike *ike, struct ike_output *output);
/* Deletes for every SA and no further attempt; drain the outputs, then ike_free. */
void ike_stop(struct ike *ike, struct mono now);
/* Counters that only this process knows are asked for from the data plane; answers show in ike_status later. */
void ike_query_counters(struct ike *ike, struct mono now);
void ike_status(const struct ike *ike, uint16_t conn, struct ike_status *status);
size_t ike_conn_count(const struct ike *ike);         /* slots, empty ones among them */
const struct conf_conn *ike_conn(const struct ike *ike, uint16_t conn); /* NULL: the slot is empty */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control protocol, shared by daemon and command line: one fixed-size request, then fixed-size replies
 * over SOCK_SEQPACKET, the last of type END. Both sides refuse another version or a wrong length. Times are
 * microseconds since 1970 (0: none), worked out by the daemon; `now` in the END lets the reader make ages of
 * them without trusting its own clock. Texts end with a zero and hold no control characters.
 * EVENTS with CONTROL_EVENTS_FOLLOW goes on after its END: an EVENT for each that happens, until either side
 * closes; who does not read is told so by a second END and dropped.
 */
#ifndef DAEMON_CONTROL_H
#define DAEMON_CONTROL_H

#include "base/addr.h"
#include "conf/conf.h"

#define CONTROL_RUN_FOLDER "/run/minicpe"
#define CONTROL_SOCKET_NAME "control"

enum {
    CONTROL_MAGIC = 0x6d637065, /* "mcpe" */
    CONTROL_VERSION = 1,
    CONTROL_WORD_MAX = 24,
    CONTROL_LINE_MAX = 256,
    CONTROL_SENTENCE_MAX = 512,
    CONTROL_TEXT_MAX = 800,
    CONTROL_COOKIE = 8,        /* octets of an ISAKMP cookie, which is one half of an ISAKMP SA's name */
    CONTROL_PAST_EVENTS = 10,  /* remembered of each tunnel */
};

enum control_type {
    CONTROL_STATUS = 1,        /* replies: a TUNNEL for each, END */
    CONTROL_UP,                /* name; replies: END. These three are root's */
    CONTROL_DOWN,
    CONTROL_REKEY,
    CONTROL_EVENTS,            /* value: enum control_events; replies: an EVENT for each, END */
    CONTROL_LOG,               /* value: enum log_level; replies: END. Root's */
    CONTROL_RELOAD,            /* replies: a LINE for each change or mistake, END. Root's */
    CONTROL_REQUEST_TYPES,
    CONTROL_TUNNEL = 64,
    CONTROL_END,
    CONTROL_EVENT,
    CONTROL_LINE,
};

enum control_events {
    CONTROL_EVENTS_PAST = 1,   /* what is remembered, tunnel by tunnel, the oldest first */
    CONTROL_EVENTS_FOLLOW = 2,
};

struct control_header {
    uint32_t magic;
    uint16_t version, type;
};

struct control_request {
    struct control_header header;
    uint32_t value;            /* what the type says; else 0 */
    char name[CONF_NAME_MAX];  /* empty: all tunnels */
};

/* What a client needs to know of a state, without the engine's own numbers. */
enum control_health { CONTROL_DOWN_BY_WISH, CONTROL_TRYING, CONTROL_UP_NOW };

/* From what the last failure was concluded. Numbers as on the wire: the reader of them knows the names. */
enum control_exchange { CONTROL_NO_EXCHANGE, CONTROL_MAIN_MODE, CONTROL_QUICK_MODE };

struct control_evidence {
    uint8_t exchange;          /* enum control_exchange: where it failed */
    uint8_t heard;             /* the last of the headend's messages in it that was taken; 0: none */
    bool notified;             /* it sent an error, */
    bool authenticated;        /* under keys that only it has */
    bool unreadable;           /* it sent what our keys do not open */
    uint16_t notify;           /* its type (RFC 2408 3.14.1) */
    int32_t error;             /* of this host's kernel, negative */
    uint32_t sent;             /* messages sent without an answer */
};

struct control_tunnel {
    struct control_header header;
    char name[CONF_NAME_MAX];
    char file[CONF_TEXT_MAX];
    uint32_t line;
    uint8_t health;            /* enum control_health */
    bool isakmp_up, nat_near, nat_far, encapsulated, dpd, initiator, mark_set;
    char state[CONTROL_WORD_MAX];        /* "up", "connecting", "waiting", ... */
    int64_t since;                       /* how long it is up, or not */
    int64_t state_since;                 /* how long in this state */
    char cause[CONTROL_WORD_MAX];        /* of the last failure: "psk-mismatch"; empty: none */
    char cause_text[CONTROL_LINE_MAX];   /* what was seen */
    char advice[CONTROL_SENTENCE_MAX];   /* what it means and what to do */
    int64_t cause_at, retry_at;
    struct control_evidence evidence;
    char far_text[CONF_TEXT_MAX];        /* right= as written */
    struct endpoint local, remote;       /* family none: not known yet */
    struct prefix near_subnet, far_subnet, vti;
    char interface[CONF_INTERFACE_MAX];  /* empty: plain policies */
    uint32_t mark_in, mark_out;
    char near_id[CONTROL_LINE_MAX], far_id[CONTROL_LINE_MAX];        /* as leftid= and rightid= write them */
    char ike_offer[CONTROL_LINE_MAX], esp_offer[CONTROL_LINE_MAX];   /* what is configured, as ike= and esp= write it */
    char secret_file[CONF_TEXT_MAX];     /* where the shared secret stands; never the secret */
    uint32_t secret_line;
    uint32_t ike_lifetime, sa_lifetime, dpd_delay, dpd_timeout;      /* configured, seconds */
    uint8_t encapsulation;               /* enum conf_tristate */
    uint32_t path_mtu;                   /* of the way to the headend; 0: not known */
    char ike[CONTROL_LINE_MAX], esp[CONTROL_LINE_MAX]; /* algorithms in use; empty: none */
    uint8_t cookie_near[CONTROL_COOKIE], cookie_far[CONTROL_COOKIE]; /* of the ISAKMP SA */
    uint32_t spi_in, spi_out;            /* 0: none */
    int64_t isakmp_since, isakmp_rekey_at, isakmp_expires_at;
    int64_t sa_since, sa_rekey_at, sa_expires_at;
    int64_t heard_at;
    int64_t round_trip_us;               /* -1: not measured */
    uint64_t bytes_in, bytes_out, packets_in, packets_out;
    uint32_t established;
};

/* Something that happened to a tunnel, or to the daemon when the name is empty. */
struct control_event {
    struct control_header header;
    uint64_t sequence;         /* of this engine, from 1 */
    int64_t at;
    char name[CONF_NAME_MAX];
    char kind[CONTROL_WORD_MAX];         /* "state", "failure" or "warning" */
    char state[CONTROL_WORD_MAX];        /* of the tunnel since then; empty: no tunnel */
    char cause[CONTROL_WORD_MAX];        /* of a failure; else empty */
    char text[CONTROL_LINE_MAX];
};

/* What a person reads who changed the files. */
struct control_line {
    struct control_header header;
    char text[CONTROL_TEXT_MAX];
};

enum control_result {
    CONTROL_FINE,
    CONTROL_DENIED,            /* the request is root's */
    CONTROL_NO_SUCH_TUNNEL,
    CONTROL_UNKNOWN_REQUEST,   /* or another version of the protocol, or a value out of range */
    CONTROL_NOTHING_CHANGED,   /* the files are bad, or the kernel refuses; the lines say it */
    CONTROL_BUSY,              /* another reload is under way */
    CONTROL_TOO_SLOW,          /* events came faster than they were read: the rest is lost, this is the end */
};

struct control_end {
    struct control_header header;
    uint16_t result;           /* enum control_result */
    uint32_t tunnels, up;      /* of all that are configured */
    int64_t now, started;      /* `started`: this engine */
    char daemon_version[CONTROL_WORD_MAX];
};

static inline struct control_header control_header_of(enum control_type type)
{
    return (struct control_header){ CONTROL_MAGIC, CONTROL_VERSION, (uint16_t)type };
}
static inline bool control_header_is(const struct control_header *header, enum control_type type)
{
    return header->magic == CONTROL_MAGIC && header->version == CONTROL_VERSION && header->type == type;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's memory, private to ike/: one struct peer a headend with its ISAKMP SAs, one struct tunnel a conn
 * with its Quick Modes and pairs of IPsec SAs. All of fixed size, allocated once by ike_new, so that nothing
 * from the wire allocates and a scratch copy of an SA is a struct assignment.
 */
#ifndef IKE_STATE_H
#define IKE_STATE_H

#include "crypto/crypto.h"
#include "ike/ike.h"
#include "ike/keys_v1.h"
#include "ike/sa_v1.h"

enum {
    NONCE_MAX = 256,
    PEER_SAS_MAX = 4,           /* ISAKMP SAs of one headend: the one in use, one that it replaced, one of each role under way */
    TUNNEL_QUICKS_MAX = 4,
    TUNNEL_CHILDREN_MAX = 8,
    MESSAGE_IDS_MAX = 1024,     /* remembered per ISAKMP SA, so that an old message starts nothing anew: some a rekey */
    PROBE_IDS_MAX = 64,         /* of dead peer detection, which are many; older ones are known by their sequence number */
    OFFERS_MAX = 32,            /* SA payloads of first messages, remembered until the third message comes */
    MARKS_MAX = 1 << 16,        /* marks of first messages that got no answer, for all headends */
    ANSWERED_MAX = 1 << 14,     /* and of those that got one */
    DIGEST = 32,
    DPD_WINDOW = 64,             /* probes of one sequence, at the longest round trip */
};

enum role { ROLE_INITIATOR, ROLE_RESPONDER };

/* What every exchange has: where it stands, its last messages, its retransmission. */
struct exchange {
    enum role role;
    uint8_t step;                          /* index into the exchange's table: what is awaited */
    uint32_t message_id;                   /* 0 in phase 1 */
    uint8_t iv[CRYPTO_BLOCK];              /* of the next message of a phase 2 exchange */
    bool received_any;
    uint8_t received[DIGEST];              /* SHA2-256 of the last message taken: a duplicate is answered alike */
    uint16_t sent_length;                  /* 0: nothing to resend */
    uint8_t sent[IKE_SEND_MAX];            /* the last message sent, encrypted, without non-ESP marker */
    bool held;                             /* `sent` waits for the data plane and must not go yet */
    unsigned tries;
    struct mono sent_at;
    struct mono resend_at;                 /* NEVER: not retransmitted by ourselves */
};

struct dpd {
    uint32_t sent_first, sent_sequence, heard_sequence;
    bool sent_any, heard_any;
    unsigned heard_repeats, unanswered;
    struct mono sent_at[DPD_WINDOW];       /* by sequence number: any of the last ones may be answered */
};

struct isakmp_sa {
    bool used, up;
    uint32_t serial;                       /* unique in this engine */
    struct exchange x;
    uint8_t cookie_i[WIRE_COOKIE], cookie_r[WIRE_COOKIE];
    struct ike_path path;
    struct conf_ike_proposal chosen;
    uint32_t life_seconds;
    uint16_t sai_length, nonce_i_length, nonce_r_length, public_length;
    uint8_t sai_b[SA_BODY_MAX];            /* the initiator's SA body, verbatim: the hashes cover it */
    uint8_t nonce_i[NONCE_MAX], nonce_r[NONCE_MAX];
    uint8_t public_i[CRYPTO_PUBLIC_MAX], public_r[CRYPTO_PUBLIC_MAX];
    uint8_t exponent[CRYPTO_EXPONENT_MAX];
    struct isakmp_keys keys;
    bool keys_ready;
    bool peer_natt, peer_dpd;              /* the peer's vendor IDs */
    bool nat_near, nat_far, encapsulate;   /* NAT detected on our side, on theirs; ESP goes in UDP */
    bool initial_contact;                  /* the peer said so in its authenticated message */
    enum ike_cause evidence;               /* why this attempt may be failing, by what was seen */
    uint16_t notify;                       /* the error that the peer sent about it; 0: none */
    bool notify_authenticated, unreadable; /* under our keys; it sent what our keys do not open */
    struct mono began, since, rekey_at, expires_at;
    struct mono quick_wait;                /* responder: leave the first Quick Mode to the peer until then */
    struct mono discard_at;                /* replaced: deleted then */
    struct dpd dpd;
    uint32_t message_ids[MESSAGE_IDS_MAX], probe_ids[PROBE_IDS_MAX];
    uint16_t message_id_count, probe_id_next;
};

enum quick_phase {
    QUICK_FREE,
    QUICK_WAIT_MESSAGE,        /* the peer's next message is awaited */
    QUICK_INSTALLING,          /* the data plane is asked; the answer to the peer is held */
    QUICK_DONE,                /* kept for duplicates only */
};

struct quick {
    enum quick_phase phase;
    struct exchange x;
    uint32_t sa_serial;
    uint8_t child;                         /* index in the tunnel's children */
    uint16_t nonce_i_length, nonce_r_length;
    uint8_t nonce_i[NONCE_MAX], nonce_r[NONCE_MAX];
    crypto_group group;                    /* 0: no PFS */
    uint8_t exponent[CRYPTO_EXPONENT_MAX];
    struct conf_esp_proposal chosen;
    bool encapsulate;
    uint32_t spi_in, spi_out, life_seconds;
    uint8_t key_in[DP_KEY_MAX], key_out[DP_KEY_MAX];
    uint8_t waiting;                       /* replies of the data plane still to come */
    enum ike_cause evidence;
    struct mono began, forget_at;
};

enum child_state {
    CHILD_FREE,
    CHILD_INSTALLING,
    CHILD_UP,                  /* carries our outbound traffic */
    CHILD_OLD,                 /* inbound alone, for the peer's stragglers */
};

struct child {
    enum child_state state;
    enum role role;
    bool in_there, out_there, in_asked, out_asked;   /* in the kernel; requested and not yet confirmed */
    bool held;                             /* left by an engine before this one */
    bool presumed;                         /* the peer may not have it: see quick_sa_deleted */
    bool lost_collision;                   /* made together with the pair that was kept */
    bool lost;                             /* OLD: not all of it is in the kernel any more, and the peer does not know yet */
    uint32_t spi_in, spi_out;
    struct endpoint local, remote;         /* ports 0: plain ESP */
    struct conf_esp_proposal esp;
    crypto_group group;
    uint32_t serial, sa_serial;
    struct mono began, since, rekey_at, expires_at;
    struct mono delete_at;                 /* OLD: tell the peer to leave it */
    struct mono remove_at;                 /* OLD: take it out of the kernel */
    uint64_t bytes_in, bytes_out, packets_in, packets_out;   /* as last reported */
    struct mono traffic_in_at;
    bool soft_expired;                     /* a limit is near: to be replaced, unless rekey=no */
    bool renew;                            /* to be replaced in any case: see child_renew */
};

struct one_way {                           /* hints.c: packets go out on the pair and none come in */
    struct mono since, last;               /* since: NEVER if not so */
    unsigned pairs;                        /* made in a row for that, which changed nothing */
};

struct tunnel {
    const struct conf_conn *conf;          /* NULL: the slot is empty */
    uint16_t index, peer;
    uint32_t generation;                   /* of its slot: the data plane's messages about one before it are not for it */
    bool wanted;
    enum ike_state state;
    struct mono since;
    enum ike_cause cause;
    struct mono cause_at, cause_known_at; /* the last failure that it stands for; what it is concluded from */
    char cause_text[IKE_TEXT_MAX];
    struct ike_evidence evidence;
    struct mono retry_at;
    unsigned failures, undone;             /* undone: pairs in a row that the headend deleted when they were hardly there */
    bool unfinished;                       /* the headend's own Quick Mode did not get through, and no pair came since */
    uint32_t established;
    bool told_alive;
    struct one_way one_way;
    bool unproven, doubted;    /* liveness.c: no answer came since its SAs are new; the headend may have lost them */
    struct quick quick[TUNNEL_QUICKS_MAX];
    struct child child[TUNNEL_CHILDREN_MAX];
    uint64_t bytes_in, bytes_out, packets_in, packets_out;   /* of SAs that are gone */
};

struct bucket {                            /* a rate limit: `level` tokens at `at` */
    struct mono at;
    uint32_t level;
};

struct limits {                            /* what messages of nobody knows whom may use up */
    struct bucket notices, exponentiations;
    struct bucket refusals;                /* of what is authenticated: forged messages do not use it up */
    struct bucket answers, offers, repeats;/* first_v1.c */
    struct bucket duplicates;              /* exchange_v1.c */
    struct mono flood_at;                  /* more first messages came under its address than are answered at once */
};

enum hint { HINT_BREAK, HINT_ONE_WAY, HINT_UNREACHABLE, HINT_OTHER, HINT_KINDS };

struct traffic {
    struct mono in_at;                     /* packets came in */
    struct mono unanswered_at;             /* the first report of packets that went out with none coming in since; NEVER */
    bool stream;                           /* packets came in all the time until then */
};

struct peer {
    uint16_t index;
    const struct conf_conn *conf;          /* of phase 1: the first conn to this headend; NULL: this place is free */
    struct addr remote, local;             /* local: family none while there is no route */
    struct addr local_was;                 /* before the route went */
    struct conf_id near_id, far_id;
    struct isakmp_sa sa[PEER_SAS_MAX];
    struct mono retry_at, heard_at, probed_at, keepalive_at;
    unsigned failures, undone;             /* undone: like a tunnel's, of ISAKMP SAs */
    int64_t round_trip_us, last_trip_us;   /* -1: not measured; of the last probe alone */
    struct mono hold_at;                   /* drive.c: since when a Main Mode that it seems to have begun holds off ours */
    bool rekey_asked;                      /* until there is another ISAKMP SA */
    bool few_exchanges;                    /* quick_life.c: it loses track of several at once */
    /* liveness.c */
    bool probing, silent, silent_main;     /* a sequence of probes runs; it was not answered; Main Mode was begun for it */
    bool proving;                          /* probes run because IPsec SAs are new */
    bool hold_told;                        /* that it answers, and why the routes do not take it yet */
    unsigned flaps, vain;                  /* vain: Main Modes that came through since a probe was last answered */
    struct mono prove_began, probe_began, probe_next, silent_since, trust_at, flap_at, answered_at;
    struct mono hint_at[HINT_KINDS];       /* not again before */
    struct traffic traffic;                /* hints.c */
    struct limits limits;
};

/* The SA payload of a first message, kept so that the third can be taken without a state in between. */
struct first_offer {
    bool used, proven;                     /* proven: an authenticated SA came of it once, last at proven_at */
    struct mono proven_at;
    uint16_t peer;
    bool natt, dpd;
    uint16_t length;
    uint8_t body[SA_BODY_MAX];
};

struct ike {
    struct ike_env env;
    struct mono now;
    struct conf_conn *conns;               /* by slot; room for CONF_CONNS_MAX, as of the next two */
    size_t conn_count;                     /* slots that were ever used */
    struct peer *peers;
    size_t peer_count;                     /* places that were ever used */
    struct tunnel *tunnels;                /* by slot */
    struct first_offer offers[OFFERS_MAX];
    uint32_t first_marks[MARKS_MAX];       /* see first_v1.c */
    uint16_t first_answered[ANSWERED_MAX];
    uint8_t cookie_secret[DIGEST];
    uint32_t serial, request_id;
    bool stopping, quiet;                  /* quiet: nobody reads notices for the debug log */
    struct ike_output *outputs;            /* a ring of output_size */
    size_t output_size, output_first, output_count, output_most; /* no place in use at or past it, ever */
};

/* ---- output.c: what comes out ---- */
void output_send(struct ike *ike, const struct ike_path *path, struct bytes message);
void output_keepalive(struct ike *ike, const struct ike_path *path);
struct dp_request *output_request(struct ike *ike, enum dp_request_type type, uint16_t conn);
void output_notice(struct ike *ike, enum ike_notice_type type, const struct tunnel *tunnel, enum ike_cause cause,
                   const char *format, ...) __attribute__((format(printf, 5, 6)));
size_t output_room(const struct ike *ike);
bool bucket_take(struct bucket *b, struct mono now, uint32_t per_second, uint32_t burst);
void ike_random(struct ike *ike, void *out, size_t length);
uint32_t ike_random_below(struct ike *ike, uint32_t limit);

/* ---- slots.c ---- */
enum { PEER_NONE = UINT16_MAX };           /* of an empty slot */
static inline struct tunnel *tunnel_at(struct ike *ike, uint16_t slot) /* NULL: empty */
{
    return slot < ike->conn_count && ike->tunnels[slot].conf ? &ike->tunnels[slot] : NULL;
}

/* ---- main_v1.c ---- */
void main_start(struct ike *ike, struct peer *peer);
void main_take_first(struct ike *ike, struct peer *peer, const struct ike_path *path, const struct wire_header *header, struct bytes body);
void main_take(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, const struct ike_path *path, struct bytes datagram,
               const struct wire_header *header, struct bytes body);
/* The third message of an exchange that has no state yet: true when its cookie was ours. */
bool main_take_third(struct ike *ike, struct peer *peer, const struct ike_path *path, struct bytes datagram,
                     const struct wire_header *header, struct bytes body);
enum ike_cause main_cause(const struct isakmp_sa *sa);

/* ---- first_v1.c ---- */
void first_prove(struct ike *ike, const struct peer *peer, const struct isakmp_sa *sa);

/* ---- quick_v1.c ---- */
void quick_start(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, struct tunnel *tunnel);
void quick_take(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, const struct ike_path *path, struct bytes datagram,
                const struct wire_header *header, struct bytes body);
bool quick_send_held(struct ike *ike, struct tunnel *tunnel, struct quick *quick);   /* false: it has ended */
void quick_install_out(struct ike *ike, struct tunnel *tunnel, struct quick *quick);   /* ESP came before message 3 */
void quick_tick(struct ike *ike, struct peer *peer, struct tunnel *tunnel);
struct mono quick_deadline(const struct tunnel *tunnel);
void quick_refused(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, uint32_t spi, uint16_t notify);
void quick_fail(struct ike *ike, struct tunnel *tunnel, struct quick *quick, enum ike_cause cause, const char *detail);
void quick_free(struct quick *quick);
void quick_sa_deleted(struct ike *ike, const struct peer *peer, const struct isakmp_sa *sa);   /* by the peer */

/* ---- info_v1.c ---- */
void info_take(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, const struct ike_path *path,
               const struct wire_header *header, struct bytes body);
void info_take_clear(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, const struct wire_header *header, struct bytes body);
void info_send_notify(struct ike *ike, const struct peer *peer, struct isakmp_sa *sa, uint8_t protocol, uint16_t type, struct bytes data);
void info_send_delete_sa(struct ike *ike, struct isakmp_sa *sa);
void info_send_delete_child(struct ike *ike, struct isakmp_sa *sa, uint32_t spi);
void info_send_clear_error(struct ike *ike, struct peer *peer, const struct ike_path *path, const struct wire_header *header, uint16_t type);

/* ---- child.c: pairs of IPsec SAs ---- */
struct child *child_new(struct ike *ike, struct tunnel *tunnel);
uint32_t child_new_spi(struct ike *ike);
bool child_spi_in_use(const struct ike *ike, uint32_t spi);
void child_install(struct ike *ike, struct tunnel *tunnel, const struct quick *quick, enum dp_direction direction);
void child_up(struct ike *ike, struct tunnel *tunnel, struct child *child);
void child_remove(struct ike *ike, struct tunnel *tunnel, struct child *child);
void child_remove_sas(struct ike *ike, struct tunnel *tunnel, struct child *child);   /* from the data plane */
void child_remove_out(struct ike *ike, struct tunnel *tunnel, struct child *child);
void child_renew(struct child *child);   /* NULL: nothing */
void child_none_left(struct ike *ike, struct tunnel *tunnel, const char *why);   /* if so, the tunnel is up no more */
void child_retire(struct ike *ike, struct tunnel *tunnel, struct child *child);
struct child *child_current(struct tunnel *tunnel);
const struct child *child_current_const(const struct tunnel *tunnel);
bool child_carries(const struct ike *ike, const struct tunnel *tunnel);
struct child *child_find(struct tunnel *tunnel, enum dp_direction direction, uint32_t spi);
void child_reply(struct ike *ike, struct tunnel *tunnel, const struct dp_reply *reply);
void child_deleted(struct ike *ike, struct tunnel *tunnel, struct child *child);   /* the peer says it is gone */
void child_collide(struct ike *ike, struct tunnel *tunnel, struct child *child);
void child_event(struct ike *ike, struct tunnel *tunnel, const struct dp_event *event);
void child_counted(struct child *child, enum dp_direction direction, uint64_t bytes, uint64_t packets);
void child_follow(struct ike *ike, struct tunnel *tunnel, struct child *child, const struct ike_path *path);
void child_tick(struct ike *ike, struct tunnel *tunnel);
struct mono child_deadline(const struct tunnel *tunnel);

/* ---- peer.c: the life of a headend's tunnels ---- */
void peer_tick(struct ike *ike, struct peer *peer);
struct mono peer_deadline(const struct ike *ike, const struct peer *peer);
void peer_path_changed(struct ike *ike, struct peer *peer, const struct addr *local);
void peer_sa_established(struct ike *ike, struct peer *peer, struct isakmp_sa *sa);
void peer_sa_failed(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, enum ike_cause cause);
void peer_fall(struct ike *ike, struct peer *peer, enum ike_state state, enum ike_cause cause, const char *why); /* tunnels without a pair */
void peer_dead(struct ike *ike, struct peer *peer, enum ike_cause cause, const char *why);
void peer_heard(struct ike *ike, struct peer *peer);
void peer_tell_alive(struct ike *ike, const struct peer *peer);   /* of all its tunnels: see tunnel_tell_alive */
void peer_initial_contact(struct ike *ike, struct peer *peer, const struct isakmp_sa *sa);
bool peer_sa_deleted(struct ike *ike, struct peer *peer, const struct isakmp_sa *carrier, struct bytes cookies); /* true: the carrier */
void peer_adopt_path(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, const struct ike_path *path);

/* ---- peer_sa.c: places of ISAKMP SAs ---- */
struct isakmp_sa *peer_sa_new(struct ike *ike, struct peer *peer, enum role role);   /* NULL: none may give way */
void peer_sa_free(struct isakmp_sa *sa);
struct isakmp_sa *peer_sa_best(struct peer *peer);
const struct isakmp_sa *peer_sa_best_const(const struct peer *peer);
struct isakmp_sa *peer_sa_find(struct peer *peer, const struct wire_header *header);
struct isakmp_sa *peer_sa_serial(struct peer *peer, uint32_t serial);
bool peer_sas_collided(const struct isakmp_sa *a, const struct isakmp_sa *b);   /* made at the same time by both ends */
void peer_sa_replace_others(struct ike *ike, struct peer *peer, struct isakmp_sa *sa);   /* it is up */

/* ---- drive.c: what is begun next ---- */
enum { LIVELY_TRIES = 2 };                 /* sends after which what waits for an answer is not waited for: 1.5 s */
void peer_drive(struct ike *ike, struct peer *peer);
struct mono peer_drive_at(const struct ike *ike, const struct peer *peer);
bool peer_main_under_way(const struct peer *peer);   /* one of ours */
void peer_main_hold(const struct ike *ike, struct peer *peer);         /* the headend seems to have begun one */
void peer_main_hold_again(const struct ike *ike, struct peer *peer);   /* the next one may hold off ours */
struct mono peer_main_hold_until(const struct peer *peer);
void tunnel_enter(struct ike *ike, struct tunnel *tunnel, enum ike_state state, const char *why);
void tunnel_failed(struct ike *ike, struct tunnel *tunnel, enum ike_cause cause, const char *detail);
void tunnel_tell_alive(struct ike *ike, struct tunnel *tunnel);   /* the data plane learns who lives, when that changes */
void tunnel_cause(struct ike *ike, struct tunnel *tunnel, enum ike_cause cause, const char *detail);
void tunnel_stop(struct ike *ike, struct tunnel *tunnel);
void tunnel_up(struct ike *ike, struct tunnel *tunnel);
void tunnel_down(struct ike *ike, struct tunnel *tunnel);
void tunnel_leave(struct ike *ike, struct tunnel *tunnel);   /* it is configured no more: the headend is told, the kernel knows */
void peer_stop(struct ike *ike, struct peer *peer);
bool tunnel_quick_under_way(const struct tunnel *tunnel);
const struct child *tunnel_child(const struct tunnel *tunnel);   /* the youngest pair that this engine made */

/* ---- evidence.c ---- */
struct ike_evidence evidence_of_main(const struct isakmp_sa *sa);
/* An encrypted message of Main Mode was not taken: is it the secret? */
void evidence_of_reading(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, int err);
/* An Informational message that cannot be read came while Main Mode is under way. */
void evidence_of_error(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, int err, struct bytes clear);
/* The cause that is told: what was heard a while ago, or this. */
enum ike_cause evidence_weigh(const struct ike *ike, const struct tunnel *tunnel, enum ike_cause cause);
/* No end; `sa` NULL: no Main Mode of ours has to do with it. */
void peer_suspect(struct ike *ike, struct peer *peer, const struct isakmp_sa *sa, enum ike_cause cause, const char *seen);

/* ---- life.c: every figure of time ---- */
int64_t life_resend_after(struct ike *ike, const struct conf_conn *conf, unsigned tries);
bool life_exchange_over(const struct exchange *x);
int64_t life_retry_after(struct ike *ike, unsigned failures);
int64_t life_again_after(struct ike *ike, struct mono since, unsigned *undone);   /* the headend deleted it, which was there since then */
struct mono life_rekey_at(struct ike *ike, const struct conf_conn *conf, uint32_t life_seconds, enum role role);
void life_shorten(struct ike *ike, const struct conf_conn *conf, uint32_t seconds, enum role role, struct mono *expires_at,
                  struct mono *rekey_at); /* to `seconds` from now, if that is sooner; 0 changes nothing */
struct mono life_quick_after(const struct ike *ike, const struct peer *peer, const struct tunnel *tunnel); /* or at once */
bool life_keepalive_needed(const struct peer *peer, const struct isakmp_sa *sa);
void life_keepalive_tick(struct ike *ike, struct peer *peer, struct isakmp_sa *sa);

/* ---- liveness.c ---- */
void liveness_hint(struct ike *ike, struct peer *peer, enum hint kind, const char *why);
bool liveness_asks(const struct peer *peer);   /* a sequence of probes runs */
int64_t liveness_round_trip(const struct peer *peer);
void liveness_measured(struct peer *peer, int64_t trip_us);
bool liveness_avoids(const struct ike *ike, const struct tunnel *tunnel);
void liveness_answered(struct ike *ike, struct peer *peer, struct mono sent); /* the probe that was sent then */
void liveness_child_up(struct ike *ike, struct tunnel *tunnel);   /* before the tunnel's state says so */
void liveness_established(struct ike *ike, struct peer *peer);
void liveness_tick(struct ike *ike, struct peer *peer);
struct mono liveness_deadline(const struct ike *ike, const struct peer *peer, const struct isakmp_sa *best);

/* ---- hints.c ---- */
void hints_traffic(struct ike *ike, struct peer *peer, enum dp_direction direction);
void hints_pair(struct ike *ike, struct tunnel *tunnel, const struct child *child, enum dp_direction direction);
void hints_renew(struct ike *ike, struct peer *peer);
void hints_quick_answered(struct ike *ike, struct peer *peer);
void hints_answered(struct peer *peer);
void hints_tick(struct ike *ike, struct peer *peer);
struct mono hints_deadline(const struct peer *peer);

#endif

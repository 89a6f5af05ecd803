/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one runner of version 1 exchanges. An exchange is a table of rows; the runner does duplicates, decryption,
 * the payload walk, the payload rules and the hash, calls the row's functions on a scratch copy, and commits last:
 * a message that is refused leaves the SA bit for bit as it was.
 */
#ifndef IKE_EXCHANGE_V1_H
#define IKE_EXCHANGE_V1_H

#include "ike/state.h"

#define BIT(type) (1U << (type))

enum exchange_hash { HASH_NONE, HASH_1, HASH_2, HASH_3 };

/* The scratch of one message: what take and put see, and all they may write to. */
struct step {
    struct ike *ike;
    struct peer *peer;                /* read only for take and put */
    struct tunnel *tunnel;            /* phase 2: set by take when it found the conn */
    struct isakmp_sa *sa;             /* phase 1: the scratch copy; phase 2: the SA itself, read only */
    struct quick *quick;              /* phase 2: the scratch copy */
    const struct ike_path *path;      /* of the message */
    bool authentic;                   /* the hash of the message was right, whatever came after */
    struct wire_message message;
};

struct exchange_row {
    const char *name;                 /* "Main Mode message 2" */
    uint32_t must, may;               /* payload types, BIT(type); vendor IDs may come anywhere in clear */
    bool encrypted, reply_encrypted;
    enum exchange_hash hash, reply_hash;
    int (*take)(struct step *s);
    int (*put)(struct step *s, struct wire_writer *out);   /* NULL: nothing is answered */
    bool hold;                        /* the answer waits for the data plane */
    bool resend;                      /* we retransmit the answer until the next message comes */
};

/* Every payload rule of a row, once: also for what we build, in the tests. */
int exchange_check_payloads(const struct exchange_row *row, const struct wire_message *message);
/*
 * Takes one message in the scratch `s` (its sa, and quick in phase 2). On success `s` holds the new state, with the
 * answer in x->sent; the caller commits. IKE_ERR_* otherwise, and `s` is to be thrown away.
 */
int exchange_run(struct step *s, const struct exchange_row *row, const struct wire_header *header, struct bytes body);
/* Builds a message into x->sent: header, HASH when `hash`, the payloads of `put`, encryption. */
int exchange_build(struct step *s, struct exchange *x, uint8_t type, bool encrypted, enum exchange_hash hash,
                   int (*put)(struct step *s, struct wire_writer *out));
/*
 * True when the datagram is the one taken last; then the last answer was sent again. In a flood of them it is not, and what
 * comes for an exchange that is `complete` is not looked at any more.
 */
bool exchange_is_duplicate(struct ike *ike, struct peer *peer, struct exchange *x, bool complete, const struct ike_path *path,
                           struct bytes datagram);
void exchange_remember(struct exchange *x, struct bytes datagram);
void exchange_send(struct ike *ike, const struct conf_conn *conf, struct exchange *x, const struct ike_path *path, bool resend);
/* Decrypts and walks a phase 2 message under its own IV; verifies HASH(1). `clear` must hold IKE_MESSAGE_MAX octets. */
int exchange_open_phase2(const struct isakmp_sa *sa, uint32_t message_id, struct bytes body, uint8_t *clear, uint8_t first,
                         struct wire_message *message);
void exchange_debug(struct ike *ike, const struct peer *peer, const char *name, int err);

#endif

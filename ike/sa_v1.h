/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SA payload of version 1 (RFC 2408 3.4-3.6, RFC 2409 5 and appendix A, RFC 2407 4.4-4.6): decoded into a
 * plain list of offers, one a transform, and built from the configuration. No choice is made here.
 */
#ifndef IKE_SA_V1_H
#define IKE_SA_V1_H

#include "conf/conf.h"
#include "ike/wire.h"

enum {
    SA_OFFERS_MAX = 256,     /* transforms looked at in one SA payload; the rest is ignored */
    SA_BODY_MAX = 6144,      /* octets of an SA payload's body that an exchange keeps */
    SA_LIFE_DEFAULT = 28800, /* seconds where an offer for IPsec says nothing (RFC 2407 4.5) */
    SA_LIFE_LEAST = 10,      /* a lifetime told in a Notify never has us rekey more often than a configured one could */
};

/* Attributes that were present; 0 is absent. `bad`: a duplicate, an unknown one, or a wrong form. */
struct sa_attributes {
    bool bad;
    uint32_t encryption, hash, authentication, group, key_length;   /* phase 1; group and key_length also phase 2 */
    uint32_t encapsulation, integrity;                              /* phase 2 */
    uint64_t life_seconds, life_kilobytes;
};

struct sa_offer {
    uint8_t proposal, protocol, transform, id;
    bool bundled;                     /* another proposal has the same number: protocols wanted together */
    uint32_t spi;                     /* phase 2; 0 in phase 1 */
    struct sa_attributes attributes;
    struct bytes raw;                 /* the transform's octets after its generic header */
};

struct sa_offers {
    size_t count;
    uint8_t proposals;                /* how many proposal payloads */
    struct sa_offer offer[SA_OFFERS_MAX];
};

/* `phase` is 1 or 2. A malformed container is an error; a transform with strange attributes is only `bad`. */
int sa_v1_read(struct bytes body, int phase, struct sa_offers *out);

/* Body of MM1: one proposal, a transform for each configured combination. */
void sa_v1_write_ike_offer(struct writer *w, const struct conf_conn *conn);
/* Body of MM2: the chosen transform as it was offered, number included (RFC 2409 5). */
void sa_v1_write_ike_choice(struct writer *w, const struct sa_offer *chosen);
/* Body of QM1: one ESP proposal, a transform for each configured algorithm. group 0: no PFS. */
void sa_v1_write_esp_offer(struct writer *w, const struct conf_conn *conn, uint32_t spi, crypto_group group, bool encapsulated);
void sa_v1_write_esp_choice(struct writer *w, const struct sa_offer *chosen, uint32_t spi);
/* RESPONDER-LIFETIME (RFC 2407 4.6.3.1): the body of one for an IPsec SA; the seconds that the data of one says, 0 for none. */
void sa_v1_write_lifetime(struct writer *w, uint32_t spi, uint32_t seconds);
uint32_t sa_v1_read_lifetime(struct bytes data, int phase);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the choice of a transform and its text form. Entry points: proposal_select_ike, proposal_select_esp.
 * The configuration's order decides, not the peer's: the administrator wrote the strongest first.
 */
#include "ike/proposal.h"

#include "ike/iana.h"

#include <stdio.h>

static bool fits_ike(const struct sa_offer *o, const struct conf_ike_proposal *p)
{
    const struct sa_attributes *a = &o->attributes;
    const struct crypto_cipher_row *cipher = crypto_cipher_find(p->cipher);
    const struct crypto_hash_row *hash = crypto_hash_find(p->hash);
    if (a->bad || o->bundled || o->protocol != IANA_PROTOCOL_ISAKMP || o->id != IANA_TRANSFORM_KEY_IKE || !cipher || !hash)
        return false;
    uint32_t key_length = a->key_length ? a->key_length : 128; /* some peers leave it out and mean 128 */
    return a->encryption == cipher->ike && key_length == p->key_bits && a->hash == hash->ike && a->group == p->group &&
           a->authentication == IANA_AUTHENTICATION_PSK;
}

const struct sa_offer *proposal_select_ike(const struct sa_offers *offers, const struct conf_conn *conn,
                                           struct conf_ike_proposal *chosen)
{
    for (size_t i = 0; i < conn->ike_count; i++)
        for (size_t n = 0; n < offers->count; n++)
            if (fits_ike(&offers->offer[n], &conn->ike[i])) {
                *chosen = conn->ike[i];
                return &offers->offer[n];
            }
    return NULL;
}

static bool mode_fits(uint32_t mode, bool encapsulated)
{
    if (encapsulated)
        return mode == IANA_ENCAPSULATION_UDP_TUNNEL || mode == IANA_ENCAPSULATION_UDP_TUNNEL_DRAFT;
    return mode == IANA_ENCAPSULATION_TUNNEL;
}

/* All but the group. */
static bool fits_esp(const struct sa_offer *o, const struct conf_esp_proposal *p, bool encapsulated)
{
    const struct sa_attributes *a = &o->attributes;
    const struct crypto_cipher_row *cipher = crypto_cipher_find(p->cipher);
    const struct crypto_hash_row *integrity = crypto_hash_find(p->integrity);
    if (a->bad || o->bundled || o->protocol != IANA_PROTOCOL_ESP || !cipher || o->id != cipher->esp)
        return false;
    uint32_t key_length = a->key_length || cipher->icv ? a->key_length : 128; /* RFC 4106 8: GCM must say it */
    return key_length == p->key_bits && a->integrity == (integrity ? integrity->esp : 0U) &&
           mode_fits(a->encapsulation, encapsulated);
}

const struct sa_offer *proposal_select_esp(const struct sa_offers *offers, const struct conf_conn *conn, crypto_group group,
                                           bool encapsulated, struct conf_esp_proposal *chosen, bool *pfs_only)
{
    *pfs_only = false;
    for (size_t i = 0; i < conn->esp_count; i++)
        for (size_t n = 0; n < offers->count; n++) {
            const struct sa_offer *o = &offers->offer[n];
            if (!fits_esp(o, &conn->esp[i], encapsulated))
                continue;
            if (o->attributes.group != group) {
                *pfs_only = true;
                continue;
            }
            *chosen = conn->esp[i];
            *pfs_only = false;
            return o;
        }
    return NULL;
}

static const char *cipher_name(enum crypto_cipher id)
{
    const struct crypto_cipher_row *row = crypto_cipher_find(id);
    return row ? row->name : "?";
}

static const char *hash_name(enum crypto_hash id)
{
    const struct crypto_hash_row *row = crypto_hash_find(id);
    return row ? row->name : "NONE";
}

static const char *group_name(crypto_group id)
{
    const struct crypto_group_row *row = crypto_group_find(id);
    return row ? row->name : "no PFS";
}

size_t proposal_print_ike(const struct conf_ike_proposal *p, char *out, size_t size)
{
    int n = snprintf(out, size, "%s_%u-HMAC_%s-%s", cipher_name(p->cipher), p->key_bits, hash_name(p->hash), group_name(p->group));
    return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

size_t proposal_print_esp(const struct conf_esp_proposal *p, crypto_group group, char *out, size_t size)
{
    int n = snprintf(out, size, "%s_%u-%s%s-%s", cipher_name(p->cipher), p->key_bits, p->integrity ? "HMAC_" : "",
                     hash_name(p->integrity), group_name(group));
    return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

static void print_offer(const struct sa_offer *o, int phase, char *out, size_t size)
{
    const struct sa_attributes *a = &o->attributes;
    const struct crypto_cipher_row *cipher = phase == 1 ? crypto_cipher_find_ike((uint16_t)a->encryption) : crypto_cipher_find_esp(o->id);
    const struct crypto_hash_row *hash = phase == 1 ? crypto_hash_find_ike((uint16_t)a->hash) : crypto_hash_find_esp((uint16_t)a->integrity);
    unsigned number = phase == 1 ? a->encryption : o->id;
    char unknown[24];
    snprintf(unknown, sizeof unknown, "cipher-%u", number);
    snprintf(out, size, "%s_%u-%s-%s", cipher ? cipher->name : unknown, (unsigned)a->key_length, hash ? hash->name : "NONE",
             group_name((crypto_group)a->group));
}

void proposal_print_offers(const struct sa_offers *offers, int phase, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < offers->count; i++) {
        char one[96];
        print_offer(&offers->offer[i], phase, one, sizeof one);
        if (strstr(out, one))
            continue;
        if (used + strlen(one) + 8 > size) {
            snprintf(out + used, size - used, ", ...");
            return;
        }
        used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "", one);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns NAT detection. RFC 3947 3.2: HASH = hash(CKY-I | CKY-R | IP | Port), first the receiver's end as the
 * sender sees it, then one or more for the sender's own. encapsulation=yes sends a wrong hash for our own end,
 * as peers do who want ESP in UDP although no NAT is there; encapsulation=no takes part in nothing.
 */
#include "ike/natt.h"

#include "ike/err.h"
#include "ike/iana.h"

static int nat_hash(const struct isakmp_sa *sa, const struct endpoint *end, uint8_t out[CRYPTO_HASH_MAX])
{
    const uint8_t port[2] = { (uint8_t)(end->port >> 8), (uint8_t)end->port };
    struct bytes parts[] = { bytes_of(sa->cookie_i, WIRE_COOKIE), bytes_of(sa->cookie_r, WIRE_COOKIE), addr_bytes(&end->addr),
                             bytes_of(port, sizeof port) };
    return crypto_hash(sa->chosen.hash, parts, 4, out) == CRYPTO_OK ? IKE_OK : IKE_ERR_CRYPTO;
}

int natt_write(struct ike *ike, const struct isakmp_sa *sa, bool lie, struct wire_writer *out)
{
    const struct crypto_hash_row *row = crypto_hash_find(sa->chosen.hash);
    uint8_t theirs[CRYPTO_HASH_MAX], ours[CRYPTO_HASH_MAX];
    int err = nat_hash(sa, &sa->path.remote, theirs);
    err = err ? err : nat_hash(sa, &sa->path.local, ours);
    if (err || !row)
        return IKE_ERR_CRYPTO;
    if (lie)
        ike_random(ike, ours, row->length);
    wire_payload(out, IANA_PAYLOAD_NAT_D, bytes_of(theirs, row->length));
    wire_payload(out, IANA_PAYLOAD_NAT_D, bytes_of(ours, row->length));
    return IKE_OK;
}

int natt_read(struct isakmp_sa *sa, const struct conf_conn *conf, const struct wire_message *message, const struct ike_path *path)
{
    const struct crypto_hash_row *row = crypto_hash_find(sa->chosen.hash);
    uint8_t near[CRYPTO_HASH_MAX], far[CRYPTO_HASH_MAX];
    int err = nat_hash(sa, &path->local, near);
    err = err ? err : nat_hash(sa, &path->remote, far);
    if (err || !row)
        return IKE_ERR_CRYPTO;
    size_t seen = 0;
    bool near_intact = false, far_intact = false;
    for (size_t i = 0; i < message->count; i++) {
        if (message->payloads[i].type != IANA_PAYLOAD_NAT_D)
            continue;
        struct bytes hash = message->payloads[i].body;
        if (seen++ == 0)
            near_intact = bytes_equal(hash, bytes_of(near, row->length));
        else
            far_intact |= bytes_equal(hash, bytes_of(far, row->length));
    }
    bool speaks = seen > 0 && sa->peer_natt && conf->encapsulation != CONF_NO;
    sa->nat_near = speaks && !near_intact;
    sa->nat_far = speaks && !far_intact;
    sa->encapsulate = speaks && (sa->nat_near || sa->nat_far || conf->encapsulation == CONF_YES);
    return IKE_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what a failure is concluded from while an attempt is still under way: who diagnoses it later is told how far
 * it came and what the headend said. Nothing here ends anything: until Main Mode is through anybody may have said it.
 * Entry points: peer_suspect, evidence_of_main, evidence_of_reading, evidence_of_error.
 */
#include "ike/err.h"
#include "ike/iana.h"
#include "ike/state.h"

struct ike_evidence evidence_of_main(const struct isakmp_sa *sa)
{
    unsigned heard = sa->x.role == ROLE_INITIATOR ? 2U * sa->x.step : 2U * sa->x.step + 1;
    return (struct ike_evidence){ .main_mode = true, .heard = (uint8_t)heard, .notify = sa->notify, .sent = sa->x.tries,
                                  .authenticated = sa->notify_authenticated, .unreadable = sa->unreadable };
}

/*
 * What a headend once let be known outweighs for a while its silence, and what it says for many reasons. One that begins
 * with IKEv2 or Aggressive Mode does so once in a minute and has no other answer for us; of its PFS group it tells by its
 * own Quick Mode alone.
 */
static const struct { enum ike_cause known, now; } outweighs[] = {
    { IKE_CAUSE_IKE_VERSION, IKE_CAUSE_NO_ANSWER },
    { IKE_CAUSE_PROTOCOL, IKE_CAUSE_NO_ANSWER },
    { IKE_CAUSE_PROTOCOL, IKE_CAUSE_IKE_PROPOSAL },
    { IKE_CAUSE_PEER_DELETED, IKE_CAUSE_NO_ANSWER },
    { IKE_CAUSE_PEER_DELETED, IKE_CAUSE_LOST_ANSWER }, /* of a Quick Mode that the Delete overtook */
    { IKE_CAUSE_PFS, IKE_CAUSE_ESP_PROPOSAL },
};

enum ike_cause evidence_weigh(const struct ike *ike, const struct tunnel *tunnel, enum ike_cause cause)
{
    enum { REMEMBERED_SECONDS = 300 };
    if (mono_is_never(tunnel->cause_known_at) || mono_since(ike->now, tunnel->cause_known_at) >= MONO_S(REMEMBERED_SECONDS))
        return cause;
    for (size_t i = 0; i < sizeof outweighs / sizeof *outweighs; i++)
        if (outweighs[i].known == tunnel->cause && outweighs[i].now == cause)
            return tunnel->cause;
    return cause;
}

void peer_suspect(struct ike *ike, struct peer *peer, const struct isakmp_sa *sa, enum ike_cause cause, const char *seen)
{
    for (size_t t = 0; t < ike->conn_count; t++) {
        struct tunnel *tunnel = &ike->tunnels[t];
        if (tunnel->peer != peer->index || !tunnel->wanted || tunnel->state == IKE_STATE_UP)
            continue;
        if (evidence_weigh(ike, tunnel, cause) != cause)
            continue;
        bool known = tunnel->cause == cause && tunnel->failures > 0;
        tunnel_cause(ike, tunnel, cause, seen);
        if (sa)
            tunnel->evidence = evidence_of_main(sa);
        if (!known)
            output_notice(ike, IKE_NOTICE_CAUSE, tunnel, cause, "%s", tunnel->cause_text);
    }
}

/* What the wrong key makes of a message: payloads without sense, or a hash that does not fit. */
static bool is_unreadable(int err)
{
    static const int errs[] = { IKE_ERR_PAYLOAD_LENGTH, IKE_ERR_PAYLOAD_COUNT, IKE_ERR_PAYLOAD_MISSING, IKE_ERR_PAYLOAD_UNEXPECTED,
                                IKE_ERR_TRAILING, IKE_ERR_HASH };
    for (size_t i = 0; i < sizeof errs / sizeof *errs; i++)
        if (errs[i] == err)
            return true;
    return false;
}

/* Anybody on the way can send noise: it ends nothing, and is told once an attempt. */
void evidence_of_reading(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, int err)
{
    if (!is_unreadable(err) || sa->unreadable || !bucket_take(&peer->limits.notices, ike->now, 1, 3))
        return;
    sa->unreadable = true;
    peer_suspect(ike, peer, sa, IKE_CAUSE_PSK_MISMATCH, "what the headend sent encrypted cannot be read");
}

/* Behind the hash: a wrong IV spoils the first block alone, a wrong key all of it. */
static bool has_notify(const struct isakmp_sa *sa, struct bytes clear)
{
    struct reader r = reader_of(clear);
    (void)reader_bytes(&r, 4U + sa->keys.hash_length);
    (void)reader_u8(&r); /* next payload */
    uint8_t reserved = reader_u8(&r);
    uint16_t length = reader_u16(&r);
    uint32_t doi = reader_u32(&r);
    return !r.bad && reserved == 0 && length <= reader_left(&r) + 8 && doi == IANA_DOI_IPSEC;
}

/*
 * After our message 5 a headend that does not like it answers encrypted. Libreswan makes the IV of that answer in a way of
 * its own, so that it cannot be opened here, but it has the keys, and so the secret; with another secret it says nothing.
 * strongSwan says that it could not read the message, under keys that nobody else has.
 */
void evidence_of_error(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, int err, struct bytes clear)
{
    enum { AWAITS_MESSAGE_6 = 2 };
    bool waits = !sa->up && sa->x.role == ROLE_INITIATOR && sa->x.step == AWAITS_MESSAGE_6;
    if (!waits || !is_unreadable(err) || sa->evidence != IKE_CAUSE_NONE || !bucket_take(&peer->limits.notices, ike->now, 1, 3))
        return;
    sa->evidence = has_notify(sa, clear) ? IKE_CAUSE_IKE_ID : IKE_CAUSE_PSK_MISMATCH;
    sa->unreadable = true;
    peer_suspect(ike, peer, sa, sa->evidence, "an encrypted error came in place of message 6");
}

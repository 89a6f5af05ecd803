/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the Informational exchange (RFC 2409 5.7), Notify (RFC 2408 3.14), Delete (3.15) and the messages of dead
 * peer detection (RFC 3706 5). Entry points: info_take, info_take_clear, info_send_*.
 * Invariants: nothing is done before HASH(1) has verified; what comes in clear is a hint for a person and changes no
 * SA; after a payload has removed the SA that carried the message, the rest of the message is left alone.
 */
#include "ike/quick_v1.h"

#include "ike/err.h"
#include "ike/iana.h"

enum { DPD_REPEATS = 3 };

/* ---- sending ---- */

struct info {
    uint8_t protocol, spi_size, payload;
    uint16_t type;                    /* of a Notify */
    uint8_t spi[WIRE_COOKIES];
    struct bytes data;
};

static void put_info(struct wire_writer *out, const struct info *info)
{
    size_t at = wire_open(out, info->payload);
    writer_u32(&out->w, IANA_DOI_IPSEC);
    writer_u8(&out->w, info->protocol);
    writer_u8(&out->w, info->spi_size);
    writer_u16(&out->w, info->payload == IANA_PAYLOAD_DELETE ? 1 : info->type);
    writer_bytes(&out->w, bytes_of(info->spi, info->spi_size));
    writer_bytes(&out->w, info->data);
    wire_close(out, at);
}

static bool is_probe(uint8_t payload, uint16_t type)
{
    return payload == IANA_PAYLOAD_NOTIFY && (type == IANA_NOTIFY_R_U_THERE || type == IANA_NOTIFY_R_U_THERE_ACK);
}

/* What is no probe is remembered long, our own messages too: sent back to us they would verify. */
static void remember(struct isakmp_sa *sa, uint32_t message_id, bool probe)
{
    if (probe)
        quick_message_id_remember_probe(sa, message_id);
    else
        quick_message_id_remember(sa, message_id);
}

/* What ends something is said under an SA that is worn out, too, which goes the next moment: nothing can be sent back under it. */
static bool is_last_word(const struct info *info) { return info->payload == IANA_PAYLOAD_DELETE; }

/* HDR*, HASH(1), N or D under keys that exist; one way, never repeated. */
static void send_info(struct ike *ike, struct isakmp_sa *sa, const struct info *info)
{
    uint8_t memory[IKE_SEND_MAX], iv[CRYPTO_BLOCK], hash[CRYPTO_HASH_MAX];
    struct wire_writer out;
    bool is_a_probe = is_probe(info->payload, info->type);
    if (!sa->keys_ready || (quick_sa_worn_out(sa) && !is_a_probe && !is_last_word(info)))
        return;
    struct wire_header header = { .exchange = IANA_EXCHANGE_INFORMATIONAL, .flags = IANA_FLAG_ENCRYPTION,
                                  .message_id = quick_message_id_new(ike, sa) };
    remember(sa, header.message_id, is_a_probe);
    memcpy(header.cookie_i, sa->cookie_i, WIRE_COOKIE);
    memcpy(header.cookie_r, sa->cookie_r, WIRE_COOKIE);
    wire_write_header(&out, memory, sizeof memory - 4, 0, &header);
    size_t at = wire_open(&out, IANA_PAYLOAD_HASH);
    size_t hash_at = out.w.used, length = sa->keys.hash_length;
    writer_zero(&out.w, length);
    wire_close(&out, at);
    put_info(&out, info);
    if (out.w.bad)
        return;
    struct bytes rest = bytes_of(memory + hash_at + length, out.w.used - hash_at - length);
    if (keys_v1_hash_1(&sa->keys, header.message_id, rest, hash) || keys_v1_phase2_iv(&sa->keys, header.message_id, iv))
        return;
    memcpy(memory + hash_at, hash, length);
    struct bytes message = wire_finish(&out, CRYPTO_BLOCK);
    if (message.length == 0)
        return;
    uint8_t *body = memory + WIRE_HEADER;
    struct bytes key = bytes_of(sa->keys.cipher_key, sa->keys.key_length);
    if (crypto_cbc_encrypt(key, iv, bytes_of(body, message.length - WIRE_HEADER), body) == CRYPTO_OK)
        output_send(ike, &sa->path, message);
}

static struct info about_isakmp(const struct isakmp_sa *sa, uint8_t payload)
{
    struct info info = { .protocol = IANA_PROTOCOL_ISAKMP, .spi_size = WIRE_COOKIES, .payload = payload };
    memcpy(info.spi, sa->cookie_i, WIRE_COOKIE);
    memcpy(info.spi + WIRE_COOKIE, sa->cookie_r, WIRE_COOKIE);
    return info;
}

void info_send_notify(struct ike *ike, const struct peer *peer, struct isakmp_sa *sa, uint8_t protocol, uint16_t type, struct bytes data)
{
    struct info info = about_isakmp(sa, IANA_PAYLOAD_NOTIFY);
    (void)peer;
    if (protocol != IANA_PROTOCOL_ISAKMP) {
        info.protocol = protocol;
        info.spi_size = 0;
    }
    info.type = type;
    info.data = data;
    send_info(ike, sa, &info);
}

void info_send_delete_sa(struct ike *ike, struct isakmp_sa *sa)
{
    struct info info = about_isakmp(sa, IANA_PAYLOAD_DELETE);
    send_info(ike, sa, &info);
}

void info_send_delete_child(struct ike *ike, struct isakmp_sa *sa, uint32_t spi)
{
    struct info info = { .protocol = IANA_PROTOCOL_ESP, .spi_size = 4, .payload = IANA_PAYLOAD_DELETE,
                         .spi = { (uint8_t)(spi >> 24), (uint8_t)(spi >> 16), (uint8_t)(spi >> 8), (uint8_t)spi } };
    send_info(ike, sa, &info);
}

/* An error about a first message: in clear, with a responder's cookie of zero since no SA came of it, shorter than its cause. */
void info_send_clear_error(struct ike *ike, struct peer *peer, const struct ike_path *path, const struct wire_header *header, uint16_t type)
{
    uint8_t memory[WIRE_HEADER + 32];
    struct wire_writer out;
    struct wire_header reply = { .exchange = IANA_EXCHANGE_INFORMATIONAL };
    struct info info = { .protocol = IANA_PROTOCOL_ISAKMP, .payload = IANA_PAYLOAD_NOTIFY, .type = type };
    (void)peer;
    memcpy(reply.cookie_i, header->cookie_i, WIRE_COOKIE);
    wire_write_header(&out, memory, sizeof memory, 0, &reply);
    put_info(&out, &info);
    struct bytes message = wire_finish(&out, 0);
    if (message.length <= header->length)
        output_send(ike, path, message);
}

/* ---- receiving ---- */

struct notify {
    uint8_t protocol;
    uint16_t type;
    struct bytes spi, data;
};

static bool read_notify(struct bytes body, struct notify *n)
{
    struct reader r = reader_of(body);
    uint32_t doi = reader_u32(&r);
    n->protocol = reader_u8(&r);
    uint8_t spi_size = reader_u8(&r);
    n->type = reader_u16(&r);
    n->spi = reader_bytes(&r, spi_size);
    n->data = reader_rest(&r);
    return !r.bad && (doi == IANA_DOI_IPSEC || doi == 0);
}

static uint32_t number(struct bytes octets)
{
    struct reader r = reader_of(octets);
    return octets.length == 4 ? reader_u32(&r) : 0;
}

/* A probe of our own that somebody sends back; should the peer have come upon the same numbers, it is answered all the same. */
static bool is_ours(const struct dpd *d, uint32_t sequence)
{
    return d->sent_any && sequence - d->sent_first <= d->sent_sequence - d->sent_first;
}

/* Whether it is news of the peer. */
static bool take_probe(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, const struct notify *n)
{
    struct dpd *d = &sa->dpd;
    uint32_t sequence = number(n->data);
    if (n->data.length != 4)
        return false;
    bool ours = is_ours(d, sequence), repeated = !ours && d->heard_any && sequence <= d->heard_sequence;
    if (repeated) {
        /* Some peers repeat a number that was not answered: answer a few, then take it for a replay. */
        if (sequence != d->heard_sequence || d->heard_repeats++ >= DPD_REPEATS)
            return false;
    } else if (!ours) {
        d->heard_any = true;
        d->heard_sequence = sequence;
        d->heard_repeats = 0;
    }
    info_send_notify(ike, peer, sa, IANA_PROTOCOL_ISAKMP, IANA_NOTIFY_R_U_THERE_ACK, n->data);
    return !ours;
}

/* An answer to any of the probes that are still open; one that was answered, or none of ours, is a replay. */
static void take_probe_answer(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, const struct notify *n)
{
    struct dpd *d = &sa->dpd;
    uint32_t sequence = number(n->data), behind = d->sent_sequence - sequence;
    if (!d->sent_any || n->data.length != 4 || behind >= DPD_WINDOW || behind >= d->unanswered)
        return;
    struct mono sent = d->sent_at[sequence % DPD_WINDOW];
    liveness_measured(peer, mono_since(ike->now, sent));
    d->unanswered = behind;
    peer->heard_at = ike->now;
    liveness_answered(ike, peer, sent);
}

/* RESPONDER-LIFETIME after the exchange (RFC 2407 4.6.3.1): it shortens, never lengthens. */
static void take_lifetime(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, const struct notify *n)
{
    if (n->protocol == IANA_PROTOCOL_ISAKMP) {
        life_shorten(ike, peer->conf, sa_v1_read_lifetime(n->data, 1), sa->x.role, &sa->expires_at, &sa->rekey_at);
        return;
    }
    for (size_t t = 0; t < ike->conn_count; t++) {
        struct tunnel *tunnel = &ike->tunnels[t];
        struct child *c = tunnel->peer == peer->index ? child_find(tunnel, DP_OUT, number(n->spi)) : NULL;
        if (c && c->state == CHILD_UP)
            life_shorten(ike, tunnel->conf, sa_v1_read_lifetime(n->data, 2), c->role, &c->expires_at, &c->rekey_at);
    }
}

static bool take_notify(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, struct bytes body)
{
    struct notify n;
    if (!read_notify(body, &n))
        return false;
    if (n.type == IANA_NOTIFY_R_U_THERE) {
        return take_probe(ike, peer, sa, &n);
    } else if (n.type == IANA_NOTIFY_R_U_THERE_ACK) {
        take_probe_answer(ike, peer, sa, &n);
        return false; /* it counts only when it answers our last probe */
    } else if (n.type == IANA_NOTIFY_INITIAL_CONTACT) {
        peer_initial_contact(ike, peer, sa);
    } else if (n.type == IANA_NOTIFY_RESPONDER_LIFETIME) {
        take_lifetime(ike, peer, sa, &n);
    } else if (n.type <= IANA_NOTIFY_LAST_ERROR) {
        output_notice(ike, IKE_NOTICE_DEBUG, &ike->tunnels[peer->conf - ike->conns], IKE_CAUSE_NONE, "the headend sent %s",
                      iana_notify_name(n.type));
        quick_refused(ike, peer, sa, number(n.spi), n.type);
    }
    return true;
}

/* The peer has removed its inbound SA, which is our outbound one; some name ours instead. */
static void delete_child(struct ike *ike, struct peer *peer, uint32_t spi)
{
    for (size_t t = 0; t < ike->conn_count; t++) {
        struct tunnel *tunnel = &ike->tunnels[t];
        if (tunnel->peer != peer->index)
            continue;
        struct child *c = child_find(tunnel, DP_OUT, spi);
        c = c ? c : child_find(tunnel, DP_IN, spi);
        if (c) {
            child_deleted(ike, tunnel, c);
            return;
        }
    }
}

/* Returns false when the SA that carried this is gone. */
static bool take_delete(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, struct bytes body)
{
    struct reader r = reader_of(body);
    uint32_t doi = reader_u32(&r);
    uint8_t protocol = reader_u8(&r), spi_size = reader_u8(&r);
    uint16_t count = reader_u16(&r);
    if (r.bad || doi != IANA_DOI_IPSEC || reader_left(&r) != (size_t)count * spi_size)
        return true;
    if (protocol == IANA_PROTOCOL_ESP && spi_size == 4) {
        for (unsigned i = 0; i < count && i < TUNNEL_CHILDREN_MAX * CONF_CONNS_MAX; i++)
            delete_child(ike, peer, reader_u32(&r));
    } else if (protocol == IANA_PROTOCOL_ISAKMP && spi_size == WIRE_COOKIES) {
        bool this_one = false;
        for (unsigned i = 0; i < count; i++)
            this_one |= peer_sa_deleted(ike, peer, sa, reader_bytes(&r, WIRE_COOKIES));
        return !this_one;
    }
    return true;
}

static void take_payloads(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, const struct ike_path *path,
                          const struct wire_message *message)
{
    uint32_t serial = sa->serial;
    for (size_t i = 1; i < message->count; i++) {
        const struct wire_payload *p = &message->payloads[i];
        bool alive = true;
        if (p->type == IANA_PAYLOAD_NOTIFY && take_notify(ike, peer, sa, p->body) && sa->used && sa->serial == serial) {
            peer_heard(ike, peer);
            peer_adopt_path(ike, peer, sa, path);
        } else if (p->type == IANA_PAYLOAD_DELETE) {
            peer_heard(ike, peer);
            alive = take_delete(ike, peer, sa, p->body);
        }
        if (!alive || !sa->used || sa->serial != serial)
            return;
    }
    peer_drive(ike, peer);
}

/* Of dead peer detection and of nothing else? */
static bool all_probes(const struct wire_message *message)
{
    for (size_t i = 1; i < message->count; i++) {
        struct notify n;
        if (!read_notify(message->payloads[i].body, &n) || !is_probe(message->payloads[i].type, n.type))
            return false;
    }
    return message->count > 1;
}

/* Before our own Main Mode is through, an authenticated error tells why it will not be. */
static void take_early(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, const struct wire_message *message)
{
    for (size_t i = 1; i < message->count; i++) {
        struct notify n;
        if (message->payloads[i].type != IANA_PAYLOAD_NOTIFY || !read_notify(message->payloads[i].body, &n))
            continue;
        if (n.type == IANA_NOTIFY_INVALID_ID_INFORMATION || n.type == IANA_NOTIFY_AUTHENTICATION_FAILED) {
            sa->notify = n.type;
            sa->notify_authenticated = true;
            peer_sa_failed(ike, peer, sa, IKE_CAUSE_IKE_ID);
            return;
        }
    }
}

void info_take(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, const struct ike_path *path,
               const struct wire_header *header, struct bytes body)
{
    uint8_t clear[IKE_MESSAGE_MAX];
    struct wire_message message;
    int err = quick_message_id_fresh(sa, header->message_id) ? IKE_OK : IKE_ERR_MESSAGE_ID;
    err = err ? err : exchange_open_phase2(sa, header->message_id, body, clear, header->next, &message);
    err = !err && quick_sa_worn_out(sa) && !all_probes(&message) ? IKE_ERR_WORN : err;
    if (err) {
        exchange_debug(ike, peer, "an Informational message", err);
        evidence_of_error(ike, peer, sa, err, bytes_of(clear, body.length < sizeof clear ? body.length : sizeof clear));
    } else {
        remember(sa, header->message_id, all_probes(&message));
        if (sa->up)
            take_payloads(ike, peer, sa, path, &message);
        else
            take_early(ike, peer, sa, &message);
    }
    bytes_wipe(clear, sizeof clear);
}

/* What an error in clear may mean for an attempt of ours that has got no further. */
static enum ike_cause clear_cause(uint16_t type, unsigned step)
{
    if (type == IANA_NOTIFY_NO_PROPOSAL_CHOSEN)
        return IKE_CAUSE_IKE_PROPOSAL;
    if (type == IANA_NOTIFY_INVALID_ID_INFORMATION || type == IANA_NOTIFY_AUTHENTICATION_FAILED)
        return step == 2 ? IKE_CAUSE_PSK_MISMATCH : IKE_CAUSE_IKE_ID;
    if (type == IANA_NOTIFY_PAYLOAD_MALFORMED && step == 2)
        return IKE_CAUSE_PSK_MISMATCH;
    return IKE_CAUSE_NONE;
}

/* Anybody can send these: they end nothing. The attempt goes on; should it fail, this is the reason that is given. */
void info_take_clear(struct ike *ike, struct peer *peer, struct isakmp_sa *sa, const struct wire_header *header, struct bytes body)
{
    struct wire_message message;
    struct notify n;
    if (sa->up || sa->x.role != ROLE_INITIATOR || wire_read_payloads(header->next, body, &message))
        return;
    struct bytes payload = wire_find(&message, IANA_PAYLOAD_NOTIFY);
    if (payload.length == 0 || !read_notify(payload, &n) || n.type > IANA_NOTIFY_LAST_ERROR)
        return;
    enum ike_cause cause = clear_cause(n.type, sa->x.step);
    if (cause != IKE_CAUSE_NONE && sa->evidence == IKE_CAUSE_NONE) {
        sa->evidence = cause;
        sa->notify = n.type;
        peer_suspect(ike, peer, sa, cause, iana_notify_name(n.type));
    }
}

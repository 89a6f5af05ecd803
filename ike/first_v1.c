/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the responder's first exchange: message 1 is answered without a state of its own, so that forged ones cost
 * neither memory nor a Diffie-Hellman. Our cookie is a keyed hash of the peer's address, its cookie and its SA
 * payload (RFC 2408 2.5.3); the payload itself, which the hashes of messages 5 and 6 cover, is remembered in a
 * fixed table where those that once led to an authenticated SA are not displaced while there is another
 * place. Message 3 with a good cookie proves that the peer receives at its address: only then a slot and an
 * exponentiation are spent.
 *
 * Answers to forged messages go to the headend whose address they bear, and would drown it. So only so many a second
 * are answered at once. Of the others a mark is kept, and what comes a second time is answered: who waits for an answer
 * sends again, with the same cookie, after half a second or so; who floods has no reason to. Another mark is kept of what
 * was answered, so that garbage is not taken for a message 3, whose cookie costs a hash.
 * Entry points: main_take_first, main_take_third, first_prove.
 * Invariants: one answer per message, never longer than it, never sent again by ourselves.
 */
#include "ike/exchange_v1.h"

#include "ike/err.h"
#include "ike/iana.h"
#include "ike/main_v1.h"
#include "ike/proposal.h"
#include "ike/vid.h"

_Static_assert(OFFERS_MAX == 32, "the cookie has five bits for the place");
_Static_assert(MARKS_MAX == 1 << 16 && ANSWERED_MAX <= MARKS_MAX, "two octets of the initiator's cookie are the place of its mark");

enum {
    COOKIE_SECONDS = 60,           /* our cookie is good for one to two times that long */
    ANSWERS_A_SECOND = 100,        /* per headend, to offers that are remembered */
    OFFERS_A_SECOND = 20,          /* per headend, that are new: each may displace one */
    REPEATS_A_SECOND = 20,         /* per headend, to either, beyond these: to what came before */
    MARKS_ROW = 8,
    MARK_TIMES = 3, MARK_ANSWERED_MOST = 3, /* in a mark: 1 came, 2 and 3 answered once and twice; the rest is of the cookie */
    COOKIE_SLOT = 31, COOKIE_EPOCH = 5, /* in the cookie's first octet: the offer's place, and a bit that tells the epoch */
    EXPONENTIATIONS_A_SECOND = 10, /* per headend */
    PROVEN_MOST = 2,               /* offers of one headend that others do not displace */
};

_Static_assert(MARKS_MAX % MARKS_ROW == 0, "whole rows");

static bool cookie_for(const struct ike *ike, const struct peer *peer, const struct ike_path *path, const uint8_t cookie_i[WIRE_COOKIE],
                       const struct first_offer *offer, int64_t epoch, uint8_t out[WIRE_COOKIE])
{
    const uint8_t flags[] = { offer->natt, offer->dpd, (uint8_t)peer->index, (uint8_t)(path->remote.port >> 8), (uint8_t)path->remote.port };
    struct bytes parts[] = { bytes_of(&epoch, sizeof epoch), bytes_of(cookie_i, WIRE_COOKIE), addr_bytes(&path->remote.addr),
                             bytes_of(flags, sizeof flags), bytes_of(offer->body, offer->length) };
    uint8_t mac[CRYPTO_HASH_MAX];
    if (crypto_prf(CRYPTO_SHA2_256, bytes_of(ike->cookie_secret, DIGEST), parts, 5, mac) != CRYPTO_OK)
        return false; /* zeros would be a cookie that anybody knows */
    memcpy(out, mac, WIRE_COOKIE);
    out[0] = (uint8_t)((out[0] & ~(COOKIE_SLOT | 1U << COOKIE_EPOCH)) | (size_t)(offer - ike->offers) | (epoch & 1) << COOKIE_EPOCH);
    return true;
}

static int64_t epoch_now(const struct ike *ike)
{
    return ike->now.us / MONO_S(COOKIE_SECONDS);
}

/*
 * A place for a new payload: a free one, else one of the same headend that is not proven, at random, else any that is not,
 * else the headend's own that was proven longest ago. There may be more headends than places: one that has none takes one.
 */
static struct first_offer *place(struct ike *ike, const struct peer *peer)
{
    struct first_offer *mine[OFFERS_MAX] = { NULL }, *others[OFFERS_MAX] = { NULL }, *oldest = NULL;
    uint32_t m = 0, o = 0;
    for (size_t i = 0; i < OFFERS_MAX; i++) {
        struct first_offer *f = &ike->offers[i];
        if (!f->used)
            return f;
        bool own = f->peer == peer->index;
        if (!f->proven && own)
            mine[m++] = f;
        else if (!f->proven)
            others[o++] = f;
        else if (own && (!oldest || f->proven_at.us < oldest->proven_at.us))
            oldest = f;
    }
    if (m > 0)
        return mine[ike_random_below(ike, m)];
    if (o > 0)
        return others[ike_random_below(ike, o)];
    return oldest ? oldest : &ike->offers[ike_random_below(ike, OFFERS_MAX)];
}

static struct first_offer *remembered(struct ike *ike, const struct peer *peer, struct bytes body, unsigned vids)
{
    bool natt = vids & VID_NATT, dpd = vids & VID_DPD;
    for (size_t i = 0; i < OFFERS_MAX; i++) {
        struct first_offer *f = &ike->offers[i];
        if (f->used && f->peer == peer->index && f->natt == natt && f->dpd == dpd && bytes_equal(bytes_of(f->body, f->length), body))
            return f;
    }
    return NULL;
}

static struct first_offer *remember(struct ike *ike, const struct peer *peer, struct bytes body, unsigned vids)
{
    struct first_offer *f = place(ike, peer);
    f->used = true;
    f->proven = false;
    f->peer = peer->index;
    f->natt = vids & VID_NATT;
    f->dpd = vids & VID_DPD;
    f->length = (uint16_t)body.length;
    memcpy(f->body, body.data, body.length);
    return f;
}

/* Message 2: the chosen transform as offered, and only vendor IDs that the peer sent too: never longer than message 1. */
static void answer(struct ike *ike, const struct ike_path *path, const struct wire_header *header, const uint8_t cookie_r[WIRE_COOKIE],
                   const struct sa_offer *chosen, unsigned vids)
{
    uint8_t memory[IKE_SEND_MAX], sa_body[512];
    struct wire_writer out;
    struct wire_header reply = { .exchange = IANA_EXCHANGE_MAIN };
    memcpy(reply.cookie_i, header->cookie_i, WIRE_COOKIE);
    memcpy(reply.cookie_r, cookie_r, WIRE_COOKIE);
    struct writer sa = writer_of(sa_body, sizeof sa_body);
    sa_v1_write_ike_choice(&sa, chosen);
    if (sa.bad)
        return;
    wire_write_header(&out, memory, sizeof memory - 4, 0, &reply);
    wire_payload(&out, IANA_PAYLOAD_SA, writer_span(&sa));
    vid_write(&out, vids);
    struct bytes message = wire_finish(&out, 0);
    if (message.length <= header->length)
        output_send(ike, path, message);
}

static void no_common_proposal(struct ike *ike, struct peer *peer, const struct ike_path *path, const struct wire_header *header,
                               const struct sa_offers *offers)
{
    char list[160];
    if (!bucket_take(&peer->limits.notices, ike->now, 1, 1))
        return;
    proposal_print_offers(offers, 1, list, sizeof list);
    output_notice(ike, IKE_NOTICE_WARNING, &ike->tunnels[peer->conf - ike->conns], IKE_CAUSE_IKE_PROPOSAL,
                  "the headend offers no phase 1 proposal that ike= has; it offers %s", list);
    info_send_clear_error(ike, peer, path, header, IANA_NOTIFY_NO_PROPOSAL_CHOSEN);
}

/* Its place in either table of marks, and what is kept of the rest of it in that of answered ones; never 0, which is an empty place. */
static size_t mark_place(const uint8_t cookie_i[WIRE_COOKIE]) { return (size_t)(cookie_i[0] << 8 | cookie_i[1]); }
static uint16_t mark_name(const uint8_t cookie_i[WIRE_COOKIE]) { return (uint16_t)(cookie_i[2] << 8 | cookie_i[3] | 1); }

/*
 * A message that got no answer came with this cookie before. Twice is enough, lest a recorded one be answered for ever. The
 * marks are in rows, the newest first: in a flood of 20,000 a second one of 250 is gone after a second.
 */
static bool came_before(struct ike *ike, struct peer *peer, const uint8_t cookie_i[WIRE_COOKIE])
{
    uint32_t *row = &ike->first_marks[mark_place(cookie_i) / MARKS_ROW * MARKS_ROW], name;
    memcpy(&name, cookie_i + 2, sizeof name);
    name &= ~(uint32_t)MARK_TIMES;
    for (size_t i = 0; i < MARKS_ROW; i++) {
        if ((row[i] & MARK_TIMES) == 0 || (row[i] & ~(uint32_t)MARK_TIMES) != name)
            continue;
        bool answered_enough = (row[i] & MARK_TIMES) == MARK_ANSWERED_MOST;
        if (answered_enough || !bucket_take(&peer->limits.repeats, ike->now, REPEATS_A_SECOND, REPEATS_A_SECOND))
            return false;
        row[i]++;
        return true;
    }
    memmove(row + 1, row, (MARKS_ROW - 1) * sizeof *row);
    row[0] = name | 1;
    return false;
}

/* The remembered offer, or a place for a new one. NULL: too many come. */
static const struct first_offer *offer_for(struct ike *ike, struct peer *peer, const struct wire_header *header, struct bytes sa, unsigned vids)
{
    const struct first_offer *known = remembered(ike, peer, sa, vids);
    bool taken = known ? bucket_take(&peer->limits.answers, ike->now, ANSWERS_A_SECOND, ANSWERS_A_SECOND)
                       : bucket_take(&peer->limits.offers, ike->now, OFFERS_A_SECOND, OFFERS_A_SECOND);
    if (!taken) {
        peer->limits.flood_at = ike->now;
        taken = came_before(ike, peer, header->cookie_i);
    }
    if (taken)
        return known ? known : remember(ike, peer, sa, vids);
    /* Among so many that are forged, one may be the headend's own that has lost its SAs: a probe, once a second at most,
     * tells, and should there be no answer, our own Main Mode comes through where its own drowns. */
    liveness_hint(ike, peer, HINT_OTHER, "a flood of first messages comes from its address");
    return NULL;
}

void main_take_first(struct ike *ike, struct peer *peer, const struct ike_path *path, const struct wire_header *header, struct bytes body)
{
    static const struct exchange_row row = { .name = "Main Mode message 1", .must = BIT(IANA_PAYLOAD_SA) };
    struct wire_message message;
    struct sa_offers offers;
    struct conf_ike_proposal proposal;
    int err = header->flags & IANA_FLAG_ENCRYPTION || header->message_id ? IKE_ERR_FLAGS : wire_read_payloads(header->next, body, &message);
    err = err ? err : exchange_check_payloads(&row, &message);
    struct bytes sa = err ? bytes_of(NULL, 0) : wire_find(&message, IANA_PAYLOAD_SA);
    err = err ? err : sa.length > SA_BODY_MAX ? IKE_ERR_SA_MALFORMED : sa_v1_read(sa, 1, &offers);
    err = err ? err : offers.proposals != 1 ? IKE_ERR_SA_MALFORMED : IKE_OK;
    if (err) {
        exchange_debug(ike, peer, row.name, err);
        return;
    }
    const struct sa_offer *chosen = proposal_select_ike(&offers, peer->conf, &proposal);
    if (!chosen) {
        no_common_proposal(ike, peer, path, header, &offers);
        return;
    }
    unsigned vids = vid_read(&message) & (peer->conf->encapsulation == CONF_NO ? VID_DPD : VID_NATT | VID_DPD);
    const struct first_offer *offer = offer_for(ike, peer, header, sa, vids);
    if (!offer)
        return;
    uint8_t cookie_r[WIRE_COOKIE];
    if (!cookie_for(ike, peer, path, header->cookie_i, offer, epoch_now(ike), cookie_r))
        return;
    ike->first_answered[mark_place(header->cookie_i) % ANSWERED_MAX] = mark_name(header->cookie_i);
    answer(ike, path, header, cookie_r, chosen, vids);
}

/* The remembered payload whose cookie this message carries. One hash at most, and none for what begins nothing here. */
static struct first_offer *find_offer(struct ike *ike, const struct peer *peer, const struct ike_path *path, const struct wire_header *header)
{
    struct first_offer *f = &ike->offers[header->cookie_r[0] & COOKIE_SLOT];
    int64_t epoch = epoch_now(ike), told = header->cookie_r[0] >> COOKIE_EPOCH;
    uint8_t cookie_r[WIRE_COOKIE];
    epoch -= (epoch ^ told) & 1;
    if (ike->first_answered[mark_place(header->cookie_i) % ANSWERED_MAX] != mark_name(header->cookie_i))
        return NULL;
    if (!f->used || f->peer != peer->index || !cookie_for(ike, peer, path, header->cookie_i, f, epoch, cookie_r))
        return NULL;
    return bytes_equal(bytes_of(cookie_r, WIRE_COOKIE), bytes_of(header->cookie_r, WIRE_COOKIE)) ? f : NULL;
}

/* The SA as it is after messages 1 and 2, made up from what was remembered. */
static bool rebuild(struct isakmp_sa *sa, const struct peer *peer, const struct ike_path *path, const struct wire_header *header,
                    const struct first_offer *offer)
{
    struct sa_offers offers;
    const struct sa_offer *chosen = NULL;
    if (sa_v1_read(bytes_of(offer->body, offer->length), 1, &offers) == IKE_OK)
        chosen = proposal_select_ike(&offers, peer->conf, &sa->chosen);
    if (!chosen)
        return false;
    memcpy(sa->cookie_i, header->cookie_i, WIRE_COOKIE);
    memcpy(sa->cookie_r, header->cookie_r, WIRE_COOKIE);
    sa->path = *path;
    sa->life_seconds = peer->conf->ike_lifetime;
    if (chosen->attributes.life_seconds && chosen->attributes.life_seconds < sa->life_seconds)
        sa->life_seconds = (uint32_t)chosen->attributes.life_seconds;
    sa->sai_length = offer->length;
    memcpy(sa->sai_b, offer->body, offer->length);
    sa->peer_natt = offer->natt;
    sa->peer_dpd = offer->dpd;
    return true;
}

bool main_take_third(struct ike *ike, struct peer *peer, const struct ike_path *path, struct bytes datagram,
                     const struct wire_header *header, struct bytes body)
{
    const struct first_offer *offer = header->message_id == 0 ? find_offer(ike, peer, path, header) : NULL;
    if (!offer)
        return false;
    if (!bucket_take(&peer->limits.exponentiations, ike->now, EXPONENTIATIONS_A_SECOND, 2 * EXPONENTIATIONS_A_SECOND))
        return true;
    const struct exchange_row *row = main_row(ROLE_RESPONDER, 0);
    struct isakmp_sa scratch = { .x = { .role = ROLE_RESPONDER } };
    struct step s = { .ike = ike, .peer = peer, .sa = &scratch, .path = path };
    int err = rebuild(&scratch, peer, path, header, offer) ? exchange_run(&s, row, header, body) : IKE_ERR_NO_PROPOSAL;
    struct isakmp_sa *sa = err ? NULL : peer_sa_new(ike, peer, ROLE_RESPONDER);
    if (!sa) {
        exchange_debug(ike, peer, row->name, err ? err : IKE_ERR_BUSY);
        bytes_wipe(&scratch, sizeof scratch);
        return true;
    }
    exchange_remember(&scratch.x, datagram);
    scratch.used = true;
    scratch.serial = sa->serial;
    scratch.began = sa->began;
    scratch.since = sa->since;
    scratch.rekey_at = sa->rekey_at;
    scratch.expires_at = sa->expires_at;
    scratch.quick_wait = sa->quick_wait;
    scratch.discard_at = sa->discard_at;
    *sa = scratch;
    bytes_wipe(&scratch, sizeof scratch);
    peer_main_hold(ike, peer);
    exchange_send(ike, peer->conf, &sa->x, &sa->path, false);
    return true;
}

/* A headend offers one thing, and another after a change of its file: what it offered before has no claim to a place. */
static void leave_proven(struct ike *ike, const struct peer *peer)
{
    struct first_offer *oldest = NULL;
    unsigned count = 0;
    for (size_t i = 0; i < OFFERS_MAX; i++) {
        struct first_offer *f = &ike->offers[i];
        if (!f->used || !f->proven || f->peer != peer->index)
            continue;
        count++;
        if (!oldest || f->proven_at.us < oldest->proven_at.us)
            oldest = f;
    }
    if (count > PROVEN_MOST)
        oldest->proven = false;
}

void first_prove(struct ike *ike, const struct peer *peer, const struct isakmp_sa *sa)
{
    for (size_t i = 0; i < OFFERS_MAX; i++) {
        struct first_offer *f = &ike->offers[i];
        if (!f->used || f->peer != peer->index || f->natt != sa->peer_natt || f->dpd != sa->peer_dpd ||
            !bytes_equal(bytes_of(f->body, f->length), bytes_of(sa->sai_b, sa->sai_length)))
            continue;
        f->proven = true;
        f->proven_at = ike->now;
    }
    leave_proven(ike, peer);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the instance: its memory, and the way of a datagram to the exchange it belongs to. Entry points: ike.h.
 * RFC 2408 3.1 (header), RFC 3948 2.2-2.3 (non-ESP marker, keepalive). Invariants: memory is allocated in ike_new
 * alone, for as many conns as there may ever be (pages that nobody uses cost nothing); a datagram from an address that is no configured headend's is dropped before anything is looked at.
 */
#include "ike/exchange_v1.h"

#include "ike/err.h"
#include "ike/iana.h"
#include "ike/id.h"

#include <stdio.h>
#include <stdlib.h>

enum { MARKER = 4, OUTPUTS_LEAST = 64, OUTPUTS_PER_CONN = 32, TICK_ROOM = 48 };

int ike_new(struct ike **out, const struct conf *conf, const struct ike_env *env, struct mono now)
{
    struct ike *ike = calloc(1, sizeof *ike);
    *out = NULL;
    if (!ike)
        return -1;
    ike->env = *env;
    ike->now = now;
    ike->output_size = OUTPUTS_LEAST + OUTPUTS_PER_CONN * CONF_CONNS_MAX;
    ike->outputs = calloc(ike->output_size, sizeof *ike->outputs);
    ike->conns = calloc(CONF_CONNS_MAX, sizeof *ike->conns);
    ike->peers = calloc(CONF_CONNS_MAX, sizeof *ike->peers);
    ike->tunnels = calloc(CONF_CONNS_MAX, sizeof *ike->tunnels);
    if (!ike->outputs || !ike->conns || !ike->peers || !ike->tunnels) {
        ike_free(ike);
        return -1;
    }
    ike_random(ike, ike->cookie_secret, sizeof ike->cookie_secret);
    for (size_t i = 0; i < conf->count; i++)
        ike_configure(ike, now, (uint16_t)i, 0, &conf->conns[i]);
    *out = ike;
    return 0;
}

static void wipe_free(void *memory, size_t length)
{
    if (memory)
        bytes_wipe(memory, length);
    free(memory);
}

void ike_free(struct ike *ike)
{
    if (!ike)
        return;
    wipe_free(ike->outputs, ike->output_most * sizeof *ike->outputs);
    wipe_free(ike->conns, ike->conn_count * sizeof *ike->conns);
    wipe_free(ike->peers, ike->peer_count * sizeof *ike->peers);
    wipe_free(ike->tunnels, ike->conn_count * sizeof *ike->tunnels);
    wipe_free(ike, sizeof *ike);
}

/* Two conns may have one headend and an address each on this side. */
static struct peer *peer_at(struct ike *ike, const struct ike_path *path)
{
    struct peer *first = NULL;
    for (size_t p = 0; p < ike->peer_count; p++) {
        struct peer *peer = &ike->peers[p];
        if (!addr_equal(&peer->remote, &path->remote.addr))
            continue;
        if (addr_equal(&peer->local, &path->local.addr))
            return peer;
        first = first ? first : peer;
    }
    return first;
}

static void take_main(struct ike *ike, struct peer *peer, const struct ike_path *path, struct bytes datagram,
                      const struct wire_header *header, struct bytes body)
{
    static const uint8_t zero[WIRE_COOKIE];
    struct isakmp_sa *sa = peer_sa_find(peer, header);
    if (memcmp(header->cookie_r, zero, WIRE_COOKIE) == 0)
        main_take_first(ike, peer, path, header, body);
    else if (sa)
        main_take(ike, peer, sa, path, datagram, header, body);
    else if (!main_take_third(ike, peer, path, datagram, header, body))
        exchange_debug(ike, peer, "a Main Mode message", IKE_ERR_UNKNOWN_SA);
}

static void take_phase2(struct ike *ike, struct peer *peer, const struct ike_path *path, struct bytes datagram,
                        const struct wire_header *header, struct bytes body)
{
    struct isakmp_sa *sa = peer_sa_find(peer, header);
    bool encrypted = header->flags & IANA_FLAG_ENCRYPTION, info = header->exchange == IANA_EXCHANGE_INFORMATIONAL;
    int err = !sa ? IKE_ERR_UNKNOWN_SA : !encrypted ? IKE_ERR_NOT_ENCRYPTED : !sa->keys_ready || (!info && !sa->up) ? IKE_ERR_STATE : IKE_OK;
    if (sa && !encrypted && info)
        info_take_clear(ike, peer, sa, header, body);
    else if (err)
        exchange_debug(ike, peer, iana_exchange_name(header->exchange), err);
    else if (info)
        info_take(ike, peer, sa, path, header, body);
    else
        quick_take(ike, peer, sa, path, datagram, header, body);
}

/* What is not spoken here gets one line a second at most, and no answer. */
static void refuse_exchange(struct ike *ike, struct peer *peer, const struct wire_header *header)
{
    if (!bucket_take(&peer->limits.notices, ike->now, 1, 3))
        return;
    output_notice(ike, IKE_NOTICE_WARNING, &ike->tunnels[peer->conf - ike->conns], IKE_CAUSE_PROTOCOL,
                  "the headend wants %s (exchange type %u), which is not spoken here: Main Mode and Quick Mode with a pre-shared key are",
                  iana_exchange_name(header->exchange), header->exchange);
    char seen[64];
    snprintf(seen, sizeof seen, "it wants %s", iana_exchange_name(header->exchange));
    peer_suspect(ike, peer, NULL, IKE_CAUSE_PROTOCOL, seen);
}

static void refuse_version(struct ike *ike, struct peer *peer, const struct wire_header *header)
{
    if (header->version >> 4 != 2 || !bucket_take(&peer->limits.notices, ike->now, 1, 3))
        return;
    peer_suspect(ike, peer, NULL, IKE_CAUSE_IKE_VERSION, "an IKEv2 message came");
}

static void take_message(struct ike *ike, struct peer *peer, const struct ike_path *path, struct bytes datagram)
{
    static const uint8_t zero[WIRE_COOKIE];
    struct wire_header header;
    struct bytes body;
    int err = wire_read_header(datagram, &header, &body);
    if (err == IKE_ERR_VERSION)
        refuse_version(ike, peer, &header);
    if (!err && memcmp(header.cookie_i, zero, WIRE_COOKIE) == 0)
        err = IKE_ERR_FLAGS;
    if (!err && header.flags & IANA_FLAG_AUTHENTICATION_ONLY)
        err = IKE_ERR_FLAGS;
    if (err) {
        exchange_debug(ike, peer, "a datagram", err);
        return;
    }
    datagram.length = header.length; /* what a peer appends to a message is no part of it */
    if (header.exchange == IANA_EXCHANGE_MAIN)
        take_main(ike, peer, path, datagram, &header, body);
    else if (header.exchange == IANA_EXCHANGE_QUICK || header.exchange == IANA_EXCHANGE_INFORMATIONAL)
        take_phase2(ike, peer, path, datagram, &header, body);
    else
        refuse_exchange(ike, peer, &header);
}

void ike_set_debug(struct ike *ike, bool wanted) { ike->quiet = !wanted; }

void ike_packet(struct ike *ike, struct mono now, const struct ike_path *path, struct bytes datagram)
{
    static const uint8_t marker[MARKER];
    ike->now = now;
    struct peer *peer = peer_at(ike, path);
    if (!peer || ike->stopping || datagram.length > IKE_MESSAGE_MAX + MARKER || output_room(ike) < TICK_ROOM / 2)
        return;
    if (path->local.port == IKE_PORT_NATT) {
        if (datagram.length <= MARKER || memcmp(datagram.data, marker, MARKER) != 0)
            return; /* a keepalive, or ESP that the kernel did not take */
        datagram = bytes_of(datagram.data + MARKER, datagram.length - MARKER);
    }
    take_message(ike, peer, path, datagram);
}

void ike_dataplane_done(struct ike *ike, struct mono now, const struct dp_reply *reply)
{
    ike->now = now;
    struct tunnel *tunnel = tunnel_at(ike, reply->conn);
    if (tunnel && reply->generation == tunnel->generation)
        child_reply(ike, tunnel, reply);
}

void ike_dataplane_event(struct ike *ike, struct mono now, const struct dp_event *event)
{
    ike->now = now;
    struct tunnel *tunnel = tunnel_at(ike, event->conn);
    if (!tunnel || event->generation != tunnel->generation || ike->stopping)
        return;
    if (event->type == DP_EVENT_PATH)
        peer_path_changed(ike, &ike->peers[tunnel->peer], &event->local.addr);
    else
        child_event(ike, tunnel, event);
}

void ike_unreachable(struct ike *ike, struct mono now, const struct addr *headend)
{
    ike->now = now;
    for (size_t p = 0; p < ike->peer_count && !ike->stopping; p++)
        if (ike->peers[p].conf && addr_equal(&ike->peers[p].remote, headend))
            liveness_hint(ike, &ike->peers[p], HINT_UNREACHABLE, "an ICMP error came about its address");
}

void ike_tick(struct ike *ike, struct mono now)
{
    ike->now = now;
    for (size_t p = 0; p < ike->peer_count && output_room(ike) >= TICK_ROOM; p++)
        if (mono_reached(now, peer_deadline(ike, &ike->peers[p])))
            peer_tick(ike, &ike->peers[p]);
}

size_t ike_conn_count(const struct ike *ike) { return ike->conn_count; }
const struct conf_conn *ike_conn(const struct ike *ike, uint16_t conn) { return conn < ike->conn_count ? ike->tunnels[conn].conf : NULL; }

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns which conn is in which slot and to which headend it belongs, at the start as after a reload. Entry point:
 * ike_configure. Invariants: a slot that is not named keeps all it has; of several conns to one headend the one in the
 * lowest slot decides phase 1; a headend without conns has no state.
 */
#include "ike/id.h"
#include "ike/state.h"

/* ---- headends ---- */

static bool is_of(const struct peer *peer, const struct conf_conn *conf)
{
    const struct conf_end *near = conf_near(conf), *other = peer->conf ? conf_near(peer->conf) : NULL;
    return other && addr_equal(&peer->remote, &conf_far(conf)->addr) && other->host == near->host && addr_equal(&other->addr, &near->addr);
}

static void peer_init(const struct ike *ike, struct peer *peer, uint16_t index, const struct conf_conn *conf)
{
    *peer = (struct peer){ .index = index, .conf = conf, .remote = conf_far(conf)->addr, .retry_at = ike->now,
                           .heard_at = ike->now, .keepalive_at = ike->now, .round_trip_us = -1, .last_trip_us = -1 };
    struct mono full = mono_after(ike->now, -MONO_S(60));
    peer->flap_at = peer->hold_at = mono_after(ike->now, -MONO_S(3600));
    peer->answered_at = peer->traffic.in_at = ike->now;
    peer->traffic.unanswered_at = MONO_NEVER;
    struct bucket fresh = { .at = full };
    peer->limits = (struct limits){ fresh, fresh, fresh, fresh, fresh, fresh, fresh, .flood_at = full };
}

static struct peer *peer_for(struct ike *ike, const struct conf_conn *conf)
{
    size_t place = ike->peer_count;
    for (size_t p = ike->peer_count; p-- > 0;) {
        if (is_of(&ike->peers[p], conf))
            return &ike->peers[p];
        place = ike->peers[p].conf ? place : p;
    }
    ike->peer_count += place == ike->peer_count;
    peer_init(ike, &ike->peers[place], (uint16_t)place, conf);
    return &ike->peers[place];
}

static const struct conf_conn *first_conn(const struct ike *ike, const struct peer *peer)
{
    for (size_t t = 0; t < ike->conn_count; t++)
        if (ike->tunnels[t].peer == peer->index)
            return ike->tunnels[t].conf;
    return NULL;
}

static void peer_end(struct ike *ike, struct peer *peer)
{
    for (size_t i = 0; i < OFFERS_MAX; i++)
        if (ike->offers[i].used && ike->offers[i].peer == peer->index)
            bytes_wipe(&ike->offers[i], sizeof ike->offers[i]);
    peer_stop(ike, peer);
    bytes_wipe(peer, sizeof *peer);
}

/* After a conn came or went. */
static void peer_choose(struct ike *ike, struct peer *peer)
{
    const struct conf_conn *conf = first_conn(ike, peer);
    if (!conf) {
        peer_end(ike, peer);
        return;
    }
    peer->conf = conf;
    peer->far_id = id_of_end(conf_far(conf), &conf_far(conf)->addr);
    peer->near_id = id_of_end(conf_near(conf), peer->local.family ? &peer->local : &conf_near(conf)->addr);
}

/* ---- slots ---- */

static void fill(struct ike *ike, struct tunnel *tunnel)
{
    const struct conf_conn *conf = &ike->conns[tunnel->index];
    tunnel->conf = conf;
    tunnel->wanted = conf->autostart == CONF_AUTO_START;
    tunnel->state = tunnel->wanted ? IKE_STATE_NO_ROUTE : IKE_STATE_DOWN;
    tunnel->since = tunnel->retry_at = ike->now;
    tunnel->one_way.since = MONO_NEVER;
    struct peer *peer = peer_for(ike, conf);
    tunnel->peer = peer->index;
    peer_choose(ike, peer);
}

static void empty(struct ike *ike, struct tunnel *tunnel, uint16_t slot, uint32_t generation)
{
    struct peer *peer = tunnel->conf ? &ike->peers[tunnel->peer] : NULL;
    if (peer)
        tunnel_leave(ike, tunnel);
    tunnel->index = slot;
    tunnel->peer = PEER_NONE;
    tunnel->generation = generation;
    if (peer)
        peer_choose(ike, peer);
}

static bool same_offer(const struct conf_conn *a, const struct conf_conn *b)
{
    bool same = a->ike_count == b->ike_count;
    for (size_t i = 0; same && i < a->ike_count; i++)
        same = a->ike[i].cipher == b->ike[i].cipher && a->ike[i].key_bits == b->ike[i].key_bits && a->ike[i].hash == b->ike[i].hash &&
               a->ike[i].group == b->ike[i].group;
    return same;
}

static bool same_id(const struct conf_id *a, const struct conf_id *b)
{
    return a->type == b->type && a->length == b->length && memcmp(a->data, b->data, a->length) == 0;
}

/* Phase 1 of the headend goes by this slot's conn, and would go otherwise by the new one. */
static bool changes_phase1(const struct ike *ike, const struct tunnel *tunnel, const struct conf_conn *conf)
{
    const struct conf_conn *now = tunnel->conf;
    if (!now || ike->peers[tunnel->peer].conf != now)
        return false;
    return !same_offer(now, conf) || now->encapsulation != conf->encapsulation || !same_id(&now->end[0].id, &conf->end[0].id) ||
           !same_id(&now->end[1].id, &conf->end[1].id);
}

struct carried { uint64_t bytes_in, bytes_out, packets_in, packets_out; };

static struct carried carried_by(const struct tunnel *tunnel, const struct conf_conn *next)
{
    if (!tunnel->conf || strcmp(tunnel->conf->name, next->name) != 0)
        return (struct carried){ 0 };
    struct carried c = { tunnel->bytes_in, tunnel->bytes_out, tunnel->packets_in, tunnel->packets_out };
    for (size_t i = 0; i < TUNNEL_CHILDREN_MAX; i++) {
        c.bytes_in += tunnel->child[i].bytes_in;
        c.bytes_out += tunnel->child[i].bytes_out;
        c.packets_in += tunnel->child[i].packets_in;
        c.packets_out += tunnel->child[i].packets_out;
    }
    return c;
}

static void renew(struct ike *ike, struct tunnel *tunnel, uint16_t slot, uint32_t generation, const struct conf_conn *conf)
{
    struct carried carried = carried_by(tunnel, conf);
    bool phase1 = changes_phase1(ike, tunnel, conf);
    empty(ike, tunnel, slot, generation);
    ike->conns[slot] = *conf; /* over the secret that was there */
    if (conf_is_hole(conf))
        return;
    fill(ike, tunnel);
    tunnel->bytes_in = carried.bytes_in;
    tunnel->bytes_out = carried.bytes_out;
    tunnel->packets_in = carried.packets_in;
    tunnel->packets_out = carried.packets_out;
    struct peer *peer = &ike->peers[tunnel->peer];
    peer->rekey_asked |= phase1 && peer->conf == tunnel->conf; /* beside the ISAKMP SA that the others still use */
}

static bool same_secret(const struct conf_conn *a, const struct conf_conn *b)
{
    return bytes_equal_secret(bytes_of(a->psk, a->psk_length), bytes_of(b->psk, b->psk_length));
}

/* Main Modes under way began with a secret that holds no more. */
static void forget_half_open(struct peer *peer)
{
    for (size_t i = 0; i < PEER_SAS_MAX; i++)
        if (peer->sa[i].used && !peer->sa[i].up)
            peer_sa_free(&peer->sa[i]);
}

/* Values that hold from the next negotiation or the next look on. What waited for a better secret need not wait longer. */
static void tune(struct ike *ike, struct tunnel *tunnel, const struct conf_conn *conf)
{
    bool start = conf->autostart == CONF_AUTO_START, other = conf->autostart != tunnel->conf->autostart;
    struct peer *peer = &ike->peers[tunnel->peer];
    if (peer->conf == tunnel->conf && !same_secret(tunnel->conf, conf))
        forget_half_open(peer);
    ike->conns[tunnel->index] = *conf;
    if (tunnel->state != IKE_STATE_UP)
        tunnel->retry_at = peer->retry_at = ike->now;
    if (other && start)
        tunnel_up(ike, tunnel);
    else if (other && tunnel->state != IKE_STATE_UP)
        tunnel_down(ike, tunnel);
    else if (other)
        tunnel->wanted = false; /* it stays as long as it lives */
}

void ike_configure(struct ike *ike, struct mono now, uint16_t slot, uint32_t generation, const struct conf_conn *conf)
{
    ike->now = now;
    if (slot >= CONF_CONNS_MAX || ike->stopping)
        return;
    for (; ike->conn_count <= slot; ike->conn_count++)
        empty(ike, &ike->tunnels[ike->conn_count], (uint16_t)ike->conn_count, 0);
    struct tunnel *tunnel = &ike->tunnels[slot];
    if (tunnel->conf && tunnel->generation == generation)
        tune(ike, tunnel, conf);
    else
        renew(ike, tunnel, slot, generation, conf);
    if (tunnel->conf)
        peer_drive(ike, &ike->peers[tunnel->peer]);
}

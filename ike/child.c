/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the pairs of IPsec SAs of a tunnel: made by Quick Mode, confirmed by the data plane, replaced without a lost
 * packet, removed. Entry points: child_install, child_reply, child_up, child_event, child_tick. RFC 2409 5.5,
 * RFC 2408 5.15 (Delete).
 * The rules of replacement: the new pair carries our traffic as soon as both its SAs are confirmed (the head of
 * quick_v1.c says when the outbound one is asked for); the old outbound SA goes then, so that the kernel cannot choose
 * it; the old inbound SA stays for what the peer still sends, is deleted after OVERLAP, and leaves the kernel LINGER
 * later. Of two pairs made at the same time by both sides, both ends keep the same one (child_collide). An SA is never
 * put back: its sequence numbers would begin anew.
 */
#include "ike/quick_v1.h"

#include "ike/err.h"
#include "ike/iana.h"

#include <stdio.h>

enum {
    OVERLAP_SECONDS = 30,
    LINGER_SECONDS = 10,
    THIRD_WAIT_SECONDS = 1,       /* for the peer to have handled message 3, when it sends nothing on the new pair */
    COLLISION_SECONDS = 10,       /* of two Quick Modes, with repetitions of message 1 */
    PACKETS_SOFT = 0x80000000U,   /* of 2^32 sequence numbers (RFC 4303 3.3.3) */
    PACKETS_HARD = 0xfffffff0U,
    KERNEL_GRACE_SECONDS = 60,    /* the kernel's own limit is a net under ours */
};

bool child_spi_in_use(const struct ike *ike, uint32_t spi)
{
    for (size_t t = 0; t < ike->conn_count; t++)
        for (size_t i = 0; i < TUNNEL_CHILDREN_MAX; i++) {
            const struct child *c = &ike->tunnels[t].child[i];
            if (c->state != CHILD_FREE && (c->spi_in == spi || c->spi_out == spi))
                return true;
        }
    return false;
}

uint32_t child_new_spi(struct ike *ike)
{
    uint32_t spi;
    do
        ike_random(ike, &spi, sizeof spi);
    while (spi < DP_SPI_LEAST || child_spi_in_use(ike, spi));
    return spi;
}

struct child *child_find(struct tunnel *tunnel, enum dp_direction direction, uint32_t spi)
{
    for (size_t i = 0; i < TUNNEL_CHILDREN_MAX; i++) {
        struct child *c = &tunnel->child[i];
        if (c->state != CHILD_FREE && spi && (direction == DP_IN ? c->spi_in : c->spi_out) == spi)
            return c;
    }
    return NULL;
}

const struct child *child_current_const(const struct tunnel *tunnel)
{
    const struct child *newest = NULL;
    for (size_t i = 0; i < TUNNEL_CHILDREN_MAX; i++) {
        const struct child *c = &tunnel->child[i];
        if (c->state == CHILD_UP && (!newest || c->serial > newest->serial))
            newest = c;
    }
    return newest;
}

struct child *child_current(struct tunnel *tunnel)
{
    const struct child *c = child_current_const(tunnel);
    return c ? &tunnel->child[c - tunnel->child] : NULL;
}

/* A pair that the peer is not suspected to have lost: our traffic can stay on it a moment longer. */
bool child_carries(const struct ike *ike, const struct tunnel *tunnel)
{
    const struct child *c = child_current_const(tunnel);
    return c && c->out_there && !c->held && !tunnel->doubted && !ike->peers[tunnel->peer].silent;
}

/* ---- to and from the data plane ---- */

static struct dp_sa_name name_of(const struct tunnel *tunnel, const struct child *c, enum dp_direction direction)
{
    return (struct dp_sa_name){ .conn = tunnel->index, .direction = (uint8_t)direction, .local = c->local, .remote = c->remote,
                                .spi = direction == DP_IN ? c->spi_in : c->spi_out };
}

/* A request about one SA; the lowest bit of its id says which direction, for the reply. */
static struct dp_request *ask(struct ike *ike, enum dp_request_type type, const struct tunnel *tunnel, const struct child *c,
                              enum dp_direction direction)
{
    struct dp_request *r = output_request(ike, type, tunnel->index);
    r->id = r->id << 1 | (uint32_t)direction;
    r->name = name_of(tunnel, c, direction);
    return r;
}

static void endpoints(const struct ike *ike, const struct tunnel *tunnel, const struct quick *quick, struct child *c)
{
    struct peer *peer = &ike->peers[tunnel->peer];
    const struct isakmp_sa *sa = peer_sa_serial(peer, quick->sa_serial);
    c->local = (struct endpoint){ peer->local, 0 };
    c->remote = (struct endpoint){ peer->remote, 0 };
    if (sa) {
        c->local.addr = sa->path.local.addr;
        c->remote.addr = sa->path.remote.addr;
    }
    if (quick->encapsulate && sa) {
        c->local.port = sa->path.local.port;
        c->remote.port = sa->path.remote.port;
    }
}

static void limits(struct ike *ike, const struct conf_conn *conf, struct dp_sa *sa, uint32_t life_seconds)
{
    uint32_t packets = PACKETS_SOFT;
    if (conf->sa_max_packets && conf->sa_max_packets < packets)
        packets = (uint32_t)conf->sa_max_packets;
    sa->soft_packets = packets - ike_random_below(ike, packets / 10 + 1);
    sa->hard_packets = PACKETS_HARD;
    if (conf->sa_max_bytes)
        sa->soft_bytes = conf->sa_max_bytes - conf->sa_max_bytes / 10;
    sa->hard_bytes = conf->sa_max_bytes;
    sa->hard_seconds = life_seconds + KERNEL_GRACE_SECONDS;
}

/* The peer gives an SPI out again: the pair that had it is of a life before, and the kernel has no room for both. */
static void retire_namesakes(struct ike *ike, struct tunnel *tunnel, const struct child *c)
{
    for (size_t i = 0; i < TUNNEL_CHILDREN_MAX; i++) {
        struct child *other = &tunnel->child[i];
        if (other == c || other->state == CHILD_FREE || other->spi_out != c->spi_out)
            continue;
        child_retire(ike, tunnel, other);
        child_remove_out(ike, tunnel, other);
        other->spi_out = 0;
    }
}

void child_install(struct ike *ike, struct tunnel *tunnel, const struct quick *quick, enum dp_direction direction)
{
    struct child *c = &tunnel->child[quick->child];
    const struct crypto_cipher_row *cipher = crypto_cipher_find(quick->chosen.cipher);
    const struct crypto_hash_row *integrity = crypto_hash_find(quick->chosen.integrity);
    if (direction == DP_IN || c->local.addr.family == ADDR_NONE)
        endpoints(ike, tunnel, quick, c);
    c->spi_in = quick->spi_in;
    c->spi_out = quick->spi_out;
    if (direction == DP_OUT)
        retire_namesakes(ike, tunnel, c);
    c->esp = quick->chosen;
    c->group = quick->group;
    c->sa_serial = quick->sa_serial;
    c->expires_at = mono_after(ike->now, MONO_S(quick->life_seconds));
    *(direction == DP_IN ? &c->in_asked : &c->out_asked) = true;

    struct dp_request *r = ask(ike, DP_SA_INSTALL, tunnel, c, direction);
    r->sa = (struct dp_sa){ .conn = tunnel->index, .direction = (uint8_t)direction, .spi = r->name.spi, .local = c->local,
                            .remote = c->remote, .esp_transform = cipher ? cipher->esp : 0, .key_bits = quick->chosen.key_bits,
                            .esp_auth = integrity ? integrity->esp : 0, .replay_window = tunnel->conf->replay_window };
    r->sa.key_length = (uint16_t)quick_key_length(&quick->chosen);
    memcpy(r->sa.key, direction == DP_IN ? quick->key_in : quick->key_out, r->sa.key_length);
    limits(ike, tunnel->conf, &r->sa, quick->life_seconds);
}

void child_remove_out(struct ike *ike, struct tunnel *tunnel, struct child *c)
{
    if (c->out_there || c->out_asked)
        ask(ike, DP_SA_REMOVE, tunnel, c, DP_OUT);
    c->out_there = c->out_asked = false;
}

static void keep_counters(struct tunnel *tunnel, struct child *c)
{
    tunnel->bytes_in += c->bytes_in;
    tunnel->bytes_out += c->bytes_out;
    tunnel->packets_in += c->packets_in;
    tunnel->packets_out += c->packets_out;
    c->bytes_in = c->bytes_out = c->packets_in = c->packets_out = 0;
}

void child_remove_sas(struct ike *ike, struct tunnel *tunnel, struct child *c)
{
    child_remove_out(ike, tunnel, c);
    if (c->in_there || c->in_asked)
        ask(ike, DP_SA_REMOVE, tunnel, c, DP_IN);
    c->in_there = c->in_asked = false;
}

void child_remove(struct ike *ike, struct tunnel *tunnel, struct child *c)
{
    child_remove_sas(ike, tunnel, c);
    keep_counters(tunnel, c);
    for (size_t i = 0; i < TUNNEL_QUICKS_MAX; i++)
        if (tunnel->quick[i].phase != QUICK_FREE && tunnel->quick[i].child == c - tunnel->child)
            quick_free(&tunnel->quick[i]);
    *c = (struct child){ .state = CHILD_FREE };
}

/* The oldest SA that is there only for what the peer may still send: it makes room for a pair that is to carry traffic. */
static struct child *spare(struct tunnel *tunnel)
{
    struct child *oldest = NULL;
    for (size_t i = 0; i < TUNNEL_CHILDREN_MAX; i++) {
        struct child *c = &tunnel->child[i];
        bool inbound = !c->out_there && !c->out_asked, can = inbound && (c->state == CHILD_OLD || (c->state == CHILD_UP && c->held));
        if (can && (!oldest || c->serial < oldest->serial))
            oldest = c;
    }
    return oldest;
}

static struct child *free_place(struct ike *ike, struct tunnel *tunnel)
{
    for (size_t i = 0; i < TUNNEL_CHILDREN_MAX; i++)
        if (tunnel->child[i].state == CHILD_FREE)
            return &tunnel->child[i];
    struct child *c = spare(tunnel);
    if (!c)
        return NULL;
    child_remove(ike, tunnel, c);
    child_none_left(ike, tunnel, "its last SA makes room for a new pair");
    return c;
}

struct child *child_new(struct ike *ike, struct tunnel *tunnel)
{
    struct child *c = free_place(ike, tunnel);
    if (c)
        *c = (struct child){ .state = CHILD_INSTALLING, .serial = ++ike->serial, .began = ike->now, .since = ike->now,
                             .rekey_at = MONO_NEVER, .expires_at = MONO_NEVER, .delete_at = MONO_NEVER, .remove_at = MONO_NEVER };
    return c;
}

/* A newer pair carries our traffic: this one is left to what the peer still sends. */
void child_retire(struct ike *ike, struct tunnel *tunnel, struct child *c)
{
    if (c->state != CHILD_UP)
        return;
    child_remove_out(ike, tunnel, c);
    c->state = CHILD_OLD;
    c->delete_at = mono_after(ike->now, MONO_S(OVERLAP_SECONDS));
}

/* The larger of a pair's two SPIs: both ends see the same one, so both keep the same pair of a collision. */
static uint32_t rank(const struct child *c)
{
    return c->spi_in > c->spi_out ? c->spi_in : c->spi_out;
}

/*
 * Each Quick Mode began before the other was through, or so little later that one end may see it so: message 1 of the
 * other may have had to be repeated. What begins later is no collision but a rekey.
 */
static bool collided(const struct child *a, const struct child *b)
{
    return a->role != b->role && !a->held && !b->held && mono_since(a->began, b->since) < MONO_S(COLLISION_SECONDS) &&
           mono_since(b->began, a->since) < MONO_S(COLLISION_SECONDS);
}

/* Does `other` stay although `c` came up after it? Not when its ISAKMP SA was replaced: the peer may have begun anew. */
static bool outranks(const struct ike *ike, const struct tunnel *tunnel, const struct child *other, const struct child *c)
{
    struct peer *peer = &ike->peers[tunnel->peer];
    const struct isakmp_sa *sa_other = peer_sa_serial(peer, other->sa_serial), *sa = peer_sa_serial(peer, c->sa_serial);
    if (!collided(c, other) || !sa_other || other->presumed)
        return false;
    if (sa && sa != sa_other && !peer_sas_collided(sa, sa_other))
        return sa_other->since.us > sa->since.us;
    return rank(other) > rank(c);
}

/* Of two that collided the peer may take the other for the tunnel itself, and a Delete for the tunnel: see tick_old. */
static void retire_beside(struct ike *ike, struct tunnel *tunnel, struct child *c, const struct child *winner)
{
    child_retire(ike, tunnel, c);
    c->lost_collision = collided(c, winner);
}

void child_collide(struct ike *ike, struct tunnel *tunnel, struct child *c)
{
    for (size_t i = 0; i < TUNNEL_CHILDREN_MAX; i++) {
        struct child *other = &tunnel->child[i];
        if (other != c && other->state == CHILD_OLD)
            child_remove_out(ike, tunnel, other); /* see child_deleted */
        if (other->lost)
            other->delete_at = ike->now;
        if (other == c || other->state != CHILD_UP)
            continue;
        if (outranks(ike, tunnel, other, c)) {
            retire_beside(ike, tunnel, c, other);
            other->soft_expired = other->renew = false; /* it is as young as the one that was to replace it */
            return;
        }
        retire_beside(ike, tunnel, other, c);
    }
}

void child_up(struct ike *ike, struct tunnel *tunnel, struct child *c)
{
    struct peer *peer = &ike->peers[tunnel->peer];
    uint32_t life = (uint32_t)(mono_since(c->expires_at, ike->now) / MONO_S(1));
    c->state = CHILD_UP;
    c->since = ike->now;
    c->rekey_at = life_rekey_at(ike, tunnel->conf, life, c->role);
    child_collide(ike, tunnel, c);
    tunnel->failures = 0;
    tunnel->unfinished = false;
    tunnel->cause_known_at = MONO_NEVER; /* what failed before is over, and tells nothing of a failure that comes later */
    peer->failures = 0;
    liveness_child_up(ike, tunnel);
    tunnel->one_way.since = MONO_NEVER;
    char spis[64];
    snprintf(spis, sizeof spis, "SPIs %08x in, %08x out", c->spi_in, c->spi_out);
    if (tunnel->state == IKE_STATE_UP) {
        output_notice(ike, IKE_NOTICE_STATE, tunnel, IKE_CAUSE_NONE, "rekeyed as %s, %s",
                      c->role == ROLE_INITIATOR ? "initiator" : "responder", spis);
        return;
    }
    tunnel->established++;
    tunnel_enter(ike, tunnel, IKE_STATE_UP, spis);
}

static struct quick *quick_of(struct tunnel *tunnel, const struct child *c)
{
    for (size_t i = 0; i < TUNNEL_QUICKS_MAX; i++) {
        struct quick *q = &tunnel->quick[i];
        if (q->phase != QUICK_FREE && q->phase != QUICK_DONE && q->child == c - tunnel->child)
            return q;
    }
    return NULL;
}

/* The peer has no message 2 yet: an error under the ISAKMP SA ends its wait; later only a Delete tells it. */
static void tell_refused(struct ike *ike, struct tunnel *tunnel, const struct child *c, const struct quick *q)
{
    struct peer *peer = &ike->peers[tunnel->peer];
    struct isakmp_sa *sa = peer_sa_serial(peer, c->sa_serial);
    if (!sa || !sa->up)
        return;
    if (q && q->x.role == ROLE_RESPONDER && q->x.held)
        info_send_notify(ike, peer, sa, IANA_PROTOCOL_ESP, IANA_NOTIFY_NO_PROPOSAL_CHOSEN, bytes_of(NULL, 0));
    else
        info_send_delete_child(ike, sa, c->spi_in);
}

static void install_failed(struct ike *ike, struct tunnel *tunnel, struct child *c, const struct dp_reply *reply)
{
    struct quick *q = quick_of(tunnel, c);
    bool peer_sends = c->in_there && (c->role == ROLE_RESPONDER || (q && q->x.step == 2));
    bool both_ways = peer_sends && c->role == ROLE_INITIATOR && child_carries(ike, tunnel); /* on two pairs, until there is another */
    char detail[IKE_TEXT_MAX];
    snprintf(detail, sizeof detail, "%s SA, error %d: %s", reply->id & 1 ? "outbound" : "inbound", (int)reply->error, reply->text);
    if (!both_ways)
        tell_refused(ike, tunnel, c, q);
    if (q)
        quick_free(q);
    if (peer_sends) { /* it uses the pair already: what it sends until it has another is taken */
        c->state = CHILD_OLD;
        *(both_ways ? &c->delete_at : &c->remove_at) = mono_after(ike->now, MONO_S(LINGER_SECONDS));
    } else {
        child_remove(ike, tunnel, c);
    }
    struct child *before = child_current(tunnel);
    if (peer_sends) /* and may have left the pair that we are to go on with */
        child_renew(before);
    child_none_left(ike, tunnel, "the data plane did not take the IPsec SA");
    tunnel_failed(ike, tunnel, IKE_CAUSE_KERNEL, detail);
    tunnel->evidence = (struct ike_evidence){ .quick_mode = true, .error = reply->error };
    peer_drive(ike, &ike->peers[tunnel->peer]);
}

/* Inbound is there, the message that waited for that is sent. The living pair may have gone meanwhile. */
static void installed_in(struct ike *ike, struct tunnel *tunnel, struct quick *q)
{
    q->phase = QUICK_WAIT_MESSAGE;
    if (q->x.role == ROLE_RESPONDER)
        return;
    q->x.resend_at = mono_after(ike->now, MONO_S(THIRD_WAIT_SECONDS));
    if (!child_carries(ike, tunnel))
        quick_install_out(ike, tunnel, q);
    peer_drive(ike, &ike->peers[tunnel->peer]);
}

static void installed(struct ike *ike, struct tunnel *tunnel, struct child *c)
{
    struct quick *q = quick_of(tunnel, c);
    if (!q || q->phase != QUICK_INSTALLING || --q->waiting > 0)
        return;
    bool in_alone = q->x.step == 1 && !c->out_there;
    bytes_wipe(q->key_in, sizeof q->key_in);
    if (q->x.held && !quick_send_held(ike, tunnel, q))
        return;
    if (in_alone) {
        installed_in(ike, tunnel, q);
        return;
    }
    bytes_wipe(q->key_out, sizeof q->key_out);
    q->phase = QUICK_DONE;
    q->forget_at = mono_after(ike->now, MONO_S(120)); /* longer than any peer repeats message 2 */
    q->x.resend_at = MONO_NEVER;
    child_up(ike, tunnel, c);
    peer_drive(ike, &ike->peers[tunnel->peer]);
}

void child_counted(struct child *c, enum dp_direction direction, uint64_t bytes, uint64_t packets)
{
    uint64_t *b = direction == DP_IN ? &c->bytes_in : &c->bytes_out, *p = direction == DP_IN ? &c->packets_in : &c->packets_out;
    if (bytes > *b)
        *b = bytes;
    if (packets > *p)
        *p = packets;
}

/* The kernel still has the port of before, where nobody may be any more: only a new pair has the right one. */
static void move_failed(struct ike *ike, struct tunnel *tunnel, struct child *c)
{
    child_renew(c);
    if (c != child_current(tunnel))
        return;
    tunnel->doubted = true;
    tunnel_tell_alive(ike, tunnel);
    peer_drive(ike, &ike->peers[tunnel->peer]);
}

void child_reply(struct ike *ike, struct tunnel *tunnel, const struct dp_reply *reply)
{
    enum dp_direction direction = reply->id & 1 ? DP_OUT : DP_IN;
    struct child *c = child_find(tunnel, direction, reply->spi);
    if (!c)
        return;
    if (reply->type == DP_SA_QUERY && !reply->error)
        child_counted(c, direction, reply->bytes, reply->packets);
    if (reply->type == DP_SA_MOVE && reply->error)
        move_failed(ike, tunnel, c);
    if (reply->type != DP_SA_INSTALL)
        return;
    bool *asked = direction == DP_IN ? &c->in_asked : &c->out_asked;
    if (!*asked)
        return; /* removed again before it was confirmed */
    *asked = false;
    *(direction == DP_IN ? &c->in_there : &c->out_there) = reply->error == 0;
    if (reply->error)
        install_failed(ike, tunnel, c, reply);
    else
        installed(ike, tunnel, c);
}

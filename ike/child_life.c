/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what happens to a pair of IPsec SAs after it is up: events of the data plane, expiry, the overlap after a
 * rekey. Entry points: child_event, child_tick, child_deadline. The rules are at the head of child.c.
 */
#include "ike/state.h"

#include <stdio.h>

enum { HELD_MOST = TUNNEL_CHILDREN_MAX - 2, LINGER_SECONDS = 10, STRAGGLER_SECONDS = 2, QUIET_SECONDS = 28 };

/* The oldest of those left by an engine before, of the direction that has more of them: the youngest carry the traffic. */
static struct child *surplus(struct tunnel *tunnel)
{
    struct child *oldest[2] = { NULL, NULL };
    unsigned count[2] = { 0, 0 };
    for (size_t i = 0; i < TUNNEL_CHILDREN_MAX; i++) {
        struct child *c = &tunnel->child[i];
        if (c->state != CHILD_UP || !c->held)
            continue;
        count[c->out_there]++;
        if (!oldest[c->out_there] || c->serial < oldest[c->out_there]->serial)
            oldest[c->out_there] = c;
    }
    return oldest[count[1] > count[0]];
}

static void remove_held(struct ike *ike, const struct tunnel *tunnel, const struct dp_event *event)
{
    struct dp_request *r = output_request(ike, DP_SA_REMOVE, tunnel->index);
    r->id = r->id << 1 | (uint32_t)(event->direction == DP_OUT);
    r->name = (struct dp_sa_name){ .conn = tunnel->index, .direction = event->direction, .local = event->local, .remote = event->remote, .spi = event->spi };
}

/*
 * An SA that an engine before this one left in the kernel: it goes on carrying traffic until a new pair is up. That one may
 * have been taken over and have left as many as there may be: some places are kept for the new pair.
 */
static void take_held(struct ike *ike, struct tunnel *tunnel, const struct dp_event *event)
{
    unsigned held = 0;
    for (size_t i = 0; i < TUNNEL_CHILDREN_MAX; i++)
        held += tunnel->child[i].state != CHILD_FREE;
    struct child *before = held < HELD_MOST ? NULL : surplus(tunnel);
    if (before)
        child_remove(ike, tunnel, before);
    struct child *c = before || held < HELD_MOST ? child_new(ike, tunnel) : NULL;
    if (!c) {
        remove_held(ike, tunnel, event);
        return;
    }
    bool in = event->direction == DP_IN;
    c->state = CHILD_UP;
    c->held = true;
    c->local = event->local;
    c->remote = event->remote;
    c->delete_at = MONO_NEVER;
    *(in ? &c->spi_in : &c->spi_out) = event->spi;
    *(in ? &c->in_there : &c->out_there) = true;
    *(in ? &c->bytes_in : &c->bytes_out) = event->bytes;
    *(in ? &c->packets_in : &c->packets_out) = event->packets;
}

/* A pair whose last SA is on its way to the data plane. */
static bool installing_last(const struct tunnel *tunnel)
{
    for (size_t i = 0; i < TUNNEL_QUICKS_MAX; i++)
        if (tunnel->quick[i].phase == QUICK_INSTALLING && (tunnel->quick[i].x.role == ROLE_INITIATOR || tunnel->quick[i].x.step == 2))
            return true;
    return false;
}

/*
 * The peer has our message 2 or 3; its message 3, if it is the initiator, was lost or is late: ESP on the new SA (`child`)
 * proves it. The end of the SA before it (NULL) leaves no better choice than the youngest, unless the last SA of another is
 * on its way: the peer may have given it up.
 */
static void install_waiting(struct ike *ike, struct tunnel *tunnel, const struct child *child)
{
    struct quick *youngest = NULL;
    for (size_t i = 0; i < TUNNEL_QUICKS_MAX && (child || !installing_last(tunnel)); i++) {
        struct quick *q = &tunnel->quick[i];
        bool ready = q->phase == QUICK_WAIT_MESSAGE && q->x.step == 1 && (!child || &tunnel->child[q->child] == child);
        if (ready && (!youngest || tunnel->child[q->child].serial > tunnel->child[youngest->child].serial))
            youngest = q;
    }
    if (youngest)
        quick_install_out(ike, tunnel, youngest);
}

static void take_traffic(struct ike *ike, struct tunnel *tunnel, struct child *c, const struct dp_event *event)
{
    bool in = event->direction == DP_IN, moved = event->packets > (in ? c->packets_in : c->packets_out);
    child_counted(c, in ? DP_IN : DP_OUT, event->bytes, event->packets);
    struct peer *peer = &ike->peers[tunnel->peer];
    if (moved)
        hints_traffic(ike, peer, in ? DP_IN : DP_OUT);
    if (in) {
        c->traffic_in_at = ike->now;
        c->presumed = false;
        peer_heard(ike, peer);
        install_waiting(ike, tunnel, c);
    } else {
        peer->keepalive_at = ike->now;
    }
    if (moved)
        hints_pair(ike, tunnel, c, in ? DP_IN : DP_OUT);
}

/* What this tunnel's SAs carried in the time of an engine before this one. */
static void take_counted(struct tunnel *tunnel, const struct dp_event *event)
{
    bool in = event->direction == DP_IN;
    *(in ? &tunnel->bytes_in : &tunnel->bytes_out) += event->bytes;
    *(in ? &tunnel->packets_in : &tunnel->packets_out) += event->packets;
}

/* This direction's SA is in the kernel no more: nobody is asked to remove it. */
static void gone(struct child *c, const struct dp_event *event)
{
    bool in = event->direction == DP_IN;
    *(in ? &c->in_there : &c->out_there) = false;
    *(in ? &c->in_asked : &c->out_asked) = false;
    child_counted(c, in ? DP_IN : DP_OUT, event->bytes, event->packets);
}

/* A tunnel that is up stays so without a pair only while the next one's last SA is on its way, which may come to nothing. */
static bool none_left(const struct tunnel *tunnel)
{
    return tunnel->state == IKE_STATE_UP && !child_current_const(tunnel) && !installing_last(tunnel);
}

/* Where nobody here wants the tunnel up it is down then: nothing is begun. */
void child_none_left(struct ike *ike, struct tunnel *tunnel, const char *why)
{
    enum ike_state next = peer_sa_best(&ike->peers[tunnel->peer]) ? IKE_STATE_AUTHENTICATED : IKE_STATE_CONNECTING;
    if (none_left(tunnel))
        tunnel_enter(ike, tunnel, tunnel->wanted ? next : IKE_STATE_DOWN, why);
}

/*
 * The kernel gave the SA up: by its own limit, or because another program removed it. What is left of the pair stays until
 * the next one is there, and the peer is told only then: pluto, told that its only pair is gone, runs its scripts, deletes
 * the ISAKMP SA, too, and does not hear what we send meanwhile.
 */
static void lost(struct ike *ike, struct tunnel *tunnel, struct child *c, const char *why)
{
    struct peer *peer = &ike->peers[tunnel->peer];
    struct isakmp_sa *sa = peer_sa_best(peer);
    bool current = c == child_current(tunnel);
    c->state = CHILD_OLD;
    bool last = current && !child_current(tunnel);
    if (last && tunnel->wanted) {
        c->lost = true;
        c->delete_at = mono_after(ike->now, MONO_S(LINGER_SECONDS));
    } else if (!c->lost) {
        if (sa && c->spi_in)
            info_send_delete_child(ike, sa, c->spi_in);
        child_remove(ike, tunnel, c);
    }
    if (last)
        install_waiting(ike, tunnel, NULL);
    child_none_left(ike, tunnel, why);
    peer_drive(ike, peer);
}

/* Also with rekey=no: the peer may not have the pair any more, the kernel not the right port, or somebody asks for it. */
void child_renew(struct child *c)
{
    if (c)
        c->renew = true;
}

static void forget_quicks(struct tunnel *tunnel, const struct child *c)
{
    for (size_t i = 0; i < TUNNEL_QUICKS_MAX; i++)
        if (tunnel->quick[i].phase != QUICK_FREE && &tunnel->child[tunnel->quick[i].child] == c)
            quick_free(&tunnel->quick[i]);
}

/*
 * The inbound SA stays a moment for packets on their way. The outbound one goes at once when there is another; else it
 * stays as long, for the new pair that is begun: a peer that keeps its own inbound SA a moment, as we do, loses nothing.
 */
void child_deleted(struct ike *ike, struct tunnel *tunnel, struct child *c)
{
    if (c->state == CHILD_INSTALLING)
        forget_quicks(tunnel, c);
    /* Early, of the other pair of a collision: pluto has taken its policies along, and does not send on the one that is left. */
    if (c->lost_collision && !mono_is_never(c->delete_at) && c->delete_at.us - ike->now.us > MONO_S(STRAGGLER_SECONDS))
        child_renew(child_current(tunnel));
    c->state = CHILD_OLD;
    c->delete_at = MONO_NEVER;
    c->remove_at = mono_after(ike->now, MONO_S(LINGER_SECONDS));
    if (child_current(tunnel) || !tunnel->wanted)
        child_remove_out(ike, tunnel, c);
    if (!child_current(tunnel))
        install_waiting(ike, tunnel, NULL);
    if (none_left(tunnel)) {
        tunnel_cause(ike, tunnel, IKE_CAUSE_PEER_DELETED, "it deleted the IPsec SA");
        child_none_left(ike, tunnel, "the headend deleted the IPsec SA");
        int64_t again = life_again_after(ike, c->since, &tunnel->undone);
        tunnel->retry_at = mono_after(ike->now, tunnel->failures++ ? life_retry_after(ike, tunnel->failures) : again);
    }
}

/*
 * Authenticated ESP came from another endpoint (RFC 3948 4): a new port is followed in place. Another address is not: a
 * headend is its address, the data plane refuses any other, and ESP that somebody passes on must not lead us to him.
 */
static void take_mapping(struct ike *ike, struct tunnel *tunnel, struct child *c, const struct dp_event *event)
{
    struct peer *peer = &ike->peers[tunnel->peer];
    struct isakmp_sa *sa = peer_sa_best(peer);
    char text[ENDPOINT_TEXT_MAX];
    if (!sa || !sa->encapsulate || c->state == CHILD_FREE)
        return;
    if (!addr_equal(&event->remote.addr, &peer->remote)) {
        if (bucket_take(&peer->limits.refusals, ike->now, 1, 3))
            output_notice(ike, IKE_NOTICE_WARNING, tunnel, IKE_CAUSE_NONE,
                          "the headend's ESP comes from %s, which is not what right= says: it is taken, and nothing is sent there",
                          endpoint_print(&event->remote, text));
        return;
    }
    struct ike_path path = sa->path;
    path.remote = event->remote;
    peer_adopt_path(ike, peer, sa, &path);
}

/* The peer's end has another port now, which is changed in the kernel in place; also in what is still on its way there. */
void child_follow(struct ike *ike, struct tunnel *tunnel, struct child *c, const struct ike_path *path)
{
    const bool there[] = { [DP_IN] = c->in_there || c->in_asked, [DP_OUT] = c->out_there || c->out_asked };
    if (!(there[DP_IN] || there[DP_OUT]) || c->remote.port == 0 || endpoint_equal(&c->remote, &path->remote))
        return;
    if (!addr_equal(&c->local.addr, &path->local.addr)) { /* an SA of before: only a new one can have another address */
        child_renew(c);
        return;
    }
    for (int d = DP_IN; d <= DP_OUT; d++) {
        if (!there[d])
            continue;
        struct dp_request *r = output_request(ike, DP_SA_MOVE, tunnel->index);
        r->id = r->id << 1 | (uint32_t)d;
        r->name = (struct dp_sa_name){ .conn = tunnel->index, .direction = (uint8_t)d, .local = c->local, .remote = c->remote,
                                       .spi = d == DP_IN ? c->spi_in : c->spi_out };
        r->to_local = path->local;
        r->to_remote = path->remote;
    }
    c->local = path->local;
    c->remote = path->remote;
}

void child_event(struct ike *ike, struct tunnel *tunnel, const struct dp_event *event)
{
    if (event->type == DP_EVENT_HELD) {
        take_held(ike, tunnel, event);
        return;
    }
    if (event->type == DP_EVENT_COUNTED) {
        take_counted(tunnel, event);
        return;
    }
    struct child *c = child_find(tunnel, event->direction == DP_OUT ? DP_OUT : DP_IN, event->spi);
    if (!c)
        return;
    switch ((enum dp_event_type)event->type) {
    case DP_EVENT_TRAFFIC:
        take_traffic(ike, tunnel, c, event);
        break;
    case DP_EVENT_EXPIRE:
        if (event->hard) {
            gone(c, event);
            lost(ike, tunnel, c, "the IPsec SA reached its limit");
        } else {
            c->soft_expired = true;
            peer_drive(ike, &ike->peers[tunnel->peer]);
        }
        break;
    case DP_EVENT_GONE:
        gone(c, event);
        lost(ike, tunnel, c, "another program removed the IPsec SA");
        break;
    case DP_EVENT_MAPPING:
        take_mapping(ike, tunnel, c, event);
        break;
    case DP_EVENT_PATH:
    case DP_EVENT_HELD:
    case DP_EVENT_COUNTED:
        break;
    }
}

/* Taken out in the end, whether the peer has been told or had told us. */
static void tick_deleted(struct ike *ike, struct tunnel *tunnel, struct child *c, bool used)
{
    if (!used || mono_reached(ike->now, c->expires_at)) {
        child_remove(ike, tunnel, c);
        return;
    }
    c->delete_at = ike->now; /* it did not hear us: say it again */
    c->remove_at = mono_after(ike->now, MONO_S(LINGER_SECONDS));
}

/*
 * An old inbound SA: the peer is told to leave it once it has stopped using it, then it goes. A peer may send on its
 * oldest SA for as long as that lives, and after a collision it may have kept the other pair: neither is disturbed.
 * A Delete for the pair that it kept would make some peers take the whole tunnel down, so there a keepalive counts as use.
 */
static void tick_old(struct ike *ike, struct tunnel *tunnel, struct child *c)
{
    struct isakmp_sa *sa = peer_sa_best(&ike->peers[tunnel->peer]);
    int64_t quiet = MONO_S(c->lost_collision ? QUIET_SECONDS : STRAGGLER_SECONDS);
    bool used = c->traffic_in_at.us && mono_since(ike->now, c->traffic_in_at) < quiet;
    bool told = !mono_is_never(c->remove_at);
    if (mono_reached(ike->now, c->delete_at) && used && !told) {
        c->delete_at = mono_after(ike->now, quiet);
    } else if (mono_reached(ike->now, c->delete_at)) {
        if (sa && c->spi_in)
            info_send_delete_child(ike, sa, c->spi_in);
        c->lost = false;
        c->delete_at = MONO_NEVER;
        c->remove_at = mono_after(ike->now, MONO_S(LINGER_SECONDS));
    }
    if (mono_reached(ike->now, c->remove_at))
        tick_deleted(ike, tunnel, c, used);
}

void child_tick(struct ike *ike, struct tunnel *tunnel)
{
    for (size_t i = 0; i < TUNNEL_CHILDREN_MAX; i++) {
        struct child *c = &tunnel->child[i];
        if (c->state == CHILD_FREE || c->state == CHILD_INSTALLING)
            continue;
        if (c->state == CHILD_OLD)
            tick_old(ike, tunnel, c);
        if (c->state == CHILD_FREE || !mono_reached(ike->now, c->expires_at))
            continue;
        child_remove_sas(ike, tunnel, c);
        c->expires_at = MONO_NEVER;
        lost(ike, tunnel, c, "the IPsec SA expired");
    }
}

struct mono child_deadline(const struct tunnel *tunnel)
{
    struct mono due = MONO_NEVER;
    for (size_t i = 0; i < TUNNEL_CHILDREN_MAX; i++) {
        const struct child *c = &tunnel->child[i];
        if (c->state != CHILD_UP && c->state != CHILD_OLD)
            continue;
        due = mono_min(due, c->expires_at);
        if (c->state == CHILD_OLD)
            due = mono_min(due, mono_min(c->delete_at, c->remove_at));
    }
    return due;
}

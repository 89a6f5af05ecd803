/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns a tunnel's state as people see it, and its commands. Entry points: tunnel_enter (the only place that changes
 * the state: one line, one notice, and the data plane learns who lives), tunnel_failed, tunnel_stop, ike_command.
 */
#include "ike/exchange_v1.h"

#include <stdio.h>

bool tunnel_quick_under_way(const struct tunnel *tunnel)
{
    for (size_t i = 0; i < TUNNEL_QUICKS_MAX; i++)
        if (tunnel->quick[i].phase == QUICK_WAIT_MESSAGE || tunnel->quick[i].phase == QUICK_INSTALLING)
            return true;
    return false;
}

const struct child *tunnel_child(const struct tunnel *tunnel)
{
    const struct child *youngest = NULL;
    for (size_t i = 0; i < TUNNEL_CHILDREN_MAX; i++) {
        const struct child *c = &tunnel->child[i];
        if (c->state == CHILD_UP && !c->held && (!youngest || c->serial > youngest->serial))
            youngest = c;
    }
    return youngest;
}

static bool another_lives(const struct ike *ike, const struct tunnel *tunnel)
{
    for (size_t t = 0; t < ike->conn_count; t++)
        if (&ike->tunnels[t] != tunnel && ike->tunnels[t].told_alive)
            return true;
    return false;
}

/* What is not proven carries traffic only as long as nothing better is there. */
static bool lives(const struct ike *ike, const struct tunnel *tunnel)
{
    const struct peer *peer = &ike->peers[tunnel->peer];
    if (tunnel->state != IKE_STATE_UP || liveness_avoids(ike, tunnel) || peer->local.family == ADDR_NONE)
        return false;
    if (tunnel->doubted)
        return tunnel->told_alive && !another_lives(ike, tunnel);
    return !tunnel->unproven || tunnel->told_alive || !another_lives(ike, tunnel);
}

/* What is not proven gets its chance when nothing better is left; what is silent or in doubt loses it when something better is there. */
static void tell_others(struct ike *ike, bool alive)
{
    for (size_t t = 0; t < ike->conn_count; t++) {
        struct tunnel *other = &ike->tunnels[t];
        bool weak = other->told_alive && (other->doubted || ike->peers[other->peer].silent);
        if (alive ? weak : other->unproven && !other->told_alive)
            tunnel_tell_alive(ike, other);
    }
}

void tunnel_tell_alive(struct ike *ike, struct tunnel *tunnel)
{
    bool alive = lives(ike, tunnel);
    if (alive == tunnel->told_alive)
        return;
    tunnel->told_alive = alive;
    output_request(ike, DP_TUNNEL_ALIVE, tunnel->index)->alive = alive;
    tell_others(ike, alive);
}

void tunnel_enter(struct ike *ike, struct tunnel *tunnel, enum ike_state state, const char *why)
{
    if (tunnel->state != state)
        tunnel->since = ike->now;
    tunnel->state = state;
    output_notice(ike, IKE_NOTICE_STATE, tunnel, IKE_CAUSE_NONE, "%s", why);
    tunnel_tell_alive(ike, tunnel);
}

void tunnel_cause(struct ike *ike, struct tunnel *tunnel, enum ike_cause cause, const char *detail)
{
    tunnel->cause = cause;
    tunnel->cause_at = tunnel->cause_known_at = ike->now;
    tunnel->evidence = (struct ike_evidence){ .sent = 0 };
    bool both = detail[0] != '\0';
    snprintf(tunnel->cause_text, sizeof tunnel->cause_text, "%s%s%s%s", ike_cause_sentence(cause), both ? " (" : "", detail, both ? ")" : "");
}

void tunnel_failed(struct ike *ike, struct tunnel *tunnel, enum ike_cause cause, const char *detail)
{
    enum ike_cause weighed = evidence_weigh(ike, tunnel, cause);
    struct mono known_at = weighed == cause ? ike->now : tunnel->cause_known_at;
    bool known = tunnel->cause == weighed && tunnel->failures > 0;
    tunnel_cause(ike, tunnel, weighed, detail);
    tunnel->cause_known_at = known_at;
    tunnel->failures++;
    tunnel->retry_at = mono_after(ike->now, life_retry_after(ike, tunnel->failures));
    if (tunnel->state != IKE_STATE_UP && tunnel->wanted && tunnel->state != IKE_STATE_WAITING) {
        tunnel->state = IKE_STATE_WAITING;
        tunnel->since = ike->now;
    }
    if (!known) /* the same failure again is not news: `status` has it */
        output_notice(ike, IKE_NOTICE_CAUSE, tunnel, weighed, "%s", tunnel->cause_text);
}

/* Deletes for all that the tunnel has, the IPsec SAs taken out of the kernel. */
void tunnel_stop(struct ike *ike, struct tunnel *tunnel)
{
    struct isakmp_sa *sa = peer_sa_best(&ike->peers[tunnel->peer]);
    for (size_t i = 0; i < TUNNEL_CHILDREN_MAX; i++) {
        struct child *c = &tunnel->child[i];
        if (c->state == CHILD_FREE)
            continue;
        if (sa && c->spi_in)
            info_send_delete_child(ike, sa, c->spi_in);
        child_remove(ike, tunnel, c);
    }
    for (size_t i = 0; i < TUNNEL_QUICKS_MAX; i++)
        quick_free(&tunnel->quick[i]);
}

void tunnel_leave(struct ike *ike, struct tunnel *tunnel)
{
    struct isakmp_sa *sa = peer_sa_best(&ike->peers[tunnel->peer]);
    for (size_t i = 0; sa && i < TUNNEL_CHILDREN_MAX; i++)
        if (tunnel->child[i].state != CHILD_FREE && tunnel->child[i].spi_in)
            info_send_delete_child(ike, sa, tunnel->child[i].spi_in);
    bool lived = tunnel->told_alive;
    bytes_wipe(tunnel, sizeof *tunnel);
    if (lived)
        tell_others(ike, false); /* they may be the best that is left */
}

/* Also one that the headend brought up: some take it down with their ISAKMP SA and do not say so. */
static bool peer_is_needed(const struct ike *ike, const struct peer *peer)
{
    for (size_t t = 0; t < ike->conn_count; t++)
        if (ike->tunnels[t].peer == peer->index && (ike->tunnels[t].wanted || child_current_const(&ike->tunnels[t])))
            return true;
    return false;
}

void peer_stop(struct ike *ike, struct peer *peer)
{
    for (size_t i = 0; i < PEER_SAS_MAX; i++) {
        if (peer->sa[i].up)
            info_send_delete_sa(ike, &peer->sa[i]);
        peer_sa_free(&peer->sa[i]);
    }
}

void tunnel_down(struct ike *ike, struct tunnel *tunnel)
{
    struct peer *peer = &ike->peers[tunnel->peer];
    tunnel->wanted = false;
    tunnel_stop(ike, tunnel);
    if (!peer_is_needed(ike, peer))
        peer_stop(ike, peer);
    tunnel_enter(ike, tunnel, IKE_STATE_DOWN, "taken down");
}

void tunnel_up(struct ike *ike, struct tunnel *tunnel)
{
    struct peer *peer = &ike->peers[tunnel->peer];
    tunnel->wanted = true;
    tunnel->retry_at = peer->retry_at = ike->now;
    if (tunnel->state == IKE_STATE_DOWN)
        tunnel_enter(ike, tunnel, child_current(tunnel) ? IKE_STATE_UP : IKE_STATE_CONNECTING, "asked for");
    peer_drive(ike, peer);
}

static void rekey(struct ike *ike, struct tunnel *tunnel)
{
    child_renew(child_current(tunnel));
    ike->peers[tunnel->peer].rekey_asked = true;
    tunnel->retry_at = ike->now;
    peer_drive(ike, &ike->peers[tunnel->peer]);
}

void ike_command(struct ike *ike, struct mono now, const struct ike_command *command)
{
    ike->now = now;
    struct tunnel *tunnel = tunnel_at(ike, command->conn);
    if (!tunnel || ike->stopping)
        return;
    switch (command->type) {
    case IKE_COMMAND_UP:
        tunnel_up(ike, tunnel);
        break;
    case IKE_COMMAND_DOWN:
        tunnel_down(ike, tunnel);
        break;
    case IKE_COMMAND_REKEY:
        rekey(ike, tunnel);
        break;
    }
}

void ike_stop(struct ike *ike, struct mono now)
{
    ike->now = now;
    ike->stopping = true;
    for (size_t t = 0; t < ike->conn_count; t++)
        if (ike->tunnels[t].conf)
            tunnel_stop(ike, &ike->tunnels[t]);
    for (size_t p = 0; p < ike->peer_count; p++)
        peer_stop(ike, &ike->peers[p]);
    for (size_t t = 0; t < ike->conn_count; t++)
        if (ike->tunnels[t].state == IKE_STATE_UP)
            tunnel_enter(ike, &ike->tunnels[t], IKE_STATE_DOWN, "stopping");
}

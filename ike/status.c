/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what `status` is told of a tunnel: a copy of values, no pointer, no secret. */
#include "ike/state.h"

void ike_query_counters(struct ike *ike, struct mono now)
{
    ike->now = now;
    for (size_t t = 0; t < ike->conn_count; t++) {
        const struct child *c = child_current_const(&ike->tunnels[t]);
        for (int d = DP_IN; c && d <= DP_OUT && output_room(ike) > 16; d++) {
            if (!(d == DP_IN ? c->in_there : c->out_there))
                continue;
            struct dp_request *r = output_request(ike, DP_SA_QUERY, (uint16_t)t);
            r->id = r->id << 1 | (uint32_t)d;
            r->name = (struct dp_sa_name){ .conn = (uint16_t)t, .direction = (uint8_t)d, .local = c->local, .remote = c->remote,
                                           .spi = d == DP_IN ? c->spi_in : c->spi_out };
        }
    }
}

static void status_of_sa(struct ike_status *status, const struct peer *peer, const struct isakmp_sa *sa)
{
    status->isakmp_up = true;
    status->path = sa->path;
    status->nat_near = sa->nat_near;
    status->nat_far = sa->nat_far;
    status->encapsulated = sa->encapsulate;
    status->dpd = sa->peer_dpd && peer->conf->dpd_delay > 0;
    status->initiator = sa->x.role == ROLE_INITIATOR;
    status->ike = sa->chosen;
    memcpy(status->cookie_i, sa->cookie_i, sizeof status->cookie_i);
    memcpy(status->cookie_r, sa->cookie_r, sizeof status->cookie_r);
    status->isakmp_since = sa->since;
    status->isakmp_rekey_at = sa->rekey_at;
    status->isakmp_expires_at = sa->expires_at;
}

static void status_of_child(struct ike_status *status, const struct child *c)
{
    status->esp = c->esp;
    status->pfs_group = c->group;
    status->spi_in = c->spi_in;
    status->spi_out = c->spi_out;
    status->sa_since = c->since;
    status->sa_rekey_at = c->rekey_at;
    status->sa_expires_at = c->expires_at;
}

static void status_of_counters(struct ike_status *status, const struct tunnel *tunnel)
{
    status->bytes_in = tunnel->bytes_in;
    status->bytes_out = tunnel->bytes_out;
    status->packets_in = tunnel->packets_in;
    status->packets_out = tunnel->packets_out;
    for (size_t i = 0; i < TUNNEL_CHILDREN_MAX; i++) {
        const struct child *c = &tunnel->child[i];
        status->bytes_in += c->bytes_in;
        status->bytes_out += c->bytes_out;
        status->packets_in += c->packets_in;
        status->packets_out += c->packets_out;
    }
}

void ike_status(const struct ike *ike, uint16_t conn, struct ike_status *status)
{
    *status = (struct ike_status){ .round_trip_us = -1 };
    if (!ike_conn(ike, conn))
        return;
    const struct tunnel *tunnel = &ike->tunnels[conn];
    const struct peer *peer = &ike->peers[tunnel->peer];
    const struct isakmp_sa *sa = peer_sa_best(&ike->peers[tunnel->peer]);
    const struct child *c = child_current_const(tunnel);
    bool silent = tunnel->state == IKE_STATE_UP && peer->silent;
    status->state = silent ? IKE_STATE_SILENT : tunnel->state;
    status->since = silent ? peer->silent_since : tunnel->since;
    status->cause = tunnel->cause;
    status->cause_at = tunnel->cause_at;
    memcpy(status->cause_text, tunnel->cause_text, sizeof status->cause_text);
    status->evidence = tunnel->evidence;
    status->retry_at = tunnel->retry_at;
    status->heard_at = peer->heard_at;
    status->round_trip_us = peer->round_trip_us;
    status->established = tunnel->established;
    status->path.local = (struct endpoint){ peer->local, 0 };
    status->path.remote = (struct endpoint){ peer->remote, 0 };
    if (sa)
        status_of_sa(status, peer, sa);
    if (c)
        status_of_child(status, c);
    status_of_counters(status, tunnel);
}

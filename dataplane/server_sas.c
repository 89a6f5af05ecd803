/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's SAs: what a permitted request does, and the comparison of what is held with what the kernel has.
 * Keys pass through and are kept nowhere.
 */
#include "dataplane/server_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LEFTOVERS_MAX = 256, SWEEPS_MAX = 64 };

static enum dp_verdict answer(struct dp_server *s, struct dp_reply *reply, int error)
{
    reply->error = -error;
    if (error && !reply->text[0])
        netlink_explain(&s->xfrm, error, reply->text, sizeof reply->text);
    return DP_PERMITTED;
}

static enum dp_verdict unknown_sa(struct dp_reply *reply)
{
    reply->error = ESRCH;
    snprintf(reply->text, sizeof reply->text, "there is no such SA");
    return DP_PERMITTED;
}

/* The newest outgoing SA decides the MTU. */
static void note_shape(struct dp_server *s, const struct dp_sa *sa)
{
    char why[DP_WHY_MAX];
    const struct crypto_cipher_row *cipher = crypto_cipher_find_esp(sa->esp_transform);
    const struct crypto_hash_row *auth = sa->esp_auth ? crypto_hash_find_esp(sa->esp_auth) : NULL;
    struct conn_state *state = &s->conns[sa->conn];
    state->shape = (struct mtu_shape){
        .path = 1, .outer_v6 = sa->remote.addr.family == ADDR_V6, .udp = sa->remote.port != 0, .block = cipher->icv ? 1 : cipher->block,
        .iv = cipher->iv, .icv = auth ? (uint8_t)(auth->icv_bits / 8) : cipher->icv,
    };
    if (server_links_resize(s, state->link, why))
        log_warning("%s", why);
}

static enum dp_verdict install(struct dp_server *s, const struct dp_request *r, struct dp_reply *reply)
{
    char why[DP_WHY_MAX];
    const struct dp_sa *sa = &r->sa;
    int error = server_carry(s, sa->conn, why);
    if (error) {
        snprintf(reply->text, sizeof reply->text, "%.*s", (int)sizeof reply->text - 1, why);
        return answer(s, reply, error);
    }
    error = xfrm_install(&s->xfrm, sa, s->conns[sa->conn].reqid, s->traffic_timer);
    if (error) {
        s->later |= s->xfrm.unknown ? DOUBT_SAS : 0; /* it may be there all the same */
        return answer(s, reply, error);
    }
    if (!dp_held_add(&s->held, sa)) { /* cannot be: the permit table counted */
        struct dp_sa_name name = dp_sa_name_of(sa);
        (void)xfrm_remove(&s->xfrm, &name);
        return answer(s, reply, -ENOSPC);
    }
    if (sa->direction == DP_OUT)
        note_shape(s, sa);
    return answer(s, reply, 0);
}

void server_sa_count(struct dp_server *s, const struct dp_sa *sa)
{
    struct xfrm_seen seen;
    struct dp_sa_name name = dp_sa_name_of(sa);
    if (!xfrm_query(&s->xfrm, &name, &seen))
        dp_held_counted(&s->held, sa, seen.packets, seen.bytes);
}

void server_sa_end(struct dp_server *s, struct dp_sa *sa)
{
    struct dp_count *gone = &s->conns[sa->conn].gone[sa->direction];
    struct dp_count count = dp_held_drop(&s->held, sa);
    gone->packets += count.packets;
    gone->bytes += count.bytes;
}

void server_sas_retire(struct dp_server *s, const bool *slots)
{
    for (size_t i = 0; i < s->held.count; i++) {
        struct dp_sa *sa = &s->held.sas[i];
        struct dp_sa_name name = dp_sa_name_of(sa);
        if (!sa->spi || !slots[sa->conn])
            continue;
        server_sa_count(s, sa);
        if (xfrm_remove(&s->xfrm, &name))
            s->later |= DOUBT_SAS; /* as in remove_sa */
        server_sa_end(s, sa);
    }
}

/* Not ours: gone already is fine; but what somebody else installed stays. */
static enum dp_verdict remove_unheld(struct dp_server *s, const struct dp_request *r, struct dp_reply *reply)
{
    struct xfrm_seen seen;
    if (xfrm_query(&s->xfrm, &r->name, &seen))
        return answer(s, reply, 0);
    reply->error = EPERM;
    snprintf(reply->text, sizeof reply->text, "refused: somebody else installed that SA");
    return DP_REFUSED;
}

static enum dp_verdict remove_sa(struct dp_server *s, const struct dp_request *r, struct dp_reply *reply)
{
    struct dp_sa *sa = dp_held_find(&s->held, &r->name);
    if (!sa)
        return remove_unheld(s, r, reply);
    server_sa_count(s, sa);
    if (xfrm_remove(&s->xfrm, &r->name))
        s->later |= DOUBT_SAS; /* ours, and no longer held: it goes with the next look */
    server_sa_end(s, sa);
    return answer(s, reply, 0);
}

static enum dp_verdict move(struct dp_server *s, const struct dp_request *r, struct dp_reply *reply)
{
    struct dp_sa *sa = dp_held_find(&s->held, &r->name);
    if (!sa)
        return unknown_sa(reply);
    struct dp_sa moved = *sa;
    moved.local = r->to_local;
    moved.remote = r->to_remote;
    int error = xfrm_move(&s->xfrm, &moved, s->conns[sa->conn].reqid);
    if (!error)
        *sa = moved;
    return answer(s, reply, error);
}

static int64_t idle_seconds(const struct xfrm_seen *seen)
{
    uint64_t last = seen->last_used > seen->first_used ? seen->last_used : seen->first_used;
    int64_t idle = (int64_t)time(NULL) - (int64_t)last;
    return !last ? -1 : idle > 0 ? idle : 0;
}

static enum dp_verdict query(struct dp_server *s, const struct dp_request *r, struct dp_reply *reply)
{
    struct xfrm_seen seen;
    const struct dp_sa *sa = dp_held_find(&s->held, &r->name);
    if (!sa)
        return unknown_sa(reply);
    int error = xfrm_query(&s->xfrm, &r->name, &seen);
    if (error)
        return answer(s, reply, error);
    dp_held_counted(&s->held, sa, seen.packets, seen.bytes);
    reply->bytes = seen.bytes;
    reply->packets = seen.packets;
    reply->idle_seconds = idle_seconds(&seen);
    return answer(s, reply, 0);
}

static enum dp_verdict alive(struct dp_server *s, const struct dp_request *r, struct dp_reply *reply)
{
    s->conns[r->conn].alive = r->alive;
    s->conns[r->conn].inherited = false;
    return answer(s, reply, 0);
}

enum dp_verdict server_act(struct dp_server *s, const struct dp_request *request, struct dp_reply *reply)
{
    switch ((enum dp_request_type)request->type) {
    case DP_SA_INSTALL: return install(s, request, reply);
    case DP_SA_REMOVE: return remove_sa(s, request, reply);
    case DP_SA_MOVE: return move(s, request, reply);
    case DP_SA_QUERY: return query(s, request, reply);
    case DP_TUNNEL_ALIVE: return alive(s, request, reply);
    }
    return DP_FORGED;
}

static bool trial_shape(const struct dp_server *s, size_t i, const struct conf_esp_proposal *p, struct dp_sa *sa)
{
    const struct crypto_cipher_row *cipher = crypto_cipher_find(p->cipher);
    const struct crypto_hash_row *auth = p->integrity ? crypto_hash_find(p->integrity) : NULL;
    const struct addr *headend = server_headend(s, i);
    if (!cipher || headend->family != ADDR_V4)
        return false;
    *sa = (struct dp_sa){
        .local = { addr_v4(0x7f000001), 4500 }, .remote = { *headend, 4500 }, .esp_transform = cipher->esp, .key_bits = p->key_bits,
        .esp_auth = auth ? auth->esp : 0, .key_length = (uint16_t)(p->key_bits / 8 + cipher->salt + (auth ? auth->length : 0)),
        .replay_window = server_conf(s, i)->replay_window,
    };
    return true;
}

/* What each algorithm's trial gave; conns mostly share the same few. */
struct trials { struct { struct conf_esp_proposal proposal; int error; } done[CONF_PROPOSALS_MAX]; size_t count; };

/* No ESP at all, or no permission: other algorithms would get the same answer. */
static bool about_everything(int error) { return error == -EPROTONOSUPPORT || error == -EPERM; }

static int try_proposal(struct dp_server *s, struct trials *trials, size_t i, const struct conf_esp_proposal *p, char *why)
{
    struct dp_sa sa;
    for (size_t k = 0; k < trials->count; k++) {
        const struct conf_esp_proposal *q = &trials->done[k].proposal;
        if (q->cipher == p->cipher && q->key_bits == p->key_bits && q->integrity == p->integrity)
            return trials->done[k].error;
    }
    int error = trial_shape(s, i, p, &sa) ? xfrm_try(&s->xfrm, &sa, &s->traffic_timer, why, DP_WHY_MAX) : 0;
    if (error && !about_everything(error))
        log_warning("%s", why);
    if (trials->count < CONF_PROPOSALS_MAX) {
        trials->done[trials->count].proposal = *p;
        trials->done[trials->count++].error = error;
    }
    return error;
}

/* Better to hear at the start what the kernel lacks than when a headend picks it. Fatal where nothing is left to pick. */
int server_sas_try(struct dp_server *s, char *why)
{
    struct trials trials = { .count = 0 };
    for (size_t i = 0; i < s->conf->count; i++) {
        const struct conf_conn *c = server_conf(s, i);
        size_t usable = 0;
        int error = 0;
        for (size_t k = 0; k < c->esp_count; k++) {
            int one = try_proposal(s, &trials, i, &c->esp[k], why);
            usable += one == 0;
            error = one ? one : error;
            if (about_everything(one))
                return one;
        }
        if (error && !usable)
            return error;
    }
    return 0;
}

static struct dp_sa_name kernel_name(const struct xfrm_seen *seen)
{
    return (struct dp_sa_name){ .direction = DP_IN, .spi = seen->spi, .local.addr = seen->to, .remote.addr = seen->from };
}

struct sa_sweep { const struct dp_server *server; struct dp_sa_name *found; size_t count; };

static void look_for_leftover(void *context, const struct xfrm_seen *seen)
{
    struct sa_sweep *w = context;
    if (w->count < LEFTOVERS_MAX && xfrm_reqid_ours(seen->reqid) && !dp_held_find_kernel(&w->server->held, &seen->to, seen->spi))
        w->found[w->count++] = kernel_name(seen);
}

bool server_sas_sweep(struct dp_server *s)
{
    struct dp_sa_name found[LEFTOVERS_MAX];
    struct sa_sweep w = { .server = s, .found = found };
    size_t before = SIZE_MAX;
    for (unsigned round = 0; round < SWEEPS_MAX; round++) {
        w.count = 0;
        if (xfrm_each(&s->xfrm, look_for_leftover, &w))
            return false;
        if (w.count == 0 || (w.count == before && w.count < LEFTOVERS_MAX)) /* see server_policies_sweep */
            return w.count == 0;
        before = w.count;
        for (size_t i = 0; i < w.count; i++)
            (void)xfrm_remove(&s->xfrm, &found[i]);
    }
    return false;
}

struct census { const struct dp_server *server; bool *present; };

static void mark_present(void *context, const struct xfrm_seen *seen)
{
    struct census *c = context;
    const struct dp_sa *sa = dp_held_find_kernel(&c->server->held, &seen->to, seen->spi);
    if (sa)
        c->present[sa - c->server->held.sas] = true;
}

bool server_sas_compare(struct dp_server *s)
{
    struct census c = { .server = s, .present = calloc(s->held.count + 1, sizeof *c.present) };
    bool whole = c.present && !xfrm_each(&s->xfrm, mark_present, &c);
    if (whole)
        for (size_t i = 0; i < s->held.count; i++)
            if (s->held.sas[i].spi && !c.present[i]) {
                server_sa_event(s, DP_EVENT_GONE, &s->held.sas[i]);
                server_sa_end(s, &s->held.sas[i]);
            }
    free(c.present);
    return server_sas_sweep(s) && whole;
}

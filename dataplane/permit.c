/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The permit table: for each request the rules it has to pass, in order. A rule says what it refuses and whether
 * that can be a mistake. Everything is compared with the privileged side's own configuration, never with what
 * the engine said before. Pure.
 */
#include "dataplane/permit.h"

#include <stdio.h>

enum {
    WINDOW_MAX = 4096,             /* packets; the kernel's own limit */
    NATT_PORT = 4500,              /* RFC 3947 4 */
    SECONDS_MAX = 2 * 86400,       /* no SA outlives a dead engine for longer */
    GRACE_SECONDS = 60,            /* the kernel's own limit is a net under the engine's */
    RULES_MAX = 12,
};

struct question {
    const struct dp_scene *scene;
    const struct dp_request *request;
    const struct conf_conn *conn;
    uint16_t number;
    const struct endpoint *local, *remote; /* of the SA that it is about */
};

typedef bool rule_holds(const struct question *q);

static bool conn_known(const struct question *q) { return !conf_is_hole(q->conn); }
static bool spi_allowed(const struct question *q) { return q->request->sa.spi >= DP_SPI_LEAST; }
static bool name_spi_allowed(const struct question *q) { return q->request->name.spi >= DP_SPI_LEAST; }

static bool remote_is_headend(const struct question *q)
{
    const struct addr *headend = &conf_far(q->conn)->addr;
    return headend->family != ADDR_NONE && addr_equal(&q->remote->addr, headend);
}

static bool local_given(const struct question *q) { return q->local->addr.family != ADDR_NONE; }
static bool path_known(const struct question *q) { return q->scene->local[q->number].family != ADDR_NONE; }
static bool local_is_path(const struct question *q) { return addr_equal(&q->local->addr, &q->scene->local[q->number]); }

static bool in_udp(uint16_t local, uint16_t remote) { return local == NATT_PORT && remote != 0; }

/* Else a taken-over engine could have this host send UDP from any port of it. */
static bool ports_fit(const struct question *q)
{
    bool plain = q->local->port == 0 && q->remote->port == 0;
    return plain || (in_udp(q->local->port, q->remote->port) && q->conn->encapsulation != CONF_NO);
}

/* Encapsulation changes while the SA stays: same addresses, and in UDP before and after. */
static bool move_in_place(const struct question *q)
{
    const struct dp_request *r = q->request;
    const struct dp_sa *held = dp_held_find(q->scene->held, &r->name);
    if (held && held->local.port == 0)
        return false;
    return addr_equal(&r->to_local.addr, &r->name.local.addr) && addr_equal(&r->to_remote.addr, &r->name.remote.addr) &&
           in_udp(r->to_local.port, r->to_remote.port);
}

static bool proposal_is(const struct conf_esp_proposal *p, const struct dp_sa *sa)
{
    const struct crypto_cipher_row *cipher = crypto_cipher_find(p->cipher);
    const struct crypto_hash_row *auth = p->integrity ? crypto_hash_find(p->integrity) : NULL;
    return cipher && cipher->esp == sa->esp_transform && p->key_bits == sa->key_bits && (auth ? auth->esp : 0) == sa->esp_auth &&
           sa->key_length == sa->key_bits / 8u + cipher->salt + (auth ? auth->length : 0u);
}

static bool algorithm_configured(const struct question *q)
{
    for (size_t i = 0; i < q->conn->esp_count; i++)
        if (proposal_is(&q->conn->esp[i], &q->request->sa))
            return true;
    return false;
}

static bool window_configured(const struct question *q)
{
    const struct dp_sa *sa = &q->request->sa;
    uint32_t wanted = q->conn->replay_window < WINDOW_MAX ? q->conn->replay_window : WINDOW_MAX;
    /* cppcheck-suppress knownConditionTrueFalse ; it takes `wanted` for always 0 */
    return sa->direction == DP_OUT || (sa->replay_window >= wanted && sa->replay_window <= WINDOW_MAX);
}

static bool lifetime_bounded(const struct question *q)
{
    return q->request->sa.hard_seconds > 0 && q->request->sa.hard_seconds <= SECONDS_MAX;
}

/* A configuration that has just shortened it may meet a request of before. */
static bool lifetime_configured(const struct question *q)
{
    return q->request->sa.hard_seconds <= q->conn->sa_lifetime + GRACE_SECONDS;
}

static bool room_left(const struct question *q)
{
    return dp_held_count(q->scene->held, q->number, q->request->sa.direction) < DP_HELD_MAX;
}

static const struct rule { rule_holds *holds; enum dp_verdict otherwise; const char *refusal; }
    r_conn = { conn_known, DP_FORGED, "there is no such conn" },
    r_spi = { spi_allowed, DP_FORGED, "SPIs below 256 are reserved (RFC 4303 2.1)" },
    r_name_spi = { name_spi_allowed, DP_FORGED, "SPIs below 256 are reserved (RFC 4303 2.1)" },
    r_remote = { remote_is_headend, DP_FORGED, "the remote address is not the conn's headend" },
    r_local_given = { local_given, DP_FORGED, "there is no local address in it" },
    r_path = { path_known, DP_REFUSED, "there is no way to the headend now" },
    r_local = { local_is_path, DP_REFUSED, "the local address is not the one that leads to the headend now" },
    r_move = { move_in_place, DP_FORGED, "only the ports of the encapsulation can be moved" },
    r_algorithm = { algorithm_configured, DP_FORGED, "esp= of this conn has no such algorithm, key length or integrity" },
    r_window = { window_configured, DP_FORGED, "the replay window is not the configured one" },
    r_lifetime = { lifetime_bounded, DP_FORGED, "the lifetime is endless or above two days" },
    r_life = { lifetime_configured, DP_REFUSED, "the lifetime is longer than salifetime=" },
    r_ports = { ports_fit, DP_FORGED, "ESP in UDP has port 4500 here, and encapsulation= has to allow it" },
    r_room = { room_left, DP_REFUSED, "this conn has too many SAs already" };

static const struct endpoint *sa_local(const struct dp_request *r) { return &r->sa.local; }
static const struct endpoint *sa_remote(const struct dp_request *r) { return &r->sa.remote; }
static const struct endpoint *name_local(const struct dp_request *r) { return &r->name.local; }
static const struct endpoint *name_remote(const struct dp_request *r) { return &r->name.remote; }
static uint16_t sa_conn(const struct dp_request *r) { return r->sa.conn; }
static uint16_t name_conn(const struct dp_request *r) { return r->name.conn; }
static uint16_t own_conn(const struct dp_request *r) { return r->conn; }

/* SAs of an address that the host had before may still be removed, moved and asked about. */
static const struct permit {
    uint16_t (*conn)(const struct dp_request *request);
    const struct endpoint *(*local)(const struct dp_request *request);
    const struct endpoint *(*remote)(const struct dp_request *request);
    const struct rule *rules[RULES_MAX];
} permits[] = {
    [DP_SA_INSTALL] = { sa_conn, sa_local, sa_remote,
                        { &r_conn, &r_spi, &r_remote, &r_local_given, &r_ports, &r_algorithm, &r_window, &r_lifetime, &r_path, &r_local, &r_life, &r_room } },
    [DP_SA_REMOVE] = { name_conn, name_local, name_remote, { &r_conn, &r_name_spi, &r_remote, &r_local_given } },
    [DP_SA_MOVE] = { name_conn, name_local, name_remote, { &r_conn, &r_name_spi, &r_remote, &r_local_given, &r_move } },
    [DP_SA_QUERY] = { name_conn, name_local, name_remote, { &r_conn, &r_name_spi, &r_remote, &r_local_given } },
    [DP_TUNNEL_ALIVE] = { own_conn, sa_local, sa_remote, { &r_conn } },
};

enum dp_verdict dp_permit(const struct dp_scene *scene, const struct dp_message *message, char text[DP_TEXT_MAX])
{
    const struct dp_request *request = &message->request;
    text[0] = 0;
    const struct permit *permit = &permits[request->type]; /* in range: dp_message_check */
    struct question q = { .scene = scene, .request = request, .number = permit->conn(request),
                          .local = permit->local(request), .remote = permit->remote(request) };
    if (q.number >= scene->count) {
        snprintf(text, DP_TEXT_MAX, "refused: there is no such slot");
        return DP_FORGED;
    }
    q.conn = &scene->conns[q.number];
    if (request->generation != scene->generation[q.number]) {
        snprintf(text, DP_TEXT_MAX, "refused: it is about a conn that is no longer configured so");
        return DP_STALE;
    }
    for (size_t i = 0; i < RULES_MAX && permit->rules[i]; i++)
        if (!permit->rules[i]->holds(&q)) {
            snprintf(text, DP_TEXT_MAX, "refused: %s", permit->rules[i]->refusal);
            return permit->rules[i]->otherwise;
        }
    return DP_PERMITTED;
}

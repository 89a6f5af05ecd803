/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the shape of the messages: their lengths and what may be in their fields. What a request may ask for is
 * another question, which permit.c answers. Pure.
 */
#include "dataplane/message.h"

#define UP_TO(member) (offsetof(struct dp_message, member) + sizeof(((struct dp_message *)0)->member))
#define COUNT(table) (sizeof(table) / sizeof *(table))

static const size_t lengths[] = {
    [DP_MESSAGE_HELLO] = UP_TO(hello),
    [DP_MESSAGE_CONN] = UP_TO(conn),
    [DP_MESSAGE_REQUEST] = UP_TO(request),
    [DP_MESSAGE_REPLY] = UP_TO(reply),
    [DP_MESSAGE_EVENT] = UP_TO(event),
    [DP_MESSAGE_SAY] = UP_TO(say),
    [DP_MESSAGE_RELOADED] = UP_TO(reloaded),
};

void dp_message_begin(struct dp_message *message, enum dp_message_type type)
{
    memset(message, 0, sizeof *message);
    message->type = type;
}

size_t dp_message_length(uint32_t type) { return type < COUNT(lengths) ? lengths[type] : 0; }

/* Any other octet in a bool is undefined to read as one. */
static bool is_bool(const bool *field)
{
    uint8_t octet;
    memcpy(&octet, field, 1);
    return octet <= 1;
}

static bool is_text(const char *text, size_t size) { return memchr(text, 0, size) != NULL; }

static bool is_addr(const struct addr *a)
{
    static const uint8_t zero[sizeof a->octets];
    if (a->family != ADDR_NONE && a->family != ADDR_V4 && a->family != ADDR_V6)
        return false;
    size_t used = addr_length(a);
    return memcmp(a->octets + used, zero, sizeof a->octets - used) == 0;
}

static bool is_prefix(const struct prefix *p) { return is_addr(&p->addr) && p->length <= addr_length(&p->addr) * 8; }

/* Both ends of a path: one family; both ports (ESP in UDP) or none. */
static bool is_pair(const struct endpoint *local, const struct endpoint *remote)
{
    return is_addr(&local->addr) && is_addr(&remote->addr) && local->addr.family == remote->addr.family &&
           !local->port == !remote->port;
}

static bool check_hello(const struct dp_message *m) { return m->hello.conns <= CONF_CONNS_MAX && is_addr(&m->hello.listen); }

static bool check_end(const struct conf_end *end)
{
    return (unsigned)end->host <= CONF_HOST_NAME && is_addr(&end->addr) && is_text(end->text, sizeof end->text) &&
           end->id.length <= CONF_ID_MAX && is_prefix(&end->subnet) && is_prefix(&end->vti) && is_addr(&end->sourceip);
}

static bool check_conn_texts(const struct conf_conn *c)
{
    return is_text(c->name, sizeof c->name) && is_text(c->file, sizeof c->file) && is_text(c->psk_file, sizeof c->psk_file) &&
           is_text(c->vti_interface, sizeof c->vti_interface);
}

static bool check_conn_bools(const struct conf_conn *c)
{
    const bool *fields[] = { &c->keep, &c->pfs, &c->rekey, &c->nat_keepalive, &c->initial_contact, &c->esn, &c->mark_set,
                             &c->mark_in_unique, &c->mark_out_unique, &c->vti_routing, &c->unreachable_route, &c->clamp_mss };
    for (size_t i = 0; i < COUNT(fields); i++)
        if (!is_bool(fields[i]))
            return false;
    return true;
}

static bool check_routes(const struct conf_conn *c)
{
    for (size_t i = 0; i < CONF_ROUTES_MAX; i++)
        if (!is_prefix(&c->routes[i]))
            return false;
    return c->route_count <= CONF_ROUTES_MAX;
}

static bool check_conn(const struct dp_message *m)
{
    const struct conf_conn *c = &m->conn.conn;
    return m->conn.index < CONF_CONNS_MAX && check_conn_texts(c) && check_conn_bools(c) && check_end(&c->end[0]) &&
           check_end(&c->end[1]) && c->local >= 0 && c->local <= 1 && (unsigned)c->autostart <= CONF_AUTO_START &&
           (unsigned)c->encapsulation <= CONF_AUTOMATIC && (unsigned)c->link_signal <= CONF_LINK_NEITHER &&
           check_routes(c) && c->ike_count <= CONF_PROPOSALS_MAX && c->esp_count <= CONF_PROPOSALS_MAX && c->psk_length <= CONF_PSK_MAX;
}

static bool check_sa(const struct dp_sa *sa)
{
    return sa->direction <= DP_OUT && is_pair(&sa->local, &sa->remote) && sa->key_length <= DP_KEY_MAX;
}

static bool check_name(const struct dp_sa_name *name) { return name->direction <= DP_OUT && is_pair(&name->local, &name->remote); }

static bool check_request(const struct dp_message *m)
{
    const struct dp_request *r = &m->request;
    if (!is_bool(&r->alive))
        return false;
    switch ((enum dp_request_type)r->type) {
    case DP_SA_INSTALL: return check_sa(&r->sa);
    case DP_SA_REMOVE:
    case DP_SA_QUERY: return check_name(&r->name);
    case DP_SA_MOVE: return check_name(&r->name) && is_pair(&r->to_local, &r->to_remote);
    case DP_TUNNEL_ALIVE: return true;
    }
    return false;
}

static bool check_reply(const struct dp_message *m)
{
    const struct dp_reply *r = &m->reply;
    return r->type >= DP_SA_INSTALL && r->type <= DP_TUNNEL_ALIVE && is_text(r->text, sizeof r->text);
}

static bool check_event(const struct dp_message *m)
{
    const struct dp_event *e = &m->event;
    return e->type >= DP_EVENT_PATH && e->type <= DP_EVENT_COUNTED && e->direction <= DP_OUT && is_bool(&e->hard) &&
           is_addr(&e->local.addr) && is_addr(&e->remote.addr);
}

static bool check_say(const struct dp_message *m) { return is_text(m->say.text, sizeof m->say.text); }
static bool check_reloaded(const struct dp_message *m) { return is_bool(&m->reloaded.done) && is_bool(&m->reloaded.asked); }

static bool (*const checks[])(const struct dp_message *message) = {
    [DP_MESSAGE_HELLO] = check_hello,
    [DP_MESSAGE_CONN] = check_conn,
    [DP_MESSAGE_REQUEST] = check_request,
    [DP_MESSAGE_REPLY] = check_reply,
    [DP_MESSAGE_EVENT] = check_event,
    [DP_MESSAGE_SAY] = check_say,
    [DP_MESSAGE_RELOADED] = check_reloaded,
};

bool dp_message_check(const struct dp_message *message, size_t length)
{
    if (length < offsetof(struct dp_message, hello) || !dp_message_length(message->type) || length != dp_message_length(message->type))
        return false;
    return checks[message->type](message);
}

struct dp_sa_name dp_sa_name_of(const struct dp_sa *sa)
{
    return (struct dp_sa_name){ .conn = sa->conn, .direction = sa->direction, .spi = sa->spi, .local = sa->local, .remote = sa->remote };
}

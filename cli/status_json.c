/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the JSON of `status`: schema 1, which docs/status.schema.json describes and tests hold it to. Numbers are raw, times RFC 3339, what is not known is null, and
 * every configured tunnel is there. Members are added in later versions, never renamed or taken away.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/events.h"
#include "cli/status.h"
#include "cli/words.h"

static json_t *text_or_null(const char *text)
{
    return text[0] ? json_string(text) : json_null();
}

static json_t *time_or_null(int64_t wall)
{
    char text[WORDS_MAX];
    return wall ? json_string(words_time(wall, text)) : json_null();
}

static json_t *count_of(uint64_t value)
{
    return json_integer((json_int_t)(value > INT64_MAX ? INT64_MAX : value));
}

static json_t *endpoint_of(const struct endpoint *e)
{
    char text[ADDR_TEXT_MAX];
    if (!e->addr.family)
        return json_null();
    return json_pack("{s:s, s:o}", "address", addr_print(&e->addr, text), "port", e->port ? json_integer(e->port) : json_null());
}

static json_t *prefix_or_null(const struct prefix *p)
{
    char text[PREFIX_TEXT_MAX];
    return p->addr.family ? json_string(prefix_print(p, text)) : json_null();
}

static json_t *number_or_null(uint64_t value)
{
    return value ? count_of(value) : json_null();
}

/* Eight octets as hexadecimal digits: as a number it would not fit what JSON's readers take. */
static json_t *cookie_of(const uint8_t cookie[CONTROL_COOKIE])
{
    char text[2 * CONTROL_COOKIE + 1];
    for (size_t i = 0; i < CONTROL_COOKIE; i++)
        snprintf(text + 2 * i, 3, "%02x", cookie[i]);
    return json_string(text);
}

static json_t *phase1_of(const struct control_tunnel *t)
{
    if (!t->isakmp_up)
        return json_null();
    return json_pack("{s:o, s:o, s:o, s:b, s:o, s:o, s:o}", "proposal", text_or_null(t->ike), "spi_local", cookie_of(t->cookie_near),
                     "spi_remote", cookie_of(t->cookie_far), "initiator", t->initiator, "since", time_or_null(t->isakmp_since), "rekey_at", time_or_null(t->isakmp_rekey_at), "expires_at",
                     time_or_null(t->isakmp_expires_at));
}

static json_t *phase2_of(const struct control_tunnel *t)
{
    if (!t->spi_in)
        return json_null();
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "proposal", text_or_null(t->esp), "spi_in", count_of(t->spi_in), "spi_out",
                     count_of(t->spi_out), "since", time_or_null(t->sa_since), "rekey_at", time_or_null(t->sa_rekey_at), "expires_at",
                     time_or_null(t->sa_expires_at));
}

static json_t *error_of(const struct control_tunnel *t)
{
    if (!t->cause[0])
        return json_null();
    return json_pack("{s:s, s:s, s:s, s:o}", "cause", t->cause, "text", t->cause_text, "advice", t->advice, "at", time_or_null(t->cause_at));
}

static json_t *traffic_of(const struct control_tunnel *t)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "bytes_in", count_of(t->bytes_in), "bytes_out", count_of(t->bytes_out), "packets_in",
                     count_of(t->packets_in), "packets_out", count_of(t->packets_out));
}

static json_t *marks_of(const struct control_tunnel *t)
{
    return t->mark_set ? json_pack("{s:o, s:o}", "in", count_of(t->mark_in), "out", count_of(t->mark_out)) : json_null();
}

static json_t *configured_of(const struct control_tunnel *t)
{
    json_t *lifetimes = json_pack("{s:o, s:o, s:o, s:o}", "phase1_lifetime_s", number_or_null(t->ike_lifetime), "phase2_lifetime_s",
                                  number_or_null(t->sa_lifetime), "dpd_delay_s", number_or_null(t->dpd_delay), "dpd_timeout_s",
                                  number_or_null(t->dpd_timeout));
    json_t *object = json_pack("{s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "file", t->file, "line", (int)t->line, "secret_file",
                               text_or_null(t->secret_file), "secret_line", number_or_null(t->secret_line), "local_id",
                               text_or_null(t->near_id), "remote_id", text_or_null(t->far_id), "phase1_proposals",
                               text_or_null(t->ike_offer), "phase2_proposals", text_or_null(t->esp_offer));
    if (object && lifetimes && json_object_update_new(object, lifetimes) == 0)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *route_of(const struct link_route *r)
{
    char via[ADDR_TEXT_MAX];
    return json_pack("{s:o, s:o, s:o, s:o, s:b, s:b}", "to", prefix_or_null(&r->to), "via",
                     r->via.family ? json_string(addr_print(&r->via, via)) : json_null(), "table", count_of(r->table), "metric",
                     count_of(r->metric), "shared", r->shared, "used", !r->dead);
}

/* Null where the interface is not in this network namespace, which is not the same as no route. */
static json_t *link_of(const struct link *link)
{
    json_t *routes = json_array();
    if (!link || !link->there) {
        json_decref(routes);
        return json_null();
    }
    for (size_t i = 0; i < link->routes; i++)
        json_array_append_new(routes, route_of(&link->route[i]));
    return json_pack("{s:o, s:b, s:o}", "mtu", number_or_null(link->mtu), "running", link->up, "routes", routes);
}

static json_t *events_of(const struct client_answer *answer, const struct control_tunnel *t)
{
    json_t *list = json_array();
    for (size_t i = 0; i < answer->event_count; i++)
        if (strcmp(answer->events[i].name, t->name) == 0)
            json_array_append_new(list, events_json(&answer->events[i]));
    return list;
}

static json_t *life_of(const struct control_tunnel *t)
{
    return json_pack("{s:s, s:s, s:b, s:o, s:o, s:o, s:i}", "name", t->name, "state", t->state, "up", t->health == CONTROL_UP_NOW, "since",
                     time_or_null(t->since), "state_since", time_or_null(t->state_since), "retry_at", time_or_null(t->retry_at),
                     "established", (int)t->established);
}

static json_t *place_of(const struct control_tunnel *t, const struct link *link)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "local", endpoint_of(&t->local), "remote", endpoint_of(&t->remote),
                     "local_subnet", prefix_or_null(&t->near_subnet), "remote_subnet", prefix_or_null(&t->far_subnet), "interface",
                     text_or_null(t->interface), "interface_address", prefix_or_null(&t->vti), "link", link_of(link), "path_mtu",
                     number_or_null(t->path_mtu), "mark", marks_of(t));
}

static json_t *phases_of(const struct control_tunnel *t)
{
    return json_pack("{s:b, s:b, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "nat_local", t->nat_near, "nat_remote", t->nat_far, "encapsulated",
                     t->encapsulated, "dpd", t->dpd, "heard_at", time_or_null(t->heard_at), "round_trip_us",
                     t->round_trip_us >= 0 ? json_integer(t->round_trip_us) : json_null(), "phase1", phase1_of(t), "phase2", phase2_of(t),
                     "traffic", traffic_of(t), "last_error", error_of(t));
}

static json_t *tunnel_of(const struct status_view *view, size_t index)
{
    const struct control_tunnel *t = &view->answer->tunnels[index];
    enum { PARTS = 2 };
    json_t *object = life_of(t), *parts[PARTS] = { place_of(t, view->links ? &view->links[index] : NULL), phases_of(t) };
    bool fine = object != NULL;
    for (size_t i = 0; i < PARTS; i++)
        fine &= parts[i] && json_object_update_new(object, parts[i]) == 0;
    fine = fine && json_object_set_new(object, "configured", configured_of(t)) == 0 &&
           json_object_set_new(object, "events", events_of(view->answer, t)) == 0;
    if (fine)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *tunnels_of(const struct status_view *view)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < view->answer->count; i++)
        if (json_array_append_new(list, tunnel_of(view, i)) < 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

int status_print_json(const struct status_view *view, FILE *out)
{
    const struct control_end *end = &view->answer->end;
    json_t *root = json_pack("{s:i, s:s, s:o, s:o, s:i, s:i, s:o}", "schema", 1, "version", end->daemon_version, "now",
                             time_or_null(end->now), "engine_started", time_or_null(end->started), "configured", (int)end->tunnels, "up",
                             (int)end->up, "tunnels", tunnels_of(view));
    if (!root)
        return -1;
    int result = json_dumpf(root, out, JSON_INDENT(2));
    fputc('\n', out);
    json_decref(root);
    return result < 0 ? -1 : 0;
}

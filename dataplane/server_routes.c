/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's routes, where vti-routing=yes or x-minicpe-route=: conns with the same prefix and metric= share one multipath route
 * that leads into the links of exactly those that live; another metric makes a standby. Below them, at the worst
 * metric there is, an unreachable route stays the whole time: whatever happens to the others, also by the kernel's own
 * silent removal, nothing leaves in clear. And the links' marks: routing programs see by them which tunnel is dead.
 *
 * A conn lives when an engine said so and it has an SA to send by. A new engine inherits what the one before it said,
 * for as long as it takes to hear from the headends itself.
 */
#include "dataplane/server_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { INHERIT_S = 30 };

static bool lives(const struct dp_server *s, size_t i)
{
    return s->conns[i].alive && dp_held_count(&s->held, (uint16_t)i, DP_OUT) > 0;
}

static bool link_lives(const struct dp_server *s, int link)
{
    for (size_t i = 0; i < s->conf->count; i++)
        if (s->conns[i].link == link && lives(s, i))
            return true;
    return false;
}

/* ---- links ---- */

static enum conf_link_signal link_signal(const struct dp_server *s, int link)
{
    for (size_t i = 0; i < s->conf->count; i++)
        if (s->conns[i].link == link)
            return server_conf(s, i)->link_signal;
    return CONF_LINK_NEITHER;
}

static bool leads_to(const struct conf_conn *c, const struct prefix *to)
{
    for (size_t r = 0; r < conf_route_count(c); r++)
        if (prefix_equal(conf_route(c, r), to))
            return true;
    return false;
}

/* By their selectors, or by a route. */
static bool conns_share(const struct conf_conn *a, const struct conf_conn *b)
{
    bool share = prefix_equal(&conf_far(a)->subnet, &conf_far(b)->subnet);
    for (size_t r = 0; !share && r < conf_route_count(a); r++)
        share = leads_to(b, conf_route(a, r));
    return share;
}

static bool shares_subnet(const struct dp_server *s, int link, int other)
{
    for (size_t i = 0; i < s->conf->count; i++)
        for (size_t k = 0; s->conns[i].link == link && k < s->conf->count; k++)
            if (s->conns[k].link == other && conns_share(server_conf(s, i), server_conf(s, k)))
                return true;
    return false;
}

/* A link is set down only beside one that lives for the same subnet: with the last one the kernel forgets others' routes. */
static bool may_go_down(const struct dp_server *s, int link)
{
    for (int k = 0; (size_t)k < s->link_count; k++)
        if (k != link && shares_subnet(s, link, k) && link_lives(s, k))
            return true;
    return false;
}

static enum vti_signal signal_wanted(const struct dp_server *s, int link)
{
    const struct vti *v = &s->links[link];
    if (link_lives(s, link))
        return VTI_SHINES;
    switch (link_signal(s, link)) {
    case CONF_LINK_NEITHER: return VTI_SHINES;
    case CONF_LINK_DORMANT: return VTI_DORMANT;
    case CONF_LINK_DOWN: break;
    }
    if (v->signal == VTI_DOWN)
        return VTI_DOWN; /* it comes up when it lives */
    return s->link_lived[link] && may_go_down(s, link) ? VTI_DOWN : VTI_SHINES;
}

/* Towards life first, so that no moment is without a link that may be used. */
static void signal_links(struct dp_server *s, bool up)
{
    char why[DP_WHY_MAX];
    for (int k = 0; (size_t)k < s->link_count; k++) {
        enum vti_signal wanted = signal_wanted(s, k);
        s->link_lived[k] |= link_lives(s, k);
        if (wanted == s->links[k].signal || (wanted == VTI_SHINES) != up)
            continue;
        if (vti_signal(&s->route, &s->links[k], wanted, why, sizeof why)) {
            s->later |= DOUBT_ROUTES;
            log_warning("%s", why);
        } else {
            log_info("%s: %s", s->links[k].shape.name, vti_signal_name(wanted));
        }
    }
}

/* ---- routes ---- */

static bool routed(const struct dp_server *s, size_t i)
{
    return conf_route_count(server_conf(s, i)) && s->conns[i].link >= 0 && !s->conns[i].unroutable;
}

static struct route *route_at(struct dp_server *s, const struct prefix *to, uint32_t metric)
{
    const struct route place = { .to = *to, .metric = metric };
    for (size_t i = 0; i < s->routes_count; i++)
        if (route_same_place(&s->routes[i], &place))
            return &s->routes[i];
    s->routes[s->routes_count] = place;
    return &s->routes[s->routes_count++];
}

static void add_hop(struct route *route, int link)
{
    for (size_t i = 0; i < route->count; i++)
        if (route->links[i] == link)
            return;
    if (link && route->count < ROUTE_HOPS_MAX)
        route->links[route->count++] = link;
}

static void want_floor(struct dp_server *s, size_t i)
{
    const struct conf_conn *c = server_conf(s, i);
    for (size_t r = 0; c->unreachable_route && r < conf_route_count(c); r++)
        route_at(s, conf_route(c, r), ROUTE_METRIC_WORST)->unreachable = true;
}

static void want_way(struct dp_server *s, size_t i)
{
    const struct conf_conn *c = server_conf(s, i);
    if (!s->links[s->conns[i].link].index)
        return; /* a link that is not there leads nowhere */
    for (size_t r = 0; lives(s, i) && r < conf_route_count(c); r++) {
        struct route *route = route_at(s, conf_route(c, r), c->metric);
        if (!route->source.family && conf_near(c)->sourceip.family == route->to.addr.family)
            route->source = conf_near(c)->sourceip;
        add_hop(route, s->links[s->conns[i].link].index);
    }
}

static void want_all(struct dp_server *s)
{
    s->routes_count = 0;
    for (size_t i = 0; i < s->conf->count; i++)
        if (routed(s, i))
            want_floor(s, i);
    for (size_t i = 0; i < s->conf->count; i++)
        if (routed(s, i))
            want_way(s, i);
}

static const char *name_of(const struct dp_server *s, int index)
{
    for (size_t k = 0; k < s->link_count; k++)
        if (s->links[k].index == index)
            return s->links[k].shape.name;
    return "?";
}

struct telling { struct dp_server *server; struct mono now; };

static void told(void *context, const struct route *route, const char *why)
{
    const struct telling *t = context;
    char to[PREFIX_TEXT_MAX], line[240];
    if (why[0]) {
        if (server_say(&t->server->routes_said, t->now))
            log_error("%s", why);
        return;
    }
    int at = snprintf(line, sizeof line, "route to %s%s", prefix_print(&route->to, to), route->unreachable ? ": unreachable while no tunnel lives" : " by");
    for (size_t i = 0; i < route->count && (size_t)at + VTI_NAME_MAX + 2 < sizeof line; i++)
        at += snprintf(line + at, sizeof line - (size_t)at, "%s %s", i ? " and" : "", name_of(t->server, route->links[i]));
    log_info("%s", line);
}

static void tell_loss(struct dp_server *s, bool before)
{
    char to[PREFIX_TEXT_MAX];
    if (before && s->routes_ways == 0)
        log_warning("route to %s: no tunnel lives", prefix_print(&s->routes[0].to, to));
}

/* Of the routes wanted, those that lead somewhere. */
static size_t count_ways(const struct dp_server *s)
{
    size_t ways = 0;
    for (size_t i = 0; i < s->routes_count; i++)
        ways += s->routes[i].count > 0;
    return ways;
}

static void make_routes(struct dp_server *s, struct mono now)
{
    struct telling t = { s, now };
    bool before = s->routes_ways > 0;
    want_all(s);
    s->routes_ways = count_ways(s);
    if (routes_make(&s->route, s->routes, s->routes_count, told, &t))
        s->doubts |= DOUBT_ROUTES; /* to be tried again */
    if (s->routes_count)
        tell_loss(s, before);
}

bool server_routes_concern(const struct dp_server *s, const struct nlmsghdr *message)
{
    struct route_seen seen;
    if (message->nlmsg_pid == s->route.port || !route_message_read(message, &seen) || !seen.main)
        return false;
    if (seen.protocol == ROUTE_PROTOCOL)
        return true;
    for (size_t i = 0; i < s->conf->count; i++)
        if (routed(s, i) && leads_to(server_conf(s, i), &seen.route.to))
            return true;
    return false;
}

bool server_routes_prefer_source(const struct dp_server *s)
{
    for (size_t i = 0; i < s->conf->count; i++)
        if (routed(s, i) && conf_near(server_conf(s, i))->sourceip.family)
            return true;
    return false;
}

void server_routes_follow(struct dp_server *s, struct mono now)
{
    signal_links(s, true);
    make_routes(s, now);
    signal_links(s, false);
}

/* ---- who lives ---- */

bool server_lives_changed(struct dp_server *s)
{
    bool changed = false;
    for (size_t i = 0; i < s->conf->count; i++) {
        bool now = lives(s, i);
        changed |= now != s->conns[i].lived;
        s->conns[i].lived = now;
    }
    return changed;
}

void server_inherit(struct dp_server *s)
{
    static const struct mono from_next_look = { 0 }; /* at the clock */
    bool any = false;
    for (size_t i = 0; i < s->conf->count; i++)
        any |= s->conns[i].inherited = s->conns[i].alive;
    s->inherit_until = any ? from_next_look : MONO_NEVER;
}

void server_inherit_tick(struct dp_server *s, struct mono now)
{
    if (mono_is_never(s->inherit_until))
        return;
    if (s->inherit_until.us == 0) {
        s->inherit_until = mono_after(now, MONO_S(INHERIT_S));
        return;
    }
    if (!mono_reached(now, s->inherit_until))
        return;
    s->inherit_until = MONO_NEVER;
    for (size_t i = 0; i < s->conf->count; i++)
        if (s->conns[i].inherited)
            s->conns[i].alive = s->conns[i].inherited = false;
}

/* ---- what goes with a link ---- */

enum { ROUTES_SAID = 20 };

struct farewell { const struct vti *link; const struct dp_teller *teller; unsigned count; };

static void tell_going(void *context, const struct route *route)
{
    struct farewell *f = context;
    char to[PREFIX_TEXT_MAX], line[DP_LINE_MAX];
    bool last = route->count == 1;
    if (f->count++ >= ROUTES_SAID)
        return;
    snprintf(line, sizeof line, "  the route to %s %s %s", prefix_print(&route->to, to), last ? "goes with" : "leads no longer into",
             f->link->shape.name);
    f->teller->say(f->teller->context, line);
}

void server_tell_routes(struct dp_server *s, const struct vti *link, const struct dp_teller *teller)
{
    char line[DP_LINE_MAX];
    struct farewell f = { link, teller, 0 };
    if (!link->index || !link->made || routes_each_into(&s->route, link->index, tell_going, &f) || f.count <= ROUTES_SAID)
        return;
    snprintf(line, sizeof line, "  and so with %u more", f.count - ROUTES_SAID);
    teller->say(teller->context, line);
}

/* ---- start and end ---- */

/* A route that would lead the tunnel's own packets into the tunnel is not made. */
static void plan(struct dp_server *s, size_t i)
{
    const struct conf_conn *c = server_conf(s, i);
    char subnet[PREFIX_TEXT_MAX], headend[ADDR_TEXT_MAX];
    for (size_t n = 0; n < s->conf->count * conf_route_count(c) && !s->conns[i].unroutable; n++) {
        const struct prefix *to = conf_route(c, n / s->conf->count);
        const struct addr *far = server_headend(s, n % s->conf->count);
        if (to->addr.family != far->family || !prefix_contains(to, far))
            continue;
        s->conns[i].unroutable = true;
        log_warning("conn %s: no route is made to %s, because the headend %s lies in it, and the tunnel's own packets would go into the "
                    "tunnel; say x-minicpe-route= with what is to go there, or vti-routing=no and make routes yourself",
                    c->name, prefix_print(to, subnet), addr_print(far, headend));
    }
}

/* As many as the conns may ask for, and a floor below each. */
static size_t most_routes(const struct conf *conf)
{
    size_t count = 0;
    for (size_t i = 0; i < conf->count; i++)
        count += 2 * conf_route_count(&conf->conns[i]);
    return count;
}

bool server_routes_plan(struct dp_server *s)
{
    s->routes = calloc(most_routes(s->conf) + 1, sizeof *s->routes);
    s->link_lived = calloc(s->conf->count + 1, sizeof *s->link_lived);
    if (!s->routes || !s->link_lived)
        return false;
    for (size_t i = 0; i < s->conf->count; i++)
        if (routed(s, i))
            plan(s, i);
    return true;
}

static void ignore(void *context, const struct route *route, const char *why)
{
    (void)context;
    (void)route;
    (void)why;
}

bool server_routes_close(struct dp_server *s) { return !routes_make(&s->route, NULL, 0, ignore, NULL); }

void server_routes_free(struct dp_server *s)
{
    free(s->routes);
    free(s->link_lived);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the comparison of the routes that are wanted with those in the kernel. It keeps no memory of what it did: what
 * is ours is told from the protocol number, so a crash's leftovers, other programs' doings and the kernel's own silent
 * removals (a link that went down) all come to the same.
 */
#include "vti/routes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { OWN_FIRST = 64 };

/* As many as there are: one that is left out would be refused for ever as somebody else's, or never go. */
struct own { struct route_seen *seen; size_t count, room; bool no_memory; };

static bool own_grow(struct own *own)
{
    size_t room = own->room ? 2 * own->room : OWN_FIRST;
    struct route_seen *more = realloc(own->seen, room * sizeof *more);
    if (!more)
        return false;
    own->seen = more;
    own->room = room;
    return true;
}

static void look_for_own(void *context, const struct nlmsghdr *message)
{
    struct own *own = context;
    struct route_seen seen;
    if (!route_message_read(message, &seen) || seen.protocol != ROUTE_PROTOCOL || !seen.main)
        return;
    if (own->count == own->room && !own_grow(own))
        own->no_memory = true;
    else
        own->seen[own->count++] = seen;
}

/* With the option the kernel gives those of our protocol only: a full BGP table need not come up here. */
static void filter_dumps(const struct netlink *n, int on) { (void)setsockopt(n->fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on); }

static int find_own(struct netlink *n, struct own *own)
{
    static const uint8_t families[] = { ADDR_V4, ADDR_V6 };
    union netlink_request request;
    int error = 0;
    filter_dumps(n, 1);
    for (size_t i = 0; !error && i < sizeof families / sizeof *families; i++) {
        route_message_dump(&request, families[i]);
        error = netlink_transact(n, &request, look_for_own, own);
        if (error == -ENOENT || (error && families[i] == ADDR_V6))
            error = 0; /* no such table yet; a kernel without IPv6 */
    }
    filter_dumps(n, 0);
    return own->no_memory ? -ENOMEM : error;
}

struct into { int link; void (*each)(void *context, const struct route *route); void *context; };

static void look_for_hop(void *context, const struct nlmsghdr *message)
{
    const struct into *into = context;
    struct route_seen seen;
    if (!route_message_read(message, &seen) || !seen.main)
        return;
    for (size_t i = 0; i < seen.route.count; i++)
        if (seen.route.links[i] == into->link) {
            into->each(into->context, &seen.route);
            return;
        }
}

int routes_each_into(struct netlink *n, int link, void (*each)(void *context, const struct route *route), void *context)
{
    static const uint8_t families[] = { ADDR_V4, ADDR_V6 };
    union netlink_request request;
    struct into into = { link, each, context };
    int error = 0;
    for (size_t i = 0; !error && i < sizeof families / sizeof *families; i++) {
        route_message_dump(&request, families[i]);
        error = netlink_transact(n, &request, look_for_hop, &into);
        if (families[i] == ADDR_V6)
            error = 0; /* a kernel without IPv6 */
    }
    return error;
}

static const struct route_seen *at_place(const struct own *own, const struct route *route)
{
    for (size_t i = 0; i < own->count; i++)
        if (route_same_place(&own->seen[i].route, route))
            return &own->seen[i];
    return NULL;
}

static int set(struct netlink *n, const struct route *route, enum route_mode mode)
{
    union netlink_request request;
    route_message_set(&request, route, mode);
    return netlink_transact(n, &request, NULL, NULL);
}

static void explain(const struct netlink *n, int error, const struct route *route, char *why, size_t size)
{
    char to[PREFIX_TEXT_MAX], words[NETLINK_TEXT_MAX + 80];
    prefix_print(&route->to, to);
    netlink_explain(n, error, words, sizeof words);
    if (error == -EEXIST)
        snprintf(why, size, "somebody else has a route to %s with metric %u already, which stays; remove it (ip route del %s metric %u), "
                 "or give the tunnel another metric=", to, route->metric, to, route->metric);
    else
        snprintf(why, size, "the kernel refuses the route to %s: %s", to, words);
}

/* A preferred source that this machine does not have is no reason to have no route. */
static int set_without_source(struct netlink *n, const struct route *route, enum route_mode mode, char *why, size_t size)
{
    struct route bare = *route;
    char to[PREFIX_TEXT_MAX], source[ADDR_TEXT_MAX];
    bare.source = (struct addr){ 0 };
    int error = set(n, &bare, mode);
    if (!error)
        snprintf(why, size, "leftsourceip=%s is no address of this machine, so the route to %s has no preferred source; put it on an "
                 "interface: ip address add %s dev lo", addr_print(&route->source, source), prefix_print(&route->to, to), source);
    return error;
}

static int put(struct netlink *n, const struct route *route, const struct route_seen *there, char *why, size_t size)
{
    enum route_mode mode = there ? ROUTE_REPLACE : ROUTE_NEW;
    int error = set(n, route, mode);
    why[0] = 0;
    if (error == -EINVAL && route->source.family)
        error = set_without_source(n, route, mode, why, size);
    if (error)
        explain(n, error, route, why, size);
    return error;
}

static bool is_wanted(const struct route *route, const struct route *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (route_same_place(route, &wanted[i]))
            return true;
    return false;
}

static int put_wanted(struct netlink *n, const struct own *own, const struct route *wanted, size_t count, routes_told *told, void *context)
{
    char why[400];
    int first = 0;
    for (size_t i = 0; i < count; i++) {
        const struct route_seen *there = at_place(own, &wanted[i]);
        if (there && there->simple && route_same(&there->route, &wanted[i]))
            continue;
        int error = put(n, &wanted[i], there, why, sizeof why);
        told(context, &wanted[i], why);
        first = first ? first : error;
    }
    return first;
}

static int remove_unwanted(struct netlink *n, const struct own *own, const struct route *wanted, size_t count)
{
    union netlink_request request;
    int first = 0;
    for (size_t i = 0; i < own->count; i++) {
        if (is_wanted(&own->seen[i].route, wanted, count))
            continue;
        route_message_remove(&request, &own->seen[i].route);
        int error = netlink_transact(n, &request, NULL, NULL);
        first = first || error == -ESRCH ? first : error;
    }
    return first;
}

int routes_make(struct netlink *n, const struct route *wanted, size_t count, routes_told *told, void *context)
{
    struct own own = { .count = 0 };
    int found = find_own(n, &own), added = 0, removed = 0;
    if (!own.no_memory) {
        added = put_wanted(n, &own, wanted, count, told, context);
        removed = remove_unwanted(n, &own, wanted, count);
    }
    free(own.seen);
    return found ? found : added ? added : removed;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel tells the server. Facts about SAs go to the engine as they come. Everything else only casts
 * doubt: once all that waits has been read, whatever is in doubt is compared with how it should be, and mended.
 * So a lost notification costs a comparison and no more. Mending happens at most once a second.
 */
#include "dataplane/server_private.h"

#include <errno.h>
#include <linux/rtnetlink.h>

enum { PATH_EVERY_S = 10, MEND_EVERY_S = 1, SAY_EVERY_S = 60, FORGET_MOST = 64 };

void server_send_event(struct dp_server *s, const struct dp_event *event)
{
    struct dp_message message;
    dp_message_begin(&message, DP_MESSAGE_EVENT);
    message.event = *event;
    message.event.generation = s->generations[event->conn];
    s->env.send(s->env.context, &message, dp_message_length(message.type));
}

static struct dp_event about(enum dp_event_type type, const struct dp_sa *sa)
{
    return (struct dp_event){ .type = (uint8_t)type, .conn = sa->conn, .direction = sa->direction, .spi = sa->spi, .local = sa->local, .remote = sa->remote };
}

void server_sa_event(struct dp_server *s, enum dp_event_type type, const struct dp_sa *sa)
{
    struct dp_event event = about(type, sa);
    const struct dp_count *count = &s->held.counts[sa - s->held.sas];
    event.packets = count->packets;
    event.bytes = count->bytes;
    server_send_event(s, &event);
}

bool server_say(struct mono *said, struct mono now)
{
    if (!mono_reached(now, *said))
        return false;
    *said = mono_after(now, MONO_S(SAY_EVERY_S));
    return true;
}

static void on_expire(struct dp_server *s, struct dp_sa *sa, const struct xfrm_event *e)
{
    struct dp_event event = about(DP_EVENT_EXPIRE, sa);
    event.hard = e->hard;
    event.bytes = e->bytes;
    event.packets = e->packets;
    dp_held_counted(&s->held, sa, e->packets, e->bytes);
    if (e->hard)
        server_sa_end(s, sa);
    server_send_event(s, &event);
}

static void on_traffic(struct dp_server *s, struct dp_sa *sa, const struct xfrm_event *e)
{
    struct dp_event event = about(DP_EVENT_TRAFFIC, sa);
    event.bytes = e->bytes;
    event.packets = e->packets;
    s->sent |= sa->direction == DP_OUT;
    dp_held_counted(&s->held, sa, e->packets, e->bytes);
    server_send_event(s, &event);
}

static void on_mapping(struct dp_server *s, struct dp_sa *sa, const struct xfrm_event *e)
{
    struct dp_event event = about(DP_EVENT_MAPPING, sa);
    event.remote = (struct endpoint){ e->from, e->port };
    server_send_event(s, &event);
}

static void on_removed(struct dp_server *s, struct dp_sa *sa, const struct xfrm_event *e)
{
    if (e->cause == s->xfrm.port)
        return;
    server_sa_event(s, DP_EVENT_GONE, sa);
    server_sa_end(s, sa);
}

static void take_xfrm(void *context, const struct nlmsghdr *message)
{
    struct dp_server *s = context;
    struct xfrm_event e = event_read(message);
    struct dp_sa *sa = e.spi ? dp_held_find_kernel(&s->held, &e.to, e.spi) : NULL;
    bool ours = e.cause == s->xfrm.port;
    switch (e.type) {
    case XFRM_EVENT_NONE: break;
    case XFRM_EVENT_EXPIRE: if (sa) on_expire(s, sa, &e); break;
    case XFRM_EVENT_TRAFFIC: if (sa) on_traffic(s, sa, &e); break;
    case XFRM_EVENT_MAPPING: if (sa) on_mapping(s, sa, &e); break;
    case XFRM_EVENT_SA_REMOVED: if (sa) on_removed(s, sa, &e); break;
    case XFRM_EVENT_SAS_FLUSHED: s->doubts |= ours ? 0u : DOUBT_SAS; break;
    case XFRM_EVENT_POLICIES_CHANGED: s->doubts |= ours ? 0u : DOUBT_POLICIES; break;
    }
}

static void on_link(struct dp_server *s, const struct nlmsghdr *message)
{
    struct vti_seen seen;
    if (!link_message_read(message, &seen))
        return;
    bool ours = server_link_ours(s, seen.index, seen.shape.name);
    s->doubts |= ours ? DOUBT_LINKS | DOUBT_ROUTES : DOUBT_PATHS; /* a link that goes down takes its routes along, silently */
}

/* With an address the kernel takes the routes along that prefer it as their source, and not every kernel tells of them. */
static void on_address(struct dp_server *s, const struct nlmsghdr *message)
{
    const struct ifaddrmsg *fixed = netlink_payload(message, sizeof *fixed);
    if (!fixed || message->nlmsg_pid == s->route.port)
        return;
    s->doubts |= server_link_ours(s, (int)fixed->ifa_index, NULL) ? DOUBT_LINKS : DOUBT_PATHS;
    s->doubts |= server_routes_prefer_source(s) ? DOUBT_ROUTES : 0;
}

/* Only routes that could lead to a headend: a full BGP table changing must not cost a lookup each time. */
static void on_route(struct dp_server *s, const struct nlmsghdr *message)
{
    struct path_route route;
    if (server_routes_concern(s, message))
        s->doubts |= DOUBT_ROUTES;
    if (!path_read_route(message, &route))
        return;
    for (size_t i = 0; i < s->conf->count && !(s->doubts & DOUBT_PATHS); i++)
        if (route.to.length == 0 || prefix_contains(&route.to, server_headend(s, i)))
            s->doubts |= DOUBT_PATHS;
}

/* On systems with systemd every new link soon gets the host's own rp_filter (systemd-sysctl, by udev's rule). */
static void on_setting(struct dp_server *s, const struct nlmsghdr *message)
{
    int link;
    if (path_read_setting(message, &link) && server_link_ours(s, link, NULL))
        s->doubts |= DOUBT_LINKS;
}

static void take_route(void *context, const struct nlmsghdr *message)
{
    struct dp_server *s = context;
    switch (message->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK: on_link(s, message); break;
    case RTM_NEWADDR:
    case RTM_DELADDR: on_address(s, message); break;
    case RTM_NEWROUTE:
    case RTM_DELROUTE: on_route(s, message); break;
    case RTM_NEWNETCONF: on_setting(s, message); break;
    default: break;
    }
}

static void take_clamp(void *context, const struct nlmsghdr *message)
{
    struct dp_server *s = context;
    if (message->nlmsg_pid != s->clamp_port && clamp_message_takes(message))
        s->doubts |= DOUBT_CLAMP;
}

/* The kernel tells nobody that it learned a smaller path MTU: while traffic goes out, it is asked now and then. */
static void doubt_paths_in_use(struct dp_server *s, struct mono now)
{
    if (!s->sent || !mono_reached(now, s->paths_at))
        return;
    s->sent = false;
    s->paths_at = mono_after(now, MONO_S(PATH_EVERY_S));
    s->doubts |= DOUBT_PATHS;
}

/* True: this is in doubt, and not looked at too recently. */
static bool due(struct dp_server *s, enum dp_doubt doubt, struct mono *at, struct mono now)
{
    if (!(s->doubts & doubt) || !mono_reached(now, *at))
        return false;
    s->doubts &= ~(unsigned)doubt;
    *at = mono_after(now, MONO_S(MEND_EVERY_S));
    return true;
}

/* What could not be mended is in doubt again, once at once and then a while later: whatever was missing then may be there now. */
static void doubt_later(struct dp_server *s, struct mono now)
{
    if (!s->later || !mono_reached(now, s->later_at))
        return;
    s->doubts |= s->later;
    s->later = 0;
    s->later_at = mono_after(now, MONO_S(MEND_EVERY_S));
}

static void settle(struct dp_server *s, struct mono now)
{
    server_inherit_tick(s, now);
    doubt_later(s, now);
    doubt_paths_in_use(s, now);
    if (s->doubts & DOUBT_SAS) { /* first: with its last SA a tunnel lives no more */
        s->doubts &= ~(unsigned)DOUBT_SAS;
        s->later |= server_sas_compare(s) ? 0 : DOUBT_SAS;
    }
    if (server_lives_changed(s))
        s->doubts |= DOUBT_LIVES;
    if (s->doubts & DOUBT_LIVES) {
        s->doubts &= ~(unsigned)DOUBT_LIVES;
        server_routes_follow(s, now);
    }
    if (due(s, DOUBT_LINKS, &s->links_at, now))
        s->later |= server_links_mend(s, now) ? 0 : DOUBT_LINKS;
    if (due(s, DOUBT_ROUTES, &s->routes_at, now))
        server_routes_follow(s, now);
    if (due(s, DOUBT_CLAMP, &s->clamp_at, now))
        server_clamp_mend(s, now);
    if (due(s, DOUBT_POLICIES, &s->policies_at, now))
        s->later |= server_policies_mend(s, now) ? 0 : DOUBT_POLICIES;
    if (s->doubts & DOUBT_PATHS) {
        s->doubts &= ~(unsigned)DOUBT_PATHS;
        server_paths_find(s);
        server_paths_follow(s);
    }
}

static void ignore(void *context, const struct nlmsghdr *message)
{
    (void)context;
    (void)message;
}

void server_forget_notifications(struct dp_server *s)
{
    struct netlink *const all[] = { &s->xfrm_events, &s->route_events, &s->clamp_events, NULL };
    for (size_t i = 0; all[i]; i++)
        for (unsigned k = 0; k < FORGET_MOST && all[i]->fd >= 0; k++)
            if (netlink_drain(all[i], ignore, s) != NETLINK_MORE)
                break;
}

static void drain(struct dp_server *s, struct netlink *n, netlink_each *each, struct mono now)
{
    int error = netlink_drain(n, each, s);
    if (error == NETLINK_MORE)
        return;
    if (error)
        s->doubts |= DOUBT_ALL; /* some may be lost */
    if (error && error != -ENOBUFS && server_say(&s->reading_said, now))
        log_warning("reading the kernel's notifications failed: %s", strerror(-error));
}

void server_clamp_listen(struct dp_server *s)
{
    if (s->clamp_events.fd >= 0 && netlink_drain(&s->clamp_events, take_clamp, s) < 0)
        s->doubts |= DOUBT_CLAMP;
}

void dp_server_readable(struct dp_server *s, struct mono now)
{
    drain(s, &s->xfrm_events, take_xfrm, now);
    drain(s, &s->route_events, take_route, now);
    server_clamp_listen(s);
    settle(s, now);
}

struct mono dp_server_deadline(const struct dp_server *s)
{
    static const struct mono at_once = { 0 };
    struct mono at = s->doubts & DOUBT_LIVES ? at_once : s->inherit_until;
    at = mono_min(at, s->doubts & DOUBT_LINKS ? s->links_at : MONO_NEVER);
    at = mono_min(at, s->doubts & DOUBT_ROUTES ? s->routes_at : MONO_NEVER);
    at = mono_min(at, s->doubts & DOUBT_CLAMP ? s->clamp_at : MONO_NEVER);
    at = mono_min(at, s->doubts & DOUBT_POLICIES ? s->policies_at : MONO_NEVER);
    return mono_min(at, s->later ? s->later_at : MONO_NEVER);
}

void dp_server_tick(struct dp_server *s, struct mono now) { settle(s, now); }

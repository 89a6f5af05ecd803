/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's paths: which local address leads to each headend, how large packets may be on the way, and what
 * follows when that changes. The engine is told at once; link and policies move to the new address with the
 * first SA that uses it, or at once where no SA depends on the old one.
 */
#include "dataplane/server_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* The address that left= asks for; none: whichever the route has. `there` is false when it asks for one that is not. */
static int local_asked(struct dp_server *s, size_t i, struct addr *local, bool *there)
{
    const struct conf_end *near = conf_near(server_conf(s, i));
    uint8_t family = server_headend(s, i)->family;
    int error = 0;
    *local = (struct addr){ 0 };
    *there = false;
    switch (near->host) {
    case CONF_HOST_DEFAULTROUTE:
    case CONF_HOST_ANY:
        *there = true;
        break;
    case CONF_HOST_INTERFACE:
        error = path_interface_address(&s->route, near->text + (near->text[0] == '%'), family, local);
        *there = local->family != 0;
        break;
    case CONF_HOST_ADDRESS:
    case CONF_HOST_NAME:
        *local = near->addr;
        *there = local->family == family;
        break;
    }
    return error;
}

/* The address borrowed by a VTI of ours does not count as being there. */
static int address_present(struct dp_server *s, const struct addr *local, bool *present)
{
    int *links = calloc(s->link_count + 1, sizeof *links);
    *present = false;
    if (!links)
        return -ENOMEM;
    for (size_t k = 0; k < s->link_count; k++)
        links[k] = s->links[k].index;
    int error = path_address_present(&s->route, local, links, s->link_count, present);
    free(links);
    return error;
}

/* 0, with an empty path when there is no way; -errno when the kernel does not say. */
static int find(struct dp_server *s, size_t i, struct path *path)
{
    struct addr local;
    bool there;
    const struct addr *headend = server_headend(s, i);
    *path = (struct path){ 0 };
    if (!headend->family)
        return 0;
    int error = local_asked(s, i, &local, &there);
    if (!error && there && local.family)
        error = address_present(s, &local, &there);
    if (error || !there)
        return error;
    error = path_find(&s->route, headend, &local, path);
    if (!error && server_link_ours(s, path->link, NULL)) /* into the tunnel that it is to carry */
        *path = (struct path){ 0 };
    return error;
}

static bool path_same(const struct path *a, const struct path *b)
{
    return addr_equal(&a->local, &b->local) && a->mtu == b->mtu && a->link == b->link;
}

void server_paths_find(struct dp_server *s)
{
    for (size_t i = 0; i < s->conf->count; i++) {
        struct path path;
        struct conn_state *state = &s->conns[i];
        if (find(s, i, &path)) {
            s->later |= DOUBT_PATHS;
            continue;
        }
        if (path_same(&path, &state->path))
            continue;
        state->path = path;
        state->path_told = false;
        s->locals[i] = path.local;
    }
}

int server_carry(struct dp_server *s, size_t conn, char *why)
{
    struct conn_state *state = &s->conns[conn];
    struct vti *link = server_link(s, conn);
    struct addr local = state->path.local;
    if (state->carried && addr_equal(&state->carried_local, &local) && (!link || addr_equal(&link->shape.local, &local)))
        return 0;
    int error = server_policies_set(s, conn, &local, why);
    if (!error && link && link->index)
        error = vti_move(&s->route, link, &local, why, DP_WHY_MAX);
    if (error)
        return error;
    if (state->carried)
        server_policies_drop_old(s, conn, &state->carried_local, &local);
    state->carried = true;
    state->carried_local = local;
    return 0;
}

/* SAs of any conn on the same link still use the address that it has. */
static bool depended_on(const struct dp_server *s, size_t conn)
{
    for (size_t i = 0; i < s->conf->count; i++) {
        bool together = i == conn || (s->conns[i].link >= 0 && s->conns[i].link == s->conns[conn].link);
        if (together && (dp_held_count(&s->held, (uint16_t)i, DP_IN) || dp_held_count(&s->held, (uint16_t)i, DP_OUT)))
            return true;
    }
    return false;
}

void server_path_later(struct dp_server *s, size_t conn)
{
    s->conns[conn].path_due = true;
    s->later |= DOUBT_PATHS;
}

static void follow(struct dp_server *s, size_t i)
{
    char why[DP_WHY_MAX];
    struct conn_state *state = &s->conns[i];
    bool again = state->path_due;
    state->path_due = false;
    if (state->path.local.family && (!state->carried || !depended_on(s, i)) && server_carry(s, i, why)) {
        server_path_later(s, i);
        log_line(again ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR, "%s", why);
    }
    if (server_links_resize(s, state->link, why)) {
        server_path_later(s, i);
        log_line(again ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING, "%s", why);
    }
}

void server_path_tell(struct dp_server *s, size_t conn)
{
    struct conn_state *state = &s->conns[conn];
    struct dp_event event = {
        .type = DP_EVENT_PATH, .conn = (uint16_t)conn, .local.addr = state->path.local, .remote.addr = *server_headend(s, conn), .mtu = state->path.mtu,
    };
    server_send_event(s, &event);
    state->path_told = true;
}

void server_paths_follow(struct dp_server *s)
{
    for (size_t i = 0; i < s->conf->count; i++) {
        bool told = s->conns[i].path_told;
        if ((told && !s->conns[i].path_due) || conf_is_hole(server_conf(s, i)))
            continue;
        follow(s, i);
        if (!told)
            server_path_tell(s, i);
    }
}

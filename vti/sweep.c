/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the removal of links that carry our mark and have no place any more: a crash's, or one that somebody renamed. */
#include "vti/vti.h"

#include <errno.h>

enum { FOUND_MAX = 64, SWEEPS_MAX = 64 };

struct sweep { const struct vti *wanted; size_t count; int found[FOUND_MAX]; size_t found_count; bool any; };

/* Under a name that is not wanted, or between the two addresses of another: the kernel would not let that one be. */
static bool is_orphan(const struct sweep *s, const struct vti_seen *seen)
{
    bool named = false, in_the_way = false;
    for (size_t i = 0; i < s->count; i++) {
        bool same = addr_equal(&s->wanted[i].shape.remote, &seen->shape.remote);
        if (strcmp(s->wanted[i].shape.name, seen->shape.name) != 0)
            in_the_way |= same;
        else if (same)
            return false;
        else
            named = true;
    }
    return !named || in_the_way;
}

static void look_for_orphan(void *context, const struct nlmsghdr *message)
{
    struct sweep *s = context;
    struct vti_seen seen;
    if (!link_message_read(message, &seen) || !vti_is_ours(&seen))
        return;
    s->any = true;
    if (s->found_count < FOUND_MAX && is_orphan(s, &seen))
        s->found[s->found_count++] = seen.index;
}

static int sweep_once(struct netlink *n, struct sweep *s)
{
    union netlink_request request;
    s->found_count = 0;
    link_message_dump(&request);
    int error = netlink_transact(n, &request, look_for_orphan, s);
    for (size_t i = 0; !error && i < s->found_count; i++) {
        link_message_remove(&request, s->found[i]);
        error = netlink_transact(n, &request, NULL, NULL);
        if (error == -ENODEV)
            error = 0; /* seen twice */
    }
    return error;
}

int vti_sweep(struct netlink *n, const struct vti *wanted, size_t count, bool *any)
{
    struct sweep s = { .wanted = wanted, .count = count };
    int error = sweep_once(n, &s);
    for (unsigned i = 1; !error && s.found_count > 0 && i < SWEEPS_MAX; i++) /* there may be more than one look has room for */
        error = sweep_once(n, &s);
    *any = s.any;
    return error;
}

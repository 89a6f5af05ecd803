/* SPDX-License-Identifier: Apache-2.0 */
/* Where x-minicpe-clamp-mss=yes: the largest TCP segment follows the MTU of the conn's link. */
#include "dataplane/server_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static bool clamped(const struct dp_server *s, int link)
{
    for (size_t i = 0; i < s->conf->count; i++)
        if (s->conns[i].link == link && server_conf(s, i)->clamp_mss)
            return true;
    return false;
}

static size_t wanted(const struct dp_server *s, struct clamp *out)
{
    size_t count = 0;
    for (int k = 0; (size_t)k < s->link_count; k++)
        if (clamped(s, k)) {
            out[count] = (struct clamp){ .mtu = s->links[k].shape.mtu };
            snprintf(out[count++].name, sizeof out->name, "%s", s->links[k].shape.name);
        }
    return count;
}

static bool passes_by_itself(int error)
{
    return error == -ENOMEM || error == -ENOBUFS || error == -EBUSY || error == -EAGAIN || error == -EINTR || error == -ETIMEDOUT;
}

/* What waits is read first: afterwards our own notifications of the set before would look like somebody else's. */
static void set(struct dp_server *s, const struct clamp *links, size_t count)
{
    char why[DP_WHY_MAX];
    server_clamp_listen(s);
    int error = clamp_set(links, count, &s->clamp_port, why, sizeof why);
    if (error && !s->clamp_undone)
        log_warning("%s", why);
    else if (!error && s->clamp_undone && count)
        log_notice("the nftables table minicpe is as it should be now (x-minicpe-clamp-mss=yes)");
    s->clamp_undone = error != 0;
    if (passes_by_itself(error))
        s->later |= DOUBT_CLAMP;
}

void server_clamp_follow(struct dp_server *s)
{
    struct clamp *now = calloc(s->link_count + 1, sizeof *now);
    if (!now)
        return;
    size_t count = wanted(s, now);
    bool same = count == s->clamp_count && (!count || memcmp(now, s->clamps, count * sizeof *now) == 0);
    if (!same || s->clamp_undone)
        set(s, now, count);
    if (s->clamp_events.fd >= 0 && !s->clamp_count != !count)
        clamp_follow_events(&s->clamp_events, count > 0);
    free(s->clamps);
    s->clamps = now;
    s->clamp_count = count;
}

void server_clamp_sweep(struct dp_server *s)
{
    char why[DP_WHY_MAX];
    if (s->clamp_count || !passes_by_itself(clamp_set(NULL, 0, &s->clamp_port, why, sizeof why)))
        return; /* a kernel without nftables has no table */
    s->clamp_undone = true;
    s->later |= DOUBT_CLAMP;
}

void server_clamp_mend(struct dp_server *s, struct mono now)
{
    if (s->clamp_count && !s->clamp_undone && server_say(&s->clamp_said, now))
        log_warning("somebody took the nftables table minicpe away, or a part of it (x-minicpe-clamp-mss=yes); it is there again");
    s->clamp_count = 0; /* whatever is there is exchanged for it */
    server_clamp_follow(s);
}

void server_clamp_close(struct dp_server *s)
{
    char why[DP_WHY_MAX];
    if (s->clamp_count && clamp_set(NULL, 0, &s->clamp_port, why, sizeof why))
        log_warning("%s", why);
    s->clamp_count = 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's policies: in, forward and out for each conn, with its marks. They are there before any SA is, so
 * traffic for a tunnel that is down is dropped, not sent in clear. With a VTI the marks keep them to the link.
 */
#include "dataplane/server_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { LEFTOVERS_MAX = 256, SWEEPS_MAX = 64 };

static struct prefix subnet_or_host(const struct prefix *subnet, const struct addr *host)
{
    return subnet->addr.family ? *subnet : prefix_of(*host);
}

static void policies_of(const struct dp_server *s, size_t i, const struct addr *local, struct xfrm_policy out[DP_POLICIES])
{
    const struct conf_conn *c = server_conf(s, i);
    const struct addr *headend = server_headend(s, i);
    struct prefix near = subnet_or_host(&conf_near(c)->subnet, local), far = subnet_or_host(&conf_far(c)->subnet, headend);
    struct xfrm_policy in = {
        .way = XFRM_WAY_IN, .source = far, .destination = near, .mark = c->mark_set ? c->mark_in : 0, .mask = c->mark_set ? c->mark_in_mask : 0,
        .priority = c->priority, .reqid = s->conns[i].reqid, .from = *headend, .to = *local,
    };
    out[0] = in;
    out[1] = in;
    out[2] = in;
    out[1].way = XFRM_WAY_FORWARD;
    out[2].way = XFRM_WAY_OUT;
    out[2].source = near;
    out[2].destination = far;
    out[2].mark = c->mark_set ? c->mark_out : 0;
    out[2].mask = c->mark_set ? c->mark_out_mask : 0;
    out[2].from = *local;
    out[2].to = *headend;
}

static int failed(struct dp_server *s, size_t i, int error, const struct xfrm_policy *p, char *why)
{
    char words[NETLINK_TEXT_MAX + 80], source[PREFIX_TEXT_MAX], destination[PREFIX_TEXT_MAX];
    netlink_explain(&s->xfrm, error, words, sizeof words);
    if (error == -EEXIST)
        snprintf(why, DP_WHY_MAX, "conn %s: somebody else has an IPsec policy for %s to %s with mark %u already (another IKE daemon?); "
                 "stop it, and look at: ip xfrm policy", server_conf(s, i)->name, prefix_print(&p->source, source),
                 prefix_print(&p->destination, destination), p->mark);
    else
        snprintf(why, DP_WHY_MAX, "conn %s: the kernel refuses the policy for %s to %s: %s", server_conf(s, i)->name,
                 prefix_print(&p->source, source), prefix_print(&p->destination, destination), words);
    return error;
}

int server_policies_set(struct dp_server *s, size_t conn, const struct addr *local, char *why)
{
    struct xfrm_policy wanted[DP_POLICIES];
    policies_of(s, conn, local, wanted);
    for (size_t k = 0; k < DP_POLICIES; k++) {
        int error = xfrm_policy_set(&s->xfrm, &wanted[k]);
        if (error)
            return failed(s, conn, error, &wanted[k], why);
    }
    return 0;
}

void server_policies_drop_old(struct dp_server *s, size_t conn, const struct addr *old, const struct addr *new)
{
    struct xfrm_policy before[DP_POLICIES], after[DP_POLICIES];
    policies_of(s, conn, old, before);
    policies_of(s, conn, new, after);
    for (size_t k = 0; k < DP_POLICIES; k++)
        if (!policy_message_same(&before[k], &after[k]))
            s->later |= xfrm_policy_remove(&s->xfrm, &before[k]) ? DOUBT_POLICIES : 0;
}

/* Is it one of the policies that are in force for some conn? */
static bool in_force(const struct dp_server *s, const struct xfrm_policy *policy)
{
    struct xfrm_policy wanted[DP_POLICIES];
    for (size_t i = 0; i < s->conf->count; i++) {
        if (!s->conns[i].carried)
            continue;
        policies_of(s, i, &s->conns[i].carried_local, wanted);
        for (size_t k = 0; k < DP_POLICIES; k++)
            if (policy_message_same(&wanted[k], policy) && wanted[k].reqid == policy->reqid)
                return true;
    }
    return false;
}

struct policy_sweep { const struct dp_server *server; bool all; struct xfrm_policy *found; size_t count; };

static void look_for_leftover(void *context, const struct xfrm_policy *policy)
{
    struct policy_sweep *w = context;
    if (w->count < LEFTOVERS_MAX && xfrm_reqid_ours(policy->reqid) && (w->all || !in_force(w->server, policy)))
        w->found[w->count++] = *policy;
}

bool server_policies_sweep(struct dp_server *s, bool all)
{
    struct xfrm_policy found[LEFTOVERS_MAX];
    struct policy_sweep w = { .server = s, .all = all, .found = found };
    size_t before = SIZE_MAX;
    for (unsigned round = 0; round < SWEEPS_MAX; round++) {
        w.count = 0;
        if (xfrm_policy_each(&s->xfrm, look_for_leftover, &w))
            return false;
        /* As many as before: another program's, that has our mark and what ours never have, so that it cannot be named. */
        if (w.count == 0 || (w.count == before && w.count < LEFTOVERS_MAX))
            return w.count == 0;
        before = w.count;
        for (size_t i = 0; i < w.count; i++)
            (void)xfrm_policy_remove(&s->xfrm, &found[i]);
    }
    return false;
}

/* Which of the policies in force are still in the kernel, as they were put. */
struct census { const struct dp_server *server; uint8_t *present; };

static void mark_present(void *context, const struct xfrm_policy *policy)
{
    struct census *c = context;
    struct xfrm_policy wanted[DP_POLICIES];
    for (size_t i = 0; i < c->server->conf->count; i++) {
        policies_of(c->server, i, &c->server->conns[i].carried_local, wanted);
        for (size_t k = 0; k < DP_POLICIES; k++)
            if (policy_message_same(&wanted[k], policy) && wanted[k].reqid == policy->reqid &&
                addr_equal(&wanted[k].from, &policy->from) && addr_equal(&wanted[k].to, &policy->to))
                c->present[i] |= (uint8_t)(1u << k);
    }
}

bool server_policies_mend(struct dp_server *s, struct mono now)
{
    char why[DP_WHY_MAX];
    struct census c = { .server = s, .present = calloc(s->conf->count + 1, 1) };
    bool whole = c.present && !xfrm_policy_each(&s->xfrm, mark_present, &c);
    if (whole)
        for (size_t i = 0; i < s->conf->count; i++) {
            if (!s->conns[i].carried || c.present[i] == (1u << DP_POLICIES) - 1)
                continue;
            int error = server_policies_set(s, i, &s->conns[i].carried_local, why);
            whole &= !error;
            if (!server_say(&s->policies_said, now))
                continue;
            if (error)
                log_error("%s", why);
            else
                log_warning("conn %s: somebody removed its IPsec policies; they are there again", server_conf(s, i)->name);
        }
    free(c.present);
    return server_policies_sweep(s, false) && whole;
}

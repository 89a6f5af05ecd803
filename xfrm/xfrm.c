/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SAs and policies in the kernel: each operation is one message of sa_message.c or policy_message.c and the
 * kernel's answer. Holds nothing; who owns what is the caller's knowledge (dataplane/server.c).
 */
#include "xfrm/xfrm.h"

#include <errno.h>
#include <linux/xfrm.h>
#include <stdio.h>

#include "crypto/algs.h"

enum {
    TRIAL_TIMER = 1000, /* in the kernel's ticks; read back in tenths of a second it tells how long a tick is */
    TRIAL_TENTHS_DEFAULT = 40, /* 250 ticks a second */
    TRIAL_SPI = 0x6d630100,
};

int xfrm_open(struct netlink *n) { return netlink_open(n, NETLINK_XFRM); }

int xfrm_open_events(struct netlink *n)
{
    static const uint32_t groups[] = { XFRMNLGRP_EXPIRE, XFRMNLGRP_SA, XFRMNLGRP_POLICY, XFRMNLGRP_AEVENTS, XFRMNLGRP_MAPPING };
    return netlink_open_groups(n, NETLINK_XFRM, groups, sizeof groups / sizeof *groups);
}

int xfrm_install(struct netlink *n, const struct dp_sa *sa, uint32_t reqid, uint32_t timer)
{
    union netlink_request request;
    return sa_message_install(&request, sa, reqid, timer) ? netlink_transact(n, &request, NULL, NULL) : -EINVAL;
}

int xfrm_remove(struct netlink *n, const struct dp_sa_name *name)
{
    union netlink_request request;
    sa_message_remove(&request, name);
    int error = netlink_transact(n, &request, NULL, NULL);
    return error == -ESRCH ? 0 : error;
}

int xfrm_move(struct netlink *n, const struct dp_sa *sa, uint32_t reqid)
{
    union netlink_request request;
    return sa_message_move(&request, sa, reqid) ? netlink_transact(n, &request, NULL, NULL) : -EINVAL;
}

static void keep_sa(void *context, const struct nlmsghdr *message) { event_read_sa(message, context); }

int xfrm_query(struct netlink *n, const struct dp_sa_name *name, struct xfrm_seen *seen)
{
    union netlink_request request;
    *seen = (struct xfrm_seen){ 0 };
    sa_message_get(&request, name);
    int error = netlink_transact(n, &request, keep_sa, seen);
    return error ? error : seen->spi == name->spi ? 0 : -ESRCH;
}

struct sa_walk { xfrm_each_sa *each; void *context; };

static void pass_sa(void *context, const struct nlmsghdr *message)
{
    const struct sa_walk *walk = context;
    struct xfrm_seen seen;
    if (event_read_sa(message, &seen))
        walk->each(walk->context, &seen);
}

int xfrm_each(struct netlink *n, xfrm_each_sa *each, void *context)
{
    union netlink_request request;
    struct sa_walk walk = { each, context };
    sa_message_dump(&request);
    return netlink_transact(n, &request, pass_sa, &walk);
}

/* What is missing, by what the kernel answered to a whole and correct SA. */
static void trial_sentence(struct netlink *n, const struct dp_sa *sa, int error, char *why, size_t size)
{
    const struct crypto_cipher_row *cipher = crypto_cipher_find_esp(sa->esp_transform);
    const struct crypto_hash_row *auth = crypto_hash_find_esp(sa->esp_auth);
    char words[NETLINK_TEXT_MAX + 80];
    netlink_explain(n, error, words, sizeof words);
    if (error == -EPROTONOSUPPORT)
        snprintf(why, size, "the kernel cannot do ESP: modprobe esp4 (on Oracle Linux's UEK the package kernel-uek-modules has it); it said: %s", words);
    else if (error == -ENOSYS || error == -ENOENT)
        snprintf(why, size, "the kernel lacks %s%s%s for esp=: modprobe %s (on Oracle Linux's UEK the package kernel-uek-modules has it); it said: %s",
                 cipher ? cipher->kernel : "the cipher", auth ? " or " : "", auth ? auth->kernel : "", auth ? "authenc cbc" : "gcm seqiv", words);
    else if (error == -EPERM)
        snprintf(why, size, "the kernel refuses to make SAs for us: CAP_NET_ADMIN is missing; start as root");
    else
        snprintf(why, size, "the kernel refuses an SA with %s%s%s: %s", cipher ? cipher->kernel : "?", auth ? " and " : "", auth ? auth->kernel : "", words);
}

static void keep_timer(void *context, const struct nlmsghdr *message) { event_read_timer(message, context); }

int xfrm_try(struct netlink *n, const struct dp_sa *shape, uint32_t *timer, char *why, size_t size)
{
    struct dp_sa sa = *shape;
    sa.direction = DP_IN;
    sa.spi = TRIAL_SPI;
    sa.hard_seconds = 10; /* should we die right here */
    struct dp_sa_name name = { .direction = sa.direction, .spi = sa.spi, .local = sa.local, .remote = sa.remote };
    int error = xfrm_remove(n, &name);
    if (!error)
        error = xfrm_install(n, &sa, XFRM_REQID_LAST, TRIAL_TIMER);
    if (error) {
        trial_sentence(n, &sa, error, why, size);
        return error;
    }
    union netlink_request request;
    uint32_t tenths = 0;
    sa_message_get_timer(&request, &name);
    if (netlink_transact(n, &request, keep_timer, &tenths) || !tenths)
        tenths = TRIAL_TENTHS_DEFAULT;
    *timer = TRIAL_TIMER / tenths;
    error = xfrm_remove(n, &name);
    if (error)
        trial_sentence(n, &sa, error, why, size);
    return error;
}

struct policy_walk { xfrm_each_policy *each; void *context; };

static void pass_policy(void *context, const struct nlmsghdr *message)
{
    const struct policy_walk *walk = context;
    struct xfrm_policy policy;
    if (message->nlmsg_type == XFRM_MSG_NEWPOLICY && policy_message_read(message, &policy))
        walk->each(walk->context, &policy);
}

int xfrm_policy_each(struct netlink *n, xfrm_each_policy *each, void *context)
{
    union netlink_request request;
    struct policy_walk walk = { each, context };
    policy_message_dump(&request);
    return netlink_transact(n, &request, pass_policy, &walk);
}

/* Is the policy in the place of `like` one of ours? */
struct twin { const struct xfrm_policy *like; bool ours; };

static void look_for_twin(void *context, const struct xfrm_policy *policy)
{
    struct twin *twin = context;
    if (policy_message_same(twin->like, policy) && xfrm_reqid_ours(policy->reqid))
        twin->ours = true;
}

static int policy_put(struct netlink *n, const struct xfrm_policy *policy, bool update)
{
    union netlink_request request;
    policy_message_put(&request, policy, update);
    return netlink_transact(n, &request, NULL, NULL);
}

int xfrm_policy_set(struct netlink *n, const struct xfrm_policy *policy)
{
    int error = policy_put(n, policy, false);
    if (error != -EEXIST)
        return error;
    struct twin twin = { .like = policy };
    error = xfrm_policy_each(n, look_for_twin, &twin);
    if (error)
        return error;
    return twin.ours ? policy_put(n, policy, true) : -EEXIST;
}

int xfrm_policy_remove(struct netlink *n, const struct xfrm_policy *policy)
{
    union netlink_request request;
    policy_message_remove(&request, policy);
    int error = netlink_transact(n, &request, NULL, NULL);
    return error == -ENOENT ? 0 : error;
}

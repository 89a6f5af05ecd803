/* SPDX-License-Identifier: Apache-2.0 */
/* Policies and SA requests against the machine's own kernel, in a network namespace; needs root, not ESP. */
#include "tests/support/test.h"

#include <errno.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "xfrm/xfrm.h"

static struct netlink netlink, events;
static bool usable;

static int open_world(void **state)
{
    (void)state;
    netlink.fd = events.fd = -1;
    usable = unshare(CLONE_NEWNET) == 0 && xfrm_open(&netlink) == 0 && xfrm_open_events(&events) == 0;
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    netlink_close(&netlink);
    netlink_close(&events);
    return 0;
}

static struct xfrm_policy policy_make(const char *source, uint32_t reqid)
{
    struct xfrm_policy p = { .way = XFRM_WAY_IN, .mark = 5, .mask = UINT32_MAX, .reqid = reqid };
    assert_true(prefix_parse(&p.source, source) && prefix_parse(&p.destination, "192.168.3.0/24"));
    assert_true(addr_parse(&p.from, "198.51.100.11") && addr_parse(&p.to, "192.0.2.10"));
    return p;
}

struct list { struct xfrm_policy found[16]; size_t count; };

static void collect(void *context, const struct xfrm_policy *policy)
{
    struct list *list = context;
    assert_in_range(list->count, 0, 15);
    list->found[list->count++] = *policy;
}

static size_t policies(struct list *list)
{
    list->count = 0;
    assert_int_equal(xfrm_policy_each(&netlink, collect, list), 0);
    return list->count;
}

static void policy_life(void **state)
{
    (void)state;
    struct list list;
    struct xfrm_policy p = policy_make("10.0.2.0/24", XFRM_REQID_BASE), q = policy_make("10.0.3.0/24", XFRM_REQID_BASE + 1);
    if (!usable)
        skip();
    assert_int_equal(policies(&list), 0);
    assert_int_equal(xfrm_policy_set(&netlink, &p), 0);
    assert_int_equal(xfrm_policy_set(&netlink, &q), 0);
    assert_int_equal(xfrm_policy_set(&netlink, &p), 0); /* ours: brought up to date */
    assert_int_equal(policies(&list), 2);
    assert_true(addr_parse(&p.to, "192.0.2.77"));
    assert_int_equal(xfrm_policy_set(&netlink, &p), 0);
    assert_int_equal(policies(&list), 2);
    for (size_t i = 0; i < list.count; i++)
        if (policy_message_same(&list.found[i], &p)) {
            assert_true(addr_equal(&list.found[i].to, &p.to));
            assert_int_equal(list.found[i].priority, 1000 + 8 + 8);
        }
    assert_int_equal(xfrm_policy_remove(&netlink, &p), 0);
    assert_int_equal(xfrm_policy_remove(&netlink, &p), 0); /* gone already */
    assert_int_equal(policies(&list), 1);
    assert_int_equal(xfrm_policy_remove(&netlink, &q), 0);
}

static void policy_of_another(void **state)
{
    (void)state;
    struct list list;
    struct xfrm_policy theirs = policy_make("10.0.2.0/24", 4711), ours = policy_make("10.0.2.0/24", XFRM_REQID_BASE);
    if (!usable)
        skip();
    assert_int_equal(xfrm_policy_set(&netlink, &theirs), 0);
    assert_int_equal(xfrm_policy_set(&netlink, &ours), -EEXIST);
    assert_int_equal(policies(&list), 1);
    assert_int_equal(list.found[0].reqid, 4711);
    ours.mark = 6; /* another mark is another policy */
    assert_int_equal(xfrm_policy_set(&netlink, &ours), 0);
    assert_int_equal(policies(&list), 2);
    assert_int_equal(xfrm_policy_remove(&netlink, &ours), 0);
    assert_int_equal(xfrm_policy_remove(&netlink, &theirs), 0);
}

struct heard { size_t own, others; };

static void hear(void *context, const struct nlmsghdr *message)
{
    struct heard *heard = context;
    struct xfrm_event e = event_read(message);
    if (e.type == XFRM_EVENT_POLICIES_CHANGED)
        *(e.cause == netlink.port ? &heard->own : &heard->others) += 1;
}

static void removal_by_another_is_heard(void **state)
{
    (void)state;
    struct heard heard = { 0 };
    struct netlink another;
    struct xfrm_policy p = policy_make("10.0.2.0/24", XFRM_REQID_BASE);
    if (!usable)
        skip();
    assert_int_equal(netlink_drain(&events, hear, &heard), 0);
    heard = (struct heard){ 0 };
    assert_int_equal(xfrm_open(&another), 0);
    assert_int_equal(xfrm_policy_set(&netlink, &p), 0);
    assert_int_equal(xfrm_policy_remove(&netlink, &p), 0);
    assert_int_equal(netlink_drain(&events, hear, &heard), 0);
    assert_int_equal(heard.own, 1);
    assert_int_equal(heard.others, 0);
    assert_int_equal(xfrm_policy_set(&netlink, &p), 0);
    assert_int_equal(xfrm_policy_remove(&another, &p), 0);
    assert_int_equal(netlink_drain(&events, hear, &heard), 0);
    assert_int_equal(heard.others, 1);
    netlink_close(&another);
}

static void refusals(void **state)
{
    (void)state;
    struct xfrm_seen seen;
    struct dp_sa_name name = { .direction = DP_OUT, .spi = 0x1000 };
    struct xfrm_policy p = policy_make("10.0.2.0/24", XFRM_REQID_BASE);
    char words[200];
    if (!usable)
        skip();
    assert_true(addr_parse(&name.remote.addr, "198.51.100.11") && addr_parse(&name.local.addr, "192.0.2.10"));
    assert_int_equal(xfrm_query(&netlink, &name, &seen), -ESRCH);
    assert_int_equal(xfrm_remove(&netlink, &name), 0);
    p.source.length = 77; /* the kernel says no */
    assert_int_equal(xfrm_policy_set(&netlink, &p), -EINVAL);
    netlink_explain(&netlink, -EINVAL, words, sizeof words);
    assert_non_null(strstr(words, "Invalid argument"));
}

/* More than the socket's room: told as lost, and the socket goes on working. */
static void lost_notifications(void **state)
{
    (void)state;
    struct heard heard = { 0 };
    struct netlink small;
    int room = 1;
    struct xfrm_policy p = policy_make("10.0.2.0/24", XFRM_REQID_BASE);
    if (!usable)
        skip();
    assert_int_equal(xfrm_open_events(&small), 0);
    assert_int_equal(setsockopt(small.fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room), 0);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(xfrm_policy_set(&netlink, &p), 0);
        assert_int_equal(xfrm_policy_remove(&netlink, &p), 0);
    }
    assert_int_equal(netlink_drain(&small, hear, &heard), -ENOBUFS);
    assert_int_equal(netlink_drain(&small, hear, &heard), 0);
    netlink_close(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policy_life), cmocka_unit_test(policy_of_another), cmocka_unit_test(removal_by_another_is_heard),
        cmocka_unit_test(refusals), cmocka_unit_test(lost_notifications),
    };
    return cmocka_run_group_tests_name("xfrm kernel", tests, open_world, close_world);
}

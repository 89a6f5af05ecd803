/* SPDX-License-Identifier: Apache-2.0 */
/* The nftables batch against nft 1.0.6's own for the same rule, and what the kernel makes of it. */
#include "tests/support/test.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sched.h>
#include <unistd.h>

#include "vti/clamp_message.h"
#include "xfrm/netlink.h"

static const struct clamp links[] = { { "vti01", 1438 }, { "vti02", 1338 } };

static uint8_t *built(size_t count, size_t *length, uint32_t *last)
{
    uint8_t *memory = calloc(1, clamp_message_room(count));
    assert_non_null(memory);
    *length = clamp_message_put(memory, links, count, last);
    assert_true(*length <= clamp_message_room(count));
    return memory;
}

static void frame(void **state)
{
    (void)state;
    static const uint16_t types[] = {
        NFNL_MSG_BATCH_BEGIN, 0xa00 | NFT_MSG_NEWTABLE, 0xa00 | NFT_MSG_DELTABLE, 0xa00 | NFT_MSG_NEWTABLE, 0xa00 | NFT_MSG_NEWCHAIN,
        0xa00 | NFT_MSG_NEWRULE, 0xa00 | NFT_MSG_NEWRULE, 0xa00 | NFT_MSG_NEWRULE, 0xa00 | NFT_MSG_NEWRULE, NFNL_MSG_BATCH_END,
    };
    size_t length, acknowledged = 0, i = 0;
    uint32_t last;
    uint8_t *memory = built(1, &length, &last);
    int left = (int)length;
    for (const struct nlmsghdr *m = (const struct nlmsghdr *)(void *)memory; mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left), i++) {
        assert_in_range(i, 0, sizeof types / sizeof *types - 1);
        assert_int_equal(m->nlmsg_type, types[i]);
        if (!(m->nlmsg_flags & NLM_F_ACK))
            continue;
        acknowledged++;
        assert_int_equal(m->nlmsg_seq, last);
        assert_int_equal(i, 8);
    }
    assert_int_equal(i, sizeof types / sizeof *types);
    assert_int_equal(left, 0);
    assert_int_equal(acknowledged, 1);
    free(memory);
}

static void removal(void **state)
{
    (void)state;
    size_t length;
    uint32_t last;
    uint8_t *memory = built(0, &length, &last);
    int left = (int)length;
    const struct nlmsghdr *m = (const struct nlmsghdr *)(void *)memory;
    for (int i = 0; i < 2; i++)
        m = mnl_nlmsg_next(m, &left);
    assert_int_equal(m->nlmsg_type, 0xa00 | NFT_MSG_DELTABLE);
    assert_int_equal(m->nlmsg_seq, last);
    m = mnl_nlmsg_next(m, &left);
    assert_int_equal(m->nlmsg_type, NFNL_MSG_BATCH_END);
    free(memory);
}

static bool holds(const uint8_t *memory, size_t length, const void *part, size_t size) { return memmem(memory, length, part, size) != NULL; }

static void numbers(void **state)
{
    (void)state;
    size_t length;
    uint32_t last;
    uint8_t *memory = built(2, &length, &last);
    /* NFTA_DATA_VALUE of 1398, 1378, 1298 and 1278, in network order */
    assert_true(holds(memory, length, "\x06\0\x01\0\x05\x76", 6));
    assert_true(holds(memory, length, "\x06\0\x01\0\x05\x62", 6));
    assert_true(holds(memory, length, "\x06\0\x01\0\x05\x12", 6));
    assert_true(holds(memory, length, "\x06\0\x01\0\x04\xfe", 6));
    assert_true(holds(memory, length, "\x14\0\x01\0vti02\0\0\0\0\0\0\0\0\0\0\0", 20));
    free(memory);
}

/* ---- the kernel ---- */

struct count { size_t rules, tables; };

static void count_one(void *context, const struct nlmsghdr *message)
{
    struct count *c = context;
    c->rules += message->nlmsg_type == (0xa00 | NFT_MSG_NEWRULE);
    c->tables += message->nlmsg_type == (0xa00 | NFT_MSG_NEWTABLE);
}

static struct count counted(void)
{
    static const uint16_t dumps[] = { NFT_MSG_GETRULE, NFT_MSG_GETTABLE };
    struct count c = { 0, 0 };
    struct netlink n;
    union netlink_request request;
    assert_int_equal(netlink_open(&n, NETLINK_NETFILTER), 0);
    for (size_t i = 0; i < 2; i++) {
        struct nfgenmsg *fixed = netlink_begin(&request, (uint16_t)(0xa00 | dumps[i]), NLM_F_DUMP, sizeof *fixed);
        fixed->nfgen_family = NFPROTO_INET;
        assert_int_equal(netlink_transact(&n, &request, count_one, &c), 0);
    }
    netlink_close(&n);
    return c;
}

struct heard { uint32_t own; size_t taken; };

static void hear(void *context, const struct nlmsghdr *message)
{
    struct heard *h = context;
    h->taken += message->nlmsg_pid != h->own && clamp_message_takes(message);
}

static size_t taken(struct netlink *events, uint32_t own)
{
    struct heard h = { .own = own };
    assert_int_equal(netlink_drain(events, hear, &h), 0);
    return h.taken;
}

/* What another sender takes away is heard, what we do ourselves is not, nor what is another table's. */
static void taken_away(void **state)
{
    (void)state;
    char why[400];
    uint32_t ours = 0, other = 0;
    struct netlink events;
    if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
        skip();
    int error = clamp_set(links, 2, &ours, why, sizeof why);
    if (error == -EPROTONOSUPPORT || error == -EOPNOTSUPP)
        skip(); /* this kernel has no nftables */
    assert_int_equal(error, 0);
    assert_int_equal(clamp_open_events(&events), 0);
    assert_int_equal(clamp_set(links, 1, &other, why, sizeof why), 0);
    assert_int_equal(taken(&events, ours), 0); /* not asked for yet */
    clamp_follow_events(&events, true);
    assert_int_equal(clamp_set(links, 1, &ours, why, sizeof why), 0);
    assert_int_equal(taken(&events, ours), 0);
    for (size_t count = 0; count < 2; count++) { /* gone, or another one in its place */
        assert_int_equal(clamp_set(links, count, &other, why, sizeof why), 0);
        assert_int_not_equal(ours, other);
        assert_true(taken(&events, ours) > 0);
        assert_int_equal(clamp_set(links, 2, &ours, why, sizeof why), 0);
        assert_int_equal(taken(&events, ours), 0);
    }
    clamp_follow_events(&events, false);
    assert_int_equal(clamp_set(NULL, 0, &other, why, sizeof why), 0);
    assert_int_equal(taken(&events, ours), 0);
    netlink_close(&events);
}

static void only_our_table_counts(void **state)
{
    (void)state;
    static const struct { uint16_t type; uint8_t family; const char *name; bool takes; } rows[] = {
        { 0xa00 | NFT_MSG_DELTABLE, NFPROTO_INET, "minicpe", true },   { 0xa00 | NFT_MSG_DELRULE, NFPROTO_INET, "minicpe", true },
        { 0xa00 | NFT_MSG_DELCHAIN, NFPROTO_INET, "minicpe", true },   { 0xa00 | NFT_MSG_NEWRULE, NFPROTO_INET, "minicpe", false },
        { 0xa00 | NFT_MSG_DELTABLE, NFPROTO_IPV4, "minicpe", false },  { 0xa00 | NFT_MSG_DELTABLE, NFPROTO_INET, "minicp", false },
        { 0xa00 | NFT_MSG_DELTABLE, NFPROTO_INET, "filter", false },   { 0xa00 | NFT_MSG_DELTABLE, NFPROTO_INET, "", false },
        { 0x100 | NFT_MSG_DELTABLE, NFPROTO_INET, "minicpe", false },  { 0xa00 | NFT_MSG_DELTABLE, NFPROTO_INET, NULL, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        union netlink_request request;
        struct nfgenmsg *fixed = netlink_begin(&request, rows[i].type, 0, sizeof *fixed);
        fixed->nfgen_family = rows[i].family;
        if (rows[i].name)
            mnl_attr_put_strz(&request.header, NFTA_TABLE_NAME, rows[i].name);
        assert_int_equal(clamp_message_takes(&request.header), rows[i].takes);
    }
    union netlink_request request;
    (void)netlink_begin(&request, 0xa00 | NFT_MSG_DELTABLE, 0, 0); /* shorter than its fixed part */
    assert_false(clamp_message_takes(&request.header));
}

static void in_the_kernel(void **state)
{
    (void)state;
    char why[400];
    uint32_t port;
    if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
        skip();
    int error = clamp_set(links, 2, &port, why, sizeof why);
    if (error == -EPROTONOSUPPORT || error == -EOPNOTSUPP)
        skip(); /* this kernel has no nftables */
    assert_int_equal(error, 0);
    assert_int_equal(counted().rules, 8);
    assert_int_equal(clamp_set(links, 1, &port, why, sizeof why), 0);
    assert_int_equal(counted().rules, 4);
    assert_int_equal(counted().tables, 1);
    assert_int_equal(clamp_set(NULL, 0, &port, why, sizeof why), 0);
    assert_int_equal(counted().tables, 0);
    assert_int_equal(clamp_set(NULL, 0, &port, why, sizeof why), 0); /* nothing there is fine */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frame), cmocka_unit_test(removal), cmocka_unit_test(numbers), cmocka_unit_test(in_the_kernel),
        cmocka_unit_test(taken_away),
        cmocka_unit_test(only_our_table_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

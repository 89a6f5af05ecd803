/* SPDX-License-Identifier: Apache-2.0 */
/* Each kind of notification read, ignored where it is not about ESP, and cut at every length. */
#include "tests/support/test.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/xfrm.h>
#include <netinet/in.h>

#include "xfrm/event.h"

static const uint8_t to[4] = { 192, 0, 2, 10 }, from[4] = { 198, 51, 100, 11 };
static union netlink_request message;

static void put_id(struct xfrm_usersa_id *id, uint8_t proto)
{
    memcpy(&id->daddr, to, 4);
    id->spi = htonl(0xc0ffee01);
    id->family = AF_INET;
    id->proto = proto;
}

static void put_info(struct xfrm_usersa_info *info)
{
    memcpy(&info->id.daddr, to, 4);
    memcpy(&info->saddr, from, 4);
    info->id.spi = htonl(0xc0ffee01);
    info->id.proto = IPPROTO_ESP;
    info->family = AF_INET;
    info->reqid = 0x6d630001;
    info->curlft.bytes = 1000;
    info->curlft.packets = 10;
    info->curlft.use_time = 1700000000;
}

static void make_expire(uint8_t hard)
{
    struct xfrm_user_expire *e = netlink_begin(&message, XFRM_MSG_EXPIRE, 0, sizeof *e);
    put_info(&e->state);
    e->hard = hard;
}

static void make_traffic(uint32_t flags)
{
    struct xfrm_aevent_id *id = netlink_begin(&message, XFRM_MSG_NEWAE, 0, sizeof *id);
    put_id(&id->sa_id, IPPROTO_ESP);
    id->flags = flags;
    id->reqid = 0x6d630001;
    struct xfrm_lifetime_cur counters = { .bytes = 5000, .packets = 50 };
    mnl_attr_put(&message.header, XFRMA_LTIME_VAL, sizeof counters, &counters);
}

static void make_mapping(void)
{
    struct xfrm_user_mapping *m = netlink_begin(&message, XFRM_MSG_MAPPING, 0, sizeof *m);
    put_id(&m->id, IPPROTO_ESP);
    memcpy(&m->new_saddr, from, 4);
    m->new_sport = htons(41234);
}

static void assert_about_ours(const struct xfrm_event *e, enum xfrm_event_type type)
{
    assert_int_equal(e->type, type);
    assert_int_equal(e->spi, 0xc0ffee01);
    assert_true(addr_equal(&e->to, &(struct addr){ .family = ADDR_V4, .octets = { 192, 0, 2, 10 } }));
}

static void expire(void **state)
{
    (void)state;
    for (uint8_t hard = 0; hard < 2; hard++) {
        make_expire(hard);
        struct xfrm_event e = event_read(&message.header);
        assert_about_ours(&e, XFRM_EVENT_EXPIRE);
        assert_int_equal(e.hard, hard);
        assert_int_equal(e.bytes, 1000);
        assert_int_equal(e.packets, 10);
    }
}

static void traffic(void **state)
{
    (void)state;
    make_traffic(XFRM_AE_CE);
    struct xfrm_event e = event_read(&message.header);
    assert_about_ours(&e, XFRM_EVENT_TRAFFIC);
    assert_int_equal(e.bytes, 5000);
    assert_int_equal(e.packets, 50);
    make_traffic(XFRM_AE_CU); /* somebody set the counters: no traffic */
    assert_int_equal(event_read(&message.header).type, XFRM_EVENT_NONE);
}

static void mapping(void **state)
{
    (void)state;
    make_mapping();
    struct xfrm_event e = event_read(&message.header);
    assert_about_ours(&e, XFRM_EVENT_MAPPING);
    assert_int_equal(e.port, 41234);
    assert_memory_equal(e.from.octets, from, 4);
}

static void removals(void **state)
{
    (void)state;
    put_id(netlink_begin(&message, XFRM_MSG_DELSA, 0, sizeof(struct xfrm_usersa_id)), IPPROTO_ESP);
    message.header.nlmsg_pid = 4711;
    struct xfrm_event e = event_read(&message.header);
    assert_about_ours(&e, XFRM_EVENT_SA_REMOVED);
    assert_int_equal(e.cause, 4711);
    put_id(netlink_begin(&message, XFRM_MSG_DELSA, 0, sizeof(struct xfrm_usersa_id)), IPPROTO_AH);
    assert_int_equal(event_read(&message.header).type, XFRM_EVENT_NONE);
    static const struct { uint8_t proto; enum xfrm_event_type type; } flushes[] = {
        { 0, XFRM_EVENT_SAS_FLUSHED }, { IPPROTO_ESP, XFRM_EVENT_SAS_FLUSHED }, { IPPROTO_AH, XFRM_EVENT_NONE }, { 255, XFRM_EVENT_SAS_FLUSHED },
    };
    for (size_t i = 0; i < sizeof flushes / sizeof *flushes; i++) {
        struct xfrm_usersa_flush *flush = netlink_begin(&message, XFRM_MSG_FLUSHSA, 0, sizeof *flush);
        flush->proto = flushes[i].proto;
        assert_int_equal(event_read(&message.header).type, flushes[i].type);
    }
    static const uint16_t policies[] = { XFRM_MSG_DELPOLICY, XFRM_MSG_UPDPOLICY, XFRM_MSG_FLUSHPOLICY };
    for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
        netlink_begin(&message, policies[i], 0, 0);
        assert_int_equal(event_read(&message.header).type, XFRM_EVENT_POLICIES_CHANGED);
    }
    netlink_begin(&message, XFRM_MSG_NEWSA, 0, 8);
    assert_int_equal(event_read(&message.header).type, XFRM_EVENT_NONE);
}

static void sa_seen(void **state)
{
    (void)state;
    struct xfrm_seen seen;
    put_info(netlink_begin(&message, XFRM_MSG_NEWSA, 0, sizeof(struct xfrm_usersa_info)));
    assert_true(event_read_sa(&message.header, &seen));
    assert_int_equal(seen.last_used, 0);
    mnl_attr_put_u64(&message.header, XFRMA_LASTUSED, 1700000123);
    assert_true(event_read_sa(&message.header, &seen));
    assert_int_equal(seen.spi, 0xc0ffee01);
    assert_int_equal(seen.reqid, 0x6d630001);
    assert_int_equal(seen.bytes, 1000);
    assert_int_equal(seen.packets, 10);
    assert_int_equal(seen.first_used, 1700000000);
    assert_int_equal(seen.last_used, 1700000123);
    assert_memory_equal(seen.to.octets, to, 4);
    assert_memory_equal(seen.from.octets, from, 4);
    message.header.nlmsg_type = XFRM_MSG_DELSA;
    assert_false(event_read_sa(&message.header, &seen));
}

/* A message that ends early is placed at the end of its memory, so that the sanitizer sees a read past it. */
static void each_cut(void)
{
    struct xfrm_seen seen;
    uint32_t tenths;
    for (uint32_t cut = sizeof message.header; cut < message.header.nlmsg_len; cut++) {
        uint8_t *piece = test_memory(cut);
        memcpy(piece, &message, cut);
        struct nlmsghdr *header = (struct nlmsghdr *)piece;
        header->nlmsg_len = cut;
        (void)event_read(header);
        (void)event_read_sa(header, &seen);
        (void)event_read_timer(header, &tenths);
        free(piece);
    }
}

static void cut_at_every_length(void **state)
{
    (void)state;
    make_expire(1);
    each_cut();
    assert_true(message.header.nlmsg_len > 224);
    make_traffic(XFRM_AE_CE);
    each_cut();
    make_mapping();
    each_cut();
    put_info(netlink_begin(&message, XFRM_MSG_NEWSA, 0, sizeof(struct xfrm_usersa_info)));
    mnl_attr_put_u64(&message.header, XFRMA_LASTUSED, 1);
    each_cut();
    make_traffic(XFRM_AE_CE);
    message.header.nlmsg_len -= 8; /* too short for what the attribute claims */
    assert_int_equal(event_read(&message.header).type, XFRM_EVENT_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expire), cmocka_unit_test(traffic), cmocka_unit_test(mapping), cmocka_unit_test(removals), cmocka_unit_test(sa_seen),
        cmocka_unit_test(cut_at_every_length),
    };
    return cmocka_run_group_tests_name("xfrm events", tests, NULL, NULL);
}

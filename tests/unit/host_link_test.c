/* SPDX-License-Identifier: Apache-2.0 */
/* host/link: which routes point at an interface, from the kernel's messages. */
#include "host/link.h"

#include "tests/support/test.h"

#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

struct message {
    _Alignas(4) uint8_t octets[256];
    size_t length;
};

static void begin(struct message *m, unsigned char type, unsigned char table, unsigned char length)
{
    struct rtmsg head = { .rtm_family = AF_INET, .rtm_type = type, .rtm_table = table, .rtm_dst_len = length };
    *m = (struct message){ .length = sizeof head };
    memcpy(m->octets, &head, sizeof head);
}

static void put(struct message *m, unsigned short type, const void *data, size_t length)
{
    struct rtattr head = { .rta_len = (unsigned short)RTA_LENGTH(length), .rta_type = type };
    memcpy(m->octets + m->length, &head, sizeof head);
    memcpy(m->octets + m->length + RTA_LENGTH(0), data, length);
    m->length += RTA_SPACE(length);
}

static void put_number(struct message *m, unsigned short type, uint32_t value) { put(m, type, &value, sizeof value); }

static void take(struct link *link, const struct message *m) { link_take_route(link, 7, bytes_of(m->octets, m->length)); }

static void routes(void **state)
{
    (void)state;
    static const uint8_t net[4] = { 10, 0, 2, 0 };
    struct link link = { .there = true };
    struct message m;
    char text[PREFIX_TEXT_MAX];
    begin(&m, RTN_UNICAST, RT_TABLE_MAIN, 24);
    put(&m, RTA_DST, net, 4);
    put_number(&m, RTA_OIF, 7);
    put_number(&m, RTA_PRIORITY, 50);
    take(&link, &m);
    assert_int_equal(link.routes, 1);
    assert_string_equal(prefix_print(&link.route[0].to, text), "10.0.2.0/24");
    assert_int_equal(link.route[0].metric, 50);
    assert_int_equal(link.route[0].table, 254);
    begin(&m, RTN_UNICAST, RT_TABLE_MAIN, 0); /* the default route, by another interface */
    put_number(&m, RTA_OIF, 6);
    take(&link, &m);
    begin(&m, RTN_LOCAL, RT_TABLE_LOCAL, 32);
    put_number(&m, RTA_OIF, 7);
    take(&link, &m);
    assert_int_equal(link.routes, 1);
    static const uint8_t link_local[16] = { 0xfe, 0x80 };
    begin(&m, RTN_UNICAST, RT_TABLE_MAIN, 64); /* which every interface has */
    ((struct rtmsg *)(void *)m.octets)->rtm_family = AF_INET6;
    put(&m, RTA_DST, link_local, sizeof link_local);
    put_number(&m, RTA_OIF, 7);
    take(&link, &m);
    assert_int_equal(link.routes, 1);
    struct rtnexthop hops[2] = { { .rtnh_len = sizeof *hops, .rtnh_ifindex = 6 }, { .rtnh_len = sizeof *hops, .rtnh_ifindex = 7, .rtnh_flags = RTNH_F_DEAD } };
    begin(&m, RTN_UNICAST, RT_TABLE_MAIN, 0);
    put(&m, RTA_MULTIPATH, hops, sizeof hops);
    take(&link, &m);
    assert_int_equal(link.routes, 2);
    assert_string_equal(prefix_print(&link.route[1].to, text), "0.0.0.0/0");
    assert_true(link.route[1].shared && link.route[1].dead);
}

/* Any prefix of a message, and one with every length wrong: nothing is read beyond its end (the sanitizers watch). */
static void cut_short(void **state)
{
    (void)state;
    struct message m;
    struct rtnexthop hop = { .rtnh_len = sizeof hop, .rtnh_ifindex = 7 };
    begin(&m, RTN_UNICAST, RT_TABLE_MAIN, 0);
    put(&m, RTA_MULTIPATH, &hop, sizeof hop);
    put_number(&m, RTA_PRIORITY, 1);
    for (size_t length = 0; length <= m.length; length++) {
        struct link link = { .there = true };
        uint8_t *copy = test_memory(length + 1);
        memcpy(copy, m.octets, length);
        link_take_route(&link, 7, bytes_of(copy, length));
        free(copy);
    }
    for (size_t at = sizeof(struct rtmsg); at < m.length; at++)
        for (unsigned value = 0; value < 256; value += 5) {
            struct link link = { .there = true };
            uint8_t *copy = test_memory(m.length);
            memcpy(copy, m.octets, m.length);
            copy[at] = (uint8_t)value;
            link_take_route(&link, 7, bytes_of(copy, m.length));
            free(copy);
        }
}

static void full(void **state)
{
    (void)state;
    struct link link = { .there = true };
    struct message m;
    begin(&m, RTN_UNICAST, RT_TABLE_MAIN, 0);
    put_number(&m, RTA_OIF, 7);
    for (int i = 0; i < LINK_ROUTES_MAX; i++)
        take(&link, &m);
    assert_false(link.more);
    take(&link, &m);
    assert_true(link.more);
    assert_int_equal(link.routes, LINK_ROUTES_MAX);
}

static void loopback(void **state)
{
    (void)state;
    struct link link;
    link_look("lo", &link);
    assert_true(link.there);
    assert_in_range(link.mtu, 1500, 65536);
    link_look("no-such-one", &link);
    assert_false(link.there);
    link_look("", &link);
    assert_false(link.there);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(routes), cmocka_unit_test(cut_short), cmocka_unit_test(full), cmocka_unit_test(loopback) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

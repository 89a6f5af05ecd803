/* SPDX-License-Identifier: Apache-2.0 */
/* The messages about links and addresses against what iproute2 6.1 sends; its command is above each. And the MTU. */
#include "tests/support/test.h"

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>

#include "tests/support/golden.h"
#include "vti/link_message.h"
#include "vti/mtu.h"

static union netlink_request request;

static struct vti_shape shape(void)
{
    struct vti_shape s = { .name = "vti01", .ikey = 5, .okey = 6, .mtu = 1438 };
    assert_true(addr_parse(&s.local, "192.0.2.10") && addr_parse(&s.remote, "198.51.100.11"));
    return s;
}

static void mtu(void **state)
{
    (void)state;
    static const struct { struct mtu_shape shape; uint32_t inner; } table[] = {
        { { 1500, false, true, 1, 8, 16 }, 1438 },   /* AES-GCM-16 in UDP */
        { { 1500, false, false, 1, 8, 16 }, 1446 },  /* plain ESP */
        { { 1400, false, true, 1, 8, 16 }, 1338 },
        { { 1500, false, true, 16, 16, 16 }, 1422 }, /* AES-CBC with SHA2-256-128 */
        { { 1500, false, false, 16, 16, 16 }, 1438 },
        { { 1500, false, true, 16, 16, 12 }, 1422 }, /* with SHA1-96 */
        { { 1500, false, false, 16, 16, 24 }, 1422 },/* with SHA2-384-192 */
        { { 1500, true, true, 1, 8, 16 }, 1418 },    /* over IPv6 */
        { { 9000, false, true, 1, 8, 16 }, 8938 },
        { { 640, false, true, 1, 8, 16 }, 578 },
        { { 600, false, true, 1, 8, 16 }, 576 },     /* never below what IPv4 needs */
        { { 0, false, true, 1, 8, 16 }, 576 },
        { { 40, false, false, 16, 16, 16 }, 576 },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_int_equal(mtu_inner(&table[i].shape), table[i].inner);
}

static void create(void **state)
{
    (void)state;
    /* ip link add vti01 mtu 1438 type vti local 192.0.2.10 remote 198.51.100.11 ikey 5 okey 6 */
    static const char golden[] =
        "6c00000010000506a708046b0000000000000000000000000000000000000000080004009e0500000a00030076746930310000003800120007000100"
        "767469002c0002000800020000000005080003000000000608000400c000020a08000500c633640b0800060000000000";
    /* The nest, as there, but: the kind ends in a zero, the inner nest is marked as one (NLA_F_NESTED), no fwmark of 0. */
    static const char nest[] = "0800010076746900240002800800020000000005080003000000000608000400c000020a08000500c633640b";
    static const uint16_t nested[] = { IFLA_LINKINFO, 0 };
    uint8_t expected[64];
    size_t length, size = hex_parse(nest, expected, sizeof expected);
    struct vti_shape s = shape();
    link_message_create(&request, &s);
    golden_same(&request, golden, sizeof(struct ifinfomsg), nested);
    const uint8_t *info = golden_attribute(&request, sizeof(struct ifinfomsg), IFLA_LINKINFO, &length);
    assert_int_equal(length, size);
    assert_memory_equal(info, expected, size);
    assert_int_equal(request.header.nlmsg_flags, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL);
    s.local = (struct addr){ 0 };
    link_message_create(&request, &s);
    info = golden_attribute(&request, sizeof(struct ifinfomsg), IFLA_LINKINFO, &length);
    assert_int_equal(length, size);
    assert_memory_equal(info + 28, "\x08\0\x04\0\0\0\0\0", 8); /* any address, but there */
}

static void change(void **state)
{
    (void)state;
    struct vti_shape s = shape();
    size_t length;
    link_message_change(&request, 7, &s);
    assert_int_equal(request.header.nlmsg_type, RTM_NEWLINK);
    assert_int_equal(request.header.nlmsg_flags, NLM_F_REQUEST); /* never makes a link */
    assert_memory_equal(request.octets + NLMSG_HDRLEN + 4, "\x07\0\0\0", 4);
    assert_null(golden_attribute(&request, sizeof(struct ifinfomsg), IFLA_IFNAME, &length));
}

static void settings(void **state)
{
    (void)state;
    /* IFLA_AF_SPEC { AF_INET { IFLA_INET_CONF { 16 (disable_policy): 1, 8 (rp_filter): 2 } } } */
    static const struct vti_setting wanted[] = { { IPV4_DEVCONF_NOPOLICY, 1 }, { IPV4_DEVCONF_RP_FILTER, 2 } };
    struct link_state s = { .alias = "minicpe x2", .mtu = 1400, .up = true, .settings = wanted, .setting_count = 2 };
    size_t length;
    link_message_set(&request, 7, &s);
    assert_memory_equal(request.octets + NLMSG_HDRLEN, "\0\0\0\0\x07\0\0\0\x01\0\0\0\x01\0\0\0", 16);
    const uint8_t *spec = golden_attribute(&request, sizeof(struct ifinfomsg), IFLA_AF_SPEC, &length);
    assert_int_equal(length, 24);
    assert_memory_equal(spec, "\x18\0\x02\x80\x14\0\x01\x80\x08\0\x10\0\x01\0\0\0\x08\0\x08\0\x02\0\0\0", 24);
    assert_memory_equal(golden_attribute(&request, sizeof(struct ifinfomsg), IFLA_IFALIAS, &length), "minicpe x2", 10);
    assert_int_equal(length, 10);
    s = (struct link_state){ .down = true };
    link_message_set(&request, 7, &s);
    assert_memory_equal(request.octets + NLMSG_HDRLEN + 8, "\0\0\0\0\x01\0\0\0", 8);
    s = (struct link_state){ .mtu = 1400 };
    link_message_set(&request, 7, &s);
    assert_memory_equal(request.octets + NLMSG_HDRLEN + 8, "\0\0\0\0\0\0\0\0", 8); /* neither up nor down */
}

static void addresses(void **state)
{
    (void)state;
    /* ip address add 169.254.10.1/30 dev lo */
    static const char golden[] = "2800000014000506a708046b00000000021e00000100000008000200a9fe0a0108000100a9fe0a01";
    struct prefix p;
    struct vti_address a;
    assert_true(prefix_parse_host(&p, "169.254.10.1/30"));
    address_message_add(&request, 1, &p);
    golden_same(&request, golden, sizeof(struct ifaddrmsg), NULL);
    assert_true(address_message_read(&request.header, &a));
    assert_int_equal(a.index, 1);
    assert_int_equal(a.prefix.length, 30);
    assert_true(addr_equal(&a.prefix.addr, &p.addr));
    address_message_remove(&request, 1, &p);
    assert_int_equal(request.header.nlmsg_type, RTM_DELADDR);
}

static void link_read(void **state)
{
    (void)state;
    struct vti_shape s = shape();
    struct vti_seen seen;
    link_message_create(&request, &s); /* what is asked for has the shape of what is told */
    assert_true(link_message_read(&request.header, &seen));
    assert_true(seen.vti);
    assert_true(link_message_same_ends(&s, &seen.shape));
    assert_true(addr_equal(&s.local, &seen.shape.local));
    assert_int_equal(seen.shape.mtu, 1438);
    assert_string_equal(seen.shape.name, "vti01");
    s.local = (struct addr){ 0 };
    link_message_create(&request, &s);
    assert_true(link_message_read(&request.header, &seen));
    assert_int_equal(seen.shape.local.family, ADDR_NONE);
    for (uint32_t cut = sizeof request.header; cut < request.header.nlmsg_len; cut++) {
        uint8_t *piece = test_memory(cut);
        memcpy(piece, &request, cut);
        ((struct nlmsghdr *)piece)->nlmsg_len = cut;
        (void)link_message_read((struct nlmsghdr *)piece, &seen);
        free(piece);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mtu), cmocka_unit_test(create), cmocka_unit_test(change), cmocka_unit_test(settings), cmocka_unit_test(addresses),
        cmocka_unit_test(link_read),
    };
    return cmocka_run_group_tests_name("vti messages", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, prefixes and endpoints: every spelling that ipsec.conf takes, what is refused, and the way back. */
#include "tests/support/test.h"

#include "base/addr.h"

/* Parsed text -> printed text, or NULL when it must be refused. */
struct row {
    const char *text, *printed;
};

static const struct row addrs[] = {
    { "0.0.0.0", "0.0.0.0" },
    { "255.255.255.255", "255.255.255.255" },
    { "192.0.2.1", "192.0.2.1" },
    { "::", "::" },
    { "::1", "::1" },
    { "2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1" }, /* RFC 5952 4.2.3 */
    { "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
    { "::ffff:192.0.2.1", "::ffff:192.0.2.1" },
    { "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
    { "", NULL }, { "1", NULL }, { "1.2.3", NULL }, { "1.2.3.4.5", NULL }, { "1.2.3.256", NULL }, { "1.2.3.-1", NULL },
    { "1.2.3.4 ", NULL }, { " 1.2.3.4", NULL }, { "1.2.3.4/32", NULL }, { "01.2.3.4", NULL }, { "0x1.2.3.4", NULL },
    { "1.2.3.4:500", NULL }, { ":", NULL }, { ":::", NULL }, { "1::2::3", NULL }, { "1:2:3:4:5:6:7", NULL },
    { "1:2:3:4:5:6:7:8:9", NULL }, { "12345::", NULL }, { "fe80::1%eth0", NULL }, { "[::1]", NULL }, { "%any", NULL },
    { "localhost", NULL },
};

static void addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof addrs / sizeof addrs[0]; i++) {
        struct addr a, untouched;
        char text[ADDR_TEXT_MAX];
        memset(&a, 0x77, sizeof a);
        memset(&untouched, 0x77, sizeof untouched);
        bool ok = addr_parse(&a, addrs[i].text);
        if (ok != (addrs[i].printed != NULL))
            fail_msg("'%s' %s", addrs[i].text, ok ? "taken" : "refused");
        if (!ok) {
            assert_memory_equal(&a, &untouched, sizeof a);
            continue;
        }
        assert_string_equal(addr_print(&a, text), addrs[i].printed);
        for (size_t n = addr_length(&a); n < sizeof a.octets; n++)
            assert_int_equal(a.octets[n], 0);
    }
}

static const struct row prefixes[] = {
    { "0.0.0.0/0", "0.0.0.0/0" },
    { "10.1.2.3/8", "10.0.0.0/8" },
    { "10/8", "10.0.0.0/8" },
    { "10.1/16", "10.1.0.0/16" },
    { "10.1.2/24", "10.1.2.0/24" },
    { "10.1.2/8", "10.0.0.0/8" },
    { "10/32", "10.0.0.0/32" },
    { "192.168.254.1/30", "192.168.254.0/30" },
    { "192.168.1.0/255.255.255.0", "192.168.1.0/24" },
    { "192.168.1.77/255.255.255.255", "192.168.1.77/32" },
    { "10/255.0.0.0", "10.0.0.0/8" },
    { "1.2.3.4/0.0.0.0", "0.0.0.0/0" },
    { "1.2.3.4/128.0.0.0", "0.0.0.0/1" },
    { "1.2.3.4/32", "1.2.3.4/32" },
    { "::/0", "::/0" },
    { "2001:db8:ffff::/33", "2001:db8:8000::/33" },
    { "2001:db8::1/128", "2001:db8::1/128" },
    { "2001:db8::1/127", "2001:db8::/127" },
    { "", NULL }, { "/", NULL }, { "/8", NULL }, { "10.0.0.0", NULL }, { "10.0.0.0/", NULL }, { "10.0.0.0/33", NULL },
    { "10.0.0.0/-1", NULL }, { "10.0.0.0/+8", NULL }, { "10.0.0.0/ 8", NULL }, { "10.0.0.0/8 ", NULL }, { "10.0.0.0/8/8", NULL },
    { "10.0.0.0/0x8", NULL }, { "10.0.0.0/1000", NULL }, { "10.0.0.0/99999999999999999999", NULL },
    { "10.0.0.0/255.0.255.0", NULL }, { "10.0.0.0/0.0.0.255", NULL }, { "10.0.0.0/255.255.255", NULL }, { "10.0.0.0/::", NULL },
    { "::/129", NULL }, { "::/255.0.0.0", NULL }, { "::ffff:1.2/112", NULL }, { "10./8", NULL }, { ".10/8", NULL },
    { "10..1/16", NULL }, { "256/8", NULL }, { "fe80/64", NULL }, { "1.2.3.4.5/8", NULL },
    { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/8", NULL },
    { "1111111111111111111111/8", NULL },
};

static void prefixes_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        struct prefix p, untouched;
        char text[PREFIX_TEXT_MAX];
        memset(&p, 0x77, sizeof p);
        memset(&untouched, 0x77, sizeof untouched);
        bool ok = prefix_parse(&p, prefixes[i].text);
        if (ok != (prefixes[i].printed != NULL))
            fail_msg("'%s' %s", prefixes[i].text, ok ? "taken" : "refused");
        if (ok)
            assert_string_equal(prefix_print(&p, text), prefixes[i].printed);
        else
            assert_memory_equal(&p, &untouched, sizeof p);
    }
}

static struct prefix prefix(const char *text)
{
    struct prefix p;
    assert_true(prefix_parse_host(&p, text));
    return p;
}

static struct addr addr(const char *text)
{
    struct addr a;
    assert_true(addr_parse(&a, text));
    return a;
}

static void host_part(void **state)
{
    (void)state;
    char text[PREFIX_TEXT_MAX];
    struct prefix p = prefix("192.168.254.1/30");
    assert_string_equal(prefix_print(&p, text), "192.168.254.1/30");
    p = prefix("10.1/8");
    assert_string_equal(prefix_print(&p, text), "10.1.0.0/8");
    p = prefix_masked(p);
    assert_string_equal(prefix_print(&p, text), "10.0.0.0/8");
}

/* Every length of both families, bit by bit. */
static void masks(void **state)
{
    (void)state;
    for (unsigned family = 4; family <= 16; family += 12)
        for (unsigned length = 0; length <= family * 8; length++) {
            uint8_t ones[16];
            memset(ones, 0xff, sizeof ones);
            struct prefix p = { .addr = addr_from_bytes(bytes_of(ones, family)), .length = (uint8_t)length };
            p = prefix_masked(p);
            for (unsigned bit = 0; bit < 128; bit++)
                assert_int_equal(p.addr.octets[bit / 8] >> (7 - bit % 8) & 1, bit < length);
            struct prefix again = prefix_masked(p);
            assert_true(prefix_equal(&p, &again));
        }
}

static void contains(void **state)
{
    (void)state;
    static const struct { const char *prefix, *addr; bool inside; } rows[] = {
        { "0.0.0.0/0", "203.0.113.9", true },   { "0.0.0.0/0", "::1", false },
        { "::/0", "203.0.113.9", false },       { "::/0", "::1", true },
        { "10.0.0.0/8", "10.255.255.255", true }, { "10.0.0.0/8", "11.0.0.0", false },
        { "10.0.0.0/8", "9.255.255.255", false }, { "192.0.2.1/32", "192.0.2.1", true },
        { "192.0.2.1/32", "192.0.2.0", false }, { "192.168.254.1/30", "192.168.254.2", true },
        { "192.168.254.1/30", "192.168.254.4", false }, { "2001:db8::/33", "2001:db8:7fff::", true },
        { "2001:db8::/33", "2001:db8:8000::", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct prefix p = prefix(rows[i].prefix);
        struct addr a = addr(rows[i].addr);
        if (prefix_contains(&p, &a) != rows[i].inside)
            fail_msg("%s in %s", rows[i].addr, rows[i].prefix);
    }
}

static void values(void **state)
{
    (void)state;
    char text[PREFIX_TEXT_MAX];
    struct addr v4 = addr_v4(0xc0000201), same = addr("192.0.2.1"), v6 = addr("c000:201::"), none = { 0 };
    assert_true(addr_equal(&v4, &same));
    assert_memory_equal(&v4, &same, sizeof v4);
    assert_false(addr_equal(&v4, &v6));
    assert_false(addr_equal(&v4, &none));
    assert_string_equal(addr_print(&none, text), "none");
    assert_int_equal(addr_bytes(&v4).length, 4);
    assert_int_equal(addr_bytes(&v6).length, 16);
    assert_int_equal(addr_bytes(&none).length, 0);
    const uint8_t octets[17] = { 192, 0, 2, 1 };
    for (size_t length = 0; length <= 17; length++) {
        struct addr a = addr_from_bytes(bytes_of(octets, length));
        assert_int_equal(a.family, length == 4 ? ADDR_V4 : length == 16 ? ADDR_V6 : ADDR_NONE);
    }
    struct addr any4 = addr("0.0.0.0"), any6 = addr("::"), loop = addr("::1");
    assert_true(addr_is_unspecified(&none) && addr_is_unspecified(&any4) && addr_is_unspecified(&any6));
    assert_false(addr_is_unspecified(&v4) || addr_is_unspecified(&loop));
    struct prefix one = prefix_of(v4), two = prefix("192.0.2.1/31");
    assert_string_equal(prefix_print(&one, text), "192.0.2.1/32");
    assert_false(prefix_equal(&one, &two));
    two.length = 32;
    assert_true(prefix_equal(&one, &two));
    one = prefix_of(v6);
    assert_int_equal(one.length, 128);
}

static void endpoints(void **state)
{
    (void)state;
    char text[ENDPOINT_TEXT_MAX];
    struct endpoint a = { addr("192.0.2.1"), 4500 }, b = a;
    assert_true(endpoint_equal(&a, &b));
    assert_string_equal(endpoint_print(&a, text), "192.0.2.1:4500");
    b.port = 500;
    assert_false(endpoint_equal(&a, &b));
    b = (struct endpoint){ addr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 65535 };
    assert_string_equal(endpoint_print(&b, text), "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses), cmocka_unit_test(prefixes_parse), cmocka_unit_test(host_part), cmocka_unit_test(masks),
        cmocka_unit_test(contains),  cmocka_unit_test(values),         cmocka_unit_test(endpoints),
    };
    return cmocka_run_group_tests_name("base: addresses", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Single values and identities: every accepted spelling with its value, every near miss refused. */
#include "tests/support/test.h"

#include "conf/ids.h"
#include "conf/psk.h"
#include "conf/values.h"

#include <stdio.h>

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static void booleans(void **state)
{
    (void)state;
    static const char *const yes[] = { "yes", "y", "true", "on", "1", "YES", "True" };
    static const char *const no[] = { "no", "n", "false", "off", "0", "NO", "Off" };
    static const char *const bad[] = { "", "maybe", "yess", "2", "ye" };
    for (size_t i = 0; i < COUNT(yes); i++) {
        bool value = false;
        assert_null(value_bool(yes[i], &value));
        assert_true(value);
        value = true;
        assert_null(value_bool(no[i], &value));
        assert_false(value);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        bool value;
        assert_non_null(value_bool(bad[i], &value));
    }
}

struct time_case {
    const char *text;
    int64_t milliseconds;   /* -1: refused */
};

static void times(void **state)
{
    (void)state;
    static const struct time_case cases[] = {
        { "28800s", 28800000 }, { "28800", 28800000 }, { "8h", 28800000 }, { "8H", 28800000 }, { "60m", 3600000 },
        { "1d", 86400000 }, { "1w", 604800000 }, { "500ms", 500 }, { "1.5h", 5400000 }, { "0.5", 500 }, { "10 s", 10000 },
        { "%forever", 0 }, { "0", 0 }, { "1.25m", 75000 },
        { "", -1 }, { "s", -1 }, { "-1", -1 }, { "1fortnight", -1 }, { "1h30m", -1 }, { "1.h", -1 }, { ".5h", -1 },
        { "0x10", -1 }, { "1 ", -1 }, { "1us", -1 }, { "99999999999999999999", -1 }, { "18446744073709551615w", -1 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t value = 42;
        const char *wrong = value_time(cases[i].text, &value, 1000);
        if ((wrong == NULL) != (cases[i].milliseconds >= 0) || (!wrong && value != (uint64_t)cases[i].milliseconds)) {
            print_error("'%s': %s, %llu\n", cases[i].text, wrong ? wrong : "taken", (unsigned long long)value);
            fail();
        }
        if (wrong)
            assert_int_equal(value, 42);
    }
}

static void numbers(void **state)
{
    (void)state;
    uint64_t value = 7;
    uint16_t percent = 7;
    assert_null(value_number("18446744073709551615", 0, UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
    value = 7;
    assert_non_null(value_number("18446744073709551616", 0, UINT64_MAX, &value));
    assert_non_null(value_number("", 0, 9, &value));
    assert_non_null(value_number("0x1", 0, 9, &value));
    assert_non_null(value_number("1 ", 0, 9, &value));
    assert_non_null(value_number("+1", 0, 9, &value));
    assert_non_null(value_number("10", 0, 9, &value));
    assert_non_null(value_number("1", 2, 9, &value));
    assert_int_equal(value, 7);
    assert_null(value_percent("100%", &percent));
    assert_int_equal(percent, 100);
    assert_non_null(value_percent("100", &percent));
    assert_non_null(value_percent("100%%", &percent));
    assert_non_null(value_percent("1001%", &percent));
    assert_null(value_amount("40G", &value));
    assert_true(value == (uint64_t)40 << 30);
    assert_null(value_amount("1KiB", &value));
    assert_int_equal(value, 1024);
    assert_null(value_amount("2^63", &value));
    assert_true(value == (uint64_t)1 << 63);
    assert_non_null(value_amount("2^64", &value));
    assert_non_null(value_amount("16E", &value));
    assert_non_null(value_amount("1X", &value));
}

struct mark_case {
    const char *text;
    bool fine;
    uint32_t value, mask;
};

static void marks(void **state)
{
    (void)state;
    static const struct mark_case cases[] = {
        { "5/0xffffffff", true, 5, UINT32_MAX }, { "5", true, 5, UINT32_MAX }, { "0x10/0xff", true, 16, 255 },
        { "017/0xff", true, 15, 255 }, { "0", true, 0, UINT32_MAX }, { "4294967295", true, UINT32_MAX, UINT32_MAX },
        { "5/5", true, 5, 5 }, { "-1", true, 0, UINT32_MAX }, { "%unique/0xff", true, 0, 255 },
        { "5/0x2", false, 0, 0 }, { "zz/1", false, 0, 0 }, { "", false, 0, 0 }, { "5/", false, 0, 0 }, { "/5", false, 0, 0 },
        { "-2", false, 0, 0 }, { "4294967296", false, 0, 0 }, { "5/0x1ffffffff", false, 0, 0 }, { "5x", false, 0, 0 },
        { "09", false, 0, 0 }, { "0x", false, 0, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint32_t value, mask;
        bool unique;
        const char *wrong = value_mark(cases[i].text, &value, &mask, &unique);
        if ((wrong == NULL) != cases[i].fine || (!wrong && (value != cases[i].value || mask != cases[i].mask))) {
            print_error("'%s'\n", cases[i].text);
            fail();
        }
        if (!wrong)
            assert_int_equal(unique, cases[i].text[0] == '-' || cases[i].text[0] == '%');
    }
}

static void hosts(void **state)
{
    (void)state;
    struct conf_end end = { .host = CONF_HOST_ANY };
    assert_null(value_host("192.0.2.1", &end));
    assert_int_equal(end.host, CONF_HOST_ADDRESS);
    assert_string_equal(end.text, "192.0.2.1");
    assert_null(value_host("%DefaultRoute", &end));
    assert_int_equal(end.host, CONF_HOST_DEFAULTROUTE);
    assert_int_equal(end.addr.family, ADDR_NONE);
    assert_null(value_host("%ens3", &end));
    assert_int_equal(end.host, CONF_HOST_INTERFACE);
    assert_null(value_host("%any", &end));
    assert_int_equal(end.host, CONF_HOST_ANY);
    assert_null(value_host("0.0.0.0", &end));
    assert_int_equal(end.host, CONF_HOST_ANY);
    assert_null(value_host("vpn.example.com", &end));
    assert_int_equal(end.host, CONF_HOST_NAME);
    static const char *const bad[] = { "", "%", "%group", "%opportunistic", "1.2.3", "1.2.3.4.5", "300.1.1.1", "a b", "2001:db8::1",
                                       "%any6", "-a", "192.0.2.1\r", "@name", "%an-interface-too-long" };
    for (size_t i = 0; i < COUNT(bad); i++)
        if (!value_host(bad[i], &end)) {
            print_error("'%s' is taken\n", bad[i]);
            fail();
        }
    assert_string_equal(end.text, "vpn.example.com");
}

static void prefixes(void **state)
{
    (void)state;
    struct prefix p;
    char text[PREFIX_TEXT_MAX];
    assert_null(value_subnet("10.0.0.5/24", &p));
    assert_string_equal(prefix_print(&p, text), "10.0.0.0/24");
    assert_null(value_subnet("10.0.0.0/255.255.0.0", &p));
    assert_string_equal(prefix_print(&p, text), "10.0.0.0/16");
    assert_null(value_subnet("10/8", &p));
    assert_string_equal(prefix_print(&p, text), "10.0.0.0/8");
    assert_null(value_subnet("fd00:1::/64", &p));
    assert_non_null(value_subnet("10.0.0.0", &p));
    assert_non_null(value_subnet("10.0.0.0/33", &p));
    assert_non_null(value_subnet("10.0.0.0/8,11.0.0.0/8", &p));
    assert_null(value_vti("192.168.254.1/30", &p));
    assert_string_equal(prefix_print(&p, text), "192.168.254.1/30");
    assert_non_null(value_vti("192.168.254.1", &p));
}

static void interfaces(void **state)
{
    (void)state;
    char out[CONF_INTERFACE_MAX] = "kept";
    assert_non_null(value_interface("", out));
    assert_non_null(value_interface("sixteen-letters!", out));
    assert_non_null(value_interface("a/b", out));
    assert_non_null(value_interface("a b", out));
    assert_non_null(value_interface("..", out));
    assert_string_equal(out, "kept");
    assert_null(value_interface("fifteen-letters", out));
    assert_string_equal(out, "fifteen-letters");
}

struct id_case {
    const char *text;
    uint8_t type;            /* 0: refused */
    const char *octets;
    size_t length;
    const char *printed;
};

static void identities(void **state)
{
    (void)state;
    static const struct id_case cases[] = {
        { "192.0.2.1", ID_IPV4, "\xc0\x00\x02\x01", 4, "192.0.2.1" },
        { "2001:db8::1", ID_IPV6, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16, "2001:db8::1" },
        { "@cpe.example.com", ID_FQDN, "cpe.example.com", 15, "@cpe.example.com" },
        { "@192.0.2.1", ID_FQDN, "192.0.2.1", 9, "@192.0.2.1" },
        { "cpe@example.com", ID_USER_FQDN, "cpe@example.com", 15, "cpe@example.com" },
        { "@[group]", ID_KEY_ID, "group", 5, "@[group]" },
        { "@#00ff", ID_KEY_ID, "\x00\xff", 2, "@#00ff" },
        { "@#67726f7570", ID_KEY_ID, "group", 5, "@[group]" },
        { "cpe.example.com", 0, NULL, 0, NULL }, { "%any", 0, NULL, 0, NULL }, { "%fromcert", 0, NULL, 0, NULL },
        { "@", 0, NULL, 0, NULL }, { "@[]", 0, NULL, 0, NULL }, { "@[a", 0, NULL, 0, NULL }, { "@#0", 0, NULL, 0, NULL },
        { "@#", 0, NULL, 0, NULL }, { "@#0g", 0, NULL, 0, NULL }, { "@~00", 0, NULL, 0, NULL }, { "C=JP, CN=x", 0, NULL, 0, NULL },
        { "", 0, NULL, 0, NULL },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct conf_id id = { .type = 99 };
        char text[CONF_ID_TEXT_MAX];
        const char *wrong = conf_id_parse(cases[i].text, &id);
        if ((wrong == NULL) != (cases[i].type != 0)) {
            print_error("'%s'\n", cases[i].text);
            fail();
        }
        if (wrong)
            continue;
        assert_int_equal(id.type, cases[i].type);
        assert_bytes_equal(bytes_of(id.data, id.length), bytes_of(cases[i].octets, cases[i].length));
        assert_string_equal(conf_id_print(&id, text), cases[i].printed);
    }
}

static void long_identities(void **state)
{
    (void)state;
    char text[400];
    struct conf_id id;
    char printed[CONF_ID_TEXT_MAX];
    text[0] = '@';
    memset(text + 1, 'a', 127);
    text[128] = '\0';
    assert_null(conf_id_parse(text, &id));
    assert_int_equal(id.length, 127);
    assert_string_equal(conf_id_print(&id, printed), text);
    memset(text + 1, 'a', 128);
    text[129] = '\0';
    assert_non_null(conf_id_parse(text, &id));
    memset(text, '0', 300);
    memcpy(text, "@#", 2);
    text[2 + 2 * 127] = '\0';
    assert_null(conf_id_parse(text, &id));
    assert_string_equal(conf_id_print(&id, printed), text);
    text[2 + 2 * 127] = '0';
    text[2 + 2 * 128] = '\0';
    assert_non_null(conf_id_parse(text, &id));
}

struct psk_case {
    const char *text;
    const char *octets;     /* NULL: refused */
    size_t length;
};

static void secrets(void **state)
{
    (void)state;
    static const struct psk_case cases[] = {
        { "0x00ff10", "\x00\xff\x10", 3 }, { "0X0a_0B", "\x0a\x0b", 2 }, { "0sAAEC", "\x00\x01\x02", 3 },
        { "0sAAE=", "\x00\x01", 2 }, { "0sAA==", "\x00", 1 }, { "0ta b#c", "a b#c", 5 }, { "0t", "", 0 },
        { "0x0", NULL, 0 }, { "0xgg", NULL, 0 }, { "0x_00", NULL, 0 }, { "0sAAE", NULL, 0 }, { "0sA===", NULL, 0 },
        { "0sAA=A", NULL, 0 }, { "0sAA==AAAA", NULL, 0 }, { "0sAA!=", NULL, 0 }, { "plain", NULL, 0 }, { "0", NULL, 0 },
        { "", NULL, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t psk[CONF_PSK_MAX];
        uint16_t length = 99;
        const char *wrong = psk_decode(cases[i].text, strlen(cases[i].text), psk, &length);
        if ((wrong == NULL) != (cases[i].octets != NULL)) {
            print_error("'%s'\n", cases[i].text);
            fail();
        }
        if (!wrong)
            assert_bytes_equal(bytes_of(psk, length), bytes_of(cases[i].octets, cases[i].length));
    }
    assert_null(psk_oci_objection(bytes_of("abc XYZ 019", 11)));
    assert_string_equal(psk_oci_objection(bytes_of("abc.", 4)), "punctuation");
    assert_string_equal(psk_oci_objection(bytes_of("a\tc", 3)), "control characters");
    assert_string_equal(psk_oci_objection(bytes_of("\xc3\xa4", 2)), "characters outside ASCII");
}

static void long_secrets(void **state)
{
    (void)state;
    char text[2 + 2 * CONF_PSK_MAX + 3];
    uint8_t psk[CONF_PSK_MAX];
    uint16_t length;
    memset(text, '0', sizeof text);
    text[1] = 'x';
    assert_null(psk_decode(text, 2 + 2 * CONF_PSK_MAX, psk, &length));
    assert_int_equal(length, CONF_PSK_MAX);
    assert_non_null(psk_decode(text, 2 + 2 * CONF_PSK_MAX + 2, psk, &length));
    text[1] = 't';
    assert_null(psk_decode(text, 2 + CONF_PSK_MAX, psk, &length));
    assert_non_null(psk_decode(text, 2 + CONF_PSK_MAX + 1, psk, &length));
    memset(text, 'A', sizeof text);
    memcpy(text, "0s", 2);
    assert_null(psk_decode(text, 2 + 340, psk, &length));
    assert_int_equal(length, 255);
    assert_non_null(psk_decode(text, 2 + 344, psk, &length));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(booleans), cmocka_unit_test(times), cmocka_unit_test(numbers), cmocka_unit_test(marks),
        cmocka_unit_test(hosts), cmocka_unit_test(prefixes), cmocka_unit_test(interfaces), cmocka_unit_test(identities),
        cmocka_unit_test(long_identities), cmocka_unit_test(secrets), cmocka_unit_test(long_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

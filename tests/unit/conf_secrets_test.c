/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which secret a conn gets: Libreswan's order of preference, identities and addresses, the near address unknown;
 * that findings show no secret, whatever stands in the file; that a secret leaves no trace where loading failed.
 */
#include "tests/support/test.h"

#include "conf/parse.h"

#include <stdio.h>

struct loaded {
    int result;
    struct conf conf;
    struct conf_report report;
};

static struct loaded load(const char *ends, const char *secrets)
{
    char text[1024];
    struct loaded out = { .report = { .count = 0 } };
    snprintf(text, sizeof text, "conn t\n%s leftsubnet=0.0.0.0/0\n rightsubnet=0.0.0.0/0\n ikev2=no\n auto=start\n mark=5\n vti-interface=v\n", ends);
    out.result = conf_load_memory(&out.conf, "t.conf", text, strlen(text), "t.secrets", secrets, strlen(secrets), &out.report);
    return out;
}

static void done(struct loaded *loaded)
{
    conf_free(&loaded->conf);
    conf_report_free(&loaded->report);
}

static void expect(const char *ends, const char *secrets, const char *psk)
{
    struct loaded l = load(ends, secrets);
    if (l.result != 0)
        fail_msg("%s with\n%s: %s", ends, secrets, l.report.messages[0].text);
    assert_bytes_equal(bytes_of(l.conf.conns[0].psk, l.conf.conns[0].psk_length), bytes_of(psk, strlen(psk)));
    done(&l);
}

static void expect_none(const char *ends, const char *secrets)
{
    struct loaded l = load(ends, secrets);
    if (l.result == 0)
        fail_msg("%s with\n%s has a secret", ends, secrets);
    assert_int_equal(l.report.errors, 1);
    size_t at = 0;
    while (l.report.messages[at].severity != CONF_ERROR)
        at++;
    assert_non_null(strstr(l.report.messages[at].text, "has no secret"));
    done(&l);
}

#define TUTORIAL " left=%defaultroute\n leftid=192.0.2.10\n right=203.0.113.1\n"
#define ADDRESSES " left=10.0.0.2\n right=203.0.113.1\n"
#define NAMED " left=10.0.0.2\n leftid=@cpe\n right=203.0.113.1\n rightid=@oci\n"
#define UNKNOWN " left=%defaultroute\n right=203.0.113.1\n"
#define HEADEND_LEFT " left=203.0.113.1\n right=%defaultroute\n rightid=@cpe\n"
#define HOST " left=10.0.0.2\n right=vpn.example.com\n"

static void order_of_preference(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "192.0.2.10 203.0.113.1: PSK \"both the ends\"\n", "192.0.2.10 %any: PSK \"near and any\"\n",
        "192.0.2.10 : PSK \"near alone\"\n", "203.0.113.1 %any: PSK \"far and any\"\n", "%any: PSK \"any of them\"\n",
        ": PSK \"no index\"\n",
    };
    static const char *const secrets[] = { "both the ends", "near and any", "near alone", "far and any", "any of them", "no index" };
    for (size_t from = 0; from < 6; from++) {
        char up[1024] = "", down[1024] = "";
        for (size_t i = from; i < 6; i++) {
            strcat(up, lines[5 + from - i]);
            strcat(down, lines[i]);
        }
        expect(TUTORIAL, up, secrets[from]);
        expect(TUTORIAL, down, secrets[from]);
    }
}

static void indices(void **state)
{
    (void)state;
    expect(ADDRESSES, "10.0.0.2 203.0.113.1: PSK \"secret one\"\n", "secret one");
    expect(ADDRESSES, "203.0.113.1 10.0.0.2: PSK \"secret one\"\n", "secret one");
    expect(NAMED, "@cpe @oci: PSK \"secret one\"\n", "secret one");
    expect(NAMED, "@CPE 203.0.113.1: PSK \"secret one\"\n", "secret one");
    expect(NAMED, "10.0.0.2 203.0.113.1: PSK \"by address\"\n@cpe @oci: PSK \"by identity\"\n", "by identity");
    expect(NAMED, "10.0.0.2 203.0.113.1: PSK \"by address\"\n@cpe @other: PSK \"secret two\"\n", "by address");
    expect(HEADEND_LEFT, "@cpe 203.0.113.1: PSK \"secret one\"\n", "secret one");
    expect(HOST, "10.0.0.2 VPN.example.com: PSK \"secret one\"\n", "secret one");
    expect(TUTORIAL, "10.9.9.9 192.0.2.10 203.0.113.1: PSK \"secret one\"\n", "secret one");
    expect(TUTORIAL, "192.0.2.10 0.0.0.0: PSK \"secret one\"\n", "secret one");
}

/* left=%defaultroute without leftid=: some address of this host, known when the daemon looks. */
static void near_address_unknown(void **state)
{
    (void)state;
    expect(UNKNOWN, "10.0.0.2 203.0.113.1: PSK \"secret one\"\n", "secret one");
    expect(UNKNOWN, "10.0.0.2 : PSK \"secret one\"\n", "secret one");
    expect(UNKNOWN, "10.0.0.2 203.0.113.2: PSK \"secret two\"\n10.0.0.2 203.0.113.1: PSK \"secret one\"\n", "secret one");
    expect(UNKNOWN, "10.0.0.2 203.0.113.1: PSK \"secret one\"\n%any 203.0.113.1: PSK \"secret two\"\n", "secret one");
    expect(TUTORIAL, "10.0.0.2 203.0.113.1: PSK \"by address\"\n192.0.2.10 203.0.113.1: PSK \"secret one\"\n", "secret one");
}

static void no_match(void **state)
{
    (void)state;
    expect_none(TUTORIAL, "");
    expect_none(ADDRESSES, "10.0.0.2 203.0.113.2: PSK \"secret one\"\n");
    expect_none(UNKNOWN, "203.0.113.1: PSK \"secret one\"\n");            /* the far end alone is nobody's, as in Libreswan */
    expect_none(TUTORIAL, "203.0.113.1: PSK \"secret one\"\n");
    expect_none(ADDRESSES, "10.0.0.3: PSK \"secret one\"\n");
    expect_none(NAMED, "@cpe @other: PSK \"secret one\"\n");
    expect_none(NAMED, "cpe oci: PSK \"secret one\"\n");                   /* bare names are hosts */
    expect_none(ADDRESSES, ": XAUTH \"secret one\"\n");
}

static void ambiguity(void **state)
{
    (void)state;
    struct loaded l = load(TUTORIAL, "192.0.2.10 203.0.113.1: PSK \"secret one\"\n203.0.113.1 192.0.2.10: PSK \"secret two\"\n");
    assert_int_equal(l.result, -1);
    assert_int_equal(l.report.errors, 1);
    assert_null(l.conf.conns);
    done(&l);
    expect(TUTORIAL, "192.0.2.10 203.0.113.1: PSK \"secret one\"\n203.0.113.1 192.0.2.10: PSK \"secret one\"\n", "secret one");
}

static void where_it_stands(void **state)
{
    (void)state;
    struct loaded l = load(TUTORIAL, "# a comment\n\n192.0.2.10\n 203.0.113.1\n : PSK 'a \"secret\" of 1'\n");
    assert_int_equal(l.result, 0);
    assert_string_equal(l.conf.conns[0].psk_file, "t.secrets");
    assert_int_equal(l.conf.conns[0].psk_line, 3);
    done(&l);
}

/* Every word of such a file may be the secret; whatever is wrong with the line, it is not repeated. */
static void findings_keep_quiet(void **state)
{
    (void)state;
    static const char *const files[] = {
        "Hunter2Hunter2 : PSK 192.0.2.10\n", "192.0.2.10 203.0.113.1 Hunter2Hunter2\n", "192.0.2.10: PSK Hunter2Hunter2\n",
        "192.0.2.10: PSK \"Hunter2Hunter2\n", "192.0.2.10: Hunter2Hunter2 PSK\n", "192.0.2.10: PSK \"x\" Hunter2Hunter2\n",
        "\"Hunter2Hunter2\" : PSK 'x'\n", "192.0.2.10 Hunter2Hunter2: PSK \"x\"\n", "Hunter2Hunter2\n", "192.0.2.10:PSK Hunter2Hunter2\n",
        "192.0.2.10: PSK 0xHunter2Hunter2\n", "192.0.2.10: PSK 0sHunter2Hunter2!\n", "192.0.2.9: PSK \"Hunter2Hunter2\"\n",
        "Hunter2Hunter2 203.0.113.9: PSK \"Hunter2Hunter2!\"\n", "192.0.2.10 203.0.113.1: PSK \"Hunter2Hunter2;\"\n",
        "192.0.2.10: PSK \"Hunter2\n Hunter2\"\n", "@[Hunter2Hunter2 : PSK \"x\"\n",
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct loaded l = load(TUTORIAL, files[i]);
        assert_true(l.report.count > 0);
        for (size_t m = 0; m < l.report.count; m++)
            if (strstr(l.report.messages[m].text, "unter2"))
                fail_msg("%s gives: %s", files[i], l.report.messages[m].text);
        done(&l);
    }
}

static void lengths(void **state)
{
    (void)state;
    char secrets[1024] = "192.0.2.10: PSK \"";
    size_t start = strlen(secrets);
    memset(secrets + start, 'a', CONF_PSK_MAX);
    snprintf(secrets + start + CONF_PSK_MAX, 8, "\"\n");
    struct loaded l = load(TUTORIAL, secrets);
    assert_int_equal(l.result, 0);
    assert_int_equal(l.conf.conns[0].psk_length, CONF_PSK_MAX);
    done(&l);
    snprintf(secrets + start + CONF_PSK_MAX, 8, "a\"\n");
    l = load(TUTORIAL, secrets);
    assert_int_equal(l.result, -1);
    done(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_of_preference), cmocka_unit_test(indices), cmocka_unit_test(near_address_unknown),
        cmocka_unit_test(no_match), cmocka_unit_test(ambiguity), cmocka_unit_test(where_it_stands),
        cmocka_unit_test(findings_keep_quiet), cmocka_unit_test(lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Which end is near, by the host's addresses; and that findings stay printable lines. */
#include "tests/support/test.h"

#include "conf/parse.h"

#include <stdio.h>

static struct conf_conn conn_of(enum conf_host left, uint32_t left_addr, enum conf_host right, uint32_t right_addr)
{
    struct conf_conn conn = { .name = "t", .file = "t.conf", .line = 7, .local = -1 };
    conn.end[0].host = left;
    conn.end[1].host = right;
    if (left_addr)
        conn.end[0].addr = addr_v4(left_addr);
    if (right_addr)
        conn.end[1].addr = addr_v4(right_addr);
    snprintf(conn.end[0].text, sizeof conn.end[0].text, "LEFT");
    snprintf(conn.end[1].text, sizeof conn.end[1].text, "RIGHT");
    return conn;
}

enum { NEAR = 0x0a000002, OTHER = 0xc0000201, FAR = 0xcb007101, ELSEWHERE = 0xcb007102 };

static void check(struct conf_conn conn, int local, const char *said)
{
    struct addr own[] = { addr_v4(0x7f000001), addr_v4(NEAR), addr_v4(OTHER) };
    struct conf conf = { .conns = &conn, .count = 1 };
    struct conf_report report = { .count = 0 };
    assert_int_equal(conf_orient(&conf, own, 3, &report), local < 0 ? -1 : 0);
    assert_int_equal(conn.local, local);
    assert_int_equal(report.errors, local < 0);
    if (said)
        assert_non_null(strstr(report.messages[0].text, said));
    if (local >= 0) {
        assert_ptr_equal(conf_near(&conn), &conn.end[local]);
        assert_ptr_equal(conf_far(&conn), &conn.end[!local]);
    }
    conf_report_free(&report);
}

static void near_ends(void **state)
{
    (void)state;
    check(conn_of(CONF_HOST_ADDRESS, NEAR, CONF_HOST_ADDRESS, FAR), 0, NULL);
    check(conn_of(CONF_HOST_ADDRESS, FAR, CONF_HOST_ADDRESS, OTHER), 1, NULL);
    check(conn_of(CONF_HOST_DEFAULTROUTE, 0, CONF_HOST_ADDRESS, FAR), 0, NULL);
    check(conn_of(CONF_HOST_ADDRESS, FAR, CONF_HOST_DEFAULTROUTE, 0), 1, NULL);
    check(conn_of(CONF_HOST_ADDRESS, FAR, CONF_HOST_INTERFACE, 0), 1, NULL);
    check(conn_of(CONF_HOST_ADDRESS, NEAR, CONF_HOST_NAME, FAR), 0, NULL);
    check(conn_of(CONF_HOST_ADDRESS, NEAR, CONF_HOST_NAME, 0), 0, NULL);
    check(conn_of(CONF_HOST_ADDRESS, FAR, CONF_HOST_ADDRESS, ELSEWHERE), -1, "neither left=LEFT nor right=RIGHT");
    check(conn_of(CONF_HOST_ADDRESS, FAR, CONF_HOST_ADDRESS, ELSEWHERE), -1, "127.0.0.1, 10.0.0.2, 192.0.2.1");
    check(conn_of(CONF_HOST_ADDRESS, NEAR, CONF_HOST_ADDRESS, OTHER), -1, "both this host");
    check(conn_of(CONF_HOST_DEFAULTROUTE, 0, CONF_HOST_ADDRESS, OTHER), -1, "both this host");
}

/* Addresses change while the daemon runs; what was decided then is not kept. */
static void again(void **state)
{
    (void)state;
    struct conf_conn conn = conn_of(CONF_HOST_ADDRESS, NEAR, CONF_HOST_ADDRESS, FAR);
    struct conf conf = { .conns = &conn, .count = 1 };
    struct conf_report report = { .count = 0 };
    struct addr own = addr_v4(NEAR), moved = addr_v4(OTHER);
    assert_int_equal(conf_orient(&conf, &own, 1, &report), 0);
    assert_int_equal(conf_orient(&conf, &moved, 1, &report), -1);
    assert_int_equal(conn.local, -1);
    assert_int_equal(conf_orient(&conf, NULL, 0, &report), -1);
    assert_int_equal(report.errors, 2);
    assert_non_null(strstr(report.messages[1].text, "(none)"));
    conf_report_free(&report);
}

static void many_addresses(void **state)
{
    (void)state;
    struct conf_conn conn = conn_of(CONF_HOST_ADDRESS, NEAR, CONF_HOST_ADDRESS, FAR);
    struct conf conf = { .conns = &conn, .count = 1 };
    struct conf_report report = { .count = 0 };
    static struct addr own[500];
    for (uint32_t i = 0; i < 500; i++)
        own[i] = addr_v4(0xac100000 + i);
    assert_int_equal(conf_orient(&conf, own, 500, &report), -1);
    assert_non_null(strstr(report.messages[0].text, "..."));
    assert_non_null(strstr(report.messages[0].text, "leftid="));
    conf_report_free(&report);
}

static void message_form(void **state)
{
    (void)state;
    struct conf_report report = { .count = 0 };
    char out[1024], small[12];
    report_error(&report, place_of("a.conf", 3, 5), "what %s is", "it");
    conf_message_print(&report.messages[0], out, sizeof out);
    assert_string_equal(out, "a.conf:3:5: error: what it is");
    assert_int_equal(conf_message_print(&report.messages[0], small, sizeof small), sizeof small - 1);
    assert_string_equal(small, "a.conf:3:5:");
    report_note(&report, place_of("a\x1b[31m.conf", 0, 0), "colour \x1b[31m, line\nbreak, \xc2\x9b" "csi, broken \xff, fine \xc3\xa4 \xe6\x97\xa5");
    conf_message_print(&report.messages[1], out, sizeof out);
    assert_string_equal(out, "a?[31m.conf: note: colour ?[31m, line?break, ??csi, broken ?, fine \xc3\xa4 \xe6\x97\xa5");
    conf_report_free(&report);
}

static void many_findings(void **state)
{
    (void)state;
    struct conf_report report = { .count = 0 };
    for (uint32_t i = 0; i < 3000; i++)
        report_warning(&report, place_of("a.conf", 3000 - i, 1), "finding");
    assert_int_equal(report.warnings, 3000);
    assert_int_equal(report.count, REPORT_FINDINGS_MAX + 1);
    report_sort(&report, "a.conf");
    assert_true(report.messages[0].line < report.messages[1].line);
    assert_non_null(strstr(report.messages[REPORT_FINDINGS_MAX].text, "more to say"));
    conf_report_free(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_ends), cmocka_unit_test(again), cmocka_unit_test(many_addresses),
        cmocka_unit_test(message_form), cmocka_unit_test(many_findings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

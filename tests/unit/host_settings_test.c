/* SPDX-License-Identifier: Apache-2.0 */
/* The host's settings, in a folder that stands for /proc/sys. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/settings.h"

static char folder[] = "/tmp/minicpe-settings-XXXXXX";
static char said[4096];

static void say(void *context, const char *wrong, const char *mend)
{
    (void)context;
    size_t at = strlen(said);
    snprintf(said + at, sizeof said - at, "%s; mend it with: %s\n", wrong, mend);
}

static void put(const char *path, const char *value)
{
    char command[400];
    snprintf(command, sizeof command, "mkdir -p %s/$(dirname %s) && echo %s > %s/%s", folder, path, value, folder, path);
    assert_int_equal(system(command), 0);
}

static void set_all(const char *forward, const char *redirects, const char *filter)
{
    static const char *const interfaces[] = { "all", "default", "eth0.7" };
    char path[100];
    put("net/ipv4/ip_forward", forward);
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "net/ipv4/conf/%s/accept_redirects", interfaces[i]);
        put(path, redirects);
        snprintf(path, sizeof path, "net/ipv4/conf/%s/send_redirects", interfaces[i]);
        put(path, redirects);
        snprintf(path, sizeof path, "net/ipv4/conf/%s/rp_filter", interfaces[i]);
        put(path, filter);
    }
}

static size_t look(const char *outer)
{
    struct conf_conn conn = { .local = 0 };
    struct conf conf = { .conns = &conn, .count = 1 };
    assert_true(prefix_parse(&conn.end[1].subnet, "10.0.2.0/24"));
    said[0] = 0;
    return settings_look(folder, &conf, outer, say, NULL);
}

static void all_wrong(void **state)
{
    (void)state;
    set_all("0", "1", "1");
    assert_int_equal(look("eth0.7"), 10);
    assert_non_null(strstr(said, "net.ipv4.ip_forward is 0: "));
    assert_non_null(strstr(said, "mend it with: sysctl -w net.ipv4.conf.eth0/7.send_redirects=0, "));
    assert_non_null(strstr(said, "echo 'net.ipv4.conf.default.accept_redirects = 0' >> /etc/sysctl.d/60-minicpe.conf"));
}

static void all_right(void **state)
{
    (void)state;
    set_all("1", "0", "0");
    assert_int_equal(look("eth0.7"), 0);
    assert_string_equal(said, "");
}

static void one_wrong(void **state)
{
    (void)state;
    set_all("1", "0", "2"); /* loose filtering is fine */
    put("net/ipv4/conf/default/rp_filter", "1");
    assert_int_equal(look("eth0.7"), 1);
    assert_non_null(strstr(said, "net.ipv4.conf.default.rp_filter is 1: "));
}

static void not_there(void **state)
{
    (void)state;
    set_all("1", "0", "0");
    assert_int_equal(look(""), 0);     /* no route to the headends */
    assert_int_equal(look("gone9"), 0); /* nothing to read */
}

static int make(void **state) { (void)state; return mkdtemp(folder) ? 0 : -1; }

static int remove_all(void **state)
{
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_wrong), cmocka_unit_test(all_right), cmocka_unit_test(one_wrong), cmocka_unit_test(not_there),
    };
    return cmocka_run_group_tests(tests, make, remove_all);
}

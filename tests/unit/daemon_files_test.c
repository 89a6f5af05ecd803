/* SPDX-License-Identifier: Apache-2.0 */
/* From files to what runs: which folders are kept for later, and names without an address. */
#include "daemon/files.h"

#include "tests/support/test.h"

#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/devices-of-a-test-XXXXXX"; /* its name begins as /dev's does */
static char conf_path[64], secrets_path[64];
static const struct options options = { .conf = conf_path };

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, 0600), 0);
}

static const char tunnel[] = "conn one\n left=%defaultroute\n leftid=192.0.2.10\n right=203.0.113.1\n leftsubnet=0.0.0.0/0\n"
                             " rightsubnet=0.0.0.0/0\n ikev2=no\n auto=start\n mark=5\n vti-interface=one\n";
static const char secret[] = "192.0.2.10 %any: PSK \"a secret of the test\"\n";

static void kept_folders(void **state)
{
    (void)state;
    struct conf conf;
    const char *kept[CONF_FOLDERS_MAX];
    if (!conf_path[0])
        skip();
    write_file(conf_path, tunnel);
    assert_int_equal(files_load(&options, &conf), 0);
    conf_free(&conf);
    size_t count = files_folders(kept);
    assert_true(count > 0);
    assert_int_equal(strncmp(kept[0], folder, strlen(folder)), 0);
}

static char said[2048];

static void hear(void *context, const char *line)
{
    (void)context;
    size_t used = strlen(said);
    snprintf(said + used, sizeof said - used, "%s\n", line);
}

static int load_again(const struct conf *now, const char *name)
{
    char text[1200];
    struct conf conf;
    int n = snprintf(text, sizeof text, "%s", tunnel);
    if (name)
        snprintf(text + n, sizeof text - (size_t)n, "conn two\n left=%%defaultroute\n leftid=192.0.2.10\n right=%s\n leftsubnet=0.0.0.0/0\n"
                 " rightsubnet=0.0.0.0/0\n ikev2=no\n auto=start\n mark=6\n vti-interface=two\n", name);
    write_file(conf_path, text);
    said[0] = '\0';
    if (now ? files_load_again(&options, now, &conf, hear, NULL) : files_load(&options, &conf))
        return -1;
    int count = (int)conf.count;
    conf_free(&conf);
    return count;
}

/* A tunnel left out at the start for want of an address keeps no reload from being done. */
static void left_out_again(void **state)
{
    (void)state;
    struct conf now;
    if (!conf_path[0])
        skip();
    assert_int_equal(load_again(NULL, "headend.invalid"), 1);
    write_file(conf_path, tunnel);
    assert_int_equal(files_load(&options, &now), 0);
    assert_int_equal(load_again(&now, "headend.invalid"), 1);
    assert_non_null(strstr(said, "warning: conn two stays left out: the name headend.invalid had no address"));
    assert_int_equal(load_again(&now, "other.invalid"), -1);
    assert_non_null(strstr(said, "error: conn two: the name other.invalid is new"));
    assert_int_equal(load_again(&now, "203.0.113.2"), 2);
    assert_int_equal(load_again(&now, NULL), 1);
    assert_string_equal(said, "");
    conf_free(&now);
}

/* Reading a pipe that nobody writes into would stop all tunnels' care. */
static void pipes_refused(void **state)
{
    (void)state;
    struct conf now;
    if (!conf_path[0])
        skip();
    write_file(conf_path, tunnel);
    assert_int_equal(files_load(&options, &now), 0);
    unlink(conf_path);
    assert_int_equal(mkfifo(conf_path, 0600), 0);
    struct conf next;
    said[0] = '\0';
    alarm(10);
    assert_int_equal(files_load_again(&options, &now, &next, hear, NULL), -1);
    alarm(0);
    assert_non_null(strstr(said, "is a pipe or a device"));
    unlink(conf_path);
    conf_free(&now);
}

/* No network: the name service answers at once that it cannot. */
static int enter(void **state)
{
    (void)state;
    if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0 || !mkdtemp(folder))
        return 0;
    snprintf(conf_path, sizeof conf_path, "%s/t.conf", folder);
    snprintf(secrets_path, sizeof secrets_path, "%s/t.secrets", folder);
    write_file(secrets_path, secret);
    return 0;
}

static int leave(void **state)
{
    (void)state;
    if (conf_path[0]) {
        unlink(conf_path);
        unlink(secrets_path);
        rmdir(folder);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(kept_folders), cmocka_unit_test(left_out_again), cmocka_unit_test(pipes_refused) };
    return cmocka_run_group_tests(tests, enter, leave);
}

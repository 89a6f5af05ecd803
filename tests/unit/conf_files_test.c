/* SPDX-License-Identifier: Apache-2.0 */
/* What is special about files: modes and owners of secrets, where secrets are looked for, files that cannot be read. */
#include "tests/support/test.h"

#include "conf/parse.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/minicpe-files-XXXXXX";

static const char tunnel[] = "conn t\n left=%defaultroute\n leftid=192.0.2.10\n right=203.0.113.1\n leftsubnet=0.0.0.0/0\n"
                             " rightsubnet=0.0.0.0/0\n ikev2=no\n auto=start\n mark=5\n vti-interface=v\n";
static const char secret[] = "192.0.2.10 203.0.113.1: PSK \"a secret of the test\"\n";

static void write_file(const char *name, const char *text, mode_t mode)
{
    FILE *file = fopen(name, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(name, mode), 0);
}

/* Loads t.conf; returns the number of errors. `said`, if any, is in a finding. */
static size_t load(const char *conf_path, const char *secrets, bool insecure, const char *said)
{
    struct conf conf;
    struct conf_report report = { .count = 0 };
    int result = conf_load(&conf, conf_path, secrets, insecure, &report);
    size_t errors = report.errors;
    bool found = !said;
    assert_int_equal(result == 0, errors == 0);
    for (size_t i = 0; said && i < report.count; i++)
        found |= strstr(report.messages[i].text, said) != NULL;
    if (!found)
        fail_msg("no finding says '%s', but: %s", said, report.count ? report.messages[0].text : "nothing");
    conf_free(&conf);
    conf_report_free(&report);
    return errors;
}

static void modes(void **state)
{
    (void)state;
    static const mode_t open_modes[] = { 0640, 0604, 0644, 0620, 0602, 0610, 0601, 0666 };
    write_file("t.conf", tunnel, 0644);
    write_file("t.secrets", secret, 0600);
    assert_int_equal(load("t.conf", NULL, false, NULL), 0);
    chmod("t.secrets", 0400);
    assert_int_equal(load("t.conf", NULL, false, NULL), 0);
    for (size_t i = 0; i < sizeof open_modes / sizeof *open_modes; i++) {
        chmod("t.secrets", open_modes[i]);
        assert_int_equal(load("t.conf", NULL, false, "open to others"), 1);
        assert_int_equal(load("t.conf", NULL, true, "--insecure-secrets was given"), 0);
    }
}

/* What a file of secrets includes is a file of secrets. */
static void included_modes(void **state)
{
    (void)state;
    write_file("t.secrets", "include more.secrets\n", 0600);
    write_file("more.secrets", secret, 0644);
    assert_int_equal(load("t.conf", NULL, false, "open to others"), 1);
    chmod("more.secrets", 0600);
    assert_int_equal(load("t.conf", NULL, false, NULL), 0);
    write_file("t.secrets", "include t.secrets\ninclude *.secrets\n", 0600);
    assert_int_equal(load("t.conf", NULL, false, "includes itself"), 2);
}

/* Else the daemon would run a tunnel without a secret: what is not there is only a warning. */
static void included_missing(void **state)
{
    (void)state;
    static const char *const texts[] = { "include nowhere.secrets\n", "include /nowhere/*.secrets\n", "" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_file("t.secrets", texts[i], 0600);
        assert_int_equal(load("t.conf", NULL, false, "conn t has no secret"), 1);
    }
}

/* A line told of by a warning is no reason for a conn without a secret. */
static void warned_and_missing(void **state)
{
    (void)state;
    write_file("w.conf", "conn %default\n leftca=\"\"\n leftca=\"\"\n", 0644);
    FILE *file = fopen("w.conf", "ab");
    fputs(tunnel, file);
    fclose(file);
    write_file("w.secrets", "", 0600);
    assert_int_equal(load("w.conf", NULL, false, "conn t has no secret"), 1);
    write_file("w.conf", "conn %default\n esp=aes256-sha1\n esp=nothing\n", 0644);
    file = fopen("w.conf", "ab");
    fputs(tunnel, file);
    fclose(file);
    assert_int_equal(load("w.conf", "t.secrets", false, "esp=nothing: 'nothing' is no cipher"), 1);
}

/* A pipe tells no size beforehand: what does not fit must not be taken for the end. */
static void too_much_of_a_pipe(void **state)
{
    (void)state;
    assert_int_equal(mkfifo("p.conf", 0600), 0);
    pid_t writer = fork();
    if (writer == 0) {
        FILE *file = fopen("p.conf", "wb");
        fputs(tunnel, file);
        for (int i = 0; i < PARSE_FILE_MAX / 8 + 1; i++)
            fputs("# more \n", file);
        fputs("conn lost\n", file);
        _exit(fclose(file));
    }
    assert_int_equal(load("p.conf", "t.secrets", false, "has more than 1048576 bytes"), 1);
    assert_int_equal(waitpid(writer, NULL, 0), writer);
    unlink("p.conf");
}

static void owners(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    write_file("t.secrets", secret, 0600);
    assert_int_equal(chown("t.secrets", 12345, 0), 0);
    assert_int_equal(load("t.conf", NULL, false, "belongs to user 12345"), 1);
    assert_int_equal(load("t.conf", NULL, true, "belongs to user 12345"), 1);
    unlink("t.secrets");
}

static void unreadable(void **state)
{
    (void)state;
    write_file("t.secrets", secret, 0600);
    assert_int_equal(load("none.conf", "t.secrets", false, "no such file"), 1);
    assert_int_equal(load("t.conf", "none.secrets", false, "no such file"), 1);
    assert_int_equal(load(".", "t.secrets", false, "is a directory"), 1);
    assert_int_equal(load("t.conf", ".", false, "is a directory"), 1);
    write_file("big.conf", "", 0644);
    assert_int_equal(truncate("big.conf", PARSE_FILE_MAX + 1), 0);
    assert_int_equal(load("big.conf", "t.secrets", false, "has more than"), 1);
    write_file("empty.conf", "", 0644);
    assert_int_equal(load("empty.conf", "t.secrets", false, "there is no conn"), 1);
    if (geteuid() == 0)
        return;
    write_file("closed.conf", tunnel, 0000);
    assert_int_equal(load("closed.conf", "t.secrets", false, "may not be read"), 1);
}

/* Files that cannot be listed are not taken for none: their tunnels would go with the next reload. */
static void unlistable_folder(void **state)
{
    (void)state;
    char text[600];
    assert_int_equal(symlink("loop", "loop"), 0);
    snprintf(text, sizeof text, "include loop/*.conf\n%s", tunnel);
    write_file("loops.conf", text, 0644);
    assert_int_equal(load("loops.conf", "t.secrets", false, "cannot be listed"), 1);
    snprintf(text, sizeof text, "include none/*.conf\ninclude t.conf/*.conf\n%s", tunnel);
    write_file("none-there.conf", text, 0644);
    assert_int_equal(load("none-there.conf", "t.secrets", false, "no file matches"), 0);
    unlink("loop");
    unlink("loops.conf");
    unlink("none-there.conf");
}

/* Many files that include each other do not blow up. */
static void include_storm(void **state)
{
    (void)state;
    mkdir("storm", 0700);
    for (int i = 0; i < 12; i++) {
        char name[32];
        snprintf(name, sizeof name, "storm/%02d.conf", i);
        write_file(name, "include *.conf\n", 0644);
    }
    assert_true(load("storm/00.conf", "t.secrets", false, "include") > 0);
}

static void secrets_path(void **state)
{
    (void)state;
    char out[256];
    unsetenv("CREDENTIALS_DIRECTORY");
    write_file("t.secrets", secret, 0600);
    conf_secrets_path("t.conf", out, sizeof out);
    assert_string_equal(out, "t.secrets");
    write_file("tunnels.secrets", secret, 0600);
    conf_secrets_path("tunnels", out, sizeof out);
    assert_string_equal(out, "tunnels.secrets");
    conf_secrets_path("none.conf", out, sizeof out);
    assert_string_equal(out, access("/etc/ipsec.secrets", F_OK) == 0 ? "/etc/ipsec.secrets" : "none.secrets");
    mkdir("credentials", 0700);
    setenv("CREDENTIALS_DIRECTORY", "credentials", 1);
    conf_secrets_path("t.conf", out, sizeof out);
    assert_string_equal(out, "t.secrets");
    write_file("credentials/secrets", secret, 0400);
    conf_secrets_path("t.conf", out, sizeof out);
    assert_string_equal(out, "credentials/secrets");
    unsetenv("CREDENTIALS_DIRECTORY");
}

static void long_paths(void **state)
{
    (void)state;
    char path[400] = "./";
    struct conf conf;
    struct conf_report report = { .count = 0 };
    for (int i = 0; i < 120; i++)
        strcat(path, "./");
    strcat(path, "t.conf");
    assert_int_equal(conf_load(&conf, path, "t.secrets", false, &report), 0);
    assert_int_equal(strlen(conf.conns[0].file), CONF_TEXT_MAX - 1);
    assert_string_equal(conf.conns[0].file + CONF_TEXT_MAX - 1 - 6, "t.conf");
    conf_free(&conf);
    conf_report_free(&report);
}

static int enter(void **state)
{
    (void)state;
    umask(022);
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static bool has_folder(const struct conf_report *report, const char *name)
{
    for (size_t i = 0; i < report->folder_count; i++)
        if (strcmp(report->folders[i], name) == 0)
            return true;
    return false;
}

/* Where files were found and looked for, by name and as they really lie: a daemon that reads them again is held to these. */
static void folders(void **state)
{
    (void)state;
    struct conf conf;
    struct conf_report report = { .count = 0 };
    char real[64];
    assert_int_equal(mkdir("more", 0755) | mkdir("none", 0755) | mkdir("away", 0755), 0);
    write_file("away/real.conf", "", 0644);
    assert_int_equal(symlink("../away/real.conf", "more/link.conf"), 0);
    char text[512];
    snprintf(text, sizeof text, "include none/*.conf\ninclude none/x*/y.conf\ninclude more/link.conf\n%s", tunnel);
    write_file("t.conf", text, 0644);
    write_file("t.secrets", secret, 0600);
    assert_int_equal(conf_load(&conf, "t.conf", "t.secrets", false, &report), 0);
    snprintf(real, sizeof real, "%s/away/", folder);
    assert_true(has_folder(&report, ".") && has_folder(&report, "none/") && has_folder(&report, "more/") && has_folder(&report, real));
    assert_in_range(report.folder_count, 4, 8);
    conf_free(&conf);
    conf_report_free(&report);
    unlink("more/link.conf");
}

static int leave(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modes), cmocka_unit_test(included_modes), cmocka_unit_test(included_missing), cmocka_unit_test(too_much_of_a_pipe), cmocka_unit_test(warned_and_missing), cmocka_unit_test(unreadable), cmocka_unit_test(unlistable_folder),
        cmocka_unit_test(include_storm), cmocka_unit_test(secrets_path), cmocka_unit_test(long_paths), cmocka_unit_test(owners), cmocka_unit_test(folders),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}

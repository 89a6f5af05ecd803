/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every tests/conf/NN-name.conf against its golden file: NN-name.ok (findings, then the canonical form of what was
 * loaded) or NN-name.err (findings of a file that is refused). MINICPE_UPDATE=1 writes the golden files anew: read
 * the difference as a user would. What is loaded and printed is also read back, and must be the same.
 */
#include "tests/support/test.h"

#include "conf/parse.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_MAX = 1 << 18 };

static char folder[4096];           /* tests/conf */
static char copy[] = "/tmp/minicpe-conf-XXXXXX"; /* where its secrets have the mode they must have */

struct outcome {
    int result;
    struct conf conf;
    char text[TEXT_MAX];
};

static size_t slurp(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return 0;
    size_t length = fread(out, 1, size - 1, file);
    fclose(file);
    out[length] = '\0';
    return length;
}

static void put(char *text, const char *more)
{
    size_t used = strlen(text);
    assert_true(used + strlen(more) + 2 < TEXT_MAX);
    snprintf(text + used, TEXT_MAX - used, "%s", more);
}

static void put_findings(const struct conf_report *report, char *text)
{
    for (size_t i = 0; i < report->count; i++) {
        char line[1024];
        conf_message_print(&report->messages[i], line, sizeof line - 1);
        strcat(line, "\n");
        put(text, line);
    }
}

static void put_conns(const struct conf *conf, char *text)
{
    for (size_t i = 0; i < conf->count; i++) {
        char printed[8192], line[2 * CONF_TEXT_MAX + 128];
        const struct conf_conn *conn = &conf->conns[i];
        snprintf(line, sizeof line, "# %s:%u; secret of %u bytes from %s:%u; keepalive %u s\n", conn->file, (unsigned)conn->line,
                 (unsigned)conn->psk_length, conn->psk_file, (unsigned)conn->psk_line, (unsigned)conn->keepalive_interval);
        conf_print(conn, printed, sizeof printed);
        put(text, line);
        put(text, printed);
    }
}

static void load(const char *name, struct outcome *out)
{
    char conf_path[256], secrets_path[256];
    struct conf_report report = { .count = 0 };
    snprintf(conf_path, sizeof conf_path, "%s.conf", name);
    snprintf(secrets_path, sizeof secrets_path, "%s.secrets", name);
    out->text[0] = '\0';
    out->result = conf_load(&out->conf, conf_path, access(secrets_path, F_OK) == 0 ? secrets_path : "common.secrets", false, &report);
    assert_int_equal(out->result == 0, report.errors == 0);
    assert_int_equal(out->result == 0, out->conf.count != 0);
    put_findings(&report, out->text);
    put_conns(&out->conf, out->text);
    conf_report_free(&report);
}

static void golden_write(const char *name, const struct outcome *out)
{
    static const char *const endings[] = { "err", "ok" };
    char path[8192];
    for (int ok = 0; ok < 2; ok++) {
        snprintf(path, sizeof path, "%s/%s.%s", folder, name, endings[ok]);
        unlink(path);
        if (ok != (out->result == 0))
            continue;
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        fputs(out->text, file);
        fclose(file);
    }
}

/* Secrets of the tests have a word of their own in them, which no finding may show. */
static void secrets_absent(const char *name, const char *text)
{
    if (strstr(text, "OfTheTest") || strstr(text, "Pass.word")) {
        print_error("%s: a finding shows a secret:\n%s", name, text);
        fail();
    }
}

static void read_back(const char *name, const struct conf *conf)
{
    static char printed[TEXT_MAX], again[TEXT_MAX];
    static const char secret[] = ": PSK \"whatever it may be\"\n";
    struct conf_report report = { .count = 0 };
    struct conf second;
    printed[0] = again[0] = '\0';
    for (size_t i = 0; i < conf->count; i++)
        conf_print(&conf->conns[i], printed + strlen(printed), TEXT_MAX - strlen(printed));
    if (conf_load_memory(&second, "printed", printed, strlen(printed), "secrets", secret, sizeof secret - 1, &report) != 0) {
        put_findings(&report, again);
        print_error("%s: the canonical form is refused:\n%s%s", name, again, printed);
        fail();
    }
    for (size_t i = 0; i < second.count; i++) {
        conf_print(&second.conns[i], again + strlen(again), TEXT_MAX - strlen(again));
        /* What the text cannot show must be the same, too. */
        assert_memory_equal(&second.conns[i].end[0].id, &conf->conns[i].end[0].id, sizeof(struct conf_id));
        assert_memory_equal(&second.conns[i].end[1].id, &conf->conns[i].end[1].id, sizeof(struct conf_id));
        assert_int_equal(second.conns[i].pfs_group, conf->conns[i].pfs_group);
        assert_int_equal(second.conns[i].mark_set, conf->conns[i].mark_set);
        assert_int_equal(second.conns[i].autostart, conf->conns[i].autostart);
    }
    assert_string_equal(again, printed);
    conf_free(&second);
    conf_report_free(&report);
}

static void one_pair(const char *name)
{
    static struct outcome out;
    static char golden[TEXT_MAX];
    char path[8192];
    load(name, &out);
    secrets_absent(name, out.text);
    if (getenv("MINICPE_UPDATE"))
        golden_write(name, &out);
    snprintf(path, sizeof path, "%s/%s.%s", folder, name, out.result == 0 ? "ok" : "err");
    golden[0] = '\0';
    slurp(path, golden, sizeof golden);
    if (strcmp(golden, out.text) != 0) {
        print_error("%s is not as %s has it:\n%s", name, path, out.text);
        fail();
    }
    if (out.result == 0)
        read_back(name, &out.conf);
    conf_free(&out.conf);
}

static void pairs(void **state)
{
    (void)state;
    glob_t found;
    assert_int_equal(glob("[0-9]*.conf", 0, NULL, &found), 0);
    assert_true(found.gl_pathc > 50);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char name[256];
        snprintf(name, sizeof name, "%s", found.gl_pathv[i]);
        *strrchr(name, '.') = '\0';
        one_pair(name);
    }
    globfree(&found);
}

/* The tutorial's own files with nothing but their placeholders replaced earn no error and no warning. */
static void tutorial_is_clean(void **state)
{
    (void)state;
    static struct outcome out;
    static const char *const names[] = { "01-tutorial-type2-static", "02-tutorial-type3-static", "03-tutorial-type2-bgp",
                                         "04-tutorial-type3-bgp" };
    for (size_t i = 0; i < 4; i++) {
        load(names[i], &out);
        assert_int_equal(out.result, 0);
        assert_int_equal(out.conf.count, 2);
        assert_null(strstr(out.text, ": error: "));
        assert_null(strstr(out.text, ": warning: "));
        conf_free(&out.conf);
    }
}

static int copy_folder(void **state)
{
    (void)state;
    char command[16384];
    if (!getcwd(folder, sizeof folder - 16) || !mkdtemp(copy))
        return -1;
    strcat(folder, "/tests/conf");
    snprintf(command, sizeof command, "cp -r '%s'/. %s && find %s -name '*.secrets' -exec chmod 600 {} +", folder, copy, copy);
    umask(077);
    return system(command) == 0 && chdir(copy) == 0 ? 0 : -1;
}

static int remove_copy(void **state)
{
    (void)state;
    char command[256];
    snprintf(command, sizeof command, "rm -rf %s", copy);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(pairs), cmocka_unit_test(tutorial_is_clean) };
    return cmocka_run_group_tests(tests, copy_folder, remove_copy);
}

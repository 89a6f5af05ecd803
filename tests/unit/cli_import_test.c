/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `minicpe import`: what it says and writes for each case of tests/import, against golden files. MINICPE_UPDATE=1
 * writes these anew: read the difference as a user would. And what it never does: print a secret, replace a file,
 * leave one behind after a failure, write what the daemon's reader refuses.
 */
#include "cli/import.h"

#include "tests/support/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXT_MAX = 1 << 17, ARGS_MAX = 12 };

static char folder[4096], out[64], said_out[80], said_err[80], cut_file[80];

struct run {
    const char *name;
    int result;
    const char *args[ARGS_MAX];
};

static const struct run runs[] = {
    { "bgp", 0, { "bgp.json", "connection.json", "--psk", "1=psk1.json", "--psk", "198.51.100.51=psk2.txt" } },
    { "bgp-site", 0, { "bgp.json", "connection.json", "get-config.json", "--site", "192.168.3.0/24", "--local", "192.168.2.42" } },
    { "static", 0, { "static.json", "get-config.json", "--vcn", "10.0.0.0/16,10.8.0.0/16" } },
    { "static-named", 0, { "static.json", "connection-named.json", "get-config.json", "--vcn", "10.0.0.0/16", "--local", "%eth0" } },
    { "policy", 0, { "policy.json", "get-config.json", "--id", "192.168.2.42" } },
    { "sdk", 0, { "sdk.json" } },
    { "terraform", 0, { "terraform.json", "--vcn", "10.0.0.0/16" } },
    { "one-after-the-other", 0, { "all.json", "--vcn", "10.0.0.0/16" } },
    { "missing", 1, { "static.json" } },
    { "wrong", 1, { "wrong.json" } },
    { "no-tunnels", 1, { "connection.json", "psk1.json", "other.json", "broken.json", "nowhere.json" } },
    { "headend-in-vcn", 1, { "static.json", "get-config.json", "--vcn", "198.51.0.0/16" } },
    { "whose-secret", 1, { "bgp.json", "psk1.json", "--psk", "9=psk1.json", "--psk", "1=other.json" } },
    { "arguments", 4, { "--vcn", "10.0.0.0", "--psk", "OfTheTestNotShown", "--local", "here" } },
};

static void put(char *text, const char *what, const char *path)
{
    char buffer[TEXT_MAX];
    struct stat status;
    FILE *file = fopen(path, "r");
    size_t used = strlen(text);
    if (!file)
        return;
    size_t length = fread(buffer, 1, sizeof buffer - 1, file);
    buffer[length] = '\0';
    assert_int_equal(fstat(fileno(file), &status), 0);
    fclose(file);
    snprintf(text + used, TEXT_MAX - used, "== %s %04o\n%s", what, (unsigned)(status.st_mode & 07777), buffer);
}

/* The folder's random name is not worth a golden file. */
static void plain_folder(char *text)
{
    for (char *at = text; (at = strstr(at, out));) {
        memmove(at + 3, at + strlen(out), strlen(at + strlen(out)) + 1);
        memcpy(at, "OUT", 3);
    }
}

static int capture(int fd, const char *path)
{
    int saved = dup(fd), file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(saved >= 0 && file >= 0);
    dup2(file, fd);
    close(file);
    return saved;
}

static void release(int saved, int fd)
{
    dup2(saved, fd);
    close(saved);
}

/* All that it said, then all that it wrote. */
static int run_import(const struct run *run, char *text)
{
    char *argv[ARGS_MAX + 4] = { strdup("import"), strdup("--out"), strdup(out) };
    int argc = 3;
    for (size_t i = 0; run->args[i]; i++)
        argv[argc++] = strdup(run->args[i]);
    fflush(stdout);
    int one = capture(STDOUT_FILENO, said_out), two = capture(STDERR_FILENO, said_err);
    int result = import_main(argc, argv);
    fflush(stdout);
    release(one, STDOUT_FILENO);
    release(two, STDERR_FILENO);
    for (int i = 0; argv[i]; i++)
        free(argv[i]);
    text[0] = '\0';
    put(text, "stderr", said_err);
    put(text, "stdout", said_out);
    plain_folder(text);
    if (strstr(text, "OfTheTest"))
        fail_msg("a secret is shown: %s", text);
    return result;
}

static const char *const written[] = { "tunnels.conf", "tunnels.secrets", "tunnels.frr" };

static void put_written(char *text)
{
    char path[128];
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", out, written[i]);
        put(text, written[i], path);
    }
}

static size_t clear_folder(void)
{
    DIR *dir = opendir(out);
    size_t count = 0;
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.' || strlen(entry->d_name) > 2 ? unlinkat(dirfd(dir), entry->d_name, 0) == 0 : 0;
    closedir(dir);
    return count;
}

static void compare(const char *name, const char *text)
{
    static char golden[TEXT_MAX];
    char path[128];
    snprintf(path, sizeof path, "%s.golden", name);
    FILE *file = fopen(path, getenv("MINICPE_UPDATE") ? "w" : "r");
    assert_non_null(file);
    if (getenv("MINICPE_UPDATE"))
        fputs(text, file);
    else {
        golden[fread(golden, 1, sizeof golden - 1, file)] = '\0';
        assert_string_equal(text, golden);
    }
    fclose(file);
}

static void judge_written(void)
{
    char conf_path[128], secrets_path[128];
    struct conf conf;
    struct conf_report report = { .count = 0 };
    snprintf(conf_path, sizeof conf_path, "%s/tunnels.conf", out);
    snprintf(secrets_path, sizeof secrets_path, "%s/tunnels.secrets", out);
    assert_int_equal(conf_load(&conf, conf_path, secrets_path, false, &report), 0);
    assert_int_equal(report.errors, 0);
    assert_int_equal(report.warnings, 0);
    conf_free(&conf);
    conf_report_free(&report);
}

static void golden_files(void **state)
{
    (void)state;
    static char text[TEXT_MAX];
    for (const struct run *run = runs; run < runs + sizeof runs / sizeof *runs; run++) {
        int result = run_import(run, text);
        if (result != run->result)
            fail_msg("%s: status %d\n%s", run->name, result, text);
        put_written(text);
        compare(run->name, text);
        if (run->result == 0)
            judge_written();
        size_t files = clear_folder();
        if ((files != 0) != (run->result == 0))
            fail_msg("%s: %zu files are there", run->name, files);
    }
}

static void keeps_what_is_there(void **state)
{
    (void)state;
    static char text[TEXT_MAX];
    char path[128];
    const struct run again = { "again", 0, { "sdk.json", "--force" } };
    snprintf(path, sizeof path, "%s/tunnels.secrets", out);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("mine\n", file);
    fclose(file);
    assert_int_equal(run_import(&runs[5], text), 1);
    assert_non_null(strstr(text, "tunnels.secrets is there already"));
    text[0] = '\0';
    put(text, "it", path);
    assert_non_null(strstr(text, "mine"));
    assert_int_equal(run_import(&again, text), 0);
    text[0] = '\0';
    put(text, "it", path);
    assert_null(strstr(text, "mine"));
    assert_non_null(strstr(text, "0600"));
    assert_int_equal(clear_folder(), 3);
}

/* Nothing is written means nothing, also where only the second file cannot get its name. */
static void a_folder_in_the_way(void **state)
{
    (void)state;
    static char text[TEXT_MAX];
    char path[128];
    const struct run run = { "in the way", 1, { "sdk.json", "--force" } };
    snprintf(path, sizeof path, "%s/tunnels.secrets", out);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(run_import(&run, text), 1);
    assert_non_null(strstr(text, "tunnels.secrets is a folder"));
    assert_null(strstr(text, "wrote"));
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(clear_folder(), 0);
}

/* What is left out is not judged. */
static void terminated(void **state)
{
    (void)state;
    static char text[TEXT_MAX];
    static const char tunnels[] = "[{\"vpn-ip\": \"198.51.100.1\", \"routing\": \"STATIC\", \"ike-version\": \"V1\", \"cpe-ip\": \"192.0.2.1\", "
                                  "\"shared-secret\": \"OfTheTest012345678\", \"lifecycle-state\": \"AVAILABLE\"}, "
                                  "{\"vpn-ip\": \"10.0.0.9\", \"routing\": \"STATIC\", \"lifecycle-state\": \"TERMINATED\"}]";
    const struct run run = { "terminated", 0, { cut_file, "--vcn", "10.0.0.0/16" } };
    FILE *file = fopen(cut_file, "w");
    assert_non_null(file);
    fputs(tunnels, file);
    fclose(file);
    assert_int_equal(run_import(&run, text), 0);
    assert_int_equal(clear_folder(), 2);
    unlink(cut_file);
}

static void a_folder_that_is_not_there(void **state)
{
    (void)state;
    static char text[TEXT_MAX];
    const struct run run = { "folder", 1, { "sdk.json", "--out", "/nowhere/at/all" } };
    assert_int_equal(run_import(&run, text), 1);
    assert_non_null(strstr(text, "/nowhere/at/all cannot be written to: No such file or directory"));
}

/* Every prefix of a file is JSON that ends too early, or says less: it must be refused, never crash. */
static void truncated(void **state)
{
    (void)state;
    static char text[TEXT_MAX], whole[TEXT_MAX];
    const struct run run = { "cut", 1, { cut_file } };
    FILE *file = fopen("sdk.json", "r");
    assert_non_null(file);
    size_t length = fread(whole, 1, sizeof whole, file);
    fclose(file);
    for (size_t cut = 0; cut + 3 < length; cut += 97) {
        file = fopen(cut_file, "w");
        assert_non_null(file);
        fwrite(whole, 1, cut, file);
        fclose(file);
        assert_int_equal(run_import(&run, text), 1);
    }
    unlink(cut_file);
}

/* What stands on the terminal until this text comes, or nothing more does. */
static void read_until(int terminal, const char *wanted, char *seen, size_t size)
{
    size_t used = strlen(seen);
    struct pollfd wait = { .fd = terminal, .events = POLLIN };
    while (!strstr(seen, wanted) && used + 1 < size && poll(&wait, 1, 20000) == 1) {
        ssize_t n = read(terminal, seen + used, size - used - 1);
        if (n <= 0)
            break;
        seen[used += (size_t)n] = '\0';
    }
    if (!strstr(seen, wanted))
        fail_msg("the terminal does not show '%s': %s", wanted, seen);
}

static void answer(int terminal, const char *question, const char *line, char *seen, size_t size)
{
    read_until(terminal, question, seen, size);
    assert_int_equal(write(terminal, line, strlen(line)), strlen(line));
}

static void asks_at_a_terminal(void **state)
{
    (void)state;
    char seen[8192] = "", path[128], verb[] = "import", option[] = "--out", file[] = "static.json", *argv[] = { verb, option, out, file, NULL };
    int terminal, status;
    pid_t child = forkpty(&terminal, NULL, NULL, NULL);
    assert_true(child >= 0);
    if (child == 0)
        _exit(import_main(4, argv));
    answer(terminal, "of tunnel Tunnel-1 (198.51.100.41): ", "OfTheTest1abcdef\n", seen, sizeof seen);
    answer(terminal, "of tunnel Tunnel-2 (198.51.100.51): ", "OfTheTest2abcdef\n", seen, sizeof seen);
    answer(terminal, "(for example 10.0.0.0/16): ", "ten slash eight\n", seen, sizeof seen);
    answer(terminal, "each is ADDRESS/LENGTH.\r\nNetworks of the VCN, with commas between several (for example 10.0.0.0/16): ", "10.0.0.0/16, 10.1.0.0/16\n", seen, sizeof seen);
    read_until(terminal, "next: ", seen, sizeof seen);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(terminal);
    if (strstr(seen, "OfTheTest"))
        fail_msg("a secret is shown: %s", seen);
    static char text[TEXT_MAX];
    text[0] = '\0';
    snprintf(path, sizeof path, "%s/tunnels.secrets", out);
    put(text, "it", path);
    assert_non_null(strstr(text, "198.51.100.51: PSK \"OfTheTest2abcdef\""));
    assert_int_equal(clear_folder(), 2);
}

/* Octets changed by chance: refused or taken, but never a crash, and never a file that the daemon's reader refuses. */
static void mutated(void **state)
{
    (void)state;
    static char text[TEXT_MAX], whole[TEXT_MAX];
    static const char letters[] = "{}[]\",:0123456789abcxyz-_ \\\n\"";
    const struct run run = { "mutated", 0, { cut_file, "--vcn", "10.0.0.0/16", "--force" } };
    FILE *file = fopen("sdk.json", "r");
    assert_non_null(file);
    size_t length = fread(whole, 1, sizeof whole, file), taken = 0;
    uint32_t seed = 1;
    fclose(file);
    for (unsigned round = 0; round < 400; round++) {
        char saved[3];
        size_t at[3];
        for (size_t i = 0; i < 1 + round % 3; i++) {
            seed = seed * 1664525 + 1013904223;
            at[i] = (seed >> 8) % length;
            saved[i] = whole[at[i]];
            whole[at[i]] = letters[seed % (sizeof letters - 1)];
        }
        file = fopen(cut_file, "w");
        assert_non_null(file);
        fwrite(whole, 1, length, file);
        fclose(file);
        int result = run_import(&run, text);
        assert_true(result == 0 || result == 1);
        assert_null(strstr(text, "this cannot be expressed"));
        taken += result == 0;
        for (size_t i = 1 + round % 3; i-- > 0;)
            whole[at[i]] = saved[i];
    }
    unlink(cut_file);
    assert_in_range(taken, 20, 380);
    clear_folder();
}

static int enter(void **state)
{
    (void)state;
    assert_non_null(getcwd(folder, sizeof folder));
    if (chdir("tests/import") != 0)
        return -1;
    strcpy(out, "/tmp/minicpe-import-XXXXXX");
    /* what others may read of the tree's files is git's business, not the test's */
    umask(022);
    bool made = mkdtemp(out) != NULL;
    snprintf(said_out, sizeof said_out, "%s.out", out);
    snprintf(said_err, sizeof said_err, "%s.err", out);
    snprintf(cut_file, sizeof cut_file, "%s.cut", out);
    return made && chmod("psk1.json", 0600) == 0 && chmod("psk2.txt", 0600) == 0 && chmod("other.json", 0600) == 0 ? 0 : -1;
}

static int leave(void **state)
{
    (void)state;
    unlink(said_out);
    unlink(said_err);
    rmdir(out);
    return chdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_files), cmocka_unit_test(keeps_what_is_there), cmocka_unit_test(a_folder_in_the_way), cmocka_unit_test(terminated), cmocka_unit_test(a_folder_that_is_not_there),
        cmocka_unit_test(truncated),    cmocka_unit_test(asks_at_a_terminal),  cmocka_unit_test(mutated),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}

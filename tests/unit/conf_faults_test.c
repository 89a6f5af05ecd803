/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each allocation and each look at a file fails once, for each pair of files in tests/conf: what is loaded then is all
 * that there is, or it is an error with a sentence. AddressSanitizer's build sees that nothing leaks.
 */
#include "tests/support/test.h"

#include "conf/conf.h"

#include <errno.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* The linker's names for what it puts in between. */
#define REAL(name) __real_##name
#define WRAPPED(name) __wrap_##name

static unsigned calls, fail_at; /* fail_at 0: none fails */
static bool armed;

static bool fails(int error)
{
    if (!armed || ++calls != fail_at)
        return false;
    errno = error;
    return true;
}

#define FAULTY(type, name, failure, error, parameters, ...)                       \
    type __real_##name parameters;                                                \
    type __wrap_##name parameters;                                                \
    type __wrap_##name parameters { return fails(error) ? failure : __real_##name(__VA_ARGS__); }

FAULTY(void *, calloc, NULL, ENOMEM, (size_t count, size_t size), count, size)
FAULTY(void *, realloc, NULL, ENOMEM, (void *old, size_t size), old, size)
FAULTY(char *, strdup, NULL, ENOMEM, (const char *text), text)
FAULTY(char *, strndup, NULL, ENOMEM, (const char *text, size_t most), text, most)
FAULTY(int, fstat, -1, EIO, (int fd, struct stat *out), fd, out)
FAULTY(ssize_t, read, -1, EIO, (int fd, void *out, size_t size), fd, out, size)
FAULTY(int, glob, GLOB_NOSPACE, ENOMEM, (const char *pattern, int flags, int (*each)(const char *, int), glob_t *out), pattern, flags, each, out)

int REAL(open)(const char *path, int flags, ...);
int WRAPPED(open)(const char *path, int flags, ...);
int WRAPPED(open)(const char *path, int flags, ...) { return fails(ENFILE) ? -1 : REAL(open)(path, flags); }

struct loaded { struct conf conf; struct conf_report report; int result; };

static struct loaded load(const char *path, unsigned n)
{
    struct loaded l = { .result = -1 };
    calls = 0;
    fail_at = n;
    armed = true;
    l.result = conf_load(&l.conf, path, NULL, true, &l.report);
    armed = false;
    return l;
}

static void drop(struct loaded *l)
{
    conf_free(&l->conf);
    conf_report_free(&l->report);
}

static void check(const char *path, unsigned n, const struct loaded *sound, const struct loaded *hurt)
{
    if (hurt->result != 0 && hurt->report.errors == 0)
        fail_msg("%s, call %u fails: no configuration, and no error about it", path, n);
    if (hurt->result == 0 && sound->result != 0)
        fail_msg("%s, call %u fails: taken in spite of its errors", path, n);
    if (hurt->result != 0)
        return;
    if (hurt->conf.count != sound->conf.count)
        fail_msg("%s, call %u fails: %zu conns, not %zu", path, n, hurt->conf.count, sound->conf.count);
    for (size_t i = 0; i < hurt->conf.count; i++)
        if (memcmp(&hurt->conf.conns[i], &sound->conf.conns[i], sizeof hurt->conf.conns[i]) != 0)
            fail_msg("%s, call %u fails: conn %s is another one", path, n, hurt->conf.conns[i].name);
}

static void every_call(void **state)
{
    (void)state;
    glob_t files;
    unsigned cases = 0;
    assert_int_equal(glob("tests/conf/*.conf", 0, NULL, &files), 0);
    for (size_t f = 0; f < files.gl_pathc; f++) {
        struct loaded sound = load(files.gl_pathv[f], 0);
        unsigned most = calls, step = most > 400 && !getenv("MINICPE_LONG") ? most / 400 + 1 : 1;
        for (unsigned n = 1; n <= most; n += step, cases++) {
            struct loaded hurt = load(files.gl_pathv[f], n);
            check(files.gl_pathv[f], n, &sound, &hurt);
            drop(&hurt);
        }
        drop(&sound);
    }
    print_message("%u failing calls in %zu files\n", cases, files.gl_pathc);
    assert_true(cases > 20 * files.gl_pathc);
    globfree(&files);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_call) };
    return cmocka_run_group_tests_name("conf: memory and files that fail", tests, NULL, NULL);
}

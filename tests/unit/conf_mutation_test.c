/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every file of tests/conf cut at every length, and with octets changed, lines doubled, swapped and joined from other
 * files, from a fixed seed: loading ends, is refused or gives sound conns, and shows no secret. Run with the
 * sanitizers it also shows that nothing is read or written out of bounds.
 */
#include "tests/support/test.h"

#include "conf/parse.h"

#include <glob.h>
#include <stdio.h>
#include <time.h>

enum { FILES_MAX = 128, TEXT_MAX = 16384, ROUNDS = 60 };

struct text {
    size_t length;
    char octets[TEXT_MAX];
};

static struct text confs[FILES_MAX], secrets[FILES_MAX];
static size_t conf_count, secret_count;
static uint64_t seed = 0x9e3779b97f4a7c15;

static uint32_t rnd(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 16) % (below ? below : 1));
}

static size_t take(const char *pattern, struct text *out)
{
    glob_t found;
    size_t count = 0;
    if (glob(pattern, 0, NULL, &found) != 0)
        return 0;
    for (size_t i = 0; i < found.gl_pathc && count < FILES_MAX; i++) {
        FILE *file = fopen(found.gl_pathv[i], "rb");
        assert_non_null(file);
        out[count].length = fread(out[count].octets, 1, TEXT_MAX / 2, file);
        fclose(file);
        count++;
    }
    globfree(&found);
    return count;
}

static void sound(const struct conf *conf)
{
    for (size_t i = 0; i < conf->count; i++) {
        char printed[8192];
        const struct conf_conn *conn = &conf->conns[i];
        assert_true(conn->name[0] && conn->end[0].text[0] && conn->end[1].text[0]);
        assert_true(conn->ike_count > 0 && conn->ike_count <= CONF_PROPOSALS_MAX);
        assert_true(conn->esp_count > 0 && conn->esp_count <= CONF_PROPOSALS_MAX);
        assert_true(conn->psk_length > 0 && conn->psk_length <= CONF_PSK_MAX);
        assert_true(conn->ike_lifetime <= 86400 && conn->sa_lifetime <= 86400);
        assert_true(!conn->vti_interface[0] || conn->mark_set);
        assert_true(conn->autostart != CONF_AUTO_IGNORE);
        assert_in_range(conf_print(conn, printed, sizeof printed), 100, sizeof printed - 2);
    }
}

static void load(const struct text *conf_text, const struct text *secrets_text)
{
    struct conf conf;
    struct conf_report report = { .count = 0 };
    int result = conf_load_memory(&conf, "m.conf", conf_text->octets, conf_text->length, "m.secrets", secrets_text->octets,
                                  secrets_text->length, &report);
    assert_int_equal(result == 0, report.errors == 0);
    assert_int_equal(result == 0, conf.count > 0);
    for (size_t i = 0; i < report.count; i++) {
        assert_null(strpbrk(report.messages[i].text, "\n\r\t\x1b"));
        assert_true(report.messages[i].text[0] != '\0');
    }
    sound(&conf);
    conf_free(&conf);
    conf_report_free(&report);
}

static const struct text *secrets_of(size_t i)
{
    return &secrets[i % secret_count];
}

static void cut_at_every_length(void **state)
{
    (void)state;
    for (size_t i = 0; i < conf_count; i++) {
        struct text *t = &confs[i];
        size_t full = t->length;
        for (t->length = full > 1500 ? full - 1500 : 0; t->length < full; t->length += 1 + full / 300)
            load(t, secrets_of(i));
        t->length = full;
    }
    for (size_t i = 0; i < secret_count; i++) {
        struct text *t = &secrets[i];
        size_t full = t->length;
        for (t->length = 0; t->length < full; t->length++)
            load(&confs[i], t);
        t->length = full;
    }
}

static void change_octets(struct text *t)
{
    static const char telling[] = "\n\r\t \"'#={}%@:;,-+!/0\0\xff\xef\xbb\xbf\xe3\x80";
    for (uint32_t n = 1 + rnd(6); n > 0 && t->length; n--)
        t->octets[rnd((uint32_t)t->length)] = rnd(2) ? telling[rnd(sizeof telling - 1)] : (char)rnd(256);
}

/* Moves some lines of `from` into the middle of `t`. */
static void join_lines(struct text *t, const struct text *from)
{
    if (!from->length || !t->length)
        return;
    size_t start = rnd((uint32_t)from->length), length = rnd((uint32_t)(from->length - start) < 300 ? (uint32_t)(from->length - start) : 300);
    size_t at = rnd((uint32_t)t->length);
    if (t->length + length > TEXT_MAX)
        return;
    memmove(t->octets + at + length, t->octets + at, t->length - at);
    memmove(t->octets + at, from->octets + start, length);
    t->length += length;
}

static void changed(void **state)
{
    (void)state;
    static struct text conf, secret;
    for (uint32_t round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < conf_count; i++) {
            conf = confs[i];
            secret = *secrets_of(rnd((uint32_t)secret_count));
            if (rnd(2))
                join_lines(&conf, &confs[rnd((uint32_t)conf_count)]);
            if (rnd(2))
                change_octets(&conf);
            if (rnd(3) == 0)
                change_octets(&secret);
            load(&conf, &secret);
        }
}

static void nothing_at_all(void **state)
{
    (void)state;
    static const struct text empty;
    struct conf conf;
    struct conf_report report = { .count = 0 };
    load(&empty, &empty);
    assert_int_equal(conf_load_memory(&conf, "m.conf", NULL, 0, "m.secrets", NULL, 0, &report), -1);
    conf_report_free(&report);
}

/* A megabyte of the worst kinds of lines ends in little time. */
static void large(void **state)
{
    (void)state;
    static const char *const lines[] = { "conn x\n", "a\n", " also=x\n", " zzzzzzzzzzzz=1\n", " left=1.2.3.4\n", "config setup\n logfile=1\n",
                                         " ike=aes,aes,aes,aes\n", "\"", "1.2.3.4: PSK \"12345678\"\n", "conn %default\n pfs=no\n" };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        size_t length = strlen(lines[i]), size = PARSE_FILE_MAX / length * length;
        char *text = malloc(size + 1);
        struct conf conf;
        struct conf_report report = { .count = 0 };
        assert_non_null(text);
        for (size_t at = 0; at < size; at += length)
            memcpy(text + at, lines[i], length);
        clock_t before = clock();
        assert_int_equal(conf_load_memory(&conf, "m.conf", text, size, "m.secrets", text, size, &report), -1);
        if (clock() - before > 5 * CLOCKS_PER_SEC)
            fail_msg("'%s' repeated takes %ld s", lines[i], (long)((clock() - before) / CLOCKS_PER_SEC));
        conf_report_free(&report);
        free(text);
    }
}

static int read_folder(void **state)
{
    (void)state;
    conf_count = take("tests/conf/[0-9]*.conf", confs);
    secret_count = take("tests/conf/*.secrets", secrets);
    return conf_count > 50 && secret_count > 10 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_at_every_length), cmocka_unit_test(changed), cmocka_unit_test(nothing_at_all), cmocka_unit_test(large),
    };
    return cmocka_run_group_tests(tests, read_folder, NULL);
}

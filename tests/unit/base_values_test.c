/* SPDX-License-Identifier: Apache-2.0 */
/* Spans, monotonic time and log lines. */
#include "tests/support/test.h"

#include "base/log.h"
#include "base/mono.h"

static void spans_equal(void **state)
{
    (void)state;
    uint8_t a[64], b[64];
    for (size_t i = 0; i < sizeof a; i++)
        a[i] = b[i] = (uint8_t)(i * 7);
    for (size_t length = 0; length <= sizeof a; length++) {
        assert_true(bytes_equal(bytes_of(a, length), bytes_of(b, length)));
        assert_true(bytes_equal_secret(bytes_of(a, length), bytes_of(b, length)));
        for (size_t other = 0; other < length; other++) {
            assert_false(bytes_equal(bytes_of(a, length), bytes_of(b, other)));
            assert_false(bytes_equal_secret(bytes_of(a, length), bytes_of(b, other)));
        }
    }
    for (unsigned bit = 0; bit < 8 * sizeof a; bit++) {
        b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(bytes_equal(bytes_of(a, sizeof a), bytes_of(b, sizeof b)));
        assert_false(bytes_equal_secret(bytes_of(a, sizeof a), bytes_of(b, sizeof b)));
        b[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(bytes_equal_secret(bytes_of(NULL, 0), bytes_of(a, 0)));
}

static void wipe(void **state)
{
    (void)state;
    uint8_t a[8];
    memset(a, 0x5a, sizeof a);
    bytes_wipe(a + 2, 4);
    assert_bytes_equal(bytes_of(a, 8), hex_bytes("5a5a 00000000 5a5a"));
}

static void time_adds(void **state)
{
    (void)state;
    struct mono now = { 5000000 };
    assert_int_equal(mono_after(now, MONO_S(2)).us, 7000000);
    assert_int_equal(mono_after(now, MONO_MS(-500)).us, 4500000);
    assert_int_equal(mono_since(mono_after(now, MONO_MS(1)), now), 1000);
    assert_true(mono_is_never(mono_after(now, INT64_MAX)));
    assert_true(mono_is_never(mono_after(now, INT64_MAX - 4999999)));
    assert_false(mono_is_never(mono_after(now, INT64_MAX - 5000001)));
    assert_true(mono_is_never(mono_after(MONO_NEVER, 1)));
    assert_true(mono_is_never(mono_after(MONO_NEVER, 0)));
    assert_true(mono_is_never(mono_after(MONO_NEVER, MONO_S(-1)))); /* never is not a second before never */
}

static void time_compares(void **state)
{
    (void)state;
    struct mono now = { 10 }, due = { 11 };
    assert_false(mono_reached(now, due));
    assert_true(mono_reached(due, due));
    assert_true(mono_reached(due, now));
    assert_false(mono_reached(now, MONO_NEVER));
    assert_int_equal(mono_min(now, due).us, 10);
    assert_int_equal(mono_min(due, now).us, 10);
    assert_int_equal(mono_min(MONO_NEVER, due).us, 11);
}

static char last_line[4096];
static int lines;

static void keep_line(enum log_level level, const struct log_about *about, const char *line)
{
    (void)about;
    (void)level;
    strcpy(last_line, line);
    lines++;
}

static void log_levels(void **state)
{
    (void)state;
    lines = 0;
    log_open(keep_line, LOG_LEVEL_NOTICE);
    log_error("e");
    log_notice("n %d", 7);
    assert_string_equal(last_line, "n 7");
    log_info("i");
    log_debug("d");
    assert_int_equal(lines, 2);
    log_level_set(LOG_LEVEL_DEBUG);
    assert_int_equal(log_level_get(), LOG_LEVEL_DEBUG);
    log_debug("d");
    assert_int_equal(lines, 3);
    log_open(NULL, LOG_LEVEL_DEBUG);
    log_error("nobody listens");
    assert_int_equal(lines, 3);
}

/* What a peer sends as its name cannot forge a second line, nor move the cursor of a terminal. */
static void log_is_one_line(void **state)
{
    (void)state;
    log_open(keep_line, LOG_LEVEL_INFO);
    log_info("peer '%s' \r\n%s", "a\nb\x1b[2J\x7f", "\t\x01");
    assert_string_equal(last_line, "peer 'a?b?[2J?' ????");
    char name[3000];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    log_info("%s", name);
    assert_true(strlen(last_line) < 1024 && strlen(last_line) > 1000);
    log_open(NULL, LOG_LEVEL_INFO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_equal),   cmocka_unit_test(wipe),       cmocka_unit_test(time_adds),
        cmocka_unit_test(time_compares), cmocka_unit_test(log_levels), cmocka_unit_test(log_is_one_line),
    };
    return cmocka_run_group_tests_name("base: spans, time, log", tests, NULL, NULL);
}

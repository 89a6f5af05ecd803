/* SPDX-License-Identifier: Apache-2.0 */
/* ICMP errors about the tunnels' packets, whole, cut short, and about other things. */
#include "tests/support/test.h"

#include <string.h>

#include "daemon/icmp.h"

enum { OUTER = 20, QUOTED = 28, WHOLE = 56 };

/* From 192.0.2.1: 203.0.113.9's datagram from port 4500 to 198.51.100.11 port 4500 found the port unreachable. */
static const uint8_t sample[WHOLE] = {
    0x45, 0xc0, 0, 56, 0, 1, 0, 0, 64, 1, 0, 0, 192, 0, 2, 1, 203, 0, 113, 9,
    3, 3, 0, 0, 0, 0, 0, 0,
    0x45, 0, 0, 200, 0, 2, 0, 0, 60, 17, 0, 0, 203, 0, 113, 9, 198, 51, 100, 11,
    0x11, 0x94, 0x11, 0x94, 0, 180, 0, 0,
};

static uint8_t changed[WHOLE];
static struct addr headend;

static bool with(size_t at, uint8_t value)
{
    memcpy(changed, sample, sizeof changed);
    changed[at] = value;
    return icmp_about_headend(bytes_of(changed, sizeof changed), &headend);
}

static void about_headend(void **state)
{
    (void)state;
    struct addr expected;
    assert_true(addr_parse(&expected, "198.51.100.11"));
    assert_true(icmp_about_headend(bytes_of(sample, sizeof sample), &headend));
    assert_true(addr_equal(&headend, &expected));
    assert_true(with(QUOTED + 9, 50)); /* ESP */
    assert_true(with(OUTER + 1, 1));   /* host unreachable */
    assert_true(with(OUTER + 1, 13));  /* a filter says no */
}

static void about_other_things(void **state)
{
    (void)state;
    assert_false(with(OUTER, 11));          /* time exceeded */
    assert_false(with(OUTER + 1, 4));       /* fragmentation needed */
    assert_false(with(QUOTED + 9, 6));      /* TCP */
    assert_false(with(QUOTED + 7, 1));      /* a later fragment has no ports */
    assert_false(with(QUOTED, 0x65));       /* not IPv4 */
    assert_false(with(QUOTED, 0x44));       /* a header that is too short */
    memcpy(changed, sample, sizeof changed);
    changed[QUOTED + 21] = changed[QUOTED + 23] = 53;
    assert_false(icmp_about_headend(bytes_of(changed, sizeof changed), &headend));
}

static void options(void **state)
{
    (void)state;
    uint8_t longer[WHOLE + 4];
    memcpy(longer, sample, OUTER);
    memset(longer + OUTER, 1, 4);
    memcpy(longer + OUTER + 4, sample + OUTER, WHOLE - OUTER);
    longer[0] = 0x46;
    assert_true(icmp_about_headend(bytes_of(longer, sizeof longer), &headend));
}

static void cut_short(void **state)
{
    (void)state;
    for (size_t length = 0; length < QUOTED + 24; length++) {
        uint8_t *cut = malloc(length + !length); /* so that reading past the end is found */
        assert_non_null(cut);
        memcpy(cut, sample, length);
        assert_false(icmp_about_headend(bytes_of(cut, length), &headend));
        free(cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(about_headend), cmocka_unit_test(about_other_things), cmocka_unit_test(options), cmocka_unit_test(cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

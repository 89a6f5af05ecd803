/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads netlink messages with its own few lines, not with the library that built them. Only the outermost level
 * of attributes is free in its order; what is nested is compared octet by octet.
 */
#include "tests/support/golden.h"

#include "tests/support/test.h"

enum { HEADER = 16, GOLDEN_MAX = 4096 };

static uint32_t number(const uint8_t *at, size_t size)
{
    uint32_t value = 0;
    memcpy(&value, at, size); /* both are in host order, and this test's bytes are little-endian */
    return value;
}

const uint8_t *golden_attribute(const void *message, size_t fixed, uint16_t type, size_t *length)
{
    const uint8_t *m = message;
    size_t total = number(m, 4);
    for (size_t at = HEADER + fixed; at + 4 <= total;) {
        size_t size = number(m + at, 2);
        assert_in_range(size, 4, total - at);
        if ((number(m + at + 2, 2) & 0x3fff) == type) {
            *length = size - 4;
            return m + at + 4;
        }
        at += (size + 3) & ~(size_t)3;
    }
    return NULL;
}

static void each_in(const uint8_t *from, const void *in, size_t fixed, const uint16_t *except)
{
    size_t total = number(from, 4), length;
    for (size_t at = HEADER + fixed; at + 4 <= total;) {
        size_t size = number(from + at, 2);
        uint16_t type = number(from + at + 2, 2) & 0x3fff;
        bool excepted = false;
        for (const uint16_t *e = except; e && *e; e++)
            excepted |= *e == type;
        const uint8_t *content = golden_attribute(in, fixed, type, &length);
        if (!content && !excepted)
            fail_msg("attribute %u is in one message only", type);
        if (content && !excepted) {
            assert_int_equal(length, size - 4);
            assert_memory_equal(content, from + at + 4, length);
        }
        at += (size + 3) & ~(size_t)3;
    }
}

void golden_same(const void *message, const char *hex, size_t fixed, const uint16_t *except)
{
    uint8_t golden[GOLDEN_MAX];
    size_t size = hex_parse(hex, golden, sizeof golden);
    const uint8_t *m = message;
    assert_int_equal(number(golden, 4), size);
    assert_int_equal(number(m + 4, 2), number(golden + 4, 2));
    assert_in_range(number(m, 4), HEADER + fixed, GOLDEN_MAX);
    assert_memory_equal(m + HEADER, golden + HEADER, fixed);
    each_in(m, golden, fixed, except);
    each_in(golden, m, fixed, except);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The cursors at each boundary: one octet too few, exactly enough, one too many; and that bad stays bad. */
#include "tests/support/test.h"

#include "base/buf.h"

static const uint8_t octets[16] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };

static uint64_t read_number(struct reader *r, size_t width)
{
    return width == 1 ? reader_u8(r) : width == 2 ? reader_u16(r) : width == 4 ? reader_u32(r) : reader_u64(r);
}

/* Everything fails, and yields nothing, once a reader is bad. */
static void assert_stays_bad(struct reader *r)
{
    for (size_t width = 1; width <= 8; width *= 2)
        assert_int_equal(read_number(r, width), 0);
    assert_int_equal(reader_bytes(r, 0).length, 0);
    assert_int_equal(reader_rest(r).length, 0);
    assert_true(reader_sub(r, 0).bad);
    assert_int_equal(reader_left(r), 0);
    assert_false(reader_done(r));
    assert_true(r->bad);
}

static void numbers(void **state)
{
    (void)state;
    for (size_t width = 1; width <= 8; width *= 2)
        for (size_t length = 0; length <= sizeof octets; length++) {
            struct reader r = reader_of(bytes_of(octets, length));
            for (size_t at = 0; at + width <= length; at += width) {
                uint64_t expected = 0;
                for (size_t i = 0; i < width; i++)
                    expected = expected << 8 | octets[at + i];
                assert_int_equal(read_number(&r, width), expected);
                assert_int_equal(reader_left(&r), length - at - width);
            }
            assert_false(r.bad);
            assert_int_equal(reader_done(&r), length % width == 0);
            assert_int_equal(read_number(&r, width), 0);
            assert_stays_bad(&r);
        }
}

static void spans(void **state)
{
    (void)state;
    for (size_t length = 0; length <= sizeof octets; length++)
        for (size_t want = 0; want <= length + 1; want++) {
            struct reader r = reader_of(bytes_of(octets, length));
            struct bytes got = reader_bytes(&r, want);
            if (want > length) {
                assert_int_equal(got.length, 0);
                assert_stays_bad(&r);
                continue;
            }
            assert_bytes_equal(got, bytes_of(octets, want));
            assert_bytes_equal(reader_rest(&r), bytes_of(octets + want, length - want));
            assert_true(reader_done(&r));
        }
}

/* A length field may say anything: no sum in the cursor may wrap. */
static void huge_lengths(void **state)
{
    (void)state;
    const size_t huge[] = { 17, SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2 + 1, (size_t)PTRDIFF_MAX };
    for (size_t i = 0; i < sizeof huge / sizeof huge[0]; i++) {
        struct reader r = reader_of(bytes_of(octets, sizeof octets));
        assert_int_equal(reader_u8(&r), 0);
        assert_int_equal(reader_bytes(&r, huge[i]).length, 0);
        assert_stays_bad(&r);
        uint8_t memory[16];
        struct writer w = writer_of(memory, sizeof memory);
        writer_u8(&w, 1);
        assert_null(writer_reserve(&w, huge[i]));
        assert_true(w.bad);
        assert_int_equal(writer_span(&w).length, 0);
    }
}

static void sub_readers(void **state)
{
    (void)state;
    struct reader r = reader_of(bytes_of(octets, 8));
    struct reader sub = reader_sub(&r, 3);
    assert_int_equal(reader_left(&sub), 3);
    assert_int_equal(reader_u16(&sub), 0x0011);
    assert_int_equal(reader_u16(&sub), 0); /* may not look past its own end */
    assert_stays_bad(&sub);
    assert_false(r.bad);
    assert_int_equal(reader_u8(&r), 0x33);
    struct reader none = reader_sub(&r, 0);
    assert_true(reader_done(&none));
    struct reader more = reader_sub(&r, 5);
    assert_stays_bad(&more);
    assert_stays_bad(&r);
}

static void empty_readers(void **state)
{
    (void)state;
    struct reader r = reader_of(bytes_of(NULL, 0));
    assert_true(reader_done(&r));
    assert_int_equal(reader_rest(&r).length, 0);
    assert_int_equal(reader_bytes(&r, 0).length, 0);
    assert_true(reader_done(&r));
    assert_int_equal(reader_u8(&r), 0);
    assert_stays_bad(&r);
    r = reader_of(bytes_of(NULL, 5)); /* a span of nothing has no octets, whatever it says */
    assert_int_equal(reader_left(&r), 0);
}

static void write_number(struct writer *w, size_t width, uint64_t value)
{
    if (width == 1)
        writer_u8(w, value);
    else if (width == 2)
        writer_u16(w, value);
    else
        writer_u32(w, value);
}

/* Every width into every capacity: what fits is written, what does not leaves the memory as it was. */
static void write_capacity(void **state)
{
    (void)state;
    for (size_t width = 1; width <= 4; width *= 2)
        for (size_t capacity = 0; capacity <= 9; capacity++) {
            uint8_t memory[16];
            memset(memory, 0x5a, sizeof memory);
            struct writer w = writer_of(memory, capacity);
            for (size_t n = 0; n < capacity / width; n++) {
                write_number(&w, width, 0x01020304 >> (32 - 8 * width));
                assert_false(w.bad);
                assert_int_equal(writer_span(&w).length, (n + 1) * width);
            }
            for (size_t i = 0; i < capacity / width * width; i++)
                assert_int_equal(memory[i], i % width + 1);
            write_number(&w, width, 1);
            assert_true(w.bad);
            writer_bytes(&w, bytes_of(octets, 1));
            writer_zero(&w, 0);
            assert_null(writer_reserve(&w, 0));
            assert_true(w.bad);
            assert_int_equal(writer_span(&w).length, 0);
            for (size_t i = capacity / width * width; i < sizeof memory; i++)
                assert_int_equal(memory[i], 0x5a);
        }
}

static void write_ranges(void **state)
{
    (void)state;
    for (size_t width = 1; width <= 4; width *= 2) {
        uint64_t most = (1ull << 8 * width) - 1;
        const struct { uint64_t value; bool fits; } rows[] = {
            { 0, true }, { most, true }, { most + 1, false }, { UINT64_MAX, false }, { most / 2 + 1, true },
        };
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            uint8_t memory[8] = { 0 };
            struct writer w = writer_of(memory, sizeof memory);
            write_number(&w, width, rows[i].value);
            assert_int_equal(w.bad, !rows[i].fits);
            struct reader r = reader_of(bytes_of(memory, width));
            if (rows[i].fits)
                assert_int_equal(read_number(&r, width), rows[i].value);
        }
    }
}

static void write_spans(void **state)
{
    (void)state;
    uint8_t memory[16];
    memset(memory, 0x5a, sizeof memory);
    struct writer w = writer_of(memory, sizeof memory);
    writer_bytes(&w, bytes_of(octets + 1, 3));
    writer_bytes(&w, bytes_of(NULL, 0));
    writer_zero(&w, 2);
    uint8_t *room = writer_reserve(&w, 2);
    assert_ptr_equal(room, memory + 5);
    room[0] = room[1] = 9;
    assert_bytes_equal(writer_span(&w), hex_bytes("112233 0000 0909"));
    writer_zero(&w, 9);
    assert_false(w.bad);
    assert_int_equal(writer_span(&w).length, 16);
    writer_zero(&w, 1);
    assert_true(w.bad);
}

/* Backpatching reaches what is written and nothing else. */
static void backpatch(void **state)
{
    (void)state;
    static const struct { size_t width; void (*set)(struct writer *, size_t, uint64_t); } rows[] = {
        { 1, writer_set_u8 }, { 2, writer_set_u16 }, { 4, writer_set_u32 },
    };
    for (size_t i = 0; i < 3; i++)
        for (size_t at = 0; at <= 9; at++) {
            uint8_t memory[16];
            memset(memory, 0x5a, sizeof memory);
            struct writer w = writer_of(memory, sizeof memory);
            writer_zero(&w, 8);
            rows[i].set(&w, at, (1ull << 8 * rows[i].width) - 1);
            bool fits = at + rows[i].width <= 8;
            assert_int_equal(w.bad, !fits);
            for (size_t j = 0; j < sizeof memory; j++)
                assert_int_equal(memory[j], fits && j >= at && j < at + rows[i].width ? 0xff : j < 8 ? 0 : 0x5a);
        }
    uint8_t memory[4] = { 0 };
    struct writer w = writer_of(memory, sizeof memory);
    writer_zero(&w, 4);
    writer_set_u16(&w, 0, 65536);
    assert_true(w.bad);
    w = writer_of(memory, sizeof memory);
    writer_zero(&w, 4);
    writer_set_u16(&w, SIZE_MAX, 1);
    assert_true(w.bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),       cmocka_unit_test(spans),          cmocka_unit_test(huge_lengths),
        cmocka_unit_test(sub_readers),   cmocka_unit_test(empty_readers),  cmocka_unit_test(write_capacity),
        cmocka_unit_test(write_ranges),  cmocka_unit_test(write_spans),    cmocka_unit_test(backpatch),
    };
    return cmocka_run_group_tests_name("base: cursors", tests, NULL, NULL);
}

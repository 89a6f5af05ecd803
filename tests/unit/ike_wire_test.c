/* SPDX-License-Identifier: Apache-2.0 */
/* Header and payload chain at their bounds, the writer's own bounds, and the tables of errors, causes and names. */
#include "tests/support/test.h"

#include "ike/err.h"
#include "ike/iana.h"
#include "ike/ike.h"
#include "ike/vid.h"
#include "ike/wire.h"
#include "tests/support/guard.h"

#define HEADER "0102030405060708" "1112131415161718" "01" "10" "02" "00" "00000000" "0000001c"

static void header(void **state)
{
    (void)state;
    struct wire_header h;
    struct bytes body, good = hex_bytes(HEADER);
    for (size_t length = 0; length < WIRE_HEADER; length++) {
        struct bytes cut = bytes_of(good.data, length);
        assert_int_equal(wire_read_header(bytes_of(guard_copy(cut), length), &h, &body), IKE_ERR_SHORT);
    }
    assert_int_equal(wire_read_header(bytes_of(guard_copy(good), good.length), &h, &body), IKE_OK);
    assert_int_equal(body.length, 0);
    assert_memory_equal(h.cookie_r, "\x11\x12\x13\x14\x15\x16\x17\x18", 8);
    assert_true(h.next == 1 && h.exchange == 2 && h.flags == 0 && h.message_id == 0 && h.length == 28);
}

static void header_lengths(void **state)
{
    (void)state;
    static const struct { uint32_t length; int err; } rows[] = {
        { 0, IKE_ERR_LENGTH }, { 27, IKE_ERR_LENGTH }, { 28, IKE_OK }, { 31, IKE_OK }, { 32, IKE_OK }, { 33, IKE_ERR_LENGTH },
        { 0x7fffffff, IKE_ERR_LENGTH }, { 0x80000000, IKE_ERR_LENGTH }, { 0xffffffff, IKE_ERR_LENGTH },
    };
    uint8_t m[32] = { 0 };
    memcpy(m, hex_bytes(HEADER).data, 28);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct wire_header h;
        struct bytes body;
        for (int b = 0; b < 4; b++)
            m[24 + b] = (uint8_t)(rows[i].length >> (24 - 8 * b));
        assert_int_equal(wire_read_header(bytes_of(m, sizeof m), &h, &body), rows[i].err);
        if (!rows[i].err)
            assert_int_equal(body.length, h.length - 28); /* what follows the length is cut off */
    }
}

static void header_versions(void **state)
{
    (void)state;
    uint8_t m[28];
    memcpy(m, hex_bytes(HEADER).data, 28);
    for (unsigned version = 0; version < 256; version++) {
        struct wire_header h;
        struct bytes body;
        m[17] = (uint8_t)version;
        assert_int_equal(wire_read_header(bytes_of(m, sizeof m), &h, &body), version == 0x10 ? IKE_OK : IKE_ERR_VERSION);
    }
}

/* N-1, N, N+1 payloads; every length below the generic header; and one that ends a payload too far. */
static void payload_counts(void **state)
{
    (void)state;
    static struct wire_message m;
    uint8_t chain[4 * 70];
    for (size_t count = WIRE_PAYLOADS_MAX - 1; count <= WIRE_PAYLOADS_MAX + 2; count++) {
        for (size_t i = 0; i < count; i++)
            memcpy(chain + 4 * i, i + 1 < count ? "\x0d\x00\x00\x04" : "\x00\x00\x00\x04", 4);
        int err = wire_read_payloads(IANA_PAYLOAD_VENDOR, bytes_of(guard_copy(bytes_of(chain, 4 * count)), 4 * count), &m);
        assert_int_equal(err, count <= WIRE_PAYLOADS_MAX ? IKE_OK : IKE_ERR_PAYLOAD_COUNT);
        assert_int_equal(m.count, count <= WIRE_PAYLOADS_MAX ? count : WIRE_PAYLOADS_MAX);
    }
    assert_int_equal(wire_read_payloads(IANA_PAYLOAD_NONE, bytes_of(NULL, 0), &m), IKE_OK);
    assert_int_equal(m.count, 0);
    assert_int_equal(wire_after_first(&m).length, 0);
    assert_int_equal(wire_find(&m, IANA_PAYLOAD_SA).length, 0);
}

static void payload_lengths(void **state)
{
    (void)state;
    static struct wire_message m;
    /* Types with a fixed part: the length of it, one less, and none. */
    static const struct { uint8_t type; size_t least; } rows[] = {
        { 1, 8 }, { 2, 0 }, { 3, 0 }, { 4, 1 }, { 5, 4 }, { 6, 1 }, { 7, 1 }, { 8, 1 }, { 9, 1 }, { 10, 1 }, { 11, 8 }, { 12, 8 }, { 13, 0 },
        { 14, 0 }, { 15, 0 }, { 16, 0 }, { 20, 1 }, { 21, 0 }, { 31, 0 }, { 32, 0 }, { 33, 0 }, { 48, 0 }, { 128, 0 }, { 130, 0 }, { 255, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (unsigned length = 0; length <= 24; length++) {
            uint8_t chain[24] = { 0, 0xff, 0, (uint8_t)length };
            size_t here = length < 4 ? 4 : length;
            int err = wire_read_payloads(rows[i].type, bytes_of(guard_copy(bytes_of(chain, here)), here), &m);
            assert_int_equal(err, length >= 4 + rows[i].least ? IKE_OK : IKE_ERR_PAYLOAD_LENGTH);
            if (!err)
                assert_int_equal(wire_find(&m, rows[i].type).length, length - 4);
            if (length > 4) /* one octet is missing */
                assert_int_equal(wire_read_payloads(rows[i].type, bytes_of(chain, length - 1), &m), IKE_ERR_PAYLOAD_LENGTH);
        }
    assert_int_equal(wire_read_payloads(13, hex_bytes("0000ffff"), &m), IKE_ERR_PAYLOAD_LENGTH);
    assert_int_equal(wire_read_payloads(13, hex_bytes("0d000004"), &m), IKE_ERR_PAYLOAD_LENGTH);   /* one more was promised */
    assert_int_equal(wire_read_payloads(13, hex_bytes("0d000004" "000000"), &m), IKE_ERR_PAYLOAD_LENGTH);
    assert_int_equal(wire_read_payloads(13, hex_bytes("0d000004" "00000005" "aa" "ffffff"), &m), IKE_OK); /* padding */
    assert_int_equal(wire_after_first(&m).length, 5);
}

static void finding(void **state)
{
    (void)state;
    static struct wire_message m;
    assert_int_equal(wire_read_payloads(8, hex_bytes("0d000005aa" "0d000004" "82000005bb" "00000005cc"), &m), IKE_OK);
    assert_int_equal(m.count, 4);
    assert_int_equal(wire_count(&m, 13), 2);
    assert_int_equal(wire_count(&m, 130), 1);
    assert_int_equal(m.seen, 1U << 8 | 1U << 13);
    assert_int_equal(wire_find(&m, 130).data[0], 0xcc);
    assert_int_equal(wire_after_first(&m).length, 14);
}

/* ---- the writer ---- */

static void written(void **state)
{
    (void)state;
    uint8_t memory[128];
    struct wire_header h = { .exchange = 32, .flags = 1, .message_id = 0x01020304 }, again;
    struct wire_writer out;
    struct bytes body;
    static struct wire_message m;
    memset(memory, 0xee, sizeof memory);
    wire_write_header(&out, memory, sizeof memory, 4, &h);
    wire_payload(&out, 8, hex_bytes("0102"));
    size_t at = wire_open(&out, 10);
    writer_u8(&out.w, 3);
    wire_close(&out, at);
    struct bytes message = wire_finish(&out, 16);
    assert_ptr_equal(message.data, memory + 4);
    assert_int_equal(message.length, 28 + 16);
    assert_memory_equal(memory, "\0\0\0\0", 4);
    assert_int_equal(memory[4 + 44], 0xee);
    assert_int_equal(wire_read_header(message, &again, &body), IKE_OK);
    assert_true(again.length == 44 && again.next == 8 && again.exchange == 32 && again.message_id == 0x01020304);
    assert_int_equal(wire_read_payloads(again.next, body, &m), IKE_OK);
    assert_int_equal(m.count, 2);
    assert_int_equal(wire_find(&m, 10).data[0], 3);
    for (const uint8_t *p = m.end; p < body.data + body.length; p++)
        assert_int_equal(*p, 0); /* padding is zero */
}

/* In every capacity: the message whole, or nothing at all and no octet past the end. */
static void written_into_too_little(void **state)
{
    (void)state;
    for (size_t capacity = 0; capacity <= 64; capacity++) {
        uint8_t memory[65];
        struct wire_header h = { .exchange = 2 };
        struct wire_writer out;
        memset(memory, 0xee, sizeof memory);
        wire_write_header(&out, memory, capacity, 0, &h);
        wire_payload(&out, 13, hex_bytes("0102030405"));
        assert_int_equal(wire_finish(&out, 16).length, capacity >= 44 ? 44 : 0);
        for (size_t i = capacity; i < sizeof memory; i++)
            assert_int_equal(memory[i], 0xee);
    }
}

static void vendor_ids(void **state)
{
    (void)state;
    static struct wire_message m;
    for (unsigned set = 0; set <= (VID_NATT | VID_DPD); set++) {
        uint8_t memory[256];
        struct wire_header h = { .exchange = 2 }, again;
        struct wire_writer out;
        struct bytes body;
        wire_write_header(&out, memory, sizeof memory, 0, &h);
        vid_write(&out, set);
        assert_int_equal(wire_read_header(wire_finish(&out, 0), &again, &body), IKE_OK);
        assert_int_equal(wire_read_payloads(again.next, body, &m), IKE_OK);
        assert_int_equal(vid_read(&m), set);
    }
    static const char *const others[] = { "", "4a131c81070358455c5728f20e9545", "afcad71368a1f1c96b8696fc7757ee", "afcad71368a1f1c96b8696fc77" };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        m.count = 1;
        m.payloads[0] = (struct wire_payload){ IANA_PAYLOAD_VENDOR, hex_bytes(others[i]) };
        assert_int_equal(vid_read(&m), i == 2 ? VID_DPD : 0);  /* the version of DPD's is not compared */
    }
}

/* ---- tables ---- */

static void every_error_has_a_row(void **state)
{
    (void)state;
    for (int err = IKE_ERR_SHORT; err < IKE_ERR_END; err++) {
        const struct ike_err_row *row = ike_err_find(err);
        assert_int_equal(row->err, err);
        assert_true(strlen(row->text) > 8);
        for (int other = IKE_ERR_SHORT; other < err; other++)
            assert_string_not_equal(row->text, ike_err_find(other)->text);
        if (row->notify) {
            assert_true(row->notify <= IANA_NOTIFY_LAST_ERROR);
            assert_string_not_equal(iana_notify_name(row->notify), iana_notify_name(9999));
        }
    }
    assert_int_equal(ike_err_find(IKE_OK)->err, IKE_OK);
    assert_non_null(ike_err_find(12345));
    assert_non_null(ike_err_find(IKE_ERR_END));
    /* Nothing that an unauthenticated message can be refused for has an answer of its own. */
    static const int silent[] = { IKE_ERR_SHORT, IKE_ERR_LENGTH, IKE_ERR_VERSION, IKE_ERR_EXCHANGE, IKE_ERR_FLAGS, IKE_ERR_NOT_ENCRYPTED,
                                  IKE_ERR_CIPHERTEXT, IKE_ERR_UNKNOWN_SA, IKE_ERR_STATE, IKE_ERR_HASH, IKE_ERR_MESSAGE_ID, IKE_ERR_CRYPTO };
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++)
        assert_int_equal(ike_err_find(silent[i])->notify, 0);
}

static void every_cause_and_state_has_words(void **state)
{
    (void)state;
    for (int c = IKE_CAUSE_NONE; c < IKE_CAUSE_COUNT; c++) {
        const char *name = ike_cause_name((enum ike_cause)c), *sentence = ike_cause_sentence((enum ike_cause)c);
        assert_true(name && *name && sentence && strlen(sentence) >= 10);
        assert_null(strpbrk(name, " _%"));
        assert_null(strchr(sentence, '%'));
        assert_true(strlen(sentence) + strlen(" (10 messages sent without an answer)") < IKE_TEXT_MAX);
        for (int other = 0; other < c; other++)
            assert_string_not_equal(name, ike_cause_name((enum ike_cause)other));
    }
    assert_string_equal(ike_cause_name(IKE_CAUSE_COUNT), "unknown");
    assert_string_equal(ike_cause_sentence((enum ike_cause)999), "unknown");
    for (int s = IKE_STATE_DOWN; s <= IKE_STATE_SILENT; s++) {
        assert_string_not_equal(ike_state_name((enum ike_state)s), "unknown");
        for (int other = 0; other < s; other++)
            assert_string_not_equal(ike_state_name((enum ike_state)s), ike_state_name((enum ike_state)other));
    }
    assert_string_equal(ike_state_name((enum ike_state)(IKE_STATE_SILENT + 1)), "unknown");
    for (unsigned i = 0; i < 65536; i++)
        assert_non_null(iana_notify_name((uint16_t)i));
    for (unsigned i = 0; i < 256; i++)
        assert_non_null(iana_exchange_name((uint8_t)i));
    assert_string_equal(iana_notify_name(14), "NO-PROPOSAL-CHOSEN");
    assert_string_equal(iana_exchange_name(4), "Aggressive Mode");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header),          cmocka_unit_test(header_lengths), cmocka_unit_test(header_versions),
        cmocka_unit_test(payload_counts),  cmocka_unit_test(payload_lengths), cmocka_unit_test(finding),
        cmocka_unit_test(written),         cmocka_unit_test(written_into_too_little), cmocka_unit_test(vendor_ids),
        cmocka_unit_test(every_error_has_a_row), cmocka_unit_test(every_cause_and_state_has_words),
    };
    return cmocka_run_group_tests_name("ike: framing and tables", tests, NULL, NULL);
}

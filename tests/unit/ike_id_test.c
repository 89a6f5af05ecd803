/* SPDX-License-Identifier: Apache-2.0 */
/* Identities and traffic selectors: what is read, what is refused, and text made of hostile octets. */
#include "tests/support/test.h"

#include <stdio.h>

#include "ike/err.h"
#include "ike/iana.h"
#include "ike/id.h"

static void selectors_read(void **state)
{
    (void)state;
    static const struct { const char *hex, *prefix; } rows[] = {
        { "01000000" "c0a80164", "192.168.1.100/32" },
        { "04000000" "0a010000" "ffff0000", "10.1.0.0/16" },
        { "04000000" "00000000" "00000000", "0.0.0.0/0" },
        { "04000000" "0a010203" "ffffffff", "10.1.2.3/32" },
        { "04000000" "0a010203" "ffff0000", "10.1.0.0/16" },                   /* host bits mean nothing */
        { "07000000" "0a010000" "0a01ffff", "10.1.0.0/16" },                   /* a range that is a prefix */
        { "07000000" "0a010203" "0a010203", "10.1.2.3/32" },
        { "07000000" "00000000" "ffffffff", "0.0.0.0/0" },
        { "05000000" "20010db8000000000000000000000001", "2001:db8::1/128" },
        { "06000000" "20010db8000000000000000000000000" "ffffffffffffffff0000000000000000", "2001:db8::/64" },
        { "08000000" "20010db8000000000000000000000000" "20010db8000000000000ffffffffffff", "2001:db8::/80" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct prefix p;
        char text[PREFIX_TEXT_MAX];
        assert_int_equal(id_read_selector(hex_bytes(rows[i].hex), &p), IKE_OK);
        assert_string_equal(prefix_print(&p, text), rows[i].prefix);
    }
}

static void selectors_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "", "01", "010000", "01000000", "01000000c0a801", "01000000c0a8016400",  /* every length but the right one */
        "040000000a010000", "040000000a010000ffff00", "040000000a010000ffff000000", "04000000",
        "040000000a010000ff00ff00", "040000000a01000000ffffff", "040000000a010000fffffffd", /* masks with holes */
        "070000000a01ffff0a010000", "070000000a0100000a010001ff", "070000000a0100010a010002", "070000000a0100000a0100fe", "070000000a0200000a01ffff",
        "05000000c0a80164", "0600000020010db8000000000000000000000001", "0600000020010db8000000000000000000000000ff00ff00000000000000000000000000",
        "01110000c0a80164", "011101f4c0a80164", "01000050c0a80164", "040600000a010000ffff0000", "040001bb0a010000ffff0000", /* protocol, port */
        "02000000676174657761792e6578616d706c65", "02000000", "0300000061406200", "0b000000746578740a",    /* names, key IDs */
        "09000000", "0900000030", "09000000302a", "0a000000", "00000000c0a80164", "0c000000c0a80164", "ff000000c0a80164",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct prefix p, before;
        memset(&p, 0x5a, sizeof p);
        before = p;
        if (id_read_selector(hex_bytes(rows[i]), &p) != IKE_ERR_SELECTORS)
            fail_msg("%s was taken", rows[i]);
        assert_memory_equal(&p, &before, sizeof p);
    }
}

/* What we write we read: every length of both families. */
static void selectors_written(void **state)
{
    (void)state;
    for (int v6 = 0; v6 <= 1; v6++)
        for (unsigned length = 0; length <= (v6 ? 128 : 32); length++) {
            struct prefix p = { .addr.family = v6 ? ADDR_V6 : ADDR_V4, .length = (uint8_t)length }, q;
            uint8_t memory[64];
            struct writer w = writer_of(memory, sizeof memory);
            memset(p.addr.octets, 0xa5, v6 ? 16 : 4);
            p = prefix_masked(p);
            id_write_selector(&w, &p);
            assert_int_equal(id_read_selector(writer_span(&w), &q), IKE_OK);
            assert_true(prefix_equal(&p, &q));
            assert_int_equal(memory[0], v6 ? (length == 128 ? 5 : 6) : (length == 32 ? 1 : 4));
        }
}

/* Every contiguous mask is taken, and every other mask of one hole or one island is not. */
static void every_mask(void **state)
{
    (void)state;
    for (unsigned length = 0; length <= 32; length++) {
        uint32_t mask = length ? 0xffffffffU << (32 - length) : 0;
        for (unsigned bit = 0; bit <= 32; bit++) {
            uint32_t m = bit < 32 ? mask ^ 1U << bit : mask;
            uint32_t inverse = ~m;
            bool contiguous = (inverse & (inverse + 1)) == 0;
            uint8_t body[12] = { IANA_ID_IPV4_ADDR_SUBNET, 0, 0, 0, 10, 0, 0, 0, (uint8_t)(m >> 24), (uint8_t)(m >> 16), (uint8_t)(m >> 8), (uint8_t)m };
            struct prefix p;
            assert_int_equal(id_read_selector(bytes_of(body, sizeof body), &p) == IKE_OK, contiguous);
        }
    }
}

static void identities(void **state)
{
    (void)state;
    struct conf_id fqdn = { .type = IANA_ID_FQDN, .length = 11 }, address = { .type = IANA_ID_IPV4_ADDR, .length = 4, .data = { 192, 0, 2, 1 } };
    memcpy(fqdn.data, "cpe.example", 11);
    assert_true(id_matches(hex_bytes("02000000" "6370652e6578616d706c65"), &fqdn));
    assert_false(id_matches(hex_bytes("02000000" "6370652e6578616d706c6500"), &fqdn));    /* a zero octet behind it */
    assert_false(id_matches(hex_bytes("02000000" "6370652e6578616d706c"), &fqdn));
    assert_false(id_matches(hex_bytes("02000000" "4370652e6578616d706c65"), &fqdn));
    assert_false(id_matches(hex_bytes("03000000" "6370652e6578616d706c65"), &fqdn));
    assert_true(id_matches(hex_bytes("01000000" "c0000201"), &address));
    assert_true(id_matches(hex_bytes("011101f4" "c0000201"), &address));                  /* UDP 500, 4500, or what they like */
    assert_true(id_matches(hex_bytes("01111194" "c0000201"), &address));
    assert_false(id_matches(hex_bytes("01000000" "c0000202"), &address));
    assert_false(id_matches(hex_bytes("04000000" "c0000201" "ffffffff"), &address));
    static const char *const short_ones[] = { "", "01", "0100", "010000", "01000000", "01000000c0", "01000000c00002" };
    for (size_t i = 0; i < sizeof short_ones / sizeof *short_ones; i++)
        assert_false(id_matches(hex_bytes(short_ones[i]), &address));
    struct conf_id nothing = { .type = IANA_ID_KEY_ID, .length = 0 };
    assert_false(id_matches(hex_bytes("0b0000"), &nothing));
}

static void identity_of_an_end(void **state)
{
    (void)state;
    struct conf_end end = { .host = CONF_HOST_DEFAULTROUTE };
    struct addr v4, v6;
    assert_true(addr_parse(&v4, "192.0.2.1") && addr_parse(&v6, "2001:db8::1"));
    struct conf_id id = id_of_end(&end, &v4);
    assert_true(id.type == IANA_ID_IPV4_ADDR && id.length == 4 && memcmp(id.data, v4.octets, 4) == 0);
    id = id_of_end(&end, &v6);
    assert_true(id.type == IANA_ID_IPV6_ADDR && id.length == 16 && memcmp(id.data, v6.octets, 16) == 0);
    end.id = (struct conf_id){ .type = IANA_ID_FQDN, .length = 3, .data = "cpe" };
    id = id_of_end(&end, &v4);
    assert_true(id.type == IANA_ID_FQDN && id.length == 3);
    uint8_t memory[16];
    struct writer w = writer_of(memory, sizeof memory);
    id_write(&w, &id);
    assert_bytes_equal(writer_span(&w), hex_bytes("02000000637065"));
    assert_true(id_matches(writer_span(&w), &id));
}

/* Whatever the wire held, the text is one printable line and fits. */
static void text_of_anything(void **state)
{
    (void)state;
    uint8_t body[300];
    char text[ID_TEXT_MAX];
    for (unsigned type = 0; type < 256; type++)
        for (size_t length = 0; length <= sizeof body; length += length < 24 ? 1 : 23) {
            for (size_t i = 0; i < sizeof body; i++)
                body[i] = (uint8_t)(i * 7 + type);
            memcpy(body + 4, "%n%s\r\n\x1b[2J\xff\x00", 12);
            body[0] = (uint8_t)type;
            memset(text, 'X', sizeof text);
            assert_ptr_equal(id_print(bytes_of(body, length), text), text);
            size_t n = strnlen(text, sizeof text);
            assert_true(n < sizeof text && (n > 0 || type == IANA_ID_USER_FQDN || length == 0));
            for (size_t i = 0; i < n; i++)
                assert_true(text[i] >= 0x20 && text[i] < 0x7f);
        }
    assert_string_equal(id_print(hex_bytes("01000000c0000201"), text), "192.0.2.1");
    assert_string_equal(id_print(hex_bytes("020000006370652e6578616d706c65"), text), "@cpe.example");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selectors_read), cmocka_unit_test(selectors_refused),  cmocka_unit_test(selectors_written), cmocka_unit_test(every_mask),
        cmocka_unit_test(identities),     cmocka_unit_test(identity_of_an_end), cmocka_unit_test(text_of_anything),
    };
    return cmocka_run_group_tests_name("ike: identities and selectors", tests, NULL, NULL);
}

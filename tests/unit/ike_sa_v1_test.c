/* SPDX-License-Identifier: Apache-2.0 */
/* The SA payload's codec: every form of every attribute, every container that is not one, every bound. */
#include "tests/support/test.h"

#include <stdio.h>

#include "ike/err.h"
#include "ike/iana.h"
#include "ike/sa_v1.h"
#include "tests/support/forge.h"

static struct sa_offers offers;
static struct sa_body body;

static const struct sa_attributes *attributes(int phase, const char *hex)
{
    struct bytes sa = phase == 1 ? sa_single(&body, 1, "", 1, hex) : sa_single(&body, 3, "01020304", 12, hex);
    int err = sa_v1_read(sa, phase, &offers);
    if (err || offers.count != 1)
        fail_msg("%s: %s, %zu offers", hex, ike_err_find(err)->text, offers.count);
    return &offers.offer[0].attributes;
}

static void lifetimes(void **state)
{
    (void)state;
    static const struct { const char *phase1, *phase2; bool bad; uint64_t seconds, kilobytes; } rows[] = {
        { "800b0001800c0e10", "8001000180020e10", false, 3600, 0 },
        { "800b0001800cffff", "800100018002ffff", false, 65535, 0 },
        { "800b0001000c000400010000", "800100010002000400010000", false, 65536, 0 },
        { "800b0001000c000400007080", "800100010002000400007080", false, 28800, 0 },
        { "800b0001000c00013c", "80010001000200013c", false, 60, 0 },
        { "800b0001000c00023c00", "80010001000200023c00", false, 0x3c00, 0 },
        { "800b0001000c000301ff00", "8001000100020003" "01ff00", false, 0x1ff00, 0 },
        { "800b0001000c000480000000", "800100010002000480000000", false, 0x80000000, 0 },
        { "800b0001000c0004ffffffff", "8001000100020004ffffffff", false, 0xffffffff, 0 },
        { "800b0001000c00080000000100000000", "80010001000200080000000100000000", false, 0x100000000, 0 },
        { "800b0001000c0008ffffffffffffffff", "8001000100020008ffffffffffffffff", false, UINT64_MAX, 0 },
        { "800b0001000c000a0000" "0000000000000e10", "8001000100020" "00a0000" "0000000000000e10", false, 3600, 0 },
        { "800b0001000c0009010000000000000000", "8001000100020009010000000000000000", true, 0, 0 },
        { "800b0002800c0e10", "8001000280020e10", false, 0, 3600 },
        { "800b0001800c0e10800b0002800c1000", "8001000180020e108001000280021000", false, 3600, 4096 },
        { "800b0002800c1000800b0001800c0e10", "800100028002100080010001" "80020e10", false, 3600, 4096 },
        { "800b0001800c0000", "8001000180020000", false, 0, 0 },            /* as if it were not there: strongSwan */
        { "800b0001000c000400000000", "800100010002000400000000", false, 0, 0 },
        { "800b0001000c0000", "8001000100020000", true, 0, 0 },             /* a number without octets */
        { "800c0e10", "80020e10", true, 0, 0 },                             /* of what? */
        { "800b0001", "80010001", true, 0, 0 },                             /* how long? */
        { "800c0e10800b0001", "80020e1080010001", true, 0, 0 },             /* the wrong way round */
        { "800b0001800b0001800c0e10", "800100018001000180020e10", true, 0, 0 },
        { "800b0001800c0e10800b0001800c0e10", "8001000180020e108001000180020e10", true, 0, 0 },
        { "800b0001800c0e10800c0e10", "8001000180020e1080020e10", true, 0, 0 },
        { "800b0003800c0e10", "8001000380020e10", true, 0, 0 },             /* neither seconds nor kilobytes */
        { "800b0000800c0e10", "8001000080020e10", true, 0, 0 },
        { "000b00020001800c0e10", "00010002000180020e10", true, 0, 0 },     /* a basic attribute in the long form */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int phase = 1; phase <= 2; phase++) {
            const char *hex = phase == 1 ? rows[i].phase1 : rows[i].phase2;
            const struct sa_attributes *a = attributes(phase, hex);
            if (a->bad != rows[i].bad || (!a->bad && (a->life_seconds != rows[i].seconds || a->life_kilobytes != rows[i].kilobytes)))
                fail_msg("phase %d, %s: bad %d, %llu s, %llu KB", phase, hex, a->bad, (unsigned long long)a->life_seconds,
                         (unsigned long long)a->life_kilobytes);
        }
}

static void every_attribute(void **state)
{
    (void)state;
    const struct sa_attributes *a = attributes(1, "80010007" "80020005" "80030001" "80040013" "800e0100");
    assert_false(a->bad);
    assert_int_equal(a->encryption, 7);
    assert_int_equal(a->hash, 5);
    assert_int_equal(a->authentication, 1);
    assert_int_equal(a->group, 19);
    assert_int_equal(a->key_length, 256);
    a = attributes(2, "80030013" "80040001" "80050005" "80060100");
    assert_false(a->bad);
    assert_int_equal(a->group, 19);
    assert_int_equal(a->encapsulation, 1);
    assert_int_equal(a->integrity, 5);
    assert_int_equal(a->key_length, 256);
    a = attributes(1, "");
    assert_false(a->bad);
    assert_int_equal(a->key_length, 0);
    a = attributes(2, "80060000");
    assert_true(a->bad);
}

/* One transform is spoilt, the message is not: a second, good one is there to be chosen. */
static void strange_attributes(void **state)
{
    (void)state;
    static const struct { int phase; const char *hex; } rows[] = {
        { 1, "8001000780010007" }, { 1, "8002000480020005" }, { 1, "8003000180030001" }, { 1, "800400138004000e" }, { 1, "800e0080800e0100" },
        { 1, "80010000" },       { 1, "800e0000" },           { 1, "000e00020100" },     { 1, "000e000400000100" }, { 1, "0001000207" "00" },
        { 1, "80050001" },       { 1, "800d0001" },           { 1, "80100001" },         { 1, "ffff0001" },         { 1, "80000001" },
        { 1, "800e" },           { 1, "80" },                 { 1, "000c0004000e10" },   { 1, "000cffff00007080" }, { 1, "000e0000" },
        { 2, "8003000580030005" }, { 2, "8004000180040001" }, { 2, "8005000280050002" }, { 2, "8006010080060080" },
        { 2, "80040000" },       { 2, "80060000" },           { 2, "0006000400000100" }, { 2, "80070001" },         { 2, "80080001" },
        { 2, "800b0001" },       { 2, "80090001" },           { 2, "0002ffff00" },       { 2, "000200" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool first = rows[i].phase == 1;
        sa_begin(&body);
        sa_proposal(&body, false, 1, first ? 1 : 3, first ? "" : "01020304", 2);
        sa_transform(&body, true, 1, 1, rows[i].hex);
        sa_transform(&body, false, 2, 1, first ? "80010007800e0080" : "8004000180060080");
        int err = sa_v1_read(sa_end(&body), rows[i].phase, &offers);
        if (err || offers.count != 2 || !offers.offer[0].attributes.bad || offers.offer[1].attributes.bad)
            fail_msg("phase %d, %s: %s", rows[i].phase, rows[i].hex, ike_err_find(err)->text);
        assert_int_equal(offers.offer[1].attributes.key_length, 128);
    }
}

static void spi_sizes(void **state)
{
    (void)state;
    char hex[512];
    for (unsigned size = 0; size <= 255; size++) {
        memset(hex, 'a', sizeof hex);
        hex[2 * size] = '\0';
        assert_int_equal(sa_v1_read(sa_single(&body, 1, hex, 1, ""), 1, &offers) == IKE_OK, size <= 16);
        assert_int_equal(sa_v1_read(sa_single(&body, 3, hex, 12, ""), 2, &offers) == IKE_OK, size == 4);
        assert_int_equal(sa_v1_read(sa_single(&body, 2, hex, 12, ""), 2, &offers) == IKE_OK, size == 4);
        assert_int_equal(sa_v1_read(sa_single(&body, 4, hex, 12, ""), 2, &offers) == IKE_OK, size == 2 || size == 4);
    }
    assert_int_equal(sa_v1_read(sa_single(&body, 1, "0102030405060708", 1, ""), 1, &offers), IKE_OK);
    assert_int_equal(offers.offer[0].spi, 0); /* ignored in phase 1 */
    assert_int_equal(sa_v1_read(sa_single(&body, 3, "a1b2c3d4", 12, ""), 2, &offers), IKE_OK);
    assert_int_equal(offers.offer[0].spi, 0xa1b2c3d4);
}

/* A good body, changed in one place, is an error; DOI, situation, lengths, counts, kinds. */
static void containers(void **state)
{
    (void)state;
    static const struct { const char *what; size_t at; unsigned value; } rows[] = {
        { "DOI 0", 3, 0 },                 { "DOI 2", 3, 2 },               { "DOI 256", 2, 1 },
        { "no situation", 7, 0 },          { "another situation", 7, 3 },   { "all situations", 4, 255 },
        { "proposal's next 1", 8, 1 },     { "proposal's next itself", 8, 2 }, { "proposal's next 3", 8, 3 },
        { "proposal a bit long", 11, 48 }, { "proposal short", 11, 46 },    { "proposal of 3", 11, 3 },  { "proposal of 0", 11, 0 },
        { "proposal of 4", 11, 4 },        { "proposal of 64 K", 10, 255 }, { "SPI past it", 14, 200 }, { "no transforms", 15, 0 },
        { "one transform said", 15, 1 },   { "three said", 15, 3 },         { "255 said", 15, 255 },
        { "transform's next 0", 16, 0 },   { "transform's next 2", 16, 2 }, { "transform short", 19, 11 }, { "transform of 3", 19, 3 },
        { "transform of 4", 19, 4 },       { "transform of 7", 19, 7 },     { "transform of 64 K", 18, 255 },
        { "last one's next 3", 36, 3 },    { "last one's next 2", 36, 2 },  { "last one long", 39, 20 }, { "last one short", 39, 18 },
    };
    uint8_t copy[64];
    sa_begin(&body);
    sa_proposal(&body, false, 1, 1, "", 2);
    sa_transform(&body, true, 1, 1, "80010007800e0080800b0001");
    sa_transform(&body, false, 2, 1, "80010007800e" "0100");
    struct bytes good = sa_end(&body);
    assert_int_equal(good.length, 8 + 8 + 20 + 16);
    assert_int_equal(sa_v1_read(good, 1, &offers), IKE_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        memcpy(copy, good.data, good.length);
        assert_int_not_equal(copy[rows[i].at], rows[i].value);
        copy[rows[i].at] = (uint8_t)rows[i].value;
        if (sa_v1_read(bytes_of(copy, good.length), 1, &offers) != IKE_ERR_SA_MALFORMED)
            fail_msg("%s was taken", rows[i].what);
    }
    for (size_t length = 0; length < good.length; length++)
        assert_int_equal(sa_v1_read(bytes_of(good.data, length), 1, &offers), IKE_ERR_SA_MALFORMED);
    memcpy(copy, good.data, good.length);
    copy[good.length] = 0;
    assert_int_equal(sa_v1_read(bytes_of(copy, good.length + 1), 1, &offers), IKE_ERR_SA_MALFORMED); /* one octet too many */
    copy[9] = copy[17] = copy[22] = copy[23] = copy[37] = 0xff; /* reserved octets mean nothing */
    assert_int_equal(sa_v1_read(bytes_of(copy, good.length), 1, &offers), IKE_OK);
}

static void bundles(void **state)
{
    (void)state;
    static const unsigned numbers[] = { 1, 2, 2, 3 };
    sa_begin(&body);
    for (size_t i = 0; i < 4; i++) {
        sa_proposal(&body, i < 3, numbers[i], 3, "01020304", 2);
        sa_transform(&body, true, 1, 12, "");
        sa_transform(&body, false, 2, 20, "");
    }
    assert_int_equal(sa_v1_read(sa_end(&body), 2, &offers), IKE_OK);
    assert_int_equal(offers.proposals, 4);
    assert_int_equal(offers.count, 8);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(offers.offer[i].bundled, numbers[i / 2] == 2);
}

/* N-1, N, N+1 of the offers looked at, and of the proposals. */
static void many(void **state)
{
    (void)state;
    for (unsigned transforms = SA_OFFERS_MAX - 1; transforms <= SA_OFFERS_MAX + 1; transforms++) {
        sa_begin(&body);
        for (unsigned i = 0; i < transforms; i++) {
            if (i % 128 == 0)
                sa_proposal(&body, i + 128 < transforms, 1 + i / 128, 3, "01020304", transforms - i < 128 ? transforms - i : 128);
            sa_transform(&body, i % 128 < 127 && i + 1 < transforms, i % 128, 12, "80060080");
        }
        assert_int_equal(sa_v1_read(sa_end(&body), 2, &offers), IKE_OK);
        assert_int_equal(offers.count, transforms < SA_OFFERS_MAX ? transforms : SA_OFFERS_MAX);
    }
    for (unsigned proposals = 254; proposals <= 257; proposals++) {
        sa_begin(&body);
        for (unsigned i = 0; i < proposals; i++) {
            sa_proposal(&body, i + 1 < proposals, i & 0xff, 3, "01020304", 1);
            sa_transform(&body, false, 1, 12, "");
        }
        assert_int_equal(sa_v1_read(sa_end(&body), 2, &offers), proposals <= 255 ? IKE_OK : IKE_ERR_SA_MALFORMED);
    }
}

/* ---- what we write ---- */

static void written_offers(void **state)
{
    (void)state;
    struct conf_conn conn = engine_conn(CPE, 19);
    uint8_t memory[4096];
    static const uint32_t lifetimes_of[] = { 60, 65535, 65536, 86400 };
    conn.ike_count = conn.esp_count = CONF_PROPOSALS_MAX;
    for (size_t i = 0; i < CONF_PROPOSALS_MAX; i++) {
        conn.ike[i] = (struct conf_ike_proposal){ CRYPTO_AES_CBC, i % 2 ? 128 : 256, CRYPTO_SHA2_256, (crypto_group)(i % 3 ? 14 : 19) };
        conn.esp[i] = i % 2 ? (struct conf_esp_proposal){ CRYPTO_AES_CBC, 192, CRYPTO_SHA2_512 }
                            : (struct conf_esp_proposal){ CRYPTO_AES_GCM_16, 128, CRYPTO_HASH_NONE };
    }
    for (size_t l = 0; l < 4; l++) {
        conn.ike_lifetime = conn.sa_lifetime = lifetimes_of[l];
        struct writer w = writer_of(memory, sizeof memory);
        sa_v1_write_ike_offer(&w, &conn);
        assert_int_equal(sa_v1_read(writer_span(&w), 1, &offers), IKE_OK);
        assert_int_equal(offers.proposals, 1);
        assert_int_equal(offers.count, CONF_PROPOSALS_MAX);
        for (size_t i = 0; i < offers.count; i++) {
            const struct sa_attributes *a = &offers.offer[i].attributes;
            assert_true(!a->bad && a->encryption == 7 && a->key_length == conn.ike[i].key_bits && a->hash == 4 && a->authentication == 1);
            assert_true(a->group == conn.ike[i].group && a->life_seconds == lifetimes_of[l] && offers.offer[i].transform == i);
        }
        w = writer_of(memory, sizeof memory);
        sa_v1_write_esp_offer(&w, &conn, 0x01020304, l % 2 ? 19 : 0, l > 1);
        assert_int_equal(sa_v1_read(writer_span(&w), 2, &offers), IKE_OK);
        assert_int_equal(offers.count, CONF_PROPOSALS_MAX);
        for (size_t i = 0; i < offers.count; i++) {
            const struct sa_attributes *a = &offers.offer[i].attributes;
            assert_true(!a->bad && a->group == (l % 2 ? 19 : 0) && a->encapsulation == (l > 1 ? 3 : 1) && a->life_seconds == lifetimes_of[l]);
            assert_true(offers.offer[i].id == (i % 2 ? 12 : 20) && a->key_length == conn.esp[i].key_bits && a->integrity == (i % 2 ? 7 : 0));
            assert_int_equal(offers.offer[i].spi, 0x01020304);
        }
    }
}

/* The choice is the transform as it was offered, octet by octet, in a proposal of the same number. */
static void written_choice(void **state)
{
    (void)state;
    uint8_t memory[512], first[512];
    sa_begin(&body);
    sa_proposal(&body, false, 7, 3, "a1b2c3d4", 2);
    sa_transform(&body, true, 3, 12, "8006008080040001");
    sa_transform(&body, false, 9, 20, "8001000100020004000151808004000180060100");
    assert_int_equal(sa_v1_read(sa_end(&body), 2, &offers), IKE_OK);
    struct bytes raw = offers.offer[1].raw;
    memcpy(first, raw.data, raw.length);
    struct writer w = writer_of(memory, sizeof memory);
    sa_v1_write_esp_choice(&w, &offers.offer[1], 0x0a0b0c0d);
    static struct sa_offers again;
    assert_int_equal(sa_v1_read(writer_span(&w), 2, &again), IKE_OK);
    assert_int_equal(again.count, 1);
    assert_int_equal(again.offer[0].proposal, 7);
    assert_int_equal(again.offer[0].spi, 0x0a0b0c0d);
    assert_bytes_equal(again.offer[0].raw, bytes_of(first, raw.length));
    assert_int_equal(again.offer[0].transform, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lifetimes),  cmocka_unit_test(every_attribute), cmocka_unit_test(strange_attributes),
        cmocka_unit_test(spi_sizes),  cmocka_unit_test(containers),      cmocka_unit_test(bundles),
        cmocka_unit_test(many),       cmocka_unit_test(written_offers),  cmocka_unit_test(written_choice),
    };
    return cmocka_run_group_tests_name("ike: the SA payload", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other IKE daemons got wrong in parsing and lengths, one test for each row of tests/rows.txt that one
 * unauthenticated datagram can reach. "Refused": no answer, and peers and tunnels stay bit for bit as they were.
 */
#include "tests/support/test.h"

#include <stdio.h>

#include "ike/err.h"
#include "ike/iana.h"
#include "tests/support/capture.h"
#include "tests/support/forge.h"

static struct run run;
static struct sa_body body;
static struct isakmp_sa stranger;         /* cookies of nobody */

#define GOOD "80010007" "800e0100" "80020005" "80030001" "80040013"

static int record(void **state)
{
    (void)state;
    int err = crypto_start();
    struct conf_conn cpe = engine_conn(CPE, 19), headend = engine_conn(HEADEND, 19);
    run_record(&run, &cpe, &headend);
    memset(stranger.cookie_i, 0x5a, WIRE_COOKIE);
    return err;
}

static int forget(void **state)
{
    (void)state;
    run_free(&run);
    crypto_stop();
    return 0;
}

/* By an engine without SAs, by both in the middle of an exchange, and by both when all is up. */
static void refused_on(uint16_t port, struct bytes datagram)
{
    forge_refused(&run.step[0].before[HEADEND], &run.end[HEADEND], HEADEND, port, datagram);
    for (int end = CPE; end <= HEADEND; end++) {
        forge_refused(&run.step[1].before[end], &run.end[end], end, port, datagram);
        forge_refused(&run.step[4].before[end], &run.end[end], end, port, datagram);
        forge_refused(&run.after[end], &run.end[end], end, port, datagram);
    }
}

static void refused(struct bytes datagram) { refused_on(IKE_PORT, datagram); }

/* Message 1 by a fresh responder: what it says to it. */
enum said { NOTHING, CHOICE, NO_PROPOSAL };

static enum said said_to(struct bytes datagram)
{
    struct engine *e = &run.end[HEADEND];
    struct ike_path path = engine_path_of(HEADEND, IKE_PORT);
    const char *why;
    image_load(&run.step[0].before[HEADEND], e);
    engine_take_octets(e, &path, datagram);
    assert_true(image_same(&run.step[0].before[HEADEND], e, &why));
    assert_true(e->sent_count <= 1);
    if (e->sent_count == 0)
        return NOTHING;
    assert_true(e->sent[0].length <= datagram.length);
    return e->sent[0].datagram[18] == IANA_EXCHANGE_MAIN ? CHOICE : NO_PROPOSAL;
}

static struct forge first_with(struct bytes sa)
{
    struct forge f = { .sa = &stranger, .exchange = IANA_EXCHANGE_MAIN, .clear = true };
    forge_add(&f, IANA_PAYLOAD_SA, sa);
    return f;
}

static enum said said_to_offer(struct bytes sa)
{
    struct forge f = first_with(sa);
    forge_add(&f, IANA_PAYLOAD_VENDOR, hex_bytes("aabbccdd")); /* an answer, which has SA alone, is never longer */
    return said_to(forge_make(&f));
}

static struct bytes good_offer(void) { return sa_single(&body, 1, "", 1, GOOD); }

/* An octet string in a message of the run, changed. */
static struct bytes patched(size_t step, size_t at, const char *hex)
{
    static uint8_t copy[IKE_SEND_MAX];
    struct bytes patch = hex_bytes(hex);
    const struct sent *m = &run.step[step].message;
    assert_true(at + patch.length <= m->length);
    memcpy(copy, m->datagram, m->length);
    memcpy(copy + at, patch.data, patch.length);
    return bytes_of(copy, m->length);
}

static void row_01_payload_of_length_zero(void **state)
{
    (void)state;
    static const uint8_t types[] = { 1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 20, 21 };
    for (size_t i = 0; i < sizeof types; i++)
        for (uint16_t length = 0; length < 4; length++) {
            struct forge f = first_with(good_offer());
            f.other_length = true;
            f.last_length = length;
            forge_add(&f, types[i], hex_bytes("0102030405060708"));
            refused(forge_make(&f));
        }
}

static void capture_refused(const char *name, uint16_t port)
{
    struct capture c;
    capture_open(&c, name);
    assert_true(c.count > 0);
    for (size_t n = 0; n < c.count; n++)
        refused_on(port, c.datagram[n].payload);
    capture_close(&c);
}

static void row_02_lengths_below_the_generic_header(void **state)
{
    (void)state;
    capture_refused("zeek-spicy-ipsec/ipsec-ikev1-zero-length.pcap", IKE_PORT);
    capture_refused("zeek-spicy-ipsec/ipsec-ikev1-payload-bad-length.pcap", IKE_PORT);
}

static void row_03_sa_lengths_that_disagree(void **state)
{
    (void)state;
    char hex[8];
    for (unsigned value = 0; value < 256; value++) { /* of message 1: SA at 28, proposal at 40, transform at 48 */
        static const size_t places[] = { 30, 31, 42, 43, 46, 47, 50, 51 };
        snprintf(hex, sizeof hex, "%02x", value);
        for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
            if (run.step[0].message.datagram[places[i]] == value)
                continue;
            if (places[i] == 46 && value <= 16)
                continue; /* SPI size: row 14 */
            refused(patched(0, places[i], hex));
        }
    }
}

static void row_04_short_certificate_request(void **state)
{
    (void)state;
    struct forge f = first_with(good_offer());
    forge_add(&f, IANA_PAYLOAD_CERT_REQUEST, hex_bytes(""));
    refused(forge_make(&f));
}

static void row_07_header_length_is_not_believed(void **state)
{
    (void)state;
    static const char *const lengths[] = { "7fffffff", "80000000", "ffffffff", "0000ffff", "00010000", "0000001b", "00000000" };
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct bytes m = patched(0, 24, lengths[i]);
        refused(m);
        refused(bytes_of(m.data, WIRE_HEADER));
    }
}

static void row_08_short_header(void **state)
{
    (void)state;
    for (size_t step = 0; step < RUN_MESSAGES; step++)
        for (size_t length = 0; length < WIRE_HEADER; length++)
            refused(bytes_of(run.step[step].message.datagram, length));
}

static void row_09_other_versions(void **state)
{
    (void)state;
    char hex[8];
    for (unsigned version = 0; version < 256; version++) {
        snprintf(hex, sizeof hex, "%02x", version);
        for (size_t step = 0; version != 0x10 && step < RUN_MESSAGES; step++) {
            refused(patched(step, 17, hex));
            refused(bytes_of(patched(step, 17, hex).data, 18));
        }
    }
}

static void row_10_situation_of_all_ones(void **state)
{
    (void)state;
    refused(patched(0, 36, "ffffffff"));
    refused(patched(0, 32, "ffffffffffffffff"));
}

static void row_11_payload_15(void **state)
{
    (void)state;
    struct forge f = { .sa = &stranger, .exchange = IANA_EXCHANGE_MAIN, .clear = true };
    forge_add(&f, 15, hex_bytes("00112233445566778899"));
    refused(forge_make(&f));
    forge_add(&f, 15, hex_bytes(""));
    refused(forge_make(&f));
    forge_add(&f, IANA_PAYLOAD_SA, good_offer());
    assert_int_equal(said_to(forge_make(&f)), CHOICE);   /* passed over */
}

static void row_12_payloads_of_version_2(void **state)
{
    (void)state;
    for (unsigned type = 22; type < 256; type++) {
        struct forge f = first_with(good_offer());
        forge_add(&f, (uint8_t)type, hex_bytes("00000001000000020000000300000004"));
        if (type == 130 || type == 131)
            assert_int_equal(said_to(forge_make(&f)), CHOICE); /* drafts of NAT-D and NAT-OA */
        else
            refused(forge_make(&f));
        refused(patched(0, 16, (char[]){ "0123456789abcdef"[type >> 4], "0123456789abcdef"[type & 15], 0 }));
    }
}

static void row_13_very_many_of_everything(void **state)
{
    (void)state;
    struct forge f = first_with(good_offer());
    while (f.count < WIRE_PAYLOADS_MAX + 1)
        forge_add(&f, IANA_PAYLOAD_VENDOR, hex_bytes("aa"));
    refused(forge_make(&f));
    sa_begin(&body);                             /* 255 proposals, of which one is allowed */
    for (unsigned i = 0; i < 255; i++) {
        sa_proposal(&body, i < 254, i, 1, "", 1);
        sa_transform(&body, false, 1, 1, GOOD);
    }
    assert_int_equal(said_to_offer(sa_end(&body)), NOTHING);
    sa_begin(&body);                             /* 200 transforms, the good one last */
    sa_proposal(&body, false, 1, 1, "", 200);
    for (unsigned i = 0; i < 200; i++)
        sa_transform(&body, i < 199, i, 1, i < 199 ? "80010005" : GOOD);
    assert_int_equal(said_to_offer(sa_end(&body)), CHOICE);
    char attributes[8 * 700 + 1] = "";
    for (size_t i = 0; i < 700; i++)
        memcpy(attributes + 8 * i, "800b0001", 8);
    assert_int_equal(said_to_offer(sa_single(&body, 1, "", 1, attributes)), NO_PROPOSAL);
}

static void row_14_huge_spi(void **state)
{
    (void)state;
    char spi[2 * 255 + 1];
    for (unsigned size = 0; size <= 255; size++) {
        memset(spi, 'c', sizeof spi);
        spi[2 * size] = '\0';
        assert_int_equal(said_to_offer(sa_single(&body, 1, spi, 1, GOOD)), size <= 16 ? CHOICE : NOTHING);
    }
}

static void row_15_long_attributes(void **state)
{
    (void)state;
    static const char *const attributes[] = { GOOD "000cffff00007080", GOOD "000c0100", GOOD "000e" "8000", GOOD "000cfffe", GOOD "7fffffff" };
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
        assert_int_equal(said_to_offer(sa_single(&body, 1, "", 1, attributes[i])), NO_PROPOSAL);
        sa_begin(&body);
        sa_proposal(&body, false, 1, 1, "", 2);
        sa_transform(&body, true, 1, 1, attributes[i]);
        sa_transform(&body, false, 2, 1, GOOD);
        assert_int_equal(said_to_offer(sa_end(&body)), CHOICE);
    }
}

/* ---- row 16: what is in an answer ---- */

static void __attribute__((noinline)) dirty_stack(uint8_t pattern)
{
    volatile uint8_t stack[100000];
    for (size_t i = 0; i < sizeof stack; i++)
        stack[i] = pattern;
}

/* The same message, with other left-overs in memory below it and behind it, gets the same octets, or none both times. */
static void row_16_answers_from_request_and_configuration_alone(void **state)
{
    (void)state;
    static uint8_t octets[4096];
    static struct sent answers[2];
    const struct sent *m = &run.step[0].message;
    struct ike_path path = engine_path_of(HEADEND, IKE_PORT);
    struct engine *e = &run.end[HEADEND];
    for (size_t i = 0; i < 8 * m->length; i++) {
        size_t count[2];
        for (unsigned turn = 0; turn < 2; turn++) {
            image_load(&run.step[0].before[HEADEND], e);
            memset(octets, turn ? 0xa5 : 0x3c, sizeof octets);
            memcpy(octets, m->datagram, m->length);
            octets[i / 8] ^= (uint8_t)(1U << i % 8);
            memset(e->ike->outputs, turn ? 0xa5 : 0x3c, e->ike->output_size * sizeof *e->ike->outputs);
            dirty_stack(turn ? 0xa5 : 0x3c);
            engine_take_octets(e, &path, bytes_of(octets, m->length));
            count[turn] = e->sent_count;
            answers[turn] = e->sent[0];
        }
        assert_int_equal(count[0], count[1]);
        if (count[0] == 0)
            continue;
        assert_int_equal(answers[0].length, answers[1].length);
        assert_memory_equal(answers[0].datagram, answers[1].datagram, answers[0].length);
    }
}

static void row_17_packets_that_crashed_a_printer(void **state)
{
    (void)state;
    capture_refused("tcpdump/isakmp-pointer-loop.pcap", IKE_PORT);
    capture_refused("tcpdump/isakmp-delete-segfault.pcap", IKE_PORT);
    capture_refused("tcpdump/isakmpv1-attr-oobr.pcap", IKE_PORT);
}

static void row_18_rfc3948_over_read(void **state)
{
    (void)state;
    capture_refused("tcpdump/isakmp-rfc3948-oobr.pcap", IKE_PORT_NATT);
    for (size_t length = 0; length < 12; length++)
        for (unsigned octet = 0; octet < 256; octet += 85) {
            uint8_t datagram[12];
            memset(datagram, (int)octet, sizeof datagram);
            refused_on(IKE_PORT_NATT, bytes_of(datagram, length));
        }
}

static void row_19_malformed_natt(void **state)
{
    (void)state;
    uint8_t datagram[8 + IKE_SEND_MAX] = { 0 };
    for (size_t step = 0; step < RUN_MESSAGES; step++) {
        const struct sent *m = &run.step[step].message;
        memcpy(datagram + 4, m->datagram, m->length);
        for (size_t length = 0; length < 4 + WIRE_HEADER; length++)
            refused_on(IKE_PORT_NATT, bytes_of(datagram, length));
        memset(datagram, 0, 8);
        memcpy(datagram + 8, m->datagram, m->length);
        refused_on(IKE_PORT_NATT, bytes_of(datagram, 8 + m->length)); /* the marker twice */
        refused_on(IKE_PORT_NATT, bytes_of(m->datagram, m->length));  /* no marker: ESP */
        refused_on(IKE_PORT, bytes_of(datagram + 4, 4 + m->length));  /* a marker on port 500 */
    }
}

static void row_25_exchanges_of_the_other_version(void **state)
{
    (void)state;
    char hex[8];
    for (unsigned exchange = 0; exchange < 256; exchange++) {
        if (exchange == IANA_EXCHANGE_MAIN || exchange == IANA_EXCHANGE_QUICK || exchange == IANA_EXCHANGE_INFORMATIONAL)
            continue;
        for (size_t step = 0; step < RUN_MESSAGES; step++) {
            snprintf(hex, sizeof hex, "10%02x", exchange);
            refused(patched(step, 17, hex));
            snprintf(hex, sizeof hex, "20%02x", exchange);
            refused(patched(step, 17, hex));
        }
    }
}

static void row_26_junk(void **state)
{
    (void)state;
    struct engine *e = &run.end[HEADEND];
    struct ike_path path = engine_path_of(HEADEND, IKE_PORT);
    uint64_t random = 88172645463325252U;
    const char *why;
    unsigned warnings = 0;
    image_load(&run.after[HEADEND], e);
    for (unsigned i = 0; i < 100000; i++) {
        uint8_t junk[64];
        for (size_t b = 0; b < sizeof junk; b++) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            junk[b] = (uint8_t)random;
        }
        if (i % 2) /* half of it with a plausible header */
            junk[17] = IANA_VERSION_1, memcpy(junk + 24, "\0\0\0\x40", 4);
        engine_clear(e);
        path.local.port = i % 4 < 2 ? IKE_PORT : IKE_PORT_NATT;
        engine_take_octets(e, &path, bytes_of(junk, random % (sizeof junk + 1)));
        assert_int_equal(e->sent_count, 0);
        warnings += (unsigned)e->warnings;
    }
    assert_true(image_same(&run.after[HEADEND], e, &why));
    assert_true(warnings <= 5);              /* all in one instant of the engine's time */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_01_payload_of_length_zero), cmocka_unit_test(row_02_lengths_below_the_generic_header),
        cmocka_unit_test(row_03_sa_lengths_that_disagree), cmocka_unit_test(row_04_short_certificate_request),
        cmocka_unit_test(row_07_header_length_is_not_believed), cmocka_unit_test(row_08_short_header),
        cmocka_unit_test(row_09_other_versions), cmocka_unit_test(row_10_situation_of_all_ones), cmocka_unit_test(row_11_payload_15),
        cmocka_unit_test(row_12_payloads_of_version_2), cmocka_unit_test(row_13_very_many_of_everything), cmocka_unit_test(row_14_huge_spi),
        cmocka_unit_test(row_15_long_attributes), cmocka_unit_test(row_16_answers_from_request_and_configuration_alone),
        cmocka_unit_test(row_17_packets_that_crashed_a_printer), cmocka_unit_test(row_18_rfc3948_over_read),
        cmocka_unit_test(row_19_malformed_natt), cmocka_unit_test(row_25_exchanges_of_the_other_version), cmocka_unit_test(row_26_junk),
    };
    return cmocka_run_group_tests_name("ike: what broke other parsers", tests, record, forget);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other IKE daemons got wrong in fields of messages of an authenticated peer, or in any field at all: systematic
 * anomalies in the manner of PROTOS c09-ISAKMP, hostile identities, counts that do not fit, text that is formatted.
 * That every notice is one printable line is asserted for all of it by engine_drain.
 */
#include "tests/support/test.h"

#include <stdio.h>

#include "ike/err.h"
#include "ike/iana.h"
#include "tests/support/forge.h"
#include "tests/support/recorded.h"

static uint32_t next_message_id = 0x6000;

static struct forge informational(struct engine *e)
{
    return (struct forge){ .sa = forge_sa(e), .exchange = IANA_EXCHANGE_INFORMATIONAL, .message_id = ++next_message_id, .hash = HASH_1 };
}

/* An end with all up gets it; it stays up and answers nothing. */
static void harmless(int end, struct forge *f)
{
    struct engine *e = &run.end[end];
    struct ike_path path = engine_path_of(end, IKE_PORT);
    engine_clear(e);
    engine_take_octets(e, &path, forge_make(f));
    assert_true(engine_up(e) && engine_children(e));
    assert_int_equal(e->sent_count, 0);
}

static void row_05_delete_of_65535_spis(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "00000001" "03" "04" "ffff",             "00000001" "03" "04" "ffff" "a1b2c3d4",  "00000001" "03" "04" "0001",
        "00000001" "03" "04" "0002" "a1b2c3d4",  "00000001" "03" "04" "0001" "a1b2c3",    "00000001" "03" "04" "0001" "a1b2c3d4e5",
        "00000001" "03" "00" "ffff",             "00000001" "03" "ff" "ffff" "a1b2c3d4",  "00000001" "03" "10" "1000" "a1b2c3d4",
        "00000001" "01" "10" "ffff",             "00000001" "01" "10" "1000" "0102030405060708", "00000001" "01" "00" "ffff",
        "00000001" "01" "04" "0001" "a1b2c3d4",  "00000001" "03" "04" "0000",             "00000001" "01" "10" "0000",
        "00000001" "02" "04" "0001" "a1b2c3d4",  "00000001" "ff" "04" "0001" "a1b2c3d4",  "00000002" "03" "04" "ffff",
    };
    for (int end = CPE; end <= HEADEND; end++)
        for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
            image_load(&run.after[end], &run.end[end]);
            struct forge f = informational(&run.end[end]);
            forge_add(&f, IANA_PAYLOAD_DELETE, hex_bytes(bodies[i]));
            harmless(end, &f);
        }
}

/* ---- hostile identities ---- */

static const char *const short_ids[] = { "01", "0100", "010000", "01000000", "01000000c0", "01000000c0a8", "01000000c0a801",
                                         "02000000", "03000000", "0200000061", "0b000000", "0b00000000", "0b0000000000" };
static const char *const der_ids[] = { "09000000", "0900000030", "09000000302a", "090000003084ffffffff", "0a000000", "0a00000030" };
static const char *const text_ids[] = { "02000000" "256e256e256e2573", "03000000" "000000", "0b000000" "1b5b324a0d0a00", "ff000000" "ffffffff" };

/* Message 5 or 6 made with the keys of the one who awaits it. */
static struct bytes auth_message(int receiver, const char *id_hex, bool good_hash)
{
    struct isakmp_sa *sa = forge_sa(&run.end[receiver]);
    static uint8_t hash[CRYPTO_HASH_MAX];
    bool from_initiator = receiver == HEADEND;
    struct bytes gi = bytes_of(sa->public_i, sa->public_length), gr = bytes_of(sa->public_r, sa->public_length);
    struct bytes ci = bytes_of(sa->cookie_i, WIRE_COOKIE), cr = bytes_of(sa->cookie_r, WIRE_COOKIE), id = hex_bytes(id_hex);
    struct forge f = { .sa = sa, .exchange = IANA_EXCHANGE_MAIN, .phase1 = true };
    assert_int_equal(keys_v1_hash_main(&sa->keys, from_initiator ? gi : gr, from_initiator ? gr : gi, from_initiator ? ci : cr,
                                       from_initiator ? cr : ci, bytes_of(sa->sai_b, sa->sai_length), id, hash), 0);
    hash[3] ^= !good_hash;
    forge_add(&f, IANA_PAYLOAD_ID, id);
    forge_add(&f, IANA_PAYLOAD_HASH, bytes_of(hash, sa->keys.hash_length));
    return forge_make(&f);
}

static void hostile_identity(const char *id_hex)
{
    for (size_t step = 4; step <= 5; step++) {
        int to = run.step[step].to;
        struct engine *e = &run.end[to];
        struct ike_path path = engine_path_of(to, IKE_PORT);
        image_load(&run.step[step].before[to], e);
        forge_refused(&run.step[step].before[to], e, to, IKE_PORT, auth_message(to, id_hex, false));
        image_load(&run.step[step].before[to], e);
        engine_take_octets(e, &path, auth_message(to, id_hex, true)); /* who has the secret is told, and not let in */
        assert_false(engine_up(e) || engine_children(e));
    }
}

static void row_06_identity_below_its_fixed_part(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof short_ids / sizeof *short_ids; i++)
        hostile_identity(short_ids[i]);
}

static void row_22_text_of_hostile_identities(void **state)
{
    (void)state;
    char hex[2 * 1004 + 1] = "02000000";
    for (size_t i = 0; i < sizeof text_ids / sizeof *text_ids; i++)
        hostile_identity(text_ids[i]);
    for (size_t i = 4; i < 1004; i++)
        memcpy(hex + 2 * i, i % 2 ? "6e" : "25", 2);
    hostile_identity(hex);
}

static void row_23_distinguished_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof der_ids / sizeof *der_ids; i++)
        hostile_identity(der_ids[i]);
}

static void row_24_identities_of_a_few_octets(void **state)
{
    (void)state;
    char hex[32];
    for (unsigned type = 0; type < 16; type++)
        for (unsigned length = 0; length < 4; length++) {
            int n = snprintf(hex, sizeof hex, "%02x000000", type);
            snprintf(hex + n, sizeof hex - (size_t)n, "%.*s", (int)(2 * length), "30303030");
            hostile_identity(hex);
        }
}

/* ---- rows 20 and 21: every field of the clear messages with every kind of anomaly ---- */

static const uint8_t *anomaly(unsigned kind, unsigned width, const uint8_t *original)
{
    static uint8_t out[4];
    uint32_t value = 0;
    for (unsigned i = 0; i < width; i++)
        value = value << 8 | original[i];
    uint32_t most = width == 4 ? 0xffffffffU : (1U << 8 * width) - 1;
    const uint32_t values[] = { 0, 1, most, most - 1, most / 2, most / 2 + 1, value + 1, value - 1, value * 2, value << 8, 0x256e256eU, 0x41414141U };
    for (unsigned i = 0; i < width; i++)
        out[i] = (uint8_t)(values[kind] >> 8 * (width - 1 - i));
    return out;
}

enum { ANOMALIES = 12 };

/* The rest of Main Mode after a changed message: nobody is let in who did not take part in the unchanged one. */
static void anomalous(size_t step, const uint8_t *octets, size_t length)
{
    int to = run.step[step].to;
    struct engine *e = &run.end[to];
    struct ike_path path = run.step[step].message.path;
    image_load(&run.step[step].before[to], e);
    engine_take_octets(e, &path, bytes_of(octets, length));
    assert_false(engine_up(e) || engine_children(e));
    for (size_t i = 0; i < e->sent_count; i++)
        assert_true(step > 0 || e->sent[i].length <= length);
}

static void row_20_anomalies_in_every_field(void **state)
{
    (void)state;
    unsigned cases = 0;
    for (size_t step = 0; step < 6; step++) {
        const struct sent *m = &run.step[step].message;
        for (unsigned width = 1; width <= 4; width *= 2)
            for (size_t at = 0; at + width <= m->length; at++)
                for (unsigned kind = 0; kind < ANOMALIES; kind++) {
                    uint8_t copy[IKE_SEND_MAX];
                    memcpy(copy, m->datagram, m->length);
                    memcpy(copy + at, anomaly(kind, width, m->datagram + at), width);
                    bool flags = step >= 4 && at <= 19 && at + width > 19 && !(copy[19] & 4);
                    bool notify = step == 4 && at + width + CRYPTO_BLOCK > m->length;
                    if (memcmp(copy, m->datagram, m->length) == 0 || flags || notify)
                        continue; /* unchanged; or what is taken anyhow: see ike_mutation_engine_test.c */
                    anomalous(step, copy, m->length);
                    cases++;
                }
    }
    print_message("%u anomalies\n", cases);
    assert_true(cases > 20000);
}

/* Strings that are long, and strings that a formatter would understand, in every payload that a message has. */
static void row_21_overlong_strings_in_every_payload(void **state)
{
    (void)state;
    static const size_t lengths[] = { 1, 2, 127, 128, 255, 256, 257, 1023, 1024, 4095, 4096, 8000 };
    static const char *const patterns[] = { "A", "%n", "%s%s", "\xff", "../", "$(x)" };
    static uint8_t octets[8000];
    static const struct { size_t step; uint8_t payload; } where[] = {
        { 0, IANA_PAYLOAD_SA },   { 0, IANA_PAYLOAD_VENDOR }, { 1, IANA_PAYLOAD_SA }, { 1, IANA_PAYLOAD_VENDOR }, { 2, IANA_PAYLOAD_KE },
        { 2, IANA_PAYLOAD_NONCE }, { 2, IANA_PAYLOAD_NAT_D }, { 3, IANA_PAYLOAD_KE }, { 3, IANA_PAYLOAD_NONCE },  { 3, IANA_PAYLOAD_NAT_D },
    };
    for (size_t w = 0; w < sizeof where / sizeof *where; w++)
        for (size_t p = 0; p < sizeof patterns / sizeof *patterns; p++)
            for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
                for (size_t i = 0; i < lengths[l]; i++)
                    octets[i] = (uint8_t)patterns[p][i % strlen(patterns[p])];
                struct bytes m = forge_replace(&run.step[where[w].step].message, where[w].payload, bytes_of(octets, lengths[l]));
                anomalous(where[w].step, m.data, m.length);
                static uint8_t aggressive[IKE_MESSAGE_MAX + 4096];
                memcpy(aggressive, m.data, m.length);
                aggressive[18] = IANA_EXCHANGE_AGGRESSIVE;
                int to = run.step[where[w].step].to;
                forge_refused(&run.step[where[w].step].before[to], &run.end[to], to, IKE_PORT, bytes_of(aggressive, m.length));
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_05_delete_of_65535_spis),        cmocka_unit_test(row_06_identity_below_its_fixed_part),
        cmocka_unit_test(row_20_anomalies_in_every_field),    cmocka_unit_test(row_21_overlong_strings_in_every_payload),
        cmocka_unit_test(row_22_text_of_hostile_identities),  cmocka_unit_test(row_23_distinguished_names),
        cmocka_unit_test(row_24_identities_of_a_few_octets),
    };
    return cmocka_run_group_tests_name("ike: anomalies in every field", tests, recorded_begin, recorded_end);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other IKE daemons got wrong in key exchange and algorithms: public values, groups and key lengths from the wire.
 * One test for each row of tests/rows.txt, part d, and the bounds of nonces.
 */
#include "tests/support/test.h"

#include <stdio.h>

#include "ike/err.h"
#include "ike/iana.h"
#include "tests/support/forge.h"

static struct run run, modp;             /* group 19 with PFS, group 2 with PFS */
static struct sa_body body;
static uint32_t next_message_id = 0x9000;

static int record(void **state)
{
    (void)state;
    int err = crypto_start();
    struct conf_conn cpe = engine_conn(CPE, 19), headend = engine_conn(HEADEND, 19);
    run_record(&run, &cpe, &headend);
    cpe = engine_conn(CPE, 2), headend = engine_conn(HEADEND, 2);
    run_record(&modp, &cpe, &headend);
    return err;
}

static int forget(void **state)
{
    (void)state;
    run_free(&run);
    run_free(&modp);
    crypto_stop();
    return 0;
}

/* Message 3 or 4 with that payload instead; true when it was taken. */
static bool takes(struct run *r, size_t step, uint8_t type, struct bytes value)
{
    int to = r->step[step].to;
    struct engine *e = &r->end[to];
    const char *why;
    image_load(&r->step[step].before[to], e);
    engine_take_octets(e, &r->step[step].message.path, forge_replace(&r->step[step].message, type, value));
    bool same = image_same(&r->step[step].before[to], e, &why);
    assert_int_equal(same, e->sent_count == 0);
    if (same) { /* and the right one is still good */
        memcpy(&e->ike->peers[0].limits.exponentiations, &r->step[step].before[to].peers[0].limits.exponentiations, sizeof(struct bucket));
        engine_take(e, &r->step[step].message);
        assert_int_equal(e->sent_count, 1);
    }
    return !same;
}

/* Quick Mode's message 1 to the headend, or 2 to the CPE, with that public value; the Notify that comes of it. */
static uint16_t quick(struct run *r, size_t step, const char *attributes, unsigned transform, const struct bytes *ke, struct bytes nonce,
                      bool *taken)
{
    int to = r->step[step].to;
    struct engine *e = &r->end[to];
    struct ike_path path = engine_path_of(to, IKE_PORT);
    image_load(&r->step[step].before[to], e);
    /* cppcheck-suppress unreadVariable ; read by way of f.quick */
    struct quick q = { .phase = QUICK_FREE };
    struct isakmp_sa sa = *forge_sa(e);
    struct forge f = { .sa = &sa, .exchange = IANA_EXCHANGE_QUICK, .message_id = ++next_message_id, .hash = HASH_1 };
    if (step == 7) {
        q = *forge_quick(e);
        f.message_id = q.x.message_id;
        f.hash = HASH_2;
        f.quick = &q;
    }
    forge_add(&f, IANA_PAYLOAD_SA, sa_single(&body, 3, "a1b2c3d4", transform, attributes));
    forge_add(&f, IANA_PAYLOAD_NONCE, nonce);
    if (ke)
        forge_add(&f, IANA_PAYLOAD_KE, *ke);
    forge_add(&f, IANA_PAYLOAD_ID, hex_bytes("04000000" "c0a80100" "ffffff00"));
    forge_add(&f, IANA_PAYLOAD_ID, hex_bytes("04000000" "0a000000" "ffff0000"));
    engine_take_octets(e, &path, forge_make(&f));
    assert_true(engine_up(e));
    *taken = e->requests > 0;
    return *taken ? 0 : forge_notify_sent(e, &sa);
}

/* A point of group 19's curve: the CPE's own of Main Mode. */
static struct bytes good_public(void)
{
    const struct isakmp_sa *sa = run.step[3].before[CPE].peers[0].sa;
    while (!sa->used)
        sa++;
    return bytes_of(sa->public_i, 64);
}

#define ESP19 "80040001" "80060100" "80030013"
#define NONCE16 hex_bytes("000102030405060708090a0b0c0d0e0f")

static const char prime_1024[] = "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd"
                                 "ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed"
                                 "ee386bfb5a899fa5ae9f24117c4b1fe649286651ece65381ffffffffffffffff";

/* 0, 1, p-1, p, p+1 and all ones, in a place of as many octets as the group says. */
static const uint8_t *modp_value(unsigned which)
{
    static uint8_t out[128];
    memset(out, 0, sizeof out);
    if (which < 2)
        out[127] = (uint8_t)which;
    else if (which < 5)
        memcpy(out, hex_bytes(prime_1024).data, sizeof out);
    else
        memset(out, 0xff, sizeof out);
    if (which == 2)
        out[127]--;
    if (which == 4) { /* the prime ends in eight octets of ones: adding one carries */
        memset(out + 120, 0, 8);
        out[119]++;
    }
    return out;
}

static void row_48_public_values_outside_the_group(void **state)
{
    (void)state;
    bool taken;
    for (unsigned which = 0; which < 6; which++) {
        struct bytes ke = bytes_of(modp_value(which), 128);
        for (size_t step = 2; step <= 3; step++)
            if (takes(&modp, step, IANA_PAYLOAD_KE, ke))
                fail_msg("value %u was taken in message %zu", which, step + 1);
        for (size_t step = 6; step <= 7; step++) {
            uint16_t told = quick(&modp, step, "80040001" "80060100" "80030002", 20, &ke, NONCE16, &taken);
            assert_false(taken);
            assert_int_equal(told, step == 6 ? IANA_NOTIFY_INVALID_KEY_INFORMATION : 0);
        }
    }
    static const char *const points[] = { "00", "ff", "01", "7f" }; /* x and y of one octet repeated: none is on the curve */
    for (size_t i = 0; i < 4; i++) {
        uint8_t point[64];
        memset(point, hex_bytes(points[i]).data[0], sizeof point);
        struct bytes ke = bytes_of(point, sizeof point);
        for (size_t step = 2; step <= 3; step++)
            assert_false(takes(&run, step, IANA_PAYLOAD_KE, ke));
        for (size_t step = 6; step <= 7; step++) {
            quick(&run, step, ESP19, 20, &ke, NONCE16, &taken);
            assert_false(taken);
        }
    }
}

static void row_49_public_values_of_another_length(void **state)
{
    (void)state;
    static uint8_t value[8000];
    static const size_t lengths[] = { 1, 2, 32, 63, 65, 127, 129, 512, 513, 1024, 8000 };
    bool taken;
    memset(value, 0x42, sizeof value);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct bytes ke = bytes_of(value, lengths[i]);
        for (size_t step = 2; step <= 3; step++) {
            assert_false(takes(&run, step, IANA_PAYLOAD_KE, ke));
            assert_false(takes(&modp, step, IANA_PAYLOAD_KE, ke));
        }
        for (size_t step = 6; step <= 7; step++) {
            quick(&run, step, ESP19, 20, &ke, NONCE16, &taken);
            assert_false(taken);
        }
    }
}

/* ---- groups and algorithms from the wire ---- */

static bool offer_answered(const char *attributes)
{
    const struct sent *m = &run.step[0].message;
    struct engine *e = &run.end[HEADEND];
    run_back(&run, 0);
    engine_take_octets(e, &m->path, forge_replace(m, IANA_PAYLOAD_SA, sa_single(&body, 1, "", 1, attributes)));
    assert_int_equal(e->sent_count, 1);
    bool chosen = e->sent[0].datagram[18] == IANA_EXCHANGE_MAIN;
    struct bytes choice = forge_replace(&run.step[1].message, IANA_PAYLOAD_SA, sa_single(&body, 1, "", 1, attributes));
    if (!chosen) /* what is no offer to take is no choice to take either */
        forge_refused(&run.step[1].before[CPE], &run.end[CPE], CPE, IKE_PORT, choice);
    return chosen;
}

static void row_50_groups_that_were_not_offered(void **state)
{
    (void)state;
    char attributes[64];
    bool taken;
    for (unsigned group = 0; group < 65536; group += group < 64 ? 1 : 961) {
        snprintf(attributes, sizeof attributes, "80010007800e010080020005800300018004%04x", group);
        assert_int_equal(offer_answered(attributes), group == 19);
        snprintf(attributes, sizeof attributes, "80040001800601008003%04x", group);
        struct bytes ke = good_public(); /* so that the group alone is wrong */
        for (size_t step = 6; step <= 7; step++) {
            quick(&run, step, attributes, 20, &ke, NONCE16, &taken);
            assert_int_equal(taken, group == 19);
        }
    }
    assert_false(offer_answered("80010007" "800e0100" "80020005" "80030001" "80040401"));
}

static void row_51_missing_and_empty_key_exchange(void **state)
{
    (void)state;
    bool taken;
    struct bytes empty = bytes_of("", 0);
    for (size_t step = 2; step <= 3; step++) {
        assert_false(takes(&run, step, IANA_PAYLOAD_KE, bytes_of(NULL, 0)));
        assert_false(takes(&run, step, IANA_PAYLOAD_KE, empty));
        assert_false(takes(&modp, step, IANA_PAYLOAD_KE, bytes_of(NULL, 0)));
        assert_false(takes(&run, step, IANA_PAYLOAD_NONCE, bytes_of(NULL, 0)));
    }
    for (size_t step = 6; step <= 7; step++) {
        uint16_t told = quick(&run, step, ESP19, 20, NULL, NONCE16, &taken);
        assert_false(taken);
        assert_int_equal(told, step == 6 ? IANA_NOTIFY_NO_PROPOSAL_CHOSEN : 0);
        quick(&run, step, ESP19, 20, &empty, NONCE16, &taken);
        assert_false(taken);
    }
}

static void nonces_of_8_to_256_octets(void **state)
{
    (void)state;
    static const uint8_t nonce[300] = { 1 };
    static const size_t lengths[] = { 1, 7, 8, 9, 255, 256, 257, 300 };
    struct bytes ke = good_public();
    bool taken;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        bool fits = lengths[i] >= 8 && lengths[i] <= NONCE_MAX;
        for (size_t step = 2; step <= 3; step++)
            assert_int_equal(takes(&run, step, IANA_PAYLOAD_NONCE, bytes_of(nonce, lengths[i])), fits);
        for (size_t step = 6; step <= 7; step++) {
            quick(&run, step, ESP19, 20, &ke, bytes_of(nonce, lengths[i]), &taken);
            assert_int_equal(taken, fits);
        }
    }
}

static void row_52_key_lengths(void **state)
{
    (void)state;
    char attributes[64];
    for (unsigned length = 0; length < 65536; length += length < 520 ? 1 : 997) {
        snprintf(attributes, sizeof attributes, "80010007800e%04x800200058003000180040013", length);
        assert_int_equal(offer_answered(attributes), length == 256);
    }
    assert_false(offer_answered("80010007" "80020005" "80030001" "80040013"));                       /* missing: 128 */
    assert_false(offer_answered("80010007" "800e0100" "800e0100" "80020005" "80030001" "80040013")); /* twice */
}

static void row_53_other_ciphers_with_a_key_length(void **state)
{
    (void)state;
    char attributes[64];
    for (unsigned cipher = 0; cipher < 16; cipher++)
        for (unsigned length = 0; length <= 256; length += 64) {
            snprintf(attributes, sizeof attributes, "8001%04x800e%04x800200058003000180040013", cipher, length);
            assert_int_equal(offer_answered(attributes), cipher == 7 && length == 256);
        }
}

static void row_54_key_lengths_in_the_long_form(void **state)
{
    (void)state;
    static const char *const forms[] = { "000e00020100", "000e000400000100", "000e0004ffffff00", "000e0004ffffffff", "000e000400000000",
                                         "000e00080000000000000100", "000e0000", "000e000101" };
    char attributes[96];
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        snprintf(attributes, sizeof attributes, "80010007%s800200058003000180040013", forms[i]);
        assert_false(offer_answered(attributes));
    }
}

static void esp_refused(unsigned transform, const char *attributes)
{
    bool taken;
    struct bytes ke = good_public();
    uint16_t told = quick(&run, 6, attributes, transform, &ke, NONCE16, &taken);
    if (taken || told != IANA_NOTIFY_NO_PROPOSAL_CHOSEN)
        fail_msg("transform %u, %s: taken %d, told %u", transform, attributes, taken, told);
    quick(&run, 7, attributes, transform, &ke, NONCE16, &taken);
    assert_false(taken);
}

static void row_55_transforms_without_a_key(void **state)
{
    (void)state;
    for (unsigned transform = 0; transform < 256; transform++) {
        if (transform != 20)
            esp_refused(transform, ESP19);
        esp_refused(transform, "80040001" "80030013" "80050005");
    }
}

static void row_56_aead_with_an_integrity_algorithm(void **state)
{
    (void)state;
    char attributes[64];
    for (unsigned algorithm = 1; algorithm < 32; algorithm++) {
        snprintf(attributes, sizeof attributes, "80040001800601008003001380050%03x", algorithm);
        esp_refused(20, attributes);
    }
}

/* SHA-1 gives 20 octets and AES-256 wants 32: both ends stretch alike, as NSS's vectors say (ike_keys_test.c). */
static void row_58_stretched_cipher_key(void **state)
{
    (void)state;
    static struct run sha1;
    struct conf_conn cpe = engine_conn(CPE, 19), headend = engine_conn(HEADEND, 19);
    cpe.ike[0] = headend.ike[0] = (struct conf_ike_proposal){ CRYPTO_AES_CBC, 256, CRYPTO_SHA1, 19 };
    run_record(&sha1, &cpe, &headend);
    image_load(&sha1.after[CPE], &sha1.end[CPE]);
    const struct isakmp_keys *k = &forge_sa(&sha1.end[CPE])->keys;
    assert_int_equal(k->hash_length, 20);
    assert_int_equal(k->key_length, 32);
    assert_memory_not_equal(k->cipher_key + 20, ((uint8_t[12]){ 0 }), 12);
    run_free(&sha1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_48_public_values_outside_the_group), cmocka_unit_test(row_49_public_values_of_another_length),
        cmocka_unit_test(row_50_groups_that_were_not_offered),    cmocka_unit_test(row_51_missing_and_empty_key_exchange),
        cmocka_unit_test(nonces_of_8_to_256_octets),              cmocka_unit_test(row_52_key_lengths),
        cmocka_unit_test(row_53_other_ciphers_with_a_key_length), cmocka_unit_test(row_54_key_lengths_in_the_long_form),
        cmocka_unit_test(row_55_transforms_without_a_key),        cmocka_unit_test(row_56_aead_with_an_integrity_algorithm),
        cmocka_unit_test(row_58_stretched_cipher_key),
    };
    return cmocka_run_group_tests_name("ike: what broke other daemons' key exchange", tests, record, forget);
}

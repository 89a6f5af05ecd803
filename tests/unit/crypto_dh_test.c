/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diffie-Hellman. The known answers were computed with plain integer arithmetic from the formulas of RFC 2409 6.2
 * and RFC 3526 (primes out of the digits of pi) and of RFC 5903 (affine point addition), so they share nothing
 * with the library. Wycheproof adds the hostile points; the refusals are those of RFC 6989 2.1 to 2.3.
 */
#include "tests/support/test.h"

#include <openssl/bn.h>
#include <openssl/ec.h>

#include "crypto/crypto.h"

/* SHA2-256 of the public value of exponent a, and of the secret it shares with exponent b (see exponents()). */
static const struct known {
    crypto_group id;
    const char *public_digest, *shared_digest;
} known[] = {
    { 2, "a54886984bc7cdc051f02d843997a96fcdd9db0fa7f40360caaf11358772b0b5",
      "6be2d103c6b6b101d0e9d2a9d10efea45860f17c1f45284be9c43e2114face1c" },
    { 5, "649054995191e5c2f28b0ccc412db7ab31e32822bb0c294a69c7e5b90fb73d38",
      "46e0c0a6cad8e54f4f888fd395405602656a2bbbb70d774e17af862008420953" },
    { 14, "6db72bf6e548ea421160efce22edbc3b5228edea63bc46eb7120ce46783a1620",
      "78ac3bdb094527bd0e492a63c815a8fe85cc962683307bfb68384debef72070d" },
    { 15, "a0040e6e6cea4b77bbcb542f0e5b6c1e7010038059e96d90d88caabeaf32a18f",
      "f5bf006775bf90734ab115155ecd2f3f6698876ef9670c8ecc279edea444519c" },
    { 16, "3294642eeeb085f6a759a570942fec5527936e5e7eac7ebfff9bc4770a076d0e",
      "08e51211ecb01a39320e89d5b96b8534bf6858bdef31979c97a049bc8514a0ec" },
    { 19, "2810009db26342ee190df0ff4076f7cfb42a0824b196b61a147372256faf6eb3",
      "9cfa72920a9dd63e4e1eb2d042889efa869663314ae0426be5877f6c89ae8715" },
    { 20, "fc034a1e3cbcfc7972c84a85e9e491573c6083429f945a6ee420650a48d95139",
      "2658dd723e4b82a60111752f6c5340afe884157e05b63e235d060969b9c1f988" },
    { 21, "2d1404b95b7801088e515898dd383e9f771d1daca292ca06773670d370289275",
      "dd8cf5c31dc05d9955934321af05adef38b32b0dedda2a17fb9c82671da72f07" },
    { 24, "de3ab13f3365b61739384a42da54b11957a15f1476c71f29f6edb068c8e48215",
      "c5a7f36c1bbf8e7f501bcb4c72d4e6b5716a590ceda61dfe96893b26654ca643" },
};

enum { KNOWN = sizeof known / sizeof known[0] };

struct pair {
    const struct crypto_group_row *row;
    uint8_t a[CRYPTO_EXPONENT_MAX], b[CRYPTO_EXPONENT_MAX];
    struct bytes exponent_a, exponent_b;
};

static struct pair exponents(crypto_group id)
{
    static struct pair p;
    p.row = crypto_group_find(id);
    assert_non_null(p.row);
    for (size_t i = 0; i < CRYPTO_EXPONENT_MAX; i++) {
        p.a[i] = (uint8_t)(i * 37 + 11);
        p.b[i] = (uint8_t)(i * 91 + 201);
    }
    p.exponent_a = bytes_of(p.a, p.row->exponent_length);
    p.exponent_b = bytes_of(p.b, p.row->exponent_length);
    return p;
}

static void assert_digest(const uint8_t *data, size_t length, const char *digest)
{
    uint8_t out[CRYPTO_HASH_MAX];
    struct bytes part = bytes_of(data, length);
    assert_int_equal(crypto_hash(CRYPTO_SHA2_256, &part, 1, out), CRYPTO_OK);
    assert_bytes_equal(bytes_of(out, 32), hex_bytes(digest));
}

static void known_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < KNOWN; i++) {
        struct pair p = exponents(known[i].id);
        uint8_t public_a[CRYPTO_PUBLIC_MAX], public_b[CRYPTO_PUBLIC_MAX], one[CRYPTO_SHARED_MAX], two[CRYPTO_SHARED_MAX];
        size_t length = p.row->public_length;
        assert_int_equal(crypto_dh_public(known[i].id, p.exponent_a, public_a), CRYPTO_OK);
        assert_int_equal(crypto_dh_public(known[i].id, p.exponent_b, public_b), CRYPTO_OK);
        assert_digest(public_a, length, known[i].public_digest);
        assert_int_equal(crypto_dh_shared(known[i].id, p.exponent_a, bytes_of(public_b, length), one), CRYPTO_OK);
        assert_int_equal(crypto_dh_shared(known[i].id, p.exponent_b, bytes_of(public_a, length), two), CRYPTO_OK);
        assert_digest(one, p.row->shared_length, known[i].shared_digest);
        assert_memory_equal(one, two, p.row->shared_length);
    }
}

static void random_pairs_agree(void **state)
{
    (void)state;
    for (size_t i = 0; i < KNOWN; i++)
        for (int round = 0; round < 5; round++) {
            struct pair p = exponents(known[i].id);
            uint8_t public_a[CRYPTO_PUBLIC_MAX], public_b[CRYPTO_PUBLIC_MAX], one[CRYPTO_SHARED_MAX], two[CRYPTO_SHARED_MAX];
            size_t length = p.row->public_length;
            assert_int_equal(crypto_random(p.a, sizeof p.a), CRYPTO_OK);
            assert_int_equal(crypto_random(p.b, sizeof p.b), CRYPTO_OK);
            struct bytes a = bytes_of(p.a, p.row->exponent_length), b = bytes_of(p.b, p.row->exponent_length);
            assert_int_equal(crypto_dh_public(known[i].id, a, public_a), CRYPTO_OK);
            assert_int_equal(crypto_dh_public(known[i].id, b, public_b), CRYPTO_OK);
            assert_memory_not_equal(public_a, public_b, length);
            assert_int_equal(crypto_dh_shared(known[i].id, a, bytes_of(public_b, length), one), CRYPTO_OK);
            assert_int_equal(crypto_dh_shared(known[i].id, b, bytes_of(public_a, length), two), CRYPTO_OK);
            assert_memory_equal(one, two, p.row->shared_length);
        }
}

/* A refused secret must be wiped. Even and odd exponents: p-1 has order 2, so that only an odd one shows a miss. */
static void expect(crypto_group id, struct bytes peer, int error)
{
    struct pair p = exponents(id);
    uint8_t exponent[CRYPTO_EXPONENT_MAX], shared[CRYPTO_SHARED_MAX];
    size_t length = p.row->exponent_length;
    memcpy(exponent, p.a, length);
    for (int parity = 0; parity < 2; parity++) {
        exponent[length - 1] = (uint8_t)((exponent[length - 1] & 0xfe) | parity);
        memset(shared, 0x55, sizeof shared);
        int got = crypto_dh_shared(id, bytes_of(exponent, length), peer, shared);
        if (got != error)
            fail_msg("group %u: %d instead of %d", (unsigned)id, got, error);
        for (size_t i = 0; error != CRYPTO_OK && i < p.row->shared_length; i++)
            assert_int_equal(shared[i], 0);
        for (size_t i = p.row->shared_length; i < sizeof shared; i++)
            assert_int_equal(shared[i], 0x55);
    }
}

/* prime + difference as a public value of the group's length. */
static struct bytes near(const BIGNUM *prime, long difference, size_t length)
{
    static uint8_t out[CRYPTO_PUBLIC_MAX];
    BIGNUM *n = BN_dup(prime);
    assert_non_null(n);
    assert_int_equal(difference < 0 ? BN_sub_word(n, (BN_ULONG)-difference) : BN_add_word(n, (BN_ULONG)difference), 1);
    assert_int_equal(BN_bn2binpad(n, out, (int)length), length);
    BN_free(n);
    return bytes_of(out, length);
}

static void modp_refusals(void **state)
{
    (void)state;
    static const struct { crypto_group id; BIGNUM *(*prime)(BIGNUM *); } safe[] = {
        { 2, BN_get_rfc2409_prime_1024 },  { 5, BN_get_rfc3526_prime_1536 },  { 14, BN_get_rfc3526_prime_2048 },
        { 15, BN_get_rfc3526_prime_3072 }, { 16, BN_get_rfc3526_prime_4096 },
    };
    for (size_t i = 0; i < sizeof safe / sizeof safe[0]; i++) {
        size_t length = crypto_group_find(safe[i].id)->public_length;
        BIGNUM *prime = safe[i].prime(NULL), *zero = BN_new();
        assert_non_null(prime);
        assert_non_null(zero);
        expect(safe[i].id, near(zero, 0, length), CRYPTO_ERROR_PUBLIC);
        expect(safe[i].id, near(zero, 1, length), CRYPTO_ERROR_PUBLIC);
        expect(safe[i].id, near(zero, 2, length), CRYPTO_OK);
        expect(safe[i].id, near(prime, -2, length), CRYPTO_OK);
        expect(safe[i].id, near(prime, -1, length), CRYPTO_ERROR_PUBLIC);
        expect(safe[i].id, near(prime, 0, length), CRYPTO_ERROR_PUBLIC);
        expect(safe[i].id, near(prime, 1, length), CRYPTO_ERROR_PUBLIC);
        uint8_t most[CRYPTO_PUBLIC_MAX];
        memset(most, 0xff, sizeof most);
        expect(safe[i].id, bytes_of(most, length), CRYPTO_ERROR_PUBLIC);
        BN_free(prime);
        BN_free(zero);
    }
}

/* Group 24's prime is not safe: a value outside the subgroup of order q leaks the exponent, and is refused. */
static void small_subgroups(void **state)
{
    (void)state;
    struct pair p = exponents(24);
    uint8_t good[CRYPTO_PUBLIC_MAX], two[256] = { [255] = 2 }, one[256] = { [255] = 1 };
    assert_int_equal(crypto_dh_public(24, p.exponent_b, good), CRYPTO_OK);
    expect(24, bytes_of(good, 256), CRYPTO_OK);
    expect(24, bytes_of(two, 256), CRYPTO_ERROR_PUBLIC);
    expect(24, bytes_of(one, 256), CRYPTO_ERROR_PUBLIC);
    good[255] ^= 1;
    expect(24, bytes_of(good, 256), CRYPTO_ERROR_PUBLIC);
}

/* A valid point of the curve as x | y: the generator. */
static EC_GROUP *curve_and_generator(const struct crypto_group_row *row, uint8_t *out)
{
    EC_GROUP *curve = EC_GROUP_new_by_curve_name(EC_curve_nist2nid(row->curve));
    BIGNUM *x = BN_new(), *y = BN_new();
    assert_true(curve && x && y);
    assert_int_equal(EC_POINT_get_affine_coordinates(curve, EC_GROUP_get0_generator(curve), x, y, NULL), 1);
    assert_int_equal(BN_bn2binpad(x, out, row->shared_length), row->shared_length);
    assert_int_equal(BN_bn2binpad(y, out + row->shared_length, row->shared_length), row->shared_length);
    BN_free(x);
    BN_free(y);
    return curve;
}

/* Puts coordinate + the field's prime where it fits: the same point modulo the prime, and yet no valid encoding. */
static bool coordinate_unreduced(const EC_GROUP *curve, uint8_t *coordinate, int length)
{
    BIGNUM *n = BN_bin2bn(coordinate, length, NULL);
    assert_non_null(n);
    assert_int_equal(BN_add(n, n, EC_GROUP_get0_field(curve)), 1);
    bool fits = BN_bn2binpad(n, coordinate, length) == length;
    BN_free(n);
    return fits;
}

static void ecp_refusals(void **state)
{
    (void)state;
    unsigned unreduced = 0;
    for (crypto_group id = 19; id <= 21; id++) {
        const struct crypto_group_row *row = crypto_group_find(id);
        uint8_t good[CRYPTO_PUBLIC_MAX], bad[CRYPTO_PUBLIC_MAX];
        size_t length = row->public_length;
        EC_GROUP *curve = curve_and_generator(row, good);
        expect(id, bytes_of(good, length), CRYPTO_OK);
        for (size_t at = 0; at < length; at += 7) {
            memcpy(bad, good, length);
            bad[at] ^= 1;
            expect(id, bytes_of(bad, length), CRYPTO_ERROR_PUBLIC);
        }
        memset(bad, 0, length);
        expect(id, bytes_of(bad, length), CRYPTO_ERROR_PUBLIC);
        memset(bad, 0xff, length);
        expect(id, bytes_of(bad, length), CRYPTO_ERROR_PUBLIC);
        for (int half = 0; half < 2; half++) {
            memcpy(bad, good, length);
            if (coordinate_unreduced(curve, bad + half * row->shared_length, row->shared_length)) {
                expect(id, bytes_of(bad, length), CRYPTO_ERROR_PUBLIC);
                unreduced++;
            }
        }
        EC_GROUP_free(curve);
    }
    assert_true(unreduced >= 2); /* P-521 has the room */
}

static void lengths(void **state)
{
    (void)state;
    for (size_t i = 0; i < KNOWN; i++) {
        struct pair p = exponents(known[i].id);
        uint8_t value[CRYPTO_PUBLIC_MAX + 1] = { 0 }, out[CRYPTO_SHARED_MAX];
        size_t length = p.row->public_length;
        assert_int_equal(crypto_dh_public(known[i].id, p.exponent_b, value), CRYPTO_OK);
        expect(known[i].id, bytes_of(value, length - 1), CRYPTO_ERROR_LENGTH);
        expect(known[i].id, bytes_of(value, length + 1), CRYPTO_ERROR_LENGTH);
        expect(known[i].id, bytes_of(value, 0), CRYPTO_ERROR_LENGTH);
        size_t exponent = p.row->exponent_length;
        const size_t wrong[] = { 0, exponent - 1, exponent + 1 };
        for (size_t w = 0; w < sizeof wrong / sizeof wrong[0]; w++) {
            uint8_t octets[CRYPTO_EXPONENT_MAX + 1] = { 1 };
            assert_int_equal(crypto_dh_public(known[i].id, bytes_of(octets, wrong[w]), out), CRYPTO_ERROR_LENGTH);
            assert_int_equal(crypto_dh_shared(known[i].id, bytes_of(octets, wrong[w]), bytes_of(value, length), out),
                             CRYPTO_ERROR_LENGTH);
        }
    }
}

static void unknown_group(void **state)
{
    (void)state;
    const crypto_group bad[] = { 0, 1, 3, 17, 18, 22, 23, 25, 31, 65535 };
    uint8_t octets[CRYPTO_PUBLIC_MAX] = { 1 }, out[CRYPTO_PUBLIC_MAX];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(crypto_dh_public(bad[i], bytes_of(octets, 32), out), CRYPTO_ERROR_UNKNOWN);
        assert_int_equal(crypto_dh_shared(bad[i], bytes_of(octets, 32), bytes_of(octets, 256), out), CRYPTO_ERROR_UNKNOWN);
    }
}

/* The exponents 0, 1, n and n + 1 of an ECP group give the generator; all ones give a valid value too. */
static void extreme_exponents(void **state)
{
    (void)state;
    for (size_t i = 0; i < KNOWN; i++) {
        const struct crypto_group_row *row = crypto_group_find(known[i].id);
        uint8_t exponent[CRYPTO_EXPONENT_MAX], out[CRYPTO_PUBLIC_MAX], generator[CRYPTO_PUBLIC_MAX];
        memset(exponent, 0xff, sizeof exponent);
        assert_int_equal(crypto_dh_public(row->id, bytes_of(exponent, row->exponent_length), out), CRYPTO_OK);
        expect(row->id, bytes_of(out, row->public_length), CRYPTO_OK);
        memset(exponent, 0, sizeof exponent);
        assert_int_equal(crypto_dh_public(row->id, bytes_of(exponent, row->exponent_length), out), CRYPTO_OK);
        expect(row->id, bytes_of(out, row->public_length), CRYPTO_OK);
        if (!row->curve)
            continue;
        EC_GROUP *curve = curve_and_generator(row, generator);
        assert_memory_equal(out, generator, row->public_length);
        BIGNUM *order = BN_dup(EC_GROUP_get0_order(curve));
        for (int add = 0; add < 2; add++) {
            assert_int_equal(BN_bn2binpad(order, exponent, row->exponent_length), row->exponent_length);
            assert_int_equal(crypto_dh_public(row->id, bytes_of(exponent, row->exponent_length), out), CRYPTO_OK);
            assert_memory_equal(out, generator, row->public_length);
            assert_int_equal(BN_add_word(order, 1), 1);
        }
        BN_free(order);
        EC_GROUP_free(curve);
    }
}

/* The private value of a case, with the leading zeros that DER adds cut off and those that it drops put back. */
static struct bytes wycheproof_exponent(struct bytes private, size_t length)
{
    static uint8_t out[CRYPTO_EXPONENT_MAX];
    while (private.length > length) {
        assert_int_equal(private.data[0], 0);
        private = bytes_of(private.data + 1, private.length - 1);
    }
    memset(out, 0, sizeof out);
    memcpy(out + length - private.length, private.data, private.length);
    return bytes_of(out, length);
}

static void wycheproof_case(const struct records *r, const struct crypto_group_row *row, unsigned *valid)
{
    const char *result = records_text(r, "result");
    struct bytes point = records_hex(r, "public");
    struct bytes exponent = wycheproof_exponent(records_hex(r, "private"), row->exponent_length);
    bool uncompressed = point.length == 1u + row->public_length && point.data[0] == 4;
    uint8_t shared[CRYPTO_SHARED_MAX];
    /* IKE has no compressed form: such a point is of the wrong length, be it valid or not. */
    struct bytes peer = point.length ? bytes_of(point.data + 1, point.length - 1) : point;
    int got = crypto_dh_shared(row->id, exponent, peer, shared);
    int expected = !uncompressed ? CRYPTO_ERROR_LENGTH : strcmp(result, "valid") == 0 ? CRYPTO_OK : CRYPTO_ERROR_PUBLIC;
    if (got != expected)
        fail_msg("group %u, case %s (%s): %d instead of %d", (unsigned)row->id, records_text(r, "tcId"), result, got, expected);
    if (got != CRYPTO_OK)
        return;
    assert_bytes_equal(bytes_of(shared, row->shared_length), records_hex(r, "shared"));
    ++*valid;
}

static void wycheproof(const char *file, crypto_group id, unsigned expected_cases, unsigned expected_valid)
{
    struct records r;
    unsigned cases = 0, valid = 0;
    records_open(&r, file);
    while (records_next(&r))
        if (records_text(&r, "tcId")) {
            wycheproof_case(&r, crypto_group_find(id), &valid);
            cases++;
        }
    records_close(&r);
    assert_int_equal(cases, expected_cases);
    assert_int_equal(valid, expected_valid);
}

static void wycheproof_p256(void **state)
{
    (void)state;
    wycheproof("wycheproof/ecdh_secp256r1_ecpoint_test.json", 19, 355, 330);
}

static void wycheproof_p384(void **state)
{
    (void)state;
    wycheproof("wycheproof/ecdh_secp384r1_ecpoint_test.json", 20, 790, 771);
}

static int start(void **state) { (void)state; return crypto_start(); }
static int stop(void **state) { (void)state; crypto_stop(); return 0; }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers), cmocka_unit_test(random_pairs_agree), cmocka_unit_test(modp_refusals),
        cmocka_unit_test(small_subgroups), cmocka_unit_test(ecp_refusals),     cmocka_unit_test(lengths),
        cmocka_unit_test(unknown_group), cmocka_unit_test(extreme_exponents),
        cmocka_unit_test(wycheproof_p256), cmocka_unit_test(wycheproof_p384),
    };
    return cmocka_run_group_tests_name("crypto: Diffie-Hellman", tests, start, stop);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash and PRF: known answers of FIPS 180-4 and RFC 2202/4231, NIST's 1,700 IKE version 1 cases with a pre-shared
 * key, and the key stretching and KEYMAT cases of NSS, computed from crypto_prf by the formulas of RFC 2409.
 */
#include "tests/support/test.h"

#include <stdio.h>

#include "crypto/crypto.h"

static const struct known {
    enum crypto_hash id;
    const char *abc;       /* hash("abc") */
    const char *jefe;      /* RFC 4231 4.3 */
    const char *long_key;  /* RFC 4231 4.7: a key of 131 octets */
    const char *empty;     /* prf of nothing with an empty key */
} known[] = {
    { CRYPTO_SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
      "90d0dace1c1bdc957339307803160335bde6df2b", "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d" },
    { CRYPTO_SHA2_256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
      "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad" },
    { CRYPTO_SHA2_384,
      "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
      "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
      "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952",
      "6c1f2ee938fad2e24bd91298474382ca218c75db3d83e114b3d4367776d14d3551289e75e8209cd4b792302840234adc" },
    { CRYPTO_SHA2_512,
      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
      "454d4423643ce80e2a9ac94fa54ca49f",
      "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fd"
      "caeab1a34d4a6b4b636e070a38bce737",
      "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e52"
      "95e64f73f63f0aec8b915a985d786598",
      "b936cee86c9f87aa5d3c6f2e84cb5a4239a5fe50480a6ec66b70ab5b1f4ac6730c6c515421b327ec1d69402e53dfb49a"
      "d7381eb067b338fd7b0cb22247225d47" },
};

static struct bytes text(const char *s) { return bytes_of(s, strlen(s)); }

static struct bytes prf(enum crypto_hash hash, struct bytes key, struct bytes data)
{
    static uint8_t out[CRYPTO_HASH_MAX];
    assert_int_equal(crypto_prf(hash, key, &data, 1, out), CRYPTO_OK);
    return bytes_of(out, crypto_hash_find(hash)->length);
}

static void known_answers(void **state)
{
    (void)state;
    uint8_t long_key[131], out[CRYPTO_HASH_MAX];
    memset(long_key, 0xaa, sizeof long_key);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const struct known *k = &known[i];
        /* In parts, an empty one among them, as the exchanges use it. */
        struct bytes parts[] = { text("a"), text(""), { NULL, 0 }, text("bc") };
        assert_int_equal(crypto_hash(k->id, parts, 4, out), CRYPTO_OK);
        assert_bytes_equal(bytes_of(out, crypto_hash_find(k->id)->length), hex_bytes(k->abc));
        assert_bytes_equal(prf(k->id, text("Jefe"), text("what do ya want for nothing?")), hex_bytes(k->jefe));
        assert_bytes_equal(prf(k->id, bytes_of(long_key, sizeof long_key),
                               text("Test Using Larger Than Block-Size Key - Hash Key First")),
                           hex_bytes(k->long_key));
        assert_bytes_equal(prf(k->id, bytes_of(NULL, 0), bytes_of(NULL, 0)), hex_bytes(k->empty));
        assert_int_equal(crypto_prf(k->id, bytes_of(NULL, 0), NULL, 0, out), CRYPTO_OK);
        assert_bytes_equal(bytes_of(out, crypto_hash_find(k->id)->length), hex_bytes(k->empty));
    }
}

/* Keys of 0 octets to three blocks: a zero-padded key and its unpadded form are one key, up to a block. */
static void key_lengths(void **state)
{
    (void)state;
    uint8_t key[384] = { 0 };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        size_t block = known[i].id <= CRYPTO_SHA2_256 ? 64 : 128;
        struct bytes empty = hex_bytes(known[i].empty);
        for (size_t length = 0; length <= sizeof key; length++) {
            struct bytes got = prf(known[i].id, bytes_of(key, length), bytes_of(NULL, 0));
            if ((length <= block) != bytes_equal(got, empty))
                fail_msg("hash %d with a key of %zu octets", (int)known[i].id, length);
        }
    }
}

/* The output may be the key or a part of the input: K(n+1) = prf(K(n), ...). */
static void output_overlaps(void **state)
{
    (void)state;
    uint8_t k[CRYPTO_HASH_MAX] = "Jefe";
    struct bytes data = text("what do ya want for nothing?");
    assert_int_equal(crypto_prf(CRYPTO_SHA2_256, bytes_of(k, 4), &data, 1, k), CRYPTO_OK);
    assert_bytes_equal(bytes_of(k, 32), hex_bytes(known[1].jefe));
    memcpy(k, "abc", 3);
    struct bytes part = bytes_of(k, 3);
    assert_int_equal(crypto_hash(CRYPTO_SHA2_256, &part, 1, k), CRYPTO_OK);
    assert_bytes_equal(bytes_of(k, 32), hex_bytes(known[1].abc));
}

static void unknown_hash(void **state)
{
    (void)state;
    static const uint8_t zero[CRYPTO_HASH_MAX];
    const int bad[] = { CRYPTO_HASH_NONE, CRYPTO_SHA2_512 + 1, 255, -1 };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t out[CRYPTO_HASH_MAX];
        memset(out, 0x55, sizeof out);
        assert_int_equal(crypto_hash((enum crypto_hash)bad[i], NULL, 0, out), CRYPTO_ERROR_UNKNOWN);
        assert_memory_equal(out, zero, sizeof out);
        memset(out, 0x55, sizeof out);
        assert_int_equal(crypto_prf((enum crypto_hash)bad[i], text("key"), NULL, 0, out), CRYPTO_ERROR_UNKNOWN);
        assert_memory_equal(out, zero, sizeof out);
    }
}

static enum crypto_hash hash_named(const char *name)
{
    static const struct { const char *name; enum crypto_hash id; } names[] = {
        { "SHA-1", CRYPTO_SHA1 },       { "sha1", CRYPTO_SHA1 },
        { "SHA-256", CRYPTO_SHA2_256 }, { "sha256", CRYPTO_SHA2_256 },
        { "SHA-384", CRYPTO_SHA2_384 }, { "sha384", CRYPTO_SHA2_384 },
        { "SHA-512", CRYPTO_SHA2_512 }, { "sha512", CRYPTO_SHA2_512 },
    };
    for (size_t i = 0; name && i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i].name, name) == 0)
            return names[i].id;
    return CRYPTO_HASH_NONE;
}

/* SKEYID_d, _a, _e = prf(SKEYID, [the one before |] g^xy | CKY-I | CKY-R | number); RFC 2409 5. */
static struct bytes skeyid_step(enum crypto_hash hash, struct bytes skeyid, struct bytes before, struct bytes gxy,
                                struct bytes cky_i, struct bytes cky_r, uint8_t number)
{
    static uint8_t out[3][CRYPTO_HASH_MAX];
    struct bytes parts[] = { before, gxy, cky_i, cky_r, bytes_of(&number, 1) };
    assert_int_equal(crypto_prf(hash, skeyid, parts, 5, out[number]), CRYPTO_OK);
    return bytes_of(out[number], crypto_hash_find(hash)->length);
}

static void cavs_case(const struct records *r)
{
    enum crypto_hash hash = hash_named(r->heading);
    assert_int_not_equal(hash, CRYPTO_HASH_NONE);
    struct bytes gxy = records_hex(r, "g^xy"), cky_i = records_hex(r, "CKY_I"), cky_r = records_hex(r, "CKY_R");
    struct bytes nonces[] = { records_hex(r, "Ni"), records_hex(r, "Nr") };
    uint8_t out[CRYPTO_HASH_MAX];
    assert_int_equal(crypto_prf(hash, records_hex(r, "pre-shared-key"), nonces, 2, out), CRYPTO_OK);
    struct bytes skeyid = bytes_of(out, crypto_hash_find(hash)->length);
    struct bytes d = skeyid_step(hash, skeyid, bytes_of(NULL, 0), gxy, cky_i, cky_r, 0);
    struct bytes a = skeyid_step(hash, skeyid, d, gxy, cky_i, cky_r, 1);
    struct bytes e = skeyid_step(hash, skeyid, a, gxy, cky_i, cky_r, 2);
    assert_bytes_equal(skeyid, records_hex(r, "SKEYID"));
    assert_bytes_equal(d, records_hex(r, "SKEYID_d"));
    assert_bytes_equal(a, records_hex(r, "SKEYID_a"));
    assert_bytes_equal(e, records_hex(r, "SKEYID_e"));
}

static void nist_cavs_psk(void **state)
{
    (void)state;
    struct records r;
    unsigned cases = 0;
    records_open(&r, "nss-cavs-ike/ikev1_psk.fax");
    while (records_next(&r))
        if (records_text(&r, "COUNT")) {
            cavs_case(&r);
            cases++;
        }
    records_close(&r);
    assert_int_equal(cases, 1700);
}

/* K1 = prf(key, first), K2 = prf(key, K1 | seed), ...: RFC 2409 appendix B (no seed) and 5.5 (KEYMAT). */
static void stretch(enum crypto_hash hash, struct bytes key, struct bytes first, struct bytes seed, struct bytes expected)
{
    size_t length = crypto_hash_find(hash)->length;
    uint8_t k[CRYPTO_HASH_MAX];
    struct bytes parts[] = { bytes_of(NULL, 0), first };
    for (size_t done = 0; done < expected.length; done += length) {
        size_t left = expected.length - done;
        assert_int_equal(crypto_prf(hash, key, parts, 2, k), CRYPTO_OK);
        assert_memory_equal(k, expected.data + done, left < length ? left : length);
        parts[0] = bytes_of(k, length);
        parts[1] = seed;
    }
}

static void nss_case(const struct records *r)
{
    const char *type = records_text(r, "type");
    enum crypto_hash hash = hash_named(records_text(r, "hash"));
    struct bytes ikm = records_hex(r, "ikm"), okm = records_hex(r, "okm");
    struct bytes ni = records_hex(r, "Ni"), nr = records_hex(r, "Nr");
    static const uint8_t zero[1];
    uint8_t key[1024], out[CRYPTO_HASH_MAX];
    if (strcmp(type, "ikeGxy") == 0) {           /* SKEYID of signatures: prf(Ni | Nr, g^xy) */
        assert_true(ni.length + nr.length <= sizeof key);
        memcpy(key, ni.data, ni.length);
        memcpy(key + ni.length, nr.data, nr.length);
        stretch(hash, bytes_of(key, ni.length + nr.length), ikm, bytes_of(NULL, 0), okm);
    } else if (strcmp(type, "ikeV1Psk") == 0) {
        struct bytes nonces[] = { ni, nr };
        assert_int_equal(crypto_prf(hash, ikm, nonces, 2, out), CRYPTO_OK);
        assert_bytes_equal(bytes_of(out, crypto_hash_find(hash)->length), okm);
    } else if (strcmp(type, "ikeV1") == 0) {     /* Ni and Nr hold the cookies */
        uint8_t number = (uint8_t)atoi(records_text(r, "keyNum"));
        assert_bytes_equal(skeyid_step(hash, ikm, records_hex(r, "prevkm"), records_hex(r, "gxykm"), ni, nr, number), okm);
    } else if (strcmp(type, "ikeV1AppB") == 0) { /* a key that is long enough is cut, not stretched */
        if (okm.length <= ikm.length)
            assert_memory_equal(ikm.data, okm.data, okm.length);
        else
            stretch(hash, ikm, bytes_of(zero, 1), bytes_of(NULL, 0), okm);
    } else {
        assert_string_equal(type, "ikeV1AppBQuick");
        stretch(hash, ikm, bytes_of(zero, 1), bytes_of(zero, 1), okm);
    }
}

static void nss_stretching(void **state)
{
    (void)state;
    struct records r;
    unsigned cases = 0;
    records_open(&r, "nss-ike-appb/nss_ikev1.json");
    while (records_next(&r)) {
        /* The file's "0" stands for one zero octet, which the formulas above put in themselves. */
        nss_case(&r);
        cases++;
    }
    records_close(&r);
    assert_int_equal(cases, 48);
}

static int start(void **state) { (void)state; return crypto_start(); }
static int stop(void **state) { (void)state; crypto_stop(); return 0; }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers), cmocka_unit_test(key_lengths),  cmocka_unit_test(output_overlaps),
        cmocka_unit_test(unknown_hash),  cmocka_unit_test(nist_cavs_psk), cmocka_unit_test(nss_stretching),
    };
    return cmocka_run_group_tests_name("crypto: hash and prf", tests, start, stop);
}

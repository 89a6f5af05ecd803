/* SPDX-License-Identifier: Apache-2.0 */
/* The table of algorithms against the numbers of the IANA registries and the spellings of Libreswan 4.12. */
#include "tests/support/test.h"

#include <ctype.h>

#include "crypto/algs.h"

static void ciphers(void **state)
{
    (void)state;
    const struct crypto_cipher_row *cbc = crypto_cipher_find(CRYPTO_AES_CBC), *gcm = crypto_cipher_find(CRYPTO_AES_GCM_16);
    assert_true(cbc && gcm);
    assert_ptr_equal(crypto_cipher_find_ike(7), cbc);
    assert_ptr_equal(crypto_cipher_find_esp(12), cbc);
    assert_ptr_equal(crypto_cipher_find_esp(20), gcm);
    for (unsigned n = 0; n < 256; n++) {
        assert_true(n == 7 || !crypto_cipher_find_ike((uint16_t)n));
        assert_true(n == 12 || n == 20 || !crypto_cipher_find_esp((uint8_t)n));
    }
    assert_string_equal(cbc->kernel, "cbc(aes)");
    assert_string_equal(gcm->kernel, "rfc4106(gcm(aes))");
    assert_true(cbc->block == 16 && cbc->iv == 16 && cbc->salt == 0 && cbc->icv == 0);
    assert_true(gcm->iv == 8 && gcm->salt == 4 && gcm->icv == 16);
    assert_null(crypto_cipher_find(CRYPTO_CIPHER_NONE));
    for (unsigned bits = 0; bits < 1024; bits++) {
        bool fits = bits == 128 || bits == 192 || bits == 256;
        assert_int_equal(crypto_cipher_takes(cbc, bits), fits);
        assert_int_equal(crypto_cipher_takes(gcm, bits), fits);
    }
}

static void hashes(void **state)
{
    (void)state;
    static const struct { enum crypto_hash id; uint16_t ike, esp; uint8_t length; uint16_t icv_bits; const char *kernel; } rows[] = {
        { CRYPTO_SHA1, 2, 2, 20, 96, "hmac(sha1)" },       { CRYPTO_SHA2_256, 4, 5, 32, 128, "hmac(sha256)" },
        { CRYPTO_SHA2_384, 5, 6, 48, 192, "hmac(sha384)" }, { CRYPTO_SHA2_512, 6, 7, 64, 256, "hmac(sha512)" },
    };
    for (size_t i = 0; i < 4; i++) {
        const struct crypto_hash_row *row = crypto_hash_find(rows[i].id);
        assert_non_null(row);
        assert_ptr_equal(crypto_hash_find_ike(rows[i].ike), row);
        assert_ptr_equal(crypto_hash_find_esp(rows[i].esp), row);
        assert_int_equal(row->length, rows[i].length);
        assert_int_equal(row->icv_bits, rows[i].icv_bits);
        assert_string_equal(row->kernel, rows[i].kernel);
        assert_int_equal(row->weak != NULL, row->id == CRYPTO_SHA1);
    }
    assert_null(crypto_hash_find(CRYPTO_HASH_NONE));
    const uint16_t unknown[] = { 0, 1, 3, 8, 255, 258, 65535 };
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        assert_null(crypto_hash_find_ike(unknown[i]));
        assert_null(crypto_hash_find_esp(unknown[i]));
    }
    assert_null(crypto_hash_find_ike(7));
    assert_null(crypto_hash_find_esp(4));
}

/* Strength in bits by SP 800-57 part 1 and RFC 3526 8; the exponent must have at least twice as many. */
static void groups(void **state)
{
    (void)state;
    static const struct { crypto_group id; uint16_t public_length, shared_length; unsigned strength; bool weak; } rows[] = {
        { 2, 128, 128, 80, true },   { 5, 192, 192, 120, false }, { 14, 256, 256, 112, false },
        { 15, 384, 384, 130, false }, { 16, 512, 512, 150, false }, { 19, 64, 32, 128, false },
        { 20, 96, 48, 192, false },  { 21, 132, 66, 256, false }, { 24, 256, 256, 112, true },
    };
    enum { ROWS = sizeof rows / sizeof rows[0] };
    unsigned found = 0;
    for (unsigned id = 0; id <= UINT16_MAX; id++)
        found += crypto_group_find((crypto_group)id) != NULL;
    assert_int_equal(found, ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        const struct crypto_group_row *row = crypto_group_find(rows[i].id);
        assert_non_null(row);
        assert_int_equal(row->public_length, rows[i].public_length);
        assert_int_equal(row->shared_length, rows[i].shared_length);
        assert_true(row->exponent_length * 8u >= 2 * rows[i].strength);
        assert_true(row->exponent_length <= CRYPTO_EXPONENT_MAX && row->public_length <= CRYPTO_PUBLIC_MAX);
        assert_int_equal(row->weak != NULL, rows[i].weak);
    }
}

static const struct spelling {
    const char *name;
    int id, esp_id; /* 0: refused */
} hash_spellings[] = {
    { "sha", CRYPTO_SHA1, CRYPTO_SHA1 },
    { "sha1", CRYPTO_SHA1, CRYPTO_SHA1 },
    { "hmac_sha1", CRYPTO_SHA1, CRYPTO_SHA1 },
    { "sha1_96", 0, CRYPTO_SHA1 },
    { "sha2", CRYPTO_SHA2_256, CRYPTO_SHA2_256 },
    { "sha256", CRYPTO_SHA2_256, CRYPTO_SHA2_256 },
    { "sha2_256", CRYPTO_SHA2_256, CRYPTO_SHA2_256 },
    { "hmac_sha2_256", CRYPTO_SHA2_256, CRYPTO_SHA2_256 },
    { "sha2_256_128", 0, CRYPTO_SHA2_256 },
    { "sha384", CRYPTO_SHA2_384, CRYPTO_SHA2_384 },
    { "sha2_384", CRYPTO_SHA2_384, CRYPTO_SHA2_384 },
    { "hmac_sha2_384", CRYPTO_SHA2_384, CRYPTO_SHA2_384 },
    { "sha2_384_192", 0, CRYPTO_SHA2_384 },
    { "sha512", CRYPTO_SHA2_512, CRYPTO_SHA2_512 },
    { "sha2_512", CRYPTO_SHA2_512, CRYPTO_SHA2_512 },
    { "hmac_sha2_512", CRYPTO_SHA2_512, CRYPTO_SHA2_512 },
    { "sha2_512_256", 0, CRYPTO_SHA2_512 },
    { "md5", 0, 0 }, { "sha3", 0, 0 }, { "sha-256", 0, 0 }, { "", 0, 0 }, { "sha2_", 0, 0 }, { "sha38", 0, 0 }, { "null", 0, 0 },
};

static const struct spelling group_spellings[] = {
    { "modp1024", 2, 0 }, { "dh2", 2, 0 }, { "modp1536", 5, 0 }, { "dh5", 5, 0 }, { "modp2048", 14, 0 }, { "dh14", 14, 0 },
    { "modp3072", 15, 0 }, { "dh15", 15, 0 }, { "modp4096", 16, 0 }, { "dh16", 16, 0 },
    { "ecp256", 19, 0 }, { "ecp_256", 19, 0 }, { "dh19", 19, 0 }, { "ecp384", 20, 0 }, { "ecp_384", 20, 0 }, { "dh20", 20, 0 },
    { "ecp521", 21, 0 }, { "ecp_521", 21, 0 }, { "dh21", 21, 0 }, { "dh24", 24, 0 },
    { "dh1", 0, 0 }, { "dh", 0, 0 }, { "dh05", 0, 0 }, { "modp1536!", 0, 0 }, { "modp153", 0, 0 }, { "", 0, 0 },
    { "modp768", 0, 0 }, { "dh22", 0, 0 }, { "dh31", 0, 0 }, { "curve25519", 0, 0 }, { "ecp512", 0, 0 },
};

static const struct spelling cipher_spellings[] = {
    { "aes", CRYPTO_AES_CBC, 0 }, { "aes_cbc", CRYPTO_AES_CBC, 0 }, { "aes_gcm", CRYPTO_AES_GCM_16, 0 },
    { "aes_gcm_16", CRYPTO_AES_GCM_16, 0 }, { "aes_gcm_c", CRYPTO_AES_GCM_16, 0 },
    { "aes_gcm_a", 0, 0 }, { "aes_gcm_8", 0, 0 }, { "aes_gcm_12", 0, 0 }, { "3des", 0, 0 }, { "aes256", 0, 0 },
    { "aes_", 0, 0 }, { "ae", 0, 0 }, { "", 0, 0 }, { "aes-gcm", 0, 0 },
};

static int hash_id(const char *name, bool esp)
{
    const struct crypto_hash_row *row = crypto_hash_find_name(name, strlen(name), esp);
    return row ? (int)row->id : 0;
}

static int group_id(const char *name)
{
    const struct crypto_group_row *row = crypto_group_find_name(name, strlen(name));
    return row ? row->id : 0;
}

static int cipher_id(const char *name)
{
    const struct crypto_cipher_row *row = crypto_cipher_find_name(name, strlen(name));
    return row ? (int)row->id : 0;
}

static const char *upper(const char *name)
{
    static char out[64];
    size_t i = 0;
    for (; name[i]; i++)
        out[i] = (char)toupper((unsigned char)name[i]);
    out[i] = '\0';
    return out;
}

static void spellings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hash_spellings / sizeof hash_spellings[0]; i++) {
        const struct spelling *s = &hash_spellings[i];
        if (hash_id(s->name, false) != s->id || hash_id(s->name, true) != s->esp_id || hash_id(upper(s->name), true) != s->esp_id)
            fail_msg("hash '%s'", s->name);
    }
    for (size_t i = 0; i < sizeof group_spellings / sizeof group_spellings[0]; i++) {
        const struct spelling *s = &group_spellings[i];
        if (group_id(s->name) != s->id || group_id(upper(s->name)) != s->id)
            fail_msg("group '%s'", s->name);
    }
    for (size_t i = 0; i < sizeof cipher_spellings / sizeof cipher_spellings[0]; i++) {
        const struct spelling *s = &cipher_spellings[i];
        if (cipher_id(s->name) != s->id || cipher_id(upper(s->name)) != s->id)
            fail_msg("cipher '%s'", s->name);
    }
}

/* A name is a span in the middle of a line: what follows it, even a zero, does not count. */
static void names_are_spans(void **state)
{
    (void)state;
    assert_int_equal(crypto_group_find_name("dh20-dh14", 4)->id, 20);
    assert_null(crypto_group_find_name("dh20\0dh14", 9));
    assert_int_equal(crypto_group_find_name("dh20", 3)->id, 2);
    assert_int_equal(crypto_hash_find_name("sha2_384;modp1536", 8, false)->id, CRYPTO_SHA2_384);
    assert_int_equal(crypto_cipher_find_name("aes_gcm256", 7)->id, CRYPTO_AES_GCM_16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ciphers), cmocka_unit_test(hashes), cmocka_unit_test(groups),
        cmocka_unit_test(spellings), cmocka_unit_test(names_are_spans),
    };
    return cmocka_run_group_tests_name("crypto: the table of algorithms", tests, NULL, NULL);
}

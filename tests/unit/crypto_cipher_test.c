/* SPDX-License-Identifier: Apache-2.0 */
/* AES-CBC: known answers of NIST SP 800-38A F.2 and RFC 3602 4, in place and apart, and what is refused. */
#include "tests/support/test.h"

#include "crypto/crypto.h"

static const char plain_38a[] = "6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51"
                                "30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710";

static const struct known {
    const char *key, *iv, *plain, *cipher;
} known[] = {
    { "2b7e151628aed2a6abf7158809cf4f3c", "000102030405060708090a0b0c0d0e0f", plain_38a,
      "7649abac8119b246cee98e9b12e9197d 5086cb9b507219ee95db113a917678b2"
      "73bed6b8e3c1743b7116e69e22229516 3ff1caa1681fac09120eca307586e1a7" },
    { "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b", "000102030405060708090a0b0c0d0e0f", plain_38a,
      "4f021db243bc633d7178183a9fa071e8 b4d9ada9ad7dedf4e5e738763f69145a"
      "571b242012fb7ae07fa9baac3df102e0 08b0e27988598881d920a9e64f5615cd" },
    { "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", "000102030405060708090a0b0c0d0e0f", plain_38a,
      "f58c4c04d6e5f1ba779eabfb5f7bfbd6 9cfc4e967edb808d679f777bc6702c7d"
      "39f23369a9d9bacfa530e26304231461 b2eb05e2c39be9fcda6c19078c6a9d1b" },
    { "06a9214036b8a15b512e03d534120006", "3dafba429d9eb430b422da802c9fac41",
      "53696e676c6520626c6f636b206d7367", "e353779c1079aeb82708942dbe77181a" },
};

enum { KNOWN = sizeof known / sizeof known[0] };

static void known_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < KNOWN; i++) {
        struct bytes key = hex_bytes(known[i].key), iv = hex_bytes(known[i].iv);
        struct bytes plain = hex_bytes(known[i].plain), cipher = hex_bytes(known[i].cipher);
        uint8_t out[64], place[64];
        assert_int_equal(crypto_cbc_encrypt(key, iv.data, plain, out), CRYPTO_OK);
        assert_bytes_equal(bytes_of(out, plain.length), cipher);
        assert_int_equal(crypto_cbc_decrypt(key, iv.data, cipher, out), CRYPTO_OK);
        assert_bytes_equal(bytes_of(out, plain.length), plain);
        memcpy(place, plain.data, plain.length);
        assert_int_equal(crypto_cbc_encrypt(key, iv.data, bytes_of(place, plain.length), place), CRYPTO_OK);
        assert_bytes_equal(bytes_of(place, plain.length), cipher);
        assert_int_equal(crypto_cbc_decrypt(key, iv.data, bytes_of(place, plain.length), place), CRYPTO_OK);
        assert_bytes_equal(bytes_of(place, plain.length), plain);
    }
}

/* Two calls, the second with the last block as its IV, give what one call gives: IKE's chain over messages. */
static void chain(void **state)
{
    (void)state;
    struct bytes key = hex_bytes(known[2].key), plain = hex_bytes(plain_38a), cipher = hex_bytes(known[2].cipher);
    uint8_t out[64];
    assert_int_equal(crypto_cbc_encrypt(key, hex_bytes(known[2].iv).data, bytes_of(plain.data, 32), out), CRYPTO_OK);
    assert_int_equal(crypto_cbc_encrypt(key, out + 16, bytes_of(plain.data + 32, 32), out + 32), CRYPTO_OK);
    assert_bytes_equal(bytes_of(out, 64), cipher);
}

static void expect_refused(struct bytes key, struct bytes in)
{
    static const uint8_t iv[CRYPTO_BLOCK], zero[64];
    uint8_t out[64];
    memset(out, 0x55, sizeof out);
    assert_int_equal(crypto_cbc_encrypt(key, iv, in, out), CRYPTO_ERROR_LENGTH);
    assert_memory_equal(out, zero, in.length);
    memset(out, 0x55, sizeof out);
    assert_int_equal(crypto_cbc_decrypt(key, iv, in, out), CRYPTO_ERROR_LENGTH);
    assert_memory_equal(out, zero, in.length);
    for (size_t i = in.length; i < sizeof out; i++)
        assert_int_equal(out[i], 0x55);
}

static void lengths(void **state)
{
    (void)state;
    static const uint8_t octets[64];
    uint8_t out[64], iv[CRYPTO_BLOCK] = { 0 };
    for (size_t key = 0; key <= 33; key++)
        for (size_t length = 0; length <= 48; length++) {
            bool fits = (key == 16 || key == 24 || key == 32) && length % 16 == 0;
            if (!fits)
                expect_refused(bytes_of(octets, key), bytes_of(octets, length));
            else
                assert_int_equal(crypto_cbc_encrypt(bytes_of(octets, key), iv, bytes_of(octets, length), out), CRYPTO_OK);
        }
}

static void nothing_to_do(void **state)
{
    (void)state;
    uint8_t out[1] = { 0x55 }, iv[CRYPTO_BLOCK] = { 0 };
    assert_int_equal(crypto_cbc_decrypt(hex_bytes(known[0].key), iv, bytes_of(NULL, 0), out), CRYPTO_OK);
    assert_int_equal(out[0], 0x55);
}

static int start(void **state) { (void)state; return crypto_start(); }
static int stop(void **state) { (void)state; crypto_stop(); return 0; }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers), cmocka_unit_test(chain),
        cmocka_unit_test(lengths),       cmocka_unit_test(nothing_to_do),
    };
    return cmocka_run_group_tests_name("crypto: AES-CBC", tests, start, stop);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the table of algorithms: one row for each, with every number and name it goes by. Adding an algorithm
 * is adding its row (and, for a cipher or group of a new kind, the code in this folder that carries it out).
 * Numbers: RFC 2409 appendix A, RFC 2407 4.4.4 and 4.5, RFC 3602, RFC 4106 8, RFC 4868 2.6, RFC 5903, RFC 5114.
 */
#include "crypto/algs.h"

#include <string.h>
#include <strings.h>

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static const struct crypto_cipher_row ciphers[] = {
    { .id = CRYPTO_AES_CBC, .name = "AES_CBC", .ike = 7, .esp = 12, .kernel = "cbc(aes)",
      .block = 16, .iv = 16, .key_bits = { 128, 192, 256 } },
    { .id = CRYPTO_AES_GCM_16, .name = "AES_GCM_16", .ike = 0, .esp = 20, .kernel = "rfc4106(gcm(aes))",
      .block = 1, .iv = 8, .salt = 4, .icv = 16, .key_bits = { 128, 192, 256 } },
};

static const struct crypto_hash_row hashes[] = {
    { .id = CRYPTO_SHA1, .name = "SHA1", .ike = 2, .esp = 2, .kernel = "hmac(sha1)", .openssl = "SHA1",
      .length = 20, .icv_bits = 96, .weak = "SHA-1 is being retired everywhere (RFC 8247 2.3); choose sha2_384 or sha2_256" },
    { .id = CRYPTO_SHA2_256, .name = "SHA2_256", .ike = 4, .esp = 5, .kernel = "hmac(sha256)", .openssl = "SHA2-256",
      .length = 32, .icv_bits = 128 },
    { .id = CRYPTO_SHA2_384, .name = "SHA2_384", .ike = 5, .esp = 6, .kernel = "hmac(sha384)", .openssl = "SHA2-384",
      .length = 48, .icv_bits = 192 },
    { .id = CRYPTO_SHA2_512, .name = "SHA2_512", .ike = 6, .esp = 7, .kernel = "hmac(sha512)", .openssl = "SHA2-512",
      .length = 64, .icv_bits = 256 },
};

/*
 * A private value of n bits resists for 2^(n/2) steps, so twice the strength of the group is enough (RFC 3526 8,
 * SP 800-56A rev. 3 5.6.1.1.1); a longer one would only cost time.
 */
static const struct crypto_group_row groups[] = {
    { .id = 2, .name = "MODP1024", .public_length = 128, .shared_length = 128, .exponent_length = 32,
      .weak = "a group of 1024 bits can be broken by a well-funded attacker (RFC 8247 2.4); choose dh20, dh19 or dh14" },
    { .id = 5, .name = "MODP1536", .public_length = 192, .shared_length = 192, .exponent_length = 32 },
    { .id = 14, .name = "MODP2048", .public_length = 256, .shared_length = 256, .exponent_length = 32 },
    { .id = 15, .name = "MODP3072", .public_length = 384, .shared_length = 384, .exponent_length = 40 },
    { .id = 16, .name = "MODP4096", .public_length = 512, .shared_length = 512, .exponent_length = 48 },
    { .id = 19, .name = "ECP256", .public_length = 64, .shared_length = 32, .exponent_length = 32, .curve = "P-256" },
    { .id = 20, .name = "ECP384", .public_length = 96, .shared_length = 48, .exponent_length = 48, .curve = "P-384" },
    { .id = 21, .name = "ECP521", .public_length = 132, .shared_length = 66, .exponent_length = 66, .curve = "P-521" },
    { .id = 24, .name = "DH24", .public_length = 256, .shared_length = 256, .exponent_length = 32,
      .weak = "nobody can tell how the prime of group 24 was chosen, and it has small subgroups (RFC 8247 2.4); "
              "choose dh20, dh19 or dh14" },
};

/* What Libreswan 4.12 takes in ike= and esp=; the key length has been cut off a cipher's name before. */
static const struct cipher_name {
    const char *name;
    enum crypto_cipher id;
} cipher_names[] = {
    { "aes", CRYPTO_AES_CBC },
    { "aes_cbc", CRYPTO_AES_CBC },
    { "aes_gcm", CRYPTO_AES_GCM_16 },
    { "aes_gcm_16", CRYPTO_AES_GCM_16 },
    { "aes_gcm_c", CRYPTO_AES_GCM_16 },
};

static const struct hash_name {
    const char *name;
    enum crypto_hash id;
    bool esp_only; /* names the truncation of ESP */
} hash_names[] = {
    { "sha", CRYPTO_SHA1, false },
    { "sha1", CRYPTO_SHA1, false },
    { "hmac_sha1", CRYPTO_SHA1, false },
    { "sha1_96", CRYPTO_SHA1, true },
    { "hmac_sha1_96", CRYPTO_SHA1, true },
    { "sha2", CRYPTO_SHA2_256, false },
    { "sha256", CRYPTO_SHA2_256, false },
    { "sha2_256", CRYPTO_SHA2_256, false },
    { "hmac_sha2_256", CRYPTO_SHA2_256, false },
    { "sha2_256_128", CRYPTO_SHA2_256, true },
    { "hmac_sha2_256_128", CRYPTO_SHA2_256, true },
    { "sha384", CRYPTO_SHA2_384, false },
    { "sha2_384", CRYPTO_SHA2_384, false },
    { "hmac_sha2_384", CRYPTO_SHA2_384, false },
    { "sha2_384_192", CRYPTO_SHA2_384, true },
    { "hmac_sha2_384_192", CRYPTO_SHA2_384, true },
    { "sha512", CRYPTO_SHA2_512, false },
    { "sha2_512", CRYPTO_SHA2_512, false },
    { "hmac_sha2_512", CRYPTO_SHA2_512, false },
    { "sha2_512_256", CRYPTO_SHA2_512, true },
    { "hmac_sha2_512_256", CRYPTO_SHA2_512, true },
};

static const struct group_name {
    const char *name;
    crypto_group id;
} group_names[] = {
    { "modp1024", 2 }, { "dh2", 2 },
    { "modp1536", 5 }, { "dh5", 5 },
    { "modp2048", 14 }, { "dh14", 14 },
    { "modp3072", 15 }, { "dh15", 15 },
    { "modp4096", 16 }, { "dh16", 16 },
    { "ecp256", 19 }, { "ecp_256", 19 }, { "dh19", 19 },
    { "ecp384", 20 }, { "ecp_384", 20 }, { "dh20", 20 },
    { "ecp521", 21 }, { "ecp_521", 21 }, { "dh21", 21 },
    { "dh24", 24 },
};

const struct crypto_cipher_row *crypto_cipher_find(enum crypto_cipher id)
{
    for (size_t i = 0; i < COUNT(ciphers); i++)
        if (ciphers[i].id == id)
            return &ciphers[i];
    return NULL;
}

const struct crypto_cipher_row *crypto_cipher_find_ike(uint16_t ike)
{
    for (size_t i = 0; i < COUNT(ciphers); i++)
        if (ike != 0 && ciphers[i].ike == ike)
            return &ciphers[i];
    return NULL;
}

const struct crypto_cipher_row *crypto_cipher_find_esp(uint8_t esp)
{
    for (size_t i = 0; i < COUNT(ciphers); i++)
        if (ciphers[i].esp == esp)
            return &ciphers[i];
    return NULL;
}

const struct crypto_hash_row *crypto_hash_find(enum crypto_hash id)
{
    for (size_t i = 0; i < COUNT(hashes); i++)
        if (hashes[i].id == id)
            return &hashes[i];
    return NULL;
}

const struct crypto_hash_row *crypto_hash_find_ike(uint16_t ike)
{
    for (size_t i = 0; i < COUNT(hashes); i++)
        if (hashes[i].ike == ike)
            return &hashes[i];
    return NULL;
}

const struct crypto_hash_row *crypto_hash_find_esp(uint16_t esp)
{
    for (size_t i = 0; i < COUNT(hashes); i++)
        if (hashes[i].esp == esp)
            return &hashes[i];
    return NULL;
}

const struct crypto_group_row *crypto_group_find(crypto_group id)
{
    for (size_t i = 0; i < COUNT(groups); i++)
        if (groups[i].id == id)
            return &groups[i];
    return NULL;
}

bool crypto_cipher_takes(const struct crypto_cipher_row *row, unsigned key_bits)
{
    for (size_t i = 0; i < COUNT(row->key_bits) && row->key_bits[i] != 0; i++)
        if (row->key_bits[i] == key_bits)
            return true;
    return false;
}

static bool is_name(const char *known, const char *name, size_t length)
{
    return strlen(known) == length && strncasecmp(known, name, length) == 0;
}

const struct crypto_cipher_row *crypto_cipher_find_name(const char *name, size_t length)
{
    for (size_t i = 0; i < COUNT(cipher_names); i++)
        if (is_name(cipher_names[i].name, name, length))
            return crypto_cipher_find(cipher_names[i].id);
    return NULL;
}

const struct crypto_hash_row *crypto_hash_find_name(const char *name, size_t length, bool esp)
{
    for (size_t i = 0; i < COUNT(hash_names); i++)
        if (is_name(hash_names[i].name, name, length) && (esp || !hash_names[i].esp_only))
            return crypto_hash_find(hash_names[i].id);
    return NULL;
}

const struct crypto_group_row *crypto_group_find_name(const char *name, size_t length)
{
    for (size_t i = 0; i < COUNT(group_names); i++)
        if (is_name(group_names[i].name, name, length))
            return crypto_group_find(group_names[i].id);
    return NULL;
}

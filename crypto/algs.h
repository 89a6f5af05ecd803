/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of algorithms: numbers on the wire, names in ipsec.conf, in the kernel and in OpenSSL.
 * Plain values; including this draws in no crypto library.
 */
#ifndef CRYPTO_ALGS_H
#define CRYPTO_ALGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum crypto_cipher { CRYPTO_CIPHER_NONE, CRYPTO_AES_CBC, CRYPTO_AES_GCM_16 };
enum crypto_hash { CRYPTO_HASH_NONE, CRYPTO_SHA1, CRYPTO_SHA2_256, CRYPTO_SHA2_384, CRYPTO_SHA2_512 };

/* Diffie-Hellman groups by their IANA number (Group Description, attribute 4): 2 5 14 15 16 19 20 21 24; 0 is none. */
typedef uint16_t crypto_group;

enum {
    CRYPTO_HASH_MAX = 64,      /* octets of the longest hash or PRF output */
    CRYPTO_BLOCK = 16,         /* AES block and CBC IV, octets */
    CRYPTO_KEY_MAX = 32,       /* longest cipher key, octets */
    CRYPTO_PUBLIC_MAX = 512,   /* longest public value: MODP 4096 */
    CRYPTO_SHARED_MAX = 512,   /* longest shared secret */
    CRYPTO_EXPONENT_MAX = 66,  /* longest private value: P-521 */
};

struct crypto_cipher_row {
    enum crypto_cipher id;
    const char *name;          /* "AES_CBC" in logs and status */
    uint16_t ike;              /* phase 1 Encryption Algorithm (attribute 1); 0: not for phase 1 */
    uint8_t esp;               /* ESP transform identifier (RFC 2407 4.4.4, RFC 4106) */
    const char *kernel;        /* "cbc(aes)", "rfc4106(gcm(aes))" */
    uint8_t block, iv, salt, icv; /* octets; icv is 0 unless the cipher authenticates (AEAD) */
    uint16_t key_bits[4];      /* allowed, 0-terminated */
};

struct crypto_hash_row {
    enum crypto_hash id;
    const char *name;          /* "SHA2_384" */
    uint16_t ike;              /* phase 1 Hash Algorithm (attribute 2) */
    uint16_t esp;              /* Authentication Algorithm attribute of phase 2 (attribute 5) */
    const char *kernel;        /* "hmac(sha256)" */
    const char *openssl;       /* "SHA2-256" */
    uint8_t length;            /* octets of hash, PRF and ESP key */
    uint16_t icv_bits;         /* ESP truncation: 96, 128, 192, 256 */
    const char *weak;          /* why asking for it earns a warning, or NULL */
};

struct crypto_group_row {
    crypto_group id;
    const char *name;          /* "MODP1536", "ECP384" */
    uint16_t public_length;    /* octets on the wire (RFC 2409 5, RFC 5903 7) */
    uint16_t shared_length;    /* octets of g^xy */
    uint8_t exponent_length;   /* octets of the private value: at least twice the group's strength */
    const char *curve;         /* OpenSSL's name for an ECP group, NULL for MODP */
    const char *weak;          /* why asking for it earns a warning, or NULL */
};

/* Each returns NULL when there is no such row. */
const struct crypto_cipher_row *crypto_cipher_find(enum crypto_cipher id);
const struct crypto_cipher_row *crypto_cipher_find_ike(uint16_t ike);
const struct crypto_cipher_row *crypto_cipher_find_esp(uint8_t esp);
const struct crypto_hash_row *crypto_hash_find(enum crypto_hash id);
const struct crypto_hash_row *crypto_hash_find_ike(uint16_t ike);
const struct crypto_hash_row *crypto_hash_find_esp(uint16_t esp);
const struct crypto_group_row *crypto_group_find(crypto_group id);

bool crypto_cipher_takes(const struct crypto_cipher_row *row, unsigned key_bits);

/*
 * ipsec.conf spellings (case-insensitive, exact): cipher "aes", "aes_cbc", "aes_gcm", "aes_gcm_16", "aes_gcm_c";
 * hash "sha", "sha1", "hmac_sha1", "sha2", "sha256", "sha2_256", ...; group "modp1536", "dh5", "ecp384", "dh20", ...
 */
const struct crypto_cipher_row *crypto_cipher_find_name(const char *name, size_t length);
const struct crypto_hash_row *crypto_hash_find_name(const char *name, size_t length, bool esp);
const struct crypto_group_row *crypto_group_find_name(const char *name, size_t length);

#endif

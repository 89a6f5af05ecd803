/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys, IVs and hashes of version 1 with a pre-shared key, each as the formula of RFC 2409 says it.
 * All return IKE_OK or IKE_ERR_CRYPTO. "prf" is HMAC with the negotiated hash (RFC 2409 4).
 */
#ifndef IKE_KEYS_V1_H
#define IKE_KEYS_V1_H

#include "base/bytes.h"
#include "crypto/algs.h"
#include "dataplane/dataplane.h"

struct isakmp_keys {
    enum crypto_hash hash;
    uint8_t hash_length;                     /* octets of each SKEYID and of every hash */
    uint8_t key_length;                      /* octets of the cipher key */
    uint8_t skeyid[CRYPTO_HASH_MAX];
    uint8_t skeyid_d[CRYPTO_HASH_MAX];       /* seeds KEYMAT */
    uint8_t skeyid_a[CRYPTO_HASH_MAX];       /* authenticates */
    uint8_t skeyid_e[CRYPTO_HASH_MAX];       /* encrypts */
    uint8_t cipher_key[CRYPTO_KEY_MAX];      /* Ka of RFC 2409 appendix B */
    uint8_t iv[CRYPTO_BLOCK];                /* of the next phase 1 message; after phase 1, its last ciphertext block */
};

struct keys_input {
    enum crypto_hash hash;
    uint16_t key_bits;
    struct bytes psk, nonce_i, nonce_r, public_i, public_r, shared, cookie_i, cookie_r;
};

/* SKEYID and its three children, the cipher key, and the first IV (RFC 2409 5, 5.4, appendix B). */
int keys_v1_derive(struct isakmp_keys *keys, const struct keys_input *in);
/* Ka from SKEYID_e alone, `key_length` octets: cut, or stretched (RFC 2409 appendix B). Part of keys_v1_derive. */
int keys_v1_cipher_key(struct isakmp_keys *keys);
/* HASH_I or HASH_R (RFC 2409 5): `mine` and `theirs` from the view of the one who is authenticated. */
int keys_v1_hash_main(const struct isakmp_keys *keys, struct bytes public_mine, struct bytes public_theirs, struct bytes cookie_mine,
                      struct bytes cookie_theirs, struct bytes sai_b, struct bytes id_b, uint8_t out[CRYPTO_HASH_MAX]);
/* HASH(1) = prf(SKEYID_a, M-ID | rest)   (RFC 2409 5.5, 5.7) */
int keys_v1_hash_1(const struct isakmp_keys *keys, uint32_t message_id, struct bytes rest, uint8_t out[CRYPTO_HASH_MAX]);
/* HASH(2) = prf(SKEYID_a, M-ID | Ni_b | rest) */
int keys_v1_hash_2(const struct isakmp_keys *keys, uint32_t message_id, struct bytes nonce_i, struct bytes rest, uint8_t out[CRYPTO_HASH_MAX]);
/* HASH(3) = prf(SKEYID_a, 0 | M-ID | Ni_b | Nr_b) */
int keys_v1_hash_3(const struct isakmp_keys *keys, uint32_t message_id, struct bytes nonce_i, struct bytes nonce_r, uint8_t out[CRYPTO_HASH_MAX]);
/* The first IV of a phase 2 exchange = hash(last block of phase 1 | M-ID)   (RFC 2409 appendix B) */
int keys_v1_phase2_iv(const struct isakmp_keys *keys, uint32_t message_id, uint8_t iv[CRYPTO_BLOCK]);
/* KEYMAT = prf(SKEYID_d, [g(qm)^xy |] protocol | SPI | Ni_b | Nr_b), iterated (RFC 2409 5.5) */
int keys_v1_keymat(const struct isakmp_keys *keys, struct bytes shared, uint8_t protocol, uint32_t spi, struct bytes nonce_i,
                   struct bytes nonce_r, uint8_t *out, size_t length);

#endif

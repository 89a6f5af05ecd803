/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash, PRF, CBC and Diffie-Hellman as functions over spans; no handles, no hidden state, no allocation that
 * outlives a call, so that what an exchange holds is plain memory. Every function returns 0 or a negative
 * enum crypto_error, and leaves its output zeroed on error. Randomness comes from the caller.
 */
#ifndef CRYPTO_CRYPTO_H
#define CRYPTO_CRYPTO_H

#include "base/bytes.h"
#include "crypto/algs.h"

enum crypto_error {
    CRYPTO_OK = 0,
    CRYPTO_ERROR_UNKNOWN = -1,   /* no such algorithm, or the library refuses it */
    CRYPTO_ERROR_LENGTH = -2,    /* a key, IV, public value or data of the wrong length */
    CRYPTO_ERROR_PUBLIC = -3,    /* a public value outside the group (RFC 6989 2.1, 2.3) */
    CRYPTO_ERROR_LIBRARY = -4,   /* the library failed */
};

/* Once per process before any other call; after it no file is opened, so that a chroot does no harm. */
int crypto_start(void);
void crypto_stop(void);

/* out = hash(part | part | ...); out has CRYPTO_HASH_MAX octets, the row's `length` are set. */
int crypto_hash(enum crypto_hash hash, const struct bytes *parts, size_t count, uint8_t *out);
/* out = prf(key, part | part | ...), the PRF being HMAC (RFC 2409 4). Any key length, 0 included. */
int crypto_prf(enum crypto_hash hash, struct bytes key, const struct bytes *parts, size_t count, uint8_t *out);

/* AES-CBC without padding; `in.length` is a multiple of CRYPTO_BLOCK; `out` may be `in`. */
int crypto_cbc_encrypt(struct bytes key, const uint8_t iv[CRYPTO_BLOCK], struct bytes in, uint8_t *out);
int crypto_cbc_decrypt(struct bytes key, const uint8_t iv[CRYPTO_BLOCK], struct bytes in, uint8_t *out);

/*
 * Diffie-Hellman. `exponent` is `exponent_length` octets of the row, random; the function makes a valid private
 * value of it deterministically. public_value: `public_length` octets, MODP left-padded, ECP x | y without 0x04.
 * shared: `shared_length` octets, ECP x only (RFC 5903 9). The time does not depend on the exponent.
 */
int crypto_dh_public(crypto_group group, struct bytes exponent, uint8_t *public_value);
int crypto_dh_shared(crypto_group group, struct bytes exponent, struct bytes peer_public, uint8_t *shared);

/* Fills with random octets of the library; the daemon's source for struct ike_env. */
int crypto_random(uint8_t *out, size_t length);

#endif

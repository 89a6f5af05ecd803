/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns randomness (crypto_random): the library's generator for private values, seeded by getrandom(2), which
 * reseeds itself after a fork. A failure is never papered over with anything weaker.
 */
#include "crypto/library.h"

#include <limits.h>
#include <openssl/rand.h>

bool crypto_random_start(void)
{
    uint8_t octet;
    return crypto_random(&octet, sizeof octet) == CRYPTO_OK;
}

int crypto_random(uint8_t *out, size_t length)
{
    if (length > INT_MAX) {
        bytes_wipe(out, length);
        return CRYPTO_ERROR_LENGTH;
    }
    if (RAND_priv_bytes(out, (int)length) == 1)
        return CRYPTO_OK;
    bytes_wipe(out, length);
    return crypto_library_failed();
}

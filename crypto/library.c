/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the start and the end of the use of OpenSSL (crypto_start, crypto_stop). Everything that the library
 * would read or look up on first use (its configuration, its providers, the algorithms, the seed of its random
 * generators) is drawn in at the start: a process that has changed its root afterwards needs no file.
 */
#include "crypto/library.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

int crypto_library_failed(void)
{
    ERR_clear_error();
    return CRYPTO_ERROR_LIBRARY;
}

int crypto_start(void)
{
    crypto_stop();
    uint64_t now = OPENSSL_INIT_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_ADD_ALL_CIPHERS |
                   OPENSSL_INIT_ADD_ALL_DIGESTS;
    if (OPENSSL_init_crypto(now, NULL) == 1 && crypto_hash_start() && crypto_cipher_start() && crypto_dh_start() &&
        crypto_random_start())
        return CRYPTO_OK;
    crypto_stop();
    return crypto_library_failed();
}

void crypto_stop(void)
{
    crypto_hash_stop();
    crypto_cipher_stop();
    crypto_dh_stop();
}

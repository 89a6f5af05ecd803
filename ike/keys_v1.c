/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the key schedule of IKEv1 with a pre-shared key. RFC 2409 5 (SKEYID, HASH_I, HASH_R), 5.5 (HASH(1..3),
 * KEYMAT), appendix B (cipher key, IVs). Entry points: those of the header. Nothing is kept here.
 */
#include "ike/keys_v1.h"

#include "crypto/crypto.h"
#include "ike/err.h"

#define PARTS(...) (const struct bytes[]){ __VA_ARGS__ }, sizeof((const struct bytes[]){ __VA_ARGS__ }) / sizeof(struct bytes)

static int checked(int crypto_result)
{
    return crypto_result == CRYPTO_OK ? IKE_OK : IKE_ERR_CRYPTO;
}

static struct bytes number(uint8_t out[4], uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (24 - 8 * i));
    return bytes_of(out, 4);
}

static struct bytes of(const struct isakmp_keys *keys, const uint8_t *skeyid)
{
    return bytes_of(skeyid, keys->hash_length);
}

/* Ka: SKEYID_e cut, or K1 | K2 | .. with K1 = prf(SKEYID_e, 0), Kn = prf(SKEYID_e, Kn-1)   (RFC 2409 appendix B) */
int keys_v1_cipher_key(struct isakmp_keys *keys)
{
    if (keys->key_length <= keys->hash_length) {
        memcpy(keys->cipher_key, keys->skeyid_e, keys->key_length);
        return IKE_OK;
    }
    uint8_t k[CRYPTO_HASH_MAX] = { 0 };
    struct bytes previous = bytes_of(k, 1);
    int err = IKE_OK;
    for (size_t done = 0; !err && done < keys->key_length; done += keys->hash_length) {
        err = checked(crypto_prf(keys->hash, of(keys, keys->skeyid_e), &previous, 1, k));
        previous = bytes_of(k, keys->hash_length);
        size_t left = keys->key_length - done;
        memcpy(keys->cipher_key + done, k, left < keys->hash_length ? left : keys->hash_length);
    }
    bytes_wipe(k, sizeof k);
    return err;
}

int keys_v1_derive(struct isakmp_keys *keys, const struct keys_input *in)
{
    const struct crypto_hash_row *row = crypto_hash_find(in->hash);
    if (!row || in->key_bits > 8 * CRYPTO_KEY_MAX)
        return IKE_ERR_CRYPTO;
    memset(keys, 0, sizeof *keys);
    keys->hash = in->hash;
    keys->hash_length = row->length;
    keys->key_length = (uint8_t)(in->key_bits / 8);

    static const uint8_t octet[] = { 0, 1, 2 };
    struct bytes zero = bytes_of(&octet[0], 1), one = bytes_of(&octet[1], 1), two = bytes_of(&octet[2], 1);
    struct bytes skeyid = of(keys, keys->skeyid), d = of(keys, keys->skeyid_d), a = of(keys, keys->skeyid_a);
    struct bytes gxy = in->shared, cky_i = in->cookie_i, cky_r = in->cookie_r;
    uint8_t iv[CRYPTO_HASH_MAX];

    /* SKEYID   = prf(pre-shared-key, Ni_b | Nr_b)
     * SKEYID_d = prf(SKEYID, g^xy | CKY-I | CKY-R | 0)
     * SKEYID_a = prf(SKEYID, SKEYID_d | g^xy | CKY-I | CKY-R | 1)
     * SKEYID_e = prf(SKEYID, SKEYID_a | g^xy | CKY-I | CKY-R | 2)
     * IV       = hash(g^xi | g^xr) */
    int r = crypto_prf(in->hash, in->psk, PARTS(in->nonce_i, in->nonce_r), keys->skeyid);
    r = r ? r : crypto_prf(in->hash, skeyid, PARTS(gxy, cky_i, cky_r, zero), keys->skeyid_d);
    r = r ? r : crypto_prf(in->hash, skeyid, PARTS(d, gxy, cky_i, cky_r, one), keys->skeyid_a);
    r = r ? r : crypto_prf(in->hash, skeyid, PARTS(a, gxy, cky_i, cky_r, two), keys->skeyid_e);
    r = r ? r : crypto_hash(in->hash, PARTS(in->public_i, in->public_r), iv);
    if (!r)
        memcpy(keys->iv, iv, CRYPTO_BLOCK);
    return r ? IKE_ERR_CRYPTO : keys_v1_cipher_key(keys);
}

int keys_v1_hash_main(const struct isakmp_keys *keys, struct bytes public_mine, struct bytes public_theirs, struct bytes cookie_mine,
                      struct bytes cookie_theirs, struct bytes sai_b, struct bytes id_b, uint8_t out[CRYPTO_HASH_MAX])
{
    return checked(crypto_prf(keys->hash, of(keys, keys->skeyid),
                              PARTS(public_mine, public_theirs, cookie_mine, cookie_theirs, sai_b, id_b), out));
}

int keys_v1_hash_1(const struct isakmp_keys *keys, uint32_t message_id, struct bytes rest, uint8_t out[CRYPTO_HASH_MAX])
{
    uint8_t m[4];
    return checked(crypto_prf(keys->hash, of(keys, keys->skeyid_a), PARTS(number(m, message_id), rest), out));
}

int keys_v1_hash_2(const struct isakmp_keys *keys, uint32_t message_id, struct bytes nonce_i, struct bytes rest, uint8_t out[CRYPTO_HASH_MAX])
{
    uint8_t m[4];
    struct bytes m_id = number(m, message_id);
    return checked(crypto_prf(keys->hash, of(keys, keys->skeyid_a), PARTS(m_id, nonce_i, rest), out));
}

int keys_v1_hash_3(const struct isakmp_keys *keys, uint32_t message_id, struct bytes nonce_i, struct bytes nonce_r, uint8_t out[CRYPTO_HASH_MAX])
{
    uint8_t m[4];
    static const uint8_t octet = 0;
    struct bytes m_id = number(m, message_id), zero = bytes_of(&octet, 1);
    return checked(crypto_prf(keys->hash, of(keys, keys->skeyid_a), PARTS(zero, m_id, nonce_i, nonce_r), out));
}

int keys_v1_phase2_iv(const struct isakmp_keys *keys, uint32_t message_id, uint8_t iv[CRYPTO_BLOCK])
{
    uint8_t m[4], out[CRYPTO_HASH_MAX];
    struct bytes m_id = number(m, message_id), last = bytes_of(keys->iv, CRYPTO_BLOCK);
    int err = checked(crypto_hash(keys->hash, PARTS(last, m_id), out));
    if (!err)
        memcpy(iv, out, CRYPTO_BLOCK);
    return err;
}

int keys_v1_keymat(const struct isakmp_keys *keys, struct bytes shared, uint8_t protocol, uint32_t spi, struct bytes nonce_i,
                   struct bytes nonce_r, uint8_t *out, size_t length)
{
    uint8_t s[4], k[CRYPTO_HASH_MAX];
    struct bytes previous = bytes_of(NULL, 0), p = bytes_of(&protocol, 1), spi_b = number(s, spi);
    int err = IKE_OK;
    /* K1 = prf(SKEYID_d, [g(qm)^xy |] protocol | SPI | Ni_b | Nr_b), Kn = prf(SKEYID_d, Kn-1 | the same) */
    for (size_t done = 0; !err && done < length; done += keys->hash_length) {
        err = checked(crypto_prf(keys->hash, of(keys, keys->skeyid_d), PARTS(previous, shared, p, spi_b, nonce_i, nonce_r), k));
        previous = bytes_of(k, keys->hash_length);
        memcpy(out + done, k, length - done < keys->hash_length ? length - done : keys->hash_length);
    }
    bytes_wipe(k, sizeof k);
    return err;
}

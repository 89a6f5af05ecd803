/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the table of algorithms that are refused by name, so that "not known" is said of nothing that exists. */
#include "conf/refusals.h"

#include <string.h>

struct refused {
    const char *name, *why;
};

static const struct refused ciphers[] = {
    { "3des", "3DES is slow and its 64-bit blocks leak after some gigabytes (RFC 8221 5); write aes256" },
    { "des", "DES is broken; write aes256" },
    { "aes_gcm_a", "OCI has GCM with a 16-byte check value only; write aes_gcm256" },
    { "aes_gcm_8", "OCI has GCM with a 16-byte check value only; write aes_gcm256" },
    { "aes_gcm_b", "OCI has GCM with a 16-byte check value only; write aes_gcm256" },
    { "aes_gcm_12", "OCI has GCM with a 16-byte check value only; write aes_gcm256" },
    { "aes_ctr", "OCI does not offer AES-CTR; write aes_gcm256 or aes256" },
    { "aes_ccm", "OCI does not offer AES-CCM; write aes_gcm256" },
    { "aes_ccm_a", "OCI does not offer AES-CCM; write aes_gcm256" },
    { "aes_ccm_b", "OCI does not offer AES-CCM; write aes_gcm256" },
    { "aes_ccm_c", "OCI does not offer AES-CCM; write aes_gcm256" },
    { "aes_ccm_8", "OCI does not offer AES-CCM; write aes_gcm256" },
    { "aes_ccm_12", "OCI does not offer AES-CCM; write aes_gcm256" },
    { "aes_ccm_16", "OCI does not offer AES-CCM; write aes_gcm256" },
    { "null_auth_aes_gmac", "it does not encrypt; write aes_gcm256" },
    { "chacha20_poly1305", "OCI does not offer ChaCha20 in IKEv1; write aes_gcm256" },
    { "chacha20poly1305", "this is strongSwan's spelling, and OCI does not offer ChaCha20; write aes_gcm256" },
    { "camellia", "OCI does not offer Camellia; write aes256" },
    { "camellia_cbc", "OCI does not offer Camellia; write aes256" },
    { "cast", "CAST is gone from Libreswan too; write aes256" },
    { "twofish", "Twofish is gone from Libreswan too; write aes256" },
    { "serpent", "Serpent is gone from Libreswan too; write aes256" },
    { "blowfish", "Blowfish is gone from Libreswan too; write aes256" },
    { "null", "it does not encrypt; write aes_gcm256" },
    { NULL, NULL },
};

static const struct refused hashes[] = {
    { "md5", "MD5 is broken; write sha2_256" },
    { "hmac_md5", "MD5 is broken; write sha2_256" },
    { "aes_xcbc", "OCI does not offer AES-XCBC; write sha2_256" },
    { "aes_xcbc_96", "OCI does not offer AES-XCBC; write sha2_256" },
    { "aes_cmac", "OCI does not offer AES-CMAC; write sha2_256" },
    { "aes_cmac_96", "OCI does not offer AES-CMAC; write sha2_256" },
    { "prfsha1", "this is strongSwan's spelling; the hash is the PRF here; leave it out" },
    { "prfsha256", "this is strongSwan's spelling; the hash is the PRF here; leave it out" },
    { "prfsha384", "this is strongSwan's spelling; the hash is the PRF here; leave it out" },
    { "prfsha512", "this is strongSwan's spelling; the hash is the PRF here; leave it out" },
    { NULL, NULL },
};

static const struct refused groups[] = {
    { "modp768", "a group of 768 bits is broken; write dh20, dh14 or dh5" },
    { "dh1", "a group of 768 bits is broken; write dh20, dh14 or dh5" },
    { "dh17", "OCI does not offer group 17; write dh20" },
    { "modp6144", "OCI does not offer group 17; write dh20" },
    { "dh18", "OCI does not offer group 18; write dh20" },
    { "modp8192", "OCI does not offer group 18; write dh20" },
    { "dh22", "group 22 is broken; write dh20" },
    { "dh23", "group 23 has small subgroups; write dh20" },
    { "dh31", "OCI does not offer Curve25519 in IKEv1; write dh20" },
    { "curve25519", "OCI does not offer Curve25519 in IKEv1; write dh20" },
    { "x25519", "this is strongSwan's spelling, and OCI does not offer Curve25519; write dh20" },
    { "none", "a proposal without a group is written without the last part" },
    { "null", "a proposal without a group is written without the last part" },
    { NULL, NULL },
};

static const struct refused *const kinds[] = {
    [REFUSAL_CIPHER] = ciphers,
    [REFUSAL_HASH] = hashes,
    [REFUSAL_GROUP] = groups,
};

const char *refusal_find(enum refusal_kind kind, const char *name)
{
    for (const struct refused *row = kinds[kind]; row->name; row++)
        if (strcasecmp(row->name, name) == 0)
            return row->why;
    return NULL;
}

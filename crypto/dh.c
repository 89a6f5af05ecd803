/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns Diffie-Hellman (crypto_dh_public, crypto_dh_shared): the MODP groups of RFC 2409 6.2, RFC 3526 and
 * RFC 5114 2.3, and the ECP groups of RFC 5903. The primes' Montgomery forms and the curves are made at start.
 * One mechanism serves every prime. It calls the constant-time exponentiation itself: OpenSSL's EVP derivation
 * adds a full-length exponentiation to check the peer's value, six times the cost of the rest, where the groups
 * with safe primes need a comparison only (RFC 6989 2.1, SP 800-56A rev. 3 5.6.2.3.2).
 * Invariants: no peer value is used before it is checked; every number that depends on an exponent comes from
 * a BN_CTX, whose numbers the library wipes when it is freed, or is wiped here.
 */
#include "crypto/library.h"

#include <openssl/bn.h>
#include <openssl/ec.h>

struct group {
    const struct crypto_group_row *row;
    BIGNUM *prime, *generator;
    BIGNUM *order;          /* of a small subgroup; NULL for a safe prime */
    BN_MONT_CTX *montgomery;
    EC_GROUP *curve;        /* set for an ECP group, which has none of the above */
};

/* RFC 5114 2.3: a subgroup of 256 bits, so that a peer's value must be shown to lie in it. */
static const char prime_24[] =
    "87A8E61DB4B6663CFFBBD19C651959998CEEF608660DD0F25D2CEED4435E3B00E00DF8F1D61957D4FAF7DF4561B2AA30"
    "16C3D91134096FAA3BF4296D830E9A7C209E0C6497517ABD5A8A9D306BCF67ED91F9E6725B4758C022E0B1EF4275BF7B"
    "6C5BFC11D45F9088B941F54EB1E59BB8BC39A0BF12307F5C4FDB70C581B23F76B63ACAE1CAA6B7902D52526735488A0E"
    "F13C6D9A51BFA4AB3AD8347796524D8EF6A167B5A41825D967E144E5140564251CCACB83E6B486F6B3CA3F7971506026"
    "C0B857F689962856DED4010ABD0BE621C3A3960A54E710C375F26375D7014103A4B54330C198AF126116D2276E11715F"
    "693877FAD7EF09CADB094AE91E1A1597";
static const char generator_24[] =
    "3FB32C9B73134D0B2E77506660EDBD484CA7B18F21EF205407F4793A1A0BA12510DBC15077BE463FFF4FED4AAC0BB555"
    "BE3A6C1B0C6B47B1BC3773BF7E8C6F62901228F8C28CBB18A55AE31341000A650196F931C77A57F2DDF463E5E9EC144B"
    "777DE62AAAB8A8628AC376D282D6ED3864E67982428EBC831D14348F6F2F9193B5045AF2767164E1DFC967C1FB3F2E55"
    "A4BD1BFFE83B9C80D052B985D182EA0ADB2A3B7313D3FE14C8484B1E052588B9B7D2BBD2DF016199ECD06E1557CD0915"
    "B3353BBB64E0EC377FD028370DF92B52C7891428CDC67EB6184B523D1DB246C32F63078490F00EF8D647D148D4795451"
    "5E2327CFEF98C582664B4C0F6CC41659";
static const char order_24[] = "8CF83642A709A097B447997640129DA299B1A47D1EB3750BA308B0FE64F5FBD3";

static const struct source {
    crypto_group id;
    BIGNUM *(*prime)(BIGNUM *); /* NULL: the hexadecimal forms below, or a curve */
    const char *prime_text, *generator_text, *order_text;
} sources[] = {
    { .id = 2, .prime = BN_get_rfc2409_prime_1024, .generator_text = "2" },
    { .id = 5, .prime = BN_get_rfc3526_prime_1536, .generator_text = "2" },
    { .id = 14, .prime = BN_get_rfc3526_prime_2048, .generator_text = "2" },
    { .id = 15, .prime = BN_get_rfc3526_prime_3072, .generator_text = "2" },
    { .id = 16, .prime = BN_get_rfc3526_prime_4096, .generator_text = "2" },
    { .id = 19 },
    { .id = 20 },
    { .id = 21 },
    { .id = 24, .prime_text = prime_24, .generator_text = generator_24, .order_text = order_24 },
};

enum { GROUPS = sizeof sources / sizeof sources[0] };

static struct group groups[GROUPS];

static bool modp_start(struct group *g, const struct source *source, BN_CTX *scratch)
{
    if (source->prime)
        g->prime = source->prime(NULL);
    else if (BN_hex2bn(&g->prime, source->prime_text) == 0)
        return false;
    if (source->order_text && BN_hex2bn(&g->order, source->order_text) == 0)
        return false;
    g->montgomery = BN_MONT_CTX_new();
    return g->prime && g->montgomery && BN_hex2bn(&g->generator, source->generator_text) != 0 &&
           BN_num_bytes(g->prime) == g->row->public_length && BN_MONT_CTX_set(g->montgomery, g->prime, scratch) == 1;
}

static bool group_start(struct group *g, const struct source *source, BN_CTX *scratch)
{
    g->row = crypto_group_find(source->id);
    if (!g->row->curve)
        return modp_start(g, source, scratch);
    g->curve = EC_GROUP_new_by_curve_name(EC_curve_nist2nid(g->row->curve));
    return g->curve && (EC_GROUP_get_degree(g->curve) + 7) / 8 == g->row->shared_length;
}

bool crypto_dh_start(void)
{
    BN_CTX *scratch = BN_CTX_new();
    bool ok = scratch != NULL;
    for (size_t i = 0; ok && i < GROUPS; i++)
        ok = group_start(&groups[i], &sources[i], scratch);
    BN_CTX_free(scratch);
    return ok;
}

void crypto_dh_stop(void)
{
    for (size_t i = 0; i < GROUPS; i++) {
        BN_free(groups[i].prime);
        BN_free(groups[i].generator);
        BN_free(groups[i].order);
        BN_MONT_CTX_free(groups[i].montgomery);
        EC_GROUP_free(groups[i].curve);
        groups[i] = (struct group){ .row = NULL };
    }
}

static const struct group *group_find(crypto_group id)
{
    for (size_t i = 0; i < GROUPS; i++)
        if (groups[i].row && groups[i].row->id == id)
            return &groups[i];
    return NULL;
}

/*
 * The top bits become 01: every exponent has the same length, so that the number of steps says nothing, and
 * stays below the order of group 24's subgroup, whose top bits are 10.
 */
static bool modp_exponent(struct bytes random, BIGNUM *out)
{
    uint8_t octets[CRYPTO_EXPONENT_MAX];
    memcpy(octets, random.data, random.length);
    octets[0] = (uint8_t)((octets[0] & 0x3f) | 0x40);
    BN_set_flags(out, BN_FLG_CONSTTIME);
    bool ok = BN_bin2bn(octets, (int)random.length, out) != NULL;
    bytes_wipe(octets, sizeof octets);
    return ok;
}

static int modp_power(const struct group *g, struct bytes random, const BIGNUM *base, uint8_t *out, BN_CTX *scratch)
{
    BIGNUM *exponent = BN_CTX_get(scratch), *power = BN_CTX_get(scratch);
    if (!power || !modp_exponent(random, exponent))
        return CRYPTO_ERROR_LIBRARY;
    BN_set_flags(power, BN_FLG_CONSTTIME);
    if (BN_mod_exp_mont_consttime(power, base, exponent, g->prime, scratch, g->montgomery) != 1 ||
        BN_bn2binpad(power, out, g->row->shared_length) != g->row->shared_length)
        return CRYPTO_ERROR_LIBRARY;
    return BN_is_one(power) ? CRYPTO_ERROR_PUBLIC : CRYPTO_OK;
}

/* 1 < y < p-1; then for a safe prime y generates at least half of the group, else y^q = 1 must show it. */
static int modp_check(const struct group *g, const BIGNUM *y, BN_CTX *scratch)
{
    BIGNUM *last = BN_CTX_get(scratch), *power = BN_CTX_get(scratch);
    if (!power || BN_sub(last, g->prime, BN_value_one()) != 1)
        return CRYPTO_ERROR_LIBRARY;
    if (BN_cmp(y, BN_value_one()) <= 0 || BN_cmp(y, last) >= 0)
        return CRYPTO_ERROR_PUBLIC;
    if (!g->order)
        return CRYPTO_OK;
    if (BN_mod_exp_mont(power, y, g->order, g->prime, scratch, g->montgomery) != 1)
        return CRYPTO_ERROR_LIBRARY;
    return BN_is_one(power) ? CRYPTO_OK : CRYPTO_ERROR_PUBLIC;
}

static int modp_shared(const struct group *g, struct bytes random, struct bytes peer, uint8_t *out, BN_CTX *scratch)
{
    BIGNUM *y = BN_CTX_get(scratch);
    if (!y || !BN_bin2bn(peer.data, (int)peer.length, y))
        return CRYPTO_ERROR_LIBRARY;
    int error = modp_check(g, y, scratch);
    return error != CRYPTO_OK ? error : modp_power(g, random, y, out, scratch);
}

/* Modulo the order, and 1 for 0. The orders are so near to a power of two that no value is favoured. */
static bool ecp_exponent(const struct group *g, struct bytes random, BIGNUM *out, BN_CTX *scratch)
{
    BIGNUM *wide = BN_CTX_get(scratch);
    if (!wide)
        return false;
    BN_set_flags(wide, BN_FLG_CONSTTIME);
    BN_set_flags(out, BN_FLG_CONSTTIME);
    if (!BN_bin2bn(random.data, (int)random.length, wide) ||
        BN_nnmod(out, wide, EC_GROUP_get0_order(g->curve), scratch) != 1)
        return false;
    return !BN_is_zero(out) || BN_one(out) == 1;
}

/* The point `peer`, or the generator when it is NULL, times the exponent: x, and y when that is not NULL. */
static int ecp_multiply(const struct group *g, struct bytes random, const EC_POINT *peer, uint8_t *x_out, uint8_t *y_out,
                        BN_CTX *scratch)
{
    BIGNUM *exponent = BN_CTX_get(scratch), *x = BN_CTX_get(scratch), *y = BN_CTX_get(scratch);
    EC_POINT *product = EC_POINT_new(g->curve);
    int length = g->row->shared_length;
    /* One scalar and one point: the library's constant-time ladder. Two would take its faster, leaking way. */
    bool ok = y && product && ecp_exponent(g, random, exponent, scratch) &&
              EC_POINT_mul(g->curve, product, peer ? NULL : exponent, peer, peer ? exponent : NULL, scratch) == 1 &&
              EC_POINT_get_affine_coordinates(g->curve, product, x, y, scratch) == 1 &&
              BN_bn2binpad(x, x_out, length) == length && (!y_out || BN_bn2binpad(y, y_out, length) == length);
    EC_POINT_clear_free(product);
    return ok ? CRYPTO_OK : CRYPTO_ERROR_LIBRARY;
}

/* Coordinates below p, and a point of the curve. The point at infinity has no such form; the cofactor is 1. */
static int ecp_check(const struct group *g, struct bytes peer, EC_POINT *point, BN_CTX *scratch)
{
    int length = g->row->shared_length;
    BIGNUM *x = BN_CTX_get(scratch), *y = BN_CTX_get(scratch);
    if (!y || !BN_bin2bn(peer.data, length, x) || !BN_bin2bn(peer.data + length, length, y))
        return CRYPTO_ERROR_LIBRARY;
    const BIGNUM *prime = EC_GROUP_get0_field(g->curve);
    if (BN_cmp(x, prime) >= 0 || BN_cmp(y, prime) >= 0)
        return CRYPTO_ERROR_PUBLIC;
    /* Refuses a point that is not on the curve. */
    return EC_POINT_set_affine_coordinates(g->curve, point, x, y, scratch) == 1 ? CRYPTO_OK : CRYPTO_ERROR_PUBLIC;
}

static int ecp_shared(const struct group *g, struct bytes random, struct bytes peer, uint8_t *out, BN_CTX *scratch)
{
    EC_POINT *point = EC_POINT_new(g->curve);
    int error = point ? ecp_check(g, peer, point, scratch) : CRYPTO_ERROR_LIBRARY;
    if (error == CRYPTO_OK)
        error = ecp_multiply(g, random, point, out, NULL, scratch);
    EC_POINT_free(point);
    return error;
}

static int group_public(const struct group *g, struct bytes random, uint8_t *out, BN_CTX *scratch)
{
    if (g->curve)
        return ecp_multiply(g, random, NULL, out, out + g->row->shared_length, scratch);
    return modp_power(g, random, g->generator, out, scratch);
}

/* What both calls share: the group, the exponent's length, the scratch numbers, and the clean end. */
static int dh_run(crypto_group group, struct bytes random, const struct bytes *peer, uint8_t *out)
{
    const struct group *g = group_find(group);
    if (!g)
        return CRYPTO_ERROR_UNKNOWN;
    int error = CRYPTO_ERROR_LENGTH;
    if (random.length == g->row->exponent_length && (!peer || peer->length == g->row->public_length)) {
        BN_CTX *scratch = BN_CTX_new();
        error = CRYPTO_ERROR_LIBRARY;
        if (scratch) {
            BN_CTX_start(scratch);
            error = !peer ? group_public(g, random, out, scratch)
                    : g->curve ? ecp_shared(g, random, *peer, out, scratch)
                               : modp_shared(g, random, *peer, out, scratch);
            BN_CTX_end(scratch);
            BN_CTX_free(scratch);
        }
    }
    if (error != CRYPTO_OK) {
        bytes_wipe(out, peer ? g->row->shared_length : g->row->public_length);
        crypto_library_failed();
    }
    return error;
}

int crypto_dh_public(crypto_group group, struct bytes exponent, uint8_t *public_value)
{
    return dh_run(group, exponent, NULL, public_value);
}

int crypto_dh_shared(crypto_group group, struct bytes exponent, struct bytes peer_public, uint8_t *shared)
{
    return dh_run(group, exponent, &peer_public, shared);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key schedule with answers from elsewhere: NIST's 1,700 cases with a pre-shared key, NSS's cases of key
 * stretching and KEYMAT, HASH_R of ike-scan, HASH_R of a recorded Aggressive Mode.
 */
#include "tests/support/test.h"

#include "crypto/crypto.h"
#include "ike/err.h"
#include "ike/iana.h"
#include "ike/keys_v1.h"
#include "ike/wire.h"
#include "tests/support/capture.h"

static struct bytes text(const char *s) { return bytes_of(s, strlen(s)); }

static enum crypto_hash hash_named(const char *name)
{
    static const struct { const char *name; enum crypto_hash id; } names[] = {
        { "SHA-1", CRYPTO_SHA1 },       { "sha1", CRYPTO_SHA1 },       { "SHA-256", CRYPTO_SHA2_256 },
        { "sha256", CRYPTO_SHA2_256 },  { "SHA-384", CRYPTO_SHA2_384 }, { "sha384", CRYPTO_SHA2_384 },
        { "SHA-512", CRYPTO_SHA2_512 }, { "sha512", CRYPTO_SHA2_512 },
    };
    for (size_t i = 0; name && i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i].name, name) == 0)
            return names[i].id;
    return CRYPTO_HASH_NONE;
}

static void cavs_case(const struct records *r)
{
    struct isakmp_keys k;
    struct keys_input in = { .hash = hash_named(r->heading), .key_bits = 128, .shared = records_hex(r, "g^xy"),
                             .cookie_i = records_hex(r, "CKY_I"), .cookie_r = records_hex(r, "CKY_R"),
                             .nonce_i = records_hex(r, "Ni"), .nonce_r = records_hex(r, "Nr"),
                             .psk = records_hex(r, "pre-shared-key") };
    assert_int_equal(keys_v1_derive(&k, &in), IKE_OK);
    assert_bytes_equal(bytes_of(k.skeyid, k.hash_length), records_hex(r, "SKEYID"));
    assert_bytes_equal(bytes_of(k.skeyid_d, k.hash_length), records_hex(r, "SKEYID_d"));
    assert_bytes_equal(bytes_of(k.skeyid_a, k.hash_length), records_hex(r, "SKEYID_a"));
    assert_bytes_equal(bytes_of(k.skeyid_e, k.hash_length), records_hex(r, "SKEYID_e"));
    assert_memory_equal(k.cipher_key, k.skeyid_e, 16);
}

static void nist_cavs_psk(void **state)
{
    (void)state;
    struct records r;
    unsigned cases = 0;
    records_open(&r, "nss-cavs-ike/ikev1_psk.fax");
    while (records_next(&r))
        if (records_text(&r, "COUNT")) {
            cavs_case(&r);
            cases++;
        }
    records_close(&r);
    assert_int_equal(cases, 1700);
}

/* ---- NSS: every case through the function of ours that computes it ---- */

/* SKEYID = prf(psk, Ni_b | Nr_b). The signatures' prf(Ni_b | Nr_b, g^xy) has the same shape with other names. */
static void nss_skeyid(const struct records *r, struct keys_input *in)
{
    static uint8_t nonces[2048];
    struct bytes ni = records_hex(r, "Ni"), nr = records_hex(r, "Nr"), ikm = records_hex(r, "ikm");
    struct isakmp_keys k;
    *in = (struct keys_input){ .hash = hash_named(records_text(r, "hash")), .key_bits = 128 };
    if (strcmp(records_text(r, "type"), "ikeV1Psk") == 0) {
        in->psk = ikm;
        in->nonce_i = ni;
        in->nonce_r = nr;
    } else {
        assert_true(ni.length + nr.length + ikm.length <= sizeof nonces);
        memcpy(nonces, ni.data, ni.length);
        memcpy(nonces + ni.length, nr.data, nr.length);
        in->psk = bytes_of(nonces, ni.length + nr.length);
        memcpy(nonces + in->psk.length, ikm.data, ikm.length);
        in->nonce_i = bytes_of(nonces + in->psk.length, ikm.length);
    }
    assert_int_equal(keys_v1_derive(&k, in), IKE_OK);
    assert_bytes_equal(bytes_of(k.skeyid, k.hash_length), records_hex(r, "okm"));
}

/* SKEYID_d, _a or _e of the SKEYID before; Ni and Nr hold the cookies. */
static void nss_chain(const struct records *r, const struct keys_input *source)
{
    struct isakmp_keys k;
    struct keys_input in = *source;
    in.shared = records_hex(r, "gxykm");
    in.cookie_i = records_hex(r, "Ni");
    in.cookie_r = records_hex(r, "Nr");
    assert_int_equal(keys_v1_derive(&k, &in), IKE_OK);
    assert_bytes_equal(bytes_of(k.skeyid, k.hash_length), records_hex(r, "ikm"));
    const uint8_t *made[] = { k.skeyid_d, k.skeyid_a, k.skeyid_e };
    assert_bytes_equal(bytes_of(made[atoi(records_text(r, "keyNum"))], k.hash_length), records_hex(r, "okm"));
}

/*
 * Ka of a given SKEYID_e: whole where it fits a cipher key, else its beginning. A hash of 32 octets or more never
 * stretches a key of ours; NSS's cases that do are longer than any key (132 octets) and are left to the SHA-1 ones.
 */
static bool nss_cipher_key(const struct records *r)
{
    struct isakmp_keys k = { .hash = hash_named(records_text(r, "hash")) };
    struct bytes ikm = records_hex(r, "ikm"), okm = records_hex(r, "okm");
    k.hash_length = crypto_hash_find(k.hash)->length;
    assert_int_equal(ikm.length, k.hash_length);
    memcpy(k.skeyid_e, ikm.data, ikm.length);
    k.key_length = (uint8_t)(okm.length < CRYPTO_KEY_MAX ? okm.length : CRYPTO_KEY_MAX);
    /* cppcheck-suppress knownConditionTrueFalse ; CRYPTO_KEY_MAX is more than SHA-1's 20 octets */
    if (okm.length > k.hash_length && k.key_length <= k.hash_length)
        return false;
    assert_int_equal(keys_v1_cipher_key(&k), IKE_OK);
    assert_memory_equal(k.cipher_key, okm.data, k.key_length);
    return true;
}

/*
 * The signatures' case that an "ikeV1" case goes on from is the one before it. ikeV1AppBQuick iterates over a seed of
 * one zero octet; KEYMAT's seed holds at least protocol and SPI, so those 12 are crypto_hash_test's alone.
 */
static void nss_stretching(void **state)
{
    (void)state;
    struct records r;
    struct keys_input source = { .hash = CRYPTO_HASH_NONE };
    unsigned skeyid = 0, chain = 0, stretch = 0, left = 0;
    records_open(&r, "nss-ike-appb/nss_ikev1.json");
    while (records_next(&r)) {
        const char *type = records_text(&r, "type");
        if (strcmp(type, "ikeGxy") == 0 || strcmp(type, "ikeV1Psk") == 0) {
            nss_skeyid(&r, &source);
            skeyid++;
        } else if (strcmp(type, "ikeV1") == 0) {
            nss_chain(&r, &source);
            chain++;
        } else if (strcmp(type, "ikeV1AppB") == 0 && nss_cipher_key(&r)) {
            stretch++;
        } else {
            left++;
        }
    }
    records_close(&r);
    print_message("%u SKEYID, %u SKEYID_d/_a/_e, %u cipher keys; %u have a length or seed that IKE cannot have\n", skeyid, chain, stretch, left);
    assert_int_equal(skeyid + chain + stretch + left, 48);
    assert_int_equal(skeyid, 12);
    assert_int_equal(chain, 12);
    assert_int_equal(stretch, 9);
}

/* ---- the hashes ---- */

/* The next field of a line of comma-separated values. */
static struct bytes csv_next(char **at)
{
    char *begin = *at, *end = begin + strcspn(begin, ",\n");
    *at = *end == ',' ? end + 1 : end;
    return bytes_of(begin, (size_t)(end - begin));
}

static struct bytes csv_hex(char **at)
{
    static char copy[4096];
    struct bytes field = csv_next(at);
    assert_true(field.length < sizeof copy);
    memcpy(copy, field.data, field.length);
    copy[field.length] = '\0';
    return hex_bytes(copy);
}

static bool ike_scan_case(char *line)
{
    struct isakmp_keys k;
    uint8_t out[CRYPTO_HASH_MAX];
    struct bytes psk = csv_next(&line), hash = csv_next(&line);
    if (!bytes_equal(hash, text("sha1")))
        return false;
    struct bytes gr = csv_hex(&line), gi = csv_hex(&line), cr = csv_hex(&line), ci = csv_hex(&line), sai = csv_hex(&line);
    struct bytes id = csv_hex(&line), ni = csv_hex(&line), nr = csv_hex(&line);
    struct keys_input in = { .hash = CRYPTO_SHA1, .key_bits = 128, .psk = psk, .nonce_i = ni, .nonce_r = nr };
    assert_int_equal(keys_v1_derive(&k, &in), IKE_OK);
    assert_int_equal(keys_v1_hash_main(&k, gr, gi, cr, ci, sai, id, out), IKE_OK);
    assert_bytes_equal(bytes_of(out, k.hash_length), csv_hex(&line));
    return true;
}

static void ike_scan_hash_r(void **state)
{
    (void)state;
    size_t length;
    unsigned equal = 0, left = 0;
    char *file = (char *)vectors_read("ike-scan-psk/hash_r_vectors.csv", &length);
    for (char *line = file; *line; line += strcspn(line, "\n"), line += *line == '\n')
        if (*line != '#')
            *(ike_scan_case(line) ? &equal : &left) += 1;
    free(file);
    print_message("%u of SHA-1; %u of MD5 left out, which no proposal of ours has\n", equal, left);
    assert_int_equal(equal, 2);
    assert_int_equal(left, 2);
}

/* A Cisco router's Aggressive Mode: refused by the engine, but its HASH_R is Main Mode's formula over clear payloads. */
static void aggressive_hash_r(void **state)
{
    (void)state;
    struct capture c;
    struct wire_header h1, h2;
    struct wire_message m1, m2;
    struct bytes body;
    struct isakmp_keys k;
    uint8_t out[CRYPTO_HASH_MAX];
    capture_open(&c, "zeek-spicy-ipsec/ipsec-ikev1-isakmp-aggressive-mode.pcap");
    assert_int_equal(wire_read_header(capture_message(&c.datagram[0]), &h1, &body), IKE_OK);
    assert_int_equal(wire_read_payloads(h1.next, body, &m1), IKE_OK);
    assert_int_equal(wire_read_header(capture_message(&c.datagram[1]), &h2, &body), IKE_OK);
    assert_int_equal(wire_read_payloads(h2.next, body, &m2), IKE_OK);
    struct keys_input in = { .hash = CRYPTO_SHA1, .key_bits = 128, .psk = text("MYPASSWORD"),
                             .nonce_i = wire_find(&m1, IANA_PAYLOAD_NONCE), .nonce_r = wire_find(&m2, IANA_PAYLOAD_NONCE) };
    assert_int_equal(keys_v1_derive(&k, &in), IKE_OK);
    assert_int_equal(keys_v1_hash_main(&k, wire_find(&m2, IANA_PAYLOAD_KE), wire_find(&m1, IANA_PAYLOAD_KE), bytes_of(h2.cookie_r, WIRE_COOKIE),
                                       bytes_of(h2.cookie_i, WIRE_COOKIE), wire_find(&m1, IANA_PAYLOAD_SA),
                                       wire_find(&m2, IANA_PAYLOAD_ID), out), IKE_OK);
    assert_bytes_equal(wire_find(&m2, IANA_PAYLOAD_HASH), bytes_of(out, k.hash_length));
    capture_close(&c);
}

/* ---- KEYMAT, against the formula written out ---- */

static void keymat_case(enum crypto_hash hash, struct bytes shared, size_t length)
{
    struct isakmp_keys k = { .hash = hash, .hash_length = crypto_hash_find(hash)->length };
    uint8_t ours[DP_KEY_MAX + 1], block[CRYPTO_HASH_MAX];
    struct bytes ni = hex_bytes("0102030405060708"), nr = hex_bytes("1112131415161718191a"), spi = hex_bytes("a1b2c3d4"), none = { NULL, 0 };
    memset(k.skeyid_d, 0x5a, sizeof k.skeyid_d);
    memset(ours, 0xee, sizeof ours);
    assert_int_equal(keys_v1_keymat(&k, shared, 3, 0xa1b2c3d4, ni, nr, ours, length), IKE_OK);
    assert_int_equal(ours[length], 0xee);
    struct bytes parts[] = { none, shared, hex_bytes("03"), spi, ni, nr };
    for (size_t done = 0; done < length; done += k.hash_length) {
        assert_int_equal(crypto_prf(hash, bytes_of(k.skeyid_d, k.hash_length), parts, 6, block), CRYPTO_OK);
        assert_memory_equal(ours + done, block, length - done < k.hash_length ? length - done : k.hash_length);
        parts[0] = bytes_of(block, k.hash_length);
    }
}

static void keymat(void **state)
{
    (void)state;
    static const size_t lengths[] = { 1, 16, 19, 20, 21, 32, 36, 40, 52, 64, 65, 96, DP_KEY_MAX };
    for (int hash = CRYPTO_SHA1; hash <= CRYPTO_SHA2_512; hash++)
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            keymat_case((enum crypto_hash)hash, bytes_of(NULL, 0), lengths[i]);
            keymat_case((enum crypto_hash)hash, hex_bytes("00ff00ff00ff00ff00ff00ff00ff00ff"), lengths[i]);
        }
}

/* An unknown hash and a key that no cipher has are errors, and nothing is derived. */
static void refused_inputs(void **state)
{
    (void)state;
    struct isakmp_keys k;
    struct keys_input in = { .hash = CRYPTO_HASH_NONE, .key_bits = 128 };
    assert_int_equal(keys_v1_derive(&k, &in), IKE_ERR_CRYPTO);
    in.hash = CRYPTO_SHA2_256;
    in.key_bits = 8 * CRYPTO_KEY_MAX + 8;
    assert_int_equal(keys_v1_derive(&k, &in), IKE_ERR_CRYPTO);
    in.key_bits = 8 * CRYPTO_KEY_MAX;
    assert_int_equal(keys_v1_derive(&k, &in), IKE_OK);
}

static int start(void **state) { (void)state; return crypto_start(); }
static int stop(void **state) { (void)state; crypto_stop(); return 0; }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nist_cavs_psk),     cmocka_unit_test(nss_stretching), cmocka_unit_test(ike_scan_hash_r),
        cmocka_unit_test(aggressive_hash_r), cmocka_unit_test(keymat),         cmocka_unit_test(refused_inputs),
    };
    return cmocka_run_group_tests_name("ike: keys and hashes", tests, start, stop);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* ike= and esp=: what `ipsec algparse -v1` of Libreswan 4.10 was seen to make of each text, and what it refused. */
#include "tests/support/test.h"

#include "conf/proposals.h"

#include <ctype.h>
#include <stdio.h>

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

struct taken {
    const char *text;
    const char *canonical;
};

static const struct taken ike_taken[] = {
    { "aes_cbc256-sha2_384;modp1536", "aes_cbc256-sha2_384;modp1536" },
    { "aes256;modp1536", "aes_cbc256-sha2_256;modp1536,aes_cbc256-sha2_512;modp1536,aes_cbc256-sha1;modp1536" },
    { "AES256-SHA1-MODP2048", "aes_cbc256-sha1;modp2048" },
    { "aes_256-sha;dh2", "aes_cbc256-sha1;modp1024" },
    { "aes_cbc_192-hmac_sha2_256-dh19", "aes_cbc192-sha2_256;ecp256" },
    { "aes-128-sha2;ecp_521", "aes_cbc128-sha2_256;ecp521" },
    { "aes-sha1;dh5", "aes_cbc256-sha1;modp1536,aes_cbc128-sha1;modp1536" },
    { "aes256-modp1536", "aes_cbc256-sha2_256;modp1536,aes_cbc256-sha2_512;modp1536,aes_cbc256-sha1;modp1536" },
    { "aes128-sha2_256", "aes_cbc128-sha2_256;ecp384,aes_cbc128-sha2_256;modp2048,aes_cbc128-sha2_256;ecp256,aes_cbc128-sha2_256;modp1536" },
    { "aes256-sha512;dh15,aes256-sha512;dh16", "aes_cbc256-sha2_512;modp3072,aes_cbc256-sha2_512;modp4096" },
    { "aes256-sha1;dh14,aes256-sha1;modp2048", "aes_cbc256-sha1;modp2048" },
    { "aes256-sha1,aes128-sha1;dh20", "aes_cbc256-sha1;ecp384,aes_cbc256-sha1;modp2048,aes_cbc256-sha1;ecp256,aes_cbc256-sha1;modp1536,aes_cbc128-sha1;ecp384" },
    /* Too many with each of our groups: with Libreswan's two. */
    { "aes256,aes192-sha2,aes128,aes192-sha1", "aes_cbc256-sha2_256;modp2048,aes_cbc256-sha2_256;modp1536,aes_cbc256-sha2_512;modp2048,"
      "aes_cbc256-sha2_512;modp1536,aes_cbc256-sha1;modp2048,aes_cbc256-sha1;modp1536,aes_cbc192-sha2_256;modp2048,aes_cbc192-sha2_256;modp1536,"
      "aes_cbc128-sha2_256;modp2048,aes_cbc128-sha2_256;modp1536,aes_cbc128-sha2_512;modp2048,aes_cbc128-sha2_512;modp1536,"
      "aes_cbc128-sha1;modp2048,aes_cbc128-sha1;modp1536,aes_cbc192-sha1;modp2048,aes_cbc192-sha1;modp1536" },
};

static const struct taken esp_taken[] = {
    { "aes_gcm256;modp1536", "aes_gcm256;modp1536" },
    { "aes_gcm256", "aes_gcm256" },
    { "aes_gcm_16_256-null;dh20", "aes_gcm256;ecp384" },
    { "aes_gcm_c192-NONE-dh24", "aes_gcm192;dh24" },
    { "aes_gcm-128", "aes_gcm128" },
    { "aes_gcm_16", "aes_gcm256,aes_gcm128" },
    { "aes256-sha2_256_128;dh2", "aes_cbc256-sha2_256;modp1024" },
    { "aes128-sha1_96-modp2048", "aes_cbc128-sha1;modp2048" },
    { "aes_cbc192-sha2_384_192", "aes_cbc192-sha2_384" },
    { "aes_gcm256;dh5,aes256-sha1;dh5", "aes_gcm256;modp1536,aes_cbc256-sha1;modp1536" },
};

static const char *const ike_refused[] = {
    "", ",", ";", "-", "foo", "aes256;", "aes256-", "aes256,", ",aes256", "aes256;;dh5", "aes256-sha384-modp1536!",
    "aes_gcm256-sha2_256;dh14", "3des-sha1;modp1024", "aes256-md5;modp1536", "aes256-sha1;modp768", "aes256-sha1;dh22",
    "aes256-sha1;dh5;dh14", "aes256-sha1-modp1536-x", "aes512-sha1;dh5", "aes0-sha1", "aes0256-sha1", "aes-99999999999-sha1",
    "aes256+aes128", "aes256, aes128", "aes256-sha1_96;dh5", "aes256-aes128", "256", "_256", "aes__256",
};

static const char *const esp_refused[] = {
    "", "aes_gcm256-sha2_256;modp1536", "aes-gcm256", "aes512-sha1", "aes_gcm256-dh5", "aes_gcm256;modp1536,aes256-sha1",
    "aes256-sha1,aes_gcm256;modp1536", "aes_gcm256;dh5,aes_gcm256;dh14", "aes256gcm16-modp1536", "aes_gcm_a256", "aes_gcm_8_256",
    "chacha20_poly1305", "null-sha1", "3des-sha1", "aes256-null", "aes256-none;dh5", "aes_gcm256;none", "aes_ctr256-sha1", "aes_gcm16",
};

static void taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ike_taken); i++) {
        struct proposal_ike_list list, again;
        struct proposal_remarks remarks;
        char text[1024];
        if (!proposals_parse_ike(ike_taken[i].text, &list, &remarks))
            fail_msg("ike=%s: %s", ike_taken[i].text, remarks.wrong);
        proposals_print_ike(list.rows, list.count, text, sizeof text);
        assert_string_equal(text, ike_taken[i].canonical);
        assert_true(proposals_parse_ike(text, &again, &remarks));
        assert_int_equal(again.count, list.count);
    }
    for (size_t i = 0; i < COUNT(esp_taken); i++) {
        struct proposal_esp_list list, again;
        struct proposal_remarks remarks;
        char text[1024];
        if (!proposals_parse_esp(esp_taken[i].text, &list, &remarks))
            fail_msg("esp=%s: %s", esp_taken[i].text, remarks.wrong);
        proposals_print_esp(list.rows, list.count, list.group, text, sizeof text);
        assert_string_equal(text, esp_taken[i].canonical);
        assert_true(proposals_parse_esp(text, &again, &remarks));
        assert_int_equal(again.count, list.count);
        assert_int_equal(again.group, list.group);
    }
}

static void refused(void **state)
{
    (void)state;
    struct proposal_remarks remarks;
    for (size_t i = 0; i < COUNT(ike_refused); i++) {
        struct proposal_ike_list list;
        if (proposals_parse_ike(ike_refused[i], &list, &remarks))
            fail_msg("ike=%s is taken", ike_refused[i]);
        assert_true(remarks.offset <= strlen(ike_refused[i]));
    }
    for (size_t i = 0; i < COUNT(esp_refused); i++) {
        struct proposal_esp_list list;
        if (proposals_parse_esp(esp_refused[i], &list, &remarks))
            fail_msg("esp=%s is taken", esp_refused[i]);
        assert_true(remarks.wrong[0] != '\0');
        assert_true(remarks.offset <= strlen(esp_refused[i]));
    }
}

static void values(void **state)
{
    (void)state;
    struct proposal_ike_list ike;
    struct proposal_esp_list esp;
    struct proposal_remarks remarks;
    assert_true(proposals_parse_ike("aes_cbc256-sha2_384;modp1536", &ike, &remarks));
    assert_int_equal(ike.count, 1);
    assert_int_equal(ike.rows[0].cipher, CRYPTO_AES_CBC);
    assert_int_equal(ike.rows[0].key_bits, 256);
    assert_int_equal(ike.rows[0].hash, CRYPTO_SHA2_384);
    assert_int_equal(ike.rows[0].group, 5);
    assert_false(remarks.key_length_assumed);
    assert_string_equal(remarks.weak, "");
    assert_true(proposals_parse_esp("aes_gcm256;modp1536", &esp, &remarks));
    assert_int_equal(esp.count, 1);
    assert_int_equal(esp.rows[0].cipher, CRYPTO_AES_GCM_16);
    assert_int_equal(esp.rows[0].integrity, CRYPTO_HASH_NONE);
    assert_int_equal(esp.group, 5);
}

/* What is weak is said when it was asked for by name, and not when it was only filled in. */
static void remarks_made(void **state)
{
    (void)state;
    struct proposal_ike_list ike;
    struct proposal_remarks remarks;
    assert_true(proposals_parse_ike("aes256-sha1;modp1024,aes256-sha1;dh14", &ike, &remarks));
    assert_non_null(strstr(remarks.weak, "SHA1"));
    assert_non_null(strstr(remarks.weak, "MODP1024"));
    assert_null(strstr(strstr(remarks.weak, "SHA1:") + 1, "SHA1:"));
    assert_true(proposals_parse_ike("aes256;dh14", &ike, &remarks));
    assert_string_equal(remarks.weak, "");
    assert_true(proposals_parse_ike("aes-sha2_256;dh14", &ike, &remarks));
    assert_true(remarks.key_length_assumed);
}

static void too_many(void **state)
{
    (void)state;
    struct proposal_ike_list ike;
    struct proposal_remarks remarks;
    assert_true(proposals_parse_ike("aes", &ike, &remarks));
    assert_int_equal(ike.count, CONF_PROPOSALS_MAX);
    assert_true(proposals_parse_ike("aes,aes256-sha2_384;dh21", &ike, &remarks));
    assert_int_equal(ike.count, 13);
    assert_true(remarks.key_length_assumed && !remarks.wrong[0]);
    assert_true(proposals_parse_ike("aes256,aes192,aes128", &ike, &remarks));
    assert_int_equal(ike.count, 18);
    assert_true(proposals_parse_ike("aes,aes192,aes-sha2_384,aes192-sha2_384", &ike, &remarks));
    assert_int_equal(ike.count, CONF_PROPOSALS_MAX);
    assert_false(proposals_parse_ike("aes,aes192,aes-sha2_384,aes192-sha2_384,aes256-sha1;dh20", &ike, &remarks));
    assert_non_null(strstr(remarks.wrong, "more than 24"));
}

/* ---- every spelling that Libreswan has for what OCI offers, with every other ---- */

struct spelling {
    const char *text, *name;
};

static const struct spelling lengths[] = { { "128", "128" }, { "_192", "192" }, { "-256", "256" }, { "256", "256" }, { "_128", "128" } };
static const char *const cbc[] = { "aes", "aes_cbc", "AES", "Aes_Cbc" };
static const char *const gcm[] = { "aes_gcm", "aes_gcm_16", "aes_gcm_c", "AES_GCM" };
static const struct spelling hashes[] = {
    { "sha", "sha1" }, { "sha1", "sha1" }, { "hmac_sha1", "sha1" }, { "sha2", "sha2_256" }, { "sha256", "sha2_256" },
    { "sha2_256", "sha2_256" }, { "HMAC_SHA2_256", "sha2_256" }, { "sha384", "sha2_384" }, { "sha2_384", "sha2_384" },
    { "hmac_sha2_384", "sha2_384" }, { "sha512", "sha2_512" }, { "sha2_512", "sha2_512" }, { "hmac_sha2_512", "sha2_512" },
};
/* Those that only esp= has: with the length of what is sent. */
static const struct spelling truncated[] = {
    { "sha1_96", "sha1" }, { "hmac_sha1_96", "sha1" }, { "sha2_256_128", "sha2_256" }, { "hmac_sha2_256_128", "sha2_256" },
    { "sha2_384_192", "sha2_384" }, { "hmac_sha2_384_192", "sha2_384" }, { "sha2_512_256", "sha2_512" }, { "HMAC_SHA2_512_256", "sha2_512" },
};
static const struct spelling groups[] = {
    { "modp1024", "modp1024" }, { "dh2", "modp1024" }, { "modp1536", "modp1536" }, { "dh5", "modp1536" }, { "MODP2048", "modp2048" },
    { "dh14", "modp2048" }, { "dh19", "ecp256" }, { "ecp256", "ecp256" }, { "ecp_256", "ecp256" }, { "DH20", "ecp384" },
    { "ecp384", "ecp384" }, { "ecp_384", "ecp384" }, { "dh21", "ecp521" }, { "ecp521", "ecp521" }, { "ecp_521", "ecp521" }, { "dh24", "dh24" },
};
static const char *const separators[] = { ";", "-" };

static unsigned reads;

static void reads_as(bool esp, const char *text, const char *expected)
{
    struct proposal_ike_list ike;
    struct proposal_esp_list list;
    struct proposal_remarks remarks;
    char got[1024] = "";
    bool fine = esp ? proposals_parse_esp(text, &list, &remarks) : proposals_parse_ike(text, &ike, &remarks);
    if (fine && esp)
        proposals_print_esp(list.rows, list.count, list.group, got, sizeof got);
    else if (fine)
        proposals_print_ike(ike.rows, ike.count, got, sizeof got);
    if (!expected && (fine || !remarks.wrong[0]))
        fail_msg("%s=%s is taken, as %s", esp ? "esp" : "ike", text, got);
    if (expected && (!fine || strcmp(got, expected) != 0))
        fail_msg("%s=%s: %s, not %s", esp ? "esp" : "ike", text, fine ? got : remarks.wrong, expected);
    reads++;
}

/* One cipher with each hash and each group. */
static void cipher_reads(const char *name, const struct spelling *length, const struct spelling *group, const char *separator)
{
    char text[128], expected[128];
    for (size_t h = 0; h < COUNT(hashes) + COUNT(truncated); h++) {
        bool short_form = h >= COUNT(hashes);
        const struct spelling *hash = short_form ? &truncated[h - COUNT(hashes)] : &hashes[h];
        snprintf(text, sizeof text, "%s%s-%s%s%s", name, length->text, hash->text, separator, group->text);
        snprintf(expected, sizeof expected, "aes_cbc%s-%s;%s", length->name, hash->name, group->name);
        reads_as(true, text, expected);
        reads_as(false, text, short_form ? NULL : expected);
    }
}

static void aead_reads(const char *name, const struct spelling *length, const struct spelling *group, const char *separator)
{
    static const char *const none[] = { "", "-null", "-none", "-NONE" };
    char text[128], expected[128];
    snprintf(expected, sizeof expected, "aes_gcm%s;%s", length->name, group->name);
    for (size_t n = 0; n < COUNT(none); n++) {
        snprintf(text, sizeof text, "%s%s%s%s%s", name, length->text, none[n], separator, group->text);
        bool run_on = isdigit((unsigned char)length->text[0]) && strcmp(name, "aes_gcm_16") == 0; /* one number */
        bool as_hash = n == 0 && *separator == '-'; /* one word behind '-' is the integrity's */
        reads_as(true, text, run_on || as_hash ? NULL : expected);
        reads_as(false, text, NULL);
    }
}

static void each_spelling(void **state)
{
    (void)state;
    reads = 0;
    for (size_t l = 0; l < COUNT(lengths); l++)
        for (size_t g = 0; g < COUNT(groups); g++)
            for (size_t s = 0; s < COUNT(separators); s++)
                for (size_t c = 0; c < COUNT(cbc); c++) {
                    cipher_reads(cbc[c], &lengths[l], &groups[g], separators[s]);
                    aead_reads(gcm[c], &lengths[l], &groups[g], separators[s]);
                }
    printf("    %u proposals read\n", reads);
    assert_int_equal(reads, 5 * 16 * 2 * 4 * (21 * 2 + 4 * 2));
}

static void defaults(void **state)
{
    (void)state;
    struct proposal_ike_list ike;
    struct proposal_esp_list esp;
    proposals_default_ike(&ike);
    assert_int_equal(ike.count, 8);
    assert_int_equal(ike.rows[0].hash, CRYPTO_SHA2_384);
    assert_int_equal(ike.rows[0].group, 20);
    assert_int_equal(ike.rows[3].group, 5);
    proposals_default_esp(&esp);
    assert_int_equal(esp.rows[0].cipher, CRYPTO_AES_GCM_16);
    assert_int_equal(esp.rows[0].key_bits, 256);
    assert_int_equal(esp.group, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taken), cmocka_unit_test(refused), cmocka_unit_test(values), cmocka_unit_test(remarks_made),
        cmocka_unit_test(too_many), cmocka_unit_test(each_spelling), cmocka_unit_test(defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The choice among offers: whose order counts, what does not fit, and the line that says what was offered. */
#include "tests/support/test.h"

#include <stdio.h>

#include "ike/err.h"
#include "ike/proposal.h"
#include "tests/support/forge.h"

static struct sa_offers offers;
static struct sa_body body;

static const struct sa_offer *select_ike(const char *attributes, unsigned id, unsigned protocol)
{
    struct conf_conn conn = { .ike = { { CRYPTO_AES_CBC, 256, CRYPTO_SHA2_384, 20 }, { CRYPTO_AES_CBC, 128, CRYPTO_SHA1, 5 } }, .ike_count = 2 };
    struct conf_ike_proposal chosen;
    assert_int_equal(sa_v1_read(sa_single(&body, protocol, "", id, attributes), 1, &offers), IKE_OK);
    return proposal_select_ike(&offers, &conn, &chosen);
}

static void phase1_fits(void **state)
{
    (void)state;
    static const struct { const char *attributes; bool fits; } rows[] = {
        { "80010007" "800e0100" "80020005" "80030001" "80040014", true },
        { "80040014" "80030001" "80020005" "800e0100" "80010007", true },       /* any order */
        { "80010007" "800e0100" "80020005" "80030001" "80040014" "800b0001" "800c0e10", true },
        { "80010007" "80020002" "80030001" "80040005", true },                  /* no key length: 128, as some peers mean */
        { "80010007" "800e0080" "80020002" "80030001" "80040005", true },
        { "80010007" "80020005" "80030001" "80040014", false },                 /* .. and never 256 */
        { "80010007" "800e00c0" "80020005" "80030001" "80040014", false },      /* every value once wrong */
        { "80010005" "800e0100" "80020005" "80030001" "80040014", false },
        { "80010007" "800e0100" "80020006" "80030001" "80040014", false },
        { "80010007" "800e0100" "80020005" "80030003" "80040014", false },
        { "80010007" "800e0100" "80020005" "8003fde9" "80040014", false },      /* XAUTH with a secret */
        { "80010007" "800e0100" "80020005" "80030001" "80040013", false },
        { "80010007" "800e0100" "80020005" "80030001" "80040401", false },      /* a private group */
        { "800e0100" "80020005" "80030001" "80040014", false },                 /* every value once missing */
        { "80010007" "800e0100" "80030001" "80040014", false },
        { "80010007" "800e0100" "80020005" "80040014", false },
        { "80010007" "800e0100" "80020005" "80030001", false },
        { "80010007" "800e0100" "80020005" "80030001" "80040014" "800d0001", false }, /* an attribute we do not know */
        { "", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if ((select_ike(rows[i].attributes, 1, 1) != NULL) != rows[i].fits)
            fail_msg("%s", rows[i].attributes);
    assert_null(select_ike(rows[0].attributes, 2, 1));   /* not KEY_IKE */
    assert_null(select_ike(rows[0].attributes, 0, 1));
    assert_null(select_ike(rows[0].attributes, 1, 3));   /* not ISAKMP */
}

/* The configuration's first wins, wherever it is in the peer's list. */
static void our_order_wins(void **state)
{
    (void)state;
    static const char *const ike[] = { "80010007800e0080800200028003000180040005", "80010007800e0100800200058003000180040014" };
    static const char *const esp[] = { "8004000180050002" "80060080", "8004000180060100" };
    struct conf_conn conn = { .ike = { { CRYPTO_AES_CBC, 256, CRYPTO_SHA2_384, 20 }, { CRYPTO_AES_CBC, 128, CRYPTO_SHA1, 5 } }, .ike_count = 2,
                              .esp = { { CRYPTO_AES_GCM_16, 256, 0 }, { CRYPTO_AES_CBC, 128, CRYPTO_SHA1 } }, .esp_count = 2 };
    for (unsigned ours = 0; ours < 2; ours++) {
        struct conf_ike_proposal chosen_ike;
        struct conf_esp_proposal chosen_esp;
        bool pfs_only;
        sa_begin(&body);
        sa_proposal(&body, false, 1, 1, "", 2);
        sa_transform(&body, true, 1, 1, ike[0]);
        sa_transform(&body, false, 2, 1, ike[1]);
        assert_int_equal(sa_v1_read(sa_end(&body), 1, &offers), IKE_OK);
        assert_ptr_equal(proposal_select_ike(&offers, &conn, &chosen_ike), &offers.offer[ours ? 0 : 1]);
        assert_int_equal(chosen_ike.key_bits, ours ? 128 : 256);

        sa_begin(&body);
        sa_proposal(&body, false, 1, 3, "01020304", 2);
        sa_transform(&body, true, 1, 12, esp[0]);
        sa_transform(&body, false, 2, 20, esp[1]);
        assert_int_equal(sa_v1_read(sa_end(&body), 2, &offers), IKE_OK);
        assert_ptr_equal(proposal_select_esp(&offers, &conn, 0, false, &chosen_esp, &pfs_only), &offers.offer[ours ? 0 : 1]);
        assert_int_equal(chosen_esp.cipher, ours ? CRYPTO_AES_CBC : CRYPTO_AES_GCM_16);
        struct conf_ike_proposal first = conn.ike[0];
        struct conf_esp_proposal first_esp = conn.esp[0];
        conn.ike[0] = conn.ike[1];
        conn.ike[1] = first;
        conn.esp[0] = conn.esp[1];
        conn.esp[1] = first_esp;
    }
}

static const struct sa_offer *select_esp(unsigned id, const char *attributes, crypto_group group, bool encapsulated, bool *pfs_only)
{
    static const struct conf_conn conn = { .esp = { { CRYPTO_AES_GCM_16, 256, CRYPTO_HASH_NONE }, { CRYPTO_AES_CBC, 128, CRYPTO_SHA2_256 } },
                                           .esp_count = 2 };
    struct conf_esp_proposal chosen;
    assert_int_equal(sa_v1_read(sa_single(&body, 3, "01020304", id, attributes), 2, &offers), IKE_OK);
    return proposal_select_esp(&offers, &conn, group, encapsulated, &chosen, pfs_only);
}

static void phase2_fits(void **state)
{
    (void)state;
    static const struct { unsigned id; const char *attributes; bool fits; } rows[] = {
        { 20, "80040001" "80060100", true },
        { 20, "80040001", false },                           /* RFC 4106 8: GCM must say how long its key is */
        { 20, "80040001" "80060080", false },
        { 20, "80040001" "80060100" "80050005", false },     /* an AEAD with an integrity algorithm besides */
        { 18, "80040001" "80060100", false },                /* shorter ICVs */
        { 19, "80040001" "80060100", false },
        { 12, "80040001" "80060080" "80050005", true },
        { 12, "80040001" "80050005", true },                 /* no key length: 128 */
        { 12, "80040001" "80060080", false },                /* no integrity at all */
        { 12, "80040001" "80060080" "80050002", false },
        { 11, "80040001" "80050005", false },                /* NULL */
        { 23, "80040001" "80060100", false },                /* GMAC: integrity, no key for a cipher */
        { 3, "80040001" "80050005", false },
        { 0, "80040001" "80060100", false },
        { 20, "80060100", false },                           /* encapsulation mode not said */
    };
    bool pfs_only;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if ((select_esp(rows[i].id, rows[i].attributes, 0, false, &pfs_only) != NULL) != rows[i].fits)
            fail_msg("%u, %s", rows[i].id, rows[i].attributes);
        assert_false(pfs_only);
    }
}

static void phase2_groups(void **state)
{
    (void)state;
    bool pfs_only;
    assert_non_null(select_esp(20, "80040001" "80060100" "80030013", 19, false, &pfs_only));
    assert_false(pfs_only);
    assert_null(select_esp(20, "80040001" "80060100" "80030014", 19, false, &pfs_only));
    assert_true(pfs_only);
    assert_null(select_esp(20, "80040001" "80060100", 19, false, &pfs_only));
    assert_true(pfs_only);
    assert_null(select_esp(20, "80040001" "80060100" "80030013", 0, false, &pfs_only));
    assert_true(pfs_only);
    assert_null(select_esp(20, "80040001" "80060080" "80030014", 19, false, &pfs_only)); /* not the group alone */
    assert_false(pfs_only);
}

static void phase2_encapsulation(void **state)
{
    (void)state;
    static const unsigned modes[] = { 1, 2, 3, 4, 61443, 61444, 65535 };
    char attributes[32];
    bool pfs_only;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        snprintf(attributes, sizeof attributes, "8004%04x80060100", modes[i]);
        assert_int_equal(select_esp(20, attributes, 0, false, &pfs_only) != NULL, modes[i] == 1);
        assert_int_equal(select_esp(20, attributes, 0, true, &pfs_only) != NULL, modes[i] == 3 || modes[i] == 61443);
    }
}

/* Two protocols wanted together: none of the two is taken alone. */
static void bundles_are_refused(void **state)
{
    (void)state;
    struct conf_conn conn = engine_conn(HEADEND, 19);
    struct conf_esp_proposal chosen;
    bool pfs_only;
    static const unsigned second[] = { 2, 4, 3 };
    for (size_t i = 0; i < 3; i++)
        for (unsigned number = 1; number <= 2; number++) {
            sa_begin(&body);
            sa_proposal(&body, true, 1, 3, "01020304", 1);
            sa_transform(&body, false, 1, 20, "80040001" "80060100");
            sa_proposal(&body, false, number, second[i], "05060708", 1);
            sa_transform(&body, false, 1, 3, "80040001" "80050002");
            assert_int_equal(sa_v1_read(sa_end(&body), 2, &offers), IKE_OK);
            assert_int_equal(proposal_select_esp(&offers, &conn, 0, false, &chosen, &pfs_only) != NULL, number == 2);
        }
}

/* ---- text ---- */

static void text(void **state)
{
    (void)state;
    char out[96];
    struct conf_ike_proposal ike = { CRYPTO_AES_CBC, 256, CRYPTO_SHA2_384, 5 };
    struct conf_esp_proposal gcm = { CRYPTO_AES_GCM_16, 256, CRYPTO_HASH_NONE }, cbc = { CRYPTO_AES_CBC, 128, CRYPTO_SHA1 };
    size_t n = proposal_print_ike(&ike, out, sizeof out);
    assert_string_equal(out, "AES_CBC_256-HMAC_SHA2_384-MODP1536");
    assert_int_equal(n, strlen(out));
    n = proposal_print_esp(&gcm, 20, out, sizeof out);
    assert_string_equal(out, "AES_GCM_16_256-NONE-ECP384");
    assert_int_equal(n, strlen(out));
    proposal_print_esp(&cbc, 0, out, sizeof out);
    assert_string_equal(out, "AES_CBC_128-HMAC_SHA1-no PFS");
    for (size_t size = 1; size < 40; size++) {
        n = proposal_print_ike(&ike, out, size);
        assert_int_equal(n, strlen(out));
        assert_true(n < size);
    }
}

/* Every size of the place for it, and offers of numbers that have no name. */
static void offers_as_text(void **state)
{
    (void)state;
    char out[161], attributes[64];
    sa_begin(&body);
    sa_proposal(&body, false, 1, 1, "", 200);
    for (unsigned i = 0; i < 200; i++) {
        snprintf(attributes, sizeof attributes, "8001%04x800e%04x8002%04x8004%04x", i < 4 ? 7 : i * 300, 128 + i / 2, 4, i + 1);
        sa_transform(&body, i < 199, i, 1, attributes);
    }
    assert_int_equal(sa_v1_read(sa_end(&body), 1, &offers), IKE_OK);
    for (size_t size = 1; size < sizeof out; size++) {
        memset(out, 'X', sizeof out);
        proposal_print_offers(&offers, 1, out, size);
        assert_true(strlen(out) < size);
        assert_int_equal(out[size], 'X');
        proposal_print_offers(&offers, 2, out, size);
        assert_true(strlen(out) < size);
    }
    proposal_print_offers(&offers, 1, out, 160);
    assert_ptr_equal(strstr(out, "AES_CBC_128-SHA2_256-no PFS, AES_CBC_128-SHA2_256-MODP1024"), out);
    assert_string_equal(out + strlen(out) - 5, ", ...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phase1_fits),          cmocka_unit_test(our_order_wins),      cmocka_unit_test(phase2_fits),
        cmocka_unit_test(phase2_groups),        cmocka_unit_test(phase2_encapsulation), cmocka_unit_test(bundles_are_refused),
        cmocka_unit_test(text),                 cmocka_unit_test(offers_as_text),
    };
    return cmocka_run_group_tests_name("ike: the choice of a proposal", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other IKE daemons got wrong in Quick Mode's identities, selectors and lifetimes, with an authenticated peer.
 * One test for each row of tests/rows.txt, part e. A refusal is a Notify under the SA; SA and pair survive it.
 */
#include "tests/support/test.h"

#include <stdio.h>

#include "ike/err.h"
#include "ike/iana.h"
#include "tests/support/forge.h"
#include "tests/support/recorded.h"

static struct sa_body body;
static uint32_t next_message_id = 0xa000;

#define OURS "04000000" "0a000000" "ffff0000"
#define THEIRS "04000000" "c0a80100" "ffffff00"
#define ESP "80040001" "80060100"

struct answer { bool taken; uint16_t told; };

/* Message 1 to the headend with all up (step 6: before its first), or 2 to the CPE, of these payloads. */
static struct answer quick(size_t step, const char *spi, const char *attributes, const char *const *ids, uint8_t extra)
{
    int to = run.step[step].to;
    struct engine *e = &run.end[to];
    struct ike_path path = engine_path_of(to, IKE_PORT);
    image_load(&run.step[step].before[to], e);
    struct isakmp_sa sa = *forge_sa(e);
    /* cppcheck-suppress unreadVariable ; read by way of f.quick */
    struct quick q = { .phase = QUICK_FREE };
    struct forge f = { .sa = &sa, .exchange = IANA_EXCHANGE_QUICK, .message_id = ++next_message_id, .hash = HASH_1 };
    if (step == 7) {
        q = *forge_quick(e);
        f.message_id = q.x.message_id;
        f.hash = HASH_2;
        f.quick = &q;
    }
    forge_add(&f, IANA_PAYLOAD_SA, sa_single(&body, 3, spi, 20, attributes));
    forge_add(&f, IANA_PAYLOAD_NONCE, hex_bytes("000102030405060708090a0b0c0d0e0f"));
    for (; ids && *ids; ids++)
        forge_add(&f, IANA_PAYLOAD_ID, hex_bytes(*ids));
    if (extra)
        forge_add(&f, extra, hex_bytes("01000000" "c0a80105"));
    engine_take_octets(e, &path, forge_make(&f));
    assert_true(engine_up(e));
    struct answer a = { .taken = e->requests > 0 };
    a.told = a.taken ? 0 : forge_notify_sent(e, &sa);
    return a;
}

static void refused(size_t step, const char *const *ids, uint16_t told)
{
    struct answer a = quick(step, "a1b2c3d4", ESP, ids, 0);
    if (a.taken || a.told != (step == 6 ? told : 0))
        fail_msg("message %zu, %s: taken %d, told %u", step - 5, ids && ids[0] ? ids[0] : "no identity", a.taken, a.told);
}

static void taken_as_a_beginning(void **state)
{
    (void)state;
    static const char *const ids[] = { THEIRS, OURS, NULL };
    for (size_t step = 6; step <= 7; step++)
        assert_true(quick(step, "a1b2c3d4", ESP, ids, 0).taken);
}

static void row_60_identity_of_another_type(void **state)
{
    (void)state;
    static const char *const others[] = { "02000000" "676174657761792e6578616d706c65", "02000000", "03000000" "6140622e63", "09000000" "3000",
                                          "0b000000" "6b6579", "05000000" "20010db8000000000000000000000001", "01000000" "0a000001", "ff000000" };
    for (size_t step = 6; step <= 7; step++)
        for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
            const char *const responder[] = { THEIRS, others[i], NULL }, *const initiator[] = { others[i], OURS, NULL };
            refused(step, responder, IANA_NOTIFY_INVALID_ID_INFORMATION);
            refused(step, initiator, IANA_NOTIFY_INVALID_ID_INFORMATION);
        }
}

static void row_61_none_one_or_three_identities(void **state)
{
    (void)state;
    static const char *const none[] = { NULL }, *const one[] = { THEIRS, NULL }, *const three[] = { THEIRS, OURS, OURS, NULL },
                     *const four[] = { THEIRS, OURS, THEIRS, OURS, NULL };
    refused(6, none, IANA_NOTIFY_INVALID_ID_INFORMATION); /* none means the two addresses, which are not configured */
    refused(6, one, IANA_NOTIFY_INVALID_PAYLOAD_TYPE);
    refused(6, three, IANA_NOTIFY_INVALID_PAYLOAD_TYPE);
    refused(6, four, IANA_NOTIFY_INVALID_PAYLOAD_TYPE);
    refused(7, one, 0);
    refused(7, three, 0);
    refused(7, four, 0);
}

static void row_62_selectors_of_a_bad_shape(void **state)
{
    (void)state;
    static const char *const shapes[] = {
        "04000000" "0a000000",            "04000000" "0a000000" "ffff",          "04000000" "0a000000" "ffff0000" "00", "04000000" "0a000000" "ff00ff00",
        "04000000" "0a000000" "0000ffff", "07000000" "0a00ffff" "0a000000",      "07000000" "0a000001" "0a00ffff",      "07000000" "0a000000",
        "04110000" "0a000000" "ffff0000", "04000035" "0a000000" "ffff0000",      "04110035" "0a000000" "ffff0000",      "040000",  "04",
    };
    for (size_t step = 6; step <= 7; step++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            const char *const ids[] = { THEIRS, shapes[i], NULL };
            uint16_t told = strlen(shapes[i]) < 8 ? 0 : IANA_NOTIFY_INVALID_ID_INFORMATION; /* no chain of payloads, before any hash */
            refused(step, ids, told);
        }
    static const char *const range[] = { THEIRS, "07000000" "0a000000" "0a00ffff", NULL }, *const swapped[] = { OURS, THEIRS, NULL },
                     *const wider[] = { THEIRS, "04000000" "00000000" "00000000", NULL }, *const narrower[] = { THEIRS, "01000000" "0a000000", NULL };
    for (size_t step = 6; step <= 7; step++) {
        assert_true(quick(step, "a1b2c3d4", ESP, range, 0).taken); /* the same network, said otherwise */
        refused(step, swapped, IANA_NOTIFY_INVALID_ID_INFORMATION);
        refused(step, wider, IANA_NOTIFY_INVALID_ID_INFORMATION);
        refused(step, narrower, IANA_NOTIFY_INVALID_ID_INFORMATION);
    }
}

static void row_63_nat_oa_is_ignored(void **state)
{
    (void)state;
    static const char *const ids[] = { THEIRS, OURS, NULL };
    static const uint8_t types[] = { IANA_PAYLOAD_NAT_OA, 131, IANA_PAYLOAD_VENDOR };
    for (size_t step = 6; step <= 7; step++)
        for (size_t i = 0; i < sizeof types; i++)
            assert_true(quick(step, "a1b2c3d4", ESP, ids, types[i]).taken);
}

/* What is told comes from our own tables: the protocol is ESP and the type one of ours, whatever was asked for. */
static void row_64_replies_echo_nothing(void **state)
{
    (void)state;
    static const char *const ids[] = { THEIRS, OURS, NULL };
    static const char *const spis[] = { "00000000", "00000001", "000000ff", "00000100", "ffffffff" };
    for (size_t i = 0; i < sizeof spis / sizeof *spis; i++) {
        struct answer a = quick(6, spis[i], ESP, ids, 0);
        assert_int_equal(a.taken, i >= 3);
        assert_int_equal(a.told, i >= 3 ? 0 : IANA_NOTIFY_INVALID_SPI);
        assert_int_equal(quick(7, spis[i], ESP, ids, 0).taken, i >= 3);
    }
    for (unsigned protocol = 0; protocol < 256; protocol++) {
        struct engine *e = &run.end[HEADEND];
        struct ike_path path = engine_path_of(HEADEND, IKE_PORT);
        image_load(&run.step[6].before[HEADEND], e);
        struct isakmp_sa sa = *forge_sa(e);
        struct forge f = { .sa = &sa, .exchange = IANA_EXCHANGE_QUICK, .message_id = ++next_message_id, .hash = HASH_1 };
        forge_add(&f, IANA_PAYLOAD_SA, sa_single(&body, protocol, "a1b2c3d4", 20, ESP));
        forge_add(&f, IANA_PAYLOAD_NONCE, hex_bytes("000102030405060708090a0b0c0d0e0f"));
        forge_add(&f, IANA_PAYLOAD_ID, hex_bytes(THEIRS));
        forge_add(&f, IANA_PAYLOAD_ID, hex_bytes(OURS));
        engine_take_octets(e, &path, forge_make(&f));
        assert_int_equal(e->requests > 0, protocol == 3);
        if (protocol != 3)
            assert_int_equal(forge_notify_sent(e, &sa), IANA_NOTIFY_NO_PROPOSAL_CHOSEN);
    }
}

/* The peer may shorten our hour, never lengthen it; what is no lifetime is no proposal. */
static void row_65_lifetimes(void **state)
{
    (void)state;
    static const struct { const char *attributes; uint32_t seconds; } rows[] = {
        { "", 3600 },                                   { "80010001" "80020001", 1 },
        { "80010001" "80020e0f", 3599 },                { "80010001" "80020e11", 3600 },
        { "80010001" "8002ffff", 3600 },                { "80010001" "0002000400010000", 3600 },
        { "80010001" "0002000480000000", 3600 },        { "80010001" "00020004ffffffff", 3600 },
        { "80010001" "000200080000000000000100", 256 }, { "80010001" "00020008ffffffffffffffff", 3600 },
        { "80010001" "00020008" "0000000100000010", 3600 }, /* above 32 bits, small in the lower ones */
        { "80010002" "80020001", 3600 },                { "80010001" "8002012c" "80010002" "80021000", 300 },
        { "80010001" "80020000", 3600 } /* none given */, { "80020e10", 0 },
        { "80010001" "80020e10" "80010001" "80020e10", 0 }, { "80010001" "00020009010000000000000000", 0 },
    };
    static const char *const ids[] = { THEIRS, OURS, NULL };
    char attributes[128];
    for (size_t step = 6; step <= 7; step++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            snprintf(attributes, sizeof attributes, ESP "%s", rows[i].attributes);
            struct answer a = quick(step, "a1b2c3d4", attributes, ids, 0);
            if (a.taken != (rows[i].seconds > 0))
                fail_msg("message %zu, %s: taken %d", step - 5, rows[i].attributes, a.taken);
            if (!a.taken)
                continue;
            const struct engine *e = &run.end[run.step[step].to];
            const struct child *c = NULL;
            for (size_t n = 0; n < TUNNEL_CHILDREN_MAX; n++)
                if (e->ike->tunnels[0].child[n].spi_out == 0xa1b2c3d4)
                    c = &e->ike->tunnels[0].child[n];
            assert_non_null(c);
            assert_int_equal(mono_since(c->expires_at, e->now), MONO_S(rows[i].seconds));
        }
}

/* ---- two tunnels under one first phase ---- */

static struct run two;

static void hand_over(void)
{
    static struct sent queue[24];
    for (unsigned round = 0; round < 16; round++)
        for (int to = CPE; to <= HEADEND; to++) {
            struct engine *from = &two.end[!to];
            size_t n = from->sent_count;
            memcpy(queue, from->sent, n * sizeof *queue);
            engine_clear(from);
            for (size_t i = 0; i < n; i++)
                engine_take(&two.end[to], &queue[i]);
        }
}

static void row_66_two_selectors_under_one_first_phase(void **state)
{
    (void)state;
    struct conf_conn conns[2][2];
    for (int end = CPE; end <= HEADEND; end++) {
        conns[end][0] = conns[end][1] = engine_conn(end, 19);
        assert_true(prefix_parse(&conns[end][1].end[CPE].subnet, "192.168.2.0/24"));
        engine_begin_conns(&two.end[end], conns[end], 2);
        engine_clear(&two.end[end]);
    }
    struct addr own[] = { engine_path_of(CPE, 500).local.addr, engine_path_of(HEADEND, 500).local.addr };
    engine_path(&two.end[HEADEND], &own[HEADEND]);
    engine_path(&two.end[CPE], &own[CPE]);
    hand_over();
    for (uint16_t conn = 0; conn < 2; conn++) {
        struct ike_status near, far;
        ike_status(two.end[CPE].ike, conn, &near);
        ike_status(two.end[HEADEND].ike, conn, &far);
        assert_true(near.spi_in && near.spi_in == far.spi_out && near.spi_out == far.spi_in);
        unsigned children = 0;
        for (size_t i = 0; i < TUNNEL_CHILDREN_MAX; i++)
            children += two.end[HEADEND].ike->tunnels[conn].child[i].state != CHILD_FREE;
        assert_int_equal(children, 1);
    }
    struct ike_status a, b;
    ike_status(two.end[CPE].ike, 0, &a);
    ike_status(two.end[CPE].ike, 1, &b);
    assert_true(a.spi_in != b.spi_in && a.spi_out != b.spi_out);
    assert_int_equal(two.end[CPE].ike->peer_count, 1);
    engine_end(&two.end[CPE]);
    engine_end(&two.end[HEADEND]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taken_as_a_beginning),            cmocka_unit_test(row_60_identity_of_another_type),
        cmocka_unit_test(row_61_none_one_or_three_identities), cmocka_unit_test(row_62_selectors_of_a_bad_shape),
        cmocka_unit_test(row_63_nat_oa_is_ignored),        cmocka_unit_test(row_64_replies_echo_nothing),
        cmocka_unit_test(row_65_lifetimes),                cmocka_unit_test(row_66_two_selectors_under_one_first_phase),
    };
    return cmocka_run_group_tests_name("ike: what broke other daemons' Quick Mode", tests, recorded_begin_no_pfs, recorded_end);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other IKE daemons got wrong in looking up state: messages for an SA that is not there, not yet there, or there
 * and not authenticated. One test for each row of tests/rows.txt, part b and the state machine of part c.
 */
#include "tests/support/test.h"

#include <stdio.h>

#include "ike/err.h"
#include "ike/iana.h"
#include "tests/support/forge.h"
#include "tests/support/recorded.h"

static struct sa_body body;
static uint32_t next_message_id = 0x7000;

static struct bytes notify(const char *type_and_data) /* without SPI */
{
    static char hex[256];
    snprintf(hex, sizeof hex, "00000001" "01" "00" "%s", type_and_data);
    return hex_bytes(hex);
}

/* Refused by both ends at every moment of the run, whatever SA there is. */
static void refused_always(struct bytes datagram)
{
    for (size_t step = 0; step < RUN_MESSAGES; step++)
        for (int end = CPE; end <= HEADEND; end++)
            forge_refused(&run.step[step].before[end], &run.end[end], end, IKE_PORT, datagram);
}

static void row_27_dpd_for_no_sa(void **state)
{
    (void)state;
    static struct isakmp_sa nobody;
    memset(nobody.cookie_i, 0x11, WIRE_COOKIE);
    memset(nobody.cookie_r, 0x22, WIRE_COOKIE);
    static const char *const types[] = { "8d28" "00000001", "8d29" "00000001", "6002", "000e" };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        for (int zero = 0; zero <= 1; zero++) {
            struct forge f = { .sa = &nobody, .exchange = IANA_EXCHANGE_INFORMATIONAL, .message_id = zero ? 0 : 77, .clear = true };
            forge_add(&f, IANA_PAYLOAD_NOTIFY, notify(types[i]));
            refused_always(forge_make(&f));
            memset(nobody.cookie_r, zero ? 0x22 : 0, WIRE_COOKIE);
        }
    /* The SA of the run's probe and Deletes, expired: gone from the headend after its stop. */
    for (size_t step = 9; step <= 12; step++)
        for (int end = CPE; end <= HEADEND; end++)
            forge_refused(&run.step[0].before[end], &run.end[end], end, IKE_PORT,
                          bytes_of(run.step[step].message.datagram, run.step[step].message.length));
}

static void row_28_informational_with_an_sa_payload(void **state)
{
    (void)state;
    static struct isakmp_sa nobody;
    memset(nobody.cookie_i, 0x33, WIRE_COOKIE);
    memset(nobody.cookie_r, 0x44, WIRE_COOKIE);
    struct bytes sa = sa_single(&body, 1, "", 1, "80010007" "800e0100" "80020005" "80030001" "80040013");
    static const uint8_t firsts[] = { IANA_PAYLOAD_SA, IANA_PAYLOAD_SIGNATURE, IANA_PAYLOAD_HASH, IANA_PAYLOAD_ID, IANA_PAYLOAD_DELETE };
    static const uint8_t exchanges[] = { IANA_EXCHANGE_INFORMATIONAL, IANA_EXCHANGE_MAIN, IANA_EXCHANGE_QUICK };
    for (size_t e = 0; e < 3; e++)
        for (size_t i = 0; i < sizeof firsts; i++) {
            struct forge f = { .sa = &nobody, .exchange = exchanges[e], .clear = true };
            forge_add(&f, firsts[i], firsts[i] == IANA_PAYLOAD_SA ? sa : hex_bytes("0000000101020001"));
            refused_always(forge_make(&f));
        }
    struct forge f = { .sa = &nobody, .exchange = IANA_EXCHANGE_MAIN, .clear = true };
    memset(nobody.cookie_r, 0, WIRE_COOKIE);
    forge_add(&f, IANA_PAYLOAD_SIGNATURE, hex_bytes("0000000101020001"));
    forge_add(&f, IANA_PAYLOAD_SA, sa);
    refused_always(forge_make(&f));
}

static void row_29_vendor_ids_into_garbage(void **state)
{
    (void)state;
    const struct sent *m = &run.step[0].message;
    uint8_t copy[IKE_SEND_MAX];
    for (unsigned length = 21; length < 300; length++) {
        memcpy(copy, m->datagram, m->length);
        copy[m->length - 18] = (uint8_t)(length >> 8);  /* the last vendor ID claims more than is there */
        copy[m->length - 17] = (uint8_t)length;
        refused_always(bytes_of(copy, m->length));
    }
}

static void row_30_aggressive_mode_and_its_reply(void **state)
{
    (void)state;
    struct engine *e = &run.end[HEADEND];
    uint8_t copy[IKE_SEND_MAX];
    const struct sent *m = &run.step[0].message;
    memcpy(copy, m->datagram, m->length);
    copy[18] = IANA_EXCHANGE_AGGRESSIVE;
    refused_always(bytes_of(copy, m->length));
    memset(copy + 8, 0x77, WIRE_COOKIE);
    refused_always(bytes_of(copy, m->length));
    /* A reply that is about no SA names none, and what comes back with its cookies is nobody's. */
    struct bytes wrong = forge_replace(m, IANA_PAYLOAD_SA, sa_single(&body, 1, "", 1, "80010005" "80020002" "80030001" "80040002"));
    run_back(&run, 0);
    engine_take_octets(e, &m->path, wrong);
    assert_int_equal(e->sent_count, 1);
    assert_int_equal(e->sent[0].datagram[18], IANA_EXCHANGE_INFORMATIONAL);
    assert_memory_equal(e->sent[0].datagram + 8, "\0\0\0\0\0\0\0\0", 8);
    assert_int_equal(e->sent[0].datagram[19] & IANA_FLAG_ENCRYPTION, 0);
    struct bytes back = bytes_of(e->sent[0].datagram, e->sent[0].length);
    forge_refused(&run.step[0].before[HEADEND], e, HEADEND, IKE_PORT, back);
    /* The same offer with a responder's cookie of our choosing, as an SA that is half built would have it. */
    memcpy(copy, m->datagram, m->length);
    copy[8] = 1;
    forge_refused(&run.step[0].before[HEADEND], e, HEADEND, IKE_PORT, bytes_of(copy, m->length));
}

/* Between messages 2 and 5 there are no keys, or no one to trust with them: nothing encrypted is taken or sent. */
static void row_31_encrypted_before_keys(void **state)
{
    (void)state;
    for (size_t step = 1; step <= 5; step++)
        for (int end = CPE; end <= HEADEND; end++) {
            image_load(&run.step[step].before[end], &run.end[end]);
            struct isakmp_sa *sa = forge_sa(&run.end[end]);
            if (!sa || sa->up)
                continue;
            struct isakmp_sa with_keys = *sa;
            if (!sa->keys_ready)             /* any key at all */
                with_keys.keys = (struct isakmp_keys){ .hash = CRYPTO_SHA2_384, .hash_length = 48, .key_length = 32 };
            static const uint8_t exchanges[] = { IANA_EXCHANGE_INFORMATIONAL, IANA_EXCHANGE_QUICK };
            for (size_t i = 0; i < 2; i++) {
                struct forge f = { .sa = &with_keys, .exchange = exchanges[i], .message_id = ++next_message_id, .hash = HASH_1 };
                forge_add(&f, IANA_PAYLOAD_NONCE, hex_bytes("000102030405060708090a0b0c0d0e0f"));
                if (sa->keys_ready && exchanges[i] == IANA_EXCHANGE_INFORMATIONAL)
                    f.bad_hash = true;       /* with the right hash it is the peer's: only then it may be heard */
                forge_refused(&run.step[step].before[end], &run.end[end], end, IKE_PORT, forge_make(&f));
            }
        }
}

/* ---- an established SA and a new first phase ---- */

static void row_32_new_first_phase_removes_nothing(void **state)
{
    (void)state;
    struct engine *e = &run.end[HEADEND];
    const char *why;
    image_load(&run.after[HEADEND], e);
    struct sent first = run.step[0].message, third = run.step[2].message;
    first.datagram[0] ^= 1;                   /* with the old cookie it would be the old message again */
    engine_take(e, &first);
    assert_true(image_same(&run.after[HEADEND], e, &why));
    memcpy(third.datagram, e->sent[0].datagram, 2 * WIRE_COOKIE);
    engine_clear(e);
    engine_take(e, &third);
    assert_int_equal(e->sent_count, 1);       /* half open, beside the old one */
    assert_true(engine_up(e) && engine_children(e));
    struct sent fifth = run.step[4].message;  /* a message 5 that is not the initiator's */
    memcpy(fifth.datagram, third.datagram, 2 * WIRE_COOKIE);
    engine_take(e, &fifth);
    assert_true(engine_up(e) && engine_children(e));
    uint32_t delay = e->ike->conns[0].dpd_delay;
    e->ike->conns[0].dpd_delay = 0;           /* nobody is here to answer probes */
    engine_clear(e);
    engine_tick(e, MONO_S(31));
    e->ike->conns[0].dpd_delay = delay;
    unsigned used = 0;
    for (size_t i = 0; i < PEER_SAS_MAX; i++)
        used += e->ike->peers[0].sa[i].used;
    assert_int_equal(used, 1);
    assert_true(engine_up(e));
}

static unsigned count_up(const struct engine *e, bool current)
{
    unsigned n = 0;
    for (size_t i = 0; i < PEER_SAS_MAX; i++) {
        const struct isakmp_sa *sa = &e->ike->peers[0].sa[i];
        n += sa->used && sa->up && mono_is_never(sa->discard_at) == current;
    }
    return n;
}

static void relay(void)
{
    static struct sent queue[24];
    for (unsigned round = 0; round < 12; round++)
        for (int to = CPE; to <= HEADEND; to++) {
            struct engine *from = &run.end[!to];
            size_t n = from->sent_count;
            memcpy(queue, from->sent, n * sizeof *queue);
            engine_clear(from);
            for (size_t i = 0; i < n; i++)
                engine_take(&run.end[to], &queue[i]);
        }
}

/* The newest authenticated SA is the one in use; the old one goes after it, not before; and nobody else has a part. */
static void row_33_second_first_phase_of_one_peer(void **state)
{
    (void)state;
    struct engine *near = &run.end[CPE], *far = &run.end[HEADEND];
    image_load(&run.after[CPE], near);
    image_load(&run.after[HEADEND], far);
    uint32_t old = forge_sa(far)->serial;
    ike_command(near->ike, near->now, &(struct ike_command){ IKE_COMMAND_REKEY, 0 });
    engine_drain(near);
    struct sent elsewhere = near->sent[0];
    for (size_t i = 0; i < near->sent_count; i++) /* the first message of it, from an address that is no headend's */
        if (near->sent[i].datagram[18] == IANA_EXCHANGE_MAIN)
            elsewhere = near->sent[i];
    elsewhere.path.remote.addr.octets[3] ^= 1;
    engine_clear(far);
    engine_take(far, &elsewhere);
    assert_int_equal(far->sent_count + far->notices, 0);
    assert_int_equal(count_up(far, true), 1);
    relay();
    for (int end = CPE; end <= HEADEND; end++) {
        assert_int_equal(count_up(&run.end[end], true), 1);
        assert_int_equal(count_up(&run.end[end], false), 1);
    }
    assert_true(peer_sa_best(&far->ike->peers[0])->serial > old);
    far->now = near->now = mono_after(near->now, MONO_S(31));
    ike_tick(far->ike, far->now);
    engine_drain(far);
    assert_int_equal(count_up(far, true), 1);
    assert_int_equal(count_up(far, false), 0);
}

static void row_34_corrupt_messages_on_4500(void **state)
{
    (void)state;
    uint8_t datagram[4 + IKE_SEND_MAX] = { 0 };
    for (size_t step = 4; step < RUN_MESSAGES; step++) {
        const struct sent *m = &run.step[step].message;
        for (size_t i = WIRE_HEADER; i < m->length; i += 5) {
            memcpy(datagram + 4, m->datagram, m->length);
            datagram[4 + i] ^= 0x40;
            for (int end = CPE; end <= HEADEND; end++)
                forge_refused(&run.after[end], &run.end[end], end, IKE_PORT_NATT, bytes_of(datagram, 4 + m->length));
        }
    }
}

/* ---- Quick Mode before the first phase is through ---- */

static struct forge quick_first(const struct isakmp_sa *sa)
{
    struct forge f = { .sa = sa, .exchange = IANA_EXCHANGE_QUICK, .message_id = ++next_message_id, .hash = HASH_1 };
    forge_add(&f, IANA_PAYLOAD_SA, sa_single(&body, 3, "a1b2c3d4", 20, "80040001" "80060100" "80030013"));
    forge_add(&f, IANA_PAYLOAD_NONCE, hex_bytes("000102030405060708090a0b0c0d0e0f"));
    return f;
}

static void row_41_quick_mode_before_authentication(void **state)
{
    (void)state;
    static const struct { size_t step; int end; } when[] = { { 4, HEADEND }, { 5, CPE } };
    for (size_t i = 0; i < 2; i++) {
        image_load(&run.step[when[i].step].before[when[i].end], &run.end[when[i].end]);
        struct isakmp_sa sa = *forge_sa(&run.end[when[i].end]);
        assert_true(sa.keys_ready && !sa.up);
        struct forge f = quick_first(&sa);
        forge_refused(&run.step[when[i].step].before[when[i].end], &run.end[when[i].end], when[i].end, IKE_PORT, forge_make(&f));
    }
}

/* Whatever comes to a half-open SA but message 5, or 6, does not make it established. */
static void row_42_half_open_stays_half_open(void **state)
{
    (void)state;
    static const struct { size_t step; int end; } when[] = { { 4, HEADEND }, { 5, CPE } };
    for (size_t i = 0; i < 2; i++)
        for (unsigned exchange = 0; exchange < 256; exchange++)
            for (int hashed = 0; hashed <= 1; hashed++) {
                struct engine *e = &run.end[when[i].end];
                struct ike_path path = engine_path_of(when[i].end, IKE_PORT);
                image_load(&run.step[when[i].step].before[when[i].end], e);
                struct forge f = { .sa = forge_sa(e), .exchange = (uint8_t)exchange, .message_id = exchange % 3 ? ++next_message_id : 0,
                                   .hash = hashed ? HASH_1 : HASH_NONE, .phase1 = !hashed };
                forge_add(&f, IANA_PAYLOAD_NOTIFY, notify("4000"));
                engine_take_octets(e, &path, forge_make(&f));
                assert_false(engine_up(e) || engine_children(e));
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_27_dpd_for_no_sa), cmocka_unit_test(row_28_informational_with_an_sa_payload),
        cmocka_unit_test(row_29_vendor_ids_into_garbage), cmocka_unit_test(row_30_aggressive_mode_and_its_reply),
        cmocka_unit_test(row_31_encrypted_before_keys), cmocka_unit_test(row_32_new_first_phase_removes_nothing),
        cmocka_unit_test(row_33_second_first_phase_of_one_peer), cmocka_unit_test(row_34_corrupt_messages_on_4500),
        cmocka_unit_test(row_41_quick_mode_before_authentication), cmocka_unit_test(row_42_half_open_stays_half_open),
    };
    return cmocka_run_group_tests_name("ike: what broke other state machines", tests, recorded_begin, recorded_end);
}

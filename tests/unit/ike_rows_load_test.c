/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What exhausted or confused other IKE daemons: floods, what is begun and never ended, leaks, fragments, and messages
 * that cross. One test for each row of tests/rows.txt, part f, that two engines can show; the rest is in tests/sim.
 */
#include "tests/support/test.h"

#include <malloc.h>
#include <stdio.h>

#include "ike/err.h"
#include "ike/iana.h"
#include "tests/support/forge.h"
#include "tests/support/recorded.h"

static struct sa_body body;
static uint32_t next_message_id = 0xc000;

static unsigned many(unsigned usual)
{
    return getenv("MINICPE_LONG") ? 1000000 : usual;
}

/* No more memory in use than before: the engine allocates only when it starts. */
static void flat(size_t before)
{
    size_t now = mallinfo2().uordblks;
    if (now > before + 1024)
        fail_msg("memory in use grew from %zu to %zu octets", before, now);
}

static struct sent first_of(uint64_t number)
{
    struct sent m = run.step[0].message;
    number = number * 0x9e3779b97f4a7c15U | 1;
    memcpy(m.datagram, &number, WIRE_COOKIE);
    return m;
}

static unsigned used_sas(const struct engine *e, size_t peer)
{
    unsigned used = 0;
    for (size_t i = 0; i < PEER_SAS_MAX; i++)
        used += e->ike->peers[peer].sa[i].used;
    return used;
}

/* ---- floods, and what is never ended ---- */

/* 20,000 a second under one headend's address: nothing is kept, and the other headend notices nothing. */
static void row_68_first_messages_faster_than_anything_expires(void **state)
{
    (void)state;
    static struct engine e;
    struct conf_conn conns[2] = { engine_conn(HEADEND, 19), engine_conn(HEADEND, 19) };
    struct addr own = engine_path_of(HEADEND, 500).local.addr;
    conns[0].pfs = conns[1].pfs = false;
    conns[1].end[CPE].addr.octets[3]++;
    engine_begin_conns(&e, conns, 2);
    engine_path(&e, &own);
    struct ike_path other = run.step[0].message.path;
    other.remote.addr = conns[1].end[CPE].addr;
    size_t memory = mallinfo2().uordblks;
    for (unsigned i = 0; i < 100000; i++) {
        struct sent m = first_of(i);
        e.now.us += 50;
        engine_clear(&e);
        engine_take(&e, &m);
        assert_true(e.sent_count <= 1);
        if (i % 1000 == 999) {
            engine_clear(&e);
            engine_take_octets(&e, &other, bytes_of(run.step[0].message.datagram, run.step[0].message.length));
            assert_int_equal(e.sent_count, 1);
        }
    }
    assert_int_equal(used_sas(&e, 0) + used_sas(&e, 1), 0);
    flat(memory);
    engine_end(&e);
}

/* Begun and left alone: the first message is not remembered, the third for half a minute. */
static void row_69_begun_and_never_ended(void **state)
{
    (void)state;
    struct engine *e = &run.end[HEADEND];
    run_back(&run, 0);
    size_t memory = mallinfo2().uordblks;
    unsigned half_open = 0;
    for (unsigned i = 0; i < many(100000); i++) {
        struct sent m = first_of(i), third = run.step[2].message;
        engine_clear(e);
        engine_take(e, &m);
        if (i % 100 == 0 && e->sent_count == 1) {
            memcpy(third.datagram, e->sent[0].datagram, 2 * WIRE_COOKIE);
            engine_clear(e);
            engine_take(e, &third);
            half_open += (unsigned)e->sent_count;
        }
        engine_tick(e, MONO_MS(10));
        assert_true(used_sas(e, 0) <= PEER_SAS_MAX);
    }
    assert_true(half_open > 10);
    engine_tick(e, MONO_S(31));
    assert_int_equal(used_sas(e, 0), 0);
    flat(memory);
}

/* An authenticated peer's bad offers, keepalives by the million, and datagrams of nothing. */
static void row_70_nothing_leaks(void **state)
{
    (void)state;
    struct engine *e = &run.end[HEADEND];
    image_load(&run.after[HEADEND], e);
    struct ike_path path = engine_path_of(HEADEND, IKE_PORT), natt = engine_path_of(HEADEND, IKE_PORT_NATT);
    struct isakmp_sa sa = *forge_sa(e);
    static const uint8_t keepalive = 0xff;
    size_t memory = mallinfo2().uordblks;
    for (unsigned i = 0; i < many(20000); i++) {
        struct forge f = { .sa = &sa, .exchange = IANA_EXCHANGE_QUICK, .message_id = ++next_message_id, .hash = HASH_1 };
        forge_add(&f, IANA_PAYLOAD_SA, sa_single(&body, 3, "a1b2c3d4", i % 256, i & 1 ? "80040001" "80060100" : "8004000180060007"));
        forge_add(&f, IANA_PAYLOAD_NONCE, hex_bytes("000102030405060708090a0b0c0d0e0f"));
        if (i % 3 == 0)
            forge_add(&f, IANA_PAYLOAD_ID, hex_bytes("0400000000000000"));
        engine_clear(e);
        engine_take_octets(e, &path, forge_make(&f));
        assert_int_equal(e->requests, 0);
        for (unsigned k = 0; k < 10; k++) {
            engine_take_octets(e, &natt, bytes_of(&keepalive, 1));
            engine_take_octets(e, &natt, bytes_of(&keepalive, 0));
        }
        e->now.us += 1000;
    }
    assert_true(engine_up(e) && engine_children(e));
    flat(memory);
}

/* ---- fragments ---- */

enum { PAYLOAD_FRAGMENT = 132 };    /* of Cisco and Microsoft: number, index, last */

/* There is no reassembly: whatever a fragment says, nothing is kept and nothing answered; nor do we say that we could. */
static void row_71_fragments_are_nobodys(void **state)
{
    (void)state;
    static const char *const fragments[] = {
        "", "00", "0001", "000101", "00010100", "00010101", "0001010141", "00010001", "0001ff00" "4142434445464748", "ffffff01" "41",
        "00010200" "41", "00010201" "41", "00010201", "0000000000000000",
    };
    const struct sent *first = &run.step[0].message;
    for (size_t i = 0; i + 16 <= first->length; i++) /* no vendor ID of fragmentation */
        assert_memory_not_equal(first->datagram + i, "\x40\x48\xb7\xd5\x6e\xbc\xe8\x85\x25\xe7\xde\x7f\x00\xd6\xc2\xd3", 16);
    for (size_t step = 0; step < RUN_MESSAGES; step++)
        for (int end = CPE; end <= HEADEND; end++)
            for (size_t i = 0; i < sizeof fragments / sizeof *fragments; i++) {
                struct engine *e = &run.end[end];
                image_load(&run.step[step].before[end], e);
                static struct isakmp_sa sa;
                const struct isakmp_sa *there = forge_sa(e);
                memset(&sa, 0x5a, sizeof sa);
                if (there)
                    sa = *there;
                struct forge f = { .sa = &sa, .exchange = i & 1 ? IANA_EXCHANGE_MAIN : IANA_EXCHANGE_INFORMATIONAL, .clear = true };
                forge_add(&f, PAYLOAD_FRAGMENT, hex_bytes(fragments[i]));
                forge_refused(&run.step[step].before[end], e, end, IKE_PORT, forge_make(&f));
                f.other_length = true;
                f.last_length = (uint16_t)(i * 3);  /* shorter than its own header, and longer than the message */
                forge_refused(&run.step[step].before[end], e, end, IKE_PORT, forge_make(&f));
            }
}

/* Fragments, certificates, SAs and what else there is, in any mix, from anybody and from an authenticated peer. */
static void row_74_mixed_payloads(void **state)
{
    (void)state;
    static const uint8_t types[] = { IANA_PAYLOAD_SA, IANA_PAYLOAD_KE, IANA_PAYLOAD_ID, 6, 7, IANA_PAYLOAD_HASH, IANA_PAYLOAD_SIGNATURE,
                                     IANA_PAYLOAD_NONCE, IANA_PAYLOAD_NOTIFY, IANA_PAYLOAD_VENDOR, 14, 15, IANA_PAYLOAD_NAT_D,
                                     IANA_PAYLOAD_NAT_OA, PAYLOAD_FRAGMENT, 33, 46, 53 };
    static uint8_t noise[512];
    uint64_t x = 88172645463325252U;
    for (unsigned i = 0; i < many(20000); i++) {
        int end = i & 1;
        struct engine *e = &run.end[end];
        image_load(&run.after[end], e);
        struct isakmp_sa sa = *forge_sa(e);
        struct ike_path path = engine_path_of(end, IKE_PORT);
        struct forge f = { .sa = &sa, .clear = i % 3 == 0, .message_id = ++next_message_id, .hash = HASH_1,
                           .exchange = i & 2 ? IANA_EXCHANGE_QUICK : i & 4 ? IANA_EXCHANGE_INFORMATIONAL : IANA_EXCHANGE_MAIN };
        for (size_t k = 0; k < sizeof noise; k++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            noise[k] = (uint8_t)x;
        }
        for (unsigned k = 0; k < 1 + x % 9; k++)
            forge_add(&f, types[(x >> (4 * k)) % sizeof types], bytes_of(noise + 32 * k, (x >> (3 * k)) % 64));
        engine_take_octets(e, &path, forge_make(&f));
        if (!engine_up(e) || !engine_children(e) || e->sent_count > 1)
            fail_msg("mix %u at end %d: up %d, children %d, %zu sent", i, end, engine_up(e), engine_children(e), e->sent_count);
    }
}

/* ---- messages that cross ---- */

/* The ISAKMP SA is deleted while a Quick Mode under it waits for its answer: the answer finds nothing, and all begins anew. */
static void row_75_delete_under_a_quick_mode(void **state)
{
    (void)state;
    for (size_t step = 7; step <= 8; step++) {
        int to = run.step[step].to;
        struct engine *e = &run.end[to];
        struct ike_path path = engine_path_of(to, IKE_PORT);
        image_load(&run.step[step].before[to], e);
        struct isakmp_sa sa = *forge_sa(e);
        uint8_t spis[24] = { 0, 0, 0, 1, 1, 16, 0, 1 };
        memcpy(spis + 8, sa.cookie_i, WIRE_COOKIE);
        memcpy(spis + 16, sa.cookie_r, WIRE_COOKIE);
        struct forge f = { .sa = &sa, .exchange = IANA_EXCHANGE_INFORMATIONAL, .message_id = ++next_message_id, .hash = HASH_1 };
        forge_add(&f, IANA_PAYLOAD_DELETE, bytes_of(spis, sizeof spis));
        engine_take_octets(e, &path, forge_make(&f));
        assert_false(engine_up(e));
        engine_clear(e);
        engine_take(e, &run.step[step].message);
        assert_int_equal(e->sent_count + e->requests, 0);
        engine_tick(e, MONO_S(60));
    }
}

/* The same first message again and again: one answer each, the same, and no state. Late copies of every other message change nothing. */
static void row_76_duplicates(void **state)
{
    (void)state;
    struct engine *e = &run.end[HEADEND];
    const char *why;
    run_back(&run, 0);
    struct sent answer = { .length = 0 };
    for (unsigned i = 0; i < 100; i++) {
        engine_clear(e);
        engine_take(e, &run.step[0].message);
        assert_int_equal(e->sent_count, 1);
        if (i)
            assert_bytes_equal(bytes_of(answer.datagram, answer.length), bytes_of(e->sent[0].datagram, e->sent[0].length));
        answer = e->sent[0];
    }
    assert_true(image_same(&run.step[0].before[HEADEND], e, &why));
    for (size_t now = 1; now < 11; now++) /* from then on the headend has ended it all */
        for (size_t old = 1; old < now; old++) {
            int to = run.step[old].to;
            image_load(&run.step[now].before[to], &run.end[to]);
            engine_take(&run.end[to], &run.step[old].message);
            if (run.end[to].requests || run.end[to].sent_count > 1 || engine_up(&run.end[to]) != (now > (to == CPE ? 5U : 4U)))
                fail_msg("%s, once more before %s: %zu requests, %zu sent", run_names[old], run_names[now], run.end[to].requests,
                         run.end[to].sent_count);
        }
}

/* ---- what the peer says reaches nobody but the log ---- */

/* Nothing is run and no file is touched: there is no shell, and notices are text (support/engine.c looks at each). */
static void row_79_shell_characters(void **state)
{
    (void)state;
    static const char *const texts[] = { "$(reboot)", "`reboot`", "; reboot #", "' || reboot || '", "\"; exec sh", "| nc -l 1", "%n%n%s%s%x", "../../etc/shadow", "\n<0>", "\x1b[2J" };
    for (int end = CPE; end <= HEADEND; end++)
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
            for (unsigned type = 1; type < 31; type++) {
                struct engine *e = &run.end[end];
                struct ike_path path = engine_path_of(end, IKE_PORT);
                image_load(&run.after[end], e);
                struct isakmp_sa sa = *forge_sa(e);
                uint8_t notify[128] = { 0, 0, 0, 1, 1, 0, 0, (uint8_t)type };
                size_t length = strlen(texts[i]);
                memcpy(notify + 8, texts[i], length);
                struct forge f = { .sa = &sa, .exchange = IANA_EXCHANGE_INFORMATIONAL, .message_id = ++next_message_id, .hash = HASH_1, .clear = type & 1 };
                forge_add(&f, IANA_PAYLOAD_NOTIFY, bytes_of(notify, 8 + length));
                engine_take_octets(e, &path, forge_make(&f));
                assert_true(engine_up(e) && engine_children(e));
                assert_int_equal(e->requests, 0);
            }
}

/* Mode Config and XAUTH, where banners and name servers come from, are not spoken, in clear or under the keys. */
static void row_80_transaction_exchange(void **state)
{
    (void)state;
    for (int end = CPE; end <= HEADEND; end++)
        for (int clear = 0; clear <= 1; clear++)
            for (unsigned length = 0; length < 80; length += 4) {
                static const uint8_t attributes[80] = { 1, 0, 0, 1, 0x70, 0, 0, 4, '$', '(', 'x', ')' };
                struct isakmp_sa sa;
                image_load(&run.after[end], &run.end[end]);
                sa = *forge_sa(&run.end[end]);
                struct forge f = { .sa = &sa, .exchange = 6, .message_id = ++next_message_id, .hash = HASH_1, .clear = clear };
                forge_add(&f, 14, bytes_of(attributes, length));
                forge_refused(&run.after[end], &run.end[end], end, IKE_PORT, forge_make(&f));
            }
}

/* ---- full tables ---- */

static bool begin_quick(struct engine *e, const struct isakmp_sa *sa)
{
    struct ike_path path = engine_path_of(HEADEND, IKE_PORT);
    struct forge f = { .sa = sa, .exchange = IANA_EXCHANGE_QUICK, .message_id = ++next_message_id, .hash = HASH_1 };
    forge_add(&f, IANA_PAYLOAD_SA, sa_single(&body, 3, "a1b2c3d4", 20, "80040001" "80060100"));
    forge_add(&f, IANA_PAYLOAD_NONCE, hex_bytes("000102030405060708090a0b0c0d0e0f"));
    forge_add(&f, IANA_PAYLOAD_ID, hex_bytes("04000000" "c0a80100" "ffffff00"));
    forge_add(&f, IANA_PAYLOAD_ID, hex_bytes("04000000" "0a000000" "ffff0000"));
    engine_clear(e);
    engine_take_octets(e, &path, forge_make(&f));
    return e->requests > 0;
}

/* More Quick Modes at once than there is room for, and more message IDs than are remembered: refused, and later there is room again. */
static void row_82_one_more_than_fits(void **state)
{
    (void)state;
    struct engine *e = &run.end[HEADEND];
    run_back(&run, 6);
    struct isakmp_sa sa = *forge_sa(e);
    unsigned taken = 0, refused = 0;
    for (unsigned i = 0; i < TUNNEL_QUICKS_MAX + 3; i++)
        if (begin_quick(e, &sa))
            taken++;
        else
            refused++;
    assert_in_range(taken, 1, TUNNEL_QUICKS_MAX);
    assert_true(refused >= 3);
    assert_true(engine_up(e));
    unsigned later = 0, seconds = 0;
    for (; engine_up(e) && seconds < 2 * MESSAGE_IDS_MAX; seconds++) {
        later += begin_quick(e, &sa);
        engine_clear(e);
        engine_tick(e, MONO_S(1)); /* what it says under the keys shows that it lives */
    }
    assert_true(later > 0);
    /* With as many again of our own: no old message could be told from a new one, so the SA is deleted and no ID forgotten. */
    assert_in_range(seconds, MESSAGE_IDS_MAX / 2 - 4 * TUNNEL_QUICKS_MAX, MESSAGE_IDS_MAX);
    bool deleted = false;
    for (size_t i = 0; i < e->sent_count; i++)
        deleted |= e->sent[i].datagram[18] == IANA_EXCHANGE_INFORMATIONAL;
    assert_true(deleted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_68_first_messages_faster_than_anything_expires), cmocka_unit_test(row_69_begun_and_never_ended),
        cmocka_unit_test(row_70_nothing_leaks), cmocka_unit_test(row_71_fragments_are_nobodys), cmocka_unit_test(row_74_mixed_payloads),
        cmocka_unit_test(row_75_delete_under_a_quick_mode), cmocka_unit_test(row_76_duplicates), cmocka_unit_test(row_79_shell_characters),
        cmocka_unit_test(row_80_transaction_exchange), cmocka_unit_test(row_82_one_more_than_fits),
    };
    return cmocka_run_group_tests_name("ike: what exhausted other daemons", tests, recorded_begin_no_pfs, recorded_end);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* First messages by the thousand: what is answered, how often, and what is kept of them. See the head of ike/first_v1.c. */
#include "tests/support/test.h"

#include <stdio.h>

#include "ike/iana.h"
#include "tests/support/forge.h"

static struct run run;
static struct conf_conn cpe, headend;

static int record(void **state)
{
    (void)state;
    int err = crypto_start();
    cpe = engine_conn(CPE, 19);
    headend = engine_conn(HEADEND, 19);
    run_record(&run, &cpe, &headend);
    return err;
}

static int forget(void **state)
{
    (void)state;
    run_free(&run);
    crypto_stop();
    return 0;
}

static const struct sent *first(void) { return &run.step[0].message; }

static struct engine *fresh(void)
{
    run_back(&run, 0);
    return &run.end[HEADEND];
}

static struct bytes other_offer(unsigned i)
{
    static struct sa_body body;
    char attributes[96];
    snprintf(attributes, sizeof attributes, "80010007800e010080020005800300018004001380" "0b0001800c%04x", 1000 + i);
    return forge_replace(first(), IANA_PAYLOAD_SA, sa_single(&body, 1, "", 1, attributes));
}

static void flood_leaves_no_state(void **state)
{
    (void)state;
    struct engine *e = fresh();
    struct mono deadline = ike_deadline(e->ike);
    const char *why;
    unsigned answers = 0;
    for (unsigned i = 0; i < 20000; i++) {
        struct sent m = *first();
        memcpy(m.datagram, &(uint64_t){ 0x1234567800000001U + i }, WIRE_COOKIE);
        if (i % 100 == 0)
            e->now.us += MONO_S(1);    /* a hundred a second: below what is answered */
        engine_clear(e);
        engine_take(e, &m);
        answers += (unsigned)e->sent_count;
        assert_true(e->sent_count == 0 || e->sent[0].length <= m.length);
    }
    assert_int_equal(answers, 20000);
    assert_true(image_same(&run.step[0].before[HEADEND], e, &why));
    assert_int_equal(ike_deadline(e->ike).us, deadline.us);
    engine_clear(e);
    engine_tick(e, MONO_S(3600));
    assert_int_equal(e->sent_count, 0);        /* never again by itself */
}

static unsigned answered(struct bytes datagram)
{
    struct engine *e = &run.end[HEADEND];
    engine_clear(e);
    engine_take_octets(e, &first()->path, datagram);
    assert_true(e->sent_count == 0 || (e->sent_count == 1 && e->sent[0].length <= datagram.length));
    return (unsigned)e->sent_count;
}

/* The first message under the cookie of that number. */
static struct bytes numbered(unsigned number)
{
    static uint8_t copy[IKE_SEND_MAX];
    uint64_t cookie = number + 1;
    for (int i = 0; i < 3; i++) {              /* as random as a headend's */
        cookie ^= cookie >> 29;
        cookie *= 0xbf58476d1ce4e5b9ULL;
    }
    memcpy(copy, first()->datagram, first()->length);
    memcpy(copy, &cookie, WIRE_COOKIE);
    return bytes_of(copy, first()->length);
}

static void answers_are_limited(void **state)
{
    (void)state;
    struct engine *e = fresh();
    unsigned answers[4] = { 0 }, new_ones[4] = { 0 };
    for (unsigned second = 0; second < 4; second++, e->now.us += MONO_S(1)) {
        for (unsigned i = 0; i < 60000; i++)   /* all with one offer, which is remembered */
            answers[second] += answered(numbered(second * 60000 + i));
        for (unsigned i = 0; i < 2000; i++) {  /* each with another */
            engine_clear(e);
            engine_take_octets(e, &first()->path, other_offer(2000U * second + i));
            new_ones[second] += (unsigned)e->sent_count;
        }
    }
    for (int second = 0; second < 4; second++) {
        assert_in_range(answers[second], 98, 122); /* and some whose cookies are so alike that they seem to come again */
        assert_in_range(new_ones[second], 18, 42); /* all of one cookie: those that seem to come again, too */
    }
}

static void exhaust(unsigned from)
{
    for (unsigned i = 0; i < 120; i++)
        answered(numbered(from + i));
}

/* In a flood a message is answered when it comes again: the headend's own does, after half a second. */
static void what_comes_again_is_answered(void **state)
{
    (void)state;
    struct engine *e = fresh();
    unsigned again = 0;
    for (unsigned one = 0; one < 100; one++, e->now.us += MONO_S(2)) {
        unsigned own = 1000 * one + 999;
        exhaust(1000 * one);
        assert_int_equal(answered(numbered(own)), 0);
        for (unsigned i = 0; i < 10000; i++, e->now.us += 50)
            answered(numbered(1000000 + 10000 * one + i));
        exhaust(1000 * one + 200);
        if (!answered(numbered(own)))
            continue;                          /* another took its mark */
        again++;
        assert_int_equal(answered(numbered(own)), 1); /* the answer may be lost */
        assert_int_equal(answered(numbered(own)), 0);
    }
    assert_in_range(again, 99, 100); /* of ten thousand others in between, eight in one row push a mark out */
}

/* One that somebody recorded, as often as can be; and forged ones that all come twice. */
static void repetitions_are_limited(void **state)
{
    (void)state;
    struct engine *e = fresh();
    unsigned answers = 0;
    for (unsigned i = 0; i < 20000; i++, e->now.us += 50)
        answers += answered(numbered(1));
    assert_in_range(answers, 198, 202);
    e->now.us += MONO_S(2);
    answers = 0;
    for (unsigned i = 0; i < 20000; i++, e->now.us += 50)
        answers += answered(numbered(1000 + i / 2));
    assert_in_range(answers, 230, 242);        /* the burst, and both rates for a second */
}

/* An offer that nothing can be made of: one error a second in clear, shorter than what caused it, about no SA. */
static void errors_in_clear_are_few(void **state)
{
    (void)state;
    static struct sa_body body;
    struct engine *e = fresh();
    struct bytes bad = forge_replace(first(), IANA_PAYLOAD_SA, sa_single(&body, 1, "", 1, "80010005" "80020001" "80030001" "80040002"));
    unsigned errors = 0;
    e->now.us += MONO_S(10);
    for (unsigned i = 0; i < 3000; i++, e->now.us += 1000) {
        engine_clear(e);
        engine_take_octets(e, &first()->path, bad);
        errors += (unsigned)e->sent_count;
        assert_true(e->sent_count <= 1);
        if (e->sent_count == 0)
            continue;
        assert_true(e->sent[0].length <= bad.length);
        assert_int_equal(e->sent[0].datagram[18], IANA_EXCHANGE_INFORMATIONAL);
        assert_memory_equal(e->sent[0].datagram + WIRE_COOKIE, "\0\0\0\0\0\0\0\0", WIRE_COOKIE);
    }
    assert_in_range(errors, 3, 4);
}

/* Message 3 with a good cookie costs a Diffie-Hellman: so many of them a second and no more. */
static void exponentiations_are_limited(void **state)
{
    (void)state;
    struct engine *e = &run.end[HEADEND];
    run_back(&run, 2);
    unsigned answers = 0;
    for (unsigned i = 0; i < 200; i++) {
        struct sent m = *first(), third = run.step[2].message;
        memcpy(m.datagram, &(uint64_t){ 0x1234567800000001U + i }, WIRE_COOKIE);
        engine_clear(e);
        engine_take(e, &m);
        assert_int_equal(e->sent_count, 1);
        memcpy(third.datagram, e->sent[0].datagram, 2 * WIRE_COOKIE);
        engine_clear(e);
        engine_take(e, &third);
        answers += (unsigned)e->sent_count;
        if (i % 20 == 19)
            e->now.us += MONO_MS(200);         /* a hundred a second: below what is answered */
    }
    assert_in_range(answers, 20, 41);
    engine_tick(e, MONO_S(31));                /* the half-open ones are gone after that */
    for (size_t i = 0; i < PEER_SAS_MAX; i++)
        assert_false(e->ike->peers[0].sa[i].used);
}

/* A message with a cookie that was never given away does not even cost its hash: it is known by a mark. */
static void third_messages_of_what_was_answered(void **state)
{
    (void)state;
    struct engine *e = &run.end[HEADEND];
    static uint16_t kept[ANSWERED_MAX];
    run_back(&run, 2);
    memcpy(kept, e->ike->first_answered, sizeof kept);
    memset(e->ike->first_answered, 0, sizeof kept);
    engine_take(e, &run.step[2].message);
    assert_int_equal(e->sent_count, 0);
    memcpy(e->ike->first_answered, kept, sizeof kept);
    engine_take(e, &run.step[2].message);
    assert_int_equal(e->sent_count, 1);
}

/* The message that this end answered last, recorded and sent once more 20,000 times a second. */
static void duplicates_are_limited(void **state)
{
    (void)state;
    struct engine *e = &run.end[HEADEND];
    const struct sent *m = &run.step[4].message;
    unsigned answers = 0;
    image_load(&run.after[HEADEND], e);
    for (unsigned i = 0; i < 40000; i++, e->now.us += 50) {
        engine_clear(e);
        engine_take(e, m);
        answers += (unsigned)e->sent_count;
        assert_true(e->sent_count == 0 || e->sent[0].length <= m->length);
    }
    assert_in_range(answers, 295, 305);        /* a hundred at once, a hundred a second */
    assert_true(engine_up(e) && engine_children(e));
    e->now.us += MONO_S(1);
    engine_clear(e);
    engine_take(e, m);                         /* and one alone gets its answer */
    assert_int_equal(e->sent_count, 1);
}

static void no_word_where_nobody_reads(void **state)
{
    (void)state;
    struct engine *e = &run.end[HEADEND];
    run_back(&run, 2);
    struct sent m = run.step[2].message;
    m.datagram[WIRE_COOKIE + 4] ^= 1;
    engine_take(e, &m);
    assert_int_equal(e->notices, 1);
    engine_clear(e);
    ike_set_debug(e->ike, false);
    engine_take(e, &m);
    assert_int_equal(e->notices, 0);
    ike_set_debug(e->ike, true);
    engine_take(e, &m);
    assert_int_equal(e->notices, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flood_leaves_no_state),
        cmocka_unit_test(answers_are_limited),
        cmocka_unit_test(what_comes_again_is_answered),
        cmocka_unit_test(repetitions_are_limited),
        cmocka_unit_test(errors_in_clear_are_few),
        cmocka_unit_test(exponentiations_are_limited),
        cmocka_unit_test(third_messages_of_what_was_answered),
        cmocka_unit_test(duplicates_are_limited),
        cmocka_unit_test(no_word_where_nobody_reads),
    };
    return cmocka_run_group_tests_name("floods of first messages", tests, record, forget);
}

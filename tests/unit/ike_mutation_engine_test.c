/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every message of a whole run with every bit flipped and cut at every length, given to the engine that waits for
 * it: no crash, and peers and tunnels stay as they were, bit for bit. Where a flipped bit is taken all the same,
 * the exchange is carried on to its end: a table says for which fields that may be, and what comes of it.
 */
#include "tests/support/test.h"

#include <stdio.h>

#include "ike/iana.h"
#include "tests/support/engine.h"

/* ---- which field a bit is in ---- */

enum part {
    MARKER, COOKIE_I, COOKIE_R, NEXT, VERSION, EXCHANGE, FLAGS, MESSAGE_ID, LENGTH,
    PAYLOAD_NEXT, PAYLOAD_RESERVED, PAYLOAD_LENGTH, PAYLOAD_BODY, CIPHERTEXT, LAST_BLOCK, PARTS
};

static const char *const part_names[PARTS] = {
    "the non-ESP marker", "the initiator's cookie", "the responder's cookie", "the header's next payload", "version", "exchange type",
    "flags", "message ID", "the header's length", "a next payload", "a reserved octet", "a payload's length", "the body", "ciphertext", "the last block",
};

struct place {
    enum part part;
    uint8_t payload;          /* its type, in PAYLOAD_* */
    size_t at;                /* in the body, in PAYLOAD_BODY; in the block, of ciphertext */
};

static struct place header_place(size_t at)
{
    static const struct { uint8_t end; enum part part; } fields[] = {
        { 8, COOKIE_I }, { 16, COOKIE_R }, { 17, NEXT }, { 18, VERSION }, { 19, EXCHANGE }, { 20, FLAGS }, { 24, MESSAGE_ID }, { 28, LENGTH },
    };
    size_t i = 0;
    while (at >= fields[i].end)
        i++;
    return (struct place){ .part = fields[i].part };
}

/* The field of octet `at` of the original datagram. */
static struct place place_of(const struct sent *message, size_t at)
{
    size_t marker = message->path.local.port == IKE_PORT_NATT ? 4 : 0;
    const uint8_t *m = message->datagram + marker;
    if (at < marker)
        return (struct place){ .part = MARKER };
    at -= marker;
    if (at < WIRE_HEADER)
        return header_place(at);
    if (m[19] & IANA_FLAG_ENCRYPTION)
        return (struct place){ .part = at + CRYPTO_BLOCK < message->length - marker ? CIPHERTEXT : LAST_BLOCK,
                               .at = (at - WIRE_HEADER) % CRYPTO_BLOCK };
    uint8_t type = m[16];
    for (size_t begin = WIRE_HEADER; type; ) {
        size_t length = (size_t)m[begin + 2] << 8 | m[begin + 3];
        if (at < begin + length)
            return (struct place){ at == begin ? PAYLOAD_NEXT : at == begin + 1 ? PAYLOAD_RESERVED : at < begin + 4 ? PAYLOAD_LENGTH : PAYLOAD_BODY,
                                   type, at - begin - 4 };
        type = m[begin];
        begin += length;
    }
    fail_msg("octet %zu is in no payload", at);
    return (struct place){ .part = PARTS };
}

/* ---- what may be taken, and how it ends ---- */

enum outcome {
    REFUSED, ENDS_UP,
    ENDS_HALF,                /* the ISAKMP SA alone is up */
    ENDS_APART,               /* it is up at the receiver alone */
    ENDS_DOWN,
    ENDS_NOT_MOVED,           /* no ISAKMP SA: message 5 did not come on port 4500 */
};

#define M(n) (1U << (n))
#define CLEAR (M(0) | M(1) | M(2) | M(3))
#define ALL 0x1fffU

/*
 * Bits that change nothing that either end relies on, and bits of messages 1 to 4 that only the hashes of messages 5
 * and 6 can catch. For message 1 "taken" is "answered": no state comes of it at all. The first row that fits counts.
 */
static const struct allowed {
    uint32_t messages;
    enum part part;
    uint8_t payload, from, to;     /* of a body or block: octets from .. to, 0 .. 255 being all of it */
    uint8_t bits;                  /* which bits of the octet; 0: all */
    enum outcome outcome;
} allowed[] = {
    { ALL, FLAGS, 0, 0, 0, 0xff & ~(IANA_FLAG_ENCRYPTION | IANA_FLAG_AUTHENTICATION_ONLY), ENDS_UP }, /* commit, and five reserved ones */
    { CLEAR, PAYLOAD_RESERVED, IANA_PAYLOAD_SA, 0, 0, 0, ENDS_UP },
    { CLEAR, PAYLOAD_RESERVED, IANA_PAYLOAD_VENDOR, 0, 0, 0, ENDS_UP },
    { CLEAR, PAYLOAD_RESERVED, IANA_PAYLOAD_KE, 0, 0, 0, ENDS_UP },
    { CLEAR, PAYLOAD_RESERVED, IANA_PAYLOAD_NONCE, 0, 0, 0, ENDS_UP },
    { CLEAR, PAYLOAD_RESERVED, IANA_PAYLOAD_NAT_D, 0, 0, 0, ENDS_UP },
    { CLEAR, PAYLOAD_BODY, IANA_PAYLOAD_VENDOR, 0, 255, 0, ENDS_UP },           /* a capability less */
    { CLEAR, PAYLOAD_NEXT, IANA_PAYLOAD_VENDOR, 0, 0, 0x02, ENDS_UP },          /* vendor ID 13 read as the old NAT-D 15 */
    { CLEAR, PAYLOAD_NEXT, IANA_PAYLOAD_SA, 0, 0, 0x02, ENDS_UP },
    { CLEAR, PAYLOAD_LENGTH, IANA_PAYLOAD_VENDOR, 0, 0, 0, ENDS_UP },           /* the last one shorter: the rest is padding */
    { M(0), COOKIE_I, 0, 0, 0, 0, ENDS_DOWN },                                  /* answered to whom it names */
    { M(0), PAYLOAD_BODY, IANA_PAYLOAD_SA, 0, 255, 0, ENDS_DOWN },              /* SAi_b is under the hashes */
    { M(1), COOKIE_R, 0, 0, 0, 0, ENDS_DOWN },
    { M(1), PAYLOAD_BODY, IANA_PAYLOAD_SA, 9, 9, 0, ENDS_UP },                  /* the proposal's reserved octet, */
    { M(1), PAYLOAD_BODY, IANA_PAYLOAD_SA, 12, 12, 0, ENDS_UP },                /* its number, */
    { M(1), PAYLOAD_BODY, IANA_PAYLOAD_SA, 17, 17, 0, ENDS_UP },                /* the transform's reserved octet, */
    { M(1), PAYLOAD_BODY, IANA_PAYLOAD_SA, 20, 20, 0, ENDS_UP },                /* its number, */
    { M(1), PAYLOAD_BODY, IANA_PAYLOAD_SA, 22, 23, 0, ENDS_UP },                /* its reserved octets, */
    { M(1), PAYLOAD_BODY, IANA_PAYLOAD_SA, 30, 31, 0, ENDS_UP },                /* its lifetime */
    { M(2) | M(3), PAYLOAD_BODY, IANA_PAYLOAD_KE, 0, 255, 0, ENDS_DOWN },
    { M(2) | M(3), PAYLOAD_BODY, IANA_PAYLOAD_NONCE, 0, 255, 0, ENDS_DOWN },
    /* One end sees a NAT and the other none; they do not agree on the encapsulation unless both want it anyway. */
    { M(3), PAYLOAD_BODY, IANA_PAYLOAD_NAT_D, 0, 255, 0, ENDS_HALF },
    { M(3), PAYLOAD_NEXT, IANA_PAYLOAD_NONCE, 0, 0, 0x04, ENDS_HALF },          /* NAT-D 20 read as the old 16 */
    { M(3), PAYLOAD_NEXT, IANA_PAYLOAD_NAT_D, 0, 0, 0x04, ENDS_HALF },
    { M(3), PAYLOAD_LENGTH, IANA_PAYLOAD_NAT_D, 0, 0, 0, ENDS_HALF },           /* the last one shorter */
    /* Where it is the responder who sees one, it does not take message 5 on port 500. */
    { M(2), PAYLOAD_BODY, IANA_PAYLOAD_NAT_D, 0, 255, 0, ENDS_NOT_MOVED },
    { M(2), PAYLOAD_NEXT, IANA_PAYLOAD_NONCE, 0, 0, 0x04, ENDS_NOT_MOVED },
    { M(2), PAYLOAD_NEXT, IANA_PAYLOAD_NAT_D, 0, 0, 0x04, ENDS_NOT_MOVED },
    { M(2), PAYLOAD_LENGTH, IANA_PAYLOAD_NAT_D, 0, 0, 0, ENDS_NOT_MOVED },
    /* The Notify of message 5 is under no hash; the IV of message 6 is. */
    { M(4), LAST_BLOCK, 0, 1, 1, 0, ENDS_UP },                                  /* where that meets a reserved octet: */
    { M(4), LAST_BLOCK, 0, 13, 13, 0, ENDS_UP },                                /* of the ID payload, of the HASH payload */
    { M(4), LAST_BLOCK, 0, 0, 255, 0, ENDS_APART },
};

static enum outcome outcome_of(size_t step, struct place p, unsigned bit)
{
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        const struct allowed *a = &allowed[i];
        if (a->messages & M(step) && a->part == p.part && a->payload == p.payload && (a->bits == 0 || a->bits & 1U << bit) &&
            ((p.part != PAYLOAD_BODY && p.part != LAST_BLOCK) || (p.at >= a->from && p.at <= a->to) || (a->from == 0 && a->to == 255)))
            return a->outcome;
    }
    return REFUSED;
}

/* ---- running ---- */

static struct run run;
static bool encapsulated;         /* both ends want ESP in UDP */

/* Hands over what both have sent until nobody has anything to say. */
static void carry_on(void)
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

static const char *text_of(size_t step, struct place p)
{
    static char text[160];
    snprintf(text, sizeof text, "%s: %s, payload type %u, octet %zu", run_names[step], part_names[p.part], p.payload, p.at);
    return text;
}

/* Taken although changed: carried on, both ends are up, or neither has come up on it. */
static void check_taken(size_t step, struct place p, unsigned bit)
{
    enum outcome expected = outcome_of(step, p, bit);
    if (expected == REFUSED)
        fail_msg("taken: %s, bit %u", text_of(step, p), bit);
    if (step >= 9)
        return; /* nothing follows */
    carry_on();
    bool near = engine_children(&run.end[CPE]), far = engine_children(&run.end[HEADEND]);
    bool near_up = engine_up(&run.end[CPE]), far_up = engine_up(&run.end[HEADEND]);
    if ((expected == ENDS_HALF || expected == ENDS_NOT_MOVED) && encapsulated)
        expected = ENDS_UP;
    const bool as_expected[] = { [ENDS_UP] = near && far, [ENDS_HALF] = near_up && far_up, [ENDS_APART] = far_up && !near_up && !near && !far,
                           [ENDS_DOWN] = !near_up && !far_up && !near && !far, [ENDS_NOT_MOVED] = !near_up && !far_up };
    if (!as_expected[expected])
        fail_msg("%s, bit %u: the exchange ended %s, %s", text_of(step, p), bit, near ? "up" : "down", far ? "up" : "down");
}

/* Gives the message to its receiver; true when it left a trace there, or for message 1 an answer. */
static bool takes(size_t step, const struct sent *message, const char **why)
{
    struct recorded *r = &run.step[step];
    struct engine *to = &run.end[r->to];
    image_load(&r->before[r->to], to);
    engine_take(to, message);
    bool same = image_same(&r->before[r->to], to, why);
    if (step == 0 && !same)
        fail_msg("message 1 left a trace: %s", *why);
    return step == 0 ? to->sent_count > 0 && memcmp(to->sent[0].datagram + 18, "\x02", 1) == 0 : !same;
}

static void flip_all(size_t step, unsigned count[2])
{
    static struct sent message;
    const struct recorded *r = &run.step[step];
    const char *why;
    for (size_t i = 0; i < 8 * r->message.length; i++) {
        message = r->message;
        message.datagram[i / 8] ^= (uint8_t)(1U << i % 8);
        bool taken = takes(step, &message, &why);
        count[taken]++;
        if (!taken && step > 0 && run.end[r->to].sent_count > 0)
            fail_msg("refused, and answered: %s, bit %zu", text_of(step, place_of(&r->message, i / 8)), i % 8);
        if (taken) {
            image_load(&r->before[!r->to], &run.end[!r->to]);
            engine_clear(&run.end[!r->to]);
            check_taken(step, place_of(&r->message, i / 8), i % 8);
        }
    }
}

static void cut_all(size_t step)
{
    static struct sent message;
    const char *why;
    for (size_t length = 0; length < run.step[step].message.length; length++) {
        message = run.step[step].message;
        message.length = length;
        if (takes(step, &message, &why) || run.end[run.step[step].to].sent_count > 0)
            fail_msg("%s was taken when cut to %zu octets", run_names[step], length);
    }
    message = run.step[step].message;
    message.length += 16; /* what a peer appends to a message is no part of it */
    assert_true(takes(step, &message, &why));
}

static void mutate(const struct conf_conn *cpe, const struct conf_conn *headend)
{
    encapsulated = cpe->encapsulation == CONF_YES;
    run_record(&run, cpe, headend);
    unsigned refused = 0, taken = 0;
    for (size_t step = 0; step < RUN_MESSAGES; step++) {
        unsigned count[2] = { 0, 0 };
        const char *why;
        assert_true(takes(step, &run.step[step].message, &why));
        flip_all(step, count);
        cut_all(step);
        if (step > 4)
            assert_int_equal(count[true], 6); /* flags that mean nothing, and no other bit */
        refused += count[false];
        taken += count[true];
    }
    print_message("%u flipped bits refused without a trace, %u in fields that the table lists\n", refused, taken);
    run_free(&run);
}

static void mutate_ecp(void **state)
{
    (void)state;
    struct conf_conn cpe = engine_conn(CPE, 19), headend = engine_conn(HEADEND, 19);
    cpe.pfs = headend.pfs = false;
    mutate(&cpe, &headend);
}

static void mutate_modp_with_pfs(void **state)
{
    (void)state;
    struct conf_conn cpe = engine_conn(CPE, 2), headend = engine_conn(HEADEND, 2);
    mutate(&cpe, &headend);
}

/* ESP in UDP wanted by both: everything from message 5 on has the non-ESP marker. */
static void mutate_encapsulated(void **state)
{
    (void)state;
    struct conf_conn cpe = engine_conn(CPE, 19), headend = engine_conn(HEADEND, 19);
    cpe.encapsulation = headend.encapsulation = CONF_YES;
    mutate(&cpe, &headend);
}

/* ---- every message in every state ---- */

/* The next message that an end awaits, seen from the moment before message `step`. */
static size_t awaited(size_t step, int end)
{
    while (step < RUN_MESSAGES && run.step[step].to != end)
        step++;
    return step;
}

static void every_message_in_every_state(void **state)
{
    (void)state;
    struct conf_conn cpe = engine_conn(CPE, 19), headend = engine_conn(HEADEND, 19);
    run_record(&run, &cpe, &headend);
    unsigned cases = 0;
    for (size_t when = 0; when < RUN_MESSAGES; when++)
        for (size_t what = 0; what < RUN_MESSAGES; what++) {
            const char *why;
            struct recorded *r = &run.step[what];
            struct engine *to = &run.end[r->to];
            bool anytime = when >= (r->to == CPE ? 6 : 5) && when <= what && what >= 9; /* under an SA that is up, these come when they come */
            bool no_sa_any_more = when >= 11 && what == 2; /* and the cookie still good: a half-open SA comes of it */
            if (what == awaited(when, r->to) || anytime || no_sa_any_more)
                continue;
            image_load(&run.step[when].before[r->to], to);
            engine_take(to, &r->message);
            if (!image_same(&run.step[when].before[r->to], to, &why))
                fail_msg("%s left a trace when %s was due: %s", run_names[what], run_names[when], why);
            if (what < when && what >= 9)
                assert_int_equal(to->sent_count, 0); /* a replay is not answered */
            cases++;
        }
    print_message("%u messages out of their time\n", cases);
    assert_true(cases > 100);
    run_free(&run);
}

static int start(void **state) { (void)state; return crypto_start(); }
static int stop(void **state) { (void)state; crypto_stop(); return 0; }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mutate_ecp),
        cmocka_unit_test(mutate_modp_with_pfs),
        cmocka_unit_test(mutate_encapsulated),
        cmocka_unit_test(every_message_in_every_state),
    };
    return cmocka_run_group_tests_name("ike: changed messages and a live engine", tests, start, stop);
}

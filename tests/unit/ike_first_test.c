/* SPDX-License-Identifier: Apache-2.0 */
/* The responder's first answer, which costs nothing and keeps no state: its cookie, its size, the table of offers. */
#include "tests/support/test.h"

#include <stdio.h>

#include "ike/err.h"
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

/* The cookie of the answer to a datagram that came that way. */
static struct bytes cookie_of(const struct ike_path *path, struct bytes datagram)
{
    static uint8_t cookies[32][WIRE_COOKIE];
    static unsigned next;
    struct engine *e = &run.end[HEADEND];
    engine_clear(e);
    engine_take_octets(e, path, datagram);
    assert_int_equal(e->sent_count, 1);
    assert_true(e->sent[0].length <= datagram.length);
    uint8_t *out = cookies[next++ % 32];
    memcpy(out, e->sent[0].datagram + WIRE_COOKIE, WIRE_COOKIE);
    return bytes_of(out, WIRE_COOKIE);
}

static struct bytes changed(size_t at)
{
    static uint8_t copy[IKE_SEND_MAX];
    memcpy(copy, first()->datagram, first()->length);
    copy[at] ^= 1;
    return bytes_of(copy, first()->length);
}

static void cookie_names_its_message(void **state)
{
    (void)state;
    struct engine *e = fresh();
    struct bytes whole = bytes_of(first()->datagram, first()->length);
    struct ike_path path = first()->path, port = path;
    static struct sa_body body;
    struct bytes cookie = cookie_of(&path, whole);
    assert_bytes_equal(cookie, cookie_of(&path, whole));                       /* a repeated one gets the same */
    e->now.us += MONO_S(1);
    assert_bytes_equal(cookie, cookie_of(&path, whole));
    for (size_t at = 0; at < WIRE_COOKIE; at++)
        assert_false(bytes_equal(cookie, cookie_of(&path, changed(at))));      /* the initiator's cookie */
    port.remote.port = 501;
    assert_false(bytes_equal(cookie, cookie_of(&port, whole)));
    struct bytes other = sa_single(&body, 1, "", 1, "80010007" "800e0100" "80020005" "80030001" "80040013" "800b0001" "800c0e10");
    assert_false(bytes_equal(cookie, cookie_of(&path, forge_replace(first(), IANA_PAYLOAD_SA, other))));
    assert_false(bytes_equal(cookie, cookie_of(&path, forge_replace(first(), IANA_PAYLOAD_VENDOR, bytes_of(NULL, 0)))));
    e->ike->cookie_secret[0] ^= 1;                                             /* another engine */
    assert_false(bytes_equal(cookie, cookie_of(&path, whole)));
}

/* Two headends, one SA payload: each has a cookie of its own. */
static void cookie_names_its_headend(void **state)
{
    (void)state;
    static struct engine e;
    struct conf_conn conns[2] = { headend, headend };
    struct addr own = engine_path_of(HEADEND, 500).local.addr;
    struct ike_path path = first()->path, other = path;
    conns[1].end[CPE].addr.octets[3]++;
    engine_begin_conns(&e, conns, 2);
    engine_path(&e, &own);
    engine_clear(&e);
    other.remote.addr = conns[1].end[CPE].addr;
    engine_take(&e, first());
    engine_take_octets(&e, &other, bytes_of(first()->datagram, first()->length));
    assert_int_equal(e.sent_count, 2);
    assert_memory_not_equal(e.sent[0].datagram + WIRE_COOKIE, e.sent[1].datagram + WIRE_COOKIE, WIRE_COOKIE);
    /* The third message with the one's cookie from the other's address is nobody's. */
    struct sent third = run.step[2].message;
    memcpy(third.datagram + WIRE_COOKIE, e.sent[0].datagram + WIRE_COOKIE, WIRE_COOKIE);
    engine_clear(&e);
    engine_take_octets(&e, &other, bytes_of(third.datagram, third.length));
    assert_int_equal(e.sent_count, 0);
    engine_take(&e, &third);
    assert_int_equal(e.sent_count, 1);
    engine_end(&e);
}

/* Whether message 3 is taken so long after message 1. */
static bool third_after(int64_t us)
{
    struct engine *e = &run.end[HEADEND];
    run_back(&run, 2);
    e->now.us += us;
    engine_take(e, &run.step[2].message);
    return e->sent_count == 1;
}

static void cookie_expires(void **state)
{
    (void)state;
    assert_true(third_after(0));
    assert_true(third_after(MONO_S(30)));
    assert_true(third_after(MONO_S(60)));      /* for a minute at least */
    assert_false(third_after(MONO_S(120)));    /* and two at most */
    assert_false(third_after(MONO_S(180)));
    assert_false(third_after(MONO_S(3600)));
}

static void third_message_with_another_cookie(void **state)
{
    (void)state;
    struct engine *e = &run.end[HEADEND];
    const char *why;
    run_back(&run, 2);
    for (size_t bit = 0; bit < 128; bit++) {
        struct sent m = run.step[2].message;
        m.datagram[bit / 8] ^= (uint8_t)(1U << bit % 8);
        engine_take(e, &m);
        assert_int_equal(e->sent_count, 0);
        assert_true(image_same(&run.step[2].before[HEADEND], e, &why));
    }
    struct sent m = run.step[2].message;
    m.path.remote.port = 4500;
    engine_take(e, &m);
    assert_int_equal(e->sent_count, 0);
    engine_take(e, &run.step[2].message);
    assert_int_equal(e->sent_count, 1);
}

/* ---- the table of SA payloads ---- */

static struct bytes other_offer(unsigned i)
{
    static struct sa_body body;
    char attributes[96];
    snprintf(attributes, sizeof attributes, "80010007800e010080020005800300018004001380" "0b0001800c%04x", 1000 + i);
    return forge_replace(first(), IANA_PAYLOAD_SA, sa_single(&body, 1, "", 1, attributes));
}

/* A flood of different payloads displaces one another, but not one that led to an authenticated SA. */
static void proven_offers_stay(void **state)
{
    (void)state;
    struct engine *e = &run.end[HEADEND];
    image_load(&run.after[HEADEND], e);
    unsigned proven = 0, used = 0;
    for (unsigned i = 0; i < 500; i++) {
        e->now.us += MONO_MS(50);
        engine_clear(e);
        engine_take_octets(e, &first()->path, other_offer(i));
        assert_int_equal(e->sent_count, 1);
    }
    for (size_t i = 0; i < OFFERS_MAX; i++) {
        used += e->ike->offers[i].used;
        proven += e->ike->offers[i].proven;
    }
    assert_int_equal(used, OFFERS_MAX);
    assert_int_equal(proven, 1);
    engine_clear(e);
    engine_take(e, first());
    assert_int_equal(e->sent_count, 1);
    struct sent third = run.step[2].message;   /* the same initiator begins anew: its third message is taken */
    memcpy(third.datagram, e->sent[0].datagram, 2 * WIRE_COOKIE);
    engine_clear(e);
    engine_take(e, &third);
    assert_int_equal(e->sent_count, 1);
    assert_true(engine_up(e));                 /* and what was up stays up */
}

/* More headends than places, and every place proven: one more is answered, and a flood from its address takes one place. */
static void more_headends_than_places(void **state)
{
    (void)state;
    struct engine *e = fresh();
    unsigned others = 0;
    for (uint16_t i = 0; i < OFFERS_MAX; i++)
        e->ike->offers[i] = (struct first_offer){ .used = true, .proven = true, .peer = (uint16_t)(100 + i), .length = 8 };
    engine_clear(e);
    engine_take(e, first());
    assert_int_equal(e->sent_count, 1);
    for (unsigned i = 0; i < 200; i++) {
        e->now.us += MONO_MS(50);
        engine_clear(e);
        engine_take_octets(e, &first()->path, other_offer(i));
        assert_int_equal(e->sent_count, 1);
    }
    for (size_t i = 0; i < OFFERS_MAX; i++)
        others += e->ike->offers[i].proven;
    assert_int_equal(others, OFFERS_MAX - 1);
}

/* A headend whose file changes, or that offers at random, proves one payload after the other: each is answered, few are kept. */
static void each_proven_offer_is_answered(void **state)
{
    (void)state;
    struct engine *e = &run.end[HEADEND];
    image_load(&run.after[HEADEND], e);
    const struct peer *peer = &e->ike->peers[0];
    for (unsigned i = 0; i < 3 * OFFERS_MAX; i++) {
        e->now.us += MONO_S(1);
        engine_clear(e);
        struct bytes datagram = other_offer(i);
        engine_take_octets(e, &first()->path, datagram);
        assert_int_equal(e->sent_count, 1);
        const struct first_offer *f = &e->ike->offers[e->sent[0].datagram[WIRE_COOKIE] & (OFFERS_MAX - 1)];
        struct isakmp_sa sa = { .peer_natt = f->natt, .peer_dpd = f->dpd, .sai_length = f->length };
        memcpy(sa.sai_b, f->body, f->length);
        first_prove(e->ike, peer, &sa);
        assert_true(f->proven);
        unsigned proven = 0;
        for (size_t k = 0; k < OFFERS_MAX; k++)
            proven += e->ike->offers[k].proven;
        assert_in_range(proven, 1, 2);
    }
}

/* Two conns to one headend, each from an address of its own: what comes for the second address is the second one's. */
static void each_local_address_is_a_peer_of_its_own(void **state)
{
    (void)state;
    static struct engine near, far;
    struct conf_conn conns[2] = { cpe, cpe }, other = headend;
    conns[1].end[CPE].addr.octets[3]++;
    conns[1].end[CPE].subnet.addr.octets[2]++;
    other.end[CPE] = conns[1].end[CPE];
    struct addr second = conns[1].end[CPE].addr;
    engine_begin_conns(&near, conns, 2);
    engine_begin(&far, HEADEND, &other);
    for (uint16_t i = 0; i < 2; i++) {
        struct dp_event event = { .type = DP_EVENT_PATH, .conn = i, .local = { conns[i].end[CPE].addr, 0 }, .mtu = 1500 };
        ike_dataplane_event(near.ike, near.now, &event);
    }
    engine_drain(&near);
    for (unsigned round = 0; round < 8; round++) {
        static struct sent queue[24];
        size_t n = near.sent_count;
        memcpy(queue, near.sent, n * sizeof *queue);
        engine_clear(&near);
        for (size_t i = 0; i < n; i++)
            if (addr_equal(&queue[i].path.remote.addr, &second))
                engine_take(&far, &queue[i]);
        n = far.sent_count;
        memcpy(queue, far.sent, n * sizeof *queue);
        engine_clear(&far);
        for (size_t i = 0; i < n; i++)
            engine_take(&near, &queue[i]);
    }
    assert_true(engine_up(&far) && engine_children(&far));
    assert_int_equal(near.ike->tunnels[1].state, IKE_STATE_UP);
    assert_int_not_equal(near.ike->tunnels[0].state, IKE_STATE_UP);
    engine_end(&near);
    engine_end(&far);
}

/* In a flood of other payloads, the one with which the headend proved itself has a share of its own; it has a limit, too. */
static void proven_offers_get_through(void **state)
{
    (void)state;
    struct engine *e = &run.end[HEADEND];
    image_load(&run.after[HEADEND], e);
    unsigned through = 0, others = 0;
    for (unsigned i = 0; i < 5000; i++) {
        e->now.us += MONO_MS(1);
        for (unsigned k = 0; k < 5; k++) {
            engine_clear(e);
            engine_take_octets(e, &first()->path, other_offer(5 * i + k));
            for (size_t n = 0; n < e->sent_count; n++)
                others += e->sent[n].datagram[18] == IANA_EXCHANGE_MAIN;
        }
        if (i % 100 != 99)
            continue;
        engine_clear(e);
        engine_take(e, first());               /* ten a second */
        for (size_t n = 0; n < e->sent_count; n++)
            through += e->sent[n].datagram[18] == IANA_EXCHANGE_MAIN;
    }
    assert_int_equal(through, 50);
    assert_in_range(others, 115, 130);          /* those that are new are few */
    through = 0;
    for (unsigned i = 0; i < 1000; i++) {
        e->now.us += MONO_MS(1);
        engine_clear(e);
        engine_take(e, first());
        for (size_t n = 0; n < e->sent_count; n++)
            through += e->sent[n].datagram[18] == IANA_EXCHANGE_MAIN;
    }
    assert_in_range(through, 195, 205);         /* a hundred at once, a hundred a second, two as what comes again */
}

/* ---- the sizes of messages 1 ---- */

static bool answered(struct bytes datagram)
{
    struct engine *e = fresh();
    engine_take_octets(e, &first()->path, datagram);
    assert_true(e->sent_count <= 1);
    return e->sent_count == 1;
}

/* An SA payload of just so many octets: a transform that fits, and one whose unknown attribute fills it up. */
static struct bytes offer_of(size_t length)
{
    static struct sa_body body;
    static char filler[2 * 8192];
    sa_begin(&body);
    sa_proposal(&body, false, 1, 1, "", 3);
    sa_transform(&body, true, 1, 1, "80010007" "800e0100" "80020005" "80030001" "80040013");
    size_t left = length - (8 + 8 + 8 + 20), half = left / 2, rest = left - half;
    for (int i = 0; i < 2; i++) {
        size_t value = (i ? rest : half) - 8 - 4;
        int n = snprintf(filler, sizeof filler, "7abc%04zx", value);
        memset(filler + n, '5', 2 * value);
        filler[(size_t)n + 2 * value] = '\0';
        sa_transform(&body, i == 0, 2, 1, filler);
    }
    struct bytes out = sa_end(&body);
    assert_int_equal(out.length, length);
    return out;
}

static void sa_payload_sizes(void **state)
{
    (void)state;
    static const size_t lengths[] = { 100, 2000, SA_BODY_MAX - 1, SA_BODY_MAX, SA_BODY_MAX + 1, 7000 };
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        assert_int_equal(answered(forge_replace(first(), IANA_PAYLOAD_SA, offer_of(lengths[i]))), lengths[i] <= SA_BODY_MAX);
}

static void counts_of_payloads(void **state)
{
    (void)state;
    static struct isakmp_sa blank;
    struct wire_header header;
    struct wire_message m;
    struct bytes body;
    assert_int_equal(wire_read_header(bytes_of(first()->datagram, first()->length), &header, &body), IKE_OK);
    assert_int_equal(wire_read_payloads(header.next, body, &m), IKE_OK);
    memset(blank.cookie_i, 1, WIRE_COOKIE);
    for (size_t count = WIRE_PAYLOADS_MAX - 1; count <= WIRE_PAYLOADS_MAX + 1; count++) {
        struct forge f = { .sa = &blank, .exchange = IANA_EXCHANGE_MAIN, .clear = true };
        forge_add(&f, IANA_PAYLOAD_SA, wire_find(&m, IANA_PAYLOAD_SA));
        while (f.count < count)
            forge_add(&f, IANA_PAYLOAD_VENDOR, hex_bytes("aabb"));
        assert_int_equal(answered(forge_make(&f)), count <= WIRE_PAYLOADS_MAX);
    }
    struct forge f = { .sa = &blank, .exchange = IANA_EXCHANGE_MAIN, .clear = true };
    forge_add(&f, IANA_PAYLOAD_VENDOR, hex_bytes("aabb"));       /* vendor IDs may come first */
    forge_add(&f, IANA_PAYLOAD_SA, wire_find(&m, IANA_PAYLOAD_SA));
    assert_true(answered(forge_make(&f)));
    forge_add(&f, IANA_PAYLOAD_SA, wire_find(&m, IANA_PAYLOAD_SA)); /* two SA payloads may not */
    assert_false(answered(forge_make(&f)));
}

static void datagram_sizes(void **state)
{
    (void)state;
    static uint8_t octets[65536];
    static const size_t lengths[] = { IKE_MESSAGE_MAX - 1, IKE_MESSAGE_MAX, IKE_MESSAGE_MAX + 5, 20000, 65507 };
    memcpy(octets, first()->datagram, first()->length);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        assert_int_equal(answered(bytes_of(octets, lengths[i])), lengths[i] <= IKE_MESSAGE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cookie_names_its_message), cmocka_unit_test(cookie_names_its_headend), cmocka_unit_test(cookie_expires),
        cmocka_unit_test(third_message_with_another_cookie),
        cmocka_unit_test(proven_offers_stay), cmocka_unit_test(proven_offers_get_through), cmocka_unit_test(sa_payload_sizes),
        cmocka_unit_test(more_headends_than_places), cmocka_unit_test(each_proven_offer_is_answered),
        cmocka_unit_test(each_local_address_is_a_peer_of_its_own), cmocka_unit_test(counts_of_payloads), cmocka_unit_test(datagram_sizes),
    };
    return cmocka_run_group_tests_name("ike: the first answer", tests, record, forget);
}

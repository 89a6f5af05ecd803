/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other IKE daemons got wrong in authentication: hashes that nobody checked, Deletes and Notifies that anybody
 * could send, other ways in beside the secret. One test for each row of tests/rows.txt, part c.
 */
#include "tests/support/test.h"

#include <stdio.h>

#include "ike/err.h"
#include "ike/iana.h"
#include "tests/support/forge.h"
#include "tests/support/recorded.h"

static struct sa_body body;
static uint32_t next_message_id = 0x8000;

/* ---- Notifies and Deletes of an SA that is up ---- */

static struct engine *up(int end)
{
    image_load(&run.after[end], &run.end[end]);
    return &run.end[end];
}

static struct bytes delete_isakmp(const struct isakmp_sa *sa)
{
    static uint8_t out[24];
    memcpy(out, "\0\0\0\1\1\20\0\1", 8);
    memcpy(out + 8, sa->cookie_i, WIRE_COOKIE);
    memcpy(out + 16, sa->cookie_r, WIRE_COOKIE);
    return bytes_of(out, sizeof out);
}

static struct bytes delete_esp(uint32_t spi)
{
    static uint8_t out[12];
    memcpy(out, "\0\0\0\1\3\4\0\1", 8);
    for (int i = 0; i < 4; i++)
        out[8 + i] = (uint8_t)(spi >> (24 - 8 * i));
    return bytes_of(out, sizeof out);
}

static struct bytes notify(const struct isakmp_sa *sa, const char *type_hex)
{
    static uint8_t out[4][32];
    static unsigned next;
    uint8_t *o = out[next++ % 4];
    memcpy(o, "\0\0\0\1\1\20", 6);
    memcpy(o + 6, hex_bytes(type_hex).data, 2);
    memcpy(o + 8, sa->cookie_i, WIRE_COOKIE);
    memcpy(o + 16, sa->cookie_r, WIRE_COOKIE);
    memcpy(o + 24, "\x7f\xff\xff\xf0", 4);
    return bytes_of(o, 28);
}

static struct forge informational(const struct isakmp_sa *sa)
{
    return (struct forge){ .sa = sa, .exchange = IANA_EXCHANGE_INFORMATIONAL, .message_id = ++next_message_id, .hash = HASH_1 };
}

static uint32_t spi_out(const struct engine *e) { return child_current_const(&e->ike->tunnels[0])->spi_out; }

/* One of the messages that end something, or say that the peer began anew. */
static void add_dangerous(struct forge *f, unsigned which, const struct engine *e)
{
    static const char *const types[] = { "6002", "000e", "0018", "8d28" };
    if (which == 0)
        forge_add(f, IANA_PAYLOAD_DELETE, delete_isakmp(f->sa));
    else if (which == 1)
        forge_add(f, IANA_PAYLOAD_DELETE, delete_esp(spi_out(e)));
    else
        forge_add(f, IANA_PAYLOAD_NOTIFY, notify(f->sa, types[which - 2]));
}

enum { DANGEROUS = 6 };

static void row_36_delete_and_initial_contact_without_a_hash(void **state)
{
    (void)state;
    for (int end = CPE; end <= HEADEND; end++)
        for (unsigned which = 0; which < DANGEROUS; which++)
            for (int hash = 0; hash <= 1; hash++) {
                struct isakmp_sa sa = *forge_sa(up(end));
                struct forge f = informational(&sa);
                f.bad_hash = hash;
                f.hash = hash ? HASH_1 : HASH_NONE;
                add_dangerous(&f, which, &run.end[end]);
                forge_refused(&run.after[end], &run.end[end], end, IKE_PORT, forge_make(&f));
            }
}

static void row_37_plaintext_delete_and_notify(void **state)
{
    (void)state;
    for (int end = CPE; end <= HEADEND; end++)
        for (unsigned which = 0; which < DANGEROUS; which++)
            for (int hash = 0; hash <= 1; hash++) {
                struct isakmp_sa sa = *forge_sa(up(end));
                struct forge f = informational(&sa);
                f.clear = true;
                f.hash = hash ? HASH_1 : HASH_NONE;
                add_dangerous(&f, which, &run.end[end]);
                forge_refused(&run.after[end], &run.end[end], end, IKE_PORT, forge_make(&f));
            }
}

/* The first payloads of a message 1 of Quick Mode that would be taken. */
static struct forge quick_first(const struct isakmp_sa *sa)
{
    struct forge f = { .sa = sa, .exchange = IANA_EXCHANGE_QUICK, .message_id = ++next_message_id, .hash = HASH_1 };
    forge_add(&f, IANA_PAYLOAD_SA, sa_single(&body, 3, "a1b2c3d4", 20, "80040001" "80060100" "80030013"));
    forge_add(&f, IANA_PAYLOAD_NONCE, hex_bytes("000102030405060708090a0b0c0d0e0f"));
    return f;
}

/* Each message that has a HASH payload, its hash wrong in one bit; the SA survives. */
static void row_38_flipped_hash_in_each_message(void **state)
{
    (void)state;
    for (int end = CPE; end <= HEADEND; end++) {
        struct isakmp_sa sa = *forge_sa(up(end));
        struct forge f = quick_first(&sa);
        f.bad_hash = true;
        forge_refused(&run.after[end], &run.end[end], end, IKE_PORT, forge_make(&f));
    }
    static const struct { size_t step; enum exchange_hash hash; } quick[] = { { 7, HASH_2 }, { 8, HASH_3 } };
    for (size_t i = 0; i < 2; i++) {
        int to = run.step[quick[i].step].to;
        struct engine *e = &run.end[to];
        image_load(&run.step[quick[i].step].before[to], e);
        struct quick q = *forge_quick(e);
        struct isakmp_sa sa = *forge_sa(e);
        struct forge f = { .sa = &sa, .exchange = IANA_EXCHANGE_QUICK, .message_id = q.x.message_id, .hash = quick[i].hash, .quick = &q };
        if (quick[i].hash == HASH_2) {
            forge_add(&f, IANA_PAYLOAD_SA, sa_single(&body, 3, "a1b2c3d4", 20, "80040001" "80060100" "80030013"));
            forge_add(&f, IANA_PAYLOAD_NONCE, hex_bytes("000102030405060708090a0b0c0d0e0f"));
        }
        f.bad_hash = true;
        forge_refused(&run.step[quick[i].step].before[to], e, to, IKE_PORT, forge_make(&f));
        if (quick[i].hash == HASH_3) { /* and with the right one it is what was waited for */
            const char *why;
            struct ike_path path = engine_path_of(to, IKE_PORT);
            f.bad_hash = false;
            engine_take_octets(e, &path, forge_make(&f));
            assert_false(image_same(&run.step[8].before[to], e, &why));
            assert_true(engine_children(e));
        }
    }
}

/* ---- several payloads in one message ---- */

static void deletes_in_one(int end, const char *order, bool isakmp_gone, bool pair_gone)
{
    struct engine *e = up(end);
    struct ike_path path = engine_path_of(end, IKE_PORT);
    struct isakmp_sa sa = *forge_sa(e);
    struct forge f = informational(&sa);
    for (const char *c = order; *c; c++) {
        static struct bytes esp;
        esp = delete_esp(spi_out(e));
        forge_add(&f, *c == 'N' ? IANA_PAYLOAD_NOTIFY : IANA_PAYLOAD_DELETE,
                  *c == 'I' ? delete_isakmp(&sa) : *c == 'E' ? esp : notify(&sa, "8d28"));
    }
    engine_take_octets(e, &path, forge_make(&f));
    bool still = false, answered = false;
    for (size_t i = 0; i < PEER_SAS_MAX; i++)
        still |= e->ike->peers[0].sa[i].serial == sa.serial && e->ike->peers[0].sa[i].up;
    for (size_t i = 0; i < e->sent_count; i++)
        answered |= e->sent[i].datagram[18] == IANA_EXCHANGE_INFORMATIONAL;
    if (still == isakmp_gone || engine_children(e) == pair_gone || (order[0] == 'I' && answered))
        fail_msg("%s at end %d: the ISAKMP SA is %s, the pair %s, %zu sent", order, end, still ? "there" : "gone",
                 engine_children(e) ? "there" : "gone", e->sent_count);
}

static void row_39_more_after_a_delete_in_one_message(void **state)
{
    (void)state;
    for (int end = CPE; end <= HEADEND; end++) {
        deletes_in_one(end, "I", true, false);
        deletes_in_one(end, "II", true, false);
        deletes_in_one(end, "IN", true, false);
        deletes_in_one(end, "IE", true, false);     /* what follows in the message is left alone */
        deletes_in_one(end, "INEI", true, false);
        deletes_in_one(end, "E", false, true);
        deletes_in_one(end, "EE", false, true);
        deletes_in_one(end, "EI", true, true);
        deletes_in_one(end, "NEII", true, true);
    }
}

/* isakmpd's list: what comes for an SA that a Delete has removed, and a first phase after one that failed. */
static void row_40_messages_after_a_delete(void **state)
{
    (void)state;
    for (int end = CPE; end <= HEADEND; end++) {
        struct engine *e = up(end);
        struct ike_path path = engine_path_of(end, IKE_PORT);
        struct isakmp_sa sa = *forge_sa(e);
        struct forge f = informational(&sa);
        forge_add(&f, IANA_PAYLOAD_DELETE, delete_isakmp(&sa));
        engine_take_octets(e, &path, forge_make(&f));
        static struct image gone;
        image_save(&gone, e);
        for (unsigned which = 0; which < DANGEROUS; which++) {
            struct forge later = informational(&sa);
            if (which == 1)
                forge_add(&later, IANA_PAYLOAD_DELETE, delete_esp(0xa1b2c3d4));
            else
                add_dangerous(&later, which, e);
            forge_refused(&gone, e, end, IKE_PORT, forge_make(&later));
        }
        struct forge quick = quick_first(&sa);
        forge_refused(&gone, e, end, IKE_PORT, forge_make(&quick));
        image_free(&gone);
    }
}

/* ---- messages 5 and 6 ---- */

/* Message 5 or 6 as its receiver awaits it: `hash` filled with what is right, for the test to spoil. */
static struct forge auth_forge(size_t step, uint8_t hash[CRYPTO_HASH_MAX], struct bytes *id)
{
    int to = run.step[step].to;
    image_load(&run.step[step].before[to], &run.end[to]);
    const struct isakmp_sa *sa = forge_sa(&run.end[to]);
    const struct conf_id *peer = &run.end[to].ike->peers[0].far_id;
    bool five = step == 4;
    static uint8_t id_b[64];
    struct writer w = writer_of(id_b, sizeof id_b);
    writer_u8(&w, peer->type);
    writer_zero(&w, 3);
    writer_bytes(&w, bytes_of(peer->data, peer->length));
    *id = writer_span(&w);
    struct bytes gi = bytes_of(sa->public_i, sa->public_length), gr = bytes_of(sa->public_r, sa->public_length);
    struct bytes ci = bytes_of(sa->cookie_i, WIRE_COOKIE), cr = bytes_of(sa->cookie_r, WIRE_COOKIE);
    assert_int_equal(keys_v1_hash_main(&sa->keys, five ? gi : gr, five ? gr : gi, five ? ci : cr, five ? cr : ci,
                                       bytes_of(sa->sai_b, sa->sai_length), *id, hash), 0);
    return (struct forge){ .sa = sa, .exchange = IANA_EXCHANGE_MAIN, .phase1 = true };
}

static void auth_refused(size_t step, struct forge *f)
{
    int to = run.step[step].to;
    static struct isakmp_sa sa;
    sa = *f->sa;
    f->sa = &sa;
    forge_refused(&run.step[step].before[to], &run.end[to], to, IKE_PORT, forge_make(f));
}

/* Only HASH_I or HASH_R lets in: not its absence, a signature, a certificate, the other end's hash, or zeros. */
static void row_43_nothing_but_the_hash_lets_in(void **state)
{
    (void)state;
    uint8_t hash[CRYPTO_HASH_MAX], other[CRYPTO_HASH_MAX];
    struct bytes id, unused;
    for (size_t step = 4; step <= 5; step++) {
        auth_forge(step == 4 ? 5 : 4, other, &unused);
        struct forge base = auth_forge(step, hash, &id), f = base;
        size_t length = f.sa->keys.hash_length;
        forge_add(&f, IANA_PAYLOAD_ID, id);
        auth_refused(step, &f);                                           /* no hash */
        auth_forge(step, hash, &id);
        f = base, forge_add(&f, IANA_PAYLOAD_HASH, bytes_of(hash, length));
        auth_refused(step, &f);                                           /* no identity */
        f = base, forge_add(&f, IANA_PAYLOAD_ID, id), forge_add(&f, IANA_PAYLOAD_SIGNATURE, bytes_of(hash, length));
        auth_refused(step, &f);
        f = base, forge_add(&f, IANA_PAYLOAD_ID, id), forge_add(&f, IANA_PAYLOAD_CERT, bytes_of(hash, length));
        forge_add(&f, IANA_PAYLOAD_HASH, bytes_of(hash, length));
        auth_refused(step, &f);
        f = base, forge_add(&f, IANA_PAYLOAD_ID, id), forge_add(&f, IANA_PAYLOAD_HASH, bytes_of(other, length));
        auth_refused(step, &f);                                           /* the other end's, reflected */
        uint8_t zero[CRYPTO_HASH_MAX] = { 0 };
        f = base, forge_add(&f, IANA_PAYLOAD_ID, id), forge_add(&f, IANA_PAYLOAD_HASH, bytes_of(zero, length));
        auth_refused(step, &f);
        f = base, forge_add(&f, IANA_PAYLOAD_ID, id), forge_add(&f, IANA_PAYLOAD_HASH, bytes_of(zero, length));
        forge_add(&f, IANA_PAYLOAD_HASH, bytes_of(hash, length));         /* two: which one counts? */
        auth_refused(step, &f);
        f = base, forge_add(&f, IANA_PAYLOAD_ID, id), forge_add(&f, IANA_PAYLOAD_ID, id);
        forge_add(&f, IANA_PAYLOAD_HASH, bytes_of(hash, length));
        auth_refused(step, &f);
    }
}

static void row_44_hash_of_exactly_its_length(void **state)
{
    (void)state;
    uint8_t hash[2 * CRYPTO_HASH_MAX] = { 0 };
    struct bytes id;
    for (size_t step = 4; step <= 5; step++)
        for (size_t length = 1; length <= 96; length++) {
            struct forge f = auth_forge(step, hash, &id);
            size_t right = f.sa->keys.hash_length;
            forge_add(&f, IANA_PAYLOAD_ID, id);
            forge_add(&f, IANA_PAYLOAD_HASH, bytes_of(hash, length));
            if (length != right) {
                auth_refused(step, &f);
                continue;
            }
            int to = run.step[step].to;
            struct ike_path path = engine_path_of(to, IKE_PORT);
            engine_take_octets(&run.end[to], &path, forge_make(&f));
            assert_true(engine_up(&run.end[to]));
        }
}

/* ---- other ways to authenticate ---- */

static void row_35_any_method_but_the_secret(void **state)
{
    (void)state;
    const struct sent *m = &run.step[0].message;
    struct engine *e = &run.end[HEADEND];
    char attributes[64];
    for (unsigned method = 0; method < 65536; method += method < 300 ? 1 : 101) {
        snprintf(attributes, sizeof attributes, "80010007800e0100800200058003%04x80040013", method);
        run_back(&run, 0);
        engine_take_octets(e, &m->path, forge_replace(m, IANA_PAYLOAD_SA, sa_single(&body, 1, "", 1, attributes)));
        assert_int_equal(e->sent_count, 1);
        assert_int_equal(e->sent[0].datagram[18], method == 1 ? IANA_EXCHANGE_MAIN : IANA_EXCHANGE_INFORMATIONAL);
        const struct sent *two = &run.step[1].message;   /* and as a responder's choice */
        struct bytes choice = forge_replace(two, IANA_PAYLOAD_SA, sa_single(&body, 1, "", 1, attributes));
        if (method != 1)
            forge_refused(&run.step[1].before[CPE], &run.end[CPE], CPE, IKE_PORT, choice);
    }
}

/* Aggressive Mode shows a hash that can be tried against secrets offline: there is no way into it. */
static void row_46_aggressive_mode_is_not_spoken(void **state)
{
    (void)state;
    for (size_t step = 0; step < 6; step++) {
        uint8_t copy[IKE_SEND_MAX];
        const struct sent *m = &run.step[step].message;
        memcpy(copy, m->datagram, m->length);
        copy[18] = IANA_EXCHANGE_AGGRESSIVE;
        for (size_t when = 0; when < RUN_MESSAGES; when++)
            for (int end = CPE; end <= HEADEND; end++)
                forge_refused(&run.step[when].before[end], &run.end[end], end, IKE_PORT, bytes_of(copy, m->length));
    }
}

/* Who has the secret and another name is told so, in a message that it can open, and is not let in. */
static void refused_identity_is_told(void **state)
{
    (void)state;
    for (size_t step = 4; step <= 5; step++) {
        int to = run.step[step].to;
        struct engine *e = &run.end[to];
        image_load(&run.step[step].before[to], e);
        e->ike->peers[0].far_id.data[0] ^= 1;
        engine_take(e, &run.step[step].message);
        assert_false(engine_up(e));
        /* The other end's chain stands at the message that was refused, which was the last that it sent. */
        const struct sent *m = &run.step[step].message;
        image_load(&run.step[step].before[!to], &run.end[!to]);
        struct isakmp_sa other = *forge_sa(&run.end[!to]);
        memcpy(other.keys.iv, m->datagram + m->length - CRYPTO_BLOCK, CRYPTO_BLOCK);
        assert_int_equal(forge_notify_sent(e, &other), IANA_NOTIFY_INVALID_ID_INFORMATION);
        if (step == 4) { /* the initiator, which awaits message 6, learns why there is none */
            engine_take(&run.end[CPE], &e->sent[0]);
            assert_int_equal(run.end[CPE].cause, IKE_CAUSE_IKE_ID);
        }
    }
}

/* In place of message 6: Libreswan's has another IV, strongSwan's another key. Either names a suspect and ends nothing. */
static void an_error_that_cannot_be_read(void **state)
{
    (void)state;
    static const uint8_t id_refused[] = { 0, 0, 0, 1, 1, 0, 0, IANA_NOTIFY_INVALID_ID_INFORMATION };
    for (int other_key = 0; other_key <= 1; other_key++) {
        struct engine *e = &run.end[CPE];
        image_load(&run.step[5].before[CPE], e);
        struct isakmp_sa other = *forge_sa(e);
        struct forge f = { .sa = &other, .exchange = IANA_EXCHANGE_INFORMATIONAL, .message_id = next_message_id++, .hash = HASH_1 };
        *(other_key ? other.keys.cipher_key : other.keys.iv) ^= 1;
        forge_add(&f, IANA_PAYLOAD_NOTIFY, bytes_of(id_refused, sizeof id_refused));
        struct ike_path path = engine_path_of(CPE, IKE_PORT);
        engine_clear(e);
        engine_take_octets(e, &path, forge_make(&f));
        assert_int_equal(e->cause, other_key ? IKE_CAUSE_PSK_MISMATCH : IKE_CAUSE_IKE_ID);
        assert_int_equal(e->sent_count, 0);
        engine_take(e, &run.step[5].message);
        assert_true(engine_up(e));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_35_any_method_but_the_secret), cmocka_unit_test(row_36_delete_and_initial_contact_without_a_hash),
        cmocka_unit_test(row_37_plaintext_delete_and_notify), cmocka_unit_test(row_38_flipped_hash_in_each_message),
        cmocka_unit_test(row_39_more_after_a_delete_in_one_message), cmocka_unit_test(row_40_messages_after_a_delete),
        cmocka_unit_test(row_43_nothing_but_the_hash_lets_in), cmocka_unit_test(row_44_hash_of_exactly_its_length),
        cmocka_unit_test(row_46_aggressive_mode_is_not_spoken), cmocka_unit_test(refused_identity_is_told),
        cmocka_unit_test(an_error_that_cannot_be_read),
    };
    return cmocka_run_group_tests_name("ike: what broke other daemons' authentication", tests, recorded_begin, recorded_end);
}

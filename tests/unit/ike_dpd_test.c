/* SPDX-License-Identifier: Apache-2.0 */
/* Informational messages under an SA that is up: dead peer detection's sequence numbers, replays, hashes, sizes. */
#include "tests/support/test.h"

#include "ike/err.h"
#include "ike/iana.h"
#include "tests/support/forge.h"
#include "tests/support/recorded.h"

static uint32_t next_message_id = 0x5000;

/* Both ends up, nothing said since the probe and its answer of the run. */
static struct engine *up(int end)
{
    image_load(&run.after[end], &run.end[end]);
    return &run.end[end];
}

static struct bytes notify(uint16_t type, const struct isakmp_sa *sa, struct bytes data)
{
    static uint8_t body[128];
    struct writer w = writer_of(body, sizeof body);
    writer_u32(&w, IANA_DOI_IPSEC);
    writer_u8(&w, IANA_PROTOCOL_ISAKMP);
    writer_u8(&w, 2 * WIRE_COOKIE);
    writer_u16(&w, type);
    writer_bytes(&w, bytes_of(sa->cookie_i, WIRE_COOKIE));
    writer_bytes(&w, bytes_of(sa->cookie_r, WIRE_COOKIE));
    writer_bytes(&w, data);
    return writer_span(&w);
}

static struct bytes number(uint32_t n)
{
    static uint8_t out[4];
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(n >> (24 - 8 * i));
    return bytes_of(out, 4);
}

/* Gives `e` one Informational message with a Notify; returns how many datagrams it sent for it. */
static size_t tell(struct engine *e, int end, uint16_t type, struct bytes data)
{
    struct forge f = { .sa = forge_sa(e), .exchange = IANA_EXCHANGE_INFORMATIONAL, .message_id = ++next_message_id, .hash = HASH_1 };
    struct ike_path path = engine_path_of(end, IKE_PORT);
    forge_add(&f, IANA_PAYLOAD_NOTIFY, notify(type, f.sa, data));
    engine_clear(e);
    engine_take_octets(e, &path, forge_make(&f));
    return e->sent_count;
}

static size_t probe(struct engine *e, uint32_t sequence) { return tell(e, HEADEND, IANA_NOTIFY_R_U_THERE, number(sequence)); }

/* The sequence number in what `e` sent first, which must be of that type. */
static uint32_t sequence_sent(const struct engine *e, uint16_t type)
{
    uint8_t clear[IKE_MESSAGE_MAX];
    struct wire_header header;
    struct wire_message m;
    struct bytes body;
    struct engine *other = &run.end[e == &run.end[CPE] ? HEADEND : CPE];
    image_load(&run.after[other == &run.end[CPE] ? CPE : HEADEND], other);
    assert_true(e->sent_count > 0);
    assert_int_equal(wire_read_header(bytes_of(e->sent[0].datagram, e->sent[0].length), &header, &body), IKE_OK);
    assert_int_equal(exchange_open_phase2(forge_sa(other), header.message_id, body, clear, header.next, &m), IKE_OK);
    struct reader r = reader_of(wire_find(&m, IANA_PAYLOAD_NOTIFY));
    assert_int_equal(reader_u32(&r), IANA_DOI_IPSEC);
    assert_int_equal(reader_u8(&r), IANA_PROTOCOL_ISAKMP);
    assert_int_equal(reader_u8(&r), 2 * WIRE_COOKIE);
    assert_int_equal(reader_u16(&r), type);
    assert_bytes_equal(reader_bytes(&r, 8), bytes_of(forge_sa(other)->cookie_i, 8));
    assert_bytes_equal(reader_bytes(&r, 8), bytes_of(forge_sa(other)->cookie_r, 8));
    uint32_t sequence = reader_u32(&r);
    assert_true(reader_done(&r));
    return sequence;
}

static void probes_are_answered_in_their_number(void **state)
{
    (void)state;
    struct engine *e = up(HEADEND);
    uint32_t last = forge_sa(e)->dpd.heard_sequence;
    assert_true(forge_sa(e)->dpd.heard_any);
    assert_int_equal(probe(e, last + 1), 1);
    assert_int_equal(sequence_sent(e, IANA_NOTIFY_R_U_THERE_ACK), last + 1);
    assert_int_equal(probe(e, last + 1000), 1);            /* a jump ahead: some were lost */
    assert_int_equal(sequence_sent(e, IANA_NOTIFY_R_U_THERE_ACK), last + 1000);
    assert_int_equal(probe(e, last + 999), 0);             /* back: a replay */
    assert_int_equal(probe(e, last), 0);
    assert_int_equal(probe(e, 0), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(probe(e, last + 1000), 1);        /* the same again: the answer was lost, a few times */
    assert_int_equal(probe(e, last + 1000), 0);
    assert_int_equal(probe(e, last + 1001), 1);
    assert_int_equal(probe(e, 0xffffffff), 1);
    assert_int_equal(sequence_sent(e, IANA_NOTIFY_R_U_THERE_ACK), 0xffffffff);
}

static void probes_of_another_size(void **state)
{
    (void)state;
    struct engine *e = up(HEADEND);
    for (size_t length = 0; length <= 8; length++) {
        uint8_t data[8] = { 0x7f, 0xff, 0xff, 0, 0, 0, 0, 0 };
        assert_int_equal(tell(e, HEADEND, IANA_NOTIFY_R_U_THERE, bytes_of(data, length)), length == 4);
    }
}

/* A probe that runs for want of anything heard, answered rightly and wrongly. */
static void answers_count_when_they_match(void **state)
{
    (void)state;
    struct engine *e = up(CPE);
    engine_clear(e);
    for (int i = 0; i < 30 && forge_sa(e)->dpd.unanswered == 0; i++)
        engine_tick(e, MONO_S(1));
    struct isakmp_sa *sa = forge_sa(e);
    assert_true(sa->dpd.unanswered > 0 && e->sent_count > 0);
    uint32_t sequence = sa->dpd.sent_sequence;
    unsigned open = sa->dpd.unanswered;
    static const uint32_t wrong[] = { 1, 0x80000000, 0xfffffff0 };
    for (size_t i = 0; i < 3; i++) {
        tell(e, CPE, IANA_NOTIFY_R_U_THERE_ACK, number(sequence + wrong[i]));
        assert_int_equal(sa->dpd.unanswered, open);
    }
    tell(e, CPE, IANA_NOTIFY_R_U_THERE_ACK, number(sequence - open)); /* one that was answered, or never sent */
    assert_int_equal(sa->dpd.unanswered, open);
    static const size_t lengths[] = { 0, 1, 3, 5 };
    for (size_t i = 0; i < 4; i++) {
        uint8_t data[8] = { 0 };
        memcpy(data, number(sequence).data, 4);
        tell(e, CPE, IANA_NOTIFY_R_U_THERE_ACK, bytes_of(data, lengths[i]));
        assert_int_equal(sa->dpd.unanswered, open);
    }
    tell(e, CPE, IANA_NOTIFY_R_U_THERE_ACK, number(sequence));
    assert_int_equal(sa->dpd.unanswered, 0);
    assert_int_equal(e->ike->peers[0].heard_at.us, e->now.us);
}

/* RFC 3706 7: a random start with room to count, and then one by one. */
static void our_numbers_count_up(void **state)
{
    (void)state;
    struct engine *e = up(CPE);
    struct isakmp_sa *sa = forge_sa(e);
    assert_true(sa->dpd.sent_any);
    assert_in_range(sa->dpd.sent_sequence, 1, 0x80000000U);
    for (int i = 0; i < 3; i++) {
        uint32_t before = sa->dpd.sent_sequence;
        engine_clear(e);
        for (int s = 0; s < 30 && sa->dpd.unanswered == 0; s++)
            engine_tick(e, MONO_MS(500));
        /* cppcheck-suppress knownConditionTrueFalse ; engine_tick changes it by another pointer */
        assert_true(sa->dpd.sent_sequence > before);
        assert_int_equal(sequence_sent(e, IANA_NOTIFY_R_U_THERE), before + 1);
        tell(e, CPE, IANA_NOTIFY_R_U_THERE_ACK, number(sa->dpd.sent_sequence));
    }
}

/* ---- what is left alone ---- */

static void left_alone(struct engine *e, int end, struct bytes datagram)
{
    struct ike_path path = engine_path_of(end, IKE_PORT);
    const char *why;
    engine_clear(e);
    engine_take_octets(e, &path, datagram);
    assert_int_equal(e->sent_count, 0);
    if (!image_same(&run.after[end], e, &why))
        fail_msg("a trace is left: %s", why);
}

static void without_a_good_hash(void **state)
{
    (void)state;
    for (int end = CPE; end <= HEADEND; end++) {
        struct engine *e = up(end);
        struct forge f = { .sa = forge_sa(e), .exchange = IANA_EXCHANGE_INFORMATIONAL, .message_id = ++next_message_id, .hash = HASH_1 };
        forge_add(&f, IANA_PAYLOAD_NOTIFY, notify(IANA_NOTIFY_R_U_THERE, f.sa, number(0x7ffffff0)));
        f.bad_hash = true;
        left_alone(e, end, forge_make(&f));
        f.bad_hash = false;
        f.hash = HASH_NONE;                         /* no HASH payload at all */
        left_alone(e, end, forge_make(&f));
        f.clear = true;                             /* and in clear */
        left_alone(e, end, forge_make(&f));
        f.hash = HASH_1;
        left_alone(e, end, forge_make(&f));
    }
}

/* The HASH payload is exactly as long as the PRF's output. */
static void hash_of_another_length(void **state)
{
    (void)state;
    struct engine *e = up(HEADEND);
    struct isakmp_sa *sa = forge_sa(e);
    uint8_t hash[CRYPTO_HASH_MAX + 1] = { 0 }, rest[256];
    struct wire_writer out;
    struct wire_header header = { .exchange = IANA_EXCHANGE_INFORMATIONAL };
    size_t right = sa->keys.hash_length;
    const size_t lengths[] = { 1, right - 1, right + 1, 2 * right, right };
    for (size_t i = 0; i < 5; i++) {
        struct forge f = { .sa = sa, .exchange = IANA_EXCHANGE_INFORMATIONAL, .message_id = ++next_message_id };
        struct bytes n = notify(IANA_NOTIFY_R_U_THERE, sa, number(0x7ffffff0));
        wire_write_header(&out, rest, sizeof rest, 0, &header);
        wire_payload(&out, IANA_PAYLOAD_NOTIFY, n);
        assert_int_equal(keys_v1_hash_1(&sa->keys, f.message_id, bytes_of(rest + WIRE_HEADER, out.w.used - WIRE_HEADER), hash), 0);
        uint8_t doubled[2 * CRYPTO_HASH_MAX] = { 0 };
        memcpy(doubled, hash, right);
        memcpy(doubled + right, hash, right);
        forge_add(&f, IANA_PAYLOAD_HASH, bytes_of(doubled, lengths[i]));
        forge_add(&f, IANA_PAYLOAD_NOTIFY, n);
        struct bytes m = forge_make(&f);
        if (lengths[i] != right) {
            left_alone(e, HEADEND, m);
            continue;
        }
        struct ike_path path = engine_path_of(HEADEND, IKE_PORT);
        engine_clear(e);
        engine_take_octets(e, &path, m);
        assert_int_equal(e->sent_count, 1);
    }
}

/* A message ID is good for one message; 0 for none. */
static void replays(void **state)
{
    (void)state;
    struct engine *e = up(HEADEND);
    struct ike_path path = engine_path_of(HEADEND, IKE_PORT);
    struct forge f = { .sa = forge_sa(e), .exchange = IANA_EXCHANGE_INFORMATIONAL, .message_id = ++next_message_id, .hash = HASH_1 };
    forge_add(&f, IANA_PAYLOAD_NOTIFY, notify(IANA_NOTIFY_R_U_THERE, f.sa, number(0x7ffffff0)));
    engine_clear(e);
    engine_take_octets(e, &path, forge_make(&f));
    assert_int_equal(e->sent_count, 1);
    engine_clear(e);
    engine_take_octets(e, &path, forge_make(&f));
    assert_int_equal(e->sent_count, 0);
    f.message_id = 0;
    engine_take_octets(e, &path, forge_make(&f));
    assert_int_equal(e->sent_count, 0);
}

/* The memory of message IDs is finite; our own are in it too, so that none of them comes back as the peer's. */
static void reflected(void **state)
{
    (void)state;
    struct engine *e = up(CPE);
    engine_clear(e);
    for (int s = 0; s < 30 && e->sent_count == 0; s++)
        engine_tick(e, MONO_MS(500));
    assert_true(e->sent_count > 0);
    struct sent ours = e->sent[0];
    struct ike_path path = engine_path_of(CPE, IKE_PORT);
    static struct image before;
    const char *why;
    engine_clear(e);
    image_save(&before, e);
    engine_take_octets(e, &path, bytes_of(ours.datagram, ours.length));
    assert_int_equal(e->sent_count, 0);
    assert_true(image_same(&before, e, &why));
    image_free(&before);
}

/* After so many probes that their message IDs are forgotten: old ones, the peer's and our own, and what is no probe. */
static void old_ones_again(void **state)
{
    (void)state;
    struct engine *e = up(HEADEND);
    struct ike_path path = engine_path_of(HEADEND, IKE_PORT);
    static struct image before;
    static uint8_t early[2][IKE_SEND_MAX];
    size_t lengths[2];
    static const uint16_t types[] = { IANA_NOTIFY_R_U_THERE, IANA_NOTIFY_INITIAL_CONTACT };
    for (size_t i = 0; i < 2; i++) {
        struct forge f = { .sa = forge_sa(e), .exchange = IANA_EXCHANGE_INFORMATIONAL, .message_id = ++next_message_id, .hash = HASH_1 };
        forge_add(&f, IANA_PAYLOAD_NOTIFY, notify(types[i], f.sa, number(0x7ffff000)));
        struct bytes m = forge_make(&f);
        memcpy(early[i], m.data, lengths[i] = m.length);
        engine_take_octets(e, &path, m);
    }
    struct isakmp_sa *sa = forge_sa(e);
    sa->dpd.sent_any = true;
    sa->dpd.sent_first = 0x7ffff800;            /* our own numbers lie above the peer's */
    sa->dpd.sent_sequence = 0x7ffffc00;
    for (uint32_t i = 1; i < 4 * PROBE_IDS_MAX; i++)
        assert_int_equal(probe(e, 0x7ffff000 + i), 1);
    image_save(&before, e);
    for (size_t i = 0; i < 2; i++) {
        engine_clear(e);
        engine_take_octets(e, &path, bytes_of(early[i], lengths[i]));
        assert_int_equal(e->sent_count, 0);
    }
    assert_int_equal(memcmp(&before.peers[0].heard_at, &e->ike->peers[0].heard_at, sizeof before.peers[0].heard_at), 0);
    assert_int_equal(before.peers[0].sa[0].dpd.heard_sequence, e->ike->peers[0].sa[0].dpd.heard_sequence);
    image_load(&before, e);
    e->now.us += MONO_S(1);
    probe(e, 0x7ffff900);                       /* one of ours, sent back: it is no sign of life, and does not make the peer's own look old */
    assert_int_equal(before.peers[0].heard_at.us, e->ike->peers[0].heard_at.us);
    assert_int_equal(probe(e, 0x7ffff000 + 4 * PROBE_IDS_MAX), 1);
    assert_int_equal(e->ike->peers[0].heard_at.us, e->now.us);
    image_free(&before);
}

static void malformed_notifies(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "00000001" "01" "10" "8d28" "0011",                 /* SPI size past the end */
        "00000001" "01" "ff" "8d28",
        "00000002" "01" "00" "8d28" "7ffffff0",             /* another DOI */
        "ffffffff" "01" "00" "8d28" "7ffffff0",
    };
    struct engine *e = up(HEADEND);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct forge f = { .sa = forge_sa(e), .exchange = IANA_EXCHANGE_INFORMATIONAL, .message_id = ++next_message_id, .hash = HASH_1 };
        struct ike_path path = engine_path_of(HEADEND, IKE_PORT);
        forge_add(&f, IANA_PAYLOAD_NOTIFY, hex_bytes(bodies[i]));
        engine_clear(e);
        engine_take_octets(e, &path, forge_make(&f));
        assert_int_equal(e->sent_count, 0);
        assert_true(engine_up(e) && engine_children(e));
    }
}

/* Notifies that mean nothing here: known ones, error types out of place, private ones; every type once. */
static void every_notify_type(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 65536; type += type < 64 ? 1 : 97) {
        struct engine *e = up(CPE);
        if (type == IANA_NOTIFY_INITIAL_CONTACT)
            continue;
        size_t sent = tell(e, CPE, (uint16_t)type, number(0x7ffffff0));
        assert_int_equal(sent, type == IANA_NOTIFY_R_U_THERE);
        assert_true(engine_up(e) && engine_children(e));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probes_are_answered_in_their_number), cmocka_unit_test(probes_of_another_size),
        cmocka_unit_test(answers_count_when_they_match),       cmocka_unit_test(our_numbers_count_up),
        cmocka_unit_test(without_a_good_hash),                 cmocka_unit_test(hash_of_another_length),
        cmocka_unit_test(replays),                             cmocka_unit_test(reflected), cmocka_unit_test(old_ones_again),
        cmocka_unit_test(malformed_notifies),                  cmocka_unit_test(every_notify_type),
    };
    return cmocka_run_group_tests_name("ike: informational messages and dead peer detection", tests, recorded_begin, recorded_end);
}

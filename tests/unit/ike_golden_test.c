/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Complete exchanges between other implementations, with the secrets known: every key, IV and hash recomputed and
 * every encrypted message opened through the engine's own reader, key schedule and exchange runner.
 */
#include "tests/support/test.h"

#include <stdio.h>

#include "ike/err.h"
#include "ike/exchange_v1.h"
#include "ike/iana.h"
#include "ike/id.h"
#include "ike/natt.h"
#include "ike/proposal.h"
#include "ike/vid.h"
#include "tests/support/capture.h"

#define FOLDER "rub-nds-mainmode/"
#define P(name) BIT(IANA_PAYLOAD_##name)

/* ---- golden.json: two blanks before an entry's field, four before a message's ---- */

static char *golden;

static struct bytes field(const char *entry, const char *name, int depth)
{
    char key[64];
    snprintf(key, sizeof key, "\n%*s\"%s\": \"", depth, "", name);
    const char *next = strstr(entry + 1, "\"file\":"), *at = strstr(entry, key);
    if (!at || (next && at > next))
        return bytes_of(NULL, 0);
    at += strlen(key);
    return bytes_of(at, strcspn(at, "\""));
}

static struct bytes octets_of(struct bytes text)
{
    char copy[4096];
    if (!text.data || text.length == 0 || text.length >= sizeof copy)
        fail_msg("a field is missing, or of %zu digits", text.length);
    memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    return hex_bytes(copy);
}

static struct bytes octets(const char *entry, const char *name) { return octets_of(field(entry, name, 2)); }

static const char *entry_find(unsigned n)
{
    const char *at = golden;
    for (unsigned i = 0; i <= n; i++) {
        at = strstr(at + 1, "\"file\":");
        assert_non_null(at);
    }
    return at;
}

/* The n-th message of an entry. */
static const char *message_find(const char *entry, unsigned n)
{
    const char *at = strstr(entry, "\"messages\":");
    for (unsigned i = 0; i <= n; i++) {
        assert_non_null(at);
        at = strstr(at + 1, "\n    \"src\":");
    }
    return at;
}

/* ---- one exchange, message by message ---- */

struct run {
    const char *entry;
    struct capture capture;
    struct isakmp_sa sa;
    struct quick quick;
    uint8_t plain[IKE_MESSAGE_MAX];    /* the payloads of the last message, as the take function saw them */
    struct wire_message message;
};

static struct run *running;

/* Keeps the message beyond the runner's own memory. */
static int take_copy(struct step *s)
{
    struct run *r = running;
    r->message = s->message;
    size_t used = 0;
    for (size_t i = 0; i < s->message.count; i++) {
        struct bytes body = s->message.payloads[i].body;
        memcpy(r->plain + used, body.data, body.length);
        r->message.payloads[i].body = bytes_of(r->plain + used, body.length);
        used += body.length;
    }
    return IKE_OK;
}

/* Runs datagram n through the runner under `row`; commits like the engine does. */
static int run_message(struct run *r, size_t n, const struct exchange_row *row)
{
    struct wire_header header;
    struct bytes body;
    struct isakmp_sa sa = r->sa;
    struct quick quick = r->quick;
    bool phase2 = row->hash != HASH_NONE;
    struct step s = { .sa = &sa, .quick = phase2 ? &quick : NULL };
    running = r;
    assert_true(n < r->capture.count);
    assert_int_equal(wire_read_header(capture_message(&r->capture.datagram[n]), &header, &body), IKE_OK);
    int err = exchange_run(&s, row, &header, body);
    if (!err) {
        r->sa = sa;
        r->quick = quick;
    }
    return err;
}

static void take_clear(struct run *r, size_t n, uint32_t must, uint32_t may)
{
    const struct exchange_row row = { .name = "in clear", .must = must, .may = may, .take = take_copy };
    assert_int_equal(run_message(r, n, &row), IKE_OK);
    assert_bytes_equal(capture_message(&r->capture.datagram[n]), octets_of(field(message_find(r->entry, (unsigned)n), "raw", 4)));
}

static struct conf_conn conn_of_the_captures(void)
{
    struct conf_conn conn = { .ike = { { CRYPTO_AES_CBC, 256, CRYPTO_SHA2_256, 14 }, { CRYPTO_AES_CBC, 128, CRYPTO_SHA1, 2 } },
                              .ike_count = 2,
                              .esp = { { CRYPTO_AES_CBC, 128, CRYPTO_SHA2_256 } },
                              .esp_count = 1 };
    return conn;
}

static void take_offer(struct run *r)
{
    struct sa_offers offers;
    struct conf_conn conn = conn_of_the_captures();
    take_clear(r, 0, P(SA), 0);
    struct bytes body = wire_find(&r->message, IANA_PAYLOAD_SA);
    assert_bytes_equal(body, octets(r->entry, "sai_b"));
    memcpy(r->sa.sai_b, body.data, body.length);
    r->sa.sai_length = (uint16_t)body.length;
    assert_int_equal(sa_v1_read(body, 1, &offers), IKE_OK);
    assert_int_equal(offers.count, 1);
    assert_int_equal(offers.offer[0].attributes.life_seconds, 3600);
    assert_ptr_equal(proposal_select_ike(&offers, &conn, &r->sa.chosen), &offers.offer[0]);
    assert_int_equal(r->sa.chosen.group, 2);
    assert_int_equal(vid_read(&r->message), VID_NATT | VID_DPD);
    memcpy(r->sa.cookie_i, r->message.header.cookie_i, WIRE_COOKIE);
    assert_bytes_equal(bytes_of(r->sa.cookie_i, WIRE_COOKIE), octets(r->entry, "cky_i"));
}

static void take_choice(struct run *r)
{
    uint8_t written[128];
    struct writer w = writer_of(written, sizeof written);
    struct sa_offers offers;
    take_clear(r, 1, P(SA), 0);
    memcpy(r->sa.cookie_r, r->message.header.cookie_r, WIRE_COOKIE);
    assert_bytes_equal(bytes_of(r->sa.cookie_r, WIRE_COOKIE), octets(r->entry, "cky_r"));
    struct bytes body = wire_find(&r->message, IANA_PAYLOAD_SA);
    assert_int_equal(sa_v1_read(body, 1, &offers), IKE_OK);
    sa_v1_write_ike_choice(&w, &offers.offer[0]);
    assert_bytes_equal(writer_span(&w), body); /* we would have chosen in the same octets */
}

/* The NAT-D of a message agree with its path, and with no other. */
static void check_nat(struct run *r, size_t n)
{
    struct conf_conn conn = { .encapsulation = CONF_AUTOMATIC };
    struct datagram *d = &r->capture.datagram[n];
    struct ike_path path = { .local = d->to, .remote = d->from };
    r->sa.peer_natt = true;
    assert_int_equal(wire_count(&r->message, IANA_PAYLOAD_NAT_D), 2);
    assert_int_equal(natt_read(&r->sa, &conn, &r->message, &path), IKE_OK);
    assert_false(r->sa.nat_near || r->sa.nat_far || r->sa.encapsulate);
    path.remote.port++;
    assert_int_equal(natt_read(&r->sa, &conn, &r->message, &path), IKE_OK);
    assert_true(r->sa.nat_far && r->sa.encapsulate && !r->sa.nat_near);
    path.remote.port--;
    path.local.addr.octets[3]++;
    assert_int_equal(natt_read(&r->sa, &conn, &r->message, &path), IKE_OK);
    assert_true(r->sa.nat_near && r->sa.encapsulate && !r->sa.nat_far);
}

static void take_values(struct run *r, size_t n, bool initiator)
{
    take_clear(r, n, P(KE) | P(NONCE), P(NAT_D));
    struct bytes ke = wire_find(&r->message, IANA_PAYLOAD_KE), nonce = wire_find(&r->message, IANA_PAYLOAD_NONCE);
    assert_bytes_equal(ke, octets(r->entry, initiator ? "g_xi" : "g_xr"));
    assert_bytes_equal(nonce, octets(r->entry, initiator ? "ni" : "nr"));
    memcpy(initiator ? r->sa.public_i : r->sa.public_r, ke.data, ke.length);
    memcpy(initiator ? r->sa.nonce_i : r->sa.nonce_r, nonce.data, nonce.length);
    *(initiator ? &r->sa.nonce_i_length : &r->sa.nonce_r_length) = (uint16_t)nonce.length;
    r->sa.public_length = (uint16_t)ke.length;
    check_nat(r, n);
}

static void derive(struct run *r)
{
    const struct isakmp_sa *sa = &r->sa;
    struct keys_input in = { .hash = sa->chosen.hash, .key_bits = sa->chosen.key_bits, .psk = field(r->entry, "psk_ascii", 2),
                             .nonce_i = bytes_of(sa->nonce_i, sa->nonce_i_length), .nonce_r = bytes_of(sa->nonce_r, sa->nonce_r_length),
                             .public_i = bytes_of(sa->public_i, sa->public_length), .public_r = bytes_of(sa->public_r, sa->public_length),
                             .shared = octets(r->entry, "g_xy"), .cookie_i = bytes_of(sa->cookie_i, WIRE_COOKIE),
                             .cookie_r = bytes_of(sa->cookie_r, WIRE_COOKIE) };
    assert_int_equal(keys_v1_derive(&r->sa.keys, &in), IKE_OK);
    r->sa.keys_ready = true;
    const struct isakmp_keys *k = &sa->keys;
    assert_bytes_equal(bytes_of(k->skeyid, k->hash_length), octets(r->entry, "SKEYID"));
    assert_bytes_equal(bytes_of(k->skeyid_d, k->hash_length), octets(r->entry, "SKEYID_d"));
    assert_bytes_equal(bytes_of(k->skeyid_a, k->hash_length), octets(r->entry, "SKEYID_a"));
    assert_bytes_equal(bytes_of(k->skeyid_e, k->hash_length), octets(r->entry, "SKEYID_e"));
    assert_bytes_equal(bytes_of(k->cipher_key, k->key_length), octets(r->entry, "encryption key Ka"));
    assert_bytes_equal(bytes_of(k->iv, CRYPTO_BLOCK), octets(r->entry, "initial IV"));
}

/* Message 5 or 6: opened by the runner, and the hash in it is the one that we compute. */
static void take_auth(struct run *r, size_t n, bool initiator)
{
    static const struct exchange_row row = { .name = "encrypted", .must = P(ID) | P(HASH), .encrypted = true, .take = take_copy };
    const char *m = message_find(r->entry, (unsigned)n);
    struct isakmp_sa *sa = &r->sa;
    uint8_t hash[CRYPTO_HASH_MAX];
    struct bytes gi = bytes_of(sa->public_i, sa->public_length), gr = bytes_of(sa->public_r, sa->public_length);
    struct bytes ci = bytes_of(sa->cookie_i, WIRE_COOKIE), cr = bytes_of(sa->cookie_r, WIRE_COOKIE);
    assert_bytes_equal(bytes_of(sa->keys.iv, CRYPTO_BLOCK), octets_of(field(m, "iv", 4)));
    assert_int_equal(run_message(r, n, &row), IKE_OK);
    struct bytes id = wire_find(&r->message, IANA_PAYLOAD_ID);
    assert_int_equal(keys_v1_hash_main(&sa->keys, initiator ? gi : gr, initiator ? gr : gi, initiator ? ci : cr, initiator ? cr : ci,
                                       bytes_of(sa->sai_b, sa->sai_length), id, hash), IKE_OK);
    assert_bytes_equal(wire_find(&r->message, IANA_PAYLOAD_HASH), bytes_of(hash, sa->keys.hash_length));
    assert_bytes_equal(bytes_of(hash, sa->keys.hash_length), octets(r->entry, initiator ? "HASH_I" : "HASH_R"));
    struct conf_id expected = { .type = IANA_ID_IPV4_ADDR, .length = 4 };
    memcpy(expected.data, r->capture.datagram[n].from.addr.octets, 4);
    assert_true(id_matches(id, &expected));
    expected.data[3]++;
    assert_false(id_matches(id, &expected));
}

static void check_quick_payloads(struct run *r, bool initiator)
{
    struct sa_offers offers;
    struct conf_conn conn = conn_of_the_captures();
    struct conf_esp_proposal chosen;
    struct prefix selector;
    bool pfs_only;
    assert_int_equal(sa_v1_read(wire_find(&r->message, IANA_PAYLOAD_SA), 2, &offers), IKE_OK);
    assert_int_equal(offers.count, initiator ? 2 : 1);
    assert_int_equal(offers.offer[0].attributes.life_seconds, 1200);
    assert_non_null(proposal_select_esp(&offers, &conn, 0, false, &chosen, &pfs_only));
    assert_null(proposal_select_esp(&offers, &conn, 14, false, &chosen, &pfs_only));
    assert_true(pfs_only);
    assert_int_equal(wire_count(&r->message, IANA_PAYLOAD_ID), 2);
    char text[PREFIX_TEXT_MAX];
    assert_int_equal(id_read_selector(wire_find(&r->message, IANA_PAYLOAD_ID), &selector), IKE_OK);
    assert_string_equal(prefix_print(&selector, text), "192.168.0.100/32");
    for (size_t i = 0; i < r->message.count; i++)
        if (r->message.payloads[i].type == IANA_PAYLOAD_ID)
            assert_int_equal(id_read_selector(r->message.payloads[i].body, &selector), IKE_OK);
    assert_string_equal(prefix_print(&selector, text), "10.1.0.0/16");
}

/* The runner verifies HASH(n) itself; its IV chain is compared with the recorded one before each message. */
static void take_quick(struct run *r, size_t n, const struct exchange_row *row)
{
    const char *m = message_find(r->entry, (unsigned)n);
    assert_bytes_equal(bytes_of(r->quick.x.iv, CRYPTO_BLOCK), octets_of(field(m, "iv", 4)));
    assert_int_equal(run_message(r, n, row), IKE_OK);
    if (r->message.count == 1)
        return;
    bool initiator = r->quick.nonce_i_length == 0;
    struct bytes nonce = wire_find(&r->message, IANA_PAYLOAD_NONCE);
    memcpy(initiator ? r->quick.nonce_i : r->quick.nonce_r, nonce.data, nonce.length);
    *(initiator ? &r->quick.nonce_i_length : &r->quick.nonce_r_length) = (uint16_t)nonce.length;
    check_quick_payloads(r, initiator);
}

static void run_quick(struct run *r)
{
    static const struct exchange_row rows[] = {
        { .name = "1", .must = P(HASH) | P(SA) | P(NONCE), .may = P(ID), .encrypted = true, .hash = HASH_1, .take = take_copy },
        { .name = "2", .must = P(HASH) | P(SA) | P(NONCE), .may = P(ID), .encrypted = true, .hash = HASH_2, .take = take_copy },
        { .name = "3", .must = P(HASH), .encrypted = true, .hash = HASH_3, .take = take_copy },
    };
    struct wire_header header;
    struct bytes body;
    assert_int_equal(wire_read_header(capture_message(&r->capture.datagram[6]), &header, &body), IKE_OK);
    r->quick.x.message_id = header.message_id;
    assert_int_equal(keys_v1_phase2_iv(&r->sa.keys, header.message_id, r->quick.x.iv), IKE_OK);
    for (size_t i = 0; i < 3; i++)
        take_quick(r, 6 + i, &rows[i]);
}

static void begin(struct run *r, unsigned entry, const char *file)
{
    size_t length;
    golden = (char *)vectors_read(FOLDER "golden.json", &length);
    *r = (struct run){ .entry = entry_find(entry) };
    capture_open(&r->capture, file);
    take_offer(r);
    take_choice(r);
    take_values(r, 2, true);
    take_values(r, 3, false);
    derive(r);
}

static void end(struct run *r)
{
    capture_close(&r->capture);
    free(golden);
}

static void complete(unsigned entry, const char *file)
{
    static struct run r;
    begin(&r, entry, file);
    assert_int_equal(r.capture.count, 9);
    take_auth(&r, 4, true);
    take_auth(&r, 5, false);
    run_quick(&r);
    end(&r);
}

static void complete_run(void **state) { (void)state; complete(0, FOLDER "ikev1-psk-main-mode-complete.pcapng"); }
static void complete_run_of_a_pcap(void **state) { (void)state; complete(0, FOLDER "complete.pcap"); }
static void second_complete_run(void **state) { (void)state; complete(3, FOLDER "ikev1-psk-main-mode-complete-2.pcapng"); }

/* As the initiator opens it, whose chain stands at message 5, or as the responder, which took no message 5. */
static int open_informational(struct run *r, size_t n, bool initiator)
{
    uint8_t clear[IKE_MESSAGE_MAX];
    struct wire_header header;
    struct wire_message message;
    struct bytes body, message5 = capture_message(&r->capture.datagram[4]);
    struct isakmp_sa sa = r->sa;
    assert_int_equal(wire_read_header(capture_message(&r->capture.datagram[n]), &header, &body), IKE_OK);
    if (initiator)
        memcpy(sa.keys.iv, message5.data + message5.length - CRYPTO_BLOCK, CRYPTO_BLOCK);
    return exchange_open_phase2(&sa, header.message_id, body, clear, header.next, &message);
}

/* The initiator's own secret opens what it sent; what the responder sent under another secret it cannot. */
static void mismatch_seen_by_the_initiator(void **state)
{
    (void)state;
    static struct run r;
    begin(&r, 1, FOLDER "ikev1-psk-main-mode-incomplete.pcapng");
    assert_int_equal(r.capture.count, 8);
    take_auth(&r, 4, true);
    for (size_t n = 5; n <= 7; n += 2) {
        assert_int_not_equal(open_informational(&r, n, true), IKE_OK);
        assert_int_not_equal(open_informational(&r, n, false), IKE_OK);
    }
    end(&r);
}

/* The responder cannot open message 5, and the SA stays as it was to the last bit; its own notify it can read. */
static void mismatch_seen_by_the_responder(void **state)
{
    (void)state;
    static const struct exchange_row row = { .name = "encrypted", .must = P(ID) | P(HASH), .encrypted = true, .take = take_copy };
    static struct run r;
    static struct isakmp_sa before;
    begin(&r, 2, FOLDER "ikev1-psk-main-mode-incomplete.pcapng");
    before = r.sa;
    for (size_t n = 4; n <= 6; n += 2) {
        assert_int_not_equal(run_message(&r, n, &row), IKE_OK);
        assert_memory_equal(&before, &r.sa, sizeof before);
    }
    for (size_t n = 5; n <= 7; n += 2)
        assert_int_equal(open_informational(&r, n, false), IKE_OK);
    end(&r);
}

static int start(void **state) { (void)state; return crypto_start(); }
static int stop(void **state) { (void)state; crypto_stop(); return 0; }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(complete_run),
        cmocka_unit_test(complete_run_of_a_pcap),
        cmocka_unit_test(second_complete_run),
        cmocka_unit_test(mismatch_seen_by_the_initiator),
        cmocka_unit_test(mismatch_seen_by_the_responder),
    };
    return cmocka_run_group_tests_name("ike: recorded exchanges with known secrets", tests, start, stop);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every ISAKMP message of every capture, of other projects' packet files and of our own engine, with every bit
 * flipped and cut at every length, through the readers of header, payloads, SA, identities and vendor IDs; the
 * captures' also into live engines, which must not change for them. Each message ends at a page that cannot be read.
 */
#include "tests/support/test.h"

#include <stdio.h>

#include "ike/err.h"
#include "ike/exchange_v1.h"
#include "ike/iana.h"
#include "ike/id.h"
#include "ike/proposal.h"
#include "ike/vid.h"
#include "tests/support/capture.h"
#include "tests/support/engine.h"
#include "tests/support/guard.h"

static const char *const captures[] = {
    "rub-nds-mainmode/ikev1-psk-main-mode-complete.pcapng",
    "rub-nds-mainmode/ikev1-psk-main-mode-complete-2.pcapng",
    "rub-nds-mainmode/ikev1-psk-main-mode-incomplete.pcapng",
    "tcpdump/ISAKMP_sa_setup.pcap",
    "tcpdump/isakmp4500.pcap",
    "tcpdump/isakmp-delete-segfault.pcap",
    "tcpdump/isakmp-pointer-loop.pcap",
    "tcpdump/isakmp-rfc3948-oobr.pcap",
    "tcpdump/isakmpv1-attr-oobr.pcap",
    "zeek-spicy-ipsec/ikev1-certs.pcap",
    "zeek-spicy-ipsec/ipsec-ikev1-isakmp-aggressive-mode.pcap",
    "zeek-spicy-ipsec/ipsec-ikev1-isakmp-main-mode.pcap",
    "zeek-spicy-ipsec/ipsec-ikev1-payload-bad-length.pcap",
    "zeek-spicy-ipsec/ipsec-ikev1-zero-length.pcap",
    "zeek-spicy-ipsec/ipsec.cap",
    "zeek-spicy-ipsec/ipsec_client.pcap",
};

static const char *const files[] = {
    "ike-scan/pkt-custom-proposal.dat", "ike-scan/pkt-default-proposal.dat", "ike-scan/pkt-main-mode-response.dat",
    "scapy-isakmp/aggressive1.bin",
};

/* ---- the readers ---- */

static bool inside(struct bytes inner, struct bytes outer)
{
    return inner.length == 0 || (inner.data >= outer.data && inner.data + inner.length <= outer.data + outer.length);
}

static void read_sa(struct bytes body)
{
    static struct sa_offers offers;
    static const struct conf_conn conn = { .ike = { { CRYPTO_AES_CBC, 128, CRYPTO_SHA1, 2 } }, .ike_count = 1,
                                           .esp = { { CRYPTO_AES_CBC, 128, CRYPTO_SHA1 } }, .esp_count = 1 };
    struct conf_ike_proposal ike;
    struct conf_esp_proposal esp;
    char text[160];
    bool pfs_only;
    for (int phase = 1; phase <= 2; phase++) {
        int err = sa_v1_read(body, phase, &offers);
        assert_true(offers.count <= SA_OFFERS_MAX);
        if (err)
            continue;
        assert_true(offers.count > 0 && offers.proposals > 0);
        for (size_t i = 0; i < offers.count; i++)
            assert_true(inside(offers.offer[i].raw, body) && offers.offer[i].raw.length >= 4);
        proposal_select_ike(&offers, &conn, &ike);
        proposal_select_esp(&offers, &conn, 0, false, &esp, &pfs_only);
        proposal_print_offers(&offers, phase, text, sizeof text);
        assert_true(strlen(text) < sizeof text);
    }
}

static void read_id(struct bytes body)
{
    char text[ID_TEXT_MAX];
    struct prefix selector;
    struct conf_id any = { .type = IANA_ID_IPV4_ADDR, .length = 4 };
    id_print(body, text);
    for (const char *c = text; *c; c++)
        assert_true(*c >= 0x20 && *c < 0x7f);
    id_matches(body, &any);
    if (id_read_selector(body, &selector) == IKE_OK)
        assert_true(selector.length <= 8 * addr_length(&selector.addr));
}

static unsigned read_chain(uint8_t first, struct bytes body)
{
    static struct wire_message message;
    int err = wire_read_payloads(first, body, &message);
    assert_true(message.count <= WIRE_PAYLOADS_MAX);
    if (err)
        return 0;
    struct bytes rest = wire_after_first(&message);
    assert_true(inside(rest, body));
    vid_read(&message);
    for (size_t i = 0; i < message.count; i++) {
        struct bytes b = message.payloads[i].body;
        assert_true(inside(b, body));
        if (message.payloads[i].type == IANA_PAYLOAD_SA)
            read_sa(b);
        else if (message.payloads[i].type == IANA_PAYLOAD_ID)
            read_id(b);
    }
    return 1;
}

/* 1 when header and chain could be read. */
static unsigned read_message(struct bytes datagram)
{
    struct wire_header header;
    struct bytes body;
    if (wire_read_header(datagram, &header, &body) != IKE_OK)
        return 0;
    assert_true(inside(body, datagram));
    return read_chain(header.next, body);
}

struct tally { unsigned messages, mutants, readable; };

static void mutate(struct bytes octets, struct tally *tally)
{
    tally->messages++;
    tally->readable += read_message(bytes_of(guard_copy(octets), octets.length));
    for (size_t i = 0; i < 8 * octets.length; i++) {
        uint8_t *copy = guard_copy(octets);
        copy[i / 8] ^= (uint8_t)(1U << i % 8);
        tally->readable += read_message(bytes_of(copy, octets.length));
    }
    for (size_t length = 0; length < octets.length; length++) {
        struct bytes cut = bytes_of(octets.data, length);
        tally->readable += read_message(bytes_of(guard_copy(cut), length));
    }
    tally->mutants += (unsigned)(9 * octets.length);
}

static void report(const struct tally *t)
{
    print_message("%u messages, %u changed ones; %u of all could be read as a chain of payloads\n", t->messages, t->mutants, t->readable);
}

static void captures_through_the_readers(void **state)
{
    (void)state;
    struct tally tally = { 0, 0, 0 };
    for (size_t i = 0; i < sizeof captures / sizeof *captures; i++) {
        struct capture c;
        capture_open(&c, captures[i]);
        for (size_t n = 0; n < c.count; n++)
            mutate(capture_message(&c.datagram[n]), &tally);
        capture_close(&c);
    }
    report(&tally);
    assert_true(tally.messages > 90 && tally.readable > 10000);
}

static void files_through_the_readers(void **state)
{
    (void)state;
    struct tally tally = { 0, 0, 0 };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t length;
        uint8_t *file = vectors_read(files[i], &length);
        mutate(bytes_of(file, length), &tally);
        free(file);
    }
    report(&tally);
}

/* What lies under the encryption: every bit and every cut of an authenticated peer's payloads. */
static void mutate_chain(uint8_t first, struct bytes chain)
{
    static struct wire_message whole;
    assert_int_equal(wire_read_payloads(first, chain, &whole), IKE_OK);
    size_t used = (size_t)(whole.end - chain.data); /* padding follows, which may be cut */
    for (size_t i = 0; i < 8 * chain.length; i++) {
        uint8_t *copy = guard_copy(chain);
        copy[i / 8] ^= (uint8_t)(1U << i % 8);
        read_chain(first, bytes_of(copy, chain.length));
    }
    for (size_t length = 0; length < chain.length; length++)
        assert_int_equal(read_chain(first, bytes_of(guard_copy(bytes_of(chain.data, length)), length)), length >= used);
}

static void decrypted_quick_mode(void **state)
{
    (void)state;
    size_t length;
    uint8_t *file = vectors_read("scapy-isakmp/quickmode1-decrypted-hash-chain.bin", &length);
    assert_int_equal(read_chain(IANA_PAYLOAD_HASH, bytes_of(file, length)), 1);
    mutate_chain(IANA_PAYLOAD_HASH, bytes_of(file, length));
    free(file);
}

/* ---- our own messages, clear and decrypted ---- */

static struct run run;

static void own_messages(void **state)
{
    (void)state;
    struct tally tally = { 0, 0, 0 };
    struct conf_conn cpe = engine_conn(CPE, 19), headend = engine_conn(HEADEND, 19);
    run_record(&run, &cpe, &headend);
    for (size_t i = 0; i < RUN_MESSAGES; i++)
        mutate(bytes_of(run.step[i].message.datagram, run.step[i].message.length), &tally);
    static const size_t phase2[] = { 6, 9, 10, 11, 12 };
    for (size_t i = 0; i < sizeof phase2 / sizeof *phase2; i++) {
        const struct sent *m = &run.step[phase2[i]].message;
        uint8_t clear[IKE_MESSAGE_MAX];
        struct wire_header header;
        struct wire_message message;
        struct bytes body;
        int to = run.step[phase2[i]].to;
        const struct peer *peer = &run.step[phase2[i]].before[to].peers[0];
        const struct isakmp_sa *sa = NULL;
        for (size_t n = 0; n < PEER_SAS_MAX; n++)
            sa = peer->sa[n].up ? &peer->sa[n] : sa;
        assert_non_null(sa);
        assert_int_equal(wire_read_header(bytes_of(m->datagram, m->length), &header, &body), IKE_OK);
        assert_int_equal(exchange_open_phase2(sa, header.message_id, body, clear, header.next, &message), IKE_OK);
        mutate_chain(header.next, bytes_of(clear, body.length));
    }
    report(&tally);
    run_free(&run);
}

/* ---- foreign messages into live engines ---- */

/* The rate limits are filled again, so that the last message is looked at as closely as the first. */
static void refill(const struct image *image, struct engine *e)
{
    struct peer *p = &e->ike->peers[0];
    p->limits = image->peers[0].limits;
    engine_clear(e);
}

static void feed(const struct image *image, struct engine *e, const struct ike_path *path, struct bytes datagram, const char *name)
{
    const char *why;
    refill(image, e);
    engine_take_octets(e, path, bytes_of(guard_copy(datagram), datagram.length));
    if (!image_same(image, e, &why))
        fail_msg("a message of %s left a trace: %s", name, why);
    for (size_t i = 0; i < e->sent_count; i++)
        assert_true(e->sent[i].length <= datagram.length);
}

static unsigned feed_all(const struct image *image, struct engine *e, int end, const char *name, const struct datagram *d)
{
    uint8_t copy[2048];
    struct ike_path path = engine_path_of(end, d->to.port == 4500 || d->from.port == 4500 ? 4500 : 500);
    size_t length = d->payload.length < sizeof copy ? d->payload.length : sizeof copy;
    image_load(image, e);
    feed(image, e, &path, d->payload, name);
    for (size_t i = 0; i < 8 * length; i++) {
        memcpy(copy, d->payload.data, length);
        copy[i / 8] ^= (uint8_t)(1U << i % 8);
        feed(image, e, &path, bytes_of(copy, length), name);
    }
    return (unsigned)(8 * length + 1);
}

static void captures_into_live_engines(void **state)
{
    (void)state;
    unsigned fed = 0;
    struct conf_conn cpe = engine_conn(CPE, 2), headend = engine_conn(HEADEND, 2);
    cpe.ike[0] = headend.ike[0] = (struct conf_ike_proposal){ CRYPTO_AES_CBC, 128, CRYPTO_SHA1, 2 }; /* which the captures offer */
    run_record(&run, &cpe, &headend);
    for (size_t i = 0; i < sizeof captures / sizeof *captures; i++) {
        struct capture c;
        capture_open(&c, captures[i]);
        for (size_t n = 0; n < c.count; n++)
            for (int end = CPE; end <= HEADEND; end++) {
                fed += feed_all(&run.step[4].before[end], &run.end[end], end, captures[i], &c.datagram[n]);
                fed += feed_all(&run.after[end], &run.end[end], end, captures[i], &c.datagram[n]);
            }
        capture_close(&c);
    }
    print_message("%u messages fed\n", fed);
    run_free(&run);
}

static int start(void **state) { (void)state; return crypto_start(); }
static int stop(void **state) { (void)state; crypto_stop(); return 0; }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captures_through_the_readers), cmocka_unit_test(files_through_the_readers),
        cmocka_unit_test(decrypted_quick_mode),         cmocka_unit_test(own_messages),
        cmocka_unit_test(captures_into_live_engines),
    };
    return cmocka_run_group_tests_name("ike: changed messages of captures", tests, start, stop);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Captures of other implementations, read by ours: what is well formed is read to its last payload, what is not
 * gives the error that it is; NAT-D hashes are recomputed; a recorded message 1 gets the recorded answer.
 */
#include "tests/support/test.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "ike/err.h"
#include "ike/iana.h"
#include "ike/main_v1.h"
#include "ike/natt.h"
#include "ike/proposal.h"
#include "tests/support/capture.h"
#include "tests/support/engine.h"

/* ---- what each file holds ---- */

struct found { unsigned other, clear, encrypted, error; int err; };

static int read_clear(struct bytes message, struct wire_header *header, struct wire_message *out)
{
    static struct sa_offers offers;
    struct bytes body;
    int err = wire_read_header(message, header, &body);
    out->count = 0;
    if (err || header->flags & IANA_FLAG_ENCRYPTION)
        return err;
    err = wire_read_payloads(header->next, body, out);
    if (!err && out->seen & BIT(IANA_PAYLOAD_SA))
        err = sa_v1_read(wire_find(out, IANA_PAYLOAD_SA), 1, &offers);
    return err;
}

static void look(struct found *f, struct bytes message)
{
    struct wire_header header;
    struct wire_message m;
    if (message.length == 0) {
        f->other++;
        return;
    }
    int err = read_clear(message, &header, &m);
    if (err) {
        f->error++;
        f->err = err;
    } else if (header.flags & IANA_FLAG_ENCRYPTION) {
        f->encrypted++;
    } else {
        f->clear++;
    }
}

static void everything_in_its_class(void **state)
{
    (void)state;
    static const struct { const char *file; struct found expected; } rows[] = {
        { "rub-nds-mainmode/ikev1-psk-main-mode-complete.pcapng", { 0, 4, 5, 0, 0 } },
        { "rub-nds-mainmode/ikev1-psk-main-mode-incomplete.pcapng", { 0, 4, 4, 0, 0 } },
        { "tcpdump/ISAKMP_sa_setup.pcap", { 0, 4, 5, 0, 0 } },
        { "tcpdump/isakmp4500.pcap", { 12, 4, 11, 0, 0 } },
        { "tcpdump/espudp1.pcap", { 8, 0, 0, 0, 0 } },
        { "tcpdump/isakmp-delete-segfault.pcap", { 0, 0, 0, 1, IKE_ERR_VERSION } },
        { "tcpdump/isakmp-pointer-loop.pcap", { 0, 0, 0, 1, IKE_ERR_LENGTH } },
        { "tcpdump/isakmp-rfc3948-oobr.pcap", { 1, 0, 0, 0, 0 } },
        { "tcpdump/isakmpv1-attr-oobr.pcap", { 0, 0, 0, 1, IKE_ERR_LENGTH } },
        { "zeek-spicy-ipsec/ikev1-certs.pcap", { 0, 4, 6, 0, 0 } },
        { "zeek-spicy-ipsec/ipsec-ikev1-isakmp-aggressive-mode.pcap", { 0, 2, 4, 0, 0 } },
        { "zeek-spicy-ipsec/ipsec-ikev1-isakmp-main-mode.pcap", { 0, 4, 5, 0, 0 } },
        { "zeek-spicy-ipsec/ipsec-ikev1-payload-bad-length.pcap", { 0, 0, 0, 1, IKE_ERR_PAYLOAD_LENGTH } },
        { "zeek-spicy-ipsec/ipsec-ikev1-zero-length.pcap", { 0, 0, 0, 1, IKE_ERR_LENGTH } },
        { "zeek-spicy-ipsec/ipsec.cap", { 0, 6, 5, 0, 0 } },
        { "zeek-spicy-ipsec/ipsec_client.pcap", { 0, 0, 0, 5, IKE_ERR_VERSION } }, /* version 2, cut by IP fragmentation */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct capture c;
        struct found f = { .other = 0 }, e = rows[i].expected;
        capture_open(&c, rows[i].file);
        for (size_t n = 0; n < c.count; n++)
            look(&f, capture_message(&c.datagram[n]));
        capture_close(&c);
        if (f.other != e.other || f.clear != e.clear || f.encrypted != e.encrypted || f.error != e.error || f.err != e.err)
            fail_msg("%s: %u other, %u clear, %u encrypted, %u errors (%s)", rows[i].file, f.other, f.clear, f.encrypted, f.error,
                     ike_err_find(f.err)->text);
    }
}

/* The packets that crashed a printer, with the header put right where that is what stopped them: errors all the same. */
static void crash_packets_past_the_header(void **state)
{
    (void)state;
    static const char *const names[] = { "tcpdump/isakmp-delete-segfault.pcap", "tcpdump/isakmp-pointer-loop.pcap",
                                         "tcpdump/isakmpv1-attr-oobr.pcap", "zeek-spicy-ipsec/ipsec-ikev1-payload-bad-length.pcap" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct capture c;
        struct wire_header header;
        struct wire_message message;
        uint8_t copy[2048];
        capture_open(&c, names[i]);
        struct bytes m = capture_message(&c.datagram[0]);
        assert_true(m.length >= WIRE_HEADER && m.length <= sizeof copy);
        memcpy(copy, m.data, m.length);
        copy[17] = IANA_VERSION_1;
        copy[19] = 0;
        copy[24] = copy[25] = 0;
        copy[26] = (uint8_t)(m.length >> 8);
        copy[27] = (uint8_t)m.length;
        int err = read_clear(bytes_of(copy, m.length), &header, &message);
        if (i == 2) /* a transform on its own, no SA around it: a chain, and no message of any exchange */
            err = err ? err : exchange_check_payloads(main_row(ROLE_RESPONDER, 0), &message);
        assert_int_equal(err, i == 2 ? IKE_ERR_PAYLOAD_MISSING : IKE_ERR_PAYLOAD_LENGTH);
        capture_close(&c);
    }
}

/* ---- ike-scan's and scapy's packets ---- */

static void file_read(const char *name, uint8_t *octets, size_t capacity, struct bytes *out)
{
    size_t length;
    uint8_t *file = vectors_read(name, &length);
    assert_true(length <= capacity);
    memcpy(octets, file, length);
    free(file);
    *out = bytes_of(octets, length);
}

static void ike_scan_packets(void **state)
{
    (void)state;
    static const struct { const char *file; size_t marker, payloads, offers; } rows[] = {
        { "ike-scan/pkt-default-proposal.dat", 0, 1, 8 },
        { "ike-scan/pkt-custom-proposal.dat", 0, 3, 3 },      /* every reserved octet 0xff, two payloads of no meaning */
        { "ike-scan/pkt-main-mode-response.dat", 0, 2, 1 },
        { "ike-scan/pkt-main-natt-response.dat", 4, 2, 1 },
        { "scapy-isakmp/aggressive1.bin", 0, 5, 1 },
    };
    static struct sa_offers offers;
    struct conf_conn conn = engine_conn(CPE, 14);
    struct conf_ike_proposal chosen;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t octets[1024];
        struct bytes message;
        struct wire_header header;
        struct wire_message m;
        file_read(rows[i].file, octets, sizeof octets, &message);
        message = bytes_of(message.data + rows[i].marker, message.length - rows[i].marker);
        int err = read_clear(message, &header, &m);
        if (err || (m.count < rows[i].payloads))
            fail_msg("%s: %s, %zu payloads", rows[i].file, ike_err_find(err)->text, m.count);
        assert_int_equal(sa_v1_read(wire_find(&m, IANA_PAYLOAD_SA), 1, &offers), IKE_OK);
        assert_int_equal(offers.count, rows[i].offers);
        assert_null(proposal_select_ike(&offers, &conn, &chosen)); /* DES, 3DES, MD5, signatures */
    }
}

/* Phase 2 with its marker: encrypted, so that all there is to read is the header. */
static void scapy_quick_mode(void **state)
{
    (void)state;
    uint8_t octets[1024];
    struct bytes datagram, body;
    struct wire_header header;
    file_read("scapy-isakmp/natt-quickmode-nonesp.bin", octets, sizeof octets, &datagram);
    assert_int_equal(wire_read_header(bytes_of(datagram.data + 4, datagram.length - 4), &header, &body), IKE_OK);
    assert_int_equal(header.exchange, IANA_EXCHANGE_QUICK);
    assert_true(header.flags & IANA_FLAG_ENCRYPTION);
    assert_int_equal(body.length % CRYPTO_BLOCK, 0);
}

/* ---- NAT-D ---- */

static void nat_case(const char *file, size_t first, bool nat_near, bool nat_far)
{
    struct capture c;
    struct wire_header header;
    struct wire_message m;
    struct conf_conn conn = { .encapsulation = CONF_AUTOMATIC };
    static struct isakmp_sa sa;
    capture_open(&c, file);
    for (size_t n = first; n < first + 2; n++) {
        struct ike_path path = { .local = c.datagram[n].to, .remote = c.datagram[n].from };
        assert_int_equal(read_clear(capture_message(&c.datagram[n]), &header, &m), IKE_OK);
        sa = (struct isakmp_sa){ .chosen.hash = CRYPTO_SHA1, .peer_natt = true };
        memcpy(sa.cookie_i, header.cookie_i, WIRE_COOKIE);
        memcpy(sa.cookie_r, header.cookie_r, WIRE_COOKIE);
        assert_int_equal(wire_count(&m, IANA_PAYLOAD_NAT_D), 2);
        assert_int_equal(natt_read(&sa, &conn, &m, &path), IKE_OK);
        assert_int_equal(sa.nat_near, nat_near);
        assert_int_equal(sa.nat_far, nat_far);
        path.remote.port ^= 1;
        assert_int_equal(natt_read(&sa, &conn, &m, &path), IKE_OK);
        assert_true(sa.nat_far);
    }
    capture_close(&c);
}

static void nat_d_of_sha1_captures(void **state)
{
    (void)state;
    nat_case("zeek-spicy-ipsec/ipsec-ikev1-isakmp-main-mode.pcap", 2, false, false);
    nat_case("rub-nds-mainmode/ikev1-psk-main-mode-complete-2.pcapng", 2, false, false);
}

static struct bytes digest(const EVP_MD *md, const struct wire_header *header, const struct endpoint *end)
{
    static uint8_t out[4][EVP_MAX_MD_SIZE];
    static unsigned next;
    uint8_t input[2 * WIRE_COOKIE + 6], *result = out[next++ % 4];
    unsigned length;
    memcpy(input, header->cookie_i, WIRE_COOKIE);
    memcpy(input + WIRE_COOKIE, header->cookie_r, WIRE_COOKIE);
    memcpy(input + 2 * WIRE_COOKIE, end->addr.octets, 4);
    input[20] = (uint8_t)(end->port >> 8);
    input[21] = (uint8_t)end->port;
    assert_int_equal(EVP_Digest(input, sizeof input, result, &length, md, NULL), 1);
    return bytes_of(result, length);
}

static struct bytes nth(const struct wire_message *m, uint8_t type, unsigned n)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->payloads[i].type == type && n-- == 0)
            return m->payloads[i].body;
    fail_msg("no such payload");
    return bytes_of(NULL, 0);
}

/*
 * isakmp4500.pcap hashed with MD5, which no proposal of ours has: the octets under the recorded MD5 are shown to be
 * those that natt_write puts under SHA-1. The initiator is behind a NAT: it hashed 192.1.3.209, which nobody else saw.
 */
static void nat_d_of_isakmp4500(void **state)
{
    (void)state;
    struct capture c;
    struct wire_header header;
    struct wire_message m, ours;
    static struct isakmp_sa sa;
    capture_open(&c, "tcpdump/isakmp4500.pcap");
    for (size_t n = 2; n < 4; n++) {
        const struct datagram *d = &c.datagram[n];
        assert_int_equal(read_clear(capture_message(d), &header, &m), IKE_OK);
        assert_bytes_equal(nth(&m, IANA_PAYLOAD_NAT_D, 0), digest(EVP_md5(), &header, &d->to));
        struct endpoint inside = { addr_v4(0xc00103d1), 500 };
        assert_bytes_equal(nth(&m, IANA_PAYLOAD_NAT_D, 1), digest(EVP_md5(), &header, n == 2 ? &inside : &d->from));

        uint8_t memory[256];
        struct wire_writer out;
        struct bytes body;
        sa = (struct isakmp_sa){ .chosen.hash = CRYPTO_SHA1, .path = { .local = d->from, .remote = d->to } };
        memcpy(sa.cookie_i, header.cookie_i, WIRE_COOKIE);
        memcpy(sa.cookie_r, header.cookie_r, WIRE_COOKIE);
        wire_write_header(&out, memory, sizeof memory, 0, &header);
        assert_int_equal(natt_write(NULL, &sa, false, &out), IKE_OK);
        struct bytes written = wire_finish(&out, 0);
        struct wire_header again;
        assert_int_equal(wire_read_header(written, &again, &body), IKE_OK);
        assert_int_equal(wire_read_payloads(again.next, body, &ours), IKE_OK);
        assert_bytes_equal(nth(&ours, IANA_PAYLOAD_NAT_D, 0), digest(EVP_sha1(), &header, &d->to));
        assert_bytes_equal(nth(&ours, IANA_PAYLOAD_NAT_D, 1), digest(EVP_sha1(), &header, &d->from));
    }
    capture_close(&c);
}

/* Cisco's NAT-D under the draft's numbers 15 and 16 may be there and mean nothing. */
static void draft_nat_d_is_passed_over(void **state)
{
    (void)state;
    struct capture c;
    struct wire_header header;
    struct wire_message m;
    capture_open(&c, "tcpdump/ISAKMP_sa_setup.pcap");
    assert_int_equal(read_clear(capture_message(&c.datagram[2]), &header, &m), IKE_OK);
    assert_int_equal(wire_count(&m, 15), 2);
    assert_int_equal(exchange_check_payloads(main_row(ROLE_RESPONDER, 0), &m), IKE_OK);
    assert_int_equal(read_clear(capture_message(&c.datagram[3]), &header, &m), IKE_OK);
    assert_int_equal(exchange_check_payloads(main_row(ROLE_INITIATOR, 1), &m), IKE_OK);
    capture_close(&c);
}

/* ---- the recorded message 1 gets the recorded choice ---- */

static void same_choice(const char *file, crypto_group group, enum crypto_hash hash, bool same)
{
    struct capture c;
    struct wire_header header;
    struct wire_message theirs, ours;
    static struct engine e;
    struct conf_conn conn = engine_conn(HEADEND, group);
    struct ike_path path = engine_path_of(HEADEND, IKE_PORT);
    conn.ike[0] = (struct conf_ike_proposal){ CRYPTO_AES_CBC, 128, hash, group };
    capture_open(&c, file);
    engine_begin(&e, HEADEND, &conn);
    engine_take_octets(&e, &path, capture_message(&c.datagram[0]));
    assert_int_equal(e.sent_count, 1);
    assert_int_equal(read_clear(bytes_of(e.sent[0].datagram, e.sent[0].length), &header, &ours), IKE_OK);
    if (same) {
        assert_int_equal(header.exchange, IANA_EXCHANGE_MAIN);
        assert_int_equal(read_clear(capture_message(&c.datagram[1]), &header, &theirs), IKE_OK);
        assert_bytes_equal(wire_find(&ours, IANA_PAYLOAD_SA), wire_find(&theirs, IANA_PAYLOAD_SA));
    } else { /* the line that tells why, and NO-PROPOSAL-CHOSEN with no responder's cookie */
        assert_int_equal(header.exchange, IANA_EXCHANGE_INFORMATIONAL);
        assert_memory_equal(header.cookie_r, ((uint8_t[WIRE_COOKIE]){ 0 }), WIRE_COOKIE);
        assert_memory_equal(wire_find(&ours, IANA_PAYLOAD_NOTIFY).data + 6, "\x00\x0e", 2);
    }
    engine_end(&e);
    capture_close(&c);
}

static void recorded_first_messages(void **state)
{
    (void)state;
    same_choice("rub-nds-mainmode/complete.pcap", 2, CRYPTO_SHA1, true);
    same_choice("zeek-spicy-ipsec/ipsec-ikev1-isakmp-main-mode.pcap", 2, CRYPTO_SHA1, true);
    same_choice("rub-nds-mainmode/complete.pcap", 14, CRYPTO_SHA1, false);
    same_choice("tcpdump/isakmp4500.pcap", 5, CRYPTO_SHA1, false);       /* 3DES alone */
    same_choice("zeek-spicy-ipsec/ikev1-certs.pcap", 2, CRYPTO_SHA1, false); /* signatures alone */
}

static int start(void **state) { (void)state; return crypto_start(); }
static int stop(void **state) { (void)state; crypto_stop(); return 0; }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_in_its_class), cmocka_unit_test(crash_packets_past_the_header),
        cmocka_unit_test(ike_scan_packets),        cmocka_unit_test(scapy_quick_mode),
        cmocka_unit_test(nat_d_of_sha1_captures),  cmocka_unit_test(nat_d_of_isakmp4500),
        cmocka_unit_test(draft_nat_d_is_passed_over), cmocka_unit_test(recorded_first_messages),
    };
    return cmocka_run_group_tests_name("ike: captures of others", tests, start, stop);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Target `wire`: everything that takes the network's octets apart and needs no key. The input is one octet that says
 * what it is, then the octets: an ISAKMP datagram (0, 1), an SA payload's body (2: phase 1; 3: phase 2), an identity (4),
 * a raw ICMP packet (5), reads and writes at cursors (6), a conn whose offers are written and read back (7). Beyond "no crash": spans lie inside what came, what is chosen is configured, what is written
 * for it reads back the same, texts are printable.
 */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>

#include "daemon/icmp.h"
#include "ike/err.h"
#include "ike/iana.h"
#include "ike/id.h"
#include "ike/proposal.h"
#include "ike/vid.h"

const char fuzz_name[] = "wire";

static struct conf_conn conn;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    conn = (struct conf_conn){
        .ike = { { CRYPTO_AES_CBC, 256, CRYPTO_SHA2_384, 5 }, { CRYPTO_AES_CBC, 128, CRYPTO_SHA1, 2 }, { CRYPTO_AES_CBC, 192, CRYPTO_SHA2_256, 20 } },
        .ike_count = 3,
        .esp = { { CRYPTO_AES_GCM_16, 256, CRYPTO_HASH_NONE }, { CRYPTO_AES_CBC, 128, CRYPTO_SHA2_256 }, { CRYPTO_AES_CBC, 256, CRYPTO_SHA1 } },
        .esp_count = 3, .ike_lifetime = 28800, .sa_lifetime = 3600,
    };
    return 0;
}

static void text_is_printable(const char *text, size_t size)
{
    size_t length = strnlen(text, size);
    must(length < size);
    for (size_t i = 0; i < length; i++)
        must(text[i] >= 0x20 && text[i] < 0x7f);
}

static void inside(struct bytes span, struct bytes whole)
{
    must(span.length == 0 || (span.data >= whole.data && span.data + span.length <= whole.data + whole.length));
}

/* ---- SA ---- */

static void reads_back(const struct sa_offer *chosen, int phase, uint32_t spi)
{
    static uint8_t memory[70000];
    static struct sa_offers again;
    struct writer w = writer_of(memory, sizeof memory);
    if (phase == 1)
        sa_v1_write_ike_choice(&w, chosen);
    else
        sa_v1_write_esp_choice(&w, chosen, spi);
    must(!w.bad && sa_v1_read(writer_span(&w), phase, &again) == IKE_OK);
    must(again.count == 1 && again.proposals == 1 && bytes_equal(again.offer[0].raw, chosen->raw));
    must(memcmp(&again.offer[0].attributes, &chosen->attributes, sizeof chosen->attributes) == 0);
    must(phase == 1 || again.offer[0].spi == spi);
}

static void fuzz_sa(struct bytes body, int phase)
{
    static struct sa_offers offers;
    struct conf_ike_proposal ike;
    struct conf_esp_proposal esp;
    char text[160], tight[24];
    bool pfs_only;
    if (sa_v1_read(body, phase, &offers) != IKE_OK)
        return;
    must(offers.count <= SA_OFFERS_MAX && offers.proposals > 0);
    for (size_t i = 0; i < offers.count; i++)
        inside(offers.offer[i].raw, body);
    proposal_print_offers(&offers, phase, text, sizeof text);
    text_is_printable(text, sizeof text);
    proposal_print_offers(&offers, phase, tight, sizeof tight);
    text_is_printable(tight, sizeof tight);
    const struct sa_offer *chosen = phase == 1 ? proposal_select_ike(&offers, &conn, &ike) : NULL;
    for (unsigned k = 0; k < 4 && phase == 2 && !chosen; k++)
        chosen = proposal_select_esp(&offers, &conn, k & 1 ? 5 : 0, k & 2, &esp, &pfs_only);
    if (!chosen)
        return;
    must(chosen >= offers.offer && chosen < offers.offer + offers.count && !chosen->attributes.bad && !chosen->bundled);
    if (phase == 1)
        proposal_print_ike(&ike, text, sizeof text);
    else
        proposal_print_esp(&esp, (crypto_group)chosen->attributes.group, text, sizeof text);
    text_is_printable(text, sizeof text);
    reads_back(chosen, phase, 0x12345678);
}

/* ---- identities ---- */

static void fuzz_id(struct bytes body)
{
    char text[ID_TEXT_MAX];
    uint8_t memory[64 + CONF_ID_MAX];
    struct prefix prefix, again;
    text_is_printable(id_print(body, text), sizeof text);
    if (id_read_selector(body, &prefix) == IKE_OK) {
        struct writer w = writer_of(memory, sizeof memory);
        id_write_selector(&w, &prefix);
        must(!w.bad && id_read_selector(writer_span(&w), &again) == IKE_OK && prefix_equal(&prefix, &again));
    }
    if (body.length < 4 || body.length - 4 > CONF_ID_MAX)
        return;
    struct conf_id id = { .type = body.data[0], .length = (uint8_t)(body.length - 4) };
    if (id.length)
        memcpy(id.data, body.data + 4, id.length);
    must(id_matches(body, &id));
    text_is_printable(id_print_conf(&id, text), sizeof text);
    struct writer w = writer_of(memory, sizeof memory);
    id_write(&w, &id);
    must(!w.bad && id_matches(writer_span(&w), &id));
    id.type ^= 1;
    must(!id_matches(body, &id));
}

static void fuzz_life(struct bytes body)
{
    struct reader r = reader_of(body);
    reader_bytes(&r, 5);
    reader_bytes(&r, (size_t)reader_u8(&r) + 2);
    struct bytes data = reader_rest(&r);
    for (int phase = 1; phase <= 2; phase++) {
        uint32_t seconds = sa_v1_read_lifetime(data, phase);
        must(seconds == 0 || seconds >= SA_LIFE_LEAST);
    }
}

/* ---- cursors ---- */

/* Every read and write against what it must give; once bad, always bad. */
static void fuzz_cursors(struct bytes script)
{
    struct choices c = choices_of(script.data, script.length);
    uint8_t memory[256] = { 0 };
    struct writer w = writer_of(memory, choose_octet(&c));
    struct reader r = reader_of(bytes_of(memory, w.capacity));
    for (unsigned n = 0; n < 64 && choices_any(&c); n++) {
        uint8_t what = choose_octet(&c);
        uint64_t value = choose_odd(&c), wide = what & 0x80 ? value << 16 : value;
        bool was_bad = w.bad, read_bad = r.bad;
        size_t used = w.used, at = value % 300;
        switch (what % 13) {
        case 0: writer_u8(&w, wide); break;
        case 1: writer_u16(&w, wide); break;
        case 2: writer_u32(&w, wide); break;
        case 3: writer_bytes(&w, bytes_of(fuzz_name, value % sizeof fuzz_name)); break;
        case 4: writer_zero(&w, at); break;
        case 5: writer_set_u8(&w, at, wide); break;
        case 6: writer_set_u16(&w, at, wide); break;
        case 7: writer_set_u32(&w, at, wide); break;
        case 8: (void)reader_u8(&r); break;
        case 9: (void)reader_u64(&r); break;
        case 10: must(reader_bytes(&r, at).length == (r.bad ? 0 : at)); break;
        case 11: {
            struct reader sub = reader_sub(&r, at);
            must(sub.bad == r.bad && reader_left(&sub) == (r.bad ? 0 : at));
            break;
        }
        default: (void)reader_rest(&r); break;
        }
        must(w.used <= w.capacity && (!was_bad || (w.bad && w.used == used)) && (!read_bad || r.bad));
        must(r.at <= r.end && writer_span(&w).length == (w.bad ? 0 : w.used));
    }
}

/* ---- what we offer ---- */

static void fuzz_offer(struct bytes script)
{
    static uint8_t memory[8192];
    static struct sa_offers offers;
    struct choices c = choices_of(script.data, script.length);
    struct conf_conn own = { .ike_lifetime = choose_odd(&c), .sa_lifetime = choose_odd(&c), .pfs = true };
    uint32_t spi = choose_odd(&c) | 0x100;
    bool in_udp = choose(&c, 2), pfs_only;
    crypto_group group = (crypto_group)choose(&c, 25);
    own.ike_count = (uint8_t)(1 + choose(&c, CONF_PROPOSALS_MAX));
    own.esp_count = (uint8_t)(1 + choose(&c, CONF_PROPOSALS_MAX));
    for (size_t i = 0; i < CONF_PROPOSALS_MAX; i++) {
        uint16_t bits = (uint16_t)(128 + 64 * choose(&c, 3));
        own.ike[i] = (struct conf_ike_proposal){ (enum crypto_cipher)choose(&c, 3), bits, (enum crypto_hash)choose(&c, 5), (crypto_group)choose(&c, 25) };
        own.esp[i] = (struct conf_esp_proposal){ (enum crypto_cipher)choose(&c, 3), bits, (enum crypto_hash)choose(&c, 5) };
    }
    struct writer w = writer_of(memory, choose(&c, 4) ? sizeof memory : choose(&c, sizeof memory));
    sa_v1_write_ike_offer(&w, &own);
    if (!w.bad)
        must(sa_v1_read(writer_span(&w), 1, &offers) == IKE_OK && offers.count == own.ike_count);
    w = writer_of(memory, w.capacity);
    sa_v1_write_esp_offer(&w, &own, spi, group, in_udp);
    if (w.bad)
        return;
    must(sa_v1_read(writer_span(&w), 2, &offers) == IKE_OK && offers.count == own.esp_count && offers.offer[0].spi == spi);
    w = writer_of(memory, sizeof memory);
    sa_v1_write_lifetime(&w, spi, own.sa_lifetime);
    fuzz_life(writer_span(&w));
    struct conf_esp_proposal esp;
    char text[40];
    const struct sa_offer *chosen = proposal_select_esp(&offers, &own, group, in_udp, &esp, &pfs_only);
    must(!chosen || !chosen->attributes.bad);
    proposal_print_esp(&own.esp[0], group, text, choose(&c, sizeof text) + 1);
    proposal_print_ike(&own.ike[0], text, choose(&c, sizeof text) + 1);
}

/* ---- messages ---- */

static void fuzz_payload(const struct wire_payload *p)
{
    if (p->type == IANA_PAYLOAD_SA) {
        fuzz_sa(p->body, 1);
        fuzz_sa(p->body, 2);
    } else if (p->type == IANA_PAYLOAD_ID) {
        fuzz_id(p->body);
    } else if (p->type == IANA_PAYLOAD_NOTIFY) {
        fuzz_life(p->body);
    }
}

/* What was read, written anew and read again is the same. */
static void rewrite(const struct wire_header *header, const struct wire_message *m)
{
    static uint8_t memory[80000];
    static struct wire_message again;
    struct wire_writer out;
    struct wire_header h;
    struct bytes body;
    wire_write_header(&out, memory, sizeof memory, 0, header);
    for (size_t i = 0; i < m->count; i++)
        wire_payload(&out, m->payloads[i].type, m->payloads[i].body);
    struct bytes message = wire_finish(&out, 16);
    must(message.length > 0 && (message.length - WIRE_HEADER) % 16 == 0);
    must(wire_read_header(message, &h, &body) == IKE_OK && h.length == message.length && h.message_id == header->message_id);
    must(wire_read_payloads(h.next, body, &again) == IKE_OK && again.count == m->count && again.seen == m->seen);
    for (size_t i = 0; i < m->count; i++)
        must(again.payloads[i].type == m->payloads[i].type && bytes_equal(again.payloads[i].body, m->payloads[i].body));
}

static void fuzz_datagram(struct bytes datagram)
{
    static struct wire_message m;
    struct wire_header header;
    struct bytes body;
    text_is_printable(ike_err_find(wire_read_header(datagram, &header, &body))->text, 200);
    if (wire_read_header(datagram, &header, &body) != IKE_OK)
        return;
    inside(body, datagram);
    text_is_printable(iana_exchange_name(header.exchange), 64);
    if (wire_read_payloads(header.next, body, &m) != IKE_OK)
        return;
    must(m.count <= WIRE_PAYLOADS_MAX);
    must(vid_read(&m) <= (VID_NATT | VID_DPD));
    size_t counted = 0;
    for (unsigned type = 1; type < 256; type++)
        counted += wire_count(&m, (uint8_t)type);
    must(counted == m.count);
    for (size_t i = 0; i < m.count; i++) {
        inside(m.payloads[i].body, body);
        must(wire_find(&m, m.payloads[i].type).data != NULL || m.payloads[i].body.length == 0);
        fuzz_payload(&m.payloads[i]);
    }
    inside(wire_after_first(&m), body);
    rewrite(&header, &m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct addr headend;
    if (size < 1)
        return 0;
    struct bytes rest = bytes_of(data + 1, size - 1);
    switch (data[0] % 8) {
    case 2: fuzz_sa(rest, 1); break;
    case 3: fuzz_sa(rest, 2); break;
    case 4: fuzz_id(rest); break;
    case 5:
        if (icmp_about_headend(rest, &headend))
            must(headend.family == ADDR_V4);
        break;
    case 6: fuzz_cursors(rest); break;
    case 7: fuzz_offer(rest); break;
    default: fuzz_datagram(rest); break;
    }
    return 0;
}

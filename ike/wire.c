/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the framing of ISAKMP: header, payload chain, and the table of payload types with their least length.
 * Entry points: wire_read_header, wire_read_payloads; wire_write_header .. wire_finish. RFC 2408 3.1-3.2.
 * Invariants: a walk always advances by at least four octets; the count of payloads is bounded; spans that are
 * handed out lie inside the datagram. The writer links next-payload fields and backpatches lengths itself.
 */
#include "ike/wire.h"

#include "ike/err.h"
#include "ike/iana.h"

/* Least octets of a payload's body; types that are not listed have none and are for the exchange to judge. */
static const uint8_t least_body[32] = {
    [IANA_PAYLOAD_SA] = 8,       /* DOI, situation */
    [IANA_PAYLOAD_KE] = 1,
    [IANA_PAYLOAD_ID] = 4,       /* type, protocol, port */
    [IANA_PAYLOAD_CERT] = 1,
    [IANA_PAYLOAD_CERT_REQUEST] = 1,
    [IANA_PAYLOAD_HASH] = 1,
    [IANA_PAYLOAD_SIGNATURE] = 1,
    [IANA_PAYLOAD_NONCE] = 1,
    [IANA_PAYLOAD_NOTIFY] = 8,   /* DOI, protocol, SPI size, type */
    [IANA_PAYLOAD_DELETE] = 8,   /* DOI, protocol, SPI size, count */
    [IANA_PAYLOAD_NAT_D] = 1,
};

int wire_read_header(struct bytes datagram, struct wire_header *header, struct bytes *body)
{
    if (datagram.length < WIRE_HEADER)
        return IKE_ERR_SHORT;
    struct reader r = reader_of(datagram);
    memcpy(header->cookie_i, reader_bytes(&r, WIRE_COOKIE).data, WIRE_COOKIE);
    memcpy(header->cookie_r, reader_bytes(&r, WIRE_COOKIE).data, WIRE_COOKIE);
    header->next = reader_u8(&r);
    header->version = reader_u8(&r);
    header->exchange = reader_u8(&r);
    header->flags = reader_u8(&r);
    header->message_id = reader_u32(&r);
    header->length = reader_u32(&r);
    if (header->version != IANA_VERSION_1)
        return IKE_ERR_VERSION;
    if (header->length < WIRE_HEADER || header->length > datagram.length)
        return IKE_ERR_LENGTH;   /* octets past the length are tolerated: some peers pad datagrams */
    *body = reader_bytes(&r, header->length - WIRE_HEADER);
    return IKE_OK;
}

/* One payload off the cursor. `*type` is that of this payload and becomes that of the next. */
static int read_payload(struct reader *r, uint8_t *type, struct wire_payload *payload)
{
    uint8_t next = reader_u8(r);
    reader_u8(r); /* reserved: ignored on receipt */
    uint16_t length = reader_u16(r);
    if (r->bad || length < WIRE_GENERIC)
        return IKE_ERR_PAYLOAD_LENGTH;
    payload->type = *type;
    payload->body = reader_bytes(r, (size_t)length - WIRE_GENERIC);
    if (r->bad || (*type < 32 && payload->body.length < least_body[*type]))
        return IKE_ERR_PAYLOAD_LENGTH;
    *type = next;
    return IKE_OK;
}

int wire_read_payloads(uint8_t first, struct bytes body, struct wire_message *message)
{
    struct reader r = reader_of(body);
    uint8_t type = first;
    message->count = 0;
    message->seen = 0;
    while (type != IANA_PAYLOAD_NONE) {
        if (message->count == WIRE_PAYLOADS_MAX)
            return IKE_ERR_PAYLOAD_COUNT;
        struct wire_payload *payload = &message->payloads[message->count];
        int err = read_payload(&r, &type, payload);
        if (err)
            return err;
        if (payload->type < 32)
            message->seen |= 1U << payload->type;
        message->count++;
    }
    message->end = r.at;
    return IKE_OK;
}

struct bytes wire_find(const struct wire_message *message, uint8_t type)
{
    for (size_t i = 0; i < message->count; i++)
        if (message->payloads[i].type == type)
            return message->payloads[i].body;
    return bytes_of(NULL, 0);
}

size_t wire_count(const struct wire_message *message, uint8_t type)
{
    size_t n = 0;
    for (size_t i = 0; i < message->count; i++)
        n += message->payloads[i].type == type;
    return n;
}

struct bytes wire_after_first(const struct wire_message *message)
{
    if (message->count == 0)
        return bytes_of(NULL, 0);
    struct bytes first = message->payloads[0].body;
    const uint8_t *from = first.data + first.length;
    return bytes_of(from, (size_t)(message->end - from));
}

void wire_write_header(struct wire_writer *out, void *memory, size_t capacity, size_t skip, const struct wire_header *header)
{
    struct writer *w = &out->w;
    *w = writer_of(memory, capacity);
    writer_zero(w, skip);
    out->start = w->used;
    writer_bytes(w, bytes_of(header->cookie_i, WIRE_COOKIE));
    writer_bytes(w, bytes_of(header->cookie_r, WIRE_COOKIE));
    out->next_at = w->used;
    writer_u8(w, IANA_PAYLOAD_NONE);
    writer_u8(w, IANA_VERSION_1);
    writer_u8(w, header->exchange);
    writer_u8(w, header->flags);
    writer_u32(w, header->message_id);
    writer_u32(w, 0);
}

size_t wire_open(struct wire_writer *out, uint8_t type)
{
    writer_set_u8(&out->w, out->next_at, type);
    size_t at = out->w.used;
    out->next_at = at;
    writer_u8(&out->w, IANA_PAYLOAD_NONE);
    writer_u8(&out->w, 0);
    writer_u16(&out->w, 0);
    return at;
}

void wire_close(struct wire_writer *out, size_t at)
{
    writer_set_u16(&out->w, at + 2, out->w.used - at);
}

void wire_payload(struct wire_writer *out, uint8_t type, struct bytes body)
{
    size_t at = wire_open(out, type);
    writer_bytes(&out->w, body);
    wire_close(out, at);
}

struct bytes wire_finish(struct wire_writer *out, size_t block)
{
    struct writer *w = &out->w;
    size_t body = w->used - out->start - WIRE_HEADER;
    if (block && body % block)
        writer_zero(w, block - body % block);
    writer_set_u32(w, out->start + 24, w->used - out->start);
    if (w->bad)
        return bytes_of(NULL, 0);
    return bytes_of(w->start + out->start, w->used - out->start);
}

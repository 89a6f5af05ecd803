/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the bounds checks of everything that is read from or written for the wire.
 * Invariant: start <= at <= end, used <= capacity; once bad, always bad.
 */
#include "base/buf.h"

struct reader reader_of(struct bytes span)
{
    static const uint8_t nothing[1];
    const uint8_t *at = span.data ? span.data : nothing;
    return (struct reader){ .at = at, .end = at + (span.data ? span.length : 0) };
}

/* The next `length` octets and the cursor past them, or NULL and bad. */
static const uint8_t *reader_take(struct reader *r, size_t length)
{
    if (r->bad || length > (size_t)(r->end - r->at)) {
        r->bad = true;
        return NULL;
    }
    const uint8_t *at = r->at;
    r->at += length;
    return at;
}

static uint64_t reader_number(struct reader *r, size_t length)
{
    const uint8_t *at = reader_take(r, length);
    uint64_t value = 0;
    for (size_t i = 0; at && i < length; i++)
        value = value << 8 | at[i];
    return value;
}

uint8_t reader_u8(struct reader *r) { return (uint8_t)reader_number(r, 1); }
uint16_t reader_u16(struct reader *r) { return (uint16_t)reader_number(r, 2); }
uint32_t reader_u32(struct reader *r) { return (uint32_t)reader_number(r, 4); }
uint64_t reader_u64(struct reader *r) { return reader_number(r, 8); }

struct bytes reader_bytes(struct reader *r, size_t length)
{
    const uint8_t *at = reader_take(r, length);
    return bytes_of(at, at ? length : 0);
}

struct reader reader_sub(struct reader *r, size_t length)
{
    const uint8_t *at = reader_take(r, length);
    struct reader sub = reader_of(bytes_of(at, at ? length : 0));
    sub.bad = at == NULL;
    return sub;
}

struct bytes reader_rest(struct reader *r)
{
    return reader_bytes(r, reader_left(r));
}

bool reader_done(const struct reader *r)
{
    return !r->bad && r->at == r->end;
}

struct writer writer_of(void *memory, size_t capacity)
{
    return (struct writer){ .start = memory, .capacity = capacity };
}

uint8_t *writer_reserve(struct writer *w, size_t length)
{
    if (w->bad || length > w->capacity - w->used) {
        w->bad = true;
        return NULL;
    }
    uint8_t *at = w->start + w->used;
    w->used += length;
    return at;
}

static void put_number(struct writer *w, uint8_t *at, uint64_t value, size_t length)
{
    if (!at || value >> (8 * length - 1) > 1) {
        w->bad = true;
        return;
    }
    for (size_t i = 0; i < length; i++)
        at[i] = (uint8_t)(value >> 8 * (length - 1 - i));
}

void writer_u8(struct writer *w, uint64_t value) { put_number(w, writer_reserve(w, 1), value, 1); }
void writer_u16(struct writer *w, uint64_t value) { put_number(w, writer_reserve(w, 2), value, 2); }
void writer_u32(struct writer *w, uint64_t value) { put_number(w, writer_reserve(w, 4), value, 4); }

void writer_bytes(struct writer *w, struct bytes span)
{
    uint8_t *at = writer_reserve(w, span.length);
    if (at && span.length)
        memcpy(at, span.data, span.length);
}

void writer_zero(struct writer *w, size_t length)
{
    uint8_t *at = writer_reserve(w, length);
    if (at)
        memset(at, 0, length);
}

static uint8_t *written(struct writer *w, size_t at, size_t length)
{
    return at <= w->used && length <= w->used - at ? w->start + at : NULL;
}

void writer_set_u8(struct writer *w, size_t at, uint64_t value) { put_number(w, written(w, at, 1), value, 1); }
void writer_set_u16(struct writer *w, size_t at, uint64_t value) { put_number(w, written(w, at, 2), value, 2); }
void writer_set_u32(struct writer *w, size_t at, uint64_t value) { put_number(w, written(w, at, 4), value, 4); }

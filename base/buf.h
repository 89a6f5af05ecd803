/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte cursors in network order. Bounds are checked here and nowhere else: a read or write that does not
 * fit sets `bad`, yields zero, and every later one fails too, so that a parser is a straight line with one
 * test at its end. A reader never owns or copies; a writer fills memory of its caller.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/bytes.h"

struct reader {
    const uint8_t *at, *end;
    bool bad;
};

struct reader reader_of(struct bytes span);
static inline size_t reader_left(const struct reader *r) { return r->bad ? 0 : (size_t)(r->end - r->at); }
uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);
struct bytes reader_bytes(struct reader *r, size_t length);   /* the next `length` octets, empty when too few */
struct reader reader_sub(struct reader *r, size_t length);    /* a cursor over them; bad when too few */
struct bytes reader_rest(struct reader *r);                   /* all that is left */
bool reader_done(const struct reader *r);                     /* not bad, and nothing left over */

struct writer {
    uint8_t *start;
    size_t used, capacity;
    bool bad;
};

struct writer writer_of(void *memory, size_t capacity);
void writer_u8(struct writer *w, uint64_t value);             /* bad when the value does not fit the field */
void writer_u16(struct writer *w, uint64_t value);
void writer_u32(struct writer *w, uint64_t value);
void writer_bytes(struct writer *w, struct bytes span);
void writer_zero(struct writer *w, size_t length);
uint8_t *writer_reserve(struct writer *w, size_t length);     /* room to be filled later, or NULL */
void writer_set_u8(struct writer *w, size_t at, uint64_t value);   /* backpatch */
void writer_set_u16(struct writer *w, size_t at, uint64_t value);
void writer_set_u32(struct writer *w, size_t at, uint64_t value);
static inline struct bytes writer_span(const struct writer *w) { return bytes_of(w->start, w->bad ? 0 : w->used); }

#endif

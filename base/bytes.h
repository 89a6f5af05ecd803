/* SPDX-License-Identifier: Apache-2.0 */
/* Spans of bytes, constant-time comparison, wiping. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A span somebody else owns. length 0 with data NULL is the empty span. */
struct bytes {
    const uint8_t *data;
    size_t length;
};

static inline struct bytes bytes_of(const void *data, size_t length)
{
    return (struct bytes){ .data = data, .length = length };
}

/* Equal in length and content; public data only. */
static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

/* Equal in length and content, in a time that depends on the length alone. */
bool bytes_equal_secret(struct bytes a, struct bytes b);

/* Overwrites memory; the compiler may not leave it out. */
void bytes_wipe(void *data, size_t length);

#endif

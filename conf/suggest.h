/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean": the nearest of known words to a misspelt one. */
#ifndef CONF_SUGGEST_H
#define CONF_SUGGEST_H

#include <stddef.h>

/* Letters to insert, delete, change or swap with their neighbour (case ignored); `limit` + 1 when more than `limit`. */
unsigned suggest_distance(const char *a, const char *b, unsigned limit);
/* How far a word of this length may be off and still be taken for a slip. */
unsigned suggest_limit(const char *word);
/* The nearest within that limit, or NULL. */
const char *suggest_nearest(const char *word, const char *const *known, size_t count);

#endif

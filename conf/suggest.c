/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the distance between words: optimal string alignment (insert, delete, change, swap of neighbours), three
 * rows of the usual table. Entry points: suggest_distance, suggest_nearest. Pure.
 */
#include "conf/suggest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum { WORD_MAX = 96 };

static bool same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned suggest_distance(const char *a, const char *b, unsigned limit)
{
    size_t la = strlen(a), lb = strlen(b);
    unsigned rows[3][WORD_MAX + 1];
    if (la > WORD_MAX || lb > WORD_MAX || la > lb + limit || lb > la + limit)
        return limit + 1;
    for (unsigned j = 0; j <= lb; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= la; i++) {
        unsigned *now = rows[i % 3], *before = rows[(i + 2) % 3], *older = rows[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= lb; j++) {
            unsigned cost = !same(a[i - 1], b[j - 1]);
            now[j] = least(least(before[j] + 1, now[j - 1] + 1), before[j - 1] + cost);
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                now[j] = least(now[j], older[j - 2] + 1);
        }
    }
    unsigned distance = rows[la % 3][lb];
    return distance <= limit ? distance : limit + 1;
}

unsigned suggest_limit(const char *word)
{
    size_t length = strlen(word);
    return length < 4 ? 1 : length < 8 ? 2 : 3;
}

const char *suggest_nearest(const char *word, const char *const *known, size_t count)
{
    unsigned limit = suggest_limit(word);
    const char *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        unsigned distance = suggest_distance(word, known[i], limit);
        if (distance > limit)
            continue;
        nearest = known[i];
        if (distance == 0)
            break;
        limit = distance - 1;
    }
    return nearest;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns looking keywords up in the table of keyword_table.c: by the spelling in a file (case ignored, left and right
 * in front of those of an end), the canonical row of an alias, the nearest to a misspelt one.
 */
#include "conf/keywords.h"

#include "conf/suggest.h"
#include "conf/values.h"

#include <stdio.h>

static const char *const sides[] = { "left", "right" };

static const struct keyword *row_find(const char *name, enum keyword_scope scope)
{
    for (size_t i = 0; i < keyword_count; i++)
        if (keyword_table[i].scope == scope && strcasecmp(keyword_table[i].name, name) == 0)
            return &keyword_table[i];
    return NULL;
}

static const struct keyword *end_find(const char *written, int *end)
{
    for (int side = 0; side < 2; side++) {
        size_t length = strlen(sides[side]);
        if (strncasecmp(written, sides[side], length) != 0)
            continue;
        *end = side;
        return row_find(written + length, KEYWORD_END);
    }
    return NULL;
}

const struct keyword *keyword_find(const char *written, enum keyword_scope scope, int *end)
{
    *end = 0;
    if (scope == KEYWORD_END)
        return end_find(written, end);
    const struct keyword *row = row_find(written, scope);
    return row || scope == KEYWORD_SETUP ? row : end_find(written, end);
}

const struct keyword *keyword_canonical(const struct keyword *keyword)
{
    const struct keyword *row = keyword->alias_of ? row_find(keyword->alias_of, keyword->scope) : NULL;
    return row ? row : keyword;
}

static void nearer(const char *written, const char *known, unsigned *limit, char out[CONF_NAME_MAX])
{
    unsigned distance = suggest_distance(written, known, *limit);
    if (distance > *limit)
        return;
    snprintf(out, CONF_NAME_MAX, "%s", known);
    *limit = distance ? distance - 1 : 0;
}

const char *keyword_nearest(const char *written, enum keyword_scope scope, char out[CONF_NAME_MAX])
{
    unsigned limit = suggest_limit(written);
    out[0] = '\0';
    for (size_t i = 0; i < keyword_count; i++) {
        const struct keyword *row = &keyword_table[i];
        char known[CONF_NAME_MAX];
        if ((row->scope == KEYWORD_SETUP) != (scope == KEYWORD_SETUP) || (row->support == KEYWORD_REFUSED && !row->neutral))
            continue;                    /* nobody means what is refused whatever it says */
        for (int side = 0; side < (row->scope == KEYWORD_END ? 2 : 1); side++) {
            snprintf(known, sizeof known, "%s%s", row->scope == KEYWORD_END ? sides[side] : "", row->name);
            nearer(written, known, &limit, out);
        }
    }
    return out[0] ? out : NULL;
}

bool keyword_is_neutral(const struct keyword *keyword, const char *value)
{
    bool given, wanted;
    if (!keyword->neutral)
        return false;
    if (keyword->type == KEYWORD_BOOL)
        return value_bool(value, &given) == NULL && value_bool(keyword->neutral, &wanted) == NULL && given == wanted;
    size_t length = strlen(value);
    for (const char *p = keyword->neutral; p; p = strchr(p, ',')) {
        p += *p == ',';
        if (strcspn(p, ",") == length && strncasecmp(p, value, length) == 0)
            return true;
    }
    return false;
}

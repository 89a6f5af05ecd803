/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the comparison of two configurations. Entry points: conf_place, conf_each_difference, conf_change_print. Values
 * are compared as the canonical form shows them, row by row of the keyword table, so what is told is what is compared.
 */
#include "conf/diff.h"

#include "conf/keywords.h"
#include "conf/marks.h"

#include <stdio.h>
#include <stdlib.h>

static const struct conf_conn none;

static const struct conf_conn *slot_of(const struct conf *conf, size_t slot)
{
    return slot < conf->count ? &conf->conns[slot] : &none;
}

/* ---- keys ---- */

struct comparison {
    const struct conf_conn *now, *next;
    conf_each_change *each;              /* NULL: only the fate is asked for */
    void *context;
    enum conf_fate fate;
};

static void cut(char out[160], const char *text)
{
    if (snprintf(out, 160, "%s", text) >= 160)
        memcpy(out + 156, "...", 4);
}

static void differs(struct comparison *c, bool tunes, const char *key, const char *before, const char *after)
{
    struct conf_change change = { .fate = tunes ? CONF_TUNED : CONF_RENEWED, .name = c->next->name, .file = c->next->file, .line = c->next->line };
    c->fate = change.fate > c->fate ? change.fate : c->fate;
    snprintf(change.key, sizeof change.key, "%s", key);
    cut(change.before, before);
    cut(change.after, after);
    if (c->each)
        c->each(c->context, &change);
}

static void compare_row(struct comparison *c, const struct keyword *row, int end)
{
    static const char *const sides[] = { "left", "right" };
    char before[KEYWORD_VALUE_MAX], after[KEYWORD_VALUE_MAX], key[64];
    keyword_value(c->now, row, end, before);
    keyword_value(c->next, row, end, after);
    if (strcmp(before, after) == 0)
        return;
    snprintf(key, sizeof key, "%s%s", row->scope == KEYWORD_END ? sides[end] : "", row->name);
    differs(c, row->tunes, key, before, after);
}

/* What no key of the conn shows: addresses of names, which end is near, what 'config setup' has for all. */
static void compare_hidden(struct comparison *c)
{
    static const char *const sides[] = { "left", "right" };
    for (int end = 0; end < 2; end++) {
        const struct conf_end *a = &c->now->end[end], *b = &c->next->end[end];
        char before[ADDR_TEXT_MAX], after[ADDR_TEXT_MAX];
        if (a->host == CONF_HOST_NAME && b->host == CONF_HOST_NAME && strcmp(a->text, b->text) == 0 && !addr_equal(&a->addr, &b->addr))
            differs(c, false, sides[end], addr_print(&a->addr, before), addr_print(&b->addr, after));
    }
    if (c->now->local >= 0 && c->next->local >= 0 && c->now->local != c->next->local)
        differs(c, false, "near end", sides[c->now->local], sides[c->next->local]);
    if (c->now->keepalive_interval != c->next->keepalive_interval) {
        char before[16], after[16];
        snprintf(before, sizeof before, "%us", (unsigned)c->now->keepalive_interval);
        snprintf(after, sizeof after, "%us", (unsigned)c->next->keepalive_interval);
        differs(c, true, "keep-alive", before, after);
    }
}

static void compare_secret(struct comparison *c)
{
    if (bytes_equal_secret(bytes_of(c->now->psk, c->now->psk_length), bytes_of(c->next->psk, c->next->psk_length)))
        return;
    struct conf_change change = { .fate = CONF_TUNED, .name = c->next->name, .file = c->next->psk_file, .line = c->next->psk_line };
    c->fate = c->fate > CONF_TUNED ? c->fate : CONF_TUNED;
    snprintf(change.key, sizeof change.key, "pre-shared key");
    if (c->each)
        c->each(c->context, &change);
}

static enum conf_fate compare(const struct conf_conn *now, const struct conf_conn *next, conf_each_change *each, void *context)
{
    struct comparison c = { now, next, each, context, CONF_SAME };
    for (size_t i = 0; i < keyword_count; i++) {
        const struct keyword *row = &keyword_table[i];
        if (row->scope == KEYWORD_SETUP || row->support != KEYWORD_USED)
            continue;
        compare_row(&c, row, 0);
        if (row->scope == KEYWORD_END)
            compare_row(&c, row, 1);
    }
    compare_hidden(&c);
    compare_secret(&c);
    return c.fate;
}

/* ---- slots ---- */

static size_t find_name(const struct conf *conf, const char *name)
{
    size_t i = 0;
    while (i < conf->count && strcmp(conf->conns[i].name, name) != 0)
        i++;
    return i;
}

/* A hole before a place at the end, and only when both lack the place of one that goes. */
static size_t find_room(const struct conf *now, const struct conf_conn *taken, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (conf_is_hole(&taken[i]) && conf_is_hole(slot_of(now, i)))
            return i;
    if (count < CONF_CONNS_MAX)
        return count;
    size_t i = 0;
    while (!conf_is_hole(&taken[i]))
        i++;
    return i;
}

static void place(const struct conf *now, const struct conf *fresh, struct conf *next)
{
    for (size_t i = 0; i < fresh->count; i++) {
        size_t slot = find_name(now, fresh->conns[i].name);
        if (slot < now->count)
            next->conns[slot] = fresh->conns[i];
    }
    for (size_t i = 0; i < fresh->count; i++) {
        if (find_name(now, fresh->conns[i].name) < now->count)
            continue;
        size_t slot = find_room(now, next->conns, next->count);
        next->conns[slot] = fresh->conns[i];
        next->count = slot >= next->count ? slot + 1 : next->count;
    }
}

static void number(const struct conf *now, struct conf *next)
{
    struct conf_conn *conns[CONF_CONNS_MAX];
    for (size_t i = 0; i < next->count; i++)
        conns[i] = &next->conns[i];
    marks_number(conns, next->count, now);
}

static enum conf_fate fate_of(const struct conf_conn *now, const struct conf_conn *next)
{
    if (conf_is_hole(now))
        return conf_is_hole(next) ? CONF_SAME : CONF_ADDED;
    if (conf_is_hole(next))
        return CONF_REMOVED;
    return strcmp(now->name, next->name) == 0 ? compare(now, next, NULL, NULL) : CONF_RENEWED;
}

int conf_place(const struct conf *now, const struct conf *fresh, struct conf *next, enum conf_fate *fates)
{
    *next = (struct conf){ .conns = calloc(CONF_CONNS_MAX, sizeof *next->conns), .count = now->count, .listen = fresh->listen };
    if (!next->conns)
        return -1;
    place(now, fresh, next);
    number(now, next);
    for (size_t i = 0; i < CONF_CONNS_MAX; i++)
        fates[i] = fate_of(slot_of(now, i), slot_of(next, i));
    return 0;
}

/* ---- telling ---- */

static void whole(const struct conf_conn *conn, enum conf_fate fate, conf_each_change *each, void *context)
{
    struct conf_change change = { .fate = fate, .name = conn->name, .file = conn->file, .line = conn->line };
    each(context, &change);
}

void conf_each_difference(const struct conf *now, const struct conf *next, conf_each_change *each, void *context)
{
    for (size_t i = 0; i < next->count; i++) {
        const struct conf_conn *before = slot_of(now, i), *after = slot_of(next, i);
        bool same = strcmp(before->name, after->name) == 0;
        if (!same && !conf_is_hole(before))
            whole(before, CONF_REMOVED, each, context);
        if (!same && !conf_is_hole(after))
            whole(after, CONF_ADDED, each, context);
        if (same && !conf_is_hole(after))
            compare(before, after, each, context);
    }
}

size_t conf_change_print(const struct conf_change *c, char *out, size_t size)
{
    int n = 0;
    switch (c->fate) {
    case CONF_ADDED:
        n = snprintf(out, size, "+ %s (%s:%u)", c->name, c->file, (unsigned)c->line);
        break;
    case CONF_REMOVED:
        n = snprintf(out, size, "- %s", c->name);
        break;
    case CONF_SAME:
    case CONF_TUNED:
    case CONF_RENEWED:
        if (!c->before[0] && !c->after[0])
            n = snprintf(out, size, "~ %s %s changed (%s:%u)", c->name, c->key, c->file, (unsigned)c->line);
        else
            n = snprintf(out, size, "~ %s %s %s -> %s", c->name, c->key, c->before[0] ? c->before : "nothing", c->after[0] ? c->after : "nothing");
        break;
    }
    return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

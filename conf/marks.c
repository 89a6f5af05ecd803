/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the numbers of mark=-1, Libreswan's word for a mark of its own choice. A number lasts as long as its conn is
 * configured, whatever comes and goes around it: another number is another VTI, and costs the tunnel its SAs.
 */
#include "conf/marks.h"

#include "conf/parse.h"

enum {
    FIRST = 1001,                             /* as in Libreswan */
    LAST = FIRST + 2 * PARSE_SECTIONS_MAX,
};

bool marks_meet(uint32_t a, uint32_t a_mask, uint32_t b, uint32_t b_mask)
{
    return ((a ^ b) & a_mask & b_mask) == 0;
}

static bool is_ours(const struct conf_conn *conn)
{
    return conn->mark_in_unique || conn->mark_out_unique;
}

/* One number for both directions, where both are left to us; one that is written stays. */
static void put(struct conf_conn *conn, uint32_t mark)
{
    if (conn->mark_in_unique) {
        conn->mark_in = mark;
        conn->mark_in_mask = UINT32_MAX;
    }
    if (conn->mark_out_unique) {
        conn->mark_out = mark;
        conn->mark_out_mask = UINT32_MAX;
    }
}

/* 0: none yet. */
static uint32_t number_of(const struct conf_conn *conn)
{
    return conn->mark_in_unique ? conn->mark_in : conn->mark_out_unique ? conn->mark_out : 0;
}

static bool is_taken(struct conf_conn *const *conns, size_t count, uint32_t mark)
{
    for (size_t i = 0; i < count; i++)
        if (conns[i]->mark_set && (marks_meet(conns[i]->mark_in, conns[i]->mark_in_mask, mark, UINT32_MAX) ||
                                   marks_meet(conns[i]->mark_out, conns[i]->mark_out_mask, mark, UINT32_MAX)))
            return true;
    return false;
}

/* 0, which no number of ours is: it has none. */
static uint32_t number_in(const struct conf *before, const char *name)
{
    for (size_t i = 0; before && i < before->count; i++)
        if (strcmp(before->conns[i].name, name) == 0)
            return number_of(&before->conns[i]);
    return 0;
}

void marks_number(struct conf_conn *const *conns, size_t count, const struct conf *before)
{
    for (size_t i = 0; i < count; i++)
        put(conns[i], 0);
    for (size_t i = 0; i < count; i++) {
        uint32_t kept = is_ours(conns[i]) ? number_in(before, conns[i]->name) : 0;
        if (kept && !is_taken(conns, count, kept))
            put(conns[i], kept);
    }
    uint32_t mark = FIRST;
    for (size_t i = 0; i < count; i++) {
        if (!is_ours(conns[i]) || number_of(conns[i]))
            continue;
        while (mark < LAST && is_taken(conns, count, mark))
            mark++;
        put(conns[i], mark);
    }
}

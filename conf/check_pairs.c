/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the fifth pass: what two conns may not do to each other. A VTI is found by its mark and its two addresses, and
 * the kernel has one between two addresses: so conns to one headend share mark and link, those to different headends
 * share neither. Entry point: check_pairs, which also has mark=-1 numbered.
 */
#include "conf/ids.h"
#include "conf/marks.h"
#include "conf/parse.h"

#include <stdio.h>

static bool same_host(const struct conf_end *a, const struct conf_end *b)
{
    if (a->host != b->host)
        return false;
    return a->host == CONF_HOST_ADDRESS ? addr_equal(&a->addr, &b->addr) : strcasecmp(a->text, b->text) == 0;
}

static bool same_ends(const struct conf_conn *a, const struct conf_conn *b, bool crossed)
{
    return same_host(&a->end[0], &b->end[crossed]) && same_host(&a->end[1], &b->end[!crossed]);
}

static bool same_selectors(const struct conf_conn *a, const struct conf_conn *b, bool crossed)
{
    return prefix_equal(&a->end[0].subnet, &b->end[crossed].subnet) &&
           prefix_equal(&a->end[1].subnet, &b->end[!crossed].subnet);
}

/* Some packet could carry both marks. */
static bool same_mark(const struct conf_conn *a, const struct conf_conn *b)
{
    return a->mark_set && b->mark_set &&
           (marks_meet(a->mark_in, a->mark_in_mask, b->mark_in, b->mark_in_mask) ||
            marks_meet(a->mark_out, a->mark_out_mask, b->mark_out, b->mark_out_mask));
}

static bool equal_mark(const struct conf_conn *a, const struct conf_conn *b)
{
    return a->mark_in == b->mark_in && a->mark_out == b->mark_out && a->mark_in_mask == b->mark_in_mask &&
           a->mark_out_mask == b->mark_out_mask;
}

static bool same_link(const struct conf_conn *a, const struct conf_conn *b)
{
    return a->vti_interface[0] && strcmp(a->vti_interface, b->vti_interface) == 0;
}

static struct place mark_place(const struct draft *draft)
{
    return draft_place(draft, draft_setting(draft, "mark") ? "mark" : draft_setting(draft, "mark-in") ? "mark-in" : "mark-out");
}

static struct place link_place(const struct draft *draft)
{
    return draft_place(draft, "vti-interface");
}

/* Settings that come from one line (of %default or an also= section) are named by the conns that share it. */
static void clash(struct load *load, const struct draft *a, const struct draft *b, struct place at_a, struct place at_b,
                  const char *what, const char *cure)
{
    bool one_line = at_a.line == at_b.line && at_a.file == at_b.file;
    char names[2 * REPORT_SHOW_MAX + 8];
    snprintf(names, sizeof names, "%s and %s", SHOW(a->conn.name), SHOW(b->conn.name));
    if (one_line)
        report_error(load->report, at_b, "conns %s %s, by this one line; %s", names, what, cure);
    else
        report_error(load->report, at_b, "conns %s %s (the other is at %s); %s", names, what, SHOW_PLACE(at_a, at_b.file),
                     cure);
}

static bool same_offer(const struct conf_conn *x, const struct conf_conn *y)
{
    bool same = x->ike_count == y->ike_count;
    for (size_t i = 0; same && i < x->ike_count; i++)
        same = x->ike[i].cipher == y->ike[i].cipher && x->ike[i].key_bits == y->ike[i].key_bits && x->ike[i].hash == y->ike[i].hash &&
               x->ike[i].group == y->ike[i].group;
    return same;
}

/* Which identity of `y` is another than in `x`; NULL: none. */
static const char *other_identity(const struct conf_conn *x, const struct conf_conn *y, bool crossed)
{
    for (int side = 0; side < 2; side++) {
        struct conf_id a = check_identity(&x->end[side ^ crossed]), b = check_identity(&y->end[side]);
        if (!conf_id_equal(&a, &b))
            return side ? "rightid" : "leftid";
    }
    return NULL;
}

/* Phase 1 is one for all conns to a headend: what the first says holds. */
static void check_phase1(struct load *load, const struct draft *a, const struct draft *b, bool crossed)
{
    const struct conf_conn *x = &a->conn, *y = &b->conn;
    const char *key = !same_offer(x, y) ? "ike" : x->encapsulation != y->encapsulation ? "encapsulation" : other_identity(x, y, crossed);
    struct place at = draft_place(b, key ? key : "ike");
    if (key && !a->broken && !b->broken)
        report_warning(load->report, at, "conns %s and %s go to one headend with different %s=; they share one phase 1, for which that of %s (%s) "
                       "counts; write the same in both", SHOW(x->name), SHOW(y->name), key, SHOW(x->name), SHOW_PLACE(a->at, at.file));
}

static const struct prefix *inside(const struct conf_conn *conn)
{
    int near = check_near_guess(conn);
    return &conn->end[near == 1].vti;
}

static struct place inside_place(const struct draft *draft)
{
    return draft_place(draft, inside(&draft->conn) == &draft->conn.end[0].vti ? "leftvti" : "rightvti");
}

/* Given in one of them it holds for both. */
static bool same_inside(const struct conf_conn *a, const struct conf_conn *b)
{
    const struct prefix *x = inside(a), *y = inside(b);
    return x->addr.family == ADDR_NONE || y->addr.family == ADDR_NONE || (addr_equal(&x->addr, &y->addr) && x->length == y->length);
}

static void check_one_headend(struct load *load, const struct draft *a, const struct draft *b, bool crossed)
{
    const struct conf_conn *x = &a->conn, *y = &b->conn;
    if (same_selectors(x, y, crossed))
        clash(load, a, b, a->at, b->at, "have the same ends and the same subnets, so they are one tunnel",
              "remove one, or give it other subnets");
    check_phase1(load, a, b, crossed);
    if (!x->vti_interface[0] || !y->vti_interface[0])
        return;
    if (!same_link(x, y))
        clash(load, a, b, link_place(a), link_place(b), "go to one headend with two VTIs",
              "the kernel refuses a second VTI between the same two addresses; write the same vti-interface= and the "
              "same mark= in both");
    else if (!equal_mark(x, y))
        clash(load, a, b, mark_place(a), mark_place(b), "go to one headend by one VTI with different marks",
              "a VTI has one mark; write the same mark= in both");
    if (same_link(x, y) && !same_inside(x, y))
        clash(load, a, b, inside_place(a), inside_place(b), "go to one headend by one VTI with different inside addresses",
              "a VTI has one; write the same in both");
}

static void check_two_headends(struct load *load, const struct draft *a, const struct draft *b)
{
    const struct conf_conn *x = &a->conn, *y = &b->conn;
    if (same_mark(x, y))
        clash(load, a, b, mark_place(a), mark_place(b), "go to different headends with one mark",
              "traffic of one would go into the other; give each its own mark=, for example 5/0xffffffff and 6/0xffffffff");
    if (same_link(x, y))
        clash(load, a, b, link_place(a), link_place(b), "go to different headends by one vti-interface",
              "a VTI has one far end; give each its own name, for example vti01 and vti02");
    if (!x->mark_set && !y->mark_set && (same_selectors(x, y, false) || same_selectors(x, y, true)))
        clash(load, a, b, a->at, b->at, "have the same subnets and no marks",
              "the kernel would use the first only; give each its own mark= and vti-interface=");
}

static void check_inside(struct load *load, const struct draft *a, const struct draft *b)
{
    const struct prefix *x = inside(&a->conn), *y = inside(&b->conn);
    if (x->addr.family == ADDR_NONE || !addr_equal(&x->addr, &y->addr) || same_link(&a->conn, &b->conn))
        return;
    clash(load, a, b, inside_place(a), inside_place(b), "have one inside address",
          "BGP could not tell the tunnels apart; each tunnel has its own in OCI's console");
}

static void check_pair(struct load *load, const struct draft *a, const struct draft *b)
{
    if (!a->conn.end[0].text[0] || !a->conn.end[1].text[0] || !b->conn.end[0].text[0] || !b->conn.end[1].text[0])
        return;                       /* an end is unknown, and reported already */
    if (strcmp(a->conn.name, b->conn.name) == 0)
        return;                       /* reported already */
    bool straight = same_ends(&a->conn, &b->conn, false);
    if (straight || same_ends(&a->conn, &b->conn, true))
        check_one_headend(load, a, b, !straight);
    else
        check_two_headends(load, a, b);
    check_inside(load, a, b);
}

static void unique_marks_number(struct draft *drafts, size_t count)
{
    struct conf_conn *conns[PARSE_SECTIONS_MAX];
    for (size_t i = 0; i < count; i++)
        conns[i] = &drafts[i].conn;
    marks_number(conns, count, NULL);
}

void check_pairs(struct load *load, struct draft *drafts, size_t count)
{
    unique_marks_number(drafts, count);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            check_pair(load, &drafts[j], &drafts[i]);
}

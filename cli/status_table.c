/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the table of all tunnels: one line each, and on a narrow terminal fewer columns rather than broken
 * lines; below it, for each tunnel that is not up, what was seen and when the next attempt comes.
 */
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>

#include "cli/status.h"
#include "cli/words.h"
#include "cli/wrap.h"

enum { CELL_MAX = 300 };

struct layout {
    int64_t now;
    unsigned rank;             /* columns above it are left out */
    bool bare;                 /* the last error without its age: there is no room */
};

struct column {
    const char *heading;
    void (*put)(const struct control_tunnel *, const struct layout *, char cell[CELL_MAX]);
    int flags;
    unsigned rank;             /* 0: always there; else the highest goes first where the terminal is too narrow */
};

static void put(char cell[CELL_MAX], const char *text)
{
    snprintf(cell, CELL_MAX, "%s", text && *text ? text : "-");
}

static void put_name(const struct control_tunnel *t, const struct layout *view, char cell[CELL_MAX])
{
    (void)view;
    put(cell, t->name);
}

static void put_state(const struct control_tunnel *t, const struct layout *view, char cell[CELL_MAX])
{
    (void)view;
    put(cell, t->health == CONTROL_UP_NOW ? "up" : "down");
}

static void put_since(const struct control_tunnel *t, const struct layout *view, char cell[CELL_MAX])
{
    char text[WORDS_MAX];
    put(cell, t->since ? words_duration(view->now - t->since, text) : NULL);
}

static void put_remote(const struct control_tunnel *t, const struct layout *view, char cell[CELL_MAX])
{
    char text[ADDR_TEXT_MAX];
    (void)view;
    put(cell, t->remote.addr.family ? addr_print(&t->remote.addr, text) : t->far_text);
}

static void put_interface(const struct control_tunnel *t, const struct layout *view, char cell[CELL_MAX])
{
    (void)view;
    put(cell, t->interface);
}

static void put_in(const struct control_tunnel *t, const struct layout *view, char cell[CELL_MAX])
{
    char text[WORDS_MAX];
    (void)view;
    put(cell, words_bytes(t->bytes_in, text));
}

static void put_out(const struct control_tunnel *t, const struct layout *view, char cell[CELL_MAX])
{
    char text[WORDS_MAX];
    (void)view;
    put(cell, words_bytes(t->bytes_out, text));
}

static void put_rekey(const struct control_tunnel *t, const struct layout *view, char cell[CELL_MAX])
{
    char text[WORDS_MAX];
    put(cell, t->health == CONTROL_UP_NOW && t->sa_rekey_at ? words_duration(t->sa_rekey_at - view->now, text) : NULL);
}

static void put_error(const struct control_tunnel *t, const struct layout *view, char cell[CELL_MAX])
{
    char text[WORDS_MAX];
    if (!t->cause[0] || view->bare)
        put(cell, t->cause);
    else if (t->health == CONTROL_UP_NOW)
        snprintf(cell, CELL_MAX, "%s %s ago", t->cause, words_duration(view->now - t->cause_at, text));
    else if (t->retry_at)
        snprintf(cell, CELL_MAX, "%s (retry in %s)", t->cause, words_duration(t->retry_at - view->now, text));
    else
        put(cell, t->cause);
}

static const struct column columns[] = {
    { "NAME", put_name, 0, 0 },
    { "STATE", put_state, 0, 0 },
    { "SINCE", put_since, SCOLS_FL_RIGHT, 0 },
    { "REMOTE", put_remote, 0, 0 },
    { "IF", put_interface, 0, 1 },
    { "IN", put_in, SCOLS_FL_RIGHT, 2 },
    { "OUT", put_out, SCOLS_FL_RIGHT, 2 },
    { "REKEY", put_rekey, SCOLS_FL_RIGHT, 3 },
    { "LAST ERROR", put_error, SCOLS_FL_TRUNC, 0 },
};

enum { COLUMNS = sizeof columns / sizeof *columns };

enum { HIGHEST_RANK = 3 };

static size_t column_width(const struct column *column, const struct client_answer *answer, const struct layout *view)
{
    char cell[CELL_MAX];
    size_t widest = strlen(column->heading);
    for (size_t i = 0; i < answer->count; i++) {
        column->put(&answer->tunnels[i], view, cell);
        if (strlen(cell) > widest)
            widest = strlen(cell);
    }
    return widest;
}

static size_t table_width(const struct client_answer *answer, const struct layout *view)
{
    size_t width = 0;
    for (size_t i = 0; i < COLUMNS; i++)
        if (columns[i].rank <= view->rank)
            width += column_width(&columns[i], answer, view) + (i > 0);
    return width;
}

/* The most that fits: everything, then no ages of errors, then fewer and fewer columns. */
static struct layout fit(const struct client_answer *answer, unsigned width)
{
    struct layout view = { .now = answer->end.now, .rank = HIGHEST_RANK };
    if (width == 0 || table_width(answer, &view) <= width)
        return view;
    view.bare = true;
    while (view.rank > 0 && table_width(answer, &view) > width)
        view.rank--;
    return view;
}

/* The word says it; the colour only helps the eye. */
static void paint_state(struct libscols_line *line, size_t place, const struct control_tunnel *tunnel)
{
    bool up = tunnel->health == CONTROL_UP_NOW;
    scols_cell_set_color(scols_line_get_cell(line, place), up ? "green" : tunnel->health == CONTROL_DOWN_BY_WISH ? "brown" : "red");
}

static int add_line(struct libscols_table *table, const struct control_tunnel *tunnel, const struct layout *view)
{
    struct libscols_line *line = scols_table_new_line(table, NULL);
    char cell[CELL_MAX];
    size_t place = 0;
    if (!line)
        return -1;
    for (size_t i = 0; i < COLUMNS; i++) {
        if (columns[i].rank > view->rank)
            continue;
        columns[i].put(tunnel, view, cell);
        if (scols_line_set_data(line, place, cell) < 0)
            return -1;
        if (columns[i].put == put_state)
            paint_state(line, place, tunnel);
        place++;
    }
    return 0;
}

static int fill(struct libscols_table *table, const struct client_answer *answer, unsigned width)
{
    struct layout view = fit(answer, width);
    for (size_t i = 0; i < COLUMNS; i++)
        if (columns[i].rank <= view.rank && !scols_table_new_column(table, columns[i].heading, 0, columns[i].flags))
            return -1;
    for (size_t i = 0; i < answer->count; i++)
        if (add_line(table, &answer->tunnels[i], &view) < 0)
            return -1;
    return 0;
}

static int print_lines(const struct status_view *view, FILE *out)
{
    unsigned width = view->terminal.width;
    struct libscols_table *table = scols_new_table();
    if (!table)
        return -1;
    scols_table_set_stream(table, out);
    scols_table_set_termforce(table, width ? SCOLS_TERMFORCE_ALWAYS : SCOLS_TERMFORCE_NEVER);
    scols_table_enable_colors(table, view->terminal.colour);
    if (width)
        scols_table_set_termwidth(table, width);
    int result = fill(table, view->answer, width) < 0 || scols_print_table(table) != 0 ? -1 : 0;
    scols_unref_table(table);
    return result;
}

/* "NAME: waiting; last error psk-mismatch: ...; next attempt in 15s" */
static void print_reason(const struct status_view *view, const struct control_tunnel *t, FILE *out)
{
    char words[WORDS_MAX], text[CONF_NAME_MAX * 2 + CONTROL_LINE_MAX + CONTROL_WORD_MAX * 2 + 120], wish[CONF_NAME_MAX + 40] = "", retry[80] = "";
    if (t->health == CONTROL_UP_NOW)
        return;
    if (t->health == CONTROL_DOWN_BY_WISH)
        snprintf(wish, sizeof wish, ", as wished; `minicpe up %s` starts it", t->name);
    if (t->retry_at)
        snprintf(retry, sizeof retry, "; next attempt in %s", words_duration(t->retry_at - view->answer->end.now, words));
    snprintf(text, sizeof text, "%s: %s%s%s%s%s%s%s", t->name, t->state, wish, t->cause[0] ? "; last error " : "", t->cause,
             t->cause[0] && t->cause_text[0] ? ": " : "", t->cause[0] ? t->cause_text : "", retry);
    wrap_print(out, view->terminal.width, 0, "", text);
}

int status_print_table(const struct status_view *view, FILE *out)
{
    const struct client_answer *answer = view->answer;
    size_t up = 0;
    if (answer->count && print_lines(view, out) < 0)
        return -1;
    for (size_t i = 0; i < answer->count; i++) {
        print_reason(view, &answer->tunnels[i], out);
        up += answer->tunnels[i].health == CONTROL_UP_NOW;
    }
    fprintf(out, "%zu tunnel%s, %zu up, %zu down.\n", answer->count, answer->count == 1 ? "" : "s", up, answer->count - up);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Owns rates, their history, and the picture made of them. Entry points: top_take, top_render. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/top.h"
#include "cli/words.h"

enum { NAME_LEAST = 4, NAME_MOST = 24, FIXED = 4 + 7 + 7 + 7 + 5, GRAPH_MOST = TOP_SAMPLES / TOP_STEP, LEVELS = 8 };

static struct top_tunnel *find(const struct top *top, const char *name)
{
    for (size_t i = 0; i < top->count; i++)
        if (strcmp(top->tunnels[i].name, name) == 0)
            return &top->tunnels[i];
    return NULL;
}

static struct top_tunnel *add(struct top *top, const char *name)
{
    struct top_tunnel *more = realloc(top->tunnels, (top->count + 1) * sizeof *more);
    if (!more)
        return NULL;
    top->tunnels = more;
    struct top_tunnel *tunnel = &more[top->count++];
    *tunnel = (struct top_tunnel){ .at = 0 };
    snprintf(tunnel->name, sizeof tunnel->name, "%s", name);
    return tunnel;
}

static uint64_t rate(uint64_t was, uint64_t is, int64_t us)
{
    uint64_t more = is >= was ? is - was : is;
    return us > 0 ? (uint64_t)((double)more * 1e6 / (double)us) : 0;
}

static void take(struct top_tunnel *tunnel, const struct control_tunnel *t, int64_t now)
{
    if (tunnel->at) {
        size_t place = tunnel->count++ % TOP_SAMPLES;
        tunnel->in[place] = rate(tunnel->bytes_in, t->bytes_in, now - tunnel->at);
        tunnel->out[place] = rate(tunnel->bytes_out, t->bytes_out, now - tunnel->at);
    }
    tunnel->bytes_in = t->bytes_in;
    tunnel->bytes_out = t->bytes_out;
    tunnel->at = now;
}

int top_take(struct top *top, const struct client_answer *answer)
{
    for (size_t i = 0; i < answer->count; i++) {
        struct top_tunnel *tunnel = find(top, answer->tunnels[i].name);
        if (!tunnel && !(tunnel = add(top, answer->tunnels[i].name)))
            return -1;
        take(tunnel, &answer->tunnels[i], answer->end.now);
    }
    return 0;
}

void top_free(struct top *top)
{
    free(top->tunnels);
    *top = (struct top){ .count = 0 };
}

/* The mean of both directions together over one column, `back` columns before the last; false: there was nothing yet. */
static bool column_of(const struct top_tunnel *tunnel, size_t back, uint64_t *mean)
{
    size_t oldest = tunnel->count < TOP_SAMPLES ? 0 : tunnel->count - TOP_SAMPLES, end = (tunnel->count + TOP_STEP - 1) / TOP_STEP * TOP_STEP;
    uint64_t sum = 0, samples = 0;
    for (size_t i = 0; i < TOP_STEP; i++) {
        size_t past = (back + 1) * TOP_STEP - i;
        size_t number = end >= past ? end - past : SIZE_MAX;
        if (number >= tunnel->count || number < oldest)
            continue;
        sum += tunnel->in[number % TOP_SAMPLES] + tunnel->out[number % TOP_SAMPLES];
        samples++;
    }
    *mean = samples ? sum / samples : 0;
    return samples > 0;
}

void top_graph(const struct top_tunnel *tunnel, unsigned columns, bool utf8, char *out, size_t size)
{
    static const char *const blocks[LEVELS] = { "\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586", "\u2587", "\u2588" };
    static const char *const signs[LEVELS] = { ".", ":", "-", "=", "+", "*", "%", "#" };
    uint64_t mean, most = 0;
    size_t used = 0;
    for (size_t back = 0; back < columns; back++)
        if (column_of(tunnel, back, &mean) && mean > most)
            most = mean;
    out[0] = '\0';
    for (size_t back = columns; back-- > 0 && used + 4 < size;) {
        bool there = column_of(tunnel, back, &mean);
        size_t level = most ? (size_t)((double)mean * (LEVELS - 1) / (double)most + 0.5) : 0;
        used += (size_t)snprintf(out + used, size - used, "%s", !there ? " " : mean == 0 ? "_" : utf8 ? blocks[level] : signs[level]);
    }
}

static uint64_t last_of(const uint64_t *samples, size_t count)
{
    return count ? samples[(count - 1) % TOP_SAMPLES] : 0;
}

static int widest_name(const struct client_answer *answer)
{
    size_t widest = NAME_LEAST;
    for (size_t i = 0; i < answer->count; i++)
        if (strlen(answer->tunnels[i].name) > widest)
            widest = strlen(answer->tunnels[i].name);
    return widest < NAME_MOST ? (int)widest : NAME_MOST;
}

static void put_tunnel(const struct top *top, const struct status_view *view, size_t index, int name, unsigned graph, FILE *out)
{
    const struct control_tunnel *t = &view->answer->tunnels[index];
    const struct top_tunnel *history = find(top, t->name);
    char since[WORDS_MAX], in[WORDS_MAX], going[WORDS_MAX], line[GRAPH_MOST * 4 + 1] = "";
    bool up = t->health == CONTROL_UP_NOW, colour = view->terminal.colour;
    if (history)
        top_graph(history, graph, view->terminal.utf8, line, sizeof line);
    fprintf(out, "%-*.*s %s%-4s%s %7s %7s %7s %s\n", name, name, t->name, !colour ? "" : up ? "\033[32m" : "\033[31m", up ? "up" : "down",
            colour ? "\033[0m" : "", t->since ? words_duration(view->answer->end.now - t->since, since) : "-",
            words_bytes(history ? last_of(history->in, history->count) : 0, in),
            words_bytes(history ? last_of(history->out, history->count) : 0, going), line);
}

static void put_head(const struct status_view *view, FILE *out)
{
    const struct client_answer *answer = view->answer;
    time_t seconds = (time_t)(answer->end.now / 1000000);
    struct tm local;
    char clock[16] = "", text[160];
    if (localtime_r(&seconds, &local))
        strftime(clock, sizeof clock, "%H:%M:%S", &local);
    snprintf(text, sizeof text, "minicpe %s  %s  %" PRIu32 " of %" PRIu32 " tunnels up  ctrl-C ends", answer->end.daemon_version, clock,
             answer->end.up, answer->end.tunnels);
    fprintf(out, "%.*s\n\n", (int)view->terminal.width, text);
}

/* What is wrong, a line each, cut to the width: `status` has all of it. */
static void put_reasons(const struct status_view *view, unsigned lines, FILE *out)
{
    char text[CONF_NAME_MAX + CONTROL_WORD_MAX * 2 + CONTROL_LINE_MAX + 8];
    unsigned used = 0;
    for (size_t i = 0; i < view->answer->count && used < lines; i++) {
        const struct control_tunnel *t = &view->answer->tunnels[i];
        if (t->health == CONTROL_UP_NOW)
            continue;
        snprintf(text, sizeof text, "%s: %s%s%s%s%s", t->name, t->state, t->cause[0] ? ", " : "", t->cause, t->cause[0] ? ": " : "",
                 t->cause[0] ? t->cause_text : "");
        fprintf(out, "%.*s\n", (int)view->terminal.width, text);
        used++;
    }
}

void top_render(const struct top *top, const struct status_view *view, FILE *out)
{
    const struct client_answer *answer = view->answer;
    int name = widest_name(answer);
    unsigned width = view->terminal.width, height = view->terminal.height, fixed = (unsigned)name + FIXED;
    unsigned graph = width > fixed ? width - fixed : 0;
    graph = graph < GRAPH_MOST ? graph : GRAPH_MOST;
    size_t rows = height > 6 ? height - 5 : 1; /* two lines of head, one of headings, one empty, one for the cursor */
    put_head(view, out);
    fprintf(out, "%-*s STATE %6s %7s %7s %.*s\n", name, "NAME", "SINCE", "IN/S", "OUT/S", (int)graph, "THE LAST MINUTES");
    size_t shown = answer->count <= rows ? answer->count : rows - 1;
    for (size_t i = 0; i < shown; i++)
        put_tunnel(top, view, i, name, graph, out);
    if (shown < answer->count)
        fprintf(out, "and %zu more: the terminal is too low\n", answer->count - shown);
    else if (shown + 1 < rows) {
        fputc('\n', out);
        put_reasons(view, (unsigned)(rows - shown - 1), out);
    }
}

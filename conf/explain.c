/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the explanation of a file line by line: what is used, what is ignored or refused and why, what never counts because
 * its conn is not loaded. Entry point: conf_explain. What a line has wrong is conf_load's to say; here it has its place only.
 */
#include "conf/parse.h"

#include <stdio.h>
#include <stdlib.h>

struct explained {
    const struct setting *setting;
    const struct section *section;
    const char *name;
};

static bool is_loaded(const struct section *section)
{
    for (size_t i = 0; i < section->count; i++)
        if (strcasecmp(section->settings[i].key, "auto") == 0)
            return strcasecmp(section->settings[i].value, "ignore") != 0;
    return true;                          /* by %default or also=, or conf_load warns of it */
}

/* The same place in several conns is one line: that of the section where it stands. */
static int by_place(const void *a, const void *b)
{
    const struct place *x = &((const struct explained *)a)->setting->at, *y = &((const struct explained *)b)->setting->at;
    int files = strcmp(x->file, y->file);
    return files ? files : x->line < y->line ? -1 : x->line > y->line;
}

static void judge(const struct explained *e, struct conf_line *line, char why[256])
{
    const struct keyword *row = e->setting->keyword;
    line->why = why;
    why[0] = '\0';
    if (row->support == KEYWORD_USED) {
        line->use = e->section && !is_loaded(e->section) ? CONF_LINE_NOT_LOADED : CONF_LINE_USED;
        if (line->use == CONF_LINE_NOT_LOADED)
            snprintf(why, 256, "the conn says auto=ignore");
        else if (row->alias_of)
            snprintf(why, 256, "as %s=", row->alias_of);
        else if (!e->section && row->scope != KEYWORD_SETUP)
            snprintf(why, 256, "in each conn that does not say otherwise");
        return;
    }
    bool neutral = keyword_is_neutral(row, e->setting->value) || *e->setting->value == '\0';
    line->use = neutral ? CONF_LINE_ANYWAY : row->support == KEYWORD_IGNORED ? CONF_LINE_IGNORED : CONF_LINE_REFUSED;
    if (!neutral)
        line->why = row->why;
}

static size_t collect(struct explained *out, const struct section *section, const struct section *conn, const char *name)
{
    for (size_t i = 0; i < section->count; i++)
        out[i] = (struct explained){ &section->settings[i], conn, name };
    return section->count;
}

static struct explained *collect_all(const struct load *load, size_t *count)
{
    size_t most = load->setup.count + load->defaults.count, used = 0;
    for (size_t i = 0; i < load->count; i++)
        most += load->sections[i].count;
    struct explained *all = calloc(most + 1, sizeof *all);
    if (!all)
        return NULL;
    used += collect(all + used, &load->setup, NULL, "config setup");
    used += collect(all + used, &load->defaults, NULL, "conn %default");
    for (size_t i = 0; i < load->count; i++)
        used += collect(all + used, &load->sections[i], &load->sections[i], load->sections[i].name);
    *count = used;
    qsort(all, used, sizeof *all, by_place);
    return all;
}

int conf_explain(const char *path, conf_line_each *each, void *context)
{
    struct conf_report report = { .count = 0 };
    struct load load = { .report = &report, .files = true };
    size_t count = 0;
    parse_file(&load, path);
    struct explained *all = collect_all(&load, &count);
    for (size_t i = 0; all && i < count; i++) {
        char why[256], file[REPORT_SHOW_MAX], name[REPORT_SHOW_MAX], key[REPORT_SHOW_MAX], value[REPORT_SHOW_MAX];
        struct conf_line line = { .file = report_show(file, all[i].setting->at.file), .line = all[i].setting->at.line,
                                  .section = report_show(name, all[i].name), .key = report_show(key, all[i].setting->key),
                                  .value = report_show(value, all[i].setting->value) };
        if (all[i].setting->bad)
            continue;                    /* its line cannot be read */
        judge(&all[i], &line, why);
        each(context, &line);
    }
    int result = all && count ? 0 : -1;
    free(all);
    conf_report_free(&report);
    parse_free(&load);
    return result;
}

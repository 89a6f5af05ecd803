/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the first pass: lines to sections of settings, every key found in the table, `include` followed. What a key
 * is worth (its value) is the business of later passes. Entry points: parse_file, parse_text. Unknown keys are
 * reported with the nearest known one; `x-` and `x_` keys are comments, but for minicpe's own.
 */
#include "conf/parse.h"

#include "conf/lex.h"

#include <stdio.h>
#include <stdlib.h>

/* Doubles the room of an array whose length passes a power of two. */
static bool grow(void **array, size_t count, size_t size)
{
    if (count & (count - 1) && count)
        return true;
    void *grown = realloc(*array, (count ? 2 * count : 1) * size);
    if (grown)
        *array = grown;
    return grown != NULL;
}

static struct section *section_new(struct load *load, const struct lex_line *line, struct place at)
{
    void *array = load->sections;
    if (load->count >= PARSE_SECTIONS_MAX || !grow(&array, load->count, sizeof *load->sections)) {
        if (load->count == PARSE_SECTIONS_MAX)
            report_error(load->report, at, "there are more than %d conns; split the file", PARSE_SECTIONS_MAX);
        else
            report_error(load->report, at, "there is no memory left");
        return NULL;
    }
    load->sections = array;
    struct section *section = &load->sections[load->count++];
    *section = (struct section){ .name = line->value, .at = at };
    return section;
}

static bool name_pass(struct load *load, const char *name, struct place at)
{
    if (strlen(name) >= CONF_NAME_MAX) {
        report_error(load->report, at, "the name '%s' is too long; %d bytes are the most", SHOW(name), CONF_NAME_MAX - 1);
        return false;
    }
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f) {
            report_error(load->report, at, "the name '%s' has a control character; use letters, digits, '.', '_', '-'",
                         SHOW(name));
            return false;
        }
    return true;
}

/* The conn of that name before this one, or NULL. */
static const struct section *section_find(const struct load *load, const char *name)
{
    for (size_t i = 0; i < load->count; i++)
        if (strcmp(load->sections[i].name, name) == 0)
            return &load->sections[i];
    return NULL;
}

/* NULL: nothing to put settings into. */
static struct section *conn_open(struct load *load, const struct lex_line *line, struct place at)
{
    if (strcmp(line->value, "%default") == 0)
        return &load->defaults;
    struct place name_at = place_of(at.file, at.line, line->value_column);
    if (!name_pass(load, line->value, name_at))
        return NULL;
    const struct section *earlier = section_find(load, line->value);
    if (earlier)
        report_error(load->report, name_at, "there is a conn '%s' already at %s; every conn needs a name of its own; "
                     "rename one", SHOW(line->value), SHOW_PLACE(earlier->at, at.file));
    struct section *section = section_new(load, line, at);
    return section;
}

static struct section *config_open(struct load *load, const struct lex_line *line, struct place at)
{
    if (strcasecmp(line->value, "setup") == 0)
        return &load->setup;
    report_error(load->report, at, "'config %s' is unknown; the only one is 'config setup'", SHOW(line->value));
    return NULL;
}

static void setting_add(struct load *load, struct section *section, const struct setting *setting)
{
    void *array = section->settings;
    if (!grow(&array, section->count, sizeof *section->settings)) {
        report_error(load->report, setting->at, "there is no memory left");
        return;
    }
    section->settings = array;
    section->settings[section->count++] = *setting;
}

/* Keys that are known, but not where they stand. True when one of these sentences was said. */
static bool misplaced_key(struct load *load, const char *key, enum keyword_scope scope, struct place at)
{
    int end;
    char sided[CONF_NAME_MAX + 8];
    if (scope == KEYWORD_SETUP && keyword_find(key, KEYWORD_CONN, &end)) {
        report_error(load->report, at, "%s= belongs in a conn, not into 'config setup'; move it", SHOW(key));
        return true;
    }
    if (scope != KEYWORD_SETUP && keyword_find(key, KEYWORD_SETUP, &end)) {
        report_error(load->report, at, "%s= belongs in 'config setup', not into a conn; move it", SHOW(key));
        return true;
    }
    snprintf(sided, sizeof sided, "left%.*s", CONF_NAME_MAX, key);
    if (scope != KEYWORD_SETUP && *key && keyword_find(sided, KEYWORD_END, &end)) {
        report_error(load->report, at, "%s= does not say which end it is of (Libreswan 4 takes it for the right one in "
                     "silence); write left%s= or right%s=", SHOW(key), SHOW(key), SHOW(key));
        return true;
    }
    return false;
}

static void unknown_key(struct load *load, const char *key, enum keyword_scope scope, struct place at)
{
    char near[CONF_NAME_MAX];
    if (load->report->count > REPORT_FINDINGS_MAX)
        return;                          /* nobody will read it, and looking for the nearest takes time */
    if (misplaced_key(load, key, scope, at))
        return;
    if (keyword_nearest(key, scope, near))
        report_error(load->report, at, "the key '%s' is unknown; did you mean '%s'?", SHOW(key), near);
    else if (strncasecmp(key, "x-minicpe-", 10) == 0)
        report_error(load->report, at, "the key '%s' is unknown; minicpe's own keys are x-minicpe-route, "
                     "x-minicpe-link, x-minicpe-unreachable and x-minicpe-clamp-mss", SHOW(key));
    else
        report_error(load->report, at, "the key '%s' is unknown to minicpe and to Libreswan; remove it, or put # before it",
                     SHOW(key));
}

static bool is_user_comment(const char *key)
{
    return (strncasecmp(key, "x-", 2) == 0 || strncasecmp(key, "x_", 2) == 0) && strncasecmp(key + 2, "minicpe-", 8) != 0;
}

static void key_line(struct load *load, struct section *section, const char *file, const struct lex_line *line)
{
    struct place at = place_of(file, line->line, line->key_column);
    enum keyword_scope scope = section == &load->setup ? KEYWORD_SETUP : KEYWORD_CONN;
    struct setting setting = { .key = line->key, .value = line->value, .at = at,
                               .value_at = place_of(file, line->line, line->value_column) };
    if (is_user_comment(line->key))
        return;
    setting.keyword = keyword_find(line->key, scope, &setting.end);
    if (!line->value) {
        setting.value = line->key + strlen(line->key); /* empty */
        setting.reported = setting.bad = true;
    }
    if (!setting.keyword && (line->value || line->value_column))
        unknown_key(load, line->key, scope, at);
    else if (!setting.keyword)
        return;
    else if (line->value && *line->value == '\0' && setting.keyword->support != KEYWORD_IGNORED)
        report_warning(load->report, at, "%s= has no value, so the line counts for nothing; write one or remove the line",
                       SHOW(line->key));
    else
        setting_add(load, section, &setting);
}

static void file_include(struct load *load, const char *path, struct place from, unsigned depth)
{
    char *text = source_read(load, path, from, false);
    if (text)
        parse_text(load, load->sources->name, text, depth);
}

/* Told of the first: those that follow it go where it goes. */
static void orphan_key(struct load *load, const char *file, const struct lex_line *line, bool included)
{
    struct place at = place_of(file, line->line, line->key_column);
    if (included)
        report_error(load->report, at, "%s= and what follows it belong to no section: include ends the one above it; move the "
                     "include to the end of the file, or begin a section with 'conn NAME' in column 1", SHOW(line->key));
    else
        report_error(load->report, at, "%s= and what follows it stand before any section; begin one first with 'conn NAME' in "
                     "column 1", SHOW(line->key));
}

void parse_text(struct load *load, const char *name, char *text, unsigned depth)
{
    struct lex lex;
    struct lex_line line;
    struct section *section = NULL;
    bool silent = false;                 /* below a header that was an error, or lines that were said to be below none */
    bool included = false;
    char *plain = lex_plain_text(name, text, load->sources->length, load->report);
    if (!plain)
        return;
    load->open[depth] = name;
    lex_open(&lex, name, plain, load->report);
    while (lex_next(&lex, &line)) {
        struct place at = place_of(name, line.line, line.key_column);
        switch (line.kind) {
        case LEX_CONN:
        case LEX_CONFIG:
            section = line.kind == LEX_CONN ? conn_open(load, &line, at) : config_open(load, &line, at);
            silent = section == NULL;
            break;
        case LEX_UNKNOWN:
            section = NULL;
            silent = true;
            break;
        case LEX_INCLUDE:
            source_include(load, line.value, at, depth, file_include);
            section = NULL;              /* what follows needs a header of its own; sections may have moved, too */
            silent = false;
            included = true;
            break;
        case LEX_KEY:
            if (section)
                key_line(load, section, name, &line);
            else if (!silent && (line.value || line.value_column))
                orphan_key(load, name, &line, included);
            silent |= !section;
            break;
        }
    }
}

void parse_file(struct load *load, const char *path)
{
    char *text = source_read(load, path, place_of(path, 0, 0), false);
    if (text)
        parse_text(load, load->sources->name, text, 0);
}

void parse_free(struct load *load)
{
    for (size_t i = 0; i < load->count; i++)
        free(load->sections[i].settings);
    free(load->sections);
    free(load->setup.settings);
    free(load->defaults.settings);
    source_free(load);
}

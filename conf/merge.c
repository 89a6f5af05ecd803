/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the second pass: what holds for one conn, out of its own lines, those of every section that also= names (and
 * so on), and %default's for what nobody set. Rules as Libreswan's: order does not matter, also= neither overrides
 * nor is overridden (a key in both is a mistake), %default gives way. Entry point: merge_section.
 */
#include "conf/parse.h"

struct merge {
    struct load *load;
    struct merged *out;
    bool seen[PARSE_SECTIONS_MAX];              /* a section counts once, by however many ways it is reached */
    struct section *path[PARSE_SECTIONS_MAX + 1]; /* from the conn down to the section at hand */
    size_t depth;
    bool fine;
};

static void report_once(struct load *load, struct setting *setting, const struct setting *other)
{
    if (setting->reported)
        return;
    setting->reported = true;
    bool alias = strcasecmp(setting->key, other->key) != 0;
    report_error(load->report, setting->at, "%s= is set already at %s%s%s%s; a key may stand once in a conn and in all "
                 "that it takes over by also= (Libreswan drops such a conn); remove one", SHOW(setting->key),
                 SHOW_PLACE(other->at, setting->at.file), alias ? ", as " : "", alias ? SHOW(other->key) : "",
                 alias ? "=" : "");
}

static void setting_merge(struct merge *merge, struct setting *setting)
{
    struct setting **slot = &merge->out->at[keyword_index(keyword_canonical(setting->keyword))][setting->end];
    if (*slot && *slot != setting) {
        report_once(merge->load, setting, *slot);
        merge->fine = false;
        return;
    }
    *slot = setting;
}

static struct section *section_find(struct load *load, const char *name)
{
    for (size_t i = 0; i < load->count; i++)
        if (strcmp(load->sections[i].name, name) == 0)
            return &load->sections[i];
    return NULL;
}

static bool is_circle(const struct merge *merge, const struct section *section)
{
    for (size_t i = 0; i < merge->depth; i++)
        if (merge->path[i] == section)
            return true;
    return false;
}

/* One finding a circle, not one for every conn that can be entered by. */
static void circle_mark(struct merge *merge, struct setting *also, struct section *target)
{
    also->reported |= target->circular;
    for (size_t i = 0; i < merge->depth; i++)
        merge->path[i]->circular = true;
}

static void also_error(struct merge *merge, struct setting *also, const char *what, const char *cure)
{
    merge->fine = false;
    if (!also->reported)
        report_error(merge->load->report, also->value_at, "also=%s: %s; %s", SHOW(also->value), what, cure);
    also->reported = true;
}

static void section_merge(struct merge *merge, struct section *section);

static void also_merge(struct merge *merge, struct setting *also)
{
    struct section *target = section_find(merge->load, also->value);
    if (!target)
        also_error(merge, also, "there is no conn of that name", "correct the name, or add the section");
    else if (is_circle(merge, target)) {
        circle_mark(merge, also, target);
        also_error(merge, also, "the sections take each other over in a circle", "remove this line");
    }
    else if (!merge->seen[target - merge->load->sections])
        section_merge(merge, target);
    if (target)
        target->included = true;
}

static void section_merge(struct merge *merge, struct section *section)
{
    merge->seen[section - merge->load->sections] = true;
    merge->path[merge->depth++] = section;
    for (size_t i = 0; i < section->count; i++)
        if (section->settings[i].keyword->type != KEYWORD_ALSO)
            setting_merge(merge, &section->settings[i]);
    for (size_t i = 0; i < section->count; i++)
        if (section->settings[i].keyword->type == KEYWORD_ALSO)
            also_merge(merge, &section->settings[i]);
    merge->depth--;
}

static void default_merge(struct merge *merge, struct setting *setting, struct merged *defaults)
{
    struct setting **slot = &defaults->at[keyword_index(keyword_canonical(setting->keyword))][setting->end];
    if (setting->keyword->type == KEYWORD_ALSO) {
        also_error(merge, setting, "%default takes over no other section", "put the line into the conns");
        return;
    }
    if (*slot && !setting->repeated) {
        report_warning(merge->load->report, setting->at, "%s= is set for %%default already at %s; this one counts; "
                       "remove the other", SHOW(setting->key), SHOW_PLACE((*slot)->at, setting->at.file));
        setting->repeated = true;
    }
    *slot = setting;
}

static void defaults_merge(struct merge *merge)
{
    struct section *section = &merge->load->defaults;
    struct merged defaults = { 0 };
    for (size_t i = 0; i < section->count; i++)
        default_merge(merge, &section->settings[i], &defaults);
    for (size_t i = 0; i < keyword_count; i++)
        for (int end = 0; end < 2; end++)
            if (!merge->out->at[i][end])
                merge->out->at[i][end] = defaults.at[i][end];
}

bool merge_section(struct load *load, struct section *section, struct merged *out)
{
    struct merge merge = { .load = load, .out = out, .fine = true };
    memset(out, 0, sizeof *out);
    section_merge(&merge, section);
    defaults_merge(&merge);
    return merge.fine;
}

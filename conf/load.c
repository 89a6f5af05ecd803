/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the order of the passes, from two files (conf_load) or two texts (conf_load_memory) to a struct conf, and its
 * end (conf_free). Every pass runs whatever the one before found, so that one run tells every mistake; what follows
 * from a mistake that was told already is left out. Invariant: on errors the struct conf is empty, and secrets are
 * wiped from everything else on every way out.
 */
#include "conf/secrets.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static bool is_there(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0;
}

/* X.conf -> X.secrets */
static void beside(const char *path, char *out, size_t size)
{
    size_t length = strlen(path);
    if (length > 5 && strcmp(path + length - 5, ".conf") == 0)
        length -= 5;
    snprintf(out, size, "%.*s.secrets", (int)length, path);
}

void conf_secrets_path(const char *path, char *out, size_t size)
{
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    if (credentials && *credentials) {
        snprintf(out, size, "%s/secrets", credentials);
        if (is_there(out))
            return;
    }
    beside(path, out, size);
    if (!is_there(out) && is_there("/etc/ipsec.secrets"))
        snprintf(out, size, "/etc/ipsec.secrets");
}

static void put_origin(struct draft *draft, const struct section *section)
{
    size_t length = strlen(section->at.file);
    size_t skip = length < sizeof draft->conn.file ? 0 : length - sizeof draft->conn.file + 1;
    memcpy(draft->conn.file, section->at.file + skip, length - skip + 1);
    draft->conn.line = section->at.line;
    snprintf(draft->conn.name, sizeof draft->conn.name, "%s", section->name);
    draft->at = section->at;
}

/* Every section is merged before any is judged: by then it is known which ones also= names. */
static void drafts_merge(struct load *load, struct draft *drafts)
{
    for (size_t i = 0; i < load->count; i++) {
        drafts[i].section = &load->sections[i];
        drafts[i].at = load->sections[i].at;
        drafts[i].broken = !merge_section(load, &load->sections[i], &drafts[i].merged);
    }
}

/* A section that also= names and that lacks an end is there for the others, whatever its auto= says. */
static bool is_template(const struct draft *draft)
{
    return draft->section->included && (!draft_setting(draft, "left") || !draft_setting(draft, "right"));
}

static void draft_apply(struct load *load, struct draft *draft)
{
    apply_merged(load, draft);
    put_origin(draft, draft->section);
    if (is_template(draft))
        draft->conn.autostart = CONF_AUTO_IGNORE;
}

/* The drafts to load come first; the ignored ones after them are kept for their secrets. Returns how many to load. */
static size_t drafts_make(struct load *load, struct draft *drafts)
{
    size_t loaded = 0;
    drafts_merge(load, drafts);
    for (size_t i = 0; i < load->count; i++) {
        draft_apply(load, &drafts[i]);
        if (drafts[i].conn.autostart == CONF_AUTO_IGNORE)
            continue;
        if (i != loaded) {
            struct draft ignored = drafts[loaded];
            drafts[loaded] = drafts[i];
            drafts[i] = ignored;
        }
        loaded++;
    }
    return loaded;
}

/* Conns with auto=ignore, Libreswan's default, are not loaded; who forgot the line should hear of it. */
static void ignored_check(struct load *load, const struct draft *drafts, size_t loaded)
{
    for (size_t i = loaded; i < load->count; i++)
        if (!drafts[i].section->included && !draft_setting(&drafts[i], "auto"))
            report_warning(load->report, drafts[i].at, "conn %s has no auto=, which means auto=ignore: it is not loaded; "
                           "add auto=start", SHOW(drafts[i].conn.name));
}

static void count_check(struct load *load, const char *name, size_t loaded)
{
    if (load->report->errors)
        return;
    if (load->count == 0)
        report_error(load->report, place_of(name, 0, 0), "there is no conn in the file, so there is nothing to do; add a "
                     "section for each tunnel, beginning with 'conn NAME' in column 1");
    else if (loaded == 0)
        report_error(load->report, place_of(name, 0, 0), "no conn is to be loaded; write auto=start into those that are");
    else if (loaded > CONF_CONNS_MAX)
        report_error(load->report, place_of(name, 0, 0), "%zu conns are to be loaded; %d are the most", loaded,
                     CONF_CONNS_MAX);
}

static void drafts_check(struct load *load, struct draft *drafts, size_t loaded, uint32_t keepalive)
{
    for (size_t i = 0; i < loaded; i++) {
        drafts[i].conn.keepalive_interval = keepalive;
        check_conn(load, &drafts[i]);
    }
    check_pairs(load, drafts, loaded);
}

static void secrets_distribute(struct load *load, struct secrets *secrets, struct draft *drafts, size_t loaded)
{
    bool sure = !secrets->broken;        /* that a secret nobody uses is not the consequence of another mistake */
    for (size_t i = 0; i < load->count; i++) {
        secrets_give(load, secrets, &drafts[i], i < loaded);
        sure &= (i >= loaded && is_template(&drafts[i])) ||
                (!drafts[i].broken && drafts[i].conn.end[0].text[0] && drafts[i].conn.end[1].text[0]);
    }
    for (size_t i = 0; i < loaded; i++)
        secrets_check_missing(load, secrets, &drafts[i]);
    if (sure && load->count)
        secrets_check_unused(load, secrets);
}

static int conf_take(struct load *load, struct conf *conf, const struct draft *drafts, size_t loaded)
{
    if (load->report->errors || loaded == 0)
        return -1;
    conf->conns = calloc(loaded, sizeof *conf->conns);
    if (!conf->conns) {
        report_error(load->report, place_of(NULL, 0, 0), "there is no memory left");
        return -1;
    }
    conf->count = loaded;
    for (size_t i = 0; i < loaded; i++)
        conf->conns[i] = drafts[i].conn;
    return 0;
}

static int finish(struct load *load, struct conf *conf, const char *name, struct secrets *secrets)
{
    int result = -1;
    struct draft *drafts = calloc(load->count + 1, sizeof *drafts);
    if (!drafts) {
        report_error(load->report, place_of(NULL, 0, 0), "there is no memory left");
    } else {
        struct conf_conn defaults;
        apply_defaults(&defaults);
        uint32_t keepalive = defaults.keepalive_interval;
        apply_setup(load, conf, &keepalive);
        size_t loaded = drafts_make(load, drafts);
        drafts_check(load, drafts, loaded, keepalive);
        ignored_check(load, drafts, loaded);
        secrets_distribute(load, secrets, drafts, loaded);
        count_check(load, name, loaded);
        result = conf_take(load, conf, drafts, loaded);
        bytes_wipe(drafts, (load->count + 1) * sizeof *drafts);
        free(drafts);
    }
    return result;
}

static int end(struct load *load, struct conf *conf, const char *name, struct secrets *secrets, int result)
{
    if (result != 0)
        conf_free(conf);
    report_sort(load->report, name);
    secrets_free(secrets);
    parse_free(load);
    return result;
}

static void secrets_load(struct load *load, const char *path, const char *secrets_path, struct secrets *secrets)
{
    char found[4096];
    if (!secrets_path) {
        conf_secrets_path(path, found, sizeof found);
        secrets_path = found;
    }
    if (is_there(secrets_path)) {
        secrets_parse_file(load, secrets_path, secrets);
        return;
    }
    secrets->broken = true;
    report_error(load->report, place_of(secrets_path, 0, 0), "there is no such file, and the tunnels' shared secrets are "
                 "read from it; create it (chmod 600) with a line 'LEFTID RIGHT: PSK \"secret\"' for each tunnel, or "
                 "name another file with -s");
}

int conf_load(struct conf *conf, const char *path, const char *secrets_path, bool insecure_secrets, struct conf_report *report)
{
    struct load load = { .report = report, .files = true, .insecure_secrets = insecure_secrets };
    struct secrets secrets = { .rows = NULL };
    *conf = (struct conf){ .count = 0 };
    parse_file(&load, path);
    secrets_load(&load, path, secrets_path, &secrets);
    return end(&load, conf, path, &secrets, finish(&load, conf, path, &secrets));
}

int conf_load_memory(struct conf *conf, const char *name, const void *text, size_t length, const char *secrets_name,
                     const void *secrets_text, size_t secrets_length, struct conf_report *report)
{
    struct load load = { .report = report };
    struct secrets secrets = { .rows = NULL };
    *conf = (struct conf){ .count = 0 };
    char *plain = source_take(&load, name, text, length);
    if (plain)
        parse_text(&load, load.sources->name, plain, 0);
    memset(load.open, 0, sizeof load.open);
    char *hidden = plain ? source_take(&load, secrets_name, secrets_text, secrets_length) : NULL;
    if (hidden)
        secrets_parse_text(&load, load.sources->name, hidden, 0, &secrets);
    return end(&load, conf, name, &secrets, hidden ? finish(&load, conf, name, &secrets) : -1);
}

void conf_free(struct conf *conf)
{
    if (conf->conns)
        bytes_wipe(conf->conns, conf->count * sizeof *conf->conns);
    free(conf->conns);
    *conf = (struct conf){ .count = 0 };
}

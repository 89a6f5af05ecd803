/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the third pass: each setting that holds for a conn is parsed by its type into the field its row of the table
 * names, or reported with what is wrong and what to write. Entry points: apply_merged, apply_setup. Whether values
 * make sense together is the business of check.c.
 */
#include "conf/parse.h"

#include "conf/ids.h"
#include "conf/proposals.h"
#include "conf/values.h"

#include <stdio.h>

/*
 * What holds where the file is silent. Libreswan's own, but for: DPD is on (a dead headend would otherwise be noticed
 * at the next rekeying), INITIAL-CONTACT is sent, and the proposals are those OCI recommends (proposals.c).
 */
static const struct conf_conn conn_defaults = {
    .local = -1,
    .autostart = CONF_AUTO_IGNORE,
    .pfs = true,
    .ike_lifetime = 8 * 3600,
    .sa_lifetime = 8 * 3600,
    .rekey_margin = 9 * 60,
    .rekey_fuzz = 100,
    .rekey = true,
    .dpd_delay = 10,
    .dpd_timeout = 30,
    .encapsulation = CONF_AUTOMATIC,
    .nat_keepalive = true,
    .keepalive_interval = 20,
    .initial_contact = true,
    .replay_window = 128,
    .retransmit_interval = 500,
    .mark_in_mask = UINT32_MAX,
    .mark_out_mask = UINT32_MAX,
    .vti_routing = false,
    .link_signal = CONF_LINK_DORMANT,
    .unreachable_route = true,
    .clamp_mss = false,
};

void apply_defaults(struct conf_conn *conn)
{
    *conn = conn_defaults;
}

struct application {
    struct load *load;
    struct draft *draft;             /* NULL in 'config setup' */
    struct conf_conn *conn;
    struct setting *setting;
    const struct keyword *row;
    void *field;
};

/* "KEY=VALUE WRONG", once a setting. */
static void value_error(struct application *a, const char *wrong)
{
    a->setting->bad = true;
    if (!a->setting->reported)
        report_error(a->load->report, a->setting->value_at, "%s=%s %s", SHOW(a->setting->key), SHOW(a->setting->value), wrong);
    a->setting->reported = true;
}

static void value_remark(struct application *a, enum conf_severity severity, const char *remark)
{
    if (!a->setting->reported)
        report_add(a->load->report, severity, a->setting->value_at, "%s=%s: %s", SHOW(a->setting->key),
                   SHOW(a->setting->value), remark);
    a->setting->reported = true;
}

static void apply_number(struct application *a)
{
    uint64_t value;
    uint32_t most = a->row->most ? a->row->most : UINT32_MAX;
    const char *wrong = value_number(a->setting->value, a->row->least, most, &value);
    char text[120];
    if (!wrong)
        *(uint32_t *)a->field = (uint32_t)value;
    else if (strncmp(wrong, "is too", 6) == 0) {
        snprintf(text, sizeof text, "%s; write a number from %u to %u", wrong, (unsigned)a->row->least, (unsigned)most);
        value_error(a, text);
    } else
        value_error(a, wrong);
}

static void apply_time(struct application *a)
{
    uint64_t ms;
    char text[160];
    bool interval = a->row->type == KEYWORD_INTERVAL;
    const char *unit = interval ? "ms" : "s";
    const char *wrong = value_time(a->setting->value, &ms, interval ? 1 : 1000);
    uint64_t value = interval ? ms : (ms + 999) / 1000;
    uint32_t least = a->row->least, most = a->row->most;
    if (wrong) {
        value_error(a, wrong);
    } else if (value > most && a->row->type == KEYWORD_LIFETIME) {
        *(uint32_t *)a->field = most;
        snprintf(text, sizeof text, "a lifetime of more than 24 hours is cut down to 24 hours, as in Libreswan; write 24h");
        value_remark(a, CONF_WARNING, text);
    } else if (value < least || value > most) {
        snprintf(text, sizeof text, "is too %s; write a time from %u%s to %u%s", value < least ? "short" : "long",
                 (unsigned)least, unit, (unsigned)most, unit);
        value_error(a, text);
    } else {
        *(uint32_t *)a->field = (uint32_t)value;
    }
}

/* Not the first spelling of its value. */
static bool is_repeat(const struct keyword_name *names, const struct keyword_name *name)
{
    for (const struct keyword_name *n = names; n < name; n++)
        if (n->value == name->value)
            return true;
    return false;
}

static void names_error(struct application *a)
{
    char text[200] = "is not known; write ";
    size_t used = strlen(text);
    for (const struct keyword_name *n = a->row->names; n->name && used < sizeof text; n++)
        if (!is_repeat(a->row->names, n))
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", n == a->row->names ? "" : " or ", n->name);
    value_error(a, text);
}

static void apply_names(struct application *a)
{
    for (const struct keyword_name *n = a->row->names; n->name; n++)
        if (strcasecmp(n->name, a->setting->value) == 0) {
            if (a->row->type == KEYWORD_SWITCH)
                *(bool *)a->field = n->value != 0;
            else
                *(int *)a->field = n->value;
            return;
        }
    names_error(a);
}

static void apply_start(struct application *a)
{
    const char *value = a->setting->value;
    enum conf_auto *autostart = &a->conn->autostart;
    if (strcasecmp(value, "start") == 0 || strcasecmp(value, "up") == 0) {
        *autostart = CONF_AUTO_START;
    } else if (strcasecmp(value, "add") == 0 || strcasecmp(value, "keep") == 0) {
        *autostart = CONF_AUTO_ADD;
        a->conn->keep = strcasecmp(value, "keep") == 0;
    } else if (strcasecmp(value, "ondemand") == 0 || strcasecmp(value, "route") == 0) {
        *autostart = CONF_AUTO_START;
        value_remark(a, CONF_NOTE, "minicpe does not wait for traffic; the tunnel is brought up at once, as with auto=start");
    } else if (strcasecmp(value, "ignore") == 0) {
        *autostart = CONF_AUTO_IGNORE;
    } else {
        value_error(a, "is not known; write auto=start to bring the tunnel up, auto=add to load it only, "
                       "or auto=ignore to leave it out");
    }
}

/* mark= sets both directions; mark=-1 is numbered when all conns are known (marks.c). */
static void apply_mark(struct application *a)
{
    uint32_t value, mask;
    bool unique;
    const char *wrong = value_mark(a->setting->value, &value, &mask, &unique);
    const char *name = a->row->name;
    if (wrong) {
        value_error(a, wrong);
        return;
    }
    a->conn->mark_set = true;
    if (strcmp(name, "mark-out") != 0) {
        a->conn->mark_in_unique = unique;
        a->conn->mark_in = value;
        a->conn->mark_in_mask = mask;
    }
    if (strcmp(name, "mark-in") != 0) {
        a->conn->mark_out_unique = unique;
        a->conn->mark_out = value;
        a->conn->mark_out_mask = mask;
    }
}

static void apply_routes(struct application *a)
{
    size_t count;
    const char *wrong = value_subnets(a->setting->value, a->conn->routes, CONF_ROUTES_MAX, &count);
    if (wrong)
        value_error(a, wrong);
    else
        a->conn->route_count = (uint8_t)count;
}

static void proposals_wrong(struct application *a, const struct proposal_remarks *remarks)
{
    struct place at = a->setting->value_at;
    at.column += remarks->offset;
    a->setting->bad = true;
    if (!a->setting->reported)
        report_error(a->load->report, at, "%s=%s: %s", SHOW(a->setting->key), SHOW(a->setting->value), remarks->wrong);
    a->setting->reported = true;
}

static void proposals_remark(struct application *a, const struct proposal_remarks *remarks)
{
    if (remarks->key_length_assumed && !a->setting->reported)
        report_note(a->load->report, a->setting->value_at, "%s=%s gives no length of key; 256 and then 128 bits are "
                    "offered; write aes256 or aes128 to choose", SHOW(a->setting->key), SHOW(a->setting->value));
    if (remarks->weak[0])
        value_remark(a, CONF_WARNING, remarks->weak);
    a->setting->reported |= remarks->key_length_assumed;
}

static void apply_ike(struct application *a)
{
    struct proposal_ike_list list;
    struct proposal_remarks remarks;
    if (!proposals_parse_ike(a->setting->value, &list, &remarks)) {
        proposals_wrong(a, &remarks);
        return;
    }
    memcpy(a->conn->ike, list.rows, sizeof a->conn->ike);
    a->conn->ike_count = list.count;
    proposals_remark(a, &remarks);
}

static void apply_esp(struct application *a)
{
    struct proposal_esp_list list;
    struct proposal_remarks remarks;
    if (!proposals_parse_esp(a->setting->value, &list, &remarks)) {
        proposals_wrong(a, &remarks);
        return;
    }
    memcpy(a->conn->esp, list.rows, sizeof a->conn->esp);
    a->conn->esp_count = list.count;
    a->conn->pfs_group = list.group;
    proposals_remark(a, &remarks);
}

/* What Libreswan takes for "none said". An identity of 0.0.0.0 would else be sent as it stands. */
static void apply_id(struct application *a)
{
    static const char *const none[] = { "%any", "%none", "%any4", "%any6", "0.0.0.0", "::" };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (strcasecmp(a->setting->value, none[i]) == 0) {
            value_remark(a, CONF_NOTE, "names no identity, so the address of that end is it, as in Libreswan");
            return;
        }
    const char *wrong = conf_id_parse(a->setting->value, a->field);
    if (wrong)
        value_error(a, wrong);
}

static void apply_plain(struct application *a, const char *wrong)
{
    if (wrong)
        value_error(a, wrong);
}

static void apply_used(struct application *a)
{
    const char *value = a->setting->value;
    if (!a->field)
        return; /* of 'config setup', and nothing to set */
    switch (a->row->type) {
    case KEYWORD_BOOL: apply_plain(a, value_bool(value, a->field)); break;
    case KEYWORD_TIME:
    case KEYWORD_LIFETIME:
    case KEYWORD_INTERVAL: apply_time(a); break;
    case KEYWORD_PERCENT: apply_plain(a, value_percent(value, a->field)); break;
    case KEYWORD_NUMBER: apply_number(a); break;
    case KEYWORD_AMOUNT: apply_plain(a, value_amount(value, a->field)); break;
    case KEYWORD_NAMES:
    case KEYWORD_SWITCH: apply_names(a); break;
    case KEYWORD_HOST: apply_plain(a, value_host(value, a->field)); break;
    case KEYWORD_ID: apply_id(a); break;
    case KEYWORD_SUBNET: apply_plain(a, value_subnet(value, a->field)); break;
    case KEYWORD_ROUTES: apply_routes(a); break;
    case KEYWORD_VTI: apply_plain(a, value_vti(value, a->field)); break;
    case KEYWORD_ADDRESS: apply_plain(a, value_address(value, a->field)); break;
    case KEYWORD_MARK: apply_mark(a); break;
    case KEYWORD_INTERFACE: apply_plain(a, value_interface(value, a->field)); break;
    case KEYWORD_IKE: apply_ike(a); break;
    case KEYWORD_ESP: apply_esp(a); break;
    case KEYWORD_START: apply_start(a); break;
    case KEYWORD_TEXT:
    case KEYWORD_ALSO: break;
    }
}

/* One note a keyword, not one a tunnel. */
static void ignored_note(struct application *a)
{
    bool *noted = &a->load->noted[keyword_index(a->row)];
    if (*noted || *a->setting->value == '\0')
        return;
    *noted = true;
    report_note(a->load->report, a->setting->at, "%s=%s is not used: %s", SHOW(a->setting->key), SHOW(a->setting->value),
                a->row->why);
}

static void apply_setting(struct application *a)
{
    char text[256];
    if (a->setting->bad && *a->setting->value == '\0')
        return;                       /* its line could not be read, which was said */
    const char *hint = hint_placeholder(a->setting->value, text);
    if (hint) {
        value_error(a, hint);
        return;
    }
    hint = hint_strongswan(a->row, a->setting->value);
    if (hint) {
        snprintf(text, sizeof text, "is refused: %s", hint);
        value_error(a, text);
    } else if (a->row->support == KEYWORD_USED) {
        apply_used(a);
    } else if (keyword_is_neutral(a->row, a->setting->value)) {
        return;
    } else if (a->row->support == KEYWORD_IGNORED) {
        ignored_note(a);
    } else {
        char refusal[400];
        snprintf(refusal, sizeof refusal, "is refused: %s", a->row->why);
        value_error(a, refusal);
    }
}

void apply_merged(struct load *load, struct draft *draft)
{
    apply_defaults(&draft->conn);
    for (size_t i = 0; i < keyword_count; i++)
        for (int end = 0; end < 2; end++) {
            struct setting *setting = draft->merged.at[i][end];
            if (!setting)
                continue;
            struct application a = { .load = load, .draft = draft, .conn = &draft->conn, .setting = setting, .row = setting->keyword };
            char *base = a.row->scope == KEYWORD_END ? (char *)&draft->conn.end[setting->end] : (char *)&draft->conn;
            a.field = base + a.row->offset;
            apply_setting(&a);
            draft->broken |= setting->bad;
        }
}

/* The last of two counts, as in Libreswan. */
static void setup_repeats(struct load *load)
{
    const struct setting *last[KEYWORD_TABLE_MAX] = { NULL };
    for (size_t i = 0; i < load->setup.count; i++) {
        const struct setting *setting = &load->setup.settings[i], **slot = &last[keyword_index(setting->keyword)];
        if (*slot)
            report_warning(load->report, setting->at, "%s= stands in 'config setup' already at %s; this one counts; "
                           "remove the other", SHOW(setting->key), SHOW_PLACE((*slot)->at, setting->at.file));
        *slot = setting;
    }
}

void apply_setup(struct load *load, struct conf *conf, uint32_t *keepalive)
{
    setup_repeats(load);
    for (size_t i = 0; i < load->setup.count; i++) {
        struct setting *setting = &load->setup.settings[i];
        struct application a = { .load = load, .setting = setting, .row = setting->keyword };
        if (a.row->type == KEYWORD_ADDRESS)
            a.field = &conf->listen;
        else if (a.row->type == KEYWORD_TIME)
            a.field = keepalive;
        apply_setting(&a);
    }
}

struct setting *draft_setting(const struct draft *draft, const char *key)
{
    int end;
    const struct keyword *row = keyword_find(key, KEYWORD_CONN, &end);
    return row ? draft->merged.at[keyword_index(keyword_canonical(row))][end] : NULL;
}

bool draft_is_bad(const struct draft *draft, const char *key)
{
    const struct setting *setting = draft_setting(draft, key);
    return setting && setting->bad;
}

struct place draft_place(const struct draft *draft, const char *key)
{
    const struct setting *setting = draft_setting(draft, key);
    return setting ? setting->at : draft->at;
}

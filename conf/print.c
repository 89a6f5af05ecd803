/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the canonical form of a conn: every key that holds, in table order, with its effective value, so that what
 * was left out and what came from %default is seen. Reading it back gives the same values. Entry point: conf_print.
 * The secret is no key and is never printed.
 */
#include "conf/ids.h"
#include "conf/keywords.h"
#include "conf/proposals.h"

#include <stdarg.h>
#include <stdio.h>

struct output {
    char *out;
    size_t size, used;
};

static void put(struct output *o, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct output *o, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = o->used < o->size ? vsnprintf(o->out + o->used, o->size - o->used, format, args) : 0;
    va_end(args);
    if (n > 0)
        o->used = o->used + (size_t)n < o->size ? o->used + (size_t)n : o->size - 1;
}

/* Values with a blank, or that begin like something else, go into quotes. */
static const char *quote(const char *value)
{
    return *value == '\0' || *value == '#' || *value == '{' || *value == '\'' || strpbrk(value, " \t") ? "\"" : "";
}

static bool put_name(const struct keyword *row, int value, char out[KEYWORD_VALUE_MAX])
{
    for (const struct keyword_name *n = row->names; n->name; n++)
        if (n->value == value)
            return snprintf(out, KEYWORD_VALUE_MAX, "%s", n->name) > 0;
    return false;
}

static bool put_prefix(const struct prefix *prefix, char out[KEYWORD_VALUE_MAX])
{
    return prefix->addr.family != ADDR_NONE && *prefix_print(prefix, out);
}

static bool put_routes(const struct conf_conn *conn, char out[KEYWORD_VALUE_MAX])
{
    size_t used = 0;
    for (size_t i = 0; i < conn->route_count; i++) {
        char text[PREFIX_TEXT_MAX];
        used += (size_t)snprintf(out + used, KEYWORD_VALUE_MAX - used, "%s%s", i ? "," : "", prefix_print(&conn->routes[i], text));
    }
    return used > 0;
}

static bool put_mark(const struct conf_conn *conn, const char *name, char out[KEYWORD_VALUE_MAX])
{
    bool equal = conn->mark_in == conn->mark_out && conn->mark_in_mask == conn->mark_out_mask;
    bool in = strcmp(name, "mark-out") != 0;
    if (!conn->mark_set || equal != (strcmp(name, "mark") == 0))
        return false;
    return snprintf(out, KEYWORD_VALUE_MAX, "%u/0x%x", (unsigned)(in ? conn->mark_in : conn->mark_out),
                    (unsigned)(in ? conn->mark_in_mask : conn->mark_out_mask)) > 0;
}

static bool put_start(const struct conf_conn *conn, char out[KEYWORD_VALUE_MAX])
{
    const char *word = conn->keep ? "keep" : conn->autostart == CONF_AUTO_START ? "start"
                       : conn->autostart == CONF_AUTO_ADD ? "add" : "ignore";
    return snprintf(out, KEYWORD_VALUE_MAX, "%s", word) > 0;
}

/* 0 stands for "not said" where a key may not say 0 (mtu=) and for the default where it may. */
static bool put_number(const struct keyword *row, uint64_t value, const char *unit, char out[KEYWORD_VALUE_MAX])
{
    return value >= row->least && snprintf(out, KEYWORD_VALUE_MAX, "%llu%s", (unsigned long long)value, unit) > 0;
}

/* The value of one row; false: the conn has none. */
static bool put_value(const struct conf_conn *conn, const struct keyword *row, const void *field, char out[KEYWORD_VALUE_MAX])
{
    switch (row->type) {
    case KEYWORD_BOOL: return snprintf(out, KEYWORD_VALUE_MAX, "%s", *(const bool *)field ? "yes" : "no") > 0;
    case KEYWORD_TIME:
    case KEYWORD_LIFETIME: return put_number(row, *(const uint32_t *)field, "s", out);
    case KEYWORD_INTERVAL: return put_number(row, *(const uint32_t *)field, "ms", out);
    case KEYWORD_PERCENT: return put_number(row, *(const uint16_t *)field, "%", out);
    case KEYWORD_NUMBER: return put_number(row, *(const uint32_t *)field, "", out);
    case KEYWORD_AMOUNT: return put_number(row, *(const uint64_t *)field, "", out);
    case KEYWORD_NAMES: return put_name(row, *(const int *)field, out);
    case KEYWORD_SWITCH: return put_name(row, *(const bool *)field, out);
    case KEYWORD_HOST: return snprintf(out, KEYWORD_VALUE_MAX, "%s", ((const struct conf_end *)field)->text) > 0;
    case KEYWORD_ID: return *conf_id_print(field, out);
    case KEYWORD_SUBNET:
    case KEYWORD_VTI: return put_prefix(field, out);
    case KEYWORD_ROUTES: return put_routes(conn, out);
    case KEYWORD_ADDRESS: return ((const struct addr *)field)->family != ADDR_NONE && *addr_print(field, out);
    case KEYWORD_MARK: return put_mark(conn, row->name, out);
    case KEYWORD_INTERFACE: return snprintf(out, KEYWORD_VALUE_MAX, "%s", (const char *)field) > 0;
    case KEYWORD_IKE: return proposals_print_ike(conn->ike, conn->ike_count, out, KEYWORD_VALUE_MAX) > 0;
    case KEYWORD_ESP: return proposals_print_esp(conn->esp, conn->esp_count, conn->pfs_group, out, KEYWORD_VALUE_MAX) > 0;
    case KEYWORD_START: return put_start(conn, out);
    case KEYWORD_TEXT:
    case KEYWORD_ALSO: break;
    }
    return false;
}

bool keyword_value(const struct conf_conn *conn, const struct keyword *row, int end, char out[KEYWORD_VALUE_MAX])
{
    const char *base = row->scope == KEYWORD_END ? (const char *)&conn->end[end] : (const char *)conn;
    /* The host is three fields of the end, not one. */
    const void *field = row->type == KEYWORD_HOST ? base : base + row->offset;
    out[0] = '\0';
    return row->support == KEYWORD_USED && !row->alias_of && put_value(conn, row, field, out) && *out;
}

static void put_row(struct output *o, const struct conf_conn *conn, const struct keyword *row, int end)
{
    static const char *const sides[] = { "left", "right" };
    char value[KEYWORD_VALUE_MAX];
    if (keyword_value(conn, row, end, value))
        put(o, "\t%s%s=%s%s%s\n", row->scope == KEYWORD_END ? sides[end] : "", row->name, quote(value), value, quote(value));
    else if (row->fixed)
        put(o, "\t%s=%s\n", row->name, row->fixed);
}

size_t conf_print(const struct conf_conn *conn, char *out, size_t size)
{
    struct output o = { .out = out, .size = size };
    if (size == 0)
        return 0;
    out[0] = '\0';
    put(&o, "conn %s%s%s\n", quote(conn->name), conn->name, quote(conn->name));
    for (size_t i = 0; i < keyword_count; i++) {
        const struct keyword *row = &keyword_table[i];
        if (row->scope == KEYWORD_SETUP)
            continue;
        put_row(&o, conn, row, 0);
        if (row->scope == KEYWORD_END)
            put_row(&o, conn, row, 1);
    }
    return o.used;
}

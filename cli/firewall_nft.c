/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns nft's JSON (libnftables-json(5)) as far as a filter's rules go: matches on interface, protocol, addresses, ports,
 * fragments and connection state, sets, verdict maps, jumps. What is not known may match or not. Entry point: fw_nft_add.
 */
#include "cli/firewall.h"

#include <stdlib.h>
#include <string.h>

struct reader {
    json_t *list;
    const struct fw_packet *packet;
};

/* What an expression is worth for the packet. */
enum kind { UNKNOWN, ABSENT, NUMBER, WORD, ADDRESS };

struct value {
    enum kind kind;
    long number;
    const char *word;
    struct addr address;
};

static const struct {
    const char *name;
    long number;
} protocols[] = { { "icmp", 1 }, { "tcp", 6 }, { "udp", 17 }, { "esp", 50 }, { "ah", 51 }, { "icmpv6", 58 }, { "ipv6-icmp", 58 }, { "sctp", 132 } };

static const char *text(json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));
    return value ? value : "";
}

static struct value number(long n) { return (struct value){ .kind = NUMBER, .number = n }; }
static struct value word(const char *w) { return (struct value){ .kind = WORD, .word = w }; }
static struct value address(const struct addr *a) { return (struct value){ .kind = a->family ? ADDRESS : UNKNOWN, .address = *a }; }
static struct value nothing(enum kind kind) { return (struct value){ .kind = kind }; }

static struct value meta_value(const struct fw_packet *p, const char *key)
{
    if (strcmp(key, "l4proto") == 0)
        return number(p->protocol);
    if (strcmp(key, "iifname") == 0 || strcmp(key, "iif") == 0)
        return p->interface[0] ? word(p->interface) : nothing(UNKNOWN);
    if (strcmp(key, "nfproto") == 0)
        return word("ipv4");
    if (strcmp(key, "protocol") == 0)
        return word("ip");
    if (strcmp(key, "pkttype") == 0)
        return word("host");
    return nothing(UNKNOWN);
}

static struct value ip_value(const struct fw_packet *p, const char *field)
{
    if (strcmp(field, "protocol") == 0)
        return number(p->protocol);
    if (strcmp(field, "saddr") == 0)
        return address(&p->from);
    if (strcmp(field, "daddr") == 0)
        return address(&p->to);
    if (strcmp(field, "frag-off") == 0)
        return number(p->fragment ? 0x20b9 : 0x4000);
    if (strcmp(field, "version") == 0)
        return number(4);
    return nothing(UNKNOWN);
}

static struct value payload_value(const struct fw_packet *p, json_t *payload)
{
    const char *protocol = text(payload, "protocol"), *field = text(payload, "field");
    bool th = strcmp(protocol, "th") == 0;
    if (strcmp(protocol, "ip") == 0)
        return ip_value(p, field);
    if (strcmp(protocol, "udp") == 0 || th) {
        if (p->fragment || (p->protocol != FW_UDP && !th))
            return nothing(ABSENT);
        bool port = strcmp(field, "dport") == 0 || strcmp(field, "sport") == 0;
        return port && p->protocol == FW_UDP ? number(p->port) : nothing(UNKNOWN);
    }
    static const char *const others[] = { "tcp", "icmp", "icmpv6", "ip6", "sctp", "dccp", "udplite", "ah", "arp", "igmp", "comp" };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(protocol, others[i]) == 0)
            return nothing(ABSENT);
    return nothing(UNKNOWN);
}

static struct value left_value(const struct fw_packet *p, json_t *left)
{
    json_t *inner;
    if ((inner = json_object_get(left, "meta")))
        return meta_value(p, text(inner, "key"));
    if ((inner = json_object_get(left, "payload")))
        return payload_value(p, inner);
    if ((inner = json_object_get(left, "ct")))
        return strcmp(text(inner, "key"), "state") == 0 ? word(p->established ? "established" : "new") : nothing(UNKNOWN);
    if ((inner = json_object_get(left, "&")) && json_array_size(inner) == 2) {
        struct value value = left_value(p, json_array_get(inner, 0));
        if (value.kind == NUMBER && json_is_integer(json_array_get(inner, 1)))
            value.number &= (long)json_integer_value(json_array_get(inner, 1));
        else if (value.kind != ABSENT)
            value.kind = UNKNOWN;
        return value;
    }
    return nothing(UNKNOWN);
}

/* ---- the right side ---- */

static enum fw_tri is_word(const struct value *value, const char *right)
{
    size_t length = strlen(right);
    if (length && right[length - 1] == '*')
        return fw_tri_of(strncmp(value->word, right, length - 1) == 0);
    return fw_tri_of(strcmp(value->word, right) == 0);
}

static enum fw_tri is_named_number(const struct value *value, const char *right)
{
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
        if (strcmp(protocols[i].name, right) == 0)
            return fw_tri_of(value->number == protocols[i].number);
    return FW_MAYBE;
}

static enum fw_tri is_prefix(const struct value *value, json_t *prefix)
{
    struct prefix p;
    char written[PREFIX_TEXT_MAX];
    snprintf(written, sizeof written, "%.44s/%d", text(prefix, "addr"), (int)json_integer_value(json_object_get(prefix, "len")));
    if (value->kind != ADDRESS || !prefix_parse(&p, written))
        return FW_MAYBE;
    return fw_tri_of(prefix_contains(&p, &value->address));
}

static enum fw_tri is_range(const struct value *value, json_t *range)
{
    json_t *low = json_array_get(range, 0), *high = json_array_get(range, 1);
    struct addr first, last;
    if (value->kind == NUMBER && json_is_integer(low) && json_is_integer(high))
        return fw_tri_of(value->number >= json_integer_value(low) && value->number <= json_integer_value(high));
    if (value->kind != ADDRESS || !json_is_string(low) || !json_is_string(high) || !addr_parse(&first, json_string_value(low)) ||
        !addr_parse(&last, json_string_value(high)) || first.family != value->address.family)
        return FW_MAYBE;
    return fw_tri_of(memcmp(first.octets, value->address.octets, 16) <= 0 && memcmp(value->address.octets, last.octets, 16) <= 0);
}

static enum fw_tri is_right(const struct reader *r, const struct value *value, json_t *right, const char *table, unsigned depth);

static enum fw_tri is_one_of(const struct reader *r, const struct value *value, json_t *list, const char *table, unsigned depth)
{
    enum fw_tri any = FW_NO;
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one) {
        enum fw_tri match = is_right(r, value, one, table, depth + 1);
        if (match == FW_YES)
            return FW_YES;
        any = match == FW_MAYBE ? FW_MAYBE : any;
    }
    return any;
}

static void table_name(json_t *object, char out[FW_NAME_MAX])
{
    snprintf(out, FW_NAME_MAX, "%.10s %.80s", text(object, "family"), text(object, "table"));
}

/* A set that is filled from elsewhere, or by rules, holds what it holds now. */
static enum fw_tri is_in_set(const struct reader *r, const struct value *value, const char *name, const char *table, unsigned depth)
{
    size_t i;
    json_t *entry;
    char its_table[FW_NAME_MAX];
    json_array_foreach(r->list, i, entry) {
        json_t *set = json_object_get(entry, "set");
        table_name(set, its_table);
        if (set && strcmp(text(set, "name"), name) == 0 && strcmp(its_table, table) == 0)
            return json_object_get(set, "elem") ? is_one_of(r, value, json_object_get(set, "elem"), table, depth) : FW_NO;
    }
    return FW_MAYBE;
}

static enum fw_tri is_string(const struct reader *r, const struct value *value, const char *right, const char *table, unsigned depth)
{
    struct addr other;
    if (right[0] == '@')
        return is_in_set(r, value, right + 1, table, depth);
    if (value->kind == WORD)
        return is_word(value, right);
    if (value->kind == NUMBER)
        return is_named_number(value, right);
    return addr_parse(&other, right) ? fw_tri_of(addr_equal(&value->address, &other)) : FW_MAYBE;
}

static enum fw_tri is_right(const struct reader *r, const struct value *value, json_t *right, const char *table, unsigned depth)
{
    json_t *inner;
    if (depth > 8)
        return FW_MAYBE;
    if (json_is_integer(right))
        return value->kind == NUMBER ? fw_tri_of(value->number == json_integer_value(right)) : FW_MAYBE;
    if (json_is_string(right))
        return is_string(r, value, json_string_value(right), table, depth);
    if (json_is_array(right))
        return is_one_of(r, value, right, table, depth);
    if ((inner = json_object_get(right, "set")))
        return json_is_array(inner) ? is_one_of(r, value, inner, table, depth) : is_right(r, value, inner, table, depth + 1);
    if ((inner = json_object_get(right, "elem")))
        return is_right(r, value, json_object_get(inner, "val"), table, depth + 1);
    if ((inner = json_object_get(right, "prefix")))
        return is_prefix(value, inner);
    if ((inner = json_object_get(right, "range")))
        return is_range(value, inner);
    return FW_MAYBE;
}

static enum fw_tri match_value(const struct reader *r, json_t *match, const char *table)
{
    struct value value = left_value(r->packet, json_object_get(match, "left"));
    const char *op = text(match, "op");
    if (value.kind == ABSENT)
        return FW_NO;                    /* the rule ends there, whatever it compares */
    if (value.kind == UNKNOWN)
        return FW_MAYBE;
    enum fw_tri equal = is_right(r, &value, json_object_get(match, "right"), table, 0);
    if (strcmp(op, "==") == 0 || strcmp(op, "in") == 0)
        return equal;
    return strcmp(op, "!=") == 0 ? fw_not(equal) : FW_MAYBE;
}

/* ---- rules ---- */

static const struct {
    const char *name;
    enum fw_action action;
} verdicts[] = {
    { "accept", FW_ACCEPT }, { "drop", FW_DROP }, { "reject", FW_DROP }, { "return", FW_RETURN }, { "jump", FW_JUMP }, { "goto", FW_GOTO },
};

/* `statement` is a verdict: FW_GO_ON when it is not. */
static enum fw_action verdict_of(json_t *statement, const char **target)
{
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++) {
        json_t *inner = json_object_get(statement, verdicts[i].name);
        if (!inner)
            continue;
        *target = text(inner, "target");
        return verdicts[i].action;
    }
    return FW_GO_ON;
}

/* { "vmap": { "key": ..., "data": { "set": [ [ key, verdict ], ... ] } } } */
static bool add_map(const struct reader *r, struct fw_chain *chain, json_t *map, enum fw_tri match)
{
    struct value value = left_value(r->packet, json_object_get(map, "key"));
    json_t *data = json_object_get(map, "data"), *pair, *pairs = json_object_get(data, "set");
    size_t i;
    bool fine = true;
    if (match == FW_NO || value.kind == ABSENT)
        return true;
    if (!json_is_array(pairs))
        return fw_step_add(chain, FW_MAYBE, FW_DROP, NULL) && fw_step_add(chain, FW_MAYBE, FW_ACCEPT, NULL);
    json_array_foreach(pairs, i, pair) {
        const char *target = NULL;
        enum fw_action action = verdict_of(json_array_get(pair, 1), &target);
        enum fw_tri here = value.kind == UNKNOWN ? FW_MAYBE : is_right(r, &value, json_array_get(pair, 0), chain->table, 0);
        fine &= fw_step_add(chain, fw_and(match, here), action, target);
    }
    return fine;
}

/* Statements that let a packet go on, at the most with something noted or changed. */
static bool is_neutral(json_t *statement)
{
    static const char *const names[] = { "counter", "log", "mangle", "notrack", "set", "ct helper", "flow", "dup", "comment" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (json_object_get(statement, names[i]))
            return true;
    return false;
}

/* What iptables-nft leaves untranslated; true when the rule ends there. */
static bool add_extension(struct fw_chain *chain, json_t *xt, enum fw_tri *match, bool *fine)
{
    const char *name = text(xt, "name");
    bool drops = strcmp(name, "REJECT") == 0 || strcmp(name, "DROP") == 0;
    if (strcmp(text(xt, "type"), "target") == 0) {
        *fine = !drops || fw_step_add(chain, *match, FW_DROP, NULL);
        return drops;
    }
    if (strcmp(name, "comment") != 0)
        *match = fw_and(*match, FW_MAYBE);
    return false;
}

static bool add_rule(const struct reader *r, struct fw_chain *chain, json_t *rule)
{
    enum fw_tri match = FW_YES;
    bool fine = true;
    size_t i;
    json_t *statement, *inner;
    json_array_foreach(json_object_get(rule, "expr"), i, statement) {
        const char *target = NULL;
        enum fw_action action = verdict_of(statement, &target);
        if (action != FW_GO_ON)
            return fw_step_add(chain, match, action, target);
        if ((inner = json_object_get(statement, "match")))
            match = fw_and(match, match_value(r, inner, chain->table));
        else if ((inner = json_object_get(statement, "vmap")))
            return add_map(r, chain, inner, match);
        else if ((inner = json_object_get(statement, "xt"))) {
            if (add_extension(chain, inner, &match, &fine))
                return fine;
        } else if (json_object_get(statement, "queue"))
            return fw_step_add(chain, FW_MAYBE, FW_DROP, NULL) && fw_step_add(chain, match, FW_ACCEPT, NULL);
        else if (!is_neutral(statement))
            match = fw_and(match, FW_MAYBE);
    }
    return true;
}

/* ---- tables ---- */

static bool is_of_iptables(json_t *chain)
{
    static const char *const tables[] = { "filter", "nat", "mangle", "raw", "security" };
    const char *name = text(chain, "name");
    bool upper = strcmp(name, "INPUT") == 0 || strcmp(name, "PREROUTING") == 0 || strcmp(name, "FORWARD") == 0;
    for (size_t i = 0; upper && i < sizeof tables / sizeof *tables; i++)
        if (strcmp(text(chain, "family"), "ip") == 0 && strcmp(text(chain, "table"), tables[i]) == 0)
            return true;
    return false;
}

bool fw_nft_has_iptables(json_t *ruleset)
{
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(ruleset, "nftables"), i, entry)
        if (is_of_iptables(json_object_get(entry, "chain")))
            return true;
    return false;
}

static bool concerns_ipv4(json_t *object)
{
    const char *family = text(object, "family");
    return strcmp(family, "ip") == 0 || strcmp(family, "inet") == 0 || strcmp(family, "netdev") == 0;
}

static bool add_chain(struct fw *fw, json_t *object, bool without_iptables)
{
    char table[FW_NAME_MAX];
    const char *hook = text(object, "hook");
    table_name(object, table);
    struct fw_chain *chain = fw_chain_add(fw, table, text(object, "name"));
    if (!chain)
        return false;
    chain->base = hook[0] && !(without_iptables && is_of_iptables(object));
    chain->drops = strcmp(text(object, "policy"), "drop") == 0;
    chain->hook = strcmp(hook, "input") == 0 ? FW_HOOK_INPUT
                  : strcmp(hook, "prerouting") == 0 || strcmp(hook, "ingress") == 0 ? FW_HOOK_EARLY : FW_HOOK_NONE;
    return true;
}

bool fw_nft_add(struct fw *fw, json_t *ruleset, const struct fw_packet *packet, bool without_iptables)
{
    struct reader reader = { .list = json_object_get(ruleset, "nftables"), .packet = packet };
    size_t i;
    json_t *entry, *object;
    char table[FW_NAME_MAX];
    bool fine = json_is_array(reader.list);
    json_array_foreach(reader.list, i, entry)
        if ((object = json_object_get(entry, "chain")) && concerns_ipv4(object))
            fine &= add_chain(fw, object, without_iptables);
    json_array_foreach(reader.list, i, entry) {
        object = json_object_get(entry, "rule");
        if (!object || !concerns_ipv4(object))
            continue;
        table_name(object, table);
        struct fw_chain *chain = fw_chain_find(fw, table, text(object, "chain"));
        fine &= chain && add_rule(&reader, chain, object);
    }
    return fine;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what iptables-save prints: tables, chains with their policies, rules of options. An option that is not known may
 * match or not. Entry point: fw_iptables_add.
 */
#include "cli/firewall.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 64, LINE_MAX = 2048 };

struct rule {
    const struct fw_packet *packet;
    char *words[WORDS_MAX];
    size_t count, at;
    enum fw_tri match;
    bool inverted;
    enum fw_action action;
    const char *target;
};

/* Words, and quotes around comments, with a backslash before a quote inside; in place. */
static size_t split(char *line, char *words[WORDS_MAX])
{
    size_t count = 0;
    for (char *c = line; *c && count < WORDS_MAX;) {
        c += strspn(c, " \t");
        if (!*c)
            break;
        bool quoted = *c == '"';
        words[count++] = c += quoted;
        while (*c && !(quoted ? *c == '"' : *c == ' ' || *c == '\t'))
            c += c[0] == '\\' && c[1] ? 2 : 1;
        if (*c)
            *c++ = '\0';
    }
    return count;
}

static bool is_port_in(const char *list, uint16_t port)
{
    for (const char *at = list; *at; at += *at == ',') {
        char *end;
        unsigned long first = strtoul(at, &end, 10), last = first;
        if (*end == ':')
            last = strtoul(end + 1, &end, 10);
        if (port >= first && port <= last)
            return true;
        if (end == at)
            return false;
        at = end;
    }
    return false;
}

static enum fw_tri is_port(const struct fw_packet *p, const char *list)
{
    if (p->fragment || p->protocol != FW_UDP)
        return FW_NO;
    return fw_tri_of(is_port_in(list, p->port));
}

static enum fw_tri is_address(const struct addr *address, const char *text)
{
    struct prefix prefix;
    struct addr one;
    if (!address->family)
        return FW_MAYBE;
    if (prefix_parse(&prefix, text))
        return fw_tri_of(prefix_contains(&prefix, address));
    return addr_parse(&one, text) ? fw_tri_of(addr_equal(&one, address)) : FW_MAYBE;
}

static enum fw_tri match_protocol(const struct fw_packet *p, const char *text)
{
    if (strcmp(text, "all") == 0)
        return FW_YES;
    return fw_tri_of((p->protocol == FW_UDP && (strcmp(text, "udp") == 0 || strcmp(text, "17") == 0)) ||
                     (p->protocol == FW_ESP && (strcmp(text, "esp") == 0 || strcmp(text, "50") == 0)));
}

static enum fw_tri match_interface(const struct fw_packet *p, const char *text)
{
    size_t length = strlen(text);
    if (!p->interface[0])
        return FW_MAYBE;
    return fw_tri_of(length && text[length - 1] == '+' ? strncmp(text, p->interface, length - 1) == 0 : strcmp(text, p->interface) == 0);
}

static enum fw_tri match_from(const struct fw_packet *p, const char *text) { return is_address(&p->from, text); }
static enum fw_tri match_to(const struct fw_packet *p, const char *text) { return is_address(&p->to, text); }

static enum fw_tri match_state(const struct fw_packet *p, const char *text)
{
    return fw_tri_of(strstr(text, p->established ? "ESTABLISHED" : "NEW") != NULL);
}

/* The extension's name tells nothing, its options do. */
static enum fw_tri match_extension(const struct fw_packet *p, const char *text)
{
    static const char *const known[] = { "udp", "tcp", "comment", "conntrack", "state", "multiport", "esp" };
    (void)p;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(text, known[i]) == 0)
            return FW_YES;
    return FW_MAYBE;
}

static enum fw_tri match_comment(const struct fw_packet *p, const char *text)
{
    (void)p;
    (void)text;
    return FW_YES;
}

static const struct option {
    const char *name;
    enum fw_tri (*match)(const struct fw_packet *packet, const char *text);
} options[] = {
    { "-p", match_protocol },      { "-i", match_interface },   { "-s", match_from },        { "-d", match_to },
    { "-m", match_extension },     { "--dport", is_port },      { "--dports", is_port },     { "--sport", is_port },
    { "--sports", is_port },       { "--ports", is_port },      { "--state", match_state },  { "--ctstate", match_state },
    { "--comment", match_comment },
};

static const struct {
    const char *name;
    enum fw_action action;
} targets[] = {
    { "ACCEPT", FW_ACCEPT }, { "DROP", FW_DROP },    { "REJECT", FW_DROP },   { "RETURN", FW_RETURN }, { "LOG", FW_GO_ON },
    { "NFLOG", FW_GO_ON },   { "MARK", FW_GO_ON },   { "CONNMARK", FW_GO_ON }, { "NOTRACK", FW_GO_ON }, { "CT", FW_GO_ON },
    { "TCPMSS", FW_GO_ON },  { "DNAT", FW_ACCEPT },  { "REDIRECT", FW_ACCEPT }, { "AUDIT", FW_GO_ON },
};

static void take_target(struct rule *rule, const char *name, bool jump)
{
    rule->action = jump ? FW_JUMP : FW_GOTO;
    rule->target = name;
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        if (strcmp(targets[i].name, name) == 0)
            rule->action = targets[i].action;
}

static void take_match(struct rule *rule, enum fw_tri match)
{
    rule->match = fw_and(rule->match, rule->inverted ? fw_not(match) : match);
    rule->inverted = false;
}

/* One option and its value. False: the rest belongs to the target. */
static bool take_option(struct rule *rule)
{
    const char *word = rule->words[rule->at++];
    const char *value = rule->at < rule->count ? rule->words[rule->at] : "";
    if (strcmp(word, "!") == 0) {
        rule->inverted = true;
        return true;
    }
    if (strcmp(word, "-j") == 0 || strcmp(word, "-g") == 0) {
        take_target(rule, value, word[1] == 'j');
        return false;
    }
    if (strcmp(word, "-f") == 0) {
        take_match(rule, fw_tri_of(rule->packet->fragment));
        return true;
    }
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (strcmp(options[i].name, word) == 0) {
            rule->at++;
            take_match(rule, options[i].match(rule->packet, value));
            return true;
        }
    if (word[0] == '-')
        take_match(rule, FW_MAYBE);
    return true;
}

static bool add_rule(struct fw *fw, const char *table, char *line, const struct fw_packet *packet)
{
    struct rule rule = { .packet = packet, .match = FW_YES, .at = 2 };
    rule.count = split(line, rule.words);
    struct fw_chain *chain = rule.count > 1 ? fw_chain_find(fw, table, rule.words[1]) : NULL;
    if (!chain)
        return false;
    while (rule.at < rule.count && take_option(&rule))
        ;
    return fw_step_add(chain, rule.match, rule.action, rule.target);
}

/* ":INPUT DROP [0:0]"; a chain of one's own has "-" for a policy. */
static bool add_chain(struct fw *fw, const char *table, char *line)
{
    char *words[WORDS_MAX];
    if (split(line + 1, words) < 2)
        return false;
    struct fw_chain *chain = fw_chain_add(fw, table, words[0]);
    if (!chain)
        return false;
    chain->base = strcmp(words[1], "-") != 0;
    chain->drops = strcmp(words[1], "DROP") == 0;
    chain->hook = strcmp(words[0], "INPUT") == 0 ? FW_HOOK_INPUT : strcmp(words[0], "PREROUTING") == 0 ? FW_HOOK_EARLY : FW_HOOK_NONE;
    return true;
}

bool fw_iptables_add(struct fw *fw, const char *saved, const struct fw_packet *packet)
{
    char table[FW_NAME_MAX] = "iptables", line[LINE_MAX];
    bool fine = true;
    for (const char *at = saved; *at; at += *at == '\n') {
        size_t length = strcspn(at, "\n");
        snprintf(line, sizeof line, "%.*s", (int)length, at);
        at += length;
        if (line[0] == '*')
            snprintf(table, sizeof table, "iptables %.80s", line + 1);
        else if (line[0] == ':')
            fine &= add_chain(fw, table, line);
        else if (strncmp(line, "-A ", 3) == 0)
            fine &= length < sizeof line && add_rule(fw, table, line, packet);
    }
    return fine;
}

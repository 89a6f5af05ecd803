/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the look at the packet filter: which packets of a headend are held against it, what becomes of each, and what to
 * say. Rules are read as nft and iptables-save print them. Nothing is loaded for it: where nf_tables is not there, no rule
 * of it can be. Entry point: check_firewall.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/check.h"
#include "cli/firewall.h"

struct ruleset {
    json_t *nft;                         /* NULL: none */
    char *iptables;                      /* both kinds, one after the other; NULL: none */
    bool firewalld;
};

/* A packet that must come in, and how bad it is if it does not. */
static const struct probe {
    const char *what;
    uint8_t protocol;
    uint16_t port;
    bool established, fragment;
    enum fw_hook hook;
    enum check_verdict verdict;
    const char *why;                     /* when it is dropped */
} probes[] = {
    { "answers on UDP port 500", FW_UDP, 500, true, false, FW_HOOK_INPUT, CHECK_FAILURE, "no tunnel can come up" },
    { "answers on UDP port 4500", FW_UDP, 4500, true, false, FW_HOOK_INPUT, CHECK_FAILURE, "no tunnel can come up through NAT, nor with encapsulation=yes" },
    { "what a headend begins on UDP port 500", FW_UDP, 500, false, false, FW_HOOK_INPUT, CHECK_WARNING,
      "OCI cannot bring a tunnel up by itself, as it does after maintenance" },
    { "what a headend begins on UDP port 4500", FW_UDP, 4500, false, false, FW_HOOK_INPUT, CHECK_WARNING,
      "OCI cannot bring a tunnel up by itself, and traffic after a pause may be dropped" },
    { "ESP", FW_ESP, 0, false, false, FW_HOOK_INPUT, CHECK_WARNING, "without NAT, tunnels come up and carry nothing, unless encapsulation=yes" },
    { "UDP port 500, before input", FW_UDP, 500, true, false, FW_HOOK_EARLY, CHECK_FAILURE, "no tunnel can come up" },
    { "UDP port 4500, before input", FW_UDP, 4500, true, false, FW_HOOK_EARLY, CHECK_FAILURE, "no tunnel can come up through NAT" },
    { "IP fragments", FW_UDP, 500, false, true, FW_HOOK_EARLY, CHECK_WARNING, "OCI's own first message is fragmented, so OCI cannot begin" },
};

enum { ESP_PROBE = 4 }; /* its place in the table */

static bool has_headend(const struct check *check, struct addr *headend)
{
    for (size_t i = 0; i < check->conf.count; i++)
        if (conf_far(&check->conf.conns[i])->addr.family == ADDR_V4) {
            *headend = conf_far(&check->conf.conns[i])->addr;
            return true;
        }
    return addr_parse(headend, "192.0.2.1"); /* an address of nobody, RFC 5737 */
}

static struct fw_packet packet_of(const struct check *check, const struct probe *probe)
{
    struct fw_packet packet = { .protocol = probe->protocol, .port = probe->port, .to = check->source, .established = probe->established,
                                .fragment = probe->fragment };
    has_headend(check, &packet.from);
    snprintf(packet.interface, sizeof packet.interface, "%s", check->outer);
    return packet;
}

static void put_cure(const struct check *check, const struct ruleset *rules, const struct probe *probe, const char *where, char out[CHECK_TEXT_MAX])
{
    char family[16] = "inet", table[64] = "filter", chain[64] = "input";
    if (rules->firewalld)
        snprintf(out, CHECK_TEXT_MAX, "firewall-cmd --permanent --add-service=ipsec && firewall-cmd --reload");
    else if (strncmp(where, "iptables ", 9) == 0 && !probe->fragment)
        snprintf(out, CHECK_TEXT_MAX, "iptables -I INPUT -p udp -m multiport --dports 500,4500 -j ACCEPT; iptables -I INPUT -p esp -j ACCEPT");
    else if (probe->fragment || probe->hook == FW_HOOK_EARLY)
        snprintf(out, CHECK_TEXT_MAX, "take the rule out of chain %s", where);
    else if (sscanf(where, "%15s %63s %63s", family, table, chain) == 3)
        snprintf(out, CHECK_TEXT_MAX, "nft insert rule %s %s %s udp dport '{ 500, 4500 }' accept; nft insert rule %s %s %s meta l4proto esp accept, "
                 "and the same where your rules are kept", family, table, chain, family, table, chain);
    (void)check;
}

static void judge(struct check *check, const struct ruleset *rules, const struct probe *probe, size_t *passed)
{
    struct fw fw = { .chains = NULL };
    const struct fw_packet packet = packet_of(check, probe);
    char where[2 * FW_NAME_MAX + 8] = "", mend[CHECK_TEXT_MAX] = "";
    bool read = (!rules->nft || fw_nft_add(&fw, rules->nft, &packet, rules->iptables != NULL)) &&
                (!rules->iptables || fw_iptables_add(&fw, rules->iptables, &packet));
    enum fw_fate fate = fw_fate(&fw, probe->hook, where);
    put_cure(check, rules, probe, where, mend);
    if (fate == FW_DROPPED)
        check_say(check, probe->verdict, mend, "%s: dropped by %s: %s", probe->what, where, probe->why);
    else if (fate == FW_UNDECIDED || !read)
        check_say(check, CHECK_WARNING, mend, "%s: it cannot be decided whether %s lets it in, because of rules that depend on more than the packet",
                  probe->what, where[0] ? where : "the packet filter");
    else
        ++*passed;
    fw_free(&fw);
}

static bool may_have(const struct check_machine *machine, const char *module)
{
    enum check_module state = check_module(machine, module);
    return state == CHECK_MODULE_THERE || state == CHECK_MODULE_UNKNOWN;
}

static char *run(const struct check_machine *machine, const char *a, const char *b, const char *c, const char *d)
{
    const char *const argv[] = { a, b, c, d, NULL };
    return machine->run(machine, argv);
}

static json_t *read_nft(const struct check_machine *machine)
{
    char *text = run(machine, "nft", "-j", "list", "ruleset");
    json_t *rules = text ? json_loads(text, 0, NULL) : NULL;
    free(text);
    return rules;
}

static void append(char **to, char *more)
{
    size_t used = *to ? strlen(*to) : 0, length = more ? strlen(more) : 0;
    char *joined = length ? realloc(*to, used + length + 2) : NULL;
    if (joined) {
        memcpy(joined + used, more, length + 1);
        *to = joined;
    }
    free(more);
}

/* cppcheck-suppress constParameter ; the type of check_line */
/* cppcheck-suppress constParameter ; the type of a callback */
static bool any_line(void *context, char *line)
{
    (void)context;
    return line[0] != '\0';
}

/* nft's list shows iptables-nft's rules, but not what all of them mean; the legacy kind's not at all. */
static bool read_iptables(struct check *check, struct ruleset *rules)
{
    const struct check_machine *m = &check->machine;
    bool legacy = check_lines(m, "/proc/net/ip_tables_names", any_line, NULL), seen = true;
    if (rules->nft && fw_nft_has_iptables(rules->nft)) {
        char *text = run(m, "iptables-nft-save", NULL, NULL, NULL);
        append(&rules->iptables, text ? text : run(m, "iptables-save", NULL, NULL, NULL));
    }
    if (legacy) {
        char *text = run(m, "iptables-legacy-save", NULL, NULL, NULL);
        text = text ? text : run(m, "iptables-save", NULL, NULL, NULL);
        seen = text != NULL;
        append(&rules->iptables, text);
    }
    return seen;
}

static void free_rules(struct ruleset *rules)
{
    json_decref(rules->nft);
    free(rules->iptables);
}

/* With encapsulation=yes in all of them ESP never comes but in UDP. */
static bool is_wanted(const struct check *check, const struct probe *probe)
{
    bool bare = check->conf.count == 0;
    for (size_t i = 0; i < check->conf.count; i++)
        bare |= check->conf.conns[i].encapsulation != CONF_YES;
    return probe->protocol != FW_ESP || bare;
}

static void judge_all(struct check *check, const struct ruleset *rules)
{
    size_t passed = 0, count = sizeof probes / sizeof *probes;
    for (size_t i = 0; i < count; i++)
        if (is_wanted(check, &probes[i]))
            judge(check, rules, &probes[i], &passed);
        else
            passed++;
    if (passed == count)
        check_say(check, CHECK_OK, NULL, "%s: UDP 500 and 4500%s and fragments from a headend are let in",
                  rules->firewalld ? "firewalld" : rules->nft && rules->iptables ? "nftables and iptables" : rules->iptables ? "iptables" : "nftables",
                  is_wanted(check, &probes[ESP_PROBE]) ? ", ESP" : "");
}

void check_firewall(struct check *check)
{
    struct ruleset rules = { .firewalld = check_runs(&check->machine, "firewalld") };
    bool nft_wanted = may_have(&check->machine, "nf_tables");
    if (check->machine.user != 0) {
        check_say(check, CHECK_UNKNOWN, "sudo minicpe check", "the packet filter's rules are shown to root only");
        return;
    }
    if (nft_wanted)
        rules.nft = read_nft(&check->machine);
    bool iptables_seen = read_iptables(check, &rules);
    if ((nft_wanted && !rules.nft) || !iptables_seen)
        check_say(check, CHECK_UNKNOWN, "apt-get install nftables iptables (or dnf install them)",
                  "the kernel may have rules, and there is no %s that shows them", !iptables_seen ? "iptables-save" : "nft");
    if (rules.nft || rules.iptables)
        judge_all(check, &rules);
    else if (!nft_wanted && iptables_seen)
        check_say(check, CHECK_OK, NULL, "there is no packet filter");
    free_rules(&rules);
}

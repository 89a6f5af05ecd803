/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Would the machine's packet filter let this packet in? A ruleset, as nft prints it in JSON or as iptables-save prints it,
 * is projected onto one packet: what remains are chains of steps that match, do not, or may match; these are walked.
 */
#ifndef CLI_FIREWALL_H
#define CLI_FIREWALL_H

#include <jansson.h>
#include <net/if.h>

#include "base/addr.h"

enum { FW_NAME_MAX = 96, FW_UDP = 17, FW_ESP = 50 };

enum fw_tri { FW_NO, FW_YES, FW_MAYBE };
enum fw_action { FW_GO_ON, FW_ACCEPT, FW_DROP, FW_RETURN, FW_JUMP, FW_GOTO };
enum fw_hook { FW_HOOK_NONE, FW_HOOK_EARLY, FW_HOOK_INPUT }; /* EARLY: prerouting and ingress, where fragments are still such */

struct fw_packet {
    uint8_t protocol;
    uint16_t port;                       /* of both ends */
    struct addr from, to;                /* `to` may be unknown: family none */
    char interface[IF_NAMESIZE];         /* empty: unknown */
    bool established;                    /* an answer to ours, as connection tracking sees it */
    bool fragment;                       /* not the first one, so without ports */
};

struct fw_step {
    enum fw_tri match;
    enum fw_action action;
    char target[FW_NAME_MAX];            /* of JUMP, GOTO: a chain of the same table */
};

struct fw_chain {
    char table[FW_NAME_MAX], name[FW_NAME_MAX];
    enum fw_hook hook;
    bool base, drops;                    /* `drops`: by policy */
    struct fw_step *steps;
    size_t count;
};

struct fw {
    struct fw_chain *chains;
    size_t count;
};

enum fw_fate { FW_PASSES, FW_DROPPED, FW_UNDECIDED };

/* Adds the chains of one ruleset. False: it is not understood, or there is no memory. */
bool fw_nft_add(struct fw *fw, json_t *ruleset, const struct fw_packet *packet, bool without_iptables);
bool fw_iptables_add(struct fw *fw, const char *saved, const struct fw_packet *packet);
/* Does nft's list hold tables that iptables-nft made? */
bool fw_nft_has_iptables(json_t *ruleset);
/* What happens at this hook; `where` gets the chain that drops, or that cannot be decided. */
enum fw_fate fw_fate(const struct fw *fw, enum fw_hook hook, char where[2 * FW_NAME_MAX + 8]);
void fw_free(struct fw *fw);

/* For the two readers. NULL: no memory. */
struct fw_chain *fw_chain_add(struct fw *fw, const char *table, const char *name);
struct fw_chain *fw_chain_find(const struct fw *fw, const char *table, const char *name);
bool fw_step_add(struct fw_chain *chain, enum fw_tri match, enum fw_action action, const char *target);
static inline enum fw_tri fw_and(enum fw_tri a, enum fw_tri b)
{
    return a == FW_NO || b == FW_NO ? FW_NO : a == FW_MAYBE || b == FW_MAYBE ? FW_MAYBE : FW_YES;
}
static inline enum fw_tri fw_not(enum fw_tri a) { return a == FW_NO ? FW_YES : a == FW_YES ? FW_NO : FW_MAYBE; }
static inline enum fw_tri fw_tri_of(bool yes) { return yes ? FW_YES : FW_NO; }

#endif

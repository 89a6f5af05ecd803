/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the walk over projected chains, where a step that may match leads both ways. Entry points: fw_fate, fw_free. Every
 * base chain of a hook must let the packet pass; only a drop is final. Pure.
 */
#include "cli/firewall.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 16 };
enum { CAN_PASS = 1, CAN_DROP = 2, CAN_GO_ON = 4 }; /* GO_ON: back to the chain that jumped here */

struct fw_chain *fw_chain_find(const struct fw *fw, const char *table, const char *name)
{
    for (size_t i = 0; i < fw->count; i++)
        if (strcmp(fw->chains[i].table, table) == 0 && strcmp(fw->chains[i].name, name) == 0)
            return &fw->chains[i];
    return NULL;
}

/* Doubles at powers of two. */
static bool grow(void **array, size_t count, size_t size)
{
    if (count & (count - 1) && count)
        return true;
    void *grown = realloc(*array, (count ? 2 * count : 1) * size);
    if (grown)
        *array = grown;
    return grown != NULL;
}

struct fw_chain *fw_chain_add(struct fw *fw, const char *table, const char *name)
{
    void *array = fw->chains;
    if (!grow(&array, fw->count, sizeof *fw->chains))
        return NULL;
    fw->chains = array;
    struct fw_chain *chain = &fw->chains[fw->count++];
    *chain = (struct fw_chain){ .steps = NULL };
    snprintf(chain->table, sizeof chain->table, "%s", table);
    snprintf(chain->name, sizeof chain->name, "%s", name);
    return chain;
}

bool fw_step_add(struct fw_chain *chain, enum fw_tri match, enum fw_action action, const char *target)
{
    void *array = chain->steps;
    if (match == FW_NO || action == FW_GO_ON)
        return true;
    if (!grow(&array, chain->count, sizeof *chain->steps))
        return false;
    chain->steps = array;
    struct fw_step *step = &chain->steps[chain->count++];
    *step = (struct fw_step){ .match = match, .action = action };
    snprintf(step->target, sizeof step->target, "%s", target ? target : "");
    return true;
}

static unsigned walk(const struct fw *fw, const struct fw_chain *chain, unsigned depth);

/* Where one step can lead, if it matches. */
static unsigned take_step(const struct fw *fw, const struct fw_chain *chain, const struct fw_step *step, unsigned depth)
{
    const struct fw_chain *target;
    switch (step->action) {
    case FW_ACCEPT: return CAN_PASS;
    case FW_DROP: return CAN_DROP;
    case FW_JUMP:
    case FW_GOTO:
        target = fw_chain_find(fw, chain->table, step->target);
        return target && depth < DEPTH_MAX ? walk(fw, target, depth + 1) : CAN_PASS | CAN_DROP | CAN_GO_ON;
    case FW_RETURN:
    case FW_GO_ON: break;
    }
    return CAN_GO_ON;
}

static unsigned end_of(const struct fw_chain *chain)
{
    return !chain->base ? CAN_GO_ON : chain->drops ? CAN_DROP : CAN_PASS;
}

/* After RETURN, and after a GOTO that comes back, the chain is at its end; after a JUMP it goes on. */
static unsigned walk(const struct fw *fw, const struct fw_chain *chain, unsigned depth)
{
    unsigned fates = 0;
    for (size_t i = 0; i < chain->count; i++) {
        const struct fw_step *step = &chain->steps[i];
        unsigned can = take_step(fw, chain, step, depth);
        bool ends = step->action == FW_RETURN || step->action == FW_GOTO;
        fates |= can & (CAN_PASS | CAN_DROP);
        if (ends && can & CAN_GO_ON)
            fates |= end_of(chain);
        if (step->match == FW_YES && (ends || !(can & CAN_GO_ON)))
            return fates;
    }
    return fates | end_of(chain);
}

enum fw_fate fw_fate(const struct fw *fw, enum fw_hook hook, char where[2 * FW_NAME_MAX + 8])
{
    enum fw_fate fate = FW_PASSES;
    where[0] = '\0';
    for (size_t i = 0; i < fw->count; i++) {
        const struct fw_chain *chain = &fw->chains[i];
        if (!chain->base || chain->hook != hook)
            continue;
        unsigned fates = walk(fw, chain, 0);
        if (!(fates & CAN_DROP) || (fate == FW_UNDECIDED && fates & CAN_PASS))
            continue;
        snprintf(where, 2 * FW_NAME_MAX + 8, "%s %s", chain->table, chain->name);
        if (!(fates & CAN_PASS))
            return FW_DROPPED;
        fate = FW_UNDECIDED;
    }
    return fate;
}

void fw_free(struct fw *fw)
{
    for (size_t i = 0; i < fw->count; i++)
        free(fw->chains[i].steps);
    free(fw->chains);
    *fw = (struct fw){ .chains = NULL };
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a file read anew changes. A conn is known by its name and keeps its slot for as long as it is configured; the
 * slots of those that are gone are holes, which later ones fill. With mark=-1 it keeps its number, too.
 */
#ifndef CONF_DIFF_H
#define CONF_DIFF_H

#include "conf/conf.h"

enum conf_fate {
    CONF_SAME,
    CONF_TUNED,      /* values that need no new SA */
    CONF_RENEWED,    /* its SAs cannot stay */
    CONF_ADDED,
    CONF_REMOVED,
};

/* One difference: a conn that came or went, or one key of one that stays. */
struct conf_change {
    enum conf_fate fate;
    const char *name;                    /* of the conn */
    const char *file;                    /* where its section begins; of a secret: where that stands */
    uint32_t line;
    char key[32];                        /* "rightsubnet"; of TUNED and RENEWED */
    char before[160], after[160];        /* canonical, cut where longer; empty: none; both empty: a secret */
};

typedef void conf_each_change(void *context, const struct conf_change *change);

/*
 * The conns of `fresh`, in the slots and with the numbers of `now` where they have the same name: `next` is to be freed. What became of each
 * slot is in `fates`, room for CONF_CONNS_MAX. Pure, but for memory: -1 when there is none.
 */
int conf_place(const struct conf *now, const struct conf *fresh, struct conf *next, enum conf_fate *fates);
/* Each difference, slot by slot, keys in table order. */
void conf_each_difference(const struct conf *now, const struct conf *next, conf_each_change *each, void *context);
/* "+ NAME (FILE:LINE)", "- NAME", "~ NAME KEY BEFORE -> AFTER"; never a secret. */
size_t conf_change_print(const struct conf_change *change, char *out, size_t size);

#endif

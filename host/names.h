/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the name service, all at once and for a limited time. What it answers is parsed by processes without
 * privilege, one a name; what they say of it is checked here.
 */
#ifndef HOST_NAMES_H
#define HOST_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"

struct name_question {
    const char *name;
    struct addr addr;          /* family none: there is no answer, because of: */
    int error;                 /* EAI_*, see gai_strerror(3) */
    bool silent;               /* no answer came within the time */
};

/*
 * Called in each process that is to ask, before it does: it gives up what it may, closes all but the standard streams (its
 * answer goes to standard output) and forgets secrets. False: it must not ask.
 */
typedef bool names_become(void *context);

/* IPv4 first: that is what the headends speak. Returns after `seconds` at the latest. `become` may be NULL. */
void names_ask(struct name_question *questions, size_t count, unsigned seconds, names_become *become, void *context);

#endif

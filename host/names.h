/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the name service, all at once and for a limited time. What it answers is parsed by processes without
 * privilege, one a name; what they say of it is checked here.
 */
#ifndef HOST_NAMES_H
#define HOST_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/addr.h"

struct name_question {
    const char *name;
    struct addr addr;          /* family none: there is no answer, because of: */
    int error;                 /* EAI_*, see gai_strerror(3) */
    bool silent;               /* no answer came within the time */
};

struct names_asker {
    /*
     * In each process that is to ask, before it does: it gives up what it may, closes all but the standard streams (its answer
     * goes to standard output) and forgets secrets. False: it must not ask.
     */
    bool (*become)(void *context);
    /* In the caller: ends that process, which may be another user's by now. */
    void (*end)(void *context, pid_t process);
    void *context;
};

/* IPv4 first: that is what the headends speak. Returns after `seconds` at the latest. */
void names_ask(struct name_question *questions, size_t count, unsigned seconds, const struct names_asker *asker);

#endif

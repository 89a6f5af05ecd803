/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the order of a reload: files, difference, data plane, which tells the engine. Whatever is wrong with the files is
 * found before anything is touched, and the data plane changes all or nothing.
 */
#include "daemon/reload.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/diff.h"
#include "daemon/clock.h"
#include "daemon/files.h"

struct counts {
    size_t added, removed, changed, untouched;
};

static void say(const struct dp_teller *teller, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(const struct dp_teller *teller, const char *format, ...)
{
    char line[DP_LINE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    teller->say(teller->context, line);
}

static void say_change(void *context, const struct conf_change *change)
{
    char line[DP_LINE_MAX];
    conf_change_print(change, line, sizeof line);
    say(context, "%s", line);
}

static void count(struct counts *counts, const enum conf_fate *fates, const struct conf *next)
{
    for (size_t i = 0; i < next->count; i++) {
        counts->added += fates[i] == CONF_ADDED;
        counts->removed += fates[i] == CONF_REMOVED;
        counts->changed += fates[i] == CONF_TUNED || fates[i] == CONF_RENEWED;
        counts->untouched += fates[i] == CONF_SAME && !conf_is_hole(&next->conns[i]);
    }
}

/* The sockets were bound at the start, by a process that may do so no more. */
static void keep_listen(const struct conf *now, struct conf *next, const struct dp_teller *teller)
{
    if (!addr_equal(&now->listen, &next->listen))
        say(teller, "listen= is another now: that is taken up by a start (systemctl restart minicpe), not by a reload");
    next->listen = now->listen;
}

static bool apply(const struct conf *now, struct conf *next, const enum conf_fate *fates, struct dp_server *server, const struct dp_teller *teller)
{
    char why[DP_WHY_MAX];
    bool renewed[CONF_CONNS_MAX];
    struct counts counts = { 0 };
    union { const struct dp_teller *read; void *any; } context = { .read = teller };
    for (size_t i = 0; i < CONF_CONNS_MAX; i++)
        renewed[i] = fates[i] > CONF_TUNED;
    conf_each_difference(now, next, say_change, context.any);
    keep_listen(now, next, teller);
    if (dp_server_reload(server, next, renewed, clock_mono(), teller, why)) {
        say(teller, "error: %s", why);
        return false;
    }
    count(&counts, fates, next);
    say(teller, "%zu added, %zu removed, %zu changed, %zu untouched", counts.added, counts.removed, counts.changed, counts.untouched);
    return true;
}

static void drop(struct conf *conf)
{
    if (conf)
        conf_free(conf);
    free(conf);
}

/* What is to run, by slots; NULL: it was told why not. */
static struct conf *read_next(const struct options *options, const struct conf *now, enum conf_fate *fates, const struct dp_teller *teller)
{
    struct conf fresh, *next = calloc(1, sizeof *next);
    if (files_load_again(options, now, &fresh, teller->say, teller->context) < 0) {
        free(next);
        return NULL;
    }
    if (!next || conf_place(now, &fresh, next, fates) < 0) {
        say(teller, "error: out of memory");
        free(next);
        next = NULL;
    }
    conf_free(&fresh);
    return next;
}

bool reload_run(const struct options *options, struct conf **conf, struct dp_server *server, const struct dp_teller *teller)
{
    enum conf_fate fates[CONF_CONNS_MAX];
    struct conf *next = read_next(options, *conf, fates, teller);
    if (!next || !apply(*conf, next, fates, server, teller)) {
        drop(next);
        say(teller, "nothing was changed: what ran goes on as it was");
        return false;
    }
    drop(*conf); /* the secrets of before go with it */
    *conf = next;
    return true;
}

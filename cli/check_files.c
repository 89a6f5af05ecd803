/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the looks at the two files, with everything that `minicpe -t` says of them, and `--explain`. */
#include "cli/check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { DAY_S = 86400, OLD_DAYS = 730 };

/* A file may be checked on another machine than it is for. */
static void orient(struct check *check)
{
    struct addr *own = NULL;
    size_t count = 0, from = check->report.count;
    if (check->machine.own(&own, &count) == 0)
        conf_orient(&check->conf, own, count, &check->report);
    free(own);
    for (size_t i = from; i < check->report.count; i++)
        if (check->report.messages[i].severity == CONF_ERROR)
            check->report.messages[i].severity = CONF_WARNING;
}

static void tell(struct check *check, const struct conf_message *message)
{
    char text[800];
    if (message->severity == CONF_NOTE)
        return;
    conf_message_print(message, text, sizeof text);
    check_say(check, message->severity == CONF_ERROR ? CHECK_FAILURE : CHECK_WARNING, NULL, "%s", text);
}

void check_files(struct check *check)
{
    check->loaded = conf_load(&check->conf, check->path, check->secrets, false, &check->report) == 0;
    if (check->loaded)
        orient(check);
    for (size_t i = 0; i < check->report.count; i++)
        tell(check, &check->report.messages[i]);
    if (check->loaded)
        check_say(check, CHECK_OK, NULL, "%s: %zu tunnel%s; --explain tells what each line does", check->path, check->conf.count,
                  check->conf.count == 1 ? "" : "s");
}

/* Each file once, however many tunnels have their secret there. */
static bool is_first(const struct conf *conf, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(conf->conns[i].psk_file, conf->conns[index].psk_file) == 0)
            return false;
    return true;
}

void check_secrets(struct check *check)
{
    struct check_clock clock;
    struct stat status;
    check->machine.clock(&clock);
    for (size_t i = 0; i < check->conf.count; i++) {
        const char *path = check->conf.conns[i].psk_file;
        if (!is_first(&check->conf, i) || stat(path, &status) != 0)
            continue;
        long long days = (clock.now - status.st_mtime) / DAY_S;
        unsigned mode = (unsigned)(status.st_mode & 07777);
        if (days > OLD_DAYS)
            check_say(check, CHECK_WARNING, "set new secrets in OCI's console, one tunnel after the other, and here",
                      "%s: mode %04o, written %lld days ago; who has seen these secrets meanwhile can pretend to be either end", path, mode, days);
        else
            check_say(check, CHECK_OK, NULL, "%s: mode %04o, written %lld day%s ago", path, mode, days < 0 ? 0 : days, days == 1 ? "" : "s");
    }
}

/* ---- --explain ---- */

static void put_line(void *context, const struct conf_line *line)
{
    static const char *const words[] = { "used", "as it is anyway", "not used", "refused", "not loaded" };
    fprintf(context, "%s:%u: %s%s%s=%s: %s%s%s\n", line->file, (unsigned)line->line, line->section, line->section[0] ? ": " : "", line->key,
            line->value, words[line->use], line->why[0] ? ": " : "", line->why);
}

int check_explain(const char *path, FILE *out)
{
    return conf_explain(path, put_line, out) == 0 ? 0 : 2;
}

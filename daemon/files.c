/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the way from -c and -s to a struct conf, and how findings are printed. */
#include "daemon/files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/drop.h"
#include "host/hosts.h"
#include "host/settings.h"

enum { MESSAGE_MAX = 800 };

static void say_report(const struct conf_report *report, enum conf_severity least, void (*say)(void *context, const char *line), void *context)
{
    char text[MESSAGE_MAX];
    for (size_t i = 0; i < report->count; i++) {
        if (report->messages[i].severity > least)
            continue;
        conf_message_print(&report->messages[i], text, sizeof text);
        say(context, text);
    }
}

static void print_line(void *context, const char *line)
{
    (void)context;
    fprintf(stderr, "%s\n", line);
}

static void print_report(const struct conf_report *report, enum conf_severity least)
{
    say_report(report, least, print_line, NULL);
}

static int orient(struct conf *conf, struct conf_report *report)
{
    struct addr *own;
    size_t count;
    if (hosts_own(&own, &count) < 0) {
        fprintf(stderr, "minicpe: cannot list this machine's addresses: %s\n", strerror(errno));
        return -1;
    }
    int result = conf_orient(conf, own, count, report);
    free(own);
    return result;
}

/* A file may be checked on another machine than it is for: whose address is whose is no error there. */
static void soften(struct conf_report *report, size_t from)
{
    for (size_t i = from; i < report->count; i++)
        if (report->messages[i].severity == CONF_ERROR) {
            report->messages[i].severity = CONF_WARNING;
            report->errors--;
            report->warnings++;
        }
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static void print_setting(void *context, const char *wrong, const char *mend)
{
    (void)context;
    fprintf(stderr, "note: on this machine %s; mend it with: %s\n", wrong, mend);
}

static void print_settings(const struct conf *conf)
{
    char outer[IF_NAMESIZE];
    settings_outer(conf, outer);
    settings_look("/proc/sys", conf, outer, print_setting, NULL);
}

int files_check(const struct options *options)
{
    struct conf conf;
    struct conf_report report = { .count = 0 };
    int result = conf_load(&conf, options->conf, options->secrets, options->insecure_secrets, &report);
    size_t loaded = report.count;
    if (result == 0) {
        orient(&conf, &report);
        soften(&report, loaded);
    }
    print_report(&report, CONF_NOTE);
    if (result == 0) {
        print_settings(&conf);
        printf("%s: fine: %zu tunnel%s, %zu warning%s\n", options->conf, conf.count, plural(conf.count), report.warnings,
               plural(report.warnings));
    } else {
        printf("%s: %zu error%s, %zu warning%s: not fit to run\n", options->conf, report.errors, plural(report.errors), report.warnings,
               plural(report.warnings));
    }
    if (result == 0)
        conf_free(&conf);
    conf_report_free(&report);
    return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static char *first_folders[CONF_FOLDERS_MAX];
static size_t first_folder_count;

/* Nothing of /dev: a description read from a pipe there is not read again, and the disks lie beside it. */
static bool may_be_kept(const char *folder)
{
    return strncmp(folder, "/dev/", 5) != 0 && strncmp(folder, "/proc/", 6) != 0;
}

static void keep_folders(struct conf_report *report)
{
    for (size_t i = 0; i < report->folder_count && first_folder_count < CONF_FOLDERS_MAX; i++)
        if (may_be_kept(report->folders[i])) {
            first_folders[first_folder_count++] = report->folders[i];
            report->folders[i] = NULL;
        }
}

size_t files_folders(const char *out[CONF_FOLDERS_MAX])
{
    for (size_t i = 0; i < first_folder_count; i++)
        out[i] = first_folders[i];
    return first_folder_count;
}

/* Names that had no address at the start. Who uses them is left out, also when the files are read again: nobody asks then. */
static char *unresolved[2 * CONF_CONNS_MAX];
static size_t unresolved_count;

static bool lacks_address(const struct conf_end *end) { return end->host == CONF_HOST_NAME && end->addr.family == ADDR_NONE; }

static bool is_unresolved(const char *name)
{
    for (size_t i = 0; i < unresolved_count; i++)
        if (strcmp(unresolved[i], name) == 0)
            return true;
    return false;
}

static void remember_unresolved(const struct conf *conf)
{
    for (size_t i = 0; i < conf->count; i++)
        for (size_t side = 0; side < 2; side++) {
            const struct conf_end *end = &conf->conns[i].end[side];
            char *name = lacks_address(end) && !is_unresolved(end->text) ? strdup(end->text) : NULL;
            if (name)
                unresolved[unresolved_count++] = name;
        }
}

/* A tunnel whose headend has no address now must not keep the others from running. */
static void leave_out_unresolved(struct conf *conf)
{
    size_t kept = 0;
    for (size_t i = 0; i < conf->count; i++) {
        const struct conf_end *end = conf->conns[i].end;
        bool known = !lacks_address(&end[0]) && !lacks_address(&end[1]);
        if (known && kept++ != i)
            conf->conns[kept - 1] = conf->conns[i];
    }
    bytes_wipe(conf->conns + kept, (conf->count - kept) * sizeof *conf->conns);
    conf->count = kept;
}

struct asking {
    struct conf *conf;
    struct drop_user user;
};

/* What asks the name service has no secret, no descriptor and no privilege. */
static bool become_asker(void *context)
{
    struct asking *asking = context;
    char error[DROP_ERROR_MAX];
    conf_free(asking->conf);
    drop_descriptors();
    drop_forking();
    if (drop_everything(&asking->user, "/", error) == 0)
        return true;
    log_error("%s", error);
    return false;
}

static void end_asker(void *context, pid_t process)
{
    const struct asking *asking = context;
    drop_kill(&asking->user, process);
}

static bool has_names(const struct conf *conf)
{
    for (size_t i = 0; i < conf->count; i++)
        for (size_t side = 0; side < 2; side++)
            if (conf->conns[i].end[side].host == CONF_HOST_NAME)
                return true;
    return false;
}

static int resolve(const struct options *options, struct conf *conf)
{
    struct asking asking = { .conf = conf };
    const struct names_asker asker = { become_asker, end_asker, &asking };
    if (!has_names(conf))
        return 0;
    drop_find_user(&asking.user);
    if (hosts_resolve(conf, &asker) == 0)
        return 0;
    remember_unresolved(conf);
    leave_out_unresolved(conf);
    if (conf->count)
        return 0;
    fprintf(stderr, "minicpe: %s: no tunnel is left to run: the name service gave no address for any\n", options->conf);
    return -1;
}

int files_load(const struct options *options, struct conf *conf)
{
    struct conf_report report = { .count = 0 };
    int result = conf_load(conf, options->conf, options->secrets, options->insecure_secrets, &report);
    bool loaded = result == 0;
    if (loaded && first_folder_count == 0)
        keep_folders(&report);
    if (loaded)
        result = resolve(options, conf);
    if (result == 0)
        result = orient(conf, &report);
    print_report(&report, options->debug ? CONF_NOTE : CONF_WARNING);
    conf_report_free(&report);
    if (loaded && result < 0)
        conf_free(conf);
    return result;
}

/* The address that this name has in what runs; family none: it is not there. */
static struct addr known_address(const struct conf *now, const char *name)
{
    for (size_t i = 0; i < now->count; i++)
        for (size_t side = 0; side < 2; side++) {
            const struct conf_end *end = &now->conns[i].end[side];
            if (end->host == CONF_HOST_NAME && strcmp(end->text, name) == 0)
                return end->addr;
        }
    return (struct addr){ .family = ADDR_NONE };
}

/* False: that is an error. */
static bool say_no_address(const struct conf_conn *c, const char *name, void (*say)(void *context, const char *line), void *context)
{
    char line[MESSAGE_MAX];
    bool known = is_unresolved(name);
    if (known)
        snprintf(line, sizeof line, "%s:%u: warning: conn %s stays left out: the name %s had no address when the daemon started, and a daemon that "
                 "runs does not ask the name service; write the address, or restart it", c->file, (unsigned)c->line, c->name, name);
    else
        snprintf(line, sizeof line, "%s:%u: error: conn %s: the name %s is new, and a daemon that runs does not ask the name service, since "
                 "all tunnels would wait for the answer; write the address, or restart it", c->file, (unsigned)c->line, c->name, name);
    say(context, line);
    return known;
}

static int resolve_from(const struct conf *now, struct conf *conf, void (*say)(void *context, const char *line), void *context)
{
    int result = 0;
    for (size_t i = 0; i < conf->count; i++)
        for (size_t side = 0; side < 2; side++) {
            const struct conf_conn *c = &conf->conns[i];
            struct conf_end *end = &conf->conns[i].end[side];
            if (end->host != CONF_HOST_NAME)
                continue;
            end->addr = known_address(now, end->text);
            if (!end->addr.family && !say_no_address(c, end->text, say, context))
                result = -1;
        }
    if (result < 0)
        return -1;
    leave_out_unresolved(conf);
    if (conf->count == 0)
        say(context, "error: no tunnel is left to run: no name in the files has an address");
    return conf->count ? 0 : -1;
}

int files_load_again(const struct options *options, const struct conf *now, struct conf *conf, void (*say)(void *context, const char *line),
                     void *context)
{
    struct conf_report report = { .again = true };
    int result = conf_load(conf, options->conf, options->secrets, options->insecure_secrets, &report);
    bool loaded = result == 0;
    if (loaded)
        result = resolve_from(now, conf, say, context);
    if (result == 0)
        result = orient(conf, &report);
    say_report(&report, CONF_WARNING, say, context);
    conf_report_free(&report);
    if (loaded && result < 0)
        conf_free(conf);
    return result;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the table of verbs and what all have in common. Entry points: cli_verb_find, cli_verb_run. */
#include "cli/cli.h"

#include <string.h>

#include "cli/arguments.h"
#include "cli/check.h"
#include "cli/diagnose.h"
#include "cli/events.h"
#include "cli/import.h"
#include "cli/log.h"
#include "cli/metrics.h"
#include "cli/status.h"
#include "cli/steer.h"
#include "cli/top.h"

static const struct cli_verb verbs[] = {
    { "status", status_verb, status_help, "jbw", false, NULL, "[NAME] [--json|-w|...]", "all tunnels, up or down, and why" },
    { "top", top_watch, top_help, "", false, NULL, "", "the same each second, with a graph" },
    { "diagnose", diagnose_verb, diagnose_help, "j", true, NULL, "NAME [--json]", "what is wrong, and what mends it" },
    { "up", steer_verb, steer_help, "W", true, NULL, "NAME [--wait[=SECONDS]]", "have this tunnel up" },
    { "down", steer_verb, steer_help, "W", true, NULL, "NAME [--wait[=SECONDS]]", "take it down until `up`; its interface stays" },
    { "rekey", steer_verb, steer_help, "W", true, NULL, "NAME [--wait[=SECONDS]]", "negotiate new keys now" },
    { "reload", reload_verb, reload_help, "", false, NULL, "", "the files anew; only what differs changes" },
    { "check", NULL, NULL, NULL, false, check_main, "[FILE] [--json|--explain]", "the files, this machine, what mends both" },
    { "events", events_verb, events_help, "jp", false, NULL, "[NAME] [--past] [--json]", "what happens to tunnels, as it does" },
    { "metrics", metrics_verb, metrics_help, "o", false, NULL, "", "OpenMetrics text, for Prometheus and others" },
    { "log", log_verb, log_help, "", false, NULL, "LEVEL", "error, warning, info or debug, from now on" },
    { "import", NULL, NULL, NULL, false, import_main, "FILE... [--vcn NETWORKS]", "the files, from the JSON of OCI's CLI" },
};

enum { VERBS = sizeof verbs / sizeof *verbs };

const struct cli_verb *cli_verb_find(const char *name)
{
    for (size_t i = 0; i < VERBS; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

int cli_verb_run(const struct cli_verb *verb, int argc, char **argv)
{
    struct arguments arguments;
    if (verb->reads_itself)
        return verb->reads_itself(argc, argv);
    int result = arguments_read(&arguments, argc, argv, verb->options);
    if (result)
        return result;
    if (arguments.help) {
        verb->help(verb->name);
        return 0;
    }
    if (verb->needs_name && (!arguments.name || !*arguments.name)) {
        fprintf(stderr, "minicpe: %s which tunnel? `minicpe status` lists them\n", verb->name);
        return CLI_DENIED;
    }
    return verb->run(&arguments);
}

void cli_verbs_print(FILE *out)
{
    for (size_t i = 0; i < VERBS; i++)
        fprintf(out, "  %-8s %-24s %s\n", verbs[i].name, verbs[i].arguments, verbs[i].summary);
}

/* Levenshtein's distance over two rows; words here are short. */
static size_t distance(const char *a, const char *b)
{
    enum { MOST = 16 };
    size_t row[MOST + 1], length = strnlen(b, MOST);
    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 0; i < MOST && a[i]; i++) {
        size_t corner = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < length; j++) {
            size_t change = corner + (a[i] != b[j]);
            corner = row[j + 1];
            size_t least = corner < row[j] ? corner + 1 : row[j] + 1;
            row[j + 1] = change < least ? change : least;
        }
    }
    return row[length];
}

const char *cli_verb_nearest(const char *word)
{
    const char *nearest = NULL;
    size_t least = 3; /* farther than two changes is another word */
    for (size_t i = 0; i < VERBS; i++) {
        size_t apart = distance(word, verbs[i].name);
        if (apart < least) {
            least = apart;
            nearest = verbs[i].name;
        }
    }
    return nearest;
}

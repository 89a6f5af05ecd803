/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the verb `events`: what is remembered, or what comes, each written out at once. Entry point: events_verb. */
#include "cli/events.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/words.h"

void events_help(const char *verb)
{
    (void)verb;
    puts("minicpe events [NAME] [--past] [--json] [--run FOLDER]\n"
         "\n"
         "Follows what happens to all tunnels, or to NAME, until interrupted: changes of\n"
         "state, failures with their cause, warnings. A line each, written at once.\n"
         "\n"
         "  --past        the last events of each tunnel instead, up to ten, and end\n"
         "  --json        an object a line: sequence, at, tunnel, kind, state, cause, text\n"
         "  --run FOLDER  where the daemon's control socket is (" CONTROL_RUN_FOLDER ")\n"
         "\n"
         "Exit status: 0 with --past, 3 the daemon is not running or went away, 4 denied\n"
         "or failed.");
}

void events_print_line(const struct control_event *event, bool brief, FILE *out)
{
    char when[64] = "";
    time_t seconds = (time_t)(event->at / 1000000);
    struct tm local;
    if (localtime_r(&seconds, &local))
        strftime(when, sizeof when, brief ? "%H:%M:%S" : "%Y-%m-%dT%H:%M:%S%z", &local);
    const char *word = event->cause[0] ? event->cause : strcmp(event->kind, "state") == 0 ? event->state : event->kind;
    fprintf(out, "%s %s%s%s%s%s\n", when, event->name, event->name[0] ? ": " : "", word, event->text[0] ? ": " : "", event->text);
}

static json_t *text_or_null(const char *text)
{
    return text[0] ? json_string(text) : json_null();
}

json_t *events_json(const struct control_event *event)
{
    char at[WORDS_MAX];
    return json_pack("{s:I, s:s, s:o, s:s, s:o, s:o, s:s}", "sequence", (json_int_t)event->sequence, "at", words_time(event->at, at), "tunnel",
                     text_or_null(event->name), "kind", event->kind, "state", text_or_null(event->state), "cause", text_or_null(event->cause),
                     "text", event->text);
}

/* 0, or -1 when nobody reads any more. */
static int put(const struct control_event *event, bool json)
{
    if (json) {
        json_t *object = events_json(event);
        int result = object ? json_dumpf(object, stdout, JSON_COMPACT) : -1;
        json_decref(object);
        if (result < 0 || putchar('\n') == EOF)
            return -1;
    } else
        events_print_line(event, isatty(STDOUT_FILENO), stdout);
    return fflush(stdout) == 0 ? 0 : -1;
}

static int by_sequence(const void *a, const void *b)
{
    uint64_t left = ((const struct control_event *)a)->sequence, right = ((const struct control_event *)b)->sequence;
    return (left > right) - (left < right);
}

static int print_past(const struct client_answer *answer, bool json)
{
    if (answer->event_count)
        qsort(answer->events, answer->event_count, sizeof answer->events[0], by_sequence);
    for (size_t i = 0; i < answer->event_count; i++)
        if (put(&answer->events[i], json) < 0)
            return CLI_DENIED;
    return 0;
}

static int print_coming(int fd, bool json)
{
    struct control_event event;
    for (;;) {
        int result = client_next_event(fd, &event);
        if (result)
            return result;
        if (put(&event, json) < 0)
            return CLI_DENIED;
    }
}

int events_verb(const struct arguments *arguments)
{
    struct client_answer answer;
    int fd, result = client_open(arguments->folder, &fd);
    if (result)
        return result;
    result = client_converse(fd, CONTROL_EVENTS, arguments->past ? CONTROL_EVENTS_PAST : CONTROL_EVENTS_FOLLOW, arguments->name, &answer);
    if (result == 0) {
        result = arguments->past ? print_past(&answer, arguments->json) : print_coming(fd, arguments->json);
        client_answer_free(&answer);
    }
    close(fd);
    return result;
}

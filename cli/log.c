/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the verb `log` and the names of levels. Entry point: log_verb. */
#include "cli/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/arguments.h"
#include "cli/cli.h"
#include "cli/client.h"

static const struct {
    const char *name;
    enum log_level level;
    const char *shows;
} levels[] = {
    { "error", LOG_LEVEL_ERROR, "what keeps the daemon from its work" },
    { "warning", LOG_LEVEL_WARNING, "also tunnels that fail or go down, with the cause" },
    { "info", LOG_LEVEL_INFO, "also every change of state; this is how the daemon starts" },
    { "debug", LOG_LEVEL_DEBUG, "also every step of the negotiations" },
};

enum { LEVELS = sizeof levels / sizeof *levels };

void log_help(const char *verb)
{
    (void)verb;
    puts("minicpe log LEVEL [--run FOLDER]\n"
         "\n"
         "Has the running daemon, all of its processes, log more or less from now on.\n"
         "LEVEL is one of\n");
    for (size_t i = 0; i < LEVELS; i++)
        printf("  %-8s %s\n", levels[i].name, levels[i].shows);
    puts("\nExit status: 0 done, 3 the daemon is not running, 4 denied or failed.");
}

static int refuse(const char *word)
{
    if (word)
        fprintf(stderr, "minicpe: log: there is no level %s: error, warning, info and debug are\n", word);
    else
        fprintf(stderr, "minicpe: log: which level? error, warning, info or debug\n");
    return CLI_DENIED;
}

static int ask(const char *folder, enum log_level level)
{
    struct client_answer answer;
    int fd, result = client_open(folder, &fd);
    if (result)
        return result;
    result = client_converse(fd, CONTROL_LOG, level, NULL, &answer);
    if (result == 0)
        client_answer_free(&answer);
    close(fd);
    return result;
}

int log_verb(const struct arguments *arguments)
{
    for (size_t i = 0; arguments->name && i < LEVELS; i++)
        if (strcmp(levels[i].name, arguments->name) == 0) {
            int result = ask(arguments->folder, levels[i].level);
            if (result == 0)
                printf("logs at level %s from now on\n", levels[i].name);
            return result;
        }
    return refuse(arguments->name);
}

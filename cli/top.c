/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the loop that asks once a second and draws over what is there: cursor to the top, each line cleared behind its
 * end, the rest cleared below. No screen library; what was last drawn stays when it ends. Entry points: top_watch.
 */
#include "cli/top.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"

static volatile sig_atomic_t is_over;

static void on_signal(int number)
{
    (void)number;
    is_over = 1;
}

void top_help(const char *verb)
{
    (void)verb;
    puts("minicpe top [--run FOLDER]\n"
         "\n"
         "All tunnels, drawn anew each second until interrupted: state, since when,\n"
         "octets a second in and out, and a graph of the last minutes, a character for\n"
         "five seconds, scaled to the highest in sight. Needs a terminal.\n"
         "\n"
         "  --run FOLDER  where the daemon's control socket is (" CONTROL_RUN_FOLDER ")\n"
         "\n"
         "Exit status: that of `minicpe status` when it was interrupted.");
}

/* A picture of lines, put over the one before. */
static void draw(const char *picture)
{
    fputs("\033[H", stdout);
    for (const char *line = picture; *line; line += strcspn(line, "\n") + 1)
        printf("%.*s\033[K\n", (int)strcspn(line, "\n"), line);
    fputs("\033[J", stdout);
    fflush(stdout);
}

static int picture_of(struct top *top, const struct client_answer *answer, bool block, char **picture)
{
    struct status_view view = { .answer = answer, .terminal = terminal_look() };
    struct link *link = NULL;
    size_t size;
    FILE *out = open_memstream(picture, &size);
    if (!out)
        return -1;
    if (block) {
        if ((link = calloc(1, sizeof *link)))
            link_look(answer->tunnels[0].interface, link);
        view.links = link;
        status_print_block(&view, 0, out);
    } else if (top_take(top, answer) == 0)
        top_render(top, &view, out);
    free(link);
    return fclose(out) == 0 ? 0 : -1;
}

/* One round; what the exit status would be now. */
static int turn(struct top *top, const struct arguments *arguments)
{
    struct client_answer answer;
    char *picture = NULL;
    int result = client_ask_status(arguments->folder, arguments->name, &answer);
    if (result)
        return result;
    if (picture_of(top, &answer, arguments->name && answer.count == 1, &picture) == 0)
        draw(picture);
    free(picture);
    result = status_health(&answer);
    client_answer_free(&answer);
    return result;
}

int top_watch(const struct arguments *arguments)
{
    struct top top = { .count = 0 };
    struct sigaction action = { .sa_handler = on_signal };
    if (!terminal_look().width) {
        fprintf(stderr, "minicpe: this draws on a terminal, and standard output is none: `minicpe status --json` is for programs\n");
        return CLI_DENIED;
    }
    struct client_answer answer;
    int result = client_ask(arguments->folder, CONTROL_STATUS, arguments->name, &answer);
    if (result)
        return result;
    client_answer_free(&answer);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    fputs("\033[?25l\033[2J", stdout); /* no cursor, an empty screen */
    while (!is_over) {
        result = turn(&top, arguments);
        nanosleep(&(struct timespec){ .tv_sec = 1 }, NULL);
    }
    fputs("\033[?25h", stdout);
    fflush(stdout);
    top_free(&top);
    return result;
}

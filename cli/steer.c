/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns `up`, `down` and `rekey`, which the daemon does in its own time and --wait waits for, and `reload`, which is done
 * when it returns.
 */
#include "cli/steer.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/cli.h"
#include "cli/client.h"

enum { LOOK_EVERY_MS = 100 };

/* Is it as asked? `before` is how the tunnel was when it was asked. */
typedef bool is_reached(const struct control_tunnel *now, const struct control_tunnel *before);

static bool is_up(const struct control_tunnel *now, const struct control_tunnel *before)
{
    (void)before;
    return now->health == CONTROL_UP_NOW;
}

static bool is_down(const struct control_tunnel *now, const struct control_tunnel *before)
{
    (void)before;
    return now->health == CONTROL_DOWN_BY_WISH;
}

static bool is_rekeyed(const struct control_tunnel *now, const struct control_tunnel *before)
{
    return now->health == CONTROL_UP_NOW && now->spi_in != before->spi_in;
}

struct steer {
    const char *verb;
    enum control_type type;
    is_reached *reached;
    const char *does, *told, *done, *not_yet;
};

static const struct steer steers[] = {
    { "up", CONTROL_UP, is_up, "Has this tunnel up, and kept up.", "is on its way up", "is up", "is not up" },
    { "down", CONTROL_DOWN, is_down, "Takes this tunnel down until `up`; its interface stays, with its routes.", "goes down", "is down", "is not down" },
    { "rekey", CONTROL_REKEY, is_rekeyed, "Negotiates new keys now; traffic goes on.", "gets new keys", "has new keys", "has no new keys" },
};

static const struct steer *find(const char *verb)
{
    for (size_t i = 0; i < sizeof steers / sizeof *steers; i++)
        if (strcmp(steers[i].verb, verb) == 0)
            return &steers[i];
    return &steers[0];
}

static int look(int fd, const char *name, struct control_tunnel *out)
{
    struct client_answer answer;
    int result = client_converse(fd, CONTROL_STATUS, 0, name, &answer);
    if (result == 0 && answer.count == 0) {
        fprintf(stderr, "minicpe: the tunnel %s is no longer configured\n", name);
        result = CLI_DENIED;
    }
    if (result == 0)
        *out = answer.tunnels[0];
    client_answer_free(&answer);
    return result;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int too_late(const struct steer *steer, const struct arguments *arguments, const struct control_tunnel *now)
{
    fprintf(stderr, "minicpe: %s %s after %u s: %s", arguments->name, steer->not_yet, arguments->wait, now->state);
    if (now->cause[0])
        fprintf(stderr, "; %s%s%s", now->cause, now->cause_text[0] ? ": " : "", now->cause_text);
    fprintf(stderr, "\n");
    return CLI_TIMEOUT;
}

static int wait_for(int fd, const struct steer *steer, const struct arguments *arguments, const struct control_tunnel *before)
{
    struct control_tunnel now;
    int64_t end = now_ms() + (int64_t)arguments->wait * 1000;
    for (;;) {
        int result = look(fd, arguments->name, &now);
        if (result)
            return result;
        if (steer->reached(&now, before)) {
            printf("%s %s\n", arguments->name, steer->done);
            return 0;
        }
        if (now_ms() >= end)
            return too_late(steer, arguments, &now);
        usleep(LOOK_EVERY_MS * 1000);
    }
}

static int steer_one(int fd, const struct steer *steer, const struct arguments *arguments)
{
    struct control_tunnel before;
    struct client_answer answer;
    int result = look(fd, arguments->name, &before);
    if (result)
        return result;
    result = client_converse(fd, steer->type, 0, arguments->name, &answer);
    client_answer_free(&answer);
    if (result || arguments->wait)
        return result ? result : wait_for(fd, steer, arguments, &before);
    printf("%s %s\n", arguments->name, steer->told);
    return 0;
}

void steer_help(const char *verb)
{
    const struct steer *steer = find(verb);
    printf("minicpe %s NAME [--wait[=SECONDS]] [--run FOLDER]\n\n%s\n\n"
           "  --wait[=SECONDS]   return when it is so, or after SECONDS (30)\n\n"
           "Exit status: 0 told to the daemon (with --wait: reached), 3 the daemon is not\n"
           "running, 4 denied or failed, 5 not reached in time.\n",
           steer->verb, steer->does);
}

int steer_verb(const struct arguments *arguments)
{
    int fd, result = client_open(arguments->folder, &fd);
    if (result)
        return result;
    result = steer_one(fd, find(arguments->verb), arguments);
    close(fd);
    return result;
}

void reload_help(const char *verb)
{
    (void)verb;
    puts("minicpe reload [--run FOLDER]\n\n"
         "Has the daemon read its files anew and change only what differs: a line for each\n"
         "difference (+ added, - removed, ~ changed). Other tunnels do not notice. If the\n"
         "files have mistakes, each is shown and nothing is changed.\n\n"
         "Exit status: 0 done, 3 the daemon is not running, 4 denied, or nothing was\n"
         "changed.");
}

int reload_verb(const struct arguments *arguments)
{
    if (arguments->name) {
        fprintf(stderr, "minicpe: reload is for the files as a whole, not for `%s` alone\n", arguments->name);
        return CLI_DENIED;
    }
    return client_reload(arguments->folder);
}

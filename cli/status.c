/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the verb `status`: which form is printed, and the exit status. */
#include "cli/status.h"

#include <stdlib.h>

#include "cli/arguments.h"
#include "cli/cli.h"
#include "cli/top.h"

void status_help(const char *verb)
{
    (void)verb;
    puts("minicpe status [NAME] [--json|--brief|-w] [--run FOLDER]\n"
         "\n"
         "Shows every configured tunnel, up or down, with the reason when down; with NAME\n"
         "all about that one, its last events and the routes that point at it included.\n"
         "\n"
         "  --json        one object, `schema`: 1, raw numbers, times as in RFC 3339\n"
         "  --brief       a line for each, tabs between: name, state, since (seconds\n"
         "                since 1970), remote, interface, octets in, octets out, cause\n"
         "  -w, --watch   again and again in place, with rates, like `minicpe top`\n"
         "  --run FOLDER  where the daemon's control socket is (" CONTROL_RUN_FOLDER ")\n"
         "\n"
         "Exit status: 0 all tunnels are up, 1 some, 2 none, 3 the daemon is not running,\n"
         "4 denied or failed.");
}

int status_health(const struct client_answer *answer)
{
    size_t up = 0;
    for (size_t i = 0; i < answer->count; i++)
        up += answer->tunnels[i].health == CONTROL_UP_NOW;
    if (up == 0)
        return CLI_NONE_UP;
    return up == answer->count ? CLI_ALL_UP : CLI_SOME_UP;
}

/* What of the kernel belongs to each tunnel. NULL: no memory, and then it is not shown. */
static struct link *look_at_links(const struct client_answer *answer)
{
    struct link *links = calloc(answer->count ? answer->count : 1, sizeof *links);
    for (size_t i = 0; links && i < answer->count; i++)
        link_look(answer->tunnels[i].interface, &links[i]);
    return links;
}

static int print(const struct arguments *arguments, const struct client_answer *answer)
{
    struct status_view view = { .answer = answer, .terminal = terminal_look() };
    struct link *links = NULL;
    int result = 0;
    if (arguments->json || (arguments->name && !arguments->brief))
        view.links = links = look_at_links(answer);
    if (arguments->json)
        result = status_print_json(&view, stdout);
    else if (arguments->brief)
        status_print_brief(answer, stdout);
    else if (arguments->name)
        status_print_block(&view, 0, stdout);
    else
        result = status_print_table(&view, stdout);
    free(links);
    return result;
}

int status_verb(const struct arguments *arguments)
{
    struct client_answer answer;
    if (arguments->watch && (arguments->json || arguments->brief)) {
        fprintf(stderr, "minicpe: -w draws for people: it goes with neither --json nor --brief\n");
        return CLI_DENIED;
    }
    if (arguments->watch)
        return top_watch(arguments);
    int result = client_ask_status(arguments->folder, arguments->name, &answer);
    if (result)
        return result;
    if (arguments->name && answer.count != 1) {
        fprintf(stderr, "minicpe: the daemon told nothing of %s: try again\n", arguments->name);
        result = CLI_DENIED;
    } else
        result = print(arguments, &answer) < 0 || fflush(stdout) != 0 ? CLI_DENIED : status_health(&answer);
    client_answer_free(&answer);
    return result;
}

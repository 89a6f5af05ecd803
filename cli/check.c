/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the verb `check`: the table of looks, the findings, the real machine. Entry points: check_main, check_walk.
 * Everything is read: no file is written, no module loaded, no packet sent.
 */
#include "cli/check.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "host/hosts.h"
#include "host/settings.h"

#define DEFAULT_PATH "/etc/minicpe/tunnels.conf"

struct row {
    const char *name, *title;
    void (*look)(struct check *check);
};

static const struct row rows[] = {
    { "file", "the file of tunnels", check_files },
    { "secrets", "the file of secrets", check_secrets },
    { "kernel", "what the kernel can", check_kernel },
    { "settings", "the kernel's settings", check_settings },
    { "ports", "UDP ports 500 and 4500", check_ports },
    { "daemons", "other IKE daemons", check_daemons },
    { "firewall", "the packet filter", check_firewall },
    { "network-manager", "NetworkManager", check_network_manager },
    { "user", "the daemon's user", check_user },
    { "clock", "the clock", check_clock },
    { "mtu", "the MTU", check_mtu },
    { "routes", "the ways", check_routes },
};

enum { ROWS = sizeof rows / sizeof *rows };

void check_say(struct check *check, enum check_verdict verdict, const char *mend, const char *format, ...)
{
    struct check_finding *grown = realloc(check->findings, (check->count + 1) * sizeof *grown);
    va_list args;
    if (!grown)
        return;
    check->findings = grown;
    struct check_finding *finding = &grown[check->count++];
    *finding = (struct check_finding){ .row = check->row, .verdict = verdict };
    va_start(args, format);
    vsnprintf(finding->text, sizeof finding->text, format, args);
    va_end(args);
    snprintf(finding->mend, sizeof finding->mend, "%s", mend ? mend : "");
    check->of[verdict]++;
}

/* Where packets to the headends leave. */
static void find_outer(struct check *check)
{
    for (size_t i = 0; i < check->conf.count && !check->outer[0]; i++)
        check->machine.way(&conf_far(&check->conf.conns[i])->addr, check->outer, &check->source);
}

void check_walk(struct check *check)
{
    for (size_t i = 0; i < ROWS; i++) {
        check->row = rows[i].name;
        rows[i].look(check);
        if (rows[i].look == check_files)
            find_outer(check);
    }
}

void check_free(struct check *check)
{
    if (check->loaded)
        conf_free(&check->conf);
    conf_report_free(&check->report);
    free(check->findings);
}

int check_status(const struct check *check)
{
    if (check->of[CHECK_FAILURE])
        return 2;
    return check->of[CHECK_WARNING] || check->of[CHECK_UNKNOWN] ? 1 : 0;
}

/* ---- the real machine ---- */

enum { OUTPUT_MAX = 16 << 20, SECONDS_MAX = 10 };

static void become(const char *const argv[], int to)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, STDIN_FILENO);
    dup2(to, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    alarm(SECONDS_MAX);
    union { const char *const *read; char *const *any; } words = { .read = argv };
    execvp(argv[0], words.any);
    _exit(127);
}

static char *read_all(int fd)
{
    char *text = NULL;
    size_t used = 0, room = 0;
    for (ssize_t n = 1; n > 0; used += n > 0 ? (size_t)n : 0) {
        if (used + 1 >= room) {
            char *grown = room < OUTPUT_MAX ? realloc(text, room = room ? 2 * room : 65536) : NULL;
            if (!grown) {
                free(text);
                return NULL;
            }
            text = grown;
        }
        n = read(fd, text + used, room - used - 1);
    }
    text[used] = '\0';
    return text;
}

static char *run_command(const struct check_machine *machine, const char *const argv[])
{
    int ends[2], status;
    (void)machine;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return NULL;
    pid_t child = fork();
    if (child == 0)
        become(argv, ends[1]);
    close(ends[1]);
    char *text = child > 0 ? read_all(ends[0]) : NULL;
    close(ends[0]);
    bool fine = child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!fine) {
        free(text);
        return NULL;
    }
    return text;
}

static void read_clock(struct check_clock *clock)
{
    struct timex timex = { .modes = 0 };
    struct tm utc;
    int state = adjtimex(&timex);
    time_t now = time(NULL);
    *clock = (struct check_clock){ .known = state >= 0, .synchronised = state != TIME_ERROR && !(timex.status & STA_UNSYNC), .now = now };
    if (gmtime_r(&now, &utc))
        clock->year = utc.tm_year + 1900;
}

/* ---- what it prints ---- */

static const char *title_of(const char *row)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(rows[i].name, row) == 0)
            return rows[i].title;
    return row;
}

void check_print_text(const struct check *check, FILE *out)
{
    static const char *const words[] = { "OK", "WARNING", "FAILURE", "NOT SEEN" };
    const char *row = "";
    for (size_t i = 0; i < check->count; i++) {
        const struct check_finding *finding = &check->findings[i];
        if (strcmp(row, finding->row) != 0)
            fprintf(out, "%s\n", title_of(finding->row));
        row = finding->row;
        fprintf(out, "  %-8s  %s\n", words[finding->verdict], finding->text);
        if (finding->mend[0])
            fprintf(out, "            mend it: %s\n", finding->mend);
    }
    fprintf(out, "%zu OK, %zu warning%s, %zu failure%s, %zu not seen\n", check->of[CHECK_OK], check->of[CHECK_WARNING],
            check->of[CHECK_WARNING] == 1 ? "" : "s", check->of[CHECK_FAILURE], check->of[CHECK_FAILURE] == 1 ? "" : "s",
            check->of[CHECK_UNKNOWN]);
}

/* ---- the verb ---- */

static void print_help(void)
{
    puts("minicpe check [FILE] [-s SECRETS] [--json|--explain]\n"
         "\n"
         "Looks at the file of tunnels (" DEFAULT_PATH "), at that of secrets,\n"
         "and at this machine: what the kernel can, its settings, UDP 500 and 4500, other\n"
         "IKE daemons, the packet filter, NetworkManager, the clock, MTU and routes. It\n"
         "changes nothing, and says what mends each finding. As root it sees everything;\n"
         "for others it says what it could not look at.\n"
         "\n"
         "  -s SECRETS   the file of secrets (X.conf has X.secrets beside it)\n"
         "  --explain    what every line of the file does: used, ignored and why\n"
         "  --json       one object with `schema`: 1 and a list of findings\n"
         "\n"
         "Exit status: 0 nothing is wrong, 1 warnings or something not seen, 2 failures,\n"
         "4 wrong arguments.");
}

struct asked {
    bool json, explain, help;
};

static int read_options(struct check *check, struct asked *asked, int argc, char **argv)
{
    static const struct option options[] = {
        { "json", no_argument, NULL, 'j' }, { "explain", no_argument, NULL, 'e' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
    };
    optind = 0; /* glibc: begin anew */
    for (int option; (option = getopt_long(argc, argv, "s:h", options, NULL)) != -1;) {
        switch (option) {
        case 's': check->secrets = optarg; break;
        case 'j': asked->json = true; break;
        case 'e': asked->explain = true; break;
        case 'h': asked->help = true; break;
        default: return -1;
        }
    }
    if (argc - optind > 1) {
        fprintf(stderr, "minicpe: check takes one file, not also %s\n", argv[optind + 1]);
        return -1;
    }
    check->path = argv[optind] ? argv[optind] : DEFAULT_PATH;
    return 0;
}

static int run(struct check *check, const struct asked *asked)
{
    if (asked->explain)
        return check_explain(check->path, stdout);
    check_walk(check);
    int result = check_status(check);
    if (asked->json)
        result = check_print_json(check, stdout) == 0 ? result : CLI_DENIED;
    else
        check_print_text(check, stdout);
    return fflush(stdout) == 0 ? result : CLI_DENIED;
}

int check_main(int argc, char **argv)
{
    struct asked asked = { .json = false };
    struct check check = { .machine = { .root = "", .user = geteuid(), .run = run_command, .way = settings_way, .own = hosts_own, .clock = read_clock } };
    if (read_options(&check, &asked, argc, argv) < 0) {
        fputs("minicpe: `minicpe check --help` shows what it takes\n", stderr);
        return CLI_DENIED;
    }
    if (asked.help) {
        print_help();
        return 0;
    }
    int result = run(&check, &asked);
    check_free(&check);
    return result;
}

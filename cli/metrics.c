/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the table of metrics: one row a family. Labels are the tunnel's name and nothing that changes with a rekey, so a
 * series lives as long as its tunnel. Counters end in _total and have their unit in the name; moments are seconds since
 * 1970, so that nothing changes while nothing happens. What is not known is left out rather than zero. The heads of
 * counters are spelt in two ways: as the older text format has them, which node_exporter's collector and promtool read
 * (and for which units and the end are comments), or as OpenMetrics 1.0 has them.
 */
#include "cli/metrics.h"

#include <inttypes.h>
#include <string.h>

#include "cli/arguments.h"
#include "cli/cli.h"

void metrics_help(const char *verb)
{
    (void)verb;
    puts("minicpe metrics [--openmetrics] [--run FOLDER]\n"
         "\n"
         "Prints state, counters and times of every tunnel as Prometheus reads them. For\n"
         "the textfile collector of node_exporter, from a timer:\n"
         "\n"
         "  minicpe metrics >FOLDER/minicpe.prom.new && mv FOLDER/minicpe.prom.new \\\n"
         "    FOLDER/minicpe.prom\n"
         "\n"
         "  --openmetrics  to the letter of OpenMetrics 1.0, which names counters without\n"
         "                 _total in their heads; node_exporter takes them as untyped then\n"
         "  --run FOLDER   where the daemon's control socket is (" CONTROL_RUN_FOLDER ")\n"
         "\n"
         "Exit status: 0 printed, 3 the daemon is not running (then `minicpe_up 0` is\n"
         "printed and nothing else), 4 denied or failed.");
}

/* A value, or false when there is none. */
typedef bool metric_of(const struct control_tunnel *t, double *value);

static bool of_up(const struct control_tunnel *t, double *value)
{
    *value = t->health == CONTROL_UP_NOW;
    return true;
}

static bool of_wanted(const struct control_tunnel *t, double *value)
{
    *value = t->health != CONTROL_DOWN_BY_WISH;
    return true;
}

static bool of_time(int64_t moment, double *value)
{
    *value = (double)moment / 1e6;
    return moment != 0;
}

static bool of_since(const struct control_tunnel *t, double *value) { return of_time(t->since, value); }
static bool of_heard(const struct control_tunnel *t, double *value) { return of_time(t->heard_at, value); }
static bool of_phase1_expiry(const struct control_tunnel *t, double *value) { return of_time(t->isakmp_expires_at, value); }
static bool of_phase2_expiry(const struct control_tunnel *t, double *value) { return of_time(t->sa_expires_at, value); }
static bool of_rekey(const struct control_tunnel *t, double *value) { return of_time(t->sa_rekey_at, value); }
static bool of_failure(const struct control_tunnel *t, double *value) { return of_time(t->cause[0] ? t->cause_at : 0, value); }

static bool of_count(uint64_t count, double *value)
{
    *value = (double)count;
    return true;
}

static bool of_established(const struct control_tunnel *t, double *value) { return of_count(t->established, value); }
static bool of_bytes_in(const struct control_tunnel *t, double *value) { return of_count(t->bytes_in, value); }
static bool of_bytes_out(const struct control_tunnel *t, double *value) { return of_count(t->bytes_out, value); }
static bool of_packets_in(const struct control_tunnel *t, double *value) { return of_count(t->packets_in, value); }
static bool of_packets_out(const struct control_tunnel *t, double *value) { return of_count(t->packets_out, value); }

static bool of_round_trip(const struct control_tunnel *t, double *value)
{
    *value = (double)t->round_trip_us / 1e6;
    return t->round_trip_us >= 0;
}

static bool of_nat(const struct control_tunnel *t, double *value)
{
    *value = t->nat_near || t->nat_far;
    return t->isakmp_up;
}

static const struct family {
    const char *name, *unit, *help;        /* without minicpe_tunnel_; unit NULL: none */
    bool counter;
    metric_of *of;
} families[] = {
    { "up", NULL, "1 while the tunnel carries traffic", false, of_up },
    { "wanted", NULL, "1 unless the tunnel was taken down on purpose", false, of_wanted },
    { "state_change_timestamp_seconds", "seconds", "When the tunnel last came up or ceased to be up", false, of_since },
    { "established", NULL, "How often the tunnel came up", true, of_established },
    { "receive_bytes", "bytes", "Octets received through the tunnel, over all rekeys", true, of_bytes_in },
    { "transmit_bytes", "bytes", "Octets sent through the tunnel, over all rekeys", true, of_bytes_out },
    { "receive_packets", "packets", "Packets received through the tunnel, over all rekeys", true, of_packets_in },
    { "transmit_packets", "packets", "Packets sent through the tunnel, over all rekeys", true, of_packets_out },
    { "heard_timestamp_seconds", "seconds", "When the headend was last heard under its keys", false, of_heard },
    { "round_trip_seconds", "seconds", "Time of the last message that was answered", false, of_round_trip },
    { "phase1_expiry_timestamp_seconds", "seconds", "When the ISAKMP SA ends", false, of_phase1_expiry },
    { "phase2_rekey_timestamp_seconds", "seconds", "When the IPsec SAs are replaced", false, of_rekey },
    { "phase2_expiry_timestamp_seconds", "seconds", "When the IPsec SAs end", false, of_phase2_expiry },
    { "failure_timestamp_seconds", "seconds", "When it last failed", false, of_failure },
    { "nat", NULL, "1 when there is a NAT on the way to the headend", false, of_nat },
};

/* A label's value, with what would end it escaped. */
static void put_label(const char *text, FILE *out)
{
    for (; *text; text++) {
        if (*text == '\\' || *text == '"')
            fputc('\\', out);
        fputc(*text, out);
    }
}

static void put_head(const char *name, const char *type, const char *unit, const char *help, bool open, FILE *out)
{
    const char *total = !open && strcmp(type, "counter") == 0 ? "_total" : "";
    fprintf(out, "# TYPE %s%s %s\n", name, total, type);
    if (unit && open)
        fprintf(out, "# UNIT %s %s\n", name, unit);
    fprintf(out, "# HELP %s%s %s.\n", name, total, help);
}

static void put_value(double value, FILE *out)
{
    if (value > -1e15 && value < 1e16 && value == (double)(int64_t)value)
        fprintf(out, " %" PRId64 "\n", (int64_t)value);
    else
        fprintf(out, " %.6f\n", value);
}

static void put_family(const struct family *family, const struct client_answer *answer, bool open, FILE *out)
{
    char name[80];
    double value;
    snprintf(name, sizeof name, "minicpe_tunnel_%s", family->name);
    put_head(name, family->counter ? "counter" : "gauge", family->unit, family->help, open, out);
    for (size_t i = 0; i < answer->count; i++) {
        if (!family->of(&answer->tunnels[i], &value))
            continue;
        fprintf(out, "%s%s{tunnel=\"", name, family->counter ? "_total" : "");
        put_label(answer->tunnels[i].name, out);
        fputs("\"}", out);
        put_value(value, out);
    }
}

/* Of the last failure: a series for its cause, gone when another comes. */
static void put_causes(const struct client_answer *answer, bool open, FILE *out)
{
    put_head("minicpe_tunnel_failure", "gauge", NULL, "1 for the cause of the failure because of which the tunnel is not up", open, out);
    for (size_t i = 0; i < answer->count; i++) {
        const struct control_tunnel *t = &answer->tunnels[i];
        if (!t->cause[0] || t->health == CONTROL_UP_NOW)
            continue;
        fputs("minicpe_tunnel_failure{tunnel=\"", out);
        put_label(t->name, out);
        fputs("\",cause=\"", out);
        put_label(t->cause, out);
        fputs("\"} 1\n", out);
    }
}

static void put_build(const struct client_answer *answer, bool open, FILE *out)
{
    /* The older format knows no type "info": there it is a gauge with the same sample. */
    put_head(open ? "minicpe_build" : "minicpe_build_info", open ? "info" : "gauge", NULL, "Version of the daemon", open, out);
    fputs("minicpe_build_info{version=\"", out);
    put_label(answer->end.daemon_version, out);
    fputs("\"} 1\n", out);
    put_head("minicpe_start_timestamp_seconds", "gauge", "seconds", "When the engine started", open, out);
    fputs("minicpe_start_timestamp_seconds", out);
    put_value((double)answer->end.started / 1e6, out);
}

void metrics_print(const struct client_answer *answer, bool open, FILE *out)
{
    put_head("minicpe_up", "gauge", NULL, "1 while the daemon answers", open, out);
    fprintf(out, "minicpe_up %d\n", answer != NULL);
    if (answer) {
        put_build(answer, open, out);
        for (size_t i = 0; i < sizeof families / sizeof *families; i++)
            put_family(&families[i], answer, open, out);
        put_causes(answer, open, out);
    }
    fputs("# EOF\n", out);
}

int metrics_verb(const struct arguments *arguments)
{
    struct client_answer answer;
    if (arguments->name) {
        fprintf(stderr, "minicpe: metrics are of all tunnels: no name, please\n");
        return CLI_DENIED;
    }
    int result = client_ask(arguments->folder, CONTROL_STATUS, NULL, &answer);
    if (result == 0 || result == CLI_NO_DAEMON)
        metrics_print(result == 0 ? &answer : NULL, arguments->openmetrics, stdout);
    client_answer_free(&answer);
    return fflush(stdout) == 0 ? result : CLI_DENIED;
}

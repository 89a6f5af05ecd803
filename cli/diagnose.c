/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the verb `diagnose`: what was seen in words, the row's texts with the tunnel's values in them. Entry point: diagnose_verb. */
#include "cli/diagnose.h"

#include <inttypes.h>
#include <stdarg.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/arguments.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/words.h"
#include "cli/wrap.h"

void diagnose_help(const char *verb)
{
    (void)verb;
    puts("minicpe diagnose NAME [--json] [--run FOLDER]\n"
         "\n"
         "Tells why this tunnel is not up, or carries nothing: what was seen, what it most\n"
         "likely means and how sure that is, what to change here and in OCI's console,\n"
         "and which line to look for in Oracle's log. Concluded from what the daemon saw;\n"
         "nothing is sent.\n"
         "\n"
         "  --json        the same as one object\n"
         "  --run FOLDER  where the daemon's control socket is (" CONTROL_RUN_FOLDER ")\n"
         "\n"
         "Exit status: 0 nothing is wrong, 1 something is, 3 the daemon is not running,\n"
         "4 denied or failed.");
}

static const char *notify_name(uint16_t type, char out[WORDS_MAX])
{
    static const struct { uint16_t type; const char *name; } names[] = {
        { 1, "INVALID-PAYLOAD-TYPE" }, { 4, "INVALID-COOKIE" }, { 7, "INVALID-EXCHANGE-TYPE" }, { 11, "INVALID-SPI" },
        { 13, "ATTRIBUTES-NOT-SUPPORTED" }, { 14, "NO-PROPOSAL-CHOSEN" }, { 15, "BAD-PROPOSAL-SYNTAX" }, { 16, "PAYLOAD-MALFORMED" },
        { 17, "INVALID-KEY-INFORMATION" }, { 18, "INVALID-ID-INFORMATION" }, { 23, "INVALID-HASH-INFORMATION" }, { 24, "AUTHENTICATION-FAILED" },
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].type == type)
            return names[i].name;
    snprintf(out, WORDS_MAX, "error %u", type);
    return out;
}

/* A text in the making; what does not fit is left out. */
struct text {
    char *out;
    size_t used;
};

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int more = vsnprintf(text->out + text->used, DIAGNOSE_TEXT_MAX - text->used, format, arguments);
    va_end(arguments);
    text->used += more > 0 ? (size_t)more : 0;
    if (text->used >= DIAGNOSE_TEXT_MAX)
        text->used = DIAGNOSE_TEXT_MAX - 1;
}

static void add_exchange(struct text *text, const struct control_evidence *e)
{
    if (e->exchange == CONTROL_NO_EXCHANGE)
        return;
    const char *name = e->exchange == CONTROL_MAIN_MODE ? "Main Mode (phase 1)" : "Quick Mode (phase 2)";
    if (e->heard)
        add(text, "; in %s message %u of the headend was the last that came", name, e->heard);
    else
        add(text, "; in %s no message of the headend came", name);
    if (e->sent > 1)
        add(text, ", ours was sent %" PRIu32 " times", e->sent);
}

void diagnose_seen(const struct diagnose_case *c, char out[DIAGNOSE_TEXT_MAX])
{
    const struct control_tunnel *t = c->tunnel;
    const struct control_evidence *e = &t->evidence;
    struct text text = { .out = out };
    char words[WORDS_MAX];
    bool up = t->health == CONTROL_UP_NOW;
    out[0] = '\0';
    add(&text, "%s", t->state);
    if (t->since)
        add(&text, "%s for %s", up ? "" : ", not up", words_duration(c->now - t->since, words));
    if (up || t->packets_in || t->packets_out)
        add(&text, "; %" PRIu64 " packets in, %" PRIu64 " out", t->packets_in, t->packets_out);
    if (up || !t->cause[0])
        return;
    add(&text, "; last failure %s, %s ago", t->cause, words_duration(c->now - t->cause_at, words));
    add_exchange(&text, e);
    if (e->notified)
        add(&text, "; the headend said %s, %s", notify_name(e->notify, words),
            e->authenticated ? "under keys that only it has" : "in clear, as anybody on the way could");
    if (e->unreadable)
        add(&text, "; it sent what cannot be read");
    if (e->error)
        add(&text, "; the kernel: %s", strerror(e->error < 0 ? -e->error : e->error));
    if (!e->notified && !e->unreadable && !e->error && t->cause_text[0])
        add(&text, "; %s", t->cause_text);
}

/* ---- values in texts ---- */

static const char *value_of(const struct diagnose_case *c, const char *word, size_t length, char out[CONTROL_LINE_MAX])
{
    const struct control_tunnel *t = c->tunnel;
    char near[PREFIX_TEXT_MAX], far[PREFIX_TEXT_MAX], remote[ADDR_TEXT_MAX], ago[WORDS_MAX], dpd[WORDS_MAX], secret[CONF_TEXT_MAX + 16],
        conf[CONF_TEXT_MAX + 16];
    if (t->secret_file[0])
        snprintf(secret, sizeof secret, "%s:%" PRIu32, t->secret_file, t->secret_line);
    else
        snprintf(secret, sizeof secret, "the file of secrets");
    snprintf(conf, sizeof conf, "%s:%" PRIu32, t->file, t->line);
    snprintf(dpd, sizeof dpd, "%" PRIu32 "s", t->dpd_timeout);
    const struct { const char *word, *value; } values[] = {
        { "name", t->name }, { "near_id", t->near_id }, { "far_id", t->far_id }, { "ike", t->ike_offer }, { "esp", t->esp_offer },
        { "secret", secret }, { "conf", conf }, { "remote", t->remote.addr.family ? addr_print(&t->remote.addr, remote) : t->far_text },
        { "near_subnet", prefix_print(&t->near_subnet, near) }, { "far_subnet", prefix_print(&t->far_subnet, far) },
        { "interface", t->interface[0] ? t->interface : "the outer interface" }, { "cause", t->cause }, { "dpd", dpd },
        { "cause_ago", words_duration(c->now - t->cause_at, ago) },
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (strlen(values[i].word) == length && strncmp(values[i].word, word, length) == 0) {
            snprintf(out, CONTROL_LINE_MAX, "%s", values[i].value);
            return out;
        }
    return NULL;
}

void diagnose_fill(const struct diagnose_case *c, const char *text, char out[DIAGNOSE_TEXT_MAX])
{
    char value[CONTROL_LINE_MAX];
    struct text filled = { .out = out };
    out[0] = '\0';
    while (*text) {
        size_t plain = strcspn(text, "{"), length = strcspn(text + plain, "}");
        add(&filled, "%.*s", (int)plain, text);
        text += plain;
        if (!*text)
            return;
        const char *found = value_of(c, text + 1, length - 1, value);
        add(&filled, "%s", found ? found : "?");
        text += length + (text[length] == '}');
    }
}

/* ---- output ---- */

enum { INDENT = 16 };

static const char *sure_word(enum diagnose_sure sure)
{
    return sure == DIAGNOSE_CERTAIN ? "certain" : sure == DIAGNOSE_LIKELY ? "likely" : "possible";
}

static void put(const struct diagnose_case *c, const struct terminal *terminal, const char *label, const char *text, FILE *out)
{
    char filled[DIAGNOSE_TEXT_MAX];
    if (!text)
        return;
    diagnose_fill(c, text, filled);
    wrap_print(out, terminal->width, INDENT, label, filled);
}

void diagnose_print(const struct diagnose_case *c, const struct terminal *terminal, FILE *out)
{
    const struct diagnose_row *row = diagnose_find(c);
    char seen[DIAGNOSE_TEXT_MAX];
    const char *colour = !terminal->colour ? "" : row->fine ? "\033[32m" : "\033[31m", *plain = terminal->colour ? "\033[0m" : "";
    fprintf(out, "%s: %s%s%s (%s)\n", c->tunnel->name, colour, row->code, plain, sure_word(row->sure));
    diagnose_seen(c, seen);
    wrap_print(out, terminal->width, INDENT, "  seen", seen);
    put(c, terminal, "  means", row->means, out);
    put(c, terminal, "  here", row->here, out);
    put(c, terminal, "  in OCI", row->oci, out);
    put(c, terminal, "  Oracle's log", row->oracle_log, out);
    const char *note;
    for (size_t i = 0; (note = diagnose_note(c, i)); i++)
        put(c, terminal, "  also", note, out);
}

static json_t *filled_or_null(const struct diagnose_case *c, const char *text)
{
    char filled[DIAGNOSE_TEXT_MAX];
    if (!text)
        return json_null();
    diagnose_fill(c, text, filled);
    return json_string(filled);
}

int diagnose_print_json(const struct diagnose_case *c, FILE *out)
{
    const struct diagnose_row *row = diagnose_find(c);
    char seen[DIAGNOSE_TEXT_MAX];
    const char *note;
    json_t *notes = json_array();
    for (size_t i = 0; (note = diagnose_note(c, i)); i++)
        json_array_append_new(notes, filled_or_null(c, note));
    diagnose_seen(c, seen);
    json_t *root = json_pack("{s:i, s:s, s:s, s:s, s:b, s:s, s:o, s:o, s:o, s:o, s:o}", "schema", 1, "tunnel", c->tunnel->name, "code", row->code,
                             "sure", sure_word(row->sure), "fine", row->fine, "seen", seen, "means", filled_or_null(c, row->means), "here",
                             filled_or_null(c, row->here), "oci", filled_or_null(c, row->oci), "oracle_log",
                             filled_or_null(c, row->oracle_log), "also", notes);
    if (!root)
        return -1;
    int result = json_dumpf(root, out, JSON_INDENT(2));
    fputc('\n', out);
    json_decref(root);
    return result < 0 ? -1 : 0;
}

static int diagnose(const struct arguments *arguments, const struct client_answer *answer)
{
    struct link *link = calloc(1, sizeof *link);
    struct terminal terminal = terminal_look();
    struct diagnose_case c = { .tunnel = &answer->tunnels[0], .link = link, .now = answer->end.now };
    int result = 0;
    if (link)
        link_look(c.tunnel->interface, link);
    if (arguments->json)
        result = diagnose_print_json(&c, stdout);
    else
        diagnose_print(&c, &terminal, stdout);
    bool fine = diagnose_find(&c)->fine;
    free(link);
    return result < 0 || fflush(stdout) != 0 ? CLI_DENIED : fine ? 0 : 1;
}

int diagnose_verb(const struct arguments *arguments)
{
    struct client_answer answer;
    int result = client_ask(arguments->folder, CONTROL_STATUS, arguments->name, &answer);
    if (result)
        return result;
    result = answer.count == 1 ? diagnose(arguments, &answer) : CLI_DENIED;
    client_answer_free(&answer);
    return result;
}

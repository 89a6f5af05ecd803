/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the block about one tunnel, and the brief lines for scripts. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/status.h"
#include "cli/words.h"
#include "cli/wrap.h"

enum { TEXT_MAX = 1400, INDENT = 14 };

/* One labelled paragraph in the making. */
struct paragraph {
    char text[TEXT_MAX];
    size_t used;
};

static void add(struct paragraph *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct paragraph *p, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int more = vsnprintf(p->text + p->used, sizeof p->text - p->used, format, arguments);
    va_end(arguments);
    p->used += more > 0 ? (size_t)more : 0;
    if (p->used >= sizeof p->text)
        p->used = sizeof p->text - 1;
}

static void end(struct paragraph *p, const char *label, const struct status_view *view, FILE *out)
{
    char front[INDENT + 1];
    snprintf(front, sizeof front, "  %s", label);
    if (p->used)
        wrap_print(out, view->terminal.width, INDENT, front, p->text);
    *p = (struct paragraph){ .used = 0 };
}

static void add_time(struct paragraph *p, const char *what, int64_t us)
{
    char text[WORDS_MAX];
    add(p, "%s%s%s", p->used ? ", " : "", what, words_duration(us, text));
}

static void add_until(struct paragraph *p, const char *what, int64_t moment, int64_t now)
{
    if (moment)
        add_time(p, what, moment - now);
}

/* Before there is an ISAKMP SA there are no ports. */
static const char *endpoint_words(const struct endpoint *e, char out[ENDPOINT_TEXT_MAX])
{
    return e->port ? endpoint_print(e, out) : addr_print(&e->addr, out);
}

static void add_endpoints(struct paragraph *p, const struct control_tunnel *t)
{
    char near[ENDPOINT_TEXT_MAX], far[ENDPOINT_TEXT_MAX];
    add(p, "%s", t->remote.addr.family ? endpoint_words(&t->remote, far) : t->far_text);
    if (t->local.addr.family)
        add(p, " from %s", endpoint_words(&t->local, near));
    /* Who forces the encapsulation pretends to have a NAT: then nothing is known of one. */
    if (t->isakmp_up && t->encapsulation == CONF_YES)
        add(p, ", ESP in UDP by encapsulation=yes");
    else if (t->isakmp_up)
        add(p, ", %s%s", t->encapsulated ? "ESP in UDP" : "plain ESP",
            t->nat_near && t->nat_far ? ", NAT at both ends" : t->nat_near ? ", NAT at this end" : t->nat_far ? ", NAT at the far end" : "");
}

static void add_cookie(struct paragraph *p, const uint8_t cookie[CONTROL_COOKIE])
{
    for (size_t i = 0; i < CONTROL_COOKIE; i++)
        add(p, "%02x", cookie[i]);
}

static void add_phase1(struct paragraph *p, const struct control_tunnel *t, int64_t now)
{
    if (!t->isakmp_up)
        return;
    add(p, "%s, %s, SPI here ", t->ike, t->initiator ? "we began" : "the headend began");
    add_cookie(p, t->cookie_near);
    add(p, " there ");
    add_cookie(p, t->cookie_far);
    add_time(p, "for ", now - t->isakmp_since);
    add_until(p, "new in ", t->isakmp_rekey_at, now);
    add_until(p, "ends in ", t->isakmp_expires_at, now);
}

static void add_phase2(struct paragraph *p, const struct control_tunnel *t, int64_t now)
{
    if (!t->spi_in)
        return;
    add(p, "%s, SPI in %08" PRIx32 " out %08" PRIx32, t->esp, t->spi_in, t->spi_out);
    add_time(p, "for ", now - t->sa_since);
    add_until(p, "new in ", t->sa_rekey_at, now);
    add_until(p, "ends in ", t->sa_expires_at, now);
}

static void add_lifetimes(struct paragraph *p, const struct control_tunnel *t)
{
    char one[WORDS_MAX], two[WORDS_MAX];
    if (t->ike_lifetime)
        add(p, "phase 1 %s, phase 2 %s", words_duration((int64_t)t->ike_lifetime * 1000000, one),
            words_duration((int64_t)t->sa_lifetime * 1000000, two));
}

static void add_liveness(struct paragraph *p, const struct control_tunnel *t, int64_t now)
{
    if (t->heard_at) {
        char text[WORDS_MAX];
        add(p, "headend heard %s ago", words_duration(now - t->heard_at, text));
    }
    if (t->round_trip_us >= 0)
        add(p, "%sround trip %.1f ms", p->used ? ", " : "", (double)t->round_trip_us / 1000);
    if (t->dpd_delay)
        add(p, "%sasked after %" PRIu32 "s of silence, dead after %" PRIu32 "s", p->used ? ", " : "", t->dpd_delay, t->dpd_timeout);
    else if (t->ike_lifetime)
        add(p, "%soff", p->used ? ", " : "");
    if (t->isakmp_up && t->dpd_delay && !t->dpd)
        add(p, ", but the headend has no DPD");
}

static void add_interface(struct paragraph *p, const struct control_tunnel *t, const struct link *link)
{
    char vti[PREFIX_TEXT_MAX];
    if (!t->interface[0] && !t->mark_set)
        return;
    add(p, "%s", t->interface[0] ? t->interface : "none");
    if (t->vti.addr.family)
        add(p, " %s", prefix_print(&t->vti, vti));
    if (link && link->there)
        add(p, ", MTU %" PRIu32 "%s", link->mtu, link->up ? "" : ", not in use");
    else if (link && t->interface[0])
        add(p, ", not in this network namespace");
    if (t->path_mtu)
        add(p, ", MTU of the way to the headend %" PRIu32, t->path_mtu);
    if (t->mark_set)
        add(p, ", mark %" PRIu32 "/%" PRIu32 " (in/out)", t->mark_in, t->mark_out);
}

static void add_routes(struct paragraph *p, const struct link *link)
{
    char text[PREFIX_TEXT_MAX];
    if (!link || !link->there)
        return;
    for (size_t i = 0; i < link->routes; i++) {
        const struct link_route *r = &link->route[i];
        add(p, "%s%s", i ? ", " : "", prefix_print(&r->to, text));
        if (r->via.family)
            add(p, " via %s", addr_print(&r->via, text));
        if (r->table != 254)
            add(p, " in table %" PRIu32, r->table);
        if (r->metric)
            add(p, " metric %" PRIu32, r->metric);
        add(p, "%s%s", r->shared ? " (shared)" : "", r->dead ? " (not used)" : "");
    }
    if (link->more)
        add(p, " and more");
    if (!link->routes)
        add(p, "none: nothing is sent into the interface");
}

static void add_traffic(struct paragraph *p, const struct control_tunnel *t)
{
    char in[WORDS_MAX], going[WORDS_MAX];
    add(p, "in %s octets (%" PRIu64 " packets), out %s octets (%" PRIu64 " packets)", words_bytes(t->bytes_in, in), t->packets_in,
        words_bytes(t->bytes_out, going), t->packets_out);
}

static void add_failure(struct paragraph *p, const struct control_tunnel *t, int64_t now)
{
    char text[WORDS_MAX];
    if (!t->cause[0])
        return;
    add(p, "%s, %s ago", t->cause, words_duration(now - t->cause_at, text));
    if (t->cause_text[0])
        add(p, ": %s", t->cause_text);
    if (t->health != CONTROL_UP_NOW)
        add(p, "; `minicpe diagnose %s` tells more", t->name);
}

/* The youngest last, as in a log. */
static void print_events(const struct status_view *view, const struct control_tunnel *t, FILE *out)
{
    const struct client_answer *answer = view->answer;
    struct paragraph p = { .used = 0 };
    const char *label = "events";
    for (size_t i = 0; i < answer->event_count; i++) {
        const struct control_event *e = &answer->events[i];
        time_t seconds = (time_t)(e->at / 1000000);
        struct tm local;
        char when[64] = "";
        bool today = answer->end.now - e->at < INT64_C(86400) * 1000000;
        if (strcmp(e->name, t->name) != 0)
            continue;
        if (localtime_r(&seconds, &local))
            strftime(when, sizeof when, today ? "%H:%M:%S" : "%m-%d %H:%M:%S", &local);
        const char *word = e->cause[0] ? e->cause : strcmp(e->kind, "state") == 0 ? e->state : e->kind;
        add(&p, "%s %s%s%s", when, word, e->text[0] ? ": " : "", e->text);
        end(&p, label, view, out);
        label = "";
    }
}

static void print_head(const struct status_view *view, const struct control_tunnel *t, FILE *out)
{
    char text[WORDS_MAX];
    bool up = t->health == CONTROL_UP_NOW;
    int64_t now = view->answer->end.now;
    const char *colour = !view->terminal.colour ? "" : up ? "\033[32m" : "\033[31m", *plain = view->terminal.colour ? "\033[0m" : "";
    fprintf(out, "%s: %s%s%s", t->name, colour, up ? "up" : "down", plain);
    if (t->since)
        fprintf(out, " for %s", words_duration(now - t->since, text));
    if (!up && t->state_since)
        fprintf(out, ", %s for %s", t->state, words_duration(now - t->state_since, text));
    if (t->established)
        fprintf(out, "; came up %" PRIu32 " time%s\n", t->established, t->established == 1 ? "" : "s");
    else
        fputs("; never came up\n", out);
}

void status_print_block(const struct status_view *view, size_t index, FILE *out)
{
    const struct control_tunnel *t = &view->answer->tunnels[index];
    const struct link *link = view->links ? &view->links[index] : NULL;
    int64_t now = view->answer->end.now;
    char near[PREFIX_TEXT_MAX], far[PREFIX_TEXT_MAX];
    struct paragraph p = { .used = 0 };
    print_head(view, t, out);
    add_endpoints(&p, t);
    end(&p, "headend", view, out);
    if (t->near_id[0] || t->far_id[0])
        add(&p, "%s here, %s there", t->near_id[0] ? t->near_id : "?", t->far_id[0] ? t->far_id : "?");
    end(&p, "identities", view, out);
    add_phase1(&p, t, now);
    end(&p, "phase 1", view, out);
    add_phase2(&p, t, now);
    end(&p, "phase 2", view, out);
    add_lifetimes(&p, t);
    end(&p, "lifetimes", view, out);
    add_liveness(&p, t, now);
    end(&p, "DPD", view, out);
    add(&p, "%s here, %s there", prefix_print(&t->near_subnet, near), prefix_print(&t->far_subnet, far));
    end(&p, "selectors", view, out);
    add_interface(&p, t, link);
    end(&p, "interface", view, out);
    add_routes(&p, link);
    end(&p, "routes", view, out);
    add_traffic(&p, t);
    end(&p, "traffic", view, out);
    add_failure(&p, t, now);
    end(&p, "last error", view, out);
    if (t->retry_at)
        add_until(&p, "attempt in ", t->retry_at, now);
    end(&p, "next", view, out);
    print_events(view, t, out);
    add(&p, "%s:%" PRIu32, t->file, t->line);
    if (t->secret_file[0])
        add(&p, ", its secret %s:%" PRIu32, t->secret_file, t->secret_line);
    end(&p, "configured", view, out);
}

void status_print_brief(const struct client_answer *answer, FILE *out)
{
    char remote[ADDR_TEXT_MAX];
    for (size_t i = 0; i < answer->count; i++) {
        const struct control_tunnel *t = &answer->tunnels[i];
        fprintf(out, "%s\t%s\t%" PRId64 "\t%s\t%s\t%" PRIu64 "\t%" PRIu64 "\t%s\n", t->name, t->state, t->since / 1000000,
                t->remote.addr.family ? addr_print(&t->remote.addr, remote) : t->far_text, t->interface[0] ? t->interface : "-", t->bytes_in,
                t->bytes_out, t->cause[0] ? t->cause : "-");
    }
}

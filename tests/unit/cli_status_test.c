/* SPDX-License-Identifier: Apache-2.0 */
/* cli/: what a person, a script and a JSON reader see of the same tunnels; numbers in words; verbs. */
#include "cli/status.h"

#include "tests/support/test.h"

#include <jansson.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/events.h"
#include "cli/words.h"

static const int64_t NOW = 1772366400000000; /* 2026-03-01T12:00:00Z */

static int64_t ago(int64_t seconds) { return NOW - seconds * 1000000; }
static int64_t ahead(int64_t seconds) { return NOW + seconds * 1000000; }

static void put_up(struct control_tunnel *t)
{
    *t = (struct control_tunnel){
        .name = "oracle-tunnel-1", .state = "up", .health = CONTROL_UP_NOW, .interface = "vti01", .file = "/etc/minicpe/tunnels.conf",
        .line = 3, .since = ago(3 * 86400 + 4 * 3600), .bytes_in = 1288490188, .bytes_out = 325058560, .packets_in = 7, .packets_out = 9,
        .isakmp_up = true, .encapsulated = true, .nat_near = true, .initiator = true, .dpd = true, .mark_set = true, .mark_in = 5,
        .mark_out = 5, .ike = "AES_CBC_256-SHA2_384-MODP1536", .esp = "AES_GCM_16_256-MODP1536", .spi_in = 0xc0ffee01, .spi_out = 0x01020304,
        .isakmp_since = ago(60), .isakmp_expires_at = ahead(28000), .sa_since = ago(50), .sa_rekey_at = ahead(720),
        .sa_expires_at = ahead(1200), .heard_at = ago(3), .round_trip_us = 24500, .established = 2, .cause = "peer-dead", .cause_at = ago(7200),
        .cause_text = "no answer to 5 probes",
    };
    t->local = (struct endpoint){ addr_v4(0xc0a8010a), 4500 };
    t->remote = (struct endpoint){ addr_v4(0xcb007101), 4500 };
    prefix_parse(&t->near_subnet, "192.168.3.0/24");
    prefix_parse(&t->far_subnet, "10.0.2.0/24");
    strcpy(t->near_id, "203.0.114.42");
    strcpy(t->far_id, "203.0.113.1");
    memcpy(t->cookie_near, "\1\2\3\4\5\6\7\x8", CONTROL_COOKIE);
    t->ike_lifetime = 28800;
    t->sa_lifetime = 3600;
    t->dpd_delay = 10;
    t->dpd_timeout = 30;
    t->path_mtu = 1500;
}

static void put_links(struct link links[2])
{
    links[0] = (struct link){ .there = true, .up = true, .mtu = 1419, .routes = 2 };
    links[1] = (struct link){ .there = false };
    prefix_parse(&links[0].route[0].to, "10.0.2.0/24");
    links[0].route[0].table = 254;
    links[0].route[0].shared = true;
    prefix_parse(&links[0].route[1].to, "10.9.0.0/16");
    links[0].route[1].table = 7;
    links[0].route[1].metric = 50;
    links[0].route[1].dead = true;
}

static const struct control_event events[] = {
    { .sequence = 1, .at = 1772366000000000, .name = "oracle-tunnel-1", .kind = "state", .state = "up", .text = "SPIs" },
    { .sequence = 2, .at = 1772366100000000, .name = "oracle-tunnel-2", .kind = "failure", .state = "waiting", .cause = "psk-mismatch",
      .text = "the shared secret is most likely not the headend's: copy it again from the tunnel's page in OCI (4 messages sent)" },
    { .sequence = 3, .at = 1772366200000000, .kind = "warning", .text = "of nobody" },
};

static void put_down(struct control_tunnel *t)
{
    *t = (struct control_tunnel){
        .name = "oracle-tunnel-2", .state = "waiting", .health = CONTROL_TRYING, .interface = "vti02", .since = ago(130),
        .file = "/etc/minicpe/tunnels.conf", .line = 20, .bytes_in = 92274688, .bytes_out = 4299161, .retry_at = ahead(15),
        .cause = "psk-mismatch", .cause_at = ago(5), .cause_text = "203.0.113.2 could not read what we sent encrypted", .round_trip_us = -1,
        .advice = "The two secrets differ: compare them.",
    };
    t->remote.addr = addr_v4(0xcb007102);
}

static struct client_answer answer_of(struct control_tunnel tunnels[2])
{
    put_up(&tunnels[0]);
    put_down(&tunnels[1]);
    union { const struct control_event *read; struct control_event *any; } past = { .read = events };
    return (struct client_answer){
        .tunnels = tunnels, .count = 2, .events = past.any, .event_count = sizeof events / sizeof *events,
        .end = { .tunnels = 2, .up = 1, .now = NOW, .started = ago(9), .daemon_version = "0.1.0" },
    };
}

static char *printed(const struct client_answer *answer, unsigned width)
{
    char *text = NULL;
    size_t size;
    struct status_view view = { .answer = answer, .terminal = { .width = width } };
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(status_print_table(&view, out), 0);
    fclose(out);
    return text;
}

static void table_in_a_pipe(void **state)
{
    (void)state;
    struct control_tunnel tunnels[2];
    struct client_answer answer = answer_of(tunnels);
    char *text = printed(&answer, 0);
    assert_string_equal(text,
                        "NAME            STATE SINCE REMOTE      IF      IN  OUT  REKEY LAST ERROR\n"
                        "oracle-tunnel-1 up    3d04h 203.0.113.1 vti01 1.2G 310M 12m00s peer-dead 2h00m ago\n"
                        "oracle-tunnel-2 down  2m10s 203.0.113.2 vti02  88M 4.1M      - psk-mismatch (retry in 15s)\n"
                        "oracle-tunnel-2: waiting; last error psk-mismatch: 203.0.113.2 could not read what we sent encrypted; next attempt in 15s\n"
                        "2 tunnels, 1 up, 1 down.\n");
    free(text);
    assert_int_equal(status_health(&answer), CLI_SOME_UP);
}

/* No line is longer than the terminal is wide, whatever is shown. */
static void check_lines(const char *text, unsigned width)
{
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        if (strcspn(line, "\n") > width)
            fail_msg("a long line at %u: %.*s", width, (int)strcspn(line, "\n"), line);
}

static void on_terminals(void **state)
{
    (void)state;
    struct control_tunnel tunnels[2];
    struct client_answer answer = answer_of(tunnels);
    struct link links[2];
    put_links(links);
    static const unsigned widths[] = { 60, 80, 100, 200 };
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        char *text = printed(&answer, widths[i]), *block = NULL;
        size_t size;
        check_lines(text, widths[i]);
        free(text);
        struct status_view view = { .answer = &answer, .links = links, .terminal = { .width = widths[i] } };
        FILE *out = open_memstream(&block, &size);
        status_print_block(&view, 0, out);
        status_print_block(&view, 1, out);
        fclose(out);
        check_lines(block, widths[i]);
        free(block);
    }
}

/* The words are there with and without: only the eye is helped. */
static void colours(void **state)
{
    (void)state;
    struct control_tunnel tunnels[2];
    struct client_answer answer = answer_of(tunnels);
    struct status_view view = { .answer = &answer, .terminal = { .width = 100, .colour = true } };
    char *text = NULL, *plain = printed(&answer, 100);
    size_t size, kept = 0;
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(status_print_table(&view, out), 0);
    fclose(out);
    assert_non_null(strchr(text, '\033'));
    assert_null(strchr(plain, '\033'));
    for (const char *p = text; *p; p++) { /* taken away again, nothing else differs */
        if (*p == '\033')
            p += strcspn(p, "m");
        else
            text[kept++] = *p;
    }
    text[kept] = '\0';
    assert_string_equal(text, plain);
    free(text);
    free(plain);
}

static void fits_the_schema(void **state)
{
    (void)state;
    struct control_tunnel tunnels[2];
    struct client_answer answer = answer_of(tunnels);
    struct link links[2];
    char path[] = "/tmp/minicpe-status-test.XXXXXX", command[200];
    put_links(links);
    for (int round = 0; round < 2; round++) { /* then with as little as there can be */
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        FILE *out = fdopen(fd, "w");
        struct status_view view = { .answer = &answer, .links = round ? NULL : links };
        for (size_t i = 0; round && i < answer.count; i++)
            answer.tunnels[i] = (struct control_tunnel){ .name = "x", .state = "down", .round_trip_us = -1 };
        assert_int_equal(status_print_json(&view, out), 0);
        fclose(out);
        snprintf(command, sizeof command, "tests/schema.py docs/status.schema.json %s >&2", path);
        int status = system(command);
        unlink(path);
        strcpy(path + strlen(path) - 6, "XXXXXX");
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
            skip();
        assert_int_equal(status, 0);
    }
}

static void health(void **state)
{
    (void)state;
    struct control_tunnel tunnels[2];
    struct client_answer answer = answer_of(tunnels);
    answer.count = 1;
    assert_int_equal(status_health(&answer), CLI_ALL_UP);
    answer.tunnels = &tunnels[1];
    assert_int_equal(status_health(&answer), CLI_NONE_UP);
    answer.count = 0;
    assert_int_equal(status_health(&answer), CLI_NONE_UP);
}

static void json(void **state)
{
    (void)state;
    struct control_tunnel tunnels[2];
    struct client_answer answer = answer_of(tunnels);
    char *text = NULL;
    size_t size;
    struct link links[2];
    put_links(links);
    struct status_view view = { .answer = &answer, .links = links };
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(status_print_json(&view, out), 0);
    fclose(out);
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    int number, up;
    const char *now, *name, *since, *cause, *retry;
    json_t *tunnel[2], *nothing;
    json_int_t in, spi;
    assert_int_equal(json_unpack(root, "{s:i, s:i, s:s, s:[oo!]}", "schema", &number, "up", &up, "now", &now, "tunnels", &tunnel[0], &tunnel[1]), 0);
    assert_int_equal(number, 1);
    assert_int_equal(up, 1);
    assert_string_equal(now, "2026-03-01T12:00:00.000Z");
    assert_int_equal(json_unpack(tunnel[0], "{s:s, s:s, s:o, s:{s:I}, s:{s:I}}", "name", &name, "since", &since, "retry_at", &nothing, "traffic",
                                 "bytes_in", &in, "phase2", "spi_in", &spi), 0);
    assert_string_equal(name, "oracle-tunnel-1");
    assert_string_equal(since, "2026-02-26T08:00:00.000Z");
    assert_true(json_is_null(nothing));
    assert_int_equal(in, 1288490188);
    assert_int_equal(spi, 0xc0ffee01);
    assert_int_equal(json_unpack(tunnel[1], "{s:s, s:{s:s}, s:o}", "retry_at", &retry, "last_error", "cause", &cause, "phase1", &nothing), 0);
    assert_string_equal(retry, "2026-03-01T12:00:15.000Z");
    assert_string_equal(cause, "psk-mismatch");
    assert_true(json_is_null(nothing));
    json_decref(root);
    free(text);
}

static void contains(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no '%s' in %s", part, text);
}

static void block_and_brief(void **state)
{
    (void)state;
    struct control_tunnel tunnels[2];
    struct client_answer answer = answer_of(tunnels);
    struct link links[2];
    char *text = NULL;
    size_t size;
    put_links(links);
    struct status_view view = { .answer = &answer, .links = links };
    FILE *out = open_memstream(&text, &size);
    status_print_block(&view, 0, out);
    status_print_block(&view, 1, out);
    status_print_brief(&answer, out);
    fclose(out);
    contains(text, "oracle-tunnel-1: up for 3d04h; came up 2 times\n");
    contains(text, "  headend     203.0.113.1:4500 from 192.168.1.10:4500, ESP in UDP, NAT at this end\n");
    contains(text, "  identities  203.0.114.42 here, 203.0.113.1 there\n");
    contains(text, "we began, SPI here 0102030405060708 there 0000000000000000, for 1m00s, ends in 7h46m\n");
    contains(text, "SPI in c0ffee01 out 01020304, for 50s, new in 12m00s, ends in 20m00s\n");
    contains(text, "  lifetimes   phase 1 8h00m, phase 2 1h00m\n");
    contains(text, "  DPD         headend heard 3s ago, round trip 24.5 ms, asked after 10s of silence, dead after 30s\n");
    contains(text, "  interface   vti01, MTU 1419, MTU of the way to the headend 1500, mark 5/5 (in/out)\n");
    contains(text, "  routes      10.0.2.0/24 (shared), 10.9.0.0/16 in table 7 metric 50 (not used)\n");
    contains(text, "vti02, not in this network namespace\n");
    contains(text, "`minicpe diagnose oracle-tunnel-2` tells more\n");
    contains(text, " psk-mismatch: the shared secret is most likely");
    contains(text, "tunnels.conf:20\n");
    contains(text, "oracle-tunnel-2\twaiting\t1772366270\t203.0.113.2\tvti02\t92274688\t4299161\tpsk-mismatch\n");
    assert_null(strstr(text, "of nobody"));
    free(text);
}

static void words(void **state)
{
    (void)state;
    static const struct { uint64_t bytes; const char *text; } sizes[] = {
        { 0, "0" }, { 999, "999" }, { 1000, "1.0K" }, { 10189, "10K" }, { 1023487, "999K" }, { 1023488, "1.0M" }, { UINT64_MAX, "16E" },
    };
    static const struct { int64_t seconds; const char *text; } spans[] = {
        { -5, "0s" }, { 0, "0s" }, { 59, "59s" }, { 60, "1m00s" }, { 3599, "59m59s" }, { 3600, "1h00m" }, { 86399, "23h59m" }, { 86400, "1d00h" },
    };
    char out[WORDS_MAX];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        assert_string_equal(words_bytes(sizes[i].bytes, out), sizes[i].text);
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++)
        assert_string_equal(words_duration(spans[i].seconds * 1000000, out), spans[i].text);
    assert_string_equal(words_time(1500, out), "1970-01-01T00:00:00.001Z");
}

static void verbs(void **state)
{
    (void)state;
    assert_string_equal(cli_verb_find("status")->name, "status");
    assert_null(cli_verb_find("statsu"));
    assert_string_equal(cli_verb_nearest("statsu"), "status");
    assert_string_equal(cli_verb_nearest("rekye"), "rekey");
    assert_null(cli_verb_nearest("tunnels.conf"));
    char status[] = "status", json_option[] = "--json", one[] = "a", two[] = "b", long_name[] = "x", folder[] = "--run=/nonexistent";
    char *too_many[] = { status, one, two, NULL }, *nobody[] = { status, folder, NULL };
    char rekey[] = "rekey", *wrong_option[] = { rekey, json_option, long_name, NULL }, *nameless[] = { rekey, NULL };
    assert_int_equal(cli_verb_run(cli_verb_find("status"), 3, too_many), CLI_DENIED);
    assert_int_equal(cli_verb_run(cli_verb_find("status"), 2, nobody), CLI_NO_DAEMON);
    assert_int_equal(cli_verb_run(cli_verb_find("rekey"), 3, wrong_option), CLI_DENIED);
    assert_int_equal(cli_verb_run(cli_verb_find("rekey"), 1, nameless), CLI_DENIED);
}

/* A name or an identity may be Latin-1 in the file, and a sentence may be cut within a character: JSON is made all the same. */
static void no_utf8(void **state)
{
    (void)state;
    int pair[2];
    struct control_event event = { .header = control_header_of(CONTROL_EVENT), .name = "caf\xe9", .kind = "warning", .text = "cut \xe3\x81" };
    struct control_event got;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    assert_int_equal(send(pair[0], &event, sizeof event, 0), sizeof event);
    assert_int_equal(client_next_event(pair[1], &got), 0);
    assert_string_equal(got.name, "caf?");
    assert_string_equal(got.text, "cut ??");
    json_t *object = events_json(&got);
    assert_non_null(object);
    json_decref(object);
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_in_a_pipe), cmocka_unit_test(on_terminals), cmocka_unit_test(colours), cmocka_unit_test(fits_the_schema), cmocka_unit_test(health), cmocka_unit_test(json),
        cmocka_unit_test(block_and_brief), cmocka_unit_test(words),              cmocka_unit_test(verbs),
        cmocka_unit_test(no_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

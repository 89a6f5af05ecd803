/* SPDX-License-Identifier: Apache-2.0 */
/* cli/diagnose: every row is reached by some evidence, no text has a hole, and what is printed fits. */
#include "cli/diagnose.h"

#include "tests/support/test.h"

#include <jansson.h>
#include <string.h>

static const int64_t NOW = 1772366400000000;

struct example {
    const char *code;
    const char *cause;
    enum control_health health;
    struct control_evidence evidence;
    uint32_t established;
    uint64_t packets_in, packets_out;
    bool silent, unrouted, plain, routeless;
    enum diagnose_sure sure;
};

enum { MAIN = CONTROL_MAIN_MODE, QUICK = CONTROL_QUICK_MODE };

static const struct example examples[] = {
    { .code = "taken-down", .health = CONTROL_DOWN_BY_WISH, .cause = "no-answer" },
    { .code = "silent", .health = CONTROL_TRYING, .silent = true, .packets_in = 5, .packets_out = 5 },
    { .code = "traffic-in-zero", .health = CONTROL_UP_NOW, .packets_out = 7, .sure = DIAGNOSE_LIKELY },
    { .code = "no-route-into-tunnel", .health = CONTROL_UP_NOW, .unrouted = true },
    { .code = "no-answers-sent", .health = CONTROL_UP_NOW, .packets_in = 7, .sure = DIAGNOSE_LIKELY },
    { .code = "up", .health = CONTROL_UP_NOW, .packets_in = 7, .packets_out = 7, .cause = "peer-dead" },
    { .code = "up", .health = CONTROL_UP_NOW },
    { .code = "ike-version", .health = CONTROL_TRYING, .cause = "ike-version", .sure = DIAGNOSE_LIKELY },
    { .code = "ike-proposal", .health = CONTROL_TRYING, .cause = "ike-proposal", .evidence = { MAIN, .notified = true, .notify = 14 },
      .sure = DIAGNOSE_LIKELY },
    { .code = "psk-mismatch", .health = CONTROL_TRYING, .cause = "psk-mismatch", .evidence = { MAIN, 4, .unreadable = true }, .sure = DIAGNOSE_LIKELY },
    { .code = "psk-mismatch", .health = CONTROL_TRYING, .cause = "psk-mismatch", .evidence = { MAIN, 4, .notified = true, .notify = 16 },
      .sure = DIAGNOSE_LIKELY },
    { .code = "psk-mismatch", .health = CONTROL_TRYING, .cause = "psk-mismatch", .evidence = { MAIN, 4, .sent = 5 }, .sure = DIAGNOSE_POSSIBLE },
    { .code = "ike-id", .health = CONTROL_TRYING, .cause = "ike-id", .evidence = { MAIN, 4, .notified = true, .authenticated = true, .notify = 18 } },
    { .code = "ike-id", .health = CONTROL_TRYING, .cause = "ike-id", .evidence = { MAIN, 4, .notified = true, .notify = 18 }, .sure = DIAGNOSE_LIKELY },
    { .code = "ike-id", .health = CONTROL_TRYING, .cause = "ike-id", .evidence = { MAIN, 4, .unreadable = true }, .sure = DIAGNOSE_LIKELY },
    { .code = "ike-id", .health = CONTROL_TRYING, .cause = "ike-id", .evidence = { MAIN, 4 } },
    { .code = "pfs", .health = CONTROL_TRYING, .cause = "pfs", .evidence = { QUICK, .notified = true, .authenticated = true, .notify = 17 },
      .sure = DIAGNOSE_LIKELY },
    { .code = "pfs", .health = CONTROL_TRYING, .cause = "pfs", .evidence = { QUICK, .notified = true, .authenticated = true, .notify = 14 } },
    { .code = "esp-proposal", .health = CONTROL_TRYING, .cause = "esp-proposal",
      .evidence = { QUICK, .notified = true, .authenticated = true, .notify = 14 } },
    { .code = "subnets", .health = CONTROL_TRYING, .cause = "subnets", .evidence = { QUICK, .notified = true, .authenticated = true, .notify = 18 } },
    { .code = "nat", .health = CONTROL_UP_NOW, .packets_out = 7, .plain = true, .sure = DIAGNOSE_POSSIBLE },
    { .code = "kernel", .health = CONTROL_TRYING, .cause = "kernel", .evidence = { QUICK, .error = -17 } },
    { .code = "no-route", .health = CONTROL_TRYING, .routeless = true },
    { .code = "no-route", .health = CONTROL_TRYING, .cause = "no-route" },
    { .code = "peer-dead", .health = CONTROL_TRYING, .cause = "peer-dead" },
    { .code = "peer-deleted", .health = CONTROL_TRYING, .cause = "peer-deleted" },
    { .code = "quick-unanswered", .health = CONTROL_TRYING, .cause = "lost-answer", .evidence = { QUICK, .sent = 6 }, .sure = DIAGNOSE_POSSIBLE },
    { .code = "lost-answer", .health = CONTROL_TRYING, .cause = "lost-answer", .evidence = { MAIN, 2, .sent = 6 }, .sure = DIAGNOSE_POSSIBLE },
    { .code = "protocol", .health = CONTROL_TRYING, .cause = "protocol", .evidence = { QUICK, .notified = true, .authenticated = true, .notify = 99 },
      .sure = DIAGNOSE_LIKELY },
    { .code = "no-answer-any-more", .health = CONTROL_TRYING, .cause = "no-answer", .established = 2, .evidence = { MAIN, .sent = 4 },
      .sure = DIAGNOSE_LIKELY },
    { .code = "no-answer", .health = CONTROL_TRYING, .cause = "no-answer", .evidence = { MAIN, .sent = 4 }, .sure = DIAGNOSE_LIKELY },
    { .code = "connecting", .health = CONTROL_TRYING },
    { .code = "unknown", .health = CONTROL_TRYING, .cause = "of-tomorrow", .sure = DIAGNOSE_POSSIBLE },
};

enum { EXAMPLES = sizeof examples / sizeof *examples };

static struct diagnose_case case_of(const struct example *e, struct control_tunnel *t, struct link *link)
{
    *link = (struct link){ .there = true, .routes = e->unrouted ? 0 : 1 };
    *t = (struct control_tunnel){
        .name = "oracle-tunnel-1", .file = "/etc/minicpe/tunnels.conf", .line = 3, .health = (uint8_t)e->health, .evidence = e->evidence,
        .established = e->established, .packets_in = e->packets_in, .packets_out = e->packets_out, .isakmp_up = e->health == CONTROL_UP_NOW,
        .nat_near = !e->plain, .encapsulated = !e->plain, .encapsulation = e->plain ? CONF_NO : CONF_YES, .dpd_delay = 10, .dpd_timeout = 30, .since = NOW - 5000000, .cause_at = NOW - 9000000, .near_id = "203.0.114.42",
        .far_id = "203.0.113.1", .ike_offer = "aes256-sha2_384;modp1536", .esp_offer = "aes_gcm256;modp1536", .interface = "vti01",
        .secret_file = "/etc/minicpe/tunnels.secrets", .secret_line = 1,
    };
    snprintf(t->state, sizeof t->state, "%s", e->silent ? "silent" : e->routeless ? "no-route" : e->health == CONTROL_UP_NOW ? "up" : "waiting");
    if (e->cause)
        snprintf(t->cause, sizeof t->cause, "%s", e->cause);
    t->remote.addr = addr_v4(0xcb007101);
    prefix_parse(&t->near_subnet, "192.168.3.0/24");
    prefix_parse(&t->far_subnet, "10.0.2.0/24");
    return (struct diagnose_case){ t, link, NOW };
}

static void every_row(void **state)
{
    (void)state;
    bool reached[64] = { false };
    struct control_tunnel t;
    struct link link;
    for (size_t i = 0; i < EXAMPLES; i++) {
        struct diagnose_case c = case_of(&examples[i], &t, &link);
        const struct diagnose_row *row = diagnose_find(&c);
        if (strcmp(row->code, examples[i].code) != 0 || row->sure != examples[i].sure)
            fail_msg("example %zu is %s (%d), not %s (%d)", i, row->code, (int)row->sure, examples[i].code, (int)examples[i].sure);
        reached[row - diagnose_rows] = true;
    }
    assert_true(diagnose_row_count <= 64);
    for (size_t i = 0; i < diagnose_row_count; i++)
        if (!reached[i])
            fail_msg("no example reaches row %zu, %s", i, diagnose_rows[i].code);
}

/* Whatever is wrong, there is something to do about it; and every word in braces is known. */
static void whole_texts(void **state)
{
    (void)state;
    static const unsigned widths[] = { 0, 60, 80, 200 };
    struct control_tunnel t;
    struct link link;
    for (size_t i = 0; i < EXAMPLES * 4; i++) {
        struct diagnose_case c = case_of(&examples[i / 4], &t, &link);
        const struct diagnose_row *row = diagnose_find(&c);
        struct terminal terminal = { .width = widths[i % 4] };
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        diagnose_print(&c, &terminal, out);
        fclose(out);
        assert_true(row->fine || row->here || row->oci);
        if (strpbrk(text, "{}") || strstr(text, " ? ") || strstr(text, " ,"))
            fail_msg("a hole in %s", text);
        for (const char *line = text; terminal.width && *line; line += strcspn(line, "\n") + 1)
            if (strcspn(line, "\n") > terminal.width)
                fail_msg("a long line at %u: %s", terminal.width, text);
        free(text);
    }
}

static void what_was_seen(void **state)
{
    (void)state;
    struct control_tunnel t;
    struct link link;
    struct example e = { .cause = "psk-mismatch", .health = CONTROL_TRYING, .evidence = { MAIN, 4, .notified = true, .notify = 16, .sent = 3 } };
    struct diagnose_case c = case_of(&e, &t, &link);
    char text[DIAGNOSE_TEXT_MAX];
    diagnose_seen(&c, text);
    assert_string_equal(text, "waiting, not up for 5s; last failure psk-mismatch, 9s ago; in Main Mode (phase 1) message 4 of the headend was the "
                              "last that came, ours was sent 3 times; the headend said PAYLOAD-MALFORMED, in clear, as anybody on the way could");
    diagnose_fill(&c, "{name} {nothing} {near_id", text);
    assert_string_equal(text, "oracle-tunnel-1 ? 203.0.114.42");
}

static void as_json(void **state)
{
    (void)state;
    struct control_tunnel t;
    struct link link;
    struct diagnose_case c = case_of(&examples[2], &t, &link);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(diagnose_print_json(&c, out), 0);
    fclose(out);
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *also;
    const char *code, *sure;
    int fine;
    assert_non_null(root);
    assert_int_equal(json_unpack(root, "{s:s, s:s, s:b, s:o}", "code", &code, "sure", &sure, "fine", &fine, "also", &also), 0);
    assert_string_equal(code, "traffic-in-zero");
    assert_string_equal(sure, "likely");
    assert_false(fine);
    assert_int_equal(json_array_size(also), 2); /* NAT, no DPD */
    json_decref(root);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_row), cmocka_unit_test(whole_texts), cmocka_unit_test(what_was_seen), cmocka_unit_test(as_json) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

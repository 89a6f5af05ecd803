/* SPDX-License-Identifier: Apache-2.0 */
/* cli/metrics: every sample has its family's head before it, counters end in _total, labels are escaped and stable. */
#include "cli/metrics.h"

#include "tests/support/test.h"

#include <string.h>

#include "cli/cli.h"

static struct client_answer answer_of(struct control_tunnel tunnels[2])
{
    tunnels[0] = (struct control_tunnel){ .name = "a\"b\\c", .state = "up", .health = CONTROL_UP_NOW, .isakmp_up = true, .nat_near = true,
                                          .since = 1772366400000000, .bytes_in = UINT64_C(1) << 53, .bytes_out = 5, .packets_in = 2,
                                          .packets_out = 3, .round_trip_us = 1500, .established = 4, .spi_in = 0xc0ffee, .sa_rekey_at = 1, .cause = "no-answer" };
    tunnels[1] = (struct control_tunnel){ .name = "two", .state = "waiting", .health = CONTROL_TRYING, .round_trip_us = -1, .cause = "no-answer" };
    return (struct client_answer){ .tunnels = tunnels, .count = 2, .end = { .started = 1772366400500000, .daemon_version = "0.1.0" } };
}

static char *printed(const struct client_answer *answer, bool open)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    metrics_print(answer, open, out);
    fclose(out);
    return text;
}

static void contains(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no '%s' in\n%s", part, text);
}

static void samples(void **state)
{
    (void)state;
    struct control_tunnel tunnels[2];
    struct client_answer answer = answer_of(tunnels);
    char *text = printed(&answer, true);
    contains(text, "minicpe_up 1\n");
    contains(text, "# TYPE minicpe_tunnel_receive_bytes counter\n# UNIT minicpe_tunnel_receive_bytes bytes\n# HELP minicpe_tunnel_receive_bytes ");
    contains(text, "\nminicpe_tunnel_receive_bytes_total{tunnel=\"a\\\"b\\\\c\"} 9007199254740992\n");
    contains(text, "\nminicpe_tunnel_round_trip_seconds{tunnel=\"a\\\"b\\\\c\"} 0.001500\n");
    contains(text, "\nminicpe_tunnel_failure{tunnel=\"two\",cause=\"no-answer\"} 1\n# EOF\n");
    contains(text, "\nminicpe_start_timestamp_seconds 1772366400.500000\n");
    assert_null(strstr(text, "minicpe_tunnel_round_trip_seconds{tunnel=\"two\"")); /* not known: not there */
    assert_null(strstr(text, "c0ffee"));
    free(text);
    text = printed(NULL, false);
    assert_string_equal(text, "# TYPE minicpe_up gauge\n# HELP minicpe_up 1 while the daemon answers.\nminicpe_up 0\n# EOF\n");
    free(text);
}

/* The last TYPE line's name and type belong to each sample that follows. */
static void heads(void **state)
{
    (void)state;
    struct control_tunnel tunnels[2];
    struct client_answer answer = answer_of(tunnels);
    for (int open = 0; open < 2; open++) {
        char *text = printed(&answer, open), family[100] = "", type[20] = "", expected[120];
        unsigned count = 0, counters = 0;
        for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
            if (sscanf(line, "# TYPE %99s %19s", family, type) == 2 || *line == '#')
                continue;
            bool counter = strcmp(type, "counter") == 0;
            snprintf(expected, sizeof expected, "%s%s", family, open && counter ? "_total" : open && strcmp(type, "info") == 0 ? "_info" : "");
            size_t length = strcspn(line, "{ ");
            if (strlen(expected) != length || strncmp(line, expected, length) != 0)
                fail_msg("%.40s under the head of %s", line, family);
            assert_int_equal(counter, length > 6 && strncmp(line + length - 6, "_total", 6) == 0);
            counters += counter;
            count++;
        }
        assert_in_range(count, 20, 60);
        assert_int_equal(counters, 10);
        assert_string_equal(text + strlen(text) - 6, "# EOF\n");
        free(text);
    }
}

static void no_daemon(void **state)
{
    (void)state;
    char verb[] = "metrics", folder[] = "--run=/nonexistent", *arguments[] = { verb, folder, NULL };
    assert_int_equal(cli_verb_run(cli_verb_find("metrics"), 2, arguments), CLI_NO_DAEMON);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(samples), cmocka_unit_test(heads), cmocka_unit_test(no_daemon) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

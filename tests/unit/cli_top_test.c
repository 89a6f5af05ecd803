/* SPDX-License-Identifier: Apache-2.0 */
/* cli/top: rates of counters, the graph's scale and characters, a picture that fits. */
#include "cli/top.h"

#include "tests/support/test.h"

#include <string.h>

static struct client_answer answer_at(struct control_tunnel *tunnels, size_t count, int64_t second, uint64_t bytes)
{
    for (size_t i = 0; i < count; i++) {
        tunnels[i] = (struct control_tunnel){ .health = i % 2 ? CONTROL_TRYING : CONTROL_UP_NOW, .state = "up", .since = 1, .bytes_in = bytes,
                                              .bytes_out = bytes / 2, .cause = "no-answer", .cause_text = "the headend does not answer" };
        snprintf(tunnels[i].name, sizeof tunnels[i].name, "oracle-tunnel-%zu", i + 1);
    }
    return (struct client_answer){ .tunnels = tunnels, .count = count,
                                   .end = { .now = second * 1000000, .tunnels = (uint32_t)count, .up = 1, .daemon_version = "0.1.0" } };
}

static void rates(void **state)
{
    (void)state;
    struct control_tunnel tunnels[1];
    struct top top = { .count = 0 };
    const struct { int64_t second; uint64_t bytes, in; } rows[] = { { 100, 5000, 0 }, { 101, 6000, 1000 }, { 103, 10000, 2000 }, { 104, 300, 300 } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct client_answer answer = answer_at(tunnels, 1, rows[i].second, rows[i].bytes);
        assert_int_equal(top_take(&top, &answer), 0);
        assert_int_equal(top.tunnels[0].count, i); /* the first is only what to count from */
        if (i)
            assert_int_equal(top.tunnels[0].in[i - 1], rows[i].in);
    }
    top_free(&top);
}

static void graph(void **state)
{
    (void)state;
    static struct top_tunnel tunnel;
    char line[400];
    top_graph(&tunnel, 5, false, line, sizeof line);
    assert_string_equal(line, "     ");
    for (size_t i = 0; i < 20; i++) /* four columns: 0, 100, 200, 400 */
        tunnel.in[tunnel.count++] = (const uint64_t[]){ 0, 100, 200, 400 }[i / TOP_STEP];
    top_graph(&tunnel, 6, false, line, sizeof line);
    assert_string_equal(line, "  _-+#");
    top_graph(&tunnel, 3, true, line, sizeof line);
    assert_int_equal(strlen(line), 9);
    tunnel.count = 0;
    for (size_t i = 0; i < 3 * TOP_SAMPLES + 7; i++, tunnel.count++) /* the ring goes round */
        tunnel.in[tunnel.count % TOP_SAMPLES] = tunnel.count;
    top_graph(&tunnel, TOP_SAMPLES / TOP_STEP + 9, false, line, sizeof line);
    assert_int_equal(strlen(line), TOP_SAMPLES / TOP_STEP + 9);
    assert_int_equal(line[strlen(line) - 1], '#');
    assert_int_equal(line[0], ' ');
}

static size_t columns_of(const char *line, size_t length)
{
    size_t columns = 0;
    for (size_t i = 0; i < length; i++)
        columns += ((unsigned char)line[i] & 0xc0) != 0x80;
    return columns;
}

static void fits(void **state)
{
    (void)state;
    static struct control_tunnel tunnels[40];
    static const struct terminal terminals[] = {
        { 60, 24, false, true }, { 80, 10, false, false }, { 200, 60, false, true }, { 40, 7, false, true }, { 30, 3, false, false } };
    struct top top = { .count = 0 };
    for (int64_t second = 1; second < 400; second++) {
        struct client_answer answer = answer_at(tunnels, 40, second, (uint64_t)second * second * 1000);
        assert_int_equal(top_take(&top, &answer), 0);
    }
    for (size_t i = 0; i < sizeof terminals / sizeof *terminals; i++)
        for (size_t count = 0; count <= 40; count += 2) {
            struct client_answer answer = answer_at(tunnels, count, 400, 7);
            struct status_view view = { .answer = &answer, .terminal = terminals[i] };
            char *picture = NULL;
            size_t size, lines = 0;
            FILE *out = open_memstream(&picture, &size);
            top_render(&top, &view, out);
            fclose(out);
            for (const char *line = picture; *line; line += strcspn(line, "\n") + 1, lines++)
                if (terminals[i].width >= 50 && columns_of(line, strcspn(line, "\n")) > terminals[i].width)
                    fail_msg("too wide for %u: %s", terminals[i].width, line);
            if (terminals[i].height >= 7 && lines >= terminals[i].height)
                fail_msg("%zu lines for %u:\n%s", lines, terminals[i].height, picture);
            free(picture);
        }
    top_free(&top);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(rates), cmocka_unit_test(graph), cmocka_unit_test(fits) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

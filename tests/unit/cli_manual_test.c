/* SPDX-License-Identifier: Apache-2.0 */
/* The manual keeps up: every key that is used, every verb and every option stands in its page. */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "conf/keywords.h"

/* Without the backslashes that keep troff from making other characters of hyphens. */
static char *read_page(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file) {
        print_message("%s is not here: run the tests from the top of the tree\n", path);
        skip();
    }
    char *text = test_memory(1 << 18);
    size_t used = 0;
    for (int c; (c = fgetc(file)) != EOF && used + 1 < 1 << 18;)
        if (c != '\\')
            text[used++] = (char)c;
    fclose(file);
    return text;
}

static void every_used_key(void **state)
{
    (void)state;
    char *page = read_page("docs/minicpe.conf.5"), word[80];
    for (const struct keyword *row = keyword_table; row < keyword_table + keyword_count; row++) {
        if (row->support != KEYWORD_USED || row->alias_of)
            continue;
        snprintf(word, sizeof word, "%s%s=", row->scope == KEYWORD_END ? "left" : "", row->name);
        if (!strstr(page, word))
            fail_msg("minicpe.conf(5) does not tell of %s", word);
    }
    free(page);
}

static void every_verb_and_option(void **state)
{
    (void)state;
    char *page = read_page("docs/minicpe.8"), *listing = NULL, name[16];
    static const char *const options[] = { "-c", "-s", "-t", "-d", "--insecure-secrets", "--run", "--version", "--help", "--json", "--brief" };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (!strstr(page, options[i]))
            fail_msg("minicpe(8) does not tell of %s", options[i]);
    size_t size;
    FILE *out = open_memstream(&listing, &size);
    cli_verbs_print(out);
    fclose(out);
    for (const char *line = listing; *line; line += strcspn(line, "\n") + 1) {
        assert_int_equal(sscanf(line, "%15s", name), 1);
        if (!strstr(page, name))
            fail_msg("minicpe(8) does not tell of %s", name);
    }
    free(listing);
    free(page);
}

/* What a verb says to --help. */
static char *help_of(const char *name)
{
    char *argv[] = { test_memory(32), test_memory(8), NULL }, *text = test_memory(1 << 14);
    snprintf(argv[0], 32, "%s", name);
    snprintf(argv[1], 8, "--help");
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    int result = cli_verb_run(cli_verb_find(name), 2, argv);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    rewind(file);
    text[fread(text, 1, (1 << 14) - 1, file)] = '\0';
    fclose(file);
    assert_int_equal(result, 0);
    free(argv[0]);
    free(argv[1]);
    return text;
}

static void fits_a_screen(const char *name, const char *text)
{
    size_t lines = 0;
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1, lines++)
        if (strcspn(line, "\n") > 80)
            fail_msg("minicpe %s --help: %.*s has more than 80 columns", name, (int)strcspn(line, "\n"), line);
    if (lines == 0 || lines > 23)
        fail_msg("minicpe %s --help has %zu lines; a screen has 24, the prompt one of them", name, lines);
}

static void options_told(const char *name, const char *text, const char *page)
{
    char option[40];
    for (const char *at = text; (at = strstr(at, "--"));) {
        size_t length = 2 + strspn(at + 2, "abcdefghijklmnopqrstuvwxyz-");
        snprintf(option, sizeof option, "%.*s", (int)length, at);
        bool of_oci = strncmp(option, "--ipsc-id", 9) == 0 || strcmp(option, "--tunnel-id") == 0 || strcmp(option, "--all") == 0;
        if (length > 2 && !of_oci && !strstr(page, option))
            fail_msg("minicpe(8) does not tell of %s, which minicpe %s --help does", option, name);
        at += length;
    }
}

static void every_help(void **state)
{
    (void)state;
    char *page = read_page("docs/minicpe.8"), *listing = NULL, name[16];
    size_t size;
    FILE *out = open_memstream(&listing, &size);
    cli_verbs_print(out);
    fclose(out);
    for (const char *line = listing; *line; line += strcspn(line, "\n") + 1) {
        assert_int_equal(sscanf(line, "%15s", name), 1);
        if (strcspn(line, "\n") > 80)
            fail_msg("minicpe --help: the line of %s has more than 80 columns", name);
        char *text = help_of(name);
        fits_a_screen(name, text);
        options_told(name, text, page);
        free(text);
    }
    free(listing);
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_used_key), cmocka_unit_test(every_verb_and_option), cmocka_unit_test(every_help) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

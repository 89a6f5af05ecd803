/* SPDX-License-Identifier: Apache-2.0 */
/* What a file read anew changes: slots that stay, holes, each kind of key, and never a secret in what is told. */
#include "tests/support/test.h"

#include "conf/diff.h"
#include "conf/keywords.h"
#include "conf/parse.h"

#include <stdio.h>

static const char first[] = "conn a\n\tleft=%defaultroute\n\tleftid=192.0.2.1\n\tright=198.51.100.1\n\tauthby=secret\n\tauto=start\n\tmark=1/0xffffffff\n"
                            "\tleftsubnet=10.1.0.0/16\n\trightsubnet=10.2.0.0/16\n\tesp=aes256-sha1;modp1536\n\tvti-interface=vti1\n"
                            "conn b\n\tleft=%defaultroute\n\tleftid=192.0.2.1\n\tright=198.51.100.2\n\tauthby=secret\n\tauto=start\n\tmark=2/0xffffffff\n"
                            "\tleftsubnet=10.1.0.0/16\n\trightsubnet=10.3.0.0/16\n\tesp=aes256-sha1;modp1536\n\tvti-interface=vti2\n";
static const char secrets[] = "192.0.2.1 198.51.100.1: PSK \"SecretOfConnA\"\n192.0.2.1 198.51.100.2: PSK \"SecretOfConnB\"\n";

static struct conf now, fresh, next;
static enum conf_fate fates[CONF_CONNS_MAX];
static char lines[8192];

static void load(struct conf *conf, const char *text, const char *secret_text)
{
    struct conf_report report = { 0 };
    int bad = conf_load_memory(conf, "t.conf", text, strlen(text), "t.secrets", secret_text, strlen(secret_text), &report);
    for (size_t i = 0; bad && i < report.count; i++)
        print_error("%u: %s\n", report.messages[i].line, report.messages[i].text);
    conf_report_free(&report);
    assert_int_equal(bad, 0);
}

static void add_line(void *context, const struct conf_change *change)
{
    (void)context;
    size_t used = strlen(lines);
    used += conf_change_print(change, lines + used, sizeof lines - used);
    snprintf(lines + used, sizeof lines - used, "\n");
}

/* Reads `text` anew while `now` runs. */
static const char *reload(const char *text, const char *secret_text)
{
    conf_free(&fresh);
    conf_free(&next);
    load(&fresh, text, secret_text);
    assert_int_equal(conf_place(&now, &fresh, &next, fates), 0);
    lines[0] = '\0';
    conf_each_difference(&now, &next, add_line, NULL);
    assert_null(strstr(lines, "Secret"));
    return lines;
}

/* The first text with `from` replaced by `to`, wherever it stands. */
static const char *edited(const char *text, const char *from, const char *to)
{
    static char out[4][8192];
    static unsigned turn;
    char *at = out[turn++ % 4], *start = at;
    for (const char *p = text; *p;) {
        bool here = strncmp(p, from, strlen(from)) == 0;
        at += sprintf(at, "%.*s", here ? (int)strlen(to) : 1, here ? to : p);
        p += here ? strlen(from) : 1;
    }
    assert_true(strcmp(start, text) != 0);
    return start;
}

static int setup(void **state)
{
    (void)state;
    load(&now, first, secrets);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    conf_free(&now);
    conf_free(&fresh);
    conf_free(&next);
    return 0;
}

static void nothing(void **state)
{
    (void)state;
    assert_string_equal(reload(first, secrets), "");
    for (size_t i = 0; i < CONF_CONNS_MAX; i++)
        assert_int_equal(fates[i], CONF_SAME);
    /* Comments, order and spelling are no difference; where it stands is taken up. */
    assert_string_equal(reload(edited(first, "conn b", "# note\n\nconn b"), secrets), "");
    assert_int_equal(fates[1], CONF_SAME);
    assert_int_equal(next.conns[1].line, now.conns[1].line + 2);
    assert_string_equal(reload(edited(first, "esp=", "phase2alg="), secrets), "");
}

static void keys(void **state)
{
    (void)state;
    static const struct { const char *from, *to, *line; enum conf_fate fate; } cases[] = {
        { "auto=start\n\tmark=2", "auto=add\n\tmark=2", "~ b auto start -> add\n", CONF_TUNED },
        { "\tmark=2", "\tmetric=50\n\tmark=2", "~ b metric 0 -> 50\n", CONF_TUNED },
        { "\tmark=2", "\tsalifetime=1h\n\tmark=2", "~ b salifetime 28800s -> 3600s\n", CONF_TUNED },
        { "\tmark=2", "\tmtu=1400\n\tmark=2", "~ b mtu nothing -> 1400\n", CONF_TUNED },
        { "\tmark=2", "\tleftvti=10.9.0.1/30\n\tmark=2", "~ b leftvti nothing -> 10.9.0.1/30\n", CONF_TUNED },
        { "mark=2/", "mark=7/", "~ b mark 2/0xffffffff -> 7/0xffffffff\n", CONF_RENEWED },
        { "10.3.0.0/16", "10.4.0.0/16", "~ b rightsubnet 10.3.0.0/16 -> 10.4.0.0/16\n", CONF_RENEWED },
        { "vti2", "vti9", "~ b vti-interface vti2 -> vti9\n", CONF_RENEWED },
        { "10.3.0.0/16\n\tesp=aes256-sha1;modp1536", "10.3.0.0/16\n\tesp=aes128-sha1;modp1536", "~ b esp ", CONF_RENEWED },
        { "\tmark=2", "\tike=aes256-sha2_256;modp2048\n\tmark=2", "~ b ike ", CONF_RENEWED },
        { "\tmark=2", "\treplay-window=256\n\tmark=2", "~ b replay-window 128 -> 256\n", CONF_RENEWED },
        { "\tmark=2", "\tencapsulation=yes\n\tmark=2", "~ b encapsulation auto -> yes\n", CONF_RENEWED },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *told = reload(edited(first, cases[i].from, cases[i].to), secrets);
        bool whole = strchr(cases[i].line, '\n') != NULL;
        if (whole ? strcmp(told, cases[i].line) != 0 : strncmp(told, cases[i].line, strlen(cases[i].line)) != 0)
            fail_msg("expected %sgot %s", cases[i].line, told);
        assert_int_equal(fates[0], CONF_SAME);
        assert_int_equal(fates[1], cases[i].fate);
    }
    /* Two keys of one conn: two lines, and the graver counts. */
    assert_string_equal(reload(edited(first, "\tmark=2/", "\tmetric=3\n\tmark=5/"), secrets), "~ b mark 2/0xffffffff -> 5/0xffffffff\n~ b metric 0 -> 3\n");
    assert_int_equal(fates[1], CONF_RENEWED);
    /* 'config setup' holds for each. */
    char text[4096];
    snprintf(text, sizeof text, "config setup\n\tkeep-alive=7\n%s", first);
    assert_string_equal(reload(text, secrets), "~ a keep-alive 20s -> 7s\n~ b keep-alive 20s -> 7s\n");
    assert_int_equal(fates[0], CONF_TUNED);
}

static void headend(void **state)
{
    (void)state;
    assert_string_equal(reload(edited(first, "198.51.100.2", "198.51.100.3"), edited(secrets, "198.51.100.2", "198.51.100.3")),
                        "~ b right 198.51.100.2 -> 198.51.100.3\n");
    assert_int_equal(fates[1], CONF_RENEWED);
    /* The same name with another address is another headend. */
    reload(first, secrets);
    for (struct conf *c = &now; c; c = c == &now ? &next : NULL) {
        c->conns[1].end[1].host = CONF_HOST_NAME;
        strcpy(c->conns[1].end[1].text, "vpn.example");
    }
    next.conns[1].end[1].addr.octets[3] = 77;
    lines[0] = '\0';
    conf_each_difference(&now, &next, add_line, NULL);
    assert_string_equal(lines, "~ b right 198.51.100.2 -> 198.51.100.77\n");
}

static void a_secret(void **state)
{
    (void)state;
    assert_string_equal(reload(first, edited(secrets, "SecretOfConnB", "SecretOfConnC")), "~ b pre-shared key changed (t.secrets:2)\n");
    assert_int_equal(fates[1], CONF_TUNED);
    assert_string_equal(reload(first, edited(secrets, "SecretOfConnB", "SecretOfConnBB")), "~ b pre-shared key changed (t.secrets:2)\n");
}

static void slots(void **state)
{
    (void)state;
    /* b renamed is another conn: it comes behind, since its slot is still b's while that goes. */
    assert_string_equal(reload(edited(first, "conn b", "conn c"), secrets), "- b\n+ c (t.conf:12)\n");
    assert_int_equal(next.count, 3);
    assert_true(conf_is_hole(&next.conns[1]) && strcmp(next.conns[2].name, "c") == 0);
    assert_int_equal(fates[1], CONF_REMOVED);
    assert_int_equal(fates[2], CONF_ADDED);
    /* The next that comes fills the hole; who is there stays where it is. */
    conf_free(&now);
    now = next;
    next = (struct conf){ 0 };
    assert_string_equal(reload(first, secrets), "+ b (t.conf:12)\n- c\n");
    assert_int_equal(next.count, 3);
    assert_true(strcmp(next.conns[0].name, "a") == 0 && strcmp(next.conns[1].name, "b") == 0 && conf_is_hole(&next.conns[2]));
    assert_int_equal(fates[0], CONF_SAME);
    assert_int_equal(next.conns[1].psk_length, strlen("SecretOfConnB"));
}

/* With every slot taken, another set of as many conns fits all the same. */
static void all_slots(void **state)
{
    (void)state;
    struct conf many = { .conns = test_memory(CONF_CONNS_MAX * sizeof *many.conns), .count = CONF_CONNS_MAX };
    struct conf others = { .conns = test_memory(CONF_CONNS_MAX * sizeof *many.conns), .count = CONF_CONNS_MAX };
    for (size_t i = 0; i < CONF_CONNS_MAX; i++) {
        many.conns[i] = others.conns[i] = now.conns[0];
        snprintf(many.conns[i].name, CONF_NAME_MAX, "old-%zu", i);
        snprintf(others.conns[i].name, CONF_NAME_MAX, i % 2 ? "new-%zu" : "old-%zu", i);
    }
    assert_int_equal(conf_place(&many, &others, &next, fates), 0);
    assert_int_equal(next.count, CONF_CONNS_MAX);
    for (size_t i = 0; i < CONF_CONNS_MAX; i++) {
        assert_string_equal(next.conns[i].name, others.conns[i].name);
        assert_int_equal(fates[i], i % 2 ? CONF_RENEWED : CONF_SAME);
    }
    lines[0] = '\0';
    conf_each_difference(&many, &next, add_line, NULL);
    assert_non_null(strstr(lines, "- old-1\n+ new-1 ("));
    conf_free(&many);
    conf_free(&others);
}

/* ---- mark=-1 ---- */

/* "a b=5 c": conns of these names with mark=-1, or with the mark that is given, which may have a mask. */
static const char *marked(const char *names, char secret_text[2048])
{
    static char text[8192];
    char copy[512], *rest = copy, *word;
    size_t used = 0, hidden = 0;
    snprintf(copy, sizeof copy, "%s", names);
    while ((word = strsep(&rest, " ")) != NULL) {
        const char *mark = strchr(word, '=');
        int length = mark ? (int)(mark - word) : (int)strlen(word);
        unsigned n = 0; /* the headend goes with the name */
        for (int i = 0; i < length; i++)
            n = n * 7 + (unsigned char)word[i];
        used += (size_t)snprintf(text + used, sizeof text - used, "conn %.*s\n left=%%defaultroute\n leftid=192.0.2.1\n right=198.51.100.%u\n"
                                 " leftsubnet=10.1.0.0/16\n rightsubnet=10.2.0.0/16\n ikev2=no\n auto=start\n vti-interface=v%.*s\n mark=%s\n",
                                 length, word, n % 251, length, word, mark ? mark + 1 : "-1");
        hidden += (size_t)snprintf(secret_text + hidden, 2048 - hidden, "192.0.2.1 198.51.100.%u: PSK \"SecretOf%.*s\"\n", n % 251, length, word);
    }
    return text;
}

/* "a:1001 b:1002", by slots. */
static const char *numbers(const struct conf *conf)
{
    static char out[1024];
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < conf->count; i++) {
        const struct conf_conn *c = &conf->conns[i];
        assert_true(c->mark_in == c->mark_out && c->mark_in_mask == c->mark_out_mask);
        if (!conf_is_hole(c))
            used += (size_t)snprintf(out + used, sizeof out - used, "%s%s:%u", used ? " " : "", c->name, (unsigned)c->mark_in);
    }
    return out;
}

/* One file after the other; what runs in the end, and what the last step told of marks that became other ones. */
static void follows(const char *const *files, const char *expected, const char *moved)
{
    char hidden[2048], told[1024] = "";
    conf_free(&now);
    load(&now, marked(files[0], hidden), hidden);
    for (size_t i = 1; files[i]; i++) {
        const char *text = marked(files[i], hidden);
        reload(text, hidden);
        if (!files[i + 1])
            for (char *line = strtok(lines, "\n"); line; line = strtok(NULL, "\n"))
                if (line[0] == '~')
                    snprintf(told + strlen(told), sizeof told - strlen(told), "%s\n", line);
        conf_free(&now);
        now = next;
        next = (struct conf){ 0 };
    }
    assert_string_equal(numbers(&now), expected);
    assert_string_equal(told, moved);
}

static void marks_of_its_own_choice(void **state)
{
    (void)state;
#define FOLLOWS(expected, moved, ...) follows((const char *const[]){ __VA_ARGS__, NULL }, expected, moved)
    FOLLOWS("a:1001 b:1002 c:1003", "", "a b c");
    FOLLOWS("a:1001 b:1002 c:1003 x:1004", "", "a b c", "x a b c");                   /* before all others */
    FOLLOWS("a:1001 b:1002 x:1003 y:1004 z:1005", "", "a b", "x a y b z");            /* more than before */
    FOLLOWS("b:1002 c:1003", "", "a b c", "b c");
    FOLLOWS("x:1001 b:1002 c:1003", "", "a b c", "b c", "x b c");
    FOLLOWS("a:1001 b:1002 c:1003", "", "a b c", "c a b");
    FOLLOWS("a:1001 c:1003 z:1002", "", "a b c", "a z c");                            /* another name is another conn */
    FOLLOWS("b:1002 c:1003 z:1001", "", "a b c", "z c b");
    /* What a file says of another conn counts for more, also where only a mask makes it meet. */
    FOLLOWS("a:1001 b:1004 c:1003 d:1002", "~ b mark 1002/0xffffffff -> 1004/0xffffffff\n", "a b c", "a b c d=1002");
    FOLLOWS("a:1001 b:1004 c:1003 d:2", "~ b mark 1002/0xffffffff -> 1004/0xffffffff\n", "a b c", "d=2/0x3 a b c");
    FOLLOWS("a:5 b:1002 c:1003 d:1001", "~ a mark 1001/0xffffffff -> 5/0xffffffff\n", "a=1001 b c", "a=5 b c d");
    /* From a number that is written down to one that is not, and back. */
    FOLLOWS("a:1001 b:1002", "", "a b", "b a=1001");
    FOLLOWS("a:1001 b:1002", "", "a=1001 b", "b a");
    FOLLOWS("a:1001 b:1002", "~ a mark 5/0xffffffff -> 1001/0xffffffff\n~ b mark 1001/0xffffffff -> 1002/0xffffffff\n", "a=5 b", "a b=1002");
}

/* Whoever adds a key has to say whether it needs a new SA; those that decide packets' ways or secrets of SAs do. */
static void table(void **state)
{
    (void)state;
    static const char *const renew[] = { "", "id", "subnet", "ike", "esp", "pfs", "encapsulation", "replay-window", "mark", "mark-in", "mark-out",
                                         "vti-interface", "priority" };
    for (size_t i = 0; i < keyword_count; i++) {
        const struct keyword *row = &keyword_table[i];
        bool listed = row->support != KEYWORD_USED || row->scope == KEYWORD_SETUP || row->alias_of || row->tunes || row->type == KEYWORD_ALSO;
        for (size_t k = 0; k < sizeof renew / sizeof *renew; k++)
            listed |= strcmp(row->name, renew[k]) == 0;
        if (!listed)
            fail_msg("%s= neither is said to need no new SA, nor stands in this list", row->name);
        for (size_t k = 0; k < sizeof renew / sizeof *renew; k++)
            assert_false(row->tunes && strcmp(row->name, renew[k]) == 0);
    }
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = { CASE(nothing), CASE(keys), CASE(headend), CASE(a_secret), CASE(slots), CASE(all_slots),
                                        CASE(marks_of_its_own_choice), CASE(table) };
    return cmocka_run_group_tests_name("differences of configurations", tests, NULL, NULL);
}

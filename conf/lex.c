/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the line grammar of ipsec.conf as Libreswan implements it: headers in column 1, keys indented, `key=value`
 * with one word, a quoted string or a list in braces, `#` after a blank begins a comment. Entry points: lex_plain_text,
 * lex_open, lex_next. A mistake is reported and, where the meaning is beyond doubt, the line is used all the same,
 * so that one run finds every other mistake too. Invariant: never reads past the zero at the text's end.
 */
#include "conf/lex.h"

#include "conf/suggest.h"

#include <stdio.h>

#define BLANKS " \t"

static struct place here(const struct lex *lex, uint32_t column)
{
    return place_of(lex->file, lex->line, column);
}

/* A byte-order mark and UTF-16 are how Windows editors save; `*text` is moved past the mark. */
static bool marks_pass(const char *file, char **text, size_t *length, struct conf_report *report)
{
    const unsigned char *p = (const unsigned char *)*text;
    if (*length >= 2 && ((p[0] == 0xff && p[1] == 0xfe) || (p[0] == 0xfe && p[1] == 0xff))) {
        report_error(report, place_of(file, 1, 1),
                     "the file is saved as UTF-16; it cannot be read; save it as UTF-8 without a byte-order mark");
        return false;
    }
    if (*length >= 3 && p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf) {
        report_error(report, place_of(file, 1, 1),
                     "the file begins with a byte-order mark, which an editor on Windows put there and which hides the "
                     "first word; remove it: sed -i '1s/^\\xef\\xbb\\xbf//' %s", SHOW(file));
        *text += 3;
        *length -= 3;
    }
    return true;
}

static void nul_find(const char *file, const char *text, size_t length, struct conf_report *report)
{
    const char *nul = memchr(text, '\0', length);
    if (!nul)
        return;
    uint32_t line = 1;
    const char *start = text;
    for (const char *p = text; p < nul; p++)
        if (*p == '\n') {
            line++;
            start = p + 1;
        }
    report_error(report, place_of(file, line, (uint32_t)(nul - start) + 1),
                 "there is a NUL byte, so this is not a plain text file; the rest of it is not read; "
                 "copy the file again or retype this line");
}

/* The CR becomes a blank: trailing blanks mean nothing. */
static void carriage_returns_blank(const char *file, char *text, struct conf_report *report)
{
    uint32_t line = 1, first = 0, column = 0;
    char *start = text;
    for (char *p = text; *p; p++) {
        if (*p == '\n') {
            line++;
            start = p + 1;
        } else if (*p == '\r' && (p[1] == '\n' || p[1] == '\0')) {
            if (!first) {
                first = line;
                column = (uint32_t)(p - start) + 1;
            }
            *p = ' ';
        }
    }
    if (first)
        report_error(report, place_of(file, first, column),
                     "the lines end in CR LF as on Windows; the CR would become part of every value; "
                     "convert the file: sed -i 's/\\r$//' %s", SHOW(file));
}

char *lex_plain_text(const char *file, char *text, size_t length, struct conf_report *report)
{
    if (!marks_pass(file, &text, &length, report))
        return NULL;
    nul_find(file, text, length, report);
    carriage_returns_blank(file, text, report);
    return text;
}

void lex_open(struct lex *lex, const char *file, char *text, struct conf_report *report)
{
    *lex = (struct lex){ .at = text, .file = file, .report = report };
}

static uint32_t column_of(const char *line, const char *p)
{
    return (uint32_t)(p - line) + 1;
}

static bool is_comment_start(const char *line, const char *p)
{
    return *p == '#' && (p == line || p[-1] == ' ' || p[-1] == '\t');
}

/* Octets of a space that only looks like one: U+00A0, U+2000..U+200B, U+202F, U+3000. */
size_t lex_odd_space(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    if (u[0] == 0xc2 && u[1] == 0xa0)
        return 2;
    if (u[0] == 0xe2 && u[1] == 0x80 && ((u[2] >= 0x80 && u[2] <= 0x8b) || u[2] == 0xaf))
        return 3;
    return u[0] == 0xe3 && u[1] == 0x80 && u[2] == 0x80 ? 3 : 0;
}

/* They come from copying out of a web page or from a Japanese keyboard; blanks take their place. */
static void odd_spaces_replace(struct lex *lex, char *line)
{
    bool quoted = false;
    for (char *p = line; *p && !(is_comment_start(line, p) && !quoted); p++) {
        quoted ^= *p == '"';
        size_t length = quoted ? 0 : lex_odd_space(p);
        if (length == 0)
            continue;
        if (!lex->blank_reported)
            report_error(lex->report, here(lex, column_of(line, p)),
                         "this space is not a plain space but a special one, as web pages and Japanese input methods "
                         "have them; it would become part of the word; replace it, here and below, by plain spaces");
        lex->blank_reported = true;
        memset(p, ' ', length);
    }
}

/* Cuts the next line off; false at the end. */
static bool line_take(struct lex *lex, char **line)
{
    if (*lex->at == '\0')
        return false;
    *line = lex->at;
    lex->line++;
    char *end = strchr(lex->at, '\n');
    if (end) {
        *end = '\0';
        lex->at = end + 1;
    } else {
        end = lex->at += strlen(lex->at);
    }
    if (end - *line > LEX_LINE_MAX) {
        report_error(lex->report, here(lex, LEX_LINE_MAX + 1),
                     "the line has %zu bytes; no line of this file needs more than %d; is a line break missing?",
                     (size_t)(end - *line), LEX_LINE_MAX);
        **line = '\0';
    }
    return true;
}

/* What stands after a value: nothing, or a comment after a blank. */
static bool rest_check(struct lex *lex, char *line, char *rest, const char *what)
{
    char *p = rest + strspn(rest, BLANKS);
    if (*p == '\0' || is_comment_start(line, p))
        return true;
    if (p == rest)
        report_error(lex->report, here(lex, column_of(line, p)),
                     "%s goes on right after a quote or bracket with '%s'; quotes go around the whole value", what, SHOW(p));
    else
        report_error(lex->report, here(lex, column_of(line, p)),
                     "%s has a second word, '%s'; put double quotes around the whole value, or # before a comment",
                     what, SHOW(p));
    return false;
}

static bool is_typographic_quote(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return u[0] == 0xe2 && u[1] == 0x80 && u[2] >= 0x98 && u[2] <= 0x9f;
}

/* A placeholder with blanks in it, `<CPE public IP>`: its length; 0: none. */
static size_t angled_length(const char *p)
{
    size_t length = *p == '<' ? strcspn(p, ">\"") : 0;
    return length > 1 && p[length] == '>' && strchr(BLANKS, p[length + 1]) ? length + 1 : 0;
}

/* A word, "..." or {...}; the comment is left out. Terminates it in place. */
static bool value_take(struct lex *lex, char *line, char *p, const char *what, struct lex_line *out)
{
    char close = *p == '"' ? '"' : *p == '{' ? '}' : '\0';
    out->value_column = column_of(line, p);
    if (is_typographic_quote(p) || *p == '\'') {
        report_error(lex->report, here(lex, out->value_column),
                     "%s begins with a quote that does not quote here; it would be part of the value; use \"", what);
        return false;
    }
    if (is_comment_start(line, p))
        *p = '\0';
    char *start = p + (close != '\0');
    size_t angled = angled_length(p);
    char *end = close ? strchr(start, close) : start + (angled ? angled : strcspn(start, BLANKS "\""));
    if (!end) {
        report_error(lex->report, here(lex, out->value_column), "%s has no closing %c; add it at the value's end", what,
                     close);
        return false;
    }
    if (!rest_check(lex, line, end + (close != '\0'), what))
        return false;
    *end = '\0';
    out->value = start;
    return true;
}

static bool header_take(struct lex *lex, char *line, char *word, size_t length, enum lex_kind kind, struct lex_line *out)
{
    char *p = word + length + strspn(word + length, BLANKS);
    char what[16];
    snprintf(what, sizeof what, "%.*s", (int)length, word);
    if (!value_take(lex, line, p, what, out)) {
        out->kind = LEX_UNKNOWN;
        return true;
    }
    out->kind = kind;
    lex->indent_reported = false;
    lex->section_seen |= kind != LEX_INCLUDE;
    if (*out->value)
        return true;
    report_error(lex->report, here(lex, column_of(line, word)), "%s has no %s; write for example '%s'", what,
                 kind == LEX_INCLUDE ? "file" : "name",
                 kind == LEX_INCLUDE ? "include /etc/ipsec.d/*.conf" : kind == LEX_CONN ? "conn oracle-tunnel-1" : "config setup");
    out->kind = LEX_UNKNOWN;
    return kind != LEX_INCLUDE;
}

static void missing_equals(struct lex *lex, char *line, char *key, char *key_end)
{
    char *p = key_end + strspn(key_end, BLANKS);
    struct place at = here(lex, column_of(line, key_end));
    bool more = *p && *p != '#';
    char old = *key_end;
    *key_end = '\0';
    if (more && old == ':')
        report_error(lex->report, at, "after '%s' stands ':'; a key and its value are joined by '='", SHOW(key));
    else if (more)
        report_error(lex->report, at, "'=' is missing after '%s'; write %s=%s", SHOW(key), SHOW(key), SHOW(p));
    else
        report_error(lex->report, at, "'%s' stands alone; a line of a section is key=value; complete it or remove it",
                     SHOW(key));
}

static bool key_take(struct lex *lex, char *line, char *key, struct lex_line *out)
{
    char *key_end = key + strcspn(key, BLANKS "=\":");
    char *p = key_end + strspn(key_end, BLANKS);
    out->kind = LEX_KEY;
    out->key = key;
    out->key_column = column_of(line, key);
    if (key_end == key) {
        report_error(lex->report, here(lex, column_of(line, p)),
                     "there is no key before '%c'; a line of a section is key=value; complete it or remove it", *p);
        return false;
    }
    if (*p != '=') {
        missing_equals(lex, line, key, key_end);
        return true;                     /* so that nobody misses the key */
    }
    char what[REPORT_SHOW_MAX];
    *key_end = '\0';
    snprintf(what, sizeof what, "%.40s=", SHOW(key));
    p++;
    if (!value_take(lex, line, p + strspn(p, BLANKS), what, out))
        out->value = NULL;               /* as above */
    return true;
}

struct header {
    const char *word;
    enum lex_kind kind;
};

static const struct header headers[] = {
    { "conn", LEX_CONN }, { "config", LEX_CONFIG }, { "include", LEX_INCLUDE }, { "version", LEX_UNKNOWN },
};

static const struct header *header_find(const char *word, size_t length)
{
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        if (strlen(headers[i].word) == length && strncasecmp(headers[i].word, word, length) == 0)
            return &headers[i];
    return NULL;
}

static void unknown_header(struct lex *lex, char *word, size_t length)
{
    static const char *const words[] = { "conn", "config", "include", "version" };
    word[length] = '\0';
    struct place at = here(lex, 1);
    const char *near = suggest_nearest(word, words, sizeof words / sizeof *words);
    if (near)
        report_error(lex->report, at, "'%s' is no kind of section; did you mean '%s'?", SHOW(word), near);
    else if (strcasecmp(word, "ca") == 0)
        report_error(lex->report, at, "'ca' sections are for certificates, which minicpe does not use; remove it");
    else
        report_error(lex->report, at,
                     "'%s' is no kind of section; a line that begins in column 1 is 'config setup', 'conn NAME' or "
                     "'include FILE'; indent it if it belongs to the section above", SHOW(word));
}

/* `conn=NAME`: what is meant is beyond doubt. */
static void equals_blank(struct lex *lex, char *line, char *p, const char *word)
{
    p += strspn(p, BLANKS);
    report_error(lex->report, here(lex, column_of(line, p)), "between '%s' and what it names stands a blank, no '='; remove the '='", word);
    *p = ' ';
}

/* A header, or a key that should have been indented. Returns false when nothing of the line is left to use. */
static bool column_one(struct lex *lex, char *line, char *word, struct lex_line *out)
{
    size_t length = strcspn(word, BLANKS "=");
    const struct header *header = header_find(word, length);
    char after = word[length + strspn(word + length, BLANKS)];
    if (header && (after != '=' || (word == line && header->kind != LEX_UNKNOWN))) {
        if (after == '=')
            equals_blank(lex, line, word + length, header->word);
        if (word != line)
            report_error(lex->report, here(lex, column_of(line, word)),
                         "'%s' must begin in column 1; an indented line belongs to the section above; remove the blanks "
                         "before it", header->word);
        return header->kind != LEX_UNKNOWN && header_take(lex, line, word, length, header->kind, out);
    }
    if (after == '=' && length) {
        char key[REPORT_SHOW_MAX];
        snprintf(key, sizeof key, "%.*s", (int)(length < 40 ? length : 40), word);
        if (!lex->indent_reported)
            report_error(lex->report, here(lex, 1),
                         "%s= begins in column 1, where only sections may begin; indent it, and every line of this section "
                         "but its first, by one blank or more", SHOW(key));
        lex->indent_reported = true;
        return key_take(lex, line, word, out);
    }
    unknown_header(lex, word, length ? length : strcspn(word, BLANKS));
    out->kind = LEX_UNKNOWN;
    return true;
}

static bool is_header_line(const char *p)
{
    size_t length = strcspn(p, BLANKS "=");
    const char *rest = p + length;
    return header_find(p, length) && *rest != '=' && rest[strspn(rest, BLANKS)] != '=' && rest[strspn(rest, BLANKS)];
}

/* `ADDRESS: PSK "..."`, or what is left of it on a line of its own. */
static bool is_secret_line(const char *p)
{
    const char *colon = strchr(p, ':');
    bool begins = strncasecmp(p, "PSK", 3) == 0;
    const char *type = begins ? p : colon ? colon + 1 + strspn(colon + 1, BLANKS) : "";
    return strncasecmp(type, "PSK", 3) == 0 && strchr(BLANKS "\"'", type[3]) && type[3 + strspn(type + 3, BLANKS)] != '=' &&
           !memchr(p, '=', (size_t)(type - p));
}

/* Nothing of it is shown, and of a file that is nothing else nothing more is read. */
static void secret_line(struct lex *lex, const char *line, const char *p)
{
    struct place at = here(lex, column_of(line, p));
    if (lex->section_seen) {
        report_error(lex->report, at, "this is a line of a file of secrets, which others may not read; move it into that file");
        return;
    }
    report_error(lex->report, at, "this is a file of secrets, not one of tunnels; -c names the tunnels, -s their secrets, and an include "
                 "of tunnels must not take in secrets; the rest of it is not read");
    lex->at += strlen(lex->at);
}

bool lex_next(struct lex *lex, struct lex_line *out)
{
    char *line;
    while (line_take(lex, &line)) {
        odd_spaces_replace(lex, line);
        char *p = line + strspn(line, BLANKS);
        if (*p == '\0' || *p == '#')
            continue;
        if (is_secret_line(p)) {
            secret_line(lex, line, p);
            continue;
        }
        *out = (struct lex_line){ .line = lex->line, .key_column = column_of(line, p) };
        if (p == line || is_header_line(p) ? column_one(lex, line, p, out) : key_take(lex, line, p, out))
            return true;
    }
    return false;
}

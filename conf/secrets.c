/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the grammar of ipsec.secrets as Libreswan implements it: an entry begins in column 1 and goes on in indented
 * lines; indices, a colon, a type, a secret: "text", 'text', 0xHEX, 0sBASE64 or 0tTEXT up to the line's end. Entry
 * points: secrets_parse_file, secrets_parse_text, secrets_free. Invariant: no finding shows a word of the file, since
 * any word may be a secret that stands in the wrong place; secrets are wiped when freed.
 */
#include "conf/secrets.h"

#include "conf/ids.h"
#include "conf/lex.h"
#include "conf/psk.h"

#include <stdio.h>
#include <stdlib.h>

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_QUOTED, TOKEN_UNTERMINATED };

struct token {
    enum token_kind kind;
    const char *start;                /* without quotes */
    size_t length;
    uint32_t line, column;
    bool first;                       /* begins in column 1, so begins an entry */
};

struct scan {
    struct load *load;
    struct secrets *out;
    const char *file;
    const char *at, *line_start;
    uint32_t line;
    struct token token;               /* the one at hand */
    unsigned depth;
    bool crowded;                     /* "too many" was said */
};

static void skip_blanks(struct scan *s)
{
    for (;; s->at++) {
        if (*s->at == '#' && (s->at == s->line_start || s->at[-1] == ' ' || s->at[-1] == '\t'))
            s->at += strcspn(s->at, "\n");
        if (*s->at == '\n') {
            s->line++;
            s->line_start = s->at + 1;
        } else if (*s->at != ' ' && *s->at != '\t' && *s->at != '\r') {
            return;
        }
    }
}

static void next(struct scan *s)
{
    skip_blanks(s);
    struct token *t = &s->token;
    *t = (struct token){ .kind = TOKEN_WORD, .start = s->at, .line = s->line,
                         .column = (uint32_t)(s->at - s->line_start) + 1, .first = s->at == s->line_start };
    if (*s->at == '\0') {
        t->kind = TOKEN_END;
        t->first = true;
    } else if (*s->at == '"' || *s->at == '\'') {
        char stop[3] = { *s->at, '\n', '\0' };
        t->start = s->at + 1;
        t->length = strcspn(t->start, stop);
        t->kind = t->start[t->length] == stop[0] ? TOKEN_QUOTED : TOKEN_UNTERMINATED;
        s->at = t->start + t->length + (t->kind == TOKEN_QUOTED);
    } else {
        t->length = strcspn(s->at, " \t\r\n");
        s->at += t->length;
    }
}

static struct place token_place(const struct scan *s)
{
    return place_of(s->file, s->token.line, s->token.column);
}

static bool token_is(const struct token *t, const char *word)
{
    return t->kind == TOKEN_WORD && strlen(word) == t->length && strncasecmp(t->start, word, t->length) == 0;
}

/* To the entry after the one that began at `begin`. */
static void entry_skip(struct scan *s, const char *begin)
{
    if (s->token.start == begin)
        next(s);
    while (!s->token.first)
        next(s);
}

static bool error_at(struct scan *s, struct place at, const char *what)
{
    report_error(s->load->report, at, "%s", what);
    s->out->broken = true;
    return false;
}

static bool entry_error(struct scan *s, const char *what)
{
    return error_at(s, token_place(s), what);
}

static bool index_placeholder(struct scan *s, const char *word)
{
    char text[256];
    const char *hint = hint_placeholder(word, text);
    if (!hint)
        return false;
    report_error(s->load->report, token_place(s), "this word %s", hint);
    s->out->broken = true;
    return true;
}

/* A bare name stands for the host of that name in the conn. */
static bool name_index(const char *word, struct secret_index *index)
{
    size_t length = strlen(word);
    if (length == 0 || length >= CONF_ID_MAX || strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") != length)
        return false;
    *index = (struct secret_index){ .kind = SECRET_NAME, .id = { .type = ID_FQDN, .length = (uint8_t)length } };
    memcpy(index->id.data, word, length);
    return true;
}

static bool index_parse(struct scan *s, const char *word, struct secret_index *index)
{
    struct addr addr;
    *index = (struct secret_index){ .kind = SECRET_ID };
    if (strcasecmp(word, "%any") == 0 || strcasecmp(word, "%any6") == 0 ||
        (addr_parse(&addr, word) && addr_is_unspecified(&addr))) {
        index->kind = SECRET_ANY;
        return true;
    }
    index->kind = SECRET_UNKNOWN;
    if (index_placeholder(s, word))
        return true;                      /* the rest of the entry may have more to mend */
    index->kind = SECRET_ID;
    if (conf_id_parse(word, &index->id) == NULL || name_index(word, index))
        return true;
    for (const char *p = word; *p; p++)
        if (lex_odd_space(p))
            return entry_error(s, "this word before the colon has a space that is no plain one, as web pages and Japanese input methods "
                                  "have them; replace it by a plain space");
    if (strchr(word, ','))
        return entry_error(s, "a comma stands in this word before the colon; addresses are separated by blanks; write for "
                              "example 192.0.2.10 203.0.113.1: PSK \"...\"");
    return entry_error(s, "this word before the colon is neither an address nor @name nor user@name nor %any; write for "
                          "example 192.0.2.10 203.0.113.1: PSK \"...\"");
}

static bool index_add(struct scan *s, const char *start, size_t length, struct secret *secret)
{
    char word[2 * CONF_ID_MAX + 8];
    if (length >= sizeof word)
        return entry_error(s, "this word before the colon is too long for an address or a name; is the colon missing?");
    if (secret->index_count == SECRETS_INDEX_MAX)
        return entry_error(s, "more words stand before the colon than an entry can have; is the colon missing?");
    memcpy(word, start, length);
    word[length] = '\0';
    return index_parse(s, word, &secret->index[secret->index_count++]);
}

static bool is_type(const char *start, size_t length)
{
    static const char *const types[] = { "PSK", "XAUTH", "PPKS", "RSA", "ECDSA", "PIN" };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strlen(types[i]) == length && strncasecmp(types[i], start, length) == 0)
            return true;
    return false;
}

/* ":PSK", "203.0.113.1:PSK" */
static bool is_type_glued(const struct token *t)
{
    for (size_t i = 0; i < t->length; i++)
        if (t->start[i] == ':' && is_type(t->start + i + 1, strcspn(t->start + i + 1, " \t\r\n\"'")))
            return true;
    return false;
}

/* Takes the indices and the colon; the token at hand is then the type. */
static bool indices_take(struct scan *s, struct secret *secret)
{
    for (bool begun = false;; next(s), begun = true) {
        const struct token *t = &s->token;
        if (t->kind == TOKEN_END || (begun && t->first))
            return error_at(s, secret->at, "this entry has no colon and no secret; write for example "
                                  "192.0.2.10 203.0.113.1: PSK \"...\" (its further lines are indented)");
        if (t->kind != TOKEN_WORD)
            return entry_error(s, "a quoted word stands where an address or a name does; the secret comes after "
                                  "': PSK'");
        if (is_type(t->start, t->length))
            return entry_error(s, "the colon is missing before the word PSK; write 'ADDRESS ADDRESS: PSK \"...\"'");
        if (token_is(t, ":")) {
            next(s);
            return true;
        }
        if (is_type_glued(t))
            return entry_error(s, "a blank is missing between the colon and the word after it; write ': PSK'");
        bool colon = t->start[t->length - 1] == ':' && !token_is(t, "::");
        if (!index_add(s, t->start, t->length - colon, secret))
            return false;
        if (colon) {
            next(s);
            return true;
        }
    }
}

/* What the word after the colon says: true for PSK. */
static bool type_take(struct scan *s, const struct secret *secret)
{
    const struct token *t = &s->token;
    if (t->first)
        return error_at(s, secret->at, "this entry ends after its colon; write PSK and the secret there");
    if (t->kind != TOKEN_WORD)
        return entry_error(s, "the word PSK is missing between the colon and the secret; write ': PSK \"...\"'");
    if (token_is(t, "PSK"))
        return true;
    if (is_type(t->start, t->length))
        report_note(s->load->report, token_place(s), "this entry is not a PSK; minicpe uses pre-shared keys only and "
                    "passes it over");
    else if (t->length > 3 && strncasecmp(t->start, "PSK", 3) == 0 && strchr("\"'", t->start[3]))
        entry_error(s, "a blank is missing between PSK and the secret; write ': PSK \"...\"'");
    else
        entry_error(s, "this word after the colon is no kind of secret; write PSK");
    return false;
}

static bool psk_quoted(struct scan *s, struct secret *secret)
{
    const struct token *t = &s->token;
    if (t->length > CONF_PSK_MAX)
        return entry_error(s, "the secret is longer than 256 bytes; copy it again from the tunnel's page");
    memcpy(secret->psk, t->start, t->length);
    secret->length = (uint16_t)t->length;
    return true;
}

/* 0t goes up to the end of the line, blanks and all but those at its end. */
static size_t to_line_end(struct scan *s)
{
    const char *start = s->token.start;
    size_t length = strcspn(start, "\n");
    s->at = start + length;
    while (length > 0 && strchr(" \t\r", start[length - 1]))
        length--;
    return length;
}

static bool psk_take(struct scan *s, struct secret *secret)
{
    const struct token *t = &s->token;
    if (t->kind == TOKEN_END || t->first)
        return error_at(s, secret->at, "this entry ends after PSK; write the secret there, in double quotes");
    if (t->kind == TOKEN_UNTERMINATED)
        return entry_error(s, "the quote is not closed on its line; add the closing quote after the secret (a secret "
                              "that has this kind of quote in it goes into the other kind)");
    if (t->kind == TOKEN_QUOTED)
        return psk_quoted(s, secret);
    size_t length = t->length > 1 && strncasecmp(t->start, "0t", 2) == 0 ? to_line_end(s) : t->length;
    const char *wrong = psk_decode(t->start, length, secret->psk, &secret->length);
    return wrong ? entry_error(s, wrong) : true;
}

static bool psk_check(struct scan *s, struct place at, const struct secret *secret)
{
    char text[256], hint_text[CONF_PSK_MAX + 1];
    memcpy(hint_text, secret->psk, secret->length);
    hint_text[secret->length] = '\0';
    const char *hint = hint_placeholder(hint_text, text);
    bytes_wipe(hint_text, sizeof hint_text);
    if (hint) {
        report_error(s->load->report, at, "the secret %s", hint);
        s->out->broken = true;
        return false;
    }
    if (secret->length == 0)
        return error_at(s, at, "the secret is empty; copy it from the tunnel's page in OCI's console");
    if (secret->length < 8)
        report_warning(s->load->report, at, "the secret has fewer than 8 bytes, so it can be guessed from one recorded "
                       "negotiation; choose a longer one in OCI's console and here");
    const char *kind = psk_oci_objection(bytes_of(secret->psk, secret->length));
    if (kind)
        report_warning(s->load->report, at, "the secret has %s; OCI takes letters, digits and spaces only; compare it "
                       "with the tunnel's page", kind);
    return true;
}

/* What comes after PSK, and that nothing comes after it. */
static bool secret_take(struct scan *s, struct secret *secret)
{
    next(s);
    struct place at = token_place(s);
    if (!psk_take(s, secret) || !psk_check(s, at, secret))
        return false;
    next(s);
    return s->token.first || entry_error(s, "something stands after the secret; a comment begins with a blank and #, a "
                                            "secret with blanks in it goes into quotes, the next entry begins in column 1");
}

static struct secret *secret_new(struct scan *s)
{
    struct secrets *out = s->out;
    if (out->count >= SECRETS_MAX) {
        if (!s->crowded)
            entry_error(s, "there are more than 1024 entries; the rest is not read; remove those that no tunnel uses");
        s->crowded = true;
        return NULL;
    }
    if (!out->rows)
        out->rows = calloc(SECRETS_MAX, sizeof *out->rows);
    if (!out->rows)
        entry_error(s, "there is no memory left");
    return out->rows ? &out->rows[out->count] : NULL;
}

/* An index that was reported. */
static bool has_unknown(const struct secret *secret)
{
    for (size_t i = 0; i < secret->index_count; i++)
        if (secret->index[i].kind == SECRET_UNKNOWN)
            return true;
    return false;
}

/* The two files changed places, or an include of secrets takes in tunnels: one sentence, not one for each of its lines. */
static bool is_section(struct scan *s)
{
    if (!token_is(&s->token, "conn") && !token_is(&s->token, "config"))
        return false;
    entry_error(s, "this is a file of tunnels, not one of secrets; -c names the tunnels, -s their secrets; the rest of it is not read");
    s->at += strlen(s->at);
    next(s);
    return true;
}

static void entry_take(struct scan *s)
{
    const char *begin = s->token.start;
    if (is_section(s))
        return;
    struct secret *secret = secret_new(s);
    if (!secret) {
        entry_skip(s, begin);
        return;
    }
    *secret = (struct secret){ .at = token_place(s) };
    bool fine = indices_take(s, secret) && type_take(s, secret) && secret_take(s, secret) && !has_unknown(secret);
    s->out->count += fine;
    if (!fine)
        bytes_wipe(secret, sizeof *secret);
    entry_skip(s, begin);
}

static void file_include(struct load *load, const char *path, struct place from, unsigned depth)
{
    struct secrets *out = load->secrets;
    size_t errors = load->report->errors;
    char *text = source_read(load, path, from, true);
    if (text)
        secrets_parse_text(load, load->sources->name, text, depth, out);
    else
        out->broken |= load->report->errors > errors; /* a file that is not there is a warning, and excuses no conn */
}

static void include_take(struct scan *s)
{
    char pattern[1024];
    const char *begin = s->token.start;
    struct place at = token_place(s);
    next(s);
    if (s->token.first || s->token.length >= sizeof pattern) {
        report_error(s->load->report, at, "include has no file after it; write for example include /etc/ipsec.d/*.secrets");
    } else {
        memcpy(pattern, s->token.start, s->token.length);
        pattern[s->token.length] = '\0';
        s->load->secrets = s->out;
        source_include(s->load, pattern, at, s->depth, file_include);
        next(s);
        if (!s->token.first)
            report_error(s->load->report, token_place(s), "include takes one file or pattern; begin a new line");
    }
    entry_skip(s, begin);
}

void secrets_parse_text(struct load *load, const char *name, char *text, unsigned depth, struct secrets *out)
{
    out->broken |= memchr(text, '\0', load->sources->length) != NULL; /* what comes after it is not read */
    char *plain = lex_plain_text(name, text, load->sources->length, load->report);
    if (!plain) {
        out->broken = true;
        return;
    }
    struct scan s = { .load = load, .out = out, .file = name, .at = plain, .line_start = plain, .line = 1, .depth = depth };
    load->open[depth] = name;
    next(&s);
    if (!s.token.first) {
        entry_error(&s, "the first entry is indented; an entry begins in column 1, its further lines are indented; "
                        "remove the blanks");
        s.token.first = true;
    }
    while (s.token.kind != TOKEN_END) {
        if (token_is(&s.token, "include"))
            include_take(&s);
        else
            entry_take(&s);
    }
}

void secrets_parse_file(struct load *load, const char *path, struct secrets *out)
{
    memset(load->open, 0, sizeof load->open);
    char *text = source_read(load, path, place_of(path, 0, 0), true);
    if (text)
        secrets_parse_text(load, load->sources->name, text, 0, out);
    else
        out->broken = true;
}

void secrets_free(struct secrets *secrets)
{
    if (secrets->rows)
        bytes_wipe(secrets->rows, (secrets->count < SECRETS_MAX ? secrets->count + 1 : SECRETS_MAX) * sizeof *secrets->rows);
    free(secrets->rows);
    *secrets = (struct secrets){ .rows = NULL };
}

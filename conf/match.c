/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns which secret is a conn's: Libreswan's scores (both ends named 12, the near end alone 9, one end and %any 10 or
 * 6, %any 2, no index 1), an identity before the bare address it may also be asked by. Entry points: secrets_give,
 * secrets_check_unused. Differs from Libreswan in one thing: two entries that fit equally well with different
 * secrets are an error, where Libreswan takes the first in silence. Findings show identities, never secrets.
 */
#include "conf/secrets.h"

#include "conf/ids.h"
#include "conf/suggest.h"

#include <stdio.h>

enum { MATCH_DEFAULT = 1, MATCH_ANY = 2, MATCH_FAR = 4, MATCH_NEAR = 8 };
enum { BY_NOTHING, BY_GUESS, BY_ADDRESS, BY_ID };

/* The near address is not known before the host is looked at: any address that is not the far one may be it. */
static bool is_near_unknown(const struct conf_end *near)
{
    return near->host != CONF_HOST_ADDRESS;
}

static bool names_host(const struct secret_index *index, const struct conf_end *end)
{
    size_t length = strlen(end->text);
    return index->kind == SECRET_NAME && end->host == CONF_HOST_NAME && length == index->id.length &&
           strncasecmp(end->text, (const char *)index->id.data, length) == 0;
}

/* How this index names this end. */
static unsigned named_by(const struct secret_index *index, const struct conf_end *end)
{
    struct conf_id address = conf_id_of_addr(&end->addr);
    if (index->kind == SECRET_ID && end->id.type && conf_id_equal(&index->id, &end->id))
        return BY_ID;
    if (names_host(index, end))
        return BY_ADDRESS;
    if (index->kind != SECRET_ID || end->addr.family == ADDR_NONE || !conf_id_equal(&index->id, &address))
        return BY_NOTHING;
    return end->id.type ? BY_ADDRESS : BY_ID;
}

static unsigned larger(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

/* 0: no match. Libreswan's score counts most, then how sure each end is. */
static unsigned score_oriented(const struct secret *secret, const struct conf_end *near, const struct conf_end *far)
{
    unsigned match = secret->index_count == 0 ? MATCH_DEFAULT : 0, near_by = 0, far_by = 0;
    for (size_t i = 0; i < secret->index_count; i++) {
        const struct secret_index *index = &secret->index[i];
        unsigned n = named_by(index, near), f = named_by(index, far);
        match |= index->kind == SECRET_ANY ? MATCH_ANY : 0;
        if (n == BY_NOTHING && f == BY_NOTHING && is_near_unknown(near) && index->kind == SECRET_ID && conf_id_is_addr(&index->id))
            n = BY_GUESS;
        near_by = larger(near_by, n);
        far_by = larger(far_by, f);
    }
    match |= (near_by ? MATCH_NEAR : 0) | (far_by ? MATCH_FAR : 0);
    if (match == MATCH_NEAR && secret->index_count == 1)
        match |= MATCH_DEFAULT;
    if (match == MATCH_NEAR || match == MATCH_FAR)
        return 0;
    if (near_by && far_by)
        match = MATCH_NEAR | MATCH_FAR;
    if (near_by == BY_GUESS)
        match--;
    return match * 16 + near_by * 4 + far_by;
}

/* Where the file does not tell which end is near, either may be. */
static unsigned score(const struct secret *secret, const struct conf_conn *conn)
{
    int near = check_near_guess(conn);
    if (near >= 0)
        return score_oriented(secret, &conn->end[near], &conn->end[!near]);
    return larger(score_oriented(secret, &conn->end[0], &conn->end[1]), score_oriented(secret, &conn->end[1], &conn->end[0]));
}

/* What an end would be looked up by, for people. */
static void put_end(const struct conf_end *end, char out[CONF_ID_TEXT_MAX + 16])
{
    char id[CONF_ID_TEXT_MAX];
    struct conf_id address = conf_id_of_addr(&end->addr);
    if (end->id.type)
        snprintf(out, CONF_ID_TEXT_MAX + 16, "%s", conf_id_print(&end->id, id));
    else if (address.type)
        snprintf(out, CONF_ID_TEXT_MAX + 16, "%s", conf_id_print(&address, id));
    else
        snprintf(out, CONF_ID_TEXT_MAX + 16, "%s", end->host == CONF_HOST_NAME ? end->text : "this host's address");
}

static void put_wanted(const struct conf_conn *conn, char *out, size_t size)
{
    char near_text[CONF_ID_TEXT_MAX + 16], far_text[CONF_ID_TEXT_MAX + 16];
    int near = check_near_guess(conn) == 1;
    put_end(&conn->end[near], near_text);
    put_end(&conn->end[!near], far_text);
    snprintf(out, size, "%.60s %.60s", near_text, far_text);
}

/* A bare name may be anything that was mistyped, a secret too, so it is not shown. */
static void put_indices(const struct secret *secret, char *out, size_t size)
{
    char id[CONF_ID_TEXT_MAX];
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < secret->index_count && used + 1 < size; i++) {
        const struct secret_index *index = &secret->index[i];
        const char *text = index->kind == SECRET_ANY ? "%any" : index->kind == SECRET_NAME ? "a name" : conf_id_print(&index->id, id);
        int n = snprintf(out + used, size - used, "%s%.60s", i ? " " : "", text);
        used += n > 0 ? (size_t)n : 0;
    }
}

/* The one to mend: nearest in its letters, and rather one that no other conn uses. */
static const struct secret *nearest(const struct secrets *secrets, const char *wanted)
{
    const struct secret *found = NULL;
    unsigned best = 80;
    for (size_t i = 0; i < secrets->count; i++) {
        char text[140];
        put_indices(&secrets->rows[i], text, sizeof text);
        unsigned distance = 2 * suggest_distance(wanted, text, 39) + secrets->rows[i].used;
        if (secrets->rows[i].index_count == 0 || distance >= best)
            continue;
        best = distance;
        found = &secrets->rows[i];
    }
    return found;
}

void secrets_check_missing(struct load *load, const struct secrets *secrets, const struct draft *draft)
{
    char wanted[140], indices[140];
    const struct conf_conn *conn = &draft->conn;
    if (conn->psk_length || secrets->broken || draft->broken || !conn->end[0].text[0] || !conn->end[1].text[0])
        return;                      /* or the consequence of what is reported already */
    put_wanted(&draft->conn, wanted, sizeof wanted);
    const struct secret *near = nearest(secrets, wanted);
    if (near) {
        put_indices(near, indices, sizeof indices);
        report_error(load->report, draft->at, "conn %s has no secret: no entry is for '%s'; the nearest, at %s, is for "
                     "'%s'; make them agree (the first is leftid= or left=, the second rightid= or right=)",
                     SHOW(draft->conn.name), wanted, SHOW_PLACE(near->at, draft->at.file), indices);
    } else {
        report_error(load->report, draft->at, "conn %s has no secret: no entry is for '%s'; add to the file of secrets "
                     "the line %s: PSK \"...\"", SHOW(draft->conn.name), wanted, wanted);
    }
}

static bool same_secret(const struct secret *a, const struct secret *b)
{
    return bytes_equal_secret(bytes_of(a->psk, a->length), bytes_of(b->psk, b->length));
}

static void ambiguous(struct load *load, const struct draft *draft, const struct secret *a, const struct secret *b)
{
    report_error(load->report, b->at, "this entry and the one at %s fit conn %s equally well and differ; Libreswan would "
                 "take the first of them in silence; remove one", SHOW_PLACE(a->at, b->at.file), SHOW(draft->conn.name));
}

static void give(struct draft *draft, const struct secret *secret)
{
    struct conf_conn *conn = &draft->conn;
    size_t length = strlen(secret->at.file), skip = length < sizeof conn->psk_file ? 0 : length - sizeof conn->psk_file + 1;
    memcpy(conn->psk, secret->psk, secret->length);
    conn->psk_length = secret->length;
    conn->psk_line = secret->at.line;
    memcpy(conn->psk_file, secret->at.file + skip, length - skip + 1);
}

void secrets_give(struct load *load, struct secrets *secrets, struct draft *draft, bool report)
{
    struct secret *best = NULL;
    unsigned most = 0;
    const struct conf_conn *conn = &draft->conn;
    if (!conn->end[0].text[0] || !conn->end[1].text[0])
        return;                      /* an end is unknown, and reported already */
    for (size_t i = 0; i < secrets->count; i++) {
        unsigned this = score(&secrets->rows[i], conn);
        if (this > most) {
            most = this;
            best = &secrets->rows[i];
        }
    }
    for (size_t i = 0; best && i < secrets->count; i++) {
        struct secret *other = &secrets->rows[i];
        if (score(other, conn) != most)
            continue;
        other->used = true;
        if (report && other != best && !same_secret(other, best))
            ambiguous(load, draft, best, other);
    }
    if (best)
        give(draft, best);
}

void secrets_check_unused(struct load *load, const struct secrets *secrets)
{
    for (size_t i = 0; i < secrets->count; i++) {
        char indices[140];
        const struct secret *secret = &secrets->rows[i];
        put_indices(secret, indices, sizeof indices);
        if (secret->used)
            continue;
        if (secret->index_count == 0)
            report_note(load->report, secret->at, "this secret is for every tunnel that has none of its own, and each "
                        "has; remove it if it is not needed");
        else
            report_warning(load->report, secret->at, "no conn uses the secret of '%s'; correct the addresses (the first "
                           "is leftid= or left=, the second rightid= or right=) or remove the entry", indices);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the grammar of ike= and esp= for IKEv1, as Libreswan 4.12 has it:
 *   proposals = proposal { "," proposal }
 *   ike       = encr [ "-" prf ] [ ("-" | ";") dh ]           encr = name | name ["_" | "-"] key length
 *   esp       = encr [ "-" integ ] [ ("-" | ";") dh ]         an AEAD has no integ, or "null" or "none"
 * What is left out is filled in from the tables below; what Libreswan knows and minicpe does not is refused by name.
 * Entry points: proposals_parse_*, proposals_default_*, proposals_print_*. Pure.
 */
#include "conf/proposals.h"
#include "conf/refusals.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))
enum { TOKEN_MAX = 40 };

/* Phase 1 with nothing said: OCI's recommendation first, and every group it takes but the broken one. */
static const crypto_group default_groups[] = { 20, 14, 19, 5 };
/* Libreswan's, where the others would make a list too long that it takes. */
static const crypto_group fewer_groups[] = { 14, 5 };
static const enum crypto_hash default_ike_hashes[] = { CRYPTO_SHA2_384, CRYPTO_SHA2_256 };
/* Phase 2 with nothing said; its PFS group is OCI's default. */
static const struct conf_esp_proposal default_esp[] = {
    { CRYPTO_AES_GCM_16, 256, CRYPTO_HASH_NONE },
    { CRYPTO_AES_GCM_16, 128, CRYPTO_HASH_NONE },
    { CRYPTO_AES_CBC, 256, CRYPTO_SHA2_256 },
};
enum { DEFAULT_PFS_GROUP = 5 };
/* What Libreswan 4.12 makes of a proposal without a hash or a key length. */
static const enum crypto_hash implied_hashes[] = { CRYPTO_SHA2_256, CRYPTO_SHA2_512, CRYPTO_SHA1 };
static const uint16_t implied_key_bits[] = { 256, 128 };

/* One proposal cut into its words: at ',' it ended, at ';' and '-' it is cut. */
struct words {
    char token[4][TOKEN_MAX];
    uint32_t offset[4];
    size_t count;
    bool dh_marked;          /* the last one stands behind ';' */
};

struct parse {
    const char *text;
    struct proposal_remarks *remarks;
    bool esp;
    bool full;               /* the list was */
    bool narrow;             /* fill in fewer groups */
};

static bool wrong(struct parse *parse, uint32_t offset, const char *format, ...) __attribute__((format(printf, 3, 4)));
static bool wrong(struct parse *parse, uint32_t offset, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(parse->remarks->wrong, sizeof parse->remarks->wrong, format, args);
    va_end(args);
    parse->remarks->offset = offset;
    return false;
}

/* Spellings that only strongSwan has earn their own sentence before anything else is looked at. */
static bool strongswan_pass(struct parse *parse)
{
    const char *mark = strchr(parse->text, '!');
    if (mark)
        return wrong(parse, (uint32_t)(mark - parse->text),
                     "this looks like strongSwan's syntax: '!' means nothing here, a list is always the whole offer; "
                     "remove the '!'%s", strcasestr(parse->text, "gcm16") ? ", and write aes_gcm256 for aes256gcm16" : "");
    mark = strchr(parse->text, '+');
    if (mark)
        return wrong(parse, (uint32_t)(mark - parse->text),
                     "'+' joins choices in IKEv2 only; in IKEv1 write each proposal in full, with commas between");
    mark = strchr(parse->text, ' ');
    if (mark)
        return wrong(parse, (uint32_t)(mark - parse->text), "a list of proposals has no blanks; remove them");
    return true;
}

/* Cuts text[start, end) into words. */
static bool words_take(struct parse *parse, uint32_t start, uint32_t end, struct words *out)
{
    *out = (struct words){ .count = 0 };
    for (uint32_t at = start; at <= end;) {
        uint32_t stop = at + (uint32_t)strcspn(parse->text + at, "-;,");
        if (stop == at)
            return wrong(parse, at, "a proposal is empty or ends in a separator; write for example %s",
                         parse->esp ? "aes_gcm256;modp1536" : "aes_cbc256-sha2_384;modp1536");
        if (out->count == COUNT(out->token) || out->dh_marked)
            return wrong(parse, at, "the proposal has too many parts; write CIPHER-HASH;GROUP");
        if (stop - at >= TOKEN_MAX)
            return wrong(parse, at, "no algorithm has so long a name; write for example aes_gcm256");
        memcpy(out->token[out->count], parse->text + at, stop - at);
        out->offset[out->count++] = at;
        out->dh_marked = at > start && parse->text[at - 1] == ';';
        if (stop >= end)
            break;
        at = stop + 1;
    }
    return true;
}

static void words_remove(struct words *words, size_t at)
{
    for (size_t i = at; i + 1 < words->count; i++) {
        memcpy(words->token[i], words->token[i + 1], TOKEN_MAX);
        words->offset[i] = words->offset[i + 1];
    }
    words->count--;
}

struct cipher {
    const struct crypto_cipher_row *row;
    uint16_t key_bits[COUNT(implied_key_bits)];
    size_t count;
};

static bool is_digits(const char *text)
{
    return *text && text[strspn(text, "0123456789")] == '\0';
}

/* Splits "aes_gcm_16_256", "aes256", "aes-256" into a name and a length; a whole name ("aes_gcm_16") wins. */
static const struct crypto_cipher_row *cipher_split(const char *token, const char **digits)
{
    size_t length = strlen(token), name = length;
    *digits = token + length;
    const struct crypto_cipher_row *row = crypto_cipher_find_name(token, length);
    if (row)
        return row;
    while (name > 0 && isdigit((unsigned char)token[name - 1]))
        name--;
    *digits = token + name;
    if (name > 0 && token[name - 1] == '_')
        name--;
    return **digits ? crypto_cipher_find_name(token, name) : NULL;
}

static bool cipher_unknown(struct parse *parse, const struct words *words)
{
    char bare[TOKEN_MAX];
    const char *token = words->token[0];
    snprintf(bare, sizeof bare, "%s", token);
    const char *why = refusal_find(REFUSAL_CIPHER, bare);
    for (size_t n = strlen(bare); !why && n > 0 && isdigit((unsigned char)bare[n - 1]);) {
        while (n > 0 && isdigit((unsigned char)bare[n - 1]))
            bare[--n] = '\0';
        if (n > 0 && bare[n - 1] == '_')
            bare[--n] = '\0';
        why = refusal_find(REFUSAL_CIPHER, bare);
    }
    if (why)
        return wrong(parse, words->offset[0], "minicpe does not take '%s': %s", token, why);
    if (strcasestr(token, "gcm"))
        return wrong(parse, words->offset[0],
                     "'%s' looks like strongSwan's spelling of AES-GCM; write aes_gcm256 (or 192, 128)", token);
    return wrong(parse, words->offset[0], "'%s' is no cipher; write for example %s", token,
                 parse->esp ? "aes_gcm256 or aes256" : "aes_cbc256 or aes256");
}

static bool key_bits_check(struct parse *parse, uint32_t offset, struct cipher *cipher, const char *digits)
{
    unsigned long bits = strtoul(digits, NULL, 10);
    if (strlen(digits) > 5 || *digits == '0' || !crypto_cipher_takes(cipher->row, (unsigned)bits))
        return wrong(parse, offset, "a key of %.12s bits is not possible; AES has 128, 192 and 256", digits);
    cipher->key_bits[0] = (uint16_t)bits;
    cipher->count = 1;
    return true;
}

static bool cipher_take(struct parse *parse, struct words *words, struct cipher *out)
{
    const char *digits;
    *out = (struct cipher){ .row = cipher_split(words->token[0], &digits) };
    if (!out->row) {
        cipher_unknown(parse, words);
        return false;
    }
    if (!parse->esp && out->row->ike == 0)
        return wrong(parse, words->offset[0],
                     "'%s' is for phase 2 only; phase 1 of IKEv1 has no AES-GCM; write aes_cbc256", words->token[0]);
    if (*digits)
        return key_bits_check(parse, words->offset[0] + (uint32_t)(digits - words->token[0]), out, digits);
    if (words->count > 1 && is_digits(words->token[1]) && !(words->dh_marked && words->count == 2)) {
        bool fine = key_bits_check(parse, words->offset[1], out, words->token[1]);
        words_remove(words, 1);
        return fine;
    }
    memcpy(out->key_bits, implied_key_bits, sizeof implied_key_bits);
    out->count = COUNT(implied_key_bits);
    parse->remarks->key_length_assumed = true;
    return true;
}

static void weak_add(struct parse *parse, const char *name, const char *weak)
{
    char *text = parse->remarks->weak;
    if (!weak || strstr(text, weak))
        return;
    size_t used = strlen(text);
    snprintf(text + used, sizeof parse->remarks->weak - used, "%s%s: %s", used ? "; " : "", name, weak);
}

static bool group_take(struct parse *parse, const char *token, uint32_t offset, crypto_group *out)
{
    const struct crypto_group_row *row = crypto_group_find_name(token, strlen(token));
    const char *why = row ? NULL : refusal_find(REFUSAL_GROUP, token);
    if (why)
        return wrong(parse, offset, "minicpe does not take the group '%s': %s", token, why);
    if (!row)
        return wrong(parse, offset, "'%s' is no Diffie-Hellman group; write for example dh20, modp2048 or modp1536", token);
    weak_add(parse, row->name, row->weak);
    *out = row->id;
    return true;
}

static bool hash_unknown(struct parse *parse, const char *token, uint32_t offset)
{
    const char *why = refusal_find(REFUSAL_HASH, token);
    if (why)
        return wrong(parse, offset, "minicpe does not take '%s': %s", token, why);
    if (parse->esp && crypto_group_find_name(token, strlen(token)))
        return wrong(parse, offset,
                     "'%s' stands where the integrity algorithm does; write ';' before a group: CIPHER;%s", token, token);
    if (strcasestr(token, "gcm"))
        return wrong(parse, offset, "'%s' is no hash; AES-GCM is one word: aes_gcm256 (or 192, 128)", token);
    return wrong(parse, offset, "'%s' is no hash; write sha2_256%s", token, parse->esp ? " or sha1" : ", sha2_384 or sha1");
}

/* The hash, if the second word is one; then it is taken out of `words`. NONE when it is left out. */
static bool hash_take(struct parse *parse, struct words *words, const struct cipher *cipher, enum crypto_hash *out)
{
    *out = CRYPTO_HASH_NONE;
    if (words->count < 2 || (words->dh_marked && words->count == 2))
        return true;
    const char *token = words->token[1];
    const struct crypto_hash_row *row = crypto_hash_find_name(token, strlen(token), parse->esp);
    bool none = strcasecmp(token, "null") == 0 || strcasecmp(token, "none") == 0;
    if (cipher->row->icv && row)
        return wrong(parse, words->offset[1],
                     "AES-GCM authenticates by itself and takes no '%s' beside it; write aes_gcm%u;GROUP", token,
                     (unsigned)cipher->key_bits[0]);
    if (!row && !(none && cipher->row->icv)) {
        if (!parse->esp && words->count == 2 && crypto_group_find_name(token, strlen(token)))
            return true;
        return hash_unknown(parse, token, words->offset[1]);
    }
    if (row) {
        *out = row->id;
        weak_add(parse, row->name, row->weak);
    }
    words_remove(words, 1);
    return true;
}

struct proposal {
    struct cipher cipher;
    enum crypto_hash hash;
    crypto_group group;       /* 0: none */
};

static bool proposal_take(struct parse *parse, uint32_t start, uint32_t end, struct proposal *out)
{
    struct words words;
    *out = (struct proposal){ .group = 0 };
    if (!words_take(parse, start, end, &words) || !cipher_take(parse, &words, &out->cipher) ||
        !hash_take(parse, &words, &out->cipher, &out->hash))
        return false;
    if (words.count > 2)
        return wrong(parse, words.offset[2], "'%s' is one part too many; write CIPHER-HASH;GROUP", words.token[2]);
    return words.count < 2 || group_take(parse, words.token[1], words.offset[1], &out->group);
}

static bool too_many(struct parse *parse)
{
    parse->full = true;
    return wrong(parse, 0, "the list makes more than %d proposals; leave out those that the headend does not have",
                 CONF_PROPOSALS_MAX);
}

static bool ike_add(struct parse *parse, struct proposal_ike_list *list, struct conf_ike_proposal row)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->rows[i].cipher == row.cipher && list->rows[i].key_bits == row.key_bits &&
            list->rows[i].hash == row.hash && list->rows[i].group == row.group)
            return true;
    if (list->count == CONF_PROPOSALS_MAX)
        return too_many(parse);
    list->rows[list->count++] = row;
    return true;
}

static bool ike_expand(struct parse *parse, struct proposal_ike_list *list, const struct proposal *proposal)
{
    const enum crypto_hash *hashes = proposal->hash ? &proposal->hash : implied_hashes;
    const crypto_group *groups = proposal->group ? &proposal->group : parse->narrow ? fewer_groups : default_groups;
    size_t hash_count = proposal->hash ? 1 : COUNT(implied_hashes);
    size_t group_count = proposal->group ? 1 : parse->narrow ? COUNT(fewer_groups) : COUNT(default_groups);
    for (size_t k = 0; k < proposal->cipher.count; k++)
        for (size_t h = 0; h < hash_count; h++)
            for (size_t g = 0; g < group_count; g++)
                if (!ike_add(parse, list, (struct conf_ike_proposal){ .cipher = proposal->cipher.row->id,
                             .key_bits = proposal->cipher.key_bits[k], .hash = hashes[h], .group = groups[g] }))
                    return false;
    return true;
}

static bool esp_add(struct parse *parse, struct proposal_esp_list *list, struct conf_esp_proposal row)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->rows[i].cipher == row.cipher && list->rows[i].key_bits == row.key_bits &&
            list->rows[i].integrity == row.integrity)
            return true;
    if (list->count == CONF_PROPOSALS_MAX)
        return too_many(parse);
    list->rows[list->count++] = row;
    return true;
}

static bool esp_expand(struct parse *parse, struct proposal_esp_list *list, const struct proposal *proposal)
{
    static const enum crypto_hash none[] = { CRYPTO_HASH_NONE };
    bool aead = proposal->cipher.row->icv != 0, implied = !proposal->hash && !aead;
    const enum crypto_hash *hashes = implied ? implied_hashes : aead ? none : &proposal->hash;
    for (size_t k = 0; k < proposal->cipher.count; k++)
        for (size_t h = 0; h < (implied ? COUNT(implied_hashes) : 1); h++)
            if (!esp_add(parse, list, (struct conf_esp_proposal){ .cipher = proposal->cipher.row->id,
                         .key_bits = proposal->cipher.key_bits[k], .integrity = hashes[h] }))
                return false;
    return true;
}

/* One Quick Mode carries one public value, so all proposals of esp= name one group, or none does. */
static bool esp_group_check(struct parse *parse, uint32_t start, const struct proposal *proposal,
                            const struct proposal_esp_list *list)
{
    if (start == 0 || proposal->group == list->group)
        return true;
    if (!proposal->group || !list->group)
        return wrong(parse, start, "some proposals name a group and some do not, and one Quick Mode has one group (Libreswan refuses "
                     "it too); write ;dh%u behind each of them, or behind none",
                     (unsigned)(proposal->group ? proposal->group : list->group));
    return wrong(parse, start, "the proposals name groups %u and %u; one Quick Mode of IKEv1 has one group; "
                 "leave the one that is set in OCI (its default is group 5)",
                 (unsigned)list->group, (unsigned)proposal->group);
}

static bool ike_list_take(struct parse *parse, struct proposal_ike_list *out)
{
    struct proposal proposal;
    *out = (struct proposal_ike_list){ .count = 0 };
    *parse->remarks = (struct proposal_remarks){ .offset = 0 };
    for (uint32_t at = 0, end;; at = end + 1) {
        end = at + (uint32_t)strcspn(parse->text + at, ",");
        if (!proposal_take(parse, at, end, &proposal) || !ike_expand(parse, out, &proposal))
            return false;
        if (parse->text[end] == '\0')
            return true;
    }
}

bool proposals_parse_ike(const char *text, struct proposal_ike_list *out, struct proposal_remarks *remarks)
{
    struct parse parse = { .text = text, .remarks = remarks };
    *out = (struct proposal_ike_list){ .count = 0 };
    *remarks = (struct proposal_remarks){ .offset = 0 };
    if (!strongswan_pass(&parse))
        return false;
    bool taken = ike_list_take(&parse, out);
    if (taken || !parse.full)
        return taken;
    parse.narrow = true;
    return ike_list_take(&parse, out);
}

bool proposals_parse_esp(const char *text, struct proposal_esp_list *out, struct proposal_remarks *remarks)
{
    struct parse parse = { .text = text, .remarks = remarks, .esp = true };
    struct proposal proposal;
    *out = (struct proposal_esp_list){ .count = 0 };
    *remarks = (struct proposal_remarks){ .offset = 0 };
    if (!strongswan_pass(&parse))
        return false;
    for (uint32_t at = 0, end;; at = end + 1) {
        end = at + (uint32_t)strcspn(text + at, ",");
        if (!proposal_take(&parse, at, end, &proposal) || !esp_group_check(&parse, at, &proposal, out) ||
            !esp_expand(&parse, out, &proposal))
            return false;
        out->group = proposal.group;
        if (text[end] == '\0')
            return true;
    }
}

void proposals_default_ike(struct proposal_ike_list *out)
{
    *out = (struct proposal_ike_list){ .count = 0 };
    for (size_t h = 0; h < COUNT(default_ike_hashes); h++)
        for (size_t g = 0; g < COUNT(default_groups); g++)
            out->rows[out->count++] = (struct conf_ike_proposal){ .cipher = CRYPTO_AES_CBC, .key_bits = 256,
                .hash = default_ike_hashes[h], .group = default_groups[g] };
}

void proposals_default_esp(struct proposal_esp_list *out)
{
    *out = (struct proposal_esp_list){ .count = COUNT(default_esp), .group = DEFAULT_PFS_GROUP };
    memcpy(out->rows, default_esp, sizeof default_esp);
}

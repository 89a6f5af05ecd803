/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the canonical text of proposal lists; proposals_parse_* reads it back to the same values. Pure. */
#include "conf/proposals.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

static void put(char *out, size_t size, size_t *used, const char *format, ...) __attribute__((format(printf, 4, 5)));
static void put(char *out, size_t size, size_t *used, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = *used < size ? vsnprintf(out + *used, size - *used, format, args) : 0;
    va_end(args);
    if (n > 0)
        *used = *used + (size_t)n < size ? *used + (size_t)n : size - 1;
}

/* Table names in the lower case that files have. */
static const char *lower(char text[32], const char *name)
{
    size_t i = 0;
    for (; i < 31 && name[i]; i++)
        text[i] = (char)tolower((unsigned char)name[i]);
    text[i] = '\0';
    return text;
}

static void put_cipher(char *out, size_t size, size_t *used, bool first, enum crypto_cipher cipher, unsigned key_bits)
{
    put(out, size, used, "%s%s%u", first ? "" : ",", cipher == CRYPTO_AES_GCM_16 ? "aes_gcm" : "aes_cbc", key_bits);
}

static void put_hash(char *out, size_t size, size_t *used, enum crypto_hash hash)
{
    char text[32];
    const struct crypto_hash_row *row = crypto_hash_find(hash);
    if (row)
        put(out, size, used, "-%s", lower(text, row->name));
}

size_t proposals_print_ike(const struct conf_ike_proposal *rows, size_t count, char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        put_cipher(out, size, &used, i == 0, rows[i].cipher, rows[i].key_bits);
        put_hash(out, size, &used, rows[i].hash);
        char text[32];
        const struct crypto_group_row *group = crypto_group_find(rows[i].group);
        if (group)
            put(out, size, &used, ";%s", lower(text, group->name));
    }
    return used;
}

size_t proposals_print_esp(const struct conf_esp_proposal *rows, size_t count, crypto_group group, char *out, size_t size)
{
    size_t used = 0;
    char text[32];
    const struct crypto_group_row *row = crypto_group_find(group);
    for (size_t i = 0; i < count; i++) {
        put_cipher(out, size, &used, i == 0, rows[i].cipher, rows[i].key_bits);
        put_hash(out, size, &used, rows[i].integrity);
        if (row)
            put(out, size, &used, ";%s", lower(text, row->name));
    }
    return used;
}

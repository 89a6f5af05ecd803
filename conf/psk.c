/* SPDX-License-Identifier: Apache-2.0 */
/* Owns decoding hexadecimal and base64 secrets, and judging characters. Pure; never quotes the secret. */
#include "conf/psk.h"

#include <ctype.h>

static const char too_long[] = "the secret is longer than 256 bytes; copy it again from the tunnel's page";

static int digit_value(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

/* Digits in pairs; '_' may stand between pairs, as in Libreswan. */
static const char *hex_decode(const char *p, const char *end, uint8_t out[CONF_PSK_MAX], uint16_t *out_length)
{
    size_t used = 0;
    while (p < end) {
        if (*p == '_' && used > 0) {
            p++;
            continue;
        }
        int high = digit_value(p[0]), low = end - p < 2 ? -1 : digit_value(p[1]);
        if (high < 0 || low < 0)
            return "after 0x a secret is an even number of hexadecimal digits; complete it, or put quotes around a secret "
                   "that is plain text";
        if (used == CONF_PSK_MAX)
            return too_long;
        out[used++] = (uint8_t)(high << 4 | low);
        p += 2;
    }
    *out_length = (uint16_t)used;
    return NULL;
}

static int base64_value(char c)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c ? strchr(letters, c) : NULL;
    return found ? (int)(found - letters) : -1;
}

/* RFC 4648 4: whole groups of four, the last one padded. */
static const char *base64_decode(const char *p, const char *end, uint8_t out[CONF_PSK_MAX], uint16_t *out_length)
{
    static const char form[] = "after 0s a secret is base64, letters in groups of four; complete it, or put quotes around "
                               "a secret that is plain text";
    size_t used = 0, padding = 0;
    if ((end - p) % 4)
        return form;
    for (; p < end; p += 4) {
        uint32_t group = 0;
        for (int i = 0; i < 4; i++) {
            bool pad = p[i] == '=' && p + 4 == end && i >= 2;
            if ((!pad && base64_value(p[i]) < 0) || (padding && !pad))
                return form;
            padding += pad;
            group = group << 6 | (uint32_t)(pad ? 0 : base64_value(p[i]));
        }
        if (used + 3 - padding > CONF_PSK_MAX)
            return too_long;
        for (size_t i = 0; i < 3 - padding; i++)
            out[used++] = (uint8_t)(group >> (16 - 8 * i));
    }
    *out_length = (uint16_t)used;
    return NULL;
}

const char *psk_decode(const char *text, size_t length, uint8_t out[CONF_PSK_MAX], uint16_t *out_length)
{
    char form = length > 1 && text[0] == '0' ? (char)tolower((unsigned char)text[1]) : '\0';
    *out_length = 0;
    if (form == 'x')
        return hex_decode(text + 2, text + length, out, out_length);
    if (form == 's')
        return base64_decode(text + 2, text + length, out, out_length);
    if ((unsigned char)text[0] == 0xe2 && length > 2 && (unsigned char)text[1] == 0x80)
        return "the quotes around the secret are typographic ones, as word processors and web pages make them; "
               "retype them as \"";
    if (form != 't')
        return "the secret is not in quotes; put double quotes around it";
    if (length - 2 > CONF_PSK_MAX)
        return too_long;
    memcpy(out, text + 2, length - 2);
    *out_length = (uint16_t)(length - 2);
    return NULL;
}

const char *psk_oci_objection(struct bytes psk)
{
    bool control = false, high = false, mark = false;
    for (size_t i = 0; i < psk.length; i++) {
        uint8_t c = psk.data[i];
        control |= c < ' ' || c == 0x7f;
        high |= c >= 0x80;
        mark |= c > ' ' && c < 0x7f && !isalnum(c);
    }
    return high ? "characters outside ASCII" : control ? "control characters" : mark ? "punctuation" : NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what is printable. Entry points: text_character, text_clean. Pure. */
#include "base/text.h"

size_t text_character(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    if (*p < 0x80)
        return *p >= 0x20 && *p != 0x7f;
    size_t length = *p >= 0xf0 && *p < 0xf5 ? 4 : *p >= 0xe0 && *p < 0xf0 ? 3 : *p >= 0xc2 && *p < 0xe0 ? 2 : 0;
    if (*p == 0xc2 && p[1] < 0xa0)
        return 0;
    /* Longer forms of shorter characters, halves of UTF-16 and what is beyond Unicode: JSON has no place for them. */
    if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

void text_clean(char *text)
{
    while (*text) {
        size_t length = text_character(text);
        if (length == 0)
            *text = '?';
        text += length ? length : 1;
    }
}

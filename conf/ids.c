/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the text forms of identities: an address, @name (FQDN), user@name (user FQDN), @[text] and @#hex (KEY_ID).
 * Entry points: conf_id_parse, conf_id_print. A bare name is refused rather than looked up: what Libreswan makes of it hangs
 * on the name server of the day.
 */
#include "conf/ids.h"

#include <ctype.h>
#include <stdio.h>

struct conf_id conf_id_of_addr(const struct addr *addr)
{
    struct conf_id id = { .type = addr->family == ADDR_V6 ? ID_IPV6 : addr->family == ADDR_V4 ? ID_IPV4 : 0 };
    id.length = (uint8_t)addr_length(addr);
    memcpy(id.data, addr->octets, id.length);
    return id;
}

static const char *id_set(struct conf_id *out, uint8_t type, const char *text, size_t length)
{
    if (length == 0)
        return "is an empty name; write for example @cpe.example.com";
    if (length >= CONF_ID_MAX)
        return "is too long for an identity; 127 bytes are the most";
    *out = (struct conf_id){ .type = type, .length = (uint8_t)length };
    memcpy(out->data, text, length);
    return NULL;
}

static int nibble(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

static const char *key_id_hex(const char *hex, struct conf_id *out)
{
    char octets[CONF_ID_MAX];
    size_t length = strlen(hex);
    if (length == 0 || length % 2)
        return "is not @# and an even number of hexadecimal digits";
    if (length / 2 >= CONF_ID_MAX)
        return "is too long for an identity; 127 bytes are the most";
    for (size_t i = 0; i < length; i += 2) {
        int high = nibble(hex[i]), low = nibble(hex[i + 1]);
        if (high < 0 || low < 0)
            return "is not @# and an even number of hexadecimal digits";
        octets[i / 2] = (char)(high << 4 | low);
    }
    return id_set(out, ID_KEY_ID, octets, length / 2);
}

static const char *at_name(const char *text, struct conf_id *out)
{
    size_t length = strlen(text);
    if (*text == '#')
        return key_id_hex(text + 1, out);
    if (*text == '~')
        return "is a certificate's name; minicpe knows pre-shared keys only; write an address or @name";
    if (*text == '[' && length > 1 && text[length - 1] == ']')
        return id_set(out, ID_KEY_ID, text + 1, length - 2);
    if (*text == '[')
        return "has no closing ]";
    return id_set(out, ID_FQDN, text, length);
}

const char *conf_id_parse(const char *text, struct conf_id *out)
{
    struct addr addr;
    if (addr_parse(&addr, text)) {
        *out = conf_id_of_addr(&addr);
        return NULL;
    }
    if (*text == '@')
        return at_name(text + 1, out);
    if (*text == '%')
        return "is no identity that can be sent; write an address or @name";
    if (strchr(text, '='))
        return "looks like a certificate's name; minicpe knows pre-shared keys only; write an address or @name";
    if (strchr(text, '@'))
        return id_set(out, ID_USER_FQDN, text, strlen(text));
    return "is neither an address nor a name that begins with @; write @ before a name to send it as it is "
           "(an FQDN), or the address itself";
}

bool conf_id_is_addr(const struct conf_id *id)
{
    return id->type == ID_IPV4 || id->type == ID_IPV6;
}

bool conf_id_equal(const struct conf_id *a, const struct conf_id *b)
{
    if (a->type != b->type || a->length != b->length)
        return false;
    if (a->type != ID_FQDN && a->type != ID_USER_FQDN)
        return memcmp(a->data, b->data, a->length) == 0;
    return strncasecmp((const char *)a->data, (const char *)b->data, a->length) == 0;
}

/* KEY_ID as @[text] where that is unmistakable, else as @#hex. */
static bool is_plain_key_id(const struct conf_id *id)
{
    for (size_t i = 0; i < id->length; i++)
        if (id->data[i] <= ' ' || id->data[i] >= 0x7f || strchr("\"'#[]{}\\", id->data[i]))
            return false;
    return true;
}

static void hex_print(const struct conf_id *id, char out[CONF_ID_TEXT_MAX])
{
    size_t used = (size_t)snprintf(out, CONF_ID_TEXT_MAX, "@#");
    for (size_t i = 0; i < id->length; i++)
        used += (size_t)snprintf(out + used, CONF_ID_TEXT_MAX - used, "%02x", id->data[i]);
}

const char *conf_id_print(const struct conf_id *id, char out[CONF_ID_TEXT_MAX])
{
    struct addr addr;
    out[0] = '\0';
    if (conf_id_is_addr(id)) {
        addr = addr_from_bytes(bytes_of(id->data, id->length));
        return addr_print(&addr, out);
    }
    if (id->type == ID_KEY_ID && !is_plain_key_id(id))
        hex_print(id, out);
    else if (id->type != 0)
        snprintf(out, CONF_ID_TEXT_MAX, "%s%.*s%s", id->type == ID_KEY_ID ? "@[" : id->type == ID_FQDN ? "@" : "",
                 (int)id->length, (const char *)id->data, id->type == ID_KEY_ID ? "]" : "");
    return out;
}

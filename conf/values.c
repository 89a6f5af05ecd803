/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the text forms of single values: booleans, numbers, times, per cent, amounts, marks, hosts, subnets, links.
 * Invariant: the output is written only when the whole text is right, and nothing is guessed: what Libreswan 4 takes
 * for zero in silence (`mtu=0x100`) is an error here.
 */
#include "conf/values.h"

#include "conf/suggest.h"

#include <ctype.h>
#include <stdio.h>

struct spelling {
    const char *text;
    bool value;
};

const char *value_bool(const char *text, bool *out)
{
    static const struct spelling spellings[] = {
        { "yes", true }, { "y", true }, { "true", true }, { "on", true }, { "1", true },
        { "no", false }, { "n", false }, { "false", false }, { "off", false }, { "0", false },
    };
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++)
        if (strcasecmp(spellings[i].text, text) == 0) {
            *out = spellings[i].value;
            return NULL;
        }
    return "is neither yes nor no; write one of them";
}

/* Digits of `base` up to *end; false when there are none or the value leaves 64 bits. */
static bool digits_take(const char *text, unsigned base, uint64_t *out, const char **end)
{
    uint64_t value = 0;
    const char *p = text;
    for (; isxdigit((unsigned char)*p); p++) {
        unsigned digit = isdigit((unsigned char)*p) ? (unsigned)(*p - '0') : (unsigned)(tolower((unsigned char)*p) - 'a') + 10;
        if (digit >= base)
            break;
        if (value > (UINT64_MAX - digit) / base)
            return false;
        value = value * base + digit;
    }
    *out = value;
    *end = p;
    return p != text;
}

const char *value_number(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
    const char *end;
    uint64_t value;
    if (!digits_take(text, 10, &value, &end) || *end)
        return "is not a number; write decimal digits only";
    if (value < least)
        return "is too small";
    if (value > most)
        return "is too big";
    *out = value;
    return NULL;
}

struct unit {
    const char *name;
    uint64_t factor;
};

/* `.5` of a unit, which the manual promises and Libreswan 5 takes; exact to the millisecond. */
static bool fraction_take(const char **p, uint64_t unit, uint64_t *milliseconds)
{
    uint64_t scale = unit;
    *milliseconds = 0;
    if (**p != '.')
        return true;
    for (++*p; isdigit((unsigned char)**p); ++*p) {
        scale /= 10;
        *milliseconds += scale * (uint64_t)(**p - '0');
    }
    return isdigit((unsigned char)(*p)[-1]);
}

static const struct unit *time_unit_find(const char *text)
{
    static const struct unit units[] = {
        { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 }, { "w", 604800000 },
    };
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcasecmp(units[i].name, text) == 0)
            return &units[i];
    return NULL;
}

const char *value_time(const char *text, uint64_t *milliseconds, uint64_t default_unit)
{
    static const char form[] = "is not a time; write digits and a unit of ms, s, m, h, d or w, for example 3600s or 1h";
    static const char century[] = "is longer than a century; write less";
    const char *end, *number_end;
    uint64_t whole, part = 0;
    if (strcasecmp(text, "%forever") == 0) {
        *milliseconds = 0;
        return NULL;
    }
    if (!digits_take(text, 10, &whole, &end))
        return *text == '-' ? "is negative; a time cannot be" : isdigit((unsigned char)*text) ? century : form;
    number_end = end + (*end == '.' ? 1 + strspn(end + 1, "0123456789") : 0);
    const struct unit *unit = *number_end ? time_unit_find(number_end + strspn(number_end, " ")) : NULL;
    if (*number_end && !unit)
        return form;
    uint64_t factor = unit ? unit->factor : default_unit;
    if (!fraction_take(&end, factor, &part))
        return form;
    if (whole > (uint64_t)UINT32_MAX * 1000 / factor)
        return century;
    *milliseconds = whole * factor + part;
    return NULL;
}

const char *value_percent(const char *text, uint16_t *out)
{
    const char *end;
    uint64_t value;
    if (!digits_take(text, 10, &value, &end) || strcmp(end, "%") != 0)
        return "is not a percentage; write digits and a percent sign, for example 100%";
    if (value > 1000)
        return "is too big; 1000% is the most";
    *out = (uint16_t)value;
    return NULL;
}

const char *value_amount(const char *text, uint64_t *out)
{
    static const char form[] = "is not an amount; write digits, and K, M, G, T, P or E for powers of 1024, for example 40G";
    static const char letters[] = "KMGTPE";
    const char *p;
    uint64_t value;
    if (!digits_take(text, 10, &value, &p))
        return form;
    if (value == 2 && *p == '^') {
        uint64_t power;
        if (!digits_take(p + 1, 10, &power, &p) || *p || power > 63)
            return form;
        *out = (uint64_t)1 << power;
        return NULL;
    }
    const char *letter = *p ? strchr(letters, toupper((unsigned char)*p)) : NULL;
    unsigned shift = letter ? 10 * (unsigned)(letter - letters + 1) : 0;
    p += letter != NULL;
    p += letter && *p == 'i';
    p += *p == 'B';
    if (*p)
        return form;
    if (shift && value > UINT64_MAX >> shift)
        return "is too big";
    *out = value << shift;
    return NULL;
}

/* C's notation: 0x hexadecimal, a leading 0 octal, else decimal; 32 bits. */
static bool c_number_take(const char *text, uint32_t *out, const char **end)
{
    uint64_t value;
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    unsigned base = hex ? 16 : text[0] == '0' ? 8 : 10;
    if (!digits_take(text + (hex ? 2 : 0), base, &value, end) || value > UINT32_MAX)
        return false;
    *out = (uint32_t)value;
    return true;
}

const char *value_mark(const char *text, uint32_t *value, uint32_t *mask, bool *unique)
{
    static const char form[] = "is not a mark; write NUMBER or NUMBER/MASK, for example 5/0xffffffff";
    const char *p;
    uint32_t number = 0, bits = UINT32_MAX;
    bool any = strncmp(text, "-1", 2) == 0 || strncmp(text, "%unique", 7) == 0;
    if (any)
        p = text + (text[0] == '%' ? 7 : 2);
    else if (!c_number_take(text, &number, &p))
        return form;
    if (*p == '/' && !c_number_take(p + 1, &bits, &p))
        return form;
    if (*p)
        return form;
    if (number & ~bits)
        return "has bits outside its mask, so no packet can ever carry it; widen the mask, or leave it out for all bits";
    *value = number;
    *mask = bits;
    *unique = any;
    return NULL;
}

static bool is_host_name(const char *text)
{
    bool letter = false;
    if (*text == '-' || *text == '.')
        return false;
    for (const char *p = text; *p; p++) {
        if (!isalnum((unsigned char)*p) && *p != '-' && *p != '.' && *p != '_')
            return false;
        letter |= isalpha((unsigned char)*p) != 0;
    }
    return letter;
}

static const char *magic_host(const char *text, enum conf_host *out)
{
    if (strcasecmp(text, "%defaultroute") == 0) {
        *out = CONF_HOST_DEFAULTROUTE;
        return NULL;
    }
    if (strcasecmp(text, "%any") == 0 || strcasecmp(text, "%any4") == 0) {
        *out = CONF_HOST_ANY;
        return NULL;
    }
    if (strcasecmp(text, "%any6") == 0 || strcasecmp(text, "%defaultroute6") == 0)
        return "asks for IPv6; minicpe reaches headends over IPv4";
    if (strncasecmp(text, "%oppo", 5) == 0 || strncasecmp(text, "%group", 6) == 0)
        return "asks for opportunistic encryption, which minicpe does not do; write the address of the headend";
    char name[CONF_INTERFACE_MAX];
    *out = CONF_HOST_INTERFACE;
    if (suggest_distance(text, "%defaultroute", 3) <= 3)
        return "looks like %defaultroute, but is not; correct it";
    return value_interface(text + 1, name) ? "is not %defaultroute, %any or % and the name of an interface" : NULL;
}

/* Loopback, multicast, reserved, or the network itself: nothing that a link has or that answers. */
static bool is_no_host(const struct addr *addr)
{
    if (addr->family == ADDR_V4)
        return addr->octets[0] == 0 || addr->octets[0] == 127 || addr->octets[0] >= 224;
    static const uint8_t loopback[16] = { [15] = 1 };
    return addr->octets[0] == 0xff || memcmp(addr->octets, loopback, sizeof loopback) == 0;
}

const char *value_host(const char *text, struct conf_end *end)
{
    struct conf_end parsed = { .host = CONF_HOST_ADDRESS };
    size_t length = strlen(text);
    if (length >= sizeof parsed.text)
        return "is too long for an address or a host name";
    if (*text == '%') {
        const char *wrong = magic_host(text, &parsed.host);
        if (wrong)
            return wrong;
    } else if (addr_parse(&parsed.addr, text)) {
        if (parsed.addr.family == ADDR_V6)
            return "is an IPv6 address; minicpe reaches headends over IPv4; write the IPv4 address";
        if (addr_is_unspecified(&parsed.addr))
            parsed.host = CONF_HOST_ANY;
        else if (is_no_host(&parsed.addr))
            return "is no address that a headend or a CPE can have; write the one from OCI's console, or %defaultroute for the CPE's own";
    } else if (strcasecmp(text, "defaultroute") == 0 || strcasecmp(text, "any") == 0) {
        return "lacks its percent sign; write %defaultroute for the CPE's own address";
    } else if (is_host_name(text)) {
        parsed.host = CONF_HOST_NAME;
    } else {
        return strchr(text, '/') ? "is a subnet; write the address alone, without the slash; the subnet goes into leftsubnet= or rightsubnet="
                                 : "is neither an IPv4 address nor a host name nor %defaultroute";
    }
    end->host = parsed.host;
    end->addr = parsed.addr;
    memcpy(end->text, text, length + 1);
    return NULL;
}

const char *value_subnet(const char *text, struct prefix *out)
{
    if (strchr(text, ','))
        return "lists more than one subnet; one pair of subnets makes one conn in IKEv1; write a conn for each, "
               "with the same left, right, mark and vti-interface";
    if (strncasecmp(text, "vhost:", 6) == 0 || strncasecmp(text, "vnet:", 5) == 0)
        return "is for servers of road warriors, which minicpe is not; write a subnet as ADDRESS/LENGTH";
    if (!strchr(text, '/'))
        return "has no length after a slash; write ADDRESS/LENGTH, for example 10.0.2.0/24 or 192.0.2.1/32";
    return prefix_parse(out, text) ? NULL : "is not a subnet; write ADDRESS/LENGTH, for example 10.0.2.0/24";
}

const char *value_subnets(const char *text, struct prefix *out, size_t most, size_t *count)
{
    struct prefix parsed[CONF_ROUTES_MAX];
    char one[PREFIX_TEXT_MAX];
    *count = 0;
    for (const char *at = text;; at++) {
        at += strspn(at, " \t");
        size_t length = strcspn(at, ", \t");
        if (length == 0)
            return "has an empty place; write ADDRESS/LENGTH, and commas between several";
        if (*count == most || *count == CONF_ROUTES_MAX)
            return "lists more than 16 subnets; join them to larger ones";
        snprintf(one, sizeof one, "%.*s", (int)length, at);
        if (length >= sizeof one || !strchr(one, '/') || !prefix_parse(&parsed[*count], one))
            return "has something that is not a subnet; write ADDRESS/LENGTH, for example 10.0.2.0/24, and commas between several";
        ++*count;
        at += length + strspn(at + length, " \t");
        if (*at != ',') {
            memcpy(out, parsed, *count * sizeof *out);
            return *at ? "has a blank where a comma belongs; write commas between several subnets" : NULL;
        }
    }
}

const char *value_vti(const char *text, struct prefix *out)
{
    struct prefix parsed;
    if (!strchr(text, '/'))
        return "has no length after a slash; write the address on the VTI with its subnet's length, for example "
               "192.168.254.1/30";
    if (!prefix_parse_host(&parsed, text))
        return "is not an address with a length; write for example 192.168.254.1/30";
    if (addr_is_unspecified(&parsed.addr) || is_no_host(&parsed.addr))
        return "is no address that an interface can have; write for example 192.168.254.1/30";
    *out = parsed;
    return NULL;
}

const char *value_address(const char *text, struct addr *out)
{
    struct addr parsed;
    if (!addr_parse(&parsed, text) || addr_is_unspecified(&parsed))
        return "is not an address; write for example 192.168.3.1";
    *out = parsed;
    return NULL;
}

const char *value_interface(const char *text, char out[CONF_INTERFACE_MAX])
{
    size_t length = strlen(text);
    if (length == 0)
        return "is empty";
    if (length >= CONF_INTERFACE_MAX)
        return "is too long; the kernel takes names of at most 15 bytes";
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == '/' || *p == ':' || *p == '%' || *p == '"' || *p == 0x7f)
            return "has a character that the kernel does not take in a name; use letters and digits";
    if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
        return "is no name of an interface";
    memcpy(out, text, length + 1);
    return NULL;
}

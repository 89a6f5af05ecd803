/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the texts that `import` writes: a conn for each tunnel (for each pair of subnets, where it is policy-based), the
 * secrets, FRR's part. Every conn says all of it, so that it can be moved to another file, and Libreswan reads it too.
 * Entry points: import_text_conf, import_text_secrets, import_text_frr. Pure.
 */
#include "cli/import.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MARK_FIRST = 5 };                 /* as in Oracle's template: 5, 6, ... */

struct word {
    const char *oci, *ours;
};

static const struct word ike_ciphers[] = {
    { "AES_256_CBC", "aes_cbc256" }, { "AES_192_CBC", "aes_cbc192" }, { "AES_128_CBC", "aes_cbc128" }, { NULL, NULL },
};
static const struct word ike_hashes[] = {
    { "SHA2_384", "sha2_384" }, { "SHA2_256", "sha2_256" }, { "SHA1_96", "sha1" }, { "SHA1", "sha1" }, { NULL, NULL },
};
static const struct word groups[] = {
    { "GROUP2", "modp1024" }, { "GROUP5", "modp1536" }, { "GROUP14", "modp2048" }, { "GROUP19", "dh19" },
    { "GROUP20", "dh20" },    { "GROUP24", "dh24" },    { NULL, NULL },
};
static const struct word esp_ciphers[] = {
    { "AES_256_GCM", "aes_gcm256" }, { "AES_192_GCM", "aes_gcm192" }, { "AES_128_GCM", "aes_gcm128" },
    { "AES_256_CBC", "aes256" },     { "AES_192_CBC", "aes192" },     { "AES_128_CBC", "aes128" },     { NULL, NULL },
};
static const struct word esp_hashes[] = { { "HMAC_SHA2_256_128", "sha2_256" }, { "HMAC_SHA1_128", "sha1" }, { NULL, NULL } };
static const struct word encapsulations[] = { { "AUTO", "auto" }, { "ENABLED", "yes" }, { "DISABLED", "no" }, { NULL, NULL } };

static const char *ours(const struct word *words, const char *oci)
{
    for (; words->oci; words++)
        if (strcasecmp(words->oci, oci) == 0)
            return words->ours;
    return NULL;
}

static bool is_true(const char *word) { return strcasecmp(word, "true") == 0; }

/* Where OCI has no phase 1 of one's own it takes these, and the best of them that both know. */
bool import_text_ike(const struct import_tunnel *t, char *out, size_t size)
{
    if (!is_true(t->ike_custom)) {
        snprintf(out, size, "aes_cbc256-sha2_384;dh20,aes_cbc256-sha2_384;modp2048,aes_cbc256-sha2_384;modp1536");
        return true;
    }
    const char *cipher = ours(ike_ciphers, t->ike_cipher), *hash = ours(ike_hashes, t->ike_hash), *group = ours(groups, t->ike_group);
    if (!cipher || !hash || !group)
        return false;
    snprintf(out, size, "%s-%s;%s", cipher, hash, group);
    return true;
}

/* Without a choice of one's own OCI offers AES-256-GCM first; of the group it always says which. */
bool import_text_esp(const struct import_tunnel *t, char *out, size_t size)
{
    bool custom = is_true(t->esp_custom) && t->esp_cipher[0], pfs = strcasecmp(t->pfs, "false") != 0;
    const char *cipher = ours(esp_ciphers, custom ? t->esp_cipher : "AES_256_GCM");
    const char *group = ours(groups, t->esp_group[0] ? t->esp_group : "GROUP5");
    bool plain = cipher && !strstr(cipher, "gcm");
    const char *hash = plain ? ours(esp_hashes, t->esp_hash) : "";
    if (!cipher || !hash || (pfs && !group))
        return false;
    snprintf(out, size, "%s%s%s%s%s", cipher, plain ? "-" : "", hash, pfs ? ";" : "", pfs ? group : "");
    return true;
}

void import_text_identifier(const struct import_tunnel *t, char out[IMPORT_WORD_MAX + 1])
{
    struct addr addr;
    bool named = strcasecmp(t->identifier_type, "HOSTNAME") == 0 || !addr_parse(&addr, t->identifier);
    snprintf(out, IMPORT_WORD_MAX + 1, "%s%s", named ? "@" : "", t->identifier);
}

static unsigned long number_or(const char *text, unsigned long otherwise)
{
    unsigned long value = strtoul(text, NULL, 10);
    return value ? value : otherwise;
}

static void put_routes(FILE *out, const struct import_prefixes *vcn)
{
    char text[PREFIX_TEXT_MAX];
    fprintf(out, "     x-minicpe-route=");
    for (size_t i = 0; i < vcn->count; i++)
        fprintf(out, "%s%s", i ? "," : "", prefix_print(&vcn->at[i], text));
    fprintf(out, "\n");
}

/* What the subnets' routing adds. */
static void put_way(FILE *out, const struct import *import, const struct import_tunnel *t)
{
    char text[PREFIX_TEXT_MAX];
    fprintf(out, "     vti-routing=%s\n", t->routing == IMPORT_POLICY ? "yes" : "no");
    if (t->routing == IMPORT_STATIC)
        put_routes(out, &import->vcn);
    if (t->near_address.addr.family && t->routing != IMPORT_POLICY)
        fprintf(out, "     leftvti=%s\n", prefix_print(&t->near_address, text));
}

/* minicpe asks a silent headend at the least as often as OCI does. */
static void put_times(FILE *out, const struct import_tunnel *t)
{
    unsigned long timeout = number_or(t->dpd_timeout, 20), delay = timeout / 2 < 10 ? timeout / 2 : 10;
    fprintf(out, "     ikelifetime=%lus\n     salifetime=%lus\n", number_or(t->ike_lifetime, 28800), number_or(t->sa_lifetime, 3600));
    fprintf(out, "     dpddelay=%lus\n     dpdtimeout=30s\n", delay ? delay : 1);
}

struct pair {
    const char *left, *right;
};

static void put_conn(FILE *out, const struct import *import, size_t number, const char *suffix, struct pair pair)
{
    const struct import_tunnel *t = &import->tunnels[number];
    char ike[2 * IMPORT_WORD_MAX], esp[2 * IMPORT_WORD_MAX], identifier[IMPORT_WORD_MAX + 1];
    const char *encapsulation = ours(encapsulations, t->nat);
    import_text_ike(t, ike, sizeof ike);
    import_text_esp(t, esp, sizeof esp);
    import_text_identifier(t, identifier);
    fprintf(out, "conn oracle-tunnel-%zu%s\n     left=%s\n     leftid=%s\n     right=%s\n     authby=secret\n     leftsubnet=%s\n"
            "     rightsubnet=%s\n     auto=start\n     mark=%zu/0xffffffff\n     vti-interface=vti%02zu\n",
            number + 1, suffix, import->near, identifier, t->headend, pair.left, pair.right, MARK_FIRST + number, number + 1);
    put_way(out, import, t);
    fprintf(out, "     ikev2=no\n     ike=%s\n     phase2alg=%s\n", ike, esp);
    if (!strchr(esp, ';'))
        fprintf(out, "     pfs=no\n");
    fprintf(out, "     encapsulation=%s\n", encapsulation ? encapsulation : "auto");
    put_times(out, t);
}

/* The DRG makes every pair, and calls the tunnel PARTIAL_UP while one is missing. */
static void put_policy(FILE *out, const struct import *import, size_t number)
{
    const struct import_tunnel *t = &import->tunnels[number];
    char left[PREFIX_TEXT_MAX], right[PREFIX_TEXT_MAX], suffix[16];
    size_t pair = 0;
    for (size_t i = 0; i < t->near_selectors.count; i++)
        for (size_t k = 0; k < t->far_selectors.count; k++) {
            if (t->near_selectors.at[i].addr.family != t->far_selectors.at[k].addr.family)
                continue;
            snprintf(suffix, sizeof suffix, "-%zu", ++pair);
            put_conn(out, import, number, suffix, (struct pair){ prefix_print(&t->near_selectors.at[i], left), prefix_print(&t->far_selectors.at[k], right) });
        }
}

static void put_tunnel(FILE *out, const struct import *import, size_t number)
{
    const struct import_tunnel *t = &import->tunnels[number];
    if (t->left_out)
        return;
    fprintf(out, "\n# %s%s%s: %s\n", t->name[0] ? t->name : "tunnel", t->id[0] ? ", " : "", t->id, t->routing_word);
    if (t->routing == IMPORT_POLICY)
        put_policy(out, import, number);
    else
        put_conn(out, import, number, "", (struct pair){ "0.0.0.0/0", "0.0.0.0/0" });
}

char *import_text_conf(const struct import *import)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    fprintf(out, "# Written by `minicpe import` from OCI's JSON. The shared secrets are in tunnels.secrets.\n"
            "# man 5 minicpe.conf has every key; `minicpe check` looks at this file and at the machine.\n");
    for (size_t i = 0; i < import->count; i++)
        put_tunnel(out, import, i);
    fclose(out);
    return text;
}

char *import_text_secrets(const struct import *import)
{
    char *text = NULL, identifier[IMPORT_WORD_MAX + 1];
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    fprintf(out, "# Written by `minicpe import`. Whoever has these can pretend to be either end: keep the mode at 0600.\n");
    for (size_t i = 0; i < import->count; i++) {
        if (import->tunnels[i].left_out)
            continue;
        import_text_identifier(&import->tunnels[i], identifier);
        fprintf(out, "%s %s: PSK \"%s\"\n", identifier, import->tunnels[i].headend, import->tunnels[i].secret);
    }
    fclose(out);
    return text;
}

/* ---- FRR ---- */

/* "neighbor ADDRESS REST" for each; a NULL rest: which number it has. */
static void put_neighbours(FILE *out, const struct import *import, const char *rest)
{
    for (size_t i = 0; i < import->count; i++) {
        const struct import_tunnel *t = &import->tunnels[i];
        char address[ADDR_TEXT_MAX];
        if (t->left_out || t->routing != IMPORT_BGP)
            continue;
        addr_print(&t->far_address.addr, address);
        if (rest)
            fprintf(out, "  neighbor %s %s\n", address, rest);
        else
            fprintf(out, " neighbor %s remote-as %s\n", address, t->far_asn);
    }
}

static void put_networks(FILE *out, const struct import *import, const char *before)
{
    char text[PREFIX_TEXT_MAX];
    for (size_t i = 0; i < import->site.count; i++)
        if (import->site.at[i].addr.family == ADDR_V4)
            fprintf(out, "%s %s\n", before, prefix_print(&import->site.at[i], text));
}

static const char *bgp_asn(const struct import *import)
{
    for (size_t i = 0; i < import->count; i++)
        if (!import->tunnels[i].left_out && import->tunnels[i].routing == IMPORT_BGP)
            return import->tunnels[i].near_asn;
    return NULL;
}

static void put_frr(FILE *out, const struct import *import, const char *asn)
{
    static const char *const rules[] = { "next-hop-self", "soft-reconfiguration inbound", "route-map FROM-OCI in", "route-map TO-OCI out" };
    fprintf(out, "! Written by `minicpe import`: FRR's part of BGP with OCI. It goes into /etc/frr/frr.conf or bgpd.conf, with bgpd=yes in\n"
            "! /etc/frr/daemons; then: systemctl reload frr. minicpe makes the interfaces and their inside addresses.\n");
    if (!import->site.count)
        fprintf(out, "! The site's networks were not given: add a line `network` and one `ip prefix-list` for each.\n");
    fprintf(out, "router bgp %s\n", asn);
    put_neighbours(out, import, NULL);
    fprintf(out, " address-family ipv4 unicast\n");
    put_networks(out, import, "  network");
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        put_neighbours(out, import, rules[i]);
    fprintf(out, " exit-address-family\n!\n");
    put_networks(out, import, "ip prefix-list SITE permit");
    fprintf(out, "!\nroute-map TO-OCI permit 10\n match ip address prefix-list SITE\n!\nroute-map FROM-OCI permit 10\n");
}

char *import_text_frr(const struct import *import)
{
    char *text = NULL;
    size_t size;
    const char *asn = bgp_asn(import);
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    if (asn)
        put_frr(out, import, asn);
    fclose(out);
    return text;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what cannot be imported, and why: every tunnel is held against a table of judgements, then the tunnels against
 * one another. Entry point: import_judge. All findings are told in one run; secrets are judged, never shown.
 */
#include "cli/import.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SAY(severity, tunnel, ...) import_say_of(import, severity, tunnel, __VA_ARGS__)

static void judge_state(struct import *import, struct import_tunnel *t)
{
    t->left_out = strcasecmp(t->state, "TERMINATED") == 0 || strcasecmp(t->state, "TERMINATING") == 0;
    if (t->left_out)
        SAY(CONF_WARNING, t, "its lifecycle state is %s; it is left out", t->state);
}

static void judge_headend(struct import *import, struct import_tunnel *t)
{
    struct addr headend;
    if (!addr_parse(&headend, t->headend))
        SAY(CONF_ERROR, t, "vpn-ip is no address; fetch the JSON again");
    else if (headend.family != ADDR_V4)
        SAY(CONF_ERROR, t, "its headend has an IPv6 address, and minicpe reaches headends over IPv4; make a connection with IPv4 headends in OCI");
}

static void judge_version(struct import *import, struct import_tunnel *t)
{
    if (!t->ike_version[0])
        SAY(CONF_WARNING, t, "the JSON does not say its IKE version; minicpe speaks IKEv1, so look in OCI's console that it is IKEv1");
    else if (strcasecmp(t->ike_version, "V1") != 0)
        SAY(CONF_ERROR, t, "OCI has it as IKE%s, and minicpe speaks IKEv1 only; edit the tunnel in OCI's console, set IKE version to IKEv1 "
            "(or: oci network ip-sec-tunnel update --ike-version V1 --ipsc-id CONNECTION --tunnel-id %s), and fetch the JSON again",
            strcasecmp(t->ike_version, "V2") == 0 ? "v2" : t->ike_version, t->id[0] ? t->id : "TUNNEL");
}

static const struct {
    const char *word;
    enum import_routing routing;
} routings[] = { { "STATIC", IMPORT_STATIC }, { "BGP", IMPORT_BGP }, { "POLICY", IMPORT_POLICY } };

static void judge_routing(struct import *import, struct import_tunnel *t)
{
    for (size_t i = 0; i < sizeof routings / sizeof *routings; i++)
        if (strcasecmp(t->routing_word, routings[i].word) == 0)
            t->routing = routings[i].routing;
    if (!t->routing)
        SAY(CONF_ERROR, t, "its routing is '%s'; STATIC, BGP and POLICY can be imported; fetch the JSON with oci network ip-sec-tunnel list",
            t->routing_word);
}

static bool is_host_name(const char *text)
{
    size_t length = strlen(text);
    return length && length < CONF_ID_MAX &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == length;
}

static void judge_identifier(struct import *import, struct import_tunnel *t)
{
    struct addr addr;
    bool named = strcasecmp(t->identifier_type, "HOSTNAME") == 0;
    if (!t->identifier[0] && t->cpe_ip[0]) {
        snprintf(t->identifier, sizeof t->identifier, "%s", t->cpe_ip);
        if (!import->identifier_told)
            import_say(import, CONF_NOTE, "the CPE IKE identifier is taken to be the CPE's public address, %s; it is in the JSON of oci network ip-sec-connection "
            "get, or say --id", t->cpe_ip);
        import->identifier_told = true;
    }
    if (!t->identifier[0])
        SAY(CONF_ERROR, t, "the CPE IKE identifier is not in the JSON; add that of oci network ip-sec-connection get, or say --id ADDRESS-OR-NAME");
    else if (named ? !is_host_name(t->identifier) : !addr_parse(&addr, t->identifier) && !is_host_name(t->identifier))
        SAY(CONF_ERROR, t, "the CPE IKE identifier '%s' is neither an address nor a host name; change it in OCI's console", t->identifier);
}

struct range {
    uint32_t first, last;
};

static uint32_t number_of(const struct addr *addr)
{
    return (uint32_t)addr->octets[0] << 24 | (uint32_t)addr->octets[1] << 16 | (uint32_t)addr->octets[2] << 8 | addr->octets[3];
}

static bool is_kept_by_oci(const struct addr *addr)
{
    static const struct range kept[] = { { 0xa9fe0a00, 0xa9fe13ff }, { 0xa9fe6400, 0xa9fe6dff }, { 0xa9fec000, 0xa9fec9ff } };
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (number_of(addr) >= kept[i].first && number_of(addr) <= kept[i].last)
            return true;
    return false;
}

/* An address that an interface of this /30 or /31 can have. */
static bool is_inside(const struct prefix *p)
{
    unsigned host = p->addr.octets[3] & 3;
    return p->addr.family == ADDR_V4 && (p->length == 31 || (p->length == 30 && host != 0 && host != 3));
}

static void judge_inside(struct import *import, struct import_tunnel *t)
{
    bool near = prefix_parse_host(&t->near_address, t->near_inside), far = prefix_parse_host(&t->far_address, t->far_inside);
    if (!t->near_inside[0] && !t->far_inside[0]) {
        if (t->routing == IMPORT_BGP)
            SAY(CONF_ERROR, t, "it speaks BGP but has no inside tunnel interfaces; set both in OCI's console, as /30 or /31, and fetch the JSON again");
        return;
    }
    if (!near || !far || !is_inside(&t->near_address) || !is_inside(&t->far_address)) {
        SAY(CONF_ERROR, t, "its inside tunnel interfaces are '%s' (CPE) and '%s' (Oracle); both must be addresses with a /30 or /31; set them in "
            "OCI's console", t->near_inside, t->far_inside);
        return;
    }
    if (!prefix_contains(&t->near_address, &t->far_address.addr) || addr_equal(&t->near_address.addr, &t->far_address.addr))
        SAY(CONF_ERROR, t, "its inside addresses %s and %s are not the two of one subnet; correct them in OCI's console", t->near_inside, t->far_inside);
    if (is_kept_by_oci(&t->near_address.addr))
        SAY(CONF_ERROR, t, "its inside address %s is in a range that OCI keeps for itself (169.254.10.0-19.255, 100.0-109.255, 192.0-201.255); "
            "choose another in OCI's console", t->near_inside);
}

static void judge_inside6(struct import *import, struct import_tunnel *t)
{
    if (t->near_inside6[0])
        SAY(CONF_WARNING, t, "it has IPv6 inside addresses too, which are not imported: the tunnel carries IPv4; for IPv6 add a conn with ::/0 for "
            "both subnets, and the same right=, mark= and vti-interface=");
}

static bool is_asn(const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    return isdigit((unsigned char)*text) && !*end && value >= 1 && value <= UINT32_MAX;
}

static void judge_bgp(struct import *import, struct import_tunnel *t)
{
    if (t->routing != IMPORT_BGP)
        return;
    if (!is_asn(t->near_asn))
        SAY(CONF_ERROR, t, "its customer-bgp-asn is '%s', which is no number of an autonomous system; set it in OCI's console", t->near_asn);
    if (!t->far_asn[0]) {
        snprintf(t->far_asn, sizeof t->far_asn, "31898");
        SAY(CONF_WARNING, t, "the JSON lacks Oracle's number; 31898 is written, which is right but for Jovanovac and government regions");
    } else if (!is_asn(t->far_asn))
        SAY(CONF_ERROR, t, "its oracle-bgp-asn is '%s', which is no number of an autonomous system; fetch the JSON again", t->far_asn);
}

static void judge_policy(struct import *import, struct import_tunnel *t)
{
    size_t pairs = t->near_selectors.count * t->far_selectors.count;
    if (t->routing != IMPORT_POLICY)
        return;
    if (t->bad_selector)
        SAY(CONF_ERROR, t, "its encryption domain holds something that is no subnet; fetch the JSON again");
    if (!pairs)
        SAY(CONF_ERROR, t, "it is policy-based but the JSON has no encryption domain with subnets of both sides; fetch it with oci network "
            "ip-sec-tunnel get");
    if (pairs > IMPORT_PAIRS_MAX)
        SAY(CONF_ERROR, t, "its encryption domain makes %zu pairs of subnets; OCI's limit is %d; join subnets in OCI's console", pairs, IMPORT_PAIRS_MAX);
}

static void judge_algorithms(struct import *import, struct import_tunnel *t)
{
    char text[2 * IMPORT_WORD_MAX];
    if (!import_text_ike(t, text, sizeof text))
        SAY(CONF_ERROR, t, "its phase 1 is '%s', '%s', '%s', of which minicpe does not know all; choose AES_256_CBC, SHA2_384 and GROUP20 in OCI's "
            "console", t->ike_cipher, t->ike_hash, t->ike_group);
    if (!import_text_esp(t, text, sizeof text))
        SAY(CONF_ERROR, t, "its phase 2 is '%s', '%s', '%s', of which minicpe does not know all; choose AES_256_GCM and GROUP5 in OCI's console",
            t->esp_cipher, t->esp_hash, t->esp_group);
}

static void judge_secret(struct import *import, struct import_tunnel *t)
{
    size_t length = strlen(t->secret);
    bool plain = true;
    for (const char *c = t->secret; *c; c++)
        plain &= isalnum((unsigned char)*c) || *c == ' ';
    if (!length)
        SAY(CONF_ERROR, t, "its shared secret is missing; fetch it with oci network ip-sec-psk get --ipsc-id CONNECTION --tunnel-id %s, and give "
            "it as --psk %s=FILE", t->id[0] ? t->id : "TUNNEL", t->headend);
    else if (length > CONF_PSK_MAX)
        SAY(CONF_ERROR, t, "its shared secret is longer than %d characters; that is not what OCI has", CONF_PSK_MAX);
    else if (!plain)
        SAY(CONF_ERROR, t, "its shared secret has a character that OCI does not allow: letters, digits and spaces only; fetch it again, or set "
            "another in OCI's console");
    else if (length < 8)
        SAY(CONF_WARNING, t, "its shared secret has fewer than 8 characters and can be guessed; set a longer one in OCI's console");
}

typedef void judgement(struct import *import, struct import_tunnel *tunnel);

static judgement *const judgements[] = {
    judge_headend, judge_version, judge_routing,    judge_identifier, judge_inside, judge_inside6,
    judge_bgp,     judge_policy,  judge_algorithms, judge_secret,
};

static void judge_pair(struct import *import, const struct import_tunnel *a, const struct import_tunnel *b)
{
    if (a->near_address.addr.family && addr_equal(&a->near_address.addr, &b->near_address.addr))
        import_say(import, CONF_ERROR, "%s and %s have one inside address, %s: BGP could not tell them apart; give each its own /30 in OCI's "
                   "console", IMPORT_LABEL(a), IMPORT_LABEL(b), a->near_inside);
    if (a->secret[0] && strcmp(a->secret, b->secret) == 0)
        import_say(import, CONF_WARNING, "%s and %s have the same shared secret; Oracle recommends one for each", IMPORT_LABEL(a), IMPORT_LABEL(b));
    if (a->routing == IMPORT_BGP && b->routing == IMPORT_BGP && is_asn(a->near_asn) && is_asn(b->near_asn) && strcmp(a->near_asn, b->near_asn) != 0)
        import_say(import, CONF_ERROR, "%s and %s have different customer-bgp-asn, %s and %s; a CPE has one; correct it in OCI's console",
                   IMPORT_LABEL(a), IMPORT_LABEL(b), a->near_asn, b->near_asn);
}

static size_t count_of(const struct import *import, enum import_routing routing)
{
    size_t count = 0;
    for (size_t i = 0; i < import->count; i++)
        count += !import->tunnels[i].left_out && import->tunnels[i].routing == routing;
    return count;
}

/* The tunnel's own packets must not be led into the tunnel. */
static void judge_ways(struct import *import, const struct import_tunnel *t)
{
    struct addr headend;
    char text[PREFIX_TEXT_MAX];
    for (size_t i = 0; !t->left_out && addr_parse(&headend, t->headend) && i < import->vcn.count; i++)
        if (prefix_contains(&import->vcn.at[i], &headend))
            SAY(CONF_ERROR, t, "its headend lies in %s, which --vcn names: the tunnel's own packets would be routed into the tunnel; name the VCN's "
                "networks only", prefix_print(&import->vcn.at[i], text));
}

static void judge_networks(struct import *import)
{
    char text[PREFIX_TEXT_MAX];
    if (count_of(import, IMPORT_STATIC) && !import->vcn.count)
        import_say(import, CONF_ERROR, "OCI's JSON does not have the VCN's networks, which are to be routed into the tunnels; say --vcn 10.0.0.0/16 "
                   "(several with commas), as the VCN's page shows them");
    if (import->vcn.count > CONF_ROUTES_MAX)
        import_say(import, CONF_ERROR, "--vcn lists more than %d networks; join them to larger ones", CONF_ROUTES_MAX);
    for (size_t i = 0; i < import->vcn.count; i++)
        for (size_t k = 0; k < import->site.count; k++)
            if (prefix_contains(&import->vcn.at[i], &import->site.at[k].addr) || prefix_contains(&import->site.at[k], &import->vcn.at[i].addr))
                import_say(import, CONF_WARNING, "the VCN's network %s and one of the site overlap: what is near would be looked for at the other side",
                           prefix_print(&import->vcn.at[i], text));
}

static void judge_number(struct import *import)
{
    size_t there = 0;
    for (size_t i = 0; i < import->count; i++)
        there += !import->tunnels[i].left_out;
    if (!there)
        import_say(import, CONF_ERROR, import->secret_count || import->nameless_secret
                   ? "the files hold secrets but no tunnel; add the JSON of oci network ip-sec-tunnel list --ipsc-id CONNECTION --all"
                   : "the files hold no tunnel; give the JSON of oci network ip-sec-tunnel list --ipsc-id CONNECTION --all");
    else if (there == 1)
        import_say(import, CONF_WARNING, "the files hold one tunnel; a connection has two, and the second is there for when the first is maintained");
    if (there && import->nameless_secret)
        import_say(import, CONF_ERROR, "a file holds a shared secret but not whose it is; give it as --psk ADDRESS-OF-TUNNEL=FILE instead");
    if (import->identifiers_differ)
        import_say(import, CONF_ERROR, "the files hold connections with different CPE IKE identifiers; import one connection at a time");
}

void import_judge(struct import *import)
{
    for (size_t i = 0; i < import->count; i++) {
        judge_state(import, &import->tunnels[i]);
        for (size_t k = 0; !import->tunnels[i].left_out && k < sizeof judgements / sizeof *judgements; k++)
            judgements[k](import, &import->tunnels[i]);
    }
    for (size_t i = 0; i < import->count; i++)
        for (size_t k = 0; k < i; k++)
            if (!import->tunnels[i].left_out && !import->tunnels[k].left_out)
                judge_pair(import, &import->tunnels[k], &import->tunnels[i]);
    for (size_t i = 0; i < import->count; i++)
        judge_ways(import, &import->tunnels[i]);
    judge_number(import);
    judge_networks(import);
}

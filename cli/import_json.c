/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the reading of OCI's JSON: a table of members, found in whatever object has them, spelt vpn-ip, vpnIp or vpn_ip,
 * wrapped in {"data": ...}, in lists, or deep in Terraform's state. Entry points: import_json_take, import_json_join.
 * A member that is null counts as missing; of two objects about one tunnel the first that has a member counts.
 */
#include "cli/import.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

enum { DEPTH_MAX = 64 };

/* "vpn-ip", "vpnIp", "vpn_ip" against "vpn_ip". */
static bool is_spelling(const char *key, const char *name)
{
    for (const char *k = key; *k; k++) {
        if (isupper((unsigned char)*k) && k != key && *name++ != '_')
            return false;
        char plain = *k == '-' ? '_' : (char)tolower((unsigned char)*k);
        if (plain != *name++)
            return false;
    }
    return *name == '\0';
}

static json_t *member(json_t *object, const char *name)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
        if (is_spelling(key, name) && !json_is_null(value))
            return value;
    return NULL;
}

/* Terraform has lists of one object where others have the object. */
static json_t *object_member(json_t *object, const char *name)
{
    json_t *value = member(object, name);
    if (json_is_array(value))
        value = json_array_get(value, 0);
    return json_is_object(value) ? value : NULL;
}

/* Strings, numbers and booleans as text. What could play with a terminal or a file's lines becomes '?'. */
static bool text_of(json_t *value, char *out, size_t size)
{
    out[0] = '\0';
    if (json_is_string(value))
        snprintf(out, size, "%s", json_string_value(value));
    else if (json_is_integer(value))
        snprintf(out, size, "%lld", (long long)json_integer_value(value));
    else if (json_is_boolean(value))
        snprintf(out, size, "%s", json_is_true(value) ? "true" : "false");
    for (char *c = out; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    return out[0] != '\0';
}

struct field {
    const char *inside, *name;   /* of which object, or NULL: the tunnel's own */
    size_t offset;
};

#define FIELD(inside, name, field) { inside, name, offsetof(struct import_tunnel, field) }

static const struct field fields[] = {
    FIELD(NULL, "vpn_ip", headend),
    FIELD(NULL, "id", id),
    FIELD(NULL, "display_name", name),
    FIELD(NULL, "lifecycle_state", state),
    FIELD(NULL, "state", state),
    FIELD(NULL, "cpe_ip", cpe_ip),
    FIELD(NULL, "cpe_local_identifier", identifier),
    FIELD(NULL, "cpe_local_identifier_type", identifier_type),
    FIELD(NULL, "routing", routing_word),
    FIELD(NULL, "ike_version", ike_version),
    FIELD(NULL, "nat_translation_enabled", nat),
    FIELD(NULL, "dpd_timeout_in_sec", dpd_timeout),
    FIELD("dpd_config", "dpd_timeout_in_sec", dpd_timeout),
    FIELD("bgp_session_info", "customer_interface_ip", near_inside),
    FIELD("bgp_session_info", "oracle_interface_ip", far_inside),
    FIELD("bgp_session_info", "customer_interface_ipv6", near_inside6),
    FIELD("bgp_session_info", "customer_bgp_asn", near_asn),
    FIELD("bgp_session_info", "oracle_bgp_asn", far_asn),
    FIELD("phase_one_details", "is_custom_phase_one_config", ike_custom),
    FIELD("phase_one_details", "custom_encryption_algorithm", ike_cipher),
    FIELD("phase_one_details", "custom_authentication_algorithm", ike_hash),
    FIELD("phase_one_details", "custom_dh_group", ike_group),
    FIELD("phase_one_details", "lifetime", ike_lifetime),
    FIELD("phase_one_config", "is_custom_phase_one_config", ike_custom),
    FIELD("phase_one_config", "encryption_algorithm", ike_cipher),
    FIELD("phase_one_config", "authentication_algorithm", ike_hash),
    FIELD("phase_one_config", "diffie_helman_group", ike_group),
    FIELD("phase_one_config", "lifetime_in_seconds", ike_lifetime),
    FIELD("phase_two_details", "is_custom_phase_two_config", esp_custom),
    FIELD("phase_two_details", "custom_encryption_algorithm", esp_cipher),
    FIELD("phase_two_details", "custom_authentication_algorithm", esp_hash),
    FIELD("phase_two_details", "dh_group", esp_group),
    FIELD("phase_two_details", "is_pfs_enabled", pfs),
    FIELD("phase_two_details", "lifetime", sa_lifetime),
    FIELD("phase_two_config", "is_custom_phase_two_config", esp_custom),
    FIELD("phase_two_config", "encryption_algorithm", esp_cipher),
    FIELD("phase_two_config", "authentication_algorithm", esp_hash),
    FIELD("phase_two_config", "pfs_dh_group", esp_group),
    FIELD("phase_two_config", "is_pfs_enabled", pfs),
    FIELD("phase_two_config", "lifetime_in_seconds", sa_lifetime),
};

bool import_prefixes_add(struct import_prefixes *prefixes, const char *text)
{
    char word[PREFIX_TEXT_MAX];
    for (const char *at = text + strspn(text, ", \t"); *at; at += strspn(at, ", \t")) {
        size_t length = strcspn(at, ", \t");
        if (length >= sizeof word || prefixes->count == IMPORT_PAIRS_MAX)
            return false;
        memcpy(word, at, length);
        word[length] = '\0';
        if (!prefix_parse(&prefixes->at[prefixes->count], word))
            return false;
        prefixes->count++;
        at += length;
    }
    return true;
}

/* Two files may say the same. */
static bool has_prefix(const struct import_prefixes *prefixes, const char *text)
{
    struct prefix one;
    if (!prefix_parse(&one, text))
        return false;
    for (size_t i = 0; i < prefixes->count; i++)
        if (prefix_equal(&prefixes->at[i], &one))
            return true;
    return false;
}

/* A list of subnets; false when something in it is none. */
static bool take_prefixes(struct import_prefixes *prefixes, json_t *list)
{
    size_t i;
    json_t *value;
    char text[IMPORT_WORD_MAX];
    bool fine = true;
    json_array_foreach(list, i, value)
        if (!text_of(value, text, sizeof text))
            fine = false;
        else if (!has_prefix(prefixes, text))
            fine &= import_prefixes_add(prefixes, text);
    return fine;
}

/* The secret is copied as it is: what is wrong with it has to be seen. */
static bool take_secret(json_t *object, char out[IMPORT_SECRET_MAX])
{
    json_t *secret = member(object, "shared_secret");
    if (!json_is_string(secret) || !json_string_length(secret))
        return false;
    if (!out[0])
        snprintf(out, IMPORT_SECRET_MAX, "%s", json_string_value(secret));
    return true;
}

static struct import_tunnel *tunnel_at(struct import *import, const char *headend)
{
    for (size_t i = 0; i < import->count; i++)
        if (strcmp(import->tunnels[i].headend, headend) == 0)
            return &import->tunnels[i];
    return import->count < IMPORT_TUNNELS_MAX ? &import->tunnels[import->count++] : NULL;
}

static void take_tunnel(struct import *import, json_t *object, const char *headend)
{
    struct import_tunnel *tunnel = tunnel_at(import, headend);
    if (!tunnel) {
        import_say(import, CONF_ERROR, "the files hold more than %d tunnels; give those of one connection", IMPORT_TUNNELS_MAX);
        return;
    }
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        json_t *holder = fields[i].inside ? object_member(object, fields[i].inside) : object;
        char *field = (char *)tunnel + fields[i].offset;
        if (holder && !field[0])
            text_of(member(holder, fields[i].name), field, IMPORT_WORD_MAX);
    }
    json_t *domain = object_member(object, "encryption_domain_config");
    if (domain) {
        tunnel->bad_selector |= !take_prefixes(&tunnel->near_selectors, member(domain, "cpe_traffic_selector"));
        tunnel->bad_selector |= !take_prefixes(&tunnel->far_selectors, member(domain, "oracle_traffic_selector"));
    }
    take_secret(object, tunnel->secret);
}

static void take_addressed_secret(struct import *import, json_t *object, const char *headend)
{
    struct import_secret *secret = &import->secrets[import->secret_count];
    if (import->secret_count == IMPORT_TUNNELS_MAX)
        return;
    snprintf(secret->headend, sizeof secret->headend, "%s", headend);
    take_secret(object, secret->secret);
    import->secret_count++;
}

static void take_connection(struct import *import, json_t *object)
{
    char identifier[IMPORT_WORD_MAX];
    if (text_of(member(object, "cpe_local_identifier"), identifier, sizeof identifier)) {
        import->identifiers_differ |= import->identifier[0] && strcmp(import->identifier, identifier) != 0;
        snprintf(import->identifier, sizeof import->identifier, "%s", identifier);
        text_of(member(object, "cpe_local_identifier_type"), import->identifier_type, sizeof import->identifier_type);
    }
    if (!import->site_said && !take_prefixes(&import->site, member(object, "static_routes")))
        import_say(import, CONF_WARNING, "the connection's static-routes hold something that is no subnet; it is passed over");
}

/* What an object is, by the members it has. */
static bool take_object(struct import *import, json_t *object)
{
    char address[IMPORT_WORD_MAX], id[IMPORT_WORD_MAX];
    bool secret = json_is_string(member(object, "shared_secret"));
    if (text_of(member(object, "vpn_ip"), address, sizeof address)) {
        take_tunnel(import, object, address);
        return true;
    }
    bool addressed = text_of(member(object, "ip_address"), address, sizeof address);
    if (secret && addressed)
        take_addressed_secret(import, object, address);
    else if (member(object, "cpe_local_identifier") || (member(object, "cpe_id") && member(object, "static_routes")))
        take_connection(import, object);
    else if (addressed && text_of(member(object, "id"), id, sizeof id) && strstr(id, "ocid1.cpe."))
        snprintf(import->cpe_ip, sizeof import->cpe_ip, "%s", address);
    else if (secret)
        import->nameless_secret = true;
    else
        return false;
    return true;
}

static size_t walk(struct import *import, json_t *value, unsigned depth)
{
    const char *key;
    json_t *each;
    size_t i, found = 0;
    if (depth == DEPTH_MAX)
        return 0;
    if (json_is_object(value)) {
        found += take_object(import, value);
        json_object_foreach(value, key, each)
            found += walk(import, each, depth + 1);
    }
    json_array_foreach(value, i, each)
        found += walk(import, each, depth + 1);
    return found;
}

size_t import_json_take(struct import *import, json_t *root)
{
    return walk(import, root, 0);
}

static bool find_secret(json_t *value, char out[IMPORT_SECRET_MAX], unsigned depth)
{
    const char *key;
    json_t *each;
    if (!json_is_object(value) || depth == DEPTH_MAX)
        return false;
    if (take_secret(value, out))
        return true;
    json_object_foreach(value, key, each)
        if (find_secret(each, out, depth + 1))
            return true;
    return false;
}

bool import_json_secret(json_t *root, char out[IMPORT_SECRET_MAX])
{
    return find_secret(root, out, 0);
}

static void fill(char *field, const char *with)
{
    if (!field[0])
        snprintf(field, IMPORT_WORD_MAX, "%s", with);
}

void import_json_join(struct import *import)
{
    for (size_t i = 0; i < import->count; i++) {
        struct import_tunnel *tunnel = &import->tunnels[i];
        for (size_t k = 0; k < import->secret_count; k++)
            if (!tunnel->secret[0] && strcmp(import->secrets[k].headend, tunnel->headend) == 0)
                memcpy(tunnel->secret, import->secrets[k].secret, sizeof tunnel->secret);
        fill(tunnel->cpe_ip, import->cpe_ip);
        if (tunnel->identifier[0] || import->identifiers_differ)
            continue;
        fill(tunnel->identifier, import->identifier);
        fill(tunnel->identifier_type, import->identifier_type);
    }
}

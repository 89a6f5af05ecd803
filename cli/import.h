/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `minicpe import`: from the JSON of OCI's CLI, SDK and Terraform to tunnels.conf, tunnels.secrets and, for BGP, FRR's
 * part. The inside, step by step: import_json.c (what the files hold), import_ask.c (what they lack), import_judge.c (what
 * cannot be), import_text.c (the files' texts), import_files.c (on disk), import.c (the verb).
 */
#ifndef CLI_IMPORT_H
#define CLI_IMPORT_H

#include <jansson.h>
#include <stdio.h>

#include "conf/conf.h"

enum {
    IMPORT_TUNNELS_MAX = 32,
    IMPORT_WORD_MAX = 160,
    IMPORT_SECRET_MAX = CONF_PSK_MAX + 2,    /* one more than allowed, to see that it is too long */
    IMPORT_PAIRS_MAX = 50,                   /* OCI's limit for a tunnel */
};

struct import_prefixes {
    struct prefix at[IMPORT_PAIRS_MAX];
    size_t count;
};

enum import_routing { IMPORT_ROUTING_UNKNOWN, IMPORT_STATIC, IMPORT_BGP, IMPORT_POLICY };

/* What the files say of one tunnel, as it stands there; empty: nothing. */
struct import_tunnel {
    char headend[IMPORT_WORD_MAX];           /* vpn-ip: what tells tunnels apart */
    char id[IMPORT_WORD_MAX], name[IMPORT_WORD_MAX], state[IMPORT_WORD_MAX];
    char cpe_ip[IMPORT_WORD_MAX], identifier[IMPORT_WORD_MAX], identifier_type[IMPORT_WORD_MAX];
    char routing_word[IMPORT_WORD_MAX], ike_version[IMPORT_WORD_MAX], nat[IMPORT_WORD_MAX];
    char near_inside[IMPORT_WORD_MAX], far_inside[IMPORT_WORD_MAX], near_inside6[IMPORT_WORD_MAX];
    char near_asn[IMPORT_WORD_MAX], far_asn[IMPORT_WORD_MAX];
    char ike_custom[IMPORT_WORD_MAX], ike_cipher[IMPORT_WORD_MAX], ike_hash[IMPORT_WORD_MAX], ike_group[IMPORT_WORD_MAX];
    char esp_custom[IMPORT_WORD_MAX], esp_cipher[IMPORT_WORD_MAX], esp_hash[IMPORT_WORD_MAX], esp_group[IMPORT_WORD_MAX];
    char pfs[IMPORT_WORD_MAX], ike_lifetime[IMPORT_WORD_MAX], sa_lifetime[IMPORT_WORD_MAX], dpd_timeout[IMPORT_WORD_MAX];
    char secret[IMPORT_SECRET_MAX];
    struct import_prefixes near_selectors, far_selectors;
    bool bad_selector;
    /* what import_judge.c made of it */
    enum import_routing routing;
    struct prefix near_address, far_address; /* inside; family none: none */
    bool left_out;
};

/* A secret that a file has for an address, before the tunnel is known. */
struct import_secret {
    char headend[IMPORT_WORD_MAX];
    char secret[IMPORT_SECRET_MAX];
};

struct import {
    struct import_tunnel tunnels[IMPORT_TUNNELS_MAX];
    struct import_secret secrets[IMPORT_TUNNELS_MAX];
    size_t count, secret_count;
    char cpe_ip[IMPORT_WORD_MAX], identifier[IMPORT_WORD_MAX], identifier_type[IMPORT_WORD_MAX]; /* of the connection, of the CPE */
    bool identifiers_differ;
    bool site_said;                          /* by --site: the connection's static routes do not matter */
    bool identifier_told;
    bool nameless_secret;                    /* a secret that does not say whose it is */
    struct import_prefixes site;             /* the connection's static routes, or --site */
    struct import_prefixes vcn;              /* --vcn */
    const char *near;                        /* --local */
    const char *folder;                      /* --out */
    bool force, may_ask;
    FILE *say;
    size_t errors, warnings;
};

int import_main(int argc, char **argv);

void import_say(struct import *import, enum conf_severity severity, const char *format, ...) __attribute__((format(printf, 3, 4)));
void import_say_of(struct import *import, enum conf_severity severity, const struct import_tunnel *tunnel, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* "tunnel Tunnel-1 (198.51.100.1)" */
const char *import_label(const struct import_tunnel *tunnel, char out[2 * IMPORT_WORD_MAX + 16]);
#define IMPORT_LABEL(tunnel) import_label(tunnel, (char[2 * IMPORT_WORD_MAX + 16]){ 0 })
/* One or several subnets, separated by commas or blanks. False: some word is none. */
bool import_prefixes_add(struct import_prefixes *prefixes, const char *text);

/* Everything in it that is a tunnel, a connection, a CPE or a secret, in any of the three spellings. How many were found. */
size_t import_json_take(struct import *import, json_t *root);
/* The text of "shared-secret" anywhere in it. */
bool import_json_secret(json_t *root, char out[IMPORT_SECRET_MAX]);
/* Gives the secrets, the identifier and the CPE's address to the tunnels. */
void import_json_join(struct import *import);

/* Asks at the terminal for what the files lack. */
void import_ask(struct import *import);
/* What cannot be, one sentence each. */
void import_judge(struct import *import);

/* Texts to be freed; the one with secrets to be wiped before. NULL: no memory. */
char *import_text_conf(const struct import *import);
char *import_text_secrets(const struct import *import);
char *import_text_frr(const struct import *import);   /* empty: no tunnel speaks BGP */
bool import_text_ike(const struct import_tunnel *tunnel, char *out, size_t size);
bool import_text_esp(const struct import_tunnel *tunnel, char *out, size_t size);
/* leftid= of a tunnel. */
void import_text_identifier(const struct import_tunnel *tunnel, char out[IMPORT_WORD_MAX + 1]);

/* Writes the files, after the daemon's own reader has found no mistake in them. 0, or -1 with everything said and nothing written. */
int import_files_write(struct import *import);

#endif

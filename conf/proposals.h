/* SPDX-License-Identifier: Apache-2.0 */
/* ike= and esp= in Libreswan's grammar for IKEv1, parsed into lists of offers and printed back. */
#ifndef CONF_PROPOSALS_H
#define CONF_PROPOSALS_H

#include "conf/conf.h"

enum { PROPOSAL_TEXT_MAX = 400 };

/* What was found wrong (an error when `wrong` is not empty) or worth a word in a list of proposals. */
struct proposal_remarks {
    char wrong[PROPOSAL_TEXT_MAX];    /* a whole clause: "'foo' is no cipher that ...; write ..." */
    uint32_t offset;                  /* of what is wrong, in the value */
    char weak[PROPOSAL_TEXT_MAX];     /* clauses about weak algorithms that were asked for by name */
    bool key_length_assumed;
};

struct proposal_ike_list {
    struct conf_ike_proposal rows[CONF_PROPOSALS_MAX];
    uint8_t count;
};

struct proposal_esp_list {
    struct conf_esp_proposal rows[CONF_PROPOSALS_MAX];
    uint8_t count;
    crypto_group group;               /* 0: none named */
};

bool proposals_parse_ike(const char *text, struct proposal_ike_list *out, struct proposal_remarks *remarks);
bool proposals_parse_esp(const char *text, struct proposal_esp_list *out, struct proposal_remarks *remarks);
void proposals_default_ike(struct proposal_ike_list *out);
void proposals_default_esp(struct proposal_esp_list *out);
size_t proposals_print_ike(const struct conf_ike_proposal *rows, size_t count, char *out, size_t size);
size_t proposals_print_esp(const struct conf_esp_proposal *rows, size_t count, crypto_group group, char *out, size_t size);

#endif

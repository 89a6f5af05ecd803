/* SPDX-License-Identifier: Apache-2.0 */
/* ipsec.secrets: its entries, and which of them is a conn's. Findings never show what a file of secrets holds. */
#ifndef CONF_SECRETS_H
#define CONF_SECRETS_H

#include "conf/parse.h"

enum { SECRETS_INDEX_MAX = 16, SECRETS_MAX = 1024 };

enum secret_index_kind { SECRET_ID, SECRET_ANY, SECRET_NAME, SECRET_UNKNOWN }; /* UNKNOWN: was reported */

struct secret_index {
    enum secret_index_kind kind;
    struct conf_id id;                /* ID; of NAME the name as if it were an FQDN */
};

struct secret {
    struct place at;
    struct secret_index index[SECRETS_INDEX_MAX];
    size_t index_count;
    uint16_t length;
    uint8_t psk[CONF_PSK_MAX];
    bool used;
};

struct secrets {
    struct secret *rows;
    size_t count;
    bool broken;                      /* an entry could not be used: a conn without a secret may be its consequence */
};

void secrets_parse_text(struct load *load, const char *name, char *text, unsigned depth, struct secrets *out);
void secrets_parse_file(struct load *load, const char *path, struct secrets *out);
void secrets_free(struct secrets *secrets);

/* match.c: finds the conn's secret and copies it. `report` false: only marks it as used. */
void secrets_give(struct load *load, struct secrets *secrets, struct draft *draft, bool report);
void secrets_check_missing(struct load *load, const struct secrets *secrets, const struct draft *draft);
/* What no conn uses. */
void secrets_check_unused(struct load *load, const struct secrets *secrets);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing among offers: pure functions of what was offered and what is configured. */
#ifndef IKE_PROPOSAL_H
#define IKE_PROPOSAL_H

#include "ike/sa_v1.h"

/* The offer that fits the conn's earliest proposal, or NULL. The values chosen are set in `chosen`. */
const struct sa_offer *proposal_select_ike(const struct sa_offers *offers, const struct conf_conn *conn,
                                           struct conf_ike_proposal *chosen);
/*
 * As above for ESP. `group` is the PFS group demanded (0: no PFS wanted); `encapsulated` what the NAT result demands.
 * `*pfs_only` becomes true when an offer would fit but for its group.
 */
const struct sa_offer *proposal_select_esp(const struct sa_offers *offers, const struct conf_conn *conn, crypto_group group,
                                           bool encapsulated, struct conf_esp_proposal *chosen, bool *pfs_only);
/* "AES_CBC_256-HMAC_SHA2_384-MODP1536" */
size_t proposal_print_ike(const struct conf_ike_proposal *p, char *out, size_t size);
size_t proposal_print_esp(const struct conf_esp_proposal *p, crypto_group group, char *out, size_t size);
/* The distinct offers of a peer, as far as they fit, for the line that says why none was chosen. */
void proposal_print_offers(const struct sa_offers *offers, int phase, char *out, size_t size);

#endif

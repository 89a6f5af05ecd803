/* SPDX-License-Identifier: Apache-2.0 */
/* Algorithms that Libreswan or strongSwan have and minicpe does not, with the reason. */
#ifndef CONF_REFUSALS_H
#define CONF_REFUSALS_H

enum refusal_kind { REFUSAL_CIPHER, REFUSAL_HASH, REFUSAL_GROUP };

/* Why not, and what to write; NULL for a name nobody has. */
const char *refusal_find(enum refusal_kind kind, const char *name);

#endif

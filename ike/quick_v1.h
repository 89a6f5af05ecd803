/* SPDX-License-Identifier: Apache-2.0 */
/* What Quick Mode's table (quick_v1.c) needs of its steps (quick_steps_v1.c). */
#ifndef IKE_QUICK_V1_H
#define IKE_QUICK_V1_H

#include "ike/exchange_v1.h"

enum { QUICK_NONCE = 32 };

int quick_put_first(struct step *s, struct wire_writer *out);
int quick_take_first(struct step *s);     /* finds s->tunnel by the selectors */
int quick_put_second(struct step *s, struct wire_writer *out);
int quick_take_second(struct step *s);
int quick_put_third(struct step *s, struct wire_writer *out);
int quick_take_third(struct step *s);

/* Message IDs used under one ISAKMP SA, ours and theirs: an old message starts nothing anew. */
bool quick_message_id_fresh(const struct isakmp_sa *sa, uint32_t message_id);
void quick_message_id_remember(struct isakmp_sa *sa, uint32_t message_id);
void quick_message_id_remember_probe(struct isakmp_sa *sa, uint32_t message_id);
bool quick_sa_wears_out(const struct isakmp_sa *sa);   /* it needs a successor */
bool quick_sa_worn_out(const struct isakmp_sa *sa);    /* no other exchange can be had under it, but for probes */
uint32_t quick_message_id_new(struct ike *ike, const struct isakmp_sa *sa);   /* to be remembered */

/* The group of our own offers, 0 for none. */
crypto_group quick_group(const struct tunnel *tunnel, const struct isakmp_sa *sa);
int quick_make_values(struct ike *ike, struct quick *q);
void quick_selectors(const struct tunnel *tunnel, const struct peer *peer, struct prefix *near, struct prefix *far);
size_t quick_key_length(const struct conf_esp_proposal *esp);

#endif

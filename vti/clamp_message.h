/* SPDX-License-Identifier: Apache-2.0 */
/* The messages that make, exchange or remove the table: one batch, which the kernel takes as a whole or not at all. */
#ifndef VTI_CLAMP_MESSAGE_H
#define VTI_CLAMP_MESSAGE_H

#include "vti/clamp.h"

enum { CLAMP_RULE_MAX = 768, CLAMP_RULES_PER_LINK = 4, CLAMP_FRAME_MAX = 2048 };

static inline size_t clamp_message_room(size_t count) { return CLAMP_FRAME_MAX + count * CLAMP_RULES_PER_LINK * CLAMP_RULE_MAX; }
/*
 * Into `memory` of that many octets, zeroed. Returns how many were used; the last message that counts, of sequence
 * number *last, asks for an acknowledgement.
 */
size_t clamp_message_put(uint8_t *memory, const struct clamp *links, size_t count, uint32_t *last);

#endif

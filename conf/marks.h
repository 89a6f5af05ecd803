/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers that stand for mark=-1. */
#ifndef CONF_MARKS_H
#define CONF_MARKS_H

#include "conf/conf.h"

/* Some packet could carry both. */
bool marks_meet(uint32_t a, uint32_t a_mask, uint32_t b, uint32_t b_mask);
/*
 * A number for each of the conns that leave it to minicpe: the one that the conn of this name has in `before` (NULL: nothing
 * ran), unless another conn is written to have it now; else the lowest that no conn has. None left: the last one, twice.
 */
void marks_number(struct conf_conn *const *conns, size_t count, const struct conf *before);

#endif

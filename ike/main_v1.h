/* SPDX-License-Identifier: Apache-2.0 */
/* What first_v1.c needs of Main Mode's tables. */
#ifndef IKE_MAIN_V1_H
#define IKE_MAIN_V1_H

#include "ike/exchange_v1.h"

/* The row for what is awaited at a step, or NULL when nothing is. */
const struct exchange_row *main_row(enum role role, unsigned step);

#endif

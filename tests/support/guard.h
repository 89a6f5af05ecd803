/* SPDX-License-Identifier: Apache-2.0 */
/* Octets that end where the next page may not be read: one octet too far ends the test, without any sanitizer. */
#ifndef TESTS_SUPPORT_GUARD_H
#define TESTS_SUPPORT_GUARD_H

#include "base/bytes.h"

/* A copy that the caller may change, good until the next call. */
uint8_t *guard_copy(struct bytes octets);

#endif

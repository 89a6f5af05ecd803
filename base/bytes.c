/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constant-time comparison and wiping, without a crypto library so that every layer may use them.
 */
#include "base/bytes.h"

bool bytes_equal_secret(struct bytes a, struct bytes b)
{
    if (a.length != b.length)
        return false;
    volatile uint8_t difference = 0;
    for (size_t i = 0; i < a.length; i++)
        difference = (uint8_t)(difference | (a.data[i] ^ b.data[i]));
    return difference == 0;
}

void bytes_wipe(void *data, size_t length)
{
    explicit_bzero(data, length);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Comparison of a netlink message with one that another program sent, given in hexadecimal digits. */
#ifndef TESTS_SUPPORT_GOLDEN_H
#define TESTS_SUPPORT_GOLDEN_H

#include <stddef.h>
#include <stdint.h>

/*
 * Same type, same fixed part of `fixed` octets, same attributes with the same content; their order is free. Types
 * in `except` (ended by 0) may be in one alone, and are not compared. Flags, sequence and port numbers are not compared.
 */
void golden_same(const void *message, const char *hex, size_t fixed, const uint16_t *except);

/* The content of an attribute of `message`, or NULL; its length goes to *length. */
const uint8_t *golden_attribute(const void *message, size_t fixed, uint16_t type, size_t *length);

#endif

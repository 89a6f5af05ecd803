/* SPDX-License-Identifier: Apache-2.0 */
/* Text that others wrote, made fit for a terminal, a log and JSON. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>

/* Octets of the well-formed, printable UTF-8 character at `p`, or 0. C1 controls count as not printable. */
size_t text_character(const char *p);
/* What is no such character becomes '?', also one that was cut off at the end. */
void text_clean(char *text);

#endif

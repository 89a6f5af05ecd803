/* SPDX-License-Identifier: Apache-2.0 */
/* Paragraphs that fit a terminal. */
#ifndef CLI_WRAP_H
#define CLI_WRAP_H

#include <stdio.h>

/* The label, then from column `indent` on the text, broken between words so that no line is wider than `width` (0: never). */
void wrap_print(FILE *out, unsigned width, unsigned indent, const char *label, const char *text);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Owns breaking of lines. Texts are ASCII: what the daemon says is made so. */
#include "cli/wrap.h"

#include <stdbool.h>
#include <string.h>

enum { LEAST_COLUMNS = 20 };

void wrap_print(FILE *out, unsigned width, unsigned indent, const char *label, const char *text)
{
    size_t column = (size_t)fprintf(out, "%-*s", (int)indent, label);
    size_t limit = width && width < indent + LEAST_COLUMNS ? indent + LEAST_COLUMNS : width;
    bool first = true;
    for (const char *word = text + strspn(text, " "); *word; word += strspn(word, " ")) {
        size_t length = strcspn(word, " ");
        if (!first && limit && column + 1 + length > limit) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
            first = true;
        }
        column += (size_t)fprintf(out, "%s%.*s", first ? "" : " ", (int)length, word);
        first = false;
        word += length;
    }
    fputc('\n', out);
}

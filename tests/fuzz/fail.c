/* SPDX-License-Identifier: Apache-2.0 */
/* How a target ends when something that must hold does not. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>

void fuzz_fail(const char *what, const char *file, int line)
{
    printf("not ok - fuzz %s: %s:%d: %s\n", fuzz_name, file, line, what);
    fflush(stdout);
    abort();
}

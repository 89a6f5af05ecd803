/* SPDX-License-Identifier: Apache-2.0 */
/* Assertions over spans; see test.h. */
#include "tests/support/test.h"

void assert_bytes_equal_at(struct bytes a, struct bytes b, const char *file, int line)
{
    if (a.length != b.length)
        print_error("%zu octets instead of %zu\n", a.length, b.length);
    _assert_int_equal(a.length, b.length, file, line);
    if (a.length != 0)
        _assert_memory_equal(a.data, b.data, a.length, file, line);
}

void *test_memory(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory)
        fail_msg("no memory for %zu octets", size);
    return memory;
}

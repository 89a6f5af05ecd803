/* SPDX-License-Identifier: Apache-2.0 */
/* What every test file includes first: cmocka with the headers that it wants before itself. */
#ifndef TESTS_SUPPORT_TEST_H
#define TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* They leave the test by longjmp, which the header does not say and compilers and analysers like to know. */
void _fail(const char *const file, const int line) __attribute__((noreturn));
void _skip(const char *const file, const int line) __attribute__((noreturn));

#include "tests/support/vectors.h"

void *test_memory(size_t size);   /* of zeros; the test fails where there is none */

#define assert_bytes_equal(a, b) assert_bytes_equal_at((a), (b), __FILE__, __LINE__)
void assert_bytes_equal_at(struct bytes a, struct bytes b, const char *file, int line);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* One run that all tests of a program share: recorded before the first of them, freed after the last. */
#ifndef TESTS_SUPPORT_RECORDED_H
#define TESTS_SUPPORT_RECORDED_H

#include "tests/support/engine.h"

extern struct run run;

/* For cmocka's groups; of group 19, with PFS or without it, where Quick Mode's messages are shorter. */
int recorded_begin(void **state);
int recorded_begin_no_pfs(void **state);
int recorded_end(void **state);

#endif

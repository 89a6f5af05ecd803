/* SPDX-License-Identifier: Apache-2.0 */
/* The interface of libFuzzer, which has no header of its own, and what every target has. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "tests/fuzz/choices.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

extern const char fuzz_name[];   /* of the target: the folder of what was found for it */

#endif

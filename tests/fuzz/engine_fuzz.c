/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Target `engine`. The input: an octet for the pair of configurations (its highest bit: whether they are to recover in the end), one for the moment of their course to begin at,
 * then records of code, length, octets; engine_operations.c says what each does. See engine_world.h.
 */
#include "tests/fuzz/engine_world.h"

const char fuzz_name[] = "engine";

enum { RECORDS_MAX = 96 };

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    must(crypto_start() == 0);
    return 0;
}

/* All that is open comes to its end; then kernel and tables agree, and after a stop nothing is left. */
static void finish(void)
{
    for (int end = NEAR; end < ENDS; end++)
        world.ends[end].failures = 0;
    world_replies();
    for (int end = NEAR; end < ENDS; end++)
        check_kernel(&world.ends[end]);
    for (int end = NEAR; end < ENDS; end++) {
        ike_stop(world.ends[end].ike, world.now);
        world_drain(end);
        check_stopped(&world.ends[end]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct choices input = choices_of(data, size);
    uint8_t variant = choose_octet(&input), point = choose_octet(&input);
    world_begin(variant & 0x7f, point);
    for (unsigned n = 0; n < RECORDS_MAX && choices_any(&input); n++) {
        uint8_t code = choose_octet(&input);
        struct bytes own = choose_span(&input, choose_octet(&input));
        struct choices c = choices_of(own.data, own.length);
        operation_run(code, &c);
    }
    if (variant & 0x80)
        recover();
    finish();
    return 0;
}

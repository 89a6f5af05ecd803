/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every crypto call fails once, at every message of a run (the linker puts the functions below in between): an error
 * is never read as success, a message that could not be worked out leaves no trace, and the same message is taken
 * when it comes again. Rows 45, 57 and 59 of tests/rows.txt.
 */
#include "tests/support/test.h"

#include "ike/iana.h"
#include "tests/support/engine.h"
#include "tests/support/recorded.h"

static unsigned calls, fail_at;           /* fail_at 0: none fails */

static bool fails(uint8_t *out, size_t length)
{
    if (++calls != fail_at)
        return false;
    memset(out, 0, length);               /* as crypto.h says */
    return true;
}

#define FAULTY(name, length, parameters, ...)                                              \
    int __real_crypto_##name parameters;                                                   \
    int __wrap_crypto_##name parameters;                                                   \
    int __wrap_crypto_##name parameters                                                    \
    {                                                                                      \
        return fails(out, length) ? CRYPTO_ERROR_LIBRARY : __real_crypto_##name(__VA_ARGS__); \
    }

FAULTY(hash, CRYPTO_HASH_MAX, (enum crypto_hash h, const struct bytes *parts, size_t count, uint8_t *out), h, parts, count, out)
FAULTY(prf, CRYPTO_HASH_MAX, (enum crypto_hash h, struct bytes key, const struct bytes *parts, size_t count, uint8_t *out), h, key, parts, count, out)
FAULTY(cbc_encrypt, in.length, (struct bytes key, const uint8_t iv[CRYPTO_BLOCK], struct bytes in, uint8_t *out), key, iv, in, out)
FAULTY(cbc_decrypt, in.length, (struct bytes key, const uint8_t iv[CRYPTO_BLOCK], struct bytes in, uint8_t *out), key, iv, in, out)
FAULTY(dh_public, crypto_group_find(group)->public_length, (crypto_group group, struct bytes exponent, uint8_t *out), group, exponent, out)
FAULTY(dh_shared, crypto_group_find(group)->shared_length, (crypto_group group, struct bytes exponent, struct bytes peer, uint8_t *out), group,
       exponent, peer, out)

/* The message with its n-th crypto call failing; false when it has not so many. */
static bool take_failing(size_t step, const struct sent *message, unsigned n)
{
    struct engine *e = &run.end[run.step[step].to];
    image_load(&run.step[step].before[run.step[step].to], e);
    calls = 0;
    fail_at = n;
    engine_take(e, message);
    fail_at = 0;
    return calls >= n;
}

static void row_45_an_error_is_no_success(void **state)
{
    (void)state;
    unsigned cases = 0;
    for (size_t step = 4; step < RUN_MESSAGES; step++) {
        struct sent forged = run.step[step].message;
        int to = run.step[step].to;
        forged.datagram[WIRE_HEADER + 2 * CRYPTO_BLOCK] ^= 1; /* under it the middle of the hash: all else can be read */
        for (unsigned n = 1; take_failing(step, &forged, n); n++, cases++) {
            const char *why;
            if (!image_same(&run.step[step].before[to], &run.end[to], &why))
                fail_msg("%s, forged, left a trace when call %u failed: %s", run_names[step], n, why);
            assert_int_equal(run.end[to].sent_count, 0);
        }
    }
    print_message("%u failing calls under forged messages\n", cases);
    assert_true(cases >= 2 * (RUN_MESSAGES - 4));
}

/* The true message: taken in spite of it, or refused without a trace and taken when it comes again. */
static void row_57_and_59_a_failing_library(void **state)
{
    (void)state;
    unsigned refused = 0, cases = 0;
    for (size_t step = 0; step < RUN_MESSAGES; step++) {
        const struct sent *m = &run.step[step].message;
        int to = run.step[step].to;
        struct engine *e = &run.end[to];
        for (unsigned n = 1; take_failing(step, m, n); n++, cases++) {
            const char *why;
            for (size_t i = 0; i < e->sent_count; i++) { /* what goes out names both ends, and what must be is encrypted */
                const uint8_t *d = e->sent[i].datagram;
                static const uint8_t zero[WIRE_COOKIE];
                bool first = d[18] == IANA_EXCHANGE_MAIN && memcmp(d, run.step[0].message.datagram, WIRE_COOKIE) != 0;
                if (!first && memcmp(d + WIRE_COOKIE, zero, WIRE_COOKIE) == 0)
                    fail_msg("%s: a cookie of zeros went out when call %u failed", run_names[step], n);
                if (d[19] & IANA_FLAG_ENCRYPTION)
                    assert_memory_not_equal(d + WIRE_HEADER, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
            }
            if (!image_same(&run.step[step].before[to], e, &why) || step == 0 || e->sent_count > 0)
                continue;
            refused++;
            engine_clear(e);
            engine_take(e, m);
            if (image_same(&run.step[step].before[to], e, &why) && e->sent_count == 0)
                fail_msg("%s was not taken any more after call %u had failed", run_names[step], n);
        }
    }
    print_message("%u failing calls, %u messages refused for it\n", cases, refused);
    assert_true(refused >= RUN_MESSAGES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_45_an_error_is_no_success),
        cmocka_unit_test(row_57_and_59_a_failing_library),
    };
    return cmocka_run_group_tests_name("ike: crypto calls that fail", tests, recorded_begin, recorded_end);
}

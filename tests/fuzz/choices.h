/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a harness takes its decisions from: the octets of the fuzzer's input, so that the same input does the same
 * again; or, for a mutator, an endless row of numbers from a seed. What is asked for past the end of an input is zero.
 */
#ifndef TESTS_FUZZ_CHOICES_H
#define TESTS_FUZZ_CHOICES_H

#include "base/bytes.h"

#include <stdlib.h>

struct choices {
    const uint8_t *at, *end;
    bool endless;
    uint64_t state;
};

static inline struct choices choices_of(const uint8_t *data, size_t length)
{
    return (struct choices){ .at = data, .end = length ? data + length : data };
}

static inline struct choices choices_from(uint64_t seed) { return (struct choices){ .endless = true, .state = seed }; }

static inline size_t choices_left(const struct choices *c) { return (size_t)(c->end - c->at); }
static inline bool choices_any(const struct choices *c) { return c->endless || c->at != c->end; }

static inline uint8_t choose_octet(struct choices *c)
{
    if (c->endless) {
        uint64_t z = c->state += 0x9e3779b97f4a7c15U;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
        z = (z ^ z >> 27) * 0x94d049bb133111ebU;
        return (uint8_t)(z >> 56);
    }
    return c->at != c->end ? *c->at++ : 0;
}

static inline uint32_t choose_number(struct choices *c, unsigned octets)
{
    uint32_t n = 0;
    while (octets-- > 0)
        n = n << 8 | choose_octet(c);
    return n;
}

/* 0 .. below - 1 */
static inline uint32_t choose(struct choices *c, uint32_t below)
{
    return below > 1 ? choose_number(c, below <= 256 ? 1 : below <= 65536 ? 2 : 4) % below : 0;
}

static inline struct bytes choose_span(struct choices *c, size_t length)
{
    if (length > choices_left(c))
        length = choices_left(c);
    struct bytes span = bytes_of(c->at, length);
    c->at = length ? c->at + length : c->at;
    return span;
}

/* Numbers at which programs go wrong. */
static inline uint32_t choose_odd(struct choices *c)
{
    static const uint32_t odd[] = { 0, 1, 2, 3, 4, 5, 7, 8, 16, 28, 32, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0x8001, 0xfffe, 0xffff,
                                    0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff };
    uint8_t n = choose_octet(c);
    return n < sizeof odd / sizeof *odd ? odd[n] : n < 128 ? n : choose_number(c, 4);
}

/* What must hold does not: the fuzzer keeps the input. */
#define must(what) ((what) ? (void)0 : fuzz_fail(#what, __FILE__, __LINE__))
void fuzz_fail(const char *what, const char *file, int line) __attribute__((noreturn));

#endif

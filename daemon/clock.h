/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's two clocks: one that counts the machine's sleep too, and the wall's. */
#ifndef DAEMON_CLOCK_H
#define DAEMON_CLOCK_H

#include <time.h>

#include "base/mono.h"

/* CLOCK_BOOTTIME, not CLOCK_MONOTONIC: a lifetime goes on for the headend while this machine is suspended. */
static inline struct mono clock_mono(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (struct mono){ (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 };
}

/* Microseconds since 1970. */
static inline int64_t clock_wall(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Monotonic time as a type of its own, in microseconds, so that it cannot be mixed with plain numbers. */
#ifndef BASE_MONO_H
#define BASE_MONO_H

#include <stdbool.h>
#include <stdint.h>

struct mono {
    int64_t us;
};

#define MONO_NEVER ((struct mono){ INT64_MAX })
#define MONO_MS(n) ((int64_t)(n) * 1000)
#define MONO_S(n) ((int64_t)(n) * 1000000)

static inline struct mono mono_after(struct mono t, int64_t us)
{
    bool beyond = us > 0 ? t.us > INT64_MAX - us : t.us == INT64_MAX;
    return beyond ? MONO_NEVER : (struct mono){ t.us + us };
}
static inline int64_t mono_since(struct mono now, struct mono then) { return now.us - then.us; }
static inline bool mono_reached(struct mono now, struct mono due) { return now.us >= due.us; }
static inline bool mono_is_never(struct mono t) { return t.us == INT64_MAX; }
static inline struct mono mono_min(struct mono a, struct mono b) { return a.us < b.us ? a : b; }
static inline struct mono mono_max(struct mono a, struct mono b) { return a.us > b.us ? a : b; }

#endif

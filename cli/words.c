/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the human forms of durations, sizes and times. Pure. */
#include "cli/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

const char *words_duration(int64_t us, char out[WORDS_MAX])
{
    int64_t s = us > 0 ? (us + 500000) / 1000000 : 0;
    if (s < 60)
        snprintf(out, WORDS_MAX, "%" PRId64 "s", s);
    else if (s < 3600)
        snprintf(out, WORDS_MAX, "%" PRId64 "m%02" PRId64 "s", s / 60, s % 60);
    else if (s < 86400)
        snprintf(out, WORDS_MAX, "%" PRId64 "h%02" PRId64 "m", s / 3600, s % 3600 / 60);
    else
        snprintf(out, WORDS_MAX, "%" PRId64 "d%02" PRId64 "h", s / 86400, s % 86400 / 3600);
    return out;
}

const char *words_bytes(uint64_t bytes, char out[WORDS_MAX])
{
    static const char units[] = "KMGTPE";
    if (bytes < 1000) {
        snprintf(out, WORDS_MAX, "%" PRIu64, bytes);
        return out;
    }
    double value = (double)bytes / 1024;
    size_t unit = 0;
    while (value >= 999.5 && unit + 2 < sizeof units) {
        value /= 1024;
        unit++;
    }
    snprintf(out, WORDS_MAX, value < 9.95 ? "%.1f%c" : "%.0f%c", value, units[unit]);
    return out;
}

const char *words_time(int64_t wall_us, char out[WORDS_MAX])
{
    time_t seconds = (time_t)(wall_us / 1000000);
    struct tm utc;
    size_t used = gmtime_r(&seconds, &utc) ? strftime(out, WORDS_MAX, "%Y-%m-%dT%H:%M:%S", &utc) : 0;
    snprintf(out + used, WORDS_MAX - used, ".%03dZ", (int)(wall_us % 1000000 / 1000));
    return out;
}

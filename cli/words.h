/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as people read them, and times as programs do. */
#ifndef CLI_WORDS_H
#define CLI_WORDS_H

#include <stddef.h>
#include <stdint.h>

enum { WORDS_MAX = 40 };

/* "15s", "2m10s", "3h12m", "3d04h"; negative is taken as 0. */
const char *words_duration(int64_t us, char out[WORDS_MAX]);
/* "0", "831", "4.1K", "88M", "1.2G": powers of 1024, at most four characters and a letter. */
const char *words_bytes(uint64_t bytes, char out[WORDS_MAX]);
/* RFC 3339 in UTC with milliseconds. */
const char *words_time(int64_t wall_us, char out[WORDS_MAX]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* One mapping with a page behind it that is closed; see guard.h. */
#include "tests/support/guard.h"

#include <sys/mman.h>

#include "tests/support/test.h"

enum { ROOM = 1 << 17, PAGE = 1 << 16 };  /* PAGE: a multiple of every page size in use */

uint8_t *guard_copy(struct bytes octets)
{
    static uint8_t *room;
    if (!room) {
        room = mmap(NULL, ROOM + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_true(room != MAP_FAILED);
        assert_int_equal(mprotect(room + ROOM, PAGE, PROT_NONE), 0);
    }
    assert_true(octets.length <= ROOM);
    uint8_t *at = room + ROOM - octets.length;
    if (octets.length)
        memcpy(at, octets.data, octets.length);
    return at;
}

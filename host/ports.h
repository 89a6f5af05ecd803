/* SPDX-License-Identifier: Apache-2.0 */
/* Who holds a UDP port of this network namespace, for the sentence that says so. */
#ifndef HOST_PORTS_H
#define HOST_PORTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct ports_holder {
    pid_t pid;
    char name[32];             /* the program's name as the kernel knows it */
};

enum ports_state { PORTS_FREE, PORTS_TAKEN, PORTS_HELD }; /* TAKEN: by somebody whose descriptors this process may not see */

/* Below `root`, "" but for tests. */
enum ports_state ports_look(const char *root, uint16_t udp_port, struct ports_holder *holder);
/* False when nobody holds it, or when this process may not look at the others' descriptors. */
bool ports_find_holder(uint16_t udp_port, struct ports_holder *holder);

#endif

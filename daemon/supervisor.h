/* SPDX-License-Identifier: Apache-2.0 */
/* The process that holds the sockets and forks engines. */
#ifndef DAEMON_SUPERVISOR_H
#define DAEMON_SUPERVISOR_H

#include <stdint.h>

#include "daemon/udp.h"

struct supervisor_hold {
    int parent;                /* life channel to the privileged process */
    int control;               /* listening control socket */
    struct udp_set udp;
    int icmp;                  /* -1: none */
    int patience_ms;           /* an engine that gives no sign of life for so long is ended */
};

enum { SUPERVISOR_PATIENCE_MS = 20000 };

/* Waits before the next engine, in milliseconds, after one that ran for `lived`; `before`: the last wait. */
int64_t supervisor_back_off(int64_t before, int64_t lived);
/* Call it unprivileged and chrooted. Returns the exit status of the process when all is over. */
int supervisor_run(const struct supervisor_hold *hold);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The process that speaks IKE: the loop around ike/ike.h. */
#ifndef DAEMON_ENGINE_H
#define DAEMON_ENGINE_H

#include "daemon/udp.h"

struct engine_hold {
    int life;                  /* life channel to the privileged process */
    int dataplane;             /* data-plane channel to it, blocking, the configuration waiting in it */
    int control;               /* listening control socket */
    struct udp_set udp;
    int icmp;                  /* raw, for destination unreachable; -1: none */
    int sign;                  /* non-blocking: an octet each ENGINE_SIGN_SECONDS says that the loop turns; -1: nobody looks */
};

enum { ENGINE_SIGN_SECONDS = 2 };

enum engine_exit {
    ENGINE_STOPPED = 0,        /* as asked */
    ENGINE_FAILED = 1,
    ENGINE_ORPHANED = 2,       /* the privileged process is gone */
};

/* Call it unprivileged and chrooted, once per process, after crypto_start (which reads files). Returns the exit status. */
int engine_run(const struct engine_hold *hold);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The system calls that a process may still make, and the files that it may still reach. */
#ifndef DAEMON_SANDBOX_H
#define DAEMON_SANDBOX_H

#include "daemon/landlock.h"

enum sandbox_role {
    SANDBOX_SUPERVISOR,
    SANDBOX_ENGINE,
    SANDBOX_PRIVILEGED,
};

enum { SANDBOX_ERROR_MAX = 256 };

/* After signals_begin(); once, before any sandbox_enter(), of which this process or one that it forks is the caller. 0, or -1 with `error`. */
int sandbox_prepare(char error[SANDBOX_ERROR_MAX]);
/*
 * Needs no_new_privs. An engine has the supervisor's filter and its own, both in force. 0, or -1 with `error`;
 * a kernel without seccomp, and a build whose memory checker needs more calls, log that and return 0.
 */
int sandbox_enter(enum sandbox_role role, char error[SANDBOX_ERROR_MAX]);
/* Files: from here on nothing but these (none: nothing at all). Needs no_new_privs; before sandbox_enter. 0, or -1 with `error`. */
int sandbox_files(const struct landlock_path *paths, size_t count, char error[SANDBOX_ERROR_MAX]);
/* How many calls a role may make. */
size_t sandbox_count(enum sandbox_role role);

#endif

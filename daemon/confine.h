/* SPDX-License-Identifier: Apache-2.0 */
/* The last step of the privileged process into its own sandbox. */
#ifndef DAEMON_CONFINE_H
#define DAEMON_CONFINE_H

#include "daemon/sandbox.h"

/* After capabilities are gone and before any message is read. `run` is the folder of --run. 0, or -1 with `error`. */
int confine_privileged(const char *run, char error[SANDBOX_ERROR_MAX]);

#endif

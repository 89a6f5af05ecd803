/* SPDX-License-Identifier: Apache-2.0 */
/* The privileged process: what `minicpe -c FILE` starts, and what stays with CAP_NET_ADMIN. */
#ifndef DAEMON_PRIVILEGED_H
#define DAEMON_PRIVILEGED_H

#include "daemon/options.h"

/* Runs until told to stop. Returns the exit status. */
int privileged_run(const struct options *options);

#endif

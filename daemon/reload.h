/* SPDX-License-Identifier: Apache-2.0 */
/* The files read anew while the daemon runs. */
#ifndef DAEMON_RELOAD_H
#define DAEMON_RELOAD_H

#include "daemon/options.h"
#include "dataplane/server.h"

/*
 * Tells `teller` each difference, or each mistake; puts what differs into force. True: `*conf` is what runs now. False:
 * nothing was changed, in the files' favour or the kernel's.
 */
bool reload_run(const struct options *options, struct conf **conf, struct dp_server *server, const struct dp_teller *teller);

#endif

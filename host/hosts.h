/* SPDX-License-Identifier: Apache-2.0 */
/* What a configuration needs to know of this machine and of the name service. */
#ifndef HOST_HOSTS_H
#define HOST_HOSTS_H

#include "conf/conf.h"
#include "host/names.h"

enum { HOSTS_SECONDS = 15 }; /* for the name service to answer all questions: half of what the service manager gives a start */

/* Finds the addresses of ends given by name. A name that has none is told in the log; returns how many ends have none. See names_ask. */
size_t hosts_resolve(struct conf *conf, const struct names_asker *asker);
/* Addresses of this machine's interfaces, loopback included. *own is the caller's to free. 0, or -1 with errno. */
int hosts_own(struct addr **own, size_t *count);

#endif

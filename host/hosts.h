/* SPDX-License-Identifier: Apache-2.0 */
/* What a configuration needs to know of this machine and of the name service. */
#ifndef HOST_HOSTS_H
#define HOST_HOSTS_H

#include "conf/conf.h"

/* Finds the addresses of ends given by name. A name that has none is told in the log; returns how many there were. */
size_t hosts_resolve(struct conf *conf);
/* Addresses of this machine's interfaces, loopback included. *own is the caller's to free. 0, or -1 with errno. */
int hosts_own(struct addr **own, size_t *count);

#endif

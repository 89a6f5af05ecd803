/* SPDX-License-Identifier: Apache-2.0 */
/* The host's own kernel settings that a gateway needs: only looked at, never changed. */
#ifndef HOST_SETTINGS_H
#define HOST_SETTINGS_H

#include <net/if.h>

#include "conf/conf.h"

enum { SETTINGS_TEXT_MAX = 400 };

/* Told of each wrong setting: "NAME is 0: why it matters", and the commands that mend it. */
typedef void settings_say(void *context, const char *wrong, const char *mend);

/* The interface that packets to the headends leave by; empty when there is no route to any. */
void settings_outer(const struct conf *conf, char name[IF_NAMESIZE]);
/* The interface that a packet to the headend leaves by, and its source address; empty: no route. Nothing is sent. */
void settings_way(const struct addr *headend, char name[IF_NAMESIZE], struct addr *source);
/* Of an interface of this network namespace, which /sys may not be of; 0: there is none. */
unsigned settings_mtu(const char *interface);
/* Looks below `folder` (/proc/sys). Returns how many are wrong; one that cannot be read is not. */
size_t settings_look(const char *folder, const struct conf *conf, const char *outer, settings_say *say, void *context);

#endif

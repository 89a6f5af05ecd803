/* SPDX-License-Identifier: Apache-2.0 */
/* The privileged process's ends of the channels to the engine of the moment. */
#ifndef DAEMON_CHANNELS_H
#define DAEMON_CHANNELS_H

#include <ev.h>

#include "dataplane/quota.h"
#include "dataplane/server.h"

struct channels_listener {
    void *context;
    void (*ready)(void *context);                                  /* an engine runs */
    void (*summary)(void *context, uint32_t tunnels, uint32_t up); /* how its tunnels do */
    void (*log_level)(void *context, uint32_t level);              /* it was told to log more or less; the others do, too */
    void (*reload)(void *context);                                 /* root asked it for the files to be read anew */
    void (*forged)(void *context);                                 /* it must be ended by force; its words are no longer heard */
};

struct channels {
    struct ev_loop *loop;
    struct channels_listener listener;
    struct dp_server *server;
    struct dp_quota quota;     /* of the engine of the moment */
    bool ended;                /* it is gone, or cut off, and the listener knows */
    ev_io life, dataplane;     /* fd -1: there is none */
};

void channels_init(struct channels *channels, struct ev_loop *loop, const struct channels_listener *listener);
/* New channels, in place of those of the engine before: the configuration goes into them, their other ends to the supervisor. 0, or -1. */
int channels_open(struct channels *channels, int supervisor);
/* Asks the engine to say goodbye and end. 0, or -1 when there is none to ask. */
int channels_stop(struct channels *channels);
void channels_close(struct channels *channels);
/* For struct dp_server_env; `context` is the struct channels. Without an engine the message is dropped. */
void channels_send(void *context, const struct dp_message *message, size_t length);

#endif

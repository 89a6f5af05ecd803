/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's side of the channel to the privileged process. The descriptor is the caller's to open and close. */
#ifndef DATAPLANE_CLIENT_H
#define DATAPLANE_CLIENT_H

#include "dataplane/message.h"

/* 0 or -errno; -EAGAIN: the channel is full. */
int dp_client_send(int fd, const struct dp_request *request);
/*
 * One message, checked; never a REQUEST. 1: there is one; 0: none is
 * waiting; -ECONNRESET: the other side is gone; -EPROTO: it sent what this program never sends; else -errno.
 */
int dp_client_receive(int fd, struct dp_message *message);
/*
 * The configuration, as the first messages on a new channel: blocks until it is whole, so the descriptor is to
 * be in blocking mode. conf_free what it gives. 0 or -errno.
 */
int dp_client_receive_conf(int fd, struct conf *conf);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Framing for the engine: requests out, replies, events and the configuration in. PSKs on the way are wiped. */
#include "dataplane/client.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

int dp_client_send(int fd, const struct dp_request *request)
{
    struct dp_message message;
    dp_message_begin(&message, DP_MESSAGE_REQUEST);
    message.request = *request;
    ssize_t sent;
    do
        sent = send(fd, &message, dp_message_length(message.type), MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    bytes_wipe(&message, sizeof message);
    return sent < 0 ? -errno : 0;
}

int dp_client_receive(int fd, struct dp_message *message)
{
    ssize_t got;
    do
        got = recv(fd, message, sizeof *message, MSG_TRUNC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno == EAGAIN ? 0 : -errno;
    if (got == 0)
        return -ECONNRESET;
    bool fine = (size_t)got <= sizeof *message && dp_message_check(message, (size_t)got) && message->type != DP_MESSAGE_REQUEST;
    return fine ? 1 : -EPROTO;
}

static int receive_type(int fd, struct dp_message *message, enum dp_message_type type)
{
    int got = dp_client_receive(fd, message);
    if (got < 0)
        return got;
    return got == 1 && message->type == type ? 0 : -EPROTO;
}

static int receive_conns(int fd, struct conf *conf, struct dp_message *message, uint32_t conns)
{
    int error = 0;
    for (conf->count = 0; !error && conf->count < conns;) {
        error = receive_type(fd, message, DP_MESSAGE_CONN);
        if (!error && message->conn.index != conf->count)
            error = -EPROTO;
        if (!error)
            conf->conns[conf->count++] = message->conn.conn;
    }
    return error;
}

int dp_client_receive_conf(int fd, struct conf *conf)
{
    struct dp_message message;
    *conf = (struct conf){ 0 };
    int error = receive_type(fd, &message, DP_MESSAGE_HELLO);
    if (!error) {
        uint32_t conns = message.hello.conns;
        conf->listen = message.hello.listen;
        conf->conns = calloc(conns ? conns : 1, sizeof *conf->conns);
        error = conf->conns ? receive_conns(fd, conf, &message, conns) : -ENOMEM;
    }
    bytes_wipe(&message, sizeof message);
    if (error)
        conf_free(conf);
    return error;
}

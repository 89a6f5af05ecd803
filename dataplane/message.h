/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine and the privileged process say to each other over SOCK_SEQPACKET: one message a datagram, of
 * a length that its type fixes. Both ends are the same program on the same machine, so values travel as they
 * lie in memory, zeroed before they are filled; nothing in a message is used before message_check passed it.
 */
#ifndef DATAPLANE_MESSAGE_H
#define DATAPLANE_MESSAGE_H

#include "conf/conf.h"
#include "dataplane/dataplane.h"

enum { DP_LINE_MAX = 800 };

enum dp_message_type {
    DP_MESSAGE_HELLO = 1,  /* to the engine: the configuration follows, as that many CONN messages of generation 0 */
    DP_MESSAGE_CONN,       /* to the engine: what a slot holds from now on, the PSK included; an empty name: nothing */
    DP_MESSAGE_REQUEST,    /* to the privileged process */
    DP_MESSAGE_REPLY,      /* to the engine: one for each request */
    DP_MESSAGE_EVENT,      /* to the engine */
    DP_MESSAGE_SAY,        /* to the engine: a line for who asked for the reload */
    DP_MESSAGE_RELOADED,   /* to the engine: that was the last line; every changed slot was sent before */
};

struct dp_hello {
    uint32_t conns;
    struct addr listen;
};

struct dp_conn {
    uint32_t index, generation;
    struct conf_conn conn;
};

struct dp_say {
    char text[DP_LINE_MAX]; /* printable */
};

struct dp_reloaded {
    bool done;             /* or else nothing was changed */
    bool asked;            /* by the engine, for a client; else by a signal */
};

struct dp_message {
    uint32_t type;         /* enum dp_message_type */
    union {
        struct dp_hello hello;
        struct dp_conn conn;
        struct dp_request request;
        struct dp_reply reply;
        struct dp_event event;
        struct dp_say say;
        struct dp_reloaded reloaded;
    };
};

/* Zeroed but for the type. */
void dp_message_begin(struct dp_message *message, enum dp_message_type type);
size_t dp_message_length(uint32_t type);   /* 0: no such type */
/* Exact length, every number in range, every text terminated. `length` octets of `message` were received. */
bool dp_message_check(const struct dp_message *message, size_t length);
/* The name of the SA, as later requests give it. */
struct dp_sa_name dp_sa_name_of(const struct dp_sa *sa);

#endif

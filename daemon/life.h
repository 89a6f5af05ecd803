/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The channel by which the privileged process starts and ends the other two: fixed-size messages over
 * SOCK_SEQPACKET. Whoever sees its end closed ends too. The configuration and SAs go by dataplane/'s channel.
 */
#ifndef DAEMON_LIFE_H
#define DAEMON_LIFE_H

#include <stdint.h>

enum life_type {
    LIFE_NEED_ENGINE = 1,      /* supervisor: give me channels for a new engine; number: how many it had before */
    LIFE_ENGINE_CHANNELS,      /* to it, with two descriptors: life and data plane */
    LIFE_END_ENGINE,           /* to it: the engine did what none does; kill it */
    LIFE_STOP,                 /* to the engine: say goodbye to the headends and end */
    LIFE_READY,                /* engine: it runs */
    LIFE_SUMMARY,              /* engine: number tunnels of which `up` are up */
    LIFE_LOG_LEVEL,            /* engine, then to the supervisor: number is the enum log_level of all from now on */
    LIFE_RELOAD,               /* engine: read the files anew; the answer comes by the data plane's channel */
    LIFE_TYPES,
};

enum { LIFE_DESCRIPTORS = 2 };

struct life_message {
    uint32_t type;             /* enum life_type */
    uint32_t number, up;
};

/* Both ends non-blocking. 0, or -1 with errno. */
int life_pair(int pair[2]);
/* 0, or -1 with errno; never blocks. `descriptors` NULL: none go with it. */
int life_send(int channel, const struct life_message *message, const int *descriptors);
/* A message that carries nothing but its type and number. */
int life_tell(int channel, enum life_type type, uint32_t number);
/* 1: a message, of the right size and a known type; 0: none is waiting; -1: the other end is gone or misbehaves. */
int life_receive(int channel, struct life_message *message, int descriptors[LIFE_DESCRIPTORS]);

#endif

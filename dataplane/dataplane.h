/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract between the engine and whatever carries packets: plain values, no pointers. Kernel XFRM with
 * VTI is the first implementation, the tests' fake the second. Links, policies, addresses and routes follow
 * from the configuration and belong to the privileged side; the engine speaks of SAs only, and of which
 * tunnel lives. `conn` is the slot of a conn, which it keeps as long as it is configured; `generation` counts the conns
 * that the slot had since the engine began, so that nothing said about one is taken for the next.
 */
#ifndef DATAPLANE_DATAPLANE_H
#define DATAPLANE_DATAPLANE_H

#include "base/addr.h"
#include "base/bytes.h"

enum {
    DP_KEY_MAX = 32 + 4 + 64,    /* cipher key, salt, integrity key; octets */
    DP_TEXT_MAX = 160,
    DP_SPI_LEAST = 256,          /* RFC 4303 2.1: 1..255 are reserved */
};

enum dp_direction { DP_IN, DP_OUT };

struct dp_sa {
    uint16_t conn;
    uint8_t direction;           /* enum dp_direction */
    uint32_t spi;                /* host order; chosen by the receiver of the traffic */
    struct endpoint local, remote; /* ports are those of ESP in UDP; 0 and 0: plain ESP */
    uint8_t esp_transform;       /* 12 AES-CBC, 20 AES-GCM-16 */
    uint16_t key_bits;           /* of the cipher, without the salt */
    uint16_t esp_auth;           /* phase 2 Authentication Algorithm; 0 with an AEAD */
    uint16_t key_length;         /* octets used in `key`: cipher key | salt, then integrity key (RFC 2409 5.5) */
    uint8_t key[DP_KEY_MAX];
    uint32_t replay_window;      /* packets */
    uint64_t soft_bytes, hard_bytes;     /* 0: no limit */
    uint64_t soft_packets, hard_packets;
    uint32_t hard_seconds;       /* the kernel removes the SA by itself after them */
};

struct dp_sa_name {
    uint16_t conn;
    uint8_t direction;
    uint32_t spi;
    struct endpoint local, remote;
};

enum dp_request_type {
    DP_SA_INSTALL = 1,           /* sa; the policies of the conn are made to point at these endpoints */
    DP_SA_REMOVE,                /* name; an SA that is not there is not an error */
    DP_SA_MOVE,                  /* name, to: new ports of the encapsulation, in place */
    DP_SA_QUERY,                 /* name; the reply has counters */
    DP_TUNNEL_ALIVE,             /* conn, alive: for links and routes */
};

struct dp_request {
    uint32_t id;                 /* echoed by the reply */
    uint32_t generation;
    uint8_t type;                /* enum dp_request_type */
    uint16_t conn;
    bool alive;
    struct dp_sa sa;             /* INSTALL */
    struct dp_sa_name name;      /* REMOVE, MOVE, QUERY */
    struct endpoint to_local, to_remote; /* MOVE */
};

struct dp_reply {
    uint32_t id;
    uint32_t generation;
    uint8_t type;                /* of the request */
    uint16_t conn;
    uint32_t spi;
    int32_t error;               /* 0 or an errno */
    char text[DP_TEXT_MAX];      /* the kernel's own words, or what the permit table refused; empty when fine */
    uint64_t bytes, packets;     /* QUERY */
    int64_t idle_seconds;        /* QUERY: since the SA was last used; -1: never */
};

enum dp_event_type {
    DP_EVENT_PATH = 1,           /* conn, local (family none: no route to the headend), mtu of the outer path */
    DP_EVENT_EXPIRE,             /* conn, direction, spi, hard: a soft or hard limit was reached */
    DP_EVENT_MAPPING,            /* conn, spi, remote: authenticated ESP came from a new endpoint */
    DP_EVENT_TRAFFIC,            /* conn, direction, spi, packets, bytes: counters that moved */
    DP_EVENT_HELD,               /* conn, direction, spi, local, remote, packets, bytes: an SA that an engine before this one left */
    DP_EVENT_GONE,               /* conn, direction, spi: somebody else removed the SA */
    DP_EVENT_COUNTED,            /* conn, direction, packets, bytes: of all SAs that it had and that are gone */
};

struct dp_event {
    uint32_t generation;
    uint8_t type;
    uint16_t conn;
    uint8_t direction;
    bool hard;
    uint32_t spi;
    struct endpoint local, remote;
    uint32_t mtu;
    uint64_t bytes, packets;
};

#endif

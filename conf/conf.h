/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the administrator configured, as plain values: no pointer inside struct conf_conn, so that one conn
 * travels to the engine as one message. Formats: ipsec.conf and ipsec.secrets as Libreswan implements them.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include "base/addr.h"
#include "crypto/algs.h"

enum {
    CONF_NAME_MAX = 64,
    CONF_TEXT_MAX = 128,
    CONF_ID_MAX = 128,
    CONF_PSK_MAX = 256,
    CONF_PROPOSALS_MAX = 24,
    CONF_CONNS_MAX = 256,
    CONF_INTERFACE_MAX = 16,
    CONF_ROUTES_MAX = 16,
};

enum conf_host {
    CONF_HOST_ADDRESS,
    CONF_HOST_DEFAULTROUTE,   /* the source address of the route to the other end */
    CONF_HOST_INTERFACE,      /* %eth0: that interface's first address */
    CONF_HOST_ANY,
    CONF_HOST_NAME,           /* resolved when the daemon starts */
};

/* Identification payload values (RFC 2407 4.6.2.1); type 0: none configured. */
struct conf_id {
    uint8_t type;             /* 1 IPv4, 2 FQDN, 3 user FQDN, 5 IPv6, 11 KEY_ID */
    uint8_t length;
    uint8_t data[CONF_ID_MAX];
};

struct conf_end {
    enum conf_host host;
    struct addr addr;                    /* of CONF_HOST_ADDRESS, or a name once resolved */
    char text[CONF_TEXT_MAX];            /* as written, for messages and names */
    struct conf_id id;                   /* leftid=; type 0: the address */
    struct prefix subnet;                /* leftsubnet=; family none: the address itself */
    struct prefix vti;                   /* leftvti=, host part kept; family none: not given */
    struct addr sourceip;                /* leftsourceip=; family none: not given */
};

enum conf_auto { CONF_AUTO_IGNORE, CONF_AUTO_ADD, CONF_AUTO_START };
enum conf_tristate { CONF_NO, CONF_YES, CONF_AUTOMATIC };
enum conf_link_signal { CONF_LINK_DORMANT, CONF_LINK_DOWN, CONF_LINK_NEITHER };  /* x-minicpe-link= */

struct conf_ike_proposal {
    enum crypto_cipher cipher;
    uint16_t key_bits;
    enum crypto_hash hash;
    crypto_group group;
};

struct conf_esp_proposal {
    enum crypto_cipher cipher;
    uint16_t key_bits;
    enum crypto_hash integrity;          /* NONE with an AEAD */
};

struct conf_conn {
    char name[CONF_NAME_MAX];
    char file[CONF_TEXT_MAX];            /* where its section begins */
    uint32_t line;
    struct conf_end end[2];              /* left, right */
    int8_t local;                        /* index of the near end; -1 until conf_orient */
    enum conf_auto autostart;
    bool keep;                           /* auto=keep */

    struct conf_ike_proposal ike[CONF_PROPOSALS_MAX];
    struct conf_esp_proposal esp[CONF_PROPOSALS_MAX];
    uint8_t ike_count, esp_count;
    bool pfs;
    crypto_group pfs_group;              /* 0 with pfs: the group of phase 1 */

    uint32_t ike_lifetime, sa_lifetime;  /* seconds, at most 86400 */
    uint32_t rekey_margin;               /* seconds */
    uint16_t rekey_fuzz;                 /* per cent */
    bool rekey;
    uint64_t sa_max_bytes, sa_max_packets; /* 0: only what the algorithm demands */
    uint32_t dpd_delay, dpd_timeout;     /* seconds; 0 and 0: never probe */
    enum conf_tristate encapsulation;
    bool nat_keepalive;
    uint32_t keepalive_interval;         /* seconds (config setup keep-alive=) */
    bool initial_contact;
    uint32_t replay_window;              /* packets, 128 or more unless 0 is asked for */
    uint32_t retransmit_interval;        /* milliseconds */
    bool esn;                            /* never offered: IKEv1 peers lack it; kept for `status` */

    bool mark_set;
    bool mark_in_unique, mark_out_unique; /* -1 was written, and the number below was found for it */
    uint32_t mark_in, mark_in_mask, mark_out, mark_out_mask;
    char vti_interface[CONF_INTERFACE_MAX]; /* empty: plain policies */
    bool vti_routing;
    struct prefix routes[CONF_ROUTES_MAX]; /* x-minicpe-route=: instead of the far subnet, with vti_routing or without */
    uint8_t route_count;
    uint32_t metric;
    uint32_t mtu;                        /* 0: computed */
    uint32_t priority;                   /* of the policies; 0: default */
    enum conf_link_signal link_signal;   /* x-minicpe-link=dormant|down|no */
    bool unreachable_route;              /* x-minicpe-unreachable=yes: stands in while no tunnel lives */
    bool clamp_mss;                      /* x-minicpe-clamp-mss=no */

    uint16_t psk_length;                 /* 0: none found */
    uint8_t psk[CONF_PSK_MAX];
    char psk_file[CONF_TEXT_MAX];
    uint32_t psk_line;
};

struct conf {
    struct conf_conn *conns;             /* those to load: auto=ignore ones are left out; after a reload holes are between them */
    size_t count;
    struct addr listen;                  /* config setup listen=; family none: all */
};

/* One finding. Errors forbid running; warnings and notes do not. */
enum conf_severity { CONF_ERROR, CONF_WARNING, CONF_NOTE };

struct conf_message {
    enum conf_severity severity;
    char file[CONF_TEXT_MAX];
    uint32_t line, column;               /* from 1; 0: the file as a whole */
    char text[512];                      /* what; why; what to do */
};

enum { CONF_FOLDERS_MAX = 64 };

struct conf_report {
    struct conf_message *messages;
    size_t count, errors, warnings;
    char *folders[CONF_FOLDERS_MAX];     /* where files were read, or looked for by a pattern; each once */
    size_t folder_count;
    bool again;                          /* set before: who reads must not wait, so that a pipe is an error */
};

/*
 * Reads both files and everything they include; secrets_path NULL: as conf_secrets_path. Reports all findings.
 * Returns 0, or -1 when there are errors; then conf holds nothing. No host is looked at: that is conf_orient.
 */
int conf_load(struct conf *conf, const char *path, const char *secrets_path, bool insecure_secrets, struct conf_report *report);
/* X.conf -> X.secrets beside it; $CREDENTIALS_DIRECTORY/secrets and /etc/ipsec.secrets as operators expect. */
void conf_secrets_path(const char *path, char *out, size_t size);
/* Decides which end is near, by the host's own addresses; adds an error per conn where neither or both are. */
int conf_orient(struct conf *conf, const struct addr *own, size_t own_count, struct conf_report *report);
/* Canonical form, secrets never printed: one conn, keys in table order. Returns octets written, less than size. */
size_t conf_print(const struct conf_conn *conn, char *out, size_t size);
/* "FILE:LINE:COLUMN: error: TEXT" */
size_t conf_message_print(const struct conf_message *message, char *out, size_t size);

/* What one line of the file does, for who wants to know of each. */
enum conf_line_use { CONF_LINE_USED, CONF_LINE_ANYWAY, CONF_LINE_IGNORED, CONF_LINE_REFUSED, CONF_LINE_NOT_LOADED };

struct conf_line {
    const char *file, *section, *key, *value, *why; /* fit to be shown; why: may be empty */
    uint32_t line;
    enum conf_line_use use;
};

typedef void conf_line_each(void *context, const struct conf_line *line);
/* All key=value lines by file and line. 0, or -1 when there is none. What is wrong with them is conf_load's to say. */
int conf_explain(const char *path, conf_line_each *each, void *context);

void conf_free(struct conf *conf);       /* wipes secrets */
void conf_report_free(struct conf_report *report);

static inline bool conf_is_hole(const struct conf_conn *c) { return !c->name[0]; }
/* What is routed into the conn's VTI: how many prefixes, and which. */
static inline size_t conf_route_count(const struct conf_conn *c)
{
    return !c->vti_interface[0] ? 0 : c->route_count ? c->route_count : c->vti_routing && c->end[c->local != 1].subnet.addr.family != ADDR_NONE;
}
static inline const struct prefix *conf_route(const struct conf_conn *c, size_t i)
{
    return c->route_count ? &c->routes[i] : &c->end[c->local != 1].subnet;
}

static inline const struct conf_end *conf_near(const struct conf_conn *c) { return &c->end[c->local == 1]; }
static inline const struct conf_end *conf_far(const struct conf_conn *c) { return &c->end[c->local != 1]; }

#endif

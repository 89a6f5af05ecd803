/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel is told about links and their addresses, and how its own words about them are read. */
#ifndef VTI_LINK_MESSAGE_H
#define VTI_LINK_MESSAGE_H

#include "base/addr.h"
#include "xfrm/netlink.h"

enum {
    VTI_NAME_MAX = 16,
    VTI_ALIAS_MAX = 96,
    VTI_SETTINGS_MAX = 8,
};

/* Per-link sysctls of net.ipv4.conf, by the kernel's numbers (linux/ip.h, IPV4_DEVCONF_). */
struct vti_setting {
    uint16_t what;
    uint32_t value;
};

struct vti_shape {
    char name[VTI_NAME_MAX];
    uint32_t ikey, okey;         /* the marks, host order */
    struct addr local, remote;   /* local none: any, until it is known */
    uint32_t mtu;                /* 0: the kernel's choice */
};

/* A link as the kernel shows it. */
struct vti_seen {
    int index;
    bool vti, up;
    uint8_t mode;                /* IFLA_LINKMODE: 1 while marked dormant */
    uint8_t operational;         /* IFLA_OPERSTATE, IF_OPER_ of linux/if.h */
    struct vti_shape shape;      /* of a VTI; of others only name and mtu */
    char kind[VTI_NAME_MAX];
    char alias[VTI_ALIAS_MAX];   /* cut when longer */
    struct vti_setting settings[VTI_SETTINGS_MAX]; /* the current values of those in vti_settings_known */
    size_t setting_count;
};

void link_message_create(union netlink_request *request, const struct vti_shape *shape);
/* In place: routes on the link stay. */
void link_message_change(union netlink_request *request, int index, const struct vti_shape *shape);
struct link_state { const char *alias; uint32_t mtu; bool up, down; const struct vti_setting *settings; size_t setting_count; };
/* alias NULL, mtu 0, neither up nor down, no settings: left as they are. */
void link_message_set(union netlink_request *request, int index, const struct link_state *state);
/* The dormant mark (RFC 2863 3.1.8): routing programs treat the link as not running, packets pass all the same. */
void link_message_mark(union netlink_request *request, int index, bool dormant);
void link_message_remove(union netlink_request *request, int index);
void link_message_remove_named(union netlink_request *request, const char *name);
void link_message_get(union netlink_request *request, const char *name);
void link_message_get_index(union netlink_request *request, int index);
void link_message_dump(union netlink_request *request);
bool link_message_read(const struct nlmsghdr *message, struct vti_seen *seen);
bool link_message_same_ends(const struct vti_shape *a, const struct vti_shape *b); /* remote and keys */

struct vti_address { int index; struct prefix prefix; bool secondary; };
void address_message_add(union netlink_request *request, int index, const struct prefix *prefix);
void address_message_remove(union netlink_request *request, int index, const struct prefix *prefix);
void address_message_dump(union netlink_request *request);
bool address_message_read(const struct nlmsghdr *message, struct vti_address *address);

#endif

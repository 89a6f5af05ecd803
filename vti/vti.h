/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VTI links: made, adopted, kept right, removed. Each function returns 0 or -errno, and then `why` has a whole
 * sentence for the administrator.
 */
#ifndef VTI_VTI_H
#define VTI_VTI_H

#include "vti/clamp.h"
#include "vti/link_message.h"
#include "vti/mtu.h"
#include "vti/path.h"
#include "vti/routes.h"

#define VTI_ALIAS_MARK "minicpe " /* an alias that begins so marks a link as made by us, whoever died since */

static inline bool vti_is_ours(const struct vti_seen *seen)
{
    return seen->vti && strncmp(seen->alias, VTI_ALIAS_MARK, sizeof VTI_ALIAS_MARK - 1) == 0;
}

/* How a link tells others whether its tunnel lives. */
enum vti_signal {
    VTI_SHINES,                  /* up, no mark */
    VTI_DORMANT,
    VTI_DOWN,
};

struct vti {
    struct vti_shape shape;      /* as wanted; local none: not known yet */
    char alias[VTI_ALIAS_MAX];   /* VTI_ALIAS_MARK and the conn's name */
    struct prefix address;       /* leftvti=, host part kept; family none: unnumbered */
    bool loose;                  /* rp_filter 2 instead of 0: an unnumbered link then borrows the outer address */
    enum vti_signal signal;      /* as last asked for, and kept by vti_mend */
    int index;                   /* 0: not there */
    bool made;                   /* by us: removed in the end */
    bool adopted;                /* by somebody else, identical: given back as `before` */
    struct vti_seen before;
    struct prefix added;         /* the address that we put on it */
};

/* Creates it, takes over what a crash left, or adopts an identical one; configures it and sets it up. */
int vti_open(struct netlink *route, struct vti *vti, char *why, size_t size);
/* A new local address, in place. */
int vti_move(struct netlink *route, struct vti *vti, const struct addr *local, char *why, size_t size);
/* The alias and the address of another configuration; its ends and keys are the same. */
int vti_adapt(struct netlink *route, struct vti *vti, const char *alias, const struct prefix *address, char *why, size_t size);
int vti_resize(struct netlink *route, struct vti *vti, uint32_t mtu, char *why, size_t size);
int vti_signal(struct netlink *route, struct vti *vti, enum vti_signal signal, char *why, size_t size);
const char *vti_signal_name(enum vti_signal signal);
/* Puts right what somebody else broke; then `mended` says what, else it is empty. */
int vti_mend(struct netlink *route, struct vti *vti, char *mended, char *why, size_t size);
int vti_close(struct netlink *route, struct vti *vti);
/* Removes links with our mark that none of these is, or that are in the way of one. `any`: there was one with our mark. */
int vti_sweep(struct netlink *route, const struct vti *wanted, size_t count, bool *any);

#endif

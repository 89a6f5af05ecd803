/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the life of a VTI link. A link is never removed to be made anew: routes of others would go with it, so
 * all changes are in place (RTM_NEWLINK without NLM_F_CREATE). What is ours is told from its alias.
 *
 * Sysctls of the link: disable_policy and rp_filter as the data plane needs them; loose filtering drops
 * everything on an interface without an address, so there the link borrows the outer address as a /32.
 */
#include "vti/vti.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/ip.h>
#include <stdio.h>

#include "base/addr.h"

static int failed(struct netlink *n, int error, const char *name, const char *what, char *why, size_t size)
{
    char words[NETLINK_TEXT_MAX + 80];
    netlink_explain(n, error, words, sizeof words);
    snprintf(why, size, "%s: %s failed: the kernel said: %s", name, what, words);
    return error;
}

static const char *addr_or_any(const struct addr *a, char text[ADDR_TEXT_MAX]) { return a->family ? addr_print(a, text) : "any"; }

static void take_link(void *context, const struct nlmsghdr *message) { link_message_read(message, context); }

/* seen->index 0: there is none of that name. */
static int look(struct netlink *n, const char *name, struct vti_seen *seen)
{
    union netlink_request request;
    *seen = (struct vti_seen){ 0 };
    link_message_get(&request, name);
    int error = netlink_transact(n, &request, take_link, seen);
    return error == -ENODEV ? 0 : error;
}

/* Another link between the same two addresses, which the kernel allows only once. */
struct rival { const struct vti_shape *shape; struct vti_seen found; };

static void look_for_rival(void *context, const struct nlmsghdr *message)
{
    struct rival *r = context;
    struct vti_seen seen;
    if (link_message_read(message, &seen) && seen.vti && strcmp(seen.shape.name, r->shape->name) != 0 &&
        addr_equal(&seen.shape.remote, &r->shape->remote) && addr_equal(&seen.shape.local, &r->shape->local))
        r->found = seen;
}

static int rival_sentence(struct netlink *n, const struct vti_shape *shape, char *why, size_t size)
{
    union netlink_request request;
    struct rival r = { .shape = shape };
    char local[ADDR_TEXT_MAX], remote[ADDR_TEXT_MAX];
    link_message_dump(&request);
    (void)netlink_transact(n, &request, look_for_rival, &r);
    const char *rival = r.found.index ? r.found.shape.name : "another interface";
    snprintf(why, size, "%s: %s already joins %s and %s, and the kernel refuses a second VTI between the same two addresses; remove it: ip link delete %s",
             shape->name, rival, addr_or_any(&shape->local, local), addr_or_any(&shape->remote, remote), r.found.index ? rival : "NAME");
    return -EEXIST;
}

static int change_failed(struct netlink *n, int error, const struct vti_shape *shape, char *why, size_t size)
{
    switch (error) {
    case -EEXIST:
        return rival_sentence(n, shape, why, size);
    case -EOPNOTSUPP:
        snprintf(why, size, "%s: the kernel has no VTI: modprobe ip_vti (on Oracle Linux's UEK the package kernel-uek-modules has it)", shape->name);
        return error;
    case -EPERM:
        snprintf(why, size, "%s: the kernel refuses to make links for us: CAP_NET_ADMIN is missing; start as root", shape->name);
        return error;
    default:
        return failed(n, error, shape->name, "making the VTI", why, size);
    }
}

static int change(struct netlink *n, struct vti *v, char *why, size_t size)
{
    union netlink_request request;
    link_message_change(&request, v->index, &v->shape);
    int error = netlink_transact(n, &request, NULL, NULL);
    return error ? change_failed(n, error, &v->shape, why, size) : 0;
}

static int create(struct netlink *n, struct vti *v, char *why, size_t size)
{
    union netlink_request request;
    struct vti_seen seen;
    link_message_create(&request, &v->shape);
    int error = netlink_transact(n, &request, NULL, NULL);
    v->made = !error || n->unknown;
    if (error)
        return change_failed(n, error, &v->shape, why, size);
    error = look(n, v->shape.name, &seen);
    v->index = seen.index;
    if (!error && !seen.index)
        error = -ENODEV;
    return error ? failed(n, error, v->shape.name, "finding the new VTI", why, size) : 0;
}

static int refuse(const struct vti *v, const struct vti_seen *seen, char *why, size_t size)
{
    char local[ADDR_TEXT_MAX], remote[ADDR_TEXT_MAX];
    const struct vti_shape *s = &seen->shape;
    if (!seen->vti)
        snprintf(why, size, "vti-interface=%s: an interface of that name is there already, and it is %s%s, not a VTI; choose another name",
                 v->shape.name, *seen->kind ? "of kind " : "a device", seen->kind);
    else
        snprintf(why, size, "vti-interface=%s: a VTI of that name is there already, made by somebody else, with other settings "
                 "(local %s, remote %s, keys %u and %u); remove it: ip link delete %s", v->shape.name,
                 addr_or_any(&s->local, local), addr_or_any(&s->remote, remote), s->ikey, s->okey, v->shape.name);
    return -EEXIST;
}

/* There is a link of that name: is it ours, or as good as ours? */
static int take_over(struct netlink *n, struct vti *v, const struct vti_seen *seen, char *why, size_t size)
{
    bool ours = vti_is_ours(seen), same = seen->vti && link_message_same_ends(&v->shape, &seen->shape);
    if (same && !v->shape.local.family)
        v->shape.local = seen->shape.local; /* until it is known */
    same = same && addr_equal(&v->shape.local, &seen->shape.local);
    if (!ours && !same)
        return refuse(v, seen, why, size);
    v->index = seen->index;
    v->made = ours;
    v->adopted = !ours;
    if (v->adopted)
        v->before = *seen;
    return same ? 0 : change(n, v, why, size);
}

static int mark(struct netlink *n, const struct vti *v)
{
    union netlink_request request;
    link_message_mark(&request, v->index, v->signal == VTI_DORMANT);
    return netlink_transact(n, &request, NULL, NULL);
}

static uint32_t rp_filter_wanted(const struct vti *v) { return v->loose ? 2 : 0; }

static int configure(struct netlink *n, const struct vti *v, char *why, size_t size)
{
    const struct vti_setting settings[] = {
        { IPV4_DEVCONF_NOPOLICY, 1 },
        { IPV4_DEVCONF_RP_FILTER, rp_filter_wanted(v) },
        { IPV4_DEVCONF_FORWARDING, 1 },
        { IPV4_DEVCONF_SEND_REDIRECTS, 0 },
        { IPV4_DEVCONF_ACCEPT_REDIRECTS, 0 },
    };
    struct link_state state = {
        .alias = v->made ? v->alias : NULL, .mtu = v->shape.mtu, .up = v->signal != VTI_DOWN, .down = v->signal == VTI_DOWN,
        .settings = settings, .setting_count = sizeof settings / sizeof *settings,
    };
    union netlink_request request;
    link_message_set(&request, v->index, &state);
    int error = netlink_transact(n, &request, NULL, NULL);
    if (!error)
        error = mark(n, v);
    return error ? failed(n, error, v->shape.name, "setting the VTI up", why, size) : 0;
}

static struct prefix wanted_address(const struct vti *v)
{
    if (v->address.addr.family || !v->loose || !v->shape.local.family)
        return v->address;
    return prefix_of(v->shape.local);
}

/* Octet for octet, host part included, unlike prefix_equal's users elsewhere. */
static bool same_address(const struct prefix *a, const struct prefix *b) { return addr_equal(&a->addr, &b->addr) && a->length == b->length; }

static void address_drop(struct netlink *n, int index, const struct prefix *prefix)
{
    union netlink_request request;
    address_message_remove(&request, index, prefix);
    (void)netlink_transact(n, &request, NULL, NULL);
}

/* The new address first, so that the link is never without one. */
static int address_set(struct netlink *n, struct vti *v, char *why, size_t size)
{
    union netlink_request request;
    struct prefix wanted = wanted_address(v), old = v->added;
    if (same_address(&wanted, &old))
        return 0;
    if (wanted.addr.family) {
        address_message_add(&request, v->index, &wanted);
        int error = netlink_transact(n, &request, NULL, NULL);
        if (error && error != -EEXIST)
            return failed(n, error, v->shape.name, "adding the address of leftvti=", why, size);
        if (error && v->adopted)
            wanted = (struct prefix){ 0 }; /* was there before us, and stays */
    }
    v->added = wanted;
    if (old.addr.family)
        address_drop(n, v->index, &old);
    return 0;
}

/* Addresses that the program before us put on a link of ours. */
struct leftover { int index; struct prefix wanted; struct prefix found[8]; size_t count; };

static void look_for_leftover(void *context, const struct nlmsghdr *message)
{
    struct leftover *l = context;
    struct vti_address a;
    if (address_message_read(message, &a) && a.index == l->index && a.prefix.addr.family == ADDR_V4 &&
        !same_address(&a.prefix, &l->wanted) && l->count < sizeof l->found / sizeof *l->found)
        l->found[l->count++] = a.prefix;
}

static void drop_leftover_addresses(struct netlink *n, const struct vti *v)
{
    union netlink_request request;
    struct leftover l = { .index = v->index, .wanted = wanted_address(v) };
    address_message_dump(&request);
    if (netlink_transact(n, &request, look_for_leftover, &l))
        return;
    for (size_t i = 0; i < l.count; i++)
        address_drop(n, v->index, &l.found[i]);
}

int vti_open(struct netlink *n, struct vti *v, char *why, size_t size)
{
    struct vti_seen seen;
    int error = look(n, v->shape.name, &seen);
    if (error)
        return failed(n, error, v->shape.name, "looking for the interface", why, size);
    v->index = 0;
    v->made = v->adopted = false;
    v->added = (struct prefix){ 0 };
    error = seen.index ? take_over(n, v, &seen, why, size) : create(n, v, why, size);
    if (!error)
        error = configure(n, v, why, size);
    if (!error && seen.index && v->made)
        drop_leftover_addresses(n, v);
    if (!error)
        error = address_set(n, v, why, size);
    if (error)
        (void)vti_close(n, v);
    return error;
}

int vti_move(struct netlink *n, struct vti *v, const struct addr *local, char *why, size_t size)
{
    struct addr old = v->shape.local;
    if (addr_equal(&old, local))
        return 0;
    v->shape.local = *local;
    int error = change(n, v, why, size);
    if (error) {
        v->shape.local = old;
        return error;
    }
    return address_set(n, v, why, size);
}

int vti_adapt(struct netlink *n, struct vti *v, const char *alias, const struct prefix *address, char *why, size_t size)
{
    v->address = *address;
    if (strcmp(v->alias, alias) == 0)
        return address_set(n, v, why, size);
    snprintf(v->alias, sizeof v->alias, "%s", alias);
    int error = configure(n, v, why, size);
    return error ? error : address_set(n, v, why, size);
}

int vti_resize(struct netlink *n, struct vti *v, uint32_t mtu, char *why, size_t size)
{
    if (v->shape.mtu == mtu)
        return 0;
    union netlink_request request;
    link_message_set(&request, v->index, &(struct link_state){ .mtu = mtu });
    int error = netlink_transact(n, &request, NULL, NULL);
    if (error)
        return failed(n, error, v->shape.name, "setting the MTU", why, size);
    v->shape.mtu = mtu;
    return 0;
}

int vti_signal(struct netlink *n, struct vti *v, enum vti_signal signal, char *why, size_t size)
{
    bool flip = (signal == VTI_DOWN) != (v->signal == VTI_DOWN);
    enum vti_signal before = v->signal;
    union netlink_request request;
    v->signal = signal;
    if (!v->index)
        return 0;
    link_message_set(&request, v->index, &(struct link_state){ .up = signal != VTI_DOWN, .down = signal == VTI_DOWN });
    int error = flip ? netlink_transact(n, &request, NULL, NULL) : 0;
    if (!error)
        error = mark(n, v);
    if (!error)
        return 0;
    v->signal = before;
    return failed(n, error, v->shape.name, "showing the tunnel's state on the VTI", why, size);
}

const char *vti_signal_name(enum vti_signal signal)
{
    static const char *const names[] = {
        [VTI_SHINES] = "no longer marked: the tunnel lives", [VTI_DORMANT] = "marked dormant: the tunnel does not live",
        [VTI_DOWN] = "set down: the tunnel does not live",
    };
    return names[signal];
}

static bool marked_wrong(const struct vti *v, const struct vti_seen *seen)
{
    bool dormant = seen->mode == IF_LINK_MODE_DORMANT && seen->operational == IF_OPER_DORMANT;
    return v->signal == VTI_DORMANT ? !dormant : seen->mode == IF_LINK_MODE_DORMANT;
}

/* Without these two packets are dropped: those that come by the other tunnel than the one that leads back, or all. */
static bool set_wrong(const struct vti *v, const struct vti_seen *seen)
{
    bool wrong = false;
    for (size_t i = 0; i < seen->setting_count; i++) {
        const struct vti_setting *s = &seen->settings[i];
        wrong |= (s->what == IPV4_DEVCONF_NOPOLICY && s->value == 0) || (s->what == IPV4_DEVCONF_RP_FILTER && s->value != rp_filter_wanted(v));
    }
    return wrong;
}

struct search { int index; struct prefix wanted; bool found; };

static void look_for_added(void *context, const struct nlmsghdr *message)
{
    struct search *s = context;
    struct vti_address a;
    s->found |= address_message_read(message, &a) && a.index == s->index && same_address(&a.prefix, &s->wanted);
}

static int mend_address(struct netlink *n, struct vti *v, char *mended, char *why, size_t size)
{
    union netlink_request request;
    struct search s = { .index = v->index, .wanted = v->added };
    if (!v->added.addr.family)
        return 0;
    address_message_dump(&request);
    int error = netlink_transact(n, &request, look_for_added, &s);
    if (error)
        return failed(n, error, v->shape.name, "looking for its address", why, size);
    if (s.found)
        return 0;
    v->added = (struct prefix){ 0 };
    error = address_set(n, v, why, size);
    if (error)
        v->added = s.wanted; /* to be missed again */
    snprintf(mended, size, "%s: somebody removed the address of the VTI; it is there again", v->shape.name);
    return error;
}

/* A size that the kernel did not take when it was set is no reason for more than another try. */
static void mend_mtu(struct netlink *n, const struct vti *v, const struct vti_seen *seen, char *mended, size_t size)
{
    union netlink_request request;
    if (!v->shape.mtu || v->shape.mtu == seen->shape.mtu)
        return;
    link_message_set(&request, v->index, &(struct link_state){ .mtu = v->shape.mtu });
    if (!netlink_transact(n, &request, NULL, NULL))
        snprintf(mended, size, "%s: somebody changed the MTU of the VTI; it is %u again", v->shape.name, v->shape.mtu);
}

static int make_again(struct netlink *n, struct vti *v, char *mended, char *why, size_t size)
{
    int error = vti_open(n, v, why, size);
    if (!error)
        snprintf(mended, size, "%s: somebody removed the VTI; it is there again, but routes of others on it are gone", v->shape.name);
    return error;
}

int vti_mend(struct netlink *n, struct vti *v, char *mended, char *why, size_t size)
{
    struct vti_seen seen;
    mended[0] = 0;
    int error = look(n, v->shape.name, &seen);
    if (error)
        return failed(n, error, v->shape.name, "looking for the interface", why, size);
    if (!v->index || seen.index != v->index)
        return make_again(n, v, mended, why, size);
    bool moved = !link_message_same_ends(&v->shape, &seen.shape) || !addr_equal(&v->shape.local, &seen.shape.local);
    if (moved) {
        error = change(n, v, why, size);
        snprintf(mended, size, "%s: somebody changed the ends or keys of the VTI; they are as configured again", v->shape.name);
    }
    if (!error && v->signal == VTI_DOWN && seen.up) {
        error = configure(n, v, why, size);
        snprintf(mended, size, "%s: somebody set the VTI up while its tunnel is dead; it is down again", v->shape.name);
    } else if (!error && v->signal != VTI_DOWN && !seen.up) {
        error = configure(n, v, why, size);
        snprintf(mended, size, "%s: somebody set the VTI down; it is up again, but routes of others on it are gone", v->shape.name);
    }
    if (!error && set_wrong(v, &seen)) {
        error = configure(n, v, why, size);
        snprintf(mended, size, "%s: somebody set rp_filter or disable_policy of the VTI (systemd-sysctl does, where /usr/lib/sysctl.d has "
                 "net.ipv4.conf.*.rp_filter); they are as the tunnel needs them again", v->shape.name);
    }
    if (!error && marked_wrong(v, &seen)) { /* by itself: a link that comes up forgets it */
        error = mark(n, v);
        if (error)
            failed(n, error, v->shape.name, "showing the tunnel's state on the VTI", why, size);
    }
    if (!error)
        error = mend_address(n, v, mended, why, size);
    if (error)
        mended[0] = 0;
    else
        mend_mtu(n, v, &seen, mended, size);
    return error;
}

static void give_back(struct netlink *n, const struct vti *v)
{
    union netlink_request request;
    struct link_state state = {
        .mtu = v->before.shape.mtu, .down = !v->before.up, .settings = v->before.settings, .setting_count = v->before.setting_count,
    };
    link_message_mark(&request, v->index, v->before.mode == IF_LINK_MODE_DORMANT);
    (void)netlink_transact(n, &request, NULL, NULL);
    link_message_change(&request, v->index, &v->before.shape);
    (void)netlink_transact(n, &request, NULL, NULL);
    link_message_set(&request, v->index, &state);
    (void)netlink_transact(n, &request, NULL, NULL);
    if (v->added.addr.family)
        address_drop(n, v->index, &v->added);
}

int vti_close(struct netlink *n, struct vti *v)
{
    union netlink_request request;
    int error = 0;
    if (v->made) {
        v->index ? link_message_remove(&request, v->index) : link_message_remove_named(&request, v->shape.name); /* made, and then not found */
        error = netlink_transact(n, &request, NULL, NULL);
    } else if (v->index && v->adopted) {
        give_back(n, v);
    }
    if (error && error != -ENODEV)
        return error; /* to be asked for again */
    v->index = 0;
    v->made = v->adopted = false;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's links: which VTIs the configuration asks for, and how large their packets may be. Conns to one
 * headend share one link. A link is made before its local address is known, then with any local address, which
 * is filled in later in place: so it can take routes from the first moment on.
 */
#include "dataplane/server_private.h"

#include <stdio.h>
#include <errno.h>

enum {
    PATH_MTU_DEFAULT = 1500,
    PATH_MTU_MOST = 1500, /* a jumbo link at home says nothing of the internet behind it; mtu= overrides */
};

static struct mtu_shape shape_of(const struct conf_esp_proposal *p, bool udp, bool v6)
{
    const struct crypto_cipher_row *cipher = crypto_cipher_find(p->cipher);
    const struct crypto_hash_row *auth = p->integrity ? crypto_hash_find(p->integrity) : NULL;
    struct mtu_shape shape = { .udp = udp, .outer_v6 = v6 };
    if (cipher) {
        shape.block = cipher->icv ? 1 : cipher->block; /* AES-GCM is a counter mode: no padding to its block */
        shape.iv = cipher->iv;
        shape.icv = cipher->icv ? cipher->icv : auth ? (uint8_t)(auth->icv_bits / 8) : 0;
    }
    return shape;
}

/* Before an SA is there: the least that any proposal could mean. */
static uint32_t mtu_expected(const struct dp_server *s, size_t i, uint32_t path)
{
    const struct conf_conn *c = server_conf(s, i);
    uint32_t least = UINT32_MAX;
    for (size_t k = 0; k < c->esp_count; k++) {
        struct mtu_shape shape = shape_of(&c->esp[k], c->encapsulation != CONF_NO, server_headend(s, i)->family == ADDR_V6);
        shape.path = path;
        uint32_t mtu = mtu_inner(&shape);
        least = mtu < least ? mtu : least;
    }
    return least;
}

static uint32_t conn_mtu(const struct dp_server *s, size_t i)
{
    const struct conn_state *state = &s->conns[i];
    if (server_conf(s, i)->mtu)
        return server_conf(s, i)->mtu;
    uint32_t path = state->path.mtu ? state->path.mtu : PATH_MTU_DEFAULT;
    path = path < PATH_MTU_MOST ? path : PATH_MTU_MOST;
    if (!state->shape.path)
        return mtu_expected(s, i, path);
    struct mtu_shape shape = state->shape;
    shape.path = path;
    return mtu_inner(&shape);
}

static uint32_t link_mtu(const struct dp_server *s, int link)
{
    uint32_t least = UINT32_MAX;
    for (size_t i = 0; i < s->conf->count; i++)
        if (s->conns[i].link == link) {
            uint32_t mtu = conn_mtu(s, i);
            least = mtu < least ? mtu : least;
        }
    return least == UINT32_MAX ? PATH_MTU_DEFAULT : least;
}

static struct vti link_wanted(const struct dp_server *s, size_t i)
{
    const struct conf_conn *c = server_conf(s, i);
    struct vti v = { .shape = { .ikey = c->mark_in, .okey = c->mark_out, .remote = *server_headend(s, i) }, .address = conf_near(c)->vti };
    snprintf(v.shape.name, sizeof v.shape.name, "%s", c->vti_interface);
    snprintf(v.alias, sizeof v.alias, VTI_ALIAS_MARK "%s", c->name);
    return v;
}

struct vti server_link_wanted(const struct dp_server *s, int link)
{
    struct vti wanted = { .index = 0 };
    for (size_t i = 0; i < s->conf->count; i++) {
        if (s->conns[i].link != link)
            continue;
        struct vti one = link_wanted(s, i);
        if (!wanted.shape.name[0])
            wanted = one;
        else if (!wanted.address.addr.family)
            wanted.address = one.address;
    }
    return wanted;
}

static int link_find(const struct dp_server *s, const char *name)
{
    for (size_t k = 0; k < s->link_count; k++)
        if (strcmp(s->links[k].shape.name, name) == 0)
            return (int)k;
    return -1;
}

/* Two conns on one link have to agree about it. */
static int link_agree(struct vti *link, const struct vti *wanted, const struct conf_conn *c, char *why)
{
    bool address_same = !wanted->address.addr.family || !link->address.addr.family ||
                        memcmp(&wanted->address, &link->address, sizeof link->address) == 0;
    if (!link_message_same_ends(&link->shape, &wanted->shape) || !address_same) {
        snprintf(why, DP_WHY_MAX, "conn %s: vti-interface=%s is also another conn's, but with another right=, mark= or leftvti=; "
                 "only conns to one headend can share a VTI, and then all three have to be the same", c->name, c->vti_interface);
        return -EINVAL;
    }
    if (!link->address.addr.family)
        link->address = wanted->address;
    return 0;
}

static int link_plan(struct dp_server *s, size_t i, char *why)
{
    const struct conf_conn *c = server_conf(s, i);
    s->conns[i].link = -1;
    if (!c->vti_interface[0] || !c->mark_set)
        return 0; /* Libreswan makes no VTI without a mark either */
    struct vti wanted = link_wanted(s, i);
    if (wanted.shape.remote.family != ADDR_V4) {
        snprintf(why, DP_WHY_MAX, "conn %s: vti-interface=%s needs a headend (right=) with an IPv4 address", c->name, c->vti_interface);
        return -EINVAL;
    }
    int known = link_find(s, c->vti_interface);
    if (known >= 0) {
        s->conns[i].link = known;
        return link_agree(&s->links[known], &wanted, c, why);
    }
    s->conns[i].link = (int)s->link_count;
    s->links[s->link_count++] = wanted;
    return 0;
}

int server_links_plan(struct dp_server *s, char *why)
{
    int error = 0;
    for (size_t i = 0; !error && i < s->conf->count; i++)
        error = link_plan(s, i, why);
    return error;
}

static struct addr link_local(const struct dp_server *s, int link)
{
    for (size_t i = 0; i < s->conf->count; i++)
        if (s->conns[i].link == link && s->conns[i].path.local.family)
            return s->conns[i].path.local;
    return (struct addr){ 0 };
}

int server_link_open(struct dp_server *s, size_t k, char *why)
{
    struct vti *link = &s->links[k];
    uint32_t all_rp_filter;
    int error = path_all_rp_filter(&s->route, &all_rp_filter);
    if (error) {
        snprintf(why, DP_WHY_MAX, "asking the kernel for net.ipv4.conf.all.rp_filter failed: %s", strerror(-error));
        return error;
    }
    link->loose = all_rp_filter != 0;
    link->shape.local = link_local(s, (int)k);
    link->shape.mtu = link_mtu(s, (int)k);
    error = vti_open(&s->route, link, why, DP_WHY_MAX);
    if (!error)
        log_info("%s: VTI %s, MTU %u", link->shape.name, link->adopted ? "adopted as it was" : "ready", link->shape.mtu);
    return error;
}

int server_links_open(struct dp_server *s, char *why)
{
    int error = 0;
    for (size_t k = 0; !error && k < s->link_count; k++)
        error = server_link_open(s, k, why);
    return error;
}

bool server_links_close(struct dp_server *s)
{
    bool whole = true;
    for (size_t k = 0; k < s->link_count; k++)
        whole &= !vti_close(&s->route, &s->links[k]);
    return whole;
}

int server_links_resize(struct dp_server *s, int link, char *why)
{
    if (link < 0 || !s->links[link].index)
        return 0;
    int error = vti_resize(&s->route, &s->links[link], link_mtu(s, link), why, DP_WHY_MAX);
    if (!error)
        server_clamp_follow(s);
    return error;
}

struct vti *server_link(struct dp_server *s, size_t conn) { return s->conns[conn].link < 0 ? NULL : &s->links[s->conns[conn].link]; }

bool server_link_ours(const struct dp_server *s, int index, const char *name)
{
    for (size_t k = 0; k < s->link_count; k++)
        if ((index && s->links[k].index == index) || (name && strcmp(s->links[k].shape.name, name) == 0))
            return true;
    return false;
}

bool server_links_mend(struct dp_server *s, struct mono now)
{
    char why[DP_WHY_MAX], mended[DP_WHY_MAX];
    bool any, whole = !vti_sweep(&s->route, s->links, s->link_count, &any); /* one that was renamed is in the way of its successor */
    for (size_t k = 0; k < s->link_count; k++) {
        mended[0] = 0;
        int error = s->links[k].index ? vti_mend(&s->route, &s->links[k], mended, why, sizeof why) : server_link_open(s, k, why);
        whole &= !error;
        if ((error || mended[0]) && server_say(&s->links_said, now))
            log_warning("%s", error ? why : mended);
    }
    return whole;
}

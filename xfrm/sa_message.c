/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the messages about SAs (linux/xfrm.h). Pure: value to bytes, one small function per attribute.
 *
 * - Tunnel mode with XFRM_STATE_AF_UNSPEC, so that IPv6 packets may travel inside IPv4.
 * - No mark on an SA: a marked lookup finds one without, the policies' reqid keeps tunnels apart, and an SA is
 *   then named by address and SPI alone, in requests and in the kernel's notifications.
 * - The replay window travels as XFRMA_REPLAY_ESN_VAL, whose bitmap may exceed 32 packets; the flag that
 *   would make sequence numbers 64 bits wide stays off, since IKEv1 peers do not negotiate that.
 * - Outgoing SAs have no window; the kernel refuses to wrap their sequence number by itself.
 */
#include "xfrm/sa_message.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/udp.h>

#include "crypto/algs.h"
#include "xfrm/kernel.h"

enum {
    LEGACY_WINDOW_MAX = 32,
    NO_SEQUENCE_THRESHOLD = INT32_MAX, /* traffic is reported by time, never by packet count */
};

struct transform {
    const struct crypto_cipher_row *cipher;
    const struct crypto_hash_row *auth; /* NULL with an AEAD */
    size_t cipher_key, auth_key;        /* octets; the salt counts as cipher key */
};

static bool transform_find(const struct dp_sa *sa, struct transform *t)
{
    t->cipher = crypto_cipher_find_esp(sa->esp_transform);
    t->auth = sa->esp_auth ? crypto_hash_find_esp(sa->esp_auth) : NULL;
    if (!t->cipher || !crypto_cipher_takes(t->cipher, sa->key_bits) || !t->cipher->icv != (t->auth != NULL))
        return false;
    t->cipher_key = sa->key_bits / 8u + t->cipher->salt;
    t->auth_key = t->auth ? t->auth->length : 0;
    return t->cipher_key + t->auth_key == sa->key_length && sa->key_length <= sizeof sa->key;
}

static void name_copy(char out[64], const char *name) { memcpy(out, name, strnlen(name, 63)); }

static void put_aead(struct nlmsghdr *m, const struct dp_sa *sa, const struct transform *t)
{
    union { uint8_t octets[sizeof(struct xfrm_algo_aead) + DP_KEY_MAX]; struct xfrm_algo_aead algorithm; } value = { { 0 } };
    name_copy(value.algorithm.alg_name, t->cipher->kernel);
    value.algorithm.alg_key_len = (unsigned)t->cipher_key * 8;
    value.algorithm.alg_icv_len = t->cipher->icv * 8u;
    memcpy(value.algorithm.alg_key, sa->key, t->cipher_key);
    mnl_attr_put(m, XFRMA_ALG_AEAD, sizeof value.algorithm + t->cipher_key, &value);
    bytes_wipe(&value, sizeof value);
}

static void put_cipher(struct nlmsghdr *m, const struct dp_sa *sa, const struct transform *t)
{
    union { uint8_t octets[sizeof(struct xfrm_algo) + DP_KEY_MAX]; struct xfrm_algo algorithm; } value = { { 0 } };
    name_copy(value.algorithm.alg_name, t->cipher->kernel);
    value.algorithm.alg_key_len = (unsigned)t->cipher_key * 8;
    memcpy(value.algorithm.alg_key, sa->key, t->cipher_key);
    mnl_attr_put(m, XFRMA_ALG_CRYPT, sizeof value.algorithm + t->cipher_key, &value);
    bytes_wipe(&value, sizeof value);
}

static void put_auth(struct nlmsghdr *m, const struct dp_sa *sa, const struct transform *t)
{
    union { uint8_t octets[sizeof(struct xfrm_algo_auth) + DP_KEY_MAX]; struct xfrm_algo_auth algorithm; } value = { { 0 } };
    name_copy(value.algorithm.alg_name, t->auth->kernel);
    value.algorithm.alg_key_len = (unsigned)t->auth_key * 8;
    value.algorithm.alg_trunc_len = t->auth->icv_bits;
    memcpy(value.algorithm.alg_key, sa->key + t->cipher_key, t->auth_key);
    mnl_attr_put(m, XFRMA_ALG_AUTH_TRUNC, sizeof value.algorithm + t->auth_key, &value);
    bytes_wipe(&value, sizeof value);
}

static void put_algorithms(struct nlmsghdr *m, const struct dp_sa *sa, const struct transform *t)
{
    if (!t->auth) {
        put_aead(m, sa, t);
        return;
    }
    put_auth(m, sa, t);
    put_cipher(m, sa, t);
}

/* Ports are written as on the wire: those of the sender of this SA's packets first. */
static void put_encapsulation(struct nlmsghdr *m, const struct dp_sa *sa)
{
    if (!sa->local.port && !sa->remote.port)
        return;
    bool in = sa->direction == DP_IN;
    struct xfrm_encap_tmpl value;
    memset(&value, 0, sizeof value); /* its padding, too */
    value.encap_type = UDP_ENCAP_ESPINUDP;
    value.encap_sport = htons(in ? sa->remote.port : sa->local.port);
    value.encap_dport = htons(in ? sa->local.port : sa->remote.port);
    mnl_attr_put(m, XFRMA_ENCAP, sizeof value, &value);
}

static void put_window(struct nlmsghdr *m, const struct dp_sa *sa)
{
    if (sa->direction != DP_IN || sa->replay_window <= LEGACY_WINDOW_MAX)
        return;
    union { uint8_t octets[sizeof(struct xfrm_replay_state_esn) + XFRMA_REPLAY_ESN_MAX / 8]; struct xfrm_replay_state_esn state; } value = { { 0 } };
    uint32_t window = sa->replay_window < XFRMA_REPLAY_ESN_MAX ? sa->replay_window : XFRMA_REPLAY_ESN_MAX;
    value.state.bmp_len = (window + 31) / 32;
    value.state.replay_window = window;
    mnl_attr_put(m, XFRMA_REPLAY_ESN_VAL, sizeof value.state + value.state.bmp_len * sizeof *value.state.bmp, &value);
}

static void put_traffic_timer(struct nlmsghdr *m, uint32_t traffic_timer)
{
    mnl_attr_put_u32(m, XFRMA_ETIMER_THRESH, traffic_timer);
    mnl_attr_put_u32(m, XFRMA_REPLAY_THRESH, NO_SEQUENCE_THRESHOLD);
}

static void fill(struct xfrm_usersa_info *info, const struct dp_sa *sa, uint32_t reqid)
{
    bool in = sa->direction == DP_IN;
    info->id.daddr = kernel_addr(in ? &sa->local.addr : &sa->remote.addr);
    info->id.spi = htonl(sa->spi);
    info->id.proto = IPPROTO_ESP;
    info->saddr = kernel_addr(in ? &sa->remote.addr : &sa->local.addr);
    info->family = kernel_family(&sa->remote.addr);
    info->mode = XFRM_MODE_TUNNEL;
    info->flags = XFRM_STATE_AF_UNSPEC;
    info->reqid = reqid;
    info->lft.soft_byte_limit = kernel_limit(sa->soft_bytes);
    info->lft.hard_byte_limit = kernel_limit(sa->hard_bytes);
    info->lft.soft_packet_limit = kernel_limit(sa->soft_packets);
    info->lft.hard_packet_limit = kernel_limit(sa->hard_packets);
    info->lft.hard_add_expires_seconds = sa->hard_seconds;
    if (in && sa->replay_window <= LEGACY_WINDOW_MAX)
        info->replay_window = (uint8_t)sa->replay_window;
}

bool sa_message_install(union netlink_request *request, const struct dp_sa *sa, uint32_t reqid, uint32_t traffic_timer)
{
    struct transform t;
    if (!transform_find(sa, &t))
        return false;
    fill(netlink_begin(request, XFRM_MSG_NEWSA, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct xfrm_usersa_info)), sa, reqid);
    put_algorithms(&request->header, sa, &t);
    put_encapsulation(&request->header, sa);
    put_window(&request->header, sa);
    put_traffic_timer(&request->header, traffic_timer);
    return true;
}

/*
 * XFRM_MSG_UPDSA demands the whole SA but takes over only encapsulation and lifetimes of one that exists, and
 * never makes one that does not. So the keys in it may be anything of the right length, and are zero: nobody
 * has to keep a key for the day when a port changes.
 */
bool sa_message_move(union netlink_request *request, const struct dp_sa *sa, uint32_t reqid)
{
    struct dp_sa keyless = *sa;
    struct transform t;
    memset(keyless.key, 0, sizeof keyless.key);
    if (!transform_find(&keyless, &t))
        return false;
    fill(netlink_begin(request, XFRM_MSG_UPDSA, NLM_F_REPLACE, sizeof(struct xfrm_usersa_info)), &keyless, reqid);
    put_algorithms(&request->header, &keyless, &t);
    put_encapsulation(&request->header, &keyless);
    put_window(&request->header, &keyless);
    return true;
}

static struct xfrm_usersa_id sa_id(const struct dp_sa_name *name)
{
    const struct addr *to = name->direction == DP_IN ? &name->local.addr : &name->remote.addr;
    struct xfrm_usersa_id id;
    memset(&id, 0, sizeof id);
    id.daddr = kernel_addr(to);
    id.spi = htonl(name->spi);
    id.family = kernel_family(to);
    id.proto = IPPROTO_ESP;
    return id;
}

static void named(union netlink_request *request, uint16_t type, const struct dp_sa_name *name)
{
    struct xfrm_usersa_id id = sa_id(name);
    memcpy(netlink_begin(request, type, 0, sizeof id), &id, sizeof id);
}

void sa_message_remove(union netlink_request *request, const struct dp_sa_name *name) { named(request, XFRM_MSG_DELSA, name); }
void sa_message_get(union netlink_request *request, const struct dp_sa_name *name) { named(request, XFRM_MSG_GETSA, name); }
/* No header: the kernel reads attributes from the first octet of a dump's payload on, and complains of anything else. */
void sa_message_dump(union netlink_request *request) { netlink_begin(request, XFRM_MSG_GETSA, NLM_F_DUMP, 0); }

void sa_message_get_timer(union netlink_request *request, const struct dp_sa_name *name)
{
    struct xfrm_aevent_id *id = netlink_begin(request, XFRM_MSG_GETAE, 0, sizeof *id);
    id->sa_id = sa_id(name);
    id->flags = XFRM_AE_ETHR;
}

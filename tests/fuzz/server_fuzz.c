/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Target `server`: the privileged process. An engine in anybody's hands sends requests, other programs change what
 * the kernel has, the kernel's answers go wrong. The input: an octet for the configuration, then records of code,
 * length, octets. What must hold: a request gets one answer, or is malformed and ends the engine; what is not
 * permitted changes nothing in the kernel; SAs are those of the configuration and never more than the table has; no key
 * is kept; and where nothing went wrong at the end, a stop leaves nothing behind.
 */
#include "tests/fuzz/kernel.h"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>

#include "dataplane/server_private.h"

const char fuzz_name[] = "server";

enum { CONNS = 3, RECORDS_MAX = 48, VARIANTS = 5 };

static struct conf confs[2], *conf;      /* the one in force, and a place for the next */
static struct conf_conn conns_of[2][CONNS], *conns;
static struct dp_server *server;
static unsigned replies, events, greetings;
static struct mono now;
static bool spoiled;                     /* an answer of the kernel was: it may have left something */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

static void drop_line(enum log_level level, const struct log_about *about, const char *line)
{
    (void)level, (void)about;
    for (const char *at = line; *at; at++)
        must((unsigned char)*at >= 0x20);
}

static void sent(void *context, const struct dp_message *message, size_t length)
{
    (void)context;
    must(dp_message_check(message, length) && message->type != DP_MESSAGE_REQUEST);
    replies += message->type == DP_MESSAGE_REPLY;
    events += message->type == DP_MESSAGE_EVENT;
    greetings += message->type == DP_MESSAGE_HELLO;
}

/* ---- configurations ---- */

static struct conf_conn conn_of(uint8_t variant, size_t index)
{
    struct conf_conn c = {
        .local = 0, .autostart = CONF_AUTO_START, .esp = { { CRYPTO_AES_GCM_16, 256, CRYPTO_HASH_NONE }, { CRYPTO_AES_CBC, 128, CRYPTO_SHA2_256 } },
        .esp_count = 2, .sa_lifetime = 3600, .ike = { { CRYPTO_AES_CBC, 256, CRYPTO_SHA2_384, 5 } }, .ike_count = 1, .replay_window = 128, .mark_set = true,
        .mark_in = 5 + (uint32_t)index, .mark_in_mask = UINT32_MAX, .mark_out = 5 + (uint32_t)index, .mark_out_mask = UINT32_MAX,
        .vti_routing = variant > 0, .unreachable_route = variant > 1, .clamp_mss = variant > 2, .link_signal = (enum conf_link_signal)(variant % 3),
        .metric = variant == 3 ? (uint32_t)index : 0, .encapsulation = CONF_AUTOMATIC,
    };
    c.name[0] = (char)('a' + index);
    memcpy(c.vti_interface, "vti0", 5);
    c.vti_interface[3] = (char)('0' + index);
    c.end[0].host = variant == 4 ? CONF_HOST_ADDRESS : CONF_HOST_DEFAULTROUTE;
    c.end[0].addr = variant == 4 ? kernel.local : (struct addr){ .family = ADDR_NONE };
    c.end[1].addr = addr_v4(0xcb007101 + (uint32_t)index);
    must(prefix_parse(&c.end[0].subnet, "192.168.3.0/24") && prefix_parse(&c.end[1].subnet, "10.0.2.0/24"));
    if (variant == 2)
        must(prefix_parse(&c.end[0].vti, "169.254.1.2/30"));
    if (variant == 4 && index == 2)
        c.vti_interface[0] = 0;
    return c;
}

/* Into the place that is not in force. */
static void configure(uint8_t variant)
{
    size_t place = conf == &confs[0];
    for (size_t i = 0; i < CONNS; i++)
        conns_of[place][i] = conn_of(variant % VARIANTS, i);
    confs[place] = (struct conf){ .conns = conns_of[place], .count = CONNS };
}

static void change_places(void)
{
    conf = &confs[conf == &confs[0]];
    conns = conf->conns;
}

/* ---- what the engine asks for ---- */

static struct dp_sa sa_of(struct choices *c)
{
    uint16_t conn = (uint16_t)choose(c, CONNS);
    bool gcm = choose(c, 2), udp = choose(c, 2);
    return (struct dp_sa){
        .conn = conn, .direction = (uint8_t)choose(c, 2), .spi = 0x1000 + choose(c, 24), .local = { kernel.local, udp ? 4500 : 0 },
        .remote = { conns[conn].end[1].addr, udp ? 4500 : 0 }, .esp_transform = gcm ? 20 : 12, .key_bits = gcm ? 256 : 128, .esp_auth = gcm ? 0 : 5,
        .key_length = gcm ? 36 : 48, .key = { 1, 2, 3 }, .replay_window = 128, .hard_seconds = 3600,
    };
}

static struct dp_message request_of(struct choices *c)
{
    struct dp_message m;
    dp_message_begin(&m, DP_MESSAGE_REQUEST);
    m.request.id = choose_number(c, 1);
    m.request.type = (uint8_t)(1 + choose(c, 5));
    struct dp_sa sa = sa_of(c);
    m.request.conn = sa.conn;
    m.request.generation = server->generations[sa.conn] + !choose(c, 16);
    m.request.alive = choose(c, 2);
    if (m.request.type == DP_SA_INSTALL)
        m.request.sa = sa;
    m.request.name = dp_sa_name_of(&sa);
    m.request.to_local = sa.local;
    m.request.to_remote = sa.remote;
    m.request.to_remote.port = (uint16_t)(sa.remote.port ? 1024 + choose_octet(c) : 0);
    return m;
}

static void no_key_is_kept(void)
{
    static const uint8_t zero[DP_KEY_MAX];
    size_t held = 0;
    for (size_t i = 0; i < server->held.count; i++) {
        must(memcmp(server->held.sas[i].key, zero, sizeof zero) == 0);
        held += server->held.sas[i].spi != 0;
    }
    must(held <= CONNS * 2 * DP_HELD_MAX);
}

static void ask(struct choices *c)
{
    struct dp_message m = request_of(c);
    size_t length = dp_message_length(m.type);
    for (unsigned n = choose(c, 4); n > 0; n--)
        ((uint8_t *)&m)[choose(c, (uint32_t)length)] = choose_octet(c);
    if (choose(c, 16) == 0)
        length = choose(c, sizeof m + 1);
    uint8_t *exact = malloc(length + !length);
    must(exact != NULL);
    memcpy(exact, &m, length);
    bool well_formed = dp_message_check((const struct dp_message *)(const void *)exact, length) && m.type == DP_MESSAGE_REQUEST;
    uint64_t changes = kernel.changes;
    replies = 0;
    enum dp_verdict verdict = dp_server_handle(server, (const struct dp_message *)(const void *)exact, length);
    must(replies == (well_formed ? 1 : 0) && (well_formed || verdict == DP_FORGED));
    must(verdict == DP_PERMITTED || kernel.changes == changes);
    no_key_is_kept();
    free(exact);
}

/* ---- what the kernel and others do ---- */

static void fault(struct choices *c)
{
    static uint8_t octets[64];
    struct bytes own = choose_span(c, sizeof octets);
    if (own.length)
        memcpy(octets, own.data, own.length);
    kernel.faults = choices_of(octets, own.length);
    spoiled = spoiled || own.length;
}

/* Of the objects the kernel has, one is changed or removed by somebody else, and told of; or any octets are. */
static void notify(struct choices *c)
{
    static uint8_t octets[KERNEL_OBJECT_MAX] __attribute__((aligned(8)));
    static const uint16_t xfrm_types[] = { XFRM_MSG_NEWSA, XFRM_MSG_DELSA, XFRM_MSG_EXPIRE, XFRM_MSG_NEWAE, XFRM_MSG_MAPPING, XFRM_MSG_FLUSHSA,
                                           XFRM_MSG_DELPOLICY, XFRM_MSG_UPDPOLICY, XFRM_MSG_FLUSHPOLICY };
    static const uint16_t route_types[] = { RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR, RTM_DELADDR, RTM_NEWROUTE, RTM_DELROUTE };
    enum object_kind kind = (enum object_kind)(1 + choose(c, OBJECT_KINDS - 1));
    struct object *o = kernel_pick(kind, choose_octet(c));
    bool xfrm = kind == OBJECT_SA || kind == OBJECT_POLICY;
    size_t length = o ? o->message.header.nlmsg_len : NLMSG_HDRLEN;
    memset(octets, 0, sizeof octets);
    struct nlmsghdr *m = (struct nlmsghdr *)(void *)octets;
    if (o)
        memcpy(octets, &o->message, length);
    m->nlmsg_len = (uint32_t)length;
    m->nlmsg_type = xfrm ? xfrm_types[choose(c, 9)] : route_types[choose(c, 6)];
    m->nlmsg_pid = choose(c, 2) ? 999 : 0;
    if (o && choose(c, 2)) {
        o->kind = OBJECT_FREE;
        spoiled |= kind == OBJECT_LINK; /* its addresses and routes went with it */
    }
    if (xfrm && o && kind == OBJECT_SA && (m->nlmsg_type == XFRM_MSG_DELSA || m->nlmsg_type == XFRM_MSG_NEWAE || m->nlmsg_type == XFRM_MSG_MAPPING)) {
        const struct xfrm_usersa_info *info = mnl_nlmsg_get_payload(&o->message.header);
        struct xfrm_usersa_id *id = mnl_nlmsg_get_payload(m); /* also the first field of the other two */
        *id = (struct xfrm_usersa_id){ .daddr = info->id.daddr, .spi = info->id.spi, .family = info->family, .proto = info->id.proto };
    }
    for (unsigned n = choose(c, 4); n > 0; n--)
        octets[NLMSG_HDRLEN + choose(c, (uint32_t)(length - NLMSG_HDRLEN) + 1) % (sizeof octets - NLMSG_HDRLEN)] = choose_octet(c);
    kernel_notify(xfrm ? NETLINK_XFRM : NETLINK_ROUTE, octets, length);
    dp_server_readable(server, now);
}

static void raw(struct choices *c)
{
    static uint8_t octets[512] __attribute__((aligned(8)));
    int protocol = choose(c, 2) ? NETLINK_XFRM : NETLINK_ROUTE;
    uint16_t type = (uint16_t)choose_number(c, 1);
    struct bytes rest = choose_span(c, sizeof octets - NLMSG_HDRLEN);
    *(struct nlmsghdr *)(void *)octets = (struct nlmsghdr){ .nlmsg_len = (uint32_t)(NLMSG_HDRLEN + rest.length), .nlmsg_type = type };
    if (rest.length)
        memcpy(octets + NLMSG_HDRLEN, rest.data, rest.length);
    kernel_notify(protocol, octets, NLMSG_HDRLEN + rest.length);
    dp_server_readable(server, now);
}

static void way(struct choices *c)
{
    uint8_t how = choose_octet(c);
    kernel.local = how & 1 ? addr_v4(0xc0000202U + (how >> 4)) : how & 2 ? kernel.local : (struct addr){ .family = ADDR_NONE };
    kernel.mtu = how & 4 ? 1280 : 1500;
    if (kernel.local.family && how & 8)
        kernel_add_address(1, &kernel.local);
    const struct nlmsghdr m = { .nlmsg_len = NLMSG_HDRLEN, .nlmsg_type = RTM_NEWADDR };
    kernel_notify(NETLINK_ROUTE, &m, sizeof m);
    kernel_overflow(NETLINK_ROUTE); /* so that everything is looked at */
    dp_server_readable(server, now);
}

/* A tick may leave something that is due at once (what was not mended is tried once more), but never for long: the loop must not spin. */
static void later(struct choices *c)
{
    enum { TICKS_AT_ONCE = 3 };
    now = mono_after(now, MONO_MS(100) * (1 + choose_octet(c)));
    for (unsigned n = 0; n == 0 || mono_reached(now, dp_server_deadline(server)); n++) {
        must(n < TICKS_AT_ONCE);
        dp_server_tick(server, now);
    }
}

static void greet(struct choices *c)
{
    (void)c;
    unsigned before = greetings;
    dp_server_greet(server);
    must(greetings == before + 1);
}

static void say(void *context, const char *line)
{
    (void)context;
    must(line[0]);
}

/* Another configuration; slots that differ are renewed, a slot may become a hole. */
static void reload(struct choices *c)
{
    const struct dp_teller teller = { .say = say };
    bool renewed[CONNS];
    char why[DP_WHY_MAX];
    uint8_t how = choose_octet(c);
    configure(choose_octet(c));
    struct conf_conn *next = conns_of[conf == &confs[0]];
    for (size_t i = 0; i < CONNS; i++) {
        if (how & 1U << i)
            memset(&next[i], 0, sizeof next[i]);
        if (how & 8U << i && conns[i].name[0] && next[i].name[0])
            next[i] = conns[i];
        renewed[i] = memcmp(&next[i], &conns[i], sizeof *next) != 0;
    }
    int error = dp_server_reload(server, &confs[conf == &confs[0]], renewed, now, &teller, why);
    must(error || !why[0] || spoiled);
    must(!error || why[0]);
    if (!error)
        change_places();
    spoiled |= error != 0;
}

/* ---- one run ---- */

static void stop(void)
{
    kernel.faults = choices_of(NULL, 0);
    dp_server_stop(server);
    if (spoiled)
        return;
    must(kernel_count(OBJECT_SA) == 0 && kernel_count(OBJECT_POLICY) == 0 && kernel_count(OBJECT_ROUTE) == 0);
    must(kernel_count(OBJECT_LINK) == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const operations[])(struct choices *c) = { ask, ask, notify, raw, way, later, greet, fault, ask, reload };
    struct choices c = choices_of(data, size);
    const struct dp_server_env env = { .send = sent };
    char why[DP_WHY_MAX];
    log_open(drop_line, LOG_LEVEL_DEBUG);
    kernel_reset();
    uint8_t variant = choose_octet(&c), faults = choose_octet(&c);
    kernel.local = addr_v4(0xc0000202);
    kernel.headend = addr_v4(0xcb007101);
    kernel_add_address(kernel_add_link("eth0"), &kernel.local);
    conf = &confs[1];
    configure(variant);
    change_places();
    now = (struct mono){ MONO_S(100) };
    struct bytes own = choose_span(&c, faults < 200 ? 0 : faults - 200U);
    kernel.faults = choices_of(own.data, own.length);
    spoiled = own.length > 0;
    if (dp_server_new(&server, conf, &env, why)) {
        must(spoiled && why[0] && strnlen(why, sizeof why) < sizeof why);
        return 0;
    }
    for (unsigned n = 0; n < RECORDS_MAX && choices_any(&c); n++) {
        uint8_t code = choose_octet(&c);
        struct bytes record = choose_span(&c, choose_octet(&c));
        struct choices inner = choices_of(record.data, record.length);
        operations[code % (sizeof operations / sizeof *operations)](&inner);
    }
    stop();
    for (size_t i = 0; i < KERNEL_SOCKETS; i++)
        must(!kernel.socket[i].open);
    return 0;
}

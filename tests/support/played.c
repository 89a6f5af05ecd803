/* SPDX-License-Identifier: Apache-2.0 */
/* A data plane's server over the played kernel; see played.h. */
#include "tests/support/played.h"

#include <stdio.h>

enum { TICKS_AT_ONCE = 4 };

struct conf_conn played_conns[2][PLAYED_CONNS_MAX];
struct conf played_confs[2];
struct dp_server *played_server;
struct mono played_now;

static void drop_line(enum log_level level, const struct log_about *about, const char *line) { (void)level, (void)about, (void)line; }
static void drop_message(void *context, const struct dp_message *message, size_t length) { (void)context, (void)message, (void)length; }
void played_drop_word(void *context, const char *line) { (void)context, (void)line; }

static struct conf_conn conn_of(size_t i)
{
    struct conf_conn c = {
        .local = 0, .autostart = CONF_AUTO_START, .esp = { { CRYPTO_AES_GCM_16, 256, CRYPTO_HASH_NONE } }, .esp_count = 1, .replay_window = 128,
        .mark_set = true, .mark_in = 5 + (uint32_t)i, .mark_in_mask = UINT32_MAX, .mark_out = 5 + (uint32_t)i, .mark_out_mask = UINT32_MAX,
        .sa_lifetime = 3600, .vti_routing = true, .unreachable_route = true, .encapsulation = CONF_AUTOMATIC, .link_signal = CONF_LINK_DORMANT,
    };
    snprintf(c.name, sizeof c.name, "t%zu", i);
    snprintf(c.vti_interface, sizeof c.vti_interface, "vti0%zu", i);
    c.end[0].host = CONF_HOST_DEFAULTROUTE;
    c.end[1].addr = addr_v4(0xcb007101 + (uint32_t)i);
    assert_true(prefix_parse(&c.end[0].subnet, "0.0.0.0/0") && prefix_parse(&c.end[1].subnet, "10.0.2.0/24"));
    return c;
}

int played_make_world(void **state)
{
    (void)state;
    log_open(drop_line, LOG_LEVEL_DEBUG);
    kernel_reset();
    kernel.local = addr_v4(0xc0000202);
    kernel_add_address(kernel_add_link("eth0"), &kernel.local);
    played_now = (struct mono){ MONO_S(100) };
    for (size_t i = 0; i < PLAYED_CONNS_MAX; i++)
        played_conns[0][i] = conn_of(i);
    played_confs[0] = (struct conf){ .conns = played_conns[0], .count = 2 };
    played_confs[1] = (struct conf){ .conns = played_conns[1], .count = 2 };
    return 0;
}

void played_start(void)
{
    const struct dp_server_env env = { .send = drop_message };
    char why[DP_WHY_MAX];
    int error = dp_server_new(&played_server, &played_confs[0], &env, why);
    if (error)
        fail_msg("%s", why);
}

void played_stop(void)
{
    kernel.look = NULL;
    dp_server_stop(played_server);
    assert_int_equal(kernel_count(OBJECT_LINK), 1); /* eth0 */
    assert_int_equal(kernel_count(OBJECT_ROUTE), 0);
    assert_int_equal(kernel_count(OBJECT_POLICY), 0);
}

void played_settle(void)
{
    for (int i = 0; i < 3; i++) {
        played_now = mono_after(played_now, MONO_S(1));
        dp_server_readable(played_server, played_now);
        for (int n = 0; mono_reached(played_now, dp_server_deadline(played_server)); n++) {
            assert_true(n < TICKS_AT_ONCE);
            dp_server_tick(played_server, played_now);
        }
    }
}

void played_run(unsigned seconds)
{
    for (; seconds > 0; seconds--) {
        played_now = mono_after(played_now, MONO_S(1));
        for (int n = 0; mono_reached(played_now, dp_server_deadline(played_server)); n++) {
            assert_true(n < TICKS_AT_ONCE);
            dp_server_tick(played_server, played_now);
        }
    }
}

static void ask(struct dp_message *m) { assert_int_equal(dp_server_handle(played_server, m, dp_message_length(m->type)), DP_PERMITTED); }

void played_live(uint16_t conn)
{
    struct dp_message m;
    dp_message_begin(&m, DP_MESSAGE_REQUEST);
    m.request.type = DP_SA_INSTALL;
    m.request.sa = (struct dp_sa){
        .conn = conn, .direction = DP_OUT, .spi = 0x1000U + conn, .local = { kernel.local, 4500 }, .remote = { played_conns[0][conn].end[1].addr, 4500 },
        .esp_transform = 20, .key_bits = 256, .key_length = 36, .replay_window = 128, .hard_seconds = 3600,
    };
    ask(&m);
    dp_message_begin(&m, DP_MESSAGE_REQUEST);
    m.request.type = DP_TUNNEL_ALIVE;
    m.request.conn = conn;
    m.request.alive = true;
    ask(&m);
    played_settle();
}

void played_start_living(void)
{
    played_start();
    played_live(0);
    played_live(1);
}

int played_index_of(const char *name)
{
    struct vti_seen seen;
    for (size_t i = 0; i < KERNEL_OBJECTS; i++)
        if (kernel.object[i].kind == OBJECT_LINK && link_message_read(&kernel.object[i].message.header, &seen) && strcmp(seen.shape.name, name) == 0)
            return seen.index;
    return 0;
}

struct object *played_link_object(const char *name)
{
    for (size_t i = 0; i < KERNEL_OBJECTS; i++)
        if (kernel.object[i].kind == OBJECT_LINK && kernel.object[i].index == played_index_of(name))
            return &kernel.object[i];
    fail_msg("no link %s", name);
    return NULL;
}

/* The route that leads into links; NULL: there is none. */
struct object *played_way(struct route_seen *seen)
{
    for (size_t i = 0; i < KERNEL_OBJECTS; i++)
        if (kernel.object[i].kind == OBJECT_ROUTE && route_message_read(&kernel.object[i].message.header, seen) && !seen->route.unreachable)
            return &kernel.object[i];
    return NULL;
}

bool played_leads_into(const char *name)
{
    struct route_seen seen;
    bool into = false;
    if (played_way(&seen))
        for (size_t i = 0; i < seen.route.count; i++)
            into |= seen.route.links[i] == played_index_of(name);
    return into;
}

void played_tell(const struct object *o, uint16_t type)
{
    struct nlmsghdr m[KERNEL_OBJECT_MAX / sizeof(struct nlmsghdr)];
    memcpy(m, &o->message, o->message.header.nlmsg_len);
    m->nlmsg_type = type;
    m->nlmsg_pid = 999;
    kernel_notify(NETLINK_ROUTE, m, m->nlmsg_len);
}

struct object *played_address_object(const struct addr *wanted)
{
    struct vti_address a;
    for (size_t i = 0; i < KERNEL_OBJECTS; i++)
        if (kernel.object[i].kind == OBJECT_ADDRESS && address_message_read(&kernel.object[i].message.header, &a) && addr_equal(&a.prefix.addr, wanted))
            return &kernel.object[i];
    return NULL;
}

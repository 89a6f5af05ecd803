/* SPDX-License-Identifier: Apache-2.0 */
/* The pairs of configurations that the two engines may have. */
#include "tests/fuzz/engine_world.h"

static struct addr addr_of(const char *text)
{
    struct addr a;
    must(addr_parse(&a, text));
    return a;
}

static struct prefix subnet_of(const char *text)
{
    struct prefix p;
    must(prefix_parse(&p, text));
    return p;
}

static const char *const near_subnets[ENGINE_CONNS] = { "192.168.1.0/24", "192.168.2.0/24", "192.168.3.0/24" };
static const char *const far_subnets[ENGINE_CONNS] = { "10.0.0.0/16", "10.1.0.0/16", "0.0.0.0/0" };

static struct conf_conn conn_of(const struct variant *v, int end, size_t index)
{
    static const char psk[] = "a shared secret of two engines";
    struct conf_conn c = {
        .name = "tunnel", .local = (int8_t)end, .autostart = end == NEAR ? CONF_AUTO_START : CONF_AUTO_ADD,
        .ike = { { CRYPTO_AES_CBC, 256, CRYPTO_SHA2_384, 19 } }, .ike_count = 1,
        .esp = { { CRYPTO_AES_GCM_16, 256, CRYPTO_HASH_NONE } }, .esp_count = 1,
        .ike_lifetime = 28800, .sa_lifetime = 3600, .rekey_margin = 540, .rekey_fuzz = 100, .rekey = true, .dpd_delay = 10, .dpd_timeout = 30,
        .encapsulation = CONF_AUTOMATIC, .nat_keepalive = true, .keepalive_interval = 20, .initial_contact = true, .replay_window = 128,
        .retransmit_interval = 500,
    };
    c.end[NEAR].host = c.end[FAR].host = CONF_HOST_ADDRESS;
    c.end[NEAR].addr = end == NEAR ? v->inner : v->outer;
    c.end[FAR].addr = v->headend;
    c.end[NEAR].subnet = subnet_of(near_subnets[index]);
    c.end[FAR].subnet = subnet_of(far_subnets[index]);
    memcpy(c.psk, psk, sizeof psk - 1);
    c.psk_length = sizeof psk - 1;
    return c;
}

static struct conf_id id_address(const struct addr *a)
{
    struct conf_id id = { .type = 1, .length = 4 };
    memcpy(id.data, a->octets, 4);
    return id;
}

static struct conf_id id_name(const char *name)
{
    struct conf_id id = { .type = 2, .length = (uint8_t)strlen(name) };
    memcpy(id.data, name, id.length);
    return id;
}

static void both(struct variant *v, void (*change)(struct conf_conn *c))
{
    for (int end = NEAR; end < ENDS; end++)
        for (size_t i = 0; i < v->conf[end].count; i++)
            change(&v->conns[end][i]);
}

static void with_pfs(struct conf_conn *c) { c->pfs = true; c->pfs_group = 19; }
static void with_phase1_pfs(struct conf_conn *c) { c->pfs = true; }
static void in_udp(struct conf_conn *c) { c->encapsulation = CONF_YES; }
static void never_in_udp(struct conf_conn *c) { c->encapsulation = CONF_NO; }
static void from_both(struct conf_conn *c) { c->autostart = CONF_AUTO_START; }
static void silent(struct conf_conn *c) { c->dpd_delay = c->dpd_timeout = 0; c->initial_contact = false; c->rekey = false; }

static void short_lives(struct conf_conn *c)
{
    c->ike_lifetime = 120;
    c->sa_lifetime = 60;
    c->rekey_margin = 20;
    c->dpd_delay = 1;
    c->dpd_timeout = 3;
    c->keepalive_interval = 1;
    c->sa_max_packets = 1000;
    c->sa_max_bytes = 100000;
}

static void several(struct conf_conn *c)
{
    c->ike[1] = (struct conf_ike_proposal){ CRYPTO_AES_CBC, 128, CRYPTO_SHA1, 2 };
    c->ike[0] = (struct conf_ike_proposal){ CRYPTO_AES_CBC, 192, CRYPTO_SHA2_256, 19 };
    c->ike_count = 2;
    c->esp[1] = (struct conf_esp_proposal){ CRYPTO_AES_GCM_16, 256, CRYPTO_HASH_NONE };
    c->esp[0] = (struct conf_esp_proposal){ CRYPTO_AES_CBC, 128, CRYPTO_SHA2_256 };
    c->esp_count = 2;
}

static void weak(struct conf_conn *c)
{
    c->ike[0] = (struct conf_ike_proposal){ CRYPTO_AES_CBC, 256, CRYPTO_SHA1, 2 };
    c->pfs = true;
    c->pfs_group = 2;
}

static void over_v6(struct conf_conn *c)
{
    c->end[NEAR].subnet = subnet_of("2001:db8:1::/64");
    c->end[FAR].subnet = subnet_of("2001:db8:2::/64");
}

/* Without subnets: the two addresses, which no identities need to say. */
static void hosts(struct conf_conn *c) { c->end[NEAR].subnet = c->end[FAR].subnet = (struct prefix){ .length = 0 }; }

static void behind_nat(struct variant *v)
{
    v->nat = true;
    for (size_t i = 0; i < v->conf[NEAR].count; i++)
        v->conns[NEAR][i].end[NEAR].id = id_address(&v->outer);
}

static void other_secret(struct conf_conn *c) { c->psk[0] ^= 1; }
static void other_proposal(struct conf_conn *c) { c->ike[0].hash = CRYPTO_SHA2_512; }

static void put_conns(struct variant *v, size_t count)
{
    for (int end = NEAR; end < ENDS; end++) {
        for (size_t i = 0; i < count; i++)
            v->conns[end][i] = conn_of(v, end, i);
        v->conf[end] = (struct conf){ .conns = v->conns[end], .count = count };
    }
}

void variant_fill(unsigned index, struct variant *v)
{
    v->headend = addr_of("198.51.100.20");
    v->outer = addr_of("203.0.113.10");
    v->inner = index == 3 || index == 4 ? addr_of("10.0.0.10") : v->outer;
    v->recovers = index < 8 || index == 9;
    put_conns(v, index == 2 || index == 7 ? 3 : 1);
    switch (index) {
    case 1: both(v, with_pfs); both(v, in_udp); break;
    case 2: both(v, from_both); break;
    case 3: behind_nat(v); both(v, with_phase1_pfs); break;
    case 4: behind_nat(v); both(v, short_lives); both(v, from_both); break;
    case 5: both(v, several); both(v, short_lives); break;
    case 6: both(v, weak); both(v, never_in_udp); break;
    case 7: both(v, short_lives); break;
    case 8: both(v, over_v6); both(v, silent); break;
    case 9: with_pfs(&v->conns[NEAR][0]); both(v, hosts); break; /* FAR has pfs=no, and lets it have PFS */
    case 10: other_secret(&v->conns[FAR][0]); break;
    case 11: v->conns[FAR][0].end[NEAR].id = id_name("somebody.example"); break;
    case 12: other_proposal(&v->conns[FAR][0]); break;
    case 13: with_pfs(&v->conns[FAR][0]); v->conns[FAR][0].end[FAR].id = v->conns[NEAR][0].end[FAR].id = id_name("headend.example"); break;
    default: break;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another configuration under traffic: conns come, go and change, and whatever is not named keeps its SAs and loses no
 * packet, although all share one headend and so one ISAKMP SA.
 */
#include "tests/sim/world.h"

#include <stdio.h>

#define ECP "\tike=aes256-sha2_256;dh19\n\tphase2alg=aes_gcm256;dh19\n\tikelifetime=28800s\n\tsalifetime=3600s\n"

static const char *const eight[WORLD_CONNS_MAX][ENDS] = {
    { "192.168.3.0/24", "10.0.2.0/24" }, { "192.168.4.0/24", "10.0.2.0/24" }, { "192.168.3.0/24", "10.0.3.0/24" },
    { "192.168.4.0/24", "10.0.3.0/24" }, { "fd00:3::/64", "fd00:a:2::/64" },  { "fd00:4::/64", "fd00:a:2::/64" },
    { "172.16.0.1/32", "10.0.9.9/32" },  { "172.16.0.2/32", "10.0.9.8/32" },
};

enum { SPARE = 7 };

static struct conf_conn conns[WORLD_CONNS_MAX];  /* of the CPE, as first configured */

/* Eight conns at the headend, and at the CPE all but the last, which is a hole. */
static struct world *begin(const char *name)
{
    struct options o = { .common = ECP, .nat = NAT_STATIC };
    memcpy(o.subnets, eight, sizeof eight);
    struct world *w = world_new(&o);
    snprintf(w->what, sizeof w->what, "%s", name);
    memcpy(conns, w->ends[NEAR].conf.conns, sizeof conns);
    memset(&w->ends[NEAR].conf.conns[SPARE], 0, sizeof *conns);
    world_start_both(w);
    world_run(w, MONO_S(60));
    return w;
}

static bool carries(const struct world *w, uint16_t conn)
{
    return w->flows[conn][NEAR].delivered && w->flows[conn][FAR].delivered;
}

static int64_t lost(const struct world *w, uint16_t conn)
{
    return w->flows[conn][NEAR].lost_us + w->flows[conn][FAR].lost_us + !carries(w, conn);
}

/* All conns of `mask` are up with SAs at each end, the others have none; `untouched` ones have lost nothing since they were counted. */
static void check(struct world *w, unsigned mask, unsigned untouched)
{
    for (uint16_t conn = 0; conn < WORLD_CONNS_MAX; conn++) {
        bool wanted = mask >> conn & 1;
        world_check(w, (world_status(w, NEAR, conn).state == IKE_STATE_UP) == wanted);
        world_check(w, carries(w, conn) == wanted);
        for (int end = 0; end < ENDS; end++)
            world_check(w, (plane_count(w, end, DP_IN, conn) > 0) == wanted && (plane_count(w, end, DP_OUT, conn) > 0) == wanted);
        world_check(w, !(untouched >> conn & 1) || lost(w, conn) == 0);
    }
}

static const struct isakmp_sa *best(const struct world *w, size_t peer)
{
    return peer_sa_best_const(&w->ends[NEAR].ike->peers[peer]);
}

static void test_add_remove_change(void **state)
{
    (void)state;
    struct world *w = begin("one added, one removed, one changed, the others under traffic");
    check(w, 0x7f, 0);
    uint32_t serial = best(w, 0)->serial, spi = world_status(w, NEAR, 5).spi_in, other = world_status(w, NEAR, 6).spi_in;
    flow_count_from_now(w);
    world_configure(w, NEAR, 3, NULL, true);
    struct conf_conn changed = conns[5];
    changed.esp[0].key_bits = 256;
    world_configure(w, NEAR, 5, &changed, true);
    struct conf_conn tuned = conns[6];
    tuned.metric = 50;
    tuned.sa_lifetime = 1800;
    world_configure(w, NEAR, 6, &tuned, false);
    world_configure(w, NEAR, SPARE, &conns[SPARE], true);
    world_run(w, MONO_MS(500));
    world_check(w, carries(w, 5) && carries(w, SPARE));
    world_run(w, MONO_S(60));
    check(w, 0xf7, 0x57);
    world_check(w, best(w, 0)->serial == serial && w->ends[NEAR].ike->peer_count == 1);
    world_check(w, world_status(w, NEAR, 5).spi_in != spi && world_status(w, NEAR, 6).spi_in == other);
    world_run(w, MONO_S(2 * 3600)); /* through a rekey of each: still nothing lost */
    check(w, 0xf7, 0x57);
    world_check(w, world_status(w, NEAR, 6).sa_expires_at.us - world_status(w, NEAR, 6).sa_since.us <= MONO_S(1800));
    world_free(w);
}

/* The conn whose values decide phase 1 goes or changes: the ISAKMP SA stays for the others, or is replaced beside them. */
static void test_first_of_headend(void **state)
{
    (void)state;
    struct world *w = begin("the conn that decides phase 1 is removed");
    uint32_t serial = best(w, 0)->serial;
    flow_count_from_now(w);
    world_configure(w, NEAR, 0, NULL, true);
    world_run(w, MONO_S(60));
    check(w, 0x7e, 0x7e);
    world_check(w, best(w, 0)->serial == serial && w->ends[NEAR].ike->peers[0].conf == &w->ends[NEAR].ike->conns[1]);
    world_run(w, MONO_S(9 * 3600)); /* a new Main Mode under the next conn's values */
    check(w, 0x7e, 0x7e);
    world_check(w, best(w, 0)->serial != serial);
    world_configure(w, NEAR, 0, &conns[0], true);
    world_run(w, MONO_S(60));
    check(w, 0x7f, 0x7e);
    world_check(w, w->ends[NEAR].ike->peers[0].conf == &w->ends[NEAR].ike->conns[0]);

    struct conf_conn changed = conns[0];
    changed.ike[0].hash = CRYPTO_SHA2_256; /* the same again, but one proposal more: something phase 1 goes by */
    changed.ike[changed.ike_count] = changed.ike[0];
    changed.ike[changed.ike_count++].key_bits = 128;
    serial = best(w, 0)->serial;
    world_configure(w, NEAR, 0, &changed, true);
    world_run(w, MONO_S(60));
    check(w, 0x7f, 0x7e);
    world_check(w, best(w, 0)->serial != serial);
    world_free(w);
}

static void count_secret(const struct ike *ike, const struct conf_conn *old, size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < CONF_CONNS_MAX; i++)
        *count += memcmp(ike->conns[i].psk, old->psk, old->psk_length) == 0;
}

/* A new secret at both ends: the tunnels do not notice, the next Main Mode uses it, and the old one is nowhere. */
static void test_secret(void **state)
{
    (void)state;
    static const char secret[] = "Another secret, as long as the old";
    struct world *w = begin("another secret");
    size_t count;
    flow_count_from_now(w);
    for (int end = 0; end < ENDS; end++)
        for (uint16_t conn = 0; conn < SPARE; conn++) {
            struct conf_conn c = w->ends[end].conf.conns[conn];
            memset(c.psk, 0, sizeof c.psk);
            memcpy(c.psk, secret, sizeof secret - 1);
            c.psk_length = sizeof secret - 1;
            world_configure(w, end, conn, &c, false);
        }
    count_secret(w->ends[NEAR].ike, &conns[0], &count);
    world_check(w, count == 0);
    uint32_t serial = best(w, 0)->serial;
    world_run(w, MONO_S(10));
    world_check(w, best(w, 0)->serial == serial);
    world_command(w, NEAR, IKE_COMMAND_REKEY, 0);
    world_run(w, MONO_S(60));
    world_check(w, best(w, 0)->serial != serial);
    check(w, 0x7f, 0x7f);

    /* At one end alone: what is up stays up, the next Main Mode fails and says why, and the right secret mends it at once. */
    struct conf_conn wrong[SPARE];
    memcpy(wrong, w->ends[NEAR].conf.conns, sizeof wrong);
    for (uint16_t conn = 0; conn < SPARE; conn++) {
        wrong[conn].psk[0] ^= 1;
        world_configure(w, NEAR, conn, &wrong[conn], false);
    }
    world_run(w, MONO_S(30));
    check(w, 0x7f, 0x7f);
    for (uint16_t conn = 0; conn < SPARE; conn++)
        world_command(w, NEAR, IKE_COMMAND_DOWN, conn);
    world_command(w, NEAR, IKE_COMMAND_UP, 0);
    world_run(w, MONO_S(120));
    world_check(w, world_status(w, NEAR, 0).state != IKE_STATE_UP && world_status(w, NEAR, 0).cause == IKE_CAUSE_PSK_MISMATCH);
    wrong[0].psk[0] ^= 1;
    world_configure(w, NEAR, 0, &wrong[0], false);
    world_run(w, MONO_S(2));
    world_check(w, world_status(w, NEAR, 0).state == IKE_STATE_UP);
    world_free(w);
}

/* auto= needs no SA: start brings up, add leaves what is up alone and gives up what is not. */
static void test_auto(void **state)
{
    (void)state;
    struct world *w = begin("auto=");
    struct conf_conn c = conns[2];
    flow_count_from_now(w);
    c.autostart = CONF_AUTO_ADD;
    world_configure(w, NEAR, 2, &c, false);
    world_run(w, MONO_S(60));
    check(w, 0x7f, 0x7f);
    world_command(w, NEAR, IKE_COMMAND_DOWN, 2);
    world_run(w, MONO_S(60));
    check(w, 0x7b, 0x7b);
    c.metric++;
    world_configure(w, NEAR, 2, &c, false); /* `down` holds through what does not concern it */
    world_run(w, MONO_S(60));
    check(w, 0x7b, 0x7b);
    world_configure(w, NEAR, 2, &conns[2], false);
    world_run(w, MONO_S(60));
    check(w, 0x7f, 0x7b);
    world_free(w);
}

/* With its last conn a headend is left: told, forgotten, and no timer is left that would speak of it. */
static void test_last_of_headend(void **state)
{
    (void)state;
    struct world *w = begin("every conn is removed");
    for (uint16_t conn = 0; conn < SPARE; conn++)
        world_configure(w, NEAR, conn, NULL, true);
    world_check(w, mono_is_never(ike_deadline(w->ends[NEAR].ike)) && !w->ends[NEAR].ike->peers[0].conf);
    world_run(w, MONO_S(20));
    world_check(w, w->ends[FAR].plane.count == 0 && w->ends[NEAR].plane.count == 0 && !peer_sa_best(&w->ends[FAR].ike->peers[0]));
    size_t count;
    count_secret(w->ends[NEAR].ike, &conns[0], &count);
    world_check(w, count == 0);
    unsigned sent = w->network.sent[NEAR];
    world_command(w, NEAR, IKE_COMMAND_UP, 0);
    world_command(w, NEAR, IKE_COMMAND_REKEY, 3);
    world_run(w, MONO_S(600));
    world_check(w, w->network.sent[NEAR] == sent && world_status(w, NEAR, 0).spi_in == 0 && !ike_conn(w->ends[NEAR].ike, 0));
    world_configure(w, NEAR, 4, &conns[4], true);
    world_run(w, MONO_S(2));
    check(w, 0x10, 0);
    world_free(w);
}

/* What the data plane said about a conn before is not for the one in its slot now; counters stay with the name. */
static void test_stale(void **state)
{
    (void)state;
    struct world *w = begin("words that crossed the reload");
    struct ike_status before = world_status(w, NEAR, 1), after;
    world_check(w, before.packets_in > 100 && before.bytes_out > 10000);
    struct conf_conn changed = conns[1];
    changed.replay_window = 256;
    struct dp_event event = { .type = DP_EVENT_TRAFFIC, .conn = 1, .direction = DP_IN, .spi = before.spi_in, .packets = 1u << 30, .bytes = 1u << 30 };
    world_configure(w, NEAR, 1, &changed, true);
    after = world_status(w, NEAR, 1);
    world_check(w, after.packets_in == before.packets_in && after.bytes_out == before.bytes_out);
    ike_dataplane_event(w->ends[NEAR].ike, w->now, &event);
    event = (struct dp_event){ .type = DP_EVENT_PATH, .conn = 1 };
    ike_dataplane_event(w->ends[NEAR].ike, w->now, &event); /* "no way to the headend", of the conn before */
    event = (struct dp_event){ .type = DP_EVENT_COUNTED, .conn = SPARE, .packets = 5 };
    ike_dataplane_event(w->ends[NEAR].ike, w->now, &event); /* nobody is there */
    world_run(w, MONO_S(60));
    check(w, 0x7f, 0);
    after = world_status(w, NEAR, 1);
    world_check(w, after.packets_in >= before.packets_in && after.packets_in < 1u << 20);
    struct conf_conn renamed = conns[1];
    memcpy(renamed.name, "other", 6);
    world_configure(w, NEAR, 1, &renamed, true);
    world_check(w, world_status(w, NEAR, 1).packets_in == 0);
    world_free(w);
}

/* A slot's next occupant at random, again and again, on a bad network: in the end what is configured is up. */
static void test_at_random(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct world *w = begin("");
        snprintf(w->what, sizeof w->what, "at random, run %llu", (unsigned long long)seed);
        w->random ^= seed * 0x9e3779b97f4a7c15U;
        w->network.loss = 0.1;
        w->network.reorder = 0.1;
        for (int i = 0; i < 60; i++) {
            uint16_t slot = (uint16_t)(world_random(w) % WORLD_CONNS_MAX);
            struct conf_conn *c = &w->ends[NEAR].conf.conns[slot], next = conns[slot];
            bool is_there = !conf_is_hole(c), go = is_there && world_random(w) % 3 == 0;
            next.metric = (uint32_t)(world_random(w) % 100);
            world_configure(w, NEAR, slot, go ? NULL : &next, go || !is_there || world_random(w) % 2);
            world_run(w, (int64_t)(world_random(w) % (uint64_t)MONO_MS(300)) * (i % 5 ? 1 : 40));
        }
        w->network.loss = w->network.reorder = 0;
        unsigned mask = 0;
        for (uint16_t slot = 0; slot < WORLD_CONNS_MAX; slot++)
            mask |= !conf_is_hole(&w->ends[NEAR].conf.conns[slot]) ? 1u << slot : 0;
        world_run(w, MONO_S(300));
        for (uint16_t slot = 0; slot < WORLD_CONNS_MAX; slot++)
            world_check(w, !(mask >> slot & 1) || (world_status(w, NEAR, slot).state == IKE_STATE_UP && carries(w, slot)));
        world_check(w, w->ends[NEAR].ike->peer_count == 1);
        world_free(w);
    }
}

int main(void)
{
    world_filter();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_remove_change), cmocka_unit_test(test_first_of_headend), cmocka_unit_test(test_secret),
        cmocka_unit_test(test_auto), cmocka_unit_test(test_last_of_headend), cmocka_unit_test(test_stale), cmocka_unit_test(test_at_random),
    };
    return cmocka_run_group_tests_name("another configuration under traffic", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collisions and crossings of rekeying, each by name: both ends at once in either phase, a peer that stays on its
 * oldest SA, one that deletes at once, a third message lost, overtaken by a Delete or by ESP. None costs a packet that
 * the peer has not thrown away itself, and one pair is left at the end.
 */
#include "tests/sim/world.h"

#include "ike/iana.h"

#include <stdio.h>

static const char ecp[] = "\tike=aes256-sha2_256;dh19\n\tphase2alg=aes_gcm256;dh19\n\tikelifetime=28800s\n\tsalifetime=3600s\n";

static struct world *up(const char *name, const char *far, bool traffic, uint64_t seed)
{
    struct options o = { .common = ecp, .nat = NAT_STATIC, .extra = { NULL, far }, .seed = seed };
    struct world *w = world_new(&o);
    snprintf(w->what, sizeof w->what, "%s, %s", name, traffic ? "with traffic" : "idle");
    w->traffic_us = traffic ? MONO_MS(100) : 0;
    world_settle(w, MONO_S(120));
    return w;
}

static unsigned isakmp_sas(struct world *w, int end)
{
    unsigned n = 0;
    for (size_t i = 0; i < PEER_SAS_MAX; i++)
        n += w->ends[end].ike->peers[0].sa[i].used;
    return n;
}

/* One pair and one ISAKMP SA, the same at both ends. */
static void check_converged(struct world *w)
{
    struct ike_status near = world_status(w, NEAR, 0), far = world_status(w, FAR, 0);
    world_check(w, world_up(w));
    world_check(w, near.spi_in == far.spi_out && near.spi_out == far.spi_in);
    for (int end = 0; end < ENDS; end++) {
        world_check(w, plane_count(w, end, DP_IN, 0) == 1 && plane_count(w, end, DP_OUT, 0) == 1);
        world_check(w, isakmp_sas(w, end) == 1);
        world_check(w, w->ends[end].plane.crowded_us <= MONO_S(60));
    }
    world_check(w, memcmp(peer_sa_best(&w->ends[NEAR].ike->peers[0])->cookie_i, peer_sa_best(&w->ends[FAR].ike->peers[0])->cookie_i,
                          WIRE_COOKIE) == 0);
}

static void finish(struct world *w, uint64_t lost_at_most)
{
    world_run(w, MONO_S(90));
    check_converged(w);
    world_check(w, w->ends[NEAR].plane.most_pairs <= 4 && w->ends[FAR].plane.most_pairs <= 4);
    if (flow_lost(w) > lost_at_most)
        print_error("%llu packets lost\n", (unsigned long long)flow_lost(w));
    world_check(w, flow_lost(w) <= lost_at_most);
    world_free(w);
}

/* ---- both at once ---- */

static struct child *current(struct world *w, int end)
{
    return child_current(&w->ends[end].ike->tunnels[0]);
}

/* What the engine sees when a limit comes near: Quick Mode alone. */
static void rekey_child(struct world *w, int end)
{
    struct dp_event event = { .type = DP_EVENT_EXPIRE, .conn = 0, .direction = DP_OUT, .spi = current(w, end)->spi_out };
    world_dp_event(w, end, &event);
}

static void rekey_child_far(struct world *w) { rekey_child(w, FAR); }

static void rekey_main(struct world *w, int end)
{
    struct ike *ike = w->ends[end].ike;
    ike->peers[0].rekey_asked = true;
    ike_tick(ike, w->now);
    world_drain(w, end);
}

static void rekey_main_far(struct world *w) { rekey_main(w, FAR); }
static void rekey_both_far(struct world *w) { world_command(w, FAR, IKE_COMMAND_REKEY, 0); }

/* 20 ms is one way: from the same instant to past a whole exchange. */
static const int64_t apart_ms[] = { 0, 1, 10, 19, 20, 21, 22, 30, 39, 40, 41, 42, 43, 60, 61, 62, 63, 64, 80, 100, 200, 1000 };

enum { APARTS = sizeof apart_ms / sizeof *apart_ms };

static void test_both_quick(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * APARTS; i++) {
        struct world *w = up("both rekey Quick Mode", NULL, i % 2, 0);
        snprintf(w->what + strlen(w->what), 40, ", %lld ms apart", (long long)apart_ms[i / 2]);
        world_at(w, MONO_MS(apart_ms[i / 2]), rekey_child_far);
        rekey_child(w, NEAR);
        finish(w, 0);
    }
}

static void test_both_main(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * APARTS; i++) {
        struct world *w = up("both rekey Main Mode", "\tauto=start\n", i % 2, 0);
        snprintf(w->what + strlen(w->what), 40, ", %lld ms apart", (long long)apart_ms[i / 2]);
        unsigned before = w->ends[NEAR].plane.installed;
        world_at(w, MONO_MS(apart_ms[i / 2]), rekey_main_far);
        rekey_main(w, NEAR);
        world_run(w, MONO_S(90));
        world_check(w, w->ends[NEAR].plane.installed == before); /* the IPsec SAs are adopted */
        finish(w, 0);
    }
}

static void test_both_phases(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * APARTS; i++) {
        struct world *w = up("both rekey both phases", "\tauto=start\n", i % 2, 0);
        snprintf(w->what + strlen(w->what), 40, ", %lld ms apart", (long long)apart_ms[i / 2]);
        world_at(w, MONO_MS(apart_ms[i / 2]), rekey_both_far);
        world_command(w, NEAR, IKE_COMMAND_REKEY, 0);
        finish(w, 0);
    }
}

/* The same on a bad link: the two may disagree for a while, and no packet is lost for that. */
static void test_both_with_loss(void **state)
{
    (void)state;
    bool one = getenv("MINICPE_SEED") != NULL;
    for (uint64_t seed = 1; seed <= (one ? 1 : 300); seed++) {
        struct world *w = up("both rekey both phases, 30% loss", "\tauto=start\n", world_seed(seed) % 2, world_seed(seed));
        w->network.loss = 0.30;
        w->network.reorder = 0.20;
        w->network.duplicate = 0.10;
        world_at(w, MONO_MS(world_random(w) % 80), rekey_both_far);
        world_command(w, NEAR, IKE_COMMAND_REKEY, 0);
        world_run(w, MONO_S(120));
        w->network.loss = 0;
        world_check(w, flow_lost(w) == 0);
        world_run(w, MONO_S(120));
        finish(w, 0);
    }
}

/* ---- the peer's habits ---- */

/* A peer that is on an old pair, and so does not delete it, is not told to leave it. */
static void check_left_alone(struct world *w)
{
    for (size_t i = 0; i < TUNNEL_CHILDREN_MAX; i++) {
        const struct child *c = &w->ends[NEAR].ike->tunnels[0].child[i];
        struct child *theirs = &w->ends[FAR].ike->tunnels[0].child[i];
        if (theirs->state == CHILD_OLD)
            theirs->delete_at = MONO_NEVER;
        if (c->state == CHILD_OLD && mono_since(w->now, c->traffic_in_at) < MONO_S(1))
            world_check(w, mono_is_never(c->remove_at));
    }
    world_at(w, MONO_S(7), check_left_alone);
}

/* FAR's kernel goes on sending on the SA that is the oldest, until shortly before it dies. */
static void test_oldest(void **state)
{
    (void)state;
    struct world *w = up("the peer sends on its oldest SA", NULL, true, 0);
    w->ends[FAR].plane.oldest = true;
    check_left_alone(w);
    world_run(w, MONO_S(4 * 3600));
    world_check(w, w->ends[NEAR].plane.installed >= 2 * 4);
    world_check(w, w->ends[NEAR].plane.most_pairs <= 2);
    world_check(w, flow_lost(w) == 0);
    world_free(w);
}

/* FAR takes an old pair out, inbound and all, the moment a new one is there. */
static void delete_old(struct world *w)
{
    struct ike *ike = w->ends[FAR].ike;
    struct tunnel *tunnel = &ike->tunnels[0];
    for (size_t i = 0; i < TUNNEL_CHILDREN_MAX; i++)
        if (tunnel->child[i].state == CHILD_OLD) {
            info_send_delete_child(ike, peer_sa_best(&ike->peers[0]), tunnel->child[i].spi_in);
            child_remove(ike, tunnel, &tunnel->child[i]);
        }
    world_drain(w, FAR);
}

static bool far_has_old(struct world *w)
{
    for (size_t i = 0; i < TUNNEL_CHILDREN_MAX; i++)
        if (w->ends[FAR].ike->tunnels[0].child[i].state == CHILD_OLD)
            return true;
    return false;
}

static void test_deletes_at_once(void **state)
{
    (void)state;
    for (int starter = 0; starter < ENDS; starter++) {
        struct world *w = up(starter == NEAR ? "the peer deletes at once, we rekey" : "the peer deletes at once, it rekeys", NULL, true, 0);
        rekey_child(w, starter);
        world_check(w, world_run_until(w, far_has_old, MONO_S(5)));
        delete_old(w);
        /* We cannot know before a packet's time: what is on its way then, it has thrown away. */
        finish(w, 2 + 2 * MONO_MS(20) / PACKET_EVERY_US);
    }
}

/* The peer deletes the only pair, and takes its packets for a moment more, as we do: the new pair is there in time. */
static void test_deletes_the_only_one(void **state)
{
    (void)state;
    for (int traffic = 0; traffic < 2; traffic++) {
        struct world *w = up("the peer deletes the only pair", NULL, traffic, 0);
        struct ike *ike = w->ends[FAR].ike;
        struct child *c = current(w, FAR);
        info_send_delete_child(ike, peer_sa_best(&ike->peers[0]), c->spi_in);
        world_drain(w, FAR);
        finish(w, 0);
    }
}

/* ---- the third message ---- */

struct third {
    bool lost;
    int64_t delay_us;
};

static void hook_third(struct world *w, const struct datagram *d, struct fate *fate)
{
    const struct third *t = w->network.hook_context;
    if (d->kind != MESSAGE_QM3)
        return;
    fate->lost = t->lost;
    fate->delay_us += t->delay_us;
}

static void test_third_lost(void **state)
{
    (void)state;
    for (int starter = 0; starter < ENDS; starter++)
        for (int traffic = 0; traffic < 2; traffic++)
            for (int first = 0; first < 2; first++) {
                struct third t = { .lost = true };
                struct world *w = up("message 3 lost for 3 s", NULL, traffic, 0);
                w->network.hook = hook_third;
                w->network.hook_context = &t;
                w->traffic_first = first;
                rekey_child(w, starter);
                world_run(w, MONO_S(3));
                t.lost = false;
                finish(w, 0);
            }
}

/* Message 3 never comes: ESP on the new SA is proof enough; idle, the responder gives up and says so. */
static void test_third_never(void **state)
{
    (void)state;
    for (int starter = 0; starter < ENDS; starter++)
        for (int traffic = 0; traffic < 2; traffic++) {
            struct third t = { .lost = true };
            struct world *w = up("message 3 lost for ever", NULL, traffic, 0);
            w->network.hook = hook_third;
            w->network.hook_context = &t;
            rekey_child(w, starter);
            world_run(w, MONO_S(60));
            w->network.hook = NULL;
            /* idle: between the end of the responder's patience and its Delete there is half a round trip */
            finish(w, traffic ? 0 : 2 + MONO_MS(40) / PACKET_EVERY_US);
        }
}

static void far_deletes(struct world *w)
{
    struct ike *ike = w->ends[FAR].ike;
    for (size_t i = 0; i < TUNNEL_CHILDREN_MAX; i++) {
        struct child *c = &ike->tunnels[0].child[i];
        if (c->state == CHILD_OLD && !mono_is_never(c->delete_at))
            c->delete_at = w->now; /* as if its overlap were over: Delete now, out of the kernel a moment later */
    }
    ike_tick(ike, w->now);
    world_drain(w, FAR);
}

static void test_delete_overtakes_third(void **state)
{
    (void)state;
    for (int traffic = 0; traffic < 2; traffic++) {
        struct third t = { .delay_us = MONO_MS(400) };
        struct world *w = up("a Delete overtakes message 3", NULL, traffic, 0);
        w->network.hook = hook_third;
        w->network.hook_context = &t;
        rekey_child(w, FAR);
        world_check(w, world_run_until(w, far_has_old, MONO_S(5)));
        far_deletes(w);
        finish(w, 0);
    }
}

/* With the inbound SA gone at once only what was on its way when the Delete came is lost. */
static void test_delete_overtakes_and_removes(void **state)
{
    (void)state;
    struct third t = { .delay_us = MONO_S(3) };
    struct world *w = up("a Delete overtakes message 3, inbound gone at once", NULL, true, 0);
    w->network.hook = hook_third;
    w->network.hook_context = &t;
    rekey_child(w, FAR);
    world_check(w, world_run_until(w, far_has_old, MONO_S(5)));
    delete_old(w);
    finish(w, 2 + 2 * MONO_MS(21) / PACKET_EVERY_US);
}

static void test_esp_before_third(void **state)
{
    (void)state;
    for (int starter = 0; starter < ENDS; starter++) {
        struct third t = { .delay_us = MONO_S(2) };
        struct world *w = up("ESP comes before message 3", NULL, true, 0);
        w->network.hook = hook_third;
        w->network.hook_context = &t;
        w->traffic_first = true;
        uint32_t before = current(w, !starter)->spi_in;
        rekey_child(w, starter);
        world_run(w, MONO_MS(1150)); /* messages 1 and 2, a second of patience, then ESP: message 3 is still on its way */
        world_check(w, current(w, !starter)->spi_in != before);
        world_run(w, MONO_S(2));
        finish(w, 0);
    }
}

/* The peer has the new pair only when it has handled message 3, as strongSwan does: until then the old one carries. */
static void test_third_installs(void **state)
{
    (void)state;
    static const int64_t after_ms[] = { 0, 1, 5, 50, 200, 500, 900 };
    for (size_t i = 0; i < 4 * sizeof after_ms / sizeof *after_ms; i++) {
        struct third t = { .delay_us = MONO_MS(after_ms[i / 4]) };
        struct world *w = up("the peer installs on message 3", NULL, i % 2, 0);
        snprintf(w->what + strlen(w->what), 40, ", %lld ms late", (long long)after_ms[i / 4]);
        w->network.hook = hook_third;
        w->network.hook_context = &t;
        w->traffic_first = i / 2 % 2;
        w->ends[FAR].plane.late = true;
        uint32_t before = current(w, NEAR)->spi_out;
        rekey_child(w, NEAR);
        world_run(w, MONO_S(2));
        world_check(w, current(w, NEAR)->spi_out != before);
        finish(w, 0);
    }
}

/* And its message 3 is lost: once, and it asks again before we change over; for 3 s, and it has itself to thank from 1 s on. */
static void test_third_installs_lost(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct third t = { .lost = true };
        int64_t lost_ms = i / 2 ? 3000 : 300;
        struct world *w = up("the peer installs on message 3, which is lost", NULL, i % 2, 0);
        snprintf(w->what + strlen(w->what), 40, " for %lld ms", (long long)lost_ms);
        w->network.hook = hook_third;
        w->network.hook_context = &t;
        w->ends[FAR].plane.late = true;
        rekey_child(w, NEAR);
        world_run(w, MONO_MS(lost_ms));
        t.lost = false;
        finish(w, i / 2 ? (uint64_t)(MONO_MS(3000) / PACKET_EVERY_US) : 0);
    }
}

/* The old pair ends while we wait for the peer to use the new one: that is used at once. */
static void test_third_without_old(void **state)
{
    (void)state;
    struct third t = { .delay_us = MONO_MS(800) };
    struct world *w = up("the old pair ends before the peer uses the new one", NULL, false, 0);
    w->network.hook = hook_third;
    w->network.hook_context = &t;
    uint32_t before = current(w, NEAR)->spi_out;
    rekey_child(w, NEAR);
    world_run(w, MONO_MS(100)); /* message 3 is on its way */
    world_check(w, current(w, NEAR)->spi_out == before && plane_count(w, NEAR, DP_IN, 0) == 2);
    plane_expire(w, NEAR, DP_OUT, 0, true);
    world_run(w, MONO_MS(1));
    world_check(w, current(w, NEAR) && current(w, NEAR)->spi_out != before);
    world_check(w, world_status(w, NEAR, 0).state == IKE_STATE_UP && world_status(w, NEAR, 0).established == 1);
    world_run(w, MONO_S(2));
    finish(w, 2 + 2 * MONO_MS(20) / PACKET_EVERY_US); /* what the peer sent until our Delete came */
}

/* ---- lifetimes ---- */

static void test_shorter_life(void **state)
{
    (void)state;
    struct options o = { .common = "\tike=aes256-sha2_256;dh19\n\tphase2alg=aes_gcm256;dh19\n", .nat = NAT_STATIC,
                         .extra = { "\tsalifetime=3600s\n\tikelifetime=28800s\n", "\tsalifetime=600s\n\tikelifetime=1200s\n" } };
    struct world *w = world_new(&o);
    snprintf(w->what, sizeof w->what, "the headend's lifetimes are shorter");
    world_start_both(w);
    world_check(w, world_run_until(w, world_up, MONO_S(10)));
    flow_count_from_now(w);
    world_run(w, MONO_S(3600));
    world_check(w, world_up(w) && flow_lost(w) == 0);
    world_check(w, w->ends[FAR].plane.installed >= 2 * 6);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_quick),
        cmocka_unit_test(test_both_main),
        cmocka_unit_test(test_both_phases),
        cmocka_unit_test(test_both_with_loss),
        cmocka_unit_test(test_oldest),
        cmocka_unit_test(test_deletes_at_once),
        cmocka_unit_test(test_deletes_the_only_one),
        cmocka_unit_test(test_third_lost),
        cmocka_unit_test(test_third_never),
        cmocka_unit_test(test_delete_overtakes_third),
        cmocka_unit_test(test_delete_overtakes_and_removes),
        cmocka_unit_test(test_esp_before_third),
        cmocka_unit_test(test_third_installs),
        cmocka_unit_test(test_third_installs_lost),
        cmocka_unit_test(test_third_without_old),
        cmocka_unit_test(test_shorter_life),
    };
    world_filter();
    return cmocka_run_group_tests_name("simulation: crossings", tests, NULL, NULL);
}

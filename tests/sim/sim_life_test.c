/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lifetimes that the two ends do not agree on, those that a headend tells afterwards, rekey=no, ESP that comes from
 * another endpoint than before, a headend that cannot read message 3, and one that claims to have begun anew.
 */
#include "tests/sim/world.h"

#include "ike/iana.h"

#include <stdio.h>

#define ECP "\tike=aes256-sha2_256;dh19\n\tphase2alg=aes_gcm256;dh19\n\trekeymargin=60s\n"

static struct world *up(const char *name, const char *near, const char *far)
{
    struct options o = { .common = ECP, .nat = NAT_STATIC, .extra = { near, far } };
    struct world *w = world_new(&o);
    snprintf(w->what, sizeof w->what, "%s", name);
    world_start_both(w);
    world_check(w, world_run_until(w, world_up, MONO_S(5)));
    return w;
}

static int64_t child_lives(struct world *w, int end)
{
    const struct child *c = child_current(&w->ends[end].ike->tunnels[0]);
    return mono_since(c->expires_at, c->since);
}

static int64_t sa_lives(struct world *w, int end)
{
    const struct isakmp_sa *sa = peer_sa_best(&w->ends[end].ike->peers[0]);
    return mono_since(sa->expires_at, sa->since);
}

static bool about(int64_t us, int64_t seconds)
{
    return us <= MONO_S(seconds + 1) && us > MONO_S(seconds - 5);
}

/* The responder has the shorter lifetime and says so in message 2; with rekey=no it has only that to keep the tunnel up. */
static void test_responder_tells(void **state)
{
    (void)state;
    static const char *const far[] = { "\tsalifetime=1200s\n\trekey=no\n", "\tsalifetime=7200s\n\trekey=no\n" };
    for (int longer = 0; longer < 2; longer++) {
        struct world *w = up(longer ? "the responder would take more" : "the responder takes less", "\tsalifetime=3600s\n", far[longer]);
        int64_t seconds = longer ? 3600 : 1200;
        world_check(w, about(child_lives(w, NEAR), seconds) && about(child_lives(w, FAR), seconds));
        flow_count_from_now(w);
        world_run(w, MONO_S(3 * 3600));
        world_check(w, flow_lost(w) == 0);
        world_check(w, w->network.kinds[FAR][MESSAGE_QM1] == 0); /* it has left the rekeying to the other */
        world_check(w, w->network.kinds[NEAR][MESSAGE_QM1] >= (longer ? 3 : 9) && w->network.kinds[NEAR][MESSAGE_QM1] <= (longer ? 4 : 11));
        world_free(w);
    }
}

/* The other way round nothing needs saying: the shorter lifetime is the one that is offered. */
static void test_initiator_offers_less(void **state)
{
    (void)state;
    struct world *w = up("the initiator offers less", "\tsalifetime=1200s\n", "\tsalifetime=3600s\n");
    world_check(w, about(child_lives(w, NEAR), 1200) && about(child_lives(w, FAR), 1200));
    world_free(w);
}

/* ---- told afterwards ---- */

static void tell(struct world *w, int end, uint8_t protocol, int phase, uint32_t seconds)
{
    struct peer *peer = &w->ends[end].ike->peers[0];
    uint8_t data[12] = { 0x80, phase == 1 ? IANA_PHASE1_LIFE_TYPE : IANA_PHASE2_LIFE_TYPE, 0, IANA_LIFE_SECONDS,
                         0, phase == 1 ? IANA_PHASE1_LIFE_DURATION : IANA_PHASE2_LIFE_DURATION, 0, 4 };
    for (int i = 0; i < 4; i++)
        data[8 + i] = (uint8_t)(seconds >> (24 - 8 * i));
    w->ends[end].ike->now = w->now;
    info_send_notify(w->ends[end].ike, peer, peer_sa_best(peer), protocol, IANA_NOTIFY_RESPONDER_LIFETIME, bytes_of(data, sizeof data));
    world_drain(w, end);
    world_run(w, MONO_MS(100));
}

static void test_told_afterwards(void **state)
{
    (void)state;
    static const struct { uint32_t told, then; } cases[] = {
        { 1800, 1800 }, { 28800, 3600 }, { 0, 3600 }, { 0xffffffff, 3600 }, { 1, 10 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world *w = up("", "\tikelifetime=3600s\n\tsalifetime=3600s\n", NULL);
        snprintf(w->what, sizeof w->what, "RESPONDER-LIFETIME of %u s after Main Mode", cases[i].told);
        uint64_t serial = peer_sa_best(&w->ends[NEAR].ike->peers[0])->serial;
        tell(w, FAR, IANA_PROTOCOL_ISAKMP, 1, cases[i].told);
        world_check(w, about(sa_lives(w, NEAR), cases[i].then));
        world_check(w, about(child_lives(w, NEAR), 3600));
        flow_count_from_now(w);
        world_run(w, MONO_S(cases[i].then));
        world_check(w, peer_sa_best(&w->ends[NEAR].ike->peers[0])->serial != serial); /* replaced in time */
        world_check(w, world_up(w) && flow_lost(w) == 0);
        world_free(w);
    }
}

/* What names no SA, or has no lifetime in it, changes nothing. */
static void test_told_nonsense(void **state)
{
    (void)state;
    struct world *w = up("RESPONDER-LIFETIME about nothing", "\tikelifetime=3600s\n\tsalifetime=3600s\n", NULL);
    tell(w, FAR, IANA_PROTOCOL_ESP, 2, 600);
    tell(w, FAR, IANA_PROTOCOL_ISAKMP, 2, 600);
    world_check(w, about(sa_lives(w, NEAR), 3600) && about(child_lives(w, NEAR), 3600));
    world_free(w);
}

/* ---- rekey=no ---- */

static void test_no_rekey(void **state)
{
    (void)state;
    struct world *w = up("rekey=no, the headend rekeys", "\trekey=no\n", "\tauto=start\n\tikelifetime=1800s\n\tsalifetime=900s\n");
    world_run(w, MONO_S(60));
    unsigned mains = w->network.kinds[NEAR][MESSAGE_MM1], quick = w->network.kinds[NEAR][MESSAGE_QM1];
    flow_count_from_now(w);
    world_run(w, MONO_S(4 * 3600));
    world_check(w, flow_lost(w) == 0 && world_up(w));
    world_check(w, w->network.kinds[NEAR][MESSAGE_MM1] == mains && w->network.kinds[NEAR][MESSAGE_QM1] == quick);
    world_check(w, w->network.kinds[FAR][MESSAGE_MM1] >= 8 && w->network.kinds[FAR][MESSAGE_QM1] >= 16);
    world_free(w);
}

/* Nobody rekeys: what has run out is made anew, since the tunnel is to be up. */
static void test_nobody_rekeys(void **state)
{
    (void)state;
    struct world *w = up("rekey=no at both ends", "\trekey=no\n\tikelifetime=1800s\n\tsalifetime=900s\n", "\trekey=no\n");
    uint32_t spi = world_status(w, NEAR, 0).spi_in;
    world_command(w, NEAR, IKE_COMMAND_REKEY, 0); /* but when it is told to */
    world_run(w, MONO_S(1));
    world_check(w, world_status(w, NEAR, 0).spi_in != spi);
    for (int i = 0; i < 4; i++) {
        world_run(w, MONO_S(905));
        world_check(w, world_run_until(w, world_up, MONO_S(3)));
    }
    world_free(w);
}

static bool silent(struct world *w) { return w->ends[NEAR].ike->peers[0].silent; }

static void lose_answers(struct world *w, const struct datagram *d, struct fate *fate)
{
    (void)w;
    fate->lost |= d->from == FAR && d->kind == MESSAGE_INFO;
}

/* Nobody rekeys, and the headend is silent for so long that it may have lost its SAs: new ones end the doubt. */
static void test_no_rekey_in_doubt(void **state)
{
    (void)state;
    struct world *w = up("rekey=no, the headend is silent a while", "\trekey=no\n", "\trekey=no\n");
    w->traffic_us = MONO_MS(100);
    world_run(w, MONO_S(60));
    uint32_t spi = world_status(w, NEAR, 0).spi_in;
    w->network.cut = true;
    world_check(w, world_run_until(w, silent, MONO_S(25)));
    world_run(w, MONO_S(2));
    w->network.cut = false;
    w->network.hook = lose_answers; /* Main Mode comes first */
    world_run(w, MONO_S(1));
    w->network.hook = NULL;
    world_run(w, MONO_S(19));
    world_check(w, world_up(w) && world_status(w, NEAR, 0).spi_in != spi);
    world_check(w, !w->ends[NEAR].ike->tunnels[0].doubted && w->ends[NEAR].plane.alive[0]);
    world_free(w);
}

/* ---- ESP from elsewhere ---- */

/* The simulated network goes on delivering from where it did: what follows is looked at before the next packet. */
static void from_elsewhere(struct world *w, struct endpoint source)
{
    const struct plane_sa *in = plane_newest(w, NEAR, DP_IN, 0);
    struct dp_event event = { .type = DP_EVENT_MAPPING, .conn = 0, .direction = DP_IN, .spi = in->sa.spi, .local = in->sa.local, .remote = source };
    world_dp_event(w, NEAR, &event);
}

static void test_esp_from_elsewhere(void **state)
{
    (void)state;
    struct world *w = up("ESP from elsewhere", "\tencapsulation=yes\n", "\tencapsulation=yes\n");
    struct endpoint was = plane_newest(w, NEAR, DP_OUT, 0)->sa.remote, other = was;
    uint32_t spi = world_status(w, NEAR, 0).spi_in;
    other.addr = addr_v4(0xc0000263);
    for (int i = 0; i < 10; i++) {
        from_elsewhere(w, other);
        world_run(w, MONO_MS(200));
    }
    world_check(w, endpoint_equal(&plane_newest(w, NEAR, DP_OUT, 0)->sa.remote, &was));
    world_check(w, endpoint_equal(&peer_sa_best(&w->ends[NEAR].ike->peers[0])->path.remote, &was));
    world_check(w, w->ends[NEAR].warnings >= 1 && w->ends[NEAR].warnings <= 5);
    world_check(w, strstr(w->ends[NEAR].last_warning, "comes from") != NULL);
    flow_count_from_now(w);
    world_run(w, MONO_S(60));
    world_check(w, world_up(w) && flow_lost(w) == 0);

    other = was;
    other.port = 14500;
    from_elsewhere(w, other);
    world_check(w, endpoint_equal(&plane_newest(w, NEAR, DP_OUT, 0)->sa.remote, &other));
    world_check(w, endpoint_equal(&plane_newest(w, NEAR, DP_IN, 0)->sa.remote, &other));
    world_check(w, world_status(w, NEAR, 0).spi_in == spi && w->ends[NEAR].plane.moved >= 2); /* in place */
    world_free(w);
}

/* The peer's NAT gives another port, and a new Main Mode is the first to show it: the IPsec SAs follow. */
static void test_main_mode_from_elsewhere(void **state)
{
    (void)state;
    struct options o = { .common = ECP, .nat = NAT_PORTS };
    struct world *w = world_new(&o);
    snprintf(w->what, sizeof w->what, "Main Mode from another port");
    world_start_both(w);
    world_check(w, world_run_until(w, world_up, MONO_S(5)));
    world_run(w, MONO_S(5));
    w->traffic_us = 0; /* no ESP that tells it before */
    uint32_t spi = world_status(w, FAR, 0).spi_in;
    struct endpoint was = plane_newest(w, FAR, DP_OUT, 0)->sa.remote;
    network_nat_forget(w);
    struct ike *near = w->ends[NEAR].ike;
    near->now = w->now;
    main_start(near, &near->peers[0]);
    world_drain(w, NEAR);
    world_run(w, MONO_S(2));
    struct endpoint is = peer_sa_best(&w->ends[FAR].ike->peers[0])->path.remote;
    world_check(w, is.port != was.port && world_status(w, FAR, 0).spi_in == spi);
    world_check(w, endpoint_equal(&plane_newest(w, FAR, DP_OUT, 0)->sa.remote, &is));
    world_free(w);
}

/* ---- a third message that the peer cannot use ---- */

struct unreadable {
    unsigned quicks, lost;
};

static void forget_third(struct world *w, const struct datagram *d, struct fate *fate)
{
    struct unreadable *u = w->network.hook_context;
    if (d->kind == MESSAGE_QM1 && d->number > u->quicks)
        u->quicks = d->number;
    if (d->kind != MESSAGE_QM3 || u->quicks > 1)
        return;
    fate->lost = true;
    if (u->lost++ == 0)
        for (size_t i = 0; i < TUNNEL_QUICKS_MAX; i++)
            quick_free(&w->ends[FAR].ike->tunnels[0].quick[i]);
}

static void say_malformed(struct world *w)
{
    struct peer *peer = &w->ends[FAR].ike->peers[0];
    w->ends[FAR].ike->now = w->now;
    info_send_notify(w->ends[FAR].ike, peer, peer_sa_best(peer), IANA_PROTOCOL_ESP, IANA_NOTIFY_PAYLOAD_MALFORMED, bytes_of(NULL, 0));
    world_drain(w, FAR);
}

static void third_unreadable(const char *what, const char *near)
{
    struct unreadable u = { .quicks = 0 };
    struct options o = { .common = ECP, .nat = NAT_STATIC, .extra = { near, NULL } };
    struct world *w = world_new(&o);
    snprintf(w->what, sizeof w->what, "%s", what);
    w->network.hook = forget_third;
    w->network.hook_context = &u;
    world_start_both(w);
    while (u.lost == 0)
        world_run(w, MONO_MS(5));
    struct mono from = w->now;
    say_malformed(w);
    world_check(w, world_run_until(w, world_up, MONO_S(30)));
    world_check(w, mono_since(w->now, from) < MONO_MS(1500));
    world_check(w, u.quicks == 2 && u.lost == 1);
    world_run(w, MONO_S(20));
    world_check(w, world_up(w));
    world_free(w);
}

/* The headend has lost the state of the Quick Mode and says so: a new one is begun, with rekey=no, too. */
static void test_third_unreadable(void **state)
{
    (void)state;
    third_unreadable("message 3 cannot be read", NULL);
    third_unreadable("message 3 cannot be read, rekey=no", "\trekey=no\n");
}

static void lose_once(struct world *w, const struct datagram *d, struct fate *fate)
{
    unsigned *thirds = w->network.hook_context;
    if (d->kind == MESSAGE_QM3 && d->from == NEAR && (*thirds)++ == 0) {
        fate->lost = true;
        for (size_t i = 0; i < TUNNEL_QUICKS_MAX; i++)
            quick_free(&w->ends[FAR].ike->tunnels[0].quick[i]);
    } else if (d->kind == MESSAGE_QM2 && *thirds == 1) {
        fate->delay_us += MONO_MS(300);
    }
}

static void rekey_conn(struct world *w, uint16_t conn)
{
    struct dp_event event = { .type = DP_EVENT_EXPIRE, .conn = conn, .direction = DP_OUT,
                              .spi = child_current(&w->ends[NEAR].ike->tunnels[conn])->spi_out };
    world_dp_event(w, NEAR, &event);
}

/* One tunnel's message 3 cannot be read while another tunnel waits for message 2: only the first begins again. */
static void test_third_unreadable_beside(void **state)
{
    (void)state;
    unsigned thirds = 0;
    struct options o = { .common = ECP, .nat = NAT_STATIC,
                         .subnets = { { "192.168.3.0/24", "10.0.2.0/24" }, { "192.168.4.0/24", "10.0.2.0/24" } } };
    struct world *w = world_new(&o);
    snprintf(w->what, sizeof w->what, "message 3 cannot be read, beside another Quick Mode");
    world_start_both(w);
    world_check(w, world_run_until(w, world_up, MONO_S(10)));
    world_run(w, MONO_S(60));
    flow_count_from_now(w);
    w->network.hook = lose_once;
    w->network.hook_context = &thirds;
    uint32_t first = world_status(w, NEAR, 0).spi_out, second = world_status(w, NEAR, 1).spi_out;
    rekey_conn(w, 0);
    world_run(w, MONO_MS(50)); /* its message 3 is sent and lost */
    world_check(w, thirds == 1);
    rekey_conn(w, 1);
    world_run(w, MONO_MS(50));
    say_malformed(w);
    world_run(w, MONO_MS(800));
    world_check(w, thirds >= 2 && w->ends[NEAR].ike->tunnels[1].failures == 0 && w->ends[NEAR].ike->tunnels[0].failures == 1);
    world_run(w, MONO_S(5));
    world_check(w, world_status(w, NEAR, 0).spi_out != first && world_status(w, NEAR, 1).spi_out != second);
    world_check(w, world_up(w) && flow_lost(w) == 0);
    world_free(w);
}

/* ---- INITIAL-CONTACT of a headend that has its SAs all the same ---- */

static void test_contact_loses_nothing(void **state)
{
    (void)state;
    struct world *w = up("INITIAL-CONTACT in a rekey", "", NULL);
    w->traffic_us = MONO_MS(100);
    world_run(w, MONO_S(60));
    struct ike *far = w->ends[FAR].ike;
    far->now = w->now;
    main_start(far, &far->peers[0]);
    world_drain(w, FAR);
    world_run(w, MONO_S(2));
    uint32_t spi = world_status(w, NEAR, 0).spi_in;
    flow_count_from_now(w);
    far->now = w->now;
    info_send_notify(far, &far->peers[0], peer_sa_best(&far->peers[0]), IANA_PROTOCOL_ISAKMP, IANA_NOTIFY_INITIAL_CONTACT, bytes_of(NULL, 0));
    world_drain(w, FAR);
    world_run(w, MONO_S(2));
    world_check(w, world_status(w, NEAR, 0).spi_in != spi && world_status(w, NEAR, 0).state == IKE_STATE_UP);
    world_check(w, w->ends[NEAR].plane.alive[0]);
    world_run(w, MONO_S(120));
    world_check(w, flow_lost(w) == 0 && world_up(w));
    world_check(w, plane_count(w, NEAR, DP_IN, 0) == 1 && plane_count(w, NEAR, DP_OUT, 0) == 1);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_responder_tells),
        cmocka_unit_test(test_initiator_offers_less),
        cmocka_unit_test(test_told_afterwards),
        cmocka_unit_test(test_told_nonsense),
        cmocka_unit_test(test_no_rekey),
        cmocka_unit_test(test_nobody_rekeys),
        cmocka_unit_test(test_no_rekey_in_doubt),
        cmocka_unit_test(test_esp_from_elsewhere),
        cmocka_unit_test(test_main_mode_from_elsewhere),
        cmocka_unit_test(test_third_unreadable),
        cmocka_unit_test(test_third_unreadable_beside),
        cmocka_unit_test(test_contact_loses_nothing),
    };
    world_filter();
    return cmocka_run_group_tests_name("simulation: lifetimes, endpoints", tests, NULL, NULL);
}

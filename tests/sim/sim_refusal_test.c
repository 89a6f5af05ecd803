/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A headend that refuses, or does not answer, one thing while it agrees to the rest: what else is under way with it, or is
 * in place, is not to suffer.
 */
#include "tests/sim/world.h"

#include "ike/iana.h"
#include "tests/support/forge.h"

#include <stdio.h>

#define ECP "\tike=aes256-sha2_256;dh19\n\tphase2alg=aes_gcm256;dh19\n\tikelifetime=28800s\n\tsalifetime=3600s\n"

static bool lose[ENDS][MESSAGE_COUNT];

static void look(struct world *w, const struct datagram *d, struct fate *fate)
{
    (void)w;
    fate->lost |= lose[d->from][d->kind];
}

static struct tunnel *tunnel(struct world *w, int end) { return &w->ends[end].ike->tunnels[0]; }
static struct peer *peer(struct world *w, int end) { return &w->ends[end].ike->peers[0]; }

static struct world *up_with(const struct options *options, const char *name)
{
    struct world *w = world_new(options);
    snprintf(w->what, sizeof w->what, "%s", name);
    memset(lose, 0, sizeof lose);
    world_settle(w, MONO_S(60));
    w->network.hook = look;
    return w;
}

static struct world *up(const char *name)
{
    struct options o = { .common = ECP, .nat = NAT_STATIC };
    return up_with(&o, name);
}

static void renew(struct world *w, int end)
{
    w->ends[end].ike->now = w->now;
    child_renew(child_current(tunnel(w, end)));
    peer_drive(w->ends[end].ike, peer(w, end));
    world_drain(w, end);
}

/* An authenticated error of the headend that names an SPI. */
static void tell(struct world *w, uint16_t type, uint32_t spi)
{
    static uint32_t message_id = 0x5eed0000;
    struct isakmp_sa *sa = peer_sa_best(peer(w, FAR));
    uint8_t memory[16];
    struct writer body = writer_of(memory, sizeof memory);
    struct forge f = { .sa = sa, .exchange = IANA_EXCHANGE_INFORMATIONAL, .message_id = message_id, .hash = HASH_1 };
    message_id++;
    writer_u32(&body, IANA_DOI_IPSEC);
    writer_u8(&body, IANA_PROTOCOL_ESP);
    writer_u8(&body, spi ? 4 : 0);
    writer_u16(&body, type);
    if (spi)
        writer_u32(&body, spi);
    forge_add(&f, IANA_PAYLOAD_NOTIFY, writer_span(&body));
    struct ike_output output = { .type = IKE_SEND, .path = sa->path };
    struct bytes message = forge_make(&f);
    output.length = message.length + 4;
    memset(output.datagram, 0, 4);
    memcpy(output.datagram + 4, message.data, message.length);
    network_send(w, FAR, &output);
}

/* ---- errors that name an SPI ---- */

/* About a pair of before, while a Quick Mode is under way: that goes on. */
static void test_invalid_spi_of_before(void **state)
{
    (void)state;
    struct world *w = up("INVALID-SPI about a pair of before during a rekey");
    uint32_t old = world_status(w, NEAR, 0).spi_out;
    renew(w, NEAR);
    world_run(w, MONO_S(60));
    world_check(w, world_status(w, NEAR, 0).spi_out != old);
    for (int living = 0; living < 2; living++) {
        lose[FAR][MESSAGE_QM2] = true;
        renew(w, NEAR);
        unsigned quicks = w->network.kinds[NEAR][MESSAGE_QM1];
        world_run(w, MONO_MS(100));
        tell(w, IANA_NOTIFY_INVALID_SPI, living ? world_status(w, NEAR, 0).spi_in : old);
        world_run(w, MONO_MS(100));
        world_check(w, tunnel_quick_under_way(tunnel(w, NEAR)) && tunnel(w, NEAR)->failures == 0);
        lose[FAR][MESSAGE_QM2] = false;
        world_run(w, MONO_S(3));
        world_check(w, w->network.kinds[NEAR][MESSAGE_QM1] == quicks && !tunnel_quick_under_way(tunnel(w, NEAR)));
        world_run(w, MONO_S(60));
    }
    world_check(w, world_up(w));
    world_free(w);
}

/* About the pair in use: the headend does not have it, and another follows, not again and again. */
static void test_invalid_spi_of_the_pair(void **state)
{
    (void)state;
    struct world *w = up("INVALID-SPI about the pair in use");
    for (int again = 0; again < 2; again++) {
        uint32_t before = world_status(w, NEAR, 0).spi_out;
        unsigned quicks = w->network.kinds[NEAR][MESSAGE_QM1];
        tell(w, IANA_NOTIFY_INVALID_SPI, before);
        world_run(w, MONO_MS(500));
        world_check(w, (world_status(w, NEAR, 0).spi_out != before) == !again && w->network.kinds[NEAR][MESSAGE_QM1] == quicks + !again);
    }
    world_check(w, world_up(w));
    world_free(w);
}

/* The headend's own Quick Mode, to which it then says no: it ends here, and ours is begun. */
static void test_second_message_refused(void **state)
{
    (void)state;
    struct options o = { .common = ECP, .nat = NAT_STATIC, .extra = { "\tauto=start\n", "\tauto=start\n" } };
    struct world *w = up_with(&o, "the headend refuses our message 2");
    lose[NEAR][MESSAGE_QM2] = true;
    renew(w, FAR);
    world_run(w, MONO_MS(100));
    world_check(w, tunnel_quick_under_way(tunnel(w, NEAR)) && plane_count(w, NEAR, DP_IN, 0) == 2);
    tell(w, IANA_NOTIFY_NO_PROPOSAL_CHOSEN, 0);
    world_run(w, MONO_MS(100));
    world_check(w, !tunnel_quick_under_way(tunnel(w, NEAR)) && plane_count(w, NEAR, DP_IN, 0) == 1);
    world_check(w, flow_lost(w) == 0);
    world_free(w);
}

/* ---- a Delete for the other pair of a collision ---- */

/* pluto, which then has no policy any more that sends on the pair that was kept: that one is replaced. */
static void test_other_of_a_collision_deleted(void **state)
{
    (void)state;
    struct world *w = up("the headend deletes the other pair of a collision");
    renew(w, NEAR);
    renew(w, FAR);
    world_run(w, MONO_S(10));
    uint32_t before = world_status(w, NEAR, 0).spi_in;
    unsigned deleted = 0;
    for (size_t i = 0; i < TUNNEL_CHILDREN_MAX; i++) {
        struct child *c = &tunnel(w, FAR)->child[i];
        if (c->state != CHILD_OLD || !c->lost_collision)
            continue;
        info_send_delete_child(w->ends[FAR].ike, peer_sa_best(peer(w, FAR)), c->spi_in);
        child_remove(w->ends[FAR].ike, tunnel(w, FAR), c);
        deleted++;
    }
    world_drain(w, FAR);
    world_run(w, MONO_MS(500));
    world_check(w, deleted == 1 && world_status(w, NEAR, 0).spi_in != before);
    unsigned quicks = w->network.kinds[NEAR][MESSAGE_QM1] + w->network.kinds[FAR][MESSAGE_QM1];
    world_run(w, MONO_S(90));
    world_check(w, world_up(w) && flow_lost(w) == 0 && w->network.kinds[NEAR][MESSAGE_QM1] + w->network.kinds[FAR][MESSAGE_QM1] == quicks);
    world_free(w);
}

/* ---- Quick Modes without an answer ---- */

/* The headend answers probes and no Quick Mode: its ISAKMP SA is not given up for that, nor another made each time. */
static void test_only_probes_are_answered(void **state)
{
    (void)state;
    struct world *w = up("the headend answers probes and no Quick Mode");
    lose[FAR][MESSAGE_QM2] = lose[FAR][MESSAGE_QM1] = true;
    unsigned mains = w->network.kinds[NEAR][MESSAGE_MM1], quicks = w->network.kinds[NEAR][MESSAGE_QM1];
    plane_gone(w, NEAR, DP_IN, 0);
    plane_gone(w, NEAR, DP_OUT, 0);
    uint32_t serial = peer_sa_best(peer(w, NEAR))->serial;
    world_run(w, MONO_S(25));
    world_check(w, peer_sa_best(peer(w, NEAR))->serial == serial);
    for (int second = 25; second < 3600; second++) {
        world_run(w, MONO_S(1));
        world_check(w, peer_sa_best(peer(w, NEAR)));
    }
    mains = w->network.kinds[NEAR][MESSAGE_MM1] - mains;
    quicks = w->network.kinds[NEAR][MESSAGE_QM1] - quicks;
    print_message("an hour: %u Quick Modes, %u Main Modes\n", quicks, mains);
    world_check(w, quicks > 100 && mains >= 3 && mains <= 12);
    world_check(w, tunnel(w, NEAR)->cause == IKE_CAUSE_LOST_ANSWER);
    lose[FAR][MESSAGE_QM2] = lose[FAR][MESSAGE_QM1] = false;
    world_check(w, world_run_until(w, world_up, MONO_S(20)));
    world_free(w);
}

static uint32_t unanswered[4];
static size_t unanswered_count;

/* The first four Quick Modes, however often their messages are repeated. */
static void lose_first_four(struct world *w, const struct datagram *d, struct fate *fate)
{
    size_t marker = d->source.port == IKE_PORT_NATT ? 4 : 0;
    uint32_t id;
    (void)w;
    if (d->from != NEAR || d->kind != MESSAGE_QM1)
        return;
    memcpy(&id, d->octets + marker + 20, sizeof id);
    if (d->first && unanswered_count < 4)
        unanswered[unanswered_count++] = id;
    for (size_t i = 0; i < unanswered_count; i++)
        fate->lost |= unanswered[i] == id;
}

static bool fifth_is_up(struct world *w) { return world_status(w, NEAR, 4).state == IKE_STATE_UP; }

static void test_unanswered_do_not_hold_up_the_fifth(void **state)
{
    (void)state;
    struct options o = { .common = ECP, .nat = NAT_STATIC,
                         .subnets = { { "192.168.1.0/24", "10.0.1.0/24" }, { "192.168.2.0/24", "10.0.2.0/24" }, { "192.168.3.0/24", "10.0.3.0/24" },
                                      { "192.168.4.0/24", "10.0.4.0/24" }, { "192.168.5.0/24", "10.0.5.0/24" } } };
    struct world *w = world_new(&o);
    snprintf(w->what, sizeof w->what, "four of five conns are not answered");
    unanswered_count = 0;
    w->network.hook = lose_first_four;
    world_start_both(w);
    struct mono from = w->now;
    world_check(w, world_run_until(w, fifth_is_up, MONO_S(60)));
    print_message("four conns are not answered: the fifth is up after %.2f s\n", (double)mono_since(w->now, from) / 1e6);
    world_check(w, mono_since(w->now, from) < MONO_S(2));
    world_check(w, world_run_until(w, world_up, MONO_S(30)));
    world_free(w);
}

/* The headend's own Quick Modes do not get through: ours is begun beside them. */
static void test_theirs_never_complete(void **state)
{
    (void)state;
    struct options o = { .common = ECP, .nat = NAT_STATIC, .extra = { "\tauto=start\n", "\tauto=start\n" } };
    struct world *w = world_new(&o);
    snprintf(w->what, sizeof w->what, "the headend's own Quick Modes do not get through");
    memset(lose, 0, sizeof lose);
    lose[NEAR][MESSAGE_QM2] = true;
    w->network.hook = look;
    world_start(w, FAR);
    world_start(w, NEAR);
    struct mono from = w->now;
    world_check(w, world_run_until(w, world_up, MONO_S(60)));
    print_message("%s: up after %.2f s\n", w->what, (double)mono_since(w->now, from) / 1e6);
    world_check(w, mono_since(w->now, from) < MONO_S(4));
    world_free(w);
}

/* ---- asked for, and not had at once ---- */

static void test_rekey_asked_for_is_not_forgotten(void **state)
{
    (void)state;
    struct world *w = up("a rekey is asked for while nothing gets through");
    uint32_t serial = peer_sa_best(peer(w, NEAR))->serial;
    lose[NEAR][MESSAGE_MM1] = lose[FAR][MESSAGE_MM1] = true;
    world_command(w, NEAR, IKE_COMMAND_REKEY, 0);
    world_run(w, MONO_S(90));
    world_check(w, peer_sa_best(peer(w, NEAR))->serial == serial);
    lose[NEAR][MESSAGE_MM1] = lose[FAR][MESSAGE_MM1] = false;
    world_run(w, MONO_S(60));
    world_check(w, peer_sa_best(peer(w, NEAR))->serial != serial && flow_lost(w) == 0);
    unsigned mains = w->network.kinds[NEAR][MESSAGE_MM1];
    world_run(w, MONO_S(600));
    world_check(w, w->network.kinds[NEAR][MESSAGE_MM1] == mains); /* and not had twice */
    world_free(w);
}

/* ---- what is forged does not silence what is not ---- */

static void inject_header(struct world *w)
{
    static uint8_t message[WIRE_HEADER] = { [0] = 1, [17] = IANA_VERSION_1, [18] = 4, [27] = WIRE_HEADER };
    struct ike_path path = { .local = { w->ends[NEAR].address, IKE_PORT }, .remote = { w->ends[FAR].address, IKE_PORT } };
    message[1] = (uint8_t)world_random(w);
    world_inject(w, NEAR, &path, bytes_of(message, sizeof message));
    world_at(w, MONO_MS(100), inject_header);
}

static void test_refusals_are_told_beside_forged_headers(void **state)
{
    (void)state;
    struct options o = { .common = "\tike=aes256-sha2_256;dh19\n", .nat = NAT_STATIC,
                         .extra = { "\tphase2alg=aes_gcm256;dh19\n\tauto=add\n", "\tphase2alg=aes256-sha2_256;dh19\n\tauto=start\n" } };
    struct world *w = world_new(&o);
    snprintf(w->what, sizeof w->what, "a refusal beside forged headers");
    world_start(w, NEAR);
    inject_header(w);
    world_run(w, MONO_S(5));
    world_start(w, FAR);
    world_run(w, MONO_S(3));
    world_check(w, w->ends[FAR].notices[IKE_CAUSE_ESP_PROPOSAL] == 1);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_invalid_spi_of_before),
        cmocka_unit_test(test_invalid_spi_of_the_pair),
        cmocka_unit_test(test_second_message_refused),
        cmocka_unit_test(test_other_of_a_collision_deleted),
        cmocka_unit_test(test_only_probes_are_answered),
        cmocka_unit_test(test_unanswered_do_not_hold_up_the_fifth),
        cmocka_unit_test(test_theirs_never_complete),
        cmocka_unit_test(test_rekey_asked_for_is_not_forgotten),
        cmocka_unit_test(test_refusals_are_told_beside_forged_headers),
    };
    world_filter();
    return cmocka_run_group_tests_name("simulation: refusals, and answers that do not come", tests, NULL, NULL);
}

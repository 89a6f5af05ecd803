/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Somebody who sees what both ends send, and can send under either's address, but knows no secret: what he begins must
 * neither hold off what is begun here nor take a place or a way from what is authenticated.
 */
#include "tests/sim/world.h"

#include "ike/iana.h"
#include "ike/vid.h"

#include <stdio.h>

#define ECP "\tike=aes256-sha2_256;dh19\n\tphase2alg=aes_gcm256;dh19\n\tikelifetime=28800s\n\tsalifetime=3600s\n"

static struct peer *peer(struct world *w, int end) { return &w->ends[end].ike->peers[0]; }

static struct world *up(const char *name, enum nat nat)
{
    struct options o = { .common = ECP, .nat = nat };
    struct world *w = world_new(&o);
    snprintf(w->what, sizeof w->what, "%s", name);
    world_settle(w, MONO_S(60));
    return w;
}

/* ---- Main Modes that are begun under the headend's address, and never ended ---- */

static struct {
    struct world *w;
    uint8_t cookie_i[WIRE_COOKIE], cookie_r[WIRE_COOKIE];
    bool answered;
    unsigned begun;
    int64_t every_us;
} forger;

static void see(struct world *w, const struct datagram *d, struct fate *fate)
{
    (void)w;
    (void)fate;
    if (d->from != NEAR || forger.answered || memcmp(d->octets, forger.cookie_i, WIRE_COOKIE) != 0)
        return;
    memcpy(forger.cookie_r, d->octets + WIRE_COOKIE, WIRE_COOKIE);
    forger.answered = true;
}

static void send_as_headend(struct world *w, struct wire_writer *out)
{
    struct ike_path path = { .local = { w->ends[NEAR].address, IKE_PORT }, .remote = { w->ends[FAR].address, IKE_PORT } };
    struct bytes message = wire_finish(out, 0);
    if (w->ends[NEAR].ike)
        world_inject(w, NEAR, &path, message);
}

static void forge_first(struct world *w)
{
    static uint8_t memory[IKE_SEND_MAX], body[SA_BODY_MAX];
    struct wire_writer out;
    struct wire_header header = { .exchange = IANA_EXCHANGE_MAIN };
    struct writer sa = writer_of(body, sizeof body);
    for (size_t i = 0; i < WIRE_COOKIE; i++)
        forger.cookie_i[i] = (uint8_t)(world_random(w) | (i == 0));
    memcpy(header.cookie_i, forger.cookie_i, WIRE_COOKIE);
    sa_v1_write_ike_offer(&sa, &w->ends[FAR].conf.conns[0]);
    wire_write_header(&out, memory, sizeof memory, 0, &header);
    wire_payload(&out, IANA_PAYLOAD_SA, writer_span(&sa));
    vid_write(&out, VID_NATT | VID_DPD);
    forger.answered = false;
    send_as_headend(w, &out);
}

static void forge_third(struct world *w)
{
    static uint8_t memory[IKE_SEND_MAX];
    const struct crypto_group_row *group = crypto_group_find(19);
    uint8_t exponent[CRYPTO_EXPONENT_MAX] = { [0] = 1, [31] = (uint8_t)world_random(w) }, public_value[CRYPTO_PUBLIC_MAX];
    struct wire_writer out;
    struct wire_header header = { .exchange = IANA_EXCHANGE_MAIN };
    memcpy(header.cookie_i, forger.cookie_i, WIRE_COOKIE);
    memcpy(header.cookie_r, forger.cookie_r, WIRE_COOKIE);
    assert_int_equal(crypto_dh_public(19, bytes_of(exponent, group->exponent_length), public_value), CRYPTO_OK);
    wire_write_header(&out, memory, sizeof memory, 0, &header);
    wire_payload(&out, IANA_PAYLOAD_KE, bytes_of(public_value, group->public_length));
    wire_payload(&out, IANA_PAYLOAD_NONCE, bytes_of(exponent, 32));
    send_as_headend(w, &out);
}

static void begin_and_leave(struct world *w)
{
    w->network.hook = see;
    forge_first(w);
    if (forger.answered) {
        forge_third(w);
        forger.begun++;
    }
    world_at(w, forger.every_us, begin_and_leave);
}

static bool has_half_open(struct world *w)
{
    for (size_t i = 0; i < PEER_SAS_MAX; i++)
        if (peer(w, NEAR)->sa[i].used && !peer(w, NEAR)->sa[i].up && peer(w, NEAR)->sa[i].x.role == ROLE_RESPONDER)
            return true;
    return false;
}

/* The headend dies, and leaves it to us to begin when it is back. */
static void test_forged_beginnings_hold_nothing_off(void **state)
{
    (void)state;
    static const int64_t every[] = { MONO_MS(200), MONO_S(2), MONO_S(20), MONO_S(29) };
    for (size_t k = 0; k < sizeof every / sizeof *every; k++) {
        struct world *w = up("somebody begins Main Modes under the headend's address", NAT_NONE);
        forger.every_us = every[k];
        forger.begun = 0;
        begin_and_leave(w);
        world_check(w, forger.begun == 1 && has_half_open(w));
        world_kill(w, FAR, false);
        world_run(w, MONO_S(100));
        world_check(w, forger.begun > 2 && has_half_open(w));
        world_start(w, FAR);
        struct mono from = w->now;
        bool back = world_run_until(w, world_up, MONO_S(120));
        print_message("one each %.1f s: up %.1f s after the headend was there again\n", (double)every[k] / 1e6, (double)mono_since(w->now, from) / 1e6);
        world_check(w, back && mono_since(w->now, from) < MONO_S(9)); /* 4 s between repetitions, 3 s at most for what seems to begin */
        world_free(w);
    }
}

/* Nor a rekey of the ISAKMP SA, nor one of the IPsec SAs. */
static void test_forged_beginnings_and_rekeys(void **state)
{
    (void)state;
    struct world *w = up("somebody begins Main Modes while all is rekeyed", NAT_NONE);
    forger.every_us = MONO_S(1);
    begin_and_leave(w);
    world_run(w, MONO_S(5));
    uint32_t serial = peer_sa_best(peer(w, NEAR))->serial, spi = world_status(w, NEAR, 0).spi_in;
    world_command(w, NEAR, IKE_COMMAND_REKEY, 0);
    world_run(w, MONO_S(8));
    world_check(w, peer_sa_best(peer(w, NEAR))->serial != serial && world_status(w, NEAR, 0).spi_in != spi);
    world_check(w, flow_lost(w) == 0 && world_up(w));
    world_free(w);
}

/* What was replaced stays for what is under way on it, however many Main Modes are begun. */
static void test_forged_beginnings_take_no_place(void **state)
{
    (void)state;
    struct world *w = up("somebody begins Main Modes after a rekey", NAT_NONE);
    uint32_t before = peer_sa_best(peer(w, NEAR))->serial;
    world_command(w, NEAR, IKE_COMMAND_REKEY, 0);
    world_run(w, MONO_S(2));
    world_check(w, peer_sa_best(peer(w, NEAR))->serial != before && peer_sa_serial(peer(w, NEAR), before));
    forger.every_us = MONO_MS(150);
    forger.begun = 0;
    begin_and_leave(w);
    world_run(w, MONO_S(20));
    world_check(w, forger.begun > 20 && peer_sa_serial(peer(w, NEAR), before));
    world_free(w);
}

/* ---- the same message another way ---- */

static struct {
    int to;                     /* the end that gets it on port 500, too */
    unsigned passed;
} passer;

static void pass_on(struct world *w, const struct datagram *d, struct fate *fate)
{
    struct ike_path path = { .local = d->target, .remote = d->source };
    (void)fate;
    bool fits = d->from != passer.to && d->source.port == IKE_PORT_NATT && d->length > 4 + WIRE_HEADER;
    if (!fits || !w->ends[passer.to].ike || !network_translate(w, d->from, &path.remote, &path.local))
        return;
    path.local.port = path.remote.port = IKE_PORT;
    world_inject(w, passer.to, &path, bytes_of(d->octets + 4, d->length - 4));
    passer.passed++;
}

/* RFC 3947 4: from the change to port 4500 on nothing else counts. Were the SA moved, ESP would go where nobody takes it out of UDP. */
static void test_passed_on_to_port_500(void **state)
{
    (void)state;
    for (int to = NEAR; to < ENDS; to++) {
        struct options o = { .common = ECP, .nat = NAT_STATIC };
        struct world *w = world_new(&o);
        snprintf(w->what, sizeof w->what, "what goes to 4500 comes on 500 before, %s", to == NEAR ? "here" : "there");
        passer.to = to;
        passer.passed = 0;
        w->network.hook = pass_on;
        world_settle(w, MONO_S(30));
        world_command(w, NEAR, IKE_COMMAND_REKEY, 0);
        world_run(w, MONO_S(60));
        world_check(w, passer.passed > 5 && world_up(w) && flow_lost(w) == 0);
        for (int end = 0; end < ENDS; end++)
            world_check(w, peer_sa_best(peer(w, end))->path.local.port == IKE_PORT_NATT && peer_sa_best(peer(w, end))->path.remote.port == IKE_PORT_NATT);
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forged_beginnings_hold_nothing_off),
        cmocka_unit_test(test_forged_beginnings_and_rekeys),
        cmocka_unit_test(test_forged_beginnings_take_no_place),
        cmocka_unit_test(test_passed_on_to_port_500),
    };
    world_filter();
    return cmocka_run_group_tests_name("simulation: an onlooker who sends", tests, NULL, NULL);
}

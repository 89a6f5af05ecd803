/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzzer of the engine found, each as a case of its own: see tests/fuzz. The data plane answers when it is told to. */
#include "tests/support/test.h"

#include "ike/iana.h"
#include "ike/id.h"
#include "tests/support/forge.h"

static struct run run;

/* Both ends up with ESP in UDP. */
static struct engine *up_in_udp(void)
{
    struct conf_conn cpe = engine_conn(CPE, 19), headend = engine_conn(HEADEND, 19);
    cpe.encapsulation = headend.encapsulation = CONF_YES;
    run_record(&run, &cpe, &headend);
    image_load(&run.after[HEADEND], &run.end[HEADEND]);
    return &run.end[HEADEND];
}

static struct child *current(struct engine *e)
{
    struct child *c = child_current(&e->ike->tunnels[0]);
    assert_non_null(c);
    return c;
}

/* With the non-ESP marker in front. */
static const uint8_t *marked(struct bytes message)
{
    static uint8_t octets[IKE_SEND_MAX];
    memset(octets, 0, 4);
    memcpy(octets + 4, message.data, message.length);
    return octets;
}

/* Requests of that type since the last look, and the last one. */
static unsigned asked(struct engine *e, enum dp_request_type type, struct dp_request *last)
{
    static struct ike_output o;
    unsigned n = 0;
    while (ike_next_output(e->ike, &o))
        if (o.type == IKE_DATAPLANE && o.request.type == type) {
            n++;
            *last = o.request;
        }
    return n;
}

static void mapped(struct engine *e, const struct child *c, struct endpoint to)
{
    const struct dp_event event = { .type = DP_EVENT_MAPPING, .direction = DP_IN, .spi = c->spi_in, .local = c->local, .remote = to };
    ike_dataplane_event(e->ike, e->now, &event);
}

/* Whoever can turn the source of a packet around would get our messages, and the next SA would not be permitted. */
static void mapping_from_another_address(void **state)
{
    (void)state;
    struct dp_request last;
    struct engine *e = up_in_udp();
    const struct child *c = current(e);
    struct endpoint from = c->remote, elsewhere = { addr_v4(0xc0000263), 4500 };
    mapped(e, c, elsewhere);
    assert_int_equal(asked(e, DP_SA_MOVE, &last), 0);
    assert_true(endpoint_equal(&forge_sa(e)->path.remote, &from));
    assert_false(current(e)->soft_expired || current(e)->renew);
    from.port = 5500;
    mapped(e, c, from);
    assert_int_equal(asked(e, DP_SA_MOVE, &last), 2);
    assert_int_equal(last.to_remote.port, 5500);
    run_free(&run);
}

static void port_changes_while_installing(void **state)
{
    (void)state;
    struct dp_request last;
    struct engine *e = up_in_udp();
    struct child *c = current(e);
    struct endpoint to = { c->remote.addr, 5500 };
    c->out_there = false;
    c->out_asked = true; /* its request is on its way to the kernel */
    mapped(e, c, to);
    assert_int_equal(asked(e, DP_SA_MOVE, &last), 2);
    run_free(&run);
}

/* The kernel did not take the new port: a new pair is begun, which has it. */
static void port_not_taken(void **state)
{
    (void)state;
    struct dp_request last;
    struct engine *e = up_in_udp();
    struct child *c = current(e);
    mapped(e, c, (struct endpoint){ c->remote.addr, 5500 });
    assert_int_equal(asked(e, DP_SA_MOVE, &last), 2);
    assert_false(tunnel_quick_under_way(&e->ike->tunnels[0]));
    const struct dp_reply reply = { .id = last.id, .type = DP_SA_MOVE, .spi = last.name.spi, .error = 12 };
    ike_dataplane_done(e->ike, e->now, &reply);
    assert_true(tunnel_quick_under_way(&e->ike->tunnels[0]));
    run_free(&run);
}

static void deleted_before_the_reply(void **state)
{
    (void)state;
    struct dp_request last;
    struct engine *e = up_in_udp();
    struct child *c = current(e);
    c->out_there = false;
    c->out_asked = true;
    child_remove_out(e->ike, &e->ike->tunnels[0], c);
    assert_int_equal(asked(e, DP_SA_REMOVE, &last), 1);
    const struct dp_reply reply = { .id = 1, .type = DP_SA_INSTALL, .spi = c->spi_out };
    ike_dataplane_done(e->ike, e->now, &reply);
    assert_false(c->out_there);
    run_free(&run);
}

/* Replies name an SA by its SPI: two of one name were taken for one another. */
static void one_spi_for_two(void **state)
{
    (void)state;
    struct engine *e = up_in_udp();
    const struct conf_conn *conn = e->ike->tunnels[0].conf;
    uint8_t body[256], nonce[32] = { 1 }, far[12], near[12];
    struct writer sa = writer_of(body, sizeof body), theirs = writer_of(far, sizeof far), ours = writer_of(near, sizeof near);
    sa_v1_write_esp_offer(&sa, conn, 0x4711, 19, true);
    id_write_selector(&theirs, &conf_far(conn)->subnet);
    id_write_selector(&ours, &conf_near(conn)->subnet);
    static const uint8_t exponent[CRYPTO_EXPONENT_MAX] = { 1, 2, 3 };
    uint8_t public_value[CRYPTO_PUBLIC_MAX];
    assert_int_equal(crypto_dh_public(19, bytes_of(exponent, 32), public_value), CRYPTO_OK);
    for (uint32_t id = 1; id <= 2; id++) {
        struct forge f = { .sa = forge_sa(e), .exchange = IANA_EXCHANGE_QUICK, .message_id = id, .hash = HASH_1 };
        forge_add(&f, IANA_PAYLOAD_SA, writer_span(&sa));
        forge_add(&f, IANA_PAYLOAD_NONCE, bytes_of(nonce, sizeof nonce));
        forge_add(&f, IANA_PAYLOAD_KE, bytes_of(public_value, 64));
        forge_add(&f, IANA_PAYLOAD_ID, writer_span(&theirs));
        forge_add(&f, IANA_PAYLOAD_ID, writer_span(&ours));
        struct bytes message = forge_make(&f);
        engine_clear(e);
        ike_packet(e->ike, e->now, &forge_sa(e)->path, bytes_of(marked(message), message.length + 4));
        engine_drain(e);
        if ((e->requests > 0) != (id == 1))
            fail_msg("message %u: %s", id, e->text);
    }
    run_free(&run);
}

static int start(void **state) { (void)state; return crypto_start(); }
static int stop(void **state) { (void)state; crypto_stop(); return 0; }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mapping_from_another_address), cmocka_unit_test(port_changes_while_installing), cmocka_unit_test(deleted_before_the_reply),
        cmocka_unit_test(port_not_taken),
        cmocka_unit_test(one_spi_for_two),
    };
    return cmocka_run_group_tests_name("ike: what the fuzzer found", tests, start, stop);
}

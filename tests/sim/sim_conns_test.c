/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selectors, several conns to one headend, commands, stopping, lifetimes told by the headend, and a kernel that
 * refuses: what a tunnel needs beside the order of its messages.
 */
#include "tests/sim/world.h"

#include "ike/iana.h"

#include <stdio.h>

#define ECP "\tike=aes256-sha2_256;dh19\n\tphase2alg=aes_gcm256;dh19\n\tikelifetime=28800s\n\tsalifetime=3600s\n"

static struct world *begin(const struct options *o, const char *name)
{
    struct world *w = world_new(o);
    snprintf(w->what, sizeof w->what, "%s", name);
    world_start_both(w);
    return w;
}

static void check_pairs(struct world *w)
{
    world_check(w, world_up(w));
    for (uint16_t conn = 0; conn < w->conns; conn++) {
        struct ike_status near = world_status(w, NEAR, conn), far = world_status(w, FAR, conn);
        world_check(w, near.spi_in == far.spi_out && near.spi_out == far.spi_in);
        for (int end = 0; end < ENDS; end++)
            world_check(w, plane_count(w, end, DP_IN, conn) == 1 && plane_count(w, end, DP_OUT, conn) == 1);
    }
}

/* ---- selectors ---- */

/* The headend starts with 0.0.0.0/0 both ways, the file here has the tutorial's narrow ones, which it takes too. */
static void test_any_against_narrow(void **state)
{
    (void)state;
    for (int near_starts = 0; near_starts < 2; near_starts++) {
        struct options o = { .common = ECP, .nat = NAT_STATIC, .subnets = { { "192.168.3.0/24", "10.0.2.0/24" } },
                             .far_subnets = { { "192.168.3.0/24", "10.0.2.0/24" }, { "0.0.0.0/0", "0.0.0.0/0" } },
                             .conn_extra = { { NULL, "\tauto=add\n" }, { NULL, "\tauto=start\n" } } };
        struct world *w = world_new(&o);
        snprintf(w->what, sizeof w->what, "the headend wants 0.0.0.0/0, %s", near_starts ? "both start" : "it alone starts at first");
        world_start(w, FAR);
        if (!near_starts)
            world_run(w, MONO_MS(5));
        world_start(w, NEAR);
        struct mono from = w->now;
        world_check(w, world_run_until(w, world_up, MONO_S(2)));
        print_message("0.0.0.0/0 refused, ours up after %.2f s\n", (double)mono_since(w->now, from) / 1e6);
        world_run(w, MONO_S(120));
        check_pairs(w);
        world_check(w, w->ends[FAR].notices[IKE_CAUSE_SUBNETS] > 0);
        world_check(w, plane_count(w, FAR, DP_IN, 1) == 0 && plane_count(w, FAR, DP_OUT, 1) == 0);
        world_check(w, strstr(w->ends[NEAR].last_warning, "refused") != NULL);
        world_free(w);
    }
}

static unsigned isakmp_sas(struct world *w, int end)
{
    unsigned n = 0;
    for (size_t i = 0; i < PEER_SAS_MAX; i++)
        n += w->ends[end].ike->peers[0].sa[i].used;
    return n;
}

static const char *const eight[WORLD_CONNS_MAX][ENDS] = {
    { "192.168.3.0/24", "10.0.2.0/24" }, { "192.168.4.0/24", "10.0.2.0/24" }, { "192.168.3.0/24", "10.0.3.0/24" },
    { "192.168.4.0/24", "10.0.3.0/24" }, { "fd00:3::/64", "fd00:a:2::/64" },  { "fd00:4::/64", "fd00:a:2::/64" },
    { "172.16.0.1/32", "10.0.9.9/32" },  { "::/0", "::/0" },
};

/* Of the Quick Modes that an end began: those whose third message has not been sent. */
static unsigned open_quicks[ENDS];

static void few_at_once(struct world *w, const struct datagram *d, struct fate *fate)
{
    (void)fate;
    if (d->first && d->kind == MESSAGE_QM1)
        world_check(w, ++open_quicks[d->from] <= 4);
    if (d->first && d->kind == MESSAGE_QM3)
        open_quicks[d->from]--;
}

static void test_many_conns(void **state)
{
    (void)state;
    for (int both = 0; both < 2; both++) {
        struct options o = { .common = ECP, .nat = NAT_STATIC, .extra = { NULL, both ? "\tauto=start\n" : NULL } };
        memcpy(o.subnets, eight, sizeof eight);
        struct world *w = world_new(&o);
        snprintf(w->what, sizeof w->what, "eight conns, IPv4 and IPv6, one headend");
        memset(open_quicks, 0, sizeof open_quicks);
        w->network.hook = few_at_once;
        world_start_both(w);
        world_check(w, world_run_until(w, world_up, MONO_S(5)));
        world_run(w, MONO_S(120));
        check_pairs(w);
        world_check(w, isakmp_sas(w, NEAR) == 1 && isakmp_sas(w, FAR) == 1);
        flow_count_from_now(w);
        world_run(w, MONO_S(2 * 3600)); /* each has been rekeyed, none has lost a packet */
        world_check(w, flow_lost(w) == 0);
        for (uint16_t conn = 0; conn < w->conns; conn++)
            world_check(w, world_status(w, NEAR, conn).established == 1);
        world_check(w, w->ends[NEAR].plane.installed >= 2 * 8 * 2);
        world_free(w);
    }
}

/* One of them goes down and up again; the others do not notice. */
static void test_one_of_many(void **state)
{
    (void)state;
    struct options o = { .common = ECP, .nat = NAT_STATIC };
    memcpy(o.subnets, eight, sizeof eight);
    struct world *w = begin(&o, "one of eight conns down and up");
    world_check(w, world_run_until(w, world_up, MONO_S(5)));
    world_run(w, MONO_S(60));
    flow_count_from_now(w);
    world_command(w, NEAR, IKE_COMMAND_DOWN, 3);
    world_run(w, MONO_S(30));
    world_check(w, world_status(w, NEAR, 3).state == IKE_STATE_DOWN && plane_count(w, NEAR, DP_IN, 3) == 0 && plane_count(w, FAR, DP_OUT, 3) == 0);
    for (uint16_t conn = 0; conn < w->conns; conn++)
        world_check(w, conn == 3 || w->flows[conn][NEAR].lost_us + w->flows[conn][FAR].lost_us == 0);
    world_command(w, NEAR, IKE_COMMAND_UP, 3);
    world_check(w, world_run_until(w, world_up, MONO_S(2)));
    world_run(w, MONO_S(60));
    check_pairs(w);
    world_free(w);
}

/* ---- commands and stopping ---- */

static void test_commands(void **state)
{
    (void)state;
    struct options o = { .common = ECP, .nat = NAT_STATIC };
    struct world *w = begin(&o, "down, up, rekey");
    for (int i = 0; i < 5; i++) {
        world_check(w, world_run_until(w, world_up, MONO_S(3)));
        world_run(w, MONO_S(60));
        check_pairs(w);
        uint32_t spi = world_status(w, NEAR, 0).spi_in;
        flow_count_from_now(w);
        world_command(w, NEAR, IKE_COMMAND_REKEY, 0);
        world_run(w, MONO_S(60));
        check_pairs(w);
        world_check(w, world_status(w, NEAR, 0).spi_in != spi && flow_lost(w) == 0);
        world_command(w, NEAR, IKE_COMMAND_DOWN, 0);
        world_run(w, MONO_S(20));
        for (int end = 0; end < ENDS; end++)
            world_check(w, w->ends[end].plane.count == 0 && !w->ends[end].plane.alive[0] && isakmp_sas(w, end) == 0);
        unsigned sent = w->network.sent[NEAR] + w->network.sent[FAR];
        world_run(w, MONO_S(3600)); /* nobody wants it: silence */
        world_check(w, w->network.sent[NEAR] + w->network.sent[FAR] == sent);
        world_command(w, NEAR, IKE_COMMAND_UP, 0);
    }
    world_free(w);
}

static void test_stop(void **state)
{
    (void)state;
    for (int end = 0; end < ENDS; end++)
        for (int both = 0; both < 2; both++) {
            struct options o = { .common = ECP, .nat = NAT_STATIC, .extra = { NULL, both ? "\tauto=start\n" : NULL } };
            memcpy(o.subnets, eight, sizeof eight);
            struct world *w = begin(&o, end == NEAR ? "the CPE stops" : "the headend stops");
            world_check(w, world_run_until(w, world_up, MONO_S(5)));
            world_run(w, MONO_S(60));
            world_stop(w, end);
            world_check(w, w->ends[end].plane.count == 0 && mono_is_never(ike_deadline(w->ends[end].ike)));
            world_kill(w, end, true);
            world_run(w, MONO_S(15));
            world_check(w, w->ends[!end].plane.count == 0); /* told, all eight */
            for (uint16_t conn = 0; conn < w->conns; conn++)
                world_check(w, !w->ends[!end].plane.alive[conn]);
            world_start(w, end);
            world_check(w, world_run_until(w, world_up, MONO_S(12)));
            world_run(w, MONO_S(120));
            check_pairs(w);
            world_free(w);
        }
}

/* ---- RESPONDER-LIFETIME ---- */

struct lifetime {
    uint32_t seconds;
    uint8_t iv[CRYPTO_BLOCK];                /* the last block of message 1 */
};

/* Message 2 taken apart with the headend's own keys, the Notify added, hashed and encrypted anew. */
static size_t with_lifetime(struct world *w, const uint8_t *m, size_t length, const struct lifetime *life, uint8_t *out)
{
    struct peer *peer = &w->ends[FAR].ike->peers[0];
    struct isakmp_sa *sa = peer_sa_best(peer);
    struct wire_header header;
    struct bytes body;
    struct wire_message message;
    static uint8_t clear[IKE_SEND_MAX];
    uint8_t hash[CRYPTO_HASH_MAX];
    const struct quick *q = NULL;
    world_check(w, wire_read_header(bytes_of(m, length), &header, &body) == 0);
    for (size_t i = 0; i < TUNNEL_QUICKS_MAX; i++)
        if (w->ends[FAR].ike->tunnels[0].quick[i].x.message_id == header.message_id)
            q = &w->ends[FAR].ike->tunnels[0].quick[i];
    struct bytes key = bytes_of(sa->keys.cipher_key, sa->keys.key_length);
    world_check(w, q && crypto_cbc_decrypt(key, life->iv, body, clear) == CRYPTO_OK);
    world_check(w, wire_read_payloads(header.next, bytes_of(clear, body.length), &message) == 0);

    struct wire_writer writer;
    wire_write_header(&writer, out, IKE_SEND_MAX - 4, 0, &header);
    for (size_t i = 0; i < message.count; i++)
        wire_payload(&writer, message.payloads[i].type, message.payloads[i].body);
    size_t at = wire_open(&writer, IANA_PAYLOAD_NOTIFY);
    writer_u32(&writer.w, IANA_DOI_IPSEC);
    writer_u8(&writer.w, IANA_PROTOCOL_ESP);
    writer_u8(&writer.w, 4);
    writer_u16(&writer.w, IANA_NOTIFY_RESPONDER_LIFETIME);
    writer_u32(&writer.w, q->spi_in);
    writer_u16(&writer.w, 0x8000 | IANA_PHASE2_LIFE_TYPE);
    writer_u16(&writer.w, IANA_LIFE_SECONDS);
    writer_u16(&writer.w, IANA_PHASE2_LIFE_DURATION);
    writer_u16(&writer.w, 4);
    writer_u32(&writer.w, life->seconds);
    wire_close(&writer, at);
    size_t hash_at = WIRE_HEADER + WIRE_GENERIC, hash_length = sa->keys.hash_length;
    struct bytes rest = bytes_of(out + hash_at + hash_length, writer.w.used - hash_at - hash_length);
    world_check(w, keys_v1_hash_2(&sa->keys, header.message_id, bytes_of(q->nonce_i, q->nonce_i_length), rest, hash) == 0);
    memcpy(out + hash_at, hash, hash_length);
    struct bytes done = wire_finish(&writer, CRYPTO_BLOCK);
    world_check(w, done.length && crypto_cbc_encrypt(key, life->iv, bytes_of(out + WIRE_HEADER, done.length - WIRE_HEADER), out + WIRE_HEADER) == CRYPTO_OK);
    return done.length;
}

/* Message 2 goes lost and its longer twin arrives instead; message 3 closes the exchange that the headend knows. */
static void add_lifetime(struct world *w, const struct datagram *d, struct fate *fate)
{
    struct lifetime *life = w->network.hook_context;
    if (d->kind == MESSAGE_QM1 && d->from == NEAR)
        memcpy(life->iv, d->octets + d->length - CRYPTO_BLOCK, CRYPTO_BLOCK);
    if (d->kind != MESSAGE_QM2 || d->from != FAR)
        return;
    struct event *e = world_event(w, EVENT_DATAGRAM, w->network.delay_us, NEAR);
    size_t marker = d->source.port == IKE_PORT_NATT ? 4 : 0;
    fate->lost = true;
    e->datagram = *d;
    e->datagram.length = marker + with_lifetime(w, d->octets + marker, d->length - marker, life, e->datagram.octets + marker);
    e->path.local = d->target;
    e->path.remote = d->source;
    world_check(w, network_translate(w, FAR, &e->path.remote, &e->path.local));
}

static void test_responder_lifetime(void **state)
{
    (void)state;
    static const uint32_t seconds[] = { 600, 3600, 86400, 0, 0xffffffff };
    for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
        struct lifetime life = { .seconds = seconds[i] };
        struct options o = { .common = ECP, .nat = NAT_STATIC };
        struct world *w = world_new(&o);
        snprintf(w->what, sizeof w->what, "RESPONDER-LIFETIME of %u s", seconds[i]);
        w->network.hook = add_lifetime;
        w->network.hook_context = &life;
        world_start_both(w);
        /* The headend's own chain does not have the longer message, so message 3 is not for it; the CPE is up. */
        world_run(w, MONO_S(2));
        world_check(w, world_end_up(w, NEAR));
        const struct child *c = child_current(&w->ends[NEAR].ike->tunnels[0]);
        int64_t lives = mono_since(c->expires_at, c->since);
        bool shorter = seconds[i] == 600;
        world_check(w, shorter ? lives <= MONO_S(600) && lives > MONO_S(595) : lives <= MONO_S(3600) && lives > MONO_S(3595));
        world_check(w, c->rekey_at.us < c->expires_at.us);
        world_free(w);
    }
}

/* ---- a kernel that refuses ---- */

static void test_refused_at_first(void **state)
{
    (void)state;
    for (int end = 0; end < ENDS; end++)
        for (int direction = DP_IN; direction <= DP_OUT; direction++)
            for (unsigned times = 1; times <= 4; times++) {
                struct options o = { .common = ECP, .nat = NAT_STATIC };
                struct world *w = world_new(&o);
                snprintf(w->what, sizeof w->what, "%s kernel refuses %u %s SAs", end == NEAR ? "the CPE's" : "the headend's", times,
                         direction == DP_IN ? "inbound" : "outbound");
                w->ends[end].plane.fail[direction] = times;
                world_start_both(w);
                world_check(w, world_run_until(w, world_up, MONO_S(40)));
                world_check(w, w->ends[end].plane.fail[direction] == 0);
                world_check(w, w->ends[end].notices[IKE_CAUSE_KERNEL] == 1); /* said once */
                world_run(w, MONO_S(120));
                check_pairs(w);
                world_free(w);
            }
}

/* In a rekey the old pair goes on meanwhile. */
static void test_refused_in_rekey(void **state)
{
    (void)state;
    for (int starter = 0; starter < ENDS; starter++)
        for (int end = 0; end < ENDS; end++)
            for (int direction = DP_IN; direction <= DP_OUT; direction++) {
                struct options o = { .common = ECP, .nat = NAT_STATIC, .extra = { NULL, "\tauto=start\n" } };
                struct world *w = begin(&o, "");
                snprintf(w->what, sizeof w->what, "%s kernel refuses %s SAs while the %s rekeys", end == NEAR ? "the CPE's" : "the headend's",
                         direction == DP_IN ? "inbound" : "outbound", starter == NEAR ? "CPE" : "headend");
                world_check(w, world_run_until(w, world_up, MONO_S(5)));
                world_run(w, MONO_S(120));
                flow_count_from_now(w);
                w->ends[end].plane.fail[direction] = 3;
                world_command(w, starter, IKE_COMMAND_REKEY, 0);
                world_run(w, MONO_S(60));
                world_check(w, w->ends[end].plane.fail[direction] == 0 && flow_lost(w) == 0);
                world_run(w, MONO_S(120));
                check_pairs(w);
                world_free(w);
            }
}

/* Somebody removes the SAs by hand, or the kernel's limit strikes: a new pair is there within a round trip or two. */
static void test_removed_by_others(void **state)
{
    (void)state;
    for (int variant = 0; variant < 8; variant++) {
        int end = variant & 1;
        enum dp_direction direction = variant & 2 ? DP_OUT : DP_IN;
        struct options o = { .common = ECP, .nat = NAT_STATIC };
        struct world *w = begin(&o, "");
        snprintf(w->what, sizeof w->what, "%s SA %s at %s", direction == DP_IN ? "inbound" : "outbound", variant & 4 ? "expires" : "is removed",
                 end == NEAR ? "the CPE" : "the headend");
        world_check(w, world_run_until(w, world_up, MONO_S(5)));
        world_run(w, MONO_S(60));
        if (variant & 4)
            plane_expire(w, end, direction, 0, true);
        else
            plane_gone(w, end, direction, 0);
        world_run(w, MONO_MS(100));
        world_check(w, world_run_until(w, world_up, MONO_S(2)));
        world_run(w, MONO_S(120));
        check_pairs(w);
        world_free(w);
    }
}

/* The data plane answers after a second, or at the same instant. */
static void test_slow_data_plane(void **state)
{
    (void)state;
    static const int64_t delays_us[] = { 0, MONO_MS(30), MONO_MS(400), MONO_S(1), MONO_S(3) };
    for (size_t i = 0; i < 25; i++) {
        struct options o = { .common = ECP, .nat = NAT_STATIC, .extra = { NULL, i & 1 ? "\tauto=start\n" : NULL } };
        struct world *w = world_new(&o);
        snprintf(w->what, sizeof w->what, "data planes that take %lld and %lld ms", (long long)delays_us[i / 5] / 1000, (long long)delays_us[i % 5] / 1000);
        w->ends[NEAR].plane.delay_us = delays_us[i / 5];
        w->ends[FAR].plane.delay_us = delays_us[i % 5];
        world_start_both(w);
        world_check(w, world_run_until(w, world_up, MONO_S(20)));
        world_run(w, MONO_S(120));
        check_pairs(w);
        flow_count_from_now(w);
        world_command(w, NEAR, IKE_COMMAND_REKEY, 0);
        world_run(w, MONO_S(120));
        check_pairs(w);
        world_check(w, flow_lost(w) == 0);
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_against_narrow),
        cmocka_unit_test(test_many_conns),
        cmocka_unit_test(test_one_of_many),
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_responder_lifetime),
        cmocka_unit_test(test_refused_at_first),
        cmocka_unit_test(test_refused_in_rekey),
        cmocka_unit_test(test_removed_by_others),
        cmocka_unit_test(test_slow_data_plane),
    };
    world_filter();
    return cmocka_run_group_tests_name("simulation: conns, commands, data plane", tests, NULL, NULL);
}

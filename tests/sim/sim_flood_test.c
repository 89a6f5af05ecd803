/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes from nobody knows whom: floods under the headend's address, and messages that are refused. A tunnel goes
 * on, a Main Mode of the true headend completes, and a refused message leaves the engine's memory as it was.
 */
#include "tests/sim/world.h"

#include "ike/iana.h"
#include "ike/vid.h"

#include <malloc.h>
#include <stdio.h>

#define ECP "\tike=aes256-sha2_256;dh19\n\tphase2alg=aes_gcm256;dh19\n\tikelifetime=28800s\n\tsalifetime=3600s\n\tinitial-contact=no\n"

enum { FORGED = 100000, STEP_US = 50 };       /* 20,000 a second */

/* ---- the engine's memory ---- */

struct snapshot {
    struct peer peer;
    struct tunnel tunnel;
};

/* All but rate limits, and what a person is told about an attempt that may be failing. */
static void take(struct world *w, int end, struct snapshot *s)
{
    const struct ike *ike = w->ends[end].ike;
    memcpy(&s->peer, &ike->peers[0], sizeof s->peer);
    memcpy(&s->tunnel, &ike->tunnels[0], sizeof s->tunnel);
    memset(&s->peer.limits, 0, sizeof s->peer.limits);
    for (size_t i = 0; i < PEER_SAS_MAX; i++) {
        s->peer.sa[i].evidence = IKE_CAUSE_NONE;
        s->peer.sa[i].notify = 0;
        s->peer.sa[i].notify_authenticated = s->peer.sa[i].unreadable = false;
    }
    s->tunnel.cause = IKE_CAUSE_NONE;
    s->tunnel.cause_at = s->tunnel.cause_known_at = (struct mono){ 0 };
    memset(s->tunnel.cause_text, 0, sizeof s->tunnel.cause_text);
    memset(&s->tunnel.evidence, 0, sizeof s->tunnel.evidence);
}

static void refused(struct world *w, int end, const struct ike_path *path, struct bytes datagram)
{
    static struct snapshot before, after;
    unsigned sent = w->network.sent[end];
    take(w, end, &before);
    world_inject(w, end, path, datagram);
    take(w, end, &after);
    world_check(w, memcmp(&before.peer, &after.peer, sizeof before.peer) == 0);
    world_check(w, memcmp(&before.tunnel, &after.tunnel, sizeof before.tunnel) == 0);
    world_check(w, w->network.sent[end] == sent);
}

/* ---- each message spoilt before it comes ---- */

static unsigned spoilt;

static void spoil_body(struct world *w, const struct datagram *d, const struct ike_path *path, size_t marker)
{
    static uint8_t copy[IKE_SEND_MAX];
    for (size_t at = marker + WIRE_HEADER; at < d->length; at++, spoilt++) {
        memcpy(copy, d->octets, d->length);
        copy[at] ^= (uint8_t)(1U << world_random(w) % 8);
        refused(w, !d->from, path, bytes_of(copy, d->length));
    }
    for (size_t length = marker; length < d->length; length++, spoilt++)
        refused(w, !d->from, path, bytes_of(d->octets, length));
}

/* Cookies, first payload, version, exchange, message ID, length; the flags that nothing protects are left. */
static void spoil_header(struct world *w, const struct datagram *d, const struct ike_path *path, size_t marker)
{
    static uint8_t copy[IKE_SEND_MAX];
    for (size_t at = 0; at < WIRE_HEADER; at++)
        for (unsigned bit = 0; bit < 8 && at != 19; bit++, spoilt++) {
            memcpy(copy, d->octets, d->length);
            copy[marker + at] ^= (uint8_t)(1U << bit);
            refused(w, !d->from, path, bytes_of(copy, d->length));
        }
}

/* Only what is encrypted is protected: the clear messages 1 to 4 may say anything until 5 and 6 prove them. */
static void spoil(struct world *w, const struct datagram *d, struct fate *fate)
{
    struct ike_path path = { .local = d->target, .remote = d->source };
    size_t marker = d->source.port == IKE_PORT_NATT ? 4 : 0;
    (void)fate;
    if (!d->first || d->length < marker + WIRE_HEADER || !(d->octets[marker + 19] & IANA_FLAG_ENCRYPTION) || !w->ends[!d->from].ike ||
        !network_translate(w, d->from, &path.remote, &path.local))
        return;
    spoil_body(w, d, &path, marker);
    spoil_header(w, d, &path, marker);
}

static void test_spoilt(void **state)
{
    (void)state;
    static const char *const fars[] = { NULL, "\tauto=start\n" };
    spoilt = 0;
    for (size_t far = 0; far < 2; far++) {
        struct options o = { .common = ECP, .nat = NAT_STATIC, .extra = { NULL, fars[far] } };
        struct world *w = world_new(&o);
        snprintf(w->what, sizeof w->what, "every message spoilt before it comes, the headend %s", far ? "starts too" : "waits");
        w->traffic_us = 0;
        w->network.hook = spoil;
        world_start_both(w);
        world_check(w, world_run_until(w, world_up, MONO_S(5)));
        world_run(w, MONO_S(35)); /* probes, and Deletes of a collision */
        world_command(w, NEAR, IKE_COMMAND_REKEY, 0);
        world_run(w, MONO_S(60));
        world_check(w, world_up(w));
        world_free(w);
    }
    print_message("%u spoilt messages: none changed anything, none was answered\n", spoilt);
    assert_true(spoilt > 10000);
}

/* ---- floods ---- */

static struct world *up(const char *name, const char *far)
{
    struct options o = { .common = ECP, .nat = NAT_STATIC, .extra = { NULL, far } };
    struct world *w = world_new(&o);
    snprintf(w->what, sizeof w->what, "%s", name);
    world_settle(w, MONO_S(60));
    return w;
}

static struct ike_path from_headend(struct world *w, uint16_t port)
{
    return (struct ike_path){ .local = { w->ends[NEAR].address, port }, .remote = { w->ends[FAR].address, port } };
}

/* A first message that is as good as the headend's own but for its cookie; `other`: and with an offer of its own. */
static size_t forge_first(struct world *w, uint8_t *out, bool other)
{
    struct wire_writer writer;
    struct wire_header header = { .exchange = IANA_EXCHANGE_MAIN };
    static struct conf_conn conf;
    static uint8_t body[SA_BODY_MAX];
    struct writer sa = writer_of(body, sizeof body);
    for (size_t i = 0; i < WIRE_COOKIE; i++)
        header.cookie_i[i] = (uint8_t)(world_random(w) | (i == 0));
    memcpy(&conf, w->ends[FAR].conf.conns, sizeof conf);
    if (other)
        conf.ike_lifetime = 3600 + (uint32_t)(world_random(w) % 80000);
    sa_v1_write_ike_offer(&sa, &conf);
    wire_write_header(&writer, out, IKE_SEND_MAX - 4, 0, &header);
    wire_payload(&writer, IANA_PAYLOAD_SA, writer_span(&sa));
    vid_write(&writer, VID_NATT | VID_DPD);
    return wire_finish(&writer, 0).length;
}

/* A new Main Mode of that end. */
static void begin_main(struct world *w, int end)
{
    struct ike *ike = w->ends[end].ike;
    ike->peers[0].rekey_asked = true;
    ike_tick(ike, w->now);
    world_drain(w, end);
}

/* An ISAKMP SA of that role, begun after `since`, which the CPE has authenticated. */
static bool made_one(struct world *w, enum role role, struct mono since)
{
    for (size_t i = 0; i < PEER_SAS_MAX; i++) {
        const struct isakmp_sa *sa = &w->ends[NEAR].ike->peers[0].sa[i];
        if (sa->used && sa->up && sa->x.role == role && sa->began.us >= since.us)
            return true;
    }
    return false;
}

/* `starter` begins a Main Mode in the midst of it; returns how long that took, -1: not before the flood's end. */
static int64_t main_in_flood(struct world *w, int starter, unsigned count, int64_t step_us, bool other)
{
    static uint8_t forged[IKE_SEND_MAX];
    struct ike_path path = from_headend(w, IKE_PORT);
    struct mono begun = MONO_NEVER;
    int64_t took = -1;
    for (unsigned i = 0; i < count; i++) {
        size_t length = forge_first(w, forged, other);
        world_inject(w, NEAR, &path, bytes_of(forged, length));
        world_run(w, step_us);
        if (i == count / 10 + 77) { /* not when a token of the rate limit is new */
            begun = w->now;
            begin_main(w, starter);
        }
        if (took < 0 && made_one(w, starter == NEAR ? ROLE_INITIATOR : ROLE_RESPONDER, begun))
            took = mono_since(w->now, begun);
    }
    return took;
}

static void flood_first(int starter, int64_t step_us, bool other)
{
    unsigned count = step_us < MONO_MS(1) ? FORGED : FORGED / 20;
    struct world *w = up("first messages forged", "\tauto=start\n");
    snprintf(w->what, sizeof w->what, "%u first messages, %lld a second, %s", count, (long long)(1000000 / step_us),
             other ? "each with another offer" : "all with the true offer");
    uint32_t spi = world_status(w, NEAR, 0).spi_in;
    unsigned sent = w->network.sent[NEAR];
    size_t memory = mallinfo2().uordblks;
    int64_t took = main_in_flood(w, starter, count, step_us, other);
    unsigned answers = w->network.sent[NEAR] - sent;
    print_message("%s: %s Main Mode took %.2f s, %u datagrams sent, %llu packets lost\n", w->what, starter == NEAR ? "our own" : "the headend's",
                  (double)took / 1e6, answers, (unsigned long long)flow_lost(w));
    world_check(w, took >= 0 && took < MONO_S(2));
    world_check(w, mallinfo2().uordblks <= memory + 4096);
    world_check(w, step_us >= MONO_MS(1) || answers < FORGED / 20); /* the headend is not drowned in them */
    world_check(w, flow_lost(w) == 0 && world_up(w) && w->ends[NEAR].plane.alive[0]);
    world_check(w, world_status(w, NEAR, 0).spi_in == spi);
    world_free(w);
}

/* The headend's own Main Mode comes through, by what it sends again. */
static void test_flood_of_first_messages(void **state)
{
    (void)state;
    for (int other = 0; other < 2; other++) {
        flood_first(FAR, MONO_MS(10), other);
        flood_first(NEAR, STEP_US, other);
        flood_first(FAR, STEP_US, other);
    }
}

static void inject_first(struct world *w, bool other, unsigned times)
{
    static uint8_t forged[IKE_SEND_MAX];
    struct ike_path path = from_headend(w, IKE_PORT);
    size_t length = forge_first(w, forged, other);
    for (; times > 0; times--) {
        world_inject(w, NEAR, &path, bytes_of(forged, length));
        world_run(w, STEP_US);
    }
}

/* The headend loses all it had while its first messages drown; `both`: and we ours, so that no offer of it is known. */
static int64_t restart_in_flood(unsigned number, const char *extra, bool other, bool both, unsigned times)
{
    struct options o = { .seed = number + 1, .common = ECP, .nat = NAT_NONE, .extra = { extra, "\tauto=start\n" } };
    struct world *w = world_new(&o);
    snprintf(w->what, sizeof w->what, "the headend restarts in a flood, run %u", number);
    world_settle(w, MONO_S(60));
    if (both) {
        world_kill(w, FAR, false);
        world_kill(w, NEAR, false);
        world_start(w, NEAR);
    }
    for (uint64_t n = 200 + world_random(w) % 400; n > 0; n--)
        inject_first(w, other, times);
    if (!both)
        world_kill(w, FAR, false);
    world_start(w, FAR);
    struct mono from = w->now;
    while (!world_up(w)) {
        inject_first(w, other, times);
        world_check(w, mono_since(w->now, from) < MONO_S(10));
    }
    int64_t took = mono_since(w->now, from);
    world_free(w);
    return took;
}

/* Our own Main Mode may bring the tunnel up, too; with auto=add it is the headend's alone, until a probe has told that it is gone. */
static void test_headend_restarts_in_flood(void **state)
{
    (void)state;
    static const char *const starts[] = { "\tauto=start\n", "\tauto=add\n" };
    enum { RUNS = 20 };
    for (unsigned kind = 0; kind < 8; kind++) {
        int64_t most = 0, sum = 0;
        for (unsigned run = 0; run < RUNS; run++) {
            int64_t took = restart_in_flood(run, starts[kind & 1], kind & 2, kind & 4, 1);
            most = took > most ? took : most;
            sum += took;
        }
        print_message("%s restart%s in a flood of 20,000 a second,%s here %s: up again after %.2f s, at most %.2f s of %d runs\n",
                      kind & 4 ? "both" : "the headend", kind & 4 ? "" : "s", kind & 2 ? " each with another offer," : "", kind & 1 ? "auto=add" : "auto=start", (double)sum / RUNS / 1e6,
                      (double)most / 1e6, (int)RUNS);
        assert_true(most < MONO_S(2));
    }
}

/* A forger who knows the rule sends each twice: then ours brings the tunnel up, be it that a probe told, or that we begin anyway. */
static void test_each_forged_one_comes_twice(void **state)
{
    (void)state;
    static const char *const starts[] = { "\tauto=start\n", "\tauto=add\n" };
    enum { RUNS = 20 };
    for (unsigned kind = 0; kind < 5; kind++) { /* not with auto=add and nothing of before: then it is the headend's to begin */
        bool both = kind & 4;
        int64_t most = 0;
        for (unsigned run = 0; run < RUNS; run++) {
            int64_t took = restart_in_flood(run, starts[kind & 1], kind & 2, both, 2);
            most = took > most ? took : most;
        }
        print_message("each comes twice,%s%s here %s: up again after %.2f s at most\n", kind & 2 ? " and has another offer," : "",
                      both ? " both restarted," : "", kind & 1 ? "auto=add" : "auto=start", (double)most / 1e6);
        assert_true(most < MONO_S(2));
    }
}

static void lose_answers_to_probes(struct world *w, const struct datagram *d, struct fate *fate)
{
    (void)w;
    fate->lost |= d->from == FAR && d->kind == MESSAGE_INFO;
}

/* A headend that agrees to everything and answers no probe: a flood must not have us begin again and again. */
static void test_no_probe_is_answered_in_flood(void **state)
{
    (void)state;
    enum { MINUTES = 3, GAP_US = 5000 };
    struct options o = { .common = ECP, .extra = { NULL, "\tauto=add\n" } };
    struct world *w = world_new(&o);
    snprintf(w->what, sizeof w->what, "no probe is answered in a flood");
    world_settle(w, MONO_S(60));
    w->network.hook = lose_answers_to_probes;
    unsigned mains = w->network.kinds[FAR][MESSAGE_MM2];
    for (unsigned n = 0; n < MINUTES * 60000000 / GAP_US; n++) {
        inject_first(w, false, 1);
        world_run(w, GAP_US);
    }
    mains = w->network.kinds[FAR][MESSAGE_MM2] - mains;
    print_message("%s: %u Main Modes in %d minutes\n", w->what, mains, (int)MINUTES);
    world_check(w, mains >= 3 && mains <= 20);
    world_free(w);
}

/* Noise of every length, and the true cookies over a body that nobody has encrypted. */
static void test_flood_of_noise(void **state)
{
    (void)state;
    static const uint8_t exchanges[] = { IANA_EXCHANGE_MAIN, IANA_EXCHANGE_QUICK, IANA_EXCHANGE_INFORMATIONAL, 4, 6, 33, 34, 35 };
    static uint8_t noise[IKE_MESSAGE_MAX];
    struct world *w = up("100,000 pieces of noise", NULL);
    uint32_t spi = world_status(w, NEAR, 0).spi_in;
    const struct isakmp_sa *sa = peer_sa_best(&w->ends[NEAR].ike->peers[0]);
    for (unsigned i = 0; i < FORGED; i++) {
        struct ike_path path = from_headend(w, i & 1 ? IKE_PORT_NATT : IKE_PORT);
        size_t marker = i & 1 ? 4 : 0, length = marker + world_random(w) % 400;
        for (size_t k = marker; k < length; k++)
            noise[k] = (uint8_t)world_random(w);
        memset(noise, 0, marker);
        if (i & 2 && length >= marker + WIRE_HEADER) { /* a header that is true as far as an onlooker knows it */
            memcpy(noise + marker, sa->cookie_i, WIRE_COOKIE);
            memcpy(noise + marker + WIRE_COOKIE, sa->cookie_r, WIRE_COOKIE);
            noise[marker + 17] = IANA_VERSION_1;
            noise[marker + 18] = exchanges[world_random(w) % sizeof exchanges];
            size_t said = length - marker;
            noise[marker + 24] = noise[marker + 25] = 0;
            noise[marker + 26] = (uint8_t)(said >> 8);
            noise[marker + 27] = (uint8_t)said;
        }
        refused(w, NEAR, &path, bytes_of(noise, length));
        if (i % 100 == 0)
            world_run(w, MONO_MS(10));
    }
    world_check(w, flow_lost(w) == 0 && world_up(w) && world_status(w, NEAR, 0).spi_in == spi);
    world_free(w);
}

/* From an address that is nobody's: not even looked at. */
static void test_strangers(void **state)
{
    (void)state;
    static uint8_t forged[IKE_SEND_MAX];
    struct world *w = up("a stranger", NULL);
    struct ike_path path = from_headend(w, IKE_PORT);
    path.remote.addr = addr_v4(0xcb007105);
    for (unsigned i = 0; i < 1000; i++) {
        size_t length = forge_first(w, forged, i & 1);
        refused(w, NEAR, &path, bytes_of(forged, length));
    }
    world_free(w);
}

/* ---- old messages again ---- */

enum { KEPT = 256 };

static struct datagram kept[KEPT];
static size_t kept_count;

static void keep(struct world *w, const struct datagram *d, struct fate *fate)
{
    (void)w;
    (void)fate;
    if (kept_count < KEPT && d->length > WIRE_HEADER)
        kept[kept_count++] = *d;
}

/* Everything that was ever sent comes once more, in any order: no pair and no ISAKMP SA comes or goes for it. */
static void test_replay(void **state)
{
    (void)state;
    struct options o = { .common = ECP, .nat = NAT_STATIC };
    struct world *w = world_new(&o);
    snprintf(w->what, sizeof w->what, "everything again");
    kept_count = 0;
    w->network.hook = keep;
    world_start_both(w);
    world_check(w, world_run_until(w, world_up, MONO_S(5)));
    struct dp_event soft = { .type = DP_EVENT_EXPIRE, .direction = DP_OUT, .spi = world_status(w, NEAR, 0).spi_out };
    world_dp_event(w, NEAR, &soft); /* a rekey under the same ISAKMP SA, with its Deletes */
    world_run(w, MONO_S(60));
    w->network.hook = NULL;
    world_run(w, MONO_S(200)); /* beyond the time that a Quick Mode is kept for repetitions */
    flow_count_from_now(w);
    uint32_t spi = world_status(w, NEAR, 0).spi_in;
    unsigned installed = w->ends[NEAR].plane.installed + w->ends[FAR].plane.installed;
    for (unsigned i = 0; i < 20 * kept_count; i++) {
        const struct datagram *d = &kept[world_random(w) % kept_count];
        struct ike_path path = { .local = d->target, .remote = d->source };
        world_check(w, network_translate(w, d->from, &path.remote, &path.local));
        world_inject(w, !d->from, &path, bytes_of(d->octets, d->length));
        world_run(w, MONO_MS(20));
    }
    world_run(w, MONO_S(60));
    world_check(w, kept_count > 12);
    world_check(w, world_up(w) && flow_lost(w) == 0 && world_status(w, NEAR, 0).spi_in == spi);
    world_check(w, w->ends[NEAR].plane.installed + w->ends[FAR].plane.installed == installed);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spoilt),
        cmocka_unit_test(test_flood_of_first_messages),
        cmocka_unit_test(test_headend_restarts_in_flood),
        cmocka_unit_test(test_each_forged_one_comes_twice),
        cmocka_unit_test(test_no_probe_is_answered_in_flood),
        cmocka_unit_test(test_flood_of_noise),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_replay),
    };
    world_filter();
    return cmocka_run_group_tests_name("simulation: floods and refused messages", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An engine in somebody else's hands, against the server and a real kernel: two tunnels are up, and it asks for all
 * that it can put into a request. What is refused changes nothing in the kernel, what is permitted stays within the
 * configuration. Needs what dataplane_test needs.
 */
#include "tests/kernel/world.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "dataplane/message.h"

#define OWN "192.168.2.42"
#define FIRST "192.168.2.11"
#define SECOND "192.168.2.12"
#define STATES "ip xfrm state | grep -v lastused"

enum { REQUESTS = 1000 };

static struct conf_conn conns[2];

/* Both tunnels of the near side up, and an SA that somebody else installed. */
static int make(void **state)
{
    if (world_make(state))
        return -1;
    conns[0] = conns[1] = sides[NEAR].conn;
    conns[1].end[1].addr = v4(SECOND);
    conns[1].mark_in = conns[1].mark_out = 6;
    snprintf(conns[1].name, sizeof conns[1].name, "oracle-tunnel-2");
    snprintf(conns[1].vti_interface, sizeof conns[1].vti_interface, "vti02");
    sides[NEAR].conf = (struct conf){ .conns = conns, .count = 2 };
    server_start(NEAR);
    for (uint16_t conn = 0; conn < 2; conn++)
        for (int direction = DP_IN; direction <= DP_OUT; direction++) {
            struct dp_sa sa = sa_make((uint8_t)direction, 0x1000U + 16U * conn + (unsigned)direction, OWN, conn ? SECOND : FIRST, 4500, true);
            sa.conn = conn;
            install(NEAR, &sa);
        }
    enter(NEAR);
    return shell("ip xfrm state add src " FIRST " dst " OWN " proto esp spi 0x5005 mode tunnel aead 'rfc4106(gcm(aes))' 0x%072d 128", 0);
}

static char *listing(const char *command)
{
    FILE *f = popen(command, "r");
    char *text = test_memory(1 << 18);
    assert_non_null(f);
    text[fread(text, 1, (1 << 18) - 1, f)] = '\0';
    pclose(f);
    return text;
}

#define EVERYTHING STATES "; ip xfrm policy; ip -o link; ip route"

static char *kernel_before;   /* as the last attempt left it */

/* The verdict, and whether the kernel is as it was. */
static void attempt(const char *what, const struct dp_request *request, enum dp_verdict wanted, bool changes)
{
    struct dp_message message;
    dp_message_begin(&message, DP_MESSAGE_REQUEST);
    message.request = *request;
    if (!kernel_before)
        kernel_before = listing(EVERYTHING);
    forget();
    enum dp_verdict verdict = dp_server_handle(sides[NEAR].server, &message, dp_message_length(message.type));
    char *after = listing(EVERYTHING);
    bool same = strcmp(kernel_before, after) == 0;
    free(kernel_before);
    kernel_before = after;
    if (verdict != wanted || same == changes)
        fail_msg("%s: verdict %d, not %d; the kernel is %s", what, verdict, wanted, same ? "as it was" : "changed");
}

static int end(void **state)
{
    free(kernel_before);
    kernel_before = NULL;
    return world_end(state);
}

static struct dp_request install_of(uint16_t conn, uint32_t spi, uint8_t direction)
{
    struct dp_request r = { .id = 1, .type = DP_SA_INSTALL, .sa = sa_make(direction, spi, OWN, conn ? SECOND : FIRST, 4500, true) };
    r.sa.conn = conn;
    r.name = dp_sa_name_of(&r.sa);
    return r;
}

static struct dp_request named(enum dp_request_type type, uint16_t conn, uint32_t spi, uint8_t direction)
{
    struct dp_request r = install_of(conn, spi, direction);
    r.type = (uint8_t)type;
    r.to_local = r.name.local;
    r.to_remote = r.name.remote;
    return r;
}

static void test_other_ends_and_algorithms(void **state)
{
    (void)state;
    struct dp_request r;
#define TRY(wanted, changing) do { r = install_of(0, 0x2000, DP_IN); changing; attempt(#changing, &r, wanted, false); } while (0)
    TRY(DP_FORGED, r.sa.conn = 2);
    TRY(DP_FORGED, r.sa.conn = 65535);
    TRY(DP_FORGED, r.sa.conn = 1);                           /* the other tunnel's number with this one's headend */
    TRY(DP_FORGED, r.sa.remote.addr = v4(SECOND));
    TRY(DP_FORGED, r.sa.remote.addr = v4("203.0.113.66"));
    TRY(DP_REFUSED, r.sa.local.addr = v4("192.168.2.43"));
    TRY(DP_REFUSED, r.sa.local.addr = v4("127.0.0.1"));
    TRY(DP_REFUSED, r.sa.local.addr = v4(FIRST));
    TRY(DP_FORGED, r.sa.spi = 0);
    TRY(DP_FORGED, r.sa.spi = 255);
    TRY(DP_FORGED, r.sa.esp_transform = 11; r.sa.key_bits = r.sa.key_length = 0);        /* ESP without encryption */
    TRY(DP_FORGED, r.sa.esp_transform = 3);
    TRY(DP_FORGED, r.sa.key_bits = 128; r.sa.key_length = 20);
    TRY(DP_FORGED, r.sa.esp_transform = 12; r.sa.esp_auth = 0; r.sa.key_length = 32);   /* CBC without integrity */
    TRY(DP_FORGED, r.sa.esp_transform = 12; r.sa.esp_auth = 2; r.sa.key_length = 52);
    TRY(DP_FORGED, r.sa.key_length = DP_KEY_MAX + 1);
    TRY(DP_FORGED, r.sa.key_length = UINT16_MAX);
    TRY(DP_FORGED, r.sa.key_length = 0);
    TRY(DP_FORGED, r.sa.replay_window = 0);
    TRY(DP_FORGED, r.sa.replay_window = UINT32_MAX);
    TRY(DP_FORGED, r.sa.hard_seconds = 0);
    TRY(DP_FORGED, r.sa.hard_seconds = UINT32_MAX);
    TRY(DP_FORGED, r.sa.direction = 2);
    TRY(DP_FORGED, r.sa.local.port = 0);                      /* half of ESP in UDP */
    TRY(DP_FORGED, r.sa.local.port = 53);                     /* this host's own services */
    TRY(DP_REFUSED, r.sa.hard_seconds = 86400);               /* longer than salifetime= */
    TRY(DP_FORGED, r.sa.local.addr.family = 77);
    TRY(DP_STALE, r.generation = 1);                          /* another configuration's moment */
    TRY(DP_FORGED, r.type = 0);
    TRY(DP_FORGED, r.type = 200);
#undef TRY
}

static void test_other_tunnels_sas(void **state)
{
    (void)state;
    struct dp_request r;
    r = install_of(0, 0x1010, DP_IN);                         /* the inbound SPI of the other tunnel: one address, one SPI, one SA */
    attempt("install over another tunnel's SPI", &r, DP_PERMITTED, false);
    r = install_of(0, 0x1000, DP_IN);
    attempt("install over one's own SPI", &r, DP_PERMITTED, false);
    r = install_of(0, 0x5005, DP_IN);
    attempt("install over somebody else's SPI", &r, DP_PERMITTED, false);
    for (int type = DP_SA_REMOVE; type <= DP_SA_QUERY; type++) {
        /* To ask about or move what is not one's own is answered as if it were not there. */
        enum dp_verdict unknown = type == DP_SA_REMOVE ? DP_REFUSED : DP_PERMITTED;
        r = named((enum dp_request_type)type, 0, 0x1010, DP_IN);
        attempt("another tunnel's SA by this one's number", &r, unknown, false);
        r = named((enum dp_request_type)type, 1, 0x1000, DP_IN);
        attempt("this one's SA by another's number", &r, unknown, false);
        r = named((enum dp_request_type)type, 0, 0x1010, DP_IN);
        r.name.remote.addr = v4(SECOND);
        attempt("another tunnel's SA by its own address", &r, DP_FORGED, false);
        r = named((enum dp_request_type)type, 0, 0x5005, DP_IN);
        attempt("somebody else's SA", &r, unknown, false);
        r = named((enum dp_request_type)type, 0, 0x7777, DP_OUT);
        attempt("an SA that is not there", &r, DP_PERMITTED, false);
    }
    r = named(DP_SA_MOVE, 0, 0x1000, DP_IN);
    r.to_remote.addr = v4(SECOND);
    attempt("a move to another address", &r, DP_FORGED, false);
    r = named(DP_SA_MOVE, 0, 0x1000, DP_IN);
    r.to_local.port = r.to_remote.port = 0;
    attempt("a move out of UDP", &r, DP_FORGED, false);
    r.to_local.port = 53;
    r.to_remote.port = 4500;
    attempt("a move to another port of this host", &r, DP_FORGED, false);
}

static void test_too_many(void **state)
{
    (void)state;
    unsigned permitted = 0;
    for (uint32_t i = 0; i < 200; i++) {
        struct dp_message message;
        dp_message_begin(&message, DP_MESSAGE_REQUEST);
        message.request = install_of(0, 0x9000 + i, DP_IN);
        forget();
        permitted += dp_server_handle(sides[NEAR].server, &message, dp_message_length(message.type)) == DP_PERMITTED;
    }
    printf("    %u of 200 SAs of one tunnel were permitted\n", permitted);
    assert_in_range(permitted, 1, DP_HELD_MAX);
    assert_true(prints("ip xfrm state count", "SAD count 1")); /* ten to nineteen of them */
    struct dp_request r = install_of(1, 0xa000, DP_IN);       /* the other tunnel has room */
    attempt("the other tunnel", &r, DP_PERMITTED, true);
    assert_true(prints("ip xfrm state", "0x0000a000"));
}

static void test_lengths_and_types(void **state)
{
    (void)state;
    static union { struct dp_message message; uint8_t octets[sizeof(struct dp_message) + 64]; } forged;
    char *before = listing(EVERYTHING);
    for (uint32_t type = 0; type < 12; type++)
        for (size_t length = 0; length < sizeof forged.octets; length += length < 64 ? 1 : 37) {
            memset(&forged, 0, sizeof forged);
            forged.message.request = install_of(0, 0x2000, DP_IN);
            forged.message.type = type;
            if (type == DP_MESSAGE_REQUEST && length == dp_message_length(type))
                continue;
            assert_int_equal(dp_server_handle(sides[NEAR].server, &forged.message, length), DP_FORGED);
        }
    assert_true(unchanged(before, listing(EVERYTHING)));
}

/* All octets of a request are the attacker's: some of it is permitted, and none of that leaves the configuration. */
static void test_random_requests(void **state)
{
    (void)state;
    uint64_t x = 88172645463325252U;
    unsigned counts[4] = { 0 };
    char *policies = listing("ip xfrm policy; ip -o link; ip route");
    for (unsigned i = 0; i < REQUESTS; i++) {
        struct dp_message message;
        dp_message_begin(&message, DP_MESSAGE_REQUEST);
        message.request = named((enum dp_request_type)(1 + i % 4), (uint16_t)(i / 4 % 2), 0x1000 + i % 32, (uint8_t)(i / 8 % 2));
        for (unsigned k = 0; k < 1 + i % 3; k++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            ((uint8_t *)&message.request)[x % sizeof message.request] ^= (uint8_t)(x >> 32);
        }
        forget();
        counts[dp_server_handle(sides[NEAR].server, &message, dp_message_length(message.type)) % 4]++;
    }
    printf("    %d random requests: %u permitted, %u refused, %u stale, %u forged\n", REQUESTS, counts[DP_PERMITTED], counts[DP_REFUSED], counts[DP_STALE],
           counts[DP_FORGED]);
    assert_true(counts[DP_FORGED] > 100 && counts[DP_PERMITTED] > 50);
    assert_true(unchanged(policies, listing("ip xfrm policy; ip -o link; ip route")));
    /* Every SA joins our address and a headend, in tunnel mode, under the tunnel's number, with its algorithm and window. */
    assert_true(prints("ip xfrm state", "0x00005005"));
    assert_int_equal(shell("ip xfrm state delete src " FIRST " dst " OWN " proto esp spi 0x5005"), 0);
    assert_int_not_equal(shell("ip xfrm state | grep '^src' | grep -vE '^src " OWN " dst 192.168.2.1[12]$|^src 192.168.2.1[12] dst " OWN "$'"), 0);
    assert_int_not_equal(shell("ip xfrm state | grep 'proto esp' | grep -vE 'reqid 183520460[89] mode tunnel'"), 0);
    assert_int_not_equal(shell("ip xfrm state | grep -E 'auth-trunc|enc |aead ' | grep -vE 'rfc4106|hmac.sha256|cbc.aes'"), 0);
    assert_int_not_equal(shell("ip xfrm state | grep -E 'comp |sel |encap' | grep -vE 'espinudp|sel src 0.0.0.0/0 dst 0.0.0.0/0'"), 0);
}

int main(int argc, char **argv)
{
    if (!world_possible()) {
        printf("skipped: this kernel has no VTI, or this is not root\n");
        return 77;
    }
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
#define EACH(test) cmocka_unit_test_setup_teardown(test, make, end)
        EACH(test_other_ends_and_algorithms), EACH(test_other_tunnels_sas), EACH(test_too_many), EACH(test_lengths_and_types),
        EACH(test_random_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

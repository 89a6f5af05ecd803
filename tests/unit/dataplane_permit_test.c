/* SPDX-License-Identifier: Apache-2.0 */
/* What an engine in somebody else's hands may not have: each field of each request moved out of what is configured. */
#include "tests/support/test.h"

#include <stdio.h>

#include "dataplane/quota.h"

enum { CONNS = 2 };

static struct conf_conn conns[CONNS];
static struct addr locals[CONNS];
static const uint32_t generations[CONNS] = { 3, 3 };
static struct dp_held held;
static struct dp_scene scene;
static struct dp_message message;

static struct addr v4(const char *text)
{
    struct addr a;
    assert_true(addr_parse(&a, text));
    return a;
}

static int make_scene(void **state)
{
    (void)state;
    memset(conns, 0, sizeof conns);
    for (int i = 0; i < CONNS; i++) {
        memcpy(conns[i].name, i ? "b" : "a", 2);
        conns[i].end[1].addr = v4(i ? "198.51.100.21" : "198.51.100.11");
        conns[i].replay_window = 128;
        conns[i].encapsulation = CONF_AUTOMATIC;
        conns[i].sa_lifetime = 3600;
        conns[i].esp_count = 2;
        conns[i].esp[0] = (struct conf_esp_proposal){ CRYPTO_AES_GCM_16, 256, CRYPTO_HASH_NONE };
        conns[i].esp[1] = (struct conf_esp_proposal){ CRYPTO_AES_CBC, 128, CRYPTO_SHA1 };
        locals[i] = v4("192.0.2.10");
    }
    assert_true(dp_held_open(&held, CONNS));
    scene = (struct dp_scene){ .conns = conns, .count = CONNS, .local = locals, .held = &held, .generation = generations };
    return 0;
}

static int drop_scene(void **state)
{
    (void)state;
    dp_held_close(&held);
    return 0;
}

static struct dp_sa good_sa(void)
{
    return (struct dp_sa){
        .conn = 1, .direction = DP_IN, .spi = 0xc0000001, .local = { v4("192.0.2.10"), 4500 }, .remote = { v4("198.51.100.21"), 4500 },
        .esp_transform = 20, .key_bits = 256, .key_length = 36, .replay_window = 128, .hard_seconds = 3600,
    };
}

static struct dp_request *begin(enum dp_request_type type)
{
    dp_message_begin(&message, DP_MESSAGE_REQUEST);
    message.request.generation = 3;
    message.request.type = (uint8_t)type;
    message.request.conn = 1;
    message.request.sa = good_sa();
    message.request.name = dp_sa_name_of(&message.request.sa);
    message.request.to_local = message.request.sa.local;
    message.request.to_remote = message.request.sa.remote;
    return &message.request;
}

static void expect(enum dp_verdict verdict, const char *part)
{
    char text[DP_TEXT_MAX];
    enum dp_verdict got = dp_permit(&scene, &message, text);
    if (got != verdict || !strstr(text, part))
        fail_msg("expected %d '%s', got %d '%s'", verdict, part, got, text);
    assert_int_equal(text[0] == 0, verdict == DP_PERMITTED);
}

static void what_is_fine(void **state)
{
    (void)state;
    for (int type = DP_SA_INSTALL; type <= DP_TUNNEL_ALIVE; type++) {
        begin((enum dp_request_type)type);
        expect(DP_PERMITTED, "");
    }
    struct dp_request *r = begin(DP_SA_INSTALL);
    r->sa.local.port = r->sa.remote.port = 0;
    expect(DP_PERMITTED, "");
    r->sa.local.port = 4500;
    r->sa.remote.port = 50000; /* a NAT chose it */
    expect(DP_PERMITTED, "");
    r->sa.esp_transform = 12;
    r->sa.key_bits = 128;
    r->sa.esp_auth = 2;
    r->sa.key_length = 16 + 20;
    expect(DP_PERMITTED, "");
    r->sa.replay_window = 4096;
    expect(DP_PERMITTED, "");
    r->sa.direction = DP_OUT;
    r->sa.replay_window = 0; /* has no meaning there */
    expect(DP_PERMITTED, "");
}

static void what_an_engine_never_asks(void **state)
{
    (void)state;
    struct dp_request *r;
#define FORGED(change, part) do { r = begin(DP_SA_INSTALL); change; expect(DP_FORGED, part); } while (0)
    FORGED(r->sa.conn = 2, "no such slot");
    FORGED(r->sa.conn = 65535, "no such slot");
    FORGED(r->sa.spi = 0, "SPIs below 256");
    FORGED(r->sa.spi = 255, "SPIs below 256");
    FORGED(r->sa.remote.addr = v4("203.0.113.66"), "not the conn's headend");
    FORGED(r->sa.remote.addr = v4("198.51.100.11"), "not the conn's headend"); /* another conn's */
    FORGED(r->sa.remote.addr = (struct addr){ 0 }, "not the conn's headend");
    FORGED(r->sa.local.addr = (struct addr){ 0 }, "no local address");
    FORGED(r->sa.esp_transform = 12, "no such algorithm");
    FORGED(r->sa.esp_transform = 3, "no such algorithm");
    FORGED(r->sa.esp_transform = 11, "no such algorithm"); /* ESP_NULL */
    FORGED(r->sa.key_bits = 128; r->sa.key_length = 20, "no such algorithm");
    FORGED(r->sa.esp_auth = 2, "no such algorithm");
    FORGED(r->sa.key_length = 35, "no such algorithm");
    FORGED(r->sa.key_length = 0, "no such algorithm");
    FORGED(r->sa.replay_window = 0, "replay window");
    FORGED(r->sa.replay_window = 64, "replay window");
    FORGED(r->sa.replay_window = 5000, "replay window");
    FORGED(r->sa.hard_seconds = 10 * 86400, "two days");
    FORGED(r->sa.hard_seconds = 0, "endless");
    FORGED(r->sa.local.port = 53, "port 4500 here"); /* this host's own services */
    FORGED(r->sa.local.port = 500, "port 4500 here");
    FORGED(r->sa.local.port = 0, "port 4500 here");
    FORGED(r->sa.remote.port = 0, "port 4500 here");
    conns[1].encapsulation = CONF_NO;
    FORGED(r->sa.spi = 0xc0000001, "port 4500 here");
    conns[1].encapsulation = CONF_AUTOMATIC;
#undef FORGED
    for (int type = DP_SA_REMOVE; type <= DP_SA_QUERY; type++) {
        begin((enum dp_request_type)type)->name.conn = 9;
        expect(DP_FORGED, "no such slot");
        begin((enum dp_request_type)type)->name.spi = 12;
        expect(DP_FORGED, "SPIs below 256");
        begin((enum dp_request_type)type)->name.remote.addr = v4("203.0.113.66");
        expect(DP_FORGED, "not the conn's headend");
    }
    begin(DP_TUNNEL_ALIVE)->conn = CONNS;
    expect(DP_FORGED, "no such slot");
}

static void moves_change_ports_alone(void **state)
{
    (void)state;
    begin(DP_SA_MOVE)->to_remote.port = 41234;
    expect(DP_PERMITTED, "");
    begin(DP_SA_MOVE)->to_remote.addr = v4("203.0.113.66");
    expect(DP_FORGED, "only the ports");
    begin(DP_SA_MOVE)->to_local.addr = v4("203.0.113.66");
    expect(DP_FORGED, "only the ports");
    struct dp_request *r = begin(DP_SA_MOVE);
    r->to_local.port = r->to_remote.port = 0;
    expect(DP_FORGED, "only the ports");
    begin(DP_SA_MOVE)->to_local.port = 53;
    expect(DP_FORGED, "only the ports");
    struct dp_sa plain = good_sa();
    plain.local.port = plain.remote.port = 0;
    assert_true(dp_held_add(&held, &plain));
    begin(DP_SA_MOVE); /* into UDP, which encapsulation= may not allow */
    expect(DP_FORGED, "only the ports");
}

static void what_bad_timing_explains(void **state)
{
    (void)state;
    begin(DP_SA_INSTALL);
    locals[1] = v4("192.0.2.99");
    expect(DP_REFUSED, "not the one that leads to the headend");
    locals[1] = (struct addr){ 0 };
    expect(DP_REFUSED, "no way to the headend");
    locals[1] = v4("192.0.2.10");
    begin(DP_SA_INSTALL)->sa.hard_seconds = 3660; /* as the engine asks for */
    expect(DP_PERMITTED, "");
    begin(DP_SA_INSTALL)->sa.hard_seconds = 3661; /* salifetime= was longer a moment ago */
    expect(DP_REFUSED, "longer than salifetime=");
    begin(DP_SA_REMOVE); /* what was installed before the address changed has to go some time */
    expect(DP_PERMITTED, "");
    for (int type = DP_SA_INSTALL; type <= DP_TUNNEL_ALIVE; type++) { /* it crossed a reload */
        begin((enum dp_request_type)type)->generation = 2;
        expect(DP_STALE, "no longer configured so");
        message.request.generation = 4; /* no engine knows what comes; but it is not believed either */
        expect(DP_STALE, "no longer configured so");
    }
    conns[1].name[0] = 0; /* the slot is empty, and the engine was told so */
    for (int type = DP_SA_INSTALL; type <= DP_TUNNEL_ALIVE; type++) {
        begin((enum dp_request_type)type);
        expect(DP_FORGED, "no such conn");
        message.request.generation = 2;
        expect(DP_STALE, "no longer configured so");
    }
}

static void too_many(void **state)
{
    (void)state;
    struct dp_sa sa = good_sa();
    for (uint32_t i = 0; i < DP_HELD_MAX; i++) {
        begin(DP_SA_INSTALL);
        expect(DP_PERMITTED, "");
        sa.spi = 0x1000 + i;
        assert_true(dp_held_add(&held, &sa));
    }
    begin(DP_SA_INSTALL);
    expect(DP_REFUSED, "too many SAs");
    begin(DP_SA_INSTALL)->sa.direction = DP_OUT; /* each direction for itself */
    expect(DP_PERMITTED, "");
}

/* One by one they are fine; nobody's engine asks so often. */
static void too_often(void **state)
{
    (void)state;
    struct dp_quota quota;
    struct mono now = { MONO_S(100) };
    const struct dp_request *change = begin(DP_SA_INSTALL), query = { .type = DP_SA_QUERY };
    dp_quota_begin(&quota, now);
    for (int i = 0; i < 5 * DP_CHANGES_BURST; i++)
        assert_true(dp_quota_take(&quota, now, &query, DP_PERMITTED));
    for (int i = 0; i < DP_CHANGES_BURST; i++)
        assert_true(dp_quota_take(&quota, now, change, i & 1 ? DP_PERMITTED : DP_STALE));
    assert_false(dp_quota_take(&quota, now, change, DP_PERMITTED));
    assert_false(dp_quota_take(&quota, now, &query, DP_STALE));
    now.us += MONO_S(1);
    for (int i = 0; i < DP_CHANGES_A_SECOND; i++)
        assert_true(dp_quota_take(&quota, now, change, DP_PERMITTED));
    assert_false(dp_quota_take(&quota, now, change, DP_PERMITTED));
    for (int i = 0; i < DP_REFUSALS_BURST; i++)
        assert_true(dp_quota_take(&quota, now, &query, DP_REFUSED));
    assert_false(dp_quota_take(&quota, now, &query, DP_REFUSED));
    now.us += MONO_S(86400); /* a day of one refusal a second */
    for (int i = 0; i < 86400; i++, now.us += MONO_S(1))
        assert_true(dp_quota_take(&quota, now, &query, DP_REFUSED));
    dp_quota_begin(&quota, now);
    assert_int_equal(quota.changes, DP_CHANGES_BURST);
    const struct dp_request alive = { .type = DP_TUNNEL_ALIVE };
    for (int i = 0; i < 120; i++, now.us += MONO_S(1)) /* 256 tunnels whose way comes and goes each second: no reason to end an engine */
        for (int k = 0; k < 512; k++)
            assert_true(dp_quota_take(&quota, now, &alive, DP_PERMITTED));
    unsigned levels = 0;
    for (int i = 0; i < 100000; i++, now.us += 100) /* ten seconds of ten thousand words a second */
        levels += dp_quota_take_level(&quota, now);
    assert_in_range(levels, DP_LEVELS_BURST, DP_LEVELS_BURST + 10 * DP_LEVELS_A_SECOND);
}

/* Somebody in a hurry, a script that does so five times a second for a while, and one that never stops. */
static void reloads_too_often(void **state)
{
    (void)state;
    struct dp_quota quota;
    struct mono now = { MONO_S(100) };
    dp_quota_begin(&quota, now);
    for (int i = 0; i < 10; i++, now.us += MONO_S(1) / 5)
        assert_true(dp_quota_take_reload(&quota, now));
    now.us += MONO_S(10);
    for (int i = 0; i < DP_RELOADS_BURST; i++)
        assert_true(dp_quota_take_reload(&quota, now));
    assert_false(dp_quota_take_reload(&quota, now));
    unsigned done = 0;
    for (int i = 0; i < 600000; i++, now.us += 100) /* a minute of ten thousand a second */
        done += dp_quota_take_reload(&quota, now);
    assert_in_range(done, 58 * DP_RELOADS_A_SECOND, 60 * DP_RELOADS_A_SECOND);
    assert_int_equal(quota.changes, DP_CHANGES_BURST); /* each for itself */
    assert_int_equal(quota.refusals, DP_REFUSALS_BURST);
}

static void held_table(void **state)
{
    (void)state;
    struct dp_sa sa = good_sa();
    memset(sa.key, 0x5a, sizeof sa.key);
    assert_true(dp_held_add(&held, &sa));
    struct dp_sa_name name = dp_sa_name_of(&sa);
    struct dp_sa *found = dp_held_find(&held, &name);
    assert_non_null(found);
    for (size_t i = 0; i < sizeof found->key; i++)
        assert_int_equal(found->key[i], 0); /* keys are not kept */
    assert_ptr_equal(dp_held_find_kernel(&held, &sa.local.addr, sa.spi), found);
    assert_null(dp_held_find_kernel(&held, &sa.remote.addr, sa.spi));
    name.direction = DP_OUT;
    assert_null(dp_held_find(&held, &name));
    name = dp_sa_name_of(&sa);
    name.conn = 0;
    assert_null(dp_held_find(&held, &name));
    name.conn = 1;
    dp_held_counted(&held, found, 5, 500);
    dp_held_counted(&held, found, 4, 600); /* a late notification: never backwards */
    assert_true(dp_held_grow(&held, CONNS + 1));
    found = dp_held_find(&held, &(struct dp_sa_name){ .conn = 1, .direction = DP_IN, .spi = sa.spi, .local = sa.local, .remote = sa.remote });
    assert_non_null(found);
    struct dp_count count = dp_held_drop(&held, found);
    assert_true(count.packets == 5 && count.bytes == 600);
    assert_true(dp_held_add(&held, &sa));
    count = dp_held_drop(&held, dp_held_find(&held, &name)); /* the next in its place begins at 0 */
    assert_true(count.packets == 0 && count.bytes == 0);
    assert_int_equal(dp_held_count(&held, 1, DP_IN), 0);
    name = (struct dp_sa_name){ .conn = 0 };
    assert_null(dp_held_find(&held, &name)); /* a free row is no SA of SPI 0 */
    for (size_t i = 0; i < held.count; i++)
        assert_true(dp_held_add(&held, &sa));
    assert_false(dp_held_add(&held, &sa));
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, make_scene, drop_scene)
    const struct CMUnitTest tests[] = {
        EACH(what_is_fine), EACH(what_an_engine_never_asks), EACH(moves_change_ports_alone), EACH(what_bad_timing_explains), EACH(too_many), EACH(too_often),
        EACH(reloads_too_often), EACH(held_table),
    };
    return cmocka_run_group_tests_name("dataplane permit", tests, NULL, NULL);
}

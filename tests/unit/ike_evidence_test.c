/* SPDX-License-Identifier: Apache-2.0 */
/* Which cause is told when a headend lets something be known once and is silent from then on. */
#include "tests/support/test.h"

#include "ike/iana.h"
#include "tests/support/engine.h"

static struct engine e;

static int begin(void **state)
{
    (void)state;
    struct conf_conn conn = engine_conn(CPE, 19);
    struct addr local = conn.end[0].addr;
    conn.autostart = CONF_AUTO_START;
    if (crypto_start() < 0)
        return -1;
    engine_begin(&e, CPE, &conn);
    if (!local.family)
        addr_parse(&local, "192.0.2.1");
    engine_path(&e, &local);
    return 0;
}

static int end(void **state)
{
    (void)state;
    engine_end(&e);
    crypto_stop();
    return 0;
}

static enum ike_cause cause(void)
{
    struct ike_status status;
    ike_status(e.ike, 0, &status);
    return status.cause;
}

/* The head of a message that the headend begins with. */
static void headend_says(uint8_t version, uint8_t exchange)
{
    uint8_t message[WIRE_HEADER] = { [0] = 0x77, [16] = 0, [17] = version, [18] = exchange, [27] = WIRE_HEADER };
    struct ike_path path = engine_path_of(CPE, IKE_PORT);
    engine_take_octets(&e, &path, bytes_of(message, sizeof message));
}

static void silence(int64_t seconds)
{
    for (int64_t i = 0; i < seconds; i++) {
        engine_tick(&e, MONO_S(1));
        engine_clear(&e);
    }
}

static void silence_alone(void **state)
{
    (void)state;
    silence(30);
    assert_int_equal(cause(), IKE_CAUSE_NO_ANSWER);
}

/* Told as long as it is said again and again, once in a minute; and no longer than five minutes after the last time. */
static void outweighs_silence(uint8_t version, uint8_t exchange, enum ike_cause expected)
{
    silence(30);
    for (int minute = 0; minute < 8; minute++) {
        headend_says(version, exchange);
        assert_int_equal(cause(), expected);
        silence(60);
        assert_int_equal(cause(), expected);
    }
    silence(200);
    assert_int_equal(cause(), expected);
    silence(120);
    assert_int_equal(cause(), IKE_CAUSE_NO_ANSWER);
}

static void another_version(void **state)
{
    (void)state;
    outweighs_silence(0x20, 34, IKE_CAUSE_IKE_VERSION);
}

static void another_exchange(void **state)
{
    (void)state;
    outweighs_silence(0x10, IANA_EXCHANGE_AGGRESSIVE, IKE_CAUSE_PROTOCOL);
}

/* Names what it is, in the words that `status` has. */
static void words(void **state)
{
    (void)state;
    struct ike_status status;
    headend_says(0x10, IANA_EXCHANGE_AGGRESSIVE);
    ike_status(e.ike, 0, &status);
    assert_non_null(strstr(status.cause_text, "it wants Aggressive Mode"));
    headend_says(0x20, 34);
    assert_int_equal(cause(), IKE_CAUSE_IKE_VERSION);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = { TEST(silence_alone), TEST(another_version), TEST(another_exchange), TEST(words) };
    return cmocka_run_group_tests_name("ike: what outweighs silence", tests, NULL, NULL);
}

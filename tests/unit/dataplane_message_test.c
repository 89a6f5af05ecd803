/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: lengths, ranges, hostile octets; and the client over a real socket pair. */
#include "tests/support/test.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/client.h"

static struct dp_message message;

static struct endpoint endpoint(uint8_t last, uint16_t port)
{
    return (struct endpoint){ { .family = ADDR_V4, .octets = { 192, 0, 2, last } }, port };
}

static void make(enum dp_message_type type)
{
    dp_message_begin(&message, type);
    switch (type) {
    case DP_MESSAGE_HELLO: message.hello.conns = 1; break;
    case DP_MESSAGE_CONN: message.conn.conn.psk_length = 5; break;
    case DP_MESSAGE_REQUEST:
        message.request.type = DP_SA_INSTALL;
        message.request.sa.local = message.request.name.local = message.request.to_local = endpoint(10, 4500);
        message.request.sa.remote = message.request.name.remote = message.request.to_remote = endpoint(11, 4500);
        break;
    case DP_MESSAGE_REPLY: message.reply.type = DP_SA_QUERY; break;
    case DP_MESSAGE_EVENT: message.event.type = DP_EVENT_GONE; break;
    case DP_MESSAGE_SAY: memcpy(message.say.text, "+ t1", 5); break;
    case DP_MESSAGE_RELOADED: message.reloaded.done = true; break;
    }
}

static bool passes(void) { return dp_message_check(&message, dp_message_length(message.type)); }

static void lengths(void **state)
{
    (void)state;
    for (int type = DP_MESSAGE_HELLO; type <= DP_MESSAGE_RELOADED; type++) {
        make((enum dp_message_type)type);
        size_t exact = dp_message_length((uint32_t)type);
        assert_true(exact > 4 && exact <= sizeof message);
        for (size_t length = 0; length <= sizeof message + 8; length++)
            assert_int_equal(dp_message_check(&message, length), length == exact);
    }
    message.type = 0;
    assert_int_equal(dp_message_length(0), 0);
    assert_false(dp_message_check(&message, 4));
    message.type = 77;
    assert_int_equal(dp_message_length(77), 0);
    assert_false(dp_message_check(&message, sizeof message));
}

#define WRONG(kind, change) do { make(kind); assert_true(passes()); change; assert_false(passes()); } while (0)

static void requests(void **state)
{
    (void)state;
    struct dp_request *r = &message.request;
    WRONG(DP_MESSAGE_REQUEST, r->type = 0);
    WRONG(DP_MESSAGE_REQUEST, r->type = DP_TUNNEL_ALIVE + 1);
    WRONG(DP_MESSAGE_REQUEST, memset(&r->alive, 2, 1));
    WRONG(DP_MESSAGE_REQUEST, r->sa.direction = 2);
    WRONG(DP_MESSAGE_REQUEST, r->sa.key_length = DP_KEY_MAX + 1);
    WRONG(DP_MESSAGE_REQUEST, r->sa.local.addr.family = 5);
    WRONG(DP_MESSAGE_REQUEST, r->sa.local.addr.octets[4] = 1); /* past an IPv4 address */
    WRONG(DP_MESSAGE_REQUEST, r->sa.local.addr.family = ADDR_V6);
    WRONG(DP_MESSAGE_REQUEST, r->sa.local.port = 0);
    WRONG(DP_MESSAGE_REQUEST, r->sa.remote.port = 0);
    for (int type = DP_SA_REMOVE; type <= DP_SA_QUERY; type++) {
        WRONG(DP_MESSAGE_REQUEST, (r->type = (uint8_t)type, r->name.direction = 7));
        WRONG(DP_MESSAGE_REQUEST, (r->type = (uint8_t)type, r->name.remote.port = 0));
    }
    WRONG(DP_MESSAGE_REQUEST, (r->type = DP_SA_MOVE, r->to_remote.addr.family = 9));
}

static void to_the_engine(void **state)
{
    (void)state;
    WRONG(DP_MESSAGE_SAY, memset(message.say.text, 'x', sizeof message.say.text)); /* no end */
    WRONG(DP_MESSAGE_RELOADED, memset(&message.reloaded.done, 2, 1));
    WRONG(DP_MESSAGE_HELLO, message.hello.conns = CONF_CONNS_MAX + 1);
    WRONG(DP_MESSAGE_CONN, message.conn.index = CONF_CONNS_MAX);
    WRONG(DP_MESSAGE_CONN, memset(message.conn.conn.name, 'x', CONF_NAME_MAX));
    WRONG(DP_MESSAGE_CONN, message.conn.conn.psk_length = CONF_PSK_MAX + 1);
    WRONG(DP_MESSAGE_CONN, message.conn.conn.ike_count = CONF_PROPOSALS_MAX + 1);
    WRONG(DP_MESSAGE_CONN, message.conn.conn.esp_count = CONF_PROPOSALS_MAX + 1);
    WRONG(DP_MESSAGE_CONN, message.conn.conn.local = -1);
    WRONG(DP_MESSAGE_CONN, message.conn.conn.local = 2);
    WRONG(DP_MESSAGE_CONN, message.conn.conn.end[1].subnet.length = 1);
    WRONG(DP_MESSAGE_CONN, message.conn.conn.end[0].id.length = CONF_ID_MAX + 1);
    WRONG(DP_MESSAGE_CONN, memset(&message.conn.conn.pfs, 3, 1));
    WRONG(DP_MESSAGE_REPLY, message.reply.type = 99);
    WRONG(DP_MESSAGE_REPLY, memset(message.reply.text, 'x', DP_TEXT_MAX));
    WRONG(DP_MESSAGE_EVENT, message.event.type = 0);
    WRONG(DP_MESSAGE_EVENT, message.event.direction = 2);
    WRONG(DP_MESSAGE_EVENT, memset(&message.event.hard, 0xff, 1));
}

/* Whatever the octets: an answer, and no read that a sanitizer minds. */
static void any_octets(void **state)
{
    (void)state;
    uint32_t x = 1;
    for (int round = 0; round < 20000; round++) {
        make((enum dp_message_type)(1 + round % 5));
        for (int k = 0; k < 4; k++) {
            x = x * 1664525 + 1013904223;
            ((uint8_t *)&message)[(x >> 8) % sizeof message] = (uint8_t)(x >> 3);
        }
        (void)passes();
    }
}

static int pair[2];

static int open_pair(void **state)
{
    (void)state;
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
}

static int close_pair(void **state)
{
    (void)state;
    close(pair[0]);
    close(pair[1]);
    return 0;
}

static void put(enum dp_message_type type)
{
    make(type);
    assert_int_equal(send(pair[1], &message, dp_message_length(type), 0), dp_message_length(type));
}

static void client_requests(void **state)
{
    (void)state;
    struct dp_message got;
    make(DP_MESSAGE_REQUEST);
    struct dp_request request = message.request;
    request.id = 4711;
    request.generation = 7;
    assert_int_equal(dp_client_send(pair[0], &request), 0);
    assert_int_equal(recv(pair[1], &got, sizeof got, 0), dp_message_length(DP_MESSAGE_REQUEST));
    assert_true(dp_message_check(&got, dp_message_length(DP_MESSAGE_REQUEST)));
    assert_int_equal(got.request.generation, 7);
    assert_int_equal(got.request.id, 4711);
}

static void client_receives(void **state)
{
    (void)state;
    struct dp_message got;
    put(DP_MESSAGE_EVENT);
    put(DP_MESSAGE_REPLY);
    assert_int_equal(dp_client_receive(pair[0], &got), 1);
    assert_int_equal(got.event.type, DP_EVENT_GONE);
    assert_int_equal(dp_client_receive(pair[0], &got), 1);
    assert_int_equal(got.type, DP_MESSAGE_REPLY);
    put(DP_MESSAGE_REQUEST); /* the wrong way */
    assert_int_equal(dp_client_receive(pair[0], &got), -EPROTO);
    assert_int_equal(send(pair[1], "short", 5, 0), 5);
    assert_int_equal(dp_client_receive(pair[0], &got), -EPROTO);
    static const uint8_t large[sizeof got + 100];
    assert_int_equal(send(pair[1], large, sizeof large, 0), sizeof large);
    assert_int_equal(dp_client_receive(pair[0], &got), -EPROTO);
    shutdown(pair[1], SHUT_RDWR);
    assert_int_equal(dp_client_receive(pair[0], &got), -ECONNRESET);
}

static void client_configuration(void **state)
{
    (void)state;
    struct conf conf;
    put(DP_MESSAGE_HELLO);
    put(DP_MESSAGE_CONN);
    assert_int_equal(dp_client_receive_conf(pair[0], &conf), 0);
    assert_int_equal(conf.count, 1);
    assert_int_equal(conf.conns[0].psk_length, 5);
    conf_free(&conf);
    put(DP_MESSAGE_HELLO);
    put(DP_MESSAGE_EVENT); /* not what was announced */
    assert_int_equal(dp_client_receive_conf(pair[0], &conf), -EPROTO);
    put(DP_MESSAGE_HELLO);
    shutdown(pair[1], SHUT_RDWR); /* died in the middle */
    assert_int_equal(dp_client_receive_conf(pair[0], &conf), -ECONNRESET);
    assert_null(conf.conns);
}

int main(void)
{
#define PAIR(test) cmocka_unit_test_setup_teardown(test, open_pair, close_pair)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths), cmocka_unit_test(requests), cmocka_unit_test(to_the_engine), cmocka_unit_test(any_octets), PAIR(client_requests),
        PAIR(client_receives), PAIR(client_configuration),
    };
    return cmocka_run_group_tests_name("dataplane messages", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The privileged process's end of the channels, and at the other end an engine in somebody else's hands. */
#include "daemon/channels.h"

#include "tests/support/test.h"

#include <sys/socket.h>
#include <unistd.h>

#include "daemon/life.h"

static struct ev_loop *loop;
static struct channels channels;
static int supervisor[2], engine[LIFE_DESCRIPTORS]; /* life, data plane */
static enum dp_verdict verdict;                     /* the server's, to all requests */
static unsigned greeted, reloads, ended, summaries;

void __wrap_dp_server_greet(struct dp_server *server);
void __wrap_dp_server_greet(struct dp_server *server)
{
    (void)server;
    greeted++;
}

enum dp_verdict __wrap_dp_server_handle(struct dp_server *server, const struct dp_message *message, size_t length);
enum dp_verdict __wrap_dp_server_handle(struct dp_server *server, const struct dp_message *message, size_t length)
{
    (void)server, (void)message, (void)length;
    return verdict;
}

static void on_nothing(void *context) { (void)context; }
static unsigned levels;
static void on_level(void *context, uint32_t level) { (void)context, (void)level, levels++; }
static void on_ended(void *context) { (void)context, ended++; }

static void on_summary(void *context, uint32_t tunnels, uint32_t up)
{
    (void)context, (void)tunnels, (void)up;
    summaries++;
}

static void tell(enum dp_message_type type, bool done)
{
    struct dp_message message;
    dp_message_begin(&message, type);
    message.reloaded.done = done;
    channels_send(&channels, &message, dp_message_length(message.type));
}

static void on_reload(void *context)
{
    (void)context;
    reloads++;
    tell(DP_MESSAGE_RELOADED, true);
}

static void new_engine(void)
{
    struct life_message message;
    assert_int_equal(channels_open(&channels, supervisor[0]), 0);
    assert_int_equal(life_receive(supervisor[1], &message, engine), 1);
    assert_int_equal(message.type, LIFE_ENGINE_CHANNELS);
}

static int begin(void **state)
{
    (void)state;
    const struct channels_listener listener = { NULL, on_nothing, on_summary, on_level, on_reload, on_ended };
    greeted = reloads = ended = summaries = 0;
    verdict = DP_PERMITTED;
    loop = ev_loop_new(EVFLAG_AUTO);
    if (!loop || life_pair(supervisor) < 0)
        return -1;
    channels_init(&channels, loop, &listener);
    new_engine();
    return 0;
}

static int end(void **state)
{
    (void)state;
    channels_close(&channels);
    for (size_t i = 0; i < 2; i++) {
        close(engine[i]);
        close(supervisor[i]);
    }
    ev_loop_destroy(loop);
    return 0;
}

static void spin(void)
{
    for (int i = 0; i < 20; i++)
        ev_run(loop, EVRUN_NOWAIT);
}

/* What the engine is answered next; false: nothing. */
static bool hear(struct dp_message *message)
{
    return recv(engine[1], message, sizeof *message, MSG_DONTWAIT) > 0;
}

static bool heard_done(void)
{
    struct dp_message message;
    return hear(&message) && message.type == DP_MESSAGE_RELOADED && message.reloaded.done;
}

/* Answered each time, with a sentence; the files are left alone, and nobody is ended: it may be root's script. */
static void reloads_without_end(void **state)
{
    (void)state;
    struct dp_message message;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(life_tell(engine[0], LIFE_RELOAD, 0), 0);
        spin();
        assert_true(heard_done());
    }
    for (int i = 5; i < 500; i++) {
        assert_int_equal(life_tell(engine[0], LIFE_RELOAD, 0), 0);
        spin();
        if (i < DP_RELOADS_BURST) {
            assert_true(heard_done());
            continue;
        }
        assert_true(hear(&message));
        if (message.type == DP_MESSAGE_RELOADED) /* a second was over */
            continue;
        assert_int_equal(message.type, DP_MESSAGE_SAY);
        assert_true(strncmp(message.say.text, "error: ", 7) == 0 && strstr(message.say.text, "ask again"));
        assert_true(hear(&message) && message.type == DP_MESSAGE_RELOADED && !message.reloaded.done);
    }
    assert_in_range(reloads, DP_RELOADS_BURST, DP_RELOADS_BURST + 20);
    assert_int_equal(ended, 0);
    life_send(engine[0], &(struct life_message){ .type = LIFE_SUMMARY, .number = 2, .up = 1 }, NULL);
    spin();
    assert_int_equal(summaries, 1); /* it is listened to as before */
    assert_false(hear(&message));
}

/* Nobody reads the answers: it hangs, or means to fill our memory. */
static void reloads_unread(void **state)
{
    (void)state;
    unsigned asked = 0;
    while (!ended && asked < 1000000) {
        if (life_tell(engine[0], LIFE_RELOAD, 0) == 0)
            asked++;
        ev_run(loop, EVRUN_NOWAIT);
    }
    assert_int_equal(ended, 1);
    assert_in_range(reloads, DP_RELOADS_BURST, DP_RELOADS_BURST + 60);
}

/* A request that no engine makes, and too many of those that it may make: it is ended, once, and heard no more. */
static void requests(void **state)
{
    (void)state;
    struct dp_message message;
    dp_message_begin(&message, DP_MESSAGE_REQUEST);
    message.request.type = DP_SA_INSTALL;
    const size_t length = dp_message_length(message.type);
    for (int round = 0; round < 2; round++) {
        unsigned sent = 0;
        verdict = round ? DP_PERMITTED : DP_FORGED;
        ended = 0;
        while (!ended && sent < DP_CHANGES_BURST + 60 * DP_CHANGES_A_SECOND) {
            sent += send(engine[1], &message, length, MSG_DONTWAIT) == (ssize_t)length;
            ev_run(loop, EVRUN_NOWAIT);
        }
        assert_int_equal(ended, 1);
        assert_true(round ? sent >= DP_CHANGES_BURST : sent == 1);
        life_tell(engine[0], LIFE_RELOAD, 0);
        spin();
        assert_int_equal(reloads, 0);
        close(engine[0]);
        close(engine[1]);
        new_engine();
    }
    assert_int_equal(greeted, 3);
    verdict = DP_PERMITTED; /* the next one is nobody's heir */
    send(engine[1], &message, length, 0);
    life_tell(engine[0], LIFE_RELOAD, 0);
    spin();
    assert_int_equal(ended, 1);
    assert_true(heard_done());
}

/* What libev does when the kernel refuses to watch a descriptor: a last event, and no other. */
static void refused_watch(void **state)
{
    (void)state;
    ev_io *const watchers[] = { &channels.life, &channels.dataplane };
    for (unsigned i = 0; i < 2; i++) {
        ev_io_stop(loop, watchers[i]);
        ev_feed_event(loop, watchers[i], EV_ERROR | EV_READ | EV_WRITE);
        spin();
        assert_int_equal(ended, i + 1);
        assert_false(ev_is_active(&channels.life) || ev_is_active(&channels.dataplane));
        close(engine[0]);
        close(engine[1]);
        new_engine();
    }
}

/* Cut off, an engine in other hands need not end; then it would have no successor. It is ended in any case, once. */
static void neither_word_nor_end(void **state)
{
    (void)state;
    for (int round = 0; round < 4; round++) {
        ended = 0;
        if (round == 0)
            assert_int_equal(send(engine[1], "", 0, 0), 0); /* read as the end of the channel */
        else if (round == 1)
            assert_int_equal(life_tell(engine[0], LIFE_STOP, 0), 0); /* a word that is not its own */
        else
            assert_int_equal(shutdown(engine[round & 1], SHUT_RDWR), 0);
        spin();
        assert_int_equal(ended, 1);
        close(engine[0]);
        close(engine[1]);
        spin();
        assert_int_equal(ended, 1);
        new_engine();
        spin();
        assert_int_equal(ended, 1); /* not its successor */
    }
}

/* Each would be a word to the supervisor, whose channel is needed for others. */
static void levels_without_end(void **state)
{
    (void)state;
    levels = 0;
    for (int i = 0; i < 5000; i++) {
        life_tell(engine[0], LIFE_LOG_LEVEL, 5 + (i & 1));
        ev_run(loop, EVRUN_NOWAIT);
    }
    assert_in_range(levels, DP_LEVELS_BURST, DP_LEVELS_BURST + 60);
    assert_int_equal(ended, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = { TEST(reloads_without_end), TEST(reloads_unread), TEST(requests), TEST(refused_watch),
                                        TEST(neither_word_nor_end), TEST(levels_without_end) };
    return cmocka_run_group_tests_name("channels to an engine in somebody else's hands", tests, NULL, NULL);
}

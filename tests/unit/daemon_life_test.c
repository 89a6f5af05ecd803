/* SPDX-License-Identifier: Apache-2.0 */
/* The life channel, and the supervisor at the other end of it. */
#include "daemon/life.h"

#include "tests/support/test.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/sandbox.h"
#include "daemon/supervisor.h"

static void messages_and_descriptors(void **state)
{
    (void)state;
    int pair[2], passed[2], got[LIFE_DESCRIPTORS];
    struct life_message message = { .type = LIFE_SUMMARY, .number = 2, .up = 1 }, seen;
    assert_int_equal(life_pair(pair), 0);
    assert_int_equal(pipe(passed), 0);
    assert_int_equal(life_receive(pair[1], &seen, got), 0);
    assert_int_equal(life_send(pair[0], &message, NULL), 0);
    assert_int_equal(life_receive(pair[1], &seen, NULL), 1);
    assert_int_equal(seen.up, 1);

    message.type = LIFE_ENGINE_CHANNELS;
    assert_int_equal(life_send(pair[0], &message, passed), 0);
    assert_int_equal(life_receive(pair[1], &seen, got), 1);
    assert_true(got[0] > 0 && got[1] > 0 && fcntl(got[0], F_GETFD) == FD_CLOEXEC);
    close(got[1]);
    close(got[0]);

    message.type = LIFE_READY; /* descriptors with any other message are closed */
    int probe = dup(0);
    close(probe);
    assert_int_equal(life_send(pair[0], &message, passed), 0);
    assert_int_equal(life_receive(pair[1], &seen, got), 1);
    assert_int_equal(got[0], -1);
    int again = dup(0);
    assert_int_equal(again, probe);
    close(again);
    close(passed[0]);
    close(passed[1]);
    close(pair[0]);
    assert_int_equal(life_receive(pair[1], &seen, got), -1);
    close(pair[1]);
}

static void malformed_messages(void **state)
{
    (void)state;
    struct life_message seen;
    struct { struct life_message message; char more; } bad = { .message = { .type = LIFE_READY } };
    static const size_t lengths[] = { 1, sizeof(struct life_message) - 1, sizeof(struct life_message) + 1 };
    for (size_t i = 0; i < 3; i++) {
        int pair[2];
        assert_int_equal(life_pair(pair), 0);
        assert_int_equal(send(pair[0], &bad, lengths[i], 0), lengths[i]);
        assert_int_equal(life_receive(pair[1], &seen, NULL), -1);
        close(pair[0]);
        close(pair[1]);
    }
    int pair[2];
    assert_int_equal(life_pair(pair), 0);
    assert_int_equal(life_tell(pair[0], LIFE_TYPES, 0), 0);
    assert_int_equal(life_receive(pair[1], &seen, NULL), -1);
    close(pair[0]);
    close(pair[1]);
}

static void back_off(void **state)
{
    (void)state;
    int64_t wait = supervisor_back_off(0, 0);
    assert_int_equal(wait, 100);
    assert_int_equal(supervisor_back_off(wait, 10), 200);
    for (int i = 0; i < 20; i++)
        wait = supervisor_back_off(wait, 10);
    assert_int_equal(wait, 30000);
    assert_int_equal(supervisor_back_off(wait, 60000), 100);
}

/* The next word of the supervisor, within `wait` milliseconds; 0: none, -1: it is gone. */
static int asks(int channel, int wait, struct life_message *message)
{
    struct pollfd watched = { .fd = channel, .events = POLLIN };
    return poll(&watched, 1, wait) == 1 ? life_receive(channel, message, NULL) : 0;
}

/* A word that came too late for an engine ends neither the supervisor nor its wait before the next. */
static void a_late_word(void **state)
{
    (void)state;
    enum { SOON_MS = 50, LONG_MS = 10000 };
    int pair[2], life[2], data[2];
    struct life_message message, channels = { .type = LIFE_ENGINE_CHANNELS };
    assert_int_equal(life_pair(pair), 0);
    pid_t child = fork();
    if (child == 0) {
        struct supervisor_hold hold = { .parent = pair[1], .control = -1, .icmp = -1, .patience_ms = SUPERVISOR_PATIENCE_MS };
        close(pair[0]);
        char error[SANDBOX_ERROR_MAX];
        if (sandbox_prepare(error) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
            _exit(99);
        _exit(supervisor_run(&hold));
    }
    close(pair[1]);
    assert_int_equal(asks(pair[0], LONG_MS, &message), 1);
    assert_int_equal(message.type, LIFE_NEED_ENGINE);
    assert_int_equal(life_tell(pair[0], LIFE_END_ENGINE, 0), 0); /* while it waits for channels */
    assert_int_equal(asks(pair[0], SOON_MS, &message), 0);
    assert_int_equal(life_pair(life), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, data), 0);
    assert_int_equal(life_send(pair[0], &channels, (int[LIFE_DESCRIPTORS]){ life[1], data[1] }), 0);
    for (int i = 0; i < 2; i++) {
        close(life[i]);
        close(data[i]); /* the engine ends by itself */
    }
    assert_int_equal(asks(pair[0], LONG_MS, &message), 1);
    assert_int_equal(message.type, LIFE_NEED_ENGINE);
    assert_int_equal(message.number, 1);
    close(pair[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_and_descriptors), cmocka_unit_test(malformed_messages), cmocka_unit_test(back_off), cmocka_unit_test(a_late_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

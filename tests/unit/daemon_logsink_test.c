/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/logsink: forms of a line, folding, the limit; and readiness datagrams of daemon/notify. */
#include "daemon/logsink.h"

#include "tests/support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/notice.h"
#include "daemon/notify.h"

static void forms(void **state)
{
    (void)state;
    static const struct log_about about = { .tunnel = "t1", .cause = "kernel" };
    char out[128];
    setenv("TZ", "JST-9", 1);
    tzset();
    assert_int_equal(logsink_format(LOGSINK_JOURNAL, LOG_LEVEL_WARNING, NULL, 0, "a", out, sizeof out), 5);
    assert_string_equal(out, "<4>a\n");
    logsink_format(LOGSINK_TERMINAL, LOG_LEVEL_INFO, &about, 0, "up", out, sizeof out);
    assert_string_equal(out, "09:00:00 up\n");
    logsink_format(LOGSINK_FILE, LOG_LEVEL_ERROR, &about, 3600, "bad", out, sizeof out);
    assert_string_equal(out, "1970-01-01T10:00:00+0900 error: bad tunnel=t1 cause=kernel\n");
    char small[8];
    logsink_format(LOGSINK_JOURNAL, LOG_LEVEL_ERROR, &about, 0, "bad", out, sizeof out);
    assert_string_equal(out, "<3>bad tunnel=t1 cause=kernel\n");
    assert_int_equal(logsink_format(LOGSINK_JOURNAL, LOG_LEVEL_INFO, NULL, 0, "abcdefgh", small, sizeof small), 7);
    assert_string_equal(small, "<6>abc\n");
}

static void repeats_fold(void **state)
{
    (void)state;
    struct logsink_gate gate = { .tokens = LOGSINK_BURST };
    char before[LOGSINK_BEFORE_MAX];
    assert_int_equal(logsink_decide(&gate, 100, "same", before), LOGSINK_PRINT);
    assert_string_equal(before, "");
    for (int i = 0; i < 3; i++) { /* also when two take turns */
        assert_int_equal(logsink_decide(&gate, 101, "same", before), LOGSINK_FOLD);
        assert_int_equal(logsink_decide(&gate, 101, "other", before), i ? LOGSINK_FOLD : LOGSINK_PRINT);
        assert_string_equal(before, "");
    }
    assert_int_equal(logsink_decide(&gate, 100 + LOGSINK_FOLD_SECONDS, "same", before), LOGSINK_PRINT);
    assert_string_equal(before, "repeated 3 times: same");
    assert_int_equal(logsink_decide(&gate, 102 + LOGSINK_FOLD_SECONDS, "third", before), LOGSINK_PRINT);
    assert_string_equal(before, "repeated 2 times: other"); /* its time is over, and something else is said anyway */
}

/* More different lines than are remembered: what was folded is told before it is forgotten. */
static void folded_lines_make_room(void **state)
{
    (void)state;
    struct logsink_gate gate = { .tokens = LOGSINK_BURST };
    char before[LOGSINK_BEFORE_MAX], line[16];
    for (int i = 0; i < LOGSINK_LINES; i++) {
        snprintf(line, sizeof line, "line %d", i);
        assert_int_equal(logsink_decide(&gate, 100 + i, line, before), LOGSINK_PRINT);
        assert_int_equal(logsink_decide(&gate, 100 + i, line, before), LOGSINK_FOLD);
    }
    assert_int_equal(logsink_decide(&gate, 110, "one more", before), LOGSINK_PRINT);
    assert_string_equal(before, "repeated 1 time: line 0");
    assert_int_equal(logsink_decide(&gate, 111, "and one more", before), LOGSINK_PRINT);
    assert_string_equal(before, ""); /* it takes the place of one without repeats */
}

/* A journal that reads, one that does not, one that is gone: fields, and never a wait. */
static void journal(void **state)
{
    (void)state;
    char path[64], got[512] = "";
    snprintf(path, sizeof path, "/tmp/minicpe-journal-test.%d", (int)getpid());
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    unlink(path);
    assert_int_equal(logsink_connect(path), -1);
    int reader = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_int_equal(bind(reader, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(logsink_connect(path), 0);
    logsink_open(LOG_LEVEL_INFO);
    log_line_about(LOG_LEVEL_WARNING, &(struct log_about){ .tunnel = "a b", .state = "waiting", .cause = "no-answer" }, "one\nPRIORITY=%d", 0);
    ssize_t length = recv(reader, got, sizeof got - 1, MSG_DONTWAIT);
    assert_true(length > 0);
    assert_string_equal(got, "MESSAGE=one?PRIORITY=0\nPRIORITY=4\nSYSLOG_IDENTIFIER=minicpe\nMINICPE_TUNNEL=a b\n"
                             "MINICPE_STATE=waiting\nMINICPE_CAUSE=no-answer\n");
    int kept = dup(STDERR_FILENO), sink[2];
    assert_int_equal(pipe(sink), 0);
    dup2(sink[1], STDERR_FILENO);
    for (int i = 0; i < LOGSINK_BURST / 2; i++)
        log_info("line %d", i); /* more than the socket holds: the rest comes out at standard error */
    close(reader);
    unlink(path);
    log_info("after its end");
    dup2(kept, STDERR_FILENO);
    close(kept);
    static char said[1 << 16];
    length = read(sink[0], said, sizeof said - 1);
    assert_true(length > 0);
    assert_non_null(strstr(said, "line 99\n"));
    assert_null(strstr(said, "line 1\n"));
    assert_non_null(strstr(said, "after its end\n"));
    close(sink[0]);
    close(sink[1]);
    log_open(NULL, LOG_LEVEL_INFO);
}

/* ---- nobody reads ---- */

static double ms_since(const struct timespec *from)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - from->tv_sec) * 1e3 + (double)(now.tv_nsec - from->tv_nsec) / 1e6;
}

/* Fills it with lines until one is lost, reads all, and has another said. What came at the end of it. */
static void fill_and_read(int out, int in, char *said, size_t size)
{
    static char line[1000];
    int kept = dup(STDERR_FILENO);
    struct timespec from;
    dup2(out, STDERR_FILENO);
    logsink_never_block();
    logsink_open(LOG_LEVEL_DEBUG);
    clock_gettime(CLOCK_MONOTONIC, &from);
    memset(line, 'x', sizeof line - 1);
    for (int i = 0; i < 25; i++) /* fewer than the limit for all lines */
        log_info("%d %s", i, line);
    bool quick = ms_since(&from) < 1000;
    fcntl(in, F_SETFL, O_NONBLOCK);
    while (read(in, said, size - 1) > 0) { }
    log_info("the last one");
    usleep(20000); /* a terminal hands it on in its own time */
    ssize_t length = read(in, said, size - 1);
    dup2(kept, STDERR_FILENO);
    close(kept);
    log_open(NULL, LOG_LEVEL_INFO);
    assert_true(quick);
    assert_true(length > 0);
    said[length] = '\0';
}

static void a_reader_that_stops(void **state)
{
    (void)state;
    static char said[1 << 16];
    int ends[3][2];
    assert_int_equal(pipe(ends[0]), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends[1]), 0);
    ends[2][0] = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(ends[2][0] >= 0 && grantpt(ends[2][0]) == 0 && unlockpt(ends[2][0]) == 0);
    ends[2][1] = open(ptsname(ends[2][0]), O_RDWR | O_NOCTTY);
    fcntl(ends[0][1], F_SETPIPE_SZ, 4096);
    int small = 4096;
    assert_int_equal(setsockopt(ends[1][1], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    for (int i = 0; i < 3; i++) {
        fill_and_read(ends[i][1], ends[i][0], said, sizeof said);
        const char *lost = strstr(said, " lines were lost: whatever reads them was behind");
        assert_non_null(lost);
        assert_non_null(strstr(lost, "the last one"));
        int flags = fcntl(ends[i][1], F_GETFL);
        assert_false(flags & O_NONBLOCK); /* the one that we were given is as it was */
        close(ends[i][0]);
        close(ends[i][1]);
    }
    logsink_never_block(); /* of what standard error is now */
}

/* What each notice is worth: nothing that a peer can repeat at will is an error, no change of state is hidden at `warning`. */
static void severities(void **state)
{
    (void)state;
    static const struct { struct ike_notice notice; bool was_up; enum log_level level; } rows[] = {
        { { .type = IKE_NOTICE_STATE, .state = IKE_STATE_UP }, false, LOG_LEVEL_NOTICE },
        { { .type = IKE_NOTICE_STATE, .state = IKE_STATE_UP }, true, LOG_LEVEL_NOTICE },
        { { .type = IKE_NOTICE_STATE, .state = IKE_STATE_DOWN }, true, LOG_LEVEL_NOTICE },
        { { .type = IKE_NOTICE_STATE, .state = IKE_STATE_CONNECTING }, true, LOG_LEVEL_WARNING },
        { { .type = IKE_NOTICE_STATE, .state = IKE_STATE_CONNECTING }, false, LOG_LEVEL_INFO },
        { { .type = IKE_NOTICE_STATE, .state = IKE_STATE_SILENT }, false, LOG_LEVEL_WARNING },
        { { .type = IKE_NOTICE_CAUSE, .cause = IKE_CAUSE_NO_ANSWER }, false, LOG_LEVEL_WARNING },
        { { .type = IKE_NOTICE_CAUSE, .cause = IKE_CAUSE_KERNEL }, false, LOG_LEVEL_ERROR },
        { { .type = IKE_NOTICE_DEBUG }, false, LOG_LEVEL_DEBUG },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(notice_level(&rows[i].notice, rows[i].was_up), rows[i].level);
}

static void floods_are_cut(void **state)
{
    (void)state;
    struct logsink_gate gate = { .tokens = LOGSINK_BURST, .filled = 50 };
    char before[LOGSINK_BEFORE_MAX], line[16];
    unsigned printed = 0;
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(line, sizeof line, "line %u", i);
        printed += logsink_decide(&gate, 50, line, before) == LOGSINK_PRINT;
    }
    assert_int_equal(printed, LOGSINK_BURST);
    assert_int_equal(logsink_decide(&gate, 51, "later", before), LOGSINK_PRINT);
    assert_string_equal(before, "800 lines were left out: too many at once");
    assert_true(gate.tokens <= LOGSINK_RATE);
}

/* A manager with a path, and one in the abstract name space. */
static void readiness(void **state)
{
    (void)state;
    static const char *const names[] = { "/tmp/minicpe-notify-test", "@minicpe-notify-test" };
    for (size_t i = 0; i < 2; i++) {
        char name[64], got[64] = "";
        snprintf(name, sizeof name, "%s.%d", names[i], (int)getpid());
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        memcpy(address.sun_path, name, strlen(name));
        if (name[0] == '@')
            address.sun_path[0] = '\0';
        int manager = socket(AF_UNIX, SOCK_DGRAM, 0);
        assert_int_equal(bind(manager, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))), 0);
        setenv("NOTIFY_SOCKET", name, 1);
        assert_int_equal(notify_open(), 0);
        assert_null(getenv("NOTIFY_SOCKET"));
        notify_send("READY=1");
        assert_int_equal(recv(manager, got, sizeof got, MSG_DONTWAIT), 7);
        assert_memory_equal(got, "READY=1", 7);
        notify_status("2 tunnels");
        assert_int_equal(recv(manager, got, sizeof got, MSG_DONTWAIT), 16);
        assert_memory_equal(got, "STATUS=2 tunnels", 16);
        notify_close();
        close(manager);
        unlink(name);
    }
}

static void no_manager(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    assert_int_equal(notify_open(), 0);
    notify_send("READY=1");
    setenv("NOTIFY_SOCKET", "relative", 1);
    assert_int_equal(notify_open(), -1);
    setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1);
    assert_int_equal(notify_open(), -1);
    notify_send("READY=1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms),     cmocka_unit_test(repeats_fold), cmocka_unit_test(floods_are_cut),
        cmocka_unit_test(readiness), cmocka_unit_test(no_manager), cmocka_unit_test(folded_lines_make_room),
        cmocka_unit_test(journal), cmocka_unit_test(a_reader_that_stops), cmocka_unit_test(severities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to a name server of our own on 127.0.0.1: what it answers, what it leaves unanswered, and children in somebody
 * else's hands. The C library is led to it by the structure that it keeps in each process.
 */
#include "tests/support/test.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/names.h"

enum { LIMIT = 2 /* seconds */, TYPE_A = 1, TYPE_AAAA = 28, NO_SUCH_NAME = 3, DNS_HEADER = 12, MANY = 150 };

/* ---- the server ---- */

static pid_t server;
static uint16_t port;

/* The question's end; 0: it is none. */
static size_t question_end(const uint8_t *m, size_t length)
{
    size_t at = DNS_HEADER;
    while (at < length && m[at])
        at += m[at] + 1U;
    return at + 5 <= length ? at + 5 : 0;
}

static size_t put_address(uint8_t *m, size_t at, unsigned type)
{
    static const uint8_t v4[] = { 192, 0, 2, 7 }, v6[16] = { 0x20, 1, 0x0d, 0xb8, [15] = 7 };
    size_t length = type == TYPE_A ? sizeof v4 : sizeof v6;
    const uint8_t head[] = { 0xc0, DNS_HEADER, 0, (uint8_t)type, 0, 1, 0, 0, 0, 60, 0, (uint8_t)length };
    memcpy(m + at, head, sizeof head);
    memcpy(m + at + sizeof head, type == TYPE_A ? v4 : v6, length);
    m[7] = 1;
    return at + sizeof head + length;
}

/* By the first letter of the name: good, six (IPv6 alone), none, broken (its server is), mute. */
static size_t answer(uint8_t *m, size_t length)
{
    size_t stop = question_end(m, length);
    char first = (char)m[DNS_HEADER + 1];
    unsigned type = stop ? m[stop - 3] : 0;
    if (!stop || first == 'm')
        return 0;
    m[2] = 0x81;
    m[3] = 0x80;
    m[6] = m[7] = m[8] = m[9] = m[10] = m[11] = 0;
    if (first == 'n')
        m[3] |= NO_SUCH_NAME;
    else if (first == 'b')
        m[3] |= 2;
    else if ((first == 'g' && type == TYPE_A) || (first == 's' && type == TYPE_AAAA))
        return put_address(m, stop, type);
    return stop;
}

static _Noreturn void serve(int fd)
{
    uint8_t m[1024];
    for (;;) {
        struct sockaddr_in from;
        socklen_t size = sizeof from;
        ssize_t got = recvfrom(fd, m, 512, 0, (struct sockaddr *)&from, &size);
        size_t length = got > DNS_HEADER ? answer(m, (size_t)got) : 0;
        if (length)
            (void)sendto(fd, m, length, 0, (struct sockaddr *)&from, size);
    }
}

static int begin(void **state)
{
    (void)state;
    struct sockaddr_in own = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof own;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&own, size) < 0 || getsockname(fd, (struct sockaddr *)&own, &size) < 0)
        return -1;
    port = ntohs(own.sin_port);
    server = fork();
    if (server == 0)
        serve(fd);
    close(fd);
    return server < 0 ? -1 : 0;
}

static int end(void **state)
{
    (void)state;
    kill(server, SIGKILL);
    return waitpid(server, NULL, 0) == server ? 0 : -1;
}

static bool ask_ours(void *context)
{
    (void)context;
    if (res_init() < 0)
        return false;
    _res.nscount = 1;
    _res.nsaddr_list[0] = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    return true;
}

/* ---- asking ---- */

static double asked_for;

static size_t descriptors(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static void kill_it(void *context, pid_t process)
{
    (void)context;
    kill(process, SIGKILL);
}

/* And no child and no descriptor is left. */
static void ask_all(struct name_question *questions, size_t count, bool (*become)(void *context), void *context)
{
    const struct names_asker asker = { become, kill_it, context };
    struct timespec from, to;
    size_t before = descriptors();
    pid_t others[2];
    clock_gettime(CLOCK_MONOTONIC, &from);
    names_ask(questions, count, LIMIT, &asker);
    clock_gettime(CLOCK_MONOTONIC, &to);
    asked_for = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
    assert_int_equal(descriptors(), before);
    others[0] = waitpid(-1, NULL, WNOHANG);
    assert_int_equal(others[0], 0); /* the server lives, and is the only one */
    assert_int_equal(kill(server, 0), 0);
}

static void what_is_answered(void **state)
{
    (void)state;
    struct name_question q[] = { { .name = "good.test." }, { .name = "six.test." }, { .name = "none.test." }, { .name = "broken.test." } };
    char text[ADDR_TEXT_MAX];
    ask_all(q, 4, ask_ours, NULL);
    assert_string_equal(addr_print(&q[0].addr, text), "192.0.2.7");
    assert_string_equal(addr_print(&q[1].addr, text), "2001:db8::7");
    for (int i = 0; i < 2; i++)
        assert_true(q[i].error == 0 && !q[i].silent);
    assert_true(q[2].addr.family == ADDR_NONE && q[2].error == EAI_NONAME && !q[2].silent);
    assert_true(q[3].addr.family == ADDR_NONE && q[3].error != 0 && !q[3].silent);
}

/* However many there are, and the others have their addresses. */
static void silence_has_an_end(void **state)
{
    (void)state;
    struct name_question q[] = { { .name = "mute.test." }, { .name = "mute2.test." }, { .name = "good.test." }, { .name = "mute3.test." } };
    ask_all(q, 4, ask_ours, NULL);
    assert_true(asked_for >= LIMIT && asked_for < LIMIT + 1);
    for (size_t i = 0; i < 4; i++)
        assert_true(q[i].silent == (i != 2) && (q[i].addr.family == ADDR_V4) == (i == 2));
}

static void many_names(void **state)
{
    (void)state;
    static char names[MANY][16];
    static struct name_question q[MANY];
    for (size_t i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "good%zu.test.", i);
        q[i].name = names[i];
    }
    ask_all(q, MANY, ask_ours, NULL);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(q[i].addr.family, ADDR_V4);
}

/* As the daemon's children do. */
static bool close_and_ask_ours(void *context)
{
    for (int fd = 3; fd < 64; fd++)
        close(fd);
    return ask_ours(context);
}

/* Not so many processes as there are names: one after the other, then. */
static void few_processes(void **state)
{
    (void)state;
    static char names[MANY][16];
    static struct name_question q[MANY];
    pid_t child = fork();
    if (child == 0) {
        unsigned found = 0;
        const struct names_asker asker = { close_and_ask_ours, kill_it, NULL };
        const struct rlimit few = { 40, 40 }; /* of descriptors, two for a process that asks */
        for (size_t i = 0; i < MANY; i++) {
            snprintf(names[i], sizeof names[i], "good%zu.test.", i);
            q[i].name = names[i];
        }
        if (setrlimit(RLIMIT_NOFILE, &few) < 0)
            _exit(2);
        names_ask(q, MANY, 10 * LIMIT, &asker);
        for (size_t i = 0; i < MANY; i++)
            found += q[i].addr.family == ADDR_V4;
        _exit(found == MANY ? 0 : 3);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* ---- children in somebody else's hands ---- */

static bool say(void *context)
{
    const struct bytes *what = context;
    (void)!write(STDOUT_FILENO, what->data, what->length);
    pause();
    return false;
}

static bool end_itself(void *context)
{
    (void)context;
    raise(SIGKILL);
    return false;
}

static bool refuse(void *context)
{
    (void)context;
    return false;
}

static void an_answer_is_believed_in_its_shape_alone(void **state)
{
    (void)state;
    struct { int error; struct addr addr; } lies[] = {
        { 0, { .family = ADDR_NONE } }, { 0, { .family = 77 } }, { 0, { .family = ADDR_V4 } } /* 0.0.0.0 */, { 5, { .family = ADDR_V4 } },
    };
    static uint8_t much[4096];
    struct bytes what[] = {
        bytes_of(&lies[0], sizeof *lies), bytes_of(&lies[1], sizeof *lies), bytes_of(&lies[2], sizeof *lies), bytes_of(&lies[3], sizeof *lies),
        bytes_of("x", 1), bytes_of(lies, sizeof *lies - 1), bytes_of(much, sizeof much),
    };
    for (size_t i = 0; i < sizeof what / sizeof *what; i++) {
        struct name_question q = { .name = "good.test." };
        ask_all(&q, 1, say, &what[i]);
        assert_true(q.addr.family == ADDR_NONE && q.error < 0 && !q.silent && asked_for < 1);
    }
}

static void who_dies_has_no_answer(void **state)
{
    (void)state;
    bool (*const kinds[])(void *context) = { end_itself, refuse };
    for (size_t i = 0; i < 2; i++) {
        struct name_question q = { .name = "good.test." };
        ask_all(&q, 1, kinds[i], NULL);
        assert_true(q.addr.family == ADDR_NONE && q.error < 0 && asked_for < 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_answered), cmocka_unit_test(silence_has_an_end), cmocka_unit_test(many_names), cmocka_unit_test(few_processes),
        cmocka_unit_test(an_answer_is_believed_in_its_shape_alone), cmocka_unit_test(who_dies_has_no_answer),
    };
    return cmocka_run_group_tests_name("host: names", tests, begin, end);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole life of the data plane against a real kernel, again and again, and each time another netlink message or
 * allocation of it fails: not sent, its answer lost, refused by the kernel; once, or for a while. What must hold: an SA
 * is in the kernel exactly when the engine was told so, what failed is mended by the next look, and nothing is left when
 * it is over; what passes by itself is not noticed at all. MINICPE_LONG=1 fails every message,
 * else each seventh.
 */
#include "tests/kernel/world.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "xfrm/xfrm.h"

/* The linker's names for what it puts in between. */
#define REAL(name) __real_##name
#define WRAPPED(name) __wrap_##name

enum how { UNSENT, LOST, REFUSED, NO_MEMORY };

struct fault {
    const char *name;
    enum how how;
    unsigned times;          /* in a row */
    int error;
    bool passes;             /* by itself, within what netlink.c tries: nobody may notice */
};

static const struct fault *fault; /* NULL: none */
static unsigned calls, fail_at;
static bool lose_next, refuse_next;
static uint32_t refused_sequence;

static bool fails(enum how how)
{
    return fault && fault->how == how && ++calls >= fail_at && calls < fail_at + fault->times;
}

void *REAL(calloc)(size_t count, size_t size);
void *WRAPPED(calloc)(size_t count, size_t size);
void *WRAPPED(calloc)(size_t count, size_t size) { return fails(NO_MEMORY) ? NULL : REAL(calloc)(count, size); }

ssize_t REAL(sendto)(int fd, const void *data, size_t length, int flags, const struct sockaddr *to, socklen_t size);
ssize_t WRAPPED(sendto)(int fd, const void *data, size_t length, int flags, const struct sockaddr *to, socklen_t size);
ssize_t WRAPPED(sendto)(int fd, const void *data, size_t length, int flags, const struct sockaddr *to, socklen_t size)
{
    lose_next = fails(LOST);
    refuse_next = fails(REFUSED);
    if (refuse_next) {
        refused_sequence = ((const struct nlmsghdr *)data)->nlmsg_seq;
        return (ssize_t)length;
    }
    if (fails(UNSENT)) {
        errno = fault->error;
        return -1;
    }
    return REAL(sendto)(fd, data, length, flags, to, size);
}

static ssize_t refusal(struct msghdr *message)
{
    struct { struct nlmsghdr header; struct nlmsgerr error; } answer = {
        .header = { .nlmsg_len = sizeof answer, .nlmsg_type = NLMSG_ERROR, .nlmsg_seq = refused_sequence, .nlmsg_flags = NLM_F_CAPPED },
        .error = { .error = -fault->error },
    };
    struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
    memcpy(message->msg_iov->iov_base, &answer, sizeof answer);
    memcpy(message->msg_name, &kernel, sizeof kernel);
    message->msg_namelen = sizeof kernel;
    message->msg_flags = 0;
    refuse_next = false;
    return (ssize_t)sizeof answer;
}

ssize_t REAL(recvmsg)(int fd, struct msghdr *message, int flags);
ssize_t WRAPPED(recvmsg)(int fd, struct msghdr *message, int flags);
ssize_t WRAPPED(recvmsg)(int fd, struct msghdr *message, int flags)
{
    if (refuse_next)
        return refusal(message);
    ssize_t got = REAL(recvmsg)(fd, message, flags);
    if (!lose_next)
        return got;
    lose_next = false;
    errno = fault->error;
    return -1;
}

/* ---- what the kernel has, seen past the faults ---- */

enum { SAS_MAX = 32 };

struct there { uint32_t spis[SAS_MAX]; size_t sas, policies; };

static void count_sa(void *context, const struct xfrm_seen *seen)
{
    struct there *t = context;
    if (xfrm_reqid_ours(seen->reqid) && t->sas < SAS_MAX)
        t->spis[t->sas++] = seen->spi;
}

static void count_policy(void *context, const struct xfrm_policy *policy)
{
    struct there *t = context;
    t->policies += xfrm_reqid_ours(policy->reqid);
}

static struct there look(void)
{
    const struct fault *kept = fault;
    struct there t = { .sas = 0 };
    struct netlink n;
    fault = NULL;
    assert_int_equal(xfrm_open(&n), 0);
    assert_int_equal(xfrm_each(&n, count_sa, &t), 0);
    assert_int_equal(xfrm_policy_each(&n, count_policy, &t), 0);
    netlink_close(&n);
    fault = kept;
    return t;
}

static bool has(const struct there *t, uint32_t spi)
{
    for (size_t i = 0; i < t->sas; i++)
        if (t->spis[i] == spi)
            return true;
    return false;
}

/* ---- one life ---- */

static struct mono clock_now; /* leaps, so that what is due in a second need not be waited for */

static void look_again(void)
{
    for (int i = 0; i < 3; i++) {
        clock_now = mono_after(clock_now, MONO_S(2));
        dp_server_readable(sides[NEAR].server, clock_now);
    }
}

static struct { uint32_t spi; bool told; } known[SAS_MAX];
static size_t known_count;

static bool install_one(uint8_t direction, uint32_t spi)
{
    struct dp_request request = { .id = spi, .type = DP_SA_INSTALL, .sa = sa_make(direction, spi, "192.168.2.42", "192.168.2.11", 4500, true) };
    known[known_count].spi = spi;
    known[known_count].told = ask(NEAR, &request, DP_PERMITTED).error == 0;
    return known[known_count++].told;
}

static void remove_one(uint8_t direction, uint32_t spi)
{
    struct dp_sa sa = sa_make(direction, spi, "192.168.2.42", "192.168.2.11", 4500, true);
    struct dp_request request = { .id = spi, .type = DP_SA_REMOVE, .name = dp_sa_name_of(&sa) };
    bool done = ask(NEAR, &request, DP_PERMITTED).error == 0;
    for (size_t i = 0; i < known_count; i++)
        if (known[i].spi == spi && done)
            known[i].told = false;
}

static void lives(bool alive)
{
    struct dp_request request = { .id = 1, .type = DP_TUNNEL_ALIVE, .alive = alive };
    (void)ask(NEAR, &request, DP_PERMITTED);
}

/* Up, new keys, a question, down. */
static void use(uint32_t spi)
{
    known_count = 0;
    install_one(DP_IN, spi);
    install_one(DP_OUT, spi + 1);
    lives(true);
    look_again();
    install_one(DP_IN, spi + 2);
    install_one(DP_OUT, spi + 3);
    remove_one(DP_OUT, spi + 1);
    remove_one(DP_IN, spi);
    look_again();
}

static void check_whole(const char *what, unsigned n)
{
    struct there t = look();
    size_t told = 0;
    for (size_t i = 0; i < known_count; i++) {
        told += known[i].told;
        if (known[i].told != has(&t, known[i].spi))
            fail_msg("%s, call %u: the engine was told that SA %x is %s, but it is %s", what, n, known[i].spi,
                     known[i].told ? "there" : "not there", known[i].told ? "not there" : "there");
        if (fault->passes && !known[i].told && known[i].spi % 16 > 1)
            fail_msg("%s, call %u: SA %x was refused", what, n, known[i].spi);
    }
    if (t.sas != told)
        fail_msg("%s, call %u: %zu SAs, not %zu", what, n, t.sas, told);
    if (t.policies != 3 || if_nametoindex("vti01") == 0)
        fail_msg("%s, call %u: %zu policies, vti01 is number %u", what, n, t.policies, if_nametoindex("vti01"));
}

static bool left_behind(void)
{
    struct there t = look();
    return t.sas || t.policies || if_nametoindex("vti01");
}

/* False: there were fewer calls than that. */
static bool one_life(const struct fault *f, unsigned n, char why[DP_WHY_MAX])
{
    bool reached;
    fault = f;
    calls = 0;
    fail_at = n;
    if (server_try(NEAR, why) == 0) {
        dp_server_greet(sides[NEAR].server);
        use(0x10000 + n * 16);
        reached = calls >= n + f->times;
        if (reached)
            check_whole(f->name, n);
        server_stop(NEAR);
    } else {
        if (f->passes)
            fail_msg("%s, call %u: no start: %s", f->name, n, why);
        if (!why[0])
            fail_msg("%s, call %u: no start, and no word about it", f->name, n);
        sides[NEAR].server = NULL;
    }
    reached = calls >= n;
    fault = NULL;
    return reached;
}

/* What a kernel refuses to remove stays; the next run finds it, and removes it. */
static void check_gone(const struct fault *f, unsigned n)
{
    char why[DP_WHY_MAX];
    if (!left_behind())
        return;
    if (f->passes)
        fail_msg("%s, call %u: something is left", f->name, n);
    if (server_try(NEAR, why))
        fail_msg("%s, call %u: the next start does not succeed: %s", f->name, n, why);
    server_stop(NEAR);
    if (left_behind())
        fail_msg("%s, call %u: something is left even after the next run", f->name, n);
}

static void fail_each(const struct fault *f)
{
    char why[DP_WHY_MAX];
    unsigned step = getenv("MINICPE_LONG") || f->how == NO_MEMORY ? 1 : 7, lifes = 0;
    for (unsigned n = 1; one_life(f, n, why); n += step, lifes++)
        check_gone(f, n);
    print_message("%s: %u lives\n", f->name, lifes);
    assert_true(lifes > 3);
}

static void every_failure(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        { "not sent once", UNSENT, 1, ENOBUFS, true }, { "not sent for a while", UNSENT, 6, ENOBUFS, false },
        { "answer lost once", LOST, 1, ENOBUFS, true }, { "answers lost for a while", LOST, 6, ENOMEM, false },
        { "no memory in the kernel once", REFUSED, 1, ENOMEM, true }, { "refused once", REFUSED, 1, EINVAL, false },
        { "no memory once", NO_MEMORY, 1, ENOMEM, false },
    };
    enter(NEAR);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        fail_each(&faults[i]);
}

int main(void)
{
    if (!world_possible()) {
        printf("skipped: this kernel has no VTI, or this is not root\n");
        return 77;
    }
    const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(every_failure, world_make, world_end) };
    return cmocka_run_group_tests_name("data plane: what it needs fails", tests, NULL, NULL);
}

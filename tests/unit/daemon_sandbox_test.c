/* SPDX-License-Identifier: Apache-2.0 */
/* What is left to a process that gave up its privileges, tried one by one in a child. */
#include "daemon/sandbox.h"

#include "tests/support/test.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "daemon/clock.h"
#include "daemon/drop.h"

static int run_child(void (*body)(void))
{
    pid_t child = fork();
    if (child == 0) {
        body();
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void enter(enum sandbox_role role)
{
    char error[SANDBOX_ERROR_MAX];
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || sandbox_enter(role, error) < 0)
        _exit(9);
}

static void try_open(void) { enter(SANDBOX_ENGINE); syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY); }
static void try_socket(void) { enter(SANDBOX_ENGINE); syscall(SYS_socket, AF_INET, SOCK_DGRAM, 0); }
static void try_exec(void) { enter(SANDBOX_ENGINE); syscall(SYS_execve, "/bin/true", NULL, NULL); }
static void try_fork(void) { enter(SANDBOX_ENGINE); syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }
static void try_trace(void) { enter(SANDBOX_ENGINE); syscall(SYS_ptrace, 0, 0, 0, 0); }
static void try_kill(void) { enter(SANDBOX_ENGINE); syscall(SYS_kill, getppid(), 0); }
static void try_bind(void) { enter(SANDBOX_ENGINE); syscall(SYS_bind, 0, NULL, 0); }
static void try_executable(void) { enter(SANDBOX_ENGINE); mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }
static void try_option(void)
{
    int value;
    socklen_t length = sizeof value;
    enter(SANDBOX_ENGINE);
    getsockopt(0, SOL_SOCKET, SO_TYPE, &value, &length);
}
static void try_supervisor_open(void) { enter(SANDBOX_SUPERVISOR); syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY); }
static void try_supervisor_exec(void) { enter(SANDBOX_SUPERVISOR); syscall(SYS_execve, "/bin/true", NULL, NULL); }

static void give_up(void) { enter(SANDBOX_SUPERVISOR); enter(SANDBOX_ENGINE); abort(); }

/* The C library says so, with a call that it makes for nothing else, and aborts. */
static void break_the_heap(void)
{
    static char block[64];
    char *volatile nowhere = block + 8;
    enter(SANDBOX_SUPERVISOR);
    enter(SANDBOX_ENGINE);
    free(nowhere);
}

static void abort_looks_like_abort(void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    print_message("no filter in a build with a memory checker\n");
    skip();
#endif
    void (*const ends[])(void) = { give_up, break_the_heap };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        int status = run_child(ends[i]);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
            fail_msg("end %zu: status %x", i, status);
    }
}

static void forbidden_calls_end_it(void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    print_message("no filter in a build with a memory checker\n");
    skip();
#endif
    void (*const tries[])(void) = {
        try_open, try_socket, try_exec, try_fork, try_trace, try_kill, try_bind, try_executable, try_option, try_supervisor_open,
        try_supervisor_exec,
    };
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        int status = run_child(tries[i]);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
            fail_msg("try %zu: status %x", i, status);
    }
}

/* What the engine lives by: memory, time, random numbers, Diffie-Hellman, datagrams, log lines. */
static void work(void)
{
    uint8_t exponent[CRYPTO_EXPONENT_MAX], value[CRYPTO_PUBLIC_MAX];
    int pair[2];
    const struct crypto_group_row *group = crypto_group_find(14);
    if (crypto_start() < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
        _exit(2);
    enter(SANDBOX_SUPERVISOR);
    enter(SANDBOX_ENGINE);
    for (size_t size = 1; size < 1 << 24; size *= 4) {
        void *memory = malloc(size);
        if (!memory)
            _exit(3);
        memset(memory, 1, size);
        free(memory);
    }
    if (crypto_random(exponent, group->exponent_length) < 0 ||
        crypto_dh_public(14, bytes_of(exponent, group->exponent_length), value) < 0)
        _exit(4);
    if (send(pair[0], value, 10, 0) != 10 || recv(pair[1], value, sizeof value, 0) != 10)
        _exit(5);
    if (clock_wall() <= 0 || clock_mono().us <= 0 || write(STDERR_FILENO, "", 0) < 0)
        _exit(6);
}

static void the_engine_can_work(void **state)
{
    (void)state;
    assert_int_equal(run_child(work), 0);
    assert_true(sandbox_count(SANDBOX_ENGINE) <= 25);
}

/* ---- stopped and continued, as by a person or while the machine sleeps: the kernel takes a wait up again ---- */

static void wait_in_poll(void)
{
    enter(SANDBOX_SUPERVISOR);
    while (poll(NULL, 0, 300) < 0 && errno == EINTR) { }
}

static void wait_in_epoll(void)
{
    struct epoll_event event;
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    enter(SANDBOX_SUPERVISOR);
    enter(SANDBOX_ENGINE);
    (void)epoll_wait(epoll, &event, 1, 300);
}

static void stopped_and_continued(void **state)
{
    (void)state;
    void (*const waits[])(void) = { wait_in_poll, wait_in_epoll };
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        int status = -1;
        pid_t child = fork();
        if (child == 0) {
            waits[i]();
            _exit(0);
        }
        usleep(100000);
        assert_int_equal(kill(child, SIGSTOP), 0);
        assert_int_equal(waitpid(child, &status, WUNTRACED), child);
        assert_true(WIFSTOPPED(status));
        assert_int_equal(kill(child, SIGCONT), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        if (status != 0)
            fail_msg("wait %zu: status %x after it was stopped and continued", i, status);
    }
}

/* ---- the privileged process ---- */

/* A call that is not its own fails, and it lives on. */
static void refused(long result)
{
    if (result != -1 || errno != EPERM)
        _exit(1);
}

static void privileged(void)
{
    char octet;
    enter(SANDBOX_PRIVILEGED);
    int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0), file = open("/etc/passwd", O_RDONLY | O_CLOEXEC), pair[2];
    if (netlink < 0 || file < 0 || read(file, &octet, 1) != 1 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
        _exit(2);
    refused(open("/etc/passwd", O_RDWR));
    refused(open("/tmp/minicpe-sandbox-test", O_WRONLY | O_CREAT, 0600));
    refused(open("/etc/passwd", O_RDONLY | O_TRUNC));
    refused(syscall(SYS_execve, "/bin/true", NULL, NULL));
    refused(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
    refused(syscall(SYS_ptrace, 0, 0, 0, 0));
    refused(syscall(SYS_kill, getppid(), 0));
    refused(syscall(SYS_chmod, "/tmp/minicpe-sandbox-test", 0));
    refused(syscall(SYS_mount, NULL, NULL, NULL, 0, NULL));
    refused(socket(AF_PACKET, SOCK_RAW, 0));
    refused(socket(AF_VSOCK, SOCK_STREAM, 0));
    refused(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
    refused(socket(AF_INET, SOCK_DGRAM, 0));
    refused(socket(AF_INET6, SOCK_STREAM, 0));
    refused(socket(AF_UNIX, SOCK_DGRAM, 0));
}

static void the_privileged_process_speaks_netlink_alone(void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    print_message("no filter in a build with a memory checker\n");
    skip();
#endif
    assert_int_equal(run_child(privileged), 0);
}

/* ---- files ---- */

static void denied(long result)
{
    if (result != -1 || errno != EACCES)
        _exit(1);
}

static void one_folder(void)
{
    static const struct landlock_path paths[] = { { LANDLOCK_READ, "/etc" }, { LANDLOCK_READ, "/nowhere" }, { LANDLOCK_REMOVE_FOLDER, "/tmp" } };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || mkdir("/tmp/minicpe-landlock-test", 0700) < 0)
        _exit(8);
    int entered = landlock_enter(paths, sizeof paths / sizeof *paths);
    if (entered) {
        rmdir("/tmp/minicpe-landlock-test");
        _exit(entered > 0 ? 77 : 9);
    }
    if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0 || rmdir("/tmp/minicpe-landlock-test") < 0)
        _exit(2);
    denied(open("/etc/minicpe-landlock-test", O_WRONLY | O_CREAT, 0600));
    denied(open("/usr", O_RDONLY | O_DIRECTORY));
    denied(open("/proc/self/maps", O_RDONLY));
    denied(mkdir("/tmp/minicpe-landlock-test", 0700));
    denied(syscall(SYS_execve, "/bin/true", (char *[]){ NULL }, NULL));
}

static void nothing_at_all(void)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || landlock_enter(NULL, 0) != 0)
        _exit(9);
    denied(open("/etc/passwd", O_RDONLY));
    denied(open("/", O_RDONLY | O_DIRECTORY));
}

static void files_out_of_reach(void **state)
{
    (void)state;
    int status = run_child(one_folder);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("this kernel has no Landlock\n");
        skip();
    }
    assert_int_equal(status, 0);
    assert_int_equal(run_child(nothing_at_all), 0);
}

/* A kernel that knows no filters says so in two ways. Not by libseccomp, which would remember what the kernel knew before. */
static void forget_filters(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_SECCOMP, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = { sizeof code / sizeof *code, code };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        _exit(2);
}

static void enter_without_filters(void)
{
    char error[SANDBOX_ERROR_MAX];
    forget_filters();
    if (sandbox_prepare(error) < 0)
        _exit(3);
    if (sandbox_enter(SANDBOX_PRIVILEGED, error) < 0)
        _exit(4);
}

static void a_kernel_without_filters(void **state)
{
    (void)state;
    assert_int_equal(run_child(enter_without_filters), 0);
}

static char root_folder[64];

static void become_nobody(void)
{
    struct drop_user user = { 65534, 65534, "nobody" };
    char error[DROP_ERROR_MAX];
    if (drop_everything(&user, root_folder, error) < 0)
        _exit(2);
    if (getuid() != 65534 || getgid() != 65534 || setuid(0) == 0 || chroot("/") == 0)
        _exit(3);
    if (open("/etc/passwd", O_RDONLY) >= 0 || open("../../../../etc/passwd", O_RDONLY) >= 0 || open("/x", O_CREAT | O_WRONLY, 0600) >= 0)
        _exit(4);
    if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || getgroups(0, NULL) != 0)
        _exit(5);
}

/* As under the unit file: no chroot(), and files are out of reach all the same. */
static void become_nobody_without_chroot(void)
{
    struct drop_user user = { 65534, 65534, "nobody" };
    char error[DROP_ERROR_MAX];
    capng_get_caps_process();
    capng_update(CAPNG_DROP, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_SYS_CHROOT);
    if (capng_apply(CAPNG_SELECT_CAPS) < 0 || drop_everything(&user, root_folder, error) < 0)
        _exit(2);
    int landlock = landlock_enter(NULL, 0);
    if (landlock < 0 || (landlock == 0 && open("/etc/passwd", O_RDONLY) >= 0))
        _exit(3);
    if (getuid() != 65534 || setuid(0) == 0 || open("x", O_CREAT | O_WRONLY, 0600) >= 0)
        _exit(4);
}

static void keep_net_admin(void)
{
    char error[DROP_ERROR_MAX];
    if (drop_to_net_admin(error) < 0)
        _exit(2);
    if (getuid() != 0 || chroot("/tmp") == 0 || setuid(65534) == 0 || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
        _exit(3);
    int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 1 << 24;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0) /* what CAP_NET_ADMIN allows */
        _exit(4);
}

static void privileges_are_gone(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("needs root\n");
        skip();
    }
    snprintf(root_folder, sizeof root_folder, "/tmp/minicpe-drop-test.%d", (int)getpid());
    assert_int_equal(mkdir(root_folder, 0555), 0);
    assert_int_equal(run_child(become_nobody), 0);
    assert_int_equal(run_child(become_nobody_without_chroot), 0);
    assert_int_equal(rmdir(root_folder), 0);
    assert_int_equal(run_child(keep_net_admin), 0);
}

/* libseccomp 2.5.4 then aborts, or goes round for ever. */
static void *volatile taken;
static void prepare_without_memory(void)
{
    char error[SANDBOX_ERROR_MAX] = "";
    struct rlimit little = { 0, 0 };
    setrlimit(RLIMIT_DATA, &little);
    setrlimit(RLIMIT_AS, &little);
    for (size_t size = 1 << 20; size >= 16; size /= 2)
        while ((taken = malloc(size)) != NULL) { }
    if (sandbox_prepare(error) == 0)
        _exit(2);
    if (!strstr(error, "want of memory"))
        _exit(3);
    if (sandbox_enter(SANDBOX_ENGINE, error) < 0) /* the lists of before are still whole */
        _exit(4);
}

static void lists_need_memory(void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    skip();
#endif
    assert_int_equal(run_child(prepare_without_memory), 0);
}

static int prepare(void **state)
{
    (void)state;
    char error[SANDBOX_ERROR_MAX];
    return sandbox_prepare(error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forbidden_calls_end_it), cmocka_unit_test(abort_looks_like_abort),
        cmocka_unit_test(the_privileged_process_speaks_netlink_alone), cmocka_unit_test(files_out_of_reach),
        cmocka_unit_test(the_engine_can_work), cmocka_unit_test(stopped_and_continued),      cmocka_unit_test(privileges_are_gone),
        cmocka_unit_test(a_kernel_without_filters), cmocka_unit_test(lists_need_memory),
    };
    return cmocka_run_group_tests_name("what a confined process may do", tests, prepare, NULL);
}

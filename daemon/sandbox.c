/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the allow-lists, one table. A call has to earn its row: the comment names who makes it. No row lets a
 * process run a program or look at another process, and mmap never makes memory executable. The supervisor and
 * engines open no file and make no socket, and a call that is not theirs ends them. In the privileged process,
 * which no packet reaches, such a call fails: a C library that asks for more must not take the tunnels down.
 * The lists become programs once, in a child, and twice, to compare: where memory is short libseccomp (2.5.4) aborts,
 * never ends, or makes another program without a word, and the birth of an engine is to depend on none of it.
 */
#include "daemon/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/landlock.h"

#ifdef __SANITIZE_ADDRESS__
enum { MEMORY_CHECKER = true };
#else
enum { MEMORY_CHECKER = false };
#endif

enum {
    ENGINE = 1 << SANDBOX_ENGINE, SUPERVISOR = 1 << SANDBOX_SUPERVISOR, PRIVILEGED = 1 << SANDBOX_PRIVILEGED,
    BOTH = ENGINE | SUPERVISOR, ALL = BOTH | PRIVILEGED,
};
enum argument_rule { ANY, NOT_EXECUTABLE, PEER_CREDENTIALS, ABORT, FAILS, UNIX, NETLINK, TO_READ, TO_STDERR };

struct row {
    int call;
    unsigned roles;
    enum argument_rule rule;
};

static const struct row table[] = {
    /* the loop */
#ifdef __NR_epoll_wait
    { SCMP_SYS(epoll_wait), ALL, ANY },
#else
    { SCMP_SYS(epoll_pwait), ALL, ANY },        /* machines that never had the older call */
#endif
    { SCMP_SYS(epoll_ctl), ALL, ANY },
    { SCMP_SYS(timerfd_settime), BOTH, ANY },
    { SCMP_SYS(read), ALL, ANY },               /* the timer; files */
    { SCMP_SYS(write), ALL, ANY },              /* log lines */
    { SCMP_SYS(close), ALL, ANY },
    { SCMP_SYS(clock_gettime), ALL, ANY },      /* where the vDSO cannot read the machine's clock source */
    { SCMP_SYS(gettimeofday), ALL, ANY },       /* the same, by libev */
    /* the network, the data plane, control clients; netlink, the service manager */
    { SCMP_SYS(recvmsg), ALL, ANY },
    { SCMP_SYS(sendmsg), ALL, ANY },
    { SCMP_SYS(recvfrom), ALL, ANY },
    { SCMP_SYS(sendto), ALL, ANY },
    { SCMP_SYS(accept4), BOTH, ANY },
    { SCMP_SYS(getsockopt), BOTH, PEER_CREDENTIALS },
    /* memory and the C library */
    { SCMP_SYS(brk), ALL, ANY },
    { SCMP_SYS(mmap), ALL, NOT_EXECUTABLE },
    { SCMP_SYS(munmap), ALL, ANY },
    { SCMP_SYS(mremap), ALL, FAILS },           /* realloc() then copies */
    { SCMP_SYS(madvise), ALL, FAILS },          /* free() then keeps the pages */
    { SCMP_SYS(futex), ALL, ANY },              /* libcrypto's locks */
    { SCMP_SYS(getrandom), ALL, ANY },
    { SCMP_SYS(getpid), ALL, ANY },             /* libcrypto's random source looks for a fork */
    { SCMP_SYS(rt_sigprocmask), ALL, ANY },     /* abort(), whose cause must not look like a forbidden call */
    { SCMP_SYS(gettid), ALL, ANY },
    { SCMP_SYS(tgkill), ALL, ABORT },
    { SCMP_SYS(writev), ALL, TO_STDERR },       /* the C library's last words, of a heap or a stack that is broken */
    { SCMP_SYS(rt_sigreturn), SUPERVISOR | PRIVILEGED, ANY }, /* an engine handles no signal */
    { SCMP_SYS(exit_group), ALL, ANY },
    /* the supervisor: engines and their birth, up to the engine's own filter */
    { SCMP_SYS(clone), SUPERVISOR, ANY },
    { SCMP_SYS(clone3), SUPERVISOR, ANY },
    { SCMP_SYS(set_robust_list), SUPERVISOR, ANY },
    { SCMP_SYS(rseq), SUPERVISOR, ANY },
    { SCMP_SYS(wait4), SUPERVISOR, ANY },
    { SCMP_SYS(kill), SUPERVISOR, ANY },
    { SCMP_SYS(poll), SUPERVISOR, ANY },
    { SCMP_SYS(ppoll), SUPERVISOR, ANY },
    { SCMP_SYS(pipe2), SUPERVISOR, ANY },
    { SCMP_SYS(fcntl), SUPERVISOR | PRIVILEGED, ANY },
    { SCMP_SYS(epoll_create1), SUPERVISOR, ANY },
    { SCMP_SYS(epoll_create), SUPERVISOR, ANY },
    { SCMP_SYS(timerfd_create), SUPERVISOR, ANY },
    { SCMP_SYS(prctl), SUPERVISOR, ANY },
    { SCMP_SYS(prlimit64), SUPERVISOR, ANY },
    { SCMP_SYS(mlockall), SUPERVISOR, ANY },
    { SCMP_SYS(exit), SUPERVISOR, ANY },
    /* the privileged process: channels of a new engine, netlink */
    { SCMP_SYS(socketpair), PRIVILEGED, UNIX },
    { SCMP_SYS(socket), PRIVILEGED, NETLINK },
    { SCMP_SYS(bind), PRIVILEGED, ANY },
    { SCMP_SYS(getsockname), PRIVILEGED, ANY },
    { SCMP_SYS(setsockopt), PRIVILEGED, ANY },        /* sizes of buffers, notifications */
    /* its files, when they are read anew; what Landlock leaves of them */
    { SCMP_SYS(open), PRIVILEGED, TO_READ },
    { SCMP_SYS(openat), PRIVILEGED, TO_READ },
    { SCMP_SYS(fstat), PRIVILEGED, ANY },
    { SCMP_SYS(stat), PRIVILEGED, ANY },
    { SCMP_SYS(lstat), PRIVILEGED, ANY },
    { SCMP_SYS(newfstatat), PRIVILEGED, ANY },
    { SCMP_SYS(statx), PRIVILEGED, ANY },
    { SCMP_SYS(lseek), PRIVILEGED, ANY },
    { SCMP_SYS(getdents64), PRIVILEGED, ANY },        /* patterns of include */
    { SCMP_SYS(geteuid), PRIVILEGED, ANY },           /* whose the secrets are */
    { SCMP_SYS(sysinfo), PRIVILEGED, ANY },           /* qsort() asks how much memory there is */
    /* its end */
    { SCMP_SYS(wait4), PRIVILEGED, ANY },
    { SCMP_SYS(clock_nanosleep), PRIVILEGED, ANY },
    { SCMP_SYS(nanosleep), PRIVILEGED, ANY },
    { SCMP_SYS(restart_syscall), SUPERVISOR | PRIVILEGED, ANY }, /* a wait that was stopped and continued: also a machine that slept */
    { SCMP_SYS(unlink), PRIVILEGED, ANY },
    { SCMP_SYS(unlinkat), PRIVILEGED, ANY },
    { SCMP_SYS(rmdir), PRIVILEGED, ANY },
};

enum { ROWS = sizeof table / sizeof *table, ROLES = SANDBOX_PRIVILEGED + 1, PROGRAM_MAX = 1024,
       BUILD_LIMIT = 5 /* seconds */, BUILD_MEMORY = 4 << 20 };

static struct program {
    struct sock_filter code[PROGRAM_MAX];
    uint32_t length; /* 0: not made yet */
} programs[ROLES];

static int allow_family(scmp_filter_ctx filter, int call, unsigned family)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1, SCMP_A0(SCMP_CMP_EQ, family));
}

/* Also where there is no Landlock. */
static int allow_reading(scmp_filter_ctx filter, int call)
{
    static const unsigned writing = O_ACCMODE | O_CREAT | O_TRUNC;
    if (call == SCMP_SYS(openat))
        return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, writing, O_RDONLY));
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1, SCMP_A1(SCMP_CMP_MASKED_EQ, writing, O_RDONLY));
}

static int add_row(scmp_filter_ctx filter, const struct row *row)
{
    switch (row->rule) {
    case ANY:
        return seccomp_rule_add(filter, SCMP_ACT_ALLOW, row->call, 0);
    case NOT_EXECUTABLE:
        return seccomp_rule_add(filter, SCMP_ACT_ALLOW, row->call, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    case PEER_CREDENTIALS:
        return seccomp_rule_add(filter, SCMP_ACT_ALLOW, row->call, 2, SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET, 0),
                                SCMP_A2(SCMP_CMP_EQ, SO_PEERCRED, 0));
    case UNIX:
        return allow_family(filter, row->call, AF_UNIX);
    case NETLINK:
        return allow_family(filter, row->call, AF_NETLINK);
    case TO_STDERR:
        return seccomp_rule_add(filter, SCMP_ACT_ALLOW, row->call, 1, SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO));
    case TO_READ:
        return allow_reading(filter, row->call);
    case FAILS:
        return seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOMEM), row->call, 0);
    case ABORT:
        return seccomp_rule_add(filter, SCMP_ACT_ALLOW, row->call, 1, SCMP_A2(SCMP_CMP_EQ, SIGABRT, 0));
    }
    return -EINVAL;
}

static int take_program(scmp_filter_ctx filter, struct program *out)
{
    int fd = memfd_create("filter", MFD_CLOEXEC);
    int result = fd < 0 ? -errno : seccomp_export_bpf(filter, fd);
    ssize_t got = result < 0 ? -1 : pread(fd, out->code, sizeof out->code, 0);
    if (fd >= 0)
        close(fd);
    if (got <= 0 || (size_t)got == sizeof out->code)
        return -ENOMEM;
    out->length = (uint32_t)((size_t)got / sizeof *out->code);
    return 0;
}

static int build_filter(enum sandbox_role role, struct program *out)
{
    scmp_filter_ctx filter = seccomp_init(1U << role & PRIVILEGED ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_KILL_PROCESS);
    int result = filter ? 0 : -ENOMEM;
    for (size_t i = 0; result == 0 && i < ROWS; i++)
        if (table[i].roles & 1U << role && table[i].call >= 0) /* negative: this machine's kernel has no such call */
            result = add_row(filter, &table[i]);
    if (result == 0)
        result = take_program(filter, out);
    seccomp_release(filter);
    return result;
}

/* Memory that this process keeps, so that libseccomp finds what it needs, or does not begin. */
static int set_memory_aside(void)
{
    mallopt(M_TRIM_THRESHOLD, 2 * BUILD_MEMORY);
    mallopt(M_MMAP_MAX, 0);
    void *room = malloc(BUILD_MEMORY);
    free(room);
    return room ? 0 : -1;
}

static int build_in_child(struct program out[ROLES])
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        alarm(BUILD_LIMIT);
        int result = set_memory_aside();
        seccomp_api_set(3); /* whatever the kernel knows: it is asked when a filter is loaded */
        for (int role = 0; result == 0 && role < ROLES; role++)
            result = build_filter((enum sandbox_role)role, &out[role]);
        _exit(result == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) { }
    return status == 0 ? 0 : -1;
}

int sandbox_prepare(char error[SANDBOX_ERROR_MAX])
{
    if (MEMORY_CHECKER)
        return 0;
    struct program *built = mmap(NULL, 2 * sizeof programs, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int result = built == MAP_FAILED || build_in_child(built) < 0 || build_in_child(built + ROLES) < 0 ? -1 : 0;
    if (result == 0 && memcmp(built, built + ROLES, sizeof programs) != 0)
        result = -1;
    if (result == 0)
        memcpy(programs, built, sizeof programs);
    else
        snprintf(error, SANDBOX_ERROR_MAX, "cannot make the lists of allowed system calls, most likely for want of memory: free some and start again");
    if (built != MAP_FAILED)
        munmap(built, 2 * sizeof programs);
    return result;
}

static int load_filter(enum sandbox_role role)
{
    const struct sock_fprog program = { (unsigned short)programs[role].length, programs[role].code };
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
}

size_t sandbox_count(enum sandbox_role role)
{
    size_t count = 0;
    for (size_t i = 0; i < ROWS; i++)
        count += table[i].roles & 1U << role && table[i].rule != FAILS;
    return count;
}

int sandbox_files(const struct landlock_path *paths, size_t count, char error[SANDBOX_ERROR_MAX])
{
    if (MEMORY_CHECKER)
        return 0;
    int result = landlock_enter(paths, count);
    if (result < 0)
        snprintf(error, SANDBOX_ERROR_MAX, "cannot restrict access to files (Landlock): %s", strerror(errno));
    else if (result > 0 && count == 0 && access("/usr", F_OK) == 0)
        log_warning("this kernel has no Landlock, and chroot() is not allowed: the list of system calls alone keeps files away");
    else if (result > 0)
        log_debug("this kernel has no Landlock: access to files is restricted by the other means alone");
    return result < 0 ? -1 : 0;
}

int sandbox_enter(enum sandbox_role role, char error[SANDBOX_ERROR_MAX])
{
    if (MEMORY_CHECKER) {
        log_debug("no system call filter in this build: its memory checker needs more calls");
        return 0;
    }
    if (role == SANDBOX_ENGINE) { /* an engine never forks; this also holds where seccomp is missing */
        static const struct rlimit none;
        setrlimit(RLIMIT_NPROC, &none);
    }
    if (!programs[role].length) {
        snprintf(error, SANDBOX_ERROR_MAX, "cannot restrict system calls: the list was not made");
        return -1;
    }
    int result = load_filter(role);
    if (result == -EINVAL || result == -ENOSYS) {
        log_warning("this kernel has no system call filter (CONFIG_SECCOMP_FILTER): going on without");
        return 0;
    }
    if (result < 0)
        snprintf(error, SANDBOX_ERROR_MAX, "cannot restrict system calls: %s", strerror(-result));
    return result < 0 ? -1 : 0;
}

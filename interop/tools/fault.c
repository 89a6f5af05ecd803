/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a chosen call of a chosen process of the daemon fail: preloaded into it, and the tool that says which. Both
 * share the file that FAULT_FILE names, which is mapped before the daemon goes into its sandbox.
 *
 *   cc -shared -fPIC -o fault.so fault.c -ldl        cc -DTOOL -o fault fault.c
 *   fault FILE reset                                 forgets counts and plan
 *   fault FILE arm PROCESS CALL NTH ERROR            PROCESS 0 privileged, 1 supervisor, 2 engine; NTH from now on
 *   fault FILE show                                  "fired N", and "PROCESS CALL COUNT" for each that was called
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CALLS(EACH) \
    EACH(malloc) EACH(calloc) EACH(realloc) EACH(socket) EACH(bind) EACH(setsockopt) EACH(getsockname) EACH(sendto) EACH(sendmsg) \
    EACH(send) EACH(recvmsg) EACH(recv) EACH(read) EACH(write) EACH(open) EACH(fork) EACH(pipe2) EACH(socketpair) EACH(epoll_ctl) \
    EACH(epoll_wait) EACH(timerfd_create) EACH(timerfd_settime) EACH(accept4) EACH(prctl) EACH(chroot) EACH(setresuid) EACH(mlockall) \
    EACH(fstat) EACH(poll) EACH(kill) EACH(mkdir) EACH(chdir) EACH(listen)

#define NUMBER(name) CALL_##name,
#define TEXT(name) #name,
enum { CALLS(NUMBER) CALL_COUNT, PROCESSES = 3 };

struct board {
    volatile unsigned process, call, left, error, fired; /* left 0: nothing is to fail */
    volatile unsigned counts[PROCESSES][CALL_COUNT];
};

#ifdef TOOL

static const char *const names[] = { CALLS(TEXT) };

static unsigned call_of(const char *name)
{
    for (unsigned i = 0; i < CALL_COUNT; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    fprintf(stderr, "fault: no call %s\n", name);
    exit(2);
}

static void show(const struct board *b)
{
    printf("fired %u\n", b->fired);
    for (unsigned p = 0; p < PROCESSES; p++)
        for (unsigned c = 0; c < CALL_COUNT; c++)
            if (b->counts[p][c])
                printf("%u %s %u\n", p, names[c], b->counts[p][c]);
}

int main(int count, char **words)
{
    int fd = count > 2 ? open(words[1], O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
    if (fd < 0 || ftruncate(fd, sizeof(struct board)) != 0)
        return 2;
    struct board *b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (b == MAP_FAILED)
        return 2;
    if (strcmp(words[2], "show") == 0) {
        show(b);
        return 0;
    }
    memset(b, 0, sizeof *b);
    if (strcmp(words[2], "arm") == 0 && count > 6) {
        b->process = (unsigned)strtoul(words[3], NULL, 10);
        b->call = call_of(words[4]);
        b->error = (unsigned)strtoul(words[6], NULL, 10);
        b->left = (unsigned)strtoul(words[5], NULL, 10);
    }
    return 0;
}

#else

#include <dlfcn.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <poll.h>
#include <stdarg.h>

static struct board *board;
static unsigned process;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAULT_FILE");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    board = map == MAP_FAILED ? NULL : map;
}

static int fails(unsigned call)
{
    if (!board || process >= PROCESSES)
        return 0;
    board->counts[process][call]++;
    if (!board->left || board->process != process || board->call != call || --board->left)
        return 0;
    board->fired++;
    errno = (int)board->error;
    return 1;
}

/* The C library's own names, because dlsym() itself allocates. */
#define LIBC(name) __libc_##name
extern void *LIBC(malloc)(size_t size);
extern void *LIBC(calloc)(size_t count, size_t size);
extern void *LIBC(realloc)(void *old, size_t size);
void *malloc(size_t size) { return fails(CALL_malloc) ? NULL : LIBC(malloc)(size); }
void *calloc(size_t count, size_t size) { return fails(CALL_calloc) ? NULL : LIBC(calloc)(count, size); }
void *realloc(void *old, size_t size) { return fails(CALL_realloc) ? NULL : LIBC(realloc)(old, size); }

#define PASS(type, name, parameters, ...)                                \
    type name parameters                                                 \
    {                                                                    \
        static type (*real) parameters;                                  \
        if (!real)                                                       \
            real = (type (*) parameters)dlsym(RTLD_NEXT, #name);         \
        return fails(CALL_##name) ? -1 : real(__VA_ARGS__);              \
    }

PASS(int, socket, (int a, int b, int c), a, b, c)
PASS(int, bind, (int fd, const struct sockaddr *a, socklen_t n), fd, a, n)
PASS(int, setsockopt, (int fd, int l, int o, const void *v, socklen_t n), fd, l, o, v, n)
PASS(int, getsockname, (int fd, struct sockaddr *a, socklen_t *n), fd, a, n)
PASS(ssize_t, sendto, (int fd, const void *d, size_t n, int f, const struct sockaddr *a, socklen_t l), fd, d, n, f, a, l)
PASS(ssize_t, sendmsg, (int fd, const struct msghdr *m, int f), fd, m, f)
PASS(ssize_t, send, (int fd, const void *d, size_t n, int f), fd, d, n, f)
PASS(ssize_t, recvmsg, (int fd, struct msghdr *m, int f), fd, m, f)
PASS(ssize_t, recv, (int fd, void *d, size_t n, int f), fd, d, n, f)
PASS(ssize_t, read, (int fd, void *d, size_t n), fd, d, n)
PASS(ssize_t, write, (int fd, const void *d, size_t n), fd, d, n)
PASS(int, pipe2, (int p[2], int f), p, f)
PASS(int, socketpair, (int a, int b, int c, int p[2]), a, b, c, p)
PASS(int, epoll_ctl, (int e, int o, int fd, struct epoll_event *v), e, o, fd, v)
PASS(int, epoll_wait, (int e, struct epoll_event *v, int n, int t), e, v, n, t)
PASS(int, timerfd_create, (int c, int f), c, f)
PASS(int, timerfd_settime, (int fd, int f, const struct itimerspec *n, struct itimerspec *o), fd, f, n, o)
PASS(int, accept4, (int fd, struct sockaddr *a, socklen_t *n, int f), fd, a, n, f)
PASS(int, chroot, (const char *p), p)
PASS(int, setresuid, (uid_t a, uid_t b, uid_t c), a, b, c)
PASS(int, mlockall, (int f), f)
PASS(int, fstat, (int fd, struct stat *s), fd, s)
PASS(int, poll, (struct pollfd *p, nfds_t n, int t), p, n, t)
PASS(int, kill, (pid_t p, int s), p, s)
PASS(int, mkdir, (const char *p, mode_t m), p, m)
PASS(int, chdir, (const char *p), p)
PASS(int, listen, (int fd, int n), fd, n)

int open(const char *path, int flags, ...)
{
    static int (*real)(const char *, int, ...);
    va_list more;
    va_start(more, flags);
    mode_t mode = (flags & O_CREAT) ? va_arg(more, mode_t) : 0;
    va_end(more);
    if (!real)
        real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
    return fails(CALL_open) ? -1 : real(path, flags, mode);
}

int prctl(int what, ...)
{
    static int (*real)(int, ...);
    unsigned long a[4];
    va_list more;
    va_start(more, what);
    for (int i = 0; i < 4; i++)
        a[i] = va_arg(more, unsigned long);
    va_end(more);
    if (!real)
        real = (int (*)(int, ...))dlsym(RTLD_NEXT, "prctl");
    return fails(CALL_prctl) ? -1 : real(what, a[0], a[1], a[2], a[3]);
}

/* The privileged process makes the supervisor, which makes engines. */
pid_t fork(void)
{
    static pid_t (*real)(void);
    if (!real)
        real = (pid_t (*)(void))dlsym(RTLD_NEXT, "fork");
    if (fails(CALL_fork))
        return -1;
    pid_t child = real();
    process += child == 0;
    return child;
}

#endif

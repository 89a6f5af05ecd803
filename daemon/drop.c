/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the change of identity. Order matters: chroot needs root, groups go before the user, and the checks at
 * the end try to get back what was given up. A failed step ends the process: there is no half-privileged run.
 */
#include "daemon/drop.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

enum { NICENESS = -10 };

static int failed(char error[DROP_ERROR_MAX], const char *what)
{
    snprintf(error, DROP_ERROR_MAX, "cannot give up privileges: %s: %s", what, strerror(errno));
    return -1;
}

bool drop_have_privilege(char error[DROP_ERROR_MAX])
{
    static const struct { unsigned capability; const char *name; } needed[] = {
        { CAP_NET_ADMIN, "CAP_NET_ADMIN" },           { CAP_NET_BIND_SERVICE, "CAP_NET_BIND_SERVICE" },
        { CAP_SETUID, "CAP_SETUID" }, { CAP_SETGID, "CAP_SETGID" },
    };
    if (geteuid() != 0) {
        snprintf(error, DROP_ERROR_MAX, "must be started as root: it makes interfaces and IPsec policies (and then gives up all but "
                                        "CAP_NET_ADMIN); try `sudo minicpe ...`");
        return false;
    }
    capng_get_caps_process();
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!capng_have_capability(CAPNG_EFFECTIVE, needed[i].capability)) {
            snprintf(error, DROP_ERROR_MAX, "root lacks %s here: a container or a service unit has taken it away; add it there",
                     needed[i].name);
            return false;
        }
    return true;
}

void drop_find_user(struct drop_user *user)
{
    static bool told;
    const struct passwd *row = getpwnam("minicpe");
    if (row && row->pw_uid != 0) {
        *user = (struct drop_user){ row->pw_uid, row->pw_gid, "minicpe" };
        return;
    }
    row = getpwnam("nobody");
    *user = row && row->pw_uid != 0 ? (struct drop_user){ row->pw_uid, row->pw_gid, "nobody" }
                                    : (struct drop_user){ 65534, 65534, "nobody" };
    if (!told)
        log_notice("there is no user minicpe: running as nobody; `make install` or the package's sysusers file makes one");
    told = true;
}

/* The unit file allows no chroot(), which would cost it a capability and a group of calls: there it is Landlock that hides all files. */
static int enter_root(const char *root, char error[DROP_ERROR_MAX])
{
    if (chroot(root) == 0)
        return chdir("/") < 0 ? failed(error, "chdir") : 0;
    if (errno != EPERM || chdir(root) < 0)
        return failed(error, root);
    log_debug("chroot() is not allowed here: files are hidden by Landlock");
    return 0;
}

static int become(const struct drop_user *user, char error[DROP_ERROR_MAX])
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return failed(error, "no_new_privs");
    if (setgroups(0, NULL) < 0)
        return failed(error, "groups");
    if (setresgid(user->gid, user->gid, user->gid) < 0)
        return failed(error, "group");
    return setresuid(user->uid, user->uid, user->uid) < 0 ? failed(error, "user") : 0;
}

static bool can_return(void)
{
    return setuid(0) == 0 || setgid(0) == 0 || seteuid(0) == 0 || setegid(0) == 0;
}

/* Where a service unit keeps CAP_SETPCAP away its own bounding set stays; no_new_privs already does the work. */
static void empty_bounding_set(void)
{
    capng_get_caps_process();
    if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
        return; /* libcap-ng would complain on standard error */
    capng_clear(CAPNG_SELECT_BOTH);
    capng_apply(CAPNG_SELECT_BOUNDS);
}

int drop_everything(const struct drop_user *user, const char *root, char error[DROP_ERROR_MAX])
{
    empty_bounding_set();
    if (enter_root(root, error) < 0 || become(user, error) < 0)
        return -1;
    capng_get_caps_process();
    if (can_return() || capng_have_capabilities(CAPNG_SELECT_CAPS) != CAPNG_NONE) {
        errno = EPERM;
        return failed(error, "something was left over");
    }
    drop_dumps(); /* a change of user may have reset it */
    return 0;
}

/* The real and the saved user stay root: nobody of that user can signal or trace this process meanwhile. */
void drop_kill(const struct drop_user *user, pid_t process)
{
    const uid_t same = (uid_t)-1, own = geteuid();
    if (kill(process, SIGKILL) == 0 || errno != EPERM)
        return;
    if (setresuid(same, user->uid, same) == 0)
        (void)kill(process, SIGKILL);
    if (setresuid(same, own, same) < 0)
        abort(); /* cannot be: it is the real user */
    drop_dumps(); /* the change may have reset it */
}

void drop_forking(void)
{
    static const struct rlimit none;
    setrlimit(RLIMIT_NPROC, &none);
}

int drop_to_net_admin(char error[DROP_ERROR_MAX])
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return failed(error, "no_new_privs");
    empty_bounding_set();
    capng_clear(CAPNG_SELECT_BOTH);
    capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN);
    if (capng_apply(CAPNG_SELECT_CAPS) < 0)
        return failed(error, "capabilities");
    capng_get_caps_process();
    if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN) || capng_have_capability(CAPNG_PERMITTED, CAP_SYS_ADMIN)) {
        errno = EPERM;
        return failed(error, "capabilities are not what was asked for");
    }
    drop_dumps();
    return 0;
}

void drop_descriptors(void)
{
    /* A standard stream that is closed would be the next socket's number, which log lines then go to. */
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
            log_debug("/dev/null cannot be opened: %s", strerror(errno));
#ifdef SYS_close_range
    if (syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0) == 0)
        return;
#endif
    for (int fd = STDERR_FILENO + 1; fd < 1024; fd++)
        close(fd);
}

void drop_standard_streams(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return;
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    if (null > STDERR_FILENO)
        close(null);
}

void drop_contents_of_dumps(void)
{
    int fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (write(fd, "0", 1) != 1)
        log_debug("dumps would have memory in them: %s", strerror(errno));
    close(fd);
}

void drop_dumps(void)
{
    static const struct rlimit none;
    setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* cannot fail with these */
}

/* With a finite limit a later allocation could fail, which is worse than a page in the swap. */
void drop_lock_memory(void)
{
    static const struct rlimit endless = { RLIM_INFINITY, RLIM_INFINITY };
    struct rlimit limit;
    setrlimit(RLIMIT_MEMLOCK, &endless);
    if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0 || limit.rlim_cur != RLIM_INFINITY)
        return;
#ifndef __SANITIZE_ADDRESS__
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
        log_debug("memory is not locked: %s", strerror(errno));
#endif
}

/* Under systemd the unit file does it: its filter lets nobody in here change priorities. */
void drop_waiting(void)
{
    if (getpriority(PRIO_PROCESS, 0) > NICENESS && setpriority(PRIO_PROCESS, 0, NICENESS) < 0)
        log_debug("not scheduled before others: %s", strerror(errno));
}

/*
 * The kernel makes one huge page of a table of which a few rows are in use (2 MiB, locked), and glibc keeps large
 * blocks once it has seen one freed: with both, memory after a flood or a reload depended on when it was looked at.
 */
void drop_slack_memory(void)
{
    enum { LARGE_BLOCK = 64 * 1024, SPARE = 64 * 1024 };
    (void)prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); /* a kernel without it has no huge pages either */
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
    mallopt(M_TRIM_THRESHOLD, SPARE);
#endif
}

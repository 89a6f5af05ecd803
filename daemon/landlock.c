/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the Landlock rule sets. The kernel's numbers are written out, since the headers to build with may be older
 * than the kernel to run on: a kernel tells its version, and is asked for what that version knows and no more.
 */
#include "daemon/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef __NR_landlock_create_ruleset           /* the same on every machine */
#define __NR_landlock_create_ruleset 444
#define __NR_landlock_add_rule 445
#define __NR_landlock_restrict_self 446
#endif

enum {
    ASK_VERSION = 1, RULE_BELOW = 1,
    FS_READ_FILE = 1 << 2, FS_READ_DIR = 1 << 3, FS_REMOVE_DIR = 1 << 4, FS_REMOVE_FILE = 1 << 5,
    NET_ALL = 3,                               /* bind and connect TCP, from version 4 on */
    SCOPE_ALL = 3,                             /* abstract sockets and signals, from version 6 on */
};

struct ruleset { uint64_t fs, net, scoped; };

struct below {
    uint64_t allowed;
    int32_t folder;
} __attribute__((packed));

/* Every access to files that a version knows: 13 at first, then refer, truncate and (version 5) ioctl on devices. */
static struct ruleset everything(long version)
{
    unsigned accesses = version >= 5 ? 16 : version >= 3 ? 15 : version >= 2 ? 14 : 13;
    return (struct ruleset){ .fs = (UINT64_C(1) << accesses) - 1, .net = version >= 4 ? NET_ALL : 0, .scoped = version >= 6 ? SCOPE_ALL : 0 };
}

/* The structure grew with the versions; an old kernel takes a longer one only if what it does not know is zero. */
static int make_ruleset(void)
{
    long version = syscall(__NR_landlock_create_ruleset, NULL, (size_t)0, ASK_VERSION);
    if (version < 1)
        return -1;
    struct ruleset ruleset = everything(version);
    return (int)syscall(__NR_landlock_create_ruleset, &ruleset, sizeof ruleset, 0);
}

static const uint64_t accesses_of[] = {
    [LANDLOCK_READ] = FS_READ_FILE | FS_READ_DIR,
    [LANDLOCK_REMOVE] = FS_REMOVE_FILE | FS_REMOVE_DIR,
    [LANDLOCK_REMOVE_FOLDER] = FS_REMOVE_DIR,
};

static int allow(int ruleset, const struct landlock_path *path)
{
    struct below below = { .allowed = accesses_of[path->what] };
    struct stat status;
    below.folder = open(path->path, O_PATH | O_CLOEXEC);
    if (below.folder < 0)
        return 0;
    if (fstat(below.folder, &status) == 0 && !S_ISDIR(status.st_mode))
        below.allowed &= FS_READ_FILE;
    long result = below.allowed ? syscall(__NR_landlock_add_rule, ruleset, RULE_BELOW, &below, 0) : 0;
    close(below.folder);
    return (int)result;
}

int landlock_enter(const struct landlock_path *paths, size_t count)
{
    int ruleset = make_ruleset();
    if (ruleset < 0)
        return errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM ? 1 : -1; /* EPERM: a container's own filter */
    int result = 0;
    for (size_t i = 0; result == 0 && i < count; i++)
        result = allow(ruleset, &paths[i]);
    if (result == 0)
        result = (int)syscall(__NR_landlock_restrict_self, ruleset, 0);
    int kept = errno;
    close(ruleset);
    errno = kept;
    return result;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What of the file system a process may still reach, whatever its user is allowed to. */
#ifndef DAEMON_LANDLOCK_H
#define DAEMON_LANDLOCK_H

#include <stddef.h>

enum landlock_what {
    LANDLOCK_READ,             /* files and folders below */
    LANDLOCK_REMOVE,           /* remove files and empty folders below */
    LANDLOCK_REMOVE_FOLDER,    /* empty folders alone */
};

struct landlock_path {
    enum landlock_what what;
    const char *path;
};

/*
 * Needs no_new_privs. From here on nothing but what the rows name, no TCP port, and no abstract socket or signal of
 * outsiders, as far as the kernel knows how; paths that are not there are left out. 0; 1: this kernel has no Landlock
 * (not an error); -1 with errno.
 */
int landlock_enter(const struct landlock_path *paths, size_t count);

#endif

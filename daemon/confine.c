/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what the privileged process may still do: read where its files were found, and the host's settings; take
 * its own folder away; speak netlink. The name service was asked at the start, and not by this process.
 */
#include "daemon/confine.h"

#include <stdio.h>
#include <string.h>

#include "daemon/files.h"
#include "daemon/folder.h"

enum { OTHERS = 3 };

struct paths {
    struct landlock_path row[CONF_FOLDERS_MAX + OTHERS];
    size_t count;
};

static void add(struct paths *paths, enum landlock_what what, const char *path)
{
    if (path)
        paths->row[paths->count++] = (struct landlock_path){ what, path };
}

/* The file system root is its own parent. */
static void parent_of(const char *path, char out[FOLDER_PATH_MAX])
{
    snprintf(out, FOLDER_PATH_MAX, "%s", path);
    size_t length = strlen(out);
    while (length > 1 && out[length - 1] == '/')
        length--;
    while (length > 1 && out[length - 1] != '/')
        length--;
    out[length] = '\0';
}

int confine_privileged(const char *run, char error[SANDBOX_ERROR_MAX])
{
    const char *folders[CONF_FOLDERS_MAX];
    char parent[FOLDER_PATH_MAX];
    struct paths paths = { .count = 0 };
    size_t count = files_folders(folders);
    for (size_t i = 0; i < count; i++)
        add(&paths, LANDLOCK_READ, folders[i]);
    add(&paths, LANDLOCK_READ, "/proc/sys/net");
    parent_of(run, parent);
    add(&paths, LANDLOCK_REMOVE, run);
    add(&paths, LANDLOCK_REMOVE_FOLDER, parent);
    return sandbox_files(paths.row, paths.count, error) < 0 ? -1 : sandbox_enter(SANDBOX_PRIVILEGED, error);
}

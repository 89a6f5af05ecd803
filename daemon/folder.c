/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns /run/minicpe (or another folder named by --run), by a lock on it. Entry points: folder_take, folder_listen,
 * folder_remove. The socket gets its group by the file system group of
 * the process, which needs no more than CAP_SETGID.
 */
#include "daemon/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/control.h"

enum { BACKLOG = 16, TAKE_LIMIT_MS = 3000, TAKE_PAUSE_MS = 20 };

static int failed(char error[FOLDER_ERROR_MAX], const char *path, const char *what)
{
    snprintf(error, FOLDER_ERROR_MAX, "%s: %s: %s", path, what, strerror(errno));
    return -1;
}

static int make_one(const char *path, mode_t mode, char error[FOLDER_ERROR_MAX])
{
    struct stat status;
    if (mkdir(path, mode) < 0 && errno != EEXIST)
        return failed(error, path, "cannot make this folder");
    if (lstat(path, &status) < 0)
        return failed(error, path, "cannot look at this folder");
    if (!S_ISDIR(status.st_mode) || status.st_uid != 0 || status.st_mode & (S_IWGRP | S_IWOTH)) {
        snprintf(error, FOLDER_ERROR_MAX, "%s: must be a folder that only root can write to; move it away and start again", path);
        return -1;
    }
    if (chmod(path, mode) < 0)
        return failed(error, path, "cannot set its mode");
    return 0;
}

void folder_put_empty(const char *path, char *out, size_t size)
{
    snprintf(out, size, "%s/empty", path);
}

static int make(const char *path, char error[FOLDER_ERROR_MAX])
{
    char empty[FOLDER_PATH_MAX];
    if (path[0] != '/' || strlen(path) + sizeof "/control" > FOLDER_PATH_MAX) {
        snprintf(error, FOLDER_ERROR_MAX, "--run %s: give a folder as a path that starts with / and has at most %d characters", path,
                 FOLDER_PATH_MAX - (int)sizeof "/control");
        return -1;
    }
    folder_put_empty(path, empty, sizeof empty);
    return make_one(path, 0755, error) < 0 || make_one(empty, 0555, error) < 0 ? -1 : 0;
}

static void put_lock(const char *path, char *out, size_t size)
{
    snprintf(out, size, "%s/lock", path);
}

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", path, CONTROL_SOCKET_NAME);
    return address;
}

static bool is_alive(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    bool alive = connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN;
    close(fd);
    return alive;
}

static int say_alive(const struct sockaddr_un *address, char error[FOLDER_ERROR_MAX])
{
    snprintf(error, FOLDER_ERROR_MAX, "minicpe is already running (%s answers): stop it first, or give this one another --run folder",
             address->sun_path);
    return -1;
}

/*
 * Locked, and still what the path leads to: the one before may have taken it away. A file of its own that only root may open,
 * since who may read the folder might lock that. The descriptor, -1 with EWOULDBLOCK or another cause.
 */
static int lock(const char *folder)
{
    struct stat mine, there;
    char path[FOLDER_PATH_MAX];
    put_lock(folder, path, sizeof path);
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (locked && fstat(fd, &mine) == 0 && lstat(path, &there) == 0 && mine.st_ino == there.st_ino && mine.st_dev == there.st_dev)
        return fd;
    int kept = locked ? ENOENT : errno;
    close(fd);
    errno = kept;
    return -1;
}

int folder_take(const char *path, char error[FOLDER_ERROR_MAX])
{
    for (unsigned waited = 0;; waited += TAKE_PAUSE_MS) {
        if (make(path, error) < 0)
            return -1;
        struct sockaddr_un address = address_of(path);
        int fd = lock(path);
        if (fd >= 0)
            return fd;
        if (errno != EWOULDBLOCK && errno != ENOENT)
            return failed(error, path, "cannot lock the file `lock` in this folder");
        if (errno == EWOULDBLOCK && is_alive(&address))
            return say_alive(&address, error);
        if (waited >= TAKE_LIMIT_MS) {
            snprintf(error, FOLDER_ERROR_MAX, "%s: another minicpe that starts or ends has this folder; wait until it is gone, or give this one another "
                     "--run folder", path);
            return -1;
        }
        usleep(TAKE_PAUSE_MS * 1000);
    }
}

static int bind_as(int fd, const struct sockaddr_un *address, gid_t group)
{
    mode_t mask = umask(0117);
    setfsgid(group);
    int result = bind(fd, (const struct sockaddr *)address, sizeof *address);
    int kept = errno;
    setfsgid(getegid());
    umask(mask);
    errno = kept;
    return result;
}

int folder_listen(const char *path, gid_t group, char error[FOLDER_ERROR_MAX])
{
    struct sockaddr_un address = address_of(path);
    if (is_alive(&address))
        return say_alive(&address, error);
    unlink(address.sun_path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return failed(error, address.sun_path, "cannot make a socket");
    if (bind_as(fd, &address, group) < 0 || listen(fd, BACKLOG) < 0) {
        failed(error, address.sun_path, "cannot listen");
        close(fd);
        return -1;
    }
    return fd;
}

void folder_remove(const char *path)
{
    char empty[FOLDER_PATH_MAX], taken[FOLDER_PATH_MAX];
    struct sockaddr_un address = address_of(path);
    unlink(address.sun_path);
    folder_put_empty(path, empty, sizeof empty);
    put_lock(path, taken, sizeof taken);
    rmdir(empty);
    unlink(taken); /* a successor that waits for it makes another: then the folder is no longer empty, and stays */
    rmdir(path);
}

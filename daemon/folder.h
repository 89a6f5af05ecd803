/* SPDX-License-Identifier: Apache-2.0 */
/* The run folder: the control socket, and the empty folder that unprivileged processes see as the whole disk. */
#ifndef DAEMON_FOLDER_H
#define DAEMON_FOLDER_H

#include <stddef.h>
#include <sys/types.h>

enum { FOLDER_PATH_MAX = 96, FOLDER_ERROR_MAX = 256 };

/*
 * Makes PATH and PATH/empty where they are missing; refuses what others could write to. It is this process's as long as the
 * descriptor that is returned is open in it or in a child: a daemon that ends has a moment to take its folder away, so that
 * it is not its successor's that it takes; one that lives is told of at once. -1 with `error`.
 */
int folder_take(const char *path, char error[FOLDER_ERROR_MAX]);
void folder_put_empty(const char *path, char *out, size_t size);
/* A listening control socket for root and `group`; a stale one is replaced, a living one refused. Descriptor, or -1. */
int folder_listen(const char *path, gid_t group, char error[FOLDER_ERROR_MAX]);
/* Takes away what was made; folders only when nothing else is in them. */
void folder_remove(const char *path);

#endif

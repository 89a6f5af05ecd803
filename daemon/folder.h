/* SPDX-License-Identifier: Apache-2.0 */
/* The run folder: the control socket, and the empty folder that unprivileged processes see as the whole disk. */
#ifndef DAEMON_FOLDER_H
#define DAEMON_FOLDER_H

#include <stddef.h>
#include <sys/types.h>

enum { FOLDER_PATH_MAX = 96, FOLDER_ERROR_MAX = 256 };

/* Makes PATH and PATH/empty where they are missing; refuses what others could write to. 0, or -1 with `error`. */
int folder_make(const char *path, char error[FOLDER_ERROR_MAX]);
void folder_put_empty(const char *path, char *out, size_t size);
/* A listening control socket for root and `group`; a stale one is replaced, a living one refused. Descriptor, or -1. */
int folder_listen(const char *path, gid_t group, char error[FOLDER_ERROR_MAX]);
/* Takes away what was made; folders only when nothing else is in them. */
void folder_remove(const char *path);

#endif

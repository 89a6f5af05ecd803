/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the socket to the service manager. It is connected once, while paths and variables are still at
 * hand. Sends never block: a manager that does not read must not hold up a tunnel.
 */
#include "daemon/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int the_socket = -1;

/* '@' in front means the abstract name space: a zero octet in the address. */
static socklen_t put_address(struct sockaddr_un *address, const char *path)
{
    size_t length = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || length < 2 || length >= sizeof address->sun_path)
        return 0;
    *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    memcpy(address->sun_path, path, length);
    if (path[0] == '@')
        address->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

int notify_open(void)
{
    notify_close();
    const char *path = getenv("NOTIFY_SOCKET");
    if (!path || !*path)
        return 0;
    struct sockaddr_un address;
    socklen_t length = put_address(&address, path);
    unsetenv("NOTIFY_SOCKET");
    if (!length) {
        errno = EINVAL;
        return -1;
    }
    the_socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (the_socket < 0)
        return -1;
    if (connect(the_socket, (const struct sockaddr *)&address, length) < 0) {
        int kept = errno;
        notify_close();
        errno = kept;
        return -1;
    }
    return 0;
}

void notify_send(const char *assignments)
{
    if (the_socket >= 0)
        (void)!send(the_socket, assignments, strlen(assignments), MSG_NOSIGNAL);
}

void notify_status(const char *words)
{
    char text[512];
    snprintf(text, sizeof text, "STATUS=%s", words);
    notify_send(text);
}

void notify_close(void)
{
    if (the_socket >= 0)
        close(the_socket);
    the_socket = -1;
}

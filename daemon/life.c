/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the form of the messages between the daemon's processes. Descriptors travel only downwards, from the
 * privileged process; any that come with another message are closed unseen.
 */
#include "daemon/life.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control_space {
    char space[CMSG_SPACE(LIFE_DESCRIPTORS * sizeof(int))];
    struct cmsghdr align;
};

int life_pair(int pair[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair);
}

static void put_descriptors(struct msghdr *header, union control_space *control, const int *descriptors)
{
    *control = (union control_space){ .space = { 0 } };
    header->msg_control = control;
    header->msg_controllen = sizeof control->space;
    struct cmsghdr *c = CMSG_FIRSTHDR(header);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(LIFE_DESCRIPTORS * sizeof(int));
    memcpy(CMSG_DATA(c), descriptors, LIFE_DESCRIPTORS * sizeof(int));
}

int life_send(int channel, const struct life_message *message, const int *descriptors)
{
    /* sendmsg does not write to its parts; the type is older than const. */
    union { const struct life_message *read; void *any; } data = { .read = message };
    struct iovec part = { .iov_base = data.any, .iov_len = sizeof *message };
    struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };
    union control_space control;
    if (descriptors)
        put_descriptors(&header, &control, descriptors);
    return sendmsg(channel, &header, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof *message ? 0 : -1;
}

int life_tell(int channel, enum life_type type, uint32_t number)
{
    struct life_message message = { .type = type, .number = number };
    return life_send(channel, &message, NULL);
}

static void close_all(int descriptors[LIFE_DESCRIPTORS])
{
    for (int i = 0; i < LIFE_DESCRIPTORS; i++) {
        if (descriptors[i] >= 0)
            close(descriptors[i]);
        descriptors[i] = -1;
    }
}

static void take_descriptors(struct msghdr *header, int descriptors[LIFE_DESCRIPTORS])
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t bytes = c->cmsg_len - CMSG_LEN(0);
        memcpy(descriptors, CMSG_DATA(c), bytes > LIFE_DESCRIPTORS * sizeof(int) ? LIFE_DESCRIPTORS * sizeof(int) : bytes);
    }
}

static bool well_formed(const struct life_message *message, ssize_t length, int flags)
{
    return length == (ssize_t)sizeof *message && !(flags & (MSG_TRUNC | MSG_CTRUNC)) && message->type >= LIFE_NEED_ENGINE &&
           message->type < LIFE_TYPES;
}

int life_receive(int channel, struct life_message *message, int descriptors[LIFE_DESCRIPTORS])
{
    int taken[LIFE_DESCRIPTORS] = { -1, -1 };
    union control_space control;
    struct iovec part = { .iov_base = message, .iov_len = sizeof *message };
    struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.space };
    ssize_t length = recvmsg(channel, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (length < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    take_descriptors(&header, taken);
    if (!descriptors || !well_formed(message, length, header.msg_flags) || message->type != LIFE_ENGINE_CHANNELS)
        close_all(taken);
    if (descriptors)
        memcpy(descriptors, taken, sizeof taken);
    return well_formed(message, length, header.msg_flags) ? 1 : -1;
}

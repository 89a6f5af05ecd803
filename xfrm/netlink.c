/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns netlink sockets and the one way to talk over them. A message is believed only when it comes from the
 * kernel (sender's port 0). Buffers that may have held keys are wiped: requests, the kernel's answers, and
 * notifications, which repeat the keys of every SA that anybody installs.
 *
 * What fails for want of memory is asked again at once, a few times. Where an answer was lost, the kernel may have done
 * what it was asked: then its saying that it is done already is no refusal.
 */
#include "xfrm/netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    RECEIVE_MAX = 32768,         /* the kernel makes no dump message larger */
    NOTIFICATION_ROOM = 1 << 20, /* octets that may wait: a flush of many SAs at once */
    PATIENCE_S = 5,              /* the kernel answers within the system call; this only bounds a bug */
    DRAIN_MOST = 64,            /* datagrams a call: a routing daemon that loads a table must not keep the caller from all else */
    TRIES = 4,
};

static void option_on(int fd, int option)
{
    int on = 1; /* absent in old kernels, which then give less text */
    (void)setsockopt(fd, SOL_NETLINK, option, &on, sizeof on);
}

static int socket_bind(struct netlink *n)
{
    struct sockaddr_nl own = { .nl_family = AF_NETLINK };
    socklen_t size = sizeof own;
    if (bind(n->fd, (struct sockaddr *)&own, sizeof own) < 0 || getsockname(n->fd, (struct sockaddr *)&own, &size) < 0)
        return -errno;
    n->port = own.nl_pid;
    return 0;
}

int netlink_open(struct netlink *n, int protocol)
{
    *n = (struct netlink){ .fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol) };
    if (n->fd < 0)
        return -errno;
    struct timeval patience = { .tv_sec = PATIENCE_S };
    option_on(n->fd, NETLINK_EXT_ACK);
    option_on(n->fd, NETLINK_CAP_ACK); /* refusals need not send the request's keys back */
    int error = socket_bind(n);
    if (!error && setsockopt(n->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0)
        error = -errno;
    if (error)
        netlink_close(n);
    return error;
}

int netlink_open_groups(struct netlink *n, int protocol, const uint32_t *groups, size_t count)
{
    *n = (struct netlink){ .fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol) };
    if (n->fd < 0)
        return -errno;
    int room = NOTIFICATION_ROOM;
    if (setsockopt(n->fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) < 0)
        (void)setsockopt(n->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    int error = socket_bind(n);
    for (size_t i = 0; !error && i < count; i++)
        if (setsockopt(n->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof groups[i]) < 0)
            error = -errno;
    if (error)
        netlink_close(n);
    return error;
}

void netlink_close(struct netlink *n)
{
    if (n->fd >= 0)
        close(n->fd);
    n->fd = -1;
}

void *netlink_begin(union netlink_request *request, uint16_t type, uint16_t flags, size_t size)
{
    memset(request, 0, sizeof *request);
    struct nlmsghdr *header = mnl_nlmsg_put_header(request->octets);
    header->nlmsg_type = type;
    header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    return mnl_nlmsg_put_extra_header(header, size);
}

/* One datagram from the kernel. Octets, 0 when it was from somebody else, or -errno. */
static ssize_t receive(int fd, uint8_t *buffer)
{
    struct sockaddr_nl from = { 0 };
    struct iovec piece = { .iov_base = buffer, .iov_len = RECEIVE_MAX };
    struct msghdr message = { .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &piece, .msg_iovlen = 1 };
    ssize_t got;
    do
        got = recvmsg(fd, &message, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    if (message.msg_flags & MSG_TRUNC)
        return -EMSGSIZE;
    return message.msg_namelen == sizeof from && from.nl_pid == 0 ? got : 0;
}

/* What a transaction waits for and what it has seen. */
struct wait {
    struct netlink *netlink;
    netlink_each *each;
    void *context;
    bool dump, done, interrupted;
    bool sent, unknown;          /* the last try went out; the answer of one was lost */
    int error;
};

static void take_text(struct netlink *n, const struct nlmsghdr *message)
{
    const struct nlattr *table[NLMSGERR_ATTR_MSG + 1];
    if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
        return;
    size_t fixed = sizeof(struct nlmsgerr);
    const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
    if (error->error && !(message->nlmsg_flags & NLM_F_CAPPED))
        fixed += error->msg.nlmsg_len - sizeof error->msg;
    netlink_attributes(message, fixed, table, NLMSGERR_ATTR_MSG);
    const struct nlattr *text = table[NLMSGERR_ATTR_MSG];
    if (text)
        snprintf(n->text, sizeof n->text, "%.*s", (int)mnl_attr_get_payload_len(text), (const char *)mnl_attr_get_payload(text));
}

static void take_answer(struct wait *w, const struct nlmsghdr *message)
{
    if (message->nlmsg_seq != w->netlink->sequence)
        return; /* of a request that we no longer wait for */
    if (message->nlmsg_flags & NLM_F_DUMP_INTR)
        w->interrupted = true;
    if (message->nlmsg_type == NLMSG_ERROR || (w->dump && message->nlmsg_type == NLMSG_DONE)) {
        const int32_t *error = netlink_payload(message, sizeof *error);
        w->done = true;
        w->error = error ? *error : message->nlmsg_type == NLMSG_DONE ? 0 : -EBADMSG;
        if (w->error > 0)
            w->error = -EBADMSG; /* no errno of the kernel */
        if (message->nlmsg_type == NLMSG_ERROR && netlink_payload(message, sizeof(struct nlmsgerr)))
            take_text(w->netlink, message);
        return;
    }
    if (w->each && message->nlmsg_type >= NLMSG_MIN_TYPE)
        w->each(w->context, message);
}

static int wait_for(struct wait *w)
{
    uint8_t buffer[RECEIVE_MAX] __attribute__((aligned(8)));
    ssize_t got = 0;
    while (!w->done) {
        got = receive(w->netlink->fd, buffer);
        if (got < 0)
            break;
        int left = (int)got;
        for (const struct nlmsghdr *m = (const struct nlmsghdr *)buffer; netlink_whole(m, left); m = mnl_nlmsg_next(m, &left))
            take_answer(w, m);
        bytes_wipe(buffer, (size_t)got);
    }
    if (w->done)
        return w->error;
    return got == -EAGAIN ? -ETIMEDOUT : (int)got;
}

static int transact_once(struct wait *w, struct nlmsghdr *header)
{
    w->done = w->interrupted = false;
    header->nlmsg_seq = ++w->netlink->sequence;
    header->nlmsg_pid = w->netlink->port;
    struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
    ssize_t sent;
    do
        sent = sendto(w->netlink->fd, header, header->nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof kernel);
    while (sent < 0 && errno == EINTR);
    w->sent = sent >= 0;
    return sent < 0 ? -errno : wait_for(w);
}

static bool passing(int error) { return error == -ENOBUFS || error == -ENOMEM || error == -EAGAIN || error == -EMSGSIZE; }

/* What the kernel says of a change that it has made already. */
static bool made_already(uint16_t type, int error)
{
    bool removal = type == RTM_DELLINK || type == RTM_DELADDR || type == RTM_DELROUTE;
    return error == -EEXIST || (removal && (error == -ENODEV || error == -ESRCH || error == -EADDRNOTAVAIL));
}

int netlink_transact(struct netlink *n, union netlink_request *request, netlink_each *each, void *context)
{
    struct wait w = { .netlink = n, .each = each, .context = context };
    n->text[0] = 0;
    w.dump = (request->header.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
    if (!w.dump)
        request->header.nlmsg_flags |= NLM_F_ACK;
    int error = 0;
    for (int i = 0; i < TRIES; i++) {
        error = transact_once(&w, &request->header);
        w.unknown |= w.sent && !w.done;
        if (error ? !passing(error) : !w.interrupted)
            break;
        error = error ? error : -EINTR;
    }
    if (w.unknown && w.done && !w.dump && made_already(request->header.nlmsg_type, error))
        error = 0;
    n->unknown = error && w.unknown;
    bytes_wipe(request, sizeof *request);
    return error;
}

int netlink_drain(struct netlink *n, netlink_each *each, void *context)
{
    uint8_t buffer[RECEIVE_MAX] __attribute__((aligned(8)));
    bool lost = false;
    for (unsigned i = 0; i < DRAIN_MOST; i++) {
        ssize_t got = receive(n->fd, buffer);
        if (got == -ENOBUFS || got == -EMSGSIZE) {
            lost = true;
            continue;
        }
        if (got < 0)
            return lost ? -ENOBUFS : got != -EAGAIN ? (int)got : 0;
        int left = (int)got;
        for (const struct nlmsghdr *m = (const struct nlmsghdr *)buffer; netlink_whole(m, left); m = mnl_nlmsg_next(m, &left))
            if (m->nlmsg_type >= NLMSG_MIN_TYPE)
                each(context, m);
        bytes_wipe(buffer, (size_t)got);
    }
    return lost ? -ENOBUFS : NETLINK_MORE;
}

void netlink_explain(const struct netlink *n, int error, char *out, size_t size)
{
    const char *reason = strerror(error < 0 ? -error : error);
    if (n->text[0])
        snprintf(out, size, "%s (%s)", n->text, reason);
    else
        snprintf(out, size, "%s", reason);
}

bool netlink_whole(const struct nlmsghdr *message, int left)
{
    return mnl_nlmsg_ok(message, left) && message->nlmsg_len <= (uint32_t)left;
}

const void *netlink_payload(const struct nlmsghdr *message, size_t size)
{
    return message->nlmsg_len >= sizeof *message && mnl_nlmsg_get_payload_len(message) >= size ? mnl_nlmsg_get_payload(message) : NULL;
}

bool netlink_copy(const struct nlmsghdr *message, void *out, size_t size)
{
    const void *payload = netlink_payload(message, size);
    if (payload)
        memcpy(out, payload, size);
    return payload != NULL;
}

static void keep_attribute(const struct nlattr *attribute, const struct nlattr **table, uint16_t most)
{
    uint16_t type = mnl_attr_get_type(attribute);
    if (type <= most)
        table[type] = attribute;
}

static void clear(const struct nlattr **table, uint16_t most)
{
    for (size_t i = 0; i <= most; i++)
        table[i] = NULL;
}

static void walk(const uint8_t *at, size_t length, const struct nlattr **table, uint16_t most)
{
    clear(table, most);
    const struct nlattr *attribute = (const struct nlattr *)at;
    for (int left = (int)length; mnl_attr_ok(attribute, left); left -= (int)MNL_ALIGN(attribute->nla_len), attribute = mnl_attr_next(attribute))
        keep_attribute(attribute, table, most);
}

void netlink_attributes(const struct nlmsghdr *message, size_t size, const struct nlattr **table, uint16_t most)
{
    size_t length = mnl_nlmsg_get_payload_len(message), fixed = MNL_ALIGN(size);
    walk((const uint8_t *)mnl_nlmsg_get_payload(message) + (fixed < length ? fixed : length), length > fixed ? length - fixed : 0, table, most);
}

void netlink_nested(const struct nlattr *nest, const struct nlattr **table, uint16_t most)
{
    if (nest)
        walk(mnl_attr_get_payload(nest), mnl_attr_get_payload_len(nest), table, most);
    else
        clear(table, most);
}

const void *netlink_content(const struct nlattr *attribute, size_t size)
{
    return attribute && mnl_attr_get_payload_len(attribute) >= size ? mnl_attr_get_payload(attribute) : NULL;
}

bool netlink_u32(const struct nlattr *attribute, uint32_t *out)
{
    const void *content = netlink_content(attribute, sizeof *out);
    if (content)
        memcpy(out, content, sizeof *out);
    return content != NULL;
}

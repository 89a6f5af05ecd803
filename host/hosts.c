/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the questions to the name service and about our own addresses; both before any chroot. */
#include "host/hosts.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"

static struct addr addr_of(const struct sockaddr *socket_address)
{
    union { struct sockaddr any; struct sockaddr_in v4; struct sockaddr_in6 v6; } copy;
    if (!socket_address)
        return (struct addr){ .family = ADDR_NONE };
    if (socket_address->sa_family == AF_INET) {
        memcpy(&copy.v4, socket_address, sizeof copy.v4);
        return addr_from_bytes(bytes_of(&copy.v4.sin_addr, 4));
    }
    if (socket_address->sa_family == AF_INET6) {
        memcpy(&copy.v6, socket_address, sizeof copy.v6);
        return addr_from_bytes(bytes_of(&copy.v6.sin6_addr, 16));
    }
    return (struct addr){ .family = ADDR_NONE };
}

/* IPv4 first: that is what the headends speak. */
static int look_up(const char *name, struct addr *out)
{
    static const int families[] = { AF_INET, AF_INET6 };
    int error = EAI_NONAME;
    for (size_t i = 0; i < 2; i++) {
        struct addrinfo hints = { .ai_family = families[i], .ai_socktype = SOCK_DGRAM }, *found;
        error = getaddrinfo(name, NULL, &hints, &found);
        if (error)
            continue;
        *out = addr_of(found->ai_addr);
        freeaddrinfo(found);
        return 0;
    }
    return error;
}

static bool resolve_end(const struct conf_conn *conn, struct conf_end *end)
{
    char text[ADDR_TEXT_MAX];
    if (end->host != CONF_HOST_NAME)
        return true;
    int error = look_up(end->text, &end->addr);
    if (error)
        log_warning("%s: the name %s has no address now (%s); write the address instead, or start again when the name service answers",
                    conn->name, end->text, gai_strerror(error));
    else
        log_info("%s: %s is %s until the next start", conn->name, end->text, addr_print(&end->addr, text));
    return error == 0;
}

size_t hosts_resolve(struct conf *conf)
{
    size_t missing = 0;
    for (size_t i = 0; i < conf->count; i++)
        for (size_t side = 0; side < 2; side++)
            missing += !resolve_end(&conf->conns[i], &conf->conns[i].end[side]);
    return missing;
}

int hosts_own(struct addr **own, size_t *count)
{
    struct ifaddrs *list;
    *own = NULL;
    *count = 0;
    if (getifaddrs(&list) < 0)
        return -1;
    size_t room = 0;
    for (const struct ifaddrs *i = list; i; i = i->ifa_next)
        room++;
    *own = calloc(room ? room : 1, sizeof **own);
    for (const struct ifaddrs *i = list; *own && i; i = i->ifa_next) {
        struct addr addr = addr_of(i->ifa_addr);
        if (addr.family != ADDR_NONE)
            (*own)[(*count)++] = addr;
    }
    freeifaddrs(list);
    return *own ? 0 : -1;
}

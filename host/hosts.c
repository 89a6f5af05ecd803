/* SPDX-License-Identifier: Apache-2.0 */
/* Owns what a configuration needs to know of the machine: the addresses of names, and our own. Before any chroot. */
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

/* Each name once. */
static size_t collect(const struct conf *conf, struct name_question *questions)
{
    size_t count = 0;
    for (size_t i = 0; i < conf->count; i++)
        for (size_t side = 0; side < 2; side++) {
            const struct conf_end *end = &conf->conns[i].end[side];
            bool known = end->host != CONF_HOST_NAME;
            for (size_t k = 0; k < count && !known; k++)
                known = strcmp(questions[k].name, end->text) == 0;
            if (!known)
                questions[count++].name = end->text;
        }
    return count;
}

static void say_missing(const char *conn, const struct name_question *q)
{
    if (q->silent)
        log_warning("%s: the name service did not say within %d s which address %s has; write the address instead, or start again when it answers",
                    conn, (int)HOSTS_SECONDS, q->name);
    else
        log_warning("%s: the name %s has no address now (%s); write the address instead, or start again when the name service answers", conn,
                    q->name, gai_strerror(q->error));
}

static bool resolve_end(const struct conf_conn *conn, struct conf_end *end, const struct name_question *questions)
{
    char text[ADDR_TEXT_MAX];
    const struct name_question *q = questions;
    if (end->host != CONF_HOST_NAME)
        return true;
    while (strcmp(q->name, end->text) != 0)
        q++;
    end->addr = q->addr;
    if (q->addr.family == ADDR_NONE)
        say_missing(conn->name, q);
    else
        log_info("%s: %s is %s until the next start", conn->name, end->text, addr_print(&end->addr, text));
    return q->addr.family != ADDR_NONE;
}

size_t hosts_resolve(struct conf *conf, const struct names_asker *asker)
{
    size_t missing = 0;
    struct name_question *questions = calloc(2 * conf->count + 1, sizeof *questions);
    if (!questions) {
        log_error("not enough memory to ask the name service");
        return conf->count;
    }
    size_t count = collect(conf, questions);
    if (count)
        names_ask(questions, count, HOSTS_SECONDS, asker);
    for (size_t i = 0; i < conf->count; i++)
        for (size_t side = 0; side < 2; side++)
            missing += !resolve_end(&conf->conns[i], &conf->conns[i].end[side], questions);
    free(questions);
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

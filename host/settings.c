/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the table of the host's settings that the tutorial changes by hand (its section 2-4) and that are not the
 * daemon's to change. Those of the VTIs are set by vti/. Entry points: settings_outer, settings_look.
 */
#include "host/settings.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATH_LENGTH = 160, ANY_PORT = 500 };
enum family { FOR_V4 = 1, FOR_V6 = 2 };

struct row {
    const char *before, *after;  /* of the interface's name; after NULL: no interface in it */
    enum family family;          /* looked at only with a rightsubnet= of it */
    int bad_least, bad_most;     /* the values that are wrong */
    int good;
    const char *why;
};

static const struct row table[] = {
    { "net.ipv4.ip_forward", NULL, FOR_V4, 0, 0, 1, "this machine forwards nothing, so only its own packets reach the tunnels" },
    { "net.ipv6.conf.all.forwarding", NULL, FOR_V6, 0, 0, 1, "this machine forwards no IPv6, so only its own packets reach the tunnels" },
    { "net.ipv4.conf.", ".accept_redirects", FOR_V4, 1, INT32_MAX, 0, "a forged redirect could lead traffic past the tunnels" },
    { "net.ipv4.conf.", ".send_redirects", FOR_V4, 1, INT32_MAX, 0,
      "this machine tells hosts of the site to go by another router instead, past the tunnels" },
    { "net.ipv4.conf.", ".rp_filter", FOR_V4, 1, 1, 0, "strict filtering drops packets whose way back leads by another interface" },
};

static unsigned families_of(const struct conf *conf)
{
    unsigned families = 0;
    for (size_t i = 0; i < conf->count; i++)
        families |= conf_far(&conf->conns[i])->subnet.addr.family == ADDR_V6 ? FOR_V6 : FOR_V4;
    return families;
}

/* "net.ipv4.conf.eth0.1.rp_filter": an interface's name may have dots in it, so the path is put together from its parts. */
static int read_setting(const char *folder, const struct row *row, const char *interface, int *value)
{
    char path[PATH_LENGTH], text[16];
    int at = snprintf(path, sizeof path, "%s/", folder), from = at;
    at += snprintf(path + at, sizeof path - (size_t)at, "%s", row->before);
    for (int i = from; i < at; i++)
        path[i] = path[i] == '.' ? '/' : path[i];
    if (row->after)
        snprintf(path + at, sizeof path - (size_t)at, "%s/%s", interface, row->after + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    if (got <= 0)
        return -EIO;
    text[got] = 0;
    *value = (int)strtol(text, NULL, 10);
    return 0;
}

/* sysctl takes a slash for a dot within a name. */
static void print_name(const struct row *row, const char *interface, char *out, size_t size)
{
    char escaped[IF_NAMESIZE];
    snprintf(escaped, sizeof escaped, "%s", interface);
    for (char *c = escaped; *c; c++)
        *c = *c == '.' ? '/' : *c;
    snprintf(out, size, "%s%s%s", row->before, row->after ? escaped : "", row->after ? row->after : "");
}

static size_t look(const char *folder, const struct row *row, const char *interface, settings_say *say, void *context)
{
    char name[96], wrong[SETTINGS_TEXT_MAX], mend[SETTINGS_TEXT_MAX];
    int value = 0;
    if (read_setting(folder, row, interface, &value) < 0 || value < row->bad_least || value > row->bad_most)
        return 0;
    print_name(row, interface, name, sizeof name);
    snprintf(wrong, sizeof wrong, "%s is %d: %s", name, value, row->why);
    snprintf(mend, sizeof mend, "sysctl -w %s=%d, and for the next start: echo '%s = %d' >> /etc/sysctl.d/60-minicpe.conf", name, row->good,
             name, row->good);
    say(context, wrong, mend);
    return 1;
}

size_t settings_look(const char *folder, const struct conf *conf, const char *outer, settings_say *say, void *context)
{
    const char *const interfaces[] = { "all", "default", outer };
    unsigned families = families_of(conf);
    size_t wrong = 0;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (!(table[i].family & families))
            continue;
        for (size_t k = 0; k < (table[i].after ? sizeof interfaces / sizeof *interfaces : 1); k++)
            if (!table[i].after || interfaces[k][0])
                wrong += look(folder, &table[i], interfaces[k], say, context);
    }
    return wrong;
}

/* The address that the kernel would send from; nothing is sent. */
static bool source_towards(const struct addr *headend, struct in_addr *source)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(ANY_PORT) }, from = { 0 };
    socklen_t size = sizeof from;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    memcpy(&to.sin_addr, headend->octets, sizeof to.sin_addr);
    bool found = connect(fd, (struct sockaddr *)&to, sizeof to) == 0 && getsockname(fd, (struct sockaddr *)&from, &size) == 0;
    *source = from.sin_addr;
    close(fd);
    return found;
}

static void interface_of(const struct in_addr *address, char name[IF_NAMESIZE])
{
    struct ifaddrs *all, *one;
    if (getifaddrs(&all) < 0)
        return;
    for (one = all; one; one = one->ifa_next) {
        struct sockaddr_in at;
        if (!one->ifa_addr || one->ifa_addr->sa_family != AF_INET)
            continue;
        memcpy(&at, one->ifa_addr, sizeof at);
        if (at.sin_addr.s_addr == address->s_addr && !name[0])
            snprintf(name, IF_NAMESIZE, "%s", one->ifa_name);
    }
    freeifaddrs(all);
}

void settings_way(const struct addr *headend, char name[IF_NAMESIZE], struct addr *source)
{
    struct in_addr from;
    name[0] = 0;
    *source = (struct addr){ .family = ADDR_NONE };
    if (headend->family != ADDR_V4 || !source_towards(headend, &from))
        return;
    interface_of(&from, name);
    *source = addr_v4(ntohl(from.s_addr));
}

unsigned settings_mtu(const char *interface)
{
    struct ifreq request = { .ifr_mtu = 0 };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return 0;
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
    bool found = ioctl(fd, SIOCGIFMTU, &request) == 0;
    close(fd);
    return found ? (unsigned)request.ifr_mtu : 0;
}

void settings_outer(const struct conf *conf, char name[IF_NAMESIZE])
{
    struct addr source;
    name[0] = 0;
    for (size_t i = 0; i < conf->count && !name[0]; i++)
        settings_way(&conf_far(&conf->conns[i])->addr, name, &source);
}

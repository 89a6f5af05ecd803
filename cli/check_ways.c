/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the looks at the clock, the MTU of the way out, and the routes: to the headends, and beside the far subnets. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "cli/check.h"
#include "host/settings.h"

enum { YEAR_LEAST = 2025, MTU_LEAST = 1280, ESP_IN_UDP = 62, GATEWAY = 2, REJECT = 0x200, UP = 1 };

void check_clock(struct check *check)
{
    struct check_clock clock;
    check->machine.clock(&clock);
    if (clock.year < YEAR_LEAST)
        check_say(check, CHECK_FAILURE, "timedatectl set-ntp true", "the clock says it is %d: the log's times are of no use, nor are ages of files",
                  clock.year);
    else if (!clock.known)
        check_say(check, CHECK_UNKNOWN, NULL, "whether the clock is synchronised cannot be seen");
    else if (!clock.synchronised)
        check_say(check, CHECK_WARNING, "timedatectl set-ntp true (or start chronyd)",
                  "the clock is not synchronised: the log's times will not agree with those in OCI's log");
    else
        check_say(check, CHECK_OK, NULL, "the clock is synchronised");
}

/* ---- MTU ---- */

static void look_at_mtu_keys(struct check *check, unsigned long outer)
{
    char mend[CHECK_TEXT_MAX];
    for (size_t i = 0; i < check->conf.count; i++) {
        const struct conf_conn *conn = &check->conf.conns[i];
        if (conn->mtu + ESP_IN_UDP <= outer)
            continue;
        snprintf(mend, sizeof mend, "take mtu= out of %s, line %u: it is worked out from the path", conn->file, (unsigned)conn->line);
        check_say(check, CHECK_WARNING, mend, "conn %s says mtu=%u, and with ESP around it a packet of that size does not fit %s's %lu", conn->name,
                  (unsigned)conn->mtu, check->outer, outer);
    }
}

void check_mtu(struct check *check)
{
    char path[128], text[32];
    unsigned long outer = 0;
    snprintf(path, sizeof path, "/sys/class/net/%s/mtu", check->outer);
    if (check->outer[0] && !check->machine.root[0])
        outer = settings_mtu(check->outer);
    else if (check->outer[0] && check_read(&check->machine, path, text, sizeof text))
        outer = strtoul(text, NULL, 10);
    if (!outer) {
        check_say(check, CHECK_UNKNOWN, NULL, "the interface towards the headends is not known, so neither is its MTU");
        return;
    }
    char mend[CHECK_TEXT_MAX];
    snprintf(mend, sizeof mend, "ip link set %s mtu 1500, if the network beyond it carries that", check->outer);
    if (outer < MTU_LEAST)
        check_say(check, CHECK_WARNING, mend, "%s has an MTU of %lu: little is left inside a tunnel", check->outer, outer);
    else
        check_say(check, CHECK_OK, NULL, "%s has an MTU of %lu; a tunnel takes %d of it at the most, and follows what the path says", check->outer, outer,
                  ESP_IN_UDP + 16);
    look_at_mtu_keys(check, outer);
}

/* ---- routes ---- */

static bool is_vti(const struct conf *conf, const char *interface)
{
    for (size_t i = 0; i < conf->count; i++)
        if (conf->conns[i].vti_interface[0] && strcmp(conf->conns[i].vti_interface, interface) == 0)
            return true;
    return false;
}

static void look_at_way(struct check *check, const struct conf_conn *conn)
{
    const struct addr *headend = &conf_far(conn)->addr;
    char interface[IF_NAMESIZE], text[ADDR_TEXT_MAX], from[ADDR_TEXT_MAX], mend[CHECK_TEXT_MAX];
    struct addr source;
    if (!headend->family)
        return;                           /* a name, resolved when the daemon starts */
    check->machine.way(headend, interface, &source);
    addr_print(headend, text);
    snprintf(mend, sizeof mend, "ip route add %s via GATEWAY, the router towards the internet", text);
    if (!interface[0])
        check_say(check, CHECK_FAILURE, "ip route add default via GATEWAY", "conn %s: there is no route to its headend %s", conn->name, text);
    else if (is_vti(&check->conf, interface))
        check_say(check, CHECK_FAILURE, mend, "conn %s: the route to its headend %s leads into %s, a tunnel: its own packets would go round in circles",
                  conn->name, text, interface);
    else
        check_say(check, CHECK_OK, NULL, "conn %s: its headend %s is reached by %s, from %s", conn->name, text, interface, addr_print(&source, from));
}

struct local {
    struct check *check;
    const struct conf_conn *conn;
};

static struct addr addr_of_hex(unsigned value)
{
    return addr_v4(ntohl(value)); /* the kernel prints the octets as a number of this machine's order */
}

/*
 * "Iface Destination Gateway Flags RefCnt Use Metric Mask ..." in hexadecimal; those without a gateway are local networks, but
 * for those that lead nowhere ("*"): the daemon's own unreachable route is one.
 */
static bool collides(void *context, char *line)
{
    struct local *local = context;
    struct check *check = local->check;
    char interface[IF_NAMESIZE] = "", near[PREFIX_TEXT_MAX], far[PREFIX_TEXT_MAX];
    unsigned destination, gateway, flags, mask;
    if (sscanf(line, "%15s %x %x %x %*d %*d %*d %x", interface, &destination, &gateway, &flags, &mask) != 5 || !(flags & UP) || flags & (GATEWAY | REJECT) ||
        !mask || is_vti(&check->conf, interface))
        return false;
    struct prefix network = { .addr = addr_of_hex(destination), .length = (uint8_t)__builtin_popcount(mask) };
    size_t count = local->conn->route_count ? local->conn->route_count : 1;
    for (size_t i = 0; i < count; i++) {
        const struct prefix *to = conf_route(local->conn, i);
        if (to->length == 0 || !(prefix_contains(to, &network.addr) || prefix_contains(&network, &to->addr)))
            continue;
        check_say(check, CHECK_WARNING, "give the site or the VCN other addresses, or name the far subnet more narrowly",
                  "conn %s: %s at the far end overlaps with the local network %s of %s: the narrower of the two wins", local->conn->name,
                  prefix_print(to, far), prefix_print(&network, near), interface);
    }
    return false;
}

void check_routes(struct check *check)
{
    if (!check->loaded)
        check_say(check, CHECK_UNKNOWN, NULL, "which headends are to be reached stands in the file of tunnels, which has errors");
    for (size_t i = 0; i < check->conf.count; i++) {
        struct local local = { check, &check->conf.conns[i] };
        look_at_way(check, local.conn);
        check_lines(&check->machine, "/proc/net/route", collides, &local);
    }
}

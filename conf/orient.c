/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns deciding which end of a conn is near: the one with %defaultroute or %INTERFACE, else the one whose address is
 * this host's. Entry point: conf_orient. Pure; may be called again whenever the host's addresses change.
 */
#include "conf/report.h"

#include <stdio.h>

static bool is_own(const struct conf_end *end, const struct addr *own, size_t count)
{
    if (end->host == CONF_HOST_DEFAULTROUTE || end->host == CONF_HOST_INTERFACE)
        return true;
    for (size_t i = 0; end->addr.family != ADDR_NONE && i < count; i++)
        if (addr_equal(&end->addr, &own[i]))
            return true;
    return false;
}

/* As many as fit: the list is there to be compared with left= and right=. */
static void put_own(const struct addr *own, size_t count, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "%s", count ? "" : "none");
    for (size_t i = 0; i < count; i++) {
        char text[ADDR_TEXT_MAX];
        if (used + ADDR_TEXT_MAX + 8 > size) {
            snprintf(out + used, size - used, ", ...");
            return;
        }
        used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "", addr_print(&own[i], text));
    }
}

static void orient_error(const struct conf_conn *conn, bool both, const struct addr *own, size_t count,
                         struct conf_report *report)
{
    char list[240];
    struct place at = place_of(conn->file, conn->line, 1);
    put_own(own, count, list, sizeof list);
    if (both)
        report_error(report, at, "conn %s: left=%s and right=%s are both this host; one end must be the headend's address",
                     SHOW(conn->name), SHOW(conn->end[0].text), SHOW(conn->end[1].text));
    else
        report_error(report, at, "conn %s: neither left=%s nor right=%s is an address of this host (%s); write "
                     "left=%%defaultroute, or the address that its interface has (behind NAT that is the private one, and "
                     "the public one goes into leftid=)", SHOW(conn->name), SHOW(conn->end[0].text),
                     SHOW(conn->end[1].text), list);
}

int conf_orient(struct conf *conf, const struct addr *own, size_t own_count, struct conf_report *report)
{
    int result = 0;
    for (size_t i = 0; i < conf->count; i++) {
        struct conf_conn *conn = &conf->conns[i];
        bool left = is_own(&conn->end[0], own, own_count), right = is_own(&conn->end[1], own, own_count);
        conn->local = (int8_t)(left == right ? -1 : right);
        if (left != right)
            continue;
        orient_error(conn, left, own, own_count, report);
        result = -1;
    }
    return result;
}

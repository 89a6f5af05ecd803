/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the looks at other programs: who holds the ports, other IKE daemons, NetworkManager; and the daemon's own user. */
#include "cli/check.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "host/ports.h"

/* Programs that speak IKE, and the units that start them. */
static const struct other {
    const char *program, *unit;
} others[] = {
    { "pluto", "ipsec.service" },
    { "charon", "strongswan-starter.service" },
    { "charon-systemd", "strongswan.service" },
    { "charon-systemd", "strongswan-swanctl.service" },
    { "racoon", "racoon.service" },
    { "iked", "iked.service" },
    { "isakmpd", "isakmpd.service" },
};

enum { OTHERS = sizeof others / sizeof *others };

static const char *unit_of(const char *program)
{
    for (size_t i = 0; i < OTHERS; i++)
        if (strcmp(others[i].program, program) == 0)
            return others[i].unit;
    return NULL;
}

static void look_at_port(struct check *check, uint16_t port)
{
    struct ports_holder holder = { .pid = 0 };
    char mend[CHECK_TEXT_MAX];
    enum ports_state state = ports_look(check->machine.root, port, &holder);
    const char *unit = state == PORTS_HELD ? unit_of(holder.name) : NULL;
    if (state == PORTS_FREE)
        check_say(check, CHECK_OK, NULL, "UDP port %u is free", port);
    else if (state == PORTS_TAKEN)
        check_say(check, CHECK_UNKNOWN, "sudo minicpe check", "UDP port %u is taken; by whom, only root can see", port);
    else if (strcmp(holder.name, "minicpe") == 0)
        check_say(check, CHECK_OK, NULL, "UDP port %u is minicpe's (pid %d)", port, (int)holder.pid);
    else {
        if (unit)
            snprintf(mend, sizeof mend, "systemctl disable --now %s", unit);
        else
            snprintf(mend, sizeof mend, "stop %s (pid %d), and see that it does not start again", holder.name, (int)holder.pid);
        check_say(check, CHECK_FAILURE, mend, "UDP port %u is held by %s (pid %d), so minicpe cannot have it", port, holder.name, (int)holder.pid);
    }
}

void check_ports(struct check *check)
{
    look_at_port(check, 500);
    look_at_port(check, 4500);
}

static bool is_enabled(const struct check_machine *machine, const char *unit)
{
    static const char *const targets[] = { "multi-user", "default", "network" };
    char path[256];
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        snprintf(path, sizeof path, "/etc/systemd/system/%s.target.wants/%s", targets[i], unit);
        if (check_there(machine, path))
            return true;
    }
    return false;
}

void check_daemons(struct check *check)
{
    char mend[CHECK_TEXT_MAX];
    bool any = false;
    for (size_t i = 0; i < OTHERS; i++) {
        const struct other *o = &others[i];
        bool first = i == 0 || strcmp(others[i - 1].program, o->program) != 0;
        bool runs = first && check_runs(&check->machine, o->program), enabled = is_enabled(&check->machine, o->unit);
        snprintf(mend, sizeof mend, "systemctl disable --now %s", o->unit);
        if (runs)
            check_say(check, CHECK_FAILURE, mend, "%s is running: two IKE daemons on one machine take each other's packets and policies", o->program);
        else if (enabled)
            check_say(check, CHECK_WARNING, mend, "%s is enabled: at the next start of the machine it and minicpe want the same ports", o->unit);
        any |= runs || enabled;
    }
    if (!any)
        check_say(check, CHECK_OK, NULL, "no other IKE daemon runs or is enabled");
}

/* ---- NetworkManager ---- */

static bool is_unmanaged(void *context, char *line)
{
    (void)context;
    line += strspn(line, " \t");
    return strncmp(line, "unmanaged-devices", 17) == 0 && (strstr(line, "interface-name:vti") || strstr(line, "type:vti") || strchr(line, '*') == line);
}

static bool keeps_off(const struct check_machine *machine)
{
    static const char *const folders[] = { "/etc/NetworkManager/conf.d", "/usr/lib/NetworkManager/conf.d", "/run/NetworkManager/conf.d" };
    char full[4096], path[700];
    bool found = check_lines(machine, "/etc/NetworkManager/NetworkManager.conf", is_unmanaged, NULL);
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(full, sizeof full, "%s%s", machine->root, folders[i]);
        DIR *folder = opendir(full);
        if (!folder)
            continue;
        for (const struct dirent *entry; !found && (entry = readdir(folder));) {
            snprintf(path, sizeof path, "%s/%s", folders[i], entry->d_name);
            found = strstr(entry->d_name, ".conf") && check_lines(machine, path, is_unmanaged, NULL);
        }
        closedir(folder);
    }
    return found;
}

void check_network_manager(struct check *check)
{
    if (!check_runs(&check->machine, "NetworkManager"))
        check_say(check, CHECK_OK, NULL, "NetworkManager does not run");
    else if (keeps_off(&check->machine))
        check_say(check, CHECK_OK, NULL, "NetworkManager keeps its hands off the VTIs");
    else
        check_say(check, CHECK_WARNING, "printf '[keyfile]\\nunmanaged-devices=interface-name:vti*;interface-name:ip_vti0\\n' "
                  ">/etc/NetworkManager/conf.d/90-minicpe.conf; systemctl reload NetworkManager",
                  "NetworkManager runs and may take the VTIs for its own: it removes their addresses and routes when it does");
}

/* ---- our own user ---- */

static bool is_minicpe(void *context, char *line)
{
    (void)context;
    return strncmp(line, "minicpe:", 8) == 0;
}

void check_user(struct check *check)
{
    if (check_lines(&check->machine, "/etc/passwd", is_minicpe, NULL))
        check_say(check, CHECK_OK, NULL, "the user minicpe is there, for the processes that see packets");
    else
        check_say(check, CHECK_WARNING, "systemd-sysusers, or useradd -r -s /usr/sbin/nologin minicpe",
                  "there is no user minicpe: the processes that see packets would run as nobody, who may have other processes too");
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads /proc/self/net/udp and udp6 for the socket's inode, then looks for a process with a descriptor of
 * that inode. Everything may fail (another user's process, a hidden /proc): then nobody is named.
 */
#include "host/ports.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INODES_MAX = 16, PATH_LENGTH = 4096 };

struct inodes {
    unsigned long number[INODES_MAX];
    size_t count;
};

/* Lines of /proc/net/udp: "sl local:port remote:port st queues timer retransmit uid timeout inode ...". */
static void collect_inodes(struct inodes *found, const char *path, uint16_t port)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return;
    char line[512];
    while (found->count < INODES_MAX && fgets(line, sizeof line, file)) {
        unsigned local_port;
        unsigned long inode;
        if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*s %*s %*s %*s %*s %*u %*u %lu", &local_port, &inode) == 2 && local_port == port)
            found->number[found->count++] = inode;
    }
    fclose(file);
}

static bool is_one_of(const struct inodes *inodes, const char *link)
{
    unsigned long inode;
    if (sscanf(link, "socket:[%lu]", &inode) != 1)
        return false;
    for (size_t i = 0; i < inodes->count; i++)
        if (inodes->number[i] == inode)
            return true;
    return false;
}

static bool process_holds(const char *root, const char *pid, const struct inodes *inodes)
{
    char path[PATH_LENGTH], link[64];
    snprintf(path, sizeof path, "%s/proc/%.20s/fd", root, pid);
    DIR *folder = opendir(path);
    if (!folder)
        return false;
    bool holds = false;
    for (struct dirent *entry; !holds && (entry = readdir(folder));) {
        ssize_t length = readlinkat(dirfd(folder), entry->d_name, link, sizeof link - 1);
        if (length > 0) {
            link[length] = '\0';
            holds = is_one_of(inodes, link);
        }
    }
    closedir(folder);
    return holds;
}

static void read_name(const char *root, const char *pid, struct ports_holder *holder)
{
    char path[PATH_LENGTH];
    snprintf(path, sizeof path, "%s/proc/%.20s/comm", root, pid);
    snprintf(holder->name, sizeof holder->name, "a program");
    FILE *file = fopen(path, "re");
    if (!file)
        return;
    if (fgets(holder->name, sizeof holder->name, file))
        holder->name[strcspn(holder->name, "\n")] = '\0';
    fclose(file);
}

enum ports_state ports_look(const char *root, uint16_t udp_port, struct ports_holder *holder)
{
    struct inodes inodes = { .count = 0 };
    char path[PATH_LENGTH];
    snprintf(path, sizeof path, "%s/proc/self/net/udp", root);
    collect_inodes(&inodes, path, udp_port);
    snprintf(path, sizeof path, "%s/proc/self/net/udp6", root);
    collect_inodes(&inodes, path, udp_port);
    snprintf(path, sizeof path, "%s/proc", root);
    DIR *folder = inodes.count ? opendir(path) : NULL;
    if (!folder)
        return inodes.count ? PORTS_TAKEN : PORTS_FREE;
    enum ports_state state = PORTS_TAKEN;
    for (struct dirent *entry; state == PORTS_TAKEN && (entry = readdir(folder));) {
        if (!isdigit((unsigned char)entry->d_name[0]) || !process_holds(root, entry->d_name, &inodes))
            continue;
        holder->pid = (pid_t)strtol(entry->d_name, NULL, 10);
        read_name(root, entry->d_name, holder);
        state = PORTS_HELD;
    }
    closedir(folder);
    return state;
}

bool ports_find_holder(uint16_t udp_port, struct ports_holder *holder)
{
    return ports_look("", udp_port, holder) == PORTS_HELD;
}

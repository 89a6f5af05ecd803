/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Searches the memory of processes for secrets, for the scenario about them. Needs root.
 *
 *   memory PID... < NEEDLES      NEEDLES: lines "NAME HEX", four octets or more
 *
 * Prints "PID NAME COUNT MAP" for each map (a name, or an address) that holds a needle, and at the end how much was read.
 * A needle that only this program has would be found in its own memory, so its own is never searched.
 */
#include <ctype.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NEEDLES = 64, LONGEST = 300, CHUNK = 1 << 20 };

static struct needle {
    char name[64];
    unsigned char octets[LONGEST];
    size_t length;
} needles[NEEDLES];
static size_t needle_count;
static unsigned long long octets_read;

static void take_line(const char *line)
{
    struct needle *n = &needles[needle_count];
    char hex[2 * LONGEST + 1];
    if (needle_count == NEEDLES || sscanf(line, "%63s %600s", n->name, hex) != 2)
        return;
    for (const char *p = hex; isxdigit((unsigned char)p[0]) && isxdigit((unsigned char)p[1]) && n->length < LONGEST; p += 2) {
        char two[3] = { p[0], p[1], 0 };
        n->octets[n->length++] = (unsigned char)strtoul(two, NULL, 16);
    }
    needle_count += n->length >= 4;
}

static size_t count_in(const unsigned char *memory, size_t length, const struct needle *n)
{
    size_t found = 0;
    for (const unsigned char *p = memory; length >= n->length;) {
        const unsigned char *hit = memmem(p, length, n->octets, n->length);
        if (!hit)
            break;
        found++;
        length -= (size_t)(hit + 1 - p);
        p = hit + 1;
    }
    return found;
}

/* Chunks overlap by a needle's length, so that none hides on a border. */
static void search_map(const char *pid, int fd, uint64_t from, uint64_t to, const char *name)
{
    static unsigned char chunk[CHUNK + LONGEST];
    size_t counts[NEEDLES] = { 0 };
    for (uint64_t at = from; at < to; at += CHUNK) {
        size_t want = to - at < sizeof chunk ? (size_t)(to - at) : sizeof chunk;
        ssize_t got = pread(fd, chunk, want, (off_t)at);
        if (got <= 0)
            continue;
        octets_read += (unsigned long long)got;
        for (size_t i = 0; i < needle_count; i++) {
            size_t least = (size_t)got > CHUNK ? CHUNK + needles[i].length - 1 : (size_t)got;
            counts[i] += count_in(chunk, least < (size_t)got ? least : (size_t)got, &needles[i]);
        }
    }
    for (size_t i = 0; i < needle_count; i++)
        if (counts[i])
            printf("%s %s %zu %s\n", pid, needles[i].name, counts[i], name);
}

static int search(const char *pid)
{
    char path[64], line[512], flags[8], name[256];
    unsigned long long from, to;
    snprintf(path, sizeof path, "/proc/%s/maps", pid);
    FILE *maps = fopen(path, "r");
    snprintf(path, sizeof path, "/proc/%s/mem", pid);
    int fd = open(path, O_RDONLY);
    if (!maps || fd < 0) {
        perror(path);
        if (maps)
            fclose(maps);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    while (fgets(line, sizeof line, maps)) {
        name[0] = '\0';
        if (sscanf(line, "%llx-%llx %7s %*s %*s %*s %255s", &from, &to, flags, name) < 3 || flags[0] != 'r' || strcmp(name, "[vvar]") == 0 ||
            strcmp(name, "[vsyscall]") == 0)
            continue;
        if (!name[0])
            snprintf(name, sizeof name, "%llx-%llx", from, to);
        search_map(pid, fd, from, to, name);
    }
    fclose(maps);
    close(fd);
    return 0;
}

int main(int count, char **words)
{
    char line[1024];
    int result = count < 2;
    while (fgets(line, sizeof line, stdin))
        take_line(line);
    for (int i = 1; i < count; i++)
        result |= search(words[i]) < 0;
    printf("read %llu KiB of %d processes, %zu needles\n", octets_read / 1024, count - 1, needle_count);
    return result;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the reading of the machine's files, below a root that tests put elsewhere; and the findings as JSON. */
#include "cli/check.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_LENGTH = 4096, LINE_LENGTH = 8192 };

bool check_read(const struct check_machine *machine, const char *path, char *out, size_t size)
{
    char full[PATH_LENGTH];
    snprintf(full, sizeof full, "%s%s", machine->root, path);
    int fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t length = fd < 0 ? -1 : read(fd, out, size - 1);
    if (fd >= 0)
        close(fd);
    out[length > 0 ? length : 0] = '\0';
    return length >= 0;
}

bool check_there(const struct check_machine *machine, const char *path)
{
    char full[PATH_LENGTH];
    struct stat status;
    snprintf(full, sizeof full, "%s%s", machine->root, path);
    return lstat(full, &status) == 0; /* an enabled unit is a link that may lead out of the root */
}

bool check_lines(const struct check_machine *machine, const char *path, check_line *each, void *context)
{
    char full[PATH_LENGTH], line[LINE_LENGTH];
    snprintf(full, sizeof full, "%s%s", machine->root, path);
    FILE *file = fopen(full, "re");
    bool found = false;
    while (file && !found && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        found = each(context, line);
    }
    if (file)
        fclose(file);
    return found;
}

bool check_runs(const struct check_machine *machine, const char *name)
{
    char full[PATH_LENGTH], path[300], comm[64];
    bool found = false;
    snprintf(full, sizeof full, "%s/proc", machine->root);
    DIR *folder = opendir(full);
    if (!folder)
        return false;
    for (const struct dirent *entry; !found && (entry = readdir(folder));) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        snprintf(path, sizeof path, "/proc/%.200s/comm", entry->d_name);
        found = check_read(machine, path, comm, sizeof comm) && strncmp(comm, name, strlen(name)) == 0 && comm[strlen(name)] == '\n';
    }
    closedir(folder);
    return found;
}

int check_print_json(const struct check *check, FILE *out)
{
    static const char *const words[] = { "ok", "warning", "failure", "not-seen" };
    json_t *findings = json_array();
    for (size_t i = 0; i < check->count; i++) {
        const struct check_finding *f = &check->findings[i];
        json_array_append_new(findings, json_pack("{s:s, s:s, s:s, s:s?}", "check", f->row, "verdict", words[f->verdict], "text", f->text, "mend",
                                                  f->mend[0] ? f->mend : NULL));
    }
    json_t *root = json_pack("{s:i, s:s, s:i, s:i, s:i, s:i, s:o}", "schema", 1, "file", check->path, "ok", (int)check->of[CHECK_OK], "warnings",
                             (int)check->of[CHECK_WARNING], "failures", (int)check->of[CHECK_FAILURE], "not_seen", (int)check->of[CHECK_UNKNOWN],
                             "findings", findings);
    int result = root ? json_dumpf(root, out, JSON_INDENT(2)) : -1;
    json_decref(root);
    fputc('\n', out);
    return result;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the writing: each text goes into a new file beside its place, mode 0600, the daemon's own reader judges them, and
 * only then do they get their names, which must be free unless --force was said. Entry point: import_files_write.
 * Invariant: on failure no file is left that was not there before, and none that was is changed.
 */
#include "cli/import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_LENGTH = 4096 };
enum { CONF, SECRETS, FRR, FILES };

struct output {
    const char *name;
    mode_t mode;
    char *text;                          /* NULL or empty: not written */
    char path[PATH_LENGTH], fresh[PATH_LENGTH];
};

static bool failed(struct import *import, const char *what, const char *path)
{
    import_say(import, CONF_ERROR, "%s %s: %s", path, what, strerror(errno));
    return false;
}

static bool write_all(int fd, const char *text)
{
    size_t length = strlen(text);
    for (ssize_t n; length; text += n, length -= (size_t)n) {
        n = write(fd, text, length);
        if (n < 0 && errno == EINTR)
            n = 0;
        else if (n < 0)
            return false;
    }
    return fsync(fd) == 0;
}

/* mkostemp opens with O_EXCL and mode 0600. */
static bool write_fresh(struct import *import, struct output *output)
{
    int n = snprintf(output->path, PATH_LENGTH, "%s/%s", import->folder, output->name);
    if (n >= PATH_LENGTH || snprintf(output->fresh, PATH_LENGTH, "%s/.minicpe-import-XXXXXX", import->folder) >= PATH_LENGTH) {
        errno = ENAMETOOLONG;
        return failed(import, "cannot be used", import->folder);
    }
    int fd = mkostemp(output->fresh, O_CLOEXEC);
    if (fd < 0) {
        output->fresh[0] = '\0';
        return failed(import, "cannot be written to", import->folder);
    }
    bool fine = write_all(fd, output->text) && fchmod(fd, output->mode) == 0;
    if (!fine)
        failed(import, "cannot be written", output->path);
    return close(fd) == 0 && fine;
}

/* A text of ours that the daemon would refuse must never get its name. */
static bool judge(struct import *import, const struct output outputs[FILES])
{
    struct conf conf;
    struct conf_report report = { .count = 0 };
    char line[800];
    int result = conf_load(&conf, outputs[CONF].fresh, outputs[SECRETS].fresh, false, &report);
    for (size_t i = 0; i < report.count; i++)
        if (report.messages[i].severity == CONF_ERROR) {
            conf_message_print(&report.messages[i], line, sizeof line);
            import_say(import, CONF_ERROR, "this cannot be expressed: %s", line);
        }
    if (result == 0)
        conf_free(&conf);
    conf_report_free(&report);
    return result == 0;
}

/* link() never replaces a file; rename() does. */
static bool name_file(struct import *import, struct output *output)
{
    if (import->force ? rename(output->fresh, output->path) : link(output->fresh, output->path))
        return failed(import, "cannot be made", output->path);
    if (!import->force)
        unlink(output->fresh);
    output->fresh[0] = '\0';
    fprintf(import->say, "wrote %s\n", output->path);
    return true;
}

/* All that are in the way at once. --force replaces files, and a folder is none: found after the first had its name, it would be half done. */
static bool places_free(struct import *import, const struct output outputs[FILES])
{
    struct stat status;
    char path[PATH_LENGTH];
    bool fine = true;
    for (size_t i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "%s/%s", import->folder, outputs[i].name);
        if (!outputs[i].text || !*outputs[i].text || lstat(path, &status) != 0)
            continue;
        if (import->force && !S_ISDIR(status.st_mode))
            continue;
        import_say(import, CONF_ERROR, import->force ? "%s is a folder; move it away, or choose another folder with --out"
                                                     : "%s is there already; move it away, choose another folder with --out, or say --force", path);
        fine = false;
    }
    return fine;
}

static bool write_files(struct import *import, struct output outputs[FILES])
{
    bool fine = outputs[CONF].text && outputs[SECRETS].text && places_free(import, outputs);
    for (size_t i = 0; fine && i < FILES; i++)
        if (outputs[i].text && *outputs[i].text)
            fine = write_fresh(import, &outputs[i]);
    fine = fine && judge(import, outputs);
    for (size_t i = 0; fine && i < FILES; i++)
        if (outputs[i].fresh[0])
            fine = name_file(import, &outputs[i]);
    return fine;
}

int import_files_write(struct import *import)
{
    struct output outputs[FILES] = {
        [CONF] = { .name = "tunnels.conf", .mode = 0644, .text = import_text_conf(import) },
        [SECRETS] = { .name = "tunnels.secrets", .mode = 0600, .text = import_text_secrets(import) },
        [FRR] = { .name = "tunnels.frr", .mode = 0644, .text = import_text_frr(import) },
    };
    bool fine = write_files(import, outputs);
    for (size_t i = 0; i < FILES; i++) {
        if (outputs[i].fresh[0])
            unlink(outputs[i].fresh);
        if (outputs[i].text)
            bytes_wipe(outputs[i].text, strlen(outputs[i].text));
        free(outputs[i].text);
    }
    return fine ? 0 : -1;
}

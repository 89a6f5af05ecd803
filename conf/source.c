/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the texts: reading files (with every reason why that fails in a sentence), taking texts from memory, the globs
 * of include. A file of secrets must belong to root or to who runs this, and to nobody else's eyes. Texts are wiped
 * when they are freed, since some are secret. Entry points: source_read, source_take, source_include, source_free.
 */
#include "conf/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Room for `length` octets and a zero, known to `load`. NULL when there is no memory. */
static struct source *source_new(struct load *load, const char *name, size_t length)
{
    struct source *source = calloc(1, sizeof *source);
    if (!source)
        return NULL;
    source->name = strdup(name);
    source->text = calloc(1, length + 1);
    source->length = length;
    source->next = load->sources;
    load->sources = source;
    load->source_count++;
    return source->name && source->text ? source : NULL;
}

char *source_take(struct load *load, const char *name, const char *text, size_t length)
{
    struct source *source = source_new(load, name, length);
    if (!source)
        return NULL;
    if (length)
        memcpy(source->text, text, length);
    return source->text;
}

static void open_failed(struct load *load, const char *path, struct place from, int error)
{
    const char *what = SHOW(path);
    if (error == ENOENT && from.line)
        report_warning(load->report, from, "there is no file '%s' to include; nothing is read; correct the name or "
                       "remove the line", what);
    else if (error == ENOENT)
        report_error(load->report, place_of(path, 0, 0), "there is no such file; create it or name another one");
    else if (error == EACCES && geteuid() == 0)
        report_error(load->report, from.line ? from : place_of(path, 0, 0),
                     "'%s' may not be read: a daemon that runs reads only from the folders that it read at its start; "
                     "move the file there, or give it to root, or start it again", what);
    else if (error == EACCES)
        report_error(load->report, from.line ? from : place_of(path, 0, 0),
                     "'%s' may not be read by this user; run as root, or give the file to this user", what);
    else
        report_error(load->report, from.line ? from : place_of(path, 0, 0), "'%s' cannot be read: %s", what,
                     strerror(error));
}

/* The rule ssh has for private keys. */
static bool secret_mode_pass(struct load *load, const char *path, const struct stat *status)
{
    struct place at = place_of(path, 0, 0);
    if (status->st_uid != 0 && status->st_uid != geteuid()) {
        report_error(load->report, at, "the file of secrets belongs to user %u, who could change it; "
                     "make it root's: chown root '%s'", (unsigned)status->st_uid, SHOW(path));
        return false;
    }
    if ((status->st_mode & 077) == 0)
        return true;
    if (load->insecure_secrets) {
        report_warning(load->report, at, "the file of secrets is open to others than its owner (mode %04o); it is "
                       "used because --insecure-secrets was given; close it: chmod 600 '%s'",
                       (unsigned)(status->st_mode & 07777), SHOW(path));
        return true;
    }
    report_error(load->report, at, "the file of secrets is open to others than its owner (mode %04o), so it is not "
                 "used; close it: chmod 600 '%s' (or --insecure-secrets to use it as it is)",
                 (unsigned)(status->st_mode & 07777), SHOW(path));
    return false;
}

static bool kind_pass(struct load *load, const char *path, struct place from, const struct stat *status)
{
    struct place at = from.line ? from : place_of(path, 0, 0);
    if (S_ISDIR(status->st_mode))
        report_error(load->report, at, "'%s' is a directory; name a file in it, or include its files by a pattern like "
                     "*.conf", SHOW(path));
    else if (!S_ISREG(status->st_mode) && !S_ISFIFO(status->st_mode) && !S_ISCHR(status->st_mode))
        report_error(load->report, at, "'%s' is no plain file; name the file that holds the configuration", SHOW(path));
    else if (load->report->again && !S_ISREG(status->st_mode))
        report_error(load->report, at, "'%s' is a pipe or a device: a daemon that runs cannot wait for what comes out of it; name a plain file, "
                     "or start it again", SHOW(path));
    else if (status->st_size > PARSE_FILE_MAX)
        report_error(load->report, at, "'%s' has more than %d bytes; that is no configuration of tunnels; "
                     "name the right file", SHOW(path), PARSE_FILE_MAX);
    else
        return true;
    return false;
}

/* Pipes and /dev/stdin tell no size beforehand: read until the end, at most `room`. */
static ssize_t read_all(int fd, char *out, size_t room)
{
    size_t used = 0;
    for (;;) {
        ssize_t n = read(fd, out + used, room - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0 || used + (size_t)n == room)
            return (ssize_t)(used + (size_t)n);
        used += (size_t)n;
    }
}

/* What is left unread may be half of the tunnels. */
static bool length_pass(struct load *load, const char *path, struct place from, size_t length, size_t room)
{
    struct place at = from.line ? from : place_of(path, 0, 0);
    if (length < room)
        return true;
    if (room > PARSE_FILE_MAX)
        report_error(load->report, at, "'%s' has more than %d bytes; that is no configuration of tunnels; name the right file",
                     SHOW(path), PARSE_FILE_MAX);
    else
        report_error(load->report, at, "'%s' grows while it is read; try again when it is written", SHOW(path));
    return false;
}

static char *descriptor_read(struct load *load, int fd, const char *path, struct place from, bool secret)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        open_failed(load, path, from, errno);
        return NULL;
    }
    if (!kind_pass(load, path, from, &status) || (secret && !secret_mode_pass(load, path, &status)))
        return NULL;
    size_t room = S_ISREG(status.st_mode) && status.st_size > 0 ? (size_t)status.st_size + 1 : PARSE_FILE_MAX + 1;
    struct source *source = source_new(load, path, room);
    if (!source) {
        report_error(load->report, place_of(path, 0, 0), "there is no memory left to read the file");
        return NULL;
    }
    ssize_t length = read_all(fd, source->text, room);
    if (length < 0) {
        open_failed(load, path, from, errno);
        return NULL;
    }
    if (!length_pass(load, path, from, (size_t)length, room))
        return NULL;
    source->length = (size_t)length;
    source->text[length] = '\0';
    return source->text;
}

char *source_read(struct load *load, const char *path, struct place from, bool secret)
{
    if (load->source_count >= PARSE_FILES_MAX) {
        report_error(load->report, from, "more than %d files are included; that is no configuration of tunnels",
                     PARSE_FILES_MAX);
        return NULL;
    }
    report_folder(load->report, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (load->report->again ? O_NONBLOCK : 0)); /* a pipe without a writer would block */
    if (fd < 0) {
        open_failed(load, path, from, errno);
        return NULL;
    }
    char *text = descriptor_read(load, fd, path, from, secret);
    close(fd);
    return text;
}

/* Relative to the including file, as the manual says. */
static bool pattern_resolve(const char *pattern, const char *including, char out[4096])
{
    const char *slash = strrchr(including, '/');
    int directory = *pattern != '/' && slash ? (int)(slash - including + 1) : 0;
    int n = snprintf(out, 4096, "%.*s%s", directory, including, pattern);
    return n > 0 && n < 4096;
}

/* Each file once on the way down: one that includes itself would otherwise be read ten times over. */
static void one_include(struct load *load, const char *path, struct place from, unsigned depth, source_each *each)
{
    for (unsigned i = 0; i <= depth; i++)
        if (load->open[i] && strcmp(load->open[i], path) == 0) {
            report_error(load->report, from, "'%s' includes itself%s; remove this line", SHOW(path),
                         i == depth ? "" : " by way of this file");
            return;
        }
    each(load, path, from, depth + 1);
}

/* A folder that is not there has no files; one that cannot be read may have some, and they must not be taken for gone. */
static int unlistable(const char *folder, int error)
{
    (void)folder;
    return error != ENOENT && error != ENOTDIR;
}

void source_include(struct load *load, const char *pattern, struct place from, unsigned depth, source_each *each)
{
    char path[4096];
    glob_t found = { .gl_pathc = 0 };
    if (depth >= PARSE_DEPTH_MAX) {
        report_error(load->report, from, "files include each other more than %d deep; Libreswan stops there, too; "
                     "include the innermost files directly", PARSE_DEPTH_MAX);
        return;
    }
    if (!load->files) {
        report_error(load->report, from, "files cannot be included here; put the text of '%s' in its place",
                     SHOW(pattern));
        return;
    }
    if (!pattern_resolve(pattern, from.file, path)) {
        report_error(load->report, from, "the name of the file to include is too long");
        return;
    }
    if (!strpbrk(path, "*?[{")) {
        one_include(load, path, from, depth, each);
        return;
    }
    report_folder(load->report, path);
    /* Braces are of Libreswan 4; 5 has them no more. */
    int result = glob(path, GLOB_BRACE, unlistable, &found);
    if (result == 0)
        for (size_t i = 0; i < found.gl_pathc; i++)
            one_include(load, found.gl_pathv[i], from, depth, each);
    else if (result == GLOB_NOMATCH)
        report_note(load->report, from, "no file matches '%s'; nothing is read", SHOW(path));
    else
        report_error(load->report, from, "the files that '%s' means cannot be listed: %s", SHOW(path), strerror(errno));
    globfree(&found);
}

void source_free(struct load *load)
{
    while (load->sources) {
        struct source *source = load->sources;
        load->sources = source->next;
        if (source->text)
            bytes_wipe(source->text, source->length);
        free(source->text);
        free(source->name);
        free(source);
    }
}

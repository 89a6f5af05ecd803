/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns standard error, and the connection to the journal where standard error is the journal anyway: a datagram
 * then, with fields to search by. It never blocks, nor does standard error once logsink_never_block was called; what the
 * journal does not take goes there, with the <N> prefix of sd-daemon(3). Each process has its own state and writes a line by one system call, so lines of the three
 * processes never mix. Repeated lines are folded and floods are cut, since what an attacker sends may cause lines.
 */
#include "daemon/logsink.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

enum { LINE_BYTES = 1200 };

static enum logsink_form the_form = LOGSINK_FILE;
static struct logsink_gate the_gate = { .tokens = LOGSINK_BURST };
static int the_journal = -1;
static bool stderr_is_socket; /* which has to be told with each line that we do not wait */
static bool was_cut;          /* a line was not taken whole: the next one begins anew */
static unsigned unread;       /* lines that nobody read in time */

static void fill_tokens(struct logsink_gate *gate, int64_t now)
{
    if (now > gate->filled)
        gate->tokens += (double)(now - gate->filled) * LOGSINK_RATE;
    if (gate->tokens > LOGSINK_BURST)
        gate->tokens = LOGSINK_BURST;
    gate->filled = now;
}

static struct logsink_line *find(struct logsink_gate *gate, const char *line)
{
    for (size_t i = 0; i < LOGSINK_LINES; i++)
        if (gate->line[i].text[0] && strncmp(gate->line[i].text, line, sizeof gate->line[i].text - 1) == 0)
            return &gate->line[i];
    return NULL;
}

/* Whose place a new line takes: a free one, the oldest of those without repeats, the oldest. */
static struct logsink_line *find_place(struct logsink_gate *gate)
{
    struct logsink_line *best = &gate->line[0];
    for (size_t i = 0; i < LOGSINK_LINES; i++) {
        struct logsink_line *l = &gate->line[i];
        if (!l->text[0])
            return l;
        bool told = l->repeats == 0, best_told = best->repeats == 0;
        if (told != best_told ? told : l->since < best->since)
            best = l;
    }
    return best;
}

/* One whose repeats nobody was told of though its time is over. */
static struct logsink_line *find_untold(struct logsink_gate *gate, int64_t now)
{
    for (size_t i = 0; i < LOGSINK_LINES; i++)
        if (gate->line[i].repeats && now - gate->line[i].since >= LOGSINK_FOLD_SECONDS)
            return &gate->line[i];
    return NULL;
}

static void tell_before(struct logsink_gate *gate, struct logsink_line *place, int64_t now, char before[LOGSINK_BEFORE_MAX])
{
    struct logsink_line *folded = place->repeats ? place : find_untold(gate, now);
    if (gate->dropped) {
        snprintf(before, LOGSINK_BEFORE_MAX, "%u lines were left out: too many at once", gate->dropped);
        gate->dropped = 0;
    } else if (folded) {
        snprintf(before, LOGSINK_BEFORE_MAX, "repeated %u time%s: %s", folded->repeats, folded->repeats == 1 ? "" : "s", folded->text);
        *folded = (struct logsink_line){ .repeats = 0 };
    }
}

enum logsink_verdict logsink_decide(struct logsink_gate *gate, int64_t now, const char *line, char before[LOGSINK_BEFORE_MAX])
{
    struct logsink_line *place = find(gate, line);
    before[0] = '\0';
    fill_tokens(gate, now);
    if (place && now - place->since < LOGSINK_FOLD_SECONDS) {
        place->repeats++;
        return LOGSINK_FOLD;
    }
    if (gate->tokens < 1) {
        gate->dropped++;
        return LOGSINK_DROP;
    }
    gate->tokens--;
    place = place ? place : find_place(gate);
    tell_before(gate, place, now, before);
    *place = (struct logsink_line){ .since = now };
    snprintf(place->text, sizeof place->text, "%s", line);
    return LOGSINK_PRINT;
}

static void put_time(enum logsink_form form, time_t wall, char *out, size_t size)
{
    struct tm local;
    out[0] = '\0';
    if (localtime_r(&wall, &local))
        strftime(out, size, form == LOGSINK_TERMINAL ? "%H:%M:%S " : "%Y-%m-%dT%H:%M:%S%z ", &local);
}

static const char *level_word(enum log_level level)
{
    if (level == LOG_LEVEL_ERROR)
        return "error: ";
    return level == LOG_LEVEL_WARNING ? "warning: " : level == LOG_LEVEL_DEBUG ? "debug: " : "";
}

/* " tunnel=a state=up", or nothing: a person at a terminal has the words of the line. */
static void put_about(enum logsink_form form, const struct log_about *about, char *out, size_t size)
{
    out[0] = '\0';
    if (!about || form == LOGSINK_TERMINAL)
        return;
    const struct { const char *key, *value; } pairs[] = {
        { "tunnel", about->tunnel }, { "state", about->state }, { "cause", about->cause } };
    for (size_t i = 0, used = 0; i < sizeof pairs / sizeof *pairs && used < size; i++)
        if (pairs[i].value)
            used += (size_t)snprintf(out + used, size - used, " %s=%s", pairs[i].key, pairs[i].value);
}

size_t logsink_format(enum logsink_form form, enum log_level level, const struct log_about *about, time_t wall, const char *line, char *out,
                      size_t size)
{
    char front[64], behind[160];
    if (form == LOGSINK_JOURNAL)
        snprintf(front, sizeof front, "<%d>", (int)level);
    else
        put_time(form, wall, front, sizeof front);
    put_about(form, about, behind, sizeof behind);
    int used = snprintf(out, size, "%s%s%s%s", front, form == LOGSINK_JOURNAL ? "" : level_word(level), line, behind);
    size_t length = used < 0 ? 0 : (size_t)used;
    if (length > size - 2)
        length = size - 2;
    out[length] = '\n';
    out[length + 1] = '\0';
    return length + 1;
}

size_t logsink_fields(enum log_level level, const struct log_about *about, const char *line, char *out, size_t size)
{
    static const struct log_about nothing;
    const struct log_about *a = about ? about : &nothing;
    int used = snprintf(out, size, "MESSAGE=%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=minicpe\n%s%s%s%s%s%s%s%s%s", line, (int)level,
                        a->tunnel ? "MINICPE_TUNNEL=" : "", a->tunnel ? a->tunnel : "", a->tunnel ? "\n" : "",
                        a->state ? "MINICPE_STATE=" : "", a->state ? a->state : "", a->state ? "\n" : "",
                        a->cause ? "MINICPE_CAUSE=" : "", a->cause ? a->cause : "", a->cause ? "\n" : "");
    return used < 0 || (size_t)used >= size ? 0 : (size_t)used;
}

static bool put_journal(enum log_level level, const struct log_about *about, const char *line)
{
    char text[LINE_BYTES + 256];
    size_t length = the_journal < 0 ? 0 : logsink_fields(level, about, line, text, sizeof text);
    return length && send(the_journal, text, length, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)length;
}

/* False: whoever reads it is behind. Nobody can be told when it is gone. */
static bool put_stderr(enum log_level level, const struct log_about *about, const char *line)
{
    char text[LINE_BYTES + 1] = "\n";
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    size_t length = 1 + logsink_format(the_form, level, about, now.tv_sec, line, text + 1, LINE_BYTES), skip = !was_cut;
    ssize_t written = stderr_is_socket ? send(STDERR_FILENO, text + skip, length - skip, MSG_DONTWAIT | MSG_NOSIGNAL)
                                       : write(STDERR_FILENO, text + skip, length - skip);
    if (written < 0)
        return errno != EAGAIN;
    was_cut = (size_t)written < length - skip;
    return !was_cut;
}

static void put_line(enum log_level level, const struct log_about *about, const char *line)
{
    char words[LOGSINK_BEFORE_MAX];
    if (put_journal(level, about, line))
        return;
    if (unread) {
        snprintf(words, sizeof words, "%u lines were lost: whatever reads them was behind", unread);
        unread = put_stderr(LOG_LEVEL_WARNING, NULL, words) ? 0 : unread;
    }
    if (unread || !put_stderr(level, about, line))
        unread++;
}

static void sink(enum log_level level, const struct log_about *about, const char *line)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    char before[LOGSINK_BEFORE_MAX];
    enum logsink_verdict verdict = logsink_decide(&the_gate, now.tv_sec, line, before);
    if (verdict != LOGSINK_PRINT)
        return;
    if (before[0])
        put_line(LOG_LEVEL_INFO, NULL, before);
    put_line(level, about, line);
}

static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    uintmax_t device, inode;
    struct stat status;
    return stream && sscanf(stream, "%" SCNuMAX ":%" SCNuMAX, &device, &inode) == 2 && fstat(STDERR_FILENO, &status) == 0 &&
           status.st_dev == device && status.st_ino == inode;
}

int logsink_connect(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
        int kept = errno;
        if (fd >= 0)
            close(fd);
        errno = kept;
        return -1;
    }
    if (the_journal >= 0)
        close(the_journal);
    the_journal = fd;
    return 0;
}

/* An open file of our own: the flag on the one that we were given would be the shell's, too. */
static void reopen_stderr(void)
{
    int fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) { /* no /proc, or a pipe that has no reader yet: then it is everybody's flag after all */
        (void)fcntl(STDERR_FILENO, F_SETFL, fcntl(STDERR_FILENO, F_GETFL) | O_NONBLOCK);
        return;
    }
    dup2(fd, STDERR_FILENO);
    close(fd);
}

void logsink_never_block(void)
{
    struct stat status;
    if (fstat(STDERR_FILENO, &status) < 0)
        return;
    stderr_is_socket = S_ISSOCK(status.st_mode);
    if (S_ISFIFO(status.st_mode) || isatty(STDERR_FILENO))
        reopen_stderr();
}

void logsink_open(enum log_level most)
{
    tzset();
    the_form = stderr_is_journal() ? LOGSINK_JOURNAL : isatty(STDERR_FILENO) ? LOGSINK_TERMINAL : LOGSINK_FILE;
    if (the_form == LOGSINK_JOURNAL)
        (void)logsink_connect(LOGSINK_JOURNAL_SOCKET); /* without it the <N> prefix does */
    log_open(sink, most);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the list of findings: adding one (report_add), its text form (conf_message_print), freeing; and of the folders read.
 * Invariant: at most REPORT_FINDINGS_MAX findings and one more line are kept, however broken a file is;
 * errors and warnings are counted all the same.
 */
#include "conf/report.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Keeps the tail of a long path: its end tells more than its beginning. */
static void put_file(char out[CONF_TEXT_MAX], const char *file)
{
    size_t length = strlen(file);
    if (length < CONF_TEXT_MAX)
        memcpy(out, file, length + 1);
    else
        snprintf(out, CONF_TEXT_MAX, "...%s", file + length - (CONF_TEXT_MAX - 4));
}

static struct conf_message *message_new(struct conf_report *report)
{
    if ((report->count & (report->count + 1)) == 0) {
        size_t room = 2 * report->count + 1;
        struct conf_message *grown = realloc(report->messages, room * sizeof *grown);
        if (!grown)
            return NULL;
        report->messages = grown;
    }
    struct conf_message *message = &report->messages[report->count++];
    memset(message, 0, sizeof *message);
    return message;
}

void report_add(struct conf_report *report, enum conf_severity severity, struct place at, const char *format, ...)
{
    report->errors += severity == CONF_ERROR;
    report->warnings += severity == CONF_WARNING;
    if (report->count > REPORT_FINDINGS_MAX)
        return;
    struct conf_message *message = message_new(report);
    if (!message)
        return;
    message->severity = severity;
    put_file(message->file, at.file ? at.file : "");
    text_clean(message->file);
    message->line = at.line;
    message->column = at.column;
    if (report->count > REPORT_FINDINGS_MAX) {
        snprintf(message->text, sizeof message->text, "there is more to say; mend what is above and check again");
        return;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(message->text, sizeof message->text, format, args);
    va_end(args);
    text_clean(message->text);
}

const char *report_show(char out[REPORT_SHOW_MAX], const char *text)
{
    size_t used = 0;
    for (const char *p = text; *p;) {
        size_t length = text_character(p);
        if (used + length + 4 >= REPORT_SHOW_MAX) {
            memcpy(out + used, "...", 3);
            used += 3;
            break;
        }
        if (length == 0) {
            out[used++] = '?';
            p++;
            continue;
        }
        memcpy(out + used, p, length);
        used += length;
        p += length;
    }
    out[used] = '\0';
    return out;
}

const char *report_place(char out[CONF_TEXT_MAX + 32], struct place there, const char *here_file)
{
    char file[CONF_TEXT_MAX];
    put_file(file, there.file ? there.file : "");
    if (here_file && there.file && strcmp(here_file, there.file) == 0)
        snprintf(out, CONF_TEXT_MAX + 32, "line %u", (unsigned)there.line);
    else
        snprintf(out, CONF_TEXT_MAX + 32, "%s, line %u", file, (unsigned)there.line);
    return out;
}

static size_t file_rank(const struct conf_report *report, const char *first, const char *file)
{
    size_t i = 0;
    if (strcmp(first, file) == 0)
        return 0;
    while (i < report->count && strcmp(report->messages[i].file, file) != 0)
        i++;
    return i + 1;
}

struct rank {
    size_t file, index;
    uint32_t line, column;
};

static int rank_compare(const void *a, const void *b)
{
    const struct rank *x = a, *y = b;
    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    if (x->column != y->column)
        return x->column < y->column ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

void report_sort(struct conf_report *report, const char *first)
{
    char name[CONF_TEXT_MAX];
    put_file(name, first);
    struct rank *ranks = calloc(report->count + 1, sizeof *ranks);
    struct conf_message *sorted = calloc(report->count + 1, sizeof *sorted);
    if (ranks && sorted) {
        for (size_t i = 0; i < report->count; i++)
            ranks[i] = (struct rank){ .file = file_rank(report, name, report->messages[i].file), .index = i,
                                      .line = report->messages[i].line, .column = report->messages[i].column };
        /* The line that says there is more stays last. */
        size_t count = report->count > REPORT_FINDINGS_MAX ? REPORT_FINDINGS_MAX : report->count;
        qsort(ranks, count, sizeof *ranks, rank_compare);
        /* cppcheck-suppress knownConditionTrueFalse ; it takes the first loop to end with i == 0 */
        for (size_t i = 0; i < count; i++)
            sorted[i] = report->messages[ranks[i].index];
        if (count)
            memcpy(report->messages, sorted, count * sizeof *sorted);
    }
    free(ranks);
    free(sorted);
}

size_t conf_message_print(const struct conf_message *message, char *out, size_t size)
{
    static const char *const severities[] = { [CONF_ERROR] = "error", [CONF_WARNING] = "warning", [CONF_NOTE] = "note" };
    char where[24] = "";
    if (message->line && message->column)
        snprintf(where, sizeof where, ":%u:%u", (unsigned)message->line, (unsigned)message->column);
    else if (message->line)
        snprintf(where, sizeof where, ":%u", (unsigned)message->line);
    int n = snprintf(out, size, "%s%s: %s: %s", message->file, where, severities[message->severity], message->text);
    return n < 0 || size == 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

static void keep_folder(struct conf_report *report, const char *path, size_t length)
{
    while (length > 1 && path[length - 1] != '/')
        length--;
    bool here = length == 0 || path[length - 1] != '/';
    char *folder = here ? strdup(".") : strndup(path, length);
    for (size_t i = 0; folder && i < report->folder_count; i++)
        if (strcmp(report->folders[i], folder) == 0) {
            free(folder);
            return;
        }
    if (folder && report->folder_count < CONF_FOLDERS_MAX)
        report->folders[report->folder_count++] = folder;
    else
        free(folder);
}

void report_folder(struct conf_report *report, const char *path)
{
    keep_folder(report, path, strcspn(path, "*?[{"));
    char *real = realpath(path, NULL);
    if (real)
        keep_folder(report, real, strlen(real));
    free(real);
}

void conf_report_free(struct conf_report *report)
{
    free(report->messages);
    for (size_t i = 0; i < report->folder_count; i++)
        free(report->folders[i]);
    *report = (struct conf_report){ .messages = NULL };
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Finds and reads the shared test vectors; see vectors.h. */
#include "tests/support/test.h"

#include <stdio.h>
#include <unistd.h>

const char *vectors_path(const char *name)
{
    static char path[1024];
    const char *folder = getenv("MINICPE_VECTORS");
    snprintf(path, sizeof path, "%s/%s", folder && *folder ? folder : "../shared/vectors", name);
    return path;
}

void vectors_need(const char *name)
{
    if (access(vectors_path(name), R_OK) == 0)
        return;
    print_message("skipped: there is no %s; set MINICPE_VECTORS to the folder of the shared vectors\n", vectors_path(name));
    skip();
}

uint8_t *vectors_read(const char *name, size_t *length)
{
    vectors_need(name);
    FILE *file = fopen(vectors_path(name), "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    assert_true(size >= 0);
    rewind(file);
    uint8_t *data = malloc((size_t)size + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, (size_t)size, file), size);
    data[size] = '\0';
    fclose(file);
    *length = (size_t)size;
    return data;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

size_t hex_parse(const char *text, uint8_t *out, size_t capacity)
{
    size_t digits = 0;
    for (; *text; text++) {
        if (strchr(" \t\r\n:", *text))
            continue;
        int value = hex_digit(*text);
        if (value < 0 || digits / 2 >= capacity)
            fail_msg("not hexadecimal, or longer than %zu octets: %.40s", capacity, text);
        out[digits / 2] = (uint8_t)(digits % 2 ? out[digits / 2] << 4 | value : value);
        digits++;
    }
    if (digits % 2)
        fail_msg("an odd number of hexadecimal digits");
    return digits / 2;
}

struct bytes hex_bytes(const char *text)
{
    static uint8_t buffers[16][4096];
    static unsigned next;
    uint8_t *out = buffers[next++ % 16];
    return bytes_of(out, hex_parse(text, out, sizeof buffers[0]));
}

void records_open(struct records *r, const char *name)
{
    size_t length;
    *r = (struct records){ .text = (char *)vectors_read(name, &length) };
    r->at = r->text;
}

/* Cuts quotes, commas and blanks off both ends, in place. */
static char *trimmed(char *text)
{
    text += strspn(text, " \t\",");
    for (size_t n = strlen(text); n > 0 && strchr(" \t\r\",", text[n - 1]); n--)
        text[n - 1] = '\0';
    return text;
}

static void record_add(struct records *r, char *line)
{
    char *equals = strchr(line, *line == '"' ? ':' : '=');
    if (!equals)
        return;
    *equals = '\0';
    if (r->count == sizeof r->fields / sizeof r->fields[0])
        fail_msg("a record of more than %zu fields", r->count);
    const char *name = trimmed(line);
    r->fields[r->count++] = (struct record_field){ .name = name, .value = trimmed(equals + 1) };
}

static bool ends_record(const char *line)
{
    return line[0] == '\0' || line[0] == '\r' || line[0] == '}';
}

bool records_next(struct records *r)
{
    r->count = 0;
    while (*r->at) {
        char *line = r->at;
        line += strspn(line, " \t");
        char *end = line + strcspn(line, "\n");
        r->at = *end ? end + 1 : end;
        *end = '\0';
        if (ends_record(line) && r->count > 0)
            return true;
        if (*line == '[' && !strchr(line, '=')) {
            line[strcspn(line, "]")] = '\0';
            r->heading = line + 1;
        } else if (*line == '{') {
            r->count = 0;
        } else if (*line != '[' && *line != '#') {
            record_add(r, line);
        }
    }
    return r->count > 0;
}

const char *records_text(const struct records *r, const char *name)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->fields[i].name, name) == 0)
            return r->fields[i].value;
    return NULL;
}

struct bytes records_hex(const struct records *r, const char *name)
{
    const char *text = records_text(r, name);
    if (!text)
        fail_msg("a record has no field %s", name);
    return hex_bytes(text);
}

void records_close(struct records *r)
{
    free(r->text);
    *r = (struct records){ .text = NULL };
}

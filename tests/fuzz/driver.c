/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in for libFuzzer where there is none: gives files to a target, one test a file. Without arguments those
 * of tests/fuzz/found/TARGET, which were found by fuzzing once and must never fail again, and an empty input.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>

enum { PATH_ROOM = 1024 };

static unsigned ran;

static void run_memory(const char *name, const uint8_t *data, size_t size)
{
    ran++;
    printf("# %s %s\n", fuzz_name, name); /* what it is about, should it not come back */
    fflush(stdout);
    LLVMFuzzerTestOneInput(data, size);
    printf("ok %u - fuzz %s: %s\n", ran, fuzz_name, name);
}

static bool run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    long size = -1;
    if (file && fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    uint8_t *data = size >= 0 ? malloc((size_t)size + 1) : NULL;
    bool read = data && fseek(file, 0, SEEK_SET) == 0 && fread(data, 1, (size_t)size, file) == (size_t)size;
    if (file)
        fclose(file);
    if (read) {
        const char *name = strrchr(path, '/');
        uint8_t *exact = malloc((size_t)size + !size); /* so that reading past its end is found */
        if (exact) {
            memcpy(exact, data, (size_t)size);
            run_memory(name ? name + 1 : path, exact, (size_t)size);
        }
        free(exact);
    }
    free(data);
    return read;
}

static void run_folder(const char *path)
{
    DIR *folder = opendir(path);
    char file[PATH_ROOM];
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (entry->d_name[0] == '.' || snprintf(file, sizeof file, "%s/%s", path, entry->d_name) >= (int)sizeof file)
            continue;
        run_file(file);
    }
    if (folder)
        closedir(folder);
}

int main(int argc, char **argv)
{
    char found[PATH_ROOM];
    LLVMFuzzerInitialize(&argc, &argv);
    if (argc < 2) {
        snprintf(found, sizeof found, "tests/fuzz/found/%s", fuzz_name);
        run_memory("an empty input", (const uint8_t *)"", 0);
        run_folder(found);
    }
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (folder) {
            closedir(folder);
            run_folder(argv[i]);
        } else if (!run_file(argv[i])) {
            printf("not ok - fuzz %s: %s cannot be read\n", fuzz_name, argv[i]);
        }
    }
    printf("1..%u\n", ran);
    return 0;
}

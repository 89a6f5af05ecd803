/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Target `conf`, both files: the input is an ipsec.conf, an octet 1, an ipsec.secrets. Beyond "no crash": a
 * result agrees with its findings, and what loads is printed, reads back without an error, and prints the same.
 */
#include "tests/fuzz/fuzz.h"

#include "conf/parse.h"

#include <stdio.h>

const char fuzz_name[] = "conf";

enum { PRINTED_MAX = 8192 };          /* of one conn */

static char *print_all(const struct conf *conf)
{
    size_t size = conf->count * PRINTED_MAX + 1, used = 0;
    char *out = calloc(1, size);
    if (!out)
        fuzz_fail("no memory", __FILE__, __LINE__);
    for (size_t i = 0; i < conf->count; i++)
        used += conf_print(&conf->conns[i], out + used, size - used);
    return out;
}

static void read_back(const struct conf *conf)
{
    static const char secret[] = ": PSK \"whatever it may be\"\n";
    struct conf second;
    struct conf_report report = { .count = 0 };
    char *printed = print_all(conf);
    must(conf_load_memory(&second, "printed", printed, strlen(printed), "secrets", secret, sizeof secret - 1, &report) == 0);
    char *again = print_all(&second);
    must(second.count == conf->count && strcmp(printed, again) == 0);
    free(again);
    free(printed);
    conf_free(&second);
    conf_report_free(&report);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *cut = size ? memchr(data, 1, size) : NULL;
    size_t length = cut ? (size_t)(cut - data) : size;
    struct conf conf;
    struct conf_report report = { .count = 0 };
    int result = conf_load_memory(&conf, "f.conf", data, length, "f.secrets", cut ? cut + 1 : NULL,
                                  cut ? size - length - 1 : 0, &report);
    must((result == 0) == (report.errors == 0) && (result == 0) == (conf.count > 0));
    if (result == 0)
        read_back(&conf);
    conf_free(&conf);
    conf_report_free(&report);
    return 0;
}

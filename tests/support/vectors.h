/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared test vectors: files that the project did not write, found in ../shared/vectors from the root of the
 * tree, or where MINICPE_VECTORS says. They are not part of the tree; a test that misses one skips, and says so.
 */
#ifndef TESTS_SUPPORT_VECTORS_H
#define TESTS_SUPPORT_VECTORS_H

#include "base/bytes.h"

/* "nss-cavs-ike/ikev1_psk.fax" -> its path. One static buffer. */
const char *vectors_path(const char *name);
/* Skips the running test, with a plain message, when the file is not there. */
void vectors_need(const char *name);
/* The whole file, to be freed by the caller, with a zero after its end; skips like vectors_need. */
uint8_t *vectors_read(const char *name, size_t *length);

/* Octets of hexadecimal digits; blanks, colons and line ends between them are passed over. Fails the test on others. */
size_t hex_parse(const char *text, uint8_t *out, size_t capacity);
/* The same into one of a few static buffers of 4096 octets, used in turn: for short constants in a test. */
struct bytes hex_bytes(const char *text);

/*
 * Files of records with one `name = value`, or one `"name": "value"`, to a line: the .fax files of NIST and the
 * JSON files of the vectors. An empty line or a closing brace ends a record.
 */
struct records {
    char *text, *at;              /* the file, and the next line of it */
    struct record_field {
        const char *name, *value;
    } fields[32];
    size_t count;
    const char *heading;          /* the last of the lines `[SHA-1]` that does not hold a `=` */
};

void records_open(struct records *r, const char *name);   /* skips like vectors_need */
bool records_next(struct records *r);                     /* the next record that is not empty */
const char *records_text(const struct records *r, const char *name);   /* NULL when there is none */
struct bytes records_hex(const struct records *r, const char *name);   /* in hex_bytes's buffers */
void records_close(struct records *r);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mutator of target `engine`: keeps records whole. It doubles, drops, exchanges and inserts them, changes their
 * codes, and lets the fuzzer change the octets of one. What those octets do to payloads is chain.c's.
 */
#include "tests/fuzz/fuzz.h"

enum { RECORDS = 96, HEAD = 2, OWN_MAX = 255, CODES = 21 };

struct record { uint8_t code, length, octets[OWN_MAX]; };

static struct record record[RECORDS + 1];
static size_t count;

static void read_records(const uint8_t *data, size_t size)
{
    size_t at = HEAD;
    for (count = 0; at + HEAD <= size && count < RECORDS; count++) {
        size_t length = data[at + 1] < size - at - HEAD ? data[at + 1] : size - at - HEAD;
        record[count].code = data[at];
        record[count].length = (uint8_t)length;
        memcpy(record[count].octets, data + at + HEAD, length);
        at += HEAD + length;
    }
}

static size_t write_records(uint8_t *data, size_t room)
{
    size_t at = HEAD;
    for (size_t i = 0; i < count && at + HEAD + record[i].length <= room; i++) {
        data[at] = record[i].code;
        data[at + 1] = record[i].length;
        memcpy(data + at + HEAD, record[i].octets, record[i].length);
        at += HEAD + record[i].length;
    }
    return at;
}

static void insert(size_t at, const struct record *new)
{
    struct record kept = *new;
    if (count == RECORDS)
        return;
    memmove(&record[at + 1], &record[at], (count - at) * sizeof *record);
    record[at] = kept;
    count++;
}

static void insert_any(size_t at, struct choices *c)
{
    struct record new = { .code = (uint8_t)choose(c, CODES), .length = (uint8_t)(1 + choose(c, 24)) };
    for (size_t i = 0; i < new.length; i++)
        new.octets[i] = choose_octet(c);
    insert(at, &new);
}

static void change(struct choices *c)
{
    size_t at = choose(c, (uint32_t)count), other = choose(c, (uint32_t)count);
    struct record kept = record[at], *r = &record[at];
    switch (choose(c, 9)) {
    case 0: insert(other, &kept); break;
    case 1:
        memmove(r, r + 1, (count - at - 1) * sizeof *r);
        count--;
        break;
    case 2:
        *r = record[other];
        record[other] = kept;
        break;
    case 3: r->code = (uint8_t)choose(c, CODES); break;
    case 4:
    case 5: insert_any(at, c); break;
    case 6:
        if (r->length)
            r->octets[choose(c, r->length)] = choose_octet(c);
        break;
    default: r->length = (uint8_t)LLVMFuzzerMutate(r->octets, r->length, OWN_MAX); break;
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    struct choices c = choices_from(seed);
    if (size < HEAD || max_size < 16)
        return LLVMFuzzerMutate(data, size, max_size);
    read_records(data, size);
    uint32_t head = choose(&c, 16);
    if (head == 0)
        data[0] = choose_octet(&c);
    else if (head == 1)
        data[1] = choose_octet(&c);
    for (uint32_t n = 1 + choose(&c, 4); n > 0; n--)
        if (count == 0)
            insert_any(0, &c);
        else
            change(&c);
    return write_records(data, max_size);
}

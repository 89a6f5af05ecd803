/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of an SA payload as proposals, transforms and attributes: one of them changed, and all lengths and counts
 * right again, unless the change is that one of them lies.
 */
#include "tests/fuzz/chain.h"

#include "base/buf.h"
#include "ike/iana.h"

enum { PROPOSALS = 8, TRANSFORMS = 24, ATTRIBUTES = 16, VALUE = 16, NESTED = 4 };

struct attribute { uint16_t type, length; bool basic; uint8_t value[VALUE]; };
struct transform { uint8_t number, id; size_t count; struct attribute attribute[ATTRIBUTES]; };
struct proposal { uint8_t number, protocol, spi_size; int count_lie; uint8_t spi[VALUE]; size_t count; struct transform transform[TRANSFORMS]; };
struct tree { uint32_t doi, situation; size_t count; struct proposal proposal[PROPOSALS]; };

/* ---- reading ---- */

static void read_attributes(struct reader r, struct transform *t)
{
    while (reader_left(&r) >= NESTED && t->count < ATTRIBUTES) {
        struct attribute *a = &t->attribute[t->count];
        uint16_t head = reader_u16(&r), field = reader_u16(&r);
        *a = (struct attribute){ .type = head & 0x7fff, .basic = head & 0x8000, .length = 2, .value = { (uint8_t)(field >> 8), (uint8_t)field } };
        if (!a->basic) {
            struct bytes value = reader_bytes(&r, field);
            a->length = (uint16_t)(value.length < VALUE ? value.length : VALUE);
            if (a->length)
                memcpy(a->value, value.data, a->length);
        }
        t->count += !r.bad;
    }
}

static struct reader nested(struct reader *r, uint8_t *next)
{
    *next = reader_u8(r);
    reader_u8(r);
    uint16_t length = reader_u16(r);
    return reader_sub(r, length > NESTED ? length - (size_t)NESTED : 0);
}

static void read_proposal(struct reader p, struct proposal *out)
{
    uint8_t next = IANA_PAYLOAD_TRANSFORM;
    *out = (struct proposal){ .count_lie = CHAIN_TELLS_TRUTH };
    out->number = reader_u8(&p);
    out->protocol = reader_u8(&p);
    out->spi_size = reader_u8(&p);
    reader_u8(&p);
    out->spi_size = out->spi_size < VALUE ? out->spi_size : VALUE;
    struct bytes spi = reader_bytes(&p, out->spi_size);
    if (spi.length)
        memcpy(out->spi, spi.data, spi.length);
    while (next == IANA_PAYLOAD_TRANSFORM && reader_left(&p) >= NESTED && out->count < TRANSFORMS) {
        struct reader t = nested(&p, &next);
        struct transform *transform = &out->transform[out->count++];
        transform->number = reader_u8(&t);
        transform->id = reader_u8(&t);
        reader_u16(&t);
        read_attributes(t, transform);
    }
}

static void read_tree(struct bytes body, struct tree *tree)
{
    struct reader r = reader_of(body);
    uint8_t next = IANA_PAYLOAD_PROPOSAL;
    *tree = (struct tree){ .doi = reader_u32(&r) };
    tree->situation = reader_u32(&r);
    while (next == IANA_PAYLOAD_PROPOSAL && reader_left(&r) >= NESTED && tree->count < PROPOSALS)
        read_proposal(nested(&r, &next), &tree->proposal[tree->count++]);
}

/* ---- writing ---- */

static void write_attribute(struct writer *w, const struct attribute *a)
{
    writer_u16(w, a->type | (a->basic ? 0x8000U : 0U));
    if (!a->basic)
        writer_u16(w, a->length);
    writer_bytes(w, bytes_of(a->value, a->basic ? 2 : a->length));
}

static size_t open(struct writer *w, uint8_t next)
{
    size_t at = w->used;
    writer_u8(w, next);
    writer_zero(w, 3);
    return at;
}

static void write_proposal(struct writer *w, const struct proposal *p, bool more)
{
    size_t at = open(w, more ? IANA_PAYLOAD_PROPOSAL : IANA_PAYLOAD_NONE);
    writer_u8(w, p->number);
    writer_u8(w, p->protocol);
    writer_u8(w, p->spi_size);
    writer_u8(w, p->count_lie == CHAIN_TELLS_TRUTH ? p->count : (uint8_t)p->count_lie);
    writer_bytes(w, bytes_of(p->spi, p->spi_size < VALUE ? p->spi_size : VALUE));
    for (size_t i = 0; i < p->count; i++) {
        const struct transform *t = &p->transform[i];
        size_t inner = open(w, i + 1 < p->count ? IANA_PAYLOAD_TRANSFORM : IANA_PAYLOAD_NONE);
        writer_u8(w, t->number);
        writer_u8(w, t->id);
        writer_u16(w, 0);
        for (size_t k = 0; k < t->count; k++)
            write_attribute(w, &t->attribute[k]);
        writer_set_u16(w, inner + 2, w->used - inner);
    }
    writer_set_u16(w, at + 2, w->used - at);
}

/* ---- changes ---- */

static uint16_t any_attribute_type(struct choices *c)
{
    static const uint16_t known[] = { 1, 2, 3, 4, 5, 6, 11, 12, 14, 9, 10, 0, 15, 0x7fff };
    return known[choose(c, sizeof known / sizeof *known)];
}

static void change_attribute(struct transform *t, struct choices *c)
{
    struct attribute *a = &t->attribute[choose(c, (uint32_t)t->count)];
    uint32_t value = choose_odd(c);
    switch (choose(c, 6)) {
    case 0: a->type = any_attribute_type(c); break;
    case 1: a->basic = !a->basic; break;
    case 2: a->length = (uint16_t)choose(c, VALUE + 1); break;
    case 3: *a = t->attribute[choose(c, (uint32_t)t->count)]; break;
    default:
        memset(a->value, 0, sizeof a->value);
        a->value[0] = (uint8_t)(value >> 8);
        a->value[1] = (uint8_t)value;
        if (!a->basic && a->length >= 4)
            memcpy(a->value, (uint8_t[]){ (uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value }, 4);
        break;
    }
}

static void change_transform(struct proposal *p, struct choices *c)
{
    struct transform *t = &p->transform[choose(c, (uint32_t)p->count)];
    switch (choose(c, 7)) {
    case 0: t->id = (uint8_t[]){ 1, 12, 20, 3, 11, 23, 0, 255 }[choose(c, 8)]; break;
    case 1: t->number = choose_octet(c); break;
    case 2:
        if (p->count < TRANSFORMS)
            p->transform[p->count++] = *t;
        break;
    case 3: *t = p->transform[--p->count]; break;
    case 4:
        if (t->count < ATTRIBUTES)
            t->attribute[t->count++] = (struct attribute){ .type = any_attribute_type(c), .basic = choose(c, 3), .length = (uint16_t)choose(c, 10),
                                                           .value = { choose_octet(c) & 1, choose_octet(c) } };
        break;
    case 5:
        t->count -= t->count > 0;
        break;
    default:
        if (t->count)
            change_attribute(t, c);
        break;
    }
}

static void change_proposal(struct tree *tree, struct choices *c)
{
    struct proposal *p = &tree->proposal[choose(c, (uint32_t)tree->count)];
    switch (choose(c, 8)) {
    case 0: p->number = choose_octet(c) & 3; break;
    case 1: p->protocol = (uint8_t)choose(c, 6); break;
    case 2: p->spi_size = (uint8_t[]){ 0, 4, 8, 16, 2, 255 }[choose(c, 6)]; break;
    case 3: p->count_lie = (int)(choose_odd(c) & 0xff); break;
    case 4:
        if (tree->count < PROPOSALS)
            tree->proposal[tree->count++] = *p;
        break;
    case 5: *p = tree->proposal[--tree->count]; break;
    case 6: memset(p->spi, choose_octet(c), sizeof p->spi); break;
    default: memset(p->spi, 0, 3); break;
    }
}

size_t sa_tree_mutate(struct bytes body, uint8_t *out, size_t capacity, struct choices *c)
{
    static struct tree tree;
    struct writer w = writer_of(out, capacity);
    read_tree(body, &tree);
    uint32_t what = choose(c, 16);
    struct proposal *p = tree.count ? &tree.proposal[choose(c, (uint32_t)tree.count)] : NULL;
    if (what == 0)
        tree.doi = choose_odd(c);
    else if (what == 1)
        tree.situation = choose_odd(c);
    else if (what < 6 && tree.count)
        change_proposal(&tree, c);
    else if (what < 10 && p && p->count)
        change_transform(p, c);
    else if (p && p->count && p->transform[0].count)
        change_attribute(&p->transform[choose(c, (uint32_t)p->count)], c);
    writer_u32(&w, tree.doi);
    writer_u32(&w, tree.situation);
    for (size_t i = 0; i < tree.count; i++)
        write_proposal(&w, &tree.proposal[i], i + 1 < tree.count);
    return w.bad ? 0 : w.used;
}

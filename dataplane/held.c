/* SPDX-License-Identifier: Apache-2.0 */
/* A fixed table of installed SAs, without their keys: nothing here can leak one. */
#include "dataplane/held.h"

#include <stdlib.h>

static bool same_spi(const struct dp_sa *sa, uint32_t spi) { return sa->spi && sa->spi == spi; }

bool dp_held_open(struct dp_held *held, size_t conns)
{
    *held = (struct dp_held){ 0 };
    return dp_held_grow(held, conns ? conns : 1);
}

bool dp_held_grow(struct dp_held *held, size_t conns)
{
    size_t count = conns * 2 * DP_HELD_MAX;
    if (count <= held->count)
        return true;
    struct dp_sa *sas = calloc(count, sizeof *sas);
    struct dp_count *counts = calloc(count, sizeof *counts);
    uint16_t *lives = calloc(conns * 2, sizeof *lives);
    if (!sas || !counts || !lives) {
        free(sas);
        free(counts);
        free(lives);
        return false;
    }
    if (held->count) {
        memcpy(sas, held->sas, held->count * sizeof *sas);
        memcpy(counts, held->counts, held->count * sizeof *counts);
        memcpy(lives, held->lives, held->count / DP_HELD_MAX * sizeof *lives);
    }
    dp_held_close(held);
    held->sas = sas;
    held->counts = counts;
    held->lives = lives;
    held->count = count;
    return true;
}

void dp_held_close(struct dp_held *held)
{
    free(held->sas);
    free(held->counts);
    free(held->lives);
    *held = (struct dp_held){ 0 };
}

struct dp_sa *dp_held_find(const struct dp_held *held, const struct dp_sa_name *name)
{
    for (size_t i = 0; i < held->count; i++) {
        struct dp_sa *sa = &held->sas[i];
        if (same_spi(sa, name->spi) && sa->conn == name->conn && sa->direction == name->direction &&
            addr_equal(&sa->local.addr, &name->local.addr) && addr_equal(&sa->remote.addr, &name->remote.addr))
            return sa;
    }
    return NULL;
}

struct dp_sa *dp_held_find_kernel(const struct dp_held *held, const struct addr *to, uint32_t spi)
{
    for (size_t i = 0; i < held->count; i++) {
        struct dp_sa *sa = &held->sas[i];
        if (same_spi(sa, spi) && addr_equal(sa->direction == DP_IN ? &sa->local.addr : &sa->remote.addr, to))
            return sa;
    }
    return NULL;
}

static bool has_conn(const struct dp_held *held, uint16_t conn) { return conn < held->count / DP_HELD_MAX / 2; }

static uint16_t *lives_of(const struct dp_held *held, uint16_t conn, uint8_t direction)
{
    return &held->lives[2U * conn + (direction == DP_OUT)];
}

size_t dp_held_count(const struct dp_held *held, uint16_t conn, uint8_t direction)
{
    return has_conn(held, conn) ? *lives_of(held, conn, direction) : 0;
}

bool dp_held_add(struct dp_held *held, const struct dp_sa *sa)
{
    if (!has_conn(held, sa->conn))
        return false;
    for (size_t i = 0; i < held->count; i++)
        if (!held->sas[i].spi) {
            held->sas[i] = *sa;
            bytes_wipe(held->sas[i].key, sizeof held->sas[i].key);
            ++*lives_of(held, sa->conn, sa->direction);
            return true;
        }
    return false;
}

void dp_held_counted(struct dp_held *held, const struct dp_sa *sa, uint64_t packets, uint64_t bytes)
{
    struct dp_count *count = &held->counts[sa - held->sas];
    count->packets = packets > count->packets ? packets : count->packets;
    count->bytes = bytes > count->bytes ? bytes : count->bytes;
}

struct dp_count dp_held_drop(struct dp_held *held, struct dp_sa *sa)
{
    struct dp_count count = held->counts[sa - held->sas];
    held->counts[sa - held->sas] = (struct dp_count){ 0 };
    if (sa->spi)
        --*lives_of(held, sa->conn, sa->direction);
    memset(sa, 0, sizeof *sa);
    return count;
}

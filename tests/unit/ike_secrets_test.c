/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where keys are left behind. Every SKEYID and every key of an IPsec SA is looked for in all that an engine has
 * allocated, and on the stack below it: after each message there is none but where it is needed, and none at all
 * once the SA is gone.
 */
#include "tests/support/test.h"

#include <stdio.h>

#include "tests/support/engine.h"
#include "tests/support/forge.h"
#include "tests/support/recorded.h"

enum { STACK = 192 * 1024, NEAR_TOP = 512, NEEDLES = 32, PART = 16 };

/* The first octets of each secret: a copy of a whole key has them, too. Kept inverted, so that this is no copy of them. */
static struct { const char *name; uint8_t inverted[PART]; } needles[NEEDLES];
static size_t needle_count;

static void add(const char *name, const uint8_t *secret)
{
    static const uint8_t wiped[PART];
    if (memcmp(secret, wiped, PART) == 0)
        return;
    assert_true(needle_count < NEEDLES);
    needles[needle_count].name = name;
    for (size_t i = 0; i < PART; i++)
        needles[needle_count].inverted[i] = (uint8_t)~secret[i];
    needle_count++;
}

static bool at(const uint8_t *memory, size_t needle)
{
    for (size_t i = 0; i < PART; i++)
        if ((memory[i] ^ needles[needle].inverted[i]) != 0xff)
            return false;
    return true;
}

static unsigned count_in(const void *memory, size_t size, size_t needle)
{
    const uint8_t *octets = memory;
    unsigned found = 0;
    for (size_t i = 0; i + PART <= size; i++)
        found += at(octets + i, needle);
    return found;
}

static unsigned in_engine(const struct engine *e, size_t needle)
{
    const struct ike *ike = e->ike;
    return count_in(ike, sizeof *ike, needle) + count_in(ike->peers, ike->peer_count * sizeof *ike->peers, needle) +
           count_in(ike->tunnels, ike->conn_count * sizeof *ike->tunnels, needle) +
           count_in(ike->outputs, ike->output_size * sizeof *ike->outputs, needle);
}

/* ---- the stack ---- */

static void __attribute__((noinline)) clean_stack(void)
{
    uint8_t octets[STACK];
    bytes_wipe(octets, sizeof octets);
}

#ifdef __SANITIZE_ADDRESS__
static unsigned in_stack(size_t needle) { (void)needle; return 0; } /* that stack is the checker's, and not to be read */
#else
static unsigned __attribute__((noinline)) in_stack(size_t needle)
{
    const uint8_t *top = __builtin_frame_address(0);
    return count_in(top - STACK + NEAR_TOP, STACK - 2 * NEAR_TOP, needle);
}
#endif

/* ---- an engine whose requests are looked at ---- */

static void drain(struct engine *e, const char *name)
{
    static struct ike_output o;
    while (ike_next_output(e->ike, &o)) {
        if (o.type == IKE_DATAPLANE && o.request.type == DP_SA_INSTALL)
            add(name, o.request.sa.key);
        struct dp_reply reply = { .id = o.request.id, .type = o.request.type, .conn = o.request.conn,
                                  .spi = o.request.type == DP_SA_INSTALL ? o.request.sa.spi : o.request.name.spi };
        enum ike_output_type type = o.type;
        bytes_wipe(&o, sizeof o);
        if (type == IKE_DATAPLANE)
            ike_dataplane_done(e->ike, e->now, &reply);
    }
}

static void take(struct engine *e, const struct sent *m, const char *name)
{
    clean_stack();
    ike_packet(e->ike, e->now, &m->path, bytes_of(m->datagram, m->length));
    drain(e, name);
}

static void add_keys(const struct isakmp_sa *sa)
{
    add("SKEYID", sa->keys.skeyid);
    add("SKEYID_d", sa->keys.skeyid_d);
    add("SKEYID_a", sa->keys.skeyid_a);
    add("SKEYID_e", sa->keys.skeyid_e);
    add("the cipher key", sa->keys.cipher_key);
}

static void nowhere_on_the_stack(const char *when)
{
    for (size_t i = 0; i < needle_count; i++)
        if (in_stack(i))
            fail_msg("%s: %s is on the stack", when, needles[i].name);
}

/* ---- tests ---- */

/* With each message of the run: nothing on the stack below, keys of IPsec SAs gone once they are installed. */
static void after_each_message(void **state)
{
    (void)state;
    for (size_t step = 2; step <= 8; step++) {
        int to = run.step[step].to;
        struct engine *e = &run.end[to];
        char when[80];
        image_load(&run.step[step].before[to], e);
        needle_count = 0;
        add("the pre-shared key", run.end[to].conf.conns[0].psk);
        take(e, &run.step[step].message, "a key of an IPsec SA");
        struct isakmp_sa *sa = forge_sa(e);
        snprintf(when, sizeof when, "after %s", run_names[step]);
        if (sa->keys_ready)
            add_keys(sa);
        if (step == 3)
            assert_true(sa->keys_ready && in_engine(e, 1) == 1); /* the search finds what is there */
        nowhere_on_the_stack(when);
        for (size_t i = 0; i < needle_count; i++)
            if (strcmp(needles[i].name, "a key of an IPsec SA") == 0 && in_engine(e, i))
                fail_msg("%s: %s is still in the engine's memory", when, needles[i].name);
    }
}

/* What a refused message was opened with is not left either. */
static void after_a_refused_message(void **state)
{
    (void)state;
    for (size_t step = 4; step <= 8; step++) {
        int to = run.step[step].to;
        struct engine *e = &run.end[to];
        struct sent spoilt = run.step[step].message;
        image_load(&run.step[step].before[to], e);
        needle_count = 0;
        add_keys(forge_sa(e));
        spoilt.datagram[spoilt.length - 1] ^= 1;
        take(e, &spoilt, "a key of an IPsec SA");
        nowhere_on_the_stack(run_names[step]);
    }
}

/* Deleted by the peer, taken down, or stopped: no key is left in anything that the engine has. */
static void after_the_end(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++)
        for (int end = CPE; end <= HEADEND; end++) {
            struct engine *e = &run.end[end];
            image_load(&run.after[end], e);
            needle_count = 0;
            add_keys(forge_sa(e));
            clean_stack();
            if (way == 0 && end == CPE) {
                take(e, &run.step[11].message, "a key");
                take(e, &run.step[12].message, "a key");
            } else if (way == 1) {
                ike_command(e->ike, e->now, &(struct ike_command){ IKE_COMMAND_DOWN, 0 });
                drain(e, "a key");
            } else {
                ike_stop(e->ike, e->now);
                drain(e, "a key");
            }
            nowhere_on_the_stack("at the end");
            if (forge_sa(e) && forge_sa(e)->up)
                fail_msg("way %d, end %d: the SA is still there", way, end);
            for (size_t i = 0; i < needle_count; i++)
                if (in_engine(e, i))
                    fail_msg("way %d, end %d: %s is still in the engine's memory", way, end, needles[i].name);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_each_message), cmocka_unit_test(after_a_refused_message), cmocka_unit_test(after_the_end),
    };
    return cmocka_run_group_tests_name("ike: keys left behind", tests, recorded_begin, recorded_end);
}

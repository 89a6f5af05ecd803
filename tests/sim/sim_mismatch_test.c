/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two ends that do not fit together, in one thing at a time: whatever it is, both refuse, say why, keep no SA in the
 * kernel, and go on trying at their own pace. Row 78 of tests/rows.txt, where such a thing brought a daemon down.
 */
#include "tests/sim/world.h"

#include <stdio.h>

#define SAID_BY_EACH "\t# ike= stands at each end\n"
#define IKE "\tike=aes256-sha2_256;dh19\n"
#define ESP "\tphase2alg=aes_gcm256;dh19\n"

enum { NO_PROPOSAL = 14, INVALID_ID = 18 }; /* RFC 2408 3.14.1 */

static const struct mismatch {
    const char *what, *near, *far;
    enum ike_cause cause;                /* as the CPE gives it */
    struct ike_evidence evidence;        /* what it has that from, when it began; `sent` is not compared */
} mismatches[] = {
    { "phase 1 cipher", "\tike=aes128-sha2_256;dh19\n" ESP, IKE ESP, IKE_CAUSE_IKE_PROPOSAL, { .main_mode = true, .notify = NO_PROPOSAL } },
    { "phase 1 hash", "\tike=aes256-sha1;dh19\n" ESP, IKE ESP, IKE_CAUSE_IKE_PROPOSAL, { .main_mode = true, .notify = NO_PROPOSAL } },
    { "phase 1 group", "\tike=aes256-sha2_256;dh20\n" ESP, IKE ESP, IKE_CAUSE_IKE_PROPOSAL, { .main_mode = true, .notify = NO_PROPOSAL } },
    { "phase 2 cipher", IKE "\tphase2alg=aes_gcm128;dh19\n", IKE ESP, IKE_CAUSE_ESP_PROPOSAL,
      { .quick_mode = true, .notify = NO_PROPOSAL, .authenticated = true } },
    { "phase 2 without an AEAD", IKE "\tphase2alg=aes256-sha2_256;dh19\n", IKE ESP, IKE_CAUSE_ESP_PROPOSAL,
      { .quick_mode = true, .notify = NO_PROPOSAL, .authenticated = true } },
    { "phase 2 integrity", IKE "\tphase2alg=aes256-sha1;dh19\n", IKE "\tphase2alg=aes256-sha2_256;dh19\n", IKE_CAUSE_ESP_PROPOSAL,
      { .quick_mode = true, .notify = NO_PROPOSAL, .authenticated = true } },
    { "group of phase 2", IKE "\tphase2alg=aes_gcm256;dh20\n", IKE ESP, IKE_CAUSE_ESP_PROPOSAL,
      { .quick_mode = true, .notify = NO_PROPOSAL, .authenticated = true } },
    { "PFS at the headend alone", IKE "\tphase2alg=aes_gcm256\n\tpfs=no\n", IKE ESP, IKE_CAUSE_NONE, { .sent = 0 } },
    { "PFS at the CPE alone", IKE ESP, IKE "\tphase2alg=aes_gcm256\n\tpfs=no\n", IKE_CAUSE_NONE, { .sent = 0 } },
    { "the secret", NULL, NULL, IKE_CAUSE_PSK_MISMATCH, { .main_mode = true, .heard = 4 } },
    { "the CPE's identity", IKE ESP, IKE ESP "\trightid=@other.example\n", IKE_CAUSE_IKE_ID,
      { .main_mode = true, .heard = 4, .notify = INVALID_ID, .authenticated = true } },
    { "the headend's identity", IKE ESP, IKE ESP "\tleftid=@other.example\n", IKE_CAUSE_IKE_ID, { .main_mode = true, .heard = 4 } },
    { "encapsulation", IKE ESP "\tencapsulation=no\n", IKE ESP "\tencapsulation=yes\n", IKE_CAUSE_NONE, { .sent = 0 } },
};

static unsigned notices(const struct world *w, enum ike_cause cause)
{
    return w->ends[NEAR].notices[cause] + w->ends[FAR].notices[cause];
}

static bool concluded(const struct ike_evidence *is, const struct ike_evidence *want)
{
    return is->main_mode == want->main_mode && is->quick_mode == want->quick_mode && is->heard == want->heard && is->notify == want->notify &&
           is->authenticated == want->authenticated && is->unreadable == want->unreadable && is->error == want->error;
}

static void one(const struct mismatch *m, bool far_starts)
{
    const char *start = "\tauto=start\n", *near = m->near ? m->near : IKE ESP, *far = m->far ? m->far : IKE ESP;
    char lines[ENDS][512];
    snprintf(lines[NEAR], sizeof lines[NEAR], "%s%s", near, far_starts ? "\tauto=add\n" : start);
    snprintf(lines[FAR], sizeof lines[FAR], "%s%s", far, far_starts ? start : "\tauto=add\n");
    struct options o = { .common = SAID_BY_EACH, .extra = { lines[NEAR], lines[FAR] } };
    struct world *w = world_new(&o);
    snprintf(w->what, sizeof w->what, "%s differs, %s starts", m->what, far_starts ? "the headend" : "the CPE");
    if (!m->near)
        w->ends[FAR].conf.conns[0].psk[0] ^= 1;
    world_start_both(w);
    world_run(w, MONO_S(180));
    unsigned sent = w->network.sent[NEAR] + w->network.sent[FAR];
    bool same = world_up(w);
    unsigned installed = w->ends[NEAR].plane.installed + w->ends[FAR].plane.installed;
    unsigned kept = (unsigned)(plane_count(w, NEAR, DP_IN, 0) + plane_count(w, NEAR, DP_OUT, 0));
    if (m->cause == IKE_CAUSE_NONE) { /* they may come to terms; nothing breaks either way */
        world_check(w, same || installed == 0 || kept == 0);
    } else {
        world_check(w, !same && notices(w, m->cause) >= 1);
        world_check(w, kept == 0 && plane_count(w, FAR, DP_OUT, 0) == 0);
        world_check(w, sent < 480); /* tries go on, with pauses */
        struct ike_evidence evidence = world_status(w, NEAR, 0).evidence;
        world_check(w, far_starts || concluded(&evidence, &m->evidence));
    }
    world_free(w);
}

static void row_78_parameters_that_do_not_fit(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mismatches / sizeof *mismatches; i++)
        for (int far_starts = 0; far_starts <= 1; far_starts++)
            one(&mismatches[i], far_starts);
}

/* Its refusal of our group has no reason in it; its own Quick Mode, which comes about once, tells the group. */
static void each_shows_its_group(void **state)
{
    (void)state;
    struct options o = { .common = SAID_BY_EACH, .extra = { IKE "\tphase2alg=aes_gcm256;dh20\n\tauto=start\n", IKE ESP "\tauto=start\n" } };
    struct world *w = world_new(&o);
    snprintf(w->what, sizeof w->what, "group of phase 2 differs, both start");
    world_start_both(w);
    world_run(w, MONO_S(60));
    for (int side = NEAR; side <= FAR; side++) {
        struct ike_status status = world_status(w, side, 0);
        world_check(w, status.cause == IKE_CAUSE_PFS && status.state != IKE_STATE_UP);
    }
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_78_parameters_that_do_not_fit), cmocka_unit_test(each_shows_its_group),
    };
    world_filter();
    return cmocka_run_group_tests_name("simulation: ends that do not fit", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the limits. Questions about counters change nothing and are not counted; each is one turn of the loop. Pure. */
#include "dataplane/quota.h"

void dp_quota_begin(struct dp_quota *quota, struct mono now)
{
    *quota = (struct dp_quota){ .at = now, .changes = DP_CHANGES_BURST, .refusals = DP_REFUSALS_BURST, .reloads = DP_RELOADS_BURST,
                                .levels = DP_LEVELS_BURST };
}

static uint32_t refilled(uint32_t level, int64_t seconds, int64_t rate, uint32_t burst)
{
    int64_t sum = level + seconds * rate;
    return sum < burst ? (uint32_t)sum : burst;
}

static void refill(struct dp_quota *quota, struct mono now)
{
    int64_t seconds = mono_since(now, quota->at) / MONO_S(1);
    if (seconds <= 0)
        return;
    seconds = seconds < DP_CHANGES_BURST ? seconds : DP_CHANGES_BURST;
    quota->changes = refilled(quota->changes, seconds, DP_CHANGES_A_SECOND, DP_CHANGES_BURST);
    quota->refusals = refilled(quota->refusals, seconds, DP_REFUSALS_A_SECOND, DP_REFUSALS_BURST);
    quota->reloads = refilled(quota->reloads, seconds, DP_RELOADS_A_SECOND, DP_RELOADS_BURST);
    quota->levels = refilled(quota->levels, seconds, DP_LEVELS_A_SECOND, DP_LEVELS_BURST);
    quota->at = now;
}

static bool take(uint32_t *left)
{
    if (*left == 0)
        return false;
    --*left;
    return true;
}

bool dp_quota_take(struct dp_quota *quota, struct mono now, const struct dp_request *request, enum dp_verdict verdict)
{
    refill(quota, now);
    if (verdict == DP_REFUSED || verdict == DP_FORGED)
        return take(&quota->refusals);
    return (verdict == DP_PERMITTED && request->type == DP_SA_QUERY) || take(&quota->changes);
}

bool dp_quota_take_reload(struct dp_quota *quota, struct mono now)
{
    refill(quota, now);
    return take(&quota->reloads);
}

bool dp_quota_take_level(struct dp_quota *quota, struct mono now)
{
    refill(quota, now);
    return take(&quota->levels);
}

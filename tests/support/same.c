/* SPDX-License-Identifier: Apache-2.0 */
/* See same.h. */
#include "tests/support/same.h"

bool same_peer(const struct peer *was, const struct peer *is)
{
    static struct peer copy;
    if (memcmp(was, is, sizeof copy) == 0)
        return true;
    memcpy(&copy, is, sizeof copy);
    memcpy(&copy.limits, &was->limits, sizeof copy.limits);
    for (size_t i = 0; i < PEER_SAS_MAX; i++) {
        memcpy(&copy.sa[i].evidence, &was->sa[i].evidence, sizeof copy.sa[i].evidence);
        memcpy(&copy.sa[i].notify, &was->sa[i].notify, sizeof copy.sa[i].notify);
        memcpy(&copy.sa[i].notify_authenticated, &was->sa[i].notify_authenticated, sizeof copy.sa[i].notify_authenticated);
        memcpy(&copy.sa[i].unreadable, &was->sa[i].unreadable, sizeof copy.sa[i].unreadable);
    }
    return memcmp(was, &copy, sizeof copy) == 0;
}

bool same_tunnel(const struct tunnel *was, const struct tunnel *is)
{
    static struct tunnel copy;
    if (memcmp(was, is, sizeof copy) == 0)
        return true;
    memcpy(&copy, is, sizeof copy);
    memcpy(&copy.cause, &was->cause, sizeof copy.cause);
    memcpy(&copy.cause_at, &was->cause_at, sizeof copy.cause_at);
    memcpy(&copy.cause_known_at, &was->cause_known_at, sizeof copy.cause_known_at);
    memcpy(copy.cause_text, was->cause_text, sizeof copy.cause_text);
    memcpy(&copy.evidence, &was->evidence, sizeof copy.evidence);
    return memcmp(was, &copy, sizeof copy) == 0;
}

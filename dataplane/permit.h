/* SPDX-License-Identifier: Apache-2.0 */
/* What an engine may ask for. The engine parses the network's bytes, so it may be in anybody's hands. */
#ifndef DATAPLANE_PERMIT_H
#define DATAPLANE_PERMIT_H

#include "dataplane/held.h"
#include "dataplane/message.h"

enum dp_verdict {
    DP_PERMITTED,
    DP_STALE,     /* it crossed a reload on the way */
    DP_REFUSED,   /* may come of bad timing, a changed address or a bug */
    DP_FORGED,    /* no engine that is itself asks for this: end it */
};

/* What the decision looks at, by slot; `local` is the address that the conn was told to use (none: no way to its headend). */
struct dp_scene {
    const struct conf_conn *conns;
    size_t count;
    const struct addr *local;
    const struct dp_held *held;
    const uint32_t *generation;
};

/* `text` says what was refused; it is empty when permitted. */
enum dp_verdict dp_permit(const struct dp_scene *scene, const struct dp_message *message, char text[DP_TEXT_MAX]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine knows of a tunnel, as the control protocol tells it. Pure. */
#ifndef DAEMON_REPORT_H
#define DAEMON_REPORT_H

#include "daemon/control.h"
#include "ike/ike.h"

struct report_clock {
    struct mono now;
    int64_t wall;              /* the same moment since 1970 */
};

/* `flipped` is when it last went up, or stopped being up; `path_mtu` that of the way to the headend, 0: not known. */
void report_tunnel(const struct conf_conn *conn, const struct ike_status *status, struct mono flipped, uint32_t path_mtu,
                   const struct report_clock *clock, struct control_tunnel *out);

/* A notice as those who follow see it, at a moment of the engine's clock; `conn` NULL: none in particular. */
void report_event(const struct ike_notice *notice, const struct conf_conn *conn, int64_t at, struct control_event *out);

#endif

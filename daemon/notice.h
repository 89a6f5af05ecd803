/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's notices as log lines. */
#ifndef DAEMON_NOTICE_H
#define DAEMON_NOTICE_H

#include "base/log.h"
#include "conf/conf.h"
#include "ike/ike.h"

/* What it is worth: a tunnel that was up and is not, without anybody's wish, is worth a warning. Pure. */
enum log_level notice_level(const struct ike_notice *notice, bool was_up);
/* `conn` NULL: none in particular; `was_up`: before this notice. */
void notice_log(const struct ike_notice *notice, const struct conf_conn *conn, bool was_up);

/* At level debug: that this went out ("sent", "to") or came in ("received", "from"). */
void notice_datagram(const char *did, const char *towards, const struct ike_path *path, struct bytes datagram);

#endif

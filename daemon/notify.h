/* SPDX-License-Identifier: Apache-2.0 */
/* The service manager's datagram protocol (sd_notify(3)), without its library. */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

/* Connects to $NOTIFY_SOCKET and forgets the variable. 0 also where there is none; -1: errno. */
int notify_open(void);
/* One datagram of newline-separated assignments: "READY=1\nSTATUS=..."; nothing happens without a manager. */
void notify_send(const char *assignments);
/* "STATUS=" and these words. */
void notify_status(const char *words);
void notify_close(void);

#endif

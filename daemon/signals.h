/* SPDX-License-Identifier: Apache-2.0 */
/* The signals that the daemon takes: SIGTERM and SIGINT, to stop; SIGHUP, to read its files anew. */
#ifndef DAEMON_SIGNALS_H
#define DAEMON_SIGNALS_H

/* What the program that started us left in another state than usual: first of all. */
void signals_begin(void);
/* From here on, in children too, they are read from the descriptor that is returned and never delivered. -1 with errno. */
int signals_hold(void);
/* The next one that has come; 0: none. */
int signals_next(int fd);
/* Not for this process: ctrl-C reaches all three, and the privileged one decides. */
void signals_ignore(void);

#endif

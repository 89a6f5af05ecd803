/* SPDX-License-Identifier: Apache-2.0 */
/* The command line's side of the control socket. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "daemon/control.h"

struct client_answer {
    struct control_tunnel *tunnels;
    size_t count;
    struct control_event *events;
    size_t event_count;
    struct control_line *lines;
    size_t line_count;
    struct control_end end;
};

/*
 * All of these: 0, or an enum cli_exit after a sentence on standard error: no daemon, denied, no such tunnel, no
 * answer, another version.
 */
int client_open(const char *folder, int *fd);
/* One question on an open connection, and its whole answer. */
int client_converse(int fd, enum control_type type, uint32_t value, const char *name, struct client_answer *answer);
/* The same on a connection of its own, with the value 0. */
int client_ask(const char *folder, enum control_type type, const char *name, struct client_answer *answer);
/* Every tunnel, or the one of that name, each with its last events. */
int client_ask_status(const char *folder, const char *name, struct client_answer *answer);
/* The files are read anew: what changes is printed; mistakes, and that nothing changed, on standard error. */
int client_reload(const char *folder);
/* The next event on a connection that follows them; waits as long as it takes. */
int client_next_event(int fd, struct control_event *event);
void client_answer_free(struct client_answer *answer);

#endif

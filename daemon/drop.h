/* SPDX-License-Identifier: Apache-2.0 */
/* Giving up privilege: what is left is asked of the kernel and compared, never assumed. */
#ifndef DAEMON_DROP_H
#define DAEMON_DROP_H

#include <stdbool.h>
#include <sys/types.h>

struct drop_user {
    uid_t uid;
    gid_t gid;
    const char *name;
};

enum { DROP_ERROR_MAX = 256 };

/* Root with CAP_NET_ADMIN in force, and what starting needs besides. */
bool drop_have_privilege(char error[DROP_ERROR_MAX]);
/* The user `minicpe`, or nobody where that does not exist (with a note in the log). */
void drop_find_user(struct drop_user *user);
/* The supervisor's and engines' state: that user, `root` as the whole file system where chroot() is allowed, no capability, none to be had again. */
int drop_everything(const struct drop_user *user, const char *root, char error[DROP_ERROR_MAX]);
/* Ends a child that has become that user: root alone, without CAP_KILL (the unit file leaves none), may not. */
void drop_kill(const struct drop_user *user, pid_t process);
/* No process comes of this one, once it is not root's any more. */
void drop_forking(void);
/* The privileged process's state: user root, CAP_NET_ADMIN alone. */
int drop_to_net_admin(char error[DROP_ERROR_MAX]);
/* Closes what the starter left open besides standard input, output and error, which lead nowhere if it had closed them. */
void drop_descriptors(void);
/* Standard input and output lead nowhere from here on; they may be a terminal, and no process here needs one. */
void drop_standard_streams(void);
/* No core dump and no look into memory by others; for every process, before it holds a secret. */
void drop_dumps(void);
/* Should something allow a dump after all, no map is in it. To be called before any fork: children have it from their parent. */
void drop_contents_of_dumps(void);
/* Memory that is never swapped out, where the limits allow all of it. */
void drop_lock_memory(void);
/* Scheduled before what only carries data, if allowed: probes are answered in tenths of a second on a busy machine, too. */
void drop_waiting(void);
/* Memory in small pages, and back to the kernel when it is freed: a reload's working memory does not stay, and secrets leave with it. */
void drop_slack_memory(void);

#endif

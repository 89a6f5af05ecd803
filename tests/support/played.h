/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data plane's server over the played kernel (tests/fuzz/kernel.h), with two conns to two headends, VTIs and routes.
 * For programs whose name begins with server_, which are linked with that kernel.
 */
#ifndef TESTS_SUPPORT_PLAYED_H
#define TESTS_SUPPORT_PLAYED_H

#include "dataplane/server_private.h"
#include "tests/fuzz/kernel.h"
#include "tests/support/test.h"

enum { PLAYED_CONNS_MAX = 100 };

extern struct conf_conn played_conns[2][PLAYED_CONNS_MAX];
extern struct conf played_confs[2];       /* of those; count 2 unless a test says otherwise */
extern struct dp_server *played_server;
extern struct mono played_now;

int played_make_world(void **state);      /* cmocka's setup */
void played_start(void);
void played_stop(void);                   /* and nothing is left */
void played_settle(void);                 /* whatever is put off is done: three seconds, without spinning */
void played_run(unsigned seconds);        /* looked at as the loop does: only when the deadline has come */
void played_live(uint16_t conn);          /* an engine brings it up */
void played_start_living(void);
void played_drop_word(void *context, const char *line);
int played_index_of(const char *name);    /* of a link; 0: there is none */
struct object *played_link_object(const char *name);
struct object *played_way(struct route_seen *seen);   /* the route that leads into links; NULL: there is none */
bool played_leads_into(const char *name);
void played_tell(const struct object *o, uint16_t type);   /* a notification that it came or went by another program */
struct object *played_address_object(const struct addr *wanted);

#endif

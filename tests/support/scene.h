/* SPDX-License-Identifier: Apache-2.0 */
/* A control socket with an engine behind it that has 200 tunnels and nothing else, for tests of its clients. Needs root. */
#ifndef TESTS_SUPPORT_SCENE_H
#define TESTS_SUPPORT_SCENE_H

#include "tests/support/test.h"

#include "daemon/clients.h"
#include "daemon/events.h"
#include "daemon/folder.h"

enum { SCENE_TUNNELS = 200 };

union follower_reply { struct control_header header; struct control_event event; struct control_end end; };

struct scene {
    char folder[FOLDER_PATH_MAX];
    struct ev_loop *loop;
    struct clients *clients;
    struct clients_source source;
    int listener, lock;
    unsigned refreshes, commands;
    bool slow;                 /* counters never come */
    size_t last_index;
    struct events *events;
    uint32_t level;
    bool busy;                 /* a reload is under way already */
    unsigned reloads;
    size_t lines;              /* that the last reload gave */
};

/* cmocka's setup and teardown; in the test scene_of, which skips it where the setup could do nothing. */
int scene_setup(void **state);
int scene_teardown(void **state);
struct scene *scene_of(void **state);
void scene_spin(struct scene *scene);                  /* lets the loop do what there is to do */
int scene_client(const struct scene *scene);           /* a connection */
void scene_ask_value(int fd, enum control_type type, uint32_t value, const char *name);
void scene_ask(int fd, enum control_type type, const char *name);
void scene_happen(const struct scene *scene, const char *name, const char *text);
/* Reads until END while the loop turns; how many tunnels or events came, or -1 when the connection ended before. */
int scene_answer(struct scene *scene, int fd, uint16_t *result);

#endif

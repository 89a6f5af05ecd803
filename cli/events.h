/* SPDX-License-Identifier: Apache-2.0 */
/* `minicpe events`: what happens to tunnels, a line or a JSON object each. */
#ifndef CLI_EVENTS_H
#define CLI_EVENTS_H

#include <jansson.h>
#include <stdio.h>

#include "daemon/control.h"

struct arguments;

void events_help(const char *verb);
int events_verb(const struct arguments *arguments);

/* "14:03:22 NAME: up: ..." at a terminal (`brief`), else with date and zone. */
void events_print_line(const struct control_event *event, bool brief, FILE *out);
/* NULL: no memory. */
json_t *events_json(const struct control_event *event);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs that change something: up, down, rekey, and reload. */
#ifndef CLI_STEER_H
#define CLI_STEER_H

struct arguments;

void steer_help(const char *verb);
int steer_verb(const struct arguments *arguments);
void reload_help(const char *verb);
int reload_verb(const struct arguments *arguments);

#endif

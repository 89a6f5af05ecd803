/* SPDX-License-Identifier: Apache-2.0 */
/* `minicpe log LEVEL`: how much the running daemon logs. */
#ifndef CLI_LOG_H
#define CLI_LOG_H

struct arguments;

void log_help(const char *verb);
int log_verb(const struct arguments *arguments);

#endif

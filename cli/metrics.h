/* SPDX-License-Identifier: Apache-2.0 */
/* `minicpe metrics`: OpenMetrics text, for node_exporter's textfile collector and others. */
#ifndef CLI_METRICS_H
#define CLI_METRICS_H

#include <stdbool.h>
#include <stdio.h>

#include "cli/client.h"

struct arguments;

void metrics_help(const char *verb);
int metrics_verb(const struct arguments *arguments);

/* `answer` NULL: no daemon. `open`: OpenMetrics 1.0 to the letter, else what node_exporter reads. */
void metrics_print(const struct client_answer *answer, bool open, FILE *out);

#endif

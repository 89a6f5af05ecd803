/* SPDX-License-Identifier: Apache-2.0 */
/* The administrator's files, from paths to a configuration that can run. */
#ifndef DAEMON_FILES_H
#define DAEMON_FILES_H

#include "conf/conf.h"
#include "daemon/options.h"

/* `minicpe -t`: prints every finding on standard error and the sum on standard output. Returns the exit status. */
int files_check(const struct options *options);
/* Reads, resolves names and finds the near ends; findings but notes go to standard error. 0, or -1 when it cannot run. */
int files_load(const struct options *options, struct conf *conf);
/*
 * Once more while `now` runs: errors and warnings go to `say`, line by line. The name service is not asked, since everything
 * else would wait for it: names that run keep their addresses, others are errors. 0 or -1.
 */
int files_load_again(const struct options *options, const struct conf *now, struct conf *conf, void (*say)(void *context, const char *line),
                     void *context);
/* The folders that the first load read files from, for Landlock: later loads are held to them. Returns how many. */
size_t files_folders(const char *out[CONF_FOLDERS_MAX]);

#endif

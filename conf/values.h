/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed values of ipsec.conf. Each returns NULL and sets *out, or returns what is wrong as the second half of a
 * sentence ("... is not a time; write ...").
 */
#ifndef CONF_VALUES_H
#define CONF_VALUES_H

#include "conf/conf.h"

const char *value_bool(const char *text, bool *out);                      /* Libreswan 4's and 5's spellings */
const char *value_number(const char *text, uint64_t least, uint64_t most, uint64_t *out);
const char *value_time(const char *text, uint64_t *milliseconds, uint64_t default_unit); /* default_unit in ms */
const char *value_percent(const char *text, uint16_t *out);
const char *value_amount(const char *text, uint64_t *out);                /* 100, 10K, 1GiB, 2^40 */
const char *value_mark(const char *text, uint32_t *value, uint32_t *mask, bool *unique);
const char *value_host(const char *text, struct conf_end *end);           /* host, addr and text */
const char *value_subnet(const char *text, struct prefix *out);
const char *value_subnets(const char *text, struct prefix *out, size_t most, size_t *count); /* with commas between them */
const char *value_vti(const char *text, struct prefix *out);
const char *value_address(const char *text, struct addr *out);
const char *value_interface(const char *text, char out[CONF_INTERFACE_MAX]);

#endif

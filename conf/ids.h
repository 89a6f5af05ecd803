/* SPDX-License-Identifier: Apache-2.0 */
/* Identities as ipsec.conf and ipsec.secrets write them (RFC 2407 4.6.2.1 names the types). */
#ifndef CONF_IDS_H
#define CONF_IDS_H

#include "conf/conf.h"

enum { ID_IPV4 = 1, ID_FQDN = 2, ID_USER_FQDN = 3, ID_IPV6 = 5, ID_KEY_ID = 11 };
enum { CONF_ID_TEXT_MAX = 2 * CONF_ID_MAX + 4 };

/* NULL and *out, or what is wrong as the second half of a sentence. */
const char *conf_id_parse(const char *text, struct conf_id *out);
struct conf_id conf_id_of_addr(const struct addr *addr);
bool conf_id_equal(const struct conf_id *a, const struct conf_id *b);   /* names without regard to case */
bool conf_id_is_addr(const struct conf_id *id);
const char *conf_id_print(const struct conf_id *id, char out[CONF_ID_TEXT_MAX]);

#endif

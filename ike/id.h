/* SPDX-License-Identifier: Apache-2.0 */
/* Identification payloads (RFC 2407 4.6.2): of phase 1 (who) and of phase 2 (traffic selectors). */
#ifndef IKE_ID_H
#define IKE_ID_H

#include "base/buf.h"
#include "conf/conf.h"

enum { ID_TEXT_MAX = 160, ID_BODY_MAX = 4 + 32 };

/* The identity of an end: what is configured, or else its address. */
struct conf_id id_of_end(const struct conf_end *end, const struct addr *addr);
void id_write(struct writer *w, const struct conf_id *id);                 /* type, protocol 0, port 0, data */
/* An ID payload's body against what is expected; protocol and port may be 0/0 or UDP's IKE ports. */
bool id_matches(struct bytes body, const struct conf_id *expected);
/* Printable, whatever the wire held. */
const char *id_print(struct bytes body, char text[ID_TEXT_MAX]);
const char *id_print_conf(const struct conf_id *id, char text[ID_TEXT_MAX]);

/* Traffic selectors: address, subnet or range that is a prefix; protocol and port 0 alone. */
void id_write_selector(struct writer *w, const struct prefix *prefix);
int id_read_selector(struct bytes body, struct prefix *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Vendor IDs that mean something here (RFC 3947 3.1, RFC 3706 5.1). */
#ifndef IKE_VID_H
#define IKE_VID_H

#include "ike/wire.h"

enum vid { VID_NATT = 1, VID_DPD = 2 };

unsigned vid_read(const struct wire_message *message);         /* the set of enum vid that is there */
void vid_write(struct wire_writer *out, unsigned set);

#endif

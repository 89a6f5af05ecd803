/* SPDX-License-Identifier: Apache-2.0 */
/* The notations of a pre-shared key outside quotes, and what OCI has to say about its characters. */
#ifndef CONF_PSK_H
#define CONF_PSK_H

#include "conf/conf.h"

/* 0xHEX, 0sBASE64, 0tTEXT. NULL and the key, or what is wrong, as a sentence that shows nothing of it. */
const char *psk_decode(const char *text, size_t length, uint8_t out[CONF_PSK_MAX], uint16_t *out_length);
/* The kind of characters that OCI does not take, or NULL. */
const char *psk_oci_objection(struct bytes psk);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Why a message was not taken: one row an error, with its sentence and the notify that may answer it. */
#ifndef IKE_ERR_H
#define IKE_ERR_H

#include <stdint.h>

enum ike_err {
    IKE_OK = 0,
    /* the shape of the message */
    IKE_ERR_SHORT = -100,
    IKE_ERR_LENGTH,
    IKE_ERR_VERSION,
    IKE_ERR_EXCHANGE,
    IKE_ERR_FLAGS,
    IKE_ERR_PAYLOAD_LENGTH,
    IKE_ERR_PAYLOAD_COUNT,
    IKE_ERR_PAYLOAD_MISSING,
    IKE_ERR_PAYLOAD_UNEXPECTED,
    IKE_ERR_NOT_ENCRYPTED,
    IKE_ERR_CIPHERTEXT,
    IKE_ERR_TRAILING,
    /* its meaning */
    IKE_ERR_UNKNOWN_SA,
    IKE_ERR_STATE,
    IKE_ERR_SA_MALFORMED,
    IKE_ERR_NO_PROPOSAL,
    IKE_ERR_CHOICE,
    IKE_ERR_KE,
    IKE_ERR_NONCE,
    IKE_ERR_ID,
    IKE_ERR_HASH,
    IKE_ERR_SELECTORS,
    IKE_ERR_PFS,
    IKE_ERR_SPI,
    IKE_ERR_MESSAGE_ID,
    IKE_ERR_NOTIFY,
    IKE_ERR_DELETE,
    IKE_ERR_RATE,
    IKE_ERR_CRYPTO,
    IKE_ERR_BUSY,
    IKE_ERR_TOO_LONG,
    IKE_ERR_PORT,
    IKE_ERR_WORN,
    IKE_ERR_END,
};

struct ike_err_row {
    enum ike_err err;
    const char *text;
    uint16_t notify;   /* sent under an established ISAKMP SA; 0: none */
};

const struct ike_err_row *ike_err_find(int err);   /* never NULL */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of errors and of causes. */
#include "ike/err.h"
#include "ike/iana.h"
#include "ike/ike.h"

#include <stddef.h>

static const struct ike_err_row errs[] = {
    { IKE_OK, "no error", 0 },
    { IKE_ERR_SHORT, "shorter than an ISAKMP header", 0 },
    { IKE_ERR_LENGTH, "the length in the header is not that of the datagram", 0 },
    { IKE_ERR_VERSION, "not ISAKMP version 1.0", 0 },
    { IKE_ERR_EXCHANGE, "an exchange type that is not spoken here", 0 },
    { IKE_ERR_FLAGS, "header flags that do not fit the message", 0 },
    { IKE_ERR_PAYLOAD_LENGTH, "a payload's length is wrong", IANA_NOTIFY_PAYLOAD_MALFORMED },
    { IKE_ERR_PAYLOAD_COUNT, "too many payloads", IANA_NOTIFY_PAYLOAD_MALFORMED },
    { IKE_ERR_PAYLOAD_MISSING, "a payload that must be there is missing", IANA_NOTIFY_PAYLOAD_MALFORMED },
    { IKE_ERR_PAYLOAD_UNEXPECTED, "a payload that may not be there", IANA_NOTIFY_INVALID_PAYLOAD_TYPE },
    { IKE_ERR_NOT_ENCRYPTED, "in clear where it must be encrypted", 0 },
    { IKE_ERR_CIPHERTEXT, "its ciphertext is empty or no multiple of the block", 0 },
    { IKE_ERR_TRAILING, "octets after the last payload", 0 },
    { IKE_ERR_UNKNOWN_SA, "it names no ISAKMP SA of ours", 0 },
    { IKE_ERR_STATE, "not expected at this point of the exchange", 0 },
    { IKE_ERR_SA_MALFORMED, "its SA payload is malformed", IANA_NOTIFY_PAYLOAD_MALFORMED },
    { IKE_ERR_NO_PROPOSAL, "none of its proposals is configured here", IANA_NOTIFY_NO_PROPOSAL_CHOSEN },
    { IKE_ERR_CHOICE, "it chose what was not offered", IANA_NOTIFY_NO_PROPOSAL_CHOSEN },
    { IKE_ERR_KE, "its public Diffie-Hellman value is not valid in the group", IANA_NOTIFY_INVALID_KEY_INFORMATION },
    { IKE_ERR_NONCE, "its nonce is not 8 to 256 octets long", IANA_NOTIFY_PAYLOAD_MALFORMED },
    { IKE_ERR_ID, "its identity is not the configured one", IANA_NOTIFY_INVALID_ID_INFORMATION },
    { IKE_ERR_HASH, "its hash does not verify", 0 },
    { IKE_ERR_SELECTORS, "its traffic selectors are not configured here", IANA_NOTIFY_INVALID_ID_INFORMATION },
    { IKE_ERR_PFS, "its PFS group is not the configured one", IANA_NOTIFY_NO_PROPOSAL_CHOSEN },
    { IKE_ERR_SPI, "its SPI is reserved or in use", IANA_NOTIFY_INVALID_SPI },
    { IKE_ERR_MESSAGE_ID, "its message ID was used before or is 0", 0 },
    { IKE_ERR_NOTIFY, "a malformed Notify", 0 },
    { IKE_ERR_DELETE, "a malformed Delete", 0 },
    { IKE_ERR_RATE, "more of these than are taken per second", 0 },
    { IKE_ERR_CRYPTO, "the crypto library failed", 0 },
    { IKE_ERR_BUSY, "too many exchanges at once", 0 },
    { IKE_ERR_TOO_LONG, "our answer does not fit a datagram", 0 },
    { IKE_ERR_PORT, "it came on port 500 after the change to 4500 that a NAT asks for", 0 },
    { IKE_ERR_WORN, "its ISAKMP SA has had as many exchanges as can be told from old ones, and is being replaced", 0 },
};

const struct ike_err_row *ike_err_find(int err)
{
    for (size_t i = 0; i < sizeof errs / sizeof *errs; i++)
        if ((int)errs[i].err == err)
            return &errs[i];
    return &errs[0];
}

static const struct {
    const char *name, *sentence;
} causes[IKE_CAUSE_COUNT] = {
    [IKE_CAUSE_NONE] = { "none", "no failure" },
    [IKE_CAUSE_NO_ANSWER] = { "no-answer",
        "the headend does not answer: look whether UDP 500 and 4500 pass, right= is the tunnel's Oracle VPN IP address, "
        "the tunnel is provisioned, and the CPE's address in OCI is this site's public one" },
    [IKE_CAUSE_IKE_VERSION] = { "ike-version",
        "the headend speaks IKEv2 on this tunnel: set the tunnel's IKE version to IKEv1 in OCI" },
    [IKE_CAUSE_IKE_PROPOSAL] = { "ike-proposal",
        "no phase 1 proposal in common: compare ike= with the tunnel's phase 1 configuration in OCI" },
    [IKE_CAUSE_PSK_MISMATCH] = { "psk-mismatch",
        "the shared secret is most likely not the headend's: copy it again from the tunnel's page in OCI" },
    [IKE_CAUSE_IKE_ID] = { "ike-id",
        "an identity was not accepted: leftid= must be the CPE IKE identifier set in OCI, rightid= the headend's" },
    [IKE_CAUSE_ESP_PROPOSAL] = { "esp-proposal",
        "no phase 2 proposal in common: compare phase2alg= (and its PFS group) with the tunnel's phase 2 configuration in OCI" },
    [IKE_CAUSE_PFS] = { "pfs", "the PFS groups differ: compare the group in phase2alg= with the tunnel's in OCI" },
    [IKE_CAUSE_SUBNETS] = { "subnets",
        "the headend refused the traffic selectors: compare leftsubnet= and rightsubnet= with what the tunnel in OCI expects" },
    [IKE_CAUSE_NAT] = { "nat", "a NAT is in the way and encapsulation=no forbids UDP: set encapsulation=yes" },
    [IKE_CAUSE_KERNEL] = { "kernel", "the kernel refused an SA" },
    [IKE_CAUSE_NO_ROUTE] = { "no-route", "this host has no route to the headend, or not the address that left= names" },
    [IKE_CAUSE_PEER_DEAD] = { "peer-dead", "the headend stopped answering (dead peer detection)" },
    [IKE_CAUSE_PEER_DELETED] = { "peer-deleted", "the headend deleted the tunnel" },
    [IKE_CAUSE_LOST_ANSWER] = { "lost-answer", "the headend began to answer and stopped in the middle of an exchange" },
    [IKE_CAUSE_PROTOCOL] = { "protocol", "the headend sent what the protocol forbids" },
};

const char *ike_cause_name(enum ike_cause cause)
{
    return cause < IKE_CAUSE_COUNT ? causes[cause].name : "unknown";
}

const char *ike_cause_sentence(enum ike_cause cause)
{
    return cause < IKE_CAUSE_COUNT ? causes[cause].sentence : "unknown";
}

const char *ike_state_name(enum ike_state state)
{
    static const char *const names[] = {
        [IKE_STATE_DOWN] = "down",
        [IKE_STATE_NO_ROUTE] = "no-route",
        [IKE_STATE_CONNECTING] = "connecting",
        [IKE_STATE_AUTHENTICATED] = "authenticated",
        [IKE_STATE_UP] = "up",
        [IKE_STATE_WAITING] = "waiting",
        [IKE_STATE_SILENT] = "silent",
    };
    return (unsigned)state < sizeof names / sizeof *names ? names[state] : "unknown";
}

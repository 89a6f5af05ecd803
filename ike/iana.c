/* SPDX-License-Identifier: Apache-2.0 */
/* Names of registry numbers, for log lines. */
#include "ike/iana.h"

#include <stddef.h>

struct name {
    uint16_t number;
    const char *text;
};

static const struct name notifies[] = {
    { 1, "INVALID-PAYLOAD-TYPE" },
    { 2, "DOI-NOT-SUPPORTED" },
    { 3, "SITUATION-NOT-SUPPORTED" },
    { 4, "INVALID-COOKIE" },
    { 5, "INVALID-MAJOR-VERSION" },
    { 6, "INVALID-MINOR-VERSION" },
    { 7, "INVALID-EXCHANGE-TYPE" },
    { 8, "INVALID-FLAGS" },
    { 9, "INVALID-MESSAGE-ID" },
    { 10, "INVALID-PROTOCOL-ID" },
    { 11, "INVALID-SPI" },
    { 12, "INVALID-TRANSFORM-ID" },
    { 13, "ATTRIBUTES-NOT-SUPPORTED" },
    { 14, "NO-PROPOSAL-CHOSEN" },
    { 15, "BAD-PROPOSAL-SYNTAX" },
    { 16, "PAYLOAD-MALFORMED" },
    { 17, "INVALID-KEY-INFORMATION" },
    { 18, "INVALID-ID-INFORMATION" },
    { 19, "INVALID-CERT-ENCODING" },
    { 20, "INVALID-CERTIFICATE" },
    { 21, "CERT-TYPE-UNSUPPORTED" },
    { 22, "INVALID-CERT-AUTHORITY" },
    { 23, "INVALID-HASH-INFORMATION" },
    { 24, "AUTHENTICATION-FAILED" },
    { 25, "INVALID-SIGNATURE" },
    { 26, "ADDRESS-NOTIFICATION" },
    { 27, "NOTIFY-SA-LIFETIME" },
    { 28, "CERTIFICATE-UNAVAILABLE" },
    { 29, "UNSUPPORTED-EXCHANGE-TYPE" },
    { 30, "UNEQUAL-PAYLOAD-LENGTHS" },
    { 16384, "CONNECTED" },
    { 24576, "RESPONDER-LIFETIME" },
    { 24577, "REPLAY-STATUS" },
    { 24578, "INITIAL-CONTACT" },
    { 36136, "R-U-THERE" },
    { 36137, "R-U-THERE-ACK" },
};

static const struct name exchanges[] = {
    { 1, "Base" },
    { 2, "Main Mode" },
    { 3, "Authentication Only" },
    { 4, "Aggressive Mode" },
    { 5, "Informational" },
    { 6, "Transaction (Mode Config, XAUTH)" },
    { 32, "Quick Mode" },
    { 33, "New Group Mode" },
};

const char *iana_notify_name(uint16_t type)
{
    for (size_t i = 0; i < sizeof notifies / sizeof *notifies; i++)
        if (notifies[i].number == type)
            return notifies[i].text;
    return "notify of unknown type";
}

const char *iana_exchange_name(uint8_t exchange)
{
    for (size_t i = 0; i < sizeof exchanges / sizeof *exchanges; i++)
        if (exchanges[i].number == exchange)
            return exchanges[i].text;
    return "unknown exchange";
}

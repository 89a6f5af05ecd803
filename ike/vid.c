/* SPDX-License-Identifier: Apache-2.0 */
/* The table of vendor IDs. The drafts of NAT-T are not offered: some peers break when both are (security notes 2.8). */
#include "ike/vid.h"

#include "ike/iana.h"

static const struct {
    enum vid vid;
    uint8_t length, compare;      /* octets sent; octets that must agree on receipt */
    uint8_t value[16];
} vids[] = {
    /* MD5("RFC 3947") */
    { VID_NATT, 16, 16, { 0x4a, 0x13, 0x1c, 0x81, 0x07, 0x03, 0x58, 0x45, 0x5c, 0x57, 0x28, 0xf2, 0x0e, 0x95, 0x45, 0x2f } },
    /* RFC 3706 5.1: fourteen fixed octets, then major and minor version */
    { VID_DPD, 16, 14, { 0xaf, 0xca, 0xd7, 0x13, 0x68, 0xa1, 0xf1, 0xc9, 0x6b, 0x86, 0x96, 0xfc, 0x77, 0x57, 0x01, 0x00 } },
};

unsigned vid_read(const struct wire_message *message)
{
    unsigned set = 0;
    for (size_t i = 0; i < message->count; i++) {
        struct bytes body = message->payloads[i].body;
        if (message->payloads[i].type != IANA_PAYLOAD_VENDOR)
            continue;
        for (size_t v = 0; v < sizeof vids / sizeof *vids; v++)
            if (body.length >= vids[v].compare && memcmp(body.data, vids[v].value, vids[v].compare) == 0)
                set |= vids[v].vid;
    }
    return set;
}

void vid_write(struct wire_writer *out, unsigned set)
{
    for (size_t v = 0; v < sizeof vids / sizeof *vids; v++)
        if (set & vids[v].vid)
            wire_payload(out, IANA_PAYLOAD_VENDOR, bytes_of(vids[v].value, vids[v].length));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The two file formats, little-endian, and the way from a frame to a UDP payload; see capture.h. */
#include "tests/support/capture.h"

#include "tests/support/test.h"

enum { ETHERNET = 14, IPV4_LEAST = 20, UDP = 8, PROTOCOL_UDP = 17, NG_SECTION = 0x0a0d0d0a, NG_PACKET = 6, CLASSIC = 0xd4c3b2a1 };

static uint32_t little(const uint8_t *p) { return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24; }
static uint16_t big(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static size_t least(size_t a, size_t b) { return a < b ? a : b; }

static bool ours(uint16_t port) { return port == 500 || port == 4500; }

/* One UDP datagram out of an IPv4 packet. */
static void take_packet(struct capture *c, struct bytes ip)
{
    if (ip.length < IPV4_LEAST || ip.data[0] >> 4 != 4 || ip.data[9] != PROTOCOL_UDP || (big(ip.data + 6) & 0x1fff) != 0)
        return;
    size_t header = 4U * (ip.data[0] & 15);
    if (ip.length < header + UDP)
        return;
    const uint8_t *udp = ip.data + header;
    size_t length = big(udp + 4) < UDP ? 0 : big(udp + 4) - UDP;
    struct datagram d = { .from = { addr_from_bytes(bytes_of(ip.data + 12, 4)), big(udp) },
                          .to = { addr_from_bytes(bytes_of(ip.data + 16, 4)), big(udp + 2) },
                          .payload = bytes_of(udp + UDP, least(length, ip.length - header - UDP)) };
    if (!ours(d.from.port) && !ours(d.to.port))
        return;
    if (c->count == sizeof c->datagram / sizeof c->datagram[0])
        fail_msg("a capture of more than %zu datagrams", c->count);
    c->datagram[c->count++] = d;
}

static void take_frame(struct capture *c, struct bytes frame)
{
    c->frames++;
    if (frame.length > ETHERNET && big(frame.data + 12) == 0x0800)
        take_packet(c, bytes_of(frame.data + ETHERNET, frame.length - ETHERNET));
}

/* Records of: time, time, octets here, octets on the wire. */
static void read_classic(struct capture *c, struct bytes file)
{
    for (size_t at = 24; at + 16 <= file.length;) {
        size_t length = least(little(file.data + at + 8), file.length - at - 16);
        take_frame(c, bytes_of(file.data + at + 16, length));
        at += 16 + length;
    }
}

/* Blocks of: type, length, .., length; an Enhanced Packet Block has interface, time, time, octets here, octets on the wire. */
static void read_ng(struct capture *c, struct bytes file)
{
    for (size_t at = 0; at + 12 <= file.length;) {
        size_t length = little(file.data + at + 4);
        if (length < 12 || length > file.length - at)
            fail_msg("a block of %zu octets at %zu", length, at);
        if (little(file.data + at) == NG_PACKET && length >= 32)
            take_frame(c, bytes_of(file.data + at + 28, least(little(file.data + at + 20), length - 32)));
        at += length;
    }
}

void capture_open(struct capture *c, const char *name)
{
    size_t length;
    *c = (struct capture){ .file = vectors_read(name, &length) };
    struct bytes file = bytes_of(c->file, length);
    assert_true(length >= 24);
    if (little(c->file) == NG_SECTION)
        read_ng(c, file);
    else if (little(c->file) == CLASSIC || little(c->file) == 0xa1b2c3d4)
        read_classic(c, file);
    else
        fail_msg("%s is neither pcap nor pcapng", name);
}

void capture_close(struct capture *c)
{
    free(c->file);
    c->file = NULL;
}

struct bytes capture_message(const struct datagram *d)
{
    static const uint8_t marker[4];
    if (d->from.port != 4500 && d->to.port != 4500)
        return d->payload;
    if (d->payload.length <= 4 || memcmp(d->payload.data, marker, 4) != 0)
        return bytes_of(NULL, 0);
    return bytes_of(d->payload.data + 4, d->payload.length - 4);
}

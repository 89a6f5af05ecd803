/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the raw ICMP socket (RFC 792). It is there because the kernel gives ICMP errors about ESP, and about ESP in UDP,
 * to no socket of ours. Entry points: icmp_open, icmp_about_headend. A packet is believed only as far as asking
 * the headend goes, so only the quoted packet's shape is checked.
 */
#include "daemon/icmp.h"

#include <linux/icmp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "ike/ike.h"

enum { ROOM = 16384, ICMP_REST = 6, IPV4_LEAST = 20 };

int icmp_open(void)
{
    int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMP);
    const struct icmp_filter filter = { ~(1U << ICMP_DEST_UNREACH) };
    int room = ROOM;
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter, sizeof filter) == 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room) == 0)
        return fd;
    close(fd);
    return -1;
}

/* The header's protocol and destination; the reader is left behind it. False: not IPv4, or a later fragment. */
static bool take_header(struct reader *r, uint8_t *protocol, struct addr *to)
{
    uint8_t first = reader_u8(r);
    size_t length = (size_t)(first & 15u) * 4;
    reader_bytes(r, 5); /* type of service, length, identification */
    uint16_t fragment = reader_u16(r);
    reader_u8(r);
    *protocol = reader_u8(r);
    reader_bytes(r, 6); /* checksum, source */
    *to = addr_from_bytes(reader_bytes(r, 4));
    if (length < IPV4_LEAST || first >> 4 != 4 || (fragment & 0x1fff) != 0)
        return false;
    reader_bytes(r, length - IPV4_LEAST);
    return !r->bad;
}

static bool is_ours(struct reader *r, uint8_t protocol)
{
    if (protocol == IPPROTO_ESP)
        return true;
    uint16_t from = reader_u16(r), to = reader_u16(r);
    if (protocol != IPPROTO_UDP || r->bad)
        return false;
    return from == IKE_PORT || from == IKE_PORT_NATT || to == IKE_PORT || to == IKE_PORT_NATT;
}

bool icmp_about_headend(struct bytes datagram, struct addr *headend)
{
    struct reader r = reader_of(datagram);
    uint8_t protocol;
    struct addr self;
    if (!take_header(&r, &protocol, &self) || protocol != IPPROTO_ICMP)
        return false;
    uint8_t type = reader_u8(&r), code = reader_u8(&r);
    reader_bytes(&r, ICMP_REST);
    if (r.bad || type != ICMP_DEST_UNREACH || code == ICMP_FRAG_NEEDED)
        return false;
    return take_header(&r, &protocol, headend) && is_ours(&r, protocol);
}

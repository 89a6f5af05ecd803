/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends forged IKE datagrams at a given rate, for the flood scenarios. Needs raw sockets, so root.
 *
 *   flood record FILE SECONDS SOURCE INTERFACE      keeps the IKE datagrams of SOURCE that pass the interface
 *   flood KIND RATE SECONDS TARGET [SOURCE [FILE]]
 *
 *   first     Main Mode first messages, each with a new cookie; from SOURCE, or from random addresses without one
 *   offers    the same, each with another SA payload
 *   garbage   random octets behind a valid ISAKMP header, from SOURCE
 *   replay    the datagrams of FILE, again and again
 *   cipher    encrypted messages with the cookies of FILE's encrypted ones, and random content
 *   nothing   datagrams to a port where nobody listens: what the machine itself can stand
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { KEPT = 256, LONGEST = 1400, PORT = 500, PORT_NATT = 4500, PORT_NOBODY = 9, BURST = 400, ENCRYPTED = 1 };

struct datagram {
    uint16_t port, length;
    uint8_t octets[LONGEST];
};

static struct datagram kept[KEPT];
static unsigned kept_count;

/* A first message as a Libreswan headend sends it: one transform, AES-256-CBC, SHA2-384, group 5. */
static const uint8_t first_template[] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x10, 0x02, 0x00, 0, 0, 0, 0, 0, 0, 0, 104, 0x0d, 0, 0, 56, 0, 0, 0, 1,
    0, 0, 0, 1, 0, 0, 0, 44, 0, 1, 0, 1, 0, 0, 0, 36, 0, 1, 0, 0, 0x80, 0x0b, 0, 1, 0x80, 0x0c, 0x70, 0x80, 0x80, 1, 0, 7,
    0x80, 2, 0, 5, 0x80, 3, 0, 1, 0x80, 4, 0, 5, 0x80, 0x0e, 1, 0, 0, 0, 0, 20, 0xaf, 0xca, 0xd7, 0x13, 0x68, 0xa1, 0xf1, 0xc9,
    0x6b, 0x86, 0x96, 0xfc, 0x77, 0x57, 0x01, 0x00,
};

static void fill(void *out, size_t length)
{
    static uint64_t state = 88172645463325252ULL;
    uint8_t *p = out;
    for (size_t i = 0; i < length; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        p[i] = (uint8_t)state;
    }
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int listen_on(const char *interface, double seconds)
{
    int fd = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_IP));
    struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = (int)if_nametoindex(interface) };
    struct timeval patience = { .tv_sec = (time_t)seconds };
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience))
        die("listening");
    return fd;
}

/* What is IKE of `source` in an IP packet: false if nothing. */
static bool take_packet(const uint8_t *packet, size_t length, in_addr_t source, struct datagram *d)
{
    const struct iphdr *ip = (const void *)packet;
    size_t head = (size_t)ip->ihl * 4;
    uint32_t marker;
    if (ip->protocol != IPPROTO_UDP || ip->saddr != source || length < head + 8 + 32 || length - head - 8 > LONGEST)
        return false;
    d->port = ntohs(((const struct udphdr *)(const void *)(packet + head))->dest);
    memcpy(&marker, packet + head + 8, 4);
    if (d->port != PORT && (d->port != PORT_NATT || marker != 0))
        return false;
    d->length = (uint16_t)(length - head - 8);
    memcpy(d->octets, packet + head + 8, d->length);
    return true;
}

/* Written as it comes, so that whoever has enough can end this. */
static int record(char **words)
{
    FILE *file = fopen(words[2], "w");
    int fd = listen_on(words[5], atof(words[3]));
    in_addr_t source = inet_addr(words[4]);
    uint8_t packet[2048];
    struct datagram d;
    if (!file)
        die(words[2]);
    for (ssize_t n; (n = recv(fd, packet, sizeof packet, 0)) > 0;)
        if (take_packet(packet, (size_t)n, source, &d) && (fwrite(&d, sizeof d, 1, file) != 1 || fflush(file)))
            die(words[2]);
    fclose(file);
    close(fd);
    return 0;
}

static void load(const char *path, bool encrypted_only)
{
    FILE *file = fopen(path, "r");
    struct datagram d;
    if (!file)
        die(path);
    while (kept_count < KEPT && fread(&d, sizeof d, 1, file) == 1)
        if (!encrypted_only || d.octets[(d.port == PORT_NATT ? 4 : 0) + 19] & ENCRYPTED)
            kept[kept_count++] = d;
    fclose(file);
    if (kept_count == 0) {
        fprintf(stderr, "flood: there is no datagram to use in %s\n", path);
        exit(1);
    }
}

/* With the header as it was: cookies, payload, exchange, length. */
static void scramble(struct datagram *d)
{
    size_t header = d->port == PORT_NATT ? 4 : 0;
    fill(d->octets + header + 20, 4);
    fill(d->octets + header + 28, d->length - header - 28U);
}

static struct datagram make(const char *kind)
{
    struct datagram d = { .port = PORT, .length = sizeof first_template };
    memcpy(d.octets, first_template, sizeof first_template);
    fill(d.octets, 8);
    if (!strcmp(kind, "garbage")) {
        d.length = 300;
        d.octets[27] = 300 % 256;
        d.octets[26] = 300 / 256;
        fill(d.octets + 8, 8);
        fill(d.octets + 28, 272);
    } else if (!strcmp(kind, "offers")) {
        fill(d.octets + 62, 2); /* the lifetime */
    } else if (!strcmp(kind, "nothing")) {
        d.port = PORT_NOBODY;
    } else if (!strcmp(kind, "replay") || !strcmp(kind, "cipher")) {
        static unsigned next;
        d = kept[next++ % kept_count];
        if (!strcmp(kind, "cipher"))
            scramble(&d);
    }
    return d;
}

static void send_one(int fd, in_addr_t source, in_addr_t target, const struct datagram *d)
{
    uint8_t packet[sizeof(struct iphdr) + sizeof(struct udphdr) + LONGEST] = { 0 };
    struct iphdr *ip = (void *)packet;
    struct udphdr *udp = (void *)(ip + 1);
    ip->version = 4;
    ip->ihl = 5;
    ip->ttl = 60;
    ip->protocol = IPPROTO_UDP;
    ip->saddr = source;
    ip->daddr = target;
    udp->source = htons(d->port);
    udp->dest = htons(d->port);
    udp->len = htons((uint16_t)(sizeof *udp + d->length));
    memcpy(udp + 1, d->octets, d->length);
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = target };
    sendto(fd, packet, sizeof *ip + sizeof *udp + d->length, 0, (struct sockaddr *)&to, sizeof to);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int count, char **words)
{
    if (count == 6 && !strcmp(words[1], "record"))
        return record(words);
    if (count < 5 || count > 7) {
        fprintf(stderr, "usage: flood KIND RATE SECONDS TARGET [SOURCE [FILE]], or flood record FILE SECONDS SOURCE INTERFACE\n");
        return 2;
    }
    double rate = atof(words[2]), seconds = atof(words[3]);
    in_addr_t target = inet_addr(words[4]), source = count > 5 ? inet_addr(words[5]) : 0;
    if (count > 6)
        load(words[6], !strcmp(words[1], "cipher"));
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
    if (fd < 0)
        die("raw socket");
    double began = now(), at;
    unsigned long sent = 0;
    while ((at = now()) - began < seconds) {
        for (int burst = 0; burst < BURST && (double)sent < (at - began) * rate; burst++) { /* queues are a thousand long */
            struct datagram d = make(words[1]);
            in_addr_t from = source;
            if (!source)
                fill(&from, sizeof from);
            send_one(fd, source ? source : (from & htonl(0x00ffffff)) | htonl(0x0b000000), target, &d);
            sent++;
        }
        usleep(1000);
    }
    printf("%lu sent in %.1f s, %.0f a second\n", sent, at - began, (double)sent / (at - began));
    return 0;
}

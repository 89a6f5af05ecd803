/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/udp: what comes in says where it came to, what goes out leaves from there; who holds a port is named. */
#include "daemon/udp.h"

#include "tests/support/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/ports.h"

/* A socket as udp_open makes it, without the kernel features that the machine may lack and the fixed ports. */
static struct udp_socket open_plain(uint16_t *port)
{
    struct sockaddr_in any = { .sin_family = AF_INET };
    socklen_t length = sizeof any;
    int on = 1, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof any), 0);
    assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&any, &length), 0);
    *port = ntohs(any.sin_port);
    return (struct udp_socket){ .fd = fd, .family = ADDR_V4, .port = *port };
}

static void wait_for(int fd)
{
    struct pollfd watched = { .fd = fd, .events = POLLIN };
    assert_int_equal(poll(&watched, 1, 2000), 1);
}

static struct ike_path path_of(uint32_t local, uint16_t local_port, uint32_t remote, uint16_t remote_port)
{
    return (struct ike_path){ .local = { addr_v4(local), local_port }, .remote = { addr_v4(remote), remote_port } };
}

static void addresses_go_both_ways(void **state)
{
    (void)state;
    uint16_t here, there;
    struct udp_set set = { .count = 2 };
    set.socket[0] = open_plain(&here);
    set.socket[1] = open_plain(&there);
    struct ike_path path = path_of(0x7f000005, here, 0x7f000009, there); /* 127.0.0.5 to 127.0.0.9 */
    assert_int_equal(udp_send(&set, &path, bytes_of("hello", 5)), 0);

    uint8_t memory[64];
    struct ike_path seen;
    size_t length;
    wait_for(set.socket[1].fd);
    assert_int_equal(udp_receive(&set.socket[1], memory, sizeof memory, &seen, &length), 1);
    assert_int_equal(length, 5);
    assert_memory_equal(memory, "hello", 5);
    assert_true(endpoint_equal(&seen.local, &path.remote));
    assert_true(endpoint_equal(&seen.remote, &path.local));
    assert_int_equal(udp_receive(&set.socket[1], memory, sizeof memory, &seen, &length), 0);
    udp_close(&set);
}

static void longer_than_memory_is_refused(void **state)
{
    (void)state;
    uint16_t here, there;
    struct udp_set set = { .count = 2 };
    set.socket[0] = open_plain(&here);
    set.socket[1] = open_plain(&there);
    struct ike_path path = path_of(0x7f000001, here, 0x7f000001, there);
    static const uint8_t big[200];
    assert_int_equal(udp_send(&set, &path, bytes_of(big, sizeof big)), 0);
    uint8_t memory[199];
    struct ike_path seen;
    size_t length;
    wait_for(set.socket[1].fd);
    assert_int_equal(udp_receive(&set.socket[1], memory, sizeof memory, &seen, &length), -1);
    udp_close(&set);
}

static void no_socket_for_the_path(void **state)
{
    (void)state;
    uint16_t here;
    struct udp_set set = { .count = 1 };
    set.socket[0] = open_plain(&here);
    struct ike_path path = path_of(0x7f000001, (uint16_t)(here + 1), 0x7f000001, 9);
    assert_int_equal(udp_send(&set, &path, bytes_of("x", 1)), -1);
    assert_int_equal(errno, EAFNOSUPPORT);
    path.local.port = here;
    path.local.addr = addr_v4(0x01020304); /* not ours: the kernel refuses to lie */
    assert_int_equal(udp_send(&set, &path, bytes_of("x", 1)), -1);
    udp_close(&set);
}

static void holder_is_named(void **state)
{
    (void)state;
    uint16_t port;
    struct udp_socket socket = open_plain(&port);
    struct ports_holder holder;
    assert_true(ports_find_holder(port, &holder));
    assert_int_equal(holder.pid, getpid());
    assert_string_equal(holder.name, "daemon_udp_test");
    close(socket.fd);
    assert_false(ports_find_holder(port, &holder));
}

static void set_lo_up(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
    close(fd);
}

/* In a network namespace of its own, where 500 can be taken. */
static void a_taken_port_is_explained(void **state)
{
    (void)state;
    if (unshare(CLONE_NEWNET) < 0) {
        print_message("needs root: the sentence about a taken port was not tried\n");
        skip();
    }
    set_lo_up(); /* in a namespace without any address every address may be bound */
    struct sockaddr_in taken = { .sin_family = AF_INET, .sin_port = htons(500) };
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&taken, sizeof taken), 0);
    struct udp_set set = { .count = 0 };
    struct addr anywhere = { .family = ADDR_NONE };
    char error[UDP_ERROR_MAX], expected[UDP_ERROR_MAX];
    assert_int_equal(udp_open(&set, ADDR_V4, &anywhere, error), -1);
    snprintf(expected, sizeof expected, "UDP port 500 is held by daemon_udp_test, pid %d: ", (int)getpid());
    assert_memory_equal(error, expected, strlen(expected));
    assert_int_equal(set.count, 0);

    struct addr elsewhere = addr_v4(0x0a090807);
    close(fd);
    assert_int_equal(udp_open(&set, ADDR_V4, &elsewhere, error), -1);
    assert_non_null(strstr(error, "listen=10.9.8.7"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_go_both_ways), cmocka_unit_test(longer_than_memory_is_refused),
        cmocka_unit_test(no_socket_for_the_path), cmocka_unit_test(holder_is_named), cmocka_unit_test(a_taken_port_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

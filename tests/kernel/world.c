/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The namespaces, the commands that look into them, and an engine's part played by hand. Values of the world:
 * near 192.168.2.42, far 192.168.2.11, behind them 10.1.0.1 and 10.2.0.1; mark 5, interface vti01.
 */
#include "tests/kernel/world.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

struct side sides[2];

static struct mono now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (struct mono){ (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000 };
}

static void say(enum log_level level, const struct log_about *about, const char *line) { (void)about; printf("    <%d> %s\n", (int)level, line); }

void enter(int side) { assert_int_equal(setns(sides[side].net, CLONE_NEWNET), 0); }

int shell(const char *format, ...)
{
    char command[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    return system(command);
}

/* What a command prints; the caller frees. */
static char *output(const char *command)
{
    size_t used = 0, room = 1 << 16;
    char *text = test_memory(room);
    FILE *f = popen(command, "r");
    if (!f)
        fail_msg("cannot run %s", command);
    used = fread(text, 1, room - 1, f);
    text[used] = 0;
    pclose(f);
    return text;
}

static bool check_print(const char *command, const char *part, bool wanted)
{
    char *text = output(command);
    bool found = strstr(text, part) != NULL;
    if (found != wanted)
        printf("    %s '%s' in: %s\n%s", wanted ? "no" : "there is", part, command, text);
    free(text);
    return found == wanted;
}

bool prints(const char *command, const char *part) { return check_print(command, part, true); }
bool lacks(const char *command, const char *part) { return check_print(command, part, false); }

static void take(void *context, const struct dp_message *message, size_t length)
{
    struct side *side = context;
    assert_true(dp_message_check(message, length));
    if (side->count < EVENTS_MAX)
        memcpy(&side->seen[side->count++], message, length);
}

struct addr v4(const char *text)
{
    struct addr a;
    assert_true(addr_parse(&a, text));
    return a;
}

void prefix_set(struct prefix *out, const char *text) { assert_true(prefix_parse_host(out, text)); }

static void conn_make(struct side *side, const char *far)
{
    struct conf_conn *c = &side->conn;
    *c = (struct conf_conn){ .local = 0, .esp_count = 2, .replay_window = 128, .sa_lifetime = 3600, .mark_set = true, .encapsulation = CONF_AUTOMATIC };
    snprintf(c->name, sizeof c->name, "oracle-tunnel-1");
    c->end[0].host = CONF_HOST_DEFAULTROUTE;
    c->end[1].host = CONF_HOST_ADDRESS;
    c->end[1].addr = v4(far);
    prefix_set(&c->end[0].subnet, "0.0.0.0/0");
    prefix_set(&c->end[1].subnet, "0.0.0.0/0");
    c->esp[0] = (struct conf_esp_proposal){ CRYPTO_AES_GCM_16, 256, CRYPTO_HASH_NONE };
    c->esp[1] = (struct conf_esp_proposal){ CRYPTO_AES_CBC, 256, CRYPTO_SHA2_256 };
    c->mark_in = c->mark_out = 5;
    c->mark_in_mask = c->mark_out_mask = UINT32_MAX;
    snprintf(c->vti_interface, sizeof c->vti_interface, "vti01");
    side->conf = (struct conf){ .conns = c, .count = 1 };
}

int server_try(int i, char why[DP_WHY_MAX])
{
    struct dp_server_env env = { take, &sides[i] };
    enter(i);
    return dp_server_new(&sides[i].server, &sides[i].conf, &env, why);
}

void server_start(int i)
{
    char why[DP_WHY_MAX];
    int error = server_try(i, why);
    if (error)
        fail_msg("start: %s", why);
    dp_server_greet(sides[i].server);
}

void server_stop(int i)
{
    enter(i);
    if (sides[i].server)
        dp_server_stop(sides[i].server);
    sides[i].server = NULL;
}

/* Lets both servers hear the kernel for a while. */
void listen_for(int milliseconds)
{
    struct mono end = mono_after(now(), MONO_MS(milliseconds));
    while (!mono_reached(now(), end)) {
        usleep(10000);
        for (int i = NEAR; i <= FAR; i++)
            if (sides[i].server) {
                dp_server_readable(sides[i].server, now());
                if (mono_reached(now(), dp_server_deadline(sides[i].server)))
                    dp_server_tick(sides[i].server, now());
            }
    }
}

struct dp_sa sa_make(uint8_t direction, uint32_t spi, const char *local, const char *remote, uint16_t port, bool gcm)
{
    struct dp_sa sa = {
        .direction = direction, .spi = spi, .local = { v4(local), port }, .remote = { v4(remote), port },
        .esp_transform = gcm ? 20 : 12, .key_bits = 256, .esp_auth = gcm ? 0 : 5, .key_length = gcm ? 36 : 64,
        .replay_window = 128, .hard_seconds = 3600,
    };
    memset(sa.key, (int)(spi & 0xff), sa.key_length);
    return sa;
}

struct dp_reply ask(int side, const struct dp_request *request, enum dp_verdict verdict)
{
    struct dp_message message;
    struct side *s = &sides[side];
    dp_message_begin(&message, DP_MESSAGE_REQUEST);
    message.request = *request;
    s->count = 0;
    assert_int_equal(dp_server_handle(s->server, &message, dp_message_length(message.type)), verdict);
    assert_true(s->count >= 1);
    struct dp_message *last = &s->seen[s->count - 1];
    assert_int_equal(last->type, DP_MESSAGE_REPLY);
    assert_int_equal(last->reply.id, request->id);
    if (last->reply.text[0])
        printf("    reply: %s\n", last->reply.text);
    return last->reply;
}

void install(int side, const struct dp_sa *sa)
{
    struct dp_request request = { .id = 7, .type = DP_SA_INSTALL, .sa = *sa };
    assert_int_equal(ask(side, &request, DP_PERMITTED).error, 0);
}

/* A pair of SAs on both sides, as one Quick Mode gives. */
void tunnel(uint32_t spi, uint16_t port, bool gcm)
{
    struct dp_sa sas[] = {
        sa_make(DP_IN, spi, "192.168.2.42", "192.168.2.11", port, gcm), sa_make(DP_OUT, spi + 1, "192.168.2.42", "192.168.2.11", port, gcm),
        sa_make(DP_IN, spi + 1, "192.168.2.11", "192.168.2.42", port, gcm), sa_make(DP_OUT, spi, "192.168.2.11", "192.168.2.42", port, gcm),
    };
    for (int i = 0; i < 4; i++)
        install(i / 2, &sas[i]);
}

size_t events(int side, enum dp_event_type type, int direction, struct dp_event *last)
{
    size_t count = 0;
    for (size_t i = 0; i < sides[side].count; i++) {
        const struct dp_message *m = &sides[side].seen[i];
        if (m->type != DP_MESSAGE_EVENT || m->event.type != type || (direction >= 0 && m->event.direction != direction))
            continue;
        count++;
        if (last)
            *last = m->event;
    }
    return count;
}

void forget(void) { sides[NEAR].count = sides[FAR].count = 0; }

char *snapshot(void)
{
    return output("ip -o link | sed 's/^[0-9]*: //'; ip -o addr | sed 's/^[0-9]*: //'; ip route show table all; ip xfrm state; ip xfrm policy");
}

/* Is everything as it was? Frees both. */
bool unchanged(char *before, char *after)
{
    bool same = strcmp(before, after) == 0;
    FILE *f = same ? NULL : fopen("/tmp/dataplane_test.before", "w");
    if (f) {
        fputs(before, f);
        fclose(f);
        f = popen("diff /tmp/dataplane_test.before -", "w");
        if (!f)
            fail_msg("cannot run diff");
        fputs(after, f);
        pclose(f);
    }
    free(before);
    free(after);
    return same;
}

int world_make(void **state)
{
    (void)state;
    log_open(say, LOG_LEVEL_DEBUG);
    for (int i = NEAR; i <= FAR; i++) {
        if (unshare(CLONE_NEWNET))
            return -1;
        sides[i] = (struct side){ .net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), .seen = calloc(EVENTS_MAX, sizeof(struct dp_message)) };
        shell("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6; ip link set lo up"); /* its addresses change by themselves */
    }
    conn_make(&sides[NEAR], "192.168.2.11");
    conn_make(&sides[FAR], "192.168.2.42");
    enter(NEAR);
    shell("ip link add eth0 type veth peer name eth0 netns /proc/%d/fd/%d", getpid(), sides[FAR].net);
    shell("ip addr add 192.168.2.42/24 dev eth0; ip link set eth0 up; ip route add default via 192.168.2.1; ip addr add 10.1.0.1/32 dev lo; ip link show ip_vti0 >/dev/null 2>&1; modprobe ip_vti");
    enter(FAR);
    shell("ip addr add 192.168.2.11/24 dev eth0; ip link set eth0 up; ip addr add 10.2.0.1/32 dev lo");
    return 0;
}

int world_end(void **state)
{
    (void)state;
    for (int i = NEAR; i <= FAR; i++) {
        server_stop(i);
        close(sides[i].net);
        free(sides[i].seen);
    }
    return 0;
}

bool world_possible(void)
{
    return unshare(CLONE_NEWNET) == 0 && shell("ip link add probe0 type vti local 127.0.0.1 remote 127.0.0.2 ikey 5 okey 5 2>/dev/null") == 0;
}

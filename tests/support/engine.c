/* SPDX-License-Identifier: Apache-2.0 */
/* Two engines without a network between them; see engine.h. */
#include "tests/support/engine.h"

#include "tests/support/same.h"
#include "tests/support/test.h"

static const char *const addresses[] = { "203.0.113.10", "198.51.100.20" };

static struct addr address(int end)
{
    struct addr a;
    assert_true(addr_parse(&a, addresses[end]));
    return a;
}

static struct prefix subnet(const char *text)
{
    struct prefix p;
    assert_true(prefix_parse(&p, text));
    return p;
}

struct conf_conn engine_conn(int end, crypto_group group)
{
    static const char psk[] = "a shared secret of two engines";
    struct conf_conn c = { .name = "tunnel", .local = (int8_t)end, .autostart = end == CPE ? CONF_AUTO_START : CONF_AUTO_ADD,
                           .ike = { { CRYPTO_AES_CBC, 256, CRYPTO_SHA2_384, group } }, .ike_count = 1,
                           .esp = { { CRYPTO_AES_GCM_16, 256, CRYPTO_HASH_NONE } }, .esp_count = 1, .pfs = true, .pfs_group = group,
                           .ike_lifetime = 28800, .sa_lifetime = 3600, .rekey_margin = 540, .rekey_fuzz = 100, .rekey = true,
                           .dpd_delay = 10, .dpd_timeout = 30, .encapsulation = CONF_AUTOMATIC, .nat_keepalive = true,
                           .keepalive_interval = 20, .initial_contact = true, .replay_window = 128, .retransmit_interval = 500 };
    for (int i = CPE; i <= HEADEND; i++) {
        c.end[i].host = CONF_HOST_ADDRESS;
        c.end[i].addr = address(i);
    }
    c.end[CPE].subnet = subnet("192.168.1.0/24");
    c.end[HEADEND].subnet = subnet("10.0.0.0/16");
    memcpy(c.psk, psk, sizeof psk - 1);
    c.psk_length = sizeof psk - 1;
    return c;
}

static void counter(void *context, uint8_t *out, size_t length)
{
    struct engine *e = context;
    for (size_t i = 0; i < length; i++) {
        uint64_t z = (e->random += 0x9e3779b97f4a7c15U);
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
        z = (z ^ z >> 27) * 0x94d049bb133111ebU;
        out[i] = (uint8_t)(z >> 56);
    }
}

void engine_begin_conns(struct engine *e, const struct conf_conn *conns, size_t count)
{
    struct ike_env env = { .random = counter, .context = e };
    assert_true(count <= sizeof e->conns / sizeof *e->conns);
    *e = (struct engine){ .now = { MONO_S(1000) }, .random = 7 + (uint64_t)conns[0].local };
    memcpy(e->conns, conns, count * sizeof *conns);
    e->conf = (struct conf){ .conns = e->conns, .count = count };
    assert_int_equal(ike_new(&e->ike, &e->conf, &env, e->now), 0);
}

void engine_begin(struct engine *e, int end, const struct conf_conn *conn)
{
    engine_begin_conns(e, conn, 1);
    struct addr own = address(end);
    if (end == HEADEND)
        engine_path(e, &own);
    engine_clear(e);
}

void engine_end(struct engine *e)
{
    ike_free(e->ike);
    e->ike = NULL;
}

void engine_clear(struct engine *e)
{
    e->sent_count = e->requests = e->notices = e->warnings = 0;
    e->cause = IKE_CAUSE_NONE;
    e->text[0] = '\0';
}

static void keep_sent(struct engine *e, const struct ike_output *o)
{
    if (e->sent_count == sizeof e->sent / sizeof *e->sent)
        fail_msg("more than %zu datagrams sent at once", e->sent_count);
    struct sent *s = &e->sent[e->sent_count++];
    s->path = (struct ike_path){ .local = o->path.remote, .remote = o->path.local };
    s->length = o->length;
    memcpy(s->datagram, o->datagram, o->length);
}

static void grant(struct engine *e, const struct dp_request *request)
{
    struct dp_reply reply = { .id = request->id, .type = request->type, .conn = request->conn };
    reply.spi = request->type == DP_SA_INSTALL ? request->sa.spi : request->name.spi;
    e->requests++;
    ike_dataplane_done(e->ike, e->now, &reply);
}

/* Whatever the wire held, a notice is one printable line. */
static void check_text(const char *text)
{
    size_t length = strnlen(text, IKE_TEXT_MAX);
    assert_true(length > 0 && length < IKE_TEXT_MAX);
    for (size_t i = 0; i < length; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            fail_msg("octet %zu of a notice is not printable: %s", i, text);
}

void engine_drain(struct engine *e)
{
    static struct ike_output o;
    while (ike_next_output(e->ike, &o)) {
        if (o.type == IKE_SEND) {
            keep_sent(e, &o);
        } else if (o.type == IKE_DATAPLANE) {
            grant(e, &o.request);
        } else {
            e->notices++;
            check_text(o.notice.text);
            e->warnings += o.notice.type == IKE_NOTICE_WARNING;
            if (o.notice.type == IKE_NOTICE_CAUSE)
                e->cause = o.notice.cause;
            memcpy(e->text, o.notice.text, sizeof e->text);
        }
    }
}

void engine_take_octets(struct engine *e, const struct ike_path *path, struct bytes datagram)
{
    ike_packet(e->ike, e->now, path, datagram);
    engine_drain(e);
}

void engine_take(struct engine *e, const struct sent *message)
{
    engine_take_octets(e, &message->path, bytes_of(message->datagram, message->length));
}

void engine_path(struct engine *e, const struct addr *local)
{
    for (uint16_t i = 0; i < e->conf.count; i++) {
        struct dp_event event = { .type = DP_EVENT_PATH, .conn = i, .local = { *local, 0 }, .mtu = 1500 };
        ike_dataplane_event(e->ike, e->now, &event);
        engine_drain(e);
    }
}

void engine_tick(struct engine *e, int64_t us)
{
    struct mono until = mono_after(e->now, us);
    for (unsigned spins = 0; spins < 10000; spins++) {
        struct mono due = ike_deadline(e->ike);
        if (due.us > until.us)
            break;
        e->now = due.us > e->now.us ? due : e->now;
        ike_tick(e->ike, e->now);
        engine_drain(e);
        e->now.us++;
    }
    e->now = until;
}

struct ike_path engine_path_of(int receiver, uint16_t port)
{
    return (struct ike_path){ .local = { address(receiver), port }, .remote = { address(!receiver), port } };
}

bool engine_up(const struct engine *e)
{
    for (size_t i = 0; i < PEER_SAS_MAX; i++)
        if (e->ike->peers[0].sa[i].up)
            return true;
    return false;
}

bool engine_children(const struct engine *e)
{
    for (size_t i = 0; i < TUNNEL_CHILDREN_MAX; i++)
        if (e->ike->tunnels[0].child[i].state == CHILD_UP)
            return true;
    return false;
}

/* ---- the memory ---- */

void image_save(struct image *image, const struct engine *e)
{
    size_t n = e->ike->conn_count;
    assert_int_equal(e->ike->output_count, 0);
    image->ike = *e->ike;
    image->peers = image->peers ? image->peers : test_memory(n * sizeof *image->peers);
    image->tunnels = image->tunnels ? image->tunnels : test_memory(n * sizeof *image->tunnels);
    memcpy(image->peers, e->ike->peers, n * sizeof *image->peers);
    memcpy(image->tunnels, e->ike->tunnels, n * sizeof *image->tunnels);
    image->random = e->random;
    image->now = e->now;
}

void image_load(const struct image *image, struct engine *e)
{
    size_t n = image->ike.conn_count;
    *e->ike = image->ike;
    memcpy(e->ike->peers, image->peers, n * sizeof *image->peers);
    memcpy(e->ike->tunnels, image->tunnels, n * sizeof *image->tunnels);
    e->random = image->random;
    e->now = image->now;
    engine_clear(e);
}

void image_free(struct image *image)
{
    free(image->peers);
    free(image->tunnels);
    *image = (struct image){ .peers = NULL };
}

bool image_same(const struct image *image, const struct engine *e, const char **why)
{
    const struct ike *was = &image->ike, *is = e->ike;
    *why = "the engine's own fields";
    if (was->serial != is->serial || was->request_id != is->request_id || was->stopping != is->stopping ||
        memcmp(was->cookie_secret, is->cookie_secret, DIGEST) != 0)
        return false;
    for (size_t i = 0; i < was->conn_count; i++) {
        *why = "a peer";
        if (!same_peer(&image->peers[i], &is->peers[i]))
            return false;
        *why = "a tunnel";
        if (!same_tunnel(&image->tunnels[i], &is->tunnels[i]))
            return false;
    }
    *why = "";
    return true;
}

/* ---- a run ---- */

const char *const run_names[RUN_MESSAGES] = {
    "Main Mode message 1",  "Main Mode message 2",  "Main Mode message 3",  "Main Mode message 4", "Main Mode message 5",
    "Main Mode message 6",  "Quick Mode message 1", "Quick Mode message 2", "Quick Mode message 3",
    "R-U-THERE",            "R-U-THERE-ACK",        "Delete of the IPsec SA", "Delete of the ISAKMP SA",
};

/* The datagram that `from` sent last is given to the other end. */
static void record(struct run *run, size_t step, const struct sent *message, int to)
{
    struct recorded *r = &run->step[step];
    r->to = to;
    r->message = *message;
    image_save(&r->before[CPE], &run->end[CPE]);
    image_save(&r->before[HEADEND], &run->end[HEADEND]);
    engine_clear(&run->end[to]);
    engine_take(&run->end[to], &r->message);
}

static void relay(struct run *run, size_t step, int to)
{
    struct engine *from = &run->end[!to];
    if (from->sent_count == 0)
        fail_msg("no %s was sent: %s", run_names[step], from->text);
    record(run, step, &from->sent[0], to);
}

/* Each end asks once whether the other one uses the new pair; nothing is left open behind it. */
static void settle(struct run *run)
{
    static struct sent probe[2], answer[2];
    struct engine *near = &run->end[CPE], *far = &run->end[HEADEND];
    assert_true(near->sent_count == 2 && far->sent_count == 1); /* message 3 and a probe; a probe */
    probe[CPE] = near->sent[1];
    probe[HEADEND] = far->sent[0];
    for (int end = CPE; end <= HEADEND; end++) {
        engine_clear(&run->end[end]);
        engine_take(&run->end[end], &probe[!end]);
        assert_int_equal(run->end[end].sent_count, 1);
        answer[end] = run->end[end].sent[0];
    }
    for (int end = CPE; end <= HEADEND; end++)
        engine_take(&run->end[end], &answer[!end]);
}

void run_record(struct run *run, const struct conf_conn *cpe, const struct conf_conn *headend)
{
    struct engine *near = &run->end[CPE], *far = &run->end[HEADEND];
    struct addr own = address(CPE);
    memset(run, 0, sizeof *run);
    engine_begin(near, CPE, cpe);
    engine_begin(far, HEADEND, headend);
    engine_path(near, &own);
    for (size_t i = 0; i < 6; i++)
        relay(run, i, i % 2 ? CPE : HEADEND);
    for (size_t i = 6; i < 9; i++)
        relay(run, i, i % 2 ? CPE : HEADEND);
    if (!engine_children(near) || !engine_children(far))
        fail_msg("the exchange did not end well: %s; %s", near->text, far->text);
    settle(run);
    engine_clear(near);
    near->now = far->now = mono_after(near->now, MONO_S(11));
    ike_tick(near->ike, near->now);
    engine_drain(near);
    relay(run, 9, HEADEND);
    relay(run, 10, CPE);
    image_save(&run->after[CPE], near);
    image_save(&run->after[HEADEND], far);
    engine_clear(far);
    ike_command(far->ike, far->now, &(struct ike_command){ IKE_COMMAND_DOWN, 0 });
    engine_drain(far);
    assert_true(far->sent_count >= 2);
    static struct sent deletes[2];
    memcpy(deletes, far->sent, sizeof deletes);
    record(run, 11, &deletes[0], CPE);
    record(run, 12, &deletes[1], CPE);
}

void run_back(struct run *run, size_t step)
{
    image_load(&run->step[step].before[CPE], &run->end[CPE]);
    image_load(&run->step[step].before[HEADEND], &run->end[HEADEND]);
}

void run_free(struct run *run)
{
    for (int end = CPE; end <= HEADEND; end++) {
        for (size_t i = 0; i < RUN_MESSAGES; i++)
            image_free(&run->step[i].before[end]);
        image_free(&run->after[end]);
        engine_end(&run->end[end]);
    }
}

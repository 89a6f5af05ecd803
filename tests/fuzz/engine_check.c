/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold whatever the peer does: a message that is not taken leaves the memory as it was, bit for bit, but for
 * what any datagram may do (tests/support/same.h); what is not authenticated removes nothing and
 * is answered once at most, and no longer than it was where the source is not proven; outputs fit, their ring never
 * overflows; texts are printable and without secrets; no key is installed twice; the kernel and the engine's tables
 * agree; counters never run backwards.
 */
#include "tests/fuzz/engine_world.h"

#include <stdio.h>

#include "tests/support/same.h"

static struct peer was_peers[ENGINE_CONNS];
static struct tunnel was_tunnels[ENGINE_CONNS];
static uint32_t was_serial, was_request;

/* ---- outputs ---- */

static void check_text(const struct end *end, const char *text, size_t size)
{
    const struct conf_conn *conn = &end->conns[0];
    size_t length = strnlen(text, size);
    must(length > 0 && length < size);
    for (size_t i = 0; i < length; i++)
        must(text[i] >= 0x20 && text[i] < 0x7f);
    must(!conn->psk_length || !memmem(text, length, conn->psk, conn->psk_length));
}

static void check_key(struct end *end, const struct dp_sa *sa)
{
    uint64_t digest = 0xcbf29ce484222325U;
    for (size_t i = 0; i < sa->key_length; i++)
        digest = (digest ^ sa->key[i]) * 0x100000001b3U;
    for (size_t i = 0; i < end->key_count; i++)
        must(end->keys[i] != digest);
    if (end->key_count < ENGINE_KEYS)
        end->keys[end->key_count++] = digest;
}

static void check_notice(struct end *end, const struct ike_notice *n)
{
    check_text(end, n->text, sizeof n->text);
    must(n->conn >= -1 && n->conn < (int)end->conn_count);
    must(ike_state_name(n->state)[0] && ike_cause_name(n->cause)[0]);
    end->probes |= strncmp(n->text, "probing the headend: a flood", 28) == 0;
    if (n->type != IKE_NOTICE_DEBUG || !strstr(n->text, " not taken: ") || strncmp(n->text, "our ", 4) == 0)
        return;
    end->refused = true;
    /* An authenticated first message uses up its message ID, another identity ends the attempt (see quick_v1.c, main_v1.c). */
    end->excused |= strncmp(n->text, "Quick Mode message 1", 20) == 0 || strstr(n->text, "its identity is not") != NULL;
}

static bool is_encrypted(const struct ike_output *o)
{
    size_t at = (o->path.local.port == IKE_PORT_NATT ? 4 : 0) + 19;
    return o->length > at && o->datagram[at] & 1;
}

/* MINICPE_TRACE=1 shows what an input leads to. */
static void trace(const struct end *end, const struct ike_output *o)
{
    static const char *const requests[] = { "", "installs", "removes", "moves", "asks about", "tells the life of" };
    const struct dp_request *r = &o->request;
    if (!getenv("MINICPE_TRACE"))
        return;
    printf("%10.3f %s ", (double)world.now.us / 1e6, end->index == NEAR ? "NEAR" : "FAR ");
    if (o->type == IKE_NOTICE)
        printf("%s: %s\n", ike_state_name(o->notice.state), o->notice.text);
    else if (o->type == IKE_SEND)
        printf("sends %zu octets from port %u to port %u\n", o->length, o->path.local.port, o->path.remote.port);
    else
        printf("%s %s %08x of %u, ports %u %u\n", requests[r->type], r->name.direction == DP_IN ? "in" : "out", r->name.spi, r->conn, r->name.local.port,
               r->name.remote.port);
}

void check_output(struct end *end, const struct ike_output *o)
{
    trace(end, o);
    switch (o->type) {
    case IKE_SEND:
        must(o->length > 0 && o->length <= IKE_SEND_MAX && o->path.local.port && o->path.remote.port);
        must(o->path.local.addr.family && o->path.remote.addr.family);
        end->sends++;
        if (!is_encrypted(o) && o->length > end->longest) /* a probe of an SA that is up may be longer than what led to it */
            end->longest = o->length;
        break;
    case IKE_DATAPLANE:
        must(o->request.conn < end->conn_count);
        if (o->request.type == DP_SA_INSTALL)
            check_key(end, &o->request.sa);
        if (o->request.type == DP_TUNNEL_ALIVE && o->request.generation == end->generations[o->request.conn])
            must(end->alive[o->request.conn] != o->request.alive);
        break;
    case IKE_NOTICE: check_notice(end, &o->notice); break;
    }
}

void check_call(struct end *end)
{
    must(end->ike->output_count < end->ike->output_size); /* full is what an output that was lost would look like */
    end->sends = 0;
    end->longest = 0;
    end->refused = end->excused = end->probes = false;
}

/* ---- tables ---- */

static void check_tunnel(const struct tunnel *t)
{
    unsigned up = 0, installing = 0;
    for (size_t i = 0; i < TUNNEL_CHILDREN_MAX; i++) {
        const struct child *c = &t->child[i];
        up += c->state == CHILD_UP;
        must(c->state != CHILD_FREE || (!c->in_there && !c->out_there && !c->in_asked && !c->out_asked));
        must(c->state != CHILD_UP || c->held || (c->in_there && c->out_there));
    }
    for (size_t i = 0; i < TUNNEL_QUICKS_MAX; i++) {
        const struct quick *q = &t->quick[i];
        installing += q->phase == QUICK_INSTALLING;
        must(q->phase == QUICK_FREE || q->child < TUNNEL_CHILDREN_MAX);
        must(q->phase == QUICK_FREE || t->child[q->child].state != CHILD_FREE || q->phase == QUICK_DONE);
    }
    must(t->state != IKE_STATE_UP || up + installing > 0); /* see child_deleted in child_life.c */
    must(strnlen(t->cause_text, sizeof t->cause_text) < sizeof t->cause_text);
}

static void check_status(struct end *end, uint16_t conn)
{
    struct ike_status s;
    ike_status(end->ike, conn, &s);
    const uint64_t now[4] = { s.bytes_in, s.bytes_out, s.packets_in, s.packets_out };
    for (size_t i = 0; i < 4; i++) {
        must(now[i] >= end->counted[conn][i]);
        end->counted[conn][i] = now[i];
    }
}

void check_rest(struct end *end)
{
    for (uint16_t i = 0; i < end->ike->conn_count; i++) {
        check_tunnel(&end->ike->tunnels[i]);
        check_status(end, i);
    }
}

static bool is_known(const struct tunnel *t, const struct dp_sa *sa)
{
    for (size_t i = 0; i < TUNNEL_CHILDREN_MAX; i++) {
        const struct child *c = &t->child[i];
        if (c->state != CHILD_FREE && (sa->direction == DP_IN ? c->in_there && c->spi_in == sa->spi : c->out_there && c->spi_out == sa->spi))
            return true;
    }
    return false;
}

static void is_held(const struct end *end, const struct tunnel *t, const struct child *c, enum dp_direction direction)
{
    const struct dp_sa_name name = { .conn = t->index, .direction = (uint8_t)direction, .spi = direction == DP_IN ? c->spi_in : c->spi_out,
                                     .local = c->local, .remote = c->remote };
    const struct dp_sa *sa = dp_held_find(&end->held, &name);
    must(sa != NULL);
    must(endpoint_equal(&sa->local, &c->local) && endpoint_equal(&sa->remote, &c->remote));
}

void check_kernel(struct end *end)
{
    for (size_t i = 0; i < end->held.count; i++)
        if (end->held.sas[i].spi)
            must(is_known(&end->ike->tunnels[end->held.sas[i].conn], &end->held.sas[i]));
    for (size_t t = 0; t < end->ike->conn_count; t++)
        for (size_t i = 0; i < TUNNEL_CHILDREN_MAX; i++) {
            const struct child *c = &end->ike->tunnels[t].child[i];
            if (c->in_there)
                is_held(end, &end->ike->tunnels[t], c, DP_IN);
            if (c->out_there)
                is_held(end, &end->ike->tunnels[t], c, DP_OUT);
        }
}

void check_stopped(struct end *end)
{
    for (size_t i = 0; i < end->held.count; i++)
        must(end->held.sas[i].spi == 0);
    for (size_t i = 0; i < end->ike->conn_count; i++)
        must(!end->alive[i]);
}

/* ---- one packet ---- */

void check_packet_begin(struct end *end, struct bytes message)
{
    const struct ike *ike = end->ike;
    (void)message;
    memcpy(was_peers, ike->peers, ike->conn_count * sizeof *was_peers);
    memcpy(was_tunnels, ike->tunnels, ike->conn_count * sizeof *was_tunnels);
    was_serial = ike->serial;
    was_request = ike->request_id;
}

static bool all_same(const struct ike *ike)
{
    bool same = was_serial == ike->serial && was_request == ike->request_id;
    for (size_t i = 0; i < ike->conn_count; i++)
        same = same && same_peer(&was_peers[i], &ike->peers[i]) && same_tunnel(&was_tunnels[i], &ike->tunnels[i]);
    return same;
}

static void nothing_is_removed(const struct ike *ike)
{
    for (size_t t = 0; t < ike->conn_count; t++)
        must(memcmp(was_tunnels[t].child, ike->tunnels[t].child, sizeof was_tunnels[t].child) == 0);
    for (size_t p = 0; p < ike->peer_count; p++)
        for (size_t i = 0; i < PEER_SAS_MAX; i++) {
            const struct isakmp_sa *was = &was_peers[p].sa[i], *is = &ike->peers[p].sa[i];
            must(!was->up || !mono_is_never(was->discard_at) || (is->up && is->serial == was->serial));
            must(!is->up || was->up);
        }
}

void check_packet_end(struct end *end, struct bytes message)
{
    static const uint8_t zero[WIRE_COOKIE];
    bool has_header = message.length >= WIRE_HEADER, first = has_header && memcmp(message.data + WIRE_COOKIE, zero, WIRE_COOKIE) == 0;
    if (!has_header || !(message.data[19] & 1))
        nothing_is_removed(end->ike);
    must(!first || (end->sends <= 1 && (end->sends == 0 || end->probes || end->longest <= message.length + 4)));
    bool same = all_same(end->ike);
    must(!same || end->sends <= 1);
    must(!end->refused || end->excused || same);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the way of a datagram: which message of which exchange it is, its fate (loss, delay, copies, a test's hook),
 * the NAT in front of the CPE, and its arrival. Asserted here: nothing that is sent before authentication is longer
 * than what it answers, and no responder of Main Mode says anything that it was not asked for.
 */
#include "tests/sim/world.h"

#include "ike/iana.h"

enum { SEEN_EXCHANGES = 256, SEEN_MESSAGES = 8, MARKER = 4 };

const char *const message_names[MESSAGE_COUNT] = { "?", "MM1", "MM2", "MM3", "MM4", "MM5", "MM6", "QM1", "QM2", "QM3", "INFO", "keepalive" };

/* ---- which message it is ---- */

/* An exchange that was seen: each end's different messages in their order. */
struct seen {
    uint64_t world;
    uint8_t cookie_i[WIRE_COOKIE];
    uint32_t message_id;
    uint8_t starter;
    unsigned count[ENDS];
    uint64_t digest[ENDS][SEEN_MESSAGES];
    size_t length[ENDS][SEEN_MESSAGES];
    unsigned times[ENDS][SEEN_MESSAGES];
};

static struct seen seen[SEEN_EXCHANGES];
static size_t seen_next;

static uint64_t digest(const uint8_t *octets, size_t length)
{
    uint64_t h = 0xcbf29ce484222325U;
    for (size_t i = 0; i < length; i++)
        h = (h ^ octets[i]) * 0x100000001b3U;
    return h;
}

static struct seen *seen_find(const struct world *w, const uint8_t *message, uint32_t message_id, int from)
{
    for (size_t i = 0; i < SEEN_EXCHANGES; i++)
        if (seen[i].world == w->serial && seen[i].message_id == message_id &&
            memcmp(seen[i].cookie_i, message, WIRE_COOKIE) == 0)
            return &seen[i];
    struct seen *s = &seen[seen_next++ % SEEN_EXCHANGES];
    *s = (struct seen){ .world = w->serial, .message_id = message_id, .starter = (uint8_t)from };
    memcpy(s->cookie_i, message, WIRE_COOKIE);
    return s;
}

/* Before authentication a reply is no longer than what it replies to, and comes no more often. */
static void check_reply(struct world *w, const struct seen *s, int from, unsigned n)
{
    if (from == s->starter || s->message_id != 0 || n >= 2 || n >= s->count[s->starter])
        return;
    world_check(w, s->length[from][n] <= s->length[s->starter][n]);
    world_check(w, w->network.duplicate > 0 || w->network.hook || s->times[from][n] <= s->times[s->starter][n]);
}

static enum message kind_of(const uint8_t *m, bool starter, unsigned n)
{
    if (m[18] == IANA_EXCHANGE_QUICK)
        return n > 1 || (n == 1 && !starter) ? MESSAGE_OTHER : !starter ? MESSAGE_QM2 : n == 0 ? MESSAGE_QM1 : MESSAGE_QM3;
    if (m[19] & IANA_FLAG_ENCRYPTION)
        return starter ? MESSAGE_MM5 : MESSAGE_MM6;
    if (m[16] == IANA_PAYLOAD_SA)
        return starter ? MESSAGE_MM1 : MESSAGE_MM2;
    return starter ? MESSAGE_MM3 : MESSAGE_MM4;
}

/* What was sent before is not `first`; else it is remembered with its exchange. */
static void classify(struct world *w, struct datagram *d)
{
    size_t skip = d->source.port == IKE_PORT_NATT ? MARKER : 0;
    const uint8_t *m = d->octets + skip;
    d->kind = MESSAGE_OTHER;
    d->first = true;
    if (d->length == 1 && d->octets[0] == 0xff)
        d->kind = MESSAGE_KEEPALIVE;
    if (d->length < skip + WIRE_HEADER)
        return;
    uint8_t exchange = m[18];
    uint32_t id = (uint32_t)m[20] << 24 | (uint32_t)m[21] << 16 | (uint32_t)m[22] << 8 | m[23];
    if (exchange != IANA_EXCHANGE_MAIN && exchange != IANA_EXCHANGE_QUICK) {
        d->kind = MESSAGE_INFO;
        return;
    }
    struct seen *s = seen_find(w, m, id, d->from);
    uint64_t h = digest(m, d->length - skip);
    unsigned n = 0;
    while (n < s->count[d->from] && s->digest[d->from][n] != h)
        n++;
    if (n >= SEEN_MESSAGES)
        return;
    d->first = n == s->count[d->from];
    if (d->first) {
        s->count[d->from]++;
        s->digest[d->from][n] = h;
        s->length[d->from][n] = d->length - skip;
    }
    s->times[d->from][n]++;
    check_reply(w, s, d->from, n);
    d->kind = kind_of(m, d->from == s->starter, n);
}

/* ---- NAT ---- */

static struct mapping *mapping_for(struct network *net, const struct endpoint *inside)
{
    for (size_t i = 0; i < net->mapping_count; i++)
        if (endpoint_equal(&net->mappings[i].inside, inside))
            return &net->mappings[i];
    if (net->mapping_count == sizeof net->mappings / sizeof *net->mappings)
        net->mapping_count = 0;
    struct mapping *m = &net->mappings[net->mapping_count++];
    *m = (struct mapping){ .inside = *inside, .port = (uint16_t)(40000 + net->port_next++ % 20000) };
    return m;
}

static bool translate_inward(const struct world *w, struct endpoint *target)
{
    const struct network *net = &w->network;
    if (!addr_equal(&target->addr, &net->public_addr))
        return false;
    if (net->nat == NAT_STATIC) {
        target->addr = w->ends[NEAR].address;
        return true;
    }
    for (size_t i = 0; i < net->mapping_count; i++)
        if (net->mappings[i].port == target->port) {
            *target = net->mappings[i].inside;
            return true;
        }
    return false;
}

/* Addresses as the receiver sees them; false: it does not get there. ESP without UDP has ports 0. */
bool network_translate(struct world *w, int from, struct endpoint *source, struct endpoint *target)
{
    const struct addr *near = &w->ends[NEAR].address, *far = &w->ends[FAR].address;
    if (near->family == ADDR_NONE)
        return false;
    if (from == FAR)
        return w->network.nat == NAT_NONE ? addr_equal(&target->addr, near) : translate_inward(w, target) && addr_equal(&target->addr, near);
    if (!addr_equal(&source->addr, near) || !addr_equal(&target->addr, far))
        return false;
    if (w->network.nat == NAT_NONE)
        return true;
    if (w->network.nat == NAT_PORTS) {
        if (source->port == 0)
            return false;
        source->port = mapping_for(&w->network, source)->port;
    }
    source->addr = w->network.public_addr;
    return true;
}

void network_nat_forget(struct world *w)
{
    w->network.mapping_count = 0;
    flow_outbound(w, NEAR, true);
    flow_outbound(w, FAR, true);
}

/* ---- the way ---- */

static struct fate decide(struct world *w, const struct datagram *d)
{
    struct network *net = &w->network;
    struct fate fate = { .delay_us = net->delay_us, .copies = 1, .copy_delay_us = net->delay_us };
    if (d->first && d->number == 1 && d->kind >= MESSAGE_MM1 && d->kind <= MESSAGE_QM3 && net->mask >> d->kind & 1)
        fate.lost = true;
    if (net->cut || (net->loss > 0 && world_chance(w) < net->loss))
        fate.lost = true;
    if (net->reorder > 0 && world_chance(w) < net->reorder)
        fate.delay_us += (int64_t)(world_chance(w) * 4 * (double)net->delay_us);
    if (net->duplicate > 0 && world_chance(w) < net->duplicate) {
        fate.copies = 2;
        fate.copy_delay_us = net->delay_us + (int64_t)(world_chance(w) * 8 * (double)net->delay_us);
    }
    if (net->hook)
        net->hook(w, d, &fate);
    return fate;
}

static void convey(struct world *w, const struct datagram *d, int64_t delay_us)
{
    struct event *e = world_event(w, EVENT_DATAGRAM, delay_us, !d->from);
    e->datagram = *d;
    e->path.local = d->target;
    e->path.remote = d->source;
    if (!network_translate(w, d->from, &e->path.remote, &e->path.local))
        e->type = EVENT_FREE;
}

void network_send(struct world *w, int from, const struct ike_output *output)
{
    struct network *net = &w->network;
    struct datagram d = { .from = (uint8_t)from, .source = output->path.local, .target = output->path.remote, .length = output->length };
    world_check(w, output->length > 0 && output->length <= IKE_SEND_MAX);
    world_check(w, d.source.port == IKE_PORT || d.source.port == IKE_PORT_NATT);
    memcpy(d.octets, output->datagram, output->length);
    classify(w, &d);
    d.number = net->kinds[from][d.kind] + 1;
    if (d.first)
        net->kinds[from][d.kind]++;
    net->sent[from]++;
    struct fate fate = decide(w, &d);
    world_trace(w, "%s %s %s%s, %zu octets%s", from == NEAR ? "NEAR  -->" : "FAR   <--", message_names[d.kind], d.first ? "" : "again ",
                d.source.port == IKE_PORT_NATT ? "on 4500" : "", d.length, fate.lost ? ", LOST" : "");
    if (fate.lost) {
        net->dropped++;
        return;
    }
    for (unsigned i = 0; i < fate.copies; i++)
        convey(w, &d, i == 0 ? fate.delay_us : fate.copy_delay_us);
}

void network_deliver(struct world *w, struct event *event)
{
    struct end *end = &w->ends[event->end];
    /* A host that has changed its address does not get what was sent to the old one. */
    if (addr_equal(&event->path.local.addr, &end->address))
        ike_packet(end->ike, w->now, &event->path, bytes_of(event->datagram.octets, event->datagram.length));
}

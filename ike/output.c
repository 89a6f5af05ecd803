/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the ring of outputs, the rate limits and the injected randomness. A datagram that finds the ring full is
 * lost, as on any network; requests to the data plane and notices have room by construction: ike_tick and
 * ike_packet do no more than the room allows.
 */
#include "ike/state.h"

#include <stdarg.h>
#include <stdio.h>

enum { NON_ESP_MARKER = 4 };

size_t output_room(const struct ike *ike)
{
    return ike->output_size - ike->output_count;
}

static struct ike_output *output_new(struct ike *ike, enum ike_output_type type)
{
    if (output_room(ike) == 0)
        return NULL;
    if (ike->output_count == 0)
        ike->output_first = 0; /* the same few places are used over and over: most of the memory never is */
    size_t at = (ike->output_first + ike->output_count++) % ike->output_size;
    ike->output_most = at >= ike->output_most ? at + 1 : ike->output_most;
    struct ike_output *o = &ike->outputs[at];
    o->type = type;
    o->length = 0;
    return o;
}

bool ike_next_output(struct ike *ike, struct ike_output *output)
{
    if (ike->output_count == 0)
        return false;
    struct ike_output *o = &ike->outputs[ike->output_first];
    *output = *o;
    if (o->type == IKE_DATAPLANE)
        bytes_wipe(&o->request, sizeof o->request);
    ike->output_first = (ike->output_first + 1) % ike->output_size;
    ike->output_count--;
    return true;
}

void output_send(struct ike *ike, const struct ike_path *path, struct bytes message)
{
    size_t marker = path->local.port == IKE_PORT_NATT ? NON_ESP_MARKER : 0;
    if (message.length == 0 || message.length + marker > IKE_SEND_MAX || addr_is_unspecified(&path->local.addr))
        return;
    struct ike_output *o = output_new(ike, IKE_SEND);
    if (!o)
        return;
    o->path = *path;
    memset(o->datagram, 0, marker);
    memcpy(o->datagram + marker, message.data, message.length);
    o->length = message.length + marker;
}

void output_keepalive(struct ike *ike, const struct ike_path *path)
{
    struct ike_output *o = output_new(ike, IKE_SEND);
    if (!o)
        return;
    o->path = *path;
    o->datagram[0] = 0xff; /* RFC 3948 2.3 */
    o->length = 1;
}

struct dp_request *output_request(struct ike *ike, enum dp_request_type type, uint16_t conn)
{
    static struct dp_request nowhere;
    struct ike_output *o = output_new(ike, IKE_DATAPLANE);
    struct dp_request *r = o ? &o->request : &nowhere;
    *r = (struct dp_request){ .id = ++ike->request_id, .generation = ike->tunnels[conn].generation, .type = (uint8_t)type, .conn = conn };
    return r;
}

void output_notice(struct ike *ike, enum ike_notice_type type, const struct tunnel *tunnel, enum ike_cause cause,
                   const char *format, ...)
{
    struct ike_output *o = type == IKE_NOTICE_DEBUG && ike->quiet ? NULL : output_new(ike, IKE_NOTICE);
    if (!o)
        return;
    o->notice = (struct ike_notice){ .type = type, .conn = tunnel ? (int)tunnel->index : -1, .cause = cause };
    if (tunnel)
        o->notice.state = tunnel->state == IKE_STATE_UP && ike->peers[tunnel->peer].silent ? IKE_STATE_SILENT : tunnel->state;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(o->notice.text, sizeof o->notice.text, format, arguments);
    va_end(arguments);
}

bool bucket_take(struct bucket *b, struct mono now, uint32_t per_second, uint32_t burst)
{
    int64_t passed = mono_since(now, b->at);
    int64_t more = passed / (MONO_S(1) / per_second);
    if (more > 0) {
        b->level = more + b->level > burst ? burst : b->level + (uint32_t)more;
        b->at = now;
    }
    if (b->level == 0)
        return false;
    b->level--;
    return true;
}

void ike_random(struct ike *ike, void *out, size_t length)
{
    ike->env.random(ike->env.context, out, length);
}

uint32_t ike_random_below(struct ike *ike, uint32_t limit)
{
    uint32_t value;
    ike_random(ike, &value, sizeof value);
    return limit ? value % limit : 0;
}

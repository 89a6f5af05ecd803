/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads what the kernel sends about SAs and policies (linux/xfrm.h). Pure: bytes to values. Every length is
 * checked before a field is read, although the kernel is trusted: versions of it differ in what they send.
 */
#include "xfrm/event.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>

#include "xfrm/kernel.h"

static struct xfrm_event event_of(enum xfrm_event_type type) { return (struct xfrm_event){ .type = type }; }
static bool family_known(uint16_t family) { return family == AF_INET || family == AF_INET6; }

static struct xfrm_event take_id(enum xfrm_event_type type, const struct xfrm_usersa_id *id)
{
    if (id->proto != IPPROTO_ESP || !family_known(id->family))
        return event_of(XFRM_EVENT_NONE);
    return (struct xfrm_event){ .type = type, .to = kernel_addr_read(&id->daddr, id->family), .spi = ntohl(id->spi) };
}

static struct xfrm_event take_expire(const struct nlmsghdr *message)
{
    struct xfrm_user_expire expire;
    if (!netlink_copy(message, &expire, sizeof expire) || expire.state.id.proto != IPPROTO_ESP || !family_known(expire.state.family))
        return event_of(XFRM_EVENT_NONE);
    return (struct xfrm_event){
        .type = XFRM_EVENT_EXPIRE,
        .to = kernel_addr_read(&expire.state.id.daddr, expire.state.family),
        .spi = ntohl(expire.state.id.spi),
        .reqid = expire.state.reqid,
        .hard = expire.hard != 0,
        .bytes = expire.state.curlft.bytes,
        .packets = expire.state.curlft.packets,
    };
}

static struct xfrm_event take_traffic(const struct nlmsghdr *message)
{
    const struct nlattr *table[XFRMA_LTIME_VAL + 1];
    const struct xfrm_aevent_id *id = netlink_payload(message, sizeof *id);
    if (!id || !(id->flags & (XFRM_AE_CE | XFRM_AE_CR)))
        return event_of(XFRM_EVENT_NONE);
    netlink_attributes(message, sizeof *id, table, XFRMA_LTIME_VAL);
    struct xfrm_lifetime_cur counters;
    const void *content = netlink_content(table[XFRMA_LTIME_VAL], sizeof counters);
    if (!content)
        return event_of(XFRM_EVENT_NONE);
    memcpy(&counters, content, sizeof counters); /* attributes are aligned to 4 octets only */
    struct xfrm_event event = take_id(XFRM_EVENT_TRAFFIC, &id->sa_id);
    event.reqid = id->reqid;
    event.bytes = counters.bytes;
    event.packets = counters.packets;
    return event;
}

static struct xfrm_event take_mapping(const struct nlmsghdr *message)
{
    const struct xfrm_user_mapping *mapping = netlink_payload(message, sizeof *mapping);
    if (!mapping)
        return event_of(XFRM_EVENT_NONE);
    struct xfrm_event event = take_id(XFRM_EVENT_MAPPING, &mapping->id);
    if (event.type == XFRM_EVENT_NONE)
        return event;
    event.reqid = mapping->reqid;
    event.from = kernel_addr_read(&mapping->new_saddr, mapping->id.family);
    event.port = ntohs(mapping->new_sport);
    return event;
}

static struct xfrm_event take_removed(const struct nlmsghdr *message)
{
    const struct xfrm_usersa_id *id = netlink_payload(message, sizeof *id);
    if (!id)
        return event_of(XFRM_EVENT_NONE);
    return take_id(XFRM_EVENT_SA_REMOVED, id);
}

static struct xfrm_event take_flush(const struct nlmsghdr *message)
{
    const struct xfrm_usersa_flush *flush = netlink_payload(message, sizeof *flush);
    bool esp = flush && (flush->proto == IPPROTO_ESP || flush->proto == 0 || flush->proto == UINT8_MAX);
    return event_of(esp ? XFRM_EVENT_SAS_FLUSHED : XFRM_EVENT_NONE);
}

static struct xfrm_event take_policy_change(const struct nlmsghdr *message) { (void)message; return event_of(XFRM_EVENT_POLICIES_CHANGED); }

static const struct {
    uint16_t type;
    struct xfrm_event (*take)(const struct nlmsghdr *message);
} kinds[] = {
    { XFRM_MSG_EXPIRE, take_expire },
    { XFRM_MSG_NEWAE, take_traffic },
    { XFRM_MSG_MAPPING, take_mapping },
    { XFRM_MSG_DELSA, take_removed },
    { XFRM_MSG_FLUSHSA, take_flush },
    { XFRM_MSG_DELPOLICY, take_policy_change },
    { XFRM_MSG_UPDPOLICY, take_policy_change }, /* somebody put another one in its place */
    { XFRM_MSG_FLUSHPOLICY, take_policy_change },
};

struct xfrm_event event_read(const struct nlmsghdr *message)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].type == message->nlmsg_type) {
            struct xfrm_event event = kinds[i].take(message);
            event.cause = message->nlmsg_pid;
            return event;
        }
    return event_of(XFRM_EVENT_NONE);
}

bool event_read_sa(const struct nlmsghdr *message, struct xfrm_seen *seen)
{
    const struct nlattr *table[XFRMA_LASTUSED + 1];
    struct xfrm_usersa_info info;
    if (message->nlmsg_type != XFRM_MSG_NEWSA || !netlink_copy(message, &info, sizeof info) || info.id.proto != IPPROTO_ESP || !family_known(info.family))
        return false;
    netlink_attributes(message, sizeof info, table, XFRMA_LASTUSED);
    *seen = (struct xfrm_seen){
        .from = kernel_addr_read(&info.saddr, info.family),
        .to = kernel_addr_read(&info.id.daddr, info.family),
        .spi = ntohl(info.id.spi),
        .reqid = info.reqid,
        .bytes = info.curlft.bytes,
        .packets = info.curlft.packets,
        .first_used = info.curlft.use_time,
    };
    const void *used = netlink_content(table[XFRMA_LASTUSED], sizeof seen->last_used);
    if (used)
        memcpy(&seen->last_used, used, sizeof seen->last_used);
    return true;
}

bool event_read_timer(const struct nlmsghdr *message, uint32_t *tenths)
{
    const struct nlattr *table[XFRMA_ETIMER_THRESH + 1];
    if (message->nlmsg_type != XFRM_MSG_NEWAE || !netlink_payload(message, sizeof(struct xfrm_aevent_id)))
        return false;
    netlink_attributes(message, sizeof(struct xfrm_aevent_id), table, XFRMA_ETIMER_THRESH);
    return netlink_u32(table[XFRMA_ETIMER_THRESH], tenths);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the batch (linux/netfilter/nf_tables.h). Pure. In nft's words each rule is, for both directions of each link
 * and both families:
 *     oifname "vti01" meta nfproto ipv4 meta l4proto tcp tcp flags syn tcp option maxseg size set 1398
 * The kernel only ever makes the option smaller.
 */
#include "vti/clamp_message.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

enum {
    PRIORITY_MANGLE = -150,
    TCP_FLAGS_AT = 13, TCP_SYN = 2, TCP_OPTION_MAXSEG = 2,
    HEADERS_V4 = 40, HEADERS_V6 = 60, /* of IP and TCP, without options */
    MSS_LEAST = 64,
};

static const char table_name[] = "minicpe", chain_name[] = "forward";

struct batch {
    uint8_t *memory;
    size_t used;
    uint32_t sequence;
};

static struct nlmsghdr *begin(struct batch *b, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource)
{
    struct nlmsghdr *m = mnl_nlmsg_put_header(b->memory + b->used);
    m->nlmsg_type = type;
    m->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    m->nlmsg_seq = ++b->sequence;
    struct nfgenmsg *fixed = mnl_nlmsg_put_extra_header(m, sizeof *fixed);
    *fixed = (struct nfgenmsg){ .nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource) };
    return m;
}

static void end(struct batch *b, const struct nlmsghdr *m) { b->used += MNL_ALIGN(m->nlmsg_len); }

static struct nlmsghdr *begin_table(struct batch *b, uint16_t type, uint16_t flags)
{
    return begin(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, NFPROTO_INET, 0);
}

static void put_frame(struct batch *b, uint16_t type) { end(b, begin(b, type, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES)); }

static void put_table(struct batch *b, uint16_t type, uint16_t flags)
{
    struct nlmsghdr *m = begin_table(b, type, flags);
    mnl_attr_put_strz(m, NFTA_TABLE_NAME, table_name);
    end(b, m);
}

static void put_chain(struct batch *b)
{
    struct nlmsghdr *m = begin_table(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    mnl_attr_put_strz(m, NFTA_CHAIN_TABLE, table_name);
    mnl_attr_put_strz(m, NFTA_CHAIN_NAME, chain_name);
    struct nlattr *hook = mnl_attr_nest_start(m, NFTA_CHAIN_HOOK);
    mnl_attr_put_u32(m, NFTA_HOOK_HOOKNUM, htonl(NF_INET_FORWARD));
    mnl_attr_put_u32(m, NFTA_HOOK_PRIORITY, htonl((uint32_t)PRIORITY_MANGLE));
    mnl_attr_nest_end(m, hook);
    mnl_attr_put_strz(m, NFTA_CHAIN_TYPE, "filter");
    end(b, m);
}

/* ---- expressions ---- */

struct expression { struct nlattr *element, *data; };

static struct expression expression_begin(struct nlmsghdr *m, const char *name)
{
    struct expression e = { .element = mnl_attr_nest_start(m, NFTA_LIST_ELEM) };
    mnl_attr_put_strz(m, NFTA_EXPR_NAME, name);
    e.data = mnl_attr_nest_start(m, NFTA_EXPR_DATA);
    return e;
}

static void expression_end(struct nlmsghdr *m, struct expression e)
{
    mnl_attr_nest_end(m, e.data);
    mnl_attr_nest_end(m, e.element);
}

static void put_number(struct nlmsghdr *m, uint16_t type, uint32_t value) { mnl_attr_put_u32(m, type, htonl(value)); }

static void put_value(struct nlmsghdr *m, uint16_t type, const void *octets, size_t length)
{
    struct nlattr *nest = mnl_attr_nest_start(m, type);
    mnl_attr_put(m, NFTA_DATA_VALUE, length, octets);
    mnl_attr_nest_end(m, nest);
}

static void put_meta(struct nlmsghdr *m, uint32_t key)
{
    struct expression e = expression_begin(m, "meta");
    put_number(m, NFTA_META_DREG, NFT_REG_1);
    put_number(m, NFTA_META_KEY, key);
    expression_end(m, e);
}

static void put_compare(struct nlmsghdr *m, uint32_t how, const void *octets, size_t length)
{
    struct expression e = expression_begin(m, "cmp");
    put_number(m, NFTA_CMP_SREG, NFT_REG_1);
    put_number(m, NFTA_CMP_OP, how);
    put_value(m, NFTA_CMP_DATA, octets, length);
    expression_end(m, e);
}

static void put_octet_is(struct nlmsghdr *m, uint32_t key, uint8_t value)
{
    put_meta(m, key);
    put_compare(m, NFT_CMP_EQ, &value, 1);
}

static void put_is_syn(struct nlmsghdr *m)
{
    static const uint8_t syn = TCP_SYN, none = 0;
    struct expression e = expression_begin(m, "payload");
    put_number(m, NFTA_PAYLOAD_DREG, NFT_REG_1);
    put_number(m, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
    put_number(m, NFTA_PAYLOAD_OFFSET, TCP_FLAGS_AT);
    put_number(m, NFTA_PAYLOAD_LEN, 1);
    expression_end(m, e);
    e = expression_begin(m, "bitwise");
    put_number(m, NFTA_BITWISE_SREG, NFT_REG_1);
    put_number(m, NFTA_BITWISE_DREG, NFT_REG_1);
    put_number(m, NFTA_BITWISE_LEN, 1);
    put_value(m, NFTA_BITWISE_MASK, &syn, 1);
    put_value(m, NFTA_BITWISE_XOR, &none, 1);
    expression_end(m, e);
    put_compare(m, NFT_CMP_NEQ, &none, 1);
}

static void put_set_mss(struct nlmsghdr *m, uint32_t mtu, uint32_t headers)
{
    uint16_t mss = htons((uint16_t)(mtu > headers + MSS_LEAST ? mtu - headers : MSS_LEAST));
    struct expression e = expression_begin(m, "immediate");
    put_number(m, NFTA_IMMEDIATE_DREG, NFT_REG_1);
    put_value(m, NFTA_IMMEDIATE_DATA, &mss, sizeof mss);
    expression_end(m, e);
    e = expression_begin(m, "exthdr");
    put_number(m, NFTA_EXTHDR_SREG, NFT_REG_1);
    mnl_attr_put_u8(m, NFTA_EXTHDR_TYPE, TCP_OPTION_MAXSEG);
    put_number(m, NFTA_EXTHDR_OFFSET, 2);
    put_number(m, NFTA_EXTHDR_LEN, sizeof mss);
    put_number(m, NFTA_EXTHDR_OP, NFT_EXTHDR_OP_TCPOPT);
    expression_end(m, e);
}

static void put_rule(struct batch *b, const struct clamp *link, bool out, bool v6)
{
    char name[VTI_NAME_MAX] = { 0 };
    memcpy(name, link->name, strnlen(link->name, sizeof name - 1));
    struct nlmsghdr *m = begin_table(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    mnl_attr_put_strz(m, NFTA_RULE_TABLE, table_name);
    mnl_attr_put_strz(m, NFTA_RULE_CHAIN, chain_name);
    struct nlattr *list = mnl_attr_nest_start(m, NFTA_RULE_EXPRESSIONS);
    put_meta(m, out ? NFT_META_OIFNAME : NFT_META_IIFNAME);
    put_compare(m, NFT_CMP_EQ, name, sizeof name);
    put_octet_is(m, NFT_META_NFPROTO, v6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
    put_octet_is(m, NFT_META_L4PROTO, IPPROTO_TCP);
    put_is_syn(m);
    put_set_mss(m, link->mtu, v6 ? HEADERS_V6 : HEADERS_V4);
    mnl_attr_nest_end(m, list);
    end(b, m);
}

/* Made before it is removed, since removing what is not there would fail the batch. */
size_t clamp_message_put(uint8_t *memory, const struct clamp *links, size_t count, uint32_t *last)
{
    struct batch b = { .memory = memory };
    size_t newest = 0;
    put_frame(&b, NFNL_MSG_BATCH_BEGIN);
    put_table(&b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
    newest = b.used;
    put_table(&b, NFT_MSG_DELTABLE, 0);
    if (count) {
        put_table(&b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
        newest = b.used;
        put_chain(&b);
    }
    for (size_t i = 0; i < count; i++)
        for (int k = 0; k < CLAMP_RULES_PER_LINK; k++) {
            newest = b.used;
            put_rule(&b, &links[i], k & 1, k & 2);
        }
    struct nlmsghdr *acknowledged = (struct nlmsghdr *)(void *)(memory + newest);
    acknowledged->nlmsg_flags |= NLM_F_ACK;
    *last = acknowledged->nlmsg_seq;
    put_frame(&b, NFNL_MSG_BATCH_END);
    return b.used;
}

/* The table's name is the same attribute in all three. */
_Static_assert((int)NFTA_TABLE_NAME == (int)NFTA_CHAIN_TABLE && (int)NFTA_TABLE_NAME == (int)NFTA_RULE_TABLE, "one attribute");

bool clamp_message_takes(const struct nlmsghdr *message)
{
    static const uint16_t taking[] = { NFT_MSG_DELTABLE, NFT_MSG_DELCHAIN, NFT_MSG_DELRULE };
    const struct nfgenmsg *fixed = netlink_payload(message, sizeof *fixed);
    const struct nlattr *table[NFTA_TABLE_NAME + 1];
    bool takes = false;
    for (size_t i = 0; i < sizeof taking / sizeof *taking; i++)
        takes |= message->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | taking[i]);
    if (!takes || !fixed || fixed->nfgen_family != NFPROTO_INET)
        return false;
    netlink_attributes(message, sizeof *fixed, table, NFTA_TABLE_NAME);
    const void *name = netlink_content(table[NFTA_TABLE_NAME], sizeof table_name);
    return name && memcmp(name, table_name, sizeof table_name) == 0;
}

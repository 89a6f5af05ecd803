/* SPDX-License-Identifier: Apache-2.0 */
/* The messages about SAs and policies against what iproute2 6.1 sends for the same; its command is above each. */
#include "tests/support/test.h"

#include <linux/xfrm.h>

#include "tests/support/golden.h"
#include "xfrm/policy_message.h"
#include "xfrm/sa_message.h"

enum { REQID = 0x6d630001 };

static struct addr v4(const char *text)
{
    struct addr a;
    assert_true(addr_parse(&a, text));
    return a;
}

static struct prefix net(const char *text)
{
    struct prefix p;
    assert_true(prefix_parse(&p, text));
    return p;
}

static struct dp_sa sa_gcm(void)
{
    struct dp_sa sa = {
        .direction = DP_OUT, .spi = 0x11223344, .local = { v4("192.0.2.10"), 4500 }, .remote = { v4("198.51.100.11"), 41234 },
        .esp_transform = 20, .key_bits = 256, .key_length = 36, .replay_window = 128, .soft_bytes = 1000, .hard_bytes = 2000,
        .soft_packets = 30, .hard_packets = 40, .hard_seconds = 3600,
    };
    for (uint8_t i = 0; i < 36; i++)
        sa.key[i] = (uint8_t)(i + 1);
    return sa;
}

static struct dp_sa sa_cbc(void)
{
    struct dp_sa sa = {
        .direction = DP_IN, .spi = 0x55667788, .local = { v4("192.0.2.10"), 0 }, .remote = { v4("198.51.100.11"), 0 },
        .esp_transform = 12, .key_bits = 256, .esp_auth = 5, .key_length = 64, .replay_window = 128,
    };
    for (uint8_t i = 0; i < 64; i++)
        sa.key[i] = (uint8_t)(i + 1);
    return sa;
}

/* Ours alone: when to tell of traffic. */
static const uint16_t thresholds[] = { XFRMA_ETIMER_THRESH, XFRMA_REPLAY_THRESH, 0 };

static void test_install_gcm(void **state)
{
    (void)state;
    /* ip xfrm state add src 192.0.2.10 dst 198.51.100.11 proto esp spi 0x11223344 reqid 0x6d630001 mode tunnel
     *   flag af-unspec aead 'rfc4106(gcm(aes))' 0x0102..24 128 encap espinudp 4500 41234 0.0.0.0 limit byte-soft 1000
     *   limit byte-hard 2000 limit packet-soft 30 limit packet-hard 40 limit time-hard 3600 */
    static const char golden[] =
        "7c01000010000500a708046b000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        "000000000000000000000000c633640b0000000000000000000000001122334432000000c000020a000000000000000000000000e803000000000000"
        "d0070000000000001e0000000000000028000000000000000000000000000000100e0000000000000000000000000000000000000000000000000000"
        "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000100636d020001002000000000000000"
        "70001200726663343130362867636d286165732929000000000000000000000000000000000000000000000000000000000000000000000000000000"
        "000000000000000020010000800000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223241c00040002001194"
        "a112000000000000000000000000000000000000";
    struct dp_sa sa = sa_gcm();
    union netlink_request request;
    size_t length;
    assert_true(sa_message_install(&request, &sa, REQID, 25));
    golden_same(&request, golden, sizeof(struct xfrm_usersa_info), thresholds);
    assert_int_equal(request.header.nlmsg_flags, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL);
    const uint8_t *timer = golden_attribute(&request, sizeof(struct xfrm_usersa_info), XFRMA_ETIMER_THRESH, &length);
    assert_int_equal(length, 4);
    assert_memory_equal(timer, "\x19\0\0\0", 4);
    assert_memory_equal(golden_attribute(&request, sizeof(struct xfrm_usersa_info), XFRMA_REPLAY_THRESH, &length), "\xff\xff\xff\x7f", 4);
}

static void test_install_cbc(void **state)
{
    (void)state;
    /* ip xfrm state add src 198.51.100.11 dst 192.0.2.10 proto esp spi 0x55667788 reqid 0x6d630001 mode tunnel
     *   flag af-unspec auth-trunc 'hmac(sha256)' 0x2122..40 128 enc 'cbc(aes)' 0x0102..20 */
    static const char golden[] =
        "c401000010000500a708046b000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        "000000000000000000000000c000020a0000000000000000000000005566778832000000c633640b000000000000000000000000ffffffffffffffff"
        "ffffffffffffffffffffffffffffffffffffffffffffffff000000000000000000000000000000000000000000000000000000000000000000000000"
        "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000100636d020001002000000000000000"
        "6c001400686d616328736861323536290000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
        "000000000000000000010000800000002122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f40680002006362632861657329"
        "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000010000"
        "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20";
    static const uint16_t ours[] = { XFRMA_ETIMER_THRESH, XFRMA_REPLAY_THRESH, XFRMA_REPLAY_ESN_VAL, 0 };
    struct dp_sa sa = sa_cbc();
    union netlink_request request;
    size_t length;
    assert_true(sa_message_install(&request, &sa, REQID, 25));
    golden_same(&request, golden, sizeof(struct xfrm_usersa_info), ours);
    /* 128 packets: a bitmap of four words, sequence numbers from nothing. iproute2 leaves the bitmap out. */
    const uint8_t *window = golden_attribute(&request, sizeof(struct xfrm_usersa_info), XFRMA_REPLAY_ESN_VAL, &length);
    static const uint8_t expected[40] = { [0] = 4, [20] = 128 };
    assert_int_equal(length, sizeof expected);
    assert_memory_equal(window, expected, sizeof expected);
}

static void test_windows(void **state)
{
    (void)state;
    static const struct { uint32_t asked; uint8_t legacy; uint32_t words, window; } table[] = {
        { 0, 0, 0, 0 }, { 32, 32, 0, 0 }, { 33, 0, 2, 33 }, { 128, 0, 4, 128 }, { 1000, 0, 32, 1000 }, { 4096, 0, 128, 4096 }, { 70000, 0, 128, 4096 },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct dp_sa sa = sa_cbc();
        union netlink_request request;
        size_t length;
        sa.replay_window = table[i].asked;
        assert_true(sa_message_install(&request, &sa, REQID, 1));
        const struct xfrm_usersa_info *info = (const void *)(request.octets + NLMSG_HDRLEN);
        const struct xfrm_replay_state_esn *esn = (const void *)golden_attribute(&request, sizeof *info, XFRMA_REPLAY_ESN_VAL, &length);
        assert_int_equal(info->replay_window, table[i].legacy);
        assert_int_equal(info->flags, XFRM_STATE_AF_UNSPEC);
        assert_int_equal(esn != NULL, table[i].words != 0);
        if (esn) {
            assert_int_equal(esn->bmp_len, table[i].words);
            assert_int_equal(esn->replay_window, table[i].window);
            assert_int_equal(length, sizeof *esn + table[i].words * 4);
        }
    }
}

static void test_what_no_kernel_knows(void **state)
{
    (void)state;
    union netlink_request request;
    static const struct { uint8_t transform; uint16_t bits, auth, length; } table[] = {
        { 3, 192, 0, 24 }, { 20, 256, 0, 32 }, { 20, 256, 5, 68 }, { 20, 100, 0, 36 }, { 12, 256, 0, 32 }, { 12, 256, 99, 64 }, { 12, 256, 5, 63 },
        { 20, 256, 0, 65535 }, { 0, 0, 0, 0 },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct dp_sa sa = sa_gcm();
        sa.esp_transform = table[i].transform;
        sa.key_bits = table[i].bits;
        sa.esp_auth = table[i].auth;
        sa.key_length = table[i].length;
        assert_false(sa_message_install(&request, &sa, REQID, 1));
        assert_false(sa_message_move(&request, &sa, REQID));
    }
}

static void test_move_has_no_key(void **state)
{
    (void)state;
    struct dp_sa sa = sa_gcm();
    union netlink_request request;
    size_t length;
    assert_true(sa_message_move(&request, &sa, REQID));
    assert_int_equal(request.header.nlmsg_type, XFRM_MSG_UPDSA);
    const uint8_t *aead = golden_attribute(&request, sizeof(struct xfrm_usersa_info), XFRMA_ALG_AEAD, &length);
    assert_int_equal(length, 72 + 36);
    static const uint8_t zero[36];
    assert_memory_equal(aead + 72, zero, 36);
    const uint8_t *encap = golden_attribute(&request, sizeof(struct xfrm_usersa_info), XFRMA_ENCAP, &length);
    assert_memory_equal(encap, "\x02\x00\x11\x94\xa1\x12", 6); /* ESP in UDP, from 4500 to 41234 */
}

static void test_remove_and_get(void **state)
{
    (void)state;
    /* ip xfrm state delete src 192.0.2.10 dst 198.51.100.11 proto esp spi 0x11223344 (which adds the source) */
    static const char golden[] = "28000000110005002d08046b00000000c633640b0000000000000000000000001122334402003200";
    struct dp_sa sa = sa_gcm();
    struct dp_sa_name name = { .direction = sa.direction, .spi = sa.spi, .local = sa.local, .remote = sa.remote };
    union netlink_request request;
    sa_message_remove(&request, &name);
    golden_same(&request, golden, sizeof(struct xfrm_usersa_id), NULL);
    sa_message_get(&request, &name);
    assert_int_equal(request.header.nlmsg_type, XFRM_MSG_GETSA);
    assert_int_equal(request.header.nlmsg_len, 40);
    name.direction = DP_IN; /* then it leads to us */
    sa_message_remove(&request, &name);
    assert_memory_equal(request.octets + NLMSG_HDRLEN, "\xc0\x00\x02\x0a", 4);
}

static struct xfrm_policy policy_in(void)
{
    return (struct xfrm_policy){
        .way = XFRM_WAY_IN, .source = net("10.0.2.0/24"), .destination = net("192.168.3.0/24"), .mark = 5, .mask = UINT32_MAX, .reqid = REQID,
        .from = v4("198.51.100.11"), .to = v4("192.0.2.10"),
    };
}

/* ip xfrm policy add src 10.0.2.0/24 dst 192.168.3.0/24 dir in priority 1016 mark 5 mask 0xffffffff
 *   tmpl src 198.51.100.11 dst 192.0.2.10 proto esp reqid 0x6d630001 mode tunnel */
static const char golden_in[] =
    "08010000130005002d08046b00000000c0a803000000000000000000000000000a000200000000000000000000000000000000000000000002001818"
    "000000000000000000000000ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff00000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000f80300000000000000000000"
    "0000000044000500c000020a000000000000000000000000000000003200000002000000c633640b0000000000000000000000000100636d01000000"
    "ffffffffffffffffffffffff0c00150005000000ffffffff";

/* ip xfrm policy update src 0.0.0.0/0 dst 0.0.0.0/0 dir out priority 1064 mark 5 mask 0xffffffff
 *   tmpl src 192.0.2.10 dst 198.51.100.11 proto esp reqid 0x6d630001 mode tunnel */
static const char golden_out[] =
    "08010000190005002d08046b000000000000000000000000000000000000000000000000000000000000000000000000000000000000000002000000"
    "000000000000000000000000ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff00000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000280400000000000001000000"
    "0000000044000500c633640b000000000000000000000000000000003200000002000000c000020a0000000000000000000000000100636d01000000"
    "ffffffffffffffffffffffff0c00150005000000ffffffff";

static void test_policies(void **state)
{
    (void)state;
    union netlink_request request;
    struct xfrm_policy in = policy_in();
    policy_message_put(&request, &in, false);
    golden_same(&request, golden_in, sizeof(struct xfrm_userpolicy_info), NULL);
    struct xfrm_policy out = {
        .way = XFRM_WAY_OUT, .source = net("0.0.0.0/0"), .destination = net("0.0.0.0/0"), .mark = 5, .mask = UINT32_MAX, .reqid = REQID,
        .from = v4("192.0.2.10"), .to = v4("198.51.100.11"),
    };
    policy_message_put(&request, &out, true);
    golden_same(&request, golden_out, sizeof(struct xfrm_userpolicy_info), NULL);
    /* ip xfrm policy delete src 0.0.0.0/0 dst 0.0.0.0/0 dir fwd mark 5 mask 0xffffffff */
    static const char golden_delete[] =
        "5c000000140005002d08046b00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000200000000"
        "000000000000000000000000000000020000000c00150005000000ffffffff";
    out.way = XFRM_WAY_FORWARD;
    policy_message_remove(&request, &out);
    golden_same(&request, golden_delete, sizeof(struct xfrm_userpolicy_id), NULL);
}

static void test_policy_without_mark(void **state)
{
    (void)state;
    union netlink_request request;
    size_t length;
    struct xfrm_policy in = policy_in();
    in.mark = in.mask = 0;
    in.priority = 77;
    policy_message_put(&request, &in, false);
    assert_null(golden_attribute(&request, sizeof(struct xfrm_userpolicy_info), XFRMA_MARK, &length));
    const struct xfrm_userpolicy_info *info = (const void *)(request.octets + NLMSG_HDRLEN);
    assert_int_equal(info->priority, 77);
}

/* What is put can be read back: the dump has the same shape. */
static void test_policy_read(void **state)
{
    (void)state;
    union netlink_request request;
    struct xfrm_policy in = policy_in(), read;
    policy_message_put(&request, &in, false);
    assert_true(policy_message_read(&request.header, &read));
    assert_true(policy_message_same(&in, &read));
    assert_int_equal(read.reqid, REQID);
    assert_true(addr_equal(&read.from, &in.from) && addr_equal(&read.to, &in.to));
    read.mark = 6;
    assert_false(policy_message_same(&in, &read));
    for (uint32_t cut = 0; cut < request.header.nlmsg_len; cut++) { /* never past the end, whatever the length */
        union netlink_request piece = request;
        memset(piece.octets + cut, 0xff, sizeof piece - cut);
        piece.header.nlmsg_len = cut;
        (void)policy_message_read(&piece.header, &read);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_install_gcm), cmocka_unit_test(test_install_cbc), cmocka_unit_test(test_windows),
        cmocka_unit_test(test_what_no_kernel_knows), cmocka_unit_test(test_move_has_no_key), cmocka_unit_test(test_remove_and_get),
        cmocka_unit_test(test_policies), cmocka_unit_test(test_policy_without_mark), cmocka_unit_test(test_policy_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

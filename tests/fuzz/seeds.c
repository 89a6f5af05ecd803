/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the seeds that the fuzzers begin with: seeds FOLDER. For `wire` the messages of simulated runs, as they went
 * over the wire and opened, and the SA and ID payloads in them; for `conf` the pairs of tests/conf; for the others
 * rows of operations as a well-behaved other side would have them.
 */
#include "tests/sim/world.h"

#include <glob.h>
#include <linux/netlink.h>
#include <linux/xfrm.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "ike/iana.h"

enum { FILES_A_KIND = 16, TEXT_MAX = 65536 };

static const char *folder;

static void put(const char *target, const char *name, unsigned number, const uint8_t *octets, size_t length)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, target);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/seed-%s-%u", folder, target, name, number);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(octets, 1, length, file) != length || fclose(file) != 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
}

/* ---- wire: what the simulation says ---- */

static unsigned recorded[MESSAGE_COUNT], parts, opened;

static void put_wire(uint8_t mode, const char *name, unsigned number, struct bytes octets)
{
    static uint8_t memory[4097];
    memory[0] = mode;
    memcpy(memory + 1, octets.data, octets.length);
    put("wire", name, number, memory, octets.length + 1);
}

/* The IV that the receiver will open it with. */
static bool iv_of(struct ike *ike, const struct isakmp_sa *sa, uint32_t message_id, uint8_t iv[CRYPTO_BLOCK])
{
    memcpy(iv, sa->keys.iv, CRYPTO_BLOCK);
    if (message_id == 0)
        return true;
    for (size_t t = 0; t < ike->conn_count; t++)
        for (size_t i = 0; i < TUNNEL_QUICKS_MAX; i++)
            if (ike->tunnels[t].quick[i].phase != QUICK_FREE && ike->tunnels[t].quick[i].x.message_id == message_id) {
                memcpy(iv, ike->tunnels[t].quick[i].x.iv, CRYPTO_BLOCK);
                return true;
            }
    return keys_v1_phase2_iv(&sa->keys, message_id, iv) == 0;
}

static bool open_message(struct ike *receiver, uint8_t *message, size_t length)
{
    struct wire_header h;
    struct bytes body;
    uint8_t iv[CRYPTO_BLOCK];
    if (wire_read_header(bytes_of(message, length), &h, &body) || body.length % CRYPTO_BLOCK || !(h.flags & IANA_FLAG_ENCRYPTION))
        return false;
    struct isakmp_sa *sa = peer_sa_find(&receiver->peers[0], &h);
    if (!sa || !sa->keys_ready || !iv_of(receiver, sa, h.message_id, iv))
        return false;
    message[19] &= (uint8_t)~IANA_FLAG_ENCRYPTION;
    return crypto_cbc_decrypt(bytes_of(sa->keys.cipher_key, sa->keys.key_length), iv, body, message + WIRE_HEADER) == CRYPTO_OK;
}

static void put_parts(const uint8_t *message, size_t length)
{
    struct wire_header h;
    struct wire_message m;
    struct bytes body;
    if (wire_read_header(bytes_of(message, length), &h, &body) || wire_read_payloads(h.next, body, &m))
        return;
    for (size_t i = 0; i < m.count; i++)
        if (m.payloads[i].type == IANA_PAYLOAD_SA)
            put_wire(h.message_id ? 3 : 2, "sa", parts++, m.payloads[i].body);
        else if (m.payloads[i].type == IANA_PAYLOAD_ID)
            put_wire(4, "id", parts++, m.payloads[i].body);
}

static void record(struct world *w, const struct datagram *d, struct fate *fate)
{
    static uint8_t message[IKE_SEND_MAX];
    size_t marker = d->target.port == IKE_PORT_NATT ? 4 : 0;
    (void)fate;
    if (d->length <= marker || d->kind == MESSAGE_KEEPALIVE || recorded[d->kind]++ >= FILES_A_KIND)
        return;
    size_t length = d->length - marker;
    memcpy(message, d->octets + marker, length);
    put_wire(0, message_names[d->kind], recorded[d->kind], bytes_of(message, length));
    if (w->ends[!d->from].ike && open_message(w->ends[!d->from].ike, message, length))
        put_wire(1, "opened", opened++, bytes_of(message, length));
    put_parts(message, length);
}

static void simulate(struct options options)
{
    struct world *w = world_new(&options);
    memset(recorded, 0, sizeof recorded);
    w->network.hook = record;
    world_start_both(w);
    world_run(w, MONO_S(15));
    world_command(w, NEAR, IKE_COMMAND_REKEY, 0);
    world_run(w, MONO_S(5));
    world_command(w, NEAR, IKE_COMMAND_DOWN, 0);
    world_run(w, MONO_S(2));
    world_free(w);
}

static void put_icmp(void)
{
    static const uint8_t sample[] = {
        0x45, 0xc0, 0, 56, 0, 1, 0, 0, 64, 1, 0, 0, 192, 0, 2, 1, 203, 0, 113, 9, 3, 3, 0, 0, 0, 0, 0, 0,
        0x45, 0, 0, 200, 0, 2, 0, 0, 60, 17, 0, 0, 203, 0, 113, 9, 198, 51, 100, 11, 0x11, 0x94, 0x11, 0x94, 0, 180, 0, 0,
    };
    put_wire(5, "icmp", 0, bytes_of(sample, sizeof sample));
}

/* More payloads, and more transforms, than are looked at. */
static void put_many(void)
{
    static uint8_t memory[4096];
    struct wire_writer out;
    const struct wire_header h = { .cookie_i = { 1 }, .exchange = IANA_EXCHANGE_MAIN };
    wire_write_header(&out, memory, sizeof memory, 0, &h);
    for (int i = 0; i <= WIRE_PAYLOADS_MAX; i++)
        wire_payload(&out, IANA_PAYLOAD_VENDOR, bytes_of("vendor", 6));
    struct bytes message = wire_finish(&out, 0);
    put_wire(0, "many-payloads", 0, message);
    struct writer w = writer_of(memory, sizeof memory);
    writer_u32(&w, IANA_DOI_IPSEC);
    writer_u32(&w, IANA_SITUATION_IDENTITY_ONLY);
    for (int p = 0; p < 3; p++) {
        size_t at = w.used;
        writer_bytes(&w, bytes_of((const uint8_t[]){ p < 2 ? 2 : 0, 0, 0, 0, 1, 1, 0, 100 }, 8));
        for (int i = 100; i > 0; i--)
            writer_bytes(&w, bytes_of((const uint8_t[]){ i > 1 ? 3 : 0, 0, 0, 8, 1, 1, 0, 0 }, 8));
        writer_set_u16(&w, at + 2, w.used - at);
    }
    put_wire(2, "many-transforms", 0, writer_span(&w));
}

static void put_scripts(void)
{
    uint8_t script[120];
    for (unsigned i = 0; i < 12; i++) {
        for (size_t k = 0; k < sizeof script; k++)
            script[k] = (uint8_t)(k * 37 + i * 101);
        put_wire(6 + (i & 1), "script", i, bytes_of(script, sizeof script));
    }
}

/* ---- the others ---- */

static size_t read_text(const char *path, uint8_t *out, size_t room)
{
    FILE *file = fopen(path, "rb");
    size_t length = file ? fread(out, 1, room, file) : 0;
    if (file)
        fclose(file);
    return length;
}

static void put_conf(void)
{
    static uint8_t text[2 * TEXT_MAX + 1];
    glob_t found;
    if (glob("tests/conf/*.conf", 0, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char secrets[512];
        size_t length = read_text(found.gl_pathv[i], text, TEXT_MAX);
        text[length++] = 1;
        snprintf(secrets, sizeof secrets, "%.*s.secrets", (int)(strlen(found.gl_pathv[i]) - 5), found.gl_pathv[i]);
        length += read_text(secrets, text + length, TEXT_MAX);
        put("conf", "pair", (unsigned)i, text, length);
    }
    globfree(&found);
}

static unsigned any(unsigned below)
{
    static uint32_t state = 1;
    state = state * 1664525 + 1013904223;
    return (state >> 16) % below;
}

/* Records of code, length, octets by chance, after a head. */
static void put_records(const char *target, const uint8_t *head, size_t head_length, const uint8_t *codes, size_t count, unsigned number)
{
    uint8_t octets[1024];
    size_t used = head_length;
    memcpy(octets, head, head_length);
    for (size_t i = 0; i < count; i++) {
        octets[used++] = codes[i];
        octets[used++] = 16;
        for (int k = 0; k < 16; k++)
            octets[used++] = (uint8_t)any(256);
    }
    put(target, "records", number, octets, used);
}

static void put_engine(void)
{
    static const uint8_t rows[][8] = { { 7, 4, 7, 4, 7, 6, 7, 15 }, { 1, 7, 1, 7, 10, 7, 6, 7 }, { 7, 12, 10, 7, 8, 13, 7, 6 }, { 16, 7, 11, 7, 6, 9, 7, 14 } };
    unsigned number = 0;
    for (uint8_t variant = 0; variant < 14; variant++)
        for (uint8_t point = 0; point < 20; point += 2)
            put_records("engine", (const uint8_t[]){ variant, point }, 2, rows[number % 4], 8, number), number++;
}

static void put_server(void)
{
    static const uint8_t codes[] = { 0, 1, 2, 8, 5, 4, 6, 3, 0, 2, 7, 0 };
    for (uint8_t variant = 0; variant < 20; variant++)
        put_records("server", (const uint8_t[]){ variant, 0 }, 2, codes, sizeof codes, variant);
}

static void put_message(uint16_t type, unsigned number, const void *fixed, size_t length, uint16_t attribute, size_t content)
{
    uint8_t octets[512] = { 0, (uint8_t)type };
    memcpy(octets + 2, fixed, length);
    length = (length + 3) & ~(size_t)3;
    if (attribute) {
        const struct nlattr head = { .nla_len = (uint16_t)(sizeof head + content), .nla_type = attribute };
        memcpy(octets + 2 + length, &head, sizeof head);
        memset(octets + 2 + length + sizeof head, 1, content);
        length += head.nla_len;
    }
    put("netlink", "xfrm", number, octets, length + 2);
}

/* What the kernel says of ESP SAs, whole. */
static void put_xfrm_messages(void)
{
    struct xfrm_user_expire expire = { .state.id.proto = IPPROTO_ESP, .state.family = AF_INET, .hard = 1 };
    struct xfrm_aevent_id traffic = { .sa_id = { .proto = IPPROTO_ESP, .family = AF_INET }, .flags = XFRM_AE_CR };
    struct xfrm_user_mapping mapping = { .id = traffic.sa_id };
    struct xfrm_usersa_flush flush = { .proto = UINT8_MAX };
    struct xfrm_usersa_info sa = { .id.proto = IPPROTO_ESP, .family = AF_INET6 };
    put_message(XFRM_MSG_EXPIRE, 0, &expire, sizeof expire, 0, 0);
    put_message(XFRM_MSG_NEWAE, 1, &traffic, sizeof traffic, XFRMA_LTIME_VAL, sizeof(struct xfrm_lifetime_cur));
    put_message(XFRM_MSG_NEWAE, 2, &traffic, sizeof traffic, XFRMA_ETIMER_THRESH, 4);
    put_message(XFRM_MSG_MAPPING, 3, &mapping, sizeof mapping, 0, 0);
    put_message(XFRM_MSG_DELSA, 4, &traffic.sa_id, sizeof traffic.sa_id, 0, 0);
    put_message(XFRM_MSG_FLUSHSA, 5, &flush, sizeof flush, 0, 0);
    put_message(XFRM_MSG_NEWSA, 6, &sa, sizeof sa, XFRMA_LASTUSED, 8);
    expire.state.family = AF_UNSPEC;
    put_message(XFRM_MSG_EXPIRE, 7, &expire, sizeof expire, 0, 0);
}

static void put_netlink(void)
{
    static const uint8_t types[] = { 16, 17, 18, 19, 20, 21, 24, 25, 26, 27, 30, 31, 32, 33, 35, 36, 80 };
    uint8_t octets[300] = { 0 };
    for (unsigned i = 0; i < sizeof types * 3; i++) {
        memset(octets, 0, sizeof octets);
        octets[1] = types[i / 3];
        octets[2] = (uint8_t[]){ 0, 2, 10 }[i % 3];
        put("netlink", "message", i, octets, sizeof octets);
    }
    put_xfrm_messages();
    for (unsigned i = 0; i < 24; i++) {
        octets[0] = 3;
        for (unsigned k = 0; k < 20; k++) {
            octets[1 + 2 * k] = (uint8_t)any(256);
            octets[2 + 2 * k] = 0;
        }
        put("netlink", "operations", i, octets, 41);
    }
}

static void put_control(void)
{
    uint8_t row[] = { 0, 0, 2, 0, 0, 0, 5, 0, 2, 0, 0, 3, 5, 0, 0x0f, 0, 2, 0, 1, 0, 0x17, 0, 5, 0, 6, 0 };
    for (uint8_t i = 0; i < 12; i++) {
        row[0] = i & 1;
        row[4] = row[10] = i / 2;
        put("control", "row", i, row, sizeof row);
    }
}

static int run(void **state)
{
    static const struct options runs[] = {
        { .seed = 1 },
        { .seed = 2, .nat = NAT_PORTS, .common = "\tike=aes256-sha2_256;dh19\n\tphase2alg=aes128-sha2_256,aes_gcm256\n\tpfs=no\n" },
        { .seed = 3, .common = "\tike=aes128-sha1;modp1024,aes256-sha2_384;dh20\n\tesp=aes_gcm256\n", .subnets = { { "192.168.3.0/24", "10.0.2.0/24" }, { "2001:db8:1::/64", "2001:db8:2::/64" } } },
    };
    (void)state;
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
        simulate(runs[i]);
    return 0;
}

static void written(void **state)
{
    (void)state;
    assert_true(parts > 10);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(written) };
    folder = argc == 2 ? argv[1] : NULL;
    if (!folder || crypto_start() != 0)
        return EXIT_FAILURE;
    mkdir(folder, 0777);
    put_icmp();
    put_many();
    put_scripts();
    put_conf();
    put_engine();
    put_server();
    put_netlink();
    put_control();
    return cmocka_run_group_tests_name("seeds for the fuzzers", tests, run, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `minicpe check` on machines that are made of files in a folder: one that is fine, one where everything is wrong, one seen
 * by an ordinary user; packet filters as nft and iptables-save print them. Golden files in tests/check; MINICPE_UPDATE=1
 * writes them anew: read the difference as a user would.
 */
#include "cli/check.h"
#include "cli/firewall.h"

#include "tests/support/test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXT_MAX = 1 << 16 };

static const int64_t NOW = 1772366400; /* 2026-03-01 */
static char folder[4096], root[64], text[TEXT_MAX];
static const char *nft_file, *iptables_file, *way_out;
static int year;
static bool synchronised;

static void put(const char *path, const char *content)
{
    char full[256];
    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(full, 0755);
        *slash = '/';
    }
    FILE *file = fopen(full, "w");
    if (!file)
        fail_msg("%s cannot be written", full);
    fputs(content, file);
    fclose(file);
}

static void put_program(const char *pid, const char *name)
{
    char path[64], line[64];
    snprintf(path, sizeof path, "/proc/%s/comm", pid);
    snprintf(line, sizeof line, "%s\n", name);
    put(path, line);
}

/* A process with the socket of that inode. */
static void put_socket(const char *pid, const char *inode)
{
    char path[64], full[256], to[64];
    snprintf(path, sizeof path, "/proc/%s/fd/README", pid);
    put(path, "");
    snprintf(full, sizeof full, "%s/proc/%s/fd/%s", root, pid, inode);
    snprintf(to, sizeof to, "socket:[%s]", inode);
    assert_int_equal(symlink(to, full), 0);
}

static char *slurp(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return NULL;
    char *out = test_memory(TEXT_MAX);
    size_t length = fread(out, 1, TEXT_MAX - 1, file);
    out[length] = '\0';
    fclose(file);
    return out;
}

static char *run(const struct check_machine *machine, const char *const argv[])
{
    (void)machine;
    if (strcmp(argv[0], "nft") == 0)
        return nft_file ? slurp(nft_file) : NULL;
    return iptables_file && strcmp(argv[0], "iptables-save") == 0 ? slurp(iptables_file) : NULL;
}

static void way(const struct addr *headend, char name[IF_NAMESIZE], struct addr *source)
{
    (void)headend;
    snprintf(name, IF_NAMESIZE, "%s", way_out);
    addr_parse(source, "192.168.2.42");
}

static int own(struct addr **out, size_t *count)
{
    *out = test_memory(sizeof **out);
    *count = 1;
    return addr_parse(*out, "192.168.2.42") ? 0 : -1;
}

static void read_clock(struct check_clock *clock)
{
    *clock = (struct check_clock){ .year = year, .known = true, .synchronised = synchronised, .now = NOW };
}

static struct check check_new(const char *path)
{
    return (struct check){ .path = path, .machine = { .root = root, .run = run, .way = way, .own = own, .clock = read_clock } };
}

static void plain_root(char *out)
{
    for (char *at = out; (at = strstr(at, root));) {
        memmove(at + 4, at + strlen(root), strlen(at + strlen(root)) + 1);
        memcpy(at, "ROOT", 4);
    }
}

static void compare(const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "tests/check/%s.golden", name);
    plain_root(text);
    if (strstr(text, "OfTheTest"))
        fail_msg("%s: a secret is shown", name);
    if (getenv("MINICPE_UPDATE")) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(text, file);
        fclose(file);
        return;
    }
    char *golden = slurp(path);
    assert_non_null(golden);
    assert_string_equal(text, golden);
    free(golden);
}

static int look(const char *name, const char *path, unsigned user)
{
    struct check check = check_new(path);
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_non_null(out);
    check.machine.user = user;
    check_walk(&check);
    check_print_text(&check, out);
    assert_int_equal(check_print_json(&check, out), 0);
    fclose(out);
    int status = check_status(&check);
    check_free(&check);
    compare(name);
    return status;
}

/* Empties the folder and puts a machine there that lacks nothing. */
static void fine_machine(void)
{
    char command[400], path[128];
    static const char *const interfaces[] = { "all", "default", "eth0" };
    snprintf(command, sizeof command, "rm -rf %s/* && cp tests/check/tunnels.conf tests/check/tunnels.secrets %s/ && chmod 600 %s/tunnels.secrets", root,
             root, root);
    assert_int_equal(system(command), 0);
    snprintf(path, sizeof path, "%s/tunnels.secrets", root);
    assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[]){ { .tv_sec = NOW }, { .tv_sec = NOW - 20 * 86400 } }, 0), 0);
    put("/proc/sys/kernel/osrelease", "6.1.0-test\n");
    put("/proc/modules", "xfrm_user 61440 2 - Live 0x0\nesp4 28672 0 - Live 0x0\nnf_tables 303104 1 - Live 0x0\n");
    put("/lib/modules/6.1.0-test/modules.builtin", "kernel/net/netfilter/nf_conntrack.ko\n");
    put("/lib/modules/6.1.0-test/modules.dep", "kernel/net/ipv4/ip_vti.ko.xz: kernel/net/ipv4/ip_tunnel.ko.xz\nkernel/crypto/ccm.ko:\n");
    put("/proc/crypto", "name         : gcm(aes)\ndriver       : generic-gcm-aesni\n");
    put("/proc/sys/net/ipv4/ip_forward", "1\n");
    for (size_t i = 0; i < 3; i++) {
        static const char *const settings[] = { "accept_redirects", "send_redirects", "rp_filter" };
        for (size_t k = 0; k < 3; k++) {
            snprintf(path, sizeof path, "/proc/sys/net/ipv4/conf/%s/%s", interfaces[i], settings[k]);
            put(path, "0\n");
        }
    }
    put("/proc/self/net/udp", "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
                              "  1: 00000000:01F4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4242 2 0 0\n");
    put_program("77", "minicpe");
    put_socket("77", "4242");
    put("/etc/passwd", "root:x:0:0::/root:/bin/sh\nminicpe:x:999:999::/:/usr/sbin/nologin\n");
    put("/sys/class/net/eth0/mtu", "1600\n");
    put("/proc/net/route", "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
                           "eth0\t00000000\t0102A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
                           "vti01\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
                           "*\t0002000A\t00000000\t0201\t0\t0\t4294967295\t00FFFFFF\t0\t0\t0\n"
                           "eth0\t0002A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n");
    nft_file = "tests/check/empty.json";
    iptables_file = NULL;
    way_out = "eth0";
    year = 2026;
    synchronised = true;
}

static void a_fine_machine(void **state)
{
    (void)state;
    char path[128];
    fine_machine();
    snprintf(path, sizeof path, "%s/tunnels.conf", root);
    assert_int_equal(look("fine", path, 0), 0);
}

static void everything_wrong(void **state)
{
    (void)state;
    char path[128], secrets[128];
    fine_machine();
    snprintf(path, sizeof path, "%s/tunnels.conf", root);
    snprintf(secrets, sizeof secrets, "%s/tunnels.secrets", root);
    assert_int_equal(utimensat(AT_FDCWD, secrets, (struct timespec[]){ { .tv_sec = 0 }, { .tv_sec = NOW - 800 * 86400 } }, 0), 0);
    put("/proc/modules", "nf_tables 303104 1 - Live 0x0\n");
    put("/lib/modules/6.1.0-test/modules.dep", "kernel/crypto/ccm.ko:\n");
    put("/proc/crypto", "name         : cbc(aes)\n");
    put("/proc/sys/net/ipv4/ip_forward", "0\n");
    put("/proc/sys/net/ipv4/conf/all/rp_filter", "1\n");
    put("/proc/sys/net/ipv4/conf/eth0/send_redirects", "1\n");
    put_program("77", "pluto");
    put_program("78", "NetworkManager");
    put_program("79", "charon-systemd");
    put("/etc/systemd/system/multi-user.target.wants/strongswan-starter.service", "");
    put("/etc/passwd", "root:x:0:0::/root:/bin/sh\n");
    put("/sys/class/net/vti01/mtu", "1000\n");
    put("/proc/net/route", "Iface\tDestination\n"
                           "eth1\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
                           "eth1\t80020A0A\t00000000\t0000\t0\t0\t0\t80FFFFFF\t0\t0\t0\n"
                           "eth0\tnonsense\n");
    way_out = "vti01";
    year = 1970;
    nft_file = "tests/check/drops.json";
    assert_int_equal(look("wrong", path, 0), 2);
}

static void no_way_out(void **state)
{
    (void)state;
    char path[128];
    fine_machine();
    snprintf(path, sizeof path, "%s/tunnels.conf", root);
    put_program("78", "NetworkManager");
    put("/etc/NetworkManager/conf.d/90-minicpe.conf", "[keyfile]\nunmanaged-devices=interface-name:vti*\n");
    put("/proc/modules", "esp4 28672 0 - Live 0x0\n");
    put("/lib/modules/6.1.0-test/modules.builtin", "kernel/net/xfrm/xfrm_user.ko\n");
    way_out = "";
    synchronised = false;
    assert_int_equal(look("no-way-out", path, 0), 2);
}

static void an_ordinary_user(void **state)
{
    (void)state;
    char path[128], command[200];
    fine_machine();
    snprintf(path, sizeof path, "%s/tunnels.conf", root);
    snprintf(command, sizeof command, "rm -rf %s/proc/77/fd %s/lib", root, root);
    assert_int_equal(system(command), 0);
    assert_int_equal(look("user", path, 1000), 1);
}

/* Everything is built in, or was left out, and there is no folder of modules. */
static void a_kernel_without_modules(void **state)
{
    (void)state;
    char path[128], command[200];
    fine_machine();
    put("/proc/modules", "");
    put("/boot/config-6.1.0-test", "# CONFIG_NET_IPVTI is not set\nCONFIG_XFRM_USER=y\nCONFIG_INET_ESP=y\nCONFIG_INET_ESP_OFFLOAD=m\n");
    snprintf(command, sizeof command, "rm -rf %s/lib", root);
    assert_int_equal(system(command), 0);
    snprintf(path, sizeof path, "%s/tunnels.conf", root);
    assert_int_equal(look("no-modules", path, 0), 2);
}

static void a_bad_file(void **state)
{
    (void)state;
    char path[128];
    fine_machine();
    put("/bad.conf", "conn one\n\tleft=%defaultroute\n\tright=Tunnel1_public_IP\n\tikev2=insist\n\tauto=begin\n");
    put("/bad.secrets", "CPE_IP Tunnel1_public_IP: PSK \"Shared_secret_tunnel1\"\n");
    snprintf(path, sizeof path, "%s/bad.secrets", root);
    assert_int_equal(chmod(path, 0600), 0);
    snprintf(path, sizeof path, "%s/bad.conf", root);
    assert_int_equal(look("bad-file", path, 0), 2);
    snprintf(path, sizeof path, "%s/nowhere.conf", root);
    assert_int_equal(look("no-file", path, 0), 2);
}

static const struct {
    const char *name, *nft, *iptables;
    bool legacy, firewalld;
} filters[] = {
    { "no nf_tables, no iptables", NULL, NULL, false, false },
    { "empty", "tests/check/empty.json", NULL, false, false },
    { "sets, maps, jumps, fragments, fib", "tests/check/mixed.json", NULL, false, false },
    { "only answers come in", "tests/check/answers-only.json", NULL, false, false },
    { "drops IKE by port, rejects ESP", "tests/check/drops.json", NULL, false, false },
    { "the same, made by firewalld", "tests/check/drops.json", NULL, false, true },
    { "iptables-nft, as iptables-save tells it", "tests/check/iptables-nft.json", "tests/check/iptables-nft.save", false, false },
    { "iptables-nft without iptables-save", "tests/check/iptables-nft.json", NULL, false, false },
    { "legacy iptables", NULL, "tests/check/legacy.save", true, false },
    { "legacy iptables that nobody can show", NULL, NULL, true, false },
};

static void packet_filters(void **state)
{
    (void)state;
    char path[128];
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_non_null(out);
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        fine_machine();
        nft_file = filters[i].nft;
        iptables_file = filters[i].iptables;
        if (!nft_file)
            put("/proc/modules", "esp4 28672 0 - Live 0x0\n");
        if (filters[i].legacy)
            put("/proc/net/ip_tables_names", "filter\n");
        if (filters[i].firewalld)
            put_program("80", "firewalld");
        snprintf(path, sizeof path, "%s/tunnels.conf", root);
        struct check check = check_new(path);
        check_files(&check);
        check.machine.way(NULL, check.outer, &check.source);
        check.count = 0;
        memset(check.of, 0, sizeof check.of);
        check.row = "firewall";
        check_firewall(&check);
        fprintf(out, "== %s\n", filters[i].name);
        check_print_text(&check, out);
        check_free(&check);
    }
    fclose(out);
    compare("firewalls");
}

/* Rules that no program printed: an answer or none, but never a crash. */
static void mutated_filters(void **state)
{
    (void)state;
    static const char *const files[] = { "tests/check/mixed.json", "tests/check/iptables-nft.json", "tests/check/legacy.save" };
    const struct fw_packet packet = { .protocol = FW_UDP, .port = 500, .from = addr_v4(0xc633640b), .interface = "eth0" };
    char where[2 * FW_NAME_MAX + 8];
    uint32_t seed = 7;
    for (unsigned round = 0; round < 3000; round++) {
        char *rules = slurp(files[round % 3]);
        assert_non_null(rules);
        size_t length = strlen(rules);
        for (unsigned i = 0; i <= round % 4; i++) {
            seed = seed * 1664525 + 1013904223;
            rules[(seed >> 8) % length] = "{}[]\",:0123456789abjmp-! \n"[seed % 27];
        }
        struct fw fw = { .chains = NULL };
        json_t *json = json_loads(rules, 0, NULL);
        if (json)
            fw_nft_add(&fw, json, &packet, round & 1);
        fw_iptables_add(&fw, rules, &packet);
        for (enum fw_hook hook = FW_HOOK_EARLY; hook <= FW_HOOK_INPUT; hook++)
            assert_in_range(fw_fate(&fw, hook, where), FW_PASSES, FW_UNDECIDED);
        fw_free(&fw);
        json_decref(json);
        free(rules);
    }
}

static void schema(void **state)
{
    (void)state;
    char path[128], file[128], command[200];
    everything_wrong(NULL);
    way_out = "eth0";
    snprintf(path, sizeof path, "%s/tunnels.conf", root);
    snprintf(file, sizeof file, "%s/check.json", root);
    struct check check = check_new(path);
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    check_walk(&check);
    assert_int_equal(check_print_json(&check, out), 0);
    fclose(out);
    check_free(&check);
    snprintf(command, sizeof command, "tests/schema.py docs/check.schema.json %s >&2", file);
    int status = system(command);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
}

static void explained(void **state)
{
    (void)state;
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_non_null(out);
    assert_int_equal(check_explain("tests/check/tunnels.conf", out), 0);
    fclose(out);
    compare("explained");
    out = fmemopen(text, sizeof text, "w");
    assert_int_equal(check_explain("tests/check/nowhere.conf", out), 2);
    fclose(out);
    /* A line that cannot be read is not said to be used. */
    char path[128];
    snprintf(path, sizeof path, "%s/unread.conf", root);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("conn a\n auto: start\n mtu=1400\n", file);
    fclose(file);
    out = fmemopen(text, sizeof text, "w");
    assert_int_equal(check_explain(path, out), 0);
    fclose(out);
    assert_null(strstr(text, "auto"));
    assert_non_null(strstr(text, "mtu=1400"));
    unlink(path);
}

static int enter(void **state)
{
    (void)state;
    assert_non_null(getcwd(folder, sizeof folder));
    strcpy(root, "/tmp/minicpe-check-XXXXXX");
    umask(022);
    return mkdtemp(root) ? 0 : -1;
}

static int leave(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fine_machine), cmocka_unit_test(everything_wrong), cmocka_unit_test(no_way_out), cmocka_unit_test(an_ordinary_user),
        cmocka_unit_test(a_bad_file),     cmocka_unit_test(packet_filters),   cmocka_unit_test(explained),
        cmocka_unit_test(schema),           cmocka_unit_test(mutated_filters),  cmocka_unit_test(a_kernel_without_modules),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The table of keywords: it knows every name that Libreswan 4.10 to 5.4 know, and its rows are sound. */
#include "tests/support/test.h"

#include "conf/keywords.h"
#include "conf/suggest.h"

#include <stdio.h>

static const char *const of_setup[] = {
    "ikev1-policy", "curl-iface", "curl-timeout", "myvendorid", "syslog", "plutodebug", "logfile",
    "plutostderrlog", "logtime", "logappend", "logip", "audit-log", "dnssec-enable", "dnssec-rootkey-file",
    "dnssec-anchors", "dumpdir", "ipsecdir", "nssdir", "secretsfile", "statsbin", "uniqueids", "shuntlifetime",
    "global-redirect", "global-redirect-to", "crl-strict", "crlcheckinterval", "ocsp-strict", "ocsp-enable",
    "ocsp-uri", "ocsp-timeout", "ocsp-trustname", "ocsp-cache-size", "ocsp-cache-min-age", "ocsp-cache-max-age",
    "ocsp-method", "ddos-mode", "ddos-ike-threshold", "max-halfopen-ike", "ike-socket-bufsize",
    "ike-socket-errqueue", "nflog-all", "xfrmlifetime", "virtual-private", "virtual_private", "seedbits",
    "keep-alive", "listen-tcp", "listen-udp", "listen", "protostack", "nhelpers", "drop-oppo-null",
    "ikev1-secctx-attr-type", "secctx-attr-type", "interfaces", "crl-timeout", "rundir", "logstderr",
    "expire-lifetime", "expire-shunt-interval", "dns-resolver", "ipsec-interface-managed", "seccomp",
};

static const char *const of_conn[] = {
    "auto", "also", "alsoflip", "hostaddrfamily", "clientaddrfamily", "type", "authby", "keyexchange", "ikev2",
    "ppk", "intermediate", "esn", "decap-dscp", "nopmtudisc", "fragmentation", "mobike", "narrowing",
    "pam-authorize", "send-redirect", "redirect-to", "accept-redirect", "accept-redirect-to", "pfs",
    "nat-keepalive", "initial-contact", "cisco-unity", "send-no-esp-tfc", "fake-strongswan", "send-vendorid",
    "sha2-truncbug", "ms-dh-downgrade", "require-id-on-certificate", "dns-match-id", "ipsec-max-bytes",
    "ipsec-max-packets", "ipsec-lifetime", "keylife", "lifetime", "salifetime", "retransmit-timeout",
    "retransmit-interval", "ikepad", "nat-ikev1-method", "policy-label", "sec-label", "remote-peer-type",
    "remote_peer_type", "nm-configured", "xauthby", "xauthfail", "modecfgpull", "modecfgdns", "modecfgdomains",
    "modecfgbanner", "ignore-peer-dns", "mark", "mark-in", "mark-out", "vti-interface", "vti-routing",
    "vti-shared", "ipsec-interface", "nic-offload", "encapsulation", "forceencaps", "overlapip", "reauth",
    "rekey", "rekeymargin", "rekeyfuzz", "keyingtries", "replay-window", "ikelifetime", "failureshunt",
    "negotiationshunt", "connalias", "enable-tcp", "tcp-remoteport", "ike", "phase2alg", "esp", "ah", "phase2",
    "compress", "metric", "dpddelay", "dpdtimeout", "dpdaction", "sendca", "mtu", "priority", "tfc", "reqid",
    "nflog", "aggressive", "aggrmode", "encap-dscp", "session-resumption", "send-esp-tfc-padding-not-supported",
    "iptfs", "iptfs-fragmentation", "iptfs-packet-size", "iptfs-max-queue-size", "iptfs-reorder-window",
    "iptfs-init-delay", "iptfs-drop-time", "share-lease", "pfs-rekey-workaround", "cisco-split", "nflog-group",
    "ikev1-dpdtimeout", "ppk-ids", "debug", "reject-simultaneous-ike-auth", "ike-sa-init-full-transcript-auth",
    "sareftrack",
};

static const char *const of_end[] = {
    "subnet", "subnets", "sourceip", "ikeport", "vti", "interface-ip", "nexthop", "updown", "id", "rsasigkey",
    "ecdsakey", "eddsakey", "pubkey", "cert", "ckaid", "sendcert", "ca", "xauthserver", "xauthclient",
    "modecfgserver", "modecfgclient", "username", "xauthusername", "addresspool", "auth", "cat", "protoport",
    "autheap", "groundhog", "firewall",
};

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static void all_known(const char *const *names, size_t count, enum keyword_scope scope, const char *prefix)
{
    for (size_t i = 0; i < count; i++) {
        int end;
        char written[64];
        snprintf(written, sizeof written, "%s%s", prefix, names[i]);
        if (!keyword_find(written, scope, &end)) {
            print_error("%s is not in the table\n", written);
            fail();
        }
    }
}

static void libreswan_names(void **state)
{
    (void)state;
    all_known(of_setup, COUNT(of_setup), KEYWORD_SETUP, "");
    all_known(of_conn, COUNT(of_conn), KEYWORD_CONN, "");
    all_known(of_end, COUNT(of_end), KEYWORD_CONN, "left");
    all_known(of_end, COUNT(of_end), KEYWORD_CONN, "RIGHT");
}

static void rows_are_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < keyword_count; i++) {
        const struct keyword *row = &keyword_table[i];
        if (row->support != KEYWORD_USED)
            assert_non_null(row->why);
        if (row->alias_of)
            assert_string_equal(keyword_canonical(row)->name, row->alias_of);
        assert_ptr_equal(keyword_canonical(keyword_canonical(row)), keyword_canonical(row));
        if (row->type == KEYWORD_NAMES || row->type == KEYWORD_SWITCH)
            assert_non_null(row->names);
        for (size_t j = 0; j < i; j++)
            assert_false(keyword_table[j].scope == row->scope && strcmp(keyword_table[j].name, row->name) == 0);
    }
}

static void ends(void **state)
{
    (void)state;
    int end = -1;
    assert_string_equal(keyword_find("left", KEYWORD_CONN, &end)->name, "");
    assert_int_equal(end, 0);
    assert_string_equal(keyword_find("RightSubnet", KEYWORD_CONN, &end)->name, "subnet");
    assert_int_equal(end, 1);
    assert_null(keyword_find("subnet", KEYWORD_CONN, &end));
    assert_null(keyword_find("leftright", KEYWORD_CONN, &end));
    assert_null(keyword_find("ikelifetime", KEYWORD_SETUP, &end));
}

static void neutral_values(void **state)
{
    (void)state;
    int end;
    const struct keyword *row = keyword_find("dpdaction", KEYWORD_CONN, &end);
    assert_true(keyword_is_neutral(row, "restart"));
    assert_true(keyword_is_neutral(row, "RESTART_BY_PEER"));
    assert_false(keyword_is_neutral(row, "clear"));
    assert_false(keyword_is_neutral(row, "rest"));
    assert_false(keyword_is_neutral(row, ""));
    row = keyword_find("compress", KEYWORD_CONN, &end);
    assert_true(keyword_is_neutral(row, "No"));
    assert_true(keyword_is_neutral(row, "0"));
    assert_false(keyword_is_neutral(row, "yes"));
    assert_false(keyword_is_neutral(row, "none"));
}

static void nearest(void **state)
{
    (void)state;
    char out[CONF_NAME_MAX];
    assert_string_equal(keyword_nearest("ikelifetme", KEYWORD_CONN, out), "ikelifetime");
    assert_string_equal(keyword_nearest("lfetid", KEYWORD_CONN, out), "leftid");
    assert_string_equal(keyword_nearest("vti_interface", KEYWORD_CONN, out), "vti-interface");
    assert_string_equal(keyword_nearest("x-minicpe-unreachabel", KEYWORD_CONN, out), "x-minicpe-unreachable");
    assert_null(keyword_nearest("nothing-like-it", KEYWORD_CONN, out));
    assert_null(keyword_nearest("ikelifetime", KEYWORD_SETUP, out));
}

static void distances(void **state)
{
    (void)state;
    assert_int_equal(suggest_distance("kitten", "sitting", 9), 3);
    assert_int_equal(suggest_distance("abcd", "abdc", 9), 1);
    assert_int_equal(suggest_distance("", "abc", 9), 3);
    assert_int_equal(suggest_distance("abc", "ABC", 9), 0);
    assert_int_equal(suggest_distance("abc", "xyz", 2), 3);
    assert_int_equal(suggest_distance("a", "abcdefgh", 3), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libreswan_names), cmocka_unit_test(rows_are_sound), cmocka_unit_test(ends),
        cmocka_unit_test(neutral_values), cmocka_unit_test(nearest), cmocka_unit_test(distances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

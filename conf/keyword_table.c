/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the table of keywords, in the order of the canonical form. Names are those of Libreswan 4.x and 5.x (and a few
 * of strongSwan's, which people paste); `why` completes the sentence "KEY=VALUE is ignored: ..." or "... is refused: ...".
 * Defaults of the used ones stand in conn_defaults (apply.c).
 */
#include "conf/keywords.h"

#include <stddef.h>

#define CONN(n, t, f, ...) { .name = n, .scope = KEYWORD_CONN, .support = KEYWORD_USED, .type = KEYWORD_##t, .offset = offsetof(struct conf_conn, f), __VA_ARGS__ }
#define END(n, t, f, ...) { .name = n, .scope = KEYWORD_END, .support = KEYWORD_USED, .type = KEYWORD_##t, .offset = offsetof(struct conf_end, f), __VA_ARGS__ }
#define ALIAS(s, n, of, t, f, ...) { .name = n, .alias_of = of, .scope = KEYWORD_##s, .support = KEYWORD_USED, .type = KEYWORD_##t, .offset = offsetof(struct conf_conn, f), __VA_ARGS__ }
#define IGNORED(s, n, w, ...) { .name = n, .scope = KEYWORD_##s, .support = KEYWORD_IGNORED, .why = w, __VA_ARGS__ }
#define REFUSED(s, n, w, ...) { .name = n, .scope = KEYWORD_##s, .support = KEYWORD_REFUSED, .why = w, __VA_ARGS__ }
#define SILENT(...) .neutral = __VA_ARGS__
#define BOOL(v) .type = KEYWORD_BOOL, .neutral = v

#define WHY_IKEV2 "it belongs to IKEv2, and minicpe speaks IKEv1 only"
#define WHY_SET_IKEV1 "minicpe speaks IKEv1 only; set the tunnel to IKEv1 in OCI's console (edit the tunnel, IKE version), and write ikev2=no or keyexchange=ikev1"
#define WHY_CERT "it concerns certificates and public keys, and minicpe knows pre-shared keys only; remove it"
#define WHY_CERT_UNUSED "it concerns certificates and public keys, which minicpe does not use"
#define WHY_XAUTH "it belongs to XAUTH and Mode Config for road warriors, which minicpe does not do; remove it"
#define WHY_OPPO "it belongs to opportunistic encryption, which minicpe does not do"
#define WHY_LOG "minicpe logs to standard error or the journal"
#define WHY_PLUTO "it concerns Libreswan's own processes"
#define WHY_DDOS "minicpe's limits against floods are fixed"
#define WHY_TCP "minicpe sends over UDP only"
#define WHY_IPTFS "IP-TFS needs IKEv2; remove it"
#define WHY_XFRMI "minicpe makes VTI links; write vti-interface= and mark= instead"
#define WHY_STRONGSWAN_MARK "it is strongSwan's spelling; write mark-in= and mark-out=, or mark="

static const struct keyword_name encapsulation_names[] = { { "yes", CONF_YES }, { "no", CONF_NO }, { "auto", CONF_AUTOMATIC },
    { "true", CONF_YES }, { "y", CONF_YES }, { "on", CONF_YES }, { "1", CONF_YES },
    { "false", CONF_NO }, { "n", CONF_NO }, { "off", CONF_NO }, { "0", CONF_NO }, { NULL, 0 } };
static const struct keyword_name forceencaps_names[] = { { "yes", CONF_YES }, { "no", CONF_AUTOMATIC },
    { "true", CONF_YES }, { "y", CONF_YES }, { "on", CONF_YES }, { "1", CONF_YES },
    { "false", CONF_AUTOMATIC }, { "n", CONF_AUTOMATIC }, { "off", CONF_AUTOMATIC }, { "0", CONF_AUTOMATIC }, { NULL, 0 } };
static const struct keyword_name esn_names[] = { { "no", false }, { "yes", true }, { "either", true },
    { "n", false }, { "false", false }, { "off", false }, { "0", false }, { "y", true }, { "true", true }, { "on", true }, { "1", true }, { NULL, 0 } };
static const struct keyword_name link_names[] = { { "dormant", CONF_LINK_DORMANT }, { "down", CONF_LINK_DOWN },
    { "no", CONF_LINK_NEITHER }, { NULL, 0 } };

const struct keyword keyword_table[] = {
    /* the ends */
    END("", HOST, host),
    END("id", ID, id),
    END("subnet", SUBNET, subnet),
    END("vti", VTI, vti, .tunes = true),
    END("sourceip", ADDRESS, sourceip, .tunes = true),

    /* how */
    { .name = "also", .scope = KEYWORD_CONN, .support = KEYWORD_USED, .type = KEYWORD_ALSO },
    CONN("auto", START, autostart, .tunes = true),
    REFUSED(CONN, "authby", "minicpe authenticates by pre-shared key only; write authby=secret", SILENT("secret"), .fixed = "secret"),
    REFUSED(CONN, "auth", "it is FreeS/WAN's, and ESP authenticates by itself; remove it (of an end it is leftauth= or rightauth=)", SILENT("esp")),
    REFUSED(CONN, "type", "minicpe makes tunnels only; remove it or write type=tunnel", SILENT("tunnel")),
    REFUSED(CONN, "keyexchange", WHY_SET_IKEV1, SILENT("ikev1,ike")),
    REFUSED(CONN, "ikev2", WHY_SET_IKEV1, SILENT("no,never,permit,n,false,off,0"), .fixed = "no"),
    CONN("ike", IKE, ike),
    CONN("esp", ESP, esp),
    ALIAS(CONN, "phase2alg", "esp", ESP, esp),
    REFUSED(CONN, "phase2", "minicpe carries ESP only, as OCI does; write phase2=esp", SILENT("esp,default")),
    REFUSED(CONN, "ah", "minicpe carries ESP only, as OCI does; write esp= instead"),
    CONN("pfs", BOOL, pfs),
    CONN("encapsulation", NAMES, encapsulation, .names = encapsulation_names),
    ALIAS(CONN, "forceencaps", "encapsulation", NAMES, encapsulation, .names = forceencaps_names),

    /* for how long */
    CONN("ikelifetime", LIFETIME, ike_lifetime, .least = 10, .most = 86400, .tunes = true),
    CONN("salifetime", LIFETIME, sa_lifetime, .least = 10, .most = 86400, .tunes = true),
    ALIAS(CONN, "ipsec-lifetime", "salifetime", LIFETIME, sa_lifetime, .least = 10, .most = 86400),
    ALIAS(CONN, "lifetime", "salifetime", LIFETIME, sa_lifetime, .least = 10, .most = 86400),
    ALIAS(CONN, "keylife", "salifetime", LIFETIME, sa_lifetime, .least = 10, .most = 86400),
    CONN("rekey", BOOL, rekey, .tunes = true),
    CONN("rekeymargin", TIME, rekey_margin, .most = 86400, .tunes = true),
    CONN("rekeyfuzz", PERCENT, rekey_fuzz, .tunes = true),
    CONN("ipsec-max-bytes", AMOUNT, sa_max_bytes, .tunes = true),
    CONN("ipsec-max-packets", AMOUNT, sa_max_packets, .tunes = true),
    CONN("dpddelay", TIME, dpd_delay, .most = 86400, .tunes = true),
    CONN("dpdtimeout", TIME, dpd_timeout, .most = 86400, .tunes = true),
    ALIAS(CONN, "ikev1-dpdtimeout", "dpdtimeout", TIME, dpd_timeout, .most = 86400),
    CONN("retransmit-interval", INTERVAL, retransmit_interval, .least = 50, .most = 60000, .tunes = true),
    CONN("nat-keepalive", BOOL, nat_keepalive, .tunes = true),
    CONN("initial-contact", BOOL, initial_contact, .tunes = true),
    CONN("replay-window", NUMBER, replay_window, .most = 4096),
    CONN("esn", SWITCH, esn, .names = esn_names, .tunes = true),

    /* where to */
    CONN("mark", MARK, mark_in),
    CONN("mark-in", MARK, mark_in),
    CONN("mark-out", MARK, mark_out),
    CONN("vti-interface", INTERFACE, vti_interface),
    CONN("vti-routing", BOOL, vti_routing, .tunes = true),
    REFUSED(CONN, "vti-shared", "each headend has a VTI of its own here; write vti-shared=no", BOOL("no")),
    CONN("metric", NUMBER, metric, .tunes = true),
    CONN("mtu", NUMBER, mtu, .least = 576, .most = 65535, .tunes = true),
    CONN("priority", NUMBER, priority),
    CONN("x-minicpe-route", ROUTES, routes, .tunes = true),
    CONN("x-minicpe-link", NAMES, link_signal, .names = link_names, .tunes = true),
    CONN("x-minicpe-unreachable", BOOL, unreachable_route, .tunes = true),
    CONN("x-minicpe-clamp-mss", BOOL, clamp_mss, .tunes = true),

    /* accepted: what they would change, minicpe does anyway, or does not need */
    IGNORED(CONN, "keyingtries", "minicpe never gives up a tunnel that is meant to be up", SILENT("0,%forever")),
    IGNORED(CONN, "dpdaction", "minicpe always restarts a tunnel whose headend is dead", SILENT("restart,restart_by_peer")),
    IGNORED(CONN, "retransmit-timeout", "minicpe never gives up a tunnel that is meant to be up"),
    IGNORED(CONN, "rekeywindow", "it is FreeS/WAN's old name; write rekeymargin="),
    IGNORED(CONN, "reauth", "in IKEv1 every new phase 1 authenticates again", BOOL("no")),
    IGNORED(CONN, "fragmentation", "minicpe's own messages need no IKE fragmentation and OCI's come in IP fragments", SILENT("yes,no")),
    IGNORED(CONN, "ikepad", "minicpe pads as RFC 2408 says", SILENT("yes,no,auto")),
    IGNORED(CONN, "decap-dscp", "the kernel's default stays", BOOL("no")),
    IGNORED(CONN, "encap-dscp", "the kernel's default stays", BOOL("yes")),
    IGNORED(CONN, "nopmtudisc", "the VTI follows the path MTU", BOOL("no")),
    IGNORED(CONN, "compress", "OCI does not compress and a headend that does will do without", BOOL("no")),
    IGNORED(CONN, "tfc", "minicpe does not pad traffic", SILENT("0")),
    IGNORED(CONN, "reqid", "minicpe numbers its policies itself"),
    IGNORED(CONN, "hostaddrfamily", "headends are reached over IPv4", SILENT("ipv4,inet")),
    IGNORED(CONN, "connaddrfamily", "the subnets tell their family", SILENT("ipv4,inet")),
    IGNORED(CONN, "clientaddrfamily", "the subnets tell their family", SILENT("ipv4,inet")),
    IGNORED(CONN, "overlapip", "each conn has its own selectors", BOOL("no")),
    IGNORED(CONN, "failureshunt", "a VTI without a tunnel carries nothing", SILENT("none,drop")),
    IGNORED(CONN, "negotiationshunt", "a VTI without a tunnel carries nothing", SILENT("hold,drop")),
    IGNORED(CONN, "nic-offload", "minicpe does not offload to network cards; the tunnel works without", SILENT("no,auto")),
    IGNORED(CONN, "send-vendorid", "minicpe sends the vendor IDs that IKEv1 needs"),
    IGNORED(CONN, "fake-strongswan", "no headend that minicpe knows needs it", BOOL("no")),
    IGNORED(CONN, "nm-configured", "it concerns NetworkManager", BOOL("no")),
    IGNORED(CONN, "connalias", "a conn has one name here"),
    IGNORED(CONN, "debug", "write -d on the command line"),
    IGNORED(CONN, "nflog-group", "minicpe makes no firewall rules"),
    { .name = "nflog", .alias_of = "nflog-group", .scope = KEYWORD_CONN, .support = KEYWORD_IGNORED, .why = "minicpe makes no firewall rules" },
    IGNORED(CONN, "send-esp-tfc-padding-not-supported", WHY_IKEV2, BOOL("no")),
    IGNORED(CONN, "send-no-esp-tfc", WHY_IKEV2, BOOL("no")),
    IGNORED(CONN, "mobike", WHY_IKEV2, BOOL("no")),
    IGNORED(CONN, "narrowing", WHY_IKEV2, BOOL("no")),
    IGNORED(CONN, "intermediate", WHY_IKEV2, BOOL("no")),
    IGNORED(CONN, "session-resumption", WHY_IKEV2, BOOL("no")),
    IGNORED(CONN, "ms-dh-downgrade", WHY_IKEV2, BOOL("no")),
    IGNORED(CONN, "pfs-rekey-workaround", WHY_IKEV2, BOOL("no")),
    IGNORED(CONN, "share-lease", WHY_IKEV2),
    IGNORED(CONN, "accept-redirect", WHY_IKEV2, BOOL("no")),
    IGNORED(CONN, "accept-redirect-to", WHY_IKEV2),
    IGNORED(CONN, "send-redirect", WHY_IKEV2, SILENT("no")),
    IGNORED(CONN, "redirect-to", WHY_IKEV2),
    IGNORED(CONN, "ppk-ids", WHY_IKEV2),
    IGNORED(CONN, "reject-simultaneous-ike-auth", WHY_IKEV2),
    IGNORED(CONN, "ike-sa-init-full-transcript-auth", WHY_IKEV2),
    IGNORED(CONN, "dns-match-id", WHY_OPPO, BOOL("no")),
    IGNORED(CONN, "require-id-on-certificate", WHY_CERT_UNUSED),
    IGNORED(CONN, "sendca", WHY_CERT_UNUSED, SILENT("none")),
    IGNORED(CONN, "cisco-unity", "the headend is not Cisco's road-warrior server", BOOL("no")),
    IGNORED(CONN, "cisco-split", "the headend is not Cisco's road-warrior server", BOOL("no")),
    IGNORED(CONN, "remote-peer-type", "the headend is not Cisco's road-warrior server", SILENT("ietf")),
    { .name = "remote_peer_type", .alias_of = "remote-peer-type", .scope = KEYWORD_CONN, .support = KEYWORD_IGNORED, .neutral = "ietf", .why = "the headend is not Cisco's road-warrior server" },
    IGNORED(CONN, "ignore-peer-dns", "minicpe takes no DNS servers from headends"),
    IGNORED(CONN, "modecfgpull", "minicpe does no Mode Config", BOOL("no")),
    IGNORED(CONN, "modecfgdns", "minicpe does no Mode Config"),
    IGNORED(CONN, "modecfgdns1", "minicpe does no Mode Config"),
    IGNORED(CONN, "modecfgdns2", "minicpe does no Mode Config"),
    IGNORED(CONN, "modecfgdomains", "minicpe does no Mode Config"),
    IGNORED(CONN, "modecfgdomain", "minicpe does no Mode Config"),
    IGNORED(CONN, "modecfgbanner", "minicpe does no Mode Config"),
    IGNORED(CONN, "xauthby", "minicpe does no XAUTH"),
    IGNORED(CONN, "xauthfail", "minicpe does no XAUTH"),
    IGNORED(CONN, "pam-authorize", "minicpe does no XAUTH", BOOL("no")),
    IGNORED(CONN, "sareftrack", "it is of a kernel patch that is gone"),
    IGNORED(CONN, "loopback", "it is of labelled networking, long removed", BOOL("no")),
    IGNORED(CONN, "salifebytes", "it is not Libreswan's name; write ipsec-max-bytes="),

    /* refused: with them the tunnel would not be what was asked for */
    REFUSED(CONN, "aggressive", "OCI does Main Mode only, and Aggressive Mode shows a hash of the secret to anyone; write aggressive=no", BOOL("no")),
    REFUSED(CONN, "aggrmode", "OCI does Main Mode only, and Aggressive Mode shows a hash of the secret to anyone; remove it", BOOL("no")),
    REFUSED(CONN, "nat-ikev1-method", "minicpe detects NAT as RFC 3947 says; write nat-ikev1-method=rfc or remove it", SILENT("both,rfc")),
    REFUSED(CONN, "sha2-truncbug", "the 96-bit SHA2-256 of old kernels is wrong on the wire; remove it", BOOL("no")),
    REFUSED(CONN, "ipsec-interface", WHY_XFRMI, SILENT("no")),
    REFUSED(CONN, "enable-tcp", WHY_TCP "; remove it", SILENT("no")),
    REFUSED(CONN, "tcp-remoteport", WHY_TCP "; remove it"),
    REFUSED(CONN, "ppk", "post-quantum pre-shared keys need IKEv2; remove it", SILENT("no,never,propose")),
    REFUSED(CONN, "sec-label", "minicpe does not do labelled IPsec; remove it"),
    REFUSED(CONN, "policy-label", "minicpe does not do labelled IPsec; remove it"),
    REFUSED(CONN, "labeled-ipsec", "minicpe does not do labelled IPsec; remove it", BOOL("no")),
    REFUSED(CONN, "alsoflip", "Libreswan 5 removed it; write a section of its own for each direction and use also="),
    REFUSED(CONN, "iptfs", WHY_IPTFS, BOOL("no")),
    REFUSED(CONN, "iptfs-fragmentation", WHY_IPTFS), REFUSED(CONN, "iptfs-packet-size", WHY_IPTFS),
    REFUSED(CONN, "iptfs-max-queue-size", WHY_IPTFS), REFUSED(CONN, "iptfs-reorder-window", WHY_IPTFS),
    REFUSED(CONN, "iptfs-init-delay", WHY_IPTFS), REFUSED(CONN, "iptfs-drop-time", WHY_IPTFS),

    /* strongSwan's own, as its templates have them */
    REFUSED(CONN, "mark_in", WHY_STRONGSWAN_MARK), REFUSED(CONN, "mark_out", WHY_STRONGSWAN_MARK),
    REFUSED(CONN, "margintime", "it is strongSwan's name; write rekeymargin="),
    REFUSED(CONN, "if_id_in", "it is strongSwan's; " WHY_XFRMI), REFUSED(CONN, "if_id_out", "it is strongSwan's; " WHY_XFRMI),
    REFUSED(CONN, "lifebytes", "it is strongSwan's name; write ipsec-max-bytes="),
    REFUSED(CONN, "lifepackets", "it is strongSwan's name; write ipsec-max-packets="),
    IGNORED(CONN, "closeaction", "it is strongSwan's; minicpe always brings a closed tunnel up again"),
    IGNORED(CONN, "installpolicy", "it is strongSwan's; minicpe installs its policies", SILENT("yes")),
    IGNORED(CONN, "modeconfig", "it is strongSwan's; minicpe does no Mode Config"),

    /* of an end */
    REFUSED(END, "subnets", "it would make several conns of one, and the pairs must be seen in OCI's console too; write one conn for each pair of subnets with leftsubnet= and rightsubnet=, all with the same left, right, mark and vti-interface"),
    REFUSED(END, "auth", "minicpe authenticates by pre-shared key only; write authby=secret", SILENT("secret")),
    REFUSED(END, "autheap", "EAP needs IKEv2; remove it", SILENT("none")),
    REFUSED(END, "auth2", "it is strongSwan's and needs more than a pre-shared key; remove it"),
    REFUSED(END, "protoport", "OCI's tunnels carry every protocol; remove it", SILENT("0/0,%any")),
    REFUSED(END, "ikeport", "OCI listens on 500 and 4500 only; remove it", SILENT("500")),
    REFUSED(END, "addresspool", WHY_XAUTH),
    REFUSED(END, "xauthserver", WHY_XAUTH, BOOL("no")), REFUSED(END, "xauthclient", WHY_XAUTH, BOOL("no")),
    REFUSED(END, "modecfgserver", WHY_XAUTH, BOOL("no")), REFUSED(END, "modecfgclient", WHY_XAUTH, BOOL("no")),
    REFUSED(END, "cat", WHY_OPPO "; remove it", BOOL("no")),
    REFUSED(END, "groundhog", WHY_CERT, BOOL("no")),
    REFUSED(END, "cert", WHY_CERT), REFUSED(END, "ckaid", WHY_CERT), REFUSED(END, "rsasigkey", WHY_CERT, SILENT("%none")),
    REFUSED(END, "rsasigkey2", WHY_CERT), REFUSED(END, "ecdsakey", WHY_CERT), REFUSED(END, "eddsakey", WHY_CERT), REFUSED(END, "pubkey", WHY_CERT),
    REFUSED(END, "sigkey", WHY_CERT),
    IGNORED(END, "ca", WHY_CERT_UNUSED), IGNORED(END, "sendcert", WHY_CERT_UNUSED),
    IGNORED(END, "username", "minicpe does no XAUTH"), IGNORED(END, "xauthusername", "minicpe does no XAUTH"),
    IGNORED(END, "nexthop", "the kernel's routes tell the next hop", SILENT("%defaultroute,%direct")),
    IGNORED(END, "updown", "minicpe runs no updown script; it makes the link, its address and the routes itself", SILENT("%disabled,ipsec _updown,ipsec _updown.xfrm,ipsec _updown.netkey")),
    IGNORED(END, "firewall", "minicpe makes no firewall rules", SILENT("no")),
    IGNORED(END, "hostaccess", "it is strongSwan's; minicpe makes no firewall rules", SILENT("no")),
    IGNORED(END, "allowany", "it is strongSwan's; the headend's address is fixed", SILENT("no")),
    REFUSED(END, "interface-ip", WHY_XFRMI),

    /* config setup */
    { .name = "listen", .scope = KEYWORD_SETUP, .support = KEYWORD_USED, .type = KEYWORD_ADDRESS },
    { .name = "keep-alive", .scope = KEYWORD_SETUP, .support = KEYWORD_USED, .type = KEYWORD_TIME, .least = 1, .most = 3600 },
    IGNORED(SETUP, "ikev1-policy", "minicpe speaks IKEv1 whatever it says", SILENT("accept")),
    IGNORED(SETUP, "uniqueids", "one conn has one tunnel", BOOL("yes")),
    IGNORED(SETUP, "protostack", "minicpe uses the kernel's XFRM", SILENT("netkey,xfrm,native,auto")),
    IGNORED(SETUP, "interfaces", "it is obsolete in Libreswan too", SILENT("%defaultroute")),
    IGNORED(SETUP, "virtual-private", "it is for servers of road warriors"), IGNORED(SETUP, "virtual_private", "it is for servers of road warriors"),
    IGNORED(SETUP, "logfile", WHY_LOG), IGNORED(SETUP, "logtime", WHY_LOG), IGNORED(SETUP, "logappend", WHY_LOG),
    IGNORED(SETUP, "logip", WHY_LOG), IGNORED(SETUP, "syslog", WHY_LOG), IGNORED(SETUP, "plutostderrlog", WHY_LOG),
    IGNORED(SETUP, "audit-log", WHY_LOG), IGNORED(SETUP, "plutodebug", "write -d on the command line", SILENT("none")),
    IGNORED(SETUP, "klipsdebug", "it is of a kernel module that is gone"), IGNORED(SETUP, "logstderr", WHY_LOG),
    IGNORED(SETUP, "statsbin", WHY_PLUTO), IGNORED(SETUP, "dumpdir", WHY_PLUTO), IGNORED(SETUP, "rundir", WHY_PLUTO),
    IGNORED(SETUP, "ipsecdir", WHY_PLUTO), IGNORED(SETUP, "nssdir", WHY_PLUTO), IGNORED(SETUP, "secretsfile", "write -s on the command line"),
    IGNORED(SETUP, "nhelpers", WHY_PLUTO), IGNORED(SETUP, "seedbits", WHY_PLUTO), IGNORED(SETUP, "seccomp", "minicpe is always confined"),
    IGNORED(SETUP, "myvendorid", WHY_PLUTO), IGNORED(SETUP, "myid", "write leftid= in the conn"), IGNORED(SETUP, "plutofork", WHY_PLUTO),
    IGNORED(SETUP, "nat_traversal", "minicpe always detects NAT", SILENT("yes")), IGNORED(SETUP, "oe", WHY_OPPO, SILENT("off,no")),
    IGNORED(SETUP, "perpeerlog", WHY_LOG), IGNORED(SETUP, "perpeerlogdir", WHY_LOG), IGNORED(SETUP, "fragicmp", "it is of a kernel module that is gone"),
    IGNORED(SETUP, "hidetos", "it is of a kernel module that is gone"), IGNORED(SETUP, "overridemtu", "write mtu= in the conn"), IGNORED(SETUP, "strictcrlpolicy", WHY_CERT_UNUSED),
    IGNORED(SETUP, "shuntlifetime", WHY_OPPO), IGNORED(SETUP, "expire-shunt-interval", WHY_OPPO), IGNORED(SETUP, "drop-oppo-null", WHY_OPPO),
    IGNORED(SETUP, "expire-lifetime", "minicpe takes its SAs away itself"), IGNORED(SETUP, "xfrmlifetime", "minicpe takes its SAs away itself"),
    IGNORED(SETUP, "ddos-mode", WHY_DDOS), IGNORED(SETUP, "ddos-ike-threshold", WHY_DDOS), IGNORED(SETUP, "max-halfopen-ike", WHY_DDOS),
    IGNORED(SETUP, "ike-socket-bufsize", "the size is fixed"), IGNORED(SETUP, "ike-socket-errqueue", "minicpe reads ICMP errors"),
    IGNORED(SETUP, "listen-udp", "minicpe always does", SILENT("yes")), IGNORED(SETUP, "listen-tcp", WHY_TCP, SILENT("no")),
    IGNORED(SETUP, "nflog-all", "minicpe makes no firewall rules"), IGNORED(SETUP, "global-redirect", WHY_IKEV2, SILENT("no")), IGNORED(SETUP, "global-redirect-to", WHY_IKEV2),
    IGNORED(SETUP, "ipsec-interface-managed", "minicpe makes VTI links"), IGNORED(SETUP, "dns-resolver", "the host's resolver is used"),
    IGNORED(SETUP, "curl-iface", WHY_CERT_UNUSED), IGNORED(SETUP, "curl-timeout", WHY_CERT_UNUSED), IGNORED(SETUP, "crl-strict", WHY_CERT_UNUSED),
    IGNORED(SETUP, "crl-timeout", WHY_CERT_UNUSED), IGNORED(SETUP, "crlcheckinterval", WHY_CERT_UNUSED), IGNORED(SETUP, "ocsp-strict", WHY_CERT_UNUSED),
    IGNORED(SETUP, "ocsp-enable", WHY_CERT_UNUSED), IGNORED(SETUP, "ocsp-uri", WHY_CERT_UNUSED), IGNORED(SETUP, "ocsp-timeout", WHY_CERT_UNUSED),
    IGNORED(SETUP, "ocsp-trustname", WHY_CERT_UNUSED), IGNORED(SETUP, "ocsp-cache-size", WHY_CERT_UNUSED), IGNORED(SETUP, "ocsp-cache-min-age", WHY_CERT_UNUSED),
    IGNORED(SETUP, "ocsp-cache-max-age", WHY_CERT_UNUSED), IGNORED(SETUP, "ocsp-method", WHY_CERT_UNUSED),
    IGNORED(SETUP, "dnssec-enable", "the host's resolver is used"), IGNORED(SETUP, "dnssec-rootkey-file", "the host's resolver is used"),
    IGNORED(SETUP, "dnssec-anchors", "the host's resolver is used"),
    IGNORED(SETUP, "ikev1-secctx-attr-type", "minicpe does not do labelled IPsec"), IGNORED(SETUP, "secctx-attr-type", "minicpe does not do labelled IPsec"),
    IGNORED(SETUP, "charondebug", "it is strongSwan's; write -d on the command line"), IGNORED(SETUP, "cachecrls", "it is strongSwan's, of certificates"),
    IGNORED(SETUP, "charonstart", "it is strongSwan's"), IGNORED(SETUP, "plutostart", "it is strongSwan's"),
};

const size_t keyword_count = sizeof keyword_table / sizeof *keyword_table;
_Static_assert(sizeof keyword_table / sizeof *keyword_table <= KEYWORD_TABLE_MAX, "raise KEYWORD_TABLE_MAX");

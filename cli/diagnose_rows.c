/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the catalogue: what each kind of evidence most likely means, what to change at either end, in the words of OCI's
 * console, and what Oracle's log (Logging, "IPSec Logs", data.message) has of it. The first row that fits is told, so
 * the more particular ones come first. How sure: certain is what the headend said under keys that only it has, or what
 * this machine knows itself; likely is what anybody on the way could have said, or what has hardly another reason;
 * possible is what silence may mean.
 */
#include <string.h>

#include "cli/diagnose.h"

static bool is_up(const struct diagnose_case *c) { return c->tunnel->health == CONTROL_UP_NOW; }
static bool is_wished(const struct diagnose_case *c) { return c->tunnel->health == CONTROL_DOWN_BY_WISH; }
static bool is_silent(const struct diagnose_case *c) { return strcmp(c->tunnel->state, "silent") == 0; }
static bool is_routeless(const struct diagnose_case *c) { return strcmp(c->tunnel->state, "no-route") == 0; }
static bool is_unrouted(const struct diagnose_case *c) { return c->link && c->link->there && c->link->routes == 0; }

static bool gets_nothing(const struct diagnose_case *c)
{
    return is_up(c) && c->tunnel->packets_out > 0 && c->tunnel->packets_in == 0;
}

static bool gets_nothing_plainly(const struct diagnose_case *c)
{
    return gets_nothing(c) && !c->tunnel->encapsulated && c->tunnel->encapsulation == CONF_NO;
}

static bool sends_nothing(const struct diagnose_case *c)
{
    return is_up(c) && c->tunnel->packets_out == 0 && is_unrouted(c);
}

static bool sends_no_answers(const struct diagnose_case *c)
{
    return is_up(c) && c->tunnel->packets_out == 0 && c->tunnel->packets_in > 0;
}

static bool has_worked(const struct diagnose_case *c) { return c->tunnel->established > 0; }
static bool was_notified(const struct diagnose_case *c) { return c->tunnel->evidence.notified; }
static bool was_told(const struct diagnose_case *c) { return was_notified(c) && c->tunnel->evidence.authenticated; }
static bool lacks_group(const struct diagnose_case *c)
{
    enum { BAD_PROPOSAL_SYNTAX = 15, INVALID_KEY_INFORMATION = 17 };
    return was_told(c) && (c->tunnel->evidence.notify == BAD_PROPOSAL_SYNTAX || c->tunnel->evidence.notify == INVALID_KEY_INFORMATION);
}

static bool was_unreadable(const struct diagnose_case *c) { return c->tunnel->evidence.unreadable; }
static bool in_quick(const struct diagnose_case *c) { return c->tunnel->evidence.exchange == CONTROL_QUICK_MODE; }
static bool is_connecting(const struct diagnose_case *c) { return !is_up(c) && !c->tunnel->cause[0]; }

static const char psk_here[] = "the secret is read from {secret}, for {near_id} and {far_id}; copy it anew, without spaces around it";
static const char psk_oci[] = "the tunnel's page, \"Shared Secret\", \"Show\": compare it character by character; each tunnel has its own";
static const char psk_log[] = "STATE_MAIN_I3: 60 second timeout exceeded after 7 retransmits. Possible authentication failure";

static const char route_here[] = "`ip route get {remote}`; left= must be an address of this machine, or %defaultroute";

const struct diagnose_row diagnose_rows[] = {
    { .code = "taken-down", .fits = is_wished, .sure = DIAGNOSE_CERTAIN, .means = "the tunnel is not wanted up: auto=add, or `minicpe down`",
      .here = "`minicpe up {name}`; auto=start in {conf} has it up from the start" },
    { .code = "silent", .fits = is_silent, .sure = DIAGNOSE_CERTAIN,
      .means = "the tunnel is there, but the headend has stopped answering: routes avoid it meanwhile. It is being restarted, or the way "
               "to it is broken",
      .here = "ping {remote} and look at this site's way to the internet; nothing else is needed here, it comes back by itself",
      .oci = "the tunnel's page: \"IPSec status\"; Oracle may be at maintenance on this tunnel, which is why there are two" },
    { .code = "no-route", .fits = is_routeless, .sure = DIAGNOSE_CERTAIN,
      .means = "this machine has no route to {remote}, or left= is no address of it", .here = route_here },
    { .code = "nat", .fits = gets_nothing_plainly, .sure = DIAGNOSE_POSSIBLE,
      .means = "packets go out as plain ESP, because of encapsulation=no, and none comes back: a NAT on the way, or a filter, does not pass "
               "IP protocol 50",
      .here = "encapsulation=yes, or auto, in {conf}; or let the firewall pass IP protocol 50 to and from {remote}",
      .oci = "the tunnel's \"NAT-T enabled\" is Auto or Enabled" },
    { .code = "traffic-in-zero", .fits = gets_nothing, .sure = DIAGNOSE_LIKELY,
      .means = "packets go out by this tunnel and none comes back by it. Either they get lost beyond the headend, or the answers take the "
               "other tunnel, or ESP (IP protocol 50, or UDP 4500) is filtered towards this machine",
      .here = "let the firewall pass ESP and UDP 4500 from {remote}; let packets in at {interface}; rp_filter of it is 0",
      .oci = "the subnet's security list and network security groups must allow {near_subnet}; the VCN's route table must lead "
             "{near_subnet} to the DRG; answers may come by either tunnel, so both must be taken" },
    { .code = "no-route-into-tunnel", .fits = sends_nothing, .sure = DIAGNOSE_CERTAIN,
      .means = "the tunnel is up, but no route leads into it, so nothing is sent",
      .here = "`ip route replace {far_subnet} dev {interface}`, or vti-routing=yes in {conf}, or BGP" },
    { .code = "no-answers-sent", .fits = sends_no_answers, .sure = DIAGNOSE_LIKELY,
      .means = "packets come in by this tunnel and nothing goes out by it: answers take another way, or are dropped here",
      .here = "the route to {far_subnet} must lead into {interface}; net.ipv4.ip_forward is 1; the firewall lets packets of {interface} through" },
    { .code = "up", .fits = is_up, .sure = DIAGNOSE_CERTAIN, .fine = true, .means = "the tunnel is up and nothing speaks against it" },
    { .code = "ike-version", .cause = "ike-version", .sure = DIAGNOSE_LIKELY,
      .means = "the headend speaks IKE version 2 on this tunnel, and version 1 is spoken here",
      .here = "nothing", .oci = "edit the tunnel: \"IKE version\" IKEv1; the tunnel is down meanwhile",
      .oracle_log = "STATE_V2_PARENT_I1: 60 second timeout exceeded after 7 retransmits; dropping unexpected IKE_SA_INIT message" },
    { .code = "ike-proposal", .cause = "ike-proposal", .sure = DIAGNOSE_LIKELY,
      .means = "nothing of what was offered for phase 1 suits the headend; or it takes no IKE version 1 from this address at all",
      .here = "ike= offers {ike}; name what the tunnel has: OCI's default takes aes_cbc256-sha2_384;modp1536 (group 5)",
      .oci = "the tunnel's \"Phase one (ISAKMP) configuration\": encryption, authentication, Diffie-Hellman group; \"IKE version\" IKEv1; the "
             "CPE object's public IP address is this site's",
      .oracle_log = "no acceptable Oakley Transform; Oakley Transform [...] refused" },
    { .code = "psk-mismatch", .cause = "psk-mismatch", .fits = was_unreadable, .sure = DIAGNOSE_LIKELY,
      .means = "what the headend sends encrypted cannot be read: the two ends have different secrets", .here = psk_here, .oci = psk_oci,
      .oracle_log = psk_log },
    { .code = "psk-mismatch", .cause = "psk-mismatch", .fits = was_notified, .sure = DIAGNOSE_LIKELY,
      .means = "the headend could not read what was sent encrypted: the two ends have different secrets", .here = psk_here, .oci = psk_oci,
      .oracle_log = "Mismatched Pre-shared key; probable authentication failure; computed hash does not match hash received from peer" },
    { .code = "psk-mismatch", .cause = "psk-mismatch", .sure = DIAGNOSE_POSSIBLE,
      .means = "the headend went silent when the first encrypted message came: most often the secrets differ; if that message goes by UDP "
               "4500 (NAT, or encapsulation=yes), a filter on 4500 looks the same, and so does an identity that it does not know",
      .here = "the secret is read from {secret}, for {near_id} and {far_id}; UDP 4500 to and from {remote} must pass",
      .oci = "the tunnel's page, \"Shared Secret\", \"Show\"; \"CPE IKE identifier\" is {near_id}", .oracle_log = psk_log },
    { .code = "ike-id", .cause = "ike-id", .fits = was_told, .sure = DIAGNOSE_CERTAIN,
      .means = "the headend has the right secret, but knows this end by another identity than {near_id}",
      .here = "leftid= is what OCI has as \"CPE IKE identifier\": behind NAT that is usually the public address, not this machine's own",
      .oci = "the connection's \"CPE IKE identifier\": set it to {near_id}; that takes the connection down for a while",
      .oracle_log = "Peer ID '{near_id}' mismatched on first found connection and no better connection found" },
    { .code = "ike-id", .cause = "ike-id", .fits = was_notified, .sure = DIAGNOSE_LIKELY,
      .means = "the headend refuses the identity {near_id}",
      .here = "leftid= is what OCI has as \"CPE IKE identifier\"", .oci = "the connection's \"CPE IKE identifier\": set it to {near_id}",
      .oracle_log = "Peer ID '{near_id}' mismatched on first found connection and no better connection found" },
    { .code = "ike-id", .cause = "ike-id", .fits = was_unreadable, .sure = DIAGNOSE_LIKELY,
      .means = "the headend could read what was sent encrypted, so the secret is right, and answered with an error: most often it knows "
               "this end by another identity than {near_id}",
      .here = "leftid= is what OCI has as \"CPE IKE identifier\": behind NAT that is usually the public address, not this machine's own",
      .oci = "the connection's \"CPE IKE identifier\": set it to {near_id}; that takes the connection down for a while",
      .oracle_log = "Peer ID '{near_id}' mismatched on first found connection and no better connection found" },
    { .code = "ike-id", .cause = "ike-id", .sure = DIAGNOSE_CERTAIN,
      .means = "the headend has the right secret and says to be somebody else than {far_id}, or an identity that differs from leftid= here",
      .here = "rightid= is the headend's \"Oracle VPN IP address\"; leave it out, and it is right=",
      .oci = "the tunnel's page: \"Oracle VPN IP address\"" },
    { .code = "pfs", .cause = "pfs", .fits = lacks_group, .sure = DIAGNOSE_LIKELY,
      .means = "the headend does not have the group for perfect forward secrecy that was offered",
      .here = "phase2alg= is {esp}; its group, behind the semicolon, must be the tunnel's; pfs=no for none",
      .oci = "\"Phase two (IPSec) configuration\": \"Perfect forward secrecy Diffie-Hellman group\"; GROUP5 is the default",
      .oracle_log = "OAKLEY_GROUP [...] not supported" },
    { .code = "pfs", .cause = "pfs", .sure = DIAGNOSE_CERTAIN,
      .means = "the groups for perfect forward secrecy differ: the headend itself wants another one, or none",
      .here = "phase2alg= is {esp}; its group, behind the semicolon, must be the tunnel's; pfs=no for none",
      .oci = "\"Phase two (IPSec) configuration\": \"Perfect forward secrecy Diffie-Hellman group\"; GROUP5 is the default",
      .oracle_log = "ignoring informational payload NO_PROPOSAL_CHOSEN" },
    { .code = "esp-proposal", .cause = "esp-proposal", .sure = DIAGNOSE_CERTAIN,
      .means = "nothing of what was offered for phase 2 suits the headend: encryption, authentication, or the group for perfect forward "
               "secrecy (a different group, or none, is refused in the same words)",
      .here = "phase2alg= and pfs= offer {esp}; OCI's default takes aes_gcm256;modp1536 (group 5)",
      .oci = "the tunnel's \"Phase two (IPSec) configuration\": encryption, authentication, \"Perfect forward secrecy Diffie-Hellman group\"",
      .oracle_log = "ignoring informational payload NO_PROPOSAL_CHOSEN, msgid=" },
    { .code = "subnets", .cause = "subnets", .sure = DIAGNOSE_CERTAIN,
      .means = "the headend knows no connection for {near_subnet} here and {far_subnet} there",
      .here = "leftsubnet=0.0.0.0/0 and rightsubnet=0.0.0.0/0 for tunnels with static routes or BGP; the very pairs for POLICY tunnels",
      .oci = "\"Routing type\" of the tunnel; for policy-based routing \"On-premises\" and \"Oracle Cloud\" encryption domains",
      .oracle_log = "cannot respond to IPsec SA request because no connection is known for" },
    { .code = "kernel", .cause = "kernel", .sure = DIAGNOSE_CERTAIN,
      .means = "this machine's kernel refused the tunnel's association: a module is missing (esp4, xfrm_user, ip_vti), or another daemon's "
               "policy or association is in the way",
      .here = "`minicpe check`; `ip xfrm policy` and `ip xfrm state nokeys` show whose they are; stop other IKE daemons" },
    { .code = "no-route", .cause = "no-route", .sure = DIAGNOSE_CERTAIN, .means = "this machine's address towards {remote} has changed",
      .here = route_here },
    { .code = "peer-dead", .cause = "peer-dead", .sure = DIAGNOSE_CERTAIN,
      .means = "the headend answered no probe for {dpd}: it, or the way to it, is gone",
      .here = "ping {remote}; nothing else is needed here, it is tried again all the time",
      .oci = "the tunnel's page: \"IPSec status\"; look for a maintenance announcement" },
    { .code = "peer-deleted", .cause = "peer-deleted", .sure = DIAGNOSE_CERTAIN,
      .means = "the headend took the tunnel down itself: it is being reprovisioned, edited or restarted",
      .here = "nothing: it is tried again all the time", .oci = "was the tunnel edited? Its \"Lifecycle state\" is Available when it is ready" },
    { .code = "quick-unanswered", .cause = "lost-answer", .fits = in_quick, .sure = DIAGNOSE_POSSIBLE,
      .means = "phase 1 is there, but the headend does not answer phase 2: it dislikes the subnets, the proposal or the group without "
               "saying so, or it has forgotten phase 1",
      .here = "phase2alg= offers {esp}; the subnets are {near_subnet} here and {far_subnet} there",
      .oci = "the tunnel's \"Phase two (IPSec) configuration\" and its encryption domain",
      .oracle_log = "cannot respond to IPsec SA request because no connection is known for" },
    { .code = "lost-answer", .cause = "lost-answer", .sure = DIAGNOSE_POSSIBLE,
      .means = "the headend began to answer and stopped: messages get lost on the way, IP fragments among them, or the headend is overloaded",
      .here = "let IP fragments and UDP 500 and 4500 from {remote} pass the firewall; try the way with `ping -s 1400 {remote}`" },
    { .code = "protocol", .cause = "protocol", .sure = DIAGNOSE_LIKELY,
      .means = "the headend said what does not fit the protocol, or an error that is not foreseen at this point",
      .here = "`minicpe log debug` shows which message it is", .oci = "the IPSec logs at the same time" },
    { .code = "no-answer-any-more", .cause = "no-answer", .fits = has_worked, .sure = DIAGNOSE_LIKELY,
      .means = "the headend answered earlier and does not any more: it is down, or the way to it, or a filter is new, or this site has a "
               "new public address",
      .here = "ping {remote}; what has changed at the firewall or the internet access?",
      .oci = "the tunnel's page: \"IPSec status\", \"Lifecycle state\"; the CPE object's public IP address" },
    { .code = "no-answer", .cause = "no-answer", .sure = DIAGNOSE_LIKELY,
      .means = "nothing comes back from {remote}: UDP 500 is filtered on the way, right= is not the tunnel's address, the tunnel is not "
               "provisioned, or OCI knows this site by another public address",
      .here = "right= is {remote}; let UDP 500 and 4500 to and from it pass; `curl -4 https://ifconfig.me` shows the public address",
      .oci = "\"Oracle VPN IP address\" of the tunnel; \"Lifecycle state\" Available; the CPE object's public IP address is this site's",
      .oracle_log = "nothing: the messages do not get there" },
    { .code = "connecting", .fits = is_connecting, .sure = DIAGNOSE_CERTAIN, .fine = true,
      .means = "the tunnel is coming up, and nothing has failed yet: ask again in a few seconds" },
    { .code = "unknown", .sure = DIAGNOSE_POSSIBLE, .means = "what was seen fits nothing that is known here",
      .here = "`minicpe log debug`, and look at the log; the message is of interest to the authors" },
};

const size_t diagnose_row_count = sizeof diagnose_rows / sizeof *diagnose_rows;

const struct diagnose_row *diagnose_find(const struct diagnose_case *c)
{
    const struct diagnose_row *row = diagnose_rows;
    for (;; row++) {
        bool cause_fits = !row->cause || (!is_up(c) && strcmp(row->cause, c->tunnel->cause) == 0);
        if ((cause_fits && (!row->fits || row->fits(c))) || row == &diagnose_rows[diagnose_row_count - 1])
            return row;
    }
}

/* ---- beside it ---- */

/* With encapsulation=yes both ends pretend to have one; then an identity other than the own address tells. */
static bool behind_nat(const struct diagnose_case *c)
{
    const struct control_tunnel *t = c->tunnel;
    char local[ADDR_TEXT_MAX];
    bool pretended = t->encapsulation == CONF_YES && strcmp(t->near_id, addr_print(&t->local.addr, local)) == 0;
    return t->isakmp_up && t->nat_near && !pretended;
}
static bool without_dpd(const struct diagnose_case *c) { return c->tunnel->isakmp_up && c->tunnel->dpd_delay && !c->tunnel->dpd; }
static bool has_failed_before(const struct diagnose_case *c) { return is_up(c) && c->tunnel->cause[0]; }

static const struct {
    bool (*fits)(const struct diagnose_case *);
    const char *text;
} notes[] = {
    { behind_nat, "a NAT is between this machine and the headend, and ESP goes in UDP 4500: that is fine. OCI must know this site by the NAT's "
                  "public address, and \"NAT-T enabled\" of the tunnel must not be Disabled" },
    { without_dpd, "the headend does not say that it has dead peer detection, so its death is noticed by its silence alone" },
    { is_unrouted, "no route leads into {interface}" },
    { has_failed_before, "it failed before: {cause}, {cause_ago} ago" },
};

const char *diagnose_note(const struct diagnose_case *c, size_t index)
{
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
        if (notes[i].fits(c) && index-- == 0)
            return notes[i].text;
    return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the fourth pass: do the values of one conn make sense together, and what holds where they do not say.
 * Entry points: check_conn, check_near_guess. Errors are for what cannot work; warnings for what works otherwise
 * than it reads, or badly; notes for what a person may want to know.
 */
#include "conf/parse.h"

#include "conf/ids.h"
#include "conf/proposals.h"

#include <stdio.h>

static const char *const sides[] = { "left", "right" };

static bool is_near_word(const struct conf_end *end)
{
    return end->host == CONF_HOST_DEFAULTROUTE || end->host == CONF_HOST_INTERFACE;
}

/* The near end as far as the file tells: the one with %defaultroute, else the one with a VTI address; -1: no telling. */
int check_near_guess(const struct conf_conn *conn)
{
    if (is_near_word(&conn->end[0]) != is_near_word(&conn->end[1]))
        return is_near_word(&conn->end[1]);
    if ((conn->end[0].vti.addr.family == ADDR_NONE) != (conn->end[1].vti.addr.family == ADDR_NONE))
        return conn->end[0].vti.addr.family == ADDR_NONE;
    return -1;
}

static void check_end(struct load *load, const struct draft *draft, int side)
{
    const struct conf_end *end = &draft->conn.end[side];
    struct place at = draft_place(draft, sides[side]);
    if (!draft_setting(draft, sides[side]))
        report_error(load->report, draft->at, "conn %s has no %s=; write the address of that end (or %%defaultroute "
                     "for the CPE's own)", SHOW(draft->conn.name), sides[side]);
    else if (end->host == CONF_HOST_ANY && end->text[0])
        report_error(load->report, at, "%s=%s names no address; minicpe dials its headends; write %%defaultroute for "
                     "the CPE's end, the address from OCI's console for the other", sides[side], SHOW(end->text));
    else if (end->host == CONF_HOST_NAME)
        report_warning(load->report, at, "%s=%s is looked up when the daemon starts, so a name server must "
                       "answer by then; an address is surer", sides[side], SHOW(end->text));
}

static void check_ends(struct load *load, struct draft *draft)
{
    const struct conf_end *left = &draft->conn.end[0], *right = &draft->conn.end[1];
    check_end(load, draft, 0);
    check_end(load, draft, 1);
    for (int side = 0; side < 2; side++)
        draft->broken |= draft->conn.end[side].host == CONF_HOST_ANY && draft->conn.end[side].text[0];
    if (left->text[0] && right->text[0] && is_near_word(left) && is_near_word(right))
        report_error(load->report, draft_place(draft, "right"), "left= and right= both mean this host; one end must be "
                     "the headend's address from OCI's console");
    else if (left->addr.family != ADDR_NONE && addr_equal(&left->addr, &right->addr))
        report_error(load->report, draft_place(draft, "right"), "left= and right= are the same address; one end must "
                     "be the headend's address from OCI's console");
}

static bool said_before(struct load *load, const char *key)
{
    int end;
    bool *noted = &load->noted[keyword_index(keyword_find(key, KEYWORD_CONN, &end))], before = *noted;
    *noted = true;
    return before;
}

static void check_version(struct load *load, const struct draft *draft)
{
    const struct setting *exchange = draft_setting(draft, "keyexchange");
    if (draft_setting(draft, "ikev2") || (exchange && strcasecmp(exchange->value, "ike") != 0) ||
        said_before(load, "keyexchange"))
        return;
    report_note(load->report, draft->at, "conn %s does not say which IKE it speaks; minicpe speaks IKEv1, Libreswan "
                "would speak IKEv2 here; write ikev2=no to have the same in both", SHOW(draft->conn.name));
}

/* What a selector is when the file is silent: the whole end, so its address. */
static void check_subnets(struct load *load, const struct draft *draft)
{
    const struct prefix *left = &draft->conn.end[0].subnet, *right = &draft->conn.end[1].subnet;
    bool both = left->addr.family != ADDR_NONE && right->addr.family != ADDR_NONE;
    if (both && left->addr.family != right->addr.family)
        report_error(load->report, draft_place(draft, "rightsubnet"), "leftsubnet= and rightsubnet= are of different "
                     "families; one is IPv4, the other IPv6; write a conn for each family");
    for (int side = 0; side < 2; side++) {
        char key[16], list[16];
        snprintf(key, sizeof key, "%ssubnet", sides[side]);
        snprintf(list, sizeof list, "%ssubnets", sides[side]);
        if (!draft_setting(draft, key) && !draft_setting(draft, list))
            report_warning(load->report, draft->at, "conn %s has no %s=, so that end of the tunnel is the one address "
                           "%s= alone; write %s=0.0.0.0/0 or the subnet behind it", SHOW(draft->conn.name), key,
                           sides[side], key);
    }
}

static void check_proposals(struct load *load, struct draft *draft)
{
    struct conf_conn *conn = &draft->conn;
    struct proposal_ike_list ike;
    struct proposal_esp_list esp;
    if (!draft_setting(draft, "ike")) {
        proposals_default_ike(&ike);
        memcpy(conn->ike, ike.rows, sizeof conn->ike);
        conn->ike_count = ike.count;
    }
    if (!draft_setting(draft, "esp")) {
        proposals_default_esp(&esp);
        memcpy(conn->esp, esp.rows, sizeof conn->esp);
        conn->esp_count = esp.count;
        conn->pfs_group = esp.group;
    } else if (!conn->pfs && conn->pfs_group) {
        report_warning(load->report, draft_place(draft, "pfs"), "pfs=no, so the group in %s= is not used; remove the "
                       "group, or write pfs=yes as OCI has it by default", SHOW(draft_setting(draft, "esp")->key));
    }
    if (!conn->pfs)
        conn->pfs_group = 0;
}

/* Rekeying must begin after the SA does, at its latest moment too. */
static void check_lifetimes(struct load *load, struct draft *draft)
{
    struct conf_conn *conn = &draft->conn;
    uint32_t shorter = conn->ike_lifetime < conn->sa_lifetime ? conn->ike_lifetime : conn->sa_lifetime;
    uint64_t earliest = (uint64_t)conn->rekey_margin * (100u + conn->rekey_fuzz) / 100;
    if (!conn->rekey || earliest < shorter || draft_is_bad(draft, "ikelifetime") || draft_is_bad(draft, "salifetime") ||
        draft_is_bad(draft, "rekeymargin") || draft_is_bad(draft, "rekeyfuzz"))
        return;
    uint32_t margin = shorter * 50 / (100u + conn->rekey_fuzz);
    const char *key = draft_setting(draft, "rekeymargin") ? "rekeymargin" : "rekeyfuzz";
    if (draft_setting(draft, key))
        report_warning(load->report, draft_place(draft, key), "rekeymargin and rekeyfuzz together begin rekeying up to "
                       "%llu s before the end, but the shorter lifetime is %u s; a margin of %u s is used; write "
                       "rekeymargin=%us or a longer lifetime", (unsigned long long)earliest, (unsigned)shorter,
                       (unsigned)margin, (unsigned)margin);
    conn->rekey_margin = margin;
}

static void dpd_warn(struct load *load, const struct draft *draft, const char *key, const char *what)
{
    report_warning(load->report, draft_place(draft, key), "%s; dpddelay=%us and dpdtimeout=%us are used; write both", what,
                   (unsigned)draft->conn.dpd_delay, (unsigned)draft->conn.dpd_timeout);
}

static void check_dpd(struct load *load, struct draft *draft)
{
    struct conf_conn *conn = &draft->conn;
    bool delay = draft_setting(draft, "dpddelay"), timeout = draft_setting(draft, "dpdtimeout");
    if (draft_is_bad(draft, "dpddelay") || draft_is_bad(draft, "dpdtimeout"))
        return;
    if ((delay && conn->dpd_delay == 0) || (timeout && conn->dpd_timeout == 0)) {
        conn->dpd_delay = conn->dpd_timeout = 0;
        report_note(load->report, draft_place(draft, delay ? "dpddelay" : "dpdtimeout"), "dead headends are not looked "
                    "for; a headend that vanishes is noticed when the tunnel is next rekeyed");
    } else if (delay && !timeout) {
        conn->dpd_timeout = 3 * conn->dpd_delay;
        dpd_warn(load, draft, "dpddelay", "dpddelay= without dpdtimeout= is ignored by Libreswan");
    } else if (timeout && !delay) {
        conn->dpd_delay = conn->dpd_timeout < 6 ? 2 : conn->dpd_timeout / 3;
        conn->dpd_timeout = conn->dpd_timeout < 6 ? 6 : conn->dpd_timeout;
        dpd_warn(load, draft, "dpdtimeout", "dpdtimeout= without dpddelay= is ignored by Libreswan");
    } else if (conn->dpd_timeout < conn->dpd_delay) {
        conn->dpd_timeout = 3 * conn->dpd_delay;
        dpd_warn(load, draft, "dpdtimeout", "dpdtimeout= is shorter than dpddelay=, so no answer could come in time");
    }
}

static void check_replay(struct load *load, struct draft *draft)
{
    uint32_t *window = &draft->conn.replay_window;
    if (*window == 0)
        report_warning(load->report, draft_place(draft, "replay-window"), "replay-window=0 lets recorded packets be "
                       "sent again; remove the line");
    if (*window == 0 || *window >= 128)
        return;
    report_note(load->report, draft_place(draft, "replay-window"), "replay-window=%u is raised to 128, which costs "
                "nothing and keeps reordered packets", (unsigned)*window);
    *window = 128;
}

static void check_mark(struct load *load, struct draft *draft)
{
    bool both = draft_setting(draft, "mark"), in = draft_setting(draft, "mark-in"), out = draft_setting(draft, "mark-out");
    const struct conf_conn *conn = &draft->conn;
    if (both && (in || out))
        report_error(load->report, draft_place(draft, in ? "mark-in" : "mark-out"), "mark= at %s says it for both "
                     "directions already; remove one of them",
                     SHOW_PLACE(draft_place(draft, "mark"), draft_place(draft, in ? "mark-in" : "mark-out").file));
    else if (in != out)
        report_error(load->report, draft_place(draft, in ? "mark-in" : "mark-out"), "%s= needs %s= beside it; write "
                     "mark= for both directions", in ? "mark-in" : "mark-out", in ? "mark-out" : "mark-in");
    else if (conn->vti_interface[0] && conn->mark_set &&
             !((conn->mark_in || conn->mark_in_unique) && (conn->mark_out || conn->mark_out_unique)))
        report_error(load->report, draft_place(draft, both ? "mark" : "mark-in"), "a mark of 0 is what every packet has, "
                     "so a VTI needs another; write for example mark=5/0xffffffff");
}

/* What the selectors do not cover the tunnel would not carry. */
static void check_routes(struct load *load, const struct draft *draft)
{
    const struct conf_conn *conn = &draft->conn;
    const struct prefix *far = &conn->end[check_near_guess(conn) == 1 ? 0 : 1].subnet;
    char text[PREFIX_TEXT_MAX], subnet[PREFIX_TEXT_MAX];
    for (size_t i = 0; far->addr.family != ADDR_NONE && i < conn->route_count; i++)
        if (far->length > conn->routes[i].length || !prefix_contains(far, &conn->routes[i].addr))
            report_error(load->report, draft_place(draft, "x-minicpe-route"), "x-minicpe-route= leads %s into the tunnel, which "
                         "carries %s only; widen the far subnet of the conn, or take it out", prefix_print(&conn->routes[i], text),
                         prefix_print(far, subnet));
    if (conn->route_count && !draft_setting(draft, "vti-interface"))
        report_warning(load->report, draft_place(draft, "x-minicpe-route"), "x-minicpe-route= has no VTI to route into; add "
                       "vti-interface= and mark=");
}

/* ip_vti0 comes with the module; all and default are folders beside the links' in /proc/sys. */
static bool is_kernels_own(const char *link)
{
    static const char *const names[] = { "lo", "ip_vti0", "all", "default" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], link) == 0)
            return true;
    return false;
}

static void check_vti(struct load *load, struct draft *draft)
{
    const struct conf_conn *conn = &draft->conn;
    const struct setting *vti = draft_setting(draft, "vti-interface");
    if (vti && !conn->mark_set && !draft->broken)
        report_error(load->report, vti->at, "vti-interface= needs a mark, or the link cannot tell its tunnel (Libreswan "
                     "ignores the line in silence); add for example mark=5/0xffffffff, another for each tunnel");
    if (vti && is_kernels_own(conn->vti_interface))
        report_error(load->report, vti->at, "vti-interface=%s is a name that the kernel has for itself; choose another name, for example "
                     "vti01", conn->vti_interface);
    if (vti)
        return;
    if (conn->vti_routing)
        report_warning(load->report, draft_place(draft, "vti-routing"), "vti-routing=yes has no VTI to route into; add "
                       "vti-interface= and mark=");
    if (!said_before(load, "vti-interface"))
        report_note(load->report, draft->at, "conn %s has no vti-interface=, so what its subnets say is encrypted by policy; "
                "there is no link to route to, to watch or to put an address on", SHOW(conn->name));
}

static bool everything(const struct prefix *p)
{
    return p->addr.family != ADDR_NONE && p->length == 0;
}

/* Said once: the commonest surprise is a tunnel that is up and carries nothing, for want of a route. */
static void check_routing(struct load *load, const struct draft *draft)
{
    const struct conf_conn *conn = &draft->conn;
    int near = check_near_guess(conn);
    if (!conn->vti_interface[0] || conn->vti_routing || conn->route_count || draft_is_bad(draft, "vti-routing") ||
        draft_is_bad(draft, "x-minicpe-route") || said_before(load, "vti-routing"))
        return;
    bool all = everything(&conn->end[near == 1 ? 0 : 1].subnet);
    report_note(load->report, draft_place(draft, "vti-routing"), all
                ? "routes through the VTIs are yours to make, with ip route or, for BGP, FRR; x-minicpe-route=10.0.0.0/16, "
                  "with the VCN's networks, would make minicpe route them over all tunnels that are alive, and only over them"
                : "routes through the VTIs are yours to make, with ip route; vti-routing=yes would make minicpe route the "
                  "far subnet over all tunnels that are alive, and only over them");
}

struct range {
    uint32_t first, last;
};

/* 169.254 ranges that OCI keeps for itself (oci: "Inside tunnel IPs"). */
static bool is_kept_by_oci(const struct addr *addr)
{
    static const struct range kept[] = {
        { 0xa9fe0a00, 0xa9fe13ff }, { 0xa9fe6400, 0xa9fe6dff }, { 0xa9fec000, 0xa9fec9ff },
    };
    uint32_t value = (uint32_t)addr->octets[0] << 24 | (uint32_t)addr->octets[1] << 16 | (uint32_t)addr->octets[2] << 8 |
                     addr->octets[3];
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (addr->family == ADDR_V4 && value >= kept[i].first && value <= kept[i].last)
            return true;
    return false;
}

static void check_inside_address(struct load *load, const struct draft *draft, int side)
{
    const struct prefix *vti = &draft->conn.end[side].vti;
    char key[16];
    snprintf(key, sizeof key, "%svti", sides[side]);
    if (vti->addr.family != ADDR_V4)
        return;
    struct place at = draft_place(draft, key);
    unsigned host = (unsigned)vti->addr.octets[3] & 3;
    if (!draft->conn.vti_interface[0] && !draft_setting(draft, "vti-interface"))
        report_warning(load->report, at, "%s= has no vti-interface= to put the address on, so it is not used", key);
    if (vti->length != 30 && vti->length != 31)
        report_warning(load->report, at, "%s= is a /%u; OCI's inside tunnel interface is a /30 or /31; copy it from the "
                       "tunnel's page", key, (unsigned)vti->length);
    else if (vti->length == 30 && (host == 0 || host == 3))
        report_error(load->report, at, "%s= is the %s address of its /30, which no interface can have; copy the CPE's "
                     "inside address from the tunnel's page", key, host ? "broadcast" : "network");
    if (is_kept_by_oci(&vti->addr))
        report_warning(load->report, at, "%s= is in a range that OCI keeps for itself (169.254.10.0-19.255, "
                       "100.0-109.255, 192.0-201.255); choose another in OCI's console and here", key);
}

/* The two of one tunnel are the two of one subnet. */
static void check_inside_pair(struct load *load, const struct draft *draft)
{
    const struct prefix *left = &draft->conn.end[0].vti, *right = &draft->conn.end[1].vti;
    if (left->addr.family == ADDR_NONE || left->addr.family != right->addr.family ||
        (prefix_contains(left, &right->addr) && !addr_equal(&left->addr, &right->addr)))
        return;
    report_warning(load->report, draft_place(draft, "rightvti"), "leftvti= and rightvti= are not the two addresses of one subnet, so "
                   "the ends would not find each other; copy both from the tunnel's page");
}

struct conf_id check_identity(const struct conf_end *end)
{
    return end->id.type ? end->id : conf_id_of_addr(&end->addr);
}

static void check_identities(struct load *load, const struct draft *draft)
{
    struct conf_id left = check_identity(&draft->conn.end[0]), right = check_identity(&draft->conn.end[1]);
    char text[CONF_ID_TEXT_MAX];
    if (!left.type || !conf_id_equal(&left, &right) || addr_equal(&draft->conn.end[0].addr, &draft->conn.end[1].addr))
        return;
    report_warning(load->report, draft_place(draft, draft->conn.end[1].id.type ? "rightid" : "leftid"), "both ends would have the identity "
                   "%s; leftid= is the CPE IKE identifier of OCI's console, rightid= the headend's address", SHOW(conf_id_print(&left, text)));
}

/* The daemon makes no such route, since the tunnel's own packets would go into the tunnel. */
static void check_headend_route(struct load *load, const struct draft *draft)
{
    const struct conf_conn *conn = &draft->conn;
    int far = check_near_guess(conn) == 1 ? 0 : 1;
    bool list = conn->route_count > 0;
    size_t count = list ? conn->route_count : conn->vti_routing;
    char text[PREFIX_TEXT_MAX], headend[ADDR_TEXT_MAX];
    for (size_t i = 0; conn->vti_interface[0] && i < count; i++) {
        const struct prefix *to = list ? &conn->routes[i] : &conn->end[far].subnet;
        if (to->addr.family == ADDR_NONE || to->addr.family != conn->end[far].addr.family || !prefix_contains(to, &conn->end[far].addr))
            continue;
        report_warning(load->report, draft_place(draft, list ? "x-minicpe-route" : "vti-routing"), "no route is made to %s, because the headend "
                       "%s lies in it, and the tunnel's own packets would go into the tunnel; say x-minicpe-route= with the VCN's networks, or "
                       "make routes yourself", prefix_print(to, text), addr_print(&conn->end[far].addr, headend));
        return;
    }
}

void check_conn(struct load *load, struct draft *draft)
{
    check_ends(load, draft);
    if (!draft_setting(draft, "left") || !draft_setting(draft, "right"))
        return;                       /* half a conn: what else there would be to say follows from that */
    check_version(load, draft);
    check_subnets(load, draft);
    check_proposals(load, draft);
    check_lifetimes(load, draft);
    check_dpd(load, draft);
    check_replay(load, draft);
    check_mark(load, draft);
    check_vti(load, draft);
    check_routes(load, draft);
    check_inside_address(load, draft, 0);
    check_inside_address(load, draft, 1);
    check_inside_pair(load, draft);
    check_identities(load, draft);
    check_headend_route(load, draft);
    check_routing(load, draft);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the two configurations, written as a person writes them and read by conf/. The parameters are the tutorial's
 * unless a test says otherwise; where many exchanges are run the tests ask for ECP groups, which cost less.
 */
#include "tests/sim/world.h"

#include "conf/parse.h"

#include <stdio.h>

#define PUBLIC "198.51.100.7"
#define PRIVATE "10.0.0.10"
#define HEADEND "192.0.2.1"

static const char *const tutorial = "\tike=aes_cbc256-sha2_384;modp1536\n\tphase2alg=aes_gcm256;modp1536\n"
                                    "\tikelifetime=28800s\n\tsalifetime=3600s\n";

static void put(char **at, const char *end, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void put(char **at, const char *end, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(*at, (size_t)(end - *at), format, arguments);
    va_end(arguments);
    assert_true(n >= 0 && n < end - *at);
    *at += n;
}

static void put_conn(const struct world *w, int index, size_t conn, char **at, const char *end)
{
    const struct options *o = &w->options;
    const char *near = o->subnets[0][0] ? o->subnets[conn][NEAR] : "192.168.3.0/24";
    const char *far = o->subnets[0][0] ? o->subnets[conn][FAR] : "10.0.2.0/24";
    if (index == FAR && o->far_subnets[conn][0]) {
        near = o->far_subnets[conn][NEAR];
        far = o->far_subnets[conn][FAR];
    }
    put(at, end, "conn t%zu\n\tauthby=secret\n\tikev2=no\n", conn + 1);
    if (index == NEAR)
        put(at, end, "\tleft=%%defaultroute\n\tleftid=" PUBLIC "\n\tright=" HEADEND "\n\tleftsubnet=%s\n\trightsubnet=%s\n", near, far);
    else
        put(at, end, "\tleft=" HEADEND "\n\tright=" PUBLIC "\n\tleftsubnet=%s\n\trightsubnet=%s\n", far, near);
    if (!o->common || !strstr(o->common, "ike="))
        put(at, end, "%s", tutorial);
    put(at, end, "\tmark=5/0xffffffff\n\tvti-interface=vti01\n\tvti-routing=no\n");
    const char *own = o->conn_extra[conn][index] ? o->conn_extra[conn][index] : "";
    const char *extra = o->extra[index] ? o->extra[index] : "";
    if (!strstr(extra, "auto=") && !strstr(own, "auto="))
        put(at, end, "\tauto=%s\n", index == NEAR ? "start" : "add");
    put(at, end, "%s%s%s", o->common ? o->common : "", extra, own);
}

static struct addr addr_of(const char *text)
{
    struct addr a;
    assert_true(addr_parse(&a, text));
    return a;
}

void setup_conf(struct world *w, int index)
{
    struct end *end = &w->ends[index];
    const struct options *o = &w->options;
    static char text[16384];
    const char *secrets = PUBLIC " " HEADEND ": PSK \"Shared secret of tunnel 1\"\n";
    char *at = text, *limit = text + sizeof text;
    w->network.public_addr = addr_of(PUBLIC);
    size_t conns = 0;
    do
        put_conn(w, index, conns++, &at, limit);
    while (conns < WORLD_CONNS_MAX && (o->subnets[conns][0] || (index == FAR && o->far_subnets[conns][0])));
    w->conns = index == NEAR ? conns : w->conns; /* those that both ends have come first */
    end->address = end->address_of_conf = addr_of(index == FAR ? HEADEND : o->nat == NAT_NONE ? PUBLIC : PRIVATE);

    struct conf_report report = { 0 };
    int bad = conf_load_memory(&end->conf, "sim.conf", text, (size_t)(at - text), "sim.secrets", secrets, strlen(secrets), &report);
    bad = bad ? bad : conf_orient(&end->conf, &end->address, 1, &report);
    for (size_t i = 0; bad && i < report.count; i++)
        print_error("%s:%u: %s\n", report.messages[i].file, report.messages[i].line, report.messages[i].text);
    conf_report_free(&report);
    assert_int_equal(bad, 0);
    assert_int_equal(end->conf.count, conns);
}

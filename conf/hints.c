/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns what a value looks like to a person who knows the sources that people copy from: placeholders that were never
 * replaced, strongSwan's spellings. Entry points: hint_placeholder, hint_strongswan. Pure.
 */
#include "conf/parse.h"

#include <ctype.h>
#include <stdio.h>

struct hint {
    const char *text;
    const char *say;
};

static const struct hint tutorial[] = {
    { "CPE_IP", "put the CPE's IP address there: the public one, or the private one where a router in front does NAT and "
                "OCI knows the private one as CPE IKE identifier" },
    { "Tunnel1_public_IP", "put the public IP address of tunnel 1 there, from the page of the IPSec connection in OCI's console" },
    { "Tunnel2_public_IP", "put the public IP address of tunnel 2 there, from the page of the IPSec connection in OCI's console" },
    { "Shared_secret_tunnel1", "put the shared secret of tunnel 1 there, from the tunnel's page in OCI's console" },
    { "Shared_secret_tunnel2", "put the shared secret of tunnel 2 there, from the tunnel's page in OCI's console" },
};

static const struct hint oracle[] = {
    { "cpeLocalIP", "put the IP address of the CPE's own interface there, or %defaultroute" },
    { "cpePublicIpAddress", "put the public IP address of the CPE there, as OCI's console shows it" },
    { "oracleHeadend1", "put the public IP address of tunnel 1 there, from OCI's console" },
    { "oracleHeadend2", "put the public IP address of tunnel 2 there, from OCI's console" },
    { "sharedSecret1", "put the shared secret of tunnel 1 there, from OCI's console" },
    { "sharedSecret2", "put the shared secret of tunnel 2 there, from OCI's console" },
    { "vti1", "put a name for the first VTI there, for example vti1" },
    { "vti2", "put a name for the second VTI there, for example vti2" },
    { "ipAddress1", "put the public IP address of tunnel 1 there, from OCI's console" },
    { "ipAddress2", "put the public IP address of tunnel 2 there, from OCI's console" },
    { "customer-interface-ip1", "put the CPE's inside address of tunnel 1 there, for example 192.168.254.1/30" },
    { "customer-interface-ip2", "put the CPE's inside address of tunnel 2 there, for example 192.168.254.5/30" },
    { "VcnCidrBlock", "put the VCN's subnet there, for example 10.0.0.0/16" },
};

/* "<Headend 1>": letters, digits, blanks, '-', '_', '.' in angle brackets. */
static bool is_angled(const char *value)
{
    size_t length = strlen(value);
    if (length < 3 || value[0] != '<' || value[length - 1] != '>' || !isalpha((unsigned char)value[1]))
        return false;
    for (size_t i = 1; i + 1 < length; i++)
        if (!isalnum((unsigned char)value[i]) && !strchr(" -_.", value[i]))
            return false;
    return true;
}

/* ${name} anywhere in the value; `say` is NULL for a name that Oracle's template does not have. */
static bool dollar_find(const char *value, const char **name, size_t *length, const char **say)
{
    const char *open = strstr(value, "${");
    const char *close = open ? strchr(open, '}') : NULL;
    if (!close)
        return false;
    *name = open + 2;
    *length = (size_t)(close - *name);
    *say = NULL;
    for (size_t i = 0; i < sizeof oracle / sizeof *oracle; i++)
        if (strlen(oracle[i].text) == *length && strncasecmp(oracle[i].text, *name, *length) == 0)
            *say = oracle[i].say;
    return true;
}

const char *hint_placeholder(const char *value, char out[256])
{
    const char *name, *say;
    size_t length;
    for (size_t i = 0; i < sizeof tutorial / sizeof *tutorial; i++)
        if (strcasecmp(tutorial[i].text, value) == 0) {
            snprintf(out, 256, "is still the tutorial's placeholder; %s", tutorial[i].say);
            return out;
        }
    if (dollar_find(value, &name, &length, &say)) {
        snprintf(out, 256, "is still a placeholder of Oracle's template; %s", say ? say : "put the real value there");
        return out;
    }
    if (!is_angled(value))
        return NULL;
    snprintf(out, 256, "is still a placeholder; put the real value there, without the angle brackets");
    return out;
}

const char *hint_strongswan(const struct keyword *keyword, const char *value)
{
    bool auth = strcmp(keyword->name, "auth") == 0 || strcmp(keyword->name, "authby") == 0;
    if (auth && (strcasecmp(value, "psk") == 0 || strcasecmp(value, "xauthpsk") == 0))
        return "this looks like strongSwan's syntax; write authby=secret, once, instead";
    return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the wording in front of what the engine says, and its weight: one line per change of state, the tunnel's name first. */
#include "daemon/notice.h"

static enum log_level level_of_state(enum ike_state state, bool was_up)
{
    if (state == IKE_STATE_UP || state == IKE_STATE_DOWN)
        return LOG_LEVEL_NOTICE;
    return was_up || state == IKE_STATE_SILENT ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO;
}

enum log_level notice_level(const struct ike_notice *notice, bool was_up)
{
    switch (notice->type) {
    case IKE_NOTICE_STATE:
        return level_of_state(notice->state, was_up);
    case IKE_NOTICE_CAUSE:
        return notice->cause == IKE_CAUSE_KERNEL ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING;
    case IKE_NOTICE_WARNING:
        return LOG_LEVEL_WARNING;
    case IKE_NOTICE_DEBUG:
        return LOG_LEVEL_DEBUG;
    }
    return LOG_LEVEL_WARNING;
}

void notice_log(const struct ike_notice *notice, const struct conf_conn *conn, bool was_up)
{
    const char *word = "";
    if (notice->type == IKE_NOTICE_STATE)
        word = ike_state_name(notice->state);
    else if (notice->type == IKE_NOTICE_CAUSE)
        word = ike_cause_name(notice->cause);
    struct log_about about = { .tunnel = conn ? conn->name : NULL, .state = conn ? ike_state_name(notice->state) : NULL,
                               .cause = notice->cause != IKE_CAUSE_NONE ? ike_cause_name(notice->cause) : NULL };
    log_line_about(notice_level(notice, was_up), &about, "%s%s%s%s%s", conn ? conn->name : "", conn ? ": " : "", word,
                   *word && notice->text[0] ? ": " : "", notice->text);
}

/* ---- datagrams ---- */

enum { HEADER = 28, EXCHANGE_AT = 18, MESSAGE_ID_AT = 20, MARKER = 4 }; /* RFC 2408 3.1, RFC 3948 2.2 */

static const char *exchange_name(uint8_t type)
{
    static const struct { uint8_t type; const char *name; } names[] = {
        { 2, "Main Mode" }, { 4, "Aggressive Mode" }, { 5, "Informational" }, { 32, "Quick Mode" }, { 34, "IKE_SA_INIT (IKEv2)" } };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].type == type)
            return names[i].name;
    return "an exchange that is not known";
}

void notice_datagram(const char *did, const char *towards, const struct ike_path *path, struct bytes datagram)
{
    char remote[ENDPOINT_TEXT_MAX];
    size_t marker = path->local.port == IKE_PORT_NATT ? MARKER : 0;
    if (log_level_get() < LOG_LEVEL_DEBUG)
        return;
    endpoint_print(&path->remote, remote);
    if (datagram.length < marker + HEADER) {
        log_debug("%s %s, %zu octet%s, %s %s", did, datagram.length == 1 ? "a keepalive" : "what is no message", datagram.length,
                  datagram.length == 1 ? "" : "s", towards, remote);
        return;
    }
    const uint8_t *header = datagram.data + marker, *id = header + MESSAGE_ID_AT;
    log_debug("%s %s, message ID %02x%02x%02x%02x, %zu octets, %s %s", did, exchange_name(header[EXCHANGE_AT]), id[0], id[1], id[2], id[3],
              datagram.length, towards, remote);
}

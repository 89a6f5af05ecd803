/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the translation of the engine's values into words and wall times. Entry points: report_tunnel, report_event. */
#include "daemon/report.h"

#include <stdio.h>

#include "conf/ids.h"
#include "conf/proposals.h"

static void put_text(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text);
}

/* 0 and "never" on the monotonic clock mean that there is no such moment. */
static int64_t wall_of(struct mono moment, const struct report_clock *clock)
{
    return moment.us == 0 || mono_is_never(moment) ? 0 : clock->wall + mono_since(moment, clock->now);
}

static enum control_health health_of(enum ike_state state)
{
    switch (state) {
    case IKE_STATE_UP:
        return CONTROL_UP_NOW;
    case IKE_STATE_DOWN:
        return CONTROL_DOWN_BY_WISH;
    case IKE_STATE_NO_ROUTE:
    case IKE_STATE_CONNECTING:
    case IKE_STATE_AUTHENTICATED:
    case IKE_STATE_WAITING:
    case IKE_STATE_SILENT:
        return CONTROL_TRYING;
    }
    return CONTROL_TRYING;
}

static const char *group_name(crypto_group group)
{
    const struct crypto_group_row *row = crypto_group_find(group);
    return row ? row->name : "?";
}

static const char *hash_name(enum crypto_hash hash)
{
    const struct crypto_hash_row *row = crypto_hash_find(hash);
    return row ? row->name : "?";
}

static const char *cipher_name(enum crypto_cipher cipher)
{
    const struct crypto_cipher_row *row = crypto_cipher_find(cipher);
    return row ? row->name : "?";
}

/* "AES_CBC_256-SHA2_384-MODP1536" */
static void put_ike(const struct conf_ike_proposal *used, char out[CONTROL_LINE_MAX])
{
    if (used->cipher != CRYPTO_CIPHER_NONE)
        snprintf(out, CONTROL_LINE_MAX, "%s_%u-%s-%s", cipher_name(used->cipher), used->key_bits, hash_name(used->hash),
                 group_name(used->group));
}

/* "AES_GCM_16_256-MODP1536", "AES_CBC_256-SHA1" without PFS */
static void put_esp(const struct conf_esp_proposal *used, crypto_group pfs, char out[CONTROL_LINE_MAX])
{
    if (used->cipher == CRYPTO_CIPHER_NONE)
        return;
    bool aead = used->integrity == CRYPTO_HASH_NONE;
    snprintf(out, CONTROL_LINE_MAX, "%s_%u%s%s%s%s", cipher_name(used->cipher), used->key_bits, aead ? "" : "-",
             aead ? "" : hash_name(used->integrity), pfs ? "-" : "", pfs ? group_name(pfs) : "");
}

static void put_configured(const struct conf_conn *conn, struct control_tunnel *out)
{
    const struct conf_end *near = conf_near(conn), *far = conf_far(conn);
    put_text(out->name, sizeof out->name, conn->name);
    put_text(out->file, sizeof out->file, conn->file);
    put_text(out->far_text, sizeof out->far_text, far->text);
    put_text(out->interface, sizeof out->interface, conn->vti_interface);
    out->line = conn->line;
    out->near_subnet = near->subnet.addr.family ? near->subnet : prefix_of(near->addr);
    out->far_subnet = far->subnet.addr.family ? far->subnet : prefix_of(far->addr);
    out->vti = near->vti;
    out->mark_set = conn->mark_set;
    out->mark_in = conn->mark_in;
    out->mark_out = conn->mark_out;
    out->local.addr = near->addr;
    out->remote.addr = far->addr;
}

/* leftid=, else the address that is sent in its place. */
static void put_identity(const struct conf_id *id, const struct addr *addr, char out[CONTROL_LINE_MAX])
{
    char text[CONF_ID_TEXT_MAX];
    struct conf_id fallback = conf_id_of_addr(addr);
    if (id->type || addr->family)
        put_text(out, CONTROL_LINE_MAX, conf_id_print(id->type ? id : &fallback, text));
}

static void put_offers(const struct conf_conn *conn, struct control_tunnel *out)
{
    crypto_group group = !conn->pfs ? 0 : conn->pfs_group ? conn->pfs_group : conn->ike[0].group;
    proposals_print_ike(conn->ike, conn->ike_count, out->ike_offer, sizeof out->ike_offer);
    proposals_print_esp(conn->esp, conn->esp_count, group, out->esp_offer, sizeof out->esp_offer);
    put_text(out->secret_file, sizeof out->secret_file, conn->psk_file);
    out->secret_line = conn->psk_line;
    out->ike_lifetime = conn->ike_lifetime;
    out->sa_lifetime = conn->sa_lifetime;
    out->dpd_delay = conn->dpd_delay;
    out->dpd_timeout = conn->dpd_timeout;
    out->encapsulation = (uint8_t)conn->encapsulation;
}

static void put_evidence(const struct ike_evidence *evidence, struct control_evidence *out)
{
    *out = (struct control_evidence){
        .exchange = evidence->main_mode ? CONTROL_MAIN_MODE : evidence->quick_mode ? CONTROL_QUICK_MODE : CONTROL_NO_EXCHANGE,
        .heard = evidence->heard, .notified = evidence->notify != 0, .authenticated = evidence->authenticated,
        .unreadable = evidence->unreadable, .notify = evidence->notify, .error = evidence->error, .sent = evidence->sent,
    };
}

static void put_flags(const struct ike_status *status, struct control_tunnel *out)
{
    out->isakmp_up = status->isakmp_up;
    out->nat_near = status->nat_near;
    out->nat_far = status->nat_far;
    out->encapsulated = status->encapsulated;
    out->dpd = status->dpd;
    out->initiator = status->initiator;
}

static void put_times(const struct ike_status *status, const struct report_clock *clock, struct control_tunnel *out)
{
    const struct { struct mono from; int64_t *to; } times[] = {
        { status->since, &out->state_since },
        { status->cause_at, &out->cause_at },
        { status->retry_at, &out->retry_at },
        { status->isakmp_since, &out->isakmp_since },
        { status->isakmp_rekey_at, &out->isakmp_rekey_at },
        { status->isakmp_expires_at, &out->isakmp_expires_at },
        { status->sa_since, &out->sa_since },
        { status->sa_rekey_at, &out->sa_rekey_at },
        { status->sa_expires_at, &out->sa_expires_at },
        { status->heard_at, &out->heard_at },
    };
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        *times[i].to = wall_of(times[i].from, clock);
    if (status->state != IKE_STATE_WAITING)
        out->retry_at = 0;
}

static void put_cause(const struct ike_status *status, struct control_tunnel *out)
{
    if (status->cause == IKE_CAUSE_NONE)
        return;
    put_text(out->cause, sizeof out->cause, ike_cause_name(status->cause));
    put_text(out->cause_text, sizeof out->cause_text, status->cause_text);
    put_text(out->advice, sizeof out->advice, ike_cause_sentence(status->cause));
    put_evidence(&status->evidence, &out->evidence);
}

void report_tunnel(const struct conf_conn *conn, const struct ike_status *status, struct mono flipped, uint32_t path_mtu,
                   const struct report_clock *clock, struct control_tunnel *out)
{
    *out = (struct control_tunnel){ .header = control_header_of(CONTROL_TUNNEL) };
    put_configured(conn, out);
    put_offers(conn, out);
    put_flags(status, out);
    put_times(status, clock, out);
    out->since = wall_of(flipped, clock);
    put_cause(status, out);
    put_ike(&status->ike, out->ike);
    put_esp(&status->esp, status->pfs_group, out->esp);
    put_text(out->state, sizeof out->state, ike_state_name(status->state));
    out->health = (uint8_t)health_of(status->state);
    if (status->path.local.addr.family)
        out->local = status->path.local;
    if (status->path.remote.addr.family)
        out->remote = status->path.remote;
    put_identity(&conf_near(conn)->id, &out->local.addr, out->near_id);
    put_identity(&conf_far(conn)->id, &out->remote.addr, out->far_id);
    out->path_mtu = path_mtu;
    memcpy(out->cookie_near, status->initiator ? status->cookie_i : status->cookie_r, sizeof out->cookie_near);
    memcpy(out->cookie_far, status->initiator ? status->cookie_r : status->cookie_i, sizeof out->cookie_far);
    out->spi_in = status->spi_in;
    out->spi_out = status->spi_out;
    out->round_trip_us = status->round_trip_us;
    out->bytes_in = status->bytes_in;
    out->bytes_out = status->bytes_out;
    out->packets_in = status->packets_in;
    out->packets_out = status->packets_out;
    out->established = status->established;
}

static const char *kind_of(enum ike_notice_type type)
{
    switch (type) {
    case IKE_NOTICE_STATE:
        return "state";
    case IKE_NOTICE_CAUSE:
        return "failure";
    case IKE_NOTICE_WARNING:
        return "warning";
    case IKE_NOTICE_DEBUG:
        break;
    }
    return "debug";
}

void report_event(const struct ike_notice *notice, const struct conf_conn *conn, int64_t at, struct control_event *out)
{
    *out = (struct control_event){ .header = control_header_of(CONTROL_EVENT), .at = at };
    put_text(out->kind, sizeof out->kind, kind_of(notice->type));
    put_text(out->text, sizeof out->text, notice->text);
    if (conn) {
        put_text(out->name, sizeof out->name, conn->name);
        put_text(out->state, sizeof out->state, ike_state_name(notice->state));
    }
    if (notice->cause != IKE_CAUSE_NONE)
        put_text(out->cause, sizeof out->cause, ike_cause_name(notice->cause));
}

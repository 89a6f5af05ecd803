/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the questions at the terminal, for what OCI's JSON does not have. Secrets are typed unseen. Entry point: import_ask.
 * An empty answer leaves it open, and import_judge.c then says what is missing.
 */
#include "cli/import.h"

#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { CTRL_C = 3 };

/* Without what is typed shown, and without a signal that would leave the terminal so. Asked only when that holds. */
static bool read_line(const char *question, const char *about, char *out, size_t size, bool unseen)
{
    struct termios before, quiet;
    bool changed = unseen && tcgetattr(STDIN_FILENO, &before) == 0;
    if (changed) {
        quiet = before;
        quiet.c_lflag &= (tcflag_t)~(ECHO | ISIG);
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    fprintf(stderr, "%s%s: ", question, about);
    bool fine = fgets(out, (int)size, stdin) != NULL;
    if (changed) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stderr);
    }
    if (!fine)
        out[0] = '\0';
    out[strcspn(out, "\r\n")] = '\0';
    return fine && !strchr(out, CTRL_C);
}

static void ask_secret(struct import *import, struct import_tunnel *tunnel)
{
    const char *question = "Shared secret, from the tunnel's page in OCI's console (not shown here), of ";
    if (!read_line(question, IMPORT_LABEL(tunnel), tunnel->secret, sizeof tunnel->secret, true)) {
        tunnel->secret[0] = '\0';
        import->may_ask = false;
    }
}

static void ask_networks(struct import *import)
{
    char line[1024];
    while (import->may_ask && !import->vcn.count) {
        if (!read_line("Networks of the VCN, with commas between several", " (for example 10.0.0.0/16)", line, sizeof line, false) || !line[0])
            return;
        if (import_prefixes_add(&import->vcn, line))
            continue;
        import->vcn.count = 0;
        fprintf(stderr, "That is no list of networks; each is ADDRESS/LENGTH.\n");
    }
}

static void ask_identifier(struct import *import, struct import_tunnel *tunnel)
{
    if (import->identifier[0] && !import->identifiers_differ) {
        memcpy(tunnel->identifier, import->identifier, sizeof tunnel->identifier);
        return;
    }
    if (read_line("CPE IKE identifier of the connection,", " or the CPE's public address", import->identifier, sizeof import->identifier, false))
        memcpy(tunnel->identifier, import->identifier, sizeof tunnel->identifier);
}

void import_ask(struct import *import)
{
    bool any_static = false;
    for (size_t i = 0; import->may_ask && i < import->count; i++) {
        struct import_tunnel *tunnel = &import->tunnels[i];
        any_static |= strcmp(tunnel->routing_word, "STATIC") == 0;
        if (!tunnel->identifier[0] && !tunnel->cpe_ip[0])
            ask_identifier(import, tunnel);
        if (!tunnel->secret[0])
            ask_secret(import, tunnel);
    }
    if (any_static)
        ask_networks(import);
}

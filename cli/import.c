/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the verb `import`: its options, which files are read, the order of the steps, and what is said at the end.
 * Entry point: import_main. Exit status: 0 written, 1 refused and nothing written, 4 wrong arguments.
 */
#include "cli/import.h"

#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

enum { REFUSED = 1, PSKS_MAX = IMPORT_TUNNELS_MAX, SENTENCE_MAX = 900 };

struct asked {
    const char *psks[PSKS_MAX];
    size_t psk_count;
    const char *identifier;
    bool help;
};

static void print_help(void)
{
    puts("minicpe import FILE... [--vcn NETWORKS] [options]\n"
         "\n"
         "Writes tunnels.conf, tunnels.secrets and, for BGP, tunnels.frr from the JSON of\n"
         "OCI's CLI, SDK or Terraform (`-`: standard input).\n"
         "At a terminal it asks for what is missing.\n"
         "  oci network ip-sec-connection get --ipsc-id C         >connection.json\n"
         "  oci network ip-sec-tunnel list --ipsc-id C --all      >tunnels.json\n"
         "  oci network ip-sec-psk get --ipsc-id C --tunnel-id T  >psk1.json    (and psk2)\n"
         "\n"
         "  --vcn NETWORKS     of the VCN, routed into static tunnels: 10.0.0.0/16,...\n"
         "  --site NETWORKS    of the site, told to OCI by BGP (the static routes of OCI)\n"
         "  --psk TUNNEL=FILE  its secret, JSON or one line; TUNNEL: address, OCID, 1, ..\n"
         "  --id IDENTIFIER    the CPE IKE identifier, without the connection's JSON\n"
         "  --local ADDRESS    of this machine towards the internet (%defaultroute)\n"
         "  --out FOLDER       where to write (the current folder)\n"
         "  --force            replace files that are there\n"
         "\n"
         "Secrets are never printed. Exit status: 0 written, 1 refused, nothing\n"
         "written, 4 wrong arguments.");
}

static void say(struct import *import, enum conf_severity severity, const char *label, const char *text)
{
    static const char *const names[] = { [CONF_ERROR] = "error", [CONF_WARNING] = "warning", [CONF_NOTE] = "note" };
    fprintf(stderr, "%s: %s%s%s\n", names[severity], label, label[0] ? ": " : "", text);
    import->errors += severity == CONF_ERROR;
    import->warnings += severity == CONF_WARNING;
}

void import_say(struct import *import, enum conf_severity severity, const char *format, ...)
{
    char text[SENTENCE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    say(import, severity, "", text);
}

void import_say_of(struct import *import, enum conf_severity severity, const struct import_tunnel *tunnel, const char *format, ...)
{
    char text[SENTENCE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    say(import, severity, IMPORT_LABEL(tunnel), text);
}

const char *import_label(const struct import_tunnel *tunnel, char out[2 * IMPORT_WORD_MAX + 16])
{
    snprintf(out, 2 * IMPORT_WORD_MAX + 16, tunnel->name[0] ? "tunnel %s (%s)" : "tunnel %s%s", tunnel->name, tunnel->headend);
    return out;
}

/* ---- options ---- */

enum { OPTION_VCN = 256, OPTION_SITE, OPTION_PSK, OPTION_ID, OPTION_LOCAL, OPTION_OUT, OPTION_FORCE };

static bool take_networks(struct import_prefixes *prefixes, const char *option, const char *text)
{
    if (import_prefixes_add(prefixes, text) && prefixes->count)
        return true;
    fprintf(stderr, "minicpe: %s %s: write networks as ADDRESS/LENGTH, with commas between several\n", option, text);
    return false;
}

static bool take_local(struct import *import, const char *text)
{
    struct addr addr;
    import->near = text;
    if (text[0] == '%' ? !strpbrk(text, " \t#\"") : addr_parse(&addr, text) && addr.family == ADDR_V4)
        return true;
    fprintf(stderr, "minicpe: --local %s: write an IPv4 address, %%defaultroute or %%INTERFACE\n", text);
    return false;
}

static bool take_psk(struct asked *asked, const char *text)
{
    if (strchr(text, '=') && asked->psk_count < PSKS_MAX) {
        asked->psks[asked->psk_count++] = text;
        return true;
    }
    fputs("minicpe: --psk takes TUNNEL=FILE: the secret itself does not belong on a command line\n", stderr);
    return false;
}

static bool take_option(struct import *import, struct asked *asked, int option)
{
    switch (option) {
    case OPTION_VCN: return take_networks(&import->vcn, "--vcn", optarg);
    case OPTION_SITE: import->site_said = true; return take_networks(&import->site, "--site", optarg);
    case OPTION_PSK: return take_psk(asked, optarg);
    case OPTION_ID: asked->identifier = optarg; return true;
    case OPTION_LOCAL: return take_local(import, optarg);
    case OPTION_OUT: import->folder = optarg; return true;
    case OPTION_FORCE: import->force = true; return true;
    case 'h': asked->help = true; return true;
    default: return false;
    }
}

/* The index of the first file, or -1. */
static int read_options(struct import *import, struct asked *asked, int argc, char **argv)
{
    static const struct option options[] = {
        { "vcn", required_argument, NULL, OPTION_VCN },     { "site", required_argument, NULL, OPTION_SITE },
        { "psk", required_argument, NULL, OPTION_PSK },     { "id", required_argument, NULL, OPTION_ID },
        { "local", required_argument, NULL, OPTION_LOCAL }, { "out", required_argument, NULL, OPTION_OUT },
        { "force", no_argument, NULL, OPTION_FORCE },       { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    bool fine = true;
    optind = 0; /* glibc: begin anew */
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;)
        fine &= take_option(import, asked, option);
    if (fine && !asked->help && optind == argc) {
        fputs("minicpe: import which files? Name the JSON of oci network ip-sec-tunnel list, and others\n", stderr);
        fine = false;
    }
    if (!fine)
        fputs("minicpe: `minicpe import --help` shows what it takes\n", stderr);
    return fine ? optind : -1;
}

/* ---- files ---- */

static void free_wiped(void *memory)
{
    if (memory)
        bytes_wipe(memory, malloc_usable_size(memory));
    free(memory);
}

/* Before the next document of a file; false at its end. */
static bool has_more(FILE *file)
{
    int c;
    do
        c = fgetc(file);
    while (c == ' ' || c == '\t' || c == '\r' || c == '\n');
    return c != EOF && ungetc(c, file) != EOF;
}

/* Several documents may stand one after the other, as `cat` puts them. How much of OCI's was found. */
static size_t read_documents(struct import *import, FILE *file, const char *path)
{
    json_error_t error;
    size_t found = 0;
    do {
        json_t *root = json_loadf(file, JSON_DISABLE_EOF_CHECK, &error);
        if (!root) {
            /* jansson's text may quote the file, so only its place is told */
            import_say(import, CONF_ERROR, "%s:%d:%d: this is no JSON; fetch the file again (oci --output json)", path, error.line, error.column);
            return 1;
        }
        found += import_json_take(import, root);
        json_decref(root);
    } while (has_more(file));
    return found;
}

static void read_file(struct import *import, const char *path)
{
    bool input = strcmp(path, "-") == 0;
    FILE *file = input ? stdin : fopen(path, "re");
    if (!file) {
        import_say(import, CONF_ERROR, "%s cannot be read: %s", path, strerror(errno));
        return;
    }
    import->may_ask &= !input;
    setvbuf(file, NULL, _IONBF, 0); /* no copy of a secret is left in a buffer */
    if (!read_documents(import, file, path))
        import_say(import, CONF_ERROR, "%s holds nothing that OCI says of a connection, a tunnel, a CPE or a secret; `minicpe import --help` "
                   "has the commands that fetch them", path);
    if (!input)
        fclose(file);
}

/* JSON, or else the first line. */
static bool read_secret(const char *path, char out[IMPORT_SECRET_MAX])
{
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    if (root) {
        bool found = import_json_secret(root, out);
        json_decref(root);
        return found;
    }
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    setvbuf(file, NULL, _IONBF, 0); /* no copy of the secret is left in a buffer */
    bool found = fgets(out, IMPORT_SECRET_MAX, file) != NULL;
    out[strcspn(out, "\r\n")] = '\0';
    fclose(file);
    return found && out[0];
}

static void warn_of_readers(struct import *import, const char *path)
{
    struct stat status;
    if (stat(path, &status) == 0 && S_ISREG(status.st_mode) && status.st_mode & 077)
        import_say(import, CONF_WARNING, "%s holds a secret and others than its owner may read it; remove it when you are done", path);
}

static struct import_tunnel *find_tunnel(struct import *import, const char *word, size_t length)
{
    char number[24];
    for (size_t i = 0; i < import->count; i++) {
        snprintf(number, sizeof number, "%zu", i + 1);
        const char *const names[] = { number, import->tunnels[i].headend, import->tunnels[i].id, import->tunnels[i].name };
        for (size_t k = 0; k < sizeof names / sizeof *names; k++)
            if (strlen(names[k]) == length && strncmp(names[k], word, length) == 0)
                return &import->tunnels[i];
    }
    return NULL;
}

static void read_psk(struct import *import, const char *psk)
{
    size_t length = strcspn(psk, "=");
    const char *path = psk + length + 1;
    struct import_tunnel *tunnel = find_tunnel(import, psk, length);
    if (!tunnel) {
        import_say(import, CONF_ERROR, "--psk %s: no file has a tunnel %.*s; say its address as vpn-ip has it", psk, (int)length, psk);
        return;
    }
    warn_of_readers(import, path);
    tunnel->secret[0] = '\0';
    if (!read_secret(path, tunnel->secret))
        import_say(import, CONF_ERROR, "--psk %s: there is no secret in %s, or it cannot be read", psk, path);
}

/* ---- the order ---- */

static void take_identifier(struct import *import, const char *identifier)
{
    for (size_t i = 0; identifier && i < import->count; i++) {
        snprintf(import->tunnels[i].identifier, sizeof import->tunnels[i].identifier, "%s", identifier);
        import->tunnels[i].identifier_type[0] = '\0';
    }
    import->identifiers_differ &= !identifier;
}

static bool has_bgp(const struct import *import)
{
    for (size_t i = 0; i < import->count; i++)
        if (!import->tunnels[i].left_out && import->tunnels[i].routing == IMPORT_BGP)
            return true;
    return false;
}

static void tell_next(const struct import *import)
{
    fprintf(import->say, "next: minicpe check %s/tunnels.conf, then install the files in /etc/minicpe (tunnels.secrets with mode 0600) and "
            "systemctl enable --now minicpe\n", import->folder);
    if (has_bgp(import))
        fprintf(import->say, "BGP: put %s/tunnels.frr into FRR's configuration\n", import->folder);
}

static int run(struct import *import, const struct asked *asked, char **files)
{
    for (; *files; files++)
        read_file(import, *files);
    import_json_join(import);
    take_identifier(import, asked->identifier);
    for (size_t i = 0; i < asked->psk_count; i++)
        read_psk(import, asked->psks[i]);
    if (!import->errors)
        import_ask(import);
    import_judge(import);
    if (import->errors || import_files_write(import) != 0) {
        fprintf(stderr, "minicpe: nothing was written: %zu error%s\n", import->errors, import->errors == 1 ? "" : "s");
        return REFUSED;
    }
    tell_next(import);
    return fflush(import->say) == 0 ? 0 : REFUSED;
}

int import_main(int argc, char **argv)
{
    struct asked asked = { .psk_count = 0 };
    struct import *import = calloc(1, sizeof *import);
    int result = CLI_DENIED;
    if (!import)
        return CLI_DENIED;
    json_set_alloc_funcs(malloc, free_wiped);
    import->say = stdout;
    import->folder = ".";
    import->near = "%defaultroute";
    import->may_ask = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
    int first = read_options(import, &asked, argc, argv);
    if (first >= 0 && asked.help)
        print_help();
    if (first >= 0)
        result = asked.help ? 0 : run(import, &asked, argv + first);
    free_wiped(import);
    json_set_alloc_funcs(malloc, free);
    return result;
}

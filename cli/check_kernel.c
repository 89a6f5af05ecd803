/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owns the looks at what the kernel can do and how it is set. Whether a module is there is read from /proc/modules, from
 * modules.builtin and from modules.dep of the running kernel: trying would load it. Entry points: check_kernel,
 * check_settings, check_module.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/check.h"
#include "host/settings.h"

enum need { ALWAYS, WITH_GCM, WITH_CBC, WITH_VTI };

struct feature {
    const char *module;
    const char *algorithm;               /* as /proc/crypto names it, or NULL */
    const char *option;                  /* of the kernel's configuration */
    enum need need;
    const char *what;
};

static const struct feature features[] = {
    { "xfrm_user", NULL, "CONFIG_XFRM_USER", ALWAYS, "keys and policies over netlink" },
    { "esp4", NULL, "CONFIG_INET_ESP", ALWAYS, "ESP" },
    { "ip_vti", NULL, "CONFIG_NET_IPVTI", WITH_VTI, "VTI interfaces" },
    { "gcm", "gcm(aes)", "CONFIG_CRYPTO_GCM", WITH_GCM, "AES-GCM for ESP" },
    { "authenc", NULL, "CONFIG_CRYPTO_AUTHENC", WITH_CBC, "AES-CBC with a check value for ESP" },
    { "cbc", "cbc(aes)", "CONFIG_CRYPTO_CBC", WITH_CBC, "AES-CBC for ESP" },
};

/* "aes-gcm" in one list is "aes_gcm" in another. */
static bool is_name(const char *text, size_t length, const char *name)
{
    if (strlen(name) != length)
        return false;
    for (size_t i = 0; i < length; i++)
        if (text[i] != name[i] && !((text[i] == '-' || text[i] == '_') && (name[i] == '-' || name[i] == '_')))
            return false;
    return true;
}

static bool is_loaded(void *name, char *line) { return is_name(line, strcspn(line, " "), name); }

/* "kernel/net/ipv4/esp4.ko", also compressed, also with what it depends on behind a colon. */
static bool is_file(void *name, char *line)
{
    line[strcspn(line, ":")] = '\0';
    const char *slash = strrchr(line, '/'), *start = slash ? slash + 1 : line, *end = strstr(start, ".ko");
    return end && is_name(start, (size_t)(end - start), name);
}

static bool is_algorithm(void *algorithm, char *line)
{
    const char *colon = strchr(line, ':');
    return colon && strncmp(line, "name", 4) == 0 && strcmp(colon + 1 + strspn(colon + 1, " \t"), algorithm) == 0;
}

enum check_module check_module(const struct check_machine *machine, const char *name)
{
    char release[128], path[256];
    union { const char *read; void *any; } wanted = { .read = name };
    if (check_lines(machine, "/proc/modules", is_loaded, wanted.any))
        return CHECK_MODULE_THERE;
    if (!check_read(machine, "/proc/sys/kernel/osrelease", release, sizeof release))
        return CHECK_MODULE_UNKNOWN;
    release[strcspn(release, "\n")] = '\0';
    snprintf(path, sizeof path, "/lib/modules/%s/modules.builtin", release);
    if (check_lines(machine, path, is_file, wanted.any))
        return CHECK_MODULE_THERE;
    snprintf(path, sizeof path, "/lib/modules/%s/modules.dep", release);
    if (check_lines(machine, path, is_file, wanted.any))
        return CHECK_MODULE_LOADABLE;
    return check_there(machine, path) ? CHECK_MODULE_ABSENT : CHECK_MODULE_UNKNOWN;
}

/* "CONFIG_INET_ESP=y"; `context` is its name, and the line's last letter comes back behind it. */
struct option {
    const char *name;
    char value;
};

static bool is_option(void *context, char *line)
{
    struct option *option = context;
    size_t length = strlen(option->name);
    if (strncmp(line, option->name, length) != 0 || line[length] != '=')
        return false;
    option->value = line[length + 1];
    return true;
}

/* For kernels without a folder of modules: how they were built, where that is kept. */
static enum check_module built_with(const struct check_machine *machine, const char *name)
{
    static const struct { const char *before, *after; } places[] = { { "/boot/config-", "" }, { "/lib/modules/", "/config" } };
    char release[128] = "", path[256];
    struct option option = { .name = name };
    check_read(machine, "/proc/sys/kernel/osrelease", release, sizeof release);
    release[strcspn(release, "\n")] = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(path, sizeof path, "%s%s%s", places[i].before, release, places[i].after);
        if (!check_there(machine, path))
            continue;
        check_lines(machine, path, is_option, &option);
        return option.value == 'y' ? CHECK_MODULE_THERE : CHECK_MODULE_ABSENT; /* a module that is not installed is none */
    }
    return CHECK_MODULE_UNKNOWN;
}

static bool has_cipher(const struct conf_conn *conn, enum crypto_cipher cipher)
{
    for (size_t i = 0; i < conn->esp_count; i++)
        if (conn->esp[i].cipher == cipher)
            return true;
    return false;
}

static bool is_needed(const struct conf *conf, enum need need)
{
    bool needed = need == ALWAYS || conf->count == 0;
    for (size_t i = 0; i < conf->count; i++)
        needed |= (need == WITH_GCM && has_cipher(&conf->conns[i], CRYPTO_AES_GCM_16)) ||
                  (need == WITH_CBC && has_cipher(&conf->conns[i], CRYPTO_AES_CBC)) || (need == WITH_VTI && conf->conns[i].vti_interface[0]);
    return needed;
}

static void look_at(struct check *check, const struct feature *feature)
{
    char mend[CHECK_TEXT_MAX], release[128] = "";
    union { const char *read; void *any; } algorithm = { .read = feature->algorithm };
    if (feature->algorithm && check_lines(&check->machine, "/proc/crypto", is_algorithm, algorithm.any)) {
        check_say(check, CHECK_OK, NULL, "%s: the kernel has %s", feature->what, feature->algorithm);
        return;
    }
    enum check_module state = check_module(&check->machine, feature->module);
    switch (state == CHECK_MODULE_UNKNOWN ? built_with(&check->machine, feature->option) : state) {
    case CHECK_MODULE_THERE:
        check_say(check, CHECK_OK, NULL, "%s: %s is there", feature->what, feature->module);
        break;
    case CHECK_MODULE_LOADABLE:
        check_say(check, CHECK_OK, NULL, "%s: %s is a module, loaded when it is wanted", feature->what, feature->module);
        break;
    case CHECK_MODULE_ABSENT:
        check_read(&check->machine, "/proc/sys/kernel/osrelease", release, sizeof release);
        release[strcspn(release, "\n")] = '\0';
        snprintf(mend, sizeof mend, "install the modules of kernel %s (Debian: linux-image-amd64, not -cloud; Oracle Linux: kernel-uek-modules; Red Hat: "
                 "kernel-modules-extra), or start another kernel", release);
        check_say(check, CHECK_FAILURE, mend, "%s: this kernel (%s) has no %s", feature->what, release, feature->module);
        break;
    case CHECK_MODULE_UNKNOWN:
        check_say(check, CHECK_UNKNOWN, NULL, "%s: whether %s is built into this kernel cannot be seen; minicpe says it when it starts", feature->what,
                  feature->module);
        break;
    }
}

void check_kernel(struct check *check)
{
    for (size_t i = 0; i < sizeof features / sizeof *features; i++)
        if (is_needed(&check->conf, features[i].need))
            look_at(check, &features[i]);
}

static void say_setting(void *context, const char *wrong, const char *mend) { check_say(context, CHECK_WARNING, mend, "%s", wrong); }

void check_settings(struct check *check)
{
    char folder[4096];
    snprintf(folder, sizeof folder, "%s/proc/sys", check->machine.root);
    if (!check->loaded)
        check_say(check, CHECK_UNKNOWN, NULL, "the kernel's settings are judged by what the file of tunnels says, which has errors");
    else if (settings_look(folder, &check->conf, check->outer, say_setting, check) == 0)
        check_say(check, CHECK_OK, NULL, "forwarding is on, redirects and strict reverse-path filtering are off%s%s", check->outer[0] ? ", on " : "",
                  check->outer);
}

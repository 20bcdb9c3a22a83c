#include "stream/tls_settings.h"

#include <stdio.h>
#include <string.h>

const char *const tls_settings_names[] = {
    "certificate", "key",  "key_password_file", "client_ca", "client_auth", "ocsp",
    "ticket_keys", "alpn", "min_version",       "ciphers",   NULL};

struct list {
    const char **items;
    uint32_t *count, most;
    const char *what; /* of several */
};

/* Cuts the list in place. */
static bool read_list(const struct list *list, char *value, struct error *reason)
{
    *list->count = 0;
    for (char *next; value != NULL; value = next) {
        next = strchr(value, '|');
        if (next != NULL) *next++ = '\0';
        if (*value == '\0')
            return error_set(reason, ERROR_USAGE, "one of the %s has no name", list->what);
        if (*list->count == list->most)
            return error_set(reason, ERROR_USAGE, "at most %u %s", list->most, list->what);
        list->items[(*list->count)++] = value;
    }
    return true;
}

static bool read_protocols(struct tls_settings *settings, char *value, struct error *reason)
{
    const struct list list = {settings->alpn, &settings->alpn_count, FRAME_PROTOCOLS_MAX,
                              "protocols"};
    if (!read_list(&list, value, reason)) return false;
    for (uint32_t i = 0; i < settings->alpn_count; i++)
        if (strlen(settings->alpn[i]) > FRAME_PROTOCOL_NAME_MAX)
            return error_set(reason, ERROR_USAGE, "alpn: %.40s... has more than %d bytes",
                             settings->alpn[i], (int)FRAME_PROTOCOL_NAME_MAX);
    return true;
}

static bool read_client_auth(uint8_t *auth, const char *value, struct error *reason)
{
    static const char *const words[] = {"none", "optional", "required"};
    for (uint8_t i = 0; i < 3; i++)
        if (strcmp(value, words[i]) == 0) {
            *auth = i;
            return true;
        }
    return error_set(reason, ERROR_USAGE,
                     "client_auth: expected required, optional or none, not %.40s", value);
}

static bool read_version(uint8_t *version, const char *value, struct error *reason)
{
    if (strcmp(value, "1.2") == 0)
        *version = 12;
    else if (strcmp(value, "1.3") == 0)
        *version = 13;
    else
        return error_set(reason, ERROR_USAGE, "min_version: expected 1.2 or 1.3, not %.40s", value);
    return true;
}

static bool read_field(struct tls_settings *settings, const char *name, char *value,
                       struct error *reason)
{
    const struct list certificates = {settings->certificates, &settings->certificate_count,
                                      TLS_CERTIFICATES_MAX, "certificates"};
    const struct list keys = {settings->keys, &settings->key_count, TLS_CERTIFICATES_MAX, "keys"};
    const struct list ocsp = {settings->ocsp, &settings->ocsp_count, TLS_CERTIFICATES_MAX,
                              "files of OCSP"};
    if (*value == '\0') return error_set(reason, ERROR_USAGE, "%.40s is empty", name);
    if (strcmp(name, "certificate") == 0) {
        settings->self_signed = strcmp(value, "self-signed") == 0;
        return settings->self_signed || read_list(&certificates, value, reason);
    }
    if (strcmp(name, "key") == 0) return read_list(&keys, value, reason);
    if (strcmp(name, "ocsp") == 0) return read_list(&ocsp, value, reason);
    if (strcmp(name, "alpn") == 0) return read_protocols(settings, value, reason);
    if (strcmp(name, "client_auth") == 0)
        return read_client_auth(&settings->client_auth, value, reason);
    if (strcmp(name, "min_version") == 0)
        return read_version(&settings->min_version, value, reason);
    if (strcmp(name, "key_password_file") == 0)
        settings->key_password_file = value;
    else if (strcmp(name, "client_ca") == 0)
        settings->client_ca = value;
    else if (strcmp(name, "ciphers") == 0)
        settings->ciphers = value;
    else if (strcmp(name, "ticket_keys") == 0)
        settings->ticket_keys = value;
    else
        return error_set(reason, ERROR_USAGE, "there is no %.40s; there are " TLS_SETTINGS_NAMES,
                         name);
    return true;
}

static bool check_fields(const struct tls_settings *settings, struct error *reason)
{
    if (settings->client_auth != TLS_CLIENT_NONE && settings->client_ca == NULL)
        return error_set(reason, ERROR_USAGE,
                         "client_auth needs client_ca, a file of those who may vouch for peers");
    if (settings->self_signed) {
        if (settings->certificate_count + settings->key_count == 0) return true;
        return error_set(reason, ERROR_USAGE,
                         "a certificate that is made up has no key in a file: leave out key");
    }
    if (settings->certificate_count == 0)
        return error_set(reason, ERROR_USAGE,
                         "a certificate and its key are expected: certificate = \"server.pem\", "
                         "key = \"server.key\"; to try it, tls = \"self-signed\"");
    if (settings->key_count != settings->certificate_count)
        return error_set(reason, ERROR_USAGE, "%u certificates, and %u keys: each needs its own",
                         settings->certificate_count, settings->key_count);
    return true;
}

bool tls_settings_read(struct tls_settings *settings, const char *text, struct error *reason)
{
    *settings = (struct tls_settings){.min_version = 12};
    size_t size = strlen(text);
    if (size > TLS_TEXT_MAX) return error_set(reason, ERROR_USAGE, "it is too long");
    memcpy(settings->words, text, size + 1);
    if (strcmp(text, "self-signed") == 0) {
        settings->self_signed = true;
        return true;
    }
    bool auth_is_given = false;
    for (char *field = settings->words, *next; field != NULL; field = next) {
        next = strchr(field, ',');
        if (next != NULL) *next++ = '\0';
        char *value = strchr(field, '=');
        if (value == NULL)
            return error_set(reason, ERROR_USAGE,
                             "%.60s: expected NAME=VALUE, with a \",\" between fields, or "
                             "self-signed",
                             field);
        *value++ = '\0';
        if (!read_field(settings, field, value, reason)) return false;
        auth_is_given = auth_is_given || strcmp(field, "client_auth") == 0;
    }
    if (settings->client_ca != NULL && !auth_is_given) settings->client_auth = TLS_CLIENT_REQUIRED;
    return check_fields(settings, reason);
}

bool tls_settings_path(char path[TLS_PATH_MAX], const char *directory, const char *name)
{
    bool is_whole = name[0] == '/' || (name[0] != '\0' && name[1] == ':');
    return snprintf(path, TLS_PATH_MAX, "%s%s%s", is_whole ? "" : directory, is_whole ? "" : "/",
                    name) < TLS_PATH_MAX;
}

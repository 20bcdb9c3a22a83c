#include "reload/secured.h"

#include "base/hash.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PATH_SIZE = 4096, DAY_S = 24 * 60 * 60, WARN_DAYS = 14 };

/* ---- has anything changed? ---- */

/* A file that cannot be read is as if it were empty. Links are followed, so it does not matter which of them was replaced. */
static uint64_t stamp_file(uint64_t stamp, const char *script_dir, const char *name)
{
    char path[PATH_SIZE], bytes[4096];
    size_t size;
    bool is_whole = name[0] == '/' || (name[0] != '\0' && name[1] == ':');
    snprintf(path, sizeof path, "%s%s%s", is_whole ? "" : script_dir, is_whole ? "" : "/", name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) return hash_stir(stamp);
    while ((size = fread(bytes, 1, sizeof bytes, file)) > 0)
        stamp = hash_bytes(stamp, span_of(bytes, size));
    fclose(file);
    return stamp;
}

static uint64_t stamp_files(const struct tls_settings *settings, const char *script_dir)
{
    uint64_t stamp = 1;
    for (uint32_t i = 0; i < settings->certificate_count; i++) {
        stamp = stamp_file(stamp, script_dir, settings->certificates[i]);
        stamp = stamp_file(stamp, script_dir, settings->keys[i]);
    }
    if (settings->key_password_file != NULL)
        stamp = stamp_file(stamp, script_dir, settings->key_password_file);
    if (settings->client_ca != NULL) stamp = stamp_file(stamp, script_dir, settings->client_ca);
    return stamp;
}

/* ---- what is told ---- */

/* Once a day. */
static void warn_of_end(struct secured *secured)
{
    int64_t now = (int64_t)time(NULL), left = atomic_load(&secured->ends) - now;
    if (left > (int64_t)WARN_DAYS * DAY_S || secured->warned == now / DAY_S) return;
    secured->warned = now / DAY_S;
    log_line(LOG_WARN, "tls: a certificate of %s %s", secured->text,
             left <= 0 ? "has expired" : "expires in less than 14 days: renew it");
}

static void tell_made(const struct tls_context *context)
{
    char fingerprint[TLS_FINGERPRINT_MAX];
    tls_context_fingerprint(context, fingerprint);
    log_line(LOG_WARN,
             "tls = \"self-signed\": the certificate is made up, for localhost, and nobody but you "
             "can trust it: SHA-256 %s",
             fingerprint);
}

/* Of a context that is to be shown. */
static void note(struct secured *secured, const struct tls_context *context)
{
    atomic_store(&secured->ends, tls_context_ends(context));
    if (secured->settings.self_signed) tell_made(context);
    warn_of_end(secured);
}

/* ---- the list ---- */

/* What is read once: the setting, and how its files are now. False with an error. */
static bool open_one(struct secured *secured, const char *script_dir, const char *text,
                     struct error *error)
{
    struct error reason = {.text = ""};
    secured->text = text;
    if (!tls_settings_read(&secured->settings, text, &reason))
        return error_set(error, ERROR_INPUT, "tls: %.300s", reason.text);
    struct tls_context *context = tls_context_make(&secured->settings, script_dir, error);
    if (context == NULL) return false;
    if (!tls_source_open(&secured->source, context))
        return error_set(error, ERROR_SYSTEM, "tls: the system gives no random bytes");
    secured->stamp = secured->seen = stamp_files(&secured->settings, script_dir);
    note(secured, context);
    return true;
}

struct secured *secured_open(struct secured **list, const char *script_dir, const char *text,
                             struct error *error)
{
    for (struct secured *secured = *list; secured != NULL; secured = secured->next)
        if (secured->text == text) return secured;
    struct secured *secured = calloc(1, sizeof *secured);
    if (secured == NULL) {
        error_set(error, ERROR_SYSTEM, "tls: no memory");
        return NULL;
    }
    if (!open_one(secured, script_dir, text, error)) {
        free(secured);
        return NULL;
    }
    secured->next = *list;
    *list = secured;
    return secured;
}

static void read_again(struct secured *secured, const char *script_dir)
{
    struct error error;
    struct tls_context *context = tls_context_make(&secured->settings, script_dir, &error);
    if (context == NULL) {
        log_line(LOG_ERROR, "%s; the certificate from before is shown", error.text);
        return;
    }
    log_line(LOG_INFO, "tls: new certificates are shown from now on: %s", secured->text);
    secured->warned = 0;
    note(secured, context);
    tls_source_put(&secured->source, context);
}

void secured_look(struct secured *list, const char *script_dir, bool at_once)
{
    for (struct secured *secured = list; secured != NULL; secured = secured->next) {
        if (secured->settings.self_signed &&
            atomic_load(&secured->ends) - (int64_t)time(NULL) < DAY_S)
            read_again(secured, script_dir);
        warn_of_end(secured);
        uint64_t stamp = stamp_files(&secured->settings, script_dir);
        bool settled = at_once || stamp == secured->seen;
        secured->seen = stamp;
        if (stamp == secured->stamp || !settled) continue;
        secured->stamp = stamp;
        read_again(secured, script_dir);
    }
}

int64_t secured_ends(struct secured *list)
{
    int64_t soonest = list == NULL ? 0 : INT64_MAX;
    for (struct secured *secured = list; secured != NULL; secured = secured->next) {
        int64_t ends = atomic_load(&secured->ends);
        if (ends < soonest) soonest = ends;
    }
    return soonest;
}

void secured_close(struct secured **list)
{
    while (*list != NULL) {
        struct secured *secured = *list;
        *list = secured->next;
        tls_source_close(&secured->source);
        free(secured);
    }
}

#include "reload/secured.h"

#include "base/hash.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { DAY_S = 24 * 60 * 60, WARN_DAYS = 14 };

/* ---- has anything changed? ---- */

/* A file that cannot be read is as if it were empty. Links are followed, so it does not matter which of them was replaced. */
static uint64_t stamp_file(uint64_t stamp, const char *script_dir, const char *name)
{
    char path[TLS_PATH_MAX], bytes[4096];
    size_t size;
    if (name == NULL || !tls_settings_path(path, script_dir, name)) return stamp;
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
    for (uint32_t i = 0; i < settings->ocsp_count; i++)
        stamp = stamp_file(stamp, script_dir, settings->ocsp[i]);
    stamp = stamp_file(stamp, script_dir, settings->key_password_file);
    return stamp_file(stamp, script_dir, settings->client_ca);
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
    /* First: what is put in place while they are read is seen at the next look. */
    secured->stamp = secured->seen = stamp_files(&secured->settings, script_dir);
    struct tls_context *context = tls_context_make(&secured->settings, script_dir, error);
    if (context == NULL) return false;
    if (!tls_source_open(&secured->source, context))
        return error_set(error, ERROR_SYSTEM, "tls: the system gives no random bytes");
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

/* Keeps the keys of tickets where the setting says. False with an error. */
static bool keep_tickets(struct secured *secured, const char *script_dir, struct error *error)
{
    char path[TLS_PATH_MAX];
    if (secured->settings.ticket_keys == NULL) return true;
    if (!tls_settings_path(path, script_dir, secured->settings.ticket_keys))
        return error_set(error, ERROR_INPUT, "tls: ticket_keys: the path is too long");
    return tls_source_keep_tickets(&secured->source, path, error);
}

bool secured_serve(struct secured *list, const char *script_dir, struct error *error)
{
    for (struct secured *secured = list; secured != NULL; secured = secured->next) {
        if (secured->settings.self_signed) tell_made(secured->source.context);
        if (!keep_tickets(secured, script_dir, error)) return false;
    }
    return true;
}

/* Others may have written the file, or it is time for new keys. */
static void look_at_tickets(struct secured *secured, const char *script_dir)
{
    struct error error;
    bool fine = keep_tickets(secured, script_dir, &error);
    if (!fine && !secured->tickets_are_lost)
        log_line(LOG_ERROR, "%s; until then the keys are kept in memory alone", error.text);
    secured->tickets_are_lost = !fine;
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
    if (secured->settings.self_signed) tell_made(context);
    tls_source_put(&secured->source, context);
}

void secured_look(struct secured *list, const char *script_dir, bool at_once)
{
    for (struct secured *secured = list; secured != NULL; secured = secured->next) {
        if (secured->settings.self_signed &&
            atomic_load(&secured->ends) - (int64_t)time(NULL) < DAY_S)
            read_again(secured, script_dir);
        warn_of_end(secured);
        look_at_tickets(secured, script_dir);
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

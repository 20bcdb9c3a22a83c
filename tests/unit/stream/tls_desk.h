/* tls_desk.h - the filter of TLS with OpenSSL's client at its other end, both in memory, and certificates to try it with. */
#ifndef MOONPORT_TLS_DESK_H
#define MOONPORT_TLS_DESK_H

#include "stream/tls_openssl.h"
#include "temporary.h"

#include <criterion/criterion.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

enum { DESK_PLAIN_MAX = 300000 };

/* ---- certificates ---- */

struct maker {
    const char *name; /* of the subject, and a name that it is for */
    const char
        *names; /* as OpenSSL writes them: "DNS:a.example,DNS:*.b.example"; NULL: that name */
    bool is_rsa, is_ca;
    long begins_s, ends_s;     /* from now on; 0: a day ago, in 100 days */
    const struct tls_pair *by; /* who vouches for it; NULL: itself */
};

static void extend(X509 *leaf, X509 *by, int kind, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, by, leaf, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    cr_assert_not_null(extension);
    cr_assert_eq(X509_add_ext(leaf, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static struct tls_pair make_pair(const struct maker *maker)
{
    static long serial = 1;
    char names[200];
    struct tls_pair pair = {.leaf = X509_new(),
                            .key = maker->is_rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"),
                            .chain = sk_X509_new_null()};
    const struct tls_pair *by = maker->by != NULL ? maker->by : &pair;
    X509_NAME *subject = X509_get_subject_name(pair.leaf);
    long begins_s = maker->begins_s != 0 ? maker->begins_s : -24L * 60 * 60,
         ends_s = maker->ends_s != 0 ? maker->ends_s : 100L * 24 * 60 * 60;
    X509_set_version(pair.leaf, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(pair.leaf), serial++);
    X509_gmtime_adj(X509_getm_notBefore(pair.leaf), begins_s);
    X509_gmtime_adj(X509_getm_notAfter(pair.leaf), ends_s);
    X509_set_pubkey(pair.leaf, pair.key);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)maker->name, -1,
                               -1, 0);
    X509_set_issuer_name(pair.leaf, X509_get_subject_name(by->leaf));
    snprintf(names, sizeof names, "DNS:%s", maker->name);
    extend(pair.leaf, by->leaf, NID_subject_alt_name, maker->names != NULL ? maker->names : names);
    extend(pair.leaf, by->leaf, NID_basic_constraints,
           maker->is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    cr_assert(X509_sign(pair.leaf, by->key, EVP_sha256()) > 0);
    if (maker->by != NULL) {
        X509_up_ref(maker->by->leaf);
        sk_X509_push(pair.chain, maker->by->leaf);
    }
    return pair;
}

static char desk_folder[TEMPORARY_PATH_MAX];

static inline void desk_open_folder(void)
{
    cr_assert(temporary_directory(desk_folder));
}

static BIO *desk_file(const char *name)
{
    char path[TEMPORARY_PATH_MAX + 100];
    snprintf(path, sizeof path, "%s/%s", desk_folder, name);
    BIO *file = BIO_new_file(path, "wb");
    cr_assert_not_null(file, "%s", path);
    return file;
}

/* NAME.pem, with its chain, and NAME.key. */
static void write_pair(const struct tls_pair *pair, const char *name)
{
    char file[100];
    snprintf(file, sizeof file, "%s.pem", name);
    BIO *out = desk_file(file);
    PEM_write_bio_X509(out, pair->leaf);
    for (int i = 0; i < sk_X509_num(pair->chain); i++)
        PEM_write_bio_X509(out, sk_X509_value(pair->chain, i));
    BIO_free(out);
    snprintf(file, sizeof file, "%s.key", name);
    out = desk_file(file);
    PEM_write_bio_PrivateKey(out, pair->key, NULL, NULL, 0, NULL, NULL);
    BIO_free(out);
}

static inline void make_files(const struct maker *maker, const char *name)
{
    struct tls_pair pair = make_pair(maker);
    write_pair(&pair, name);
    tls_pair_free(&pair);
}

/* ---- both ends ---- */

static struct {
    struct tls_source source;
    struct budget budget;
    struct filter *filter;
    SSL *client;
    SSL_CTX *client_context;
    BIO *to_client, *to_server;
    size_t piece, room; /* how many bytes the filter is offered at once, and given room for */
    uint8_t server_got[DESK_PLAIN_MAX], client_got[DESK_PLAIN_MAX];
    size_t server_size, client_size;
    int client_error; /* SSL_get_error of its last step */
} desk;

static struct tls_context *context_of(const char *text)
{
    struct tls_settings settings;
    struct error error = {.text = ""};
    cr_assert(tls_settings_read(&settings, text, &error), "%s", error.text);
    struct tls_context *context = tls_context_make(&settings, desk_folder, &error);
    cr_assert_not_null(context, "%s", error.text);
    return context;
}

static inline void desk_begin(const char *text)
{
    desk.budget.limit = (size_t)1 << 30;
    desk.piece = desk.room = 1 << 20;
    cr_assert(tls_source_open(&desk.source, context_of(text)));
    desk.client_context = SSL_CTX_new(TLS_client_method());
}

static inline void desk_connect(void)
{
    desk.filter = desk.source.filters.open(&desk.source.filters, &desk.budget);
    cr_assert_not_null(desk.filter);
    desk.client = SSL_new(desk.client_context);
    desk.to_client = BIO_new(BIO_s_mem());
    desk.to_server = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(desk.to_client, -1);
    BIO_set_mem_eof_return(desk.to_server, -1);
    SSL_set_bio(desk.client, desk.to_client, desk.to_server);
    SSL_set_connect_state(desk.client);
    desk.server_size = desk.client_size = 0;
}

/* What was taken from the budget has come back. */
static inline void desk_hang_up(void)
{
    outbox_clear(&desk.filter->sealed);
    desk.filter->kind->close(desk.filter, &desk.budget);
    cr_assert_eq(budget_used(&desk.budget), 0);
    SSL_set_shutdown(desk.client, SSL_SENT_SHUTDOWN); /* or its session would not be kept */
    SSL_free(desk.client);
    ERR_clear_error();
}

static inline void desk_end(void)
{
    tls_source_close(&desk.source);
    SSL_CTX_free(desk.client_context);
    if (desk_folder[0] != '\0') temporary_remove(desk_folder);
}

/* As a stream drives it. */
static void offer(struct span wire)
{
    struct filter *filter = desk.filter;
    while ((wire.size > 0 || filter->has_plain) && filter->state != FILTER_BROKEN &&
           (filter->state != FILTER_ENDED || filter->has_plain)) {
        bool opening = filter->state == FILTER_OPENING;
        size_t left = DESK_PLAIN_MAX - desk.server_size, size = left < desk.room ? left : desk.room;
        if (opening) size = 0;
        uint8_t before = filter->state;
        struct span part = filter->state == FILTER_ENDED ? span_of("", 0) : wire;
        struct filter_step step = filter->kind->take(
            filter, part, opening ? NULL : desk.server_got + desk.server_size, size);
        cr_assert(step.used <= part.size && step.made <= size);
        cr_assert(step.used > 0 || step.made > 0 || filter->state != before);
        desk.server_size += step.made;
        wire = span_skip(wire, step.used);
    }
}

static bool from_client(void)
{
    static uint8_t bytes[1 << 20];
    int got = BIO_read(desk.to_server, bytes, sizeof bytes);
    if (got <= 0) return false;
    for (struct span rest = span_of(bytes, (size_t)got); rest.size > 0;) {
        struct span part = span_first(rest, desk.piece);
        offer(part);
        rest = span_skip(rest, part.size);
    }
    return true;
}

/* Gives these bytes to the filter, and what it makes of them, or has to say, to the client. */
static bool to_client(struct span plain)
{
    static uint8_t room[1 << 16];
    struct filter *filter = desk.filter;
    bool any = false;
    while (plain.size > 0 || filter->has_wire) {
        size_t size = desk.room < sizeof room ? desk.room : sizeof room;
        struct filter_step step = filter->kind->give(filter, plain, room, size);
        cr_assert(step.used <= plain.size && step.made <= size && step.used + step.made > 0);
        plain = span_skip(plain, step.used);
        BIO_write(desk.to_client, room, (int)step.made);
        any = true;
    }
    return any;
}

static void step_client(void)
{
    size_t got = 0;
    int result = SSL_is_init_finished(desk.client)
                     ? SSL_read_ex(desk.client, desk.client_got + desk.client_size,
                                   DESK_PLAIN_MAX - desk.client_size, &got)
                     : SSL_do_handshake(desk.client);
    desk.client_size += got;
    desk.client_error = SSL_get_error(desk.client, result);
}

/* Until neither has anything more to say. */
static void pump(void)
{
    bool goes_on = true;
    while (goes_on) {
        size_t before = desk.client_size;
        ERR_clear_error();
        step_client();
        goes_on = from_client();
        goes_on = to_client(span_of("", 0)) || goes_on || desk.client_size > before;
    }
}

static inline void shake(void)
{
    pump();
    cr_assert_eq(desk.filter->state, FILTER_OPEN, "%s", desk.filter->why);
    cr_assert(SSL_is_init_finished(desk.client));
}

static inline void client_says(const void *bytes, size_t size)
{
    size_t taken = 0;
    ERR_clear_error();
    cr_assert_eq(SSL_write_ex(desk.client, bytes, size, &taken), 1);
    cr_assert_eq(taken, size);
    pump();
}

static inline void server_says(const void *bytes, size_t size)
{
    to_client(span_of(bytes, size));
    pump();
}

static void note_fact(void *context, const struct filter_fact *fact)
{
    char *text = context;
    size_t used = strlen(text);
    bool has_number = fact->kind == FACT_NUMBER || fact->kind == FACT_FLAG;
    used +=
        (size_t)snprintf(text + used, 2000 - used, "%s%s%s=", fact->group == NULL ? "" : "peer.",
                         fact->name, fact->kind == FACT_ITEM ? "[]" : "");
    if (has_number)
        snprintf(text + used, 2000 - used, "%lld;", (long long)fact->number);
    else
        snprintf(text + used, 2000 - used, "%s;", fact->text == NULL ? "" : fact->text);
}

/* "version=TLSv1.3;cipher=...;" */
static inline const char *told(void)
{
    static char text[2000];
    text[0] = '\0';
    desk.filter->kind->tell(desk.filter, note_fact, text);
    return text;
}

#endif

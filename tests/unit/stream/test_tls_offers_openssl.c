/* What is agreed on or shown beside the certificate: protocols, what is said of revocation, what is known of a peer. */
#include "tls_desk.h"

#include <openssl/ocsp.h>
#include <sched.h>
#include <setjmp.h>

static void try_make(const char *text, const char *why)
{
    struct tls_settings settings;
    struct error error = {.text = ""};
    cr_assert(tls_settings_read(&settings, text, &error), "%s", error.text);
    struct tls_context *context = tls_context_make(&settings, desk_folder, &error);
    cr_assert_null(context, "%s", text);
    cr_assert_not_null(strstr(error.text, why), "%s", error.text);
}

/* ---- protocols ---- */

static void offers(const char *names)
{
    unsigned char wire[100];
    unsigned size = 0;
    for (const char *name = names, *end; *name != '\0'; name = *end == '\0' ? end : end + 1) {
        end = strchr(name, ' ');
        if (end == NULL) end = name + strlen(name);
        wire[size++] = (unsigned char)(end - name);
        memcpy(wire + size, name, (size_t)(end - name));
        size += (unsigned)(end - name);
    }
    desk_connect();
    cr_assert_eq(SSL_set_alpn_protos(desk.client, wire, size), 0);
    pump();
}

static void agrees(const char *names, const char *protocol)
{
    const unsigned char *name;
    unsigned size;
    char text[100];
    offers(names);
    cr_assert_eq(desk.filter->state, FILTER_OPEN, "%s", desk.filter->why);
    SSL_get0_alpn_selected(desk.client, &name, &size);
    cr_assert_eq(size, strlen(protocol), "%s", names);
    cr_assert(size == 0 || memcmp(name, protocol, size) == 0, "%s", names);
    snprintf(text, sizeof text, ";protocol=%s;", protocol);
    cr_assert_not_null(strstr(told(), text), "%s", told());
    cr_assert_str_eq(desk.filter->protocol == NULL ? "" : desk.filter->protocol, protocol);
    desk_hang_up();
}

/* The peer's order counts, and the whole name. */
Test(tls_offers, a_protocol_is_agreed_on)
{
    desk_open_folder();
    make_files(&(struct maker){.name = "one"}, "one");
    desk_begin("certificate=one.pem,key=one.key,alpn=game/1|http/1.1");
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        SSL_CTX_set_max_proto_version(desk.client_context, version);
        agrees("http/1.1", "http/1.1");
        agrees("game/1", "game/1");
        agrees("h2 http/1.1 game/1", "http/1.1");
        agrees("game/1 http/1.1", "game/1");
        offers("h2 game/10 game/");
        cr_assert_eq(desk.filter->state, FILTER_BROKEN);
        cr_assert_str_eq(desk.filter->why,
                         "TLS: it asks for protocols of which none is spoken here (alpn)");
        desk_hang_up();
        desk_connect();
        shake();
        cr_assert_null(desk.filter->protocol, "it has asked for none");
        desk_hang_up();
    }
    desk_end();
}

Test(tls_offers, without_protocols_any_is_ignored)
{
    desk_open_folder();
    make_files(&(struct maker){.name = "one"}, "one");
    desk_begin("certificate=one.pem,key=one.key");
    agrees("h2 http/1.1", "");
    desk_end();
}

/* ---- revocation ---- */

enum { HOUR_S = 60 * 60 };

static void write_ocsp(const char *name, const struct tls_pair *of, const struct tls_pair *by,
                       int status, long ends_s)
{
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), of->leaf, by->leaf);
    ASN1_TIME *from = X509_gmtime_adj(NULL, -24L * HOUR_S), *to = X509_gmtime_adj(NULL, ends_s);
    cr_assert_not_null(OCSP_basic_add1_status(basic, id, status, 0, from, from, to));
    cr_assert_eq(OCSP_basic_sign(basic, by->leaf, by->key, EVP_sha256(), NULL, 0), 1);
    OCSP_RESPONSE *response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    BIO *file = desk_file(name);
    cr_assert_eq(i2d_OCSP_RESPONSE_bio(file, response), 1);
    BIO_free(file);
    OCSP_RESPONSE_free(response);
    OCSP_BASICRESP_free(basic);
    OCSP_CERTID_free(id);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
}

/* How many bytes a client that asks for `name` is shown; -1: none. */
static long shown_to(const char *name)
{
    const unsigned char *bytes;
    desk_connect();
    SSL_set_tlsext_host_name(desk.client, name);
    SSL_set_tlsext_status_type(desk.client, TLSEXT_STATUSTYPE_ocsp);
    shake();
    long size = SSL_get_tlsext_status_ocsp_resp(desk.client, &bytes);
    OCSP_RESPONSE *response = size > 0 ? d2i_OCSP_RESPONSE(NULL, &bytes, size) : NULL;
    cr_assert_eq(response != NULL, size > 0);
    OCSP_RESPONSE_free(response);
    desk_hang_up();
    return size;
}

Test(tls_offers, what_is_said_of_revocation_is_shown)
{
    desk_open_folder();
    struct tls_pair root = make_pair(&(struct maker){.name = "root", .is_ca = true});
    struct tls_pair one = make_pair(&(struct maker){.name = "one.example", .by = &root});
    struct tls_pair two = make_pair(&(struct maker){.name = "two.example", .by = &root});
    struct tls_pair three = make_pair(&(struct maker){.name = "three.example", .by = &root});
    struct tls_pair none = make_pair(&(struct maker){.name = "none.example", .by = &root});
    write_pair(&one, "one");
    write_pair(&two, "two");
    write_pair(&three, "three");
    write_ocsp("one.ocsp", &one, &root, V_OCSP_CERTSTATUS_GOOD, HOUR_S);
    write_ocsp("two.ocsp", &two, &root, V_OCSP_CERTSTATUS_GOOD, -HOUR_S);
    write_ocsp("revoked.ocsp", &one, &root, V_OCSP_CERTSTATUS_REVOKED, HOUR_S);
    write_ocsp("none.ocsp", &none, &root, V_OCSP_CERTSTATUS_GOOD, HOUR_S);
#define PAIRS "certificate=one.pem|two.pem|three.pem,key=one.key|two.key|three.key"
    try_make(PAIRS ",ocsp=revoked.ocsp", "revoked.ocsp says that the certificate is revoked");
    try_make(PAIRS ",ocsp=none.ocsp", "none.ocsp is of no certificate that is shown here");
    try_make(PAIRS ",ocsp=one.pem", "one.pem is no response of OCSP");
    try_make(PAIRS ",ocsp=missing", "missing: No such file");
    desk_begin(PAIRS ",ocsp=two.ocsp|one.ocsp");
    cr_assert(shown_to("one.example") > 100);
    cr_assert_eq(shown_to("two.example"), -1, "it has expired");
    cr_assert_eq(shown_to("three.example"), -1, "it has none");
    tls_pair_free(&none);
    tls_pair_free(&three);
    tls_pair_free(&two);
    tls_pair_free(&one);
    tls_pair_free(&root);
    desk_end();
}

/* Two authorities may give certificates the same number. */
Test(tls_offers, what_another_authority_says_is_of_another_certificate)
{
    desk_open_folder();
    struct tls_pair root = make_pair(&(struct maker){.name = "root", .is_ca = true});
    struct tls_pair other = make_pair(&(struct maker){.name = "other", .is_ca = true});
    struct tls_pair one = make_pair(&(struct maker){.name = "one.example", .by = &root});
    write_ocsp("one.ocsp", &one, &root, V_OCSP_CERTSTATUS_GOOD, HOUR_S);
    struct tls_pair twin = make_pair(&(struct maker){.name = "one.example", .by = &other});
    X509_set_serialNumber(twin.leaf, X509_get_serialNumber(one.leaf));
    write_ocsp("other.ocsp", &twin, &other, V_OCSP_CERTSTATUS_GOOD, HOUR_S);
    write_ocsp("unknown.ocsp", &one, &root, V_OCSP_CERTSTATUS_UNKNOWN, HOUR_S);
    X509_free(sk_X509_pop(one.chain));
    write_pair(&one, "one");
#define ONE_ALONE "certificate=one.pem,key=one.key,ocsp="
    try_make(ONE_ALONE "other.ocsp", "other.ocsp is of no certificate that is shown here");
    try_make(ONE_ALONE "unknown.ocsp", "unknown.ocsp says that the certificate is unknown");
    desk_begin(ONE_ALONE "one.ocsp");
    cr_assert(shown_to("one.example") > 100);
    tls_pair_free(&twin);
    tls_pair_free(&one);
    tls_pair_free(&other);
    tls_pair_free(&root);
    desk_end();
}

/* ---- peers ---- */

static void resumes_as(const struct tls_pair *pair, SSL_SESSION **session, bool resumed)
{
    desk_connect();
    cr_assert_eq(SSL_use_cert_and_key(desk.client, pair->leaf, pair->key, NULL, 1), 1);
    if (*session != NULL) SSL_set_session(desk.client, *session);
    shake();
    server_says("x", 1);
    cr_assert_eq(SSL_session_reused(desk.client), resumed);
    SSL_SESSION_free(*session);
    *session = SSL_get1_session(desk.client);
    desk_hang_up();
}

/* A client with this session is let in by a whole handshake, in which it shows no certificate. */
static void is_forgotten(SSL_SESSION *session)
{
    desk_connect();
    SSL_set_session(desk.client, session);
    shake();
    cr_assert_not(SSL_session_reused(desk.client));
    cr_assert_null(strstr(told(), "peer."), "%s", told());
    desk_hang_up();
}

/* Whoever was let in as a friend of one authority is not known to another. */
Test(tls_offers, sessions_are_resumed_only_where_the_same_peers_are_let_in)
{
    SSL_SESSION *session = NULL;
    desk_open_folder();
    struct tls_pair root = make_pair(&(struct maker){.name = "root", .is_ca = true});
    struct tls_pair other = make_pair(&(struct maker){.name = "other", .is_ca = true});
    struct tls_pair friend = make_pair(&(struct maker){.name = "friend", .by = &root});
    write_pair(&root, "root");
    write_pair(&other, "other");
    make_files(&(struct maker){.name = "one"}, "one");
#define ONE "certificate=one.pem,key=one.key,client_auth=optional,"
    desk_begin(ONE "client_ca=root.pem");
    resumes_as(&friend, &session, false);
    resumes_as(&friend, &session, true);
    tls_source_put(&desk.source, context_of(ONE "client_ca=root.pem"));
    resumes_as(&friend, &session, true);
    tls_source_put(&desk.source, context_of(ONE "client_ca=other.pem"));
    is_forgotten(session);
    SSL_SESSION_free(session);
    tls_pair_free(&friend);
    tls_pair_free(&other);
    tls_pair_free(&root);
    desk_end();
}

/* Each use of a session makes a new ticket, so it would last for ever. */
Test(tls_offers, a_session_ends_with_the_certificate_of_its_peer)
{
    SSL_SESSION *session = NULL;
    desk_open_folder();
    struct tls_pair root = make_pair(&(struct maker){.name = "root", .is_ca = true});
    struct tls_pair friend = make_pair(&(struct maker){.name = "friend", .by = &root, .ends_s = 2});
    write_pair(&root, "root");
    make_files(&(struct maker){.name = "one"}, "one");
    desk_begin(ONE "client_ca=root.pem");
    resumes_as(&friend, &session, false);
    while (X509_cmp_current_time(X509_get0_notAfter(friend.leaf)) > 0) sched_yield();
    is_forgotten(session);
    SSL_SESSION_free(session);
    tls_pair_free(&friend);
    tls_pair_free(&root);
    desk_end();
}

#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define LONG HUNDRED HUNDRED HUNDRED

Test(tls_offers, what_is_known_of_a_peer_is_told)
{
    char expected[100];
    desk_open_folder();
    struct tls_pair root = make_pair(&(struct maker){.name = "root", .is_ca = true});
    const struct maker maker = {.name = "friend",
                                .by = &root,
                                .names = "DNS:a.example,email:me@example.com,URI:urn:x,"
                                         "IP:127.0.0.1,IP:::1,RID:1.2.3,"
                                         "URI:urn:" LONG};
    struct tls_pair friend = make_pair(&maker);
    write_pair(&root, "root");
    make_files(&(struct maker){.name = "one"}, "one");
    desk_begin("certificate=one.pem,key=one.key,client_ca=root.pem");
    desk_connect();
    cr_assert_eq(SSL_use_cert_and_key(desk.client, friend.leaf, friend.key, NULL, 1), 1);
    SSL_set_tlsext_host_name(desk.client, "one");
    shake();
    const char *text = told();
    cr_assert_not_null(strstr(text, "version=TLSv1.3;cipher=TLS_"), "%s", text);
    cr_assert_not_null(strstr(text, ";server_name=one;protocol=;resumed=0;"), "%s", text);
    cr_assert_not_null(strstr(text, ";peer.names[]=DNS:a.example;peer.names[]=email:me@example.com;"
                                    "peer.names[]=URI:urn:x;peer.names[]=IP:127.0.0.1;"
                                    "peer.names[]=IP:0:0:0:0:0:0:0:1;peer.names[]=URI:urn:" LONG
                                    ";peer.serial="),
                       "%s", text);
    snprintf(expected, sizeof expected, ";peer.serial=%02lX;",
             ASN1_INTEGER_get(X509_get0_serialNumber(friend.leaf)));
    cr_assert_not_null(strstr(text, expected), "%s: %s", expected, text);
    snprintf(expected, sizeof expected, ";peer.not_before=%lld;peer.not_after=%lld;",
             (long long)tls_seconds(X509_get0_notBefore(friend.leaf)),
             (long long)tls_seconds(X509_get0_notAfter(friend.leaf)));
    cr_assert_not_null(strstr(text, expected), "%s: %s", expected, text);
    cr_assert(tls_seconds(X509_get0_notAfter(friend.leaf)) > 1700000000);
    desk_hang_up();
    tls_pair_free(&friend);
    tls_pair_free(&root);
    desk_end();
}

static jmp_buf away;
static int facts_left;

static void leave_at_fact(void *context, const struct filter_fact *fact)
{
    (void)context, (void)fact;
    if (facts_left-- == 0) longjmp(away, 1);
}

/* As a script without memory: LeakSanitizer sees what would be lost. */
Test(tls_offers, whoever_is_told_may_not_come_back)
{
    desk_open_folder();
    struct tls_pair root = make_pair(&(struct maker){.name = "root", .is_ca = true});
    struct tls_pair friend = make_pair(&(struct maker){.name = "friend", .by = &root});
    write_pair(&root, "root");
    make_files(&(struct maker){.name = "one"}, "one");
    desk_begin("certificate=one.pem,key=one.key,client_ca=root.pem");
    desk_connect();
    cr_assert_eq(SSL_use_cert_and_key(desk.client, friend.leaf, friend.key, NULL, 1), 1);
    shake();
    static int count; /* outlives the jumps */
    for (count = 0; count < 20; count++) {
        facts_left = count;
        if (setjmp(away) != 0) continue;
        desk.filter->kind->tell(desk.filter, leave_at_fact, NULL);
        break;
    }
    cr_assert_eq(count, 12, "%d facts", count);
    desk_hang_up();
    tls_pair_free(&friend);
    tls_pair_free(&root);
    desk_end();
}

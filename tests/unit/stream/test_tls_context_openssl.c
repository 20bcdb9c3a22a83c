/* Certificates and keys: which are taken, which are shown to whom, and what peers must show. */
#include "tls_desk.h"

static void begin(void)
{
    desk_open_folder();
}

static char refused_for[2000];

static void refused(const char *text, const char *why)
{
    struct tls_settings settings;
    struct error error = {.text = ""};
    cr_assert(tls_settings_read(&settings, text, &error), "%s", error.text);
    struct tls_context *context = tls_context_make(&settings, desk_folder, &error);
    cr_assert_null(context);
    cr_assert_not_null(strstr(error.text, why), "%s", error.text);
    cr_assert_not_null(strstr(error.text, "tls: "), "%s", error.text);
    snprintf(refused_for, sizeof refused_for, "%.1999s", error.text);
}

static void finish(void)
{
    temporary_remove(desk_folder);
}

static void write_text(const char *name, const char *text)
{
    BIO *file = desk_file(name);
    BIO_puts(file, text);
    BIO_free(file);
}

Test(tls_context, what_is_not_fit_to_be_shown_is_refused)
{
    begin();
    const struct maker one = {.name = "one"}, other = {.name = "other"},
                       old = {.name = "old", .begins_s = -100, .ends_s = -50},
                       early = {.name = "early", .begins_s = 1000};
    make_files(&one, "one");
    make_files(&other, "other");
    make_files(&old, "old");
    make_files(&early, "early");
    write_text("empty.pem", "");
    write_text("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    refused("certificate=none.pem,key=one.key", "none.pem: No such file");
    refused("certificate=one.pem,key=none.key", "none.key: No such file");
    refused("certificate=one.pem,key=other.key", "other.key is not the key of one.pem");
    refused("certificate=one.pem,key=one.pem", "one.pem has no private key");
    refused("certificate=one.key,key=one.key", "one.key has no certificate");
    refused("certificate=empty.pem,key=one.key", "empty.pem has no certificate");
    refused("certificate=broken.pem,key=one.key", "broken.pem has no certificate");
    refused("certificate=old.pem,key=old.key", "old.pem has expired");
    refused("certificate=early.pem,key=early.key", "early.pem is not valid yet");
    refused("certificate=one.pem,key=one.key,client_ca=empty.pem", "empty.pem has no certificates");
    refused("certificate=one.pem,key=one.key,ciphers=NONSENSE", "ciphers: ");
    finish();
}

Test(tls_context, a_chain_is_in_order)
{
    begin();
    struct tls_pair root = make_pair(&(struct maker){.name = "root", .is_ca = true});
    struct tls_pair leaf = make_pair(&(struct maker){.name = "leaf", .by = &root});
    struct tls_pair alien = make_pair(&(struct maker){.name = "alien", .is_ca = true});
    write_pair(&leaf, "fine");
    tls_context_drop(context_of("certificate=fine.pem,key=fine.key"));
    sk_X509_insert(leaf.chain, alien.leaf, 0);
    X509_up_ref(alien.leaf);
    write_pair(&leaf, "wrong");
    refused("certificate=wrong.pem,key=wrong.key",
            "certificate 2 does not vouch for the one before it");
    tls_pair_free(&alien);
    tls_pair_free(&leaf);
    tls_pair_free(&root);
    finish();
}

Test(tls_context, an_encrypted_key_is_opened)
{
    begin();
    struct tls_pair pair = make_pair(&(struct maker){.name = "one"});
    write_pair(&pair, "one");
    BIO *file = desk_file("secret.key");
    PEM_write_bio_PrivateKey(file, pair.key, EVP_aes_256_cbc(), (const unsigned char *)"open it", 7,
                             NULL, NULL);
    BIO_free(file);
    write_text("password", "open it\r\n");
    write_text("wrong", "do not\n");
    tls_context_drop(context_of("certificate=one.pem,key=secret.key,key_password_file=password"));
    refused("certificate=one.pem,key=secret.key", "secret.key is encrypted: key_password_file");
    refused("certificate=one.pem,key=secret.key,key_password_file=wrong",
            "the password does not open it");
    refused("certificate=one.pem,key=secret.key,key_password_file=none", "none: No such file");
    cr_assert_null(strstr(refused_for, "secret.key"), "%s", refused_for);
    tls_pair_free(&pair);
    finish();
}

/* ---- what is shown ---- */

static const char *shown_to(const char *name)
{
    static char text[100];
    desk_connect();
    if (name != NULL) SSL_set_tlsext_host_name(desk.client, name);
    shake();
    X509 *peer = SSL_get0_peer_certificate(desk.client);
    X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName, text, sizeof text);
    if (EVP_PKEY_get_base_id(X509_get0_pubkey(peer)) == EVP_PKEY_RSA)
        strncat(text, " rsa", sizeof text - strlen(text) - 1);
    desk_hang_up();
    return text;
}

Test(tls_context, each_name_has_its_certificate)
{
    begin();
    make_files(&(struct maker){.name = "one.example"}, "one");
    make_files(&(struct maker){.name = "two.example", .names = "DNS:two.example,DNS:*.two.example"},
               "two");
    make_files(&(struct maker){.name = "two.example", .is_rsa = true}, "rsa");
    desk_begin("certificate=one.pem|two.pem|rsa.pem,key=one.key|two.key|rsa.key");
    cr_assert_str_eq(shown_to("one.example"), "one.example");
    cr_assert_str_eq(shown_to("two.example"), "two.example");
    cr_assert_str_eq(shown_to("a.two.example"), "two.example");
    cr_assert_str_eq(shown_to("b.a.two.example"), "one.example");
    cr_assert_str_eq(shown_to("unknown.example"), "one.example");
    cr_assert_str_eq(shown_to(NULL), "one.example");
    SSL_CTX_set_max_proto_version(desk.client_context, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(desk.client_context, "aRSA");
    cr_assert_str_eq(shown_to("two.example"), "two.example rsa");
    desk_end();
}

static void expect_resumed(SSL_SESSION *session, bool resumed)
{
    desk_connect();
    cr_assert_eq(SSL_set_session(desk.client, session), 1);
    cr_assert_eq(SSL_set_tlsext_host_name(desk.client, "a.example"), 1);
    shake();
    cr_assert_eq(SSL_session_reused(desk.client), resumed);
    cr_assert_eq(strstr(told(), "resumed=1;") != NULL, resumed);
    cr_assert_not_null(strstr(told(), "server_name=a.example;"), "%s", told());
    desk_hang_up();
}

/* A ticket of one context is taken by the next, for the keys are the source's. */
Test(tls_context, sessions_go_on_over_new_certificates)
{
    begin();
    make_files(&(struct maker){.name = "one"}, "one");
    make_files(&(struct maker){.name = "two", .is_rsa = true}, "two");
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        desk_begin("certificate=one.pem,key=one.key");
        SSL_CTX_set_max_proto_version(desk.client_context, version);
        desk_connect();
        cr_assert_eq(SSL_set_tlsext_host_name(desk.client, "a.example"), 1);
        shake();
        server_says("x", 1); /* tickets of 1.3 come behind the handshake */
        SSL_SESSION *session = SSL_get1_session(desk.client);
        desk_hang_up();
        expect_resumed(session, true);
        tls_source_put(&desk.source, context_of("certificate=two.pem,key=two.key"));
        expect_resumed(session, true);
        cr_assert(tls_tickets_advance(&desk.source.tickets, desk.source.tickets.period + 1));
        expect_resumed(session, true);
        cr_assert(tls_tickets_advance(&desk.source.tickets, desk.source.tickets.period + 1));
        expect_resumed(session, false);
        SSL_SESSION_free(session);
        tls_source_close(&desk.source);
        SSL_CTX_free(desk.client_context);
    }
    finish();
}

static int count_ticket(SSL *client, SSL_SESSION *session)
{
    (void)session;
    ++*(int *)SSL_get_app_data(client);
    return 0;
}

/* Clients of TLS 1.3 show a ticket once: they get another for it (RFC 8446 C.4). In 1.2 they keep it. */
Test(tls_context, a_ticket_that_was_used_is_replaced_in_1_3)
{
    begin();
    make_files(&(struct maker){.name = "one"}, "one");
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        int tickets = 0;
        desk_begin("certificate=one.pem,key=one.key");
        SSL_CTX_set_max_proto_version(desk.client_context, version);
        SSL_CTX_set_session_cache_mode(desk.client_context, SSL_SESS_CACHE_CLIENT);
        desk_connect();
        shake();
        server_says("x", 1);
        SSL_SESSION *session = SSL_get1_session(desk.client);
        desk_hang_up();
        SSL_CTX_sess_set_new_cb(desk.client_context, count_ticket);
        desk_connect();
        SSL_set_app_data(desk.client, &tickets);
        cr_assert_eq(SSL_set_session(desk.client, session), 1);
        shake();
        server_says("x", 1);
        cr_assert_eq(SSL_session_reused(desk.client), 1);
        cr_assert_eq(tickets, version == TLS1_3_VERSION ? 1 : 0);
        desk_hang_up();
        SSL_SESSION_free(session);
        tls_source_close(&desk.source);
        SSL_CTX_free(desk.client_context);
    }
    finish();
}

/* Connections keep the certificate with which they began. */
Test(tls_context, a_handshake_ends_with_what_it_began_with)
{
    begin();
    make_files(&(struct maker){.name = "one"}, "one");
    make_files(&(struct maker){.name = "two"}, "two");
    desk_begin("certificate=one.pem,key=one.key");
    desk.piece = 1;
    desk_connect();
    step_client();
    uint8_t byte;
    cr_assert_eq(BIO_read(desk.to_server, &byte, 1), 1);
    offer(span_of(&byte, 1));
    tls_source_put(&desk.source, context_of("certificate=two.pem,key=two.key"));
    shake();
    char name[20];
    X509_NAME_get_text_by_NID(X509_get_subject_name(SSL_get0_peer_certificate(desk.client)),
                              NID_commonName, name, sizeof name);
    cr_assert_str_eq(name, "one");
    client_says("hello", 5);
    cr_assert_eq(desk.server_size, 5);
    desk_hang_up();
    cr_assert_str_eq(shown_to(NULL), "two");
    desk_end();
}

/* ---- what peers must show ---- */

static void connect_as(const struct tls_pair *pair)
{
    desk_connect();
    if (pair != NULL)
        cr_assert_eq(SSL_use_cert_and_key(desk.client, pair->leaf, pair->key, NULL, 1), 1);
    pump();
}

static void fails(const char *why)
{
    cr_assert_eq(desk.filter->state, FILTER_BROKEN);
    cr_assert_str_eq(desk.filter->why, why);
    desk_hang_up();
}

Test(tls_context, peers_show_certificates)
{
    begin();
    struct tls_pair root = make_pair(&(struct maker){.name = "root", .is_ca = true});
    struct tls_pair friend = make_pair(&(struct maker){.name = "friend", .by = &root});
    struct tls_pair stranger = make_pair(&(struct maker){.name = "stranger"});
    write_pair(&root, "root");
    make_files(&(struct maker){.name = "one"}, "one");
    desk_begin("certificate=one.pem,key=one.key,client_ca=root.pem");
    connect_as(NULL);
    fails("TLS: it shows no certificate (client_auth is required)");
    connect_as(&stranger);
    fails("TLS: nobody in client_ca vouches for its certificate, or it is not valid now");
    connect_as(&friend);
    shake();
    cr_assert_not_null(strstr(told(), "peer.subject=/CN=friend;peer.issuer=/CN=root;peer.names[]="),
                       "%s", told());
    cr_assert_not_null(strstr(told(), "peer.fingerprint="));
    desk_hang_up();
    tls_source_put(
        &desk.source,
        context_of("certificate=one.pem,key=one.key,client_ca=root.pem,client_auth=optional"));
    connect_as(NULL);
    shake();
    cr_assert_null(strstr(told(), "peer."));
    desk_hang_up();
    connect_as(&stranger);
    fails("TLS: nobody in client_ca vouches for its certificate, or it is not valid now");
    tls_pair_free(&stranger);
    tls_pair_free(&friend);
    tls_pair_free(&root);
    desk_end();
}

/* A client says so in its alert. */
Test(tls_context, a_peer_that_does_not_trust_us_is_understood)
{
    begin();
    make_files(&(struct maker){.name = "one"}, "one");
    desk_begin("certificate=one.pem,key=one.key");
    SSL_CTX_set_verify(desk.client_context, SSL_VERIFY_PEER, NULL);
    desk_connect();
    pump();
    from_client();
    fails("TLS: it does not trust our certificate (unknown_ca)");
    desk_end();
}

Test(tls_context, a_made_up_one_is_for_this_machine)
{
    struct tls_pair pair;
    char fingerprint[TLS_FINGERPRINT_MAX];
    cr_assert(tls_self_sign(&pair));
    cr_assert_eq(X509_check_host(pair.leaf, "localhost", 0, 0, NULL), 1);
    cr_assert_eq(X509_check_ip_asc(pair.leaf, "127.0.0.1", 0), 1);
    cr_assert_eq(X509_check_ip_asc(pair.leaf, "::1", 0), 1);
    cr_assert_eq(X509_check_host(pair.leaf, "example.com", 0, 0, NULL), 0);
    tls_pair_free(&pair);
    struct tls_context *context = context_of("self-signed");
    tls_context_fingerprint(context, fingerprint);
    cr_assert_eq(strlen(fingerprint), 95);
    cr_assert(tls_context_ends(context) > 1700000000);
    tls_context_drop(context);
}

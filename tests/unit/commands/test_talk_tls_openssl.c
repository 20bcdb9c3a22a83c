/* The client's side of TLS, with the server's in memory at its other end: what is trusted, and what is said of all else. */
#include "commands/talk_system.h"
#include "commands/talk_tls_openssl.h"
#include "stream/tls_desk.h"

#include <time.h>

static struct talk_tls *client;
static struct error why;
static enum talk_tls_verdict verdict;

static const char *file(const char *name)
{
    static char paths[16][TEMPORARY_PATH_MAX + 100];
    static int next;
    char *path = paths[next++ % 16];
    snprintf(path, sizeof paths[0], "%s/%s", desk_folder, name);
    return path;
}

/* Certificates: "ca" vouches for "server", for server.example and 127.0.0.1; "other" and "peer" vouch for themselves. */
static void begin(const char *text)
{
    desk_open_folder();
    struct tls_pair ca = make_pair(
        &(struct maker){.name = "The Office", .is_ca = true, .ends_s = 50L * 24 * 60 * 60});
    write_pair(&ca, "ca");
    make_files(&(struct maker){.name = "server.example",
                               .names = "DNS:server.example,IP:127.0.0.1,IP:::1",
                               .ends_s = 40L * 24 * 60 * 60,
                               .by = &ca},
               "server");
    make_files(&(struct maker){.name = "client", .by = &ca}, "client");
    make_files(&(struct maker){.name = "peer"}, "peer");
    make_files(&(struct maker){.name = "rsa", .is_rsa = true}, "rsa");
    make_files(&(struct maker){.name = "letters", .names = "email:a@b.example"}, "letters");
    tls_pair_free(&ca);
    desk_begin(text);
}

#define SERVER "certificate=server.pem,key=server.key"

static void open_client(struct talk_tls_asking asking)
{
    desk.filter = desk.source.filters.open(&desk.source.filters, &desk.budget);
    cr_assert_not_null(desk.filter);
    if (asking.name == NULL) asking.name = "server.example";
    client = talk_tls_open(&asking, &why);
    cr_assert_not_null(client, "%s", why.text);
    why.text[0] = '\0';
}

/* What either has to say, and these bytes of the server's, reach the other. */
static void exchange(struct span plain)
{
    static uint8_t room[1 << 16];
    struct buffer out = {.data = NULL};
    bool goes_on = true;
    verdict = TALK_TLS_MORE;
    while (goes_on) {
        if (verdict == TALK_TLS_MORE) verdict = talk_tls_shake(client, &why);
        cr_assert(talk_tls_give(client, &out));
        goes_on = buffer_size(&out) > 0;
        offer(buffer_bytes(&out));
        buffer_consume(&out, buffer_size(&out));
        while (plain.size > 0 || desk.filter->has_wire) {
            struct filter_step step =
                desk.filter->kind->give(desk.filter, plain, room, sizeof room);
            if (step.used + step.made == 0) break;
            plain = span_skip(plain, step.used);
            cr_assert(talk_tls_take(client, span_of(room, step.made)));
            goes_on = true;
        }
    }
    free(out.data);
}

static void hang_up(void)
{
    talk_tls_close(client);
    outbox_clear(&desk.filter->sealed);
    desk.filter->kind->close(desk.filter, &desk.budget);
    desk.server_size = 0;
}

static void shakes(struct talk_tls_asking asking)
{
    open_client(asking);
    exchange(span_of("", 0));
    cr_assert_eq(verdict, TALK_TLS_OPEN, "%s", why.text);
}

static void said(const char *text)
{
    cr_assert_not_null(strstr(why.text, text), "%s", why.text);
    cr_assert_eq(why.kind, ERROR_SYSTEM);
}

static void fails(struct talk_tls_asking asking, long later_days, const char *text)
{
    open_client(asking);
    X509_VERIFY_PARAM_set_time(SSL_get0_param(client->ssl),
                               time(NULL) + (time_t)later_days * 24 * 60 * 60);
    exchange(span_of("", 0));
    cr_assert_eq(verdict, TALK_TLS_FAILED);
    said(text);
    cr_assert_eq(desk.filter->state, FILTER_BROKEN, "the server was told");
    hang_up();
}

#define ASKING(...) ((struct talk_tls_asking){__VA_ARGS__})

Test(talk_tls, bytes_go_both_ways_and_both_say_goodbye)
{
    char got[20];
    begin(SERVER);
    shakes(ASKING(.ca = file("ca.pem")));
    char text[TALK_TLS_TEXT_MAX];
    cr_assert_str_eq(talk_tls_text(client, text), "TLS 1.3, TLS_AES_256_GCM_SHA384");
    cr_assert_eq(talk_tls_write(client, span_text("hello")), 5);
    exchange(span_text("welcome"));
    cr_assert_eq(desk.server_size, 5);
    cr_assert_arr_eq(desk.server_got, "hello", 5);
    cr_assert_eq(talk_tls_read(client, got, 3, &why), 3);
    cr_assert_eq(talk_tls_read(client, got + 3, sizeof got - 3, &why), 4);
    cr_assert_arr_eq(got, "welcome", 7);
    cr_assert_eq(talk_tls_read(client, got, sizeof got, &why), 0);
    talk_tls_finish(client);
    exchange(span_of("", 0));
    cr_assert_eq(desk.filter->state, FILTER_ENDED);
    exchange(span_text("more"));
    cr_assert_eq(talk_tls_read(client, got, sizeof got, &why), 4, "it still hears");
    desk.filter->kind->end(desk.filter);
    exchange(span_of("", 0));
    cr_assert_eq(talk_tls_read(client, got, sizeof got, &why), TALK_ENDED);
    cr_assert_eq(talk_tls_cut(client, &why), TALK_ENDED);
    hang_up();
    desk_end();
}

Test(talk_tls, an_end_without_goodbye_is_a_loss)
{
    begin(SERVER);
    shakes(ASKING(.ca = file("ca.pem")));
    cr_assert_eq(talk_tls_cut(client, &why), TALK_LOST);
    said("without a close_notify");
    hang_up();
    open_client(ASKING(.ca = file("ca.pem")));
    cr_assert_eq(talk_tls_cut(client, &why), TALK_LOST);
    said("does it speak TLS?");
    hang_up();
    desk_end();
}

Test(talk_tls, the_name_must_be_that_of_the_certificate)
{
    begin(SERVER);
    shakes(ASKING(.ca = file("ca.pem")));
    cr_assert_not_null(strstr(told(), "server_name=server.example;"), "%s", told());
    hang_up();
    static const char *const others[] = {"127.0.0.1", "::1"};
    for (int i = 0; i < 2; i++) {
        shakes(ASKING(.ca = file("ca.pem"), .name = others[i]));
        cr_assert_not_null(strstr(told(), "server_name=;"), "an IP is not told: %s", told());
        hang_up();
    }
    fails(ASKING(.ca = file("ca.pem"), .name = "example"), 0,
          "the certificate is for server.example, 127.0.0.1, 0:0:0:0:0:0:0:1, not for example: "
          "--name");
    fails(ASKING(.ca = file("ca.pem"), .name = "127.0.0.2"), 0, "not for 127.0.0.2");
    desk_end();
}

Test(talk_tls, a_certificate_may_be_for_nobody)
{
    begin("certificate=letters.pem,key=letters.key");
    fails(ASKING(.ca = file("letters.pem"), .name = "letters"), 0,
          "the certificate is for nobody, not for letters");
    desk_end();
}

Test(talk_tls, one_that_nobody_vouches_for_is_refused)
{
    begin("self-signed");
    fails(ASKING(.name = "localhost"), 0,
          "the certificate is self-signed: --ca FILE to trust it, --insecure to talk anyway");
    shakes(ASKING(.name = "elsewhere", .is_insecure = true));
    char text[TALK_TLS_TEXT_MAX];
    cr_assert_not_null(strstr(talk_tls_text(client, text), ", the certificate was not checked"));
    hang_up();
    desk_end();
}

Test(talk_tls, whom_to_trust_is_asked_for)
{
    begin(SERVER);
    fails(ASKING(.ca = NULL), 0, "vouched for by The Office, whom this system does not trust");
    fails(ASKING(.ca = file("peer.pem")), 0, "by The Office, whom those of --ca do not trust");
    shakes(ASKING(.ca = file("server.pem")));
    hang_up();
    desk_end();
}

Test(talk_tls, a_certificate_has_its_time)
{
    begin(SERVER);
    fails(ASKING(.ca = file("ca.pem")), 45, "the certificate has expired, on 20");
    fails(ASKING(.ca = file("ca.pem")), -2, "is not valid before 20");
    fails(ASKING(.ca = file("ca.pem")), 60, "a certificate that vouches for it has expired, on 20");
    desk_end();
}

/* The server has refused it: since TLS 1.3 the handshake is over by then. */
static void is_refused(struct talk_tls_asking asking, int version, const char *text)
{
    char got[20];
    open_client(asking);
    SSL_set_max_proto_version(client->ssl, version);
    exchange(span_of("", 0));
    if (verdict == TALK_TLS_OPEN)
        cr_assert_eq(talk_tls_read(client, got, sizeof got, &why), TALK_LOST);
    said(text);
    why.text[0] = '\0';
    cr_assert_eq(talk_tls_read(client, got, sizeof got, &why), TALK_LOST);
    said(text);
    cr_assert_eq(talk_tls_write(client, span_text("hello")), TALK_LOST);
    talk_tls_finish(client);
    cr_assert_eq(BIO_ctrl_pending(client->out), 0, "a failure is no goodbye");
    hang_up();
}

Test(talk_tls, a_certificate_of_ones_own_is_shown)
{
    begin(SERVER ",client_ca=ca.pem");
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (int i = 0; i < 2; i++) {
        struct talk_tls_asking asking = {.ca = file("ca.pem")};
        is_refused(asking, versions[i], "--cert FILE to show one");
        asking.certificate = file("peer.pem");
        asking.key = file("peer.key");
        is_refused(asking, versions[i], "does not trust whoever vouches for our certificate");
        asking.certificate = file("client.pem");
        asking.key = file("client.key");
        shakes(asking);
        cr_assert_not_null(strstr(told(), "subject=/CN=client;"), "%s", told());
        hang_up();
    }
    desk_end();
}

static void cannot_open(struct talk_tls_asking asking, const char *text)
{
    asking.name = "server.example";
    cr_assert_null(talk_tls_open(&asking, &why));
    cr_assert_eq(why.kind, ERROR_USAGE);
    cr_assert_not_null(strstr(why.text, text), "%s", why.text);
}

Test(talk_tls, files_that_cannot_be_used_are_named)
{
    begin(SERVER);
    cannot_open(ASKING(.ca = file("none.pem")), "none.pem: No such file");
    cannot_open(ASKING(.ca = file("ca.key")), "ca.key: it has no certificate");
    cannot_open(ASKING(.certificate = file("none.pem")), "none.pem: No such file");
    cannot_open(ASKING(.certificate = file("ca.key")), "ca.key: it has no certificate");
    cannot_open(ASKING(.certificate = file("client.pem")), "--key names the file");
    cannot_open(ASKING(.certificate = file("client.pem"), .key = file("none.key")),
                "none.key: No such file");
    cannot_open(ASKING(.certificate = file("client.pem"), .key = file("peer.key")),
                "is not the key of");
    cannot_open(ASKING(.certificate = file("client.pem"), .key = file("rsa.key")),
                "is not the key of");
    desk_end();
}

Test(talk_tls, a_server_of_something_else_is_told)
{
    begin(SERVER);
    static const char *const others[] = {"SSH-2.0-OpenSSH_9.2p1\r\n",
                                         "HTTP/1.1 400 Bad Request\r\n\r\n"};
    for (int i = 0; i < 2; i++) {
        open_client(ASKING(.ca = file("ca.pem")));
        cr_assert(talk_tls_take(client, span_text(others[i])));
        cr_assert_eq(talk_tls_shake(client, &why), TALK_TLS_FAILED);
        said("the server does not speak TLS");
        hang_up();
    }
    desk_end();
}

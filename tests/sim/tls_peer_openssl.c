#include "tls_peer.h"

#include "oracle.h"
#include "tls_run_openssl.h"
#include "wire.h"
#include "world.h"

#include <openssl/err.h>
#include <string.h>

enum { RECORD_HEAD = 5, RECORD_LEAST = 30, RECORD_MAX = 16384, READ_MAX = 20000 };
/* A ticket is good for this long at least: its key is replaced after 6 hours, it ends after 2. */
#define TICKET_S 3600

/* How it damages what it says. */
enum damage { DAMAGE_NONE, DAMAGE_BIT, DAMAGE_TWICE, DAMAGE_SHORT, DAMAGES };

struct tls_peer {
    struct cover cover; /* first */
    struct draw draw;
    struct tls_run *run;
    SSL *ssl; /* NULL: it speaks something else */
    BIO *in, *out;
    uint32_t first;   /* of the certificates, the one that was shown when it came */
    bool is_old;      /* it knows no more than TLS 1.2 */
    bool resumes;     /* it must be known again */
    bool torn, dead;  /* it has damaged something; it has given up */
    bool hears_http;  /* alien: it is to be answered */
    enum damage next; /* of what it says next */
    size_t record_max;
    struct buffer waiting; /* plain bytes put before it was ready */
    struct buffer heard;   /* alien */
};

static struct tls_peer *tls_of(const struct cover *cover)
{
    return (struct tls_peer *)(uintptr_t)cover;
}

/* ---- what it says ---- */

/* One bit of the bytes is another, the last of them are missing, or all come again. */
static void damage(struct tls_peer *peer, struct buffer *wire, size_t from)
{
    uint8_t *bytes = wire->data + wire->begin + from;
    size_t size = buffer_size(wire) - from, at = draw_below(&peer->draw, size);
    trace_note("what it says is damaged: %d at %zu of %zu bytes", (int)peer->next, at, size);
    switch (peer->next) {
    case DAMAGE_BIT: bytes[at] ^= (uint8_t)(1u << draw_below(&peer->draw, 8)); break;
    case DAMAGE_TWICE: {
        check(buffer_reserve(wire, size));
        struct span again = span_skip(buffer_bytes(wire), from);
        wire_append_bytes(wire, again);
        break;
    }
    case DAMAGE_SHORT: wire->end -= size - at; break;
    case DAMAGE_NONE:
    case DAMAGES: break;
    }
    peer->next = DAMAGE_NONE;
}

static void say(struct tls_peer *peer, struct buffer *wire)
{
    size_t size = BIO_ctrl_pending(peer->out), from = buffer_size(wire), got = 0;
    if (size == 0) return;
    check(buffer_reserve(wire, size));
    check(BIO_read_ex(peer->out, wire->data + wire->end, size, &got) == 1 && got == size);
    wire->end += size;
    if (peer->next != DAMAGE_NONE) damage(peer, wire, from);
}

static void write_plain(struct tls_peer *peer, struct span plain)
{
    while (plain.size > 0) {
        size_t taken = 0;
        bool short_one = draw_chance(&peer->draw, 200);
        size_t most = short_one ? draw_size(&peer->draw, peer->record_max) : peer->record_max;
        struct span part = span_first(plain, most);
        ERR_clear_error();
        bool fine = SSL_write_ex(peer->ssl, part.data, part.size, &taken) == 1;
        promise(fine && taken == part.size, "a client of TLS cannot write");
        plain = span_skip(plain, taken);
    }
}

/* It says that it goes on with other keys, and wants the server to do so, too. */
static void update_keys(struct tls_peer *peer)
{
    bool both = draw_chance(&peer->draw, 500);
    if (SSL_version(peer->ssl) != TLS1_3_VERSION || !draw_chance(&peer->draw, 30)) return;
    SSL_key_update(peer->ssl, both ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
}

static void put(struct cover *cover, struct span plain, struct buffer *wire)
{
    struct tls_peer *peer = tls_of(cover);
    if (peer->dead || peer->ssl == NULL || plain.size == 0) return;
    if (!cover->ready) {
        wire_append_bytes(&peer->waiting, plain);
        return;
    }
    update_keys(peer);
    write_plain(peer, plain);
    say(peer, wire);
}

static void end(struct cover *cover, struct buffer *wire)
{
    struct tls_peer *peer = tls_of(cover);
    if (peer->dead || peer->ssl == NULL || !cover->ready) return;
    ERR_clear_error();
    promise(SSL_shutdown(peer->ssl) >= 0, "a client of TLS cannot say its farewell");
    ERR_clear_error();
    say(peer, wire);
}

/* Noise that is no record, or one that was not made with its keys; or what it says next is damaged. */
static void tear(struct cover *cover, struct span noise, struct buffer *wire)
{
    struct tls_peer *peer = tls_of(cover);
    uint8_t head[RECORD_HEAD] = {23, 3, 3, (uint8_t)(noise.size >> 8), (uint8_t)noise.size};
    peer->torn = true;
    switch (draw_below(&peer->draw, 4)) {
    case 0: wire_append_bytes(wire, noise); break;
    case 1:
        head[0] = (uint8_t)draw_between(&peer->draw, 20, 24);
        wire_append_bytes(wire, span_of(head, sizeof head));
        wire_append_bytes(wire, noise);
        break;
    default: peer->next = draw_between(&peer->draw, DAMAGE_BIT, DAMAGES - 1); break;
    }
}

/* ---- what it hears ---- */

/* Whether the server could do otherwise. */
static void check_shaken(const struct tls_peer *peer)
{
    bool is_known = SSL_session_reused(peer->ssl);
    X509 *leaf = SSL_get0_peer_certificate(peer->ssl);
    promise(!peer->resumes || is_known, "the server does not know a session again");
    promise(is_known || (leaf != NULL && tls_run_has_shown(peer->run, peer->first, leaf)),
            "a client is shown a certificate that was not the one to be shown");
    trace_note("%s%s", SSL_get_version(peer->ssl), is_known ? ", resumed" : "");
}

static void become_ready(struct tls_peer *peer, struct buffer *wire)
{
    struct span waiting = buffer_bytes(&peer->waiting);
    check_shaken(peer);
    peer->cover.ready = true;
    /* Whoever resumes in TLS 1.2 has the last word; in TLS 1.3, everybody. */
    if (SSL_version(peer->ssl) == TLS1_2_VERSION && !SSL_session_reused(peer->ssl))
        peer->cover.open = true;
    put(&peer->cover, waiting, wire);
    buffer_consume(&peer->waiting, waiting.size);
}

static bool may_be_refused(const struct tls_peer *peer)
{
    bool is_too_old = peer->is_old && tls_run_was_strict(peer->run, peer->first);
    return peer->torn || peer->cover.alien || (is_too_old && !peer->cover.ready);
}

/* It goes on no more. */
static void give_up(struct tls_peer *peer)
{
    unsigned long error = ERR_peek_error();
    trace_note("a client gives up: %s", ERR_reason_error_string(error));
    promise(may_be_refused(peer), "a client of TLS that has done nothing hears: %s",
            ERR_reason_error_string(error));
    peer->dead = peer->cover.refused = true;
    ERR_clear_error();
}

static bool shake(struct tls_peer *peer, struct buffer *wire)
{
    ERR_clear_error();
    int result = SSL_do_handshake(peer->ssl);
    if (result == 1)
        become_ready(peer, wire);
    else if (SSL_get_error(peer->ssl, result) != SSL_ERROR_WANT_READ)
        give_up(peer);
    return result == 1;
}

static bool read_plain(struct tls_peer *peer, struct buffer *plain)
{
    static uint8_t bytes[READ_MAX];
    size_t got = 0;
    ERR_clear_error();
    int result = SSL_read_ex(peer->ssl, bytes, sizeof bytes, &got);
    if (result == 1) {
        peer->cover.open = true;
        wire_append_bytes(plain, span_of(bytes, got));
        return true;
    }
    switch (SSL_get_error(peer->ssl, result)) {
    case SSL_ERROR_WANT_READ: break;
    case SSL_ERROR_ZERO_RETURN: peer->cover.open = peer->cover.farewell = true; break;
    default: give_up(peer);
    }
    return false;
}

static bool hear(struct cover *cover, struct span bytes, struct buffer *plain, struct buffer *wire)
{
    struct tls_peer *peer = tls_of(cover);
    if (cover->farewell) return bytes.size == 0;
    if (peer->dead) return true;
    check(bytes.size == 0 || BIO_write(peer->in, bytes.data, (int)bytes.size) == (int)bytes.size);
    bool shaken = cover->ready || shake(peer, wire);
    while (shaken && read_plain(peer, plain)) continue;
    say(peer, wire);
    return !cover->farewell || BIO_ctrl_pending(peer->in) == 0;
}

/* ---- it speaks something else ---- */

/* A whole answer of HTTP, or an alert. */
static bool hear_alien(struct cover *cover, struct span bytes, struct buffer *plain,
                       struct buffer *wire)
{
    static const char answer[] =
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 46\r\n"
        "Connection: close\r\n\r\nThis port speaks TLS: use https:// or wss://.\n";
    static const char alert[] = "\x15\x03";
    struct tls_peer *peer = tls_of(cover);
    (void)plain, (void)wire;
    wire_append_bytes(&peer->heard, bytes);
    struct span heard = buffer_bytes(&peer->heard);
    struct span expected = peer->hears_http ? span_text(answer) : span_text(alert);
    size_t size = heard.size < expected.size ? heard.size : expected.size;
    cover->refused = size == expected.size;
    return memcmp(heard.data, expected.data, size) == 0 &&
           heard.size <= (peer->hears_http ? expected.size : RECORD_HEAD + 2);
}

#define WORDS(text) \
    { \
        (uint8_t *)(text), sizeof(text) - 1 \
    }

static void be_alien(struct tls_peer *peer, struct buffer *wire)
{
    static const struct span words[] = {
        WORDS("GET / HTTP/1.1\r\nHost: sim\r\n\r\n"),
        WORDS("POST /sim HTTP/1.0\r\n\r\n"),
        WORDS("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
        WORDS("hello\n"),
        WORDS("\x16\x03\x01\x02"),                     /* the beginning of a head */
        WORDS("\x16\x03\x01\xff\xff\x01\x01\x01\x01"), /* a record that is too long */
        WORDS("\x16\x03\x01\x00\x04\x01\x00\x00\x00"), /* a hello with nothing in it */
        WORDS("\x15\x03\x01\x00\x02\x02\x28"),         /* a fatal alert */
        WORDS("\x15\x03\x01\x00\x02\x01\x00"),         /* a farewell */
        WORDS("\x17\x03\x03\x00\x05hello"),            /* before its time */
    };
    size_t which = draw_below(&peer->draw, sizeof words / sizeof *words);
    peer->cover.ready = true; /* for its end, before which it has nothing to say */
    peer->cover.open = peer->hears_http = which < 2;
    wire_append_bytes(wire, words[which]);
}

/* ---- its life ---- */

static void close_peer(struct cover *cover)
{
    struct tls_peer *peer = tls_of(cover);
    if (peer->ssl != NULL) SSL_set_shutdown(peer->ssl, SSL_SENT_SHUTDOWN); /* its session is good */
    SSL_free(peer->ssl);
    free(peer->waiting.data);
    free(peer->heard.data);
    free(peer);
}

/* In TLS 1.3 a server that has let somebody in says so with tickets. */
int tls_peer_keep_session(SSL *client, SSL_SESSION *session)
{
    struct tls_peer *peer = SSL_get_app_data(client);
    if (peer == NULL) return 0; /* it belongs to no run */
    if (SSL_version(client) == TLS1_3_VERSION) peer->cover.open = true;
    tls_run_keep(peer->run,
                 SSL_SESSION_dup(session)); /* a connection that ends badly spoils its own */
    return 0;
}

/* It may be older, have met the server before, offer another group first than the server wants, or not trust it. */
static void draw_kind(struct tls_peer *peer, bool healthy)
{
    struct draw *draw = &peer->draw;
    peer->is_old = !healthy && draw_chance(draw, 400);
    int version = peer->is_old ? TLS1_2_VERSION : TLS1_3_VERSION;
    SSL_SESSION *session = tls_run_session(peer->run, version);
    SSL_set_max_proto_version(peer->ssl, version);
    SSL_set1_groups_list(peer->ssl, draw_chance(draw, 100) ? "X448:P-256" : "X25519:P-256");
    if (session != NULL && draw_chance(draw, 700)) {
        session = SSL_SESSION_dup(session);
        SSL_set_session(peer->ssl, session);
        SSL_SESSION_free(session);
        peer->resumes = time(NULL) - SSL_SESSION_get_time(session) < TICKET_S;
    } else if (!healthy && draw_chance(draw, 50)) {
        SSL_set_verify(peer->ssl, SSL_VERIFY_PEER, NULL); /* it knows nobody who could vouch */
        peer->cover.alien = true;
    }
    peer->record_max = draw_chance(draw, 500)
                           ? RECORD_MAX
                           : RECORD_LEAST + draw_size(draw, RECORD_MAX - RECORD_LEAST);
}

static void connect_ssl(struct tls_peer *peer, bool healthy)
{
    peer->ssl = SSL_new(tls_clients);
    peer->in = BIO_new(BIO_s_mem());
    peer->out = BIO_new(BIO_s_mem());
    check(peer->ssl != NULL && peer->in != NULL && peer->out != NULL);
    BIO_set_mem_eof_return(peer->in, -1);
    SSL_set_bio(peer->ssl, peer->in, peer->out);
    SSL_set_app_data(peer->ssl, peer);
    SSL_set_connect_state(peer->ssl);
    draw_kind(peer, healthy);
}

struct cover *tls_peer_open(struct tls_run *run, uint64_t seed, bool healthy, struct buffer *wire)
{
    static const struct cover_kind
        kind = {.put = put, .end = end, .hear = hear, .tear = tear, .close = close_peer},
        alien_kind = {
            .put = put, .end = end, .hear = hear_alien, .tear = tear, .close = close_peer};
    struct tls_peer *peer = calloc(1, sizeof *peer);
    check(peer != NULL);
    *peer = (struct tls_peer){
        .cover = {.kind = &kind, .tells_end = true},
        .draw = draw_begin(seed, 0),
        .run = run,
        .first = run->changes,
    };
    if (!healthy && draw_chance(&peer->draw, 80)) {
        peer->cover.kind = &alien_kind;
        peer->cover.alien = true;
        be_alien(peer, wire);
        return &peer->cover;
    }
    connect_ssl(peer, healthy);
    if (!healthy && draw_chance(&peer->draw, 50)) {
        peer->torn = peer->cover.alien = true;
        peer->next = draw_between(&peer->draw, DAMAGE_BIT, DAMAGES - 1);
    }
    shake(peer, wire);
    say(peer, wire);
    return &peer->cover;
}

/* ---- what the server knows ---- */

static void note(void *context, const struct filter_fact *fact)
{
    const SSL *ssl = context;
    bool is_known = strcmp(fact->name, "resumed") == 0;
    const char *expected = strcmp(fact->name, "version") == 0  ? SSL_get_version(ssl)
                           : strcmp(fact->name, "cipher") == 0 ? SSL_get_cipher_name(ssl)
                                                               : NULL;
    promise(!is_known || fact->number == SSL_session_reused(ssl),
            "the server says of a session that it is resumed: %lld", (long long)fact->number);
    promise(expected == NULL || (fact->text != NULL && strcmp(fact->text, expected) == 0),
            "the server says of a connection's %s: %s, and its client %s", fact->name, fact->text,
            expected);
}

void tls_peer_let_in(const struct cover *cover, const struct link *link)
{
    const struct tls_peer *peer = tls_of(cover);
    if (!cover->tells_end) return;
    /* In TLS 1.2 the server may have the last word, and not have said it yet. */
    promise(peer->ssl != NULL && (cover->ready || SSL_version(peer->ssl) == TLS1_2_VERSION),
            "somebody is let in who has not shaken hands");
    link_tell_filter(link, note, peer->ssl);
}

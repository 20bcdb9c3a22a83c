/* tls_client.h - what the clients of TLS that measure share: OpenSSL between buffers, and what it puts there on the wire in
 * one send. They do not look at whose certificate it is. */
#ifndef MOONPORT_TLS_CLIENT_H
#define MOONPORT_TLS_CLIENT_H

#include "client.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

enum { WIRE_PIECE = 1 << 16 };

struct tls_wire {
    int handle;
    uint64_t number; /* of the connection, for what is said of it */
    SSL *ssl;
    BIO *in, *out;
};

_Noreturn static inline void tls_fail(const struct tls_wire *wire, const char *what)
{
    char text[160] = "the server ended the connection";
    if (ERR_peek_error() != 0) ERR_error_string_n(ERR_get_error(), text, sizeof text);
    fail(1, "connection %" PRIu64 ": %s: %s", wire->number, what, text);
}

/* "1.2" or "1.3", with AES-128-GCM and, for keys, X25519; NULL if there is no such version. */
static inline SSL_CTX *tls_context(const char *version)
{
    bool is_old = strcmp(version, "1.2") == 0;
    int number = is_old ? TLS1_2_VERSION : TLS1_3_VERSION;
    if (!is_old && strcmp(version, "1.3") != 0) return NULL;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL || SSL_CTX_set_min_proto_version(context, number) != 1 ||
        SSL_CTX_set_max_proto_version(context, number) != 1 ||
        SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") != 1 ||
        SSL_CTX_set_cipher_list(context, "ECDHE+AES128+AESGCM") != 1 ||
        SSL_CTX_set1_groups_list(context, "X25519:P-256") != 1)
        fail(3, "OpenSSL cannot be used");
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    return context;
}

/* ---- the wire ---- */

static inline void tls_wire_open(struct tls_wire *wire, SSL_CTX *context, int handle,
                                 uint64_t number)
{
    *wire = (struct tls_wire){.handle = handle,
                              .number = number,
                              .ssl = SSL_new(context),
                              .in = BIO_new(BIO_s_mem()),
                              .out = BIO_new(BIO_s_mem())};
    if (wire->ssl == NULL || wire->in == NULL || wire->out == NULL) fail(3, "out of memory");
    SSL_set_bio(wire->ssl, wire->in, wire->out);
    SSL_set_connect_state(wire->ssl);
}

/* Its socket stays open, and nothing is said; but its session can be resumed. */
static inline void tls_wire_close(struct tls_wire *wire)
{
    SSL_set_shutdown(wire->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(wire->ssl);
    wire->ssl = NULL;
}

static inline bool tls_wire_holds(const struct tls_wire *wire)
{
    return BIO_ctrl_pending(wire->out) > 0;
}

/* Sends what OpenSSL has written, as far as the socket takes it. */
static inline void tls_wire_flush(struct tls_wire *wire)
{
    char *bytes;
    long size = BIO_get_mem_data(wire->out, &bytes);
    if (size == 0) return;
    ssize_t sent = send(wire->handle, bytes, (size_t)size, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        fail(1, "connection %" PRIu64 ": sending: %s", wire->number, strerror(errno));
    if (sent == size)
        BIO_reset(wire->out);
    else if (sent > 0) /* rare */
        while (sent > 0) {
            char room[4096];
            int part = sent < (ssize_t)sizeof room ? (int)sent : (int)sizeof room;
            sent -= BIO_read(wire->out, room, part);
        }
}

/* False: nothing has come. */
static inline bool tls_wire_receive(struct tls_wire *wire)
{
    static uint8_t bytes[WIRE_PIECE];
    ssize_t size = recv(wire->handle, bytes, sizeof bytes, 0);
    if (size < 0 && errno == EAGAIN) return false;
    if (size <= 0)
        fail(1, "connection %" PRIu64 ": the server closed it: %s", wire->number,
             size == 0 ? "end of stream" : strerror(errno));
    if (BIO_write(wire->in, bytes, (int)size) != (int)size) fail(3, "out of memory");
    return true;
}

static inline void tls_wire_write(struct tls_wire *wire, const void *bytes, size_t size)
{
    if (SSL_write(wire->ssl, bytes, (int)size) != (int)size) tls_fail(wire, "writing");
}

/* Plain bytes that have come; 0: no more. */
static inline size_t tls_wire_read(struct tls_wire *wire, void *bytes, size_t size)
{
    int got = SSL_read(wire->ssl, bytes, (int)size);
    if (got <= 0 && SSL_get_error(wire->ssl, got) != SSL_ERROR_WANT_READ) tls_fail(wire, "reading");
    return got > 0 ? (size_t)got : 0;
}

/* Goes on with the handshake as far as it gets; true: it is done on this side. What is to be sent is not flushed. */
static inline bool tls_wire_shake(struct tls_wire *wire)
{
    int result = SSL_do_handshake(wire->ssl);
    if (result != 1 && SSL_get_error(wire->ssl, result) != SSL_ERROR_WANT_READ)
        tls_fail(wire, "shaking hands");
    return result == 1;
}

/* ---- one after the other, on sockets that block ---- */

static inline void tls_wire_connect(struct tls_wire *wire, SSL_CTX *context,
                                    const struct address *address, uint64_t number,
                                    uint64_t until_ns)
{
    tls_wire_open(wire, context, connect_to(address, number, until_ns), number);
    while (!tls_wire_shake(wire)) {
        tls_wire_flush(wire);
        if (!tls_wire_receive(wire)) fail(1, "the server did not answer");
    }
    tls_wire_flush(wire);
}

enum { TLS_GREETING = HEADER + 16 };

static inline void tls_wire_ask(struct tls_wire *wire, uint64_t seed)
{
    uint8_t bytes[TLS_GREETING];
    packet_fill(sizeof bytes, seed, 0, bytes, sizeof bytes);
    tls_wire_write(wire, bytes, sizeof bytes);
    tls_wire_flush(wire);
}

/* Whether the answer to that has come. An echo's packet of this size comes in one record. */
static inline bool tls_wire_is_answered(struct tls_wire *wire, uint64_t seed)
{
    uint8_t bytes[TLS_GREETING], expected[TLS_GREETING];
    size_t size = tls_wire_read(wire, bytes, sizeof bytes);
    if (size == 0) return false;
    packet_fill(sizeof expected, seed, 0, expected, sizeof expected);
    if (size != sizeof expected || memcmp(bytes, expected, size) != 0)
        fail(1, "connection %" PRIu64 ": something else came back than was sent", wire->number);
    return true;
}

static inline void tls_wire_exchange(struct tls_wire *wire, uint64_t seed)
{
    tls_wire_ask(wire, seed);
    while (!tls_wire_is_answered(wire, seed))
        if (!tls_wire_receive(wire)) fail(1, "the server did not answer");
}

/* A connection that comes and goes, and is answered. */
static inline void tls_greet(SSL_CTX *context, const struct address *address, uint64_t until_ns)
{
    struct tls_wire wire;
    tls_wire_connect(&wire, context, address, 0, until_ns);
    tls_wire_exchange(&wire, UINT64_MAX);
    tls_wire_close(&wire);
    close(wire.handle);
}

#endif

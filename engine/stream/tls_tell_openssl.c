/* What is known of a peer: how its connection is encrypted, and the certificate that it has shown. */
#include "base/text.h"
#include "stream/tls_openssl.h"

#include <openssl/x509v3.h>
#include <string.h>

struct tellers {
    filter_note *note;
    void *context;
    const char *group;
};

static void tell_text(const struct tellers *to, const char *name, const char *text)
{
    to->note(to->context, &(struct filter_fact){
                              .group = to->group, .name = name, .kind = FACT_TEXT, .text = text});
}

static void tell_number(const struct tellers *to, const char *name, int64_t number)
{
    to->note(to->context,
             &(struct filter_fact){
                 .group = to->group, .name = name, .kind = FACT_NUMBER, .number = number});
}

/* ---- the certificate ---- */

/* Whoever is told may not come back (a script without memory), so nothing of OpenSSL's is held meanwhile. */
enum { NAME_MAX_SIZE = 2048, BYTES_MAX = 64, NAMES_MAX = 8192 };

static void tell_name(const struct tellers *to, const char *name, X509_NAME *entries)
{
    char text[NAME_MAX_SIZE];
    tell_text(to, name, X509_NAME_oneline(entries, text, sizeof text));
}

static void tell_bytes(const struct tellers *to, const char *name, const unsigned char *bytes,
                       size_t size, bool in_capitals)
{
    char text[2 * BYTES_MAX + 1] = "";
    if (size > BYTES_MAX) size = BYTES_MAX;
    for (size_t i = 0; i < size; i++)
        snprintf(text + 2 * i, 3, in_capitals ? "%02X" : "%02x", bytes[i]);
    tell_text(to, name, text);
}

/* "127.0.0.1", "0:0:0:0:0:0:0:1"; "" if it is neither. */
static void write_ip(struct text *names, const ASN1_OCTET_STRING *bytes)
{
    const unsigned char *ip = ASN1_STRING_get0_data(bytes);
    if (ASN1_STRING_length(bytes) == 4)
        text_add(names, "IP:%u.%u.%u.%u", ip[0], ip[1], ip[2], ip[3]);
    if (ASN1_STRING_length(bytes) != 16) return;
    text_add(names, "IP:%x", ip[0] << 8 | ip[1]);
    for (int i = 2; i < 16; i += 2) text_add(names, ":%x", ip[i] << 8 | ip[i + 1]);
}

/* Those with a line end or a NUL in them are left out: they would be taken for something else. */
static void write_words(struct text *names, const char *kind, const ASN1_STRING *name)
{
    const char *bytes = (const char *)ASN1_STRING_get0_data(name);
    size_t size = (size_t)ASN1_STRING_length(name);
    if (memchr(bytes, '\0', size) != NULL || memchr(bytes, '\n', size) != NULL) return;
    text_add(names, "%s%.*s", kind, (int)size, bytes);
}

static void write_alternative(struct text *names, const GENERAL_NAME *name)
{
    switch (name->type) {
    case GEN_DNS: write_words(names, "DNS:", name->d.dNSName); break;
    case GEN_EMAIL: write_words(names, "email:", name->d.rfc822Name); break;
    case GEN_URI: write_words(names, "URI:", name->d.uniformResourceIdentifier); break;
    case GEN_IPADD: write_ip(names, name->d.iPAddress); break;
    default: return;
    }
    text_add(names, "\n");
}

/* Line by line. What there is no room for is left out. */
static void write_names(char lines[NAMES_MAX], const X509 *peer)
{
    struct text names = text_in(lines, NAMES_MAX);
    GENERAL_NAMES *list = X509_get_ext_d2i(peer, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(list); i++)
        write_alternative(&names, sk_GENERAL_NAME_value(list, i));
    GENERAL_NAMES_free(list);
}

static void tell_names(const struct tellers *to, const X509 *peer)
{
    char lines[NAMES_MAX];
    write_names(lines, peer);
    for (char *line = lines, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        if (end > line)
            to->note(to->context,
                     &(struct filter_fact){
                         .group = to->group, .name = "names", .kind = FACT_ITEM, .text = line});
    }
}

static void tell_peer(const struct tellers *to, const X509 *peer)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    const ASN1_INTEGER *serial = X509_get0_serialNumber(peer);
    tell_name(to, "subject", X509_get_subject_name(peer));
    tell_name(to, "issuer", X509_get_issuer_name(peer));
    tell_names(to, peer);
    tell_bytes(to, "serial", ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial),
               true);
    if (X509_digest(peer, EVP_sha256(), digest, &size) == 1)
        tell_bytes(to, "fingerprint", digest, size, false);
    tell_number(to, "not_before", tls_seconds(X509_get0_notBefore(peer)));
    tell_number(to, "not_after", tls_seconds(X509_get0_notAfter(peer)));
}

/* ---- all ---- */

void tls_tell(const SSL *ssl, const char *protocol, filter_note *note, void *context)
{
    const struct tellers to = {.note = note, .context = context},
                         of_peer = {.note = note, .context = context, .group = "peer"};
    tell_text(&to, "version", SSL_get_version(ssl));
    tell_text(&to, "cipher", SSL_get_cipher_name(ssl));
    tell_text(&to, "server_name", SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
    tell_text(&to, "protocol", protocol);
    note(context, &(struct filter_fact){
                      .name = "resumed", .kind = FACT_FLAG, .number = SSL_session_reused(ssl)});
    const X509 *peer = SSL_get0_peer_certificate(ssl);
    if (peer != NULL) tell_peer(&of_peer, peer);
}

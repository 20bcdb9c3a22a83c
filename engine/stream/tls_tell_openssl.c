/* What is known of a peer: how its connection is encrypted, and the certificate that it has shown. */
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

static void tell_name(const struct tellers *to, const char *name, X509_NAME *entries)
{
    char *text = X509_NAME_oneline(entries, NULL, 0);
    tell_text(to, name, text);
    OPENSSL_free(text);
}

static void tell_serial(const struct tellers *to, const X509 *peer)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(peer), NULL);
    char *text = number == NULL ? NULL : BN_bn2hex(number);
    tell_text(to, "serial", text);
    OPENSSL_free(text);
    BN_free(number);
}

/* "127.0.0.1", "0:0:0:0:0:0:0:1"; "" if it is neither. */
static void write_ip(char *text, size_t size, const ASN1_OCTET_STRING *bytes)
{
    const unsigned char *ip = ASN1_STRING_get0_data(bytes);
    size_t used = 0;
    text[0] = '\0';
    if (ASN1_STRING_length(bytes) == 4)
        snprintf(text, size, "%u.%u.%u.%u", ip[0], ip[1], ip[2], ip[3]);
    if (ASN1_STRING_length(bytes) != 16) return;
    for (int i = 0; i < 16; i += 2)
        used += (size_t)snprintf(text + used, size - used, "%s%x", i == 0 ? "" : ":",
                                 ip[i] << 8 | ip[i + 1]);
}

/* One that has a NUL in it is left out: it would be taken for what stands before that. */
static void tell_alternative(const struct tellers *to, const GENERAL_NAME *name)
{
    char text[256] = "";
    const char *kind = name->type == GEN_DNS     ? "DNS:"
                       : name->type == GEN_EMAIL ? "email:"
                       : name->type == GEN_URI   ? "URI:"
                                                 : NULL;
    if (name->type == GEN_IPADD) {
        memcpy(text, "IP:", 4);
        write_ip(text + 3, sizeof text - 3, name->d.iPAddress);
    } else if (kind != NULL) {
        const char *bytes = (const char *)ASN1_STRING_get0_data(name->d.ia5);
        size_t size = (size_t)ASN1_STRING_length(name->d.ia5);
        if (size >= sizeof text - 8 || memchr(bytes, '\0', size) != NULL) return;
        snprintf(text, sizeof text, "%s%.*s", kind, (int)size, bytes);
    }
    if (text[0] != '\0')
        to->note(to->context,
                 &(struct filter_fact){
                     .group = to->group, .name = "names", .kind = FACT_ITEM, .text = text});
}

static void tell_names(const struct tellers *to, const X509 *peer)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(peer, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
        tell_alternative(to, sk_GENERAL_NAME_value(names, i));
    GENERAL_NAMES_free(names);
}

static void tell_fingerprint(const struct tellers *to, const X509 *peer)
{
    char text[2 * EVP_MAX_MD_SIZE + 1] = "";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (X509_digest(peer, EVP_sha256(), digest, &size) != 1) return;
    for (size_t i = 0; i < size; i++) snprintf(text + 2 * i, 3, "%02x", digest[i]);
    tell_text(to, "fingerprint", text);
}

static void tell_peer(const struct tellers *to, const X509 *peer)
{
    tell_name(to, "subject", X509_get_subject_name(peer));
    tell_name(to, "issuer", X509_get_issuer_name(peer));
    tell_names(to, peer);
    tell_serial(to, peer);
    tell_fingerprint(to, peer);
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

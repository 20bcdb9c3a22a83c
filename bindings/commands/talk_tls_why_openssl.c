/* What is wrong with a server, or with its certificate, and what to do. */
#include "commands/talk_tls_openssl.h"

#include "base/text.h"

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509v3.h>
#include <string.h>

#define TRUST "--ca FILE to trust it, --insecure to talk anyway"

enum { NAMES_TEXT_MAX = 300, NAMES_MAX = 5 };

/* ---- certificates ---- */

/* Bytes that a terminal would obey are not passed on. */
static void add_plain(struct text *text, const unsigned char *bytes, int size)
{
    for (int i = 0; i < size; i++)
        text_add(text, "%c", bytes[i] >= ' ' && bytes[i] < 0x7f ? bytes[i] : '?');
}

static void add_ip(struct text *text, const ASN1_OCTET_STRING *ip)
{
    const unsigned char *bytes = ASN1_STRING_get0_data(ip);
    int size = ASN1_STRING_length(ip);
    if (size == 4) text_add(text, "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2], bytes[3]);
    for (int i = 0; size == 16 && i < size; i += 2)
        text_add(text, "%s%x", i == 0 ? "" : ":", bytes[i] << 8 | bytes[i + 1]);
}

/* "a.example, 127.0.0.1": whom it is for (RFC 5280 4.2.1.6). Empty: it says nobody. */
static void list_names(const X509 *leaf, char list[NAMES_TEXT_MAX])
{
    struct text text = text_in(list, NAMES_TEXT_MAX);
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    int count = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int type;
        const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
        if (type != GEN_DNS && type != GEN_IPADD) continue;
        if (count++ > 0) text_add(&text, ", ");
        if (count > NAMES_MAX) {
            text_add(&text, "...");
            break;
        }
        if (type == GEN_DNS)
            add_plain(&text, ASN1_STRING_get0_data(value), ASN1_STRING_length(value));
        else
            add_ip(&text, value);
    }
    GENERAL_NAMES_free(names);
}

static void explain_name(const struct talk_tls *tls, struct error *error)
{
    char names[NAMES_TEXT_MAX];
    list_names(tls->refused, names);
    error_set(error, ERROR_SYSTEM,
              "the certificate is for %s, not for %s: --name NAME if you mean another name, "
              "--insecure to talk anyway",
              names[0] == '\0' ? "nobody" : names, tls->asking.name);
}

/* Of what a certificate says of its issuer, the name. */
static void explain_issuer(const struct talk_tls *tls, struct error *error)
{
    char plain[NAMES_TEXT_MAX], name[NAMES_TEXT_MAX] = "";
    struct text text = text_in(plain, sizeof plain);
    X509_NAME *issuer = X509_get_issuer_name(tls->refused);
    if (X509_NAME_get_text_by_NID(issuer, NID_commonName, name, sizeof name) <= 0)
        X509_NAME_get_text_by_NID(issuer, NID_organizationName, name, sizeof name);
    add_plain(&text, (const unsigned char *)name, (int)strlen(name));
    error_set(error, ERROR_SYSTEM,
              "the certificate is vouched for by %s, whom %s not trust: --ca FILE to trust the "
              "certificates in that file, --insecure to talk anyway",
              plain[0] == '\0' ? "somebody without a name" : plain,
              tls->asking.ca == NULL ? "this system does" : "those of --ca do");
}

static void explain_time(const struct talk_tls *tls, const ASN1_TIME *when, const char *what,
                         const char *advice, struct error *error)
{
    char day[40] = "";
    struct tm time;
    if (ASN1_TIME_to_tm(when, &time) == 1) strftime(day, sizeof day, "%Y-%m-%d %H:%M UTC", &time);
    error_set(error, ERROR_SYSTEM, "%s %s %s: %s",
              tls->refused_depth == 0 ? "the certificate" : "a certificate that vouches for it",
              what, day, advice);
}

static void explain_certificate(const struct talk_tls *tls, struct error *error)
{
    long result = SSL_get_verify_result(tls->ssl);
    switch (tls->refused == NULL ? X509_V_ERR_UNSPECIFIED : result) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        error_set(error, ERROR_SYSTEM, "the certificate is self-signed: %s", TRUST);
        break;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: explain_issuer(tls, error); break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: explain_name(tls, error); break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        explain_time(tls, X509_get0_notAfter(tls->refused), "has expired, on",
                     "the server needs a new one; --insecure to talk anyway", error);
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        explain_time(tls, X509_get0_notBefore(tls->refused), "is not valid before",
                     "is the clock right? --insecure to talk anyway", error);
        break;
    default:
        error_set(error, ERROR_SYSTEM, "the certificate is refused (%s): --insecure to talk anyway",
                  X509_verify_cert_error_string(result));
    }
}

/* ---- all the rest ---- */

static const struct {
    int reason;
    const char *why;
} words[] = {
    {SSL_R_WRONG_VERSION_NUMBER, "the server does not speak TLS"},
    {SSL_R_PACKET_LENGTH_TOO_LONG, "the server does not speak TLS"},
    {SSL_R_UNEXPECTED_MESSAGE, "the server does not speak TLS as it should"},
    {SSL_R_UNSUPPORTED_PROTOCOL,
     "the server's version of TLS is too old: at least 1.2 is spoken here"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION,
     "the server wants another version of TLS than 1.2 and 1.3"},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
     "the server finds nothing in common, or wants a certificate (handshake_failure): --cert FILE "
     "to show one"},
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED,
     "the server wants a certificate (certificate_required): --cert FILE to show one"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA,
     "the server does not trust whoever vouches for our certificate (unknown_ca)"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "the server refuses our certificate (bad_certificate)"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN,
     "the server refuses our certificate (certificate_unknown)"},
    {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
     "the server cannot use our certificate (unsupported_certificate)"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,
     "the server says that our certificate has expired (certificate_expired)"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED,
     "the server says that our certificate was revoked (certificate_revoked)"},
    {SSL_R_TLSV1_UNRECOGNIZED_NAME,
     "the server serves nobody of that name (unrecognized_name): --name NAME asks for another"},
    {SSL_R_TLSV1_ALERT_INTERNAL_ERROR, "the server has failed (internal_error)"},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "what the server sent was changed on its way"},
};
enum { WORDS = sizeof words / sizeof *words };

/* The first that libssl has told: those of other parts are its causes. */
static unsigned long take_error(void)
{
    unsigned long first = 0;
    for (unsigned long next; (next = ERR_get_error()) != 0;)
        if (first == 0 || (ERR_GET_LIB(first) != ERR_LIB_SSL && ERR_GET_LIB(next) == ERR_LIB_SSL))
            first = next;
    return first;
}

void talk_tls_explain(const struct talk_tls *tls, struct error *error)
{
    unsigned long found = take_error();
    int reason = ERR_GET_REASON(found);
    const char *unknown = ERR_reason_error_string(found);
    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        explain_certificate(tls, error);
        return;
    }
    error_set(error, ERROR_SYSTEM, "TLS failed: %s", unknown == NULL ? "no reason" : unknown);
    for (int i = 0; i < WORDS; i++)
        if (words[i].reason == reason) error_set(error, ERROR_SYSTEM, "%s", words[i].why);
}

/* What OpenSSL's errors mean for whoever reads the log. */
#include "stream/tls_openssl.h"

#include <openssl/err.h>
#include <openssl/sslerr.h>

static const struct {
    int reason;
    const char *why;
} words[] = {
    {SSL_R_HTTP_REQUEST, "TLS: it spoke HTTP to a port of TLS"},
    {SSL_R_HTTPS_PROXY_REQUEST, "TLS: it spoke HTTP to a port of TLS"},
    {SSL_R_WRONG_VERSION_NUMBER, "TLS: it does not speak TLS"},
    {SSL_R_UNEXPECTED_EOF_WHILE_READING, "TLS: it has gone in the middle"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "TLS: its version of TLS is too old (min_version)"},
    {SSL_R_VERSION_TOO_LOW, "TLS: its version of TLS is too old (min_version)"},
    {SSL_R_NO_SHARED_CIPHER, "TLS: it knows no cipher that is allowed here (ciphers)"},
    {SSL_R_NO_SUITABLE_KEY_SHARE,
     "TLS: it knows no group for the exchange of keys that is known here"},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM,
     "TLS: it knows no signature that our certificate could make"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE,
     "TLS: it shows no certificate (client_auth is required)"},
    {SSL_R_CERTIFICATE_VERIFY_FAILED,
     "TLS: nobody in client_ca vouches for its certificate, or it is not valid now"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, "TLS: it does not trust our certificate (unknown_ca)"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "TLS: it refuses our certificate (bad_certificate)"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN,
     "TLS: it refuses our certificate (certificate_unknown)"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,
     "TLS: it says that our certificate has expired (certificate_expired)"},
    {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
     "TLS: it cannot use our certificate (unsupported_certificate)"},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, "TLS: it finds nothing in common (handshake_failure)"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "TLS: it wants another version (protocol_version)"},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "TLS: a record was changed on its way"},
    {SSL_R_NO_RENEGOTIATION, "TLS: it wants to negotiate again, which is not done here"},
    {SSL_R_NO_APPLICATION_PROTOCOL,
     "TLS: it asks for protocols of which none is spoken here (alpn)"},
    {SSL_R_PACKET_LENGTH_TOO_LONG, "TLS: a record is too long"},
    {SSL_R_DATA_LENGTH_TOO_LONG, "TLS: a record is too long"},
};
enum { WORDS = sizeof words / sizeof *words };

/* Of all errors of this thread, which are forgotten, the first that libssl has told: those of other parts are its causes. */
static int take_reason(void)
{
    int reason = 0;
    for (unsigned long error; (error = ERR_get_error()) != 0;) {
        if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE) reason = ERR_R_MALLOC_FAILURE;
        if (reason == 0 && ERR_GET_LIB(error) == ERR_LIB_SSL) reason = ERR_GET_REASON(error);
    }
    return reason;
}

struct tls_fault tls_fault_take(void)
{
    int reason = take_reason();
    struct tls_fault fault = {.why = "TLS: the protocol was violated"};
    fault.no_memory = reason == ERR_R_MALLOC_FAILURE;
    if (fault.no_memory) fault.why = "TLS: there is no memory for it";
    for (int i = 0; i < WORDS; i++)
        if (words[i].reason == reason) fault.why = words[i].why;
    fault.spoke_http = reason == SSL_R_HTTP_REQUEST || reason == SSL_R_HTTPS_PROXY_REQUEST;
    return fault;
}

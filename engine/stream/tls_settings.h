/* tls_settings.h - the settings of TLS, as text: "certificate=server.pem,key=server.key,min_version=1.3". Pure. */
#ifndef MOONPORT_TLS_SETTINGS_H
#define MOONPORT_TLS_SETTINGS_H

#include "frame/frame_protocols.h"

#include <stdbool.h>
#include <stdint.h>

enum { TLS_TEXT_MAX = 2047, TLS_CERTIFICATES_MAX = 16 };

enum tls_client_auth { TLS_CLIENT_NONE, TLS_CLIENT_OPTIONAL, TLS_CLIENT_REQUIRED };

/* Paths are as they were written: relative ones are meant below the directory of the scripts. */
struct tls_settings {
    const char
        *certificates[TLS_CERTIFICATES_MAX]; /* PEM: a certificate, then those that vouch for it */
    const char *keys[TLS_CERTIFICATES_MAX];  /* PEM: of the certificate with the same number */
    uint32_t certificate_count, key_count;
    bool self_signed;              /* in place of both */
    const char *key_password_file; /* its first line opens encrypted keys; NULL: none */
    const char *client_ca;         /* PEM: who may vouch for certificates of peers; NULL: nobody */
    uint8_t client_auth;           /* enum tls_client_auth */
    uint8_t min_version;           /* of TLS: 12 or 13 */
    const char *ciphers;           /* of TLS 1.2, as OpenSSL names them; NULL: the usual ones */
    const char *ocsp[TLS_CERTIFICATES_MAX]; /* DER: what is to be shown of revocation (RFC 6960) */
    uint32_t ocsp_count;
    const char
        *ticket_keys; /* where tickets' keys are kept, and made if they are not there; or NULL */
    const char *alpn[FRAME_PROTOCOLS_MAX]; /* protocols that are spoken inside (RFC 7301) */
    uint32_t alpn_count;                   /* 0: whatever the peer asks for is ignored */
    char words[TLS_TEXT_MAX + 1];          /* what the others point into */
};

/* The names of the fields, then NULL; and for messages. */
#define TLS_SETTINGS_NAMES \
    "certificate, key, key_password_file, client_ca, client_auth, ocsp, ticket_keys, alpn, " \
    "min_version, ciphers"
extern const char *const tls_settings_names[];

/* Reads "self-signed", or fields NAME=VALUE with "," between them. `certificate`, `key`, `ocsp` and `alpn` may be several,
 * with "|" between them. "self-signed" may also be the value of `certificate`; then there is no `key`. False with the reason, which names no setting: the text is none, or fields do not go together. */
bool tls_settings_read(struct tls_settings *settings, const char *text, struct error *reason);

enum { TLS_PATH_MAX = 4096 };

/* Where a file is that the settings name: a relative path is below the directory. False: it is too long. */
bool tls_settings_path(char path[TLS_PATH_MAX], const char *directory, const char *name);

#endif

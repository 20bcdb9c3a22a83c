#include "stream/tls_settings.h"

#include <criterion/criterion.h>
#include <string.h>

static struct tls_settings settings;
static struct error reason;

static void takes(const char *text)
{
    cr_assert(tls_settings_read(&settings, text, &reason), "%s: %s", text, reason.text);
}

static void refuses(const char *text, const char *why)
{
    reason.text[0] = '\0';
    cr_assert_not(tls_settings_read(&settings, text, &reason), "%s", text);
    cr_assert_not_null(strstr(reason.text, why), "%s: %s", text, reason.text);
}

Test(tls_settings, a_certificate_and_its_key)
{
    takes("certificate=a.pem,key=a.key");
    cr_assert_eq(settings.certificate_count, 1);
    cr_assert_str_eq(settings.certificates[0], "a.pem");
    cr_assert_str_eq(settings.keys[0], "a.key");
    cr_assert_eq(settings.min_version, 12);
    cr_assert_eq(settings.client_auth, TLS_CLIENT_NONE);
    cr_assert_not(settings.self_signed);
    cr_assert_null(settings.ciphers);
}

Test(tls_settings, several_and_all_other_fields)
{
    takes("key=a.key|b.key,certificate=a.pem|b.pem,min_version=1.3,client_ca=ca.pem,"
          "client_auth=optional,ciphers=ECDHE+AESGCM:ECDHE+CHACHA20,key_password_file=secret");
    cr_assert_eq(settings.certificate_count, 2);
    cr_assert_str_eq(settings.certificates[1], "b.pem");
    cr_assert_str_eq(settings.keys[1], "b.key");
    cr_assert_eq(settings.min_version, 13);
    cr_assert_eq(settings.client_auth, TLS_CLIENT_OPTIONAL);
    cr_assert_str_eq(settings.client_ca, "ca.pem");
    cr_assert_str_eq(settings.ciphers, "ECDHE+AESGCM:ECDHE+CHACHA20");
    cr_assert_str_eq(settings.key_password_file, "secret");
}

/* Whoever names those who vouch for peers wants to see certificates. */
Test(tls_settings, with_client_ca_a_certificate_is_required)
{
    takes("certificate=a.pem,key=a.key,client_ca=ca.pem");
    cr_assert_eq(settings.client_auth, TLS_CLIENT_REQUIRED);
    takes("certificate=a.pem,key=a.key,client_ca=ca.pem,client_auth=none");
    cr_assert_eq(settings.client_auth, TLS_CLIENT_NONE);
}

Test(tls_settings, self_signed)
{
    takes("self-signed");
    cr_assert(settings.self_signed);
    cr_assert_eq(settings.certificate_count, 0);
}

Test(tls_settings, self_signed_with_other_fields)
{
    takes("certificate=self-signed,alpn=game/1");
    cr_assert(settings.self_signed);
    refuses("certificate=self-signed,key=a.key", "leave out key");
    refuses("certificate=self-signed,client_auth=required", "client_auth needs client_ca");
    takes("certificate=self-signed,client_auth=required,client_ca=ca.pem");
}

Test(tls_settings, lists_of_files_and_protocols)
{
    takes("certificate=a.pem,key=a.key,ocsp=a.ocsp|b.ocsp,ticket_keys=keys,alpn=game/1|http/1.1");
    cr_assert_eq(settings.ocsp_count, 2);
    cr_assert_str_eq(settings.ocsp[1], "b.ocsp");
    cr_assert_str_eq(settings.ticket_keys, "keys");
    cr_assert_eq(settings.alpn_count, 2);
    cr_assert_str_eq(settings.alpn[0], "game/1");
    cr_assert_str_eq(settings.alpn[1], "http/1.1");
    refuses("certificate=a.pem,key=a.key,alpn=1|2|3|4|5|6|7|8|9", "at most 8 protocols");
    refuses("certificate=a.pem,key=a.key,alpn=a||b", "one of the protocols has no name");
    char text[400] = "certificate=a.pem,key=a.key,alpn=";
    size_t used = strlen(text);
    memset(text + used, 'x', 256);
    refuses(text, "has more than 255 bytes");
    text[used + 255] = '\0';
    takes(text);
}

Test(tls_settings, a_relative_path_is_below_the_directory)
{
    char path[TLS_PATH_MAX], name[TLS_PATH_MAX];
    cr_assert(tls_settings_path(path, "/srv/game", "a.pem"));
    cr_assert_str_eq(path, "/srv/game/a.pem");
    cr_assert(tls_settings_path(path, "/srv/game", "/etc/a.pem"));
    cr_assert_str_eq(path, "/etc/a.pem");
    cr_assert(tls_settings_path(path, "/srv/game", "C:/a.pem"));
    cr_assert_str_eq(path, "C:/a.pem");
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    cr_assert_not(tls_settings_path(path, "/srv", name));
}

Test(tls_settings, what_is_wrong_is_said)
{
    char text[TLS_TEXT_MAX + 100] = "certificate=";
    refuses("", "expected NAME=VALUE");
    refuses("selfsigned", "selfsigned: expected NAME=VALUE");
    refuses("certificate=a.pem", "1 certificates, and 0 keys");
    refuses("key=a.key", "a certificate and its key are expected");
    refuses("certificate=a.pem|b.pem,key=a.key", "2 certificates, and 1 keys");
    refuses("certificate=,key=a.key", "certificate is empty");
    refuses("certificate=a.pem|,key=a.key", "one of the certificates has no name");
    refuses("certificate=a.pem,key=a.key,min_version=1.1", "expected 1.2 or 1.3, not 1.1");
    refuses("certificate=a.pem,key=a.key,client_auth=maybe",
            "expected required, optional or none, not maybe");
    refuses("certificate=a.pem,key=a.key,client_auth=required", "client_auth needs client_ca");
    refuses("certificate=a.pem,key=a.key,cipher=x", "there is no cipher; there are certificate");
    memset(text + 12, 'a', TLS_TEXT_MAX);
    refuses(text, "it is too long");
    refuses("certificate=1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16|17", "at most 16 certificates");
}

/* TLS with clients that others wrote: Python's ssl, curl, python3-websockets. What the first does is in tls/. Certificates are
 * made by the program openssl. */
#include "packages.h"

#include "harness_process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PATH_SIZE = 600 };

static char folder[200]; /* of certificates */

static void begin(void)
{
    need_tls();
    need_python("ssl", "python3");
    directory_new(folder, sizeof folder);
}

static void beside(char path[PATH_SIZE], const char *name)
{
    snprintf(path, PATH_SIZE, "%s/../tests/e2e/tls/%s", getenv("MOONPORT_SCRIPTS"), name);
}

/* NAME.pem and NAME.key, for NAME.example; under another name where `file` is one. */
static void make_certificate(const char *name, const char *file, const char *days)
{
    char line[4 * PATH_SIZE];
    snprintf(line, sizeof line,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days %s "
             "-keyout %s/%s.key -out %s/%s.pem -subj /CN=%s -addext subjectAltName=DNS:%s.example",
             days, folder, file, folder, file, name, name);
    cr_assert_eq(process_shell(line, "/dev/null"), 0, "%s", line);
}

/* Puts the certificate in the place of the one that is shown, as programs that renew them do. */
static void put_in_place(const char *name)
{
    char line[4 * PATH_SIZE];
    snprintf(line, sizeof line,
             "cd %s && cp %s.key new.key && cp %s.pem new.pem && mv new.key live.key && mv new.pem "
             "live.pem",
             folder, name, name);
    cr_assert_eq(process_shell(line, "/dev/null"), 0);
}

static struct server serve_with(const char *tls, const char *framing)
{
    char path[PATH_SIZE], config[2 * PATH_SIZE];
    beside(path, "main.lua");
    char *script = file_read(path);
    snprintf(config, sizeof config,
             "return { listen = { { address = '127.0.0.1:0', framing = '%s', tls = %s } },\n"
             "         workers = 2, idle_timeout = 0, max_packet = '1M' }\n",
             framing, tls);
    struct server server =
        server_begin(&(struct begin){.script = script, .config = config, .admin = true});
    free(script);
    return server;
}

static struct server serve_live(void)
{
    char tls[PATH_SIZE];
    snprintf(tls, sizeof tls, "{ certificate = '%s/live.pem', key = '%s/live.key' }", folder,
             folder);
    return serve_with(tls, "line");
}

/* Runs the client, which must be content. */
static void by_ssl(const struct server *server, const char *what)
{
    char path[PATH_SIZE], line[3 * PATH_SIZE], log[PATH_SIZE];
    beside(path, "by_ssl.py");
    snprintf(log, sizeof log, "%s/log", folder);
    unlink(log);
    snprintf(line, sizeof line, PYTHON " -I %s %u %s %s 2>&1", path, server->port, what, folder);
    int status = process_shell(line, log);
    char *said = file_read(log);
    cr_assert(status == 0 && strcmp(said, "ok\n") == 0, "%s: status %d\n%s", what, status, said);
    free(said);
}

static void end(struct server *server)
{
    tree_remove(folder);
    server_end(server);
}

static void made_up(const char *what)
{
    begin();
    struct server server = serve_with("'self-signed'", "line");
    server_expect_log(&server, "the certificate is made up, for localhost");
    by_ssl(&server, what);
    end(&server);
}

Test(tls, both_versions_carry_packets_of_all_sizes)
{
    made_up("versions");
}

Test(tls, a_script_sees_what_was_agreed)
{
    made_up("fields");
}

Test(tls, sessions_are_resumed)
{
    made_up("resumed");
}

Test(tls, ends_are_told_both_ways)
{
    made_up("ends");
}

Test(tls, an_end_that_was_not_said_is_told_apart)
{
    made_up("truncated");
}

Test(tls, a_certificate_is_trusted_by_who_knows_it)
{
    begin();
    make_certificate("one", "one", "30");
    make_certificate("two", "two", "30");
    put_in_place("one");
    struct server server = serve_live();
    by_ssl(&server, "trusted");
    server_expect_log(&server, "TLS: it does not trust our certificate (unknown_ca)");
    end(&server);
}

/* Nobody asks for it: files are looked at once a second. */
Test(tls, a_new_certificate_is_live_by_itself_and_a_broken_one_is_not)
{
    begin();
    make_certificate("one", "one", "30");
    make_certificate("two", "two", "30");
    put_in_place("one");
    struct server server = serve_live();
    int talk = client_connect(&server);
    by_ssl(&server, "one");
    put_in_place("two");
    server_expect_log(&server, "tls: new certificates are shown from now on");
    by_ssl(&server, "two");
    char line[PATH_SIZE];
    snprintf(line, sizeof line, "cd %s && cp one.key live.key", folder);
    cr_assert_eq(process_shell(line, "/dev/null"), 0);
    server_expect_log(&server, "live.pem; the certificate from before is shown");
    by_ssl(&server, "two");
    put_in_place("one");
    server_expect_log_count(&server, "tls: new certificates are shown from now on", 2);
    by_ssl(&server, "one");
    close(talk);
    end(&server);
}

Test(tls, http_is_told_that_it_is_a_port_of_tls)
{
    begin();
    struct server server = serve_with("'self-signed'", "line");
    int client = client_connect(&server);
    char answer[13];
    client_send_text(client, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client_receive(client, answer, sizeof answer);
    cr_assert_eq(strncmp(answer, "HTTP/1.1 400 ", 13), 0);
    server_expect_log(&server, "closed: TLS: it spoke HTTP to a port of TLS");
    close(client);
    end(&server);
}

Test(tls, curl_speaks_https)
{
    begin();
    need_program("curl", "curl");
    struct server server = server_begin(&(struct begin){
        .script = "function on_receive(conn, request)\n"
                  "  conn:respond(200, nil, request.path .. ' ' .. conn.tls.version .. '\\n')\n"
                  "end\n",
        .config = "return { listen = { { address = '127.0.0.1:0', framing = 'http',\n"
                  "                      tls = 'self-signed' } } }\n"});
    char line[PATH_SIZE], log[PATH_SIZE];
    snprintf(log, sizeof log, "%s/log", folder);
    snprintf(line, sizeof line, "curl -sk https://127.0.0.1:%u/one https://127.0.0.1:%u/two",
             server.port, server.port);
    cr_assert_eq(process_shell(line, log), 0);
    char *said = file_read(log);
    cr_assert_str_eq(said, "/one TLSv1.3\n/two TLSv1.3\n");
    free(said);
    end(&server);
}

Test(tls, websockets_come_through_it)
{
    begin();
    need_python("websockets", "python3-websockets");
    struct server server = serve_with("'self-signed'", "websocket");
    char path[PATH_SIZE], line[3 * PATH_SIZE], log[PATH_SIZE];
    beside(path, "by_wss.py");
    snprintf(log, sizeof log, "%s/log", folder);
    snprintf(line, sizeof line, PYTHON " -I %s %u 2>&1", path, server.port);
    int status = process_shell(line, log);
    char *said = file_read(log);
    cr_assert(status == 0 && strcmp(said, "ok\n") == 0, "status %d\n%s", status, said);
    free(said);
    end(&server);
}

/* ---- the setting ---- */

static void refused(const char *tls, const char *why)
{
    char config[2 * PATH_SIZE];
    snprintf(config, sizeof config,
             "return { listen = { { address = '127.0.0.1:0', tls = %s } } }\n", tls);
    char *directory = directory_make("main.lua", ECHO, "config.lua", config, NULL);
    program_fail(INPUT, WORDS("check", directory), "tls", why);
    program_fail(INPUT, WORDS(directory), "tls", why);
    directory_remove(directory);
}

Test(tls, what_is_wrong_with_the_setting_is_said_before_it_serves)
{
    begin();
    refused("{ certificate = 'none.pem', key = 'none.key' }", "none.pem: No such file");
    refused("{ certificate = 'main.lua', key = 'main.lua' }", "main.lua has no certificate");
    refused("{ certificate = 'a.pem' }", "1 certificates, and 0 keys");
    refused("{ cert = 'a.pem' }", "there is no cert; there are certificate");
    refused("{}", "NAME=VALUE");
    refused("7", "NAME=VALUE");
    refused("{ certificate = {}, key = 'a' }", "certificate is an empty list");
    refused("{ certificate = 'a,b', key = 'a' }", "is not taken");
    refused("{ certificate = 'self-signed', ciphers = 'none' }", "tls: ciphers: no cipher match");
    tree_remove(folder);
}

Test(tls, a_key_that_is_too_small_is_told_with_its_file)
{
    char line[3 * PATH_SIZE];
    begin();
    snprintf(line, sizeof line,
             "openssl req -x509 -newkey rsa:1024 -nodes -keyout %s/weak.key -out %s/weak.pem -subj "
             "/CN=weak",
             folder, folder);
    cr_assert_eq(process_shell(line, "/dev/null"), 0);
    snprintf(line, sizeof line, "{ certificate = '%s/weak.pem', key = '%s/weak.key' }", folder,
             folder);
    refused(line, "weak.pem: ee key too small");
    tree_remove(folder);
}

Test(tls, a_certificate_that_ends_soon_is_warned_of)
{
    begin();
    make_certificate("one", "live", "5");
    struct server server = serve_live();
    server_expect_log(&server, "expires in less than 14 days: renew it");
    end(&server);
}

/* In seconds since 1970: within the ninth and eleventh day from now. */
Test(tls, the_figures_tell_when_a_certificate_ends)
{
    char tls[PATH_SIZE], config[2 * PATH_SIZE], address[64], *out, *err;
    begin();
    make_certificate("one", "live", "10");
    snprintf(tls, sizeof tls, "{ certificate = '%s/live.pem', key = '%s/live.key' }", folder,
             folder);
    snprintf(config, sizeof config,
             "return { listen = { { address = '127.0.0.1:0', framing = 'line', tls = %s } } }\n",
             tls);
    struct server server =
        server_begin(&(struct begin){.script = ECHO, .config = config, .admin = true});
    server_admin(&server, address, sizeof address);
    int status = program_run(&out, &err, WORDS("stats", "--json", "--admin", address));
    const char *found = strstr(out, "\"certificates_end\":");
    cr_assert(status == 0 && found != NULL, "%s%s", out, err);
    long long left = strtoll(found + strlen("\"certificates_end\":"), NULL, 10) - time(NULL);
    cr_assert(left > 9LL * 24 * 60 * 60 && left < 11LL * 24 * 60 * 60, "%lld", left);
    free(out);
    free(err);
    end(&server);
}

/* Tests of scripts need no keys. */
Test(tls, scripts_are_tested_without_it)
{
    begin();
    char *out, *err;
    char *directory = directory_make("main.lua", ECHO, "config.lua",
                                     "return { listen = { { address = '127.0.0.1:0', framing = "
                                     "'line', tls = 'self-signed' } } }\n",
                                     "echo_test.lua",
                                     "test(\"echo\", function()\n"
                                     "  local conn = test.connect()\n"
                                     "  conn:receive(\"hello\")\n"
                                     "  test.equal(conn.sent, { \"hello\" })\n"
                                     "end)\n",
                                     NULL);
    int status = program_run(&out, &err, WORDS("test", directory));
    cr_assert_eq(status, 0, "%s%s", out, err);
    free(out);
    free(err);
    directory_remove(directory);
    tree_remove(folder);
}

Test(tls, without_openssl_the_setting_is_an_error)
{
    if (has_tls()) cr_skip_test("this program has it");
    refused("'self-signed'", "built without OpenSSL");
}

/* `moonport talk tls://...` and `wss://...`: the same client inside TLS, with moonport itself at the other end. */
#include "packages.h"

#include "harness_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ECHOES \
    "function on_receive(conn, packet, kind)\n" \
    "  if packet == 'leave' then conn:send('bye') return conn:close() end\n" \
    "  if packet == 'who' then packet = tostring(conn.tls.peer.subject) end\n" \
    "  if packet:sub(1, 1) == '#' then\n" \
    "    count = (count or 0) + 1\n" \
    "    if count < 100 then return end\n" \
    "    packet = count .. ' came'\n" \
    "  end\n" \
    "  conn:send(packet, kind)\n" \
    "end\n"

/* Two listeners, of lines and of WebSockets. */
#define LISTENS(tls) \
    "return { workers = 1, listen = {\n" \
    "  { address = '127.0.0.1:0', framing = 'line', tls = " tls " },\n" \
    "  { address = '127.0.0.1:0', framing = 'websocket', tls = " tls " } } }\n"

/* ---- certificates ---- */

/* A directory with certificates: "ca", and by it "server", for localhost and 127.0.0.1, "other", for other.example, and
 * "client"; the keys are beside them. */
static char *make_certificates(void)
{
    static const char *const files[] = {
        "config.lua", LISTENS("{ certificate = 'server.pem', key = 'server.key' }"), "main.lua",
        ECHOES, NULL};
    static const char script[] =
        "set -e; cd %s\n"
        "new='openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 10'\n"
        "$new -keyout ca.key -out ca.pem -subj '/CN=The Office'\n"
        "sign() {\n"
        "  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1.key -out "
        "$1.csr \\\n"
        "    -subj /CN=$1\n"
        "  echo subjectAltName=$2 >$1.cnf\n"
        "  openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 10 \\\n"
        "    -extfile $1.cnf -out $1.pem\n"
        "}\n"
        "sign server DNS:localhost,IP:127.0.0.1; sign other DNS:other.example; sign client "
        "DNS:me\n";
    char line[2000], log[300];
    char *directory = directory_make_of(files);
    snprintf(line, sizeof line, script, directory);
    snprintf(log, sizeof log, "%s/openssl.log", directory);
    cr_assert_eq(process_shell(line, log), 0, "%s", file_read(log));
    return directory;
}

static const char *file_of(const char *directory, const char *name)
{
    static char paths[4][400];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

/* ---- conversations ---- */

static void talk(const char *address, const char *const *flags, const char *input, int status,
                 const char *printed, const char *said)
{
    char *out, *err;
    const char *words[16] = {"talk", address};
    for (int i = 0; flags[i] != NULL; i++) words[2 + i] = flags[i];
    int ended = program_run_input(&out, &err, input, words);
    program_ended(ended, status, out, printed, err, said);
}

static void talk_lines(const char *host, uint16_t port, const char *const *flags, const char *input,
                       int status, const char *printed, const char *said)
{
    char address[100];
    const char *all[14] = {"--framing", "line"};
    for (int i = 0; flags[i] != NULL; i++) all[2 + i] = flags[i];
    snprintf(address, sizeof address, "tls://%s:%u", host, port);
    talk(address, all, input, status, printed, said);
}

static struct server begin_self_signed(void)
{
    return server_begin(&(struct begin){.script = ECHOES, .config = LISTENS("'self-signed'")});
}

Test(talk_tls, lines_come_back_from_a_server_that_is_not_checked)
{
    need_tls();
    struct server server = begin_self_signed();
    talk_lines("127.0.0.1", server.port, WORDS("--insecure"), "hello\n\nlast", 0, "hello\n\nlast\n",
               NULL);
    talk_lines("localhost", server.port, WORDS("--insecure"), "leave\n", 0, "bye\n", NULL);
    cr_assert_eq(server_log_count(&server, "closed: TLS"), 0, "both have said goodbye");
    server_end(&server);
}

Test(talk_tls, a_self_signed_certificate_is_refused)
{
    need_tls();
    struct server server = begin_self_signed();
    talk_lines("127.0.0.1", server.port, NO_FLAGS, "hello\n", SYSTEM, "",
               "moonport: the certificate is self-signed: --ca FILE to trust it, --insecure to "
               "talk anyway\n");
    server_expect_log(&server, "it does not trust our certificate (unknown_ca)");
    server_end(&server);
}

Test(talk_tls, a_websocket_goes_through)
{
    char address[100];
    need_tls();
    struct server server = begin_self_signed();
    snprintf(address, sizeof address, "wss://127.0.0.1:%u/chat", server_port(&server, 1));
    talk(address, WORDS("--insecure"), "hello\n\\xff\n", 0, "hello\n\\xff\n", NULL);
    talk(address, NO_FLAGS, "hello\n", SYSTEM, "", "the certificate is self-signed");
    server_end(&server);
}

enum { LINES = 100, SIZE = 40000 };

/* More than the system and TLS hold at once: lines of this letter, from a file. */
static void talk_much(char letter, bool comes_back)
{
    static char input[LINES * (SIZE + 1) + 1];
    char directory[200], address[100], out[300], err[300];
    memset(input, letter, sizeof input - 1);
    for (size_t i = 1; i <= LINES; i++) input[i * (SIZE + 1) - 1] = '\n';
    directory_new(directory, sizeof directory);
    file_write(directory, "input", input);
    snprintf(out, sizeof out, "%s/out", directory);
    snprintf(err, sizeof err, "%s/err", directory);
    struct server server = begin_self_signed();
    snprintf(address, sizeof address, "tls://127.0.0.1:%u", server.port);
    int file = open(file_of(directory, "input"), O_RDONLY | O_CLOEXEC);
    cr_assert_geq(file, 0);
    const char *const words[] = {
        getenv("MOONPORT_PROGRAM"), "talk", address, "--framing", "line", "--insecure", NULL};
    int ended = process_await(process_start(words, file, out, err));
    char *printed = file_read(out), *said = file_read(err);
    cr_assert_str_eq(said, "");
    cr_assert_eq(ended, 0);
    if (comes_back)
        cr_assert(strcmp(printed, input) == 0, "%zu bytes came", strlen(printed));
    else
        cr_assert_str_eq(printed, "100 came\n");
    close(file);
    free(printed);
    free(said);
    server_end(&server);
    tree_remove(directory);
}

Test(talk_tls, much_comes_back_whole)
{
    need_tls();
    talk_much('x', true);
}

Test(talk_tls, much_goes_out_before_anything_comes)
{
    need_tls();
    talk_much('#', false);
}

/* At a terminal, whose ^D ends: the server hears that this was all. A console of Windows cannot be driven from here. */
Test(talk_tls, a_person_is_told_version_and_cipher)
{
    char directory[200], address[100], out[300], err[300], *said;
    need_tls();
    struct server server = begin_self_signed();
    directory_new(directory, sizeof directory);
    snprintf(out, sizeof out, "%s/out", directory);
    snprintf(err, sizeof err, "%s/err", directory);
    snprintf(address, sizeof address, "tls://127.0.0.1:%u", server.port);
    int screen = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    cr_assert(screen >= 0 && grantpt(screen) == 0 && unlockpt(screen) == 0);
    int device = open(ptsname(screen), O_RDWR | O_NOCTTY | O_CLOEXEC);
    cr_assert_geq(device, 0);
    pid_t talk = process_start(
        WORDS(getenv("MOONPORT_PROGRAM"), "talk", address, "--framing", "line", "--insecure"),
        device, out, err);
    uint64_t deadline_ms = now_ms() + (uint64_t)(20000 * patience());
    while (strchr(said = file_read(err), '\n') == NULL) {
        cr_assert(now_ms() < deadline_ms, "%s", said);
        free(said);
        nap();
    }
    cr_assert_not_null(
        strstr(said, "; TLS 1.3, TLS_AES_256_GCM_SHA384, the certificate was not checked; "), "%s",
        said);
    cr_assert_not_null(strstr(said, on_windows() ? "; ^Z and Enter ends)\n" : "; ^D ends)\n"), "%s",
                       said);
    free(said);
    if (on_windows()) kill(talk, SIGKILL);
    cr_assert_eq(write(screen, "hello\n\x04", 7), 7);
    cr_assert_eq(process_await(talk), on_windows() ? 128 + SIGKILL : 0);
    said = file_read(out);
    cr_assert_str_eq(said, on_windows() ? "" : "hello\n");
    free(said);
    close(screen);
    close(device);
    server_end(&server);
    tree_remove(directory);
}

Test(talk_tls, those_whom_a_file_vouches_for_are_trusted)
{
    need_tls();
    char *directory = make_certificates();
    struct server server = server_begin(&(struct begin){.directory = directory});
    const char *ca = file_of(directory, "ca.pem");
    talk_lines("127.0.0.1", server.port, WORDS("--ca", ca), "hello\n", 0, "hello\n", NULL);
    talk_lines("localhost", server.port, WORDS("--ca", ca), "hello\n", 0, "hello\n", NULL);
    talk_lines("localhost", server.port, WORDS("--ca", file_of(directory, "server.pem")), "hello\n",
               0, "hello\n", NULL);
    talk_lines("localhost", server.port, NO_FLAGS, "hello\n", SYSTEM, "",
               "vouched for by The Office, whom this system does not trust: --ca FILE");
    talk_lines("localhost", server.port, WORDS("--ca", file_of(directory, "client.pem")), "hello\n",
               SYSTEM, "", "vouched for by The Office, whom those of --ca do not trust");
    server_end(&server);
    directory_remove(directory);
}

static void change_registry(const char *what, const char *certificate)
{
    char line[1000];
    snprintf(line, sizeof line, "sh %s/../tests/e2e/tls/registry.sh %s %s",
             getenv("MOONPORT_SCRIPTS"), what, certificate);
    cr_assert_eq(process_shell(line, "/dev/null"), 0, "%s", line);
}

/* OpenSSL's own file of them, and what Windows keeps. */
Test(talk_tls, those_whom_the_system_vouches_for_are_trusted)
{
    need_tls();
    char *directory = make_certificates();
    struct server server = server_begin(&(struct begin){.directory = directory});
    const char *ca = file_of(directory, "ca.pem");
    setenv("SSL_CERT_FILE", ca, 1);
    talk_lines("localhost", server.port, NO_FLAGS, "hello\n", 0, "hello\n", NULL);
    const char *client = file_of(directory, "client.pem");
    talk_lines("localhost", server.port, WORDS("--ca", client), "hello\n", SYSTEM, "",
               "vouched for by The Office, whom those of --ca do not trust");
    setenv("SSL_CERT_FILE", client, 1);
    if (on_windows()) {
        change_registry("add", ca);
        talk_lines("localhost", server.port, NO_FLAGS, "hello\n", 0, "hello\n", NULL);
        change_registry("delete", ca);
    }
    talk_lines("localhost", server.port, NO_FLAGS, "hello\n", SYSTEM, "",
               "vouched for by The Office, whom this system does not trust");
    server_end(&server);
    directory_remove(directory);
}

Test(talk_tls, a_certificate_for_another_name_is_refused)
{
    need_tls();
    char *directory = make_certificates();
    file_write(directory, "config.lua",
               LISTENS("{ certificate = 'other.pem', key = 'other.key' }"));
    struct server server = server_begin(&(struct begin){.directory = directory});
    const char *ca = file_of(directory, "ca.pem");
    talk_lines("127.0.0.1", server.port, WORDS("--ca", ca), "hello\n", SYSTEM, "",
               "moonport: the certificate is for other.example, not for 127.0.0.1: --name NAME");
    talk_lines("localhost", server.port, WORDS("--ca", ca), "hello\n", SYSTEM, "",
               "the certificate is for other.example, not for localhost");
    talk_lines("127.0.0.1", server.port, WORDS("--ca", ca, "--name", "other.example"), "hello\n", 0,
               "hello\n", NULL);
    server_end(&server);
    directory_remove(directory);
}

Test(talk_tls, a_certificate_of_ones_own_is_shown)
{
    need_tls();
    char *directory = make_certificates();
    file_write(directory, "config.lua",
               LISTENS("{ certificate = 'server.pem', key = 'server.key', client_ca = 'ca.pem' }"));
    struct server server = server_begin(&(struct begin){.directory = directory});
    const char *ca = file_of(directory, "ca.pem"), *client = file_of(directory, "client.pem"),
               *key = file_of(directory, "client.key");
    talk_lines("127.0.0.1", server.port, WORDS("--ca", ca, "--cert", client, "--key", key), "who\n",
               0, "/CN=client\n", NULL);
    talk_lines("127.0.0.1", server.port, WORDS("--ca", ca), "who\n", SYSTEM, "",
               "the server wants a certificate (certificate_required): --cert FILE to show one");
    server_end(&server);
    directory_remove(directory);
}

/* ---- servers that speak something else ---- */

Test(talk_tls, a_port_without_tls_is_told)
{
    char address[100];
    need_tls();
    struct server server = server_begin_script(ECHO);
    snprintf(address, sizeof address, "tls://127.0.0.1:%u", server.port);
    talk(address, WORDS("--insecure"), "hello\n", SYSTEM, "",
         "moonport: the server closed the connection in the handshake: does it speak TLS?\n");
    server_end(&server);
}

static int reset(int handle)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(handle, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(handle);
    return -1;
}

/* A server that answers the first bytes with this, or, with NULL, resets the connection. */
static void expect_of(const char *answer, const char *said)
{
    char address[64], out[300], err[300], directory[200], request[10000];
    uint16_t port;
    directory_new(directory, sizeof directory);
    snprintf(out, sizeof out, "%s/out", directory);
    snprintf(err, sizeof err, "%s/err", directory);
    int listener = listen_anywhere(&port);
    snprintf(address, sizeof address, "tls://127.0.0.1:%u", port);
    pid_t talk = process_start(WORDS(getenv("MOONPORT_PROGRAM"), "talk", address), -1, out, err);
    struct pollfd ready = {.fd = listener, .events = POLLIN};
    cr_assert_eq(poll(&ready, 1, 20000 * patience()), 1, "nobody connects");
    int handle = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    cr_assert_gt(recv(handle, request, sizeof request, 0), 0);
    cr_assert_eq(request[0], 22, "it has begun a handshake of TLS");
    if (answer != NULL) client_send(handle, answer, strlen(answer));
    if (answer == NULL) handle = reset(handle);
    cr_assert_eq(process_await(talk), SYSTEM);
    char *text = file_read(err);
    cr_assert_str_eq(text, said);
    free(text);
    if (handle >= 0) close(handle);
    close(listener);
    tree_remove(directory);
}

Test(talk_tls, a_server_that_does_something_else_is_told)
{
    need_tls();
    expect_of("HTTP/1.1 400 Bad Request\r\n\r\n", "moonport: the server does not speak TLS\n");
    expect_of(NULL, "moonport: the server closed the connection in the handshake: does it speak "
                    "TLS?\n");
}

/* ---- words ---- */

Test(talk_tls, wrong_words_are_told)
{
    program_fail(USAGE, WORDS("talk", "tls://127.0.0.1"), "has no port", "tls://127.0.0.1:7000");
    program_fail(USAGE, WORDS("talk", "tls://127.0.0.1:1/path"), "only WebSockets have a path", "");
    program_fail(USAGE, WORDS("talk", "wss://127.0.0.1/", "--framing=line"), "leave out --framing",
                 "wss:// is");
    program_fail(USAGE, WORDS("talk", "127.0.0.1:1", "--insecure"), "--insecure is for TLS",
                 "write tls:// in front");
    program_fail(USAGE, WORDS("talk", "ws://127.0.0.1:1", "--ca=x"), "--ca is for TLS",
                 "write wss:// instead");
    program_fail(USAGE, WORDS("talk", "tls://127.0.0.1:1", "--insecure=no"), "takes no value", "");
    program_fail(USAGE, WORDS("talk", "tls://127.0.0.1:1", "--insecure", "--ca", "x"),
                 "nothing is checked", "");
    program_fail(USAGE, WORDS("talk", "tls://127.0.0.1:1", "--key", "x"), "add --cert", "");
    program_fail(USAGE, WORDS("talk", "tls://127.0.0.1:1", "--protocol=x"), "are for WebSocket",
                 "wss://127.0.0.1:1/");
    program_fail(USAGE, WORDS("talk", "tls://127.0.0.1:1", "--framing=websocket"),
                 "moonport talk wss://127.0.0.1:1/", "");
    program_fail(USAGE, WORDS("talk", "tls://127.0.0.1:1", "--framing=http"),
                 "curl -i https://127.0.0.1:1/", "");
    program_fail(USAGE, WORDS("talk", "wss://example.com/"), "names other than localhost", "");
}

Test(talk_tls, a_program_without_tls_says_so)
{
    if (has_tls()) cr_skip_test("this program has it");
    program_fail(USAGE, WORDS("talk", "wss://127.0.0.1:1/"), "need TLS", "built without OpenSSL");
    program_fail(USAGE, WORDS("talk", "tls://127.0.0.1:1"), "need TLS", "built without OpenSSL");
}

Test(talk_tls, files_that_cannot_be_read_are_told)
{
    need_tls();
    program_fail(USAGE, WORDS("talk", "tls://127.0.0.1:1", "--ca", "/none.pem"),
                 "--ca /none.pem: No such file or directory", "");
    program_fail(USAGE, WORDS("talk", "tls://127.0.0.1:1", "--cert=/none.pem"),
                 "--cert /none.pem: No such file or directory", "");
}

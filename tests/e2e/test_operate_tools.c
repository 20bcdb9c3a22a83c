/* What other programs make of the admin's answers: curl, promtool, Python; and what comes from elsewhere is told. */
#include "operate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct server begin(const char *workers, char address[64])
{
    struct server server = server_begin(&(struct begin){
        .script = ECHO, .admin = true, .flags = {"--workers", workers, "--admin-token", TOKEN}});
    server_admin(&server, address, 64);
    return server;
}

/* Runs it in a shell, with ADDRESS and TOKEN set; what it prints, to be freed. */
static char *shell(const char *address, const char *command)
{
    char line[2048], directory[256], path[300];
    directory_new(directory, sizeof directory);
    snprintf(path, sizeof path, "%s/said", directory);
    snprintf(line, sizeof line, "exec 2>&1; ADDRESS=%s TOKEN=%s; %s", address, TOKEN, command);
    int status = process_shell(line, path);
    char *out = file_read(path);
    tree_remove(directory);
    cr_assert_eq(status, 0, "%s: status %d\n%s", command, status, out);
    return out;
}

static void expect_shell(const char *address, const char *command, const char *text)
{
    char *out = shell(address, command);
    cr_assert_not_null(strstr(out, text), "%s: \"%s\" should be in: %s", command, text, out);
    free(out);
}

Test(operate_tools, curl_understands_it)
{
    char address[64];
    if (!process_is_there("curl")) cr_skip_test("NOT TESTED: curl is not installed");
    struct server server = begin("2", address);
    expect_shell(address, "curl -sSf http://$ADDRESS/healthz", "ok\n");
    expect_shell(address, "curl -sSf http://$ADDRESS/readyz", "ready\n");
    expect_shell(address, "curl -sSi http://$ADDRESS/stats.json", "HTTP/1.1 401 Unauthorized");
    expect_shell(address,
                 "curl -sSf -H \"Authorization: Bearer $TOKEN\" http://$ADDRESS/stats.json",
                 "\"connections\":0");
    expect_shell(address,
                 "curl -sSf -X POST -H \"Authorization: Bearer $TOKEN\" -H 'X-Moonport: 1' "
                 "http://$ADDRESS/reload.json",
                 "{\"ok\":true,\"text\":\"generation 2 runs");
    expect_shell(address, "curl -sSI http://$ADDRESS/metrics", "HTTP/1.1 200 OK");
    expect_shell(address,
                 "curl -sSi -X POST -d '{}' -H \"Authorization: Bearer $TOKEN\" -H 'X-Moonport: 1' "
                 "-H 'Origin: http://evil.example' http://$ADDRESS/reload",
                 "HTTP/1.1 403 Forbidden");
    expect_shell(address, "curl -sSi -H 'Host: evil.example' http://$ADDRESS/metrics",
                 "HTTP/1.1 421 Misdirected Request");
    expect_shell(address, "curl -sSi http://$ADDRESS/", "HTTP/1.1 401 Unauthorized");
    expect_shell(address, "curl -sSi \"http://$ADDRESS/?token=$TOKEN\"", "SameSite=Strict; Path=/");
    expect_shell(address, "curl -sSf http://$ADDRESS/metrics http://$ADDRESS/healthz",
                 "moonport_reloads_total 1\n");
    server_end(&server);
}

/* From now on this process, and all that it starts, is on a network of its own: 127.0.0.1 and 192.0.2.1. False: the
 * system does not let it. */
static bool enter_network(void)
{
    struct ifreq request = {.ifr_name = "lo"};
    struct sockaddr_in *address = (struct sockaddr_in *)&request.ifr_addr;
    if (unshare(CLONE_NEWNET) != 0) return false;
    int socket_of = socket(AF_INET, SOCK_DGRAM, 0);
    request.ifr_flags = IFF_UP;
    cr_assert_eq(ioctl(socket_of, SIOCSIFFLAGS, &request), 0, "%s", strerror(errno));
    snprintf(request.ifr_name, sizeof request.ifr_name, "lo:1");
    *address = (struct sockaddr_in){.sin_family = AF_INET};
    cr_assert_eq(inet_pton(AF_INET, "192.0.2.1", &address->sin_addr), 1);
    cr_assert_eq(ioctl(socket_of, SIOCSIFADDR, &request), 0, "%s", strerror(errno));
    close(socket_of);
    return true;
}

Test(operate_tools, from_elsewhere_nothing_is_told_without_the_token)
{
    char address[64], there[96];
    if (!process_is_there("curl")) cr_skip_test("NOT TESTED: curl is not installed");
    if (on_windows())
        cr_skip_test("NOT TESTED: Wine's sockets are on the network of its own server");
    if (!enter_network()) cr_skip_test("NOT TESTED: no network of its own may be made here");
    struct server server = server_begin(
        &(struct begin){.script = ECHO, .flags = {"--admin", "0.0.0.0:0", "--admin-token", TOKEN}});
    server_admin(&server, address, sizeof address);
    server_expect_log(&server, "others on the network reach it");
    snprintf(there, sizeof there, "192.0.2.1:%s", strrchr(address, ':') + 1);
    expect_shell(there, "curl -sSi http://$ADDRESS/metrics", "HTTP/1.1 401 Unauthorized");
    expect_shell(there, "curl -sSi http://$ADDRESS/healthz", "HTTP/1.1 401 Unauthorized");
    expect_shell(there, "curl -sSf -H \"Authorization: Bearer $TOKEN\" http://$ADDRESS/healthz",
                 "ok\n");
    server_end(&server);
}

Test(operate_tools, promtool_has_nothing_to_say_of_the_metrics)
{
    char address[64];
    if (!process_is_there("promtool") || !process_is_there("curl"))
        cr_skip_test("NOT TESTED: promtool is not installed");
    struct server server = begin("2", address);
    int client = client_connect(&server);
    client_ask(client, "hello", "hello");
    char *said = shell(address, "curl -sSf http://$ADDRESS/metrics | promtool check metrics");
    cr_assert_str_eq(said, "");
    free(said);
    close(client);
    server_end(&server);
}

/* A script may have set the locale of a country that writes 0,5. */
Test(operate_tools, numbers_have_a_point_in_every_country)
{
    char directory[256], command[600], address[64];
    double uptime = 0;
    if (on_windows()) cr_skip_test("NOT TESTED: a locale is made for glibc here");
    directory_new(directory, sizeof directory);
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >/dev/null 2>&1",
             directory);
    if (process_shell(command, "/dev/null") != 0)
        cr_skip_test("NOT TESTED: there is no localedef to make a locale with");
    cr_assert_eq(setenv("LOCPATH", directory, 1), 0);
    struct server server = server_begin(
        &(struct begin){.script = "assert(os.setlocale('de_DE.UTF-8', 'numeric'))\n" ECHO
                                  "function on_start() print(1.5) end\n",
                        .admin = true,
                        .flags = {"--workers", "1", "--admin-token", TOKEN}});
    cr_assert_eq(unsetenv("LOCPATH"), 0);
    server_admin(&server, address, sizeof address);
    char *json = told(address, WORDS("stats", "--json"));
    const char *found = strstr(json, "\"uptime\":");
    cr_assert_eq(sscanf(found, "\"uptime\":%lf,\"stats\"", &uptime), 1, "%s", found);
    cr_assert(uptime > 0, "%s", found);
    found = strstr(json, "\"now\":");
    cr_assert_eq(found[6 + strspn(found + 6, "0123456789")], '.', "%s", found);
    free(json);
    expect_told(address, WORDS("stats"), "jobs.seconds                 0.000000\n");
    if (process_is_there("curl"))
        expect_shell(
            address,
            "curl -sSf http://$ADDRESS/metrics | grep -E 'uptime_seconds [0-9]+[.][0-9]+$'",
            "moonport_uptime_seconds ");
    char *out = server_out(&server);
    if (!has_luajit()) /* which prints numbers by itself */
        cr_assert_str_eq(out, "1,5\n", "that is how scripts print it");
    free(out);
    server_end(&server);
    tree_remove(directory);
}

/* Its parser is strict about heads, and its client keeps the connection. */
Test(operate_tools, python_s_http_client_understands_it)
{
    static const char program[] =
        "python3 - <<'END'\n"
        "import http.client, json, os\n"
        "c = http.client.HTTPConnection(os.environ['ADDRESS'])\n"
        "h = {'Authorization': 'Bearer ' + os.environ['TOKEN'], 'X-Moonport': '1'}\n"
        "for path in ['stats', 'connections', 'errors', 'log']:\n"
        "    c.request('GET', '/' + path + '.json', headers=h)\n"
        "    r = c.getresponse()\n"
        "    assert r.status == 200, r.status\n"
        "    json.loads(r.read())\n"
        "    c.request('HEAD', '/' + path, headers=h)\n"
        "    r = c.getresponse()\n"
        "    assert r.status == 200 and r.read() == b'', r.status\n"
        "c.request('POST', '/reload.json', body='{}', headers=h)\n"
        "assert json.loads(c.getresponse().read())['ok']\n"
        "c.request('HEAD', '/metrics')\n"
        "r = c.getresponse()\n"
        "assert r.status == 200 and r.read() == b'' and int(r.headers['Content-Length']) > 1000\n"
        "c.request('DELETE', '/stats', headers=h)\n"
        "r = c.getresponse()\n"
        "assert r.status == 405 and r.headers['Allow'] == 'GET', r.headers\n"
        "print('all', 'well')\n"
        "END\n";
    char address[64], command[2000];
    if (!process_is_there("python3")) cr_skip_test("NOT TESTED: python3 is not installed");
    struct server server = begin("2", address);
    snprintf(command, sizeof command, "export ADDRESS TOKEN; %s", program);
    expect_shell(address, command, "all well\n");
    server_end(&server);
}

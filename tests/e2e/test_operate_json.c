/* What the admin answers to programs, read by Python: JSON, metrics, the page. */
#include "harness_process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOKEN "0123456789abcdef-test"

static const char script[] =
    "function on_receive(conn, packet)\n"
    "  local word, text = packet:match('(%a+) ?(.*)')\n"
    "  if word == 'fail' then error('no luck') end\n"
    "  if word == 'slow' then local begun = os.clock() while os.clock() < begun + 0.3 do end end\n"
    "  if word == 'log' then for i = 1, text do server.log('info', 'line ' .. i) end end\n"
    "  if word == 'job' then pcall(server.job, 'module', 'breaks') end\n"
    "  conn:send(packet)\n"
    "end\n"
    "function on_disconnect(conn) end\n";

/* Asks as the command line does, or as the page; what is answered is in `r`, its head in `head`. */
static const char beginning[] =
    "import http.client, json, os, re, time\n"
    "host = os.environ['ADDRESS']\n"
    "bearer = {'Authorization': 'Bearer ' + os.environ['TOKEN'], 'X-Moonport': '1'}\n"
    "cookie = {'Cookie': 'moonport-' + host.split(':')[1] + '=' + os.environ['TOKEN'],\n"
    "          'X-Moonport': '1'}\n"
    "def ask(method, path, headers=bearer, status=200):\n"
    "    global head\n"
    "    c = http.client.HTTPConnection(host)\n"
    "    c.request(method, path, headers=headers)\n"
    "    r = c.getresponse()\n"
    "    head, text = r.headers, r.read().decode()\n"
    "    assert r.status == status, (path, r.status, text)\n"
    "    return json.loads(text) if '.json' in path else text\n"
    "def get(path): return ask('GET', path)\n"
    "def same(one, other): assert one == other, (one, other)\n";

/* Runs it in Python; it must not fail. */
static void python(const struct server *server, const char *program)
{
    char address[64], path[300], command[700];
    char *text;
    cr_assert(asprintf(&text, "%s%s", beginning, program) > 0);
    server_admin(server, address, sizeof address);
    file_write(server->directory, "ask.py", text);
    free(text);
    snprintf(path, sizeof path, "%s/said", server->directory);
    snprintf(command, sizeof command, "ADDRESS=%s TOKEN=%s python3 %s/ask.py 2>&1", address, TOKEN,
             server->directory);
    int status = process_shell(command, path);
    char *said = file_read(path);
    cr_assert_eq(status, 0, "%s", said);
    free(said);
}

enum { CLIENTS = 8 };
static int clients[CLIENTS];

static struct server begin(const char *workers)
{
    if (!process_is_there("python3")) cr_skip_test("NOT TESTED: python3 is not installed");
    struct server server = server_begin(&(struct begin){
        .script = script,
        .module = "return { breaks = function() error('broken') end }\n",
        .admin = true,
        .flags = {"--workers", workers, "--admin-token", TOKEN, "--reload", "signal"}});
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = client_connect(&server);
        client_ask(clients[i], "hello", "hello");
    }
    return server;
}

static void finish(struct server *server)
{
    for (int i = 0; i < CLIENTS; i++) close(clients[i]);
    server_end(server);
}

Test(operate_json, figures_of_workers_make_those_of_the_whole)
{
    struct server server = begin("2");
    client_ask(clients[0], "slow", "slow");
    client_ask(clients[1], "job", "job");
    for (int i = 6; i < CLIENTS; i++) { /* whose disconnect is quick */
        close(clients[i]);
        clients[i] = client_connect(&server);
        client_ask(clients[i], "hello", "hello");
    }
    python(&server,
           "s = get('/stats.json')\n"
           "w = s['workers']\n"
           "same([one['number'] for one in w], [1, 2])\n"
           "for name in ['accepted', 'packets_received', 'bytes_sent', 'lua_memory', 'turns']:\n"
           "    assert all(one[name] > 0 for one in w), name\n"
           "for name in ['accepted', 'packets_received', 'bytes_sent', 'lua_memory']:\n"
           "    same(sum(one[name] for one in w), s['stats'][name])\n"
           "same(s['stats']['accepted'], 10)\n"
           "same(s['stats']['lua_memory_max'], 2 * 256 << 20)\n"
           "same(s['stats']['jobs']['failed'], 1)\n"
           "assert s['stats']['jobs']['seconds'] >= 0 and s['stats']['turn']['max'] > 0\n"
           "h = s['handlers']\n"
           "same(h['on_receive']['calls'], 12)\n"
           "assert all(one['calls'] > 0 for one in h.values()), h\n"
           "assert 'on_start' not in h, h\n"
           "slowest = max((one['slowest'] for one in w), key=lambda one: one['seconds'])\n"
           "same(slowest['handler'], 'on_receive')\n"
           "assert 0.04 < slowest['seconds'] < s['uptime'], slowest\n"
           "same(s['listeners'][0]['number'], 1)\n"
           "same(s['listeners'][0]['accepted'], 10)\n"
           "same(s['listeners'][0]['open'], True)\n"
           "assert abs(s['now'] - time.time()) < 1000, s['now']\n"
           "same(s['draining'], False)\n");
    finish(&server);
}

Test(operate_json, metrics_have_a_line_for_each_worker_and_handler_and_listener)
{
    struct server server = begin("2");
    python(&server,
           "text = get('/metrics')\n"
           "same(head['Content-Type'], 'text/plain; version=0.0.4; charset=utf-8')\n"
           "value = {}\n"
           "for line in text.splitlines():\n"
           "    if line[0] == '#': continue\n"
           "    name, number = line.rsplit(' ', 1)\n"
           "    assert name not in value, line\n"
           "    value[name] = float(number)\n"
           "both = [value['moonport_worker_accepted_total{worker=\"%d\"}' % i] for i in (1, 2)]\n"
           "same(sum(both), 8)\n"
           "same(value['moonport_accepted_total'], 8)\n"
           "assert min(both) > 0 and both != [8, 8], both\n"
           "same(value['moonport_handler_calls_total{handler=\"on_receive\"}'], 8)\n"
           "listener = [name for name in value if name.startswith('moonport_listener_accepted')]\n"
           "assert re.fullmatch(r'moonport_listener_accepted_total\\{listener=\"1\",'\n"
           "                    r'address=\"127\\.0\\.0\\.1:\\d+\"\\}', listener[0]), listener\n"
           "same(value[listener[0]], 8)\n"
           "same(value['moonport_generation'], 1)\n"
           "same(value['moonport_reloads_total'], 0)\n"
           "assert 'moonport_jobs_seconds_total' in value\n"
           "assert 'moonport_memory_used_bytes' in value\n"
           "assert value['moonport_uptime_seconds'] > 0\n"
           "same(value['moonport_turn_seconds_bucket{le=\"+Inf\"}'],\n"
           "     value['moonport_turn_seconds_count'])\n");
    finish(&server);
}

Test(operate_json, connections_come_in_pages)
{
    struct server server = begin("2");
    sleep(2); /* so that they have an age; time in which the worker came late does not count */
    python(
        &server,
        "all = get('/connections.json')\n"
        "same((all['total'], all['matching'], all['offset']), (8, 8, 0))\n"
        "same(all['workers_missing'], [])\n"
        "ids = [one['id'] for one in all['connections']]\n"
        "same(ids, sorted(ids))\n"
        "down = get('/connections.json?order=desc&offset=2&limit=3')\n"
        "same([one['id'] for one in down['connections']], ids[::-1][2:5])\n"
        "same((down['total'], down['matching'], down['offset']), (8, 8, 2))\n"
        "same(get('/connections.json?offset=50')['connections'], [])\n"
        "text = get('/connections?order=asc&offset=5&limit=2').splitlines()\n"
        "same([int(line.split('\\t')[0]) for line in text[1:3]], ids[5:7])\n"
        "same(text[3:], ['# 1 more: see --limit, --offset, --filter'])\n"
        "for one in all['connections']:\n"
        "    same((one['state'], one['waiting'], one['paused'], one['queued'], one['listener']),\n"
        "         ('open', False, False, 0, 1))\n"
        "    assert one['worker'] in (1, 2) and one['age'] >= one['idle'] > 0.9, one\n"
        "columns = text[1].split('\\t')\n"
        "uptime = get('/stats.json')['uptime']\n"
        "for age in columns[4:6]:\n"
        "    assert re.fullmatch(r'\\d+\\.\\d', age) and 0.9 < float(age) <= uptime, columns\n"
        "for path in ['sort=loud', 'order=up', 'limit=x', 'offset=4294967296', 'filter=%zz']:\n"
        "    ask('GET', '/connections?' + path, status=400)\n");
    finish(&server);
}

Test(operate_json, each_worker_closes_its_own)
{
    struct server server = begin("2");
    python(
        &server,
        "rows = get('/connections.json?sort=worker')['connections']\n"
        "assert rows[0]['worker'] == 1 and rows[-1]['worker'] == 2\n"
        "for row in (rows[0], rows[-1]):\n"
        "    assert ask('POST', '/connections/%d/close.json' % row['id'])['ok']\n"
        "for row in (rows[0], rows[-1]):\n"
        "    while [one for one in get('/connections.json?filter=%d' % row['id'])['connections']\n"
        "           if one['id'] == row['id'] and one['state'] == 'open']: pass\n"
        "same(ask('POST', '/connections/255/close.json', status=409)['ok'], False)\n");
    server_expect_log(&server, "POST /connections/");
    finish(&server);
}

Test(operate_json, generations_tell_who_asked_and_how_it_ended)
{
    struct server server = begin("2");
    python(&server, "assert ask('POST', '/reload.json')['ok']\n"
                    "assert ask('POST', '/reload.json', cookie)['ok']\n");
    script_write(&server, "main.lua", "this is broken");
    python(&server,
           "same(ask('POST', '/reload.json', status=409)['ok'], False)\n"
           "s = get('/stats.json')\n"
           "g = s['generations']\n"
           "same([one['by'] for one in g], ['command', 'page', 'command', 'start'])\n"
           "same([one['generation'] for one in g], [None, 3, 2, 1])\n"
           "same([one['outcome'] for one in g], ['refused', 'runs', 'replaced', 'replaced'])\n"
           "same(s['generation'], 3)\n"
           "same((s['stats']['reloads'], s['stats']['reloads_refused']), (2, 1))\n"
           "same(s['stats']['generation'], 3)\n");
    finish(&server);
}

Test(operate_json, errors_have_their_times_and_tracebacks)
{
    struct server server = begin("1");
    for (int i = 0; i < 2; i++) {
        client_put_text(clients[i], "fail");
        client_await_end(clients[i]);
        sleep(1);
    }
    python(
        &server,
        "e = get('/errors.json')['errors']\n"
        "same(len(e), 1)\n"
        "same((e[0]['handler'], e[0]['place'], e[0]['count']), ('on_receive', 'main.lua:3', 2))\n"
        "assert e[0]['first'] + 0.5 < e[0]['last'] < get('/stats.json')['now'], e\n"
        "assert 'stack traceback' in e[0]['traceback'] and e[0]['worker'] == 1, e\n"
        "text = get('/errors')\n"
        "assert '2 times, first ' + time.strftime('%Y-') in text, text\n"
        "assert 'last ' + time.strftime('%Y-') in text and 'stack traceback' in text, text\n"
        "s = get('/stats.json')['errors']\n"
        "same((s['distinct'], s['total'], s['last']), (1, 2, e[0]['last']))\n");
    finish(&server);
}

Test(operate_json, the_log_is_read_from_where_the_last_reading_ended)
{
    struct server server = begin("1");
    python(&server, "all = get('/log.json')\n"
                    "same(all['lost'], False)\n"
                    "numbers = [one['number'] for one in all['lines']]\n"
                    "assert len(numbers) > 3, all\n"
                    "same(numbers, list(range(1, all['last'] + 1)))\n"
                    "assert abs(all['lines'][0]['time'] - time.time()) < 1000\n"
                    "last = get('/log.json?after=%d' % (all['last'] - 1))\n"
                    "same([one['number'] for one in last['lines']], [all['last']])\n"
                    "same(last['lost'], False)\n"
                    "none = get('/log.json?after=%d' % all['last'])\n"
                    "same((none['lines'], none['lost'], none['last']), ([], False, all['last']))\n"
                    "ask('GET', '/log?after=x', status=400)\n"
                    "line = get('/log').splitlines()[0]\n"
                    "assert re.match(time.strftime('%Y-') + r'\\d\\d-\\d\\d "
                    "\\d\\d:\\d\\d:\\d\\d\\.\\d{3} info ', line)\n");
    client_ask(clients[0], "log 1100", "log 1100");
    python(&server, "later = get('/log.json?after=1')\n"
                    "same(later['lost'], True)\n"
                    "assert later['lines'][0]['number'] > 2, later['lines'][0]\n");
    finish(&server);
}

Test(operate_json, the_page_has_a_nonce_that_is_another_one_each_time)
{
    struct server server = begin("1");
    python(&server,
           "def look():\n"
           "    page = get('/')\n"
           "    policy = head['Content-Security-Policy']\n"
           "    nonce = re.search(r\"script-src 'nonce-(\\w+)'\", policy).group(1)\n"
           "    same(len(nonce), 32)\n"
           "    assert \"style-src 'nonce-\" + nonce + \"'\" in policy, policy\n"
           "    assert \"default-src 'none'\" in policy and \"frame-ancestors 'none'\" in policy\n"
           "    same(page.count('nonce=\"' + nonce + '\"'), 2)\n"
           "    assert '@NONCE@' not in page and page.rstrip().endswith('</html>'), page[-100:]\n"
           "    return nonce\n"
           "assert look() != look()\n");
    finish(&server);
}

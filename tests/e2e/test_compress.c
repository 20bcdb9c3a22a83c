/* WebSockets that compress, with a client that nobody here wrote: Python's websockets. */
#include "harness_process.h"

#include <stdio.h>
#include <stdlib.h>

/* Each message comes back as it was, whatever the client offers; of all in one room, what one says. */
static const char client[] =
    "import asyncio, random, sys, websockets\n"
    "from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory as Offer\n"
    "address, size_max, compressed = sys.argv[1], int(sys.argv[2]), sys.argv[3]\n"
    "random.seed(7)\n"
    "def connect(*arguments, **words):\n"
    "    return websockets.connect(address, compression=None, max_size=None,\n"
    "                              extensions=[Offer(*arguments, **words)])\n"
    "def json(size):\n"
    "    words = ['{\"name\":', 'moonport', '12345', '\"\xc3\xa4\xe6\xbc\xa2\"', ', ', '[]', '}']\n"
    "    text = ''.join(random.choices(words, k=size // 4 + 1))\n"
    "    return text.encode()[:size].decode(errors='ignore')\n"
    "async def echo(socket, message):\n"
    "    await socket.send(message)\n"
    "    whole = message if isinstance(message, (str, bytes)) else ''.join(message)\n"
    "    answer = await socket.recv()\n"
    "    assert answer == whole, (len(answer), len(whole))\n"
    "async def talk(*arguments, **words):\n"
    "    async with connect(*arguments, **words) as socket:\n"
    "        said = socket.response_headers.get('Sec-WebSocket-Extensions', '')\n"
    "        assert ('permessage-deflate' in said) == (compressed != 'no'), said\n"
    "        contexts = 'server_no_context' not in said\n"
    "        assert not contexts or compressed != 'alone', said\n"
    "        for size in (1, 99, 100, 125, 126, 1000, 4096, 65535, 65536, size_max):\n"
    "            await echo(socket, json(size))\n"
    "            await echo(socket, b'\\xff' + random.randbytes(size - 1))\n"
    "            await echo(socket, b'\\xff' + bytes(size - 1))\n"
    "            await echo(socket, [json(size // 3 + 1) for _ in range(3)])\n"
    "async def room():\n"
    "    sockets = [await connect() for _ in range(3)]\n"
    "    for number in range(5):\n"
    "        message = 'all: %d %s' % (number, json(3000))\n"
    "        await sockets[number % 3].send(message)\n"
    "        for socket in sockets:\n"
    "            assert await socket.recv() == message\n"
    "    for socket in sockets:\n"
    "        await socket.close()\n"
    "async def main():\n"
    "    await talk(client_max_window_bits=True)\n"
    "    await talk()\n"
    "    await talk(True, True, 10, 10)\n"
    "    await talk(server_max_window_bits=9, client_max_window_bits=9)\n"
    "    await room()\n"
    "asyncio.run(main())\n"
    "print('all came back')\n";

static const char script[] =
    "function on_receive(conn, packet)\n"
    "  if packet:sub(1, 4) == 'all:' then broadcast(packet) else conn:send(packet) end\n"
    "end\n";

static void talks(const char *framing, const char *compressed)
{
    char line[900], path[300];
    if (process_shell("/usr/bin/python3 -c 'import websockets'", "/dev/null") != 0)
        cr_skip_test("NOT TESTED: there is no python3-websockets here");
    struct server server = server_begin(
        &(struct begin){.script = script, .flags = {"--framing", framing, "--max-packet", "1M"}});
    file_write(server.directory, "client.py", client);
    snprintf(path, sizeof path, "%s/said", server.directory);
    snprintf(line, sizeof line, "exec 2>&1; /usr/bin/python3 %s/client.py ws://127.0.0.1:%d/ %d %s",
             server.directory, server.port, 1000000, compressed);
    int status = process_shell(line, path);
    char *said = file_read(path);
    cr_assert_eq(status, 0, "%s: %s", framing, said);
    free(said);
    server_end(&server);
}

Test(compress, each_message_by_itself)
{
    talks("websocket,compress=true", "alone");
}

Test(compress, with_contexts)
{
    talks("websocket,compress=takeover", "contexts");
}

Test(compress, with_other_windows_and_levels)
{
    talks("websocket,compress=takeover,compress_window=15,compress_level=6", "contexts");
    talks("websocket,compress=true,compress_window=9,compress_level=3", "alone");
}

Test(compress, only_if_it_is_set)
{
    talks("websocket", "no");
}

Test(compress, a_bomb_closes_its_connection_and_nothing_else)
{
    char line[900], path[300];
    static const char bomb[] = "import asyncio, sys, websockets\n"
                               "async def main():\n"
                               "    for _ in range(2):\n"
                               "        async with websockets.connect(sys.argv[1]) as socket:\n"
                               "            await socket.send(bytes(50_000_000))\n"
                               "            try:\n"
                               "                await socket.recv()\n"
                               "                raise SystemExit('it was taken')\n"
                               "            except websockets.ConnectionClosed as closed:\n"
                               "                print(closed.rcvd.code)\n"
                               "asyncio.run(main())\n";
    if (process_shell("/usr/bin/python3 -c 'import websockets'", "/dev/null") != 0)
        cr_skip_test("NOT TESTED: there is no python3-websockets here");
    struct server server = server_begin(
        &(struct begin){.script = script,
                        .flags = {"--framing", "websocket,compress=true", "--max-packet", "200K"}});
    file_write(server.directory, "client.py", bomb);
    snprintf(path, sizeof path, "%s/said", server.directory);
    snprintf(line, sizeof line, "exec 2>&1; /usr/bin/python3 %s/client.py ws://127.0.0.1:%d/",
             server.directory, server.port);
    cr_assert_eq(process_shell(line, path), 0, "%s", file_read(path));
    char *said = file_read(path);
    cr_assert_str_eq(said, "1009\n1009\n");
    free(said);
    server_expect_log(&server, "the packet is larger than max_packet");
    server_end(&server);
}

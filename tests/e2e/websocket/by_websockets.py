"""Debian's python3-websockets as a client: by_websockets.py PORT CASE"""
import asyncio
import os
import sys

import websockets

port, case = int(sys.argv[1]), sys.argv[2]


def connect(path="/", **options):
    options.setdefault("max_size", None)
    options.setdefault("compression", None)
    return websockets.connect(f"ws://127.0.0.1:{port}{path}", **options)


async def ended(code, reason=""):
    """What the server's script has seen of the last end."""
    async with connect() as ws:
        for _ in range(200):
            await ws.send("/ends")
            seen = await ws.recv()
            if seen:
                assert seen == f"{reason}:{code}", seen
                return
            await asyncio.sleep(0.02)
    raise AssertionError("no end was seen")


async def sizes():
    async with connect() as ws:
        for size in [0, 1, 2, 125, 126, 127, 128, 1000, 4096, 65535, 65536, 65537, 300000, 1000000, 1 << 20]:
            data = os.urandom(size)
            await ws.send(data)
            assert await ws.recv() == data, size
            text = ("k\u00e4se \u20ac \U0001f600 " * (size // 15 + 1))[:size // 2]
            await ws.send(text)
            assert await ws.recv() == text, size


async def fragments():
    async with connect() as ws:
        await ws.send(["Hel", "", "lo ", "W\u00f6rld"])
        assert await ws.recv() == "Hello W\u00f6rld"
        await ws.send([b"\xff", b"\x00" * 100000, b"end"])
        assert await ws.recv() == b"\xff" + b"\x00" * 100000 + b"end"
        await ws.send([b"x"] * 3000)
        assert await ws.recv() == b"x" * 3000


async def pings():
    async with connect(ping_interval=None) as ws:
        for data in [b"", b"1", b"x" * 125]:
            await asyncio.wait_for(await ws.ping(data), 10)
        await ws.pong(b"unasked")
        waiter = await ws.ping(b"between")
        await ws.send("text")
        assert await ws.recv() == "text"
        await asyncio.wait_for(waiter, 10)


async def server_pings():
    """The server pings each second; the client answers by itself."""
    async with connect(ping_interval=None) as ws:
        await asyncio.sleep(4)
        await ws.send("still here")
        assert await ws.recv() == "still here"


async def many():
    async with connect() as ws:
        await ws.send("/many")
        for i in range(100):
            assert await ws.recv() == f"number {i + 1}"


async def kinds():
    async with connect() as ws:
        await ws.send("/guess")
        assert await ws.recv() == b"\xff"
        assert await ws.recv() == "fine"
        await ws.send("/badtext")
        assert await ws.recv() == "nil badtext"
        await ws.send("/all bytes")
        assert await ws.recv() == b"bytes"


async def closes():
    for code in [1000, 1001, 1008, 3000, 4999]:
        async with connect() as ws:
            await ws.close(code, "bye")
        assert ws.close_code == code
        await ended(code, "eof")


async def is_closed():
    for word, code, reason, seen in [("/close", 1000, "", "script"), ("/close 4001 bye", 4001, "bye", "bye"),
                                     ("/close 1011", 1011, "", "script"), ("/close 1000 k\u00e4se", 1000, "k\u00e4se", "k\u00e4se")]:
        async with connect() as ws:
            await ws.send(word)
            try:
                await ws.recv()
                raise AssertionError("it is not closed")
            except websockets.ConnectionClosed:
                pass
            assert (ws.close_code, ws.close_reason) == (code, reason), (ws.close_code, ws.close_reason)
        await ended(code, seen)


async def is_aborted():
    async with connect() as ws:
        await ws.send("/abort")
        try:
            await ws.recv()
            raise AssertionError("it is not closed")
        except websockets.ConnectionClosed:
            pass
        assert ws.close_code == 1006
    await ended(1006, "script")


async def leaves():
    ws = await connect()
    ws.transport.abort()
    async with connect() as other:
        seen = ""
        for _ in range(200):
            await other.send("/ends")
            seen = await other.recv()
            if seen:
                break
            await asyncio.sleep(0.02)
    assert seen in ("reset:1006", "eof:1006"), seen


async def too_big():
    async with connect() as ws:
        await ws.send(b"x" * ((2 << 20) + 1))
        try:
            await ws.recv()
            raise AssertionError("it is not closed")
        except websockets.ConnectionClosed:
            pass
        assert ws.close_code == 1009, ws.close_code
    await ended(1009, "oversize")


async def refused(path, status, body):
    try:
        async with connect(path):
            raise AssertionError("it is not refused")
    except websockets.InvalidStatusCode as error:
        assert error.status_code == status, error.status_code
        return error.headers


async def refusals():
    headers = await refused("/refuse", 401, "not you\n")
    assert headers["X-Why"] == "because", headers
    assert headers["Connection"] == "close", headers
    await refused("/false", 403, "")
    await refused("/close", 403, "")
    await refused("/error", 500, "")


async def protocols():
    async with connect("/choose", subprotocols=["v3", "v2", "v1"]) as ws:
        assert ws.subprotocol == "v1", ws.subprotocol
    async with connect("/", subprotocols=["v3", "v2", "v1"]) as ws:
        assert ws.subprotocol == "v2", ws.subprotocol
    async with connect("/", subprotocols=["v3"]) as ws:
        assert ws.subprotocol is None, ws.subprotocol
    async with connect("/") as ws:
        assert ws.subprotocol is None, ws.subprotocol


async def fields():
    headers = {"X-Test": "as sent", "Cookie": "size=1; color=blue"}
    async with connect("/a%20b/c?a=1%202&b+c=%C3%A4", extra_headers=headers, origin="http://example.com",
                       subprotocols=["v3", "v1"]) as ws:
        await ws.send("/fields")
        seen = (await ws.recv()).split("|")
        assert seen == ["GET", "/a%20b/c?a=1%202&b+c=%C3%A4", "/a b/c", "1 2", "\u00e4", f"127.0.0.1:{port}",
                        "http://example.com", "as sent", "blue", "v3+v1"], seen
        await ws.send("/request")
        assert await ws.recv() == "nil"


async def early():
    async with connect("/early") as ws:
        assert await ws.recv() == "early"
    async with connect("/wait") as ws:
        await ws.send("while it waits")
        assert await ws.recv() == "waited"
        assert await ws.recv() == "while it waits"


asyncio.run(asyncio.wait_for(globals()[case](), 60))
print("ok")

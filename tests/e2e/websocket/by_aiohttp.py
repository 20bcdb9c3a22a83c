"""Debian's python3-aiohttp as a client: by_aiohttp.py PORT CASE"""
import asyncio
import os
import sys

import aiohttp

port, case = int(sys.argv[1]), sys.argv[2]
url = f"http://127.0.0.1:{port}"


async def sizes(session):
    async with session.ws_connect(url, max_msg_size=0) as ws:
        for size in [0, 1, 125, 126, 127, 65535, 65536, 1000000]:
            data = os.urandom(size)
            await ws.send_bytes(data)
            assert await ws.receive_bytes() == data, size
            text = "\u00e4" * (size // 2)
            await ws.send_str(text)
            assert await ws.receive_str() == text, size


async def pings(session):
    async with session.ws_connect(url, autoping=False) as ws:
        await ws.ping(b"hello")
        message = await ws.receive()
        assert (message.type, message.data) == (aiohttp.WSMsgType.PONG, b"hello"), message
        await ws.send_str("text")
        assert await ws.receive_str() == "text"


async def closes(session):
    async with session.ws_connect(url) as ws:
        assert await ws.close(code=4000, message=b"bye")
        assert ws.close_code == 4000, ws.close_code
    async with session.ws_connect(url) as ws:
        await ws.send_str("/close 4002 bye")
        message = await ws.receive()
        assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, 4002, "bye"), message


async def refusals(session):
    try:
        await session.ws_connect(url + "/refuse")
        raise AssertionError("it is not refused")
    except aiohttp.WSServerHandshakeError as error:
        assert error.status == 401, error.status
        assert error.headers["X-Why"] == "because", error.headers


async def protocols(session):
    async with session.ws_connect(url + "/choose", protocols=("v1", "v2")) as ws:
        assert ws.protocol == "v1", ws.protocol
    async with session.ws_connect(url, protocols=("v1", "v2")) as ws:
        assert ws.protocol == "v1", ws.protocol


async def plain(session):
    """What is no WebSocket gets a small right answer, and its end."""
    for method, path, status in [("GET", "/", 426), ("GET", "/healthz", 200), ("HEAD", "/healthz", 200),
                                 ("POST", "/", 405), ("DELETE", "/healthz", 405)]:
        async with session.request(method, url + path) as answer:
            body = await answer.text()
            assert answer.status == status, (method, path, answer.status)
            assert answer.headers["Connection"].startswith("close"), answer.headers
            assert (body == "ok\n") == (method == "GET" and status == 200), body
            assert answer.headers.get("Upgrade") == ("websocket" if status == 426 else None), answer.headers


async def main():
    async with aiohttp.ClientSession() as session:
        await globals()[case](session)


asyncio.run(asyncio.wait_for(main(), 60))
print("ok")

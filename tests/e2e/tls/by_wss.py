"""Debian's python3-websockets over TLS: by_wss.py PORT"""
import asyncio
import ssl
import sys

import websockets

made = ssl.create_default_context()
made.check_hostname = False
made.verify_mode = ssl.CERT_NONE


async def echo():
    async with websockets.connect(f"wss://localhost:{sys.argv[1]}/", ssl=made, max_size=None) as ws:
        for size in [1, 125, 126, 65535, 65536, 900000]:
            sent = "x" * size
            await ws.send(sent)
            assert await ws.recv() == sent, size
        await ws.send("/tls")
        assert (await ws.recv()).startswith("TLSv1.3 ")


asyncio.run(echo())
print("ok")

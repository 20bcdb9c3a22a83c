"""Connections that talk all the time, and new ones beside them, until a file `rest` is there: by_load.py PORT. None is lost, no
byte is lost, and all trust what they are shown."""
import asyncio
import os
import random
import ssl
import sys

port = int(sys.argv[1])
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
STEADY, AT_ONCE = 10, 4


def context(version):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.load_verify_locations("ca.pem")
    made.minimum_version = made.maximum_version = version
    return made


CONTEXTS = [context(version) for version in VERSIONS]
dice = random.Random(22)


def rests():
    return os.path.exists("rest")


async def talk(reader, writer):
    sent = [b"%x" % dice.getrandbits(4 * dice.randrange(1, 6000)) for _ in range(AT_ONCE)]
    writer.write(b"\n".join(sent) + b"\n")
    for line in sent:
        assert await reader.readline() == line + b"\n"


async def connect(turn):
    return await asyncio.open_connection("127.0.0.1", port, ssl=CONTEXTS[turn % 2], limit=1 << 20)


async def steady(turn):
    reader, writer = await connect(turn)
    turns = 0
    while not rests():
        await talk(reader, writer)
        turns += 1
        await asyncio.sleep(0.02)
    await talk(reader, writer)
    writer.close()
    return turns


async def fresh():
    turns = 0
    while not rests():
        reader, writer = await connect(turns)
        await talk(reader, writer)
        writer.close()
        turns += 1
        await asyncio.sleep(0.01)
    return turns


async def everybody():
    turns = await asyncio.gather(fresh(), *[steady(turn) for turn in range(STEADY)])
    assert min(turns) > 10, turns


asyncio.run(everybody())
print("ok")

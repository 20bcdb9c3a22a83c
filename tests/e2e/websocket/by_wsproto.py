"""Debian's python3-wsproto as a client, over sockets of its own: by_wsproto.py PORT CASE"""
import socket
import sys
import time

from wsproto import ConnectionType, WSConnection
from wsproto.events import (AcceptConnection, BytesMessage, CloseConnection, Ping, Pong, RejectConnection, Request,
                            TextMessage)
from wsproto.frame_protocol import CloseReason, FrameProtocol, Opcode

port, case = int(sys.argv[1]), sys.argv[2]


class Client:
    def __init__(self, target="/", piece=1 << 20):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.settimeout(60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.piece = piece
        self.ws = WSConnection(ConnectionType.CLIENT)
        self.came = []
        self.send(Request(host=f"127.0.0.1:{port}", target=target))

    def write(self, data):
        for at in range(0, len(data), self.piece):
            self.socket.sendall(data[at:at + self.piece])

    def send(self, event):
        self.write(self.ws.send(event))

    def next(self):
        while not self.came:
            data = self.socket.recv(65536)
            self.ws.receive_data(data or None)
            self.came = list(self.ws.events())
        return self.came.pop(0)

    def accepted(self):
        event = self.next()
        assert isinstance(event, AcceptConnection), event
        return self

    def message(self):
        whole = None
        while True:
            event = self.next()
            assert isinstance(event, (TextMessage, BytesMessage)), event
            whole = event.data if whole is None else whole + event.data
            if event.message_finished:
                return whole

    def ends(self, code, reason=None):
        event = self.next()
        while isinstance(event, (TextMessage, BytesMessage)):
            event = self.next()
        assert isinstance(event, CloseConnection), event
        assert event.code == code, event
        assert reason is None or (event.reason or "") == reason, event
        self.socket.settimeout(10)
        assert self.socket.recv(1) == b"", "the server does not end its side"


def echo():
    for piece in [1, 7, 1000, 1 << 20]:
        client = Client(piece=piece).accepted()
        for size in [0, 1, 125, 126, 127, 300, 3000]:
            client.send(TextMessage("\u00e4" * size))
            assert client.message() == "\u00e4" * size, size
            client.send(BytesMessage(b"\xff" * size))
            assert client.message() == b"\xff" * size, size
        client.send(CloseConnection(CloseReason.NORMAL_CLOSURE))
        client.ends(1000)


def fragments():
    client = Client(piece=3).accepted()
    client.send(TextMessage("Hel", message_finished=False))
    client.send(Ping(b"between"))
    client.send(TextMessage("", message_finished=False))
    client.send(TextMessage("lo", message_finished=True))
    pong = client.next()
    assert isinstance(pong, Pong) and bytes(pong.payload) == b"between", pong
    assert client.message() == "Hello"


def pipelined():
    client = Client().accepted()
    data = b"".join(client.ws.send(TextMessage(f"message {i}")) for i in range(2000))
    client.write(data)
    for i in range(2000):
        assert client.message() == f"message {i}"


def frames_with_the_request():
    """Nobody may send before it is answered, but what comes with the request is heard."""
    client = Client()
    proto = FrameProtocol(client=True, extensions=[])
    client.write(proto.send_data("early", fin=True))
    client.accepted()
    assert client.message() == "early"


def closes():
    for code in [1000, 1001, 1003, 3999, 4000]:
        client = Client().accepted()
        client.send(CloseConnection(code, "bye"))
        client.ends(code)
    client = Client().accepted()
    client.write(FrameProtocol(client=True, extensions=[])._serialize_frame(Opcode.CLOSE, b""))
    client.ends(1005)


def is_closed():
    client = Client().accepted()
    client.send(TextMessage("/close 4321 words"))
    client.ends(4321, "words")


def mistakes():
    proto = FrameProtocol(client=True, extensions=[])
    for data, code in [
            (b"\x81\x05Hello", 1002),                              # no mask
            (b"\xc1\x85\0\0\0\0Hello", 1002),                      # a reserved bit
            (b"\x83\x85\0\0\0\0Hello", 1002),                      # a reserved opcode
            (b"\x80\x80\0\0\0\0", 1002),                           # a continuation of nothing
            (b"\x09\x80\0\0\0\0", 1002),                           # a ping in fragments
            (b"\x89\xfe\0\x7e\0\0\0\0" + b"x" * 126, 1002),        # a ping that is too long
            (b"\x81\xfe\0\x05\0\0\0\0Hello", 1002),                # a length that is too long
            (b"\x88\x82\0\0\0\0\x03\xee", 1002),                   # 1006
            (b"\x81\x81\0\0\0\0\xff", 1007),                       # no UTF-8
            (b"\x81\xfe\x03\xe8\0\0\0\0ab\xed\xa0\x80", 1007),     # ... in a frame that has not ended
            (b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 1009),
            (b"\x01\x80\0\0\0\0" + b"\x00\x80\0\0\0\0" * 16384, 1008),
    ]:
        client = Client().accepted()
        client.write(proto.send_data("before", fin=True))
        client.write(data)
        client.ends(code)


def refused():
    client = Client("/refuse")
    event = client.next()
    assert isinstance(event, RejectConnection) and event.status_code == 401, event
    body = b""
    while True:
        event = client.next()
        body += bytes(event.data)
        if event.body_finished:
            break
    assert body == b"not you\n", body


def slow_request():
    client = socket.create_connection(("127.0.0.1", port))
    client.settimeout(60)
    head = (b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    for byte in head:
        client.sendall(bytes([byte]))
        time.sleep(0.001)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += client.recv(1000)
    assert answer.startswith(b"HTTP/1.1 101 ") and b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in answer, answer


globals()[case]()
print("ok")

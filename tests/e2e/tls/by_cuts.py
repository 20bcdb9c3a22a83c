"""Clients that end a handshake wherever it hurts: by_cuts.py CASE PORT [STEP]. Python's ssl over memory, so that each byte that
goes to the server is sent from here. Packets have a length in front."""
import errno
import socket
import ssl
import struct
import sys
import time

case, port = sys.argv[1], int(sys.argv[2])
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
HANDSHAKE, ALERT = 22, 21


def connect():
    plain = socket.create_connection(("127.0.0.1", port), timeout=60)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return plain


def reset(plain):
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    plain.close()


def wait_for_end(plain):
    """What the server says before it ends the stream or resets it."""
    said = b""
    try:
        while more := plain.recv(65536):
            said += more
    except OSError as error:
        if error.errno != errno.ECONNRESET:
            raise
    plain.close()
    return said


def half_close(plain):
    plain.shutdown(socket.SHUT_WR)
    wait_for_end(plain)


def context(version):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.minimum_version = made.maximum_version = version
    return made


CONTEXTS = {version: context(version) for version in VERSIONS}


class Client:
    """Sends so many bytes of its handshake at most, and takes so many of the server's."""

    def __init__(self, version, most=1 << 30, takes=1 << 30, piece=1 << 30):
        self.to, self.by = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = CONTEXTS[version].wrap_bio(self.to, self.by, server_hostname="localhost")
        self.plain = connect()
        self.most, self.takes, self.piece = most, takes, piece
        self.sent = self.taken = 0

    def flush(self):
        """False: what it may send is sent."""
        while self.by.pending > 0:
            data = self.by.read(min(self.piece, self.most - self.sent))
            if not data:
                return False
            self.plain.sendall(data)
            self.sent += len(data)
        return True

    def shake(self):
        """False: it stopped where it had to."""
        while True:
            try:
                self.tls.do_handshake()
                return self.flush()
            except ssl.SSLWantReadError:
                pass
            if not self.flush() or self.taken == self.takes:
                return False
            data = self.plain.recv(min(65536, self.takes - self.taken))
            assert data, "the server has ended it"
            self.taken += len(data)
            self.to.write(data)

    def echo(self, packet):
        framed = struct.pack("<I", 4 + len(packet)) + packet
        self.tls.write(framed)
        self.flush()
        got = b""
        while len(got) < len(framed):
            try:
                got += self.tls.read(65536)
            except ssl.SSLWantReadError:
                data = self.plain.recv(65536)
                assert data, "the server has ended it"
                self.to.write(data)
        assert got == framed

    def leave(self):
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            self.flush()
        wait_for_end(self.plain)


def whole(version, **how):
    client = Client(version, **how)
    assert client.shake()
    return client


def cuts():
    """After each byte that the client sends, and after some of those that it takes; by an end and by a reset."""
    step = int(sys.argv[3])
    steady = whole(VERSIONS[1])
    for version in VERSIONS:
        client = whole(version)
        sent, taken = client.sent, client.taken
        client.leave()
        assert sent > 200 and taken > 500
        for end in [half_close, reset]:
            for most in [*range(0, sent, step), sent - 1]:
                client = Client(version, most=most)
                assert not client.shake() and client.sent == most, (client.sent, most)
                end(client.plain)
                if most % 40 == 0:
                    steady.echo(b"it is still there")
            for takes in range(0, taken, 10 * step):
                client = Client(version, takes=takes)
                client.shake()
                end(client.plain)
            client = whole(version)
            end(client.plain)
            whole(version).leave()
    steady.leave()


def pieces():
    """Wherever it is cut, a handshake is one."""
    for version in VERSIONS:
        for piece in [1, 2, 5, 6, 100]:
            client = whole(version, piece=piece)
            client.echo(b"x" * 1000)
            client.leave()


# ---- what is no handshake, or a bad one ----


def record(kind, body, version=b"\3\3"):
    return bytes([kind]) + version + struct.pack(">H", len(body)) + body


def hello(compressions):
    def extension(kind, body):
        return struct.pack(">HH", kind, len(body)) + body

    extensions = b"".join([
        extension(10, b"\0\4\0\x1d\0\x17"),  # X25519, P-256
        extension(13, b"\0\4\4\3\x08\4"),  # by ECDSA, by RSA
        extension(11, b"\1\0")])
    body = (b"\3\3" + bytes(range(32)) + b"\0" + b"\0\4\xc0\x2b\xc0\x2f" + bytes([len(compressions)]) + compressions +
            struct.pack(">H", len(extensions)) + extensions)
    return record(HANDSHAKE, b"\1" + struct.pack(">I", len(body))[1:] + body)


NO_TLS = [
    b"EHLO localhost\r\nSTARTTLS\r\n", b"a001 STARTTLS\r\n", b"STLS\r\n", b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    b"\0\0\0\x08\x04\xd2\x16\x2f",  # PostgreSQL asks for TLS
    b"SSH-2.0-OpenSSH_9.2\r\n", b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n", b"\r\n\r\n\0\r\nQUIT\n", b"\xff" * 100, b"\0" * 100,
    b"\x80\x2e\1\3\1\0\x15\0\0\0\x10" + bytes(40),  # a hello of SSL 2
    record(HANDSHAKE, b"") * 100, record(HANDSHAKE, b"\1\xff\xff\xff"), record(HANDSHAKE, b"\2\0\0\0"), record(HANDSHAKE, b"\x14\0\0\x0c" + bytes(12)),
    record(23, b"data before there are keys"), record(ALERT, b"\2\x28"), record(ALERT, b"\1\0"), record(ALERT, b"?"),
    record(20, b"\1") * 100, record(24, b"\1\x40\0"), record(99, b"what is this"),
    b"\x16\3\1\xff\xff" + bytes(1000), record(HANDSHAKE, b"\1\0\0\0"), record(HANDSHAKE, b"\1\0\0\x02\3\3"),
    hello(b"\1"),  # compressed, or not at all
]


def garbage():
    """Is ended by the server. It says nothing that is not an alert."""
    steady = whole(VERSIONS[0])
    for turn, bytes_of in enumerate(NO_TLS):
        plain = connect()
        plain.sendall(bytes_of)
        said = wait_for_end(plain)
        assert said == b"" or said[0] == ALERT, (turn, said)
        steady.echo(b"it is still there")
    plain = connect()
    plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert wait_for_end(plain).startswith(b"HTTP/1.1 400 ")
    # Of compression and none, none is taken: the last byte of this ServerHello without a session.
    plain = connect()
    plain.sendall(hello(b"\1\0"))
    said = plain.recv(65536)
    session = said[5 + 4 + 2 + 32]
    assert said[0] == HANDSHAKE and said[5] == 2 and said[5 + 4 + 2 + 32 + 1 + session + 2] == 0, said
    reset(plain)
    steady.leave()


def slow():
    """Those that do not end their handshake in time are sent away, whatever they do meanwhile. Others are served."""
    silent, stopped = [connect() for _ in range(20)], [Client(version, most=200) for version in VERSIONS for _ in range(10)]
    for client in stopped:
        assert not client.shake()
    flights = [Client(version, takes=1) for version in VERSIONS for _ in range(10)]
    for client in flights:
        assert not client.shake()
    dripping = Client(VERSIONS[1])
    try:
        dripping.tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    dripping.plain.setblocking(False)
    ended = False
    while not ended:
        try:
            if dripping.by.pending > 1:  # all but the last byte
                dripping.plain.send(dripping.by.read(1))
            ended = dripping.plain.recv(100) == b""
        except BlockingIOError:
            pass
        except (BrokenPipeError, ConnectionResetError):
            ended = True
        client = whole(VERSIONS[0])
        client.echo(b"in between")
        client.leave()
        time.sleep(0.05)
    for plain in [*silent, *[client.plain for client in [*stopped, *flights]]]:
        wait_for_end(plain)


globals()[case]()
print("ok")

"""What is offered beside the certificate: by_offers.py CASE PORT"""
import re
import socket
import ssl
import subprocess
import sys

case, port = sys.argv[1], sys.argv[2]


def context():
    made = ssl.create_default_context(cafile="ca.pem")
    return made


def connect(made):
    plain = socket.create_connection(("127.0.0.1", int(port)), timeout=60)
    return made.wrap_socket(plain, server_hostname="localhost")


def exactly(connection, size):
    got = b""
    while len(got) < size:
        more = connection.recv(size - len(got))
        assert more, f"the stream has ended behind {got}"
        got += more
    return got


# ---- protocols ----


def of_length(connection, packet):
    connection.sendall(len(packet).to_bytes(2, "big") + packet)
    return exactly(connection, int.from_bytes(exactly(connection, 2), "big"))


def of_lines(connection, packet):
    connection.sendall(packet + b"\n")
    got = b""
    while not got.endswith(b"\n"):
        got += exactly(connection, 1)
    return got[:-1]


def protocols():
    """game/1 has a length, http/1.1 a WebSocket, and what asks for nothing has lines."""
    made = context()
    for asked, agreed in [(["game/1"], "game/1"), (["h2", "game/1", "http/1.1"], "game/1")]:
        made.set_alpn_protocols(asked)
        with connect(made) as connection:
            assert connection.selected_alpn_protocol() == agreed
            assert of_length(connection, b"a\nb") == b"a\nb"
            assert of_length(connection, b"/protocol") == agreed.encode()
    made.set_alpn_protocols(["http/1.1"])
    with connect(made) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        assert exactly(connection, 12) == b"HTTP/1.1 101"
    with connect(context()) as connection:
        assert connection.selected_alpn_protocol() is None
        assert of_lines(connection, b"hello") == b"hello"
        assert of_lines(connection, b"/protocol") == b"-"
    made.set_alpn_protocols(["h2", "game/2"])
    try:
        connect(made)
        raise AssertionError("it has agreed on something")
    except ssl.SSLError as error:
        assert "no application protocol" in str(error).lower().replace("_", " "), error


# ---- sessions ----


def client(*flags, line="hello"):
    """What openssl's client has seen up to the answer to its line."""
    words = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost", "-CAfile", "ca.pem",
             "-verify_return_error", *flags]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        process.stdin.write(line.encode() + b"\n")
        process.stdin.flush()
        seen = ""
        for text in process.stdout:
            seen += text.decode(errors="replace")
            if text.strip().endswith(line.encode()):  # it may stand in the middle of what is told of a ticket
                break
        else:
            raise AssertionError(seen)
        rest, _ = process.communicate(b"Q\n", timeout=60)
        return seen + rest.decode(errors="replace")


def remember():
    for version in ["-tls1_2", "-tls1_3"]:
        assert "New, TLSv1" in client(version, "-sess_out", "session" + version)


def remembers():
    for version in ["-tls1_2", "-tls1_3"]:
        seen = client(version, "-sess_in", "session" + version)
        assert "Reused, TLSv1" in seen, seen


def forgets():
    for version in ["-tls1_2", "-tls1_3"]:
        seen = client(version, "-sess_in", "session" + version)
        assert "New, TLSv1" in seen, seen


# ---- revocation ----


def status():
    for version in ["-tls1_2", "-tls1_3"]:
        seen = client(version, "-status")
        assert "OCSP Response Status: successful (0x0)" in seen and "Cert Status: good" in seen, seen


def no_status():
    assert "OCSP response: no response sent" in client("-status")


# ---- peers ----


def peer():
    made = context()
    made.load_cert_chain("client.pem", "client.key")
    with connect(made) as connection:
        seen = of_lines(connection, b"/peer").decode()
        assert re.fullmatch(r"/CN=client by /CN=The Office, DNS:me, [0-9A-F]+, [0-9a-f]{64}, 200 days", seen), seen


{"protocols": protocols, "remember": remember, "remembers": remembers, "forgets": forgets, "status": status,
 "no_status": no_status, "peer": peer}[case]()
print("ok")

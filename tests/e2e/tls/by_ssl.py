"""Python's ssl as a client: by_ssl.py PORT CASE [FOLDER]"""
import os
import socket
import ssl
import sys

port, case = int(sys.argv[1]), sys.argv[2]
folder = sys.argv[3] if len(sys.argv) > 3 else ""


def context(version=None, ca=None):
    made = ssl.create_default_context(cafile=ca)
    if ca is None:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if version is not None:
        made.minimum_version = made.maximum_version = version
    return made


def connect(made, name="localhost"):
    plain = socket.create_connection(("127.0.0.1", port), timeout=60)
    return made.wrap_socket(plain, server_hostname=name)


def line(connection):
    text = b""
    while not text.endswith(b"\n"):
        more = connection.recv(65536)
        assert more, "the stream has ended"
        text += more
    return text


def versions():
    for version in [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]:
        with connect(context(version)) as connection:
            for size in [0, 1, 100, 16383, 16384, 16385, 65536, 900000]:
                sent = b"x" * size + b"\n"
                connection.sendall(sent)
                assert line(connection) == sent, size
            connection.sendall(b"one\ntwo\nthree\n")
            got = b""
            while len(got) < 14:
                got += connection.recv(100)
            assert got == b"one\ntwo\nthree\n"


def fields():
    for version, name in [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")]:
        with connect(context(version)) as connection:
            connection.sendall(b"/tls\n")
            seen = line(connection).decode().split()
            assert seen[0] == name and seen[1] == connection.cipher()[0] and seen[2] == "localhost", seen


def trusted():
    with connect(context(ca=folder + "/one.pem"), "one.example") as connection:
        connection.sendall(b"hello\n")
        assert line(connection) == b"hello\n"
    plain = socket.create_connection(("127.0.0.1", port), timeout=60)
    made = context(ca=folder + "/two.pem")
    refusing = made.wrap_socket(plain, server_hostname="one.example", do_handshake_on_connect=False)
    try:
        refusing.do_handshake()
        raise AssertionError("it was trusted")
    except ssl.SSLCertVerificationError:
        pass
    # Whoever closes before all was read resets, and Windows forgets the alert that came before that.
    plain = socket.socket(fileno=refusing.detach())
    plain.settimeout(60)
    while plain.recv(65536):
        pass
    plain.close()


def resumed():
    made = context(ssl.TLSVersion.TLSv1_3)
    with connect(made) as connection:
        connection.sendall(b"/tls\n")
        line(connection)
        session = connection.session
    assert session.has_ticket
    plain = socket.create_connection(("127.0.0.1", port), timeout=60)
    with made.wrap_socket(plain, server_hostname="localhost", session=session) as connection:
        assert connection.session_reused
        connection.sendall(b"/tls\n")
        assert line(connection).decode().split()[3] == "yes"


def ends():
    with connect(context()) as connection:
        connection.sendall(b"/close\n")
        assert line(connection) == b"bye\n"
        assert connection.recv(100) == b"", "close_notify is no error"
    with connect(context()) as connection:
        connection.sendall(b"last\n")
        assert line(connection) == b"last\n"
        plain = connection.unwrap()
        plain.close()


def truncated():
    """The server's script is told whether the end was said."""
    for polite in [True, False]:
        connection = connect(context())
        connection.sendall(b"x\n")
        assert line(connection) == b"x\n"
        if polite:
            connection.unwrap().close()
        else:
            os.close(connection.detach())
        with connect(context()) as other:
            while True:
                other.sendall(b"/ends\n")
                ends = line(other).decode().split()
                wanted = ["eof"] if polite else ["eof", "eof", "truncated"]
                if len(ends) >= len(wanted):
                    assert ends[:len(wanted)] == wanted, ends
                    break
            other.unwrap().close()


def shown(name):
    """The common name of the certificate that is shown."""
    made = context(ca=folder + "/" + name + ".pem")
    with connect(made, name + ".example") as connection:
        connection.sendall(b"x\n")
        return line(connection) == b"x\n"


def one():
    assert shown("one")


def two():
    assert shown("two")


globals()[case]()
print("ok")

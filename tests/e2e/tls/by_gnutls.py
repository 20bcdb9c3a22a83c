"""GnuTLS, another stack than the server's: by_gnutls.py CASE PORT [STEP]. By its library, and by its program."""
import os
import random
import re
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gnutls import ALERT, ONE_WAY, PEER_TOO, Failed, Session, library  # noqa: E402

case, port = sys.argv[1], int(sys.argv[2])
BOTH = ["TLS1.2", "TLS1.3"]
RECORD = 16384  # the largest, RFC 8446 5.1


# ---- the library ----


def sizes():
    """A record of each size, and an answer in one record of the same size. One in STEP of them, and those at the edges."""
    step = int(sys.argv[3])
    chosen = [size for size in range(1, RECORD + 1) if size % step == 0 or size < 70 or size > RECORD - 70]
    bytes_of = bytes(65 + i % 26 for i in range(RECORD))
    for version in BOTH:
        session = Session(port, version)
        for size in chosen:
            sent = bytes_of[:size - 1] + b"\n"
            session.send(sent)
            got, records = session.receive_all(size)
            assert got == sent and records == [size], (size, records)
        session.leave()


def large():
    """Packets of several records, and many packets in few."""
    for version in BOTH:
        session = Session(port, version)
        for size in [RECORD + 1, 2 * RECORD, 65536, 100001, 900000]:
            sent = b"x" * (size - 1) + b"\n"
            session.send(sent)
            got, records = session.receive_all(size)
            assert got == sent and max(records) <= RECORD
        session.leave()


def streams():
    """Both ways at once, in records of all sorts of sizes."""
    for version in BOTH:
        session, dice = Session(port, version), random.Random(7)
        sent = b"".join(b"y" * dice.randrange(3000) + b"\n" for _ in range(1000))

        def write():
            at = 0
            while at < len(sent):
                size = dice.choice([1, 100, 1000, 5000, RECORD])
                session.send(sent[at:at + size])
                at += size

        writer = threading.Thread(target=write)
        writer.start()
        got, _ = session.receive_all(len(sent))
        writer.join()
        assert got == sent
        session.leave()


def small():
    """A client with little room gets small records (max_fragment_length, RFC 6066 4)."""
    for version in BOTH:
        for most in [512, 1024, 2048, 4096]:
            session = Session(port, version, ":%ALLOW_SMALL_RECORDS", record_max=most)
            sent = b"z" * 10000 + b"\n"
            session.send(sent)
            got, records = session.receive_all(len(sent))
            assert got == sent and max(records) <= most, (most, records)
            session.leave()


def updates():
    """Of keys: before each packet one's own, and now and then both sides'; GnuTLS takes eight of the peer's in a second."""
    session = Session(port, "TLS1.3")
    for turn in range(200):
        session.update(PEER_TOO if turn % 40 == 20 else 0)
        assert session.ask(b"turn %d" % turn) == b"turn %d" % turn
    session.leave()


def resumed():
    """On both workers, each time by the ticket that came last."""
    for version in BOTH:
        session = Session(port, version)
        session.ask(b"tickets come no later than this")
        data, workers = session.data(), set()
        assert not session.is_resumed()
        session.leave()
        for _ in range(12):
            session = Session(port, version, resume=data)
            workers.add(session.ask(b"/where").split()[0])
            assert session.is_resumed() and session.ask(b"/tls").endswith(b" localhost yes")
            data = session.data()
            session.leave()
        assert workers == {b"1", b"2"}, workers


def renegotiates():
    """It is told that there is none, which in GnuTLS is no end; others do not notice."""
    other, session = Session(port, "TLS1.2"), Session(port, "TLS1.2")
    session.ask(b"first")
    try:
        session.shake()
        raise AssertionError("it has renegotiated")
    except Failed as failed:
        assert failed.code == ALERT and library.gnutls_alert_get(session.session) == 100, failed
    assert session.ask(b"second") == b"second"
    session.leave()
    assert other.ask(b"third") == b"third"
    other.leave()


def ends():
    """Both ends say so, either of them first, and not always both at once."""
    for version in BOTH:
        session = Session(port, version)
        session.send(b"/close\n")
        assert session.receive_all(4)[0] == b"bye\n" and session.receive() == b""
        session.drop()
        session = Session(port, version)
        session.send(b"last\n")
        session.bye(ONE_WAY)
        assert session.receive_all(5)[0] == b"last\n" and session.receive() == b""
        session.drop()


# ---- the program ----


def run(priority, *flags, lines=b"hello\n"):
    done = subprocess.run(
        ["gnutls-cli", "--x509cafile", "ca.pem", "-p", str(port), "localhost", "--priority", priority, *flags],
        input=lines, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    return done.returncode, done.stdout.decode(errors="replace")


def only(version):
    return "NORMAL:-VERS-ALL:+VERS-" + version


def agrees(priority, *flags, parts=()):
    status, said = run(priority, *flags)
    assert status == 0 and re.search("^hello$", said, re.MULTILINE), said
    for part in ["The certificate is trusted", "Handshake was completed", *parts]:
        assert part in said, (part, said)
    return said


def program():
    groups = {"X25519": "ECDHE-X25519", "SECP256R1": "ECDHE-SECP256R1", "SECP384R1": "ECDHE-SECP384R1"}
    ciphers = {"AES-128-GCM": "AES-128-GCM", "AES-256-GCM": "AES-256-GCM", "CHACHA20-POLY1305": "CHACHA20-POLY1305"}
    for version in BOTH:
        for group, name in groups.items():
            agrees(f"{only(version)}:-GROUP-ALL:+GROUP-{group}", parts=[f"({version}", f"({name})"])
        for cipher, name in ciphers.items():
            agrees(f"{only(version)}:-CIPHER-ALL:+{cipher}", parts=[f"({name})"])
        said = agrees(only(version), "--resume", "--waitresumption")
        assert "This is a resumed session" in said, said
        said = agrees(only(version) + ":%NO_TICKETS", "--resume")
        assert "This is a resumed session" not in said, said
    # Of the first group, for which it sends a key, the server knows nothing.
    agrees(only("TLS1.3") + ":-GROUP-ALL:+GROUP-SECP521R1:+GROUP-SECP384R1", "--single-key-share",
           parts=["(ECDHE-SECP384R1)"])


def refused():
    for priority in [only("TLS1.1") + ":%COMPAT", only("TLS1.0"), only("TLS1.2") + ":-CIPHER-ALL:+AES-128-CBC",
                     only("TLS1.2") + ":-KX-ALL:+RSA", only("TLS1.3") + ":-GROUP-ALL:+GROUP-SECP521R1"]:
        status, said = run(priority)
        assert status != 0 and "Handshake was completed" not in said and "alert" in said, (priority, said)


globals()[case]()
print("ok")

"""Renews certificates, live.pem and live.key, of a server that is looked at meanwhile: by_renewals.py CASE PORT [ADMIN COUNT]."""
import http.client
import os
import shutil
import socket
import ssl
import sys
import time

case, port = sys.argv[1], int(sys.argv[2])
TOKEN = "the-token-of-these-tests"
NAMES = ["ec", "two", "rsa"]  # in turn: other keys, other names, other kinds of keys

context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.load_verify_locations("ca.pem")


def read(name):
    with open(name, "rb") as file:
        return file.read()


SHOWN = {name: ssl.PEM_cert_to_DER_cert(read(name + ".pem").decode()) for name in NAMES}


def shown():
    """Whose certificate a new connection is shown, by which it is served."""
    with context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=60)) as client:
        client.sendall(b"hello\n")
        got = b""
        while not got.endswith(b"\n"):
            more = client.recv(100)
            assert more, "disconnected"
            got += more
        found = client.getpeercert(binary_form=True)
        return next(name for name in NAMES if SHOWN[name] == found)


def await_shown(name):
    while shown() != name:
        time.sleep(0.05)


def replace(path, content):
    with open(path + ".new", "wb") as file:
        file.write(content)
    os.replace(path + ".new", path)


def put(certificate, key):
    replace("live.key", key)
    replace("live.pem", certificate)


# ---- many, by the command ----


def reload(admin):
    asking = http.client.HTTPConnection(admin, timeout=60)
    asking.request("POST", "/reload", headers={"Authorization": "Bearer " + TOKEN, "X-Moonport": "1"})
    answer = asking.getresponse()
    said = answer.read()
    assert answer.status == 200, said
    asking.close()


def thousand():
    """Each is shown as soon as the command is answered. Broken ones in between never are."""
    admin, count = sys.argv[3], int(sys.argv[4])
    pairs = {name: (read(name + ".pem"), read(name + ".key")) for name in NAMES}
    for turn in range(count):
        name, after = NAMES[turn % 3], NAMES[(turn + 1) % 3]
        put(*pairs[name])
        reload(admin)
        assert shown() == name, (turn, name)
        if turn % 10 == 5:
            certificate, key = pairs[after]
            broken = [(certificate, pairs[name][1]), (certificate[:200], key), (b"", key), (certificate, b"no key\n"),
                      (key, certificate)]
            put(*broken[turn // 10 % len(broken)])
            reload(admin)
            assert shown() == name, (turn, "broken")
    with open("rest", "w", encoding="ascii"):
        pass


# ---- links, found by the server itself ----


def link(target, name):
    os.symlink(target, name + ".new")
    os.replace(name + ".new", name)


def links():
    """As certbot does it: live.pem and live.key are links to numbered files, and each is led to the next one. The server sees a
    moment in which they do not fit."""
    await_shown("ec")
    for number, name in enumerate(["two", "rsa", "ec"]):
        shutil.copy(name + ".pem", f"archive{number}.pem")
        shutil.copy(name + ".key", f"archive{number}.key")
        before = shown()
        link(f"archive{number}.key", "live.key")
        time.sleep(2.5)
        assert shown() == before
        link(f"archive{number}.pem", "live.pem")
        await_shown(name)


def directories():
    """As Kubernetes does it: live.pem and live.key are links through ..data, and that is a link to a directory, which is the one
    that is led elsewhere; the directory before is removed."""
    for number, name in enumerate(["two", "ec", "rsa"]):
        os.mkdir(f"..{number}")
        shutil.copy(name + ".pem", f"..{number}/live.pem")
        shutil.copy(name + ".key", f"..{number}/live.key")
        link(f"..{number}", "..data")
        if number == 0:
            link("..data/live.key", "live.key")
            link("..data/live.pem", "live.pem")
        else:
            shutil.rmtree(f"..{number - 1}")
        await_shown(name)


globals()[case]()
print("ok")

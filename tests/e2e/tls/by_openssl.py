"""The program `openssl s_client`: by_openssl.py CASE PORT. The server shows an ECDSA certificate, and for
"ciphers" and "groups" an RSA one, too."""
import re
import subprocess
import sys

case, port = sys.argv[1:3]
VERSIONS = {"-tls1_2": "TLSv1.2", "-tls1_3": "TLSv1.3"}


def begin(*flags):
    words = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost", "-CAfile", "ca.pem"]
    return subprocess.Popen([*words, "-verify_return_error", *flags], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)


def type_in(client, line):
    client.stdin.write(line.encode() + b"\n")
    client.stdin.flush()


def answer(client, pattern):
    """What it writes up to a line that ends like this, that line and all. It writes what has come into the middle of what it
    tells of tickets."""
    seen = b""
    for line in client.stdout:
        seen += line
        if re.search(pattern + "$", line.strip().decode(errors="replace")):
            return seen.decode(errors="replace")
    raise AssertionError(f"no {pattern} in: {seen.decode(errors='replace')}")


def leave(client):
    """Q at the front of a line ends it."""
    type_in(client, "Q")
    rest = client.communicate(timeout=60)[0].decode(errors="replace")
    assert client.returncode == 0, rest
    return rest


def talk(*flags, line="hello there", pattern=None):
    client = begin(*flags)
    type_in(client, line)
    seen = answer(client, pattern or line)
    return seen + leave(client)


def refused(*flags):
    """It does not come so far as to talk; the alert that it is sent."""
    client = begin(*flags)
    seen = client.communicate(b"hello\n", timeout=60)[0].decode(errors="replace")
    assert client.returncode != 0 and not re.search("hello$", seen, re.MULTILINE), seen
    found = re.search("SSL alert number ([0-9]+)", seen)
    return int(found[1]) if found else None


def has(seen, *parts):
    for part in parts:
        assert part in seen, f"no {part} in: {seen}"


# ---- what is agreed ----


def versions():
    for flag, version in VERSIONS.items():
        seen = talk(flag)
        has(seen, "Verification: OK", f"New, {version}, Cipher is ", f"Protocol  : {version}", "Compression: NONE",
            "Expansion: NONE", "Peer signature type: ECDSA", "Server Temp Key: X25519")
        if version == "TLSv1.2":
            has(seen, "Secure Renegotiation IS supported", "Extended master secret: yes")


def ciphers():
    for kind in ["ECDSA", "RSA"]:
        for end in ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"]:
            cipher = f"ECDHE-{kind}-{end}"
            has(talk("-tls1_2", "-cipher", cipher), f"New, TLSv1.2, Cipher is {cipher}", "Peer signature type: " + kind)
    for cipher in ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]:
        has(talk("-tls1_3", "-ciphersuites", cipher), f"New, TLSv1.3, Cipher is {cipher}")
    for kind, signs in [("ECDSA", "ECDSA+SHA256"), ("RSA-PSS", "RSA-PSS+SHA256")]:
        has(talk("-tls1_3", "-sigalgs", signs), "Peer signature type: " + kind)
    for cipher in ["AES128-GCM-SHA256", "AES256-SHA", "ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA256",
                   "DHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-CCM"]:
        assert refused("-tls1_2", "-cipher", cipher) == 40, cipher  # handshake_failure
    for cipher in ["NULL-SHA256", "ADH-AES128-SHA256"]:
        assert refused("-tls1_2", "-cipher", cipher + ":@SECLEVEL=0") == 40, cipher


def groups():
    keys = {"X25519": "X25519", "P-256": "ECDH, prime256v1", "P-384": "ECDH, secp384r1"}
    for flag in VERSIONS:
        for group, key in keys.items():
            has(talk(flag, "-groups", group), "Server Temp Key: " + key)
            # Of the group that is guessed first the server knows nothing: it asks for the other one (HelloRetryRequest).
            has(talk(flag, "-groups", "P-521:" + group), "Server Temp Key: " + key)
        assert refused(flag, "-groups", "P-521:X448") == 40
    assert refused("-tls1_3", "-groups", "ffdhe2048") == 40


def downgrade():
    for flag in ["-tls1", "-tls1_1"]:
        assert refused(flag, "-cipher", "ALL:@SECLEVEL=0") == 70  # protocol_version
    assert refused("-tls1_2", "-fallback_scsv") == 86  # inappropriate_fallback
    has(talk("-fallback_scsv"), "New, TLSv1.3")


def renegotiation():
    """The client asks for a new handshake. It does not get one, and others do not notice."""
    other, client = begin("-tls1_2"), begin("-tls1_2")
    for each in [other, client]:
        type_in(each, "first")
        answer(each, "first")
    seen = client.communicate(b"R\n", timeout=60)[0].decode(errors="replace")
    assert client.returncode != 0, seen
    has(seen, "RENEGOTIATING", "no renegotiation")
    type_in(other, "third")
    answer(other, "third")
    leave(other)


def keys():
    """K renews both sides' keys, k its own."""
    client = begin("-tls1_3")
    for turn in range(20):
        type_in(client, f"turn {turn}")
        answer(client, f"turn {turn}")
        type_in(client, "Kk"[turn % 2])
        answer(client, "KEYUPDATE")
    leave(client)


# ---- resumption ----


def save(flag, name):
    has(talk(flag, "-sess_out", name), "New, ")


def reuse(flag, name, line="/where", pattern="[12] [0-9]+"):
    """What the script says, which has to be like this."""
    seen = talk(flag, "-sess_in", name, line=line, pattern=pattern)
    has(seen, f"Reused, {VERSIONS[flag]}")
    return re.findall(pattern + "$", seen, re.MULTILINE)[-1]


def saved():
    """Also what is not: early data."""
    for flag in VERSIONS:
        save(flag, "session" + flag)
    with open("early", "w", encoding="ascii") as file:
        file.write("too early\n")
    seen = talk("-tls1_3", "-sess_out", "fresh")
    has(seen, "Max Early Data: 0", "TLS session ticket lifetime hint: 7200")
    seen = talk("-tls1_3", "-sess_in", "fresh", "-early_data", "early")
    has(seen, "Reused, TLSv1.3", "Early data was not sent")


def resumed():
    """By tickets, which others than the worker that made them take, too. What is said with one is secret even so from who
    has its key later."""
    for flag in VERSIONS:
        workers = {reuse(flag, "session" + flag).split()[0] for _ in range(12)}
        assert workers == {"1", "2"}, workers
        told = reuse(flag, "session" + flag, "/tls", "TLSv1.* (?:yes|-)")
        assert told.startswith(VERSIONS[flag] + " ") and told.endswith(" localhost yes"), told
    has(talk("-tls1_3", "-sess_in", "session-tls1_3"), "Server Temp Key: X25519", "Verification: OK")


def reloaded():
    """The scripts are another generation."""
    for flag in VERSIONS:
        assert reuse(flag, "session" + flag).split()[1] == "2"


def renewed():
    """The certificate is another one."""
    has(talk("-servername", "two.example", "-verify_hostname", "two.example"), "Verified peername: two.example")
    for flag in VERSIONS:
        reuse(flag, "session" + flag)


def is_not_let_in(flag, *flags):
    """At a listener that asks for certificates."""
    client = begin(flag, *flags)
    type_in(client, "/where")
    seen = client.stdout.read().decode(errors="replace")
    assert not re.search("[12] [0-9]+$", seen, re.MULTILINE), seen
    has(seen, "alert certificate required" if flag == "-tls1_3" else "alert handshake failure")


def elsewhere():
    """A session of this listener is worth nothing at the next one, which asks for certificates."""
    other = sys.argv[3]
    for flag in VERSIONS:
        save(flag, "session" + flag)
        reuse(flag, "session" + flag)
        is_not_let_in(flag, "-sess_in", "session" + flag, "-connect", f"127.0.0.1:{other}")
        has(talk(flag, "-connect", f"127.0.0.1:{other}", *CERTIFICATE, line="/peer",
                 pattern="/CN=client by /CN=The Office"), "New, ")


CERTIFICATE = ["-cert", "client.pem", "-key", "client.key"]


def trusted():
    """Who has shown a certificate need not show it again."""
    for flag in VERSIONS:
        has(talk(flag, *CERTIFICATE, "-sess_out", "session" + flag), "New, ")
        reuse(flag, "session" + flag, "/peer", "/CN=client by /CN=The Office")


def untrusted():
    """Nobody vouches for it any more, and the session does not either."""
    for flag in VERSIONS:
        is_not_let_in(flag, "-sess_in", "session" + flag)


def unticketed():
    """A client that takes no tickets is served, each time anew."""
    for flag, version in VERSIONS.items():
        for _ in range(2):
            has(talk(flag, "-no_ticket", "-sess_out", "none"), f"New, {version}")
            has(talk(flag, "-no_ticket"), f"New, {version}")


globals()[case]()
print("ok")

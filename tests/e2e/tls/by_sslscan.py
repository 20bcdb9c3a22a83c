"""What sslscan says of servers: by_sslscan.py PORT PORT PORT, of one that shows an ECDSA and an RSA certificate, of one that
shows the latter only, and of one that speaks TLS 1.3 only."""
import subprocess
import sys
import xml.etree.ElementTree

VERSIONS = {"ssl2", "ssl3", "tls1.0", "tls1.1", "tls1.2", "tls1.3"}
GROUPS = {"secp256r1 (NIST P-256)", "secp384r1 (NIST P-384)", "x25519"}
NEW = {"TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"}
OLD = ("AES256-GCM-SHA384", "AES128-GCM-SHA256", "CHACHA20-POLY1305")


def old(*kinds):
    return {f"ECDHE-{kind}-{cipher}" for kind in kinds for cipher in OLD}


def scan(port):
    done = subprocess.run(["sslscan", "--xml=-", "--show-times", f"127.0.0.1:{port}"], check=True, capture_output=True)
    text = done.stdout.decode()
    return xml.etree.ElementTree.fromstring(text[text.index("<?xml"):text.rindex("</document>") + 11]).find("ssltest")


def judge(port, versions, ciphers, signature, key):
    seen = scan(port)
    protocols = {p.get("type") + p.get("version"): p.get("enabled") for p in seen.iter("protocol")}
    assert set(protocols) == VERSIONS, protocols
    assert {name for name, enabled in protocols.items() if enabled == "1"} == versions, protocols
    assert seen.find("renegotiation").attrib == {"supported": "0", "secure": "0"}
    assert [c.attrib for c in seen.iter("compression") if c.get("supported") != "0"] == []
    bleeds = [h.get("vulnerable") for h in seen.iter("heartbleed")]
    assert bleeds == ["0"] * len(versions), bleeds
    found = list(seen.iter("cipher"))
    assert {c.get("cipher") for c in found} == ciphers, [c.attrib for c in found]
    assert {c.get("strength") for c in found} <= {"strong", "acceptable"}
    assert all(int(c.get("bits")) >= 128 and c.get("curve") == "25519" for c in found), [c.attrib for c in found]
    groups = [(g.get("sslversion"), g.get("name")) for g in seen.iter("group")]
    assert {name for _, name in groups} == GROUPS and len(groups) == 3 * len(versions), groups
    shown = seen.find("certificates/certificate")
    facts = {fact.tag: (fact.text or "").strip() for fact in shown}
    assert facts["signature-algorithm"] == signature, facts
    assert {"error": "false", **key}.items() <= shown.find("pk").attrib.items(), shown.find("pk").attrib
    assert facts["altnames"] == "DNS:localhost, IP Address:127.0.0.1", facts
    assert (facts["issuer"], facts["self-signed"], facts["expired"]) == ("The Office", "false", "false"), facts


both, rsa, new = sys.argv[1:]
ec_key = {"type": "EC", "curve_name": "prime256v1", "bits": "128"}
judge(both, {"tls1.2", "tls1.3"}, NEW | old("ECDSA", "RSA"), "ecdsa-with-SHA256", ec_key)
judge(rsa, {"tls1.2", "tls1.3"}, NEW | old("RSA"), "ecdsa-with-SHA256", {"type": "RSA", "bits": "2048"})
judge(new, {"tls1.3"}, NEW, "ecdsa-with-SHA256", ec_key)
print("ok")

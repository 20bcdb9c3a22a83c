"""What testssl.sh says of an HTTP server with an ECDSA and an RSA certificate: by_testssl.py PORT. All that it finds is in
testssl.json beside."""
import json
import os
import re
import subprocess
import sys

# Protocols, ciphers, forward secrecy, what the server prefers, what it shows, weaknesses with a name, HTTP, bugs with hellos
# of odd contents and sizes.
PARTS = ["-p", "-s", "-f", "-P", "-S", "-U", "-h", "-g"]

# What it says of itself, of DNS, and of resumption: in TLS 1.3 its client leaves before it could have got a ticket.
ABOUT_ITSELF = {"engine_problem", "sessionresumption_ticket"}

GRADES = {"A+", "A"}


def is_there(found, name, pattern):
    seen = [f["finding"] for f in found if f["id"].split()[0] == name]  # "cert_trust <cert#1>"
    assert seen and all(re.search(pattern, text) for text in seen), (name, seen)


name = "testssl.json"
if os.path.exists(name):
    os.remove(name)
subprocess.run(
    ["testssl", *PARTS, "--quiet", "--warnings", "batch", "--color", "0", "--nodns", "none", "--ip", "127.0.0.1",
     "--add-ca", "ca.pem", "--jsonfile", name, f"localhost:{sys.argv[1]}"],
    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
with open(name, encoding="utf-8") as file:
    found = json.load(file)

wrong = [f for f in found if f["severity"] not in ("OK", "INFO", "LOW") and f["id"] not in ABOUT_ITSELF]
assert wrong == [], wrong

# It has looked, and not only found nothing.
for version in ["SSLv2", "SSLv3", "TLS1", "TLS1_1"]:
    is_there(found, version, "^not offered")
is_there(found, "TLS1_2", "^offered")
is_there(found, "TLS1_3", "^offered with final")
is_there(found, "cipher_order", "server")
is_there(found, "cert_chain_of_trust", "passed")
is_there(found, "cert_trust", "^Ok via SAN")
is_there(found, "cert_numbers", "^2$")
is_there(found, "secure_renego", "supported")
is_there(found, "secure_client_renego", "^not vulnerable")
is_there(found, "heartbleed", "^not vulnerable")
is_there(found, "CRIME_TLS", "^not vulnerable")
is_there(found, "BREACH", "no .*HTTP compression")
is_there(found, "LUCKY13", "^not vulnerable")
is_there(found, "fallback_SCSV", "^no protocol below TLS 1.2")
is_there(found, "HSTS_time", "^365 days")

# From version 3.2 on it gives one.
grades = [f["finding"] for f in found if f["id"] == "overall_grade"]
assert set(grades) <= GRADES, grades
print("ok")

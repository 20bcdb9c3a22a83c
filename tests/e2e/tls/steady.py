"""A connection that talks until a file is there, and new ones beside it: steady.py PORT FILE"""
import os
import socket
import ssl
import sys
import time

port, stop = int(sys.argv[1]), sys.argv[2]
made = ssl.create_default_context()
made.check_hostname = False
made.verify_mode = ssl.CERT_NONE


def connect():
    return made.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=60))


def echo(connection, count):
    sent = b"%d\n" % count
    connection.sendall(sent)
    got = b""
    while not got.endswith(b"\n"):
        more = connection.recv(100)
        assert more, "disconnected"
        got += more
    assert got == sent, (got, sent)


steady, count = connect(), 0
while not os.path.exists(stop):
    echo(steady, count)
    if count % 5 == 0:
        with connect() as fresh:
            echo(fresh, count)
    count += 1
    time.sleep(0.002)
print("ok", count, flush=True)

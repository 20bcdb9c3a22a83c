"""What is used here of libgnutls, by its C functions: a session as a client."""
import ctypes
import socket

CLIENT, CERTIFICATES, PEM, DNS, RESUMES = 2, 1, 1, 1, 1
VERSIONS = {4: "TLS1.2", 5: "TLS1.3"}
PEER_TOO, BOTH_WAYS, ONE_WAY = 1, 0, 1
AGAIN, ALERT = -28, -16

library = ctypes.CDLL("libgnutls.so.30")
library.gnutls_strerror.restype = ctypes.c_char_p
for name in ["gnutls_record_send", "gnutls_record_recv"]:
    getattr(library, name).restype = ctypes.c_ssize_t
    getattr(library, name).argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]


class Datum(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("size", ctypes.c_uint)]


class Failed(Exception):
    def __init__(self, what, code):
        super().__init__(f"{what}: {library.gnutls_strerror(int(code)).decode()} ({code})")
        self.code = code


def call(name, *arguments):
    code = getattr(library, "gnutls_" + name)(*arguments)
    if code < 0:
        raise Failed(name, code)
    return code


class Session:
    """Trusts what ca.pem here vouches for. `versions`, `more`: of GnuTLS' priorities."""

    def __init__(self, port, version, more="", resume=None, record_max=0, name=b"localhost"):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.settimeout(None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.room = ctypes.create_string_buffer(1 << 17)
        self.credentials, self.session = ctypes.c_void_p(), ctypes.c_void_p()
        call("certificate_allocate_credentials", ctypes.byref(self.credentials))
        call("certificate_set_x509_trust_file", self.credentials, b"ca.pem", PEM)
        call("init", ctypes.byref(self.session), CLIENT)
        call("priority_set_direct", self.session, f"NORMAL:-VERS-ALL:+VERS-{version}{more}".encode(), None)
        call("credentials_set", self.session, CERTIFICATES, self.credentials)
        call("server_name_set", self.session, DNS, name, ctypes.c_size_t(len(name)))
        library.gnutls_session_set_verify_cert(self.session, name, 0)
        if record_max > 0:
            call("record_set_max_size", self.session, ctypes.c_size_t(record_max))
        if resume is not None:
            call("session_set_data", self.session, resume, ctypes.c_size_t(len(resume)))
        library.gnutls_transport_set_int2(self.session, self.socket.fileno(), self.socket.fileno())
        self.shake()
        assert VERSIONS[library.gnutls_protocol_get_version(self.session)] == version

    def shake(self):
        while True:
            code = library.gnutls_handshake(self.session)
            if code == 0:
                return
            if code == ALERT or library.gnutls_error_is_fatal(code):
                raise Failed("handshake", code)

    def send(self, data):
        """In as few records as there may be."""
        while data:
            data = data[call("record_send", self.session, data, len(data)):]

    def receive(self):
        """What is in the next record; nothing at the end. AGAIN: it was a ticket, or new keys."""
        while True:
            size = library.gnutls_record_recv(self.session, self.room, len(self.room))
            if size >= 0:
                return self.room[:size]
            if size != AGAIN:
                raise Failed("receive", size)

    def receive_all(self, size):
        """So many bytes, and the sizes of the records that brought them."""
        got, sizes = b"", []
        while len(got) < size:
            more = self.receive()
            assert more, "the stream has ended"
            sizes.append(len(more))
            got += more
        return got, sizes

    def ask(self, line):
        self.send(line + b"\n")
        got = self.receive()
        while not got.endswith(b"\n"):
            got += self.receive()
        return got[:-1]

    def update(self, flags):
        """Of the keys."""
        call("session_key_update", self.session, flags)

    def data(self):
        """With which it can be resumed."""
        datum = Datum()
        call("session_get_data2", self.session, ctypes.byref(datum))
        return ctypes.string_at(datum.data, datum.size)

    def is_resumed(self):
        return library.gnutls_session_is_resumed(self.session) != 0

    def bye(self, ways=BOTH_WAYS):
        call("bye", self.session, ways)

    def leave(self):
        self.bye()
        self.drop()

    def drop(self):
        """Without a word."""
        library.gnutls_deinit(self.session)
        library.gnutls_certificate_free_credentials(self.credentials)
        self.socket.close()

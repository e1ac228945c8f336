"""HTTPS servers of this machine that receive webhooks, and an authority for their certificates."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)
NAME = "receiver.example"
"""A name that only the resolvers of tests know."""


@dataclass(frozen=True)
class Authority:
    """What signs the certificates of receivers."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    @cache
    def ours(cls) -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        return cls(key, built(named("Tests"), named("Tests"), key, key, is_authority=True))

    def write(self, folder: Path, *names: str, expired: bool = False) -> Path:
        """Write a key and a certificate for names and addresses; return their file."""
        key = ec.generate_private_key(ec.SECP256R1())
        own = built(named(names[0]), self.certificate.subject, key, self.key, *names, ago=expired)
        file = folder / f"{names[0]}{'-expired' if expired else ''}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + own.public_bytes(serialization.Encoding.PEM)
        )
        return file

    def bundle(self, folder: Path) -> Path:
        """Write the certificate of the authority, for `SSL_CERT_FILE`."""
        file = folder / "authority.pem"
        file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return file


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def built(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    *names: str,
    ago: bool = False,
    is_authority: bool = False,
) -> x509.Certificate:
    """A certificate that is valid now, or was until yesterday."""
    until = datetime.now(UTC) + (-DAY if ago else DAY)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(until - 2 * DAY)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([alternative(name) for name in names]), critical=False
        )
    return builder.sign(signer, hashes.SHA256())


def alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@dataclass(frozen=True)
class Received:
    """A request that a receiver got."""

    path: str
    headers: dict[str, str]
    body: bytes
    connection: int
    """The port of the sender, which tells connections apart."""


Answering = Callable[["Handler", Received], Any]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        received = Received(self.path, headers, body, self.client_address[1])
        self.server.received.append(received)
        self.server.answering(self, received)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """The server of a test prints nothing."""


class Receiver(ThreadingHTTPServer):
    """Receives until the block ends. `answering` says what it answers; by default 200."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, certificate: Path | None = None, address: str = "127.0.0.1") -> None:
        super().__init__((address, 0), Handler)
        self.received: list[Received] = []
        self.answering: Answering = lambda handler, _: handler.answer(200)
        self.context: ssl.SSLContext | None = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def finish_request(self, request: Any, client_address: Any) -> Any:
        """Speak TLS in the thread of the connection."""
        if not self.context:
            return super().finish_request(request, client_address)
        with self.context.wrap_socket(request, server_side=True) as secured:
            return super().finish_request(secured, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender that breaks off is what a test asks for."""

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        self.server_close()

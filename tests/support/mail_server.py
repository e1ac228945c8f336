"""A small SMTP server on a port of this machine, in a thread of its own."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.header import decode_header, make_header
from typing import Any


class MailServer(socketserver.ThreadingTCPServer):
    """Accepts e-mails; `refused` are the addresses that it refuses."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Session)
        self.received: list[tuple[str, bytes]] = []
        self.refused: set[str] = set()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def mails(self) -> dict[str, tuple[str, str]]:
        """The subject and the text of the last e-mail to each address."""
        found = {}
        for address, content in self.received:
            message = message_from_bytes(content)
            body: Any = message.get_payload(decode=True)
            subject = str(make_header(decode_header(message["Subject"])))
            found[address] = (subject, body.decode())
        return found


class Session(socketserver.StreamRequestHandler):
    """One connection of a client: the commands that Django's backend sends."""

    server: MailServer

    def handle(self) -> None:
        self.say("220 ready")
        recipient = ""
        while line := self.rfile.readline().decode().strip():
            command = line[:4].upper()
            if command == "RCPT":
                recipient = line.partition("<")[2].rstrip(">")
                self.say("550 no" if recipient in self.server.refused else "250 ok")
            elif command == "DATA":
                self.say("354 go on")
                self.server.received.append((recipient, self.read_mail()))
                self.say("250 ok")
            elif command == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def read_mail(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        return b"".join(lines)

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def serving() -> Iterator[MailServer]:
    with MailServer() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def of_digests(settings: Any) -> Iterator[MailServer]:
    """A server to which the e-mails to staff go."""
    with serving() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.HAS_MAIL_SERVER, settings.PUBLIC_URL = True, "https://pay.example"
        yield server

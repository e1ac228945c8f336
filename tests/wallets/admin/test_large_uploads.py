"""Large files through the server as it is served: its memory stays flat, and others are answered.

Takes 60 s.
"""

from __future__ import annotations

import http.client
import re
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.conf import settings

from tests.support import bank
from tests.support import large_statements as large
from tests.support.camt import IBAN
from tests.support.server import Served, database_of_tests
from tests.support.staff import SUPERVISOR, a_member, browser_of
from wallets.models import BankUpload

PAGE = "/admin/bank/import/"
BOUNDARY = "iocash-boundary"
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
MESSAGE = re.compile(r'<li class="(?:error|success)">(.*?)</li>', re.DOTALL)


@dataclass
class Upload:
    """A member of staff with a browser, and a server."""

    port: int
    session: str
    token: str = ""
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, str]:
        caller = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        known = {settings.SESSION_COOKIE_NAME: self.session, **self.cookies}
        cookie = "; ".join(f"{name}={value}" for name, value in known.items())
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            caller.request(method, path, body or None, {"Cookie": cookie, **named})
            response = caller.getresponse()
            for value in response.headers.get_all("Set-Cookie") or []:
                name, _, rest = value.partition("=")
                if name == settings.SESSION_COOKIE_NAME:
                    self.session = rest.partition(";")[0]
                else:
                    self.cookies[name] = rest.partition(";")[0]
            return response.status, response.read().decode()
        finally:
            caller.close()

    def send(self, content: bytes) -> tuple[int, str]:
        """Upload a file; the status, and the page after it."""
        _, page = self.ask("GET", PAGE)
        token = TOKEN.search(page)
        assert token, page
        head = (
            f"--{BOUNDARY}\r\nContent-Disposition: form-data; "
            f'name="csrfmiddlewaretoken"\r\n\r\n{token[1]}\r\n--{BOUNDARY}\r\n'
            'Content-Disposition: form-data; name="file"; filename="large.xml"\r\n'
            "Content-Type: application/xml\r\n\r\n"
        )
        body = head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        status, text = self.ask("POST", PAGE, body, Content_Type=kind)
        return status, text or self.ask("GET", PAGE)[1]


@dataclass
class Watch:
    """The memory of the server's processes, and the slowest answer to others."""

    root: int
    first: int = 0
    most: int = 0
    slowest: float = 0.0
    answers: int = 0

    def memory(self) -> int:
        """Of all processes of the server, without those that parse files."""
        found = [self.root]
        for pid in found:
            children = Path(f"/proc/{pid}/task/{pid}/children")
            found += [int(each) for each in children.read_text().split() if is_server(int(each))]
        return sum(map(large.memory_of, found))


def is_server(pid: int) -> bool:
    return b"sandbox" not in Path(f"/proc/{pid}/cmdline").read_bytes()


@contextmanager
def watched(server: Served, other: Upload):
    """Ask for another page all the time, and note the memory."""
    watch, is_over = Watch(server.process.pid), threading.Event()
    watch.first = watch.most = watch.memory()

    def run() -> None:
        while not is_over.is_set():
            (status, _), seconds = large.timed(lambda: other.ask("GET", "/admin/login/"))
            assert status in {200, 302}
            watch.slowest = max(watch.slowest, seconds)
            watch.answers += 1
            watch.most = max(watch.most, watch.memory())
            time.sleep(0.02)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield watch
    finally:
        is_over.set()
        thread.join()


FILES = {
    "50 MB": (large.elements(50_000_000), "All files together can have 34 MiB."),
    "33 MiB": (large.elements(33 * large.MIB), "The file is larger than 32 MiB."),
    "17 MiB of elements": (large.elements(17 * large.MIB), "The file has more than 3000000 tags."),
    "11 MiB of elements": (large.elements(11 * large.MIB), "This is not a statement of a bank"),
    "deep": (large.nested(200_000), "The elements of the file are nested too deeply."),
    "20,000 entries": (large.full_entries(20_000), "Another person must release it"),
}


@pytest.mark.ci
@pytest.mark.django_db(transaction=True)
def test_large_file_is_answered_and_others_are_too(client_demo, tmp_path, capsys):
    bank.an_account(client_demo, iban=IBAN)
    session = browser_of(a_member(SUPERVISOR)).cookies[settings.SESSION_COOKIE_NAME].value
    with Served(database_of_tests(), tmp_path / "server.log") as server:
        person, other = Upload(server.port, session), Upload(server.port, "")
        for _ in range(20):
            person.ask("GET", PAGE)
        for name, (content, words) in FILES.items():
            with watched(server, other) as watch:
                (status, page), seconds = large.timed(lambda each=content: person.send(each))
            with capsys.disabled():
                sys.stdout.write(
                    f"\n{name}: {status}, {seconds:.1f} s, server {watch.first} -> {watch.most} "
                    f"MiB, {watch.answers} others, the slowest {watch.slowest:.2f} s"
                )
            assert words in page, page
            assert watch.answers
            assert watch.slowest < 5
        server.settle()
    assert BankUpload.objects.count() == 1

"""The real counterparty of files: a bank that speaks ISO 20022, started in this process."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mockbank import Config, make_server

ACME = "NL41MOCK0000000001"
"""The account that pays."""
CLOSED, UNKNOWN_BANK = "NL84MOCK0000000003", "NL57MOCK0000000004"
"""Accounts of payees to which the bank rejects payments."""
ELSEWHERE = "NL30MOCK0000000005"
"""An account of a payee at another bank."""


@dataclass(frozen=True)
class MockBank:
    address: str

    def ask(self, method: str, path: str, body: bytes = b"") -> Any:
        """Return an answer; that to a file that was rejected outright has an error's status."""
        request = urllib.request.Request(self.address + path, data=body or None, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return json.load(error)

    def receive(self, content: bytes) -> Any:
        """Take a file, as the bank does when somebody uploads it."""
        return self.ask("POST", "/payments", content)

    def answers(self, kind: str = "pain.002") -> list[bytes]:
        """The messages that the bank has sent since they were last collected."""
        return [each["body"].encode() for each in self.ask("GET", f"/_mock/mailbox?type={kind}")]

    def findings(self, content: bytes) -> Any:
        """What the bank has to say of a file that it would get."""
        request = urllib.request.Request(
            f"{self.address}/_mock/validate", data=content, headers={"Accept": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=20) as response:
            return json.load(response)["findings"]

    def behave(self, account: str, **changes: Any) -> None:
        self.ask("PATCH", f"/_mock/accounts/{account}", json.dumps(changes).encode())

    def advance(self, days: int) -> None:
        """Let days pass at the bank."""
        self.ask("POST", f"/_mock/advance?days={days}")


@contextmanager
def running(clock: str) -> Iterator[MockBank]:
    """Run a bank whose clock begins at this moment."""
    server = make_server(Config(port=0, quiet=True, clock=clock))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield MockBank(f"http://127.0.0.1:{server.server_address[1]}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)

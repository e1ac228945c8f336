"""Callers of a server that reads from a replica."""

from __future__ import annotations

import http.cookiejar
import urllib.parse
import urllib.request
from itertools import count
from typing import Any

from tests.support.embedded_postgres import eventually
from tests.support.server import Served

MADE = count(1)
ENOUGH = 12
"""Answers in a row from the replica: both processes of the server read from it."""


class Caller:
    """Calls the server as the client of the demo."""

    def __init__(self, server: Served, facts: dict[str, str]) -> None:
        self.server, self.facts = server, facts
        self.wallet = f"/api/v1/wallets/{facts['aliceWalletId']}"

    def get(self, path: str, token: str = "") -> tuple[int, dict[str, str], Any]:
        headers = {"X_Read_After": token} if token else {}
        return self.server.call("GET", path, None, self.facts["apiKey"], **headers)

    def post(self, path: str, body: Any) -> tuple[int, dict[str, str], Any]:
        key = f"key-{next(MADE)}"
        return self.server.call("POST", path, body, self.facts["apiKey"], Idempotency_Key=key)

    def as_of(self, path: str = "/api/v1/movements", token: str = "") -> str | None:
        """The horizon of an answer; None: the primary has answered."""
        status, headers, content = self.get(path, token)
        assert status == 200, content
        return headers.get("x-as-of")

    def use_replica(self) -> None:
        """Wait until all processes read from it."""
        eventually(lambda: all(self.as_of() for _ in range(ENOUGH)))

    def pay(self) -> tuple[str, str]:
        """Pay a cent to Bob; return the id of the movement, and the token."""
        body = {"type": "TRANSFER", "targetWalletId": self.facts["bobWalletId"], "amount": "0.01"}
        status, headers, content = self.post(f"{self.wallet}/movements", body)
        assert status == 201, content
        return content["id"], headers["x-write-token"]

    def shows(self, movement: str, token: str = "", path: str = "/api/v1/movements") -> bool:
        status, _, content = self.get(path, token)
        assert status == 200, content
        return any(each["id"] == movement for each in content["_embedded"]["movements"])


class Browser:
    """A member of staff in the back office."""

    def __init__(self, server: Served, facts: dict[str, str]) -> None:
        self.server = server
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        self.open("/admin/login/")
        self.post(
            "/admin/login/?next=/admin/",
            username=facts["staffUser"],
            password=facts["staffPassword"],
        )

    def open(self, path: str, form: dict[str, str] | None = None) -> tuple[str | None, str]:
        """Return the horizon of a page, and the page."""
        data = urllib.parse.urlencode(form).encode() if form else None
        request = urllib.request.Request(self.server.url + path, data, {"Referer": self.server.url})
        with self.opener.open(request, timeout=30) as answer:
            return answer.headers.get("X-As-Of"), answer.read().decode()

    def post(self, path: str, **form: str) -> tuple[str | None, str]:
        token = next(each.value for each in self.cookies if each.name == "csrftoken")
        return self.open(path, {**form, "csrfmiddlewaretoken": str(token)})

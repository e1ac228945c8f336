"""Import statements of banks: store a file, then book what is new."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from iocash.errors import Message
from wallets.bank import booking, importing
from wallets.bank.importing import StoredFile
from wallets.bank.messages import camt
from wallets.bank.messages.xml import MOST_BYTES, Unreadable, too_large
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

    Older lines in suspense are looked at again only if the file has new ones: banks send a
    notification for each payment, and the worker looks at all of them each hour.

    Raises:
        Unreadable: it can't be read, or is about an account that is not the institution's.
        Overloaded: other files are being read.
    """
    imported = importing.store_file(content, name=name, actor=actor)
    accounts = BankAccount.objects.filter(id__in=imported.accounts)
    later = booking.retry([*accounts])[booking.BOOKED] if imported.lines else 0
    return ImportReport(imported, booking.book([*accounts]), later)


def files_in(paths: Sequence[Path]) -> tuple[list[Path], list[OSError]]:
    """The files, and those of folders that end in .xml, sorted by the days of their statements.

    A file that can't be read comes last: its refusal is reported when it is imported. The second
    list has the folders that can't be read.
    """
    found: list[Path] = []
    refused: list[OSError] = []
    for path in paths:
        found += xml_files(path, refused) if path.is_dir() else [path]
    return sorted(found, key=day_and_page) if len(found) > 1 else found, refused


def xml_files(folder: Path, refused: list[OSError]) -> Iterator[Path]:
    """The files in a folder, and in folders in it, that end in .xml; `refused` gets errors."""
    for place, _, names in os.walk(folder, onerror=refused.append):
        yield from (Path(place, name) for name in names if name.lower().endswith(".xml"))


def day_and_page(path: Path) -> tuple[Any, ...]:
    """The day, the page and the name of a file."""
    try:
        statements = camt.read_outlines(content_of_path(path))
    except (Unreadable, OSError):
        return date.max, 0, path.name
    first = min(statements, key=lambda each: (each.end or each.created or date.max, each.page))
    return first.end or first.created or date.max, first.page, path.name


def content_of_path(path: Path) -> bytes:
    """The content of a file; one that is too large is not read.

    Raises:
        Unreadable: it is too large, or is no regular file.
        OSError: it can't be read.
    """
    if path.exists() and not path.is_file():
        raise Unreadable(Message("This is not a file."))
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise too_large()
    return content

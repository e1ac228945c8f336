"""Catalogues of translations: the `.po` files that people edit, and what is compiled of them.

`DEBUG=1 python -m tests.support.catalogues` compiles all of them. The results are under version
control, so that nobody needs a tool to install the server.
"""

from __future__ import annotations

import io
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parent.parent.parent
ERRORS = ROOT / "iocash" / "locale" / "es" / "LC_MESSAGES" / "django.po"
OFFICE = ROOT / "users" / "locale" / "es" / "LC_MESSAGES" / "django.po"
UNDATED = datetime(2000, 1, 1, tzinfo=UTC)
"""What is compiled depends on the texts only, not on when it was done."""

Key = tuple[str, str, str]
"""Context, text and plural of a text; empty if it has none."""


def read_source(text: str) -> Catalog:
    """The translations of a `.po` file.

    Raises:
        ValueError: a text occurs twice, or is marked as fuzzy or obsolete.
        PoFileError: the file is malformed.
    """
    catalog = read_po(io.StringIO(text), locale="es", abort_invalid=True)
    if unfinished := [each.id for each in entries(catalog) if each.fuzzy] or [*catalog.obsolete]:
        raise ValueError(f"not a finished translation: {unfinished}")
    if text.count("\nmsgid ") + text.startswith("msgid ") > len(entries(catalog)) + 1:
        raise ValueError(f"twice: {repeated(text)}")
    return catalog


def repeated(text: str) -> list[str]:
    """The lines that occur more than once and begin a text."""
    lines = Counter(line for line in text.splitlines() if line.startswith("msgid "))
    return [line for line, times in lines.items() if times > 1]


def entries(catalog: Catalog) -> list[Message]:
    """The texts with their translations, without the header."""
    return [message for message in catalog if message.id]


def key_of(message: Message) -> Key:
    text, *plural = [message.id] if isinstance(message.id, str) else message.id
    return message.context or "", text, "".join(plural)


def forms_of(message: Message) -> list[str]:
    """The translation, or those of all plural forms."""
    said: Any = message.string
    return [said] if isinstance(said, str) else [*said]


def translations(source: Path) -> dict[str, str]:
    """The texts without context and plural, with their translations."""
    messages = entries(read_source(source.read_text()))
    return {each.id: str(each.string) for each in messages if isinstance(each.id, str)}


def compiled_path(source: Path) -> Path:
    return source.with_suffix(".mo")


def compiled(catalog: Catalog) -> bytes:
    """The `.mo` file, as GNU gettext has it."""
    catalog.creation_date = catalog.revision_date = UNDATED
    file = io.BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def main() -> None:
    for source in (ERRORS, OFFICE):
        compiled_path(source).write_bytes(compiled(read_source(source.read_text())))


if __name__ == "__main__":
    main()

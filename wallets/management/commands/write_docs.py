"""`manage.py write_docs`: write the generated documents that are under version control."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from iocash import errors
from iocash.docs import client_calls, reference, search

CODES: Final[Path] = settings.BASE_DIR / "docs" / "errors.md"
BEGIN, END = "<!-- codes: begin -->\n", "<!-- codes: end -->\n"


class Command(BaseCommand):
    help = (
        "Write docs/openapi.json, the table of error codes in docs/errors.md, the calls of the "
        "clients for the documentation, and the index of the search over it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--release",
            action="store_true",
            help="Write the documents, too, that later ones are compared with.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["release"]:
            for file, document in reference.RELEASED.items():
                file.write_text(document.bare_text())
        reference.FILE.write_text(reference.OWN.text())
        client_calls.FILE.write_text(client_calls.facts_text(reference.OWN.whole()))
        CODES.write_text(with_codes(CODES.read_text()))
        search.FILE.write_text(search.index_text())


def with_codes(text: str) -> str:
    """Replace the table of codes between its two markers."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + codes() + END + after


def codes() -> str:
    """The table of error codes: code, status and meaning."""
    kinds = sorted(errors.REGISTRY.values(), key=lambda kind: (kind.status, kind.code))
    rows = [f"| `{kind.code}` | {kind.status} | {sentence(kind)} |\n" for kind in kinds]
    return f"{len(kinds)} codes:\n\n| code | status | meaning |\n|---|---|---|\n{''.join(rows)}"


def sentence(kind: type[errors.Refused]) -> str:
    return " ".join((kind.__doc__ or "").split()).replace("|", "\\|")

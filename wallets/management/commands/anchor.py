"""`manage.py anchor`: write the digests of the ledger to a file, with one Merkle root."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from iocash.db import clock
from wallets import anchors, audit
from wallets.anchors.blocks import replacing


class Command(BaseCommand):
    help = (
        "Write an anchor to a file or to stdout: the digests of all movements since the previous "
        "anchor, all wallets with their owners and heads, and one Merkle root. Keep it outside "
        "the database; `audit --anchor` compares the ledger with it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file", nargs="?", default="-", help="The file to write; - is stdout (default)."
        )
        parser.add_argument(
            "--after",
            metavar="FILE",
            type=Path,
            help="The previous anchor; movements that it contains are left out.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        last = options["after"]
        try:
            with self.opened(options["file"]) as out, audit.snapshot():
                for line in anchors.lines(clock.now(), last):
                    out.write(f"{line}\n")
        except (UnicodeDecodeError, anchors.BadAnchor) as error:
            raise CommandError(f"{last}: {error}", returncode=2) from error

    @contextmanager
    def opened(self, name: str) -> Iterator[Any]:
        """Write the file atomically: after an error there is no partial file."""
        if name == "-":
            yield self.stdout
            return
        path = Path(name)
        try:
            with replacing(path) as out:
                yield out
        except OSError as error:
            is_draft = str(error.filename).startswith(f"{path}.")
            raise CommandError(
                f"{path if is_draft else error.filename}: {error.strerror}"
            ) from error

"""`manage.py anchor`: write down what the books are, with one root over it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from wallets import anchors, audit


class Command(BaseCommand):
    help = (
        "Write an anchor to a file or to stdout: the digests of all movements since the last "
        "anchor, all wallets with their owners and heads, and one Merkle root."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", default="-", help="where to; - is stdout")
        parser.add_argument("--after", metavar="FILE", type=Path, help="the last anchor")

    def handle(self, *args: Any, **options: Any) -> None:
        last = options["after"]
        try:
            with self.opened(options["file"]) as out, audit.snapshot():
                for line in anchors.lines(timezone.now(), last):
                    out.write(f"{line}\n")
        except (UnicodeDecodeError, anchors.BadAnchor) as error:
            raise CommandError(f"{last}: {error}", returncode=2) from error

    @contextmanager
    def opened(self, name: str) -> Iterator[Any]:
        """The file, whole or not at all."""
        if name == "-":
            yield self.stdout
            return
        path = Path(name)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            with draft.open("w") as out:
                yield out
            draft.replace(path)
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from error
        finally:
            draft.unlink(missing_ok=True)

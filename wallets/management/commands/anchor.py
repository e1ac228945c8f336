"""`manage.py anchor`: write the heads of all chains down, with one root over them."""

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
    help = "Write the chain heads of all wallets, and one Merkle root, to a file or to stdout."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", default="-", help="where to; - is stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        with self.opened(options["file"]) as out, audit.snapshot():
            for line in anchors.lines(timezone.now()):
                out.write(f"{line}\n")

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
            raise CommandError(f"{name}: {error.strerror}") from error
        finally:
            draft.unlink(missing_ok=True)

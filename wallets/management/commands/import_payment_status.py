"""`manage.py import_payment_status`: import the bank's answers to files of payments out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from iocash.errors import Overloaded
from users.management.commands.issue_key import login
from users.models.events import By
from wallets.admin.bank_answers import import_answer, imported_in_words
from wallets.bank.messages.xml import Unreadable
from wallets.bank.statements import content_of_path
from wallets.management.commands.import_statement import refusal_in_words


class Command(BaseCommand):
    help = (
        "Import messages pain.002, the bank's answers to bank files. Payments that the bank "
        "rejects return to their wallets; those that it has settled leave them. The same file "
        "twice changes nothing."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument(
            "files", nargs="+", type=Path, help="Files, or folders with files that end in .xml."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        by = By(f"system:import_payment_status:{login()}"[:60])
        refused = 0
        for path in self.expanded(options["files"]):
            try:
                imported = import_answer(content_of_path(path), by)
            except (Unreadable, OSError, DatabaseError, Overloaded) as error:
                refused += 1
                self.stderr.write(f"{path}: {refusal_in_words(error)}")
            else:
                self.stdout.write(f"{path}: {imported_in_words(imported)}")
        if refused:
            raise CommandError(f"{refused} files were not imported.")

    def expanded(self, paths: list[Path]) -> Iterator[Path]:
        for path in paths:
            if not path.is_dir():
                yield path
                continue
            names = [each for each in path.iterdir() if each.name.lower().endswith(".xml")]
            yield from sorted(names)

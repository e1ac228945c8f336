"""`manage.py import_statement FILE…`: import statements of banks, also of whole folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from iocash.errors import Overloaded
from users.management.commands.issue_key import login
from wallets.bank.messages.xml import Unreadable
from wallets.bank.statements import ImportReport, content_of_path, files_in, import_statement


class Command(BaseCommand):
    help = "Imports statements of banks (camt.052, 053, 054) and books their lines. Safe to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, help="Files, or folders with files.")

    def handle(self, *args: Any, **options: Any) -> None:
        actor = f"system:import_statement:{login()}"[:60]
        missing = [str(path) for path in options["paths"] if not path.exists()]
        if missing:
            raise CommandError(f"Not found: {', '.join(missing)}.")
        found, folders = files_in(options["paths"])
        for error in folders:
            self.stderr.write(f"{error.filename}: refused. {error.strerror}.")
        refused = len(folders)
        for path in found:
            try:
                report = import_statement(content_of_path(path), name=path.name, actor=actor)
            except (Unreadable, OSError, DatabaseError, Overloaded) as error:
                refused += 1
                self.stderr.write(f"{path}: refused. {refusal_in_words(error)}")
            else:
                self.stdout.write(f"{path}: {import_in_words(report)}")
        if refused:
            raise CommandError(f"{refused} files were refused; all others are imported.")


def refusal_in_words(error: Exception) -> str:
    """Why a file was not imported, without the values that errors of the database quote."""
    if isinstance(error, DatabaseError):
        return f"The database has refused it ({type(error).__name__}); repeat the import."
    return f"{error.strerror}." if isinstance(error, OSError) else str(error)


def import_in_words(report: ImportReport) -> str:
    """What an import has done, in one line."""
    stored = report.imported
    ended = ", ".join(f"{number} {name}" for name, number in sorted(report.booked.items()))
    if stored.is_known:
        return f"imported before. {ended}".strip()
    later = f" {report.later} older lines booked." if report.later else ""
    return f"{stored.lines} new entries, {stored.known_lines} known. {ended}{later}".strip()

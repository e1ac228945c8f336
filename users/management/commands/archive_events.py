"""Write old events to files, and remove those that fill the table from the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, Error, connections

from iocash.db import clock, groups
from iocash.worker.loop import DutyReport
from users import archives
from users.models import DutyState
from users.models.duties import ARCHIVE

FEWEST_YEARS: Final = 1
"""What the code itself looks up, and readers who were away, is younger."""
SIZE: Final = 20_000


class Command(BaseCommand):
    help = "Archive events in FOLDER. Without --remove, nothing is removed from the database."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "folder",
            type=Path,
            metavar="FOLDER",
            help="where the archive is; of another group than home, in a folder with its name",
        )
        parser.add_argument(
            "--years", type=float, required=True, help="archive what is older; at least 1"
        )
        parser.add_argument(
            "--remove",
            action="store_true",
            help="then remove the archived events of settled movements; needs --as-owner",
        )
        parser.add_argument(
            "--as-owner", action="store_true", help="connect as the role that owns the tables"
        )
        parser.add_argument(
            "--size", type=int, default=SIZE, help=f"events in a file at most ({SIZE})"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"]
        if options["years"] < FEWEST_YEARS:
            raise CommandError(f"--years: at least {FEWEST_YEARS}.")
        if options["remove"] and not options["as_owner"]:
            raise CommandError("--remove needs --as-owner: the serving role can't remove events.")
        with reported(), explained_errors():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = groups.folder(str(folder))
            with archives.alone_in(folder):
                self.archive(folder, options)

    def archive(self, folder: Path, options: dict[str, Any]) -> None:
        """Archive what is old enough, and print each file.

        Raises:
            WrongArchive: the folder is not the archive that it says.
            HeldUp: events are left out that are old enough. What could be archived is.
            OSError, DatabaseError: the folder or the database can't be written.
        """
        until = clock.now() - timedelta(days=365.25 * options["years"])
        connection = connections["owner" if options["as_owner"] else DEFAULT_DB_ALIAS]
        for made in archives.write_archive(connection, folder, until, options["size"]):
            self.stdout.write(f"{made.name}: {made.events} events")
        if options["remove"]:
            removed = archives.remove_events(connection, folder)
            self.stdout.write(f"Removed {removed} events from the database.")
        if known := archives.load_manifests(folder):
            self.stdout.write(f"{len(known)} files. The last manifest: {known[-1].digest}")
        archives.require_all_archived(connection, folder, until)


@contextmanager
def explained_errors() -> Iterator[None]:
    """Explain what stops an archive.

    Raises:
        CommandError: something does.
    """
    try:
        yield
    except (archives.WrongArchive, archives.HeldUp) as wrong:
        raise CommandError(str(wrong)) from wrong


@contextmanager
def reported() -> Iterator[None]:
    """Record whether the run was right, for `/metrics` and its alert.

    A run that was killed records nothing: then the last one that was right becomes old.
    """
    report = DutyReport(ARCHIVE, runs=1)
    try:
        yield
    except Exception as error:
        report.failures, report.failure = 1, type(error.__cause__ or error).__name__
        with suppress(Error):  # the database may be what has failed
            DutyState.objects.add_report(report)
        raise
    DutyState.objects.add_report(report)

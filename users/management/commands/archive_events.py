"""Write old events to files, and remove those that fill the table from the database."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, connections

from iocash.db import clock
from users import archives

FEWEST_YEARS: Final = 1
"""What the code itself looks up, and readers who were away, is younger."""
SIZE: Final = 20_000


class Command(BaseCommand):
    help = "Archive events in FOLDER. Without --remove, nothing is removed from the database."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the archive is")
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
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        until = clock.now() - timedelta(days=365.25 * options["years"])
        connection = connections["owner" if options["as_owner"] else DEFAULT_DB_ALIAS]
        try:
            with archives.alone_in(folder):
                for made in archives.write_archive(connection, folder, until, options["size"]):
                    self.stdout.write(f"{made.name}: {made.events} events")
                if options["remove"]:
                    removed = archives.remove_events(connection, folder)
                    self.stdout.write(f"Removed {removed} events from the database.")
                known = archives.load_manifests(folder)
        except archives.WrongArchive as wrong:
            raise CommandError(str(wrong)) from wrong
        if known:
            self.stdout.write(f"{len(known)} files. The last manifest: {known[-1].digest}")

"""`manage.py import_client FOLDER`: read an export into a server without this client."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from wallets.exports.folder import MANIFEST, BadExport, Manifest
from wallets.exports.reading import import_clients
from wallets.management.commands.audit import use_owner
from wallets.management.commands.export_client import add_passphrase, passphrase_of


class Command(BaseCommand):
    help = (
        "Import an export of `export_client`: all of it in one transaction, or nothing. It "
        "connects with DATABASE_OWNER_URL, verifies all digests first, and audits the ledger last."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="The folder of the export.")
        add_passphrase(parser)
        parser.add_argument(
            "--sha256",
            metavar="DIGEST",
            help="What manifest.json must have, as export_client said.",
        )
        parser.add_argument(
            "--copy",
            action="store_true",
            help="Import although the client was not suspended: events may be delivered twice.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        folder = options["folder"]
        try:
            manifest = Manifest.read(folder)
            require_digest(folder, options["sha256"])
            if not (manifest.is_frozen or options["copy"]):
                raise BadExport(
                    "The client was not suspended when it was exported. Suspend it and export it "
                    "again, or use --copy."
                )
            passphrase = passphrase_of(options) if manifest.secrets else None
            use_owner()
            import_clients(folder, manifest, passphrase, self.report)
        except (BadExport, OSError) as error:
            raise CommandError(f"Nothing was imported. {error}") from error
        names = ", ".join(each["name"] for each in manifest.clients)
        self.stdout.write(self.style.SUCCESS(f"Imported: {names}. The ledger is correct."))

    def report(self, name: str, rows: int) -> None:
        self.stdout.write(f"{rows:9}  {name}")


def require_digest(folder: Path, expected: str | None) -> None:
    """Require that the manifest is the one that was exported.

    Raises:
        BadExport: it is not.
    """
    found = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    if expected and found != expected:
        raise BadExport(f"{MANIFEST} has the SHA-256 {found}.")

"""`manage.py export_client CLIENT FOLDER`: write everything of a client to a folder."""

from __future__ import annotations

from getpass import getpass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from users.models import Client
from wallets.exports.folder import BadExport
from wallets.exports.writing import export_clients


class Command(BaseCommand):
    help = (
        "Write everything of a client to an empty folder: a file of JSON lines for each table, the "
        "documents of its users, and a manifest with digests. `import_client` reads it; "
        "docs/verify.py verifies it. Suspend the client first if it moves to another server."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("client", help="The client's id, or its name.")
        parser.add_argument("folder", type=Path, help="An empty folder; it is made if need be.")
        parser.add_argument(
            "--with",
            dest="others",
            action="append",
            default=[],
            metavar="CLIENT",
            help="Another client in the same export; repeat it for more.",
        )
        add_passphrase(parser)
        parser.add_argument(
            "--without-secrets",
            action="store_true",
            help="Leave out the secrets of webhook endpoints; the import makes new ones.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        clients = [named_client(each) for each in [options["client"], *options["others"]]]
        passphrase = None if options["without_secrets"] else passphrase_of(options, is_new=True)
        try:
            manifest, digest = export_clients(clients, options["folder"], passphrase, self.report)
        except (BadExport, OSError) as error:
            raise CommandError(str(error)) from error
        if manifest.missing_documents:
            self.stderr.write(f"{manifest.missing_documents} documents are missing in the storage.")
        if not manifest.is_frozen:
            self.stderr.write(
                "The client was not suspended: this export is a copy, and not for a move."
            )
        self.stdout.write(f"SHA-256 of manifest.json: {digest}")

    def report(self, name: str, rows: int) -> None:
        self.stdout.write(f"{rows:9}  {name}")


def add_passphrase(parser: CommandParser) -> None:
    parser.add_argument(
        "--passphrase-file",
        type=Path,
        help="A file whose first line encrypts the secrets; without it, the command asks.",
    )


def passphrase_of(options: dict[str, Any], *, is_new: bool = False) -> str:
    """The passphrase, from the file or from the terminal.

    Raises:
        CommandError: there is none, or it was typed differently the second time.
    """
    file: Path | None = options["passphrase_file"]
    if file:
        try:
            found = file.read_text().partition("\n")[0]
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from error
    else:
        found = getpass("Passphrase for the secrets: ")
        if is_new and getpass("Again: ") != found:
            raise CommandError("The two passphrases differ.")
    if not found:
        raise CommandError("The passphrase is empty.")
    return found


def named_client(name: str) -> Client:
    """The client with an id or a name.

    Raises:
        CommandError: there is none, or there are several.
    """
    try:
        found = list(Client.objects.filter(id=UUID(name)))
    except ValueError:
        found = list(Client.objects.filter(name=name)[:2])
    if len(found) != 1:
        raise CommandError(
            f"{'Several clients have' if found else 'No client has'} the name {name!r}."
        )
    return found[0]

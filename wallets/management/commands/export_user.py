"""`manage.py export_user USER`: write everything that is kept about one person."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from iocash import errors
from users.kyc import looks
from users.management.commands.issue_key import login
from users.models import Access, User
from users.models.events import By
from wallets.exports.person_files import write_folder, write_for_owner, write_person_pdf
from wallets.statements.pdf_file import PdfFailed


class Command(BaseCommand):
    help = (
        "Write everything that is kept about one user to a new folder: data.json, the documents, "
        "and with --pdf data.pdf. The user's access log says that it was exported."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", type=uuid.UUID, help="The user's id.")
        parser.add_argument(
            "--folder", type=Path, help="The folder to make (default: user-ID, here)."
        )
        parser.add_argument("--pdf", action="store_true", help="Write data.pdf too.")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.select_related("client").filter(id=options["user"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['user']}.")
        folder = options["folder"] or Path(f"user-{user.id}")
        looks.record_access(user, Access.What.EXPORT, By(f"system:export_user:{login()}"[:60]))
        try:
            missing = write_folder(user, folder)
            if options["pdf"]:
                write_for_owner(folder / "data.pdf", write_person_pdf(user))
        except OSError as error:
            raise CommandError(f"{folder}: {error.strerror}.") from error
        except (PdfFailed, errors.Refused) as error:
            raise CommandError(f"data.pdf was not made: {type(error).__name__}.") from error
        if missing:
            self.stderr.write(f"{missing} documents are missing in the storage.")
        self.stdout.write(f"Exported to {folder}")

"""`manage.py publish_terms FILE`: publish a new version of the terms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from users.documents import WrongDocument
from users.kyc import terms
from users.management.commands.issue_key import login
from users.models.events import By


class Command(BaseCommand):
    help = (
        "Publish a PDF as the current version of the terms, which users have to sign. Earlier "
        "versions are kept. The current version again changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="The PDF; at most 5 MB.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            content = options["file"].read_bytes()
        except OSError as error:
            raise CommandError(f"{options['file']} can't be read: {error.strerror}.") from error
        try:
            published = terms.publish(content, By(f"system:publish_terms:{login()}"[:60]))
        except WrongDocument as error:
            raise CommandError(f"The file is not accepted: {error}") from error
        self.stdout.write(f"Terms, version {published.version}, SHA-256 {published.digest}")

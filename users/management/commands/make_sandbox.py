"""`manage.py make_sandbox`: make a sandbox of an empty database."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from users.models.sandbox import make_sandbox


class Command(BaseCommand):
    help = (
        "Make a sandbox of this database: for tests, with a clock that can be advanced. It must "
        "have no clients yet, and stays a sandbox for ever. Runs as the owner of the tables."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            make_sandbox()
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stdout.write("This database is a sandbox.")

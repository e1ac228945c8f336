"""`manage.py issue_key CLIENT`: issue an API key and print it once."""

from __future__ import annotations

import os
import pwd
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from iocash.db.transactions import single_transaction
from users.models import ApiKey, Client, events
from users.models.clients import (
    ISSUED_SCOPES,
    KNOWN_SCOPES,
    MONEY_SCOPES,
    SANDBOX_SCOPE,
    scopes_here,
)
from users.models.events import By, EventKind


def check_lengths(name: str, label: str) -> None:
    try:
        Client(name=name).clean_fields()
        ApiKey(label=label).clean_fields(exclude={"client", "digest", "prefix", "scopes"})
    except ValidationError as error:
        raise CommandError("; ".join(error.messages)) from error


def login() -> str:
    """The name of the operating system's user; its number if it has no name (in a container)."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


class Command(BaseCommand):
    help = (
        "Issue an API key for a client, and create the client if it doesn't exist. The key is "
        "printed once; copy it to a safe place."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("client", help="The client's name.")
        parser.add_argument(
            "--label",
            default="issued on the command line",
            help="A name for the key (default: %(default)s).",
        )
        parser.add_argument(
            "--scope",
            action="append",
            choices=KNOWN_SCOPES,
            metavar="SCOPE",
            help=f"Repeat for several scopes; without it, the key has {', '.join(ISSUED_SCOPES)}. "
            f"{' and '.join(MONEY_SCOPES)} create and move money: name them here, or two people "
            f"grant them in the back office. {SANDBOX_SCOPE} exists in sandboxes only.",
        )
        parser.add_argument(
            "--days", type=int, help="Days until expiry; without it, the key does not expire."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        days = options["days"]
        if days is not None and days < 1:
            raise CommandError("--days must be at least 1.")
        check_lengths(options["client"], options["label"])
        scopes = options["scope"] or scopes_here(ISSUED_SCOPES)
        if SANDBOX_SCOPE in scopes and SANDBOX_SCOPE not in scopes_here():
            raise CommandError(f"{SANDBOX_SCOPE} exists in sandboxes only.")
        with single_transaction():
            client, _ = Client.objects.get_or_create(name=options["client"])
            key, secret = ApiKey.issue(
                client=client,
                label=options["label"],
                scopes=scopes,
                expires_at=timezone.now() + timedelta(days=days) if days else None,
            )
            by = By(f"system:issue_key:{login()}"[:60])
            events.record_about_client(key, EventKind.API_KEY_ISSUED, by)
        self.stderr.write(f"Key {key.prefix}… of {client.name}. It is not shown again:")
        self.stdout.write(secret)

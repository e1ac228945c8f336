"""`manage.py erase_user`: erase the personal data of closed users."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from iocash import errors
from iocash.db import clock
from users import phones
from users.models.events import By
from wallets import erasure

BY = By("system:erase_user")


class Command(BaseCommand):
    help = (
        "Erase the personal data of a closed (UNSUBSCRIBED) user; with --due, of every user whose "
        "retention period has ended. Movements are kept."
    )

    def add_arguments(self, parser: Any) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("user", nargs="?", type=uuid.UUID, help="The user's id.")
        which.add_argument(
            "--due", action="store_true", help="Erase every user whose retention period has ended."
        )
        parser.add_argument(
            "--reason",
            choices=erasure.REASONS,
            default=erasure.RETENTION_OVER,
            help="The reason; every reason but RETENTION_OVER erases before the period has ended.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        phones.forget(clock.now())
        users = [options["user"]]
        if options["due"]:
            users = [user.id for user in erasure.due(clock.now())]
        for user_id in users:
            try:
                erasure.erase(user_id=user_id, by=BY, reason=options["reason"])
            except errors.Refused as refused:
                raise CommandError(refused.words) from None
            self.stdout.write(f"Erased: {user_id}")

"""`manage.py send_digests`: send the daily e-mail to the members of staff who want it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from users.duties.digests import send_digests


class Command(BaseCommand):
    help = (
        "Send to each member of staff who wants it one e-mail a day: how much waits, with links. "
        "Run it as often as you like: who has got the e-mail of the day gets no other."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        missing = [
            name
            for name, is_set in (
                ("EMAIL_HOST", settings.HAS_MAIL_SERVER),
                ("PUBLIC_URL", settings.PUBLIC_URL),
            )
            if not is_set
        ]
        if missing:
            raise CommandError(f"Digests are not configured: set {' and '.join(missing)}.")
        sent = failed = 0
        for digest in send_digests():
            if digest.error:
                failed += 1
                name = digest.member.get_username()
                self.stderr.write(f"Not sent to {name}: {digest.error}. It is tried again.")
            else:
                sent += 1
        self.stdout.write(f"Digests sent: {sent}.")
        if failed:
            raise CommandError(f"Digests that were not sent: {failed}. Run the command again.")

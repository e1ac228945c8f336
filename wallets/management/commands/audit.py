"""`manage.py audit`: prove that the books are right."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from wallets import audit
from wallets.models import Audit, Movement


class Command(BaseCommand):
    help = "Prove that the books are right; exit 1 and name the first wrong row otherwise."

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = []
        began = timezone.now()
        started = time.monotonic()
        for equation, finding in audit.findings():
            seconds = time.monotonic() - started
            started = time.monotonic()
            mark = "wrong" if finding else "right"
            self.stdout.write(f"{mark}  {equation.name:8} {seconds:6.2f} s  {equation.sentence}")
            if finding:
                wrong.append(str(finding))
        Audit.objects.create(
            started_at=began, movements=Movement.objects.count(), finding="\n".join(wrong)
        )
        if wrong:
            raise CommandError("\n".join(wrong), returncode=1)
        self.stdout.write(self.style.SUCCESS("The books are right."))

"""`manage.py audit`: prove that the books are right."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from wallets import audit


class Command(BaseCommand):
    help = "Prove that the books are right; exit 1 and name the first wrong row otherwise."

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = []
        started = time.monotonic()
        for equation, finding in audit.findings():
            seconds = time.monotonic() - started
            started = time.monotonic()
            mark = "wrong" if finding else "right"
            self.stdout.write(f"{mark}  {equation.name:8} {seconds:6.2f} s  {equation.sentence}")
            if finding:
                wrong.append(str(finding))
        if wrong:
            raise CommandError("\n".join(wrong), returncode=1)
        self.stdout.write(self.style.SUCCESS("The books are right."))

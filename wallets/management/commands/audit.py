"""`manage.py audit`: prove that the books are right."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, connections
from django.utils import timezone

from iocash.times import moment
from wallets import anchors, audit
from wallets.models import Audit, Movement

BAR = 30
"""How wide the progress bar is, in characters."""

ADDRESS = ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")

Result = tuple[audit.Equation, audit.Finding | None]


class Command(BaseCommand):
    help = (
        "Prove that the books are right. Exit 0: they are; 1: they are not, and the first wrong "
        "row of each equation is named; 2: the anchor proves nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="report as one JSON object")
        parser.add_argument(
            "--as-owner",
            action="store_true",
            help="connect as DATABASE_OWNER_URL says: also when the server has no connection left",
        )
        parser.add_argument("--anchor", metavar="FILE", help="compare with what `anchor` wrote")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["as_owner"]:
            use_owner()
        began = timezone.now()
        results = []
        started = time.monotonic()
        for equation, finding in self.results(options["anchor"]):
            seconds = time.monotonic() - started
            started = time.monotonic()
            results.append((equation, finding, seconds))
            if not options["json"]:
                self.wipe()
                mark = "wrong" if finding else "right"
                self.stdout.write(
                    f"{mark}  {equation.name:10} {seconds:7.2f} s  {equation.sentence}"
                )
        wrong = [str(finding) for _, finding, _ in results if finding]
        done = Audit(
            started_at=began,
            movements=Movement.objects.count(),
            finding="\n".join(wrong),
        )
        if not recorded(done):
            self.stderr.write("The database is read-only: this audit is not recorded there.")
        if options["json"]:
            self.stdout.write(json.dumps(report(done, results), indent=2, default=str))
        if wrong:
            raise CommandError("\n".join(wrong), returncode=1)
        if not options["json"]:
            self.stdout.write(self.style.SUCCESS("The books are right."))

    def results(self, anchor: str | None) -> Iterator[Result]:
        yield from audit.findings(self.draw if sys.stderr.isatty() else audit.silent)
        if anchor is None:
            return
        try:
            with Path(anchor).open() as lines:
                yield anchors.EQUATION, anchors.compare(lines)
        except (OSError, UnicodeDecodeError, anchors.BadAnchor) as error:
            raise CommandError(f"{anchor}: {error}", returncode=2) from error

    def draw(self, name: str, done: int, total: int) -> None:
        """Draw the progress bar over itself."""
        filled = BAR * done // total
        bar = f"{'#' * filled}{' ' * (BAR - filled)}"
        sys.stderr.write(f"\r[{bar}] {100 * done // total:3} %  {name:10}")
        sys.stderr.flush()

    def wipe(self) -> None:
        """Make room for a line where the bar is."""
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def recorded(done: Audit) -> bool:
    """Write the run down, where the database takes changes; a standby does not."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('transaction_read_only') = 'off'")
        is_writable: bool = cursor.fetchone()[0]
    if is_writable:
        done.save(force_insert=True)
        done.refresh_from_db()
    else:
        done.finished_at = timezone.now()
    return is_writable


def use_owner() -> None:
    """Connect as the owner from now on, for whom some connections are kept free."""
    connections["default"].close()
    connections["default"].settings_dict |= {
        name: connections["owner"].settings_dict[name] for name in ADDRESS
    }


def report(kept: Audit, results: list[tuple[audit.Equation, audit.Finding | None, float]]) -> Any:
    """What `--json` prints."""
    return {
        "right": not kept.finding,
        "startedAt": moment(kept.started_at),
        "finishedAt": moment(kept.finished_at),
        "movements": kept.movements,
        "equations": [
            {
                "name": equation.name,
                "sentence": equation.sentence,
                "right": finding is None,
                "seconds": round(seconds, 3),
                "wrongRow": finding.row if finding else None,
            }
            for equation, finding, seconds in results
        ],
    }

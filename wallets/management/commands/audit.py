"""`manage.py audit`: verify the ledger."""

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
"""Width of the progress bar, in characters."""

ADDRESS = ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")

Result = tuple[audit.Equation, audit.Finding | None]


class Command(BaseCommand):
    help = (
        "Verify the ledger. Exit code 0: every equation holds. 1: an equation is violated; its "
        "first wrong row is printed. 2: the anchor file is missing or damaged."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--json", action="store_true", help="Print the report as one JSON object."
        )
        parser.add_argument(
            "--as-owner",
            action="store_true",
            help="Connect with DATABASE_OWNER_URL. Use it if all other connections are in use.",
        )
        parser.add_argument(
            "--anchor",
            metavar="FILE",
            help="Compare the ledger with this file of the `anchor` command.",
        )

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
                mark = "failed" if finding else "passed"
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
            self.stderr.write("The database is read-only, so this audit is not recorded in it.")
        if options["json"]:
            self.stdout.write(json.dumps(report(done, results), indent=2, default=str))
        if wrong:
            raise CommandError("\n".join(wrong), returncode=1)
        if not options["json"]:
            self.stdout.write(self.style.SUCCESS("The ledger is correct."))

    def results(self, anchor: str | None) -> Iterator[Result]:
        """The anchor first: an audit takes long, and a file that can't be read ends it."""
        if anchor is not None:
            yield anchors.EQUATION, compared(anchor)
        yield from audit.findings(self.draw if sys.stderr.isatty() else audit.silent)

    def draw(self, name: str, done: int, total: int) -> None:
        """Redraw the progress bar."""
        filled = BAR * done // total
        bar = f"{'#' * filled}{' ' * (BAR - filled)}"
        sys.stderr.write(f"\r[{bar}] {100 * done // total:3} %  {name:10}")
        sys.stderr.flush()

    def wipe(self) -> None:
        """Erase the progress bar before a line is printed."""
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def compared(anchor: str) -> audit.Finding | None:
    """Compare the ledger with an anchor file, which is read once: it may be a pipe."""
    try:
        with Path(anchor).open() as lines:
            return anchors.compare(lines)
    except (OSError, UnicodeDecodeError, anchors.BadAnchor) as error:
        raise CommandError(f"{anchor}: {error}", returncode=2) from error


def recorded(done: Audit) -> bool:
    """Save the audit run, unless the database is read-only."""
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
    """Connect as the owner: some connections are reserved for that role."""
    connections["default"].close()
    connections["default"].settings_dict |= {
        name: connections["owner"].settings_dict[name] for name in ADDRESS
    }


def report(kept: Audit, results: list[tuple[audit.Equation, audit.Finding | None, float]]) -> Any:
    """The report that `--json` prints."""
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

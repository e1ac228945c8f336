"""`manage.py audit`: prove that the books are right."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from iocash.times import moment
from wallets import anchors, audit
from wallets.models import Audit, Movement

BAR = 30
"""How wide the progress bar is, in characters."""

Result = tuple[audit.Equation, audit.Finding | None]


class Command(BaseCommand):
    help = (
        "Prove that the books are right. Exit 0: they are; 1: they are not, and the first wrong "
        "row of each equation is named; 2: the anchor proves nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="report as one JSON object")
        parser.add_argument("--anchor", metavar="FILE", help="compare with what `anchor` wrote")

    def handle(self, *args: Any, **options: Any) -> None:
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
        kept = Audit.objects.create(
            started_at=began, movements=Movement.objects.count(), finding="\n".join(wrong)
        )
        kept.refresh_from_db()
        if options["json"]:
            self.stdout.write(json.dumps(report(kept, results), indent=2, default=str))
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

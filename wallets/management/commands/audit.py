"""`manage.py audit`: verify the ledger."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, connections

from iocash.settings import database
from iocash.times import moment
from wallets import anchors, audit
from wallets.audit import runs
from wallets.audit.proofs import AuditProof, Nowhere, Progress, ProgressStore
from wallets.models import Audit

BAR = 30
"""Width of the progress bar, in characters."""

ADDRESS = ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")

Result = tuple[audit.Equation, dict[str, Any] | None, float]
"""An equation, what was found, and the seconds that it took."""


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
            "--all",
            action="store_true",
            help="Verify everything, not only what is new since the last audit and a thirtieth.",
        )
        parser.add_argument(
            "--go-on",
            action="store_true",
            help="Go on with an audit of --all that was interrupted. It believes what the database "
            "says of how far it has come.",
        )
        parser.add_argument(
            "--database-url",
            metavar="URL",
            help="Verify the database at this URL, for example a standby.",
        )
        parser.add_argument(
            "--anchor",
            metavar="FILE",
            help="Compare the ledger with this file of the `anchor` command.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["as_owner"]:
            use_owner()
        if options["database_url"]:
            use_database(options["database_url"])
        store = store_for(is_whole=options["all"])
        differs = compared(options["anchor"]) if options["anchor"] is not None else None
        may_go_on = options["go_on"] or not options["all"]
        progress = runs.begin_run(store, is_whole=options["all"], may_go_on=may_go_on)
        if progress.stage or progress.cursor is not None:
            self.stderr.write(f"Going on with the audit that began at {progress.started_at}.")
        runs.go_on(store, progress, self.draw if sys.stderr.isatty() else audit.silent)
        self.wipe()
        if differs:
            progress.note(differs, None)
        results = list(results_of(progress, with_anchor=options["anchor"] is not None))
        if isinstance(store, Nowhere):
            done = runs.result_of_run(progress)
            self.stderr.write("The database is read-only, so this audit is not recorded in it.")
        else:
            done = runs.finish_run(store, progress)
        self.answer(done, results, as_json=options["json"])

    def answer(self, done: Audit, results: list[Result], *, as_json: bool) -> None:
        """Print the result.

        Raises:
            CommandError: an equation is violated.
        """
        if as_json:
            self.stdout.write(json.dumps(report(done, results), indent=2, default=str))
        else:
            for equation, finding, seconds in results:
                mark = "failed" if finding else "passed"
                self.stdout.write(
                    f"{mark}  {equation.name:10} {seconds:7.2f} s  {equation.sentence}"
                )
        if done.finding:
            raise CommandError(done.finding, returncode=1)
        if not as_json:
            if proof := AuditProof.of(done):
                self.stdout.write(f"Everything was verified since {moment(proof.oldest)}.")
            self.stdout.write(self.style.SUCCESS("The ledger is correct."))

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


def store_for(*, is_whole: bool) -> ProgressStore:
    """Where the progress is kept; nowhere if the database is read-only."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('transaction_read_only') = 'off'")
        is_writable: bool = cursor.fetchone()[0]
    return ProgressStore("all" if is_whole else "command") if is_writable else Nowhere("")


def results_of(progress: Progress, *, with_anchor: bool) -> Iterator[Result]:
    """Each equation with what the run has found first."""
    first = {each["name"]: each for each in reversed(progress.findings)}
    for equation in (*([anchors.EQUATION] if with_anchor else []), *audit.EQUATIONS):
        seconds = progress.seconds.get(equation.name, 0.0)
        yield equation, first.get(equation.name), seconds


def use_database(url: str) -> None:
    """Connect to another server, for example a standby."""
    connections["default"].close()
    given = database(url)
    connections["default"].settings_dict |= {name: given[name] for name in ADDRESS[:-1]}
    connections["default"].settings_dict["OPTIONS"] |= given["OPTIONS"]


def use_owner() -> None:
    """Connect as the owner: some connections are reserved for that role."""
    connections["default"].close()
    connections["default"].settings_dict |= {
        name: connections["owner"].settings_dict[name] for name in ADDRESS
    }


def report(kept: Audit, results: list[Result]) -> Any:
    """The report that `--json` prints."""
    return {
        "right": not kept.finding,
        "startedAt": moment(kept.started_at),
        "finishedAt": moment(kept.finished_at),
        "movements": kept.movements,
        "proof": kept.proof,
        "equations": [
            {
                "name": equation.name,
                "sentence": equation.sentence,
                "right": finding is None,
                "seconds": round(seconds, 3),
                "wrongRow": finding["row"] if finding else None,
            }
            for equation, finding, seconds in results
        ],
    }

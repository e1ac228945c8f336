"""`manage.py verify_restore`: whether a restored server has everything, and what it lacks."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from iocash.db import groups, intact
from iocash.db.backend import safety
from iocash.times import moment
from users.kyc import stored
from users.models import Event
from users.searched_groups import UNREACHABLE
from wallets import anchors, audit
from wallets.anchors import folder, missing
from wallets.anchors.file import time_of
from wallets.models import Movement
from wallets.moves.restored import unsettled_moves

MOST = 10
"""Sentences that are printed of each check."""


class Checked(NamedTuple):
    """A check, and what is wrong."""

    name: str
    wrong: list[str]
    seconds: float


class Command(BaseCommand):
    help = (
        "Verify a restored server: the schema, the rights of the serving role, the documents, the "
        "ledger, and the newest anchor. Exit code 0: everything is there. 1: something is wrong "
        "or missing. 2: an anchor can't be read, so this was not verified."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print the report as JSON.")
        parser.add_argument(
            "--anchor",
            metavar="FILE",
            type=Path,
            help="The newest anchor that you have (default: the newest in ANCHORS_DIR).",
        )
        parser.add_argument(
            "--until",
            metavar="INSTANT",
            type=instant,
            help="The server was restored to this instant on purpose (2027-01-31T12:00:00Z): what "
            "a later anchor has besides is counted, and is not wrong.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.report: dict[str, Any] = {"until": None, "anchors": [], "unknownFiles": []}
        until, results = options["until"], []
        if until:
            self.report["until"] = moment(until)
        for name, check in self.checks(options["anchor"], until):
            started = time.monotonic()
            wrong = list(check())
            results.append(Checked(name, wrong, time.monotonic() - started))
            if not options["json"]:
                self.show(results[-1])
        self.report["movements"] = Movement.objects.count()
        self.report["newestEventAt"] = moment_or_none(newest_event())
        self.conclude(results, as_json=options["json"])

    def checks(
        self, anchor: Path | None, until: datetime | None
    ) -> list[tuple[str, Callable[[], Iterable[str]]]]:
        return [
            ("server", wrong_server),
            ("schema", lambda: [*intact.wrong_migrations(), *intact.wrong_tables()]),
            ("rights", intact.wrong_rights),
            ("moves", wrong_moves),
            ("documents", self.wrong_documents),
            ("ledger", lambda: [str(found) for _, found in audit.findings() if found]),
            ("until", lambda: later_than(until)),
            ("anchor", lambda: self.wrong_anchors(anchor, until)),
        ]

    def show(self, done: Checked) -> None:
        mark = "wrong" if done.wrong else "right"
        self.stdout.write(f"{mark}  {done.name:10} {done.seconds:7.2f} s")
        for sentence in islice(done.wrong, MOST):
            self.stdout.write(f"       {sentence}")
        if len(done.wrong) > MOST:
            self.stdout.write(f"       … and {len(done.wrong) - MOST} more")

    def wrong_documents(self) -> Iterator[str]:
        yield from stored.wrong_files()
        try:
            self.report["unknownFiles"] = stored.unknown_files()
        except UNREACHABLE:
            yield "A group of clients does not answer: files without a row can't be told."

    def wrong_anchors(self, given: Path | None, until: datetime | None) -> Iterator[str]:
        """Compare with the newest anchor, and with the newest one that the ledger must have."""
        try:
            files = [given] if given else newest_anchors(until)
            with audit.snapshot():
                found = [(file, missing.read_missing(file)) for file in files]
        except (OSError, UnicodeDecodeError, anchors.BadAnchor) as error:
            raise CommandError(f"The anchor can't be read: {error}", returncode=2) from error
        if not files:
            yield "There is no anchor to compare with. Name one: --anchor FILE."
        for file, behind in found:
            yield from self.judged(file, behind, until)

    def judged(self, file: Path, found: missing.Lag, until: datetime | None) -> Iterator[str]:
        counts = {name: number for name, number in sorted(found.counts.items()) if number}
        self.report["anchors"].append(
            {"file": str(file), "takenAt": moment(found.at), "missing": counts}
        )
        if found.finding:
            yield str(found.finding)
        if counts and not (until and found.at > until):
            yield f"{listed_counts(counts)} of the anchor of {moment(found.at)} are missing."

    def conclude(self, results: list[Checked], *, as_json: bool) -> None:
        """Print the report; exit with 1 if something is wrong."""
        wrong = [done.name for done in results if done.wrong]
        if as_json:
            checks = [
                {"name": done.name, "right": not done.wrong, "wrong": done.wrong}
                for done in results
            ]
            self.stdout.write(json.dumps({"right": not wrong, **self.report, "checks": checks}))
        else:
            self.show_facts()
        if wrong:
            raise CommandError(f"The restore is not complete: {', '.join(wrong)}.", returncode=1)
        if not as_json:
            self.stdout.write(self.style.SUCCESS("The restore is complete."))

    def show_facts(self) -> None:
        for anchor in self.report["anchors"]:
            lacks = listed_counts(anchor["missing"]) if anchor["missing"] else "nothing"
            self.stdout.write(f"The anchor of {anchor['takenAt']}: {lacks} missing.")
        if files := len(self.report["unknownFiles"]):
            self.stdout.write(f"{files} stored files have no row: they are of later documents.")
        self.stdout.write(
            f"{self.report['movements']} movements; the newest event is of "
            f"{self.report['newestEventAt'] or 'never'}."
        )


def wrong_moves() -> Iterator[str]:
    """Say which clients have moved from or to this group since the backup."""
    try:
        found = unsettled_moves()
    except UNREACHABLE:
        yield "A group of clients does not answer: moves since the backup can't be told."
        return
    if found:
        yield f"{len(found)} clients have moved since the backup: manage.py settle_moves."
    yield from map(str, found)


def instant(text: str) -> datetime:
    """Parse an instant with its offset from UTC."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("without an offset")
    return found


def moment_or_none(at: datetime | None) -> str | None:
    return moment(at) if at else None


def wrong_server() -> Iterator[str]:
    found = safety.read_session()
    yield from safety.not_writable(found)
    yield from safety.unsafe(found)


def newest_event() -> datetime | None:
    found = Event.objects.order_by("-position").values_list("created_at", flat=True).first()
    return found if isinstance(found, datetime) else None


def later_than(until: datetime | None) -> Iterator[str]:
    """Say whether the ledger has something that is later than it should."""
    newest = newest_event()
    if until and newest and newest > until:
        yield f"The newest event is of {moment(newest)}, later than the instant of the restore."


def newest_anchors(until: datetime | None) -> list[Path]:
    """The newest anchor of ANCHORS_DIR and the newest one at `until`, with what they add to."""
    if not settings.ANCHORS_DIR:
        return []
    files = sorted(groups.folder(settings.ANCHORS_DIR).glob(folder.FORM))
    before = [file for file in files if until and time_of(file) <= until]
    newest = [*before[-1:], *files[-1:]]
    return sorted({each for anchor in newest for each in folder.chain_of(anchor)})


def listed_counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items())

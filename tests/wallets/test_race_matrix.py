"""The race matrix: whatever two verbs meet, what comes of it is what comes of one after the other.

Every two verbs that can meet on one thing are done on equal stages: the one and then the other,
the other and then the one, each while the other waits for its locks, and both at the same moment.
All that the callers are told, and all that the database holds then, must be what one of the two
sequences gives.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

import pytest
from django.db import transaction

from iocash import errors
from tests.model import race_stages
from tests.model.file_races import FileAction
from tests.model.race_stages import Stage
from tests.model.races import FAMILIES, Later
from tests.support import people
from tests.support.threads import Two, caught
from wallets import audit, posting
from wallets.models import Wallet
from wallets.orders.base import Order, Outcome
from wallets.orders.external_accounts import AddExternalAccount
from wallets.posting import group

pytestmark = pytest.mark.django_db(transaction=True)

TIMES = 50
ROW_FIRST, COLUMN_FIRST, EITHER, NEITHER = "row first", "column first", "either", "neither"
ROW_WAITS, COLUMN_WAITS, AT_ONCE = "row waits", "column waits", "at once"


@dataclass(frozen=True)
class Call:
    """The order, done without the retries of `submit`: they would hide that a lock is missing.

    But where a unique key of the database is what decides, the retries are what is looked at.
    """

    order: Order | FileAction

    def __call__(self) -> Outcome | errors.Refused:
        if not isinstance(self.order, Later):
            return self.post()
        with transaction.atomic():
            wallet = Wallet.objects.select_for_update(no_key=True).get(id=self.order.wallet_id)
            people.pass_time(timedelta(days=2), wallet)
            return self.post()

    def post(self) -> Outcome | errors.Refused:
        if isinstance(self.order, FileAction):
            return self.order()
        if self.order.key or isinstance(self.order, AddExternalAccount):
            return posting.submit(self.order)
        return group.post([self.order])[0]

    @property
    def locks(self) -> set[object]:
        """The users, the wallets and the key that nobody else can have until it is over."""
        users = self.order.needs.users
        wallets = Wallet.objects.filter(user__in=users).values_list("id", flat=True)
        key = [self.order.key] if self.order.key else []
        rows = self.order.rows if isinstance(self.order, FileAction) else ()
        return {*users, *wallets, *self.order.needs.wallets, *key, *rows}


@dataclass
class Race:
    """The row's call and the column's, on a stage of their own: how they met, and were told."""

    column: str
    stage: Stage
    calls: tuple[Call, Call]
    how: str
    answers: tuple[object, object] = (None, None)
    waited: bool = False

    @property
    def sequences(self) -> list[str]:
        """What may explain it: who waited came second."""
        waits = {COLUMN_WAITS: [ROW_FIRST], ROW_WAITS: [COLUMN_FIRST]} if self.waited else {}
        return waits.get(self.how, [ROW_FIRST, COLUMN_FIRST])


class Result(NamedTuple):
    """What both were told, and what is seen on the stage afterwards; without ids."""

    answers: tuple[str, str]
    state: tuple[str, ...]


@dataclass
class Row:
    """One verb against itself and those after it."""

    family: str
    verb: str
    races: list[Race] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    cells: dict[str, Counter[str]] = field(default_factory=dict)

    def fail(self, race: Race, words: str) -> None:
        self.failures.append(f"{self.family}: {self.verb} x {race.column}, {race.how}: {words}")

    def run(self, two: Two, *, waiting: bool, times: int) -> None:
        """Set the stages, let the verbs meet on them, and judge what came of it."""
        family = FAMILIES[self.family]
        verbs = list(family.verbs)
        columns = verbs[verbs.index(self.verb) :]
        hows = [ROW_FIRST, COLUMN_FIRST, *[ROW_WAITS, COLUMN_WAITS] * waiting, *[AT_ONCE] * times]
        ready = iter(family.stages(len(columns) * len(hows)))
        for column in columns:
            both = (family.verbs[self.verb], family.verbs[column])
            races = []
            for how, stage in zip(hows, ready, strict=False):
                one, other = (Call(verb(stage)) for verb in both)
                races.append(Race(column, stage, (one, other), how))
            self.meet(two, races)
            self.races += races
        self.judge()
        self.failures += [
            f"{self.family}: {self.verb}: {each}" for _, each in audit.findings() if each
        ]

    def meet(self, two: Two, races: list[Race]) -> None:
        """Have each race in its way; those at the same moment one after the other."""
        for race in races:
            one, other = race.calls
            if race.how == ROW_FIRST:
                race.answers = (caught(one), caught(other))
            if race.how == COLUMN_FIRST:
                race.answers = (caught(other), caught(one))[::-1]
            if race.how == COLUMN_WAITS:
                race.answers, race.waited = two.one_waits(one, other)
                self.check_wait(race, race.answers[0])
            if race.how == ROW_WAITS:
                answers, race.waited = two.one_waits(other, one)
                race.answers = answers[::-1]
                self.check_wait(race, answers[0])
        met = [race for race in races if race.how == AT_ONCE]
        answers_at_once = two.at_once(*zip(*(race.calls for race in met), strict=True))
        for race, both in zip(met, answers_at_once, strict=True):
            race.answers = both

    def check_wait(self, race: Race, first: object) -> None:
        """Who shares a lock with the first waits for it, and nobody else does."""
        one, other = race.calls
        shared = one.locks & other.locks
        if race.waited and not shared:
            self.fail(race, "it waits, but shares nothing")
        if shared and not race.waited and isinstance(first, Outcome):
            self.fail(race, "it does not wait, but shares a lock")

    def check_second(self, race: Race, answers: tuple[str, str]) -> None:
        """After the first, the second was told what the rules say."""
        verbs = (self.verb, race.column)
        if race.how == COLUMN_FIRST:
            verbs, answers = verbs[::-1], answers[::-1]
        rule = FAMILIES[self.family].second.get(verbs)
        if rule and answers[1].split(" {")[0] != rule:
            self.fail(race, f"{verbs[1]} was told {answers[1]}, not {rule}")

    def judge(self) -> None:
        """Find for each race which of the two sequences gives the same."""
        serial: dict[tuple[str, str], Result] = {}
        told = race_stages.told([race.stage for race in self.races])
        for race, state in zip(self.races, told, strict=True):
            unexpected = [each for each in race.answers if not race_stages.is_expected(each)]
            if unexpected:
                self.fail(race, repr(unexpected))
                continue
            one, other = map(race_stages.answered, race.answers)
            found = Result((one, other), state)
            if race.how in {ROW_FIRST, COLUMN_FIRST}:
                serial[race.column, race.how] = found
                self.check_second(race, found.answers)
                continue
            expected = {
                how: serial[race.column, how]
                for how in race.sequences
                if (race.column, how) in serial
            }
            explained = [how for how in expected if expected[how] == found]
            if not explained:
                self.fail(race, differences(found, expected))
            if race.how == AT_ONCE:
                how = EITHER if len(explained) == 2 else [*explained, NEITHER][0]
                self.cells.setdefault(race.column, Counter())[how] += 1


def differences(found: Result, expected: dict[str, Result]) -> str:
    """Tell what no sequence explains, and how it differs from each."""
    lines = [f"no sequence explains {found.answers}"]
    for how, result in expected.items():
        lines.append(f"  {how}: {result.answers}")
        lines += [f"    without {line}" for line in result.state if line not in found.state]
        lines += [f"    but     {line}" for line in found.state if line not in result.state]
    return "\n".join(lines)


@pytest.fixture
def two(transactional_db: None) -> Iterator[Two]:
    with Two() as callers:
        yield callers


LARGE = frozenset({"built file", "empty wallet", "freeze", "overdue hold", "sent file", "wallet"})
"""Families with more pairs than the daily tests have time for."""


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(family, marks=[pytest.mark.ci] if family in LARGE else [])
        for family in FAMILIES
    ],
)
def test_any_two_concurrent_orders_are_serializable(two, family):
    """Takes 5 to 10 s for each large family."""
    rows = [Row(family, verb) for verb in FAMILIES[family].verbs]
    for row in rows:
        row.run(two, waiting=True, times=1)
    failures = [failure for row in rows for failure in row.failures]
    assert not failures, "\n".join(failures)


@pytest.mark.long
@pytest.mark.parametrize("family", FAMILIES)
def test_any_two_concurrent_orders_are_serializable_in_many_runs(two, family, capsys):
    """Takes several minutes."""
    rows = [Row(family, verb) for verb in FAMILIES[family].verbs]
    for row in rows:
        row.run(two, waiting=False, times=TIMES)
    with capsys.disabled():
        sys.stdout.write("\n\n" + "\n".join(table(family, rows)) + "\n")
    failures = [failure for row in rows for failure in row.failures]
    assert not failures, "\n".join(failures)


def table(family: str, rows: list[Row]) -> Iterator[str]:
    """How often the row was first, and how often the column; `=` where either explains it."""
    races = sum(sum(cell.values()) for row in rows for cell in row.cells.values())
    title = f"{family}: {races} races"
    width = max(len(title), *(len(row.verb) + 3 for row in rows))
    yield title.ljust(width) + "".join(f"{number:>8}" for number in range(1, len(rows) + 1))
    for number, row in enumerate(rows, 1):
        cells = [text(row.cells.get(each.verb, Counter())) for each in rows]
        yield f"{number:>2} {row.verb}".ljust(width) + "".join(f"{each:>8}" for each in cells)


def text(cell: Counter[str]) -> str:
    if not cell:
        return ""
    if cell[NEITHER]:
        return f"{cell[NEITHER]}!"
    return "=" if cell[EITHER] else f"{cell[ROW_FIRST]}/{cell[COLUMN_FIRST]}"

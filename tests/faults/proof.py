"""Whether the books say what callers were told."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.faults.callers import BROKEN, SURE, UNKNOWN, Records
from tests.support.scratch_postgres import Scratch

LONGEST = 30.0
"""Seconds that the proxy waits for an answer."""

MOST = 20
"""Of more falsehoods than these, these are shown."""

MADE = """
    SELECT coalesce(jsonb_object_agg(mark, times), '{}') FROM (
        SELECT metadata ->> 'mark' AS mark, count(*) AS times FROM (
            SELECT metadata FROM wallets_movement WHERE type = 'CASH_IN' OR amount < 0
            UNION ALL SELECT metadata FROM wallets_hold
        ) AS thing WHERE metadata ? 'mark' GROUP BY 1
    ) AS made
"""
USERS = """
    SELECT coalesce(jsonb_object_agg(user_name, CASE
        WHEN status = 'UNSUBSCRIBED' THEN 4 WHEN first_name = 'Bob' THEN 3
        WHEN status = 'ACTIVATED' THEN 2 ELSE 1 END), '{}')
    FROM users_user
"""
KEYS = "SELECT coalesce(jsonb_object_agg(key, made_id), '{}') FROM users_key"


def prove(postgres: Scratch, records: Records) -> None:
    """Compare what was told with the books: all of it, one by one; then audit them."""
    found = [*falsehoods(postgres, records)]
    assert not found, "\n".join(found[:MOST])
    assert "The ledger is correct." in postgres.manage("audit")


def falsehoods(postgres: Scratch, records: Records) -> Iterator[str]:
    """Find what callers were told that the books don't say."""
    times: dict[str, int] = postgres.ask(MADE)
    keys: dict[str, str] = postgres.ask(KEYS)
    steps: dict[str, int] = postgres.ask(USERS)
    for odd in records.odd:
        yield f"nobody may be told this: {odd if isinstance(odd, Exception) else odd[::2]!r}"
    for mark, each in records.made.items():
        if times.get(mark, 0) != each:
            yield f"{mark} was acknowledged and is there {times.get(mark, 0)} times, not {each}"
    for mark in records.refused & times.keys():
        yield f"{mark} was denied and is there {times[mark]} times"
    for mark in records.doubted.keys() - records.made.keys():
        if times.get(mark, 0) not in {0, records.doubted[mark]}:
            yield f"{mark} was called unknown and is there {times[mark]} times"
    for mark in times.keys() - records.made.keys() - records.refused - records.doubted.keys():
        yield f"{mark} was ordered by nobody"
    for key, made in records.keys.items():
        if keys.get(key) != made:
            yield f"the key {key} names {keys.get(key)}, and its caller was told {made}"
    for name, (told, said) in records.users.items():
        can_be = {told} if not said or said in SURE else {told, told + 1}
        if steps.get(name, 0) not in can_be:
            yield f"{name} was told {told} steps and {said}, and is at {steps.get(name, 0)}"


@dataclass
class Line:
    """What one kind of fault has cost."""

    kind: str
    faults: int
    met: Counter[str]
    slowest: float
    is_long: bool = False
    """Whether no primary was back within ten seconds: then to doubt is right."""

    def __str__(self) -> str:
        sure = sum(self.met[code] for code in SURE)
        return (
            f"{self.kind:46} {self.faults:6} {self.met['requests']:8} {self.met['done']:8} "
            f"{sure:6} {self.met[UNKNOWN]:7} {self.met[BROKEN]:6} {self.slowest:7.2f}"
        )


@dataclass
class Table:
    """The kinds of faults, one a line."""

    lines: list[Line] = field(default_factory=list)

    def show(self, capsys: pytest.CaptureFixture[str]) -> None:
        head = f"{'fault':46} {'faults':>6} {'requests':>8} {'done':>8} {'undone':>6} "
        head += f"{'unknown':>7} {'broken':>6} {'slowest':>7}"
        with capsys.disabled():
            sys.stdout.write("\n".join(["", head, *map(str, self.lines), ""]))

    @property
    def needless(self) -> tuple[int, int]:
        """How many requests were told to doubt though a primary was there; of how many faults."""
        lines = [line for line in self.lines if not line.is_long]
        return sum(line.met[UNKNOWN] for line in lines), sum(line.faults for line in lines)

    def judge(self) -> None:
        unknown, faults = self.needless
        assert unknown <= faults / 100, f"{unknown} doubts in {faults} faults"
        assert max(line.slowest for line in self.lines) < LONGEST

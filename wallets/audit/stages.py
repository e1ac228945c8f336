"""The stages of a run of the audit. Each step returns where the next one begins."""

# ruff: noqa: S608 (the queries are built from constants)
from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from time import monotonic
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

from wallets import audit
from wallets.audit import segments
from wallets.audit.balances import WALLETS_IN_FUTURE
from wallets.audit.equations import (
    AT_ONCE,
    BY_OPERATION,
    BY_SUBJECT,
    BY_USER,
    BY_WALLET,
    Equation,
    Finding,
    Walk,
)
from wallets.audit.proofs import NIGHTS, Progress
from wallets.audit.segments import WalletSegment, number_before

BY_NAME: Final = {equation.name: equation for equation in audit.EQUATIONS}
RANGE: Final = "BETWEEN %(first)s AND %(last)s"
AMONG: Final = "= ANY(%(ids)s::uuid[])"
WHOLE: Final = tuple(
    each for each in audit.EQUATIONS if each.walk is AT_ONCE and each.name != "outside"
)
"""Equations without a walk. `outside` is a sum over all wallets: see `judge_sums`."""
WALLETS: Final = 10_000
"""Wallets in a step that reads one row of each."""
IDS: Final = 2_000
"""Ids in a list of a query."""

NIGHT_OF_WALLET: Final = f"get_byte(uuid_send(id), 15) %% {NIGHTS}"
"""Wallets' ids end at random, also those that callers have chosen."""
ORDINARY: Final = f"""
    SELECT id, seq FROM wallets_wallet
    WHERE id >= %(first)s AND seq <= %(step)s
      AND (%(night)s::int IS NULL OR {NIGHT_OF_WALLET} = %(night)s)
    ORDER BY id LIMIT {WALLETS}
"""
BUSY: Final = f"""
    SELECT id, client_id, seq, {NIGHT_OF_WALLET} FROM wallets_wallet
    WHERE id >= %(first)s AND seq > %(step)s ORDER BY id LIMIT 1
"""
NTH_WALLET: Final = f"""
    SELECT id FROM wallets_wallet WHERE id >= %(first)s ORDER BY id OFFSET {WALLETS - 1} LIMIT 1
"""
BALANCES: Final = f"""
    SELECT client_id, currency, sum(balance - CASE
        WHEN settled_at IS NULL OR settled_at < %(horizon)s THEN 0 ELSE (
            SELECT coalesce(sum(amount), 0) FROM wallets_movement
            WHERE client_id = wallet.client_id AND wallet_id = wallet.id
              AND seq > ({number_before("%(horizon)s::timestamptz")})) END)::bigint
    FROM wallets_wallet AS wallet WHERE id {RANGE} GROUP BY client_id, currency
"""
"""The sum of the balances at the horizon. It is the same in every later snapshot."""
CROSSED: Final = """
    SELECT client_id, currency, sum(amount)::bigint FROM wallets_movement
    WHERE counterparty_id IS NULL AND status = 'SUCCESS'
      AND settled_at >= %(from)s AND settled_at < %(until)s GROUP BY client_id, currency
"""
NTH_CROSSING: Final = """
    SELECT settled_at FROM wallets_movement
    WHERE counterparty_id IS NULL AND status = 'SUCCESS'
      AND settled_at > %(from)s AND settled_at < %(until)s
    ORDER BY settled_at OFFSET %(step)s LIMIT 1
"""
NTH_EVENT: Final = """
    SELECT position FROM users_event WHERE position > %(after)s AND position <= %(end)s
    ORDER BY position OFFSET %(step)s - 1 LIMIT 1
"""
CHANGED: Final = """
    SELECT DISTINCT subject_id FROM users_event
    WHERE position > %(after)s AND position <= %(until)s
      AND subject_id NOT BETWEEN %(floor)s AND %(ceiling)s
"""
"""What has changed, and is not checked as new."""


class Stage(NamedTuple):
    """A part of a run: the rows of a walk from one id to another, or something else by its name."""

    name: str
    walk: Walk
    night: int | None = None
    """The thirtieth; None: what is new."""
    first: UUID = audit.LOWEST
    last: UUID = audit.HIGHEST


class Checks:
    """Checks equations for a run, and notes what they find."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        with audit.snapshot():
            self.filled = audit.survey_tables()

    def check(self, stage: Stage, equation: Equation, query: str, values: dict[str, Any]) -> None:
        """Note the first wrong row of a query, unless one is noted in this thirtieth."""
        is_needed = not self.filled.isdisjoint(equation.tables)
        if is_needed and not self.progress.has(equation.name, stage.night):
            with self.timed(equation.name):
                self.progress.note(audit.first_row(equation, query, values), stage.night)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the time of the block to that of an equation."""
        started, seconds = monotonic(), self.progress.seconds
        yield
        seconds[name] = round(seconds.get(name, 0.0) + monotonic() - started, 3)

    def check_ids(self, stage: Stage, walk: Walk, ids: Sequence[Any]) -> None:
        """Check the equations of a walk for these ids."""
        for start in range(0, len(ids), IDS):
            some = list(ids[start : start + IDS])
            for equation in equations_of(walk):
                query = equation.query.replace(RANGE, AMONG)
                self.check(stage, equation, query, {"ids": some})

    def check_segments(
        self, stage: Stage, some: Sequence[WalletSegment], *, with_balance: bool
    ) -> None:
        values = segments.segment_values(list(some))
        if with_balance:
            self.check(stage, BY_NAME["balance"], segments.BALANCE, values)
        ends = [each.first - 1 if each.last is None else each.last for each in some]
        self.check(stage, BY_NAME["chain"], segments.CHAIN, values | {"lasts": ends})


def equations_of(walk: Walk) -> list[Equation]:
    return [equation for equation in audit.EQUATIONS if equation.walk == walk]


def select_rows(query: str, **values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def ask_in_order(query: str, **values: Any) -> Any:
    """The first value that an index gives; nothing is sorted, also before there are statistics."""
    with audit.snapshot(), connection.cursor() as cursor:
        cursor.execute(audit.IN_ORDER)
        cursor.execute(query, values)
        row = cursor.fetchone()
        cursor.execute("SET LOCAL enable_sort = on")
    return row[0] if row else None


def after(last: UUID, end: UUID) -> str | None:
    return None if last >= end else str(UUID(int=last.int + 1))


# --- Steps ---------------------------------------------------------------------------------------


def check_whole(checks: Checks, stage: Stage, cursor: int | None) -> int | None:
    """Check one of the equations without a walk."""
    place = cursor or 0
    equation = WHOLE[place]
    with audit.snapshot():
        checks.check(stage, equation, equation.query, {})
    return place + 1 if place + 1 < len(WHOLE) else None


def check_range(checks: Checks, stage: Stage, cursor: str | None) -> str | None:
    """Check the equations of a walk for the next ids."""
    first = UUID(cursor) if cursor else stage.first
    bounds = {"first": first, "last": stage.last}
    last = ask_in_order(stage.walk.nth, **bounds, step=audit.STEP) or stage.last
    with audit.snapshot():
        for equation in equations_of(stage.walk):
            checks.check(stage, equation, equation.query, {"first": first, "last": last})
    return after(last, stage.last)


def check_ordinary(checks: Checks, stage: Stage, cursor: str | None) -> str | None:
    """Check the next wallets of the thirtieth, those with few movements, as wholes."""
    values = {"first": cursor or audit.LOWEST, "step": audit.STEP, "night": stage.night}
    with audit.snapshot():
        ids, rows = [], 0
        for wallet_id, seq in select_rows(ORDINARY, **values):
            ids.append(wallet_id)
            rows += seq + 1
            if rows >= audit.STEP:
                break
        for equation in equations_of(BY_WALLET):
            query = equation.query.replace(RANGE, AMONG)
            if ids:
                checks.check(stage, equation, query, {"ids": ids})
    return after(ids[-1], audit.HIGHEST) if ids else None


def check_busy(checks: Checks, stage: Stage, cursor: list[Any] | None) -> list[Any] | None:
    """Check the next segment of the thirtieth of the wallets with many movements."""
    wallet_first, place = cursor or (str(audit.LOWEST), 0)
    with audit.snapshot():
        found = select_rows(BUSY, first=wallet_first, step=audit.STEP)
        if not found:
            return None
        wallet_id, client_id, seq, night = found[0]
        if str(wallet_id) != wallet_first:
            place = 0
        while stage.night is not None and (night + place) % NIGHTS != stage.night:
            place += 1
        start = place * audit.STEP + 1
        if start > seq:
            following = after(wallet_id, audit.HIGHEST)
            return [following, 0] if following else None
        if place == 0:
            query = BY_NAME["held"].query.replace(RANGE, AMONG)
            checks.check(stage, BY_NAME["held"], query, {"ids": [wallet_id]})
            checks.check(stage, BY_NAME["balance"], segments.UNNUMBERED, {"ids": [wallet_id]})
        end = place * audit.STEP + audit.STEP
        segment = WalletSegment(client_id, wallet_id, start, min(end, seq))
        checks.check_segments(stage, [segment], with_balance=end < seq)
        if end >= seq:
            values = segments.segment_values([segment._replace(last=None)])
            checks.check(stage, BY_NAME["balance"], segments.BALANCE, values)
    return [str(wallet_id), place + 1]


def check_new_wallets(checks: Checks, stage: Stage, cursor: str | None) -> str | None:
    """Check what the next wallets have now, and their movements since the last proof."""
    first = UUID(cursor) if cursor else audit.LOWEST
    last = ask_in_order(NTH_WALLET, first=first) or audit.HIGHEST
    values = {"first": first, "last": last, "since": checks.progress.settled_since}
    with audit.snapshot():
        checks.check(stage, BY_NAME["held"], BY_NAME["held"].query, values)
        checks.check(stage, BY_NAME["future"], WALLETS_IN_FUTURE, values)
        checks.check(stage, BY_NAME["balance"], segments.BALANCE_OF_NEW, values)
        changed = select_rows(segments.CHANGED, **values)
    starts = {row[1]: row[2] for row in changed}
    new = (
        each
        for client_id, wallet_id, start, end in changed
        for each in segments.cut_wallet(client_id, wallet_id, max(start - 1, 1), end, audit.STEP)
    )
    for batch in segments.segment_batches(new, audit.STEP):
        with audit.snapshot():
            checks.check_segments(stage, batch, with_balance=False)
            floor, ceiling = checks.progress.floor_of_new, checks.progress.ceiling
            own = [max(each.first, starts[each.wallet_id]) for each in batch]
            bounds = {
                **segments.segment_values(batch),
                "firsts": own,
                "floor": floor,
                "ceiling": ceiling,
            }
            strays = {
                each for row in select_rows(segments.STRAYS, **bounds) for each in row if each
            }
            check_changed(checks, stage, sorted(strays))
    return after(last, audit.HIGHEST)


def check_changed(checks: Checks, stage: Stage, ids: Sequence[Any]) -> None:
    for walk in (BY_SUBJECT, BY_OPERATION, BY_USER):
        checks.check_ids(stage, walk, ids)


def check_events(checks: Checks, stage: Stage, cursor: int | None) -> int | None:
    """Check what the next events since the last proof say that it has changed."""
    progress = checks.progress
    before = progress.since_position if cursor is None else cursor
    end = progress.last_position
    until = ask_in_order(NTH_EVENT, after=before, end=end, step=audit.STEP) or end
    bounds = {"floor": progress.floor_of_new, "ceiling": progress.ceiling}
    with audit.snapshot():
        ids = [row[0] for row in select_rows(CHANGED, after=before, until=until, **bounds)]
        check_changed(checks, stage, ids)
    return until if until < end else None


def add_balances(checks: Checks, stage: Stage, cursor: str | None) -> str | None:
    """Add the balances of the next wallets at the horizon."""
    first = UUID(cursor) if cursor else audit.LOWEST
    last = ask_in_order(NTH_WALLET, first=first) or audit.HIGHEST
    with audit.snapshot(), checks.timed("outside"):
        rows = select_rows(BALANCES, first=first, last=last, horizon=checks.progress.horizon)
    add_amounts(checks.progress.balances, rows)
    return after(last, audit.HIGHEST)


def add_crossing(checks: Checks, stage: Stage, cursor: str | None) -> str | None:
    """Add the next movements from and to the outside until the horizon; then compare the sums."""
    since = cursor or checks.progress.settled_since
    end = checks.progress.horizon
    bounds = {"from": since, "until": end, "step": audit.STEP}
    cut: datetime | None = ask_in_order(NTH_CROSSING, **bounds)
    until = cut.isoformat() if cut else end
    with audit.snapshot(), checks.timed("outside"):
        rows = select_rows(CROSSED, **{"from": since, "until": until})
    add_amounts(checks.progress.crossed, rows)
    if cut is None:
        judge_sums(checks)
        return None
    return until


def add_amounts(sums: dict[str, int], rows: list[tuple[Any, ...]]) -> None:
    for client_id, currency, amount in rows:
        name = f"{client_id} {currency}"
        sums[name] = sums.get(name, 0) + amount


def judge_sums(checks: Checks) -> None:
    """Note the first client and currency whose balances don't follow from the former ones."""
    progress = checks.progress
    former: dict[str, int] = progress.since["totals"] if progress.since else {}
    for name in sorted({*former, *progress.balances, *progress.crossed}):
        expected = former.get(name, 0) + progress.crossed.get(name, 0)
        balances = progress.balances.get(name, 0)
        if balances != expected:
            client, currency = name.split()
            row = {
                "client": client,
                "currency": currency,
                "balances": balances,
                "outside": expected,
            }
            progress.note(Finding(BY_NAME["outside"], row), None)
            return

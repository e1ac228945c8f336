"""Whatever meets on a cash-out, it has one end, no money is made or lost, and nothing deadlocks."""

from __future__ import annotations

import random
import sys
import threading
from collections import Counter
from functools import partial
from itertools import combinations, combinations_with_replacement
from typing import Any

import pytest
from django.db import connection, transaction

from tests.model import bank_races
from tests.support import audited, bank, threads
from tests.support.camt import incoming
from wallets.bank import booking, importing, repeated
from wallets.models import BankLine

pytestmark = pytest.mark.django_db(transaction=True)

DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
LATEST = 0.004
"""Seconds by which one caller can begin after the other."""


def deadlocks() -> int:
    """How many deadlocks PostgreSQL has ended in this database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(DEADLOCKS)
        return int(cursor.fetchone()[0])


def race(state: str, names: tuple[str, ...], times: int) -> tuple[list[str], Counter[str]]:
    """Let these verbs meet on equal grounds; return what is wrong, and the ends."""
    chance, ends = random.Random(f"{state} {names}"), Counter[str]()
    wrong = []
    for ground in bank_races.grounds(state, names, times):
        calls = [
            partial(late, chance.random() * LATEST, each)
            for each in bank_races.calls(state, names, ground)
        ]
        answers = threads.at_once(*calls)
        wrong += [f"{names} {answers}: {each}" for each in bank_races.faults(ground, answers)]
        ends[ground.movement.status] += 1
    return wrong, ends


def late(seconds: float, call: Any) -> Any:
    threading.Event().wait(seconds)
    return call()


def run_matrix(state: str, *, pairs: int, triples: int) -> tuple[list[str], Counter[str]]:
    verbs = [*bank_races.STATES[state][1]]
    before, wrong, ends = deadlocks(), list[str](), Counter[str]()
    meetings: list[tuple[tuple[str, ...], int]]
    meetings = [(each, pairs) for each in combinations_with_replacement(verbs, 2)]
    meetings += [(each, triples) for each in combinations(verbs, 3) if triples]
    for names, times in meetings:
        found, ended = race(state, names, times)
        wrong += found
        ends += ended
        wrong += [f"{names}: {each}" for each in audited.wrong()]
    if (after := deadlocks()) != before:
        wrong.append(f"{after - before} deadlocks")
    return wrong, ends


@pytest.mark.ci
@pytest.mark.parametrize("state", bank_races.STATES)
def test_any_two_actions_on_a_cash_out_give_it_one_end(state):
    """Takes 60 s."""
    wrong, _ends = run_matrix(state, pairs=2, triples=0)
    assert not wrong, "\n".join(wrong)


@pytest.mark.long
@pytest.mark.parametrize("state", bank_races.STATES)
def test_two_or_three_actions_on_a_cash_out_give_it_one_end_in_many_runs(state, capsys):
    """Takes several minutes."""
    wrong, ends = run_matrix(state, pairs=20, triples=5)
    with capsys.disabled():
        sys.stdout.write(f" {state}: {ends.total()} races, {dict(ends)} ")
    assert not wrong, "\n".join(wrong)


@pytest.mark.ci
def test_confirming_and_closing_the_same_lines_do_not_deadlock(client_demo, bobs):
    """One statement reads the lines along their ids, the other along the table, where they are in
    the opposite order. Takes 10 s.
    """
    bank.an_account(client_demo, booked_by="NOTIFICATION")
    iban = bank.an_iban(bobs)
    count = 300
    lines = [incoming("1.00", f"R{number}", target=iban) for number in range(count)]
    bank.receive(*lines, kind="camt.054", name="N")
    stored = [*BankLine.objects.order_by("-id")]
    assert bank.states() == {"MATCHED": count}
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE wallets_bankline DISABLE TRIGGER USER")
        for line in stored:  # the rows are now in the table from the last to the first
            cursor.execute("UPDATE wallets_bankline SET is_open = true WHERE id = %s", [line.id])
        cursor.execute("ALTER TABLE wallets_bankline ENABLE TRIGGER USER")
    statement = stored[0].statement
    identities = [repeated.identity_of_line(each) for each in stored]
    before = deadlocks()

    def confirm() -> None:
        with transaction.atomic():
            plan(bitmap=False)
            importing.confirm_lines(statement, identities)
            transaction.set_rollback(True)

    def close() -> None:
        with transaction.atomic():
            plan(bitmap=True)
            booking.close_lines(stored)
            transaction.set_rollback(True)

    found = [threads.at_once(confirm, close) for _ in range(10)]
    assert found == [[None, None]] * 10
    assert deadlocks() == before


def plan(*, bitmap: bool) -> None:
    """Let this transaction read rows along the table, or along the index."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"SET LOCAL enable_{'indexscan' if bitmap else 'bitmapscan'} = off")

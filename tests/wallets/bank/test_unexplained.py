"""The list of movements that no bank line explains: it changes no figure, and misses none."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction

from iocash.db import clock
from tests.support import audited, bank, barrier, people
from tests.support.camt import incoming, of_day
from tests.support.constraints import refused_by
from users.models import Barrier, Client
from users.models import barrier as barriers
from wallets.bank import safeguarding, safeguarding_reports, unexplained
from wallets.models import BankAccount, SafeguardingReport, UnexplainedMovement

pytestmark = pytest.mark.django_db
ON_LIST = "(SELECT min(movement_id::text)::uuid FROM wallets_unexplainedmovement)"


@pytest.fixture
def account(client_demo):
    return begun(client_demo)


def begun(client: Client) -> BankAccount:
    """An account with a statement of three days ago: movements count since then.

    The client orders its cash-ins, so they have no line at first.
    """
    account: BankAccount = bank.an_account(client, cash_ins="API")
    bank.receive(name="S0", day=of_day(3), opening="0.00", closing="0.00")
    return account


def sums(swept: Any = None) -> dict[str, tuple[int, int]]:
    """The sums and numbers of unexplained movements, by type."""
    (position,) = safeguarding.safeguarding_positions(swept)
    return {each.type: (each.amount, each.count) for each in position.unmatched}


def listed() -> list[int]:
    return sorted(UnexplainedMovement.objects.values_list("amount", flat=True))


def report() -> SafeguardingReport:
    made = safeguarding_reports.make_report()
    assert made is not None
    return made


def test_list_has_movements_without_a_line(account, alices, bobs):
    """100.00 of Alice is explained by no line, 12.50 of Bob by one."""
    people.cash_in(bobs, 12_50, reference="INV-1")
    bank.receive(incoming("12.50", "R1", end_to_end="INV-1"), closing="12.50")
    before = sums(unexplained.NEVER)
    made = report()
    assert listed() == [100_00]
    assert made.swept_until == unexplained.swept_until()
    assert sums() == sums(unexplained.NEVER) == before == {"CASH_IN": (100_00, 1)}


def test_explained_movement_leaves_the_list_and_the_figures(account, client_demo, bobs):
    """The client's own cash-in is matched by a later line."""
    people.cash_in(bobs, 5_00, reference="INV-1")
    report()
    assert listed() == [5_00]
    bank.receive(incoming("5.00", "R1", end_to_end="INV-1"), closing="5.00")
    assert bank.states() == {"MATCHED": 1}
    assert sums() == {}
    unexplained.sweep()
    assert listed() == []


def test_movements_since_the_last_report_are_counted(account, bobs):
    report()
    people.cash_in(bobs, 5_00)
    assert listed() == []
    assert sums() == {"CASH_IN": (5_00, 1)}


def test_movement_after_the_barrier_waits_for_the_next_sweep(account, bobs):
    people.cash_in(bobs, 5_00)
    barrier.put(barrier.NEVER)
    try:
        assert report().swept_until == barrier.NEVER
    finally:
        barrier.put(barrier.ALWAYS)
    assert listed() == []
    assert sums() == {"CASH_IN": (5_00, 1)}
    unexplained.sweep()
    assert listed() == [5_00]
    assert sums() == {"CASH_IN": (5_00, 1)}


def test_sweep_has_steps(account, bobs, monkeypatch):
    monkeypatch.setattr(unexplained, "STEP", 2)
    for amount in range(1, 8):
        people.cash_in(bobs, amount)
    unexplained.sweep()
    assert listed() == [1, 2, 3, 4, 5, 6, 7]
    unexplained.sweep()
    assert len(listed()) == 7


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_movement_of_an_open_transaction_is_not_missed(client_demo, bobs):
    """It was settled before the report, and is committed after it."""
    begun(client_demo)
    barrier.put(barrier.NEVER)
    is_paid, is_reported = threading.Event(), threading.Event()
    payer = threading.Thread(target=pay_slowly, args=[bobs, is_paid, is_reported])
    payer.start()
    try:
        assert is_paid.wait(10)
        advance()
        swept = report().swept_until
    finally:
        is_reported.set()
        payer.join()
    assert listed() == []
    assert sums() == {"CASH_IN": (5_00, 1)}
    advance()
    assert swept is not None
    assert swept < Barrier.objects.get().released_at
    unexplained.sweep()
    assert listed() == [5_00]
    barrier.put(barrier.ALWAYS)


def advance() -> None:
    """Advance the barrier as far as the open transactions let it."""
    barriers.advance()


def pay_slowly(wallet: Any, is_paid: threading.Event, is_reported: threading.Event) -> None:
    try:
        with transaction.atomic():
            people.cash_in(wallet, 5_00)
            is_paid.set()
            assert is_reported.wait(10)
    finally:
        connections.close_all()


def test_unexplained_movement_is_not_taken_off_the_list(account, bobs):
    people.cash_in(bobs, 5_00)
    unexplained.sweep()
    statement = "DELETE FROM wallets_unexplainedmovement"
    assert refused_by(statement) == "unexplained_movement_is_listed"
    assert listed() == [5_00]


def test_report_does_not_sweep_the_future(account, bobs):
    made = report()
    later = clock.now() + timedelta(days=1)
    statement = """
        INSERT INTO wallets_safeguardingreport (id, day, is_right, content, sha256, swept_until)
        SELECT gen_random_uuid(), day + 1, is_right, content, sha256, %s
        FROM wallets_safeguardingreport WHERE id = %s
    """
    assert refused_by(statement, [later, made.id]) == "safeguarding_sweeps_the_past"


WRONG = [
    f"DELETE FROM wallets_unexplainedmovement WHERE movement_id = {ON_LIST}",
    "UPDATE wallets_unexplainedmovement SET amount = amount - 1",
    "UPDATE wallets_unexplainedmovement SET currency = 'USD'",
    "UPDATE wallets_unexplainedmovement SET settled_at = settled_at - interval '1 day'",
    "UPDATE wallets_unexplainedmovement SET client_id = gen_random_uuid()",
]


@pytest.mark.spoils_the_books
@pytest.mark.parametrize("statement", WRONG)
def test_audit_finds_a_wrong_list(account, bobs, statement):
    people.cash_in(bobs, 5_00)
    report()
    assert audited.wrong() == []
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE wallets_unexplainedmovement DISABLE TRIGGER USER")
        cursor.execute(statement)
    assert audited.violated() == {"unexplained"}

"""What the database knows of a user decides what the user may still do."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection

from iocash import errors
from iocash.db.pipeline import Pipeline
from tests.model import database
from tests.support import people
from tests.support.cash_outs import end
from tests.support.limits import LEVELS, a_cash_out, adjust, limit
from tests.support.user_actions import COMPANY
from users import demo_documents
from users.models import User
from wallets import posting
from wallets.models import Movement, Wallet
from wallets.orders.base import Outcome
from wallets.orders.cash_outs import CancelCashOut, MarkCashOutSent, RejectCashOut, SettleCashOut
from wallets.posting import group, read

pytestmark = pytest.mark.django_db

MONTH, TICK = timedelta(days=30), timedelta(microseconds=1)
MONTH_AGO = database.START - MONTH


@pytest.fixture(autouse=True)
def levels(settings):
    settings.KYC_LIMITS = LEVELS


@pytest.fixture
def clock(db):
    """Set the database's clock, which stands still meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(database.STAND_STILL)
    database.set_clock(MONTH_AGO)
    return database.set_clock


@pytest.fixture
def first(clock, alice):
    """Alice's first wallet, empty."""
    return people.first_wallet(alice)


def pay_out(source: Wallet, amount: int) -> Movement:
    return Movement.objects.get(id=posting.submit(a_cash_out(source, amount)).id)


def ended(movement: Movement) -> Movement:
    return end(SettleCashOut, end(MarkCashOutSent, movement))


# --- Across wallets ------------------------------------------------------------------------------


def test_limit_applies_to_all_wallets_of_the_user(alice, first):
    second, third = people.a_wallet(alice), people.a_wallet(alice)
    people.cash_in(first, 50_00)
    people.cash_in(second, 100_00)
    assert limit(people.a_cash_in(third, 1)) == ("balance", "150.00", "150.00", "0.01")


def test_cash_ins_of_other_wallets_count(alice, bob, first):
    second = people.a_wallet(alice)
    for wallet in (first, second):
        people.cash_in(wallet, 100_00)
        people.transfer(wallet, people.first_wallet(bob), 60_00)
    assert limit(people.a_cash_in(second, 1)) == ("cashIn", "200.00", "200.00", "0.01")


def test_cash_outs_of_other_wallets_count(alice, first):
    second = people.a_wallet(alice)
    for wallet, amount in ((first, 50_00), (second, 40_00)):
        people.cash_in(wallet, 75_00)
        pay_out(wallet, amount)
    assert limit(a_cash_out(first, 1)) == ("cashOut", "90.00", "90.00", "0.01")


def test_transfer_is_limited_by_all_wallets_of_the_payee(alice, bob, first):
    bobs, savings = people.first_wallet(bob), people.a_wallet(bob)
    people.cash_in(first, 100_00)
    people.cash_in(savings, 149_99)
    assert limit(people.a_transfer(first, bobs, 2)) == ("balance", "150.00", "149.99", "0.02")
    people.transfer(first, bobs, 1)


def test_execution_is_limited_by_all_wallets_of_the_payee(alice, bob, first):
    people.cash_in(first, 100_00)
    hold = people.place(first, people.first_wallet(bob), 50_00)
    people.cash_in(people.a_wallet(bob), 120_00)
    assert limit(people.an_execution(hold)) == ("balance", "150.00", "120.00", "50.00")
    people.execute(hold, 30_00)


def test_transfer_between_wallets_of_one_user_is_not_limited(alice, first):
    people.cash_in(first, 150_00)
    second = people.a_wallet(alice)
    people.transfer(first, second, 150_00)
    assert people.balances(first, second) == [0, 150_00]


def test_each_currency_has_its_own_limits(alice, first):
    yen = people.a_wallet(alice, "JPY")
    people.cash_in(first, 150_00)
    people.cash_in(yen, 15_000)
    assert limit(people.a_cash_in(yen, 1)) == ("balance", "15000", "15000", "1")
    posting.submit(a_cash_out(first, 90_00))
    posting.submit(a_cash_out(yen, 9_000))


def test_each_user_has_its_own_limits(bob, first):
    people.cash_in(first, 150_00)
    people.cash_in(people.first_wallet(bob), 150_00)


def test_currency_without_configured_limits_has_limits_of_zero(alice, bob, first):
    dollars, bobs = people.a_wallet(alice, "USD"), people.a_wallet(bob, "USD")
    assert limit(people.a_cash_in(dollars, 1)) == ("cashIn", "0.00", "0.00", "0.01")
    adjust(dollars, 5_00)
    assert limit(a_cash_out(dollars, 1)) == ("cashOut", "0.00", "0.00", "0.01")
    assert limit(people.a_transfer(dollars, bobs, 1)) == ("balance", "0.00", "0.00", "0.01")


def test_limit_refusal_has_all_facts(alice, first):
    people.cash_in(first, 150_00)
    with pytest.raises(errors.LimitExceeded) as refused:
        people.cash_in(first, 60_00)
    assert refused.value.facts == {
        "user_id": alice.id,
        "limit_type": "cashIn",
        "limit": "200.00",
        "used": "150.00",
        "requested": "60.00",
        "currency": "EUR",
        "resets_at": database.START,
    }


# --- Thirty days ---------------------------------------------------------------------------------


def spent(first: Wallet, bob: User) -> None:
    """Bring in all that may come, and let most of it go to Bob."""
    for _ in range(2):
        people.cash_in(first, 100_00)
        people.transfer(first, people.first_wallet(bob), 70_00)


def test_cash_in_counts_for_thirty_days(bob, clock, first):
    spent(first, bob)
    clock(database.START - TICK)
    assert limit(people.a_cash_in(first, 1))[0] == "cashIn"
    clock(database.START + TICK)
    people.cash_in(first, 90_00)


def test_cash_out_counts_for_thirty_days(clock, first):
    people.cash_in(first, 150_00)
    ended(pay_out(first, 90_00))
    clock(database.START)
    assert limit(a_cash_out(first, 1))[0] == "cashOut"
    clock(database.START + TICK)
    posting.submit(a_cash_out(first, 60_00))


def test_cash_in_is_accepted_at_its_reset_time(bob, clock, first):
    """Cash-ins of one hour are counted to its last one, so there is room at the latest then."""
    people.cash_in(first, 90_00)
    people.transfer(first, people.first_wallet(bob), 90_00)
    for minutes, amount in ((180, 30_00), (200, 80_00)):
        clock(MONTH_AGO + timedelta(minutes=minutes))
        people.cash_in(first, amount)
    people.transfer(first, people.first_wallet(bob), 60_00)
    with pytest.raises(errors.LimitExceeded) as refused:
        people.cash_in(first, 95_00)
    assert refused.value.facts["resets_at"] == database.START + timedelta(minutes=200)
    with pytest.raises(errors.LimitExceeded) as refused:
        people.cash_in(first, 60_00)
    assert refused.value.facts["resets_at"] == database.START
    clock(database.START + timedelta(minutes=179))
    assert limit(people.a_cash_in(first, 95_00))[0] == "cashIn"
    clock(database.START + timedelta(minutes=200))
    people.cash_in(first, 95_00)


def test_balance_counts_at_any_age(clock, first):
    people.cash_in(first, 150_00)
    clock(database.START + MONTH)
    assert limit(people.a_cash_in(first, 1)) == ("balance", "150.00", "150.00", "0.01")


def test_flow_query_reads_only_the_window(db):
    """The index ends at the instant; else all that a user ever did would be read every time."""
    with connection.cursor() as cursor:
        for way in ("seqscan", "bitmapscan", "hashjoin", "mergejoin"):  # good for few rows only
            cursor.execute(f"SET LOCAL enable_{way} = off")
        values = [[people.unknown_id()]] * 3
        cursor.execute(f"EXPLAIN {read.READ_FLOWS}", [*values, 2])
        plan = [line for (line,) in cursor.fetchall()]
    assert any("Index Cond" in line and "created_at >" in line for line in plan), plan


def test_transfer_does_not_read_the_flows(first, bob, monkeypatch):
    asked: list[str] = []
    ask = Pipeline.ask

    def noted(pipeline: Pipeline, statement: Any, *values: Any) -> Any:
        asked.append(statement)
        return ask(pipeline, statement, *values)

    people.cash_in(first, 10_00)
    monkeypatch.setattr(Pipeline, "ask", noted)
    people.transfer(first, people.first_wallet(bob), 1_00)
    assert read.READ_BALANCES in asked
    assert read.READ_FLOWS not in asked


# --- What was given back -------------------------------------------------------------------------


def the_cash_in(first: Wallet, amount: int) -> Movement:
    return Movement.objects.get(id=people.cash_in(first, amount).id)


def test_reversed_cash_in_still_counts(first):
    people.reverse(the_cash_in(first, 120_00))
    assert limit(people.a_cash_in(first, 80_01)) == ("cashIn", "200.00", "120.00", "80.01")
    people.cash_in(first, 80_00)


def test_cash_in_reversed_in_parts_still_counts_in_full(first):
    movement = the_cash_in(first, 120_00)
    people.reverse(movement, 30_00)
    people.reverse(movement, 20_00)
    assert limit(people.a_cash_in(first, 80_01)) == ("cashIn", "200.00", "120.00", "80.01")


def test_repeated_reversals_do_not_raise_the_limit(first):
    """Cash in, reverse, and again: as much comes in and goes out as the level allows, not more."""
    for _ in range(2):
        people.reverse(the_cash_in(first, 100_00))
    assert limit(people.a_cash_in(first, 1))[0] == "cashIn"


def test_reversal_in_a_group_does_not_free_the_cash_in_limit(first):
    movement = the_cash_in(first, 150_00)
    reversal, cash_in = group.post([people.a_reversal(movement), people.a_cash_in(first, 50_01)])
    assert isinstance(reversal, Outcome)
    assert isinstance(cash_in, errors.LimitExceeded)
    assert cash_in.facts["used"] == "150.00"


def test_a_reversal_at_the_limit_is_not_refused(bob, first):
    bobs = people.first_wallet(bob)
    people.cash_in(first, 100_00)
    paid = Movement.objects.get(id=people.transfer(first, bobs, 100_00).id)
    people.cash_in(first, 100_00)
    people.reverse(paid)
    assert people.balances(first, bobs) == [200_00, 0]


@pytest.mark.parametrize(("verb", "more"), [(CancelCashOut, {}), (RejectCashOut, {"reason": "No"})])
def test_rejected_or_cancelled_cash_out_does_not_count(first, verb, more):
    people.cash_in(first, 100_00)
    movement = pay_out(first, 90_00)
    assert limit(a_cash_out(first, 1))[2] == "90.00"
    end(verb, movement, **more)
    posting.submit(a_cash_out(first, 90_00))


@pytest.mark.parametrize("steps", [[], [MarkCashOutSent], [MarkCashOutSent, SettleCashOut]])
def test_cash_out_counts_in_every_open_or_settled_status(first, steps):
    people.cash_in(first, 100_00)
    movement = pay_out(first, 80_00)
    for verb in steps:
        movement = end(verb, movement)
    assert limit(a_cash_out(first, 10_01)) == ("cashOut", "90.00", "80.00", "10.01")


def test_only_cash_ins_count_towards_the_cash_in_limit(bob, first):
    bobs = people.first_wallet(bob)
    people.cash_in(first, 100_00)
    people.transfer(first, bobs, 100_00)
    adjust(bobs, 20_00)
    assert limit(people.a_cash_in(bobs, 200_01)) == ("cashIn", "200.00", "0.00", "200.01")


def test_only_cash_outs_count_towards_the_cash_out_limit(bob, first):
    bobs = people.first_wallet(bob)
    brought = the_cash_in(first, 150_00)
    people.transfer(first, bobs, 20_00)
    people.reverse(brought, 30_00)
    people.place(first, bobs, 5_00)
    assert limit(a_cash_out(first, 90_01)) == ("cashOut", "90.00", "0.00", "90.01")


# --- Levels --------------------------------------------------------------------------------------


def approve(user: User, level: int) -> date:
    """Have staff approve all that the level needs; return the last day on which it holds."""
    demo_documents.approve(user, level, people.BY)
    user.refresh_from_db()
    return user.kyc_until or date.max


def at(day: date, hour: time = time.min) -> datetime:
    return datetime.combine(day, hour, tzinfo=UTC)


def test_level_1_expires_the_day_after_the_identity(alice, clock, first):
    last = approve(alice, 1)
    clock(at(last, time.max))
    people.cash_in(first, 1000_00)
    clock(at(last + timedelta(days=1)))
    assert limit(people.a_cash_in(first, 1)) == ("cashIn", "200.00", "1000.00", "0.01")


def test_level_2_expires_the_day_after_the_identity(alice, bob, clock, first):
    last = approve(alice, 2)
    clock(at(last, time.max))
    people.cash_in(first, 5000_00)
    clock(at(last + timedelta(days=1)))
    assert limit(people.a_cash_in(first, 1)) == ("cashIn", "200.00", "5000.00", "0.01")
    bobs = people.first_wallet(bob)
    people.cash_in(bobs, 1_00)
    assert limit(people.a_transfer(bobs, first, 1)) == ("balance", "150.00", "5000.00", "0.01")


def test_level_2_has_no_limits(alice, bob, first):
    approve(alice, 2)
    approve(bob, 2)
    for amount in (3000_00, 100_000_00):
        people.cash_in(first, amount)
    posting.submit(a_cash_out(first, 50_000_00))
    people.transfer(first, people.first_wallet(bob), 50_000_00)
    people.cash_in(people.a_wallet(alice, "USD"), 5000_00)


def test_a_company_has_no_limits_from_its_approval(client_demo, clock):
    company = people.a_user(client_demo, COMPANY)
    wallet = people.first_wallet(company)
    assert limit(people.a_cash_in(wallet, 150_01))[0] == "balance"
    approve(company, 2)
    clock(database.START + timedelta(days=9999))
    people.cash_in(wallet, 9000_00)


def test_a_payee_is_limited_by_its_own_level(alice, bob, first):
    approve(alice, 2)
    people.cash_in(first, 3000_00)
    bobs = people.first_wallet(bob)
    assert limit(people.a_transfer(first, bobs, 150_01))[0] == "balance"
    approve(bob, 1)
    people.transfer(first, bobs, 2500_00)
    assert limit(people.a_transfer(first, bobs, 1)) == ("balance", "2500.00", "2500.00", "0.01")


def test_money_above_a_lowered_limit_can_be_spent(alice, bob, clock, first):
    last = approve(alice, 1)
    people.cash_in(first, 1000_00)
    clock(at(last + timedelta(days=1)))
    second, bobs = people.a_wallet(alice), people.first_wallet(bob)
    people.transfer(first, bobs, 150_00)
    posting.submit(a_cash_out(first, 90_00))
    people.transfer(first, second, 400_00)
    hold = people.place(first, people.a_wallet(bob, "EUR"), 10_00)
    assert limit(people.an_execution(hold))[0] == "balance"
    assert limit(people.a_transfer(bobs, first, 1))[2] == "850.00"

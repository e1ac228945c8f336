"""The money of the wallets is in the bank, to the cent, or the report says what is not."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connections, transaction

from iocash import errors
from iocash.db import clock
from tests.support import bank, people
from tests.support.camt import Line, incoming, of_day, outgoing
from tests.support.cash_outs import a_cash_out, end
from users.models.events import By
from wallets.bank import decisions, safeguarding, safeguarding_reports
from wallets.models import BankLine, SafeguardingReport
from wallets.orders.cash_outs import MarkCashOutSent, SettleCashOut


@pytest.fixture
def account(client_demo):
    return bank.an_account(client_demo)


def only() -> safeguarding.SafeguardingPosition:
    (position,) = safeguarding.safeguarding_positions()
    return position


def is_right() -> bool:
    return only().is_right(clock.now())


def decide(line: BankLine, kind: str, **values: Any) -> None:
    asked = decisions.ask_for_decision(line, kind, by=By("staff:1"), reason="Fee", **values)
    decisions.answer_decision(asked, by=By("staff:2"), is_approved=True)


def test_money_of_the_wallets_is_in_the_bank(account, bobs):
    iban = bank.an_iban(bobs)
    bank.receive(incoming("12.50", "R1", target=iban), opening="0.00", closing="12.50")
    position = only()
    assert (position.wallets, position.banked, position.difference) == (12_50, 12_50, 0)
    assert is_right()


def test_each_term_is_counted(account, bobs, alices):
    """100.00 of Alice without a line; 12.50 in suspense; a fee set apart; a cash-out on its way."""
    iban = bank.an_iban(bobs)
    sent = end(MarkCashOutSent, a_cash_out(alices, 40_00))
    end(SettleCashOut, sent)
    bank.receive(
        incoming("30.00", "R1", target=iban),
        incoming("12.50", "R2"),
        Line(amount="1.00", sign="DBIT", reference="R3", text="Fee"),
        opening="0.00",
        closing="41.50",
    )
    fee = BankLine.objects.select_related("account").get(reference="R3")
    decide(fee, "IGNORE")
    position = only()
    assert (position.wallets, position.suspense, position.apart) == (90_00, 12_50, -1_00)
    unmatched = {each.type: each.amount for each in position.unmatched}
    assert unmatched == {"CASH_IN": 100_00, "CASH_OUT": -40_00}
    assert (position.held, position.difference) == (41_50, 0)
    debit = outgoing("40.00", "R4", end_to_end=sent.id.hex)
    bank.receive(debit, name="2", day=of_day(1), opening="41.50", closing="1.50")
    assert {each.type for each in only().unmatched} == {"CASH_IN"}
    assert only().difference == 0


def test_missing_statement_makes_it_wrong(account, bobs):
    bank.receive(a_credit(2), opening="0.00", closing="1.00", day=of_day(2))
    later = {"name": "3", "day": of_day(0), "opening": "6.00", "closing": "8.00"}
    bank.receive(replace(incoming("2.00", "R3"), day=of_day(0)), **later)
    assert not is_right()
    assert only().difference == -5_00
    missing = {"name": "2", "day": of_day(1), "opening": "1.00", "closing": "6.00"}
    bank.receive(replace(incoming("5.00", "R2"), day=of_day(1)), **missing)
    assert is_right()


def a_credit(days: int, **part: str) -> Line:
    """A credit of 1.00 EUR that was booked some days ago."""
    return replace(incoming("1.00", "R1", **part), day=of_day(days))


def test_money_in_suspense_for_long_makes_it_wrong(account):
    bank.receive(a_credit(0), opening="0.00", closing="1.00", day=of_day(0))
    position = only()
    now = clock.now()
    assert position.is_right(now)
    assert not position.is_right(now + timedelta(days=6))


def test_credit_lost_in_suspense_is_late_by_its_booking_date(account):
    """The statement was imported when the money had been there for a week."""
    bank.receive(a_credit(7), opening="0.00", closing="1.00", day=of_day(7))
    assert only().difference == 0
    assert not is_right()


def test_credit_that_was_never_returned_becomes_late(account):
    """The statements go on until tomorrow."""
    bank.receive(a_credit(1), opening="0.00", closing="1.00", day=of_day(1))
    line = BankLine.objects.select_related("account").get()
    decide(line, "RETURN")
    later = clock.now() + timedelta(days=6)
    assert is_right()
    assert not only().is_right(later)
    debit = replace(outgoing("1.00", "R2"), day=of_day(0))
    bank.receive(debit, name="2", day=of_day(0), opening="1.00", closing="0.00")
    decide(BankLine.objects.select_related("account").get(sign=-1), "RETURN", pair=line)
    bank.receive(name="3", day=of_day(-1), opening="0.00", closing="0.00")
    assert only().is_right(later)


@pytest.mark.slow
def test_returned_money_is_in_the_bank_until_its_debit(account):
    bank.receive(incoming("1.00", "R1"), opening="0.00", closing="1.00")
    line = BankLine.objects.select_related("account").get()
    decide(line, "RETURN")
    assert (only().returned, only().difference) == (1_00, 0)
    debit = Line(amount="1.00", sign="DBIT", reference="R2")
    bank.receive(debit, name="2", day=of_day(1), opening="1.00", closing="0.00")
    decide(BankLine.objects.select_related("account").get(sign=-1), "RETURN", pair=line)
    assert (only().returned, only().difference) == (0, 0)


@pytest.mark.slow
def test_notified_lines_are_in_the_bank_before_their_statement(client_demo, bobs):
    bank.an_account(client_demo, booked_by="NOTIFICATION")
    iban = bank.an_iban(bobs)
    bank.receive(opening="0.00", closing="0.00", day=of_day(3))
    bank.receive(incoming("1.00", "R1", target=iban), kind="camt.054", name="N")
    assert (only().banked, only().difference) == (1_00, 0)
    assert is_right()


def test_what_an_account_had_before_its_first_statement_is_counted(account, bobs):
    """Whatever statement is imported first."""
    later = {"name": "2", "day": of_day(0), "opening": "51.00", "closing": "53.00"}
    bank.receive(replace(incoming("2.00", "R2"), day=of_day(0)), **later)
    first = {"name": "1", "day": of_day(1), "opening": "50.00", "closing": "51.00"}
    bank.receive(a_credit(1), **first)
    assert (only().opening, only().suspense, only().difference) == (50_00, 3_00, 0)
    assert is_right()


def test_accounts_of_the_same_client_have_one_equation(account, client_demo, bobs):
    second = "ES7921000813610123456789"
    bank.an_account(client_demo, iban=second)
    iban = bank.an_iban(bobs)
    bank.receive(incoming("1.00", "R1", target=iban), opening="0.00", closing="1.00")
    line = incoming("2.00", "R1", target=iban)
    bank.receive(line, name="2", iban=second, opening="0.00", closing="2.00")
    position = only()
    assert (len(position.balances), position.wallets, position.banked) == (2, 3_00, 3_00)
    assert is_right()


def test_report_is_made_once_a_day_and_never_changed(account, bobs):
    iban = bank.an_iban(bobs)
    bank.receive(incoming("12.50", "R1", target=iban), opening="0.00", closing="12.50")
    report = safeguarding_reports.make_report()
    assert report is not None
    assert report.is_right
    (position,) = json.loads(report.content)["positions"]
    assert (position["wallets"], position["inBank"], position["difference"]) == (
        "12.50",
        "12.50",
        "0.00",
    )
    assert "EUR,ES9121000418450200051332,wallets,12.50" in safeguarding_reports.as_csv(report)
    assert safeguarding_reports.make_report() is None
    with pytest.raises(DatabaseError), transaction.atomic():
        SafeguardingReport.objects.update(is_right=False)


def test_wallets_without_an_account_make_a_report_wrong(account, bobs):
    bank.receive(opening="0.00", closing="0.00")
    other = people.first_wallet(people.a_user(people.a_client("Another"), people.ALICE))
    people.cash_in(other, 5_00)
    report = safeguarding_reports.make_report()
    assert report is not None
    assert not report.is_right
    assert json.loads(report.content)["walletsWithoutAccount"] == [
        {"currency": "EUR", "balance": "5.00"}
    ]


def test_no_report_is_made_without_an_account(bobs):
    assert safeguarding_reports.make_report() is None


def test_two_people_sign_a_report(account):
    bank.receive(opening="0.00", closing="0.00")
    report = safeguarding_reports.make_report()
    assert report is not None
    safeguarding_reports.sign_report(report, By("staff:1"))
    with pytest.raises(errors.InvalidFields):
        safeguarding_reports.sign_report(report, By("staff:1"))
    safeguarding_reports.sign_report(report, By("staff:2"))
    with pytest.raises(errors.InvalidFields):
        safeguarding_reports.sign_report(report, By("staff:3"))
    assert report.signatures.count() == 2


@pytest.mark.parametrize(("opening", "missing"), [("0.00", 100_00), ("100.00", 0)])
def test_opening_balance_covers_earlier_movements(account, alices, opening, missing):
    """Alice has 100.00 on the day before the first statement."""
    tomorrow = (clock.today() + timedelta(days=1)).isoformat()
    bank.receive(name="S1", day=tomorrow, opening=opening, closing=opening)
    position = only()
    assert (position.difference, position.shortfall) == (missing, missing)
    assert is_right() is not bool(missing)


@pytest.mark.django_db(transaction=True)
def test_report_is_made_of_one_snapshot(client_demo, bobs, monkeypatch):
    """A cash-in comes between two figures of the report."""
    account = bank.an_account(client_demo)
    bank.receive(name="S1", day=of_day(3), opening="0.00", closing="0.00")
    read = safeguarding.fetch_rows

    def read_then_pay(statement: str, values: Any = ()) -> Any:
        rows = read(statement, values)
        if statement == safeguarding.BALANCES:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(pay_apart, bobs).result()
        return rows

    monkeypatch.setattr(safeguarding, "fetch_rows", read_then_pay)
    report = safeguarding_reports.make_report()
    monkeypatch.undo()
    assert report is not None
    assert report.is_right
    assert bank.balance(bobs) == 1_00
    assert account.lines.count() == 0


def pay_apart(wallet: Any) -> None:
    """Add 1.00 EUR in another connection."""
    try:
        people.cash_in(wallet, 1_00)
    finally:
        connections.close_all()


@pytest.fixture
def notified(client_demo, bobs):
    """An account whose notification has 5.00 EUR for Bob, and no statement until now."""
    bank.an_account(client_demo, booked_by="NOTIFICATION")
    iban = bank.an_iban(bobs)
    bank.receive(name="S0", day=of_day(3), opening="0.00", closing="0.00")
    bank.receive(incoming("5.00", "N1", target=iban), kind="camt.054", name="N1")


def test_notified_line_counts_until_the_statement_of_its_day(notified, bobs):
    assert only().banked == 5_00
    assert is_right()
    assert not only().is_right(clock.now() + timedelta(days=6))


def test_notified_line_that_no_statement_has_is_wrong(notified, bobs):
    bank.receive(name="S1", day=of_day(2), opening="0.00", closing="0.00")
    assert only().difference == 5_00
    assert not is_right()
    assert bank.balance(bobs) == 5_00


def test_older_statement_can_come_after_a_newer_one(account, bobs):
    iban = bank.an_iban(bobs)
    two, one = incoming("2.00", "R2", target=iban), incoming("1.00", "R1", target=iban)
    bank.receive(two, day=of_day(1), name="2", opening="1.00", closing="3.00")
    bank.receive(one, day=of_day(2), name="1", opening="0.00", closing="1.00")
    assert is_right()

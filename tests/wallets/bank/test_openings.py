"""The opening balance of an account is that of its first statement, and explains no later loss."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from iocash.db import clock
from tests.support import bank, people
from tests.support.camt import Line, Part, Statement
from users.models.events import By
from wallets.bank import decisions, importing, previews, safeguarding, safeguarding_reports
from wallets.bank.messages.xml import Unreadable
from wallets.bank.statements import import_statement
from wallets.models import BankAccount, BankLine, BankStatement, BankStatementFile


@pytest.fixture
def account(client_demo):
    return bank.an_account(client_demo)


def only() -> safeguarding.SafeguardingPosition:
    (position,) = safeguarding.safeguarding_positions()
    return position


def is_right(days: int = 0) -> bool:
    return only().is_right(clock.now() + timedelta(days=days))


def stored(account: BankAccount) -> tuple[int | None, str]:
    account.refresh_from_db()
    return account.opening, str(account.opening_date)


def ago(days: int) -> str:
    return (clock.today() - timedelta(days=days)).isoformat()


def line(amount: str, reference: str, day: str, target: str = "", sign: str = "CRDT") -> Line:
    parts = (Part(amount=amount, target=target),)
    return Line(amount=amount, sign=sign, reference=reference, day=day, parts=parts)


@pytest.fixture
def forged(account, bobs):
    """A statement of yesterday with 900.00 for Bob that never came."""
    forged = line("900.00", "F1", ago(1), bank.an_iban(bobs))
    bank.receive(forged, name="FORGED", day=ago(1), opening="0.00", closing="900.00")
    return forged


def test_first_statement_sets_the_opening(account):
    assert stored(account) == (None, "None")
    bank.receive(name="1", day="2026-11-25", opening="50.00", closing="50.00")
    assert stored(account) == (50_00, "2026-11-25")
    bank.receive(name="2", day="2026-11-26", opening="51.00", closing="51.00")
    assert stored(account) == (50_00, "2026-11-25")


def test_older_statement_that_leads_to_the_opening_moves_it(account):
    bank.receive(name="2", day="2026-11-25", opening="50.00", closing="50.00")
    older = line("20.00", "R1", "2026-11-24")
    bank.receive(older, name="1", day="2026-11-24", opening="30.00", closing="50.00")
    assert stored(account) == (30_00, "2026-11-24")
    assert only().difference == 0


def test_old_opening_can_not_hide_a_forged_credit(account, forged):
    bank.receive(name="REAL", day=ago(0), opening="0.00", closing="0.00")
    assert not is_right()
    for closing in ("0.00", "-900.00", None):
        with pytest.raises(Unreadable):
            bank.receive(name="OLD", day="1999-01-01", opening="-900.00", closing=closing)
    assert stored(account)[0] == 0
    assert BankStatementFile.objects.count() == 2
    assert not is_right()
    assert not is_right(60)


def test_known_entry_in_an_old_statement_does_not_lead_to_the_opening(account, forged):
    """The forged entry again: it adds up, but it is no new line."""
    with pytest.raises(Unreadable):
        bank.receive(forged, name="OLD", day=ago(3), opening="-900.00", closing="0.00")
    assert stored(account)[0] == 0
    assert BankStatement.objects.count() == 1


@pytest.mark.parametrize(
    ("day", "opening", "closing"),
    [
        ("2026-11-24", "30.00", "49.00"),
        ("2026-11-24", "31.00", "50.00"),
        ("2026-11-26", "30.00", "50.00"),
    ],
    ids=["ends elsewhere", "entries do not explain it", "ends after the first day"],
)
def test_older_statement_that_does_not_lead_to_the_opening_is_refused(
    account, day, opening, closing
):
    bank.receive(name="2", day="2026-11-25", opening="50.00", closing="50.00")
    period = "<FrToDt><FrDtTm>2026-11-24T00:00:00Z</FrDtTm><ToDtTm>{}T23:00:00Z</ToDtTm></FrToDt>"
    content = Statement(
        lines=(line("20.00", "R1", "2026-11-24"),),
        name="1",
        day=day,
        opening=opening,
        closing=closing,
    ).xml()
    content = content.replace(b"<Acct>", period.format(day).encode() + b"<Acct>", 1)
    with pytest.raises(Unreadable, match="opening balance"):
        importing.store_file(content, name="1", actor="system:tests")
    assert stored(account) == (50_00, "2026-11-25")
    assert BankStatementFile.objects.count() == 1
    assert not BankLine.objects.exists()


def test_preview_says_that_an_old_opening_is_refused(account):
    bank.receive(name="2", day="2026-11-25", opening="50.00", closing="50.00")
    content = Statement(name="1", day="2026-11-24", opening="1.00", closing="1.00").xml()
    with pytest.raises(Unreadable):
        previews.preview_statements(content)


def test_statements_of_a_file_can_be_in_any_order(account):
    days = ["2026-11-26", "2026-11-24", "2026-11-25"]
    each = [
        Statement(name=day, day=day, opening=f"{day[-1]}.00", closing=f"{int(day[-1]) + 1}.00")
        for day in days
    ]
    lines = [
        Statement(
            **{
                **{name: getattr(one, name) for name in ("name", "day", "opening", "closing")},
                "lines": (line("1.00", one.name, one.day),),
            }
        )
        for one in each
    ]
    content = Statement(
        name=lines[0].name,
        day=lines[0].day,
        opening=lines[0].opening,
        closing=lines[0].closing,
        lines=lines[0].lines,
        statements=tuple(lines[1:]),
    ).xml()
    importing.store_file(content, name="1", actor="system:tests")
    assert stored(account) == (4_00, "2026-11-24")
    assert only().difference == 0


def receive_page(page: int, *, opening: str, closing: str, name: str = "PAGES") -> None:
    """A page of the first statement, as a file of its own, with a credit of 10.00."""
    statement = Statement(
        lines=(line("10.00", f"R{page}", ago(1)),),
        name=name,
        day=ago(1),
        opening=opening,
        closing=closing,
    )
    number = f"<StmtPgntn><PgNb>{page}</PgNb><LastPgInd>true</LastPgInd></StmtPgntn>"
    content = statement.xml().replace(b"<ElctrncSeqNb>", f"{number}<ElctrncSeqNb>".encode())
    import_statement(content, name=f"{page}.xml", actor="system:tests")


def test_pages_of_the_first_statement_can_come_in_any_order(account):
    receive_page(3, opening="70.00", closing="80.00")
    receive_page(2, opening="60.00", closing="70.00")
    assert is_right()
    receive_page(1, opening="50.00", closing="60.00")
    assert stored(account) == (50_00, ago(1))
    assert is_right()


def test_page_of_another_statement_does_not_move_the_opening(account):
    receive_page(2, opening="60.00", closing="70.00")
    receive_page(1, opening="50.00", closing="60.00", name="OTHER")
    assert stored(account) == (60_00, ago(1))
    assert only().difference == 10_00
    with pytest.raises(IntegrityError), transaction.atomic():
        BankAccount.objects.filter(id=account.id).update(opening=50_00)


def test_closing_and_entries_give_a_missing_opening(account):
    bank.receive(line("1.00", "R1", "2026-11-25"), day="2026-11-25", closing="51.00")
    assert stored(account) == (50_00, "2026-11-25")


def test_statement_without_balances_sets_no_opening_and_is_wrong(account):
    bank.receive(name="1", day=ago(1))
    assert stored(account) == (None, "None")
    assert not is_right()
    bank.receive(name="2", day=ago(0), opening="5.00", closing="5.00")
    assert stored(account) == (5_00, ago(0))
    assert is_right()


def test_notified_line_of_an_older_statement_leads_to_the_opening(client_demo, bobs):
    account = bank.an_account(client_demo, booked_by="NOTIFICATION")
    one = line("5.00", "N1", ago(2), bank.an_iban(bobs))
    bank.receive(one, kind="camt.054", name="N", day=ago(2))
    bank.receive(name="2", day=ago(1), opening="5.00", closing="5.00")
    assert not is_right()
    bank.receive(one, name="1", day=ago(2), opening="0.00", closing="5.00")
    assert stored(account) == (0, ago(2))
    assert only().difference == 0


@pytest.mark.parametrize(
    ("opening", "day"),
    [(0, "2026-11-25"), (50_00, "2026-11-24"), (None, None), (40_00, "2026-11-24")],
)
def test_database_keeps_the_opening(account, opening, day):
    bank.receive(name="2", day="2026-11-25", opening="50.00", closing="50.00")
    with pytest.raises(IntegrityError), transaction.atomic():
        BankAccount.objects.filter(id=account.id).update(opening=opening, opening_date=day)


def test_database_refuses_an_opening_that_no_statement_has(account, client_demo):
    with pytest.raises(IntegrityError), transaction.atomic():
        BankAccount.objects.filter(id=account.id).update(opening=1, opening_date="2026-11-25")
    with pytest.raises(IntegrityError), transaction.atomic():
        bank.an_account(client_demo, iban="DE02120300000000202051", opening=0, opening_date=ago(0))
    with pytest.raises(IntegrityError), transaction.atomic():
        BankAccount.objects.filter(id=account.id).update(opening_date="2026-11-25")


# --- Own funds, and losses ------------------------------------------------------------------------


@pytest.fixture
def own(account, alices):
    """Alice had 100.00 before the first statement, and the account 130.00."""
    tomorrow = (clock.today() + timedelta(days=1)).isoformat()
    bank.receive(name="S1", day=tomorrow, opening="130.00", closing="130.00")


def test_own_funds_at_the_beginning_are_a_figure_of_their_own(own):
    position = only()
    assert (position.own_at_beginning, position.shortfall, position.difference) == (30_00, 0, 0)
    shown = safeguarding_reports.position_as_json(position, clock.now())
    assert (shown["ownFundsAtBeginning"], shown["walletsAtBeginning"]) == ("30.00", "100.00")
    assert shown["mustBeInBank"] == "130.00"
    assert is_right()


def test_own_funds_do_not_hide_a_later_loss(own):
    """The bank has paid 10.00 that no line explains: it is not taken from the own funds."""
    tomorrow = (clock.today() + timedelta(days=1)).isoformat()
    bank.receive(name="S2", day=tomorrow, opening="130.00", closing="120.00")
    assert only().own_at_beginning == 30_00
    assert not is_right()


def test_late_line_can_not_explain_a_movement_from_before_the_beginning(own, alices, client_demo):
    """A customer's credit is assigned to an old cash-in, so that the customer gets nothing."""
    old = people.movements(alices)[0]
    booked = line("100.00", "R9", (clock.today() + timedelta(days=7)).isoformat())
    tomorrow = (clock.today() + timedelta(days=1)).isoformat()
    bank.receive(booked, name="S2", day=tomorrow, opening="130.00", closing="230.00")
    credit = BankLine.objects.select_related("account").get()
    asked = decisions.ask_for_decision(
        credit, "ASSIGN", by=By("staff:1"), reason="R9", wallet=alices, movement=old
    )
    decisions.answer_decision(asked, by=By("staff:2"), is_approved=True)
    position = only()
    assert (position.own_at_beginning, position.difference) == (30_00, -100_00)


def test_own_money_that_is_paid_in_later_covers_a_shortfall(account, alices):
    tomorrow = (clock.today() + timedelta(days=1)).isoformat()
    bank.receive(name="S1", day=tomorrow, opening="90.00", closing="90.00")
    assert (only().shortfall, only().difference) == (10_00, 10_00)
    paid = line("10.00", "OWN", tomorrow)
    bank.receive(paid, name="S2", day=tomorrow, opening="90.00", closing="100.00")
    credit = BankLine.objects.select_related("account").get()
    asked = decisions.ask_for_decision(credit, "IGNORE", by=By("staff:1"), reason="Own money")
    decisions.answer_decision(asked, by=By("staff:2"), is_approved=True)
    assert (only().shortfall, only().difference) == (0, 0)
    assert is_right()


# --- Accounts without statements ------------------------------------------------------------------


def test_fake_account_is_never_contradicted(account, client_demo, forged, bobs):
    """An account that does not exist, with one forged statement, is red after PATIENCE."""
    fake = "ES7921000813610123456789"
    bank.an_account(client_demo, iban=fake)
    target = bank.an_iban(bobs) if not bobs.iban else bobs.iban
    forged = line("50.00", "F9", ago(0), target)
    bank.receive(forged, name="FAKE", iban=fake, day=ago(0), opening="0.00", closing="50.00")
    keep_stated(days=6, iban=account.iban, balance="900.00")
    late = [each.account.iban for each in only().balances if each.is_late(later(6))]
    assert late == [fake]
    assert not only().is_right(later(6))
    (shown,) = [
        each
        for each in safeguarding_reports.position_as_json(only(), later(6))["accounts"]
        if each["withoutStatementSince"]
    ]
    assert (shown["iban"], shown["withoutStatementSince"]) == (fake, ago(0))


def later(days: int) -> Any:
    return clock.now() + timedelta(days=days)


def keep_stated(*, days: int, iban: str, balance: str) -> None:
    """A statement of tomorrow, the latest that can be imported."""
    tomorrow = (clock.today() + timedelta(days=1)).isoformat()
    bank.receive(name=f"T{days}", iban=iban, day=tomorrow, opening=balance, closing=balance)


def test_account_without_a_statement_becomes_late(account):
    assert is_right()
    assert is_right(5)
    assert not is_right(6)


def test_statement_of_a_few_days_ago_is_no_reason(account):
    bank.receive(name="1", day=ago(5), opening="0.00", closing="0.00")
    assert is_right()
    assert not is_right(1)


@pytest.mark.parametrize(("closing", "is_late"), [("0.00", False), ("1.00", True)])
def test_closed_account_is_late_only_with_money(client_demo, closing, is_late):
    bank.an_account(client_demo, closed_at=clock.now())
    bank.receive(name="1", day=ago(0), opening=closing, closing=closing)
    assert only().balances[0].is_late(later(6)) is is_late

"""The verbs of cash-outs and of staff: what each does to the books."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from iocash import errors, money
from tests.support.books import (
    ALICES,
    BOBS,
    NOW,
    about,
    an_account,
    cash_in,
    open_books,
    pay_out,
    refused,
    transfer,
)
from users.models.ids import new_id
from wallets.books import Books
from wallets.books.rows import Leg, LockedAccount
from wallets.orders.cash_outs import (
    CancelCashOut,
    CashOut,
    CashOutOrder,
    MarkCashOutSent,
    RejectCashOut,
    SettleCashOut,
)
from wallets.orders.payments import Adjust
from wallets.posting.group import run


@pytest.fixture
def books() -> Books:
    """Alice has 100.00 EUR, Bob has nothing."""
    return open_books()


def a_cash_out(books: Books, amount: str = "30.00", **values: Any) -> Leg:
    """Set money of Alice's aside; the movement is there to be read, as next time."""
    order: dict[str, Any] = about(amount=Decimal(amount), iban="ES91")
    (leg,) = run(books, CashOut(**order | values)).legs
    books.movements[leg.id] = leg
    books.wallets[ALICES].is_changed = False
    return leg


def end(verb: type[CashOutOrder], leg: Leg, **values: Any) -> CashOutOrder:
    return verb(**about(leg.wallet_id, movement_id=leg.id) | values)


def money_of(books: Books) -> tuple[int, int]:
    wallet = books.wallets[ALICES]
    return wallet.balance, wallet.held


def last_told(books: Books) -> tuple[str, Any]:
    assert books.facts[-1].subject == "movement"
    return books.facts[-1].kind, books.facts[-1].subject_id


def test_cash_out_is_pending_and_holds_the_money(books):
    order: dict[str, Any] = about(amount=Decimal("30.00"), iban="ES91", concept="Rent")
    outcome = run(books, CashOut(**order))
    (leg,) = outcome.legs
    assert (outcome.made, outcome.id, outcome.status) == ("movement", leg.id, 202)
    assert (leg.type, leg.status, leg.amount, leg.iban) == ("CASH_OUT", "PENDING", -30_00, "ES91")
    assert (leg.seq, leg.settled_at) == (None, None)
    assert leg.details_digest
    assert money_of(books) == (100_00, 30_00)
    assert books.wallets[ALICES].is_changed
    assert books.legs == [leg]
    assert last_told(books) == ("movement.pending", leg.id)


def test_a_cash_out_is_sent_then_settled(books):
    leg = a_cash_out(books)
    outcome = run(books, end(MarkCashOutSent, leg))
    assert (outcome.status, outcome.legs) == (200, (leg,))
    assert leg.sent_at == NOW
    assert books.changed_legs == [leg]
    assert last_told(books) == ("movement.sent", leg.id)
    assert money_of(books) == (100_00, 30_00)
    outcome = run(books, end(SettleCashOut, leg))
    assert (outcome.status, outcome.legs) == (200, (leg,))
    assert (leg.status, leg.seq, leg.balance_after) == ("SUCCESS", 1, 70_00)
    assert money_of(books) == (70_00, 0)
    assert books.wallets[ALICES].is_changed
    assert books.changed_legs == [leg, leg]
    assert last_told(books) == ("movement.settled", leg.id)


def test_rejected_cash_out_frees_the_money_and_has_its_reason(books):
    leg = a_cash_out(books)
    outcome = run(books, end(RejectCashOut, leg, reason="Closed"))
    assert (outcome.status, outcome.legs) == (200, (leg,))
    assert (leg.status, leg.reason, leg.seq) == ("ERROR", "Closed", None)
    assert money_of(books) == (100_00, 0)
    assert books.wallets[ALICES].is_changed
    assert books.changed_legs == [leg]
    assert last_told(books) == ("movement.error", leg.id)


def test_money_of_a_cancelled_cash_out_is_available_again_once(books):
    leg = a_cash_out(books)
    assert run(books, end(CancelCashOut, leg)).status == 200
    assert (leg.status, money_of(books)) == ("CANCELLED", (100_00, 0))
    assert books.wallets[ALICES].is_changed
    facts = len(books.facts)
    again = run(books, end(CancelCashOut, leg))
    assert (again.status, again.legs, len(books.facts)) == (200, (leg,), facts)


ENDS = [(MarkCashOutSent, {}), (SettleCashOut, {}), (RejectCashOut, {"reason": "No"})]


@pytest.mark.parametrize("status", ["SUCCESS", "ERROR"])
@pytest.mark.parametrize(("verb", "values"), [*ENDS, (CancelCashOut, {})])
def test_closed_cash_out_cannot_be_closed_again(books, verb, values, status):
    leg = a_cash_out(books)
    leg.status = status
    said = refused(books, end(verb, leg, **values))
    assert isinstance(said, errors.MovementNotPending)
    assert said.facts == {"movement_id": leg.id, "status": status}


def test_cancelled_cash_out_cannot_be_sent_settled_or_rejected(books):
    leg = a_cash_out(books)
    run(books, end(CancelCashOut, leg))
    for verb, values in ENDS:
        assert isinstance(refused(books, end(verb, leg, **values)), errors.MovementNotPending)


def test_cash_out_must_be_sent_once_before_it_is_settled(books):
    leg = a_cash_out(books)
    assert isinstance(refused(books, end(SettleCashOut, leg)), errors.CashOutNotSent)
    run(books, end(MarkCashOutSent, leg))
    for verb in (MarkCashOutSent, CancelCashOut):
        assert isinstance(refused(books, end(verb, leg)), errors.CashOutSent)


@pytest.mark.parametrize(("verb", "values"), [*ENDS, (CancelCashOut, {})])
def test_cash_out_of_another_wallet_is_not_found(books, verb, values):
    leg = a_cash_out(books)
    for change in ({"wallet_id": BOBS}, {"movement_id": new_id()}, {"wallet_id": new_id()}):
        assert isinstance(refused(books, end(verb, leg, **values | change)), errors.NotFound)


def test_a_cash_out_needs_a_ready_wallet_with_funds(books):
    order: dict[str, Any] = about(amount=Decimal("100.01"), iban="ES91")
    assert isinstance(refused(books, CashOut(**order)), errors.InsufficientFunds)
    books.wallets[ALICES].status = "BLOCKED"
    assert isinstance(refused(books, CashOut(**order)), errors.WalletNotReady)


# --- Cash-outs to external accounts --------------------------------------------------------------


def test_cash_out_uses_an_account_of_its_wallet(books):
    account = an_account(books)
    order = pay_out(account)
    assert order.needs.resources == ((LockedAccount.table, account.id),)
    (leg,) = run(books, order).legs
    assert (leg.iban, leg.status, leg.amount) == ("ES91", "PENDING", -10_00)


def test_cash_out_to_another_wallets_account_is_refused(books):
    said = refused(books, pay_out(an_account(books, wallet_id=BOBS)))
    assert isinstance(said, errors.ExternalAccountNotFound)


def test_cash_out_to_a_removed_account_is_refused(books):
    account = an_account(books, status="REMOVED")
    said = refused(books, pay_out(account))
    assert isinstance(said, errors.ExternalAccountRemoved)
    assert said.facts == {"external_account_id": account.id}


# --- Staff ---------------------------------------------------------------------------------------


def adjust(amount: str, is_debit: bool) -> Adjust:
    return Adjust(**about(amount=Decimal(amount), is_debit=is_debit, concept="Mistake"))


@pytest.mark.parametrize(("is_debit", "amount"), [(False, 10_00), (True, -10_00)])
def test_adjustment_changes_the_balance_of_a_blocked_wallet(books, is_debit, amount):
    books.wallets[ALICES].status = "BLOCKED"
    outcome = run(books, adjust("10.00", is_debit))
    (leg,) = outcome.legs
    assert (outcome.status, leg.type, leg.amount) == (201, "ADJUSTMENT", amount)
    assert (leg.counterparty_id, leg.concept) == (None, "Mistake")
    assert money_of(books) == (100_00 + amount, 0)


def test_adjustment_outside_the_balance_bounds_is_refused(books):
    assert isinstance(refused(books, adjust("100.01", is_debit=True)), errors.InsufficientFunds)
    books.wallets[ALICES].balance = money.MAX_BALANCE
    said = refused(books, adjust("0.01", is_debit=False))
    assert isinstance(said, errors.LimitExceeded)
    books.wallets[ALICES].status = "UNSUBSCRIBED"
    assert isinstance(refused(books, adjust("1.00", is_debit=False)), errors.WalletNotReady)


def test_received_total_counts_only_incoming_money(books):
    wallet = books.wallets[ALICES]
    wallet.received = 100_00
    (leg,) = run(books, cash_in(amount="0.01")).legs
    assert (leg.received_after, wallet.received) == (100_01, 100_01)
    (leg,) = run(books, transfer(amount="0.02")).legs
    assert (leg.received_after, wallet.received) == (100_01, 100_01)
    assert books.wallets[BOBS].received == 2

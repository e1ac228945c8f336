"""Low-balance alerts: which changes of a balance are recorded, and which are not."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.support.books import (
    ALICES,
    BOBS,
    a_hold,
    a_wallet,
    about,
    cash_in,
    execute,
    give_back,
    open_books,
    refused,
    transfer,
    written,
)
from users.models.events import EventKind
from wallets.books import Books
from wallets.orders.batch import Batch
from wallets.orders.cash_outs import CashOut, MarkCashOutSent, SettleCashOut
from wallets.orders.operations import TransferOperation
from wallets.orders.payments import Adjust
from wallets.posting.group import run

ALERT = EventKind.WALLET_BALANCE_BELOW


def alerts(books: Books) -> list[tuple[int, int, int]]:
    """The alert, the balance and `seq` of each event about Alice's wallet."""
    facts = [fact for fact in books.facts if fact.kind == ALERT]
    assert all(fact.subject_id == fact.wallet_id == ALICES for fact in facts)
    assert all(fact.data["currency"] == "EUR" for fact in facts)
    return [tuple(fact.data[name] for name in ("alert_below", "balance", "seq")) for fact in facts]


@pytest.fixture
def books() -> Books:
    """Alice has 100.00 EUR and an alert below 50.00 EUR, Bob has 100.00 EUR."""
    return open_books(a_wallet(ALICES, 100_00, alert_below=50_00), a_wallet(BOBS, 100_00))


def test_fall_below_the_alert_is_recorded_once(books):
    run(books, transfer(amount="50.00"))
    assert alerts(books) == []
    run(books, transfer(amount="0.01"))
    assert alerts(books) == [(50_00, 49_99, 2)]
    run(books, transfer(amount="10.00"))
    assert len(alerts(books)) == 1


def test_each_fall_is_recorded(books):
    run(books, transfer(amount="60.00"))
    run(books, cash_in(amount="9.99"))
    run(books, transfer(amount="9.00"))
    assert len(alerts(books)) == 1
    run(books, cash_in(amount="9.01"))
    run(books, transfer(amount="0.01"))
    assert alerts(books) == [(50_00, 40_00, 1), (50_00, 49_99, 5)]


def test_payee_and_wallet_without_an_alert_record_none(books):
    run(books, transfer(BOBS, ALICES, "100.00"))
    run(books, transfer(ALICES, BOBS, "100.00"))
    assert alerts(books) == []
    books.wallets[ALICES].alert_below = None
    run(books, transfer(ALICES, BOBS, "100.00"))
    assert alerts(books) == []


def test_held_money_does_not_count(books):
    hold = a_hold(books, "60.00")
    assert alerts(books) == []
    run(books, execute(hold, "50.01"))
    assert alerts(books) == [(50_00, 49_99, 1)]


def test_cash_out_counts_when_it_settles(books):
    order = about(amount=Decimal("50.01"), iban="ES91")
    (leg,) = written(books, CashOut(**order))
    run(books, MarkCashOutSent(**about(movement_id=leg.id)))
    assert alerts(books) == []
    run(books, SettleCashOut(**about(movement_id=leg.id)))
    assert alerts(books) == [(50_00, 49_99, 1)]


def test_reversals_and_adjustments_count(books):
    (leg,) = written(books, cash_in(amount="1.00"))
    run(books, Adjust(**about(amount=Decimal("51.00"), is_debit=True)))
    run(books, Adjust(**about(amount=Decimal("0.50"), is_debit=False)))
    run(books, give_back(leg, None))
    assert alerts(books) == [(50_00, 49_50, 4)]


def test_reversal_of_a_transfer_counts_for_its_payee(books):
    into, out = written(books, transfer(BOBS, ALICES, "20.00"))
    run(books, transfer(amount="60.01"))
    run(books, give_back(into, out, "10.00"))
    assert alerts(books) == [(50_00, 49_99, 3)]


@pytest.mark.parametrize("kind", [Batch, TransferOperation])
def test_each_item_counts(books, kind):
    amounts = (transfer(amount="60.00"), transfer(BOBS, ALICES, "20.00"), transfer(amount="30.00"))
    items = amounts if kind is TransferOperation else (amounts[0], cash_in(amount="20"), amounts[2])
    order = about()
    if kind is TransferOperation:
        del order["wallet_id"]
    run(books, kind(**order, items=items))
    assert alerts(books) == [(50_00, 40_00, 1), (50_00, 30_00, 3)]


def test_refused_batch_records_none(books):
    items = (transfer(amount="60.00"), transfer(amount="60.00"))
    assert refused(books, Batch(**about(), items=items)).code == "batch_refused"
    assert alerts(books) == []

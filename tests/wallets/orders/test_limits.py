"""Which verbs count towards the limits of a user, which are refused by them, and which are not."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from iocash import errors
from tests.support.books import (
    ALICES,
    BOBS,
    USER,
    a_hold,
    a_wallet,
    about,
    cash_in,
    execute,
    give_back,
    open_books,
    place,
    refused,
    release,
    renew,
    transfer,
    written,
)
from users.models.ids import new_id
from wallets.books import Books
from wallets.books.limits import Allowance, Limits
from wallets.books.rows import Leg
from wallets.orders.base import Order
from wallets.orders.batch import Batch
from wallets.orders.cash_outs import (
    CancelCashOut,
    CashOut,
    MarkCashOutSent,
    RejectCashOut,
    SettleCashOut,
)
from wallets.orders.payments import Adjust
from wallets.posting.group import run

BOB, SAVINGS = new_id(), new_id()


@pytest.fixture
def books() -> Books:
    """Alice has 100.00 EUR and may have 150.00; Bob has nothing and may have 20.00.

    Alice may bring 60.00 and take out 40.00, Bob 10.00.
    """
    books = open_books(
        a_wallet(ALICES, 100_00),
        a_wallet(BOBS, user_id=BOB),
        a_wallet(SAVINGS),
    )
    for user_id, caps, balance in (
        (USER, (150_00, 60_00, 40_00), 100_00),
        (BOB, (20_00, 10_00, 10_00), 0),
    ):
        books.allowances[user_id, "EUR"] = Allowance(user_id, "EUR", Limits(*caps), balance)
    return books


def cash_out(amount: str, **values: Any) -> CashOut:
    order = about(amount=Decimal(amount), iban="ES91")
    return CashOut(**order | values)


def adjust(amount: str, *, is_debit: bool = False) -> Adjust:
    return Adjust(**about(amount=Decimal(amount), is_debit=is_debit))


def batch(*items: Any) -> Batch:
    return Batch(**about(items=items))


def limit(books: Books, order: Order) -> tuple[str, ...]:
    """Which limit refuses the order, and by which amounts."""
    said = refused(books, order)
    assert isinstance(said, errors.LimitExceeded)
    assert said.facts["currency"] == "EUR"
    return tuple(said.facts[name] for name in ("limit_type", "limit", "used", "requested"))


def used(books: Books, user_id: Any = USER) -> tuple[int, int, int]:
    """What the user has, brought in and took out."""
    allowance = books.allowances[user_id, "EUR"]
    return allowance.balance, allowance.cash_in, allowance.cash_out


# --- What counts, and is refused -----------------------------------------------------------------


def test_cash_in_counts_towards_cash_in_and_balance(books):
    run(books, cash_in(amount="50.00"))
    assert used(books) == (150_00, 50_00, 0)


def test_cash_in_above_the_cash_in_limit_is_refused(books):
    books.allowances[USER, "EUR"].balance = 0
    run(books, cash_in(amount="60.00"))
    assert limit(books, cash_in(amount="0.01")) == ("cashIn", "60.00", "60.00", "0.01")


def test_cash_in_above_the_balance_limit_is_refused(books):
    assert limit(books, cash_in(amount="50.01")) == ("balance", "150.00", "100.00", "50.01")
    run(books, cash_in(amount="50.00"))
    assert limit(books, cash_in(amount="0.01")) == ("balance", "150.00", "150.00", "0.01")


def test_cash_ins_into_any_wallet_of_the_user_count_together(books):
    run(books, cash_in(SAVINGS, "50.00"))
    assert limit(books, cash_in(ALICES, "0.01"))[0] == "balance"


def test_transfer_above_the_payees_balance_limit_is_refused(books):
    assert limit(books, transfer(amount="20.01")) == ("balance", "20.00", "0.00", "20.01")
    run(books, transfer(amount="20.00"))
    assert limit(books, transfer(amount="0.01")) == ("balance", "20.00", "20.00", "0.01")


def test_transfer_counts_for_both_balances_and_not_as_cash_in(books):
    run(books, transfer(amount="20.00"))
    assert used(books) == (80_00, 0, 0)
    assert used(books, BOB) == (20_00, 0, 0)


def test_transfer_frees_the_payers_balance_limit(books):
    run(books, transfer(amount="20.00"))
    run(books, transfer(BOBS, ALICES, "20.00"))
    run(books, transfer(amount="20.00"))
    assert used(books, BOB) == (20_00, 0, 0)


def test_execution_above_the_payees_balance_limit_is_refused(books):
    hold = a_hold(books, "30.00")
    assert limit(books, execute(hold)) == ("balance", "20.00", "0.00", "30.00")
    assert limit(books, execute(hold, "20.01", keep_open=True))[3] == "20.01"
    run(books, execute(hold, "20.00", keep_open=True))
    assert limit(books, execute(hold, "0.01")) == ("balance", "20.00", "20.00", "0.01")


def test_a_refused_execution_leaves_the_hold_open(books):
    hold = a_hold(books, "30.00")
    refused(books, execute(hold))
    assert (hold.status, hold.remaining) == ("OPEN", 30_00)


def test_pending_cash_out_counts_towards_the_limit(books):
    run(books, cash_out("40.00"))
    assert used(books) == (100_00, 0, 40_00)
    assert limit(books, cash_out("0.01")) == ("cashOut", "40.00", "40.00", "0.01")


def test_a_cash_out_counts_once_when_it_is_settled(books):
    (leg,) = written(books, cash_out("40.00"))
    for verb in (MarkCashOutSent, SettleCashOut):
        run(books, verb(**about(movement_id=leg.id)))
    assert used(books) == (60_00, 0, 40_00)


def test_cash_out_above_the_available_balance_gets_insufficient_funds(books):
    assert isinstance(refused(books, cash_out("100.01")), errors.InsufficientFunds)


def test_settled_cash_out_frees_the_balance_limit(books):
    (leg,) = written(books, cash_out("40.00"))
    assert limit(books, cash_in(amount="60.00"))[0] == "balance"
    for verb in (MarkCashOutSent, SettleCashOut):
        run(books, verb(**about(movement_id=leg.id)))
    run(books, cash_in(amount="60.00"))
    assert used(books) == (120_00, 60_00, 40_00)


def test_items_of_a_batch_count_in_sequence(books):
    order = batch(cash_in(amount="40"), cash_in(amount="10"), cash_in(amount="0.01"))
    said = refused(books, order)
    assert isinstance(said, errors.BatchRefused)
    (item,) = said.facts["items"]
    assert (item["index"], item["code"], item["limit_type"]) == (2, "limit_exceeded", "balance")
    assert (item["used"], item["requested"]) == ("150.00", "0.01")
    assert used(books) == (100_00, 0, 0)


def test_paying_item_frees_the_limit_for_the_next_item(books):
    run(books, batch(transfer(amount="20"), cash_in(amount="60"), cash_out("40")))
    assert used(books) == (140_00, 60_00, 40_00)
    assert used(books, BOB) == (20_00, 0, 0)


def test_batch_items_above_a_limit_are_refused(books):
    order = batch(transfer(amount="15"), transfer(amount="5.01"), cash_out("40.01"))
    said = refused(books, order)
    assert isinstance(said, errors.BatchRefused)
    assert [(item["index"], item["limit_type"]) for item in said.facts["items"]] == [
        (1, "balance"),
        (2, "cashOut"),
    ]


def test_wallet_refusal_precedes_limit_refusal(books):
    books.wallets[ALICES].status = "BLOCKED"
    assert isinstance(refused(books, cash_in(amount="999")), errors.WalletNotReady)


def test_order_names_the_wallets_that_limits_apply_to(books):
    hold = a_hold(books)
    into, out = written(books, transfer())
    for order, limited, crossing in (
        (cash_in(), (ALICES,), (ALICES,)),
        (cash_out("1"), (ALICES,), (ALICES,)),
        (transfer(), (BOBS,), ()),
        (execute(hold), (BOBS,), ()),
        (
            batch(cash_in(SAVINGS), transfer(), cash_out("1")),
            (SAVINGS, BOBS, ALICES),
            (SAVINGS, ALICES),
        ),
        (place(), (), ()),
        (release(hold), (), ()),
        (renew(hold, None), (), ()),
        (give_back(out, into), (), ()),
        (adjust("1"), (), ()),
    ):
        assert {*order.needs.limits} == {*limited}, type(order).__name__
        assert {*order.needs.flows} == {*crossing}, type(order).__name__
        assert {*crossing} <= {*limited} <= {*order.needs.wallets}


def test_movement_ahead_of_the_clock_counts_from_its_own_time(books):
    """A wallet's past may be ahead of the clock by a moment, and each movement comes after it."""
    last = books.now + timedelta(milliseconds=900)
    books.wallets[ALICES].settled_at = last
    books.allowances[USER, "EUR"].balance = 0
    run(books, cash_in(amount="60.00"))
    resets_at = refused(books, cash_in(amount="0.01")).facts["resets_at"]
    assert resets_at == last + timedelta(days=30, milliseconds=1)  # the next that is shown


def test_limit_applies_to_one_currency(books):
    books.wallets[SAVINGS].currency = "USD"
    run(books, cash_in(SAVINGS, "1000.00"))
    assert used(books) == (100_00, 0, 0)


# --- What is exempt ------------------------------------------------------------------------------


def overfill(books: Books) -> None:
    """Let both users have, and have moved, as much as they may, and more."""
    for allowance in books.allowances.values():
        allowance.limits = Limits(0, 0, 0)


def two_legs(books: Books, order: Order) -> tuple[Leg, Leg]:
    """The legs of Alice and of Bob."""
    into, out = written(books, order)
    return out, into


def test_hold_is_not_limited(books):
    overfill(books)
    run(books, place("90.00"))
    assert used(books, BOB) == (0, 0, 0)


def test_reversal_of_a_transfer_ignores_the_payers_limits(books):
    out, into = two_legs(books, transfer(amount="20.00"))
    overfill(books)
    run(books, give_back(into, out))
    assert used(books) == (100_00, 0, 0)


def test_reversal_of_a_cash_in_ignores_the_limits(books):
    (leg,) = written(books, cash_in(amount="20.00"))
    overfill(books)
    run(books, give_back(leg, None))
    assert used(books)[0] == 100_00
    assert used(books)[2] == 0


@pytest.mark.parametrize(("verb", "more"), [(CancelCashOut, {}), (RejectCashOut, {"reason": "No"})])
def test_rejection_or_cancellation_of_a_cash_out_ignores_the_limits(books, verb, more):
    (leg,) = written(books, cash_out("40.00"))
    overfill(books)
    run(books, verb(**about(movement_id=leg.id, **more)))
    assert books.wallets[ALICES].available == 100_00


def test_settlement_of_a_cash_out_ignores_the_limits(books):
    (leg,) = written(books, cash_out("40.00"))
    overfill(books)
    for verb in (MarkCashOutSent, SettleCashOut):
        run(books, verb(**about(movement_id=leg.id)))
    assert books.wallets[ALICES].balance == 60_00


@pytest.mark.parametrize(("is_debit", "balance"), [(False, 1100_00), (True, 0)])
def test_adjustment_is_not_limited_and_not_counted_as_cash_in(books, is_debit, balance):
    overfill(books)
    run(books, adjust("100" if is_debit else "1000", is_debit=is_debit))
    assert used(books) == (balance, 0, 0)


def test_payment_between_wallets_of_one_user_is_not_limited(books):
    overfill(books)
    run(books, transfer(ALICES, SAVINGS, "90.00"))
    assert used(books) == (100_00, 0, 0)
    hold = a_hold(books, "10.00", target_id=SAVINGS)
    run(books, execute(hold))
    assert books.wallets[SAVINGS].balance == 100_00


def test_user_above_the_limit_can_still_pay(books):
    overfill(books)
    books.allowances[BOB, "EUR"].limits = Limits()
    run(books, transfer(amount="100.00"))
    assert books.wallets[BOBS].balance == 100_00


def test_user_without_limits_is_never_refused(books):
    books.allowances.clear()
    for order in (cash_in(amount="9999"), transfer(amount="5000"), cash_out("5000")):
        run(books, order)
    assert books.wallets[ALICES].balance == 5099_00

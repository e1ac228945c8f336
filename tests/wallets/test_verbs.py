"""The verbs that promise, give back, and do many things at once: what each does to the books."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from iocash import errors, money
from tests.wallets.paper import (
    ALICES,
    ANOTHER,
    ANOTHERS,
    BOBS,
    CLIENT,
    NOW,
    a_hold,
    a_wallet,
    about,
    cash_in,
    execute,
    open_books,
    place,
    transfer,
)
from users.models.clients import new_id
from users.models.events import By
from wallets import ledger
from wallets.batch import Batch
from wallets.books import Books
from wallets.orders import MoneyOrder, Order
from wallets.rows import Leg, LockedAccount, LockedHold, LockedWallet

SOON, LATER = NOW + timedelta(hours=1), NOW + timedelta(hours=2)


@pytest.fixture
def books() -> Books:
    """Alice has 100.00 EUR, Bob has nothing."""
    return open_books()


def money_of(books: Books, wallet_id: Any = ALICES) -> tuple[int, int]:
    wallet = books.wallets[wallet_id]
    return wallet.balance, wallet.held


def refused(books: Books, order: Order) -> errors.Refused:
    """What the books say to the order: that nothing was done is asserted by them."""
    with pytest.raises(errors.Refused) as said:
        books.run(order)
    return said.value


def told(books: Books) -> list[tuple[str, str]]:
    """What was told, and by whom; each kind begins with what it is about."""
    assert all(fact.kind.split(".")[0] == fact.subject for fact in books.facts)
    return [(fact.kind, fact.by.actor) for fact in books.facts]


# --- Placing -------------------------------------------------------------------------------------


def test_a_hold_sets_money_aside_for_another_wallet(books):
    order = place("30.00", concept="Deposit", metadata={"a": "1"}, expires_at=SOON)
    outcome = books.run(order)
    assert (outcome.made, outcome.status, outcome.legs) == ("hold", 201, ())
    hold = books.holds[outcome.id]
    assert money_of(books) == (100_00, 30_00)
    assert money_of(books, BOBS) == (0, 0)
    assert hold == LockedHold(
        id=hold.id,
        client_id=CLIENT,
        wallet_id=ALICES,
        target_id=BOBS,
        currency="EUR",
        amount=30_00,
        remaining=30_00,
        status="OPEN",
        expires_at=SOON,
        created_at=NOW,
        ended_at=None,
        concept="Deposit",
        metadata={"a": "1"},
    )
    assert books.placed == [hold]
    assert told(books) == [("hold.placed", "system:tests")]
    assert books.wallets[ALICES].is_changed
    assert books.legs == []


def test_the_wallet_knows_which_of_its_holds_expires_first(books):
    wallet = books.wallets[ALICES]
    a_hold(books)
    assert wallet.next_expiry is None
    a_hold(books, expires_at=LATER)
    assert wallet.next_expiry == LATER
    a_hold(books, expires_at=SOON)
    assert wallet.next_expiry == SOON
    a_hold(books, expires_at=LATER)
    assert wallet.next_expiry == SOON


@pytest.mark.parametrize("moment", [NOW, NOW - timedelta(seconds=1)])
def test_a_hold_expires_in_the_future(books, moment):
    said = refused(books, place(expires_at=moment))
    assert isinstance(said, errors.InvalidFields)
    assert [(error.field, error.code) for error in said.errors] == [
        ("expiration", "not_in_the_future")
    ]
    assert a_hold(books, expires_at=NOW + timedelta(microseconds=1)).status == "OPEN"


def test_what_is_held_cannot_be_promised_or_spent_again(books):
    a_hold(books, "60.00")
    for order in (place("40.01"), transfer(amount="40.01")):
        assert refused(books, order).facts["available"] == "40.00"
    a_hold(books, "40.00")


@pytest.mark.parametrize(
    ("order", "rows", "refusal"),
    [
        (place(target_id=ALICES), {}, errors.InvalidFields),
        (place("0.001"), {}, errors.InvalidFields),
        (place(target_id=new_id()), {}, errors.TargetWalletNotFound),
        (place(wallet_id=new_id()), {}, errors.NotFound),
        (place(), {"status": "BLOCKED"}, errors.WalletNotReady),
        (place(), {"owner": "BLOCKED"}, errors.UserNotActive),
        (place(), {"currency": "USD"}, errors.CurrencyMismatch),
        (place(), {"client_id": ANOTHER}, errors.TargetWalletNotFound),
    ],
)
def test_a_hold_is_refused_like_a_transfer(order, rows, refusal):
    books = open_books(a_wallet(ALICES, 100_00), a_wallet(BOBS, **rows))
    assert isinstance(refused(books, order), refusal)
    assert isinstance(
        refused(
            books,
            transfer(order.wallet_id, order.target_id, str(order.amount)),
        ),
        refusal,
    )


# --- Executing -----------------------------------------------------------------------------------


def test_an_execution_pays_all_of_the_hold(books):
    hold = a_hold(books, "30.00")
    books.wallets[ALICES].is_changed = False
    outcome = books.run(execute(hold, concept="Paid"))
    assert books.wallets[ALICES].is_changed
    assert (outcome.made, outcome.status) == ("movement", 201)
    assert (money_of(books), money_of(books, BOBS)) == ((70_00, 0), (30_00, 0))
    assert (hold.status, hold.remaining, hold.ended_at) == ("EXECUTED", 0, NOW)
    (out,) = outcome.legs
    assert (out.type, out.amount, out.hold_id, out.concept) == (
        "TRANSFER",
        -30_00,
        hold.id,
        "Paid",
    )
    assert {leg.hold_id for leg in books.legs} == {hold.id}
    assert hold in books.changed_holds
    assert told(books)[1] == ("hold.executed", "system:tests")


def test_the_rest_of_an_execution_is_available_again(books):
    hold = a_hold(books, "30.00")
    books.run(execute(hold, "10.00"))
    assert (money_of(books), money_of(books, BOBS)) == ((90_00, 0), (10_00, 0))
    assert (hold.status, hold.remaining) == ("EXECUTED", 0)


def test_the_rest_of_an_execution_stays_held_when_it_is_kept_open(books):
    hold = a_hold(books, "30.00")
    books.wallets[ALICES].is_changed = False
    books.run(execute(hold, "10.00", keep_open=True))
    assert books.wallets[ALICES].is_changed
    assert money_of(books) == (90_00, 20_00)
    assert (hold.status, hold.remaining, hold.ended_at) == ("OPEN", 20_00, None)
    assert hold in books.changed_holds
    assert told(books)[1] == ("hold.partly_executed", "system:tests")
    books.run(execute(hold, keep_open=True))
    assert money_of(books) == (70_00, 0)
    assert (hold.status, hold.remaining) == ("EXECUTED", 0)


def test_no_more_is_executed_than_is_held(books):
    hold = a_hold(books, "30.00")
    books.run(execute(hold, "10.00", keep_open=True))
    said = refused(books, execute(hold, "20.01"))
    assert isinstance(said, errors.HoldExceeded)
    assert said.facts == {
        "hold_id": hold.id,
        "remaining": "20.00",
        "requested": "20.01",
        "currency": "EUR",
    }
    books.run(execute(hold, "20.00"))


@pytest.mark.parametrize("ended", ["EXECUTED", "RELEASED", "EXPIRED"])
def test_what_has_ended_is_not_executed_released_or_renewed(books, ended):
    hold = a_hold(books, "30.00")
    hold.status, hold.remaining = ended, 0
    for order in (execute(hold), release(hold), renew(hold, None)):
        said = refused(books, order)
        assert isinstance(said, errors.HoldNotOpen)
        assert said.facts == {"hold_id": hold.id, "status": ended}


@pytest.mark.parametrize("who", [ALICES, BOBS])
@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        ({"status": "BLOCKED"}, errors.WalletNotReady),
        ({"status": "UNSUBSCRIBED"}, errors.WalletNotReady),
        ({"owner": "BLOCKED"}, errors.UserNotActive),
    ],
)
def test_who_may_not_pay_or_receive_does_not_by_a_hold(books, who, values, refusal):
    hold = a_hold(books)
    for name, value in values.items():
        setattr(books.wallets[who], name, value)
    assert isinstance(refused(books, execute(hold)), refusal)


@pytest.mark.parametrize("order", [place(), transfer()])
def test_who_may_not_pay_neither_promises_nor_pays(order):
    books = open_books(a_wallet(ALICES, 100_00, status="BLOCKED"), a_wallet(BOBS))
    assert isinstance(refused(books, order), errors.WalletNotReady)


def test_an_execution_respects_the_ceiling_of_the_target(books):
    hold = a_hold(books)
    books.wallets[BOBS].balance = money.MAX_BALANCE - 9_99
    assert isinstance(refused(books, execute(hold)), errors.LimitExceeded)


def test_a_hold_of_another_wallet_is_not_there(books):
    hold = a_hold(books)
    assert isinstance(refused(books, execute(hold, wallet_id=BOBS)), errors.NotFound)
    assert isinstance(refused(books, execute(hold, hold_id=new_id())), errors.NotFound)
    assert isinstance(refused(books, execute(hold, wallet_id=new_id())), errors.NotFound)
    assert isinstance(refused(books, execute(hold, "0.001")), errors.InvalidFields)


# --- Releasing, renewing, expiring ---------------------------------------------------------------


def release(hold: LockedHold, **values: Any) -> ledger.ReleaseHold:
    return ledger.ReleaseHold(**about(hold.wallet_id, hold_id=hold.id) | values)


def renew(hold: LockedHold, expires_at: Any, **values: Any) -> ledger.RenewHold:
    order = about(hold.wallet_id, hold_id=hold.id, expires_at=expires_at)
    return ledger.RenewHold(**order | values)


def test_a_released_hold_is_available_again_also_in_a_blocked_wallet(books):
    hold = a_hold(books, "30.00")
    books.wallets[ALICES].status = "BLOCKED"
    books.wallets[ALICES].is_changed = False
    outcome = books.run(release(hold))
    assert books.wallets[ALICES].is_changed
    assert (outcome.made, outcome.id, outcome.status) == ("hold", hold.id, 200)
    assert money_of(books) == (100_00, 0)
    assert (hold.status, hold.remaining, hold.ended_at) == ("RELEASED", 0, NOW)
    assert told(books)[1] == ("hold.released", "system:tests")


def test_a_renewed_hold_expires_at_another_time(books):
    hold = a_hold(books, expires_at=LATER)
    wallet = books.wallets[ALICES]
    wallet.is_changed = False
    assert books.run(renew(hold, SOON)).status == 200
    assert (hold.expires_at, wallet.next_expiry, wallet.is_changed) == (SOON, SOON, True)
    assert hold in books.changed_holds
    assert told(books)[1] == ("hold.renewed", "system:tests")
    books.run(renew(hold, None))
    assert hold.expires_at is None
    assert isinstance(refused(books, renew(hold, NOW)), errors.InvalidFields)


@pytest.mark.parametrize("order", [release, lambda hold, **values: renew(hold, None, **values)])
def test_a_hold_is_changed_only_as_the_caller_saw_it(books, order):
    hold = a_hold(books, "30.00", expires_at=SOON)
    seen = hold.version
    books.run(execute(hold, "10.00", keep_open=True))
    said = refused(books, order(hold, if_match=frozenset({seen})))
    assert isinstance(said, errors.VersionConflict)
    assert said.facts == {"hold_id": hold.id, "current": f'"{hold.version}"'}
    assert isinstance(refused(books, order(hold, if_match=frozenset())), errors.VersionConflict)
    books.run(order(hold, if_match=frozenset({seen, hold.version})))


def test_every_change_of_a_hold_is_another_version(books):
    hold = a_hold(books, expires_at=SOON)
    versions = {hold.version}
    for name, value in (("remaining", 1), ("expires_at", LATER), ("status", "EXPIRED")):
        setattr(hold, name, value)
        versions.add(hold.version)
    versions.add(a_hold(books, expires_at=SOON).version)
    assert len(versions) == 5


def test_an_overdue_hold_is_let_go_and_no_other(books):
    overdue, due, never = (
        a_hold(books, "10.00", expires_at=SOON),
        a_hold(books, "20.00", expires_at=LATER),
        a_hold(books, "30.00"),
    )
    books.now = SOON
    books.expire()
    assert [hold.status for hold in (overdue, due, never)] == ["EXPIRED", "OPEN", "OPEN"]
    assert money_of(books) == (100_00, 50_00)
    assert (overdue.remaining, overdue.ended_at) == (0, SOON)
    assert told(books)[-1] == ("hold.expired", "system:clock")
    books.expire()
    assert money_of(books) == (100_00, 50_00)


def test_a_hold_of_a_wallet_that_is_not_locked_is_left_alone(books):
    hold = a_hold(books, expires_at=SOON)
    books.now = SOON
    del books.wallets[ALICES]
    books.expire()
    assert hold.status == "OPEN"


# --- Reversing -----------------------------------------------------------------------------------


def written(books: Books, order: Order) -> list[Leg]:
    """Run the order; then the legs that it wrote are there to be read, as next time."""
    before = len(books.legs)
    books.run(order)
    legs = books.legs[before:]
    books.movements |= {leg.id: leg for leg in legs}
    return legs


def give_back(leg: Leg, mirror: Leg | None, amount: str | None = None, **more: Any) -> Any:
    order = about(
        leg.wallet_id,
        movement_id=leg.id,
        counterparty_id=leg.counterparty_id,
        mirror_id=mirror.id if mirror else None,
        amount=None if amount is None else Decimal(amount),
    )
    return ledger.Reverse(**order | more)


@pytest.mark.parametrize("by_payer", [True, False])
def test_a_transfer_is_given_back_by_either_of_its_legs(books, by_payer):
    into, out = written(books, transfer(amount="10.00"))
    named, mirror = (out, into) if by_payer else (into, out)
    (made,) = books.run(give_back(named, mirror, concept="Sorry")).legs
    assert (money_of(books), money_of(books, BOBS)) == ((100_00, 0), (0, 0))
    legs = {leg.wallet_id: leg for leg in books.legs[2:]}
    assert (legs[ALICES].amount, legs[BOBS].amount) == (10_00, -10_00)
    assert (legs[ALICES].reversal_of_id, legs[BOBS].reversal_of_id) == (out.id, into.id)
    assert {leg.type for leg in legs.values()} == {"REVERSAL"}
    assert (made.wallet_id, made.concept) == (named.wallet_id, "Sorry")
    assert all(books.wallets[each].is_changed for each in (ALICES, BOBS))


def test_parts_are_given_back_and_never_more_than_moved(books):
    into, out = written(books, transfer(amount="10.00"))
    books.run(give_back(out, into, "4.00"))
    said = refused(books, give_back(into, out, "6.01"))
    assert isinstance(said, errors.ReversalExceeded)
    assert said.facts == {
        "movement_id": into.id,
        "amount": "10.00",
        "reversed": "4.00",
        "left": "6.00",
        "requested": "6.01",
        "currency": "EUR",
    }
    books.run(give_back(into, out))
    assert money_of(books) == (100_00, 0)
    for leg, mirror in ((out, into), (into, out)):
        said = refused(books, give_back(leg, mirror))
        assert said.facts["left"] == said.facts["requested"] == "0.00"


def test_what_was_reversed_before_counts(books):
    into, out = written(books, transfer(amount="10.00"))
    books.reversed = {out.id: 9_99, into.id: 9_99}
    assert isinstance(refused(books, give_back(out, into, "0.02")), errors.ReversalExceeded)
    books.run(give_back(out, into, "0.01"))


def test_a_cash_in_is_given_back_to_the_outside(books):
    (leg,) = written(books, cash_in(amount="50.00"))
    (made,) = books.run(give_back(leg, None, "20.00")).legs
    assert (made.amount, made.counterparty_id, made.reversal_of_id) == (-20_00, None, leg.id)
    assert money_of(books) == (130_00, 0)
    assert isinstance(refused(books, give_back(leg, None, "30.01")), errors.ReversalExceeded)
    books.wallets[ALICES].held = 130_00
    assert isinstance(refused(books, give_back(leg, None)), errors.InsufficientFunds)
    books.wallets[ALICES].status = "BLOCKED"
    assert isinstance(refused(books, give_back(leg, None)), errors.WalletNotReady)


def test_a_payee_that_has_it_no_more_cannot_give_it_back(books):
    into, out = written(books, transfer(amount="10.00"))
    books.wallets[BOBS].held = 1
    said = refused(books, give_back(out, into))
    assert isinstance(said, errors.InsufficientFunds)
    assert said.facts["wallet_id"] == BOBS
    assert (said.facts["available"], said.facts["required"]) == ("9.99", "10.00")


@pytest.mark.parametrize("who", [ALICES, BOBS])
def test_nothing_is_given_back_from_or_to_a_blocked_wallet(books, who):
    into, out = written(books, transfer())
    books.wallets[who].status = "BLOCKED"
    assert isinstance(refused(books, give_back(out, into)), errors.WalletNotReady)


def test_what_is_given_back_respects_the_ceiling(books):
    into, out = written(books, transfer())
    books.wallets[ALICES].balance = money.MAX_BALANCE
    assert isinstance(refused(books, give_back(out, into)), errors.LimitExceeded)


@pytest.mark.parametrize("kind", ["CASH_OUT", "REVERSAL", "ADJUSTMENT"])
def test_nothing_else_is_reversed(books, kind):
    into, out = written(books, transfer())
    out.type = kind
    said = refused(books, give_back(out, into))
    assert isinstance(said, errors.MovementNotReversible)
    assert said.facts == {"movement_id": out.id, "type": kind}


def test_a_movement_of_another_wallet_is_not_there(books):
    into, out = written(books, transfer())
    assert isinstance(refused(books, give_back(out, into, wallet_id=BOBS)), errors.NotFound)
    assert isinstance(refused(books, give_back(out, into, "0.001")), errors.InvalidFields)


@pytest.mark.parametrize(
    "change",
    [
        {"operation_id": new_id()},
        {"counterparty_id": None},
        {"wallet_id": ANOTHERS},
        {"created_at": LATER},
        {"amount": 10_01},
    ],
)
def test_another_movements_mirror_is_a_bug(books, change):
    into, out = written(books, transfer())
    wrong = dataclasses.replace(into, id=new_id(), **change)
    books.movements[wrong.id] = wrong
    with pytest.raises(AssertionError, match="another movement's"):
        books.run(give_back(out, wrong))
    with pytest.raises(AssertionError, match="two legs"):
        books.run(give_back(out, None))


# --- Cash-outs to external accounts --------------------------------------------------------------


def pay_out(account: LockedAccount, **values: Any) -> ledger.CashOut:
    order = about(amount=Decimal("10.00"), account_id=account.id)
    return ledger.CashOut(**order | values)


def an_account(books: Books, **values: Any) -> LockedAccount:
    row: dict[str, Any] = about(id=new_id(), iban="ES91")
    del row["by"]
    account = LockedAccount(**row | {"status": "ACTIVE"} | values)
    books.accounts[account.id] = account
    return account


def test_a_cash_out_goes_to_an_account_of_its_wallet(books):
    account = an_account(books)
    order = pay_out(account)
    assert order.accounts() == (account.id,)
    (leg,) = books.run(order).legs
    assert (leg.iban, leg.status, leg.amount) == ("ES91", "PENDING", -10_00)


def test_a_cash_out_does_not_go_to_another_wallets_account(books):
    said = refused(books, pay_out(an_account(books, wallet_id=BOBS)))
    assert isinstance(said, errors.ExternalAccountNotFound)


def test_a_cash_out_does_not_go_to_a_removed_account(books):
    account = an_account(books, status="REMOVED")
    said = refused(books, pay_out(account))
    assert isinstance(said, errors.ExternalAccountRemoved)
    assert said.facts == {"external_account_id": account.id}


# --- What is locked and read ---------------------------------------------------------------------


def test_every_order_names_what_is_to_be_locked_and_read(books):
    into, out = written(books, transfer())
    hold = a_hold(books)
    for order, wallets, holds, movements in (
        (place(), {ALICES, BOBS}, set(), set()),
        (execute(hold), {ALICES, BOBS}, {hold.id}, set()),
        (release(hold), {ALICES}, {hold.id}, set()),
        (renew(hold, None), {ALICES}, {hold.id}, set()),
        (give_back(out, into), {ALICES, BOBS}, set(), {out.id, into.id}),
        (give_back(out, None, counterparty_id=None), {ALICES}, set(), {out.id}),
    ):
        assert set(order.wallets()) == wallets
        assert set(order.holds()) == holds
        assert set(order.movements()) == movements
        assert order.accounts() == order.users() == ()
        assert order.numbers() == 0


@pytest.mark.parametrize("order", [cash_in(BOBS, "0.02"), transfer(amount="0.02")])
def test_no_balance_passes_its_ceiling(books, order):
    books.wallets[BOBS].balance = money.MAX_BALANCE - 1
    assert isinstance(refused(books, order), errors.LimitExceeded)
    books.wallets[BOBS].balance -= 1
    books.run(order)


def test_a_hold_that_was_not_let_go_in_time_is_a_bug(books):
    hold = a_hold(books, expires_at=SOON)
    books.now = SOON
    with pytest.raises(AssertionError, match="did not know"):
        books.run(execute(hold))


# --- Batches -------------------------------------------------------------------------------------


def batch(*items: MoneyOrder, **values: Any) -> Batch:
    return Batch(**about(items=items) | values)


def a_cash_out(amount: str) -> ledger.CashOut:
    return ledger.CashOut(**about(amount=Decimal(amount), iban="ES91"))


def rows(books: Books) -> list[LockedWallet]:
    return [dataclasses.replace(wallet) for wallet in books.wallets.values()]


def test_a_batch_is_one_operation_judged_in_turn(books):
    outcome = books.run(
        batch(transfer(amount="100.00"), cash_in(amount="5"), a_cash_out("4"), transfer(amount="1"))
    )
    assert (outcome.made, outcome.status) == ("batch", 201)
    assert (money_of(books), money_of(books, BOBS)) == ((4_00, 4_00), (101_00, 0))
    assert {leg.operation_id for leg in books.legs} == {outcome.id}
    assert [leg.amount for leg in outcome.legs] == [-100_00, 5_00, -4_00, -1_00]
    assert {leg.wallet_id for leg in outcome.legs} == {ALICES}
    assert len(books.legs) == 6
    assert len(books.facts) == 6


def test_a_batch_is_refused_as_a_whole_naming_each_bad_item(books):
    before = rows(books)
    said = refused(
        books,
        batch(
            transfer(amount="60"),
            transfer(amount="60"),
            transfer(target=ANOTHERS, amount="1"),
            transfer(amount="40"),
        ),
    )
    assert isinstance(said, errors.BatchRefused)
    assert (said.facts["refused"], said.facts["count"]) == (2, 4)
    assert [(item["index"], item["code"]) for item in said.facts["items"]] == [
        (1, "insufficient_funds"),
        (2, "target_wallet_not_found"),
    ]
    assert said.facts["items"][0]["available"] == "40.00"
    assert said.facts["items"][0]["detail"]
    assert rows(books) == before
    assert (books.legs, books.facts) == ([], [])


def test_wrong_shapes_of_a_batch_are_named_before_any_rule(books):
    said = refused(
        books, batch(transfer(amount="0.001"), transfer(amount="999"), transfer(target=ALICES))
    )
    assert isinstance(said, errors.InvalidFields)
    assert [error.field for error in said.errors] == [
        "movements[0].amount",
        "movements[2].targetWalletId",
    ]


def test_a_batch_of_a_wallet_that_is_not_the_clients_is_not_found(books):
    order = batch(transfer(), client_id=ANOTHER)
    assert isinstance(refused(books, order), errors.NotFound)


def test_a_key_replays_a_batch_and_knows_another(books):
    first = books.run(batch(transfer(), key="k"))
    again = books.run(batch(transfer(), key="k"))
    assert (again.id, again.replayed, again.legs) == (first.id, True, ())
    assert isinstance(refused(books, batch(transfer(), transfer(), key="k")), errors.Conflict)
    assert isinstance(refused(books, batch(transfer(amount="1"), key="k")), errors.Conflict)
    assert money_of(books) == (90_00, 0)


def test_a_batch_is_the_same_whoever_sends_it_and_in_whichever_request(books):
    by = By("staff:1", "another request")
    items: list[dict[str, Any]] = [{"concept": "Lunch"}, {"amount": "2"}]
    first = books.run(batch(*(transfer(**item) for item in items), key="k"))
    again = books.run(batch(*(transfer(**item, by=by) for item in items), key="k", by=by))
    assert (again.id, again.replayed) == (first.id, True)


def test_a_batch_names_what_is_to_be_locked(books):
    account = an_account(books)
    order = batch(transfer(), transfer(target=ANOTHERS), pay_out(account))
    assert set(order.wallets()) == {ALICES, BOBS, ANOTHERS}
    assert order.accounts() == (account.id,)
    assert books.run(batch(pay_out(account))).legs[0].iban == "ES91"


def test_who_follows_a_batch_sees_what_it_did(books):
    books.run(batch(transfer(amount="90")))
    assert isinstance(refused(books, transfer(amount="10.01")), errors.InsufficientFunds)
    books.run(transfer(amount="10.00"))
    assert money_of(books, BOBS) == (100_00, 0)

"""The verbs that promise money: what each does to the books."""

from __future__ import annotations

from datetime import timedelta

import pytest

from iocash import errors, money
from tests.support.books import (
    ALICES,
    ANOTHER,
    BOBS,
    CLIENT,
    LATER,
    NOW,
    SOON,
    a_hold,
    a_wallet,
    execute,
    money_of,
    open_books,
    place,
    refused,
    release,
    renew,
    told,
    transfer,
)
from users.models.ids import new_id
from wallets.books import Books, chain
from wallets.books.hold_rows import LockedHold
from wallets.posting.group import run


@pytest.fixture
def books() -> Books:
    """Alice has 100.00 EUR, Bob has nothing."""
    return open_books()


# --- Placing -------------------------------------------------------------------------------------


def test_hold_reserves_money_for_another_wallet(books):
    order = place("30.00", concept="Deposit", metadata={"a": "1"}, expires_at=SOON)
    outcome = run(books, order)
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
        updated_at=NOW,
        created_at=NOW,
        ended_at=None,
        concept="Deposit",
        metadata={"a": "1"},
        salt=hold.salt,
        details_digest=chain.digest_details(hold.salt or b"", "Deposit", None, {"a": "1"}),
        digest=chain.digest_hold(hold),
    )
    assert books.placed_holds == [hold]
    assert told(books) == [("hold.placed", "system:tests")]
    assert books.wallets[ALICES].is_changed
    assert books.legs == []


def test_wallet_stores_the_earliest_expiry_of_its_holds(books):
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
def test_hold_must_expire_in_the_future(books, moment):
    said = refused(books, place(expires_at=moment))
    assert isinstance(said, errors.InvalidFields)
    assert [(error.field, error.code) for error in said.errors] == [
        ("expiration", "not_in_the_future")
    ]
    assert a_hold(books, expires_at=NOW + timedelta(microseconds=1)).status == "OPEN"


def test_held_money_cannot_be_held_or_spent_again(books):
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
def test_hold_has_the_refusals_of_a_transfer(order, rows, refusal):
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


def test_execution_without_an_amount_pays_the_whole_hold(books):
    hold = a_hold(books, "30.00")
    books.wallets[ALICES].is_changed = False
    outcome = run(books, execute(hold, concept="Paid"))
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


def test_rest_of_an_execution_is_available_again(books):
    hold = a_hold(books, "30.00")
    run(books, execute(hold, "10.00"))
    assert (money_of(books), money_of(books, BOBS)) == ((90_00, 0), (10_00, 0))
    assert (hold.status, hold.remaining) == ("EXECUTED", 0)


def test_rest_of_an_execution_stays_held_when_keep_open_is_set(books):
    hold = a_hold(books, "30.00")
    books.wallets[ALICES].is_changed = False
    run(books, execute(hold, "10.00", keep_open=True))
    assert books.wallets[ALICES].is_changed
    assert money_of(books) == (90_00, 20_00)
    assert (hold.status, hold.remaining, hold.ended_at) == ("OPEN", 20_00, None)
    assert hold in books.changed_holds
    assert told(books)[1] == ("hold.partly_executed", "system:tests")
    run(books, execute(hold, keep_open=True))
    assert money_of(books) == (70_00, 0)
    assert (hold.status, hold.remaining) == ("EXECUTED", 0)


def test_execution_above_the_held_amount_is_refused(books):
    hold = a_hold(books, "30.00")
    run(books, execute(hold, "10.00", keep_open=True))
    said = refused(books, execute(hold, "20.01"))
    assert isinstance(said, errors.HoldExceeded)
    assert said.facts == {
        "hold_id": hold.id,
        "remaining": "20.00",
        "requested": "20.01",
        "currency": "EUR",
    }
    run(books, execute(hold, "20.00"))


@pytest.mark.parametrize("ended", ["EXECUTED", "RELEASED", "EXPIRED"])
def test_closed_hold_cannot_be_executed_released_or_renewed(books, ended):
    hold = a_hold(books, "30.00")
    hold.status, hold.remaining = ended, 0
    orders = [execute(hold), renew(hold, None)] + [release(hold)] * (ended != "RELEASED")
    for order in orders:
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
def test_execution_is_refused_when_a_wallet_cannot_pay_or_receive(books, who, values, refusal):
    hold = a_hold(books)
    for name, value in values.items():
        setattr(books.wallets[who], name, value)
    assert isinstance(refused(books, execute(hold)), refusal)


@pytest.mark.parametrize("order", [place(), transfer()])
def test_blocked_wallet_cannot_place_a_hold_or_pay(order):
    books = open_books(a_wallet(ALICES, 100_00, status="BLOCKED"), a_wallet(BOBS))
    assert isinstance(refused(books, order), errors.WalletNotReady)


def test_execution_above_the_targets_maximum_balance_is_refused(books):
    hold = a_hold(books)
    books.wallets[BOBS].balance = money.MAX_BALANCE - 9_99
    assert isinstance(refused(books, execute(hold)), errors.LimitExceeded)


def test_hold_of_another_wallet_is_not_found(books):
    hold = a_hold(books)
    assert isinstance(refused(books, execute(hold, wallet_id=BOBS)), errors.NotFound)
    assert isinstance(refused(books, execute(hold, hold_id=new_id())), errors.NotFound)
    assert isinstance(refused(books, execute(hold, wallet_id=new_id())), errors.NotFound)
    assert isinstance(refused(books, execute(hold, "0.001")), errors.InvalidFields)


# --- Releasing, renewing, expiring ---------------------------------------------------------------


def test_release_frees_the_money_of_a_blocked_wallet_too(books):
    hold = a_hold(books, "30.00")
    books.wallets[ALICES].status = "BLOCKED"
    books.wallets[ALICES].is_changed = False
    outcome = run(books, release(hold))
    assert books.wallets[ALICES].is_changed
    assert (outcome.made, outcome.id, outcome.status) == ("hold", hold.id, 200)
    assert money_of(books) == (100_00, 0)
    assert (hold.status, hold.remaining, hold.ended_at) == ("RELEASED", 0, NOW)
    assert told(books)[1] == ("hold.released", "system:tests")


def test_a_renewed_hold_expires_at_another_time(books):
    hold = a_hold(books, expires_at=LATER)
    wallet = books.wallets[ALICES]
    wallet.is_changed = False
    assert run(books, renew(hold, SOON)).status == 200
    assert (hold.expires_at, wallet.next_expiry, wallet.is_changed) == (SOON, SOON, True)
    assert hold in books.changed_holds
    assert told(books)[1] == ("hold.renewed", "system:tests")
    run(books, renew(hold, None))
    assert hold.expires_at is None
    assert isinstance(refused(books, renew(hold, NOW)), errors.InvalidFields)


def test_second_release_changes_nothing(books):
    hold = a_hold(books)
    run(books, release(hold))
    before, changed = books.size, list(books.changed_holds)
    outcome = run(books, release(hold))
    assert (outcome.made, outcome.id, outcome.status) == ("hold", hold.id, 200)
    assert (books.size, books.changed_holds) == (before, changed)


@pytest.mark.parametrize("expiry", [SOON, SOON + timedelta(microseconds=999), None])
def test_renewal_with_the_present_expiration_changes_nothing(books, expiry):
    hold = a_hold(books, expires_at=expiry and SOON)
    before = books.size
    assert run(books, renew(hold, expiry)).status == 200
    assert (books.size, books.changed_holds) == (before, [])
    assert hold.expires_at == (expiry and SOON)


def test_released_hold_with_a_stale_version_is_refused(books):
    hold = a_hold(books)
    seen = hold.version
    run(books, release(hold))
    stale = release(hold, if_match=frozenset({seen}))
    assert isinstance(refused(books, stale), errors.VersionConflict)
    run(books, release(hold, if_match=frozenset({hold.version})))


@pytest.mark.parametrize("order", [release, lambda hold, **values: renew(hold, None, **values)])
def test_hold_change_with_a_stale_version_is_refused(books, order):
    hold = a_hold(books, "30.00", expires_at=SOON)
    seen = hold.version
    run(books, execute(hold, "10.00", keep_open=True))
    said = refused(books, order(hold, if_match=frozenset({seen})))
    assert isinstance(said, errors.VersionConflict)
    assert said.facts == {"hold_id": hold.id, "current": f'"{hold.version}"'}
    assert isinstance(refused(books, order(hold, if_match=frozenset())), errors.VersionConflict)
    run(books, order(hold, if_match=frozenset({seen, hold.version})))


def test_each_change_of_a_hold_has_a_new_version(books):
    hold = a_hold(books, expires_at=SOON)
    versions = {hold.version}
    for name, value in (("remaining", 1), ("expires_at", LATER), ("status", "EXPIRED")):
        setattr(hold, name, value)
        versions.add(hold.version)
    versions.add(a_hold(books, expires_at=SOON).version)
    assert len(versions) == 5


def test_only_overdue_holds_expire(books):
    overdue, due, never = (
        a_hold(books, "10.00", expires_at=SOON),
        a_hold(books, "20.00", expires_at=LATER),
        a_hold(books, "30.00"),
    )
    books.now = SOON + timedelta(minutes=1)
    books.expire_holds()
    assert [hold.status for hold in (overdue, due, never)] == ["EXPIRED", "OPEN", "OPEN"]
    assert money_of(books) == (100_00, 50_00)
    assert (overdue.remaining, overdue.ended_at) == (0, SOON)
    assert told(books)[-1] == ("hold.expired", "system:clock")
    books.expire_holds()
    assert money_of(books) == (100_00, 50_00)


def test_hold_of_an_unlocked_wallet_does_not_expire(books):
    hold = a_hold(books, expires_at=SOON)
    books.now = SOON
    del books.wallets[ALICES]
    books.expire_holds()
    assert hold.status == "OPEN"
